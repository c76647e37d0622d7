"""The Examiner asks the student and marks the answers."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TypeVar

from errata.agents.errors import BoxBroke, ErrataError, ExamError
from errata.agents.marking import mark
from errata.agents.records import GREEDY, Attempt, CodeAnswer, ModelRef, Question, Sampling, Verdict
from errata.agents.sandbox.box import boxes_at_once
from errata.agents.student import Student

R = TypeVar("R")


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
    sampling: Sampling = GREEDY,
) -> Iterator[Attempt]:
    """Marked attempts at the questions not yet `answered`, as they come, in any order.

    Args:
        exam: Names this exam; an attempt's id is `question@exam`, and where each question has
            several answers `question@exam#sample`.
        not_counted: As for `mark_all`.

    Raises:
        StepFailed: The student stopped half-way; what was yielded until then stands.
    """
    by_id = {question.id: question for question in questions}
    given = () if sampling == GREEDY else (sampling,)  # a student may know greedy answers alone
    responses = student.ask(model, questions, answered, *given)
    asked = ((by_id[response.question_id], response) for response in responses)
    for question, response, verdict in mark_all(asked, lambda response: response.text, not_counted):
        yield Attempt(
            id=f"{question.id}@{exam}{f'#{response.sample}' if sampling.answers > 1 else ''}",
            question_id=question.id,
            response=response.text,
            answer=verdict.answer,
            correct=verdict.correct,
            why=verdict.why,
            tokens=response.tokens,
            truncated=response.truncated,
            sample=response.sample,
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
