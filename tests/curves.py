"""A student and a trainer whose accuracy follows a learning curve."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from errata.agents.records import ModelRef, Question, Response
from errata.agents.trainer import OnStep, Trained, TrainingJob
from errata.training.finished import NAME, put_in_place, sha256_of
from errata.training.jobs import FinishedTraining


class CurveStudent:
    """Answers rightly the share of the questions that `curve` says of its adapter's rows.

    The easiest ones first: a better model knows what a worse one knows.
    """

    def __init__(self, curve: Callable[[int], float]) -> None:
        """`curve`: rows trained on, 0 for the base → accuracy."""
        self.curve = curve
        self.asked: list[tuple[str, str]] = []
        """(adapter or `base`, question id)"""
        self.open = False

    def ask(
        self, model: ModelRef, questions: Sequence[Question], answered: frozenset[str]
    ) -> Iterator[Response]:
        self.open = True
        rows = json.loads((Path(model.adapter) / "rows.json").read_text()) if model.adapter else 0
        easiest = sorted(questions, key=lambda q: hashlib.sha256(q.id.encode()).digest())
        known = {q.id for q in easiest[: round(self.curve(rows) * len(questions))]}
        for question in questions:
            if question.id not in answered:
                self.asked.append((model.adapter or "base", question.id))
                text = (question.solution or "") if question.id in known else "I like cats."
                yield Response(question_id=question.id, text=text, tokens=9, truncated=False)

    def close(self) -> None:
        self.open = False


class CountingTrainer:
    """Its adapter says how many rows there were."""

    def __init__(self, skips: int = 0, epochs: float = 1) -> None:
        """
        Args:
            skips: Rows that are too long, of each training.
            epochs: That it says it took.
        """
        self.skips = skips
        self.epochs = epochs
        self.jobs: list[TrainingJob] = []
        self.rows: list[list[str]] = []

    def train(self, job: TrainingJob, on_step: OnStep) -> Trained:
        self.jobs.append(job)
        self.rows.append(job.examples.read_text().splitlines())
        on_step(1, 1, 0.5)
        scratch = job.adapter.with_name("adapter.part")
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        (scratch / "rows.json").write_text(str(len(self.rows[-1]) - self.skips))
        finished = FinishedTraining(
            job=job,
            examples_sha256=sha256_of(job.examples),
            tokens=10,
            epochs=self.epochs,
            skipped=self.skips,
            loss=0.5,
        )
        (scratch / NAME).write_text(finished.model_dump_json())
        put_in_place(scratch, job.adapter)  # the real trainer's own last step
        model = ModelRef(base=job.start.base, adapter=str(job.adapter))
        return Trained(model=model, tokens=10, skipped=self.skips, loss=0.5)
