"""Marking in a program of your own: errata's markers, and one of yours beside them.

    python examples/own_marking.py

A marker is a function from a response and a target to a `Verdict`. This one reads a date.
"""

from __future__ import annotations

import re
from datetime import date

from errata.agents.marking import mark
from errata.agents.records import ChoiceAnswer, Question, Verdict
from errata.agents.scores import wilson

ISO = re.compile(r"\b([0-9]{4})-([0-9]{2})-([0-9]{2})\b")


def mark_date(response: str, target: str) -> Verdict:
    """The last date of the response counts, as 2024-07-01."""
    found = [match.group() for match in ISO.finditer(response)]
    if not found:
        return Verdict(correct=False, answer=None, why="no date")
    try:
        right = date.fromisoformat(found[-1]) == date.fromisoformat(target)
    except ValueError as error:  # 2024-02-30
        return Verdict(correct=False, answer=found[-1], why=str(error))
    why = f"{found[-1]} is {'' if right else 'not '}{target}"
    return Verdict(correct=right, answer=found[-1], why=why)


def main() -> list[Verdict]:
    pens = Question(id="pens", prompt="6 boxes hold 4 pens each. How many pens?", target="24")
    red = Question(
        id="red",
        prompt="Which is red?",
        target="B",
        answer=ChoiceAnswer(options={"A": "sky", "B": "blood", "C": "snow"}),
    )
    verdicts = [
        mark(pens, "6 * 4 = 24, so there are 24 pens."),
        mark(pens, "Either 10 or 24."),
        mark(red, "The sky is blue and snow is white. The answer is (B)."),
        mark_date("The paper is of 2024-07-01.", "2024-07-01"),
    ]
    for verdict in verdicts:
        print("right" if verdict.correct else "wrong", "|", verdict.why)
    low, high = wilson(sum(verdict.correct for verdict in verdicts), len(verdicts))
    print(f"95% interval of the accuracy: {low:.0%} to {high:.0%}")
    return verdicts


if __name__ == "__main__":
    main()
