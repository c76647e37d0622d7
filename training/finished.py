"""A finished training: its adapter is whole, says what made it, and is not made again."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from errata.training.jobs import FinishedTraining, TrainingJob

NAME = "trained.json"
MOVED: Any = {
    "examples": True,
    "adapter": True,
    "settings": {"checkpoint_minutes": True, "report_to": True},
}
"""What may be another in the same training: where its files lie, and how it is watched."""


def sha256_of(path: Path) -> str:
    """Of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def find_finished(job: TrainingJob) -> FinishedTraining | None:
    """What is told of this very training, when its adapter is there.

    The same training has the same start, settings, system prompt and examples; the folders may
    have moved.
    """
    try:
        found = FinishedTraining.model_validate_json((job.adapter / NAME).read_bytes())
    except (OSError, ValidationError):
        return None
    same = identity(found.job) == identity(job)
    return found if same and found.examples_sha256 == sha256_of(job.examples) else None


def identity(job: TrainingJob) -> str:
    """The job without what does not change the adapter."""
    return job.model_dump_json(exclude=MOVED)


def put_in_place(written: Path, adapter: Path) -> None:
    """Renames a whole adapter to its place, over whatever a killed training left there."""
    shutil.rmtree(adapter, ignore_errors=True)
    written.rename(adapter)
