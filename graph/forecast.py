"""Would more examples help? A finished run's last training, repeated on parts of its rows.

from errata.graph.forecast import forecast
found = forecast(RunFolder(Path("runs/demo")))
print(found.twice.value, found.target)

What it makes lies in RUN/forecast/ and is no part of the run's own records.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import ValidationError

from errata.agents.engine import copy_engine
from errata.agents.errors import RunError
from errata.agents.examiner import NotCounted, examine
from errata.agents.jsonl import Journal, read_record, write_record, write_text
from errata.agents.learning_curve import MOST_TIMES, Estimate, LearningCurve, Reach
from errata.agents.records import Attempt, ModelRef, Record
from errata.agents.scores import wilson
from errata.agents.student import Student
from errata.agents.trainer import Trained, Trainer, TrainingJob
from errata.graph.agents import Given, judges_at_hand, open_student_and_trainer
from errata.graph.provenance import check_versions, read_provenance
from errata.graph.run_folder import RunFolder
from errata.graph.watcher import NoWatcher, Watcher
from errata.training.finished import NAME
from errata.training.jobs import FinishedTraining
from errata.training.jsonl import read_lines

PARTS = (8, 4, 2)
"""Trained on: an eighth of the rows, a quarter, a half; all of them are in the run already."""
FEWEST_ROWS = 16


class Point(Record):
    """A model of the curve, at the dev questions."""

    rows: int
    """Trained on."""
    right: int
    accuracy: float
    ci95: tuple[float, float]
    """Wilson's, of this model alone."""


class Forecast(Record):
    """forecast/forecast.json"""

    name: str
    round: int
    """Whose training was repeated."""
    dev: int
    """Questions that each model was asked: the run's dev questions."""
    points: tuple[Point, ...]
    """Fewest rows first; the last one is the run's own model."""
    doubling: Estimate
    """Accuracy that each doubling of the rows brings."""
    helps: Literal["yes", "no", "too uncertain"]
    """Whether more such rows help: whether the interval of `doubling` lies above or below 0."""
    twice: Estimate
    """Accuracy at dev with twice the rows."""
    ten_times: Estimate
    target_accuracy: float
    target: Reach
    """Whether the run's target is reached within ten times the rows."""
    times_to_target: float | None
    """How many times the rows the line needs for it; None beyond ten."""


def forecast(
    folder: RunFolder,
    *,
    student: Student | None = None,
    trainer: Trainer | None = None,
    watcher: Watcher | None = None,
) -> Forecast:
    """Trains on parts of the rows of the last round that trained, and asks dev.

    Each part that is finished is kept; a forecast that was stopped goes on. The sealed questions
    are not asked.

    Args:
        student, trainer: In place of those that the run's configuration names.

    Raises:
        RunError: The run is not finished, or has no training to go by.
        ErrataError: A training or an exam failed; the same call goes on.
    """
    watcher = watcher or NoWatcher()
    folder.check_finished()
    with folder.locked():
        config = read_provenance(folder).config
        folder.manifest.verify()
        last = last_training(folder)
        parts = parts_of(last, folder)
        left = [part for part in parts if not part.dev.exists()]
        if left:
            check_versions(folder)
            say_cost(left, last, folder, watcher)
        given = Given(student=student, trainer=trainer)
        copy_engine(folder.path, folder.path / "forecast")
        asked, taught = open_student_and_trainer(
            config, folder.path / "forecast", given, watcher.say
        )
        try:
            for part in left:
                asked.close()  # training needs the memory
                make_model(part, last, taught, watcher)
                with judges_at_hand(config, folder.path):
                    ask_dev(part, folder, asked, watcher)
        finally:
            asked.close()
        found = evaluate(parts, last, config.stop.target_accuracy, folder)
        write_record(folder.path / "forecast" / "forecast.json", found)
    return found


@dataclass(frozen=True)
class LastTraining:
    """The last training of a run."""

    round: int
    job: TrainingJob
    """As its parts are to be trained: on as many epochs as the whole was, where that was for a
    number of tokens, which would be more epochs of fewer rows."""
    lines: Sequence[str]
    """Of its training.jsonl."""


@dataclass(frozen=True)
class Part:
    """A part of the rows, and the model that comes of it."""

    lines: Sequence[str]
    folder: Path

    @property
    def trained(self) -> Path:
        return self.folder / "trained.json"

    @property
    def dev(self) -> Path:
        return self.folder / "dev.jsonl"


def last_training(folder: RunFolder) -> LastTraining:
    """Raises: RunError: there is none, or it does not say how it was made."""
    made = [i for i in folder.rounds() if i and (folder.round(i) / "dev.jsonl").exists()]
    if not made:
        raise RunError(
            f"no round of {folder.path} trained a model, so there is no curve: run one that does"
        )
    here = folder.round(made[-1])
    try:
        whole = FinishedTraining.model_validate_json((here / "adapter" / NAME).read_bytes())
    except (OSError, ValidationError):
        raise RunError(
            f"{here / 'adapter' / NAME}, which says how the adapter was trained, cannot be read: "
            "only what errata trained itself can be forecast"
        ) from None
    lines = [line.decode() for line in read_lines(here / "training.jsonl")]
    if len(lines) < FEWEST_ROWS:
        raise RunError(
            f"round {made[-1]} of {folder.path} was trained on {len(lines)} rows, too few for a "
            f"curve: it takes {FEWEST_ROWS}, see examples.per_round"
        )
    settings = whole.job.settings
    if settings.tokens is not None:
        settings = settings.model_copy(update={"tokens": None, "epochs": whole.epochs})
    return LastTraining(made[-1], whole.job.model_copy(update={"settings": settings}), lines)


def parts_of(last: LastTraining, folder: RunFolder) -> list[Part]:
    """Each holds the smaller ones, and keeps the order of the rows."""
    order = list(range(len(last.lines)))
    random.Random(last.job.settings.seed).shuffle(order)
    under = folder.path / "forecast" / f"round-{last.round:02d}"
    sizes = [len(order) // part for part in PARTS]
    return [
        Part([last.lines[at] for at in sorted(order[:size])], under / f"rows-{size:05d}")
        for size in sizes
    ]


def say_cost(left: Sequence[Part], last: LastTraining, folder: RunFolder, watcher: Watcher) -> None:
    """What the parts that are left will take, by what the round itself took."""
    share = sum(len(part.lines) for part in left) / len(last.lines)
    took = {"train": 0.0, "examine": 0.0}
    for step in folder.step_times.read():
        if step.round == last.round and step.step in took:
            took[step.step] += step.seconds
    dev, practice = (len(folder.questions(name)) for name in ("dev", "practice"))
    promoted = (folder.round(last.round) / "practice.jsonl").exists()
    exam = took["examine"] * dev / (dev + practice * promoted)
    minutes = (share * took["train"] + len(left) * exam) / 60
    sizes = ", ".join(str(len(part.lines)) for part in left)
    watcher.say(
        f"to train: on {sizes} of round {last.round}'s {len(last.lines)} rows, {share:.0%} of "
        f"that training; to ask: the {dev} dev questions, {len(left)} times; "
        f"about {max(1, round(minutes))} min, by what the round took"
    )


def make_model(part: Part, last: LastTraining, trainer: Trainer, watcher: Watcher) -> None:
    """The round's training again, on a part of its rows; not where it is finished."""
    if part.trained.exists():
        return
    title = f"forecast: training on {len(part.lines)} of {len(last.lines)} rows"
    examples = part.folder / "training.jsonl"
    write_text(examples, "".join(line.rstrip("\n") + "\n" for line in part.lines))
    watcher.progress(title, 0, 0)
    trained = trainer.train(
        last.job.model_copy(update={"examples": examples, "adapter": part.folder / "adapter"}),
        lambda step, steps, loss: watcher.progress(title, step, steps, f"loss {loss:.2f}"),
    )
    write_record(part.trained, trained)
    watcher.say(f"{title}: loss {trained.loss:.2f}")


def ask_dev(part: Part, folder: RunFolder, student: Student, watcher: Watcher) -> None:
    """What is not yet answered of the dev questions."""
    questions = folder.questions("dev")
    base = read_record(part.trained, Trained).model.base
    model = ModelRef(base=base, adapter=str((part.folder / "adapter").resolve()))
    title = f"forecast: dev exam after {len(part.lines)} rows"
    with Journal(part.dev, Attempt) as journal:
        watcher.progress(title, len(journal.records), len(questions))
        exam = f"dev-{part.folder.name}"
        left_out = NotCounted(watcher.say)
        for attempt in examine(student, model, questions, exam, journal.records, left_out):
            journal.add(attempt)
            watcher.progress(title, len(journal.records), len(questions))
        right = sum(attempt.correct for attempt in journal.finish())
    watcher.say(f"{title}: {right} of {len(journal.records)} right")


def evaluate(
    parts: Sequence[Part], last: LastTraining, target: float, folder: RunFolder
) -> Forecast:
    """The curve through all models, by the questions that each of them was asked."""
    here = folder.round(last.round)
    models = [*parts, Part(last.lines, here)]
    attempts = [{a.question_id: a.correct for a in folder.attempts(m.dev)} for m in models]
    ids = [q.id for q in folder.questions("dev") if all(q.id in made for made in attempts)]
    if len(ids) < 2:
        raise RunError(f"{folder.exam('dev')} has too few questions for a forecast: take more")
    right = np.array([[made[id] for id in ids] for made in attempts])
    rows = [len(m.lines) - read_record(m.trained, Trained).skipped for m in models]
    if min(rows) < 1 or len(set(rows)) < len(rows):
        raise RunError(
            f"most rows of round {last.round} are longer than training.max_tokens, so that there "
            "is no curve: start a run with a larger one"
        )
    curve = LearningCurve(rows, right)
    doubling = curve.doubling()
    low, high = doubling.ci95
    return Forecast(
        name=folder.name,
        round=last.round,
        dev=len(ids),
        points=tuple(
            Point(
                rows=n,
                right=int(marks.sum()),
                accuracy=float(marks.mean()),
                ci95=wilson(int(marks.sum()), len(ids)),
            )
            for n, marks in zip(rows, right, strict=True)
        ),
        doubling=doubling,
        helps="yes" if low > 0 else "no" if high < 0 else "too uncertain",
        twice=curve.at(2),
        ten_times=curve.at(MOST_TIMES),
        target_accuracy=target,
        target=curve.reaches(target),
        times_to_target=curve.times_to(target),
    )
