"""Marking with regular expressions: what a pattern finds, or what the target matches."""

from __future__ import annotations

from functools import lru_cache

import regex

from errata.agents.marking.text import stated_answer
from errata.agents.records import Verdict

SECONDS = 1.0
"""Of computing: a pattern has so long for one response. Patterns can be made that never end, so
this is the one bound that holds for all of them."""
LATE = "not decided in 1 s"
LONGEST_PATTERN = 1000
"""Characters."""


def mark_regex(response: str, target: str, pattern: str | None) -> Verdict:
    """The verdict on a response in which `pattern` finds the answer.

    The answer is what group 1 of the last match holds, or the whole match where there is no group;
    it must be the target, the width of white space aside. Without a pattern the target is one, and
    what the response states (after `the answer is`, in a box, or as its last line; see `mark_text`)
    must match it from end to end. Patterns are those of the package regex: Python's `re` and more.

    Raises:
        ValueError: The pattern, or the target in its place, is no regular expression.
    """
    if pattern is None:
        found = compiled(target)
        answer = stated_answer(response) or None
        try:
            matched = answer is not None and bool(found.fullmatch(answer, timeout=SECONDS))
        except TimeoutError:
            return Verdict(correct=False, answer=answer, why=LATE)
        if answer is None:
            return Verdict(correct=False, answer=None, why="no answer is stated")
        why = f"{answer} {'matches' if matched else 'does not match'} {target}"
        return Verdict(correct=matched, answer=answer, why=why)
    found = compiled(pattern)
    try:
        answer = last_found(found, response)
    except TimeoutError:
        return Verdict(correct=False, answer=None, why=LATE)
    if answer is None:
        return Verdict(correct=False, answer=None, why="the pattern finds nothing")
    if " ".join(answer.split()) == " ".join(target.split()):
        return Verdict(correct=True, answer=answer, why=f"{answer} is the target")
    return Verdict(correct=False, answer=answer, why=f"{answer} is not {target}")


def last_found(pattern: regex.Pattern[str], response: str) -> str | None:
    """Group 1 of the last match that has one, or the whole last match; None where there is none.

    Raises:
        TimeoutError: It takes longer than `SECONDS`, all matches together.
    """
    group = 1 if pattern.groups else 0
    answer: str | None = None
    for match in pattern.finditer(response, timeout=SECONDS):
        if match[group] is not None:
            answer = match[group]
    return answer


def literal(text: str) -> str:
    """The pattern that matches this text and no other."""
    return str(regex.escape(text, special_only=True))


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> regex.Pattern[str]:
    """Raises: ValueError: It is no regular expression, or too long; the message says why."""
    if len(pattern) > LONGEST_PATTERN:
        raise ValueError(
            f"the pattern has {len(pattern):,} characters: write one of at most {LONGEST_PATTERN:,}"
        )
    try:
        return regex.compile(pattern, cache_pattern=False)
    except (regex.error, ValueError, OverflowError, RecursionError) as error:
        shown = pattern if len(pattern) <= 60 else f"{pattern[:60]}…"
        raise ValueError(
            f"the pattern {shown!r} is no regular expression ({error}): mend it"
        ) from None
