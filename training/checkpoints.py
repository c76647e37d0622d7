"""Checkpoints within a training: after a kill it goes on from the last one, to the same result.

transformers writes them: adapter, optimizer, schedule, each process's state of chance, the step.
Beside that lie what the objective keeps and, written last, what they are checkpoints of.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from accelerate.utils import broadcast_object_list
from pydantic import ValidationError
from transformers import Trainer, TrainerCallback

from errata.training.finished import identity
from errata.training.jobs import TrainingJob
from errata.training.models import machine_here
from errata.training.objectives.sft import AnswersOnlyTrainer
from errata.training.record import Record

FORMAT = 1
WHOLE = "whole.json"
"""The file of a checkpoint that is written last."""


class Begun(Record):
    """What a checkpoint belongs to; a training of anything else starts anew."""

    format: int = FORMAT
    job: str
    examples_sha256: str
    processes: int
    device: str
    precision: str
    versions: dict[str, str]


def begun(job: TrainingJob, examples_sha256: str, processes: int) -> Begun:
    machine = machine_here(job.settings.precision)
    packages = ("torch", "transformers", "accelerate", "peft", "trl")
    return Begun(
        job=identity(job),
        examples_sha256=examples_sha256,
        processes=processes,
        device=machine.device,
        precision=machine.precision,
        versions={package: version(package) for package in packages},
    )


def find_checkpoint(folder: Path, training: Begun) -> Path | None:
    """The newest whole checkpoint of this very training."""
    found = [each for each in checkpoints(folder) if read(each) == training]
    return max(found, key=step_of, default=None)


def checkpoints(folder: Path) -> Iterator[Path]:
    return folder.glob("checkpoint-*")


def step_of(checkpoint: Path) -> int:
    return int(checkpoint.name.removeprefix("checkpoint-"))


def read(checkpoint: Path) -> Begun | None:
    try:
        return Begun.model_validate_json((checkpoint / WHOLE).read_bytes())
    except (OSError, ValidationError):
        return None


def go_on(trainer: Trainer, checkpoint: Path) -> None:
    """Gives the objective what it kept; the rest is for `Trainer.train`."""
    if isinstance(trainer, AnswersOnlyTrainer):
        kept = torch.load(objective_file(checkpoint), weights_only=True)
        trainer.go_on(kept)


def objective_file(checkpoint: Path) -> Path:
    return checkpoint / f"objective-{PartialState().process_index}.pt"


class Checkpoints(TrainerCallback):
    """Has a checkpoint written every so often; keeps the last one."""

    def __init__(self, minutes: float, training: Begun) -> None:
        self.minutes = minutes
        self.training = training
        self.trainer: Trainer | None = None
        self.last = time.monotonic()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self.minutes and state.global_step < state.max_steps:
            due = [time.monotonic() - self.last >= 60 * self.minutes]
            broadcast_object_list(due)  # clocks differ, and every process writes its part
            control.should_save = due[0]

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        checkpoint = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        if isinstance(self.trainer, AnswersOnlyTrainer):
            torch.save(self.trainer.progress(), objective_file(checkpoint))
        PartialState().wait_for_everyone()
        if state.is_world_process_zero:
            finish(checkpoint, self.training)
        self.last = time.monotonic()


def finish(checkpoint: Path, training: Begun) -> None:
    """Makes it the one to go on from, should even the machine stop now."""
    for file in filter(Path.is_file, checkpoint.rglob("*")):
        sync(file)
    (checkpoint / WHOLE).write_text(training.model_dump_json(), encoding="utf-8")
    sync(checkpoint / WHOLE)
    for other in checkpoints(checkpoint.parent):
        if other != checkpoint:
            shutil.rmtree(other)


def sync(file: Path) -> None:
    with file.open("rb") as opened:
        os.fsync(opened.fileno())
