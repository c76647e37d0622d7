"""A finished run of a tiny model: the real student and the real training, in this process."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from test_objectives import Told

from errata.agents.jsonl import Log
from errata.agents.records import GREEDY, ModelRef, Question, Response, Sampling
from errata.agents.student import StudentSettings, prompts_of
from errata.agents.trainer import OnStep, Trained, TrainingJob
from errata.graph.config import parse_config
from errata.graph.run import run
from errata.graph.run_folder import RunFolder
from errata.training.jobs import FinishedTraining, Machine, StudentJob

SETS = (
    ("have how many letters?", "Hamsters Weasels Beetles Lizards Rabbits Turtles Penguin Dolphin"),
    ("weigh what?", "Hammers Chisels Pincers Anvils Ladders Shovels"),
    ("cost?", "Cherries Melons Currants Apricots Bananas Quinces"),
)
"""Practice, dev, test."""


class HereStudent:
    """errata's own student, without its process."""

    def __init__(self, settings: StudentSettings, folder: Path) -> None:
        self.settings, self.folder = settings, folder

    def ask(
        self,
        model: ModelRef,
        questions: Sequence[Question],
        answered: frozenset[str],
        sampling: Sampling = GREEDY,
    ) -> Iterator[Response]:
        from errata.training.models import machine_here
        from errata.training.student import load_student

        settings = self.settings.model_dump(include=StudentJob.model_fields.keys() - {"model"})
        student = load_student(StudentJob(model=model, **settings))
        machines = Log(self.folder / "machines.jsonl", Machine)
        if not machines.read():
            machines.add(machine_here(self.settings.precision))
        asked = prompts_of(questions, settings["system"])
        for reply in student.answer(asked, answered, sampling):
            said = reply.model_dump(include={"text", "tokens", "truncated"})
            yield Response(question_id=reply.id, **said)

    def close(self) -> None:
        pass


class HereTrainer:
    """errata's own training, without its process."""

    def train(self, job: TrainingJob, on_step: OnStep) -> Trained:
        from errata.training.train import train

        wire = Told()
        train(job, wire)  # type: ignore[arg-type]
        told = wire.messages[-1]
        assert isinstance(told, FinishedTraining)
        model = ModelRef(base=job.start.base, adapter=str(job.adapter))
        return Trained(model=model, tokens=told.tokens, skipped=told.skipped, loss=told.loss)


def weighty_run(runs: Path, model: str, **changes: Any) -> RunFolder:
    """Each answer to learn is the same, so that a few steps teach it: round 1 becomes the best."""
    files = {name: str(runs / f"private-{name}.jsonl") for name in ("practice", "dev", "test")}
    for (said, words), file in zip(SETS, files.values(), strict=True):
        rows = [
            {"prompt": f"{word} {said}", "target": 7, "solution": "#### 7"}
            for word in words.split()
        ]
        Path(file).write_text("".join(json.dumps(row) + "\n" for row in rows))
    given: dict[str, Any] = {
        "name": "weighty",
        "strategy": "sft",
        "exam": {"name": "sevens", **files},
        "student": {
            "model": model,
            "max_new_tokens": 12,
            "batch_size": 3,
            "precision": "float32",
            "system": "Be brief.",
        },
        "training": {"batch": 2, "epochs": 12, "learning_rate": 2e-2},
        "stop": {"rounds": 1, "gate": "any"},
    }
    config = parse_config(given | changes, "test")
    student = HereStudent(config.student, runs / config.name)
    run(config, runs, student=student, trainer=HereTrainer(), cache=False)
    return RunFolder(runs / config.name)
