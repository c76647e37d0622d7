"""compare.json: what several ways to learn reached on the same exams, and how sure that is.

Its main figures, `trained`, are of the last model that each run trained, whatever the gate said of
it: so they compare ways to learn, and nothing in them was chosen on the dev questions. What a user
would have got, the best model by the gate's word, stands beside them as `shipped`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from statistics import fmean
from typing import Literal

from errata.agents.errors import ExamError
from errata.agents.jsonl import read_record, read_records
from errata.agents.pooled import (
    Difference,
    Pooled,
    Sittings,
    pooled_accuracy,
    pooled_difference,
)
from errata.agents.records import Attempt, Question, Record
from errata.agents.scores import clusters, holm
from errata.agents.trainer import Trained
from errata.agents.variations.departures import Departures, departures
from errata.graph.comparing.prompting import PromptChoice, choice_in, cost_of_prompts
from errata.graph.config import RunConfig
from errata.graph.report import Report
from errata.graph.run_folder import SEALED, RunFolder

FORMAT = 1
"""Of compare.json."""


COVERS_SEEDS = "other questions of these exams, and other seeds"
COVERS_QUESTIONS = "other questions of these exams; one seed says nothing of other seeds"

Domain = Literal["in domain", "out of domain", "all", "twisted"]
Answers = Mapping[str, bool]
"""Question id → right."""


class Column(Record):
    """One exam, or the mean of several."""

    name: str
    """Of the exam; `average` of a mean, in which each exam counts alike."""
    domain: Domain
    exams: tuple[str, ...]
    n: int
    """Questions."""


class Cell(Record):
    """One arm in one column, all seeds together."""

    accuracy: Pooled
    gain: Difference | None
    """Over the base model, paired; None of the base model itself."""


class ArmRun(Record):
    """One arm with one seed: an ordinary run under `arms/`."""

    run: str
    """Name of its folder."""
    seed: int
    """1 is the configuration's own."""
    status: str
    """Why it stopped."""
    rounds: int
    trained_round: int
    """Of the model that is `trained`; 0 where nothing was: then it is the base model."""
    shipped_round: int
    """Of the model that the gate let through; 0 is the base model."""
    examples: int
    """Accepted, in all rounds."""
    tokens: int
    """Trained, in all rounds."""
    seconds: float
    """Of the run's own steps; the base model's exams are in none of them."""
    money: float | None
    """That the LLMs took; None where none was asked, or prices are unknown."""


class ArmRow(Record):
    """One row of the table."""

    arm: str
    trained: tuple[Cell, ...]
    """By column: the last model that was trained, whatever the gate said of it."""
    shipped: tuple[Cell, ...]
    """By column: the best model by the gate's word, the base model where it let none through."""
    runs: tuple[ArmRun, ...]
    """By seed; none of the base model."""
    examples: float
    """Mean of the runs, as the three below."""
    tokens: float
    seconds: float
    money: float | None
    points_per_100_examples: float | None
    """`trained` gain in the main column, in percentage points; None without examples."""
    points_per_money: float | None
    """The same for one unit of the currency; None where nothing is known to have been paid."""
    departures: Departures | None = None
    """How the wrong answers of the `trained` models to the sealed test come about, all seeds
    together; None where solutions have no equations."""


class Pair(Record):
    """Two arms on the same questions with the same seeds: `first` minus `second`, `trained`."""

    first: str
    second: str
    domain: Domain
    difference: Difference
    p_holm: float
    """p, corrected for as many pairs as the table compares in this domain."""


class Comparison(Record):
    """The answer of `errata compare CONFIG`."""

    format: int = FORMAT
    name: str
    model: str
    """The student that every arm began with."""
    seeds: int
    covers: str
    """What the intervals speak about."""
    tokens: int
    """That each run was to train on, all rounds together."""
    columns: tuple[Column, ...]
    rows: tuple[ArmRow, ...]
    """The base model first."""
    pairs: tuple[Pair, ...]
    not_counted: int
    """Sealed questions that some model's answer to has no verdict; they are in no figure."""
    currency: str | None
    prompts: tuple[PromptChoice, ...] = ()
    """The system prompts of the arms `prompt` and `prompt+WAY`, by seed; none without such arms."""

    @property
    def headlines(self) -> list[int]:
        """The column that says most of each domain: in-domain first, its average where there is
        one. Gains and pairs are told of these."""
        return headlines(self.columns)


@dataclass(frozen=True)
class Finished:
    """One arm's run, read from its folder."""

    arm: str
    run: ArmRun
    currency: str | None
    trained: Answers
    shipped: Answers
    attempts: Sequence[Attempt]
    """Of the `trained` model at the sealed test."""
    asked_llms: bool = False


def build_comparison(
    folder: RunFolder,
    model: str,
    exam: str,
    finished: Sequence[Finished],
    tokens: int,
    twisted: Collection[str] = (),
    prompts: Sequence[PromptChoice] = (),
) -> Comparison:
    """The comparison of finished runs; each arm has the same seeds.

    Args:
        folder: Holds the sealed questions and the base model's answers.
        exam: Name of the exam, where there is but one.
        tokens: That each run was to train on.
        twisted: Exams that ask the sealed test again: in no average.
        prompts: That were chosen for arms, by seed.

    Raises:
        ExamError: No sealed question can be counted.
    """
    base = answers_in(folder, "base")
    sat = [base, *(answers for one in finished for answers in (one.trained, one.shipped))]
    parts: dict[tuple[str, str], list[Question]] = {}
    left_out = 0
    for name in SEALED:
        path = folder.exam(name)
        for question in read_records(path, Question) if path.exists() else ():
            if all(question.id in answers for answers in sat):
                parts.setdefault((name, question.exam or exam), []).append(question)
            else:
                left_out += 1
    if not any(sealed == "test" for sealed, _ in parts):
        raise ExamError(f"{folder.exam('test')}: no question has a verdict from every model")
    columns = columns_of(parts, twisted)
    tested = {q.id: q for (sealed, _), part in parts.items() if sealed == "test" for q in part}

    def departed(attempts: Iterable[Attempt]) -> Departures | None:
        return departures((tested[a.question_id], a) for a in attempts if a.question_id in tested)

    heads = headlines([column for column, _ in columns])
    arms = list(dict.fromkeys(one.arm for one in finished))
    trained = {arm: [one.trained for one in finished if one.arm == arm] for arm in arms}
    shipped = {arm: [one.shipped for one in finished if one.arm == arm] for arm in arms}
    rows = [
        base_row(
            folder,
            [sittings(exams, [base]) for _, exams in columns],
            departed(attempts_in(folder, "base")),
        )
    ]
    for arm in arms:
        of_arm = [one for one in finished if one.arm == arm]
        rows.append(
            arm_row(
                of_arm,
                [cell(exams, trained[arm], base) for _, exams in columns],
                [cell(exams, shipped[arm], base) for _, exams in columns],
                heads[0],
                departed(attempt for one in of_arm for attempt in one.attempts),
            )
        )
    n_seeds = len(finished) // len(arms)
    return Comparison(
        name=folder.name.removesuffix(".compare"),
        model=model,
        seeds=n_seeds,
        covers=COVERS_SEEDS if n_seeds > 1 else COVERS_QUESTIONS,
        tokens=tokens,
        columns=tuple(column for column, _ in columns),
        rows=tuple(rows),
        pairs=tuple(
            pair
            for at in heads
            for pair in pairs_of(columns[at][0].domain, columns[at][1], trained)
        ),
        not_counted=left_out,
        currency=next((one.currency for one in finished if one.currency), None),
        prompts=tuple(prompts),
    )


def read_finished(arm: str, seed: int, run: RunFolder, folder: RunFolder) -> Finished:
    """What a finished run reached; the answers of a refused candidate lie in `folder`."""
    report = read_record(run.path / "report.json", Report)
    trainings = trainings_of(run)
    last = max(trainings, default=0)
    best = "best" if report.best_round else "base"
    where, model = (run, best) if last == report.best_round else (folder, run.name)
    cost = report.cost
    return Finished(
        arm=arm,
        run=ArmRun(
            run=run.name,
            seed=seed,
            status=report.status,
            rounds=len(report.rounds) - 1,
            trained_round=last,
            shipped_round=report.best_round,
            examples=sum(model.examples.accepted for model in report.rounds),
            tokens=sum(trained.tokens for trained in trainings.values()),
            seconds=report.seconds,
            money=cost.total.money if cost else None,
        ),
        currency=cost.currency if cost else None,
        trained=answers_in(where, model),
        shipped=answers_in(run, best),
        attempts=attempts_in(where, model),
        asked_llms=cost is not None,
    )


def read_prompted(
    arm: str, seed: int, stage: RunFolder, folder: RunFolder, config: RunConfig
) -> Finished:
    """What a system prompt reached by itself; the student's own answers lie in `folder`."""
    choice = choice_in(stage)
    assert choice is not None  # it was made before the table is
    own = answers_in(folder, "base")
    where = folder if choice.system is None else stage
    trained = answers_in(where, "base")
    alone = Finished(
        arm=arm,
        run=ArmRun(
            run=stage.name,
            seed=seed,
            status=choice.status,
            rounds=0,
            trained_round=0,
            shipped_round=0,
            examples=0,
            tokens=0,
            seconds=0,
            money=None,
        ),
        currency=None,
        trained=trained,
        shipped=trained if choice.proven else own,
        attempts=attempts_in(where, "base"),
    )
    return with_prompt(alone, stage, config)


def with_prompt(found: Finished, stage: RunFolder, config: RunConfig) -> Finished:
    """The same with what the improving of its system prompt took."""
    cost = cost_of_prompts(stage, config)
    money = found.run.money
    if cost is not None:
        paid, unknown = cost.total.money, found.asked_llms and money is None
        money = None if paid is None or unknown else paid + (money or 0)
    seconds = found.run.seconds + sum(step.seconds for step in stage.step_times.read())
    run = found.run.model_copy(update={"money": money, "seconds": round(seconds, 1)})
    return replace(found, run=run, currency=found.currency or (cost.currency if cost else None))


def trainings_of(run: RunFolder) -> dict[int, Trained]:
    """Round → what its finished training tells."""
    return {
        index: read_record(path, Trained)
        for index in run.rounds()
        if (path := run.round(index) / "trained.json").exists()
    }


def answers_in(folder: RunFolder, model: str) -> dict[str, bool]:
    """To the sealed questions, of the model that is called so under `final/`."""
    return {
        attempt.question_id: attempt.correct
        for name in SEALED
        for attempt in attempts_in(folder, model, name)
    }


def attempts_in(folder: RunFolder, model: str, name: str = "test") -> list[Attempt]:
    """At a sealed set; none where there is no such exam."""
    path = folder.final_exam(name, model)
    return folder.attempts(path) if path.exists() else []


# The table.

Part = Sequence[Question]
"""The counted questions of one exam."""


def columns_of(
    parts: Mapping[tuple[str, str], Part], twisted: Collection[str]
) -> list[tuple[Column, list[Part]]]:
    """Each exam, then the mean of its domain where it has several, then the mean of all, last the
    twisted ones."""
    domains: dict[str, Domain] = {"test": "in domain", "out-of-domain": "out of domain"}
    found: list[tuple[Column, list[Part]]] = []
    plain = {key: part for key, part in parts.items() if key[1] not in twisted}

    def add(name: str, domain: Domain, exams: Sequence[str], of: list[Part]) -> None:
        n = sum(map(len, of))
        found.append((Column(name=name, domain=domain, exams=tuple(exams), n=n), of))

    for set_name, domain in domains.items():
        names = [name for sealed, name in plain if sealed == set_name]
        for name in names:
            add(name, domain, [name], [parts[set_name, name]])
        if len(names) > 1:
            add("average", domain, names, [parts[set_name, name] for name in names])
    if len({sealed for sealed, _ in plain}) > 1:
        add("average", "all", [name for _, name in plain], list(plain.values()))
    for name in twisted:
        if found_part := parts.get(("out-of-domain", name)):
            add(name, "twisted", [name], [found_part])
    return found


def headlines(columns: Sequence[Column]) -> list[int]:
    last = {column.domain: at for at, column in enumerate(columns)}
    return [at for domain, at in last.items() if domain not in ("all", "twisted")]


def sittings(exams: Sequence[Part], answers: Sequence[Answers]) -> list[Sittings]:
    """One exam after the other, a seed's answers a column."""
    return [
        Sittings(
            [[float(seed[question.id]) for seed in answers] for question in questions],
            clusters(questions),
        )
        for questions in exams
    ]


def cell(exams: Sequence[Part], answers: Sequence[Answers], base: Answers) -> Cell:
    ours, before = sittings(exams, answers), sittings(exams, [base] * len(answers))
    return Cell(accuracy=pooled_accuracy(ours), gain=pooled_difference(ours, before))


def base_row(
    folder: RunFolder, columns: Sequence[list[Sittings]], departed: Departures | None
) -> ArmRow:
    cells = tuple(Cell(accuracy=pooled_accuracy(exams), gain=None) for exams in columns)
    return ArmRow(
        arm="base",
        trained=cells,
        shipped=cells,
        runs=(),
        examples=0,
        tokens=0,
        seconds=round(sum(s.seconds for s in folder.step_times.read() if s.round == 0), 1),
        money=None,
        points_per_100_examples=None,
        points_per_money=None,
        departures=departed,
    )


def arm_row(
    finished: Sequence[Finished],
    trained: Sequence[Cell],
    shipped: Sequence[Cell],
    main: int,
    departed: Departures | None,
) -> ArmRow:
    runs = [one.run for one in finished]
    examples = fmean(run.examples for run in runs)
    paid = [run.money for run in runs if run.money is not None]
    money = fmean(paid) if len(paid) == len(runs) else None
    gain = trained[main].gain
    points = 100 * gain.value if gain else 0.0
    return ArmRow(
        arm=finished[0].arm,
        trained=tuple(trained),
        shipped=tuple(shipped),
        runs=tuple(runs),
        examples=examples,
        tokens=fmean(run.tokens for run in runs),
        seconds=round(fmean(run.seconds for run in runs), 1),
        money=money,
        points_per_100_examples=100 * points / examples if examples else None,
        points_per_money=points / money if money else None,
        departures=departed,
    )


def pairs_of(
    domain: Domain, exams: Sequence[Part], trained: Mapping[str, Sequence[Answers]]
) -> list[Pair]:
    """Every two arms, the later one first: it is measured against what stands above it."""
    found = {
        (first, second): pooled_difference(
            sittings(exams, trained[first]), sittings(exams, trained[second])
        )
        for second, first in combinations(trained, 2)
    }
    corrected = holm([difference.p for difference in found.values()])
    return [
        Pair(first=first, second=second, domain=domain, difference=difference, p_holm=p)
        for ((first, second), difference), p in zip(found.items(), corrected, strict=True)
    ]
