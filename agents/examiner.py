"""The Examiner asks the student and marks the answers."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from errata.agents.marking import mark
from errata.agents.records import Attempt, CodeAnswer, ModelRef, Question, Verdict
from errata.agents.student import Student

R = TypeVar("R")


def examine(
    student: Student,
    model: ModelRef,
    questions: Sequence[Question],
    exam: str,
    answered: frozenset[str] = frozenset(),
) -> Iterator[Attempt]:
    """Marked attempts at the questions not yet `answered`, as they come, in any order.

    Args:
        exam: Names this exam; an attempt's id is `question@exam`.

    Raises:
        StepFailed: The student stopped half-way; what was yielded until then stands.
    """
    by_id = {question.id: question for question in questions}
    responses = student.ask(model, questions, answered)
    asked = ((by_id[response.question_id], response) for response in responses)
    for question, response, verdict in mark_all(asked, lambda response: response.text):
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
    answered: Iterable[tuple[Question, R]], text_of: Callable[[R], str]
) -> Iterator[tuple[Question, R, Verdict]]:
    """Verdicts in the order of the answers; programs run side by side, one a processor."""
    waiting: deque[tuple[Question, R, Future[Verdict]]] = deque()
    processors = os.cpu_count() or 1
    with ThreadPoolExecutor(processors, thread_name_prefix="marker") as pool:
        for question, response in answered:
            if isinstance(question.answer, CodeAnswer):
                verdict = pool.submit(mark, question, text_of(response))
                waiting.append((question, response, verdict))
            else:
                yield question, response, mark(question, text_of(response))
            while waiting and (waiting[0][2].done() or len(waiting) > 4 * processors):
                question, response, verdict = waiting.popleft()
                yield question, response, verdict.result()
        for question, response, verdict in waiting:
            yield question, response, verdict.result()
