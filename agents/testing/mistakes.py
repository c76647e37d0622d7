"""Answers and mistakes that nobody made, for what only needs some."""

from __future__ import annotations

from errata.agents.records import Attempt, Mistake, Question


def attempt_at(question: Question, correct: bool = False) -> Attempt:
    """An empty response, marked as is said."""
    return Attempt(
        id=question.id,
        question_id=question.id,
        response="",
        answer=None,
        correct=correct,
        why="",
        tokens=0,
        truncated=False,
    )


def missed(question: Question) -> Mistake:
    """The question as if it was answered with nothing."""
    return Mistake(id=question.id, question=question, attempt=attempt_at(question))
