"""Marking by an LLM: whoever is at hand as judge gives the verdict."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal, Protocol

from errata.agents.errors import ConfigError, ExamError
from errata.agents.plain_text import one_line
from errata.agents.records import JudgedAnswer, Question, Record, Text, Verdict

JUDGED = "judged.jsonl"
"""The file of a run that keeps its judges' verdicts."""

LONGEST = 20_000
"""Characters of an answer that a judge is shown: the first and the last half of that many."""

LONGEST_SHOWN = 200
"""Characters of an answer in a verdict."""

How = Literal["plain", "again", "turned"]
"""How a judge is asked: as in an exam; once more; with the answer before the reference. The last
two calibrate it."""


class JudgedCall(Record):
    """One verdict of a judge, a line of judged.jsonl."""

    key: str
    """SHA-256 of what was judged, by which rubric and model, and how it was asked."""
    right: bool
    score: float | None = None
    """0 to 10, where the judge gives scores."""
    why: Text
    """The judge's reason."""


class Judge(Protocol):
    """Gives verdicts by a rubric. Safe to use from many threads."""

    @property
    def concurrency(self) -> int:
        """Answers that are judged at once, at most."""
        ...

    def judge(self, question: Question, response: str, how: How = "plain") -> Verdict:
        """The verdict on one response; one that was given before is not asked for again.

        Raises:
            InstructorError: The judge cannot be reached or refuses to work.
            BudgetSpent: What is left of the budget may not hold another call.
            ExamError: Its reply cannot be used: the response has no verdict.
        """
        ...

    def stop(self) -> None:
        """Cancels what is under way."""
        ...


Judges = Mapping[JudgedAnswer, Judge]
"""Each judge by the questions that it judges."""

AT_HAND: ContextVar[Judges | None] = ContextVar("judges", default=None)


@contextmanager
def judged_by(judges: Judges) -> Iterator[None]:
    """Within it, questions that ask for these judges can be marked."""
    before = AT_HAND.set(judges)
    try:
        yield
    finally:
        AT_HAND.reset(before)


def judge_of(question: Question) -> Judge:
    """Raises: ConfigError: Its judge is not at hand."""
    judges = AT_HAND.get() or {}
    answer = question.answer
    assert isinstance(answer, JudgedAnswer)
    if answer not in judges:
        raise ConfigError(
            f"the answers to {question.id} are judged by {answer.model}, and no judge with the "
            "same rubric is open here: use a run of a configuration with its [exam.judge], and "
            "leave the rubric as it was"
        )
    return judges[answer]


def mark_judged(question: Question, response: str) -> Verdict:
    """The verdict of the judge at hand; an empty answer is wrong without one.

    Raises:
        ConfigError: There is none.
        InstructorError, BudgetSpent, ExamError: As `Judge.judge`.
    """
    if not response.strip():
        return Verdict(correct=False, answer=None, why="no answer")
    return judge_of(question).judge(question, response)


def key_of(question: Question, response: str, how: How = "plain") -> str:
    """Names what is judged, and by whom; nothing can be read back from it."""
    answer = question.answer.model_dump(mode="json")
    asked: list[object] = [answer, question.prompt, question.target, shortened(response), how]
    if question.before:
        asked.append(question.before)
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def verdict_of(call: JudgedCall, response: str) -> Verdict:
    """A judge's verdict as any other marker's."""
    score = "" if call.score is None else f"{call.score:g} of 10: "
    shown = one_line(response, LONGEST_SHOWN) or None
    return Verdict(correct=call.right, answer=shown, why=f"{score}{one_line(call.why)}")


def shortened(response: str) -> str:
    """What a judge is shown of a response."""
    if len(response) <= LONGEST:
        return response
    half, left_out = LONGEST // 2, len(response) - LONGEST
    return f"{response[:half]}\n[{left_out} characters are left out]\n{response[-half:]}"


class JudgedBefore:
    """A judge that asks nobody: it repeats the verdicts on record."""

    concurrency = 1

    def __init__(self, calls: Iterable[JudgedCall]) -> None:
        self.calls = {call.key: call for call in calls}

    def judge(self, question: Question, response: str, how: How = "plain") -> Verdict:
        """Raises: ExamError: There is none on record."""
        call = self.calls.get(key_of(question, response, how))
        if call is None:
            raise ExamError(f"{question.id}: no verdict of its judge is on record for this answer")
        return verdict_of(call, response)

    def stop(self) -> None:
        """Nothing is under way."""
