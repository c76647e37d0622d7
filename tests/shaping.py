"""Rows, and what a student says to them, for the tests of shapers."""

from __future__ import annotations

from collections.abc import Sequence

from errata.agents.marking import mark
from errata.agents.records import Answer, Attempt, Example, NumberAnswer, Question, Row
from errata.agents.shapers import Rehearsed

BUS = (
    "A bus carried 47 people. At a stop 26 people got on and 28 got off. How many are on it now?",
    "47 + 26 = 73\n73 - 28 = 45\n#### 45",
    "45",
)


def row_of(asked: tuple[str, str, str] = BUS, id: str = "e-1", answer: Answer | None = None) -> Row:
    """`asked`: prompt, completion, target."""
    prompt, completion, target = asked
    return Row(
        id=id,
        example_id=id,
        question_id="q-1",
        prompt=prompt,
        completion=completion,
        target=target,
        answer=answer or NumberAnswer(),
    )


def rehearsed(rows: Sequence[Row], cause: str = "slip: addition", *said: str) -> Rehearsed:
    """The rows' examples, written against `cause`; the student says `said` to each of them.

    What ends in `…` ran into the token limit there.
    """
    examples = {
        row.example_id: Example(
            id=row.example_id,
            diagnosis_id="d-1",
            question_id=row.question_id,
            cause=cause,
            prompt=row.prompt,
            completion=row.completion,
            target=row.target,
            answer=row.answer,
        )
        for row in rows
    }
    attempts = {
        row.example_id: [attempt(row, nth, text) for nth, text in enumerate(said)] for row in rows
    }
    return Rehearsed(examples=examples, attempts=attempts)


def attempt(row: Row, nth: int, said: str) -> Attempt:
    text = said.removesuffix("…")
    question = Question(id=row.example_id, prompt=row.prompt, target=row.target, answer=row.answer)
    verdict = mark(question, text)
    return Attempt(
        id=f"{row.example_id}@rehearsal#{nth}",
        question_id=row.example_id,
        response=text,
        answer=verdict.answer,
        correct=verdict.correct,
        why=verdict.why,
        tokens=9,
        truncated=said != text,
    )


def sides(row: object) -> tuple[str, str, str | None, bool]:
    """given, completion, rejected, ends."""
    assert isinstance(row, Row), row
    return row.given, row.completion, row.rejected, row.ends
