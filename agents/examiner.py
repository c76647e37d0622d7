"""The Examiner asks the student and marks the answers."""

from __future__ import annotations

import inspect
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from contextvars import copy_context
from functools import partial
from typing import TypeVar

from errata.agents.errors import BoxBroke, ConfigError, ErrataError, ExamError, StepFailed
from errata.agents.marking import mark
from errata.agents.marking.judged import Judge, judge_of
from errata.agents.records import (
    GREEDY,
    Attempt,
    CodeAnswer,
    JudgedAnswer,
    ModelRef,
    Question,
    Response,
    Sampling,
    Verdict,
)
from errata.agents.sandbox.box import boxes_at_once
from errata.agents.student import Student

R = TypeVar("R")


class NotCounted:
    """Answers without a verdict, through no fault of theirs: the question's tests fail of
    themselves, a box broke, the user's own marker failed, or a judge's reply cannot be used.
    `say` is told of each such question once."""

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
    answered: Sequence[Attempt] = (),
    not_counted: NotCounted | None = None,
    sampling: Sampling = GREEDY,
) -> Iterator[Attempt]:
    """Marked attempts at the questions, as they come, in any order.

    Args:
        exam: Names this exam, in the ids of the attempts.
        answered: Attempts that there are already, and that are not made again.
        not_counted: As for `mark_all`.

    Raises:
        ConfigError: The student answers each question once, and is to answer it several times.
        StepFailed: The student stopped half-way; what was yielded until then stands.
    """
    by_id = {question.id: question for question in questions}
    owed = {(id, sample): None for id in by_id for sample in range(sampling.answers)}
    for attempt in answered:
        owed.pop((attempt.question_id, attempt.sample), None)
    done = by_id.keys() - {id for id, _ in owed}

    def asked() -> Iterator[tuple[Question, Response]]:
        for response in ask(student, model, questions, frozenset(done), sampling):
            key = (response.question_id, response.sample)
            if key in owed:
                del owed[key]
                yield by_id[response.question_id], response
        if owed:
            id, sample = next(iter(owed))
            raise StepFailed(
                f"the student ended and owes {len(owed)} responses, the first: {id}, sample "
                f"{sample}; mend its `ask`"
            )

    for question, response, verdict in mark_all(asked(), lambda r: r.text, not_counted):
        yield Attempt(
            id=attempt_id(question.id, exam, response.sample, sampling),
            question_id=question.id,
            sample=response.sample,
            response=response.text,
            answer=verdict.answer,
            correct=verdict.correct,
            why=verdict.why,
            tokens=response.tokens,
            truncated=response.truncated,
        )


def attempt_id(question_id: str, exam: str, sample: int, sampling: Sampling) -> str:
    """`question@exam`; `question@exam#sample` where each question is asked several times."""
    return f"{question_id}@{exam}" + (f"#{sample}" if sampling.answers > 1 else "")


def ask(
    student: Student,
    model: ModelRef,
    questions: Sequence[Question],
    done: frozenset[str],
    sampling: Sampling,
) -> Iterator[Response]:
    """Raises: ConfigError: the student knows no sampling, and it is wanted."""
    if sampling.temperature == 0:  # a student of somebody's own may know of nothing else
        return student.ask(model, questions, done)
    try:
        inspect.signature(student.ask).bind(model, questions, done, sampling=sampling)
    except TypeError:
        raise ConfigError(
            f"{type(student).__name__} cannot be asked with chance: give its `ask` the argument "
            "`sampling`, as errata.agents.student describes it, or ask each question once, at "
            "temperature 0"
        ) from None
    return student.ask(model, questions, done, sampling=sampling)


def mark_all(
    answered: Iterable[tuple[Question, R]],
    text_of: Callable[[R], str],
    not_counted: NotCounted | None = None,
) -> Iterator[tuple[Question, R, Verdict]]:
    """Verdicts in the order of the answers; programs run side by side, one a processor, and judges
    are asked side by side, as many answers as they take at once.

    Args:
        not_counted: Takes the answers that have no verdict; without it the first one raises.

    Raises:
        ExamError: A question's tests, or a marker of the user's own, cannot be used; or a judge's
            reply cannot.
        SandboxError: Generated code cannot be run safely here.
        ConfigError, InstructorError, BudgetSpent: As `mark`.
    """
    waiting: deque[tuple[Question, R, Callable[[], Verdict], Callable[[], bool]]] = deque()

    def told(
        question: Question, response: R, verdict: Callable[[], Verdict]
    ) -> Iterator[tuple[Question, R, Verdict]]:
        try:
            found = verdict()
        except (ExamError, BoxBroke) as error:
            if not_counted is None:
                raise type(error)(f"{question.id}: {error}") from None
            not_counted.add(question, error)
        else:
            yield question, response, found

    with ExitStack() as stack:
        pools: dict[str, ThreadPoolExecutor] = {}
        judges: dict[int, Judge] = {}

        def pool(name: str, at_once: int) -> ThreadPoolExecutor:
            if name not in pools:
                pools[name] = ThreadPoolExecutor(at_once, name)
                # after a failure nothing is begun that was not
                stack.callback(pools[name].shutdown, cancel_futures=True)
            return pools[name]

        def stop(kind: type[BaseException] | None, *_: object) -> None:
            if kind is not None and not issubclass(kind, Exception):  # left early, as by Ctrl-C
                for judge in judges.values():
                    judge.stop()

        stack.push(stop)
        most = 0
        for question, response in answered:
            text = text_of(response)
            marking: Future[Verdict] | None = None
            if isinstance(question.answer, CodeAnswer):
                most = max(most, 4 * boxes_at_once())
                marking = pool("marker", boxes_at_once()).submit(mark, question, text)
            elif isinstance(question.answer, JudgedAnswer):
                judge = judge_of(question)
                judges[id(judge)] = judge
                at_once = judge.concurrency
                most = max(most, 4 * at_once)
                marking = pool("judge", at_once).submit(copy_context().run, mark, question, text)
            if marking is None:
                yield from told(question, response, partial(mark, question, text))
            else:
                waiting.append((question, response, marking.result, marking.done))
            while waiting and (waiting[0][3]() or len(waiting) > most):
                yield from told(*waiting.popleft()[:3])
        while waiting:
            yield from told(*waiting.popleft()[:3])
