"""audition.json: what several instructors made of the same mistakes, and which one to take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from errata.agents.pooled import Difference, Pooled, Sittings, pooled_accuracy, pooled_difference
from errata.agents.records import (
    Accuracy,
    Attempt,
    Diagnosis,
    DiagnosisLine,
    Example,
    Mistake,
    Question,
    Record,
    Refusal,
    RefusalLine,
    Unusable,
)
from errata.agents.scores import accuracy, clusters, holm, tally
from errata.agents.trainer import Trained
from errata.graph.costs import Cost

FORMAT = 1
"""Of audition.json."""

SURE = 0.05
"""Two instructors differ where their p, corrected for all pairs (Holm), is no larger."""


class Took(Record):
    """What an instructor took so far. None is unknown, never 0."""

    calls: int
    """To LLMs, its solver's among them."""
    tokens: int | None
    """In and out together."""
    money: float | None
    """0 where no LLM was asked."""
    seconds: float
    """Of diagnosing, writing and verifying; what a kill cut off is not counted."""


class TrainedOn(Record):
    """A small training on an instructor's examples, and the dev exam after it."""

    examples: int
    """As many as every other instructor's training had."""
    tokens: int
    """Trained."""
    dev: Accuracy
    gain: Difference
    """On dev, over the untouched model: paired, one training with one seed."""


class InstructorRow(Record):
    """One instructor."""

    instructor: str
    """As it was named."""
    model: str
    status: Literal["taught", "stopped", "budget spent"]
    """`stopped`: it could not begin, or did not get to the end; `why` says what to do. Called
    again, the audition goes on with it. Whoever did not get to the end is compared with nobody."""
    why: str
    """Empty where it taught."""
    diagnosed: int
    """Mistakes with a usable diagnosis."""
    answered: int
    """Of those, mistakes for which at least one example came back."""
    unusable: Mapping[str, int]
    """Diagnoses and examples that could not be had, by reason."""
    drafts: int
    """Examples that came back."""
    passed: int
    """Of those, examples that passed the checks, and the verification where there is one."""
    refused: Mapping[str, int]
    """The others by reason."""
    asked: int
    """Passed examples that the student was asked once, greedily, and that have a verdict."""
    new: int
    """Of those, examples that it cannot do yet."""
    useful: Pooled | None
    """Of the examples asked for, the share that came, passed and is new to the student; None where
    it did not get to the end."""
    took: Took
    trained: TrainedOn | None = None
    """With `--train`; None where there was nothing, or too little, to train on."""


class AuditionPair(Record):
    """Two instructors on the same mistakes: `first` minus `second`."""

    first: str
    second: str
    difference: Difference
    p_holm: float
    """p, corrected for as many pairs as there are."""


class Advice(Record):
    """Which instructor to take."""

    take: str | None
    """None where nothing speaks for anyone."""
    sure: bool
    """Whether it is told apart from every other one."""
    tied: tuple[str, ...]
    """Those that cannot be told apart from the best figure; `take` is among them."""
    why: str
    """Whole sentences, for people."""


class Audition(Record):
    """The answer of `errata audition CONFIG`."""

    format: int = FORMAT
    name: str
    student: str
    strategy: str
    """What the instructors were shown of each mistake follows from it."""
    mistakes: int
    """The same for all: of practice, chosen once, by kind in proportion."""
    examples: int
    """Asked for, of each mistake."""
    rows: tuple[InstructorRow, ...]
    pairs: tuple[AuditionPair, ...]
    """By `useful`: the same mistakes, paired."""
    gains: tuple[AuditionPair, ...]
    """By `trained.gain`: the same dev questions, paired. Empty without `--train`."""
    advice: Advice
    currency: str | None


@dataclass(frozen=True)
class Teaching:
    """What an instructor that got to the end left behind."""

    diagnoses: Sequence[DiagnosisLine]
    written: Mapping[str, int]
    """Diagnosis id → examples that came back."""
    examples: Sequence[Example]
    refusals: Sequence[RefusalLine]
    answers: Sequence[Attempt]
    """The student's, to the examples."""


@dataclass(frozen=True)
class Candidate:
    """One instructor, as far as it came."""

    name: str
    model: str
    status: Literal["taught", "stopped", "budget spent"]
    why: str
    teaching: Teaching
    cost: Cost | None
    """None where no LLM was asked."""
    seconds: float
    trained: Trained | None = None
    examples: int = 0
    """Trained on."""
    dev: Sequence[Attempt] = ()


def build_audition(
    name: str,
    student: str,
    strategy: str,
    shown: Sequence[Mistake],
    each: int,
    candidates: Sequence[Candidate],
    dev: Sequence[Question],
    base: Sequence[Attempt],
    currency: str | None,
) -> Audition:
    """The table of an audition.

    Args:
        shown: What each instructor saw; some ways show a mistake twice.
        each: Examples that were asked for of each.
        dev, base: The dev questions and the untouched model's answers; empty without trainings.
    """
    asked = list({mistake.question.id: mistake.question for mistake in shown}.values())
    looks = tally(mistake.question.id for mistake in shown)
    groups = clusters(asked)

    def sittings(candidate: Candidate) -> list[Sittings]:
        new = {id for id, right in verdicts(candidate).items() if not right}
        found = tally(one.question_id for one in candidate.teaching.examples if one.id in new)
        values = [[found.get(question.id, 0) / (looks[question.id] * each)] for question in asked]
        return [Sittings(values, groups)]

    def on_dev(attempts: Sequence[Attempt]) -> list[Sittings]:
        right = {attempt.question_id: attempt.correct for attempt in attempts}
        return [Sittings([[float(right[question.id])] for question in dev], clusters(dev))]

    rows = []
    for candidate in candidates:
        useful = pooled_accuracy(sittings(candidate)) if candidate.status == "taught" else None
        trained = None
        if candidate.trained is not None:
            trained = TrainedOn(
                examples=candidate.examples,
                tokens=candidate.trained.tokens,
                dev=accuracy(dev, candidate.dev),
                gain=pooled_difference(on_dev(candidate.dev), on_dev(base)),
            )
        rows.append(row_of(candidate, useful, trained))
    taught = {one.name: sittings(one) for one in candidates if one.status == "taught"}
    learnt = {one.name: on_dev(one.dev) for one in candidates if one.trained is not None}
    pairs, gains = pairs_of(taught), pairs_of(learnt)
    return Audition(
        name=name,
        student=student,
        strategy=strategy,
        mistakes=len(asked),
        examples=each,
        rows=tuple(rows),
        pairs=pairs,
        gains=gains,
        advice=advise(rows, pairs, gains, len(asked), len(dev)),
        currency=currency,
    )


def verdicts(candidate: Candidate) -> dict[str, bool]:
    """Example → whether the student got it right, of those with a verdict."""
    return {attempt.question_id: attempt.correct for attempt in candidate.teaching.answers}


def row_of(candidate: Candidate, useful: Pooled | None, trained: TrainedOn | None) -> InstructorRow:
    teaching = candidate.teaching
    named = [line.result for line in teaching.diagnoses if isinstance(line.result, Diagnosis)]
    lost = [line.result for line in teaching.diagnoses if isinstance(line.result, Unusable)]
    lost += [line.result for line in teaching.refusals if isinstance(line.result, Unusable)]
    refused = [line.result for line in teaching.refusals if isinstance(line.result, Refusal)]
    right = verdicts(candidate)
    total = candidate.cost.total if candidate.cost else None
    tokens: int | None = 0
    if total is not None:
        parts = (total.tokens_in, total.tokens_out)
        tokens = None if None in parts else sum(part or 0 for part in parts)
    return InstructorRow(
        instructor=candidate.name,
        model=candidate.model,
        status=candidate.status,
        why=candidate.why,
        diagnosed=len({one.question_id for one in named}),
        answered=len({one.question_id for one in named if teaching.written.get(one.id)}),
        unusable=tally(one.reason for one in lost),
        drafts=sum(teaching.written.values()),
        passed=len(teaching.examples),
        refused=tally(one.reason for one in refused),
        asked=len(right),
        new=sum(not correct for correct in right.values()),
        useful=useful,
        took=Took(
            calls=total.calls if total else 0,
            tokens=tokens,
            money=total.money if total else 0.0,
            seconds=round(candidate.seconds, 1),
        ),
        trained=trained,
    )


def pairs_of(sat: Mapping[str, Sequence[Sittings]]) -> tuple[AuditionPair, ...]:
    """Every two, the later one first."""
    found = {
        (first, second): pooled_difference(sat[first], sat[second])
        for second, first in combinations(sat, 2)
    }
    corrected = holm([difference.p for difference in found.values()])
    return tuple(
        AuditionPair(first=first, second=second, difference=difference, p_holm=p)
        for ((first, second), difference), p in zip(found.items(), corrected, strict=True)
    )


# Which one to take.


def advise(
    rows: Sequence[InstructorRow],
    pairs: Sequence[AuditionPair],
    gains: Sequence[AuditionPair],
    mistakes: int,
    dev: int,
) -> Advice:
    """By the gain where there were trainings, else by the share of useful examples.

    All pairs are corrected together, so whom the figures chose afterwards may be compared too. Of
    those that cannot be told apart the cheapest is taken, where all their prices are known.
    """
    trained = [row for row in rows if row.trained is not None]
    by_gain = bool(trained)
    able = trained or [row for row in rows if row.useful is not None]
    if not able:
        return Advice(take=None, sure=False, tied=(), why="No instructor got to the end.")
    figure = {
        row.instructor: row.trained.gain.value if row.trained else row.useful.value
        for row in able
        if row.useful is not None
    }
    best = max(figure, key=lambda name: figure[name])
    if not by_gain and figure[best] == 0:
        why = "No instructor brought an example that passed the checks and is new to the student."
        return Advice(take=None, sure=False, tied=(), why=why)
    better, on = "more of its examples are useful than of", f"{mistakes} mistakes"
    if by_gain:
        better, on = (
            "training on its examples gains more than on those of",
            (f"{dev} dev questions, one training each"),
        )
    apart = {
        frozenset((pair.first, pair.second)): pair
        for pair in (gains if by_gain else pairs)
        if pair.p_holm <= SURE
    }
    tied = [name for name in figure if name == best or frozenset((best, name)) not in apart]
    others = [row.instructor for row in rows if row.instructor not in figure]
    said = []
    if len(figure) == 1:
        said.append(f"{best} is the only one that got to the end, so it was compared with nobody.")
    elif len(tied) == 1:
        said.append(f"Take {best}: {better} any other, told apart on {on}.")
    take = best
    if len(tied) > 1:
        listed = f"{', '.join(tied[:-1])} and {tied[-1]}"
        said.append(f"{listed} cannot be told apart on {on}.")
        money = {row.instructor: row.took.money for row in able if row.instructor in tied}
        known = {name: paid for name, paid in money.items() if paid is not None}
        if len(known) < len(money):
            unknown = next(name for name, paid in money.items() if paid is None)
            said.append(f"{best} has the best figure; what {unknown} costs is not known.")
        elif len(set(known.values())) == 1:
            said.append(f"They cost the same; no figure is better than that of {best}.")
        else:
            take = min(known, key=lambda name: (known[name], -figure[name]))
            said.append(f"Take {take}, the cheapest of them, or let more mistakes tell.")
    row = next(row for row in able if row.instructor == take)
    if row.trained is not None and row.trained.gain.ci95[0] <= 0:
        said.append(f"That training with the examples of {take} gains anything is not proven.")
    if others:
        said.append(f"Not compared: {', '.join(others)}.")
    sure = len(figure) > 1 and len(tied) == 1
    return Advice(take=take, sure=sure, tied=tuple(tied), why=" ".join(said))
