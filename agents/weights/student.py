"""The student on this machine: a child process holds the weights."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from errata.agents.records import ModelRef, Question, Response
from errata.agents.student import StudentSettings
from errata.agents.weights.child import Child
from errata.agents.weights.models import check_model


class LocalStudent:
    """Answers with the weights on this machine; keeps the last model loaded until closed."""

    def __init__(self, settings: StudentSettings, folder: Path) -> None:
        """`folder` gets the child's job file and log."""
        self.settings = settings
        self.folder = folder
        self.child: Child | None = None
        self.loaded: ModelRef | None = None

    def close(self) -> None:
        if self.child is not None:
            self.child.close()
        self.child = self.loaded = None

    def ask(
        self, model: ModelRef, questions: Sequence[Question], answered: frozenset[str]
    ) -> Iterator[Response]:
        if answered.issuperset(question.id for question in questions):
            return
        child = self.open(model)
        child.send(
            {
                "prompts": [[question.id, question.prompt] for question in questions],
                "answered": sorted(answered),
            }
        )
        try:
            for line in child.lines():
                if not line:
                    return
                yield Response(
                    question_id=line["id"],
                    text=line["text"],
                    tokens=line["tokens"],
                    cut=line["cut"],
                )
        except BaseException:  # stopped half-way: the rest of the replies must not be read later
            self.close()
            raise

    def open(self, model: ModelRef) -> Child:
        if self.child is not None and self.loaded == model:
            return self.child
        self.close()
        check_model(model)
        self.folder.mkdir(parents=True, exist_ok=True)
        job = self.folder / "student-job.json"
        job.write_text(
            json.dumps(
                {
                    "base": model.base,
                    "adapter": model.adapter,
                    "max_new_tokens": self.settings.max_new_tokens,
                    "batch_size": self.settings.batch_size,
                    "precision": self.settings.precision,
                    "system": self.settings.system,
                }
            )
        )
        self.child = Child("errata.training.student", job, self.folder / "student.log")
        self.loaded = model
        return self.child
