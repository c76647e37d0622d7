"""A marker of your own, named in a configuration: `answer = "python:own_marker.py:mark_date"`.

    errata run examples/own_marker.toml

A marker gets the question and the response, and returns True or False, a score (then `[exam]` says
the threshold), or a `Verdict` that also says what it read and why. What it raises is an error of
the marker: the question is not counted, and no answer is called wrong for it.
"""

from __future__ import annotations

import re
from datetime import date

from errata.agents.records import Question, Verdict

ISO = re.compile(r"\b[0-9]{4}-[0-9]{2}-[0-9]{2}\b")


def mark_date(question: Question, response: str) -> Verdict:
    """The last date of the response counts, as 2024-07-01."""
    right = date.fromisoformat(question.target)
    found = ISO.findall(response)
    if not found:
        return Verdict(correct=False, answer=None, why="no date")
    try:
        said = date.fromisoformat(found[-1])
    except ValueError as error:  # 2024-02-30
        return Verdict(correct=False, answer=found[-1], why=str(error))
    why = f"{said} is {'' if said == right else 'not '}{right}"
    return Verdict(correct=said == right, answer=found[-1], why=why)


def share_of_words(question: Question, response: str) -> float:
    """How much of the reference the response holds, from 0 to 1: for `threshold = 0.8`."""
    wanted, said = (set(text.lower().split()) for text in (question.target, response))
    return len(wanted & said) / len(wanted)
