"""The Examiner asks the student and marks the answers."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from math import prod, sqrt
from typing import TypeVar

from errata.agents.errors import BoxBroke, ErrataError, ExamError
from errata.agents.marking import mark
from errata.agents.records import Accuracy, Attempt, CodeAnswer, ModelRef, Question, Verdict
from errata.agents.sandbox.box import boxes_at_once
from errata.agents.student import Student

R = TypeVar("R")

Z95 = 1.959964  # two-sided 95% quantile of the normal distribution


class NotCounted:
    """Answers without a verdict, through no fault of theirs: the question's tests fail of
    themselves, or a box broke. `say` is told of each such question once."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say
        self.answers: Counter[str] = Counter()
        """By the question's id."""

    def add(self, question: Question, error: ErrataError) -> None:
        if question.id not in self.answers:
            self.say(f"{question.id} is not counted: {error}")
        self.answers[question.id] += 1


def examine(
    student: Student,
    model: ModelRef,
    questions: Sequence[Question],
    exam: str,
    answered: frozenset[str] = frozenset(),
    not_counted: NotCounted | None = None,
) -> Iterator[Attempt]:
    """Marked attempts at the questions not yet `answered`, as they come, in any order.

    Args:
        exam: Names this sitting; an attempt's id is `question@exam`.
        not_counted: As for `mark_all`.

    Raises:
        StepFailed: The student stopped half-way; what was yielded until then stands.
    """
    by_id = {question.id: question for question in questions}
    responses = student.ask(model, questions, answered)
    asked = ((by_id[response.question_id], response) for response in responses)
    for question, response, verdict in mark_all(asked, lambda response: response.text, not_counted):
        yield Attempt(
            id=f"{question.id}@{exam}",
            question_id=question.id,
            response=response.text,
            answer=verdict.answer,
            correct=verdict.correct,
            why=verdict.why,
            tokens=response.tokens,
            cut=response.cut,
        )


def mark_all(
    answered: Iterable[tuple[Question, R]],
    text_of: Callable[[R], str],
    not_counted: NotCounted | None = None,
) -> Iterator[tuple[Question, R, Verdict]]:
    """Verdicts in the order of the answers; programs run side by side, one a processor.

    Args:
        not_counted: Takes the answers that have no verdict; without it the first one raises.

    Raises:
        ExamError: A question's tests cannot be used.
        SandboxError: Generated code cannot be run safely here.
    """
    waiting: deque[tuple[Question, R, Callable[[], Verdict], Callable[[], bool]]] = deque()

    def first() -> Iterator[tuple[Question, R, Verdict]]:
        question, response, verdict, _ = waiting.popleft()
        try:
            found = verdict()
        except (ExamError, BoxBroke) as error:
            if not_counted is None:
                raise
            not_counted.add(question, error)
        else:
            yield question, response, found

    with ExitStack() as stack:
        pool, at_once = None, 0
        for question, response in answered:
            if isinstance(question.answer, CodeAnswer):
                if pool is None:
                    at_once = boxes_at_once()
                    pool = stack.enter_context(ThreadPoolExecutor(at_once, "marker"))
                marking = pool.submit(mark, question, text_of(response))
                waiting.append((question, response, marking.result, marking.done))
            else:
                yield question, response, mark(question, text_of(response))
            while waiting and (waiting[0][3]() or len(waiting) > 4 * at_once):
                yield from first()
        while waiting:
            yield from first()


def accuracy(questions: Sequence[Question], attempts: Sequence[Attempt]) -> Accuracy:
    """Share of right answers, over all and by kind and exam, with its Wilson interval."""
    made = {attempt.question_id: attempt for attempt in attempts}
    correct = sum(made[question.id].correct for question in questions)
    n = len(questions)
    return Accuracy(
        accuracy=correct / n,
        n=n,
        correct=correct,
        ci95=wilson(correct, n),
        by_kind=shares(questions, made, lambda question: question.kind),
        by_exam=shares(questions, made, lambda question: question.exam),
        unclear=sum(made[question.id].answer is None for question in questions),
    )


def shares(
    questions: Sequence[Question],
    made: Mapping[str, Attempt],
    label: Callable[[Question], str | None],
) -> dict[str, tuple[int, int]]:
    """Label → (right, asked); empty where no question has a label."""
    found: dict[str, tuple[int, int]] = {}
    for question in questions:
        name = label(question) or ""
        right, asked = found.get(name, (0, 0))
        found[name] = (right + made[question.id].correct, asked + 1)
    return dict(sorted(found.items())) if found.keys() != {""} else {}


def pass_at_k(samples: int, correct: int, k: int) -> float:
    """Chance that at least one of `k` samples is right, unbiased from `samples` of them.

    Chen et al. 2021 (arXiv 2107.03374), equation 1.
    """
    if samples - correct < k:
        return 1.0
    return 1.0 - prod((samples - correct - i) / (samples - i) for i in range(k))


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
