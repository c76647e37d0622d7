"""The Data-Writer turns diagnoses, or practice questions, into checked training examples."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from errata.agents.checks import Checker
from errata.agents.errors import ErrataError
from errata.agents.records import (
    CodeAnswer,
    Diagnosis,
    Draft,
    Example,
    Mistake,
    Picked,
    Question,
    Refusal,
    Unusable,
)
from errata.agents.verifier import DISAGREE, Verifier

LARGEST_ASK = 8  # drafts asked for at once: an LLM's reply stays short enough to be whole
OTHER_MESSAGES = "other messages before its question than the exam's"
"""Why a draft is refused: an example changes the last message of a conversation alone."""
TRIES = 4  # turns without a single accepted draft before a cause is given up


@dataclass(frozen=True)
class Diagnosed:
    """A mistake, and what the instructor says of it."""

    mistake: Mistake
    diagnosis: Diagnosis

    @property
    def id(self) -> str:
        return self.diagnosis.id

    @property
    def question(self) -> Question:
        return self.mistake.question

    @property
    def cause(self) -> str:
        return self.diagnosis.cause


Lesson = Diagnosed | Picked
"""What examples are written from."""


@dataclass(frozen=True)
class Ask:
    """One request to a writer."""

    lesson: Lesson
    count: int
    """Drafts that are wanted."""
    seed: int
    """The same seed asks for the same drafts, another seed for others."""


class Writer(Protocol):
    @property
    def examples_per_ask(self) -> int:
        """Drafts that one ask is for at least, where as many are wanted.

        1 spreads them over the most lessons.
        """
        ...

    @property
    def asks_per_batch(self) -> int:
        """Asks that it gets together; 1: each follows from what came of the one before."""
        ...

    def draft(self, asks: Sequence[Ask]) -> Iterator[tuple[Ask, Sequence[Draft | Unusable]]]:
        """For each ask at most `count` new examples, not yet checked; in any order.

        A draft is a new last message of its question's conversation: the messages `before` stay
        as they are, and it need not repeat them.

        Args:
            asks: Each of another lesson; in a run whose way is blind to errors each is `Picked`,
                in any other each is `Diagnosed`.

        Raises:
            InstructorError: The writer cannot be reached or refuses to work.
            BudgetSpent: What is left of the budget may not hold another call.
        """
        ...


def write_for_exams(
    parts: Sequence[Sequence[Lesson]],
    writer: Writer,
    checker: Checker,
    quotas: Mapping[str, int],
    round_index: int,
    seed: int,
    verifier: Verifier | None = None,
) -> Iterator[Example | Refusal | Unusable]:
    """Checked examples for each exam up to its quota, with every refusal, as they come.

    Args:
        parts: Each gets an equal part of every quota; what one cannot fill goes to the next.

    Raises:
        InstructorError: The writer cannot be reached.
    """
    for exam, left in quotas.items():
        for at, lessons in enumerate(parts):
            of_exam = [lesson for lesson in lessons if (lesson.question.exam or "") == exam]
            share = left // (len(parts) - at)
            for result in write_examples(
                of_exam, writer, checker, share, round_index, seed, verifier
            ):
                left -= isinstance(result, Example)
                yield result


def write_examples(
    lessons: Sequence[Lesson],
    writer: Writer,
    checker: Checker,
    quota: int,
    round_index: int,
    seed: int,
    verifier: Verifier | None = None,
) -> Iterator[Example | Refusal | Unusable]:
    """Checked examples up to `quota`, with every refusal, in the order of the asks.

    The quota is spread over the causes by how often they occur; within a cause the lessons
    take turns. Asks go out together, as many as the writer takes, but for no more drafts than are
    still wanted; what was refused is asked of the lessons that follow. What a cause cannot fill
    goes to the others.

    Args:
        verifier: Has the drafts that pass the checks solved again, all those of the asks that go
            out together at once.

    Raises:
        InstructorError, BudgetSpent: As `Writer.draft` and `Solver.solve`; what came before it is
            yielded.
    """
    by_cause: dict[str, list[Lesson]] = {}
    for lesson in lessons:
        by_cause.setdefault(lesson.cause, []).append(lesson)
    causes = {cause: len(found) for cause, found in by_cause.items()}
    fruitless = Counter[str]()  # turns in a row that brought nothing
    accepted = Counter[str]()
    hopeless: set[str] = set()  # lessons that the writer cannot write from
    turn = 0
    while sum(accepted.values()) < quota:
        open_causes = {cause: n for cause, n in causes.items() if fruitless[cause] < TRIES}
        if not open_causes:
            return
        new_seed = seed * 1_000_003 + round_index * 1009 + turn
        before = accepted.copy()
        turns = [
            Turn(cause, share, by_cause[cause], hopeless)
            for cause, share in spread(quota - sum(accepted.values()), open_causes).items()
        ]
        while asks := next_asks(turns, accepted - before, writer, new_seed):
            checked = check_drafts(asks, writer, checker, hopeless, round_index)
            for result in verify_drafts(checked, verifier):
                if isinstance(result, Example):
                    accepted[result.cause] += 1
                yield result
        for each in turns:
            if not each.lessons:
                fruitless[each.cause] = TRIES
            elif accepted[each.cause] > before[each.cause]:
                fruitless[each.cause] = 0
            else:
                fruitless[each.cause] += 1
        turn += 1


@dataclass(frozen=True)
class Passed:
    """A draft that passed the checks, and the example that it will be."""

    question: Question
    """What it was written for."""
    draft: Draft
    example: Example


def check_drafts(
    asks: Sequence[Ask], writer: Writer, checker: Checker, hopeless: set[str], round_index: int
) -> Iterator[Passed | Refusal | Unusable]:
    """What the writer brings, checked; lessons that brought nothing are added to `hopeless`."""
    for ask, results in in_order(asks, writer):
        if not any(isinstance(result, Draft) for result in results):
            hopeless.add(ask.lesson.id)
        for result in results:
            if isinstance(result, Unusable):
                yield result
                continue
            before = ask.lesson.question.before
            changed = result.before not in ((), before)
            result = result.model_copy(update={"before": before})
            reason = OTHER_MESSAGES if changed else checker.refuse(result)
            if reason is not None:
                yield Refusal(reason=reason, draft=result)
                continue
            example = Example(
                id=f"e{round_index:02d}-{checker.accepted:05d}",
                made_from="question" if isinstance(ask.lesson, Picked) else "diagnosis",
                diagnosis_id=ask.lesson.id,
                question_id=ask.lesson.question.id,
                cause=ask.lesson.cause,
                before=result.before,
                prompt=result.prompt,
                completion=result.completion,
                target=result.target,
                answer=result.answer,
            )
            yield Passed(ask.lesson.question, result, example)


def verify_drafts(
    checked: Iterator[Passed | Refusal | Unusable], verifier: Verifier | None
) -> Iterator[Example | Refusal | Unusable]:
    """Examples that the verifier confirms, and what was refused before or now.

    Raises:
        ErrataError: The writer's, after all that could still be verified; or the solver's.
    """
    passed: list[Passed] = []
    failure: ErrataError | None = None
    try:
        for result in checked:
            if not isinstance(result, Passed):
                yield result
            elif verifier is None:
                yield result.example
            else:
                passed.append(result)
    except ErrataError as error:
        failure = error
    if verifier is not None:
        examples = {id(each.draft): each.example for each in passed}
        for found in verifier.verify([(each.question, each.draft) for each in passed]):
            if not verifier.confirms(found):
                yield Refusal(reason=DISAGREE, draft=found.draft, detail=found.detail)
                continue
            solved = not isinstance(found.draft.answer, CodeAnswer)
            yield examples[id(found.draft)].model_copy(
                update={"votes": found.votes if solved else None}
            )
    if failure is not None:
        raise failure


class Turn:
    """One turn of a cause: each of its lessons may be asked for once."""

    def __init__(
        self, cause: str, share: int, lessons: Sequence[Lesson], hopeless: Collection[str]
    ) -> None:
        self.cause = cause
        self.share = share
        self.lessons = [lesson for lesson in lessons if lesson.id not in hopeless]
        self.waiting = deque(self.lessons)


def next_asks(
    turns: Sequence[Turn], accepted: Mapping[str, int], writer: Writer, seed: int
) -> list[Ask]:
    """The asks that go out together next: for no more than is wanted if all is accepted."""
    asks: list[Ask] = []
    for turn in turns:
        wanted = turn.share - accepted.get(turn.cause, 0)
        even = -(-turn.share // max(1, len(turn.lessons)))
        while wanted > 0 and turn.waiting:
            if len(asks) == writer.asks_per_batch:
                return asks
            lesson = turn.waiting.popleft()
            count = min(LARGEST_ASK, wanted, max(even, writer.examples_per_ask))
            wanted -= count
            asks.append(Ask(lesson, count, seed))
    return asks


def in_order(
    asks: Sequence[Ask], writer: Writer
) -> Iterator[tuple[Ask, Sequence[Draft | Unusable]]]:
    """What the writer brings, in the order of the asks, no more drafts than each asks for.

    Raises:
        ErrataError: The writer's, after all that it brought.
    """
    come: dict[str, Sequence[Draft | Unusable]] = {}
    waiting = deque(asks)
    failure: ErrataError | None = None
    try:
        for ask, results in writer.draft(asks):
            drafts = [result for result in results if isinstance(result, Draft)]
            others = [result for result in results if isinstance(result, Unusable)]
            come[ask.lesson.id] = [*drafts[: ask.count], *others]
            while waiting and waiting[0].lesson.id in come:
                first = waiting.popleft()
                yield first, come[first.lesson.id]
    except ErrataError as error:
        failure = error
    for ask in waiting:
        if ask.lesson.id in come:
            yield ask, come[ask.lesson.id]
    if failure is not None:
        raise failure


def spread(quota: int, causes: dict[str, int]) -> dict[str, int]:
    """Shares of `quota` in proportion to the counts (largest remainders), frequent causes first."""
    total = sum(causes.values())
    exact = {cause: quota * n / total for cause, n in causes.items()}
    shares = {cause: int(share) for cause, share in exact.items()}
    left = quota - sum(shares.values())
    for cause in sorted(causes, key=lambda cause: (shares[cause] - exact[cause], cause))[:left]:
        shares[cause] += 1
    order = sorted(shares, key=lambda cause: (-shares[cause], cause))
    return {cause: shares[cause] for cause in order if shares[cause]}
