"""The Examiner asks the student and marks the answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import sqrt

from errata.agents.exams.marking import is_right, last_number
from errata.agents.records import Accuracy, Attempt, ModelRef, Question
from errata.agents.student import Student

Z95 = 1.959964  # two-sided 95% quantile of the normal distribution


def examine(
    student: Student,
    model: ModelRef,
    questions: Sequence[Question],
    exam: str,
    answered: frozenset[str] = frozenset(),
) -> Iterator[Attempt]:
    """Marked attempts at the questions not yet `answered`, as they come, in any order.

    Args:
        exam: Names this sitting; an attempt's id is `question@exam`.

    Raises:
        StepFailed: The student stopped half-way; what was yielded until then stands.
    """
    by_id = {question.id: question for question in questions}
    for response in student.ask(model, questions, answered):
        question = by_id[response.question_id]
        answer = last_number(response.text)
        yield Attempt(
            id=f"{question.id}@{exam}",
            question_id=question.id,
            response=response.text,
            answer=answer,
            correct=is_right(answer, question.target),
            tokens=response.tokens,
            cut=response.cut,
        )


def accuracy(questions: Sequence[Question], attempts: Sequence[Attempt]) -> Accuracy:
    """Share of right answers over all questions and by kind, with its Wilson interval."""
    right = {attempt.question_id: attempt.correct for attempt in attempts}
    by_kind: dict[str, tuple[int, int]] = {}
    for question in questions:
        correct, asked = by_kind.get(question.kind or "", (0, 0))
        by_kind[question.kind or ""] = (correct + right[question.id], asked + 1)
    correct = sum(right[question.id] for question in questions)
    n = len(questions)
    return Accuracy(
        accuracy=correct / n,
        n=n,
        correct=correct,
        ci95=wilson(correct, n),
        by_kind=dict(sorted(by_kind.items())) if by_kind.keys() != {""} else {},
    )


def wilson(correct: int, n: int) -> tuple[float, float]:
    """95% interval of a share (Wilson, JASA 22, 1927): honest near 0 and 1, and for small n."""
    share = correct / n
    centre = share + Z95**2 / (2 * n)
    spread = Z95 * sqrt(share * (1 - share) / n + Z95**2 / (4 * n**2))
    scale = 1 + Z95**2 / n
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def paired_gain(
    before: Sequence[Attempt], after: Sequence[Attempt]
) -> tuple[float, tuple[float, float]]:
    """Gain in accuracy on the same questions, and its 95% interval.

    Only questions that changed sides count, so the interval is tighter than two separate ones.
    Adjusted Wald interval for matched pairs (Agresti & Min, Statistics in Medicine 24, 2005):
    half an observation is added to each cell.
    """
    was_right = {attempt.question_id: attempt.correct for attempt in before}
    won = sum(attempt.correct and not was_right[attempt.question_id] for attempt in after)
    lost = sum(was_right[attempt.question_id] and not attempt.correct for attempt in after)
    n = len(after)
    b, c, m = won + 0.5, lost + 0.5, n + 2
    centre = (b - c) / m
    spread = Z95 * sqrt(b + c - (b - c) ** 2 / m) / m
    return (won - lost) / n, (max(-1.0, centre - spread), min(1.0, centre + spread))
