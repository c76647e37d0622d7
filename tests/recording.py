"""Agents that remember what they were given, and do as a test tells them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from errata.agents.data_writer import Ask
from errata.agents.errors import StepFailed
from errata.agents.exams.several import RunExams, load_exams
from errata.agents.jsonl import read_records
from errata.agents.records import (
    GREEDY,
    Diagnosis,
    Draft,
    Example,
    Mistake,
    ModelRef,
    Question,
    Response,
    Row,
    Sampling,
    Unusable,
)
from errata.agents.trainer import OnStep, Trained, TrainingJob
from errata.agents.variations import VariationsInstructor, VariationsWriter
from errata.graph.config import RunConfig
from errata.graph.report import Report
from errata.graph.rows import row_of
from errata.graph.run import run
from errata.graph.run_folder import RunFolder
from errata.training.finished import put_in_place

Right = Callable[[int, Question], bool]
"""Whether the model of a round (0: the base) answers a question rightly."""


class RecordingStudent:
    """Answers with the worked solution where `right` says so, and else without a number."""

    def __init__(self, right: Right) -> None:
        self.right = right
        self.asked: list[tuple[int, str]] = []
        """(round of the model, question id)"""
        self.loaded: ModelRef | None = None

    def ask(
        self,
        model: ModelRef,
        questions: Sequence[Question],
        answered: frozenset[str],
        sampling: Sampling = GREEDY,
    ) -> Iterator[Response]:
        self.loaded = model
        index = int(Path(model.adapter).parent.name[-2:]) if model.adapter else 0
        for question in questions:
            if question.id not in answered:
                self.asked.append((index, question.id))
                right = self.right(index, question)
                text = (question.solution or "") if right else "I like cats."
                yield Response(
                    question_id=question.id, text=text, tokens=len(text), truncated=False
                )

    def close(self) -> None:
        self.loaded = None


class RecordingTrainer:
    def __init__(self, student: RecordingStudent) -> None:
        self.student = student
        self.jobs: list[TrainingJob] = []
        self.rows: list[list[Row]] = []
        """What each training was on."""
        self.loaded: list[ModelRef | None] = []
        """What the student held in memory meanwhile."""
        self.asked: list[int] = []
        """How many questions had been answered by then."""

    def train(self, job: TrainingJob, on_step: OnStep) -> Trained:
        self.jobs.append(job)
        self.rows.append(read_records(job.examples, Row))
        if not self.rows[-1]:  # as the real one
            raise StepFailed(f"no example of {job.examples} is as short as training.max_tokens")
        self.loaded.append(self.student.loaded)
        self.asked.append(len(self.student.asked))
        on_step(1, 2, 0.5)
        on_step(2, 2, 0.25)
        scratch = job.adapter.with_name("adapter.part")
        scratch.mkdir()
        (scratch / "weights").write_text(job.examples.read_text())
        put_in_place(scratch, job.adapter)  # the real trainer's own last step
        model = ModelRef(base=job.start.base, adapter=str(job.adapter))
        return Trained(model=model, tokens=10, skipped=3, loss=0.25)


class RecordingInstructor:
    """Sees what it is shown, and says what the variations' instructor says."""

    def __init__(self) -> None:
        self.got: list[Mistake] = []

    def diagnose(self, mistakes: Sequence[Mistake]) -> Iterator[Diagnosis | Unusable]:
        self.got.extend(mistakes)
        return VariationsInstructor().diagnose(mistakes)


class RecordingWriter:
    """Brings for each ask what `write` makes of it."""

    def __init__(
        self,
        write: Callable[[Ask], Sequence[Draft | Unusable]] | None = None,
        examples_per_ask: int = 1,
        asks_per_batch: int = 1,
    ) -> None:
        self.write = write or Sums()
        self.examples_per_ask = examples_per_ask
        self.asks_per_batch = asks_per_batch
        self.asks: list[Ask] = []

    def draft(self, asks: Sequence[Ask]) -> Iterator[tuple[Ask, Sequence[Draft | Unusable]]]:
        for ask in asks:
            self.asks.append(ask)
            yield ask, self.write(ask)


def variations(ask: Ask) -> Sequence[Draft | Unusable]:
    [(_, results)] = VariationsWriter().draft([ask])
    return results


class Sums:
    """As many sound drafts as are wanted, no two alike."""

    def __init__(self) -> None:
        self.n = 1000

    def __call__(self, ask: Ask) -> Sequence[Draft]:
        return [self.next(ask) for _ in range(ask.count)]

    def next(self, ask: Ask) -> Draft:
        self.n += 1
        return Draft(
            diagnosis_id=ask.lesson.id,
            prompt=f"What is {self.n} + 1?",
            completion=f"{self.n} + 1 = {self.n + 1}\n#### {self.n + 1}",
            target=str(self.n + 1),
        )


@dataclass(frozen=True)
class Played:
    """A finished run, and what its agents remember."""

    report: Report
    folder: RunFolder
    exams: RunExams
    student: RecordingStudent
    trainer: RecordingTrainer
    instructor: RecordingInstructor = field(default_factory=RecordingInstructor)
    writer: RecordingWriter = field(default_factory=RecordingWriter)

    def examples(self, index: int) -> list[Example]:
        return read_records(self.folder.round(index) / "examples.jsonl", Example)

    def trained_on(self, index: int) -> list[Example]:
        """The examples of a round's rows, which are these word for word."""
        known = {
            example.id: example
            for at in range(1, index + 1)
            for name in ("examples", "solutions")
            for example in self.folder.collected(at, name, Example)
        }
        rows = self.trainer.rows[index - 1]
        assert rows == [row_of(known[row.example_id], row.id) for row in rows]
        return [known[row.example_id] for row in rows]


def play(
    config: RunConfig,
    runs: Path,
    right: Right,
    *,
    writer: RecordingWriter | None = None,
    **others: Any,
) -> Played:
    """Runs the loop with agents that remember; `others` as `run` takes them."""
    student = RecordingStudent(right)
    trainer = RecordingTrainer(student)
    instructor = RecordingInstructor()
    writer = writer or RecordingWriter()
    agents = {"student": student, "trainer": trainer, "instructor": instructor, "writer": writer}
    report = run(config, runs, cache=False, **(agents | others))
    exams = load_exams(config.exam, config.out_of_domain)
    return Played(
        report, RunFolder(runs / config.name), exams, student, trainer, instructor, writer
    )
