"""A training that is killed goes on from its last checkpoint, to the same adapter bit by bit."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from test_objectives import PAIRS, ROWS, job_of
from tiny_models import write_tiny_model

from errata.agents.trainer import TrainingJob
from errata.agents.weights import LocalTrainer
from errata.training.finished import find_finished
from errata.training.jobs import Step

pytestmark = pytest.mark.model

EACH_STEP = 1e-9  # minutes
TRAININGS: dict[str, dict[str, Any]] = {
    "dropout": {"dropout": 0.2, "accumulate": 2, "batch": 1},
    "cosine": {"schedule": "cosine", "warmup": 0.5, "adapter": "dora"},
    "masked": {"objective": "masked", "options": {"share": 0.5}},
    "dpo": {"objective": "dpo"},
    "pissa": {"adapter": "pissa", "rank": 4},
}


class Killed(Exception):
    """In place of a kill."""


class Wire:
    """Keeps the steps; ends the training when it tells a certain one."""

    def __init__(self, killed_at: int | None = None) -> None:
        self.killed_at = killed_at
        self.steps: list[int] = []

    def tell(self, message: BaseModel) -> None:
        if isinstance(message, Step):
            self.steps.append(message.step)
            if message.step == self.killed_at:
                raise Killed


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


def job_for(base: str, folder: Path, **settings: Any) -> TrainingJob:
    rows = PAIRS if settings.get("objective") == "dpo" else ROWS
    return job_of(base, folder, rows, **{"epochs": 3} | settings)


def steps_of(job: TrainingJob, killed_at: int | None = None) -> list[int]:
    import torch

    from errata.training.train import train

    torch.set_num_threads(1)
    wire = Wire(killed_at)
    try:
        train(job, wire)  # type: ignore[arg-type]
    except Killed:
        assert not job.adapter.exists()
    return wire.steps


def weights_of(job: TrainingJob) -> bytes:
    return (job.adapter / "adapter_model.safetensors").read_bytes()


def checkpoints_of(job: TrainingJob) -> list[str]:
    folder = job.adapter.with_name("adapter.part") / "trainer"
    return [each.name for each in folder.glob("checkpoint-*")]


@pytest.mark.parametrize("name", TRAININGS)
def test_a_killed_training_ends_as_an_undisturbed_one(name: str, base: str, tmp_path: Path) -> None:
    undisturbed = job_for(base, tmp_path / "one", **TRAININGS[name], checkpoint_minutes=0)
    steps = steps_of(undisturbed)
    killed = job_for(base, tmp_path / "two", **TRAININGS[name], checkpoint_minutes=EACH_STEP)
    assert steps_of(killed, killed_at=3) == [1, 2, 3]
    assert checkpoints_of(killed) == ["checkpoint-2"]
    assert steps_of(killed) == steps[2:]
    assert weights_of(killed) == weights_of(undisturbed)
    one, two = find_finished(undisturbed), find_finished(killed)
    assert one is not None
    assert two is not None
    assert (one.loss, one.measured, one.tokens) == (two.loss, two.measured, two.tokens)
    assert not killed.adapter.with_name("adapter.part").exists()


def test_a_changed_training_and_a_half_written_checkpoint_start_anew(
    base: str, tmp_path: Path
) -> None:
    job = job_for(base, tmp_path / "job", checkpoint_minutes=EACH_STEP)
    steps_of(job, killed_at=3)
    part = job.adapter.with_name("adapter.part")
    shutil.copytree(part, kept := tmp_path / "kept")
    watched = job.settings.model_copy(update={"checkpoint_minutes": 7.0})
    for changed, first in (
        ({"settings": watched}, 3),
        ({"settings": job.settings.model_copy(update={"learning_rate": 2e-2})}, 1),
        ({"system": "Be quick."}, 1),
    ):
        assert steps_of(job.model_copy(update=changed))[0] == first, changed
        shutil.rmtree(job.adapter)
        shutil.copytree(kept, part)
    (part / "trainer" / "checkpoint-2" / "whole.json").unlink()
    assert steps_of(job)[0] == 1
    shutil.rmtree(job.adapter)
    shutil.copytree(kept, part)
    job.examples.write_text(job.examples.read_text().replace("Hello", "Hallo"))
    assert steps_of(job)[0] == 1


@pytest.mark.process
@pytest.mark.slow
def test_a_training_whose_process_is_killed_goes_on_where_it_was(
    base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # as in this process
    undisturbed = job_for(base, tmp_path / "one", dropout=0.3)
    steps_of(undisturbed)
    job = job_for(base, tmp_path / "two", dropout=0.3, checkpoint_minutes=EACH_STEP)
    told: list[int] = []

    def killing(step: int, steps: int, loss: float) -> None:
        told.append(step)
        if step == 4:
            raise Killed  # and the trainer kills its child

    with pytest.raises(Killed):
        LocalTrainer().train(job, killing)
    LocalTrainer().train(job, lambda step, steps, loss: told.append(step))
    assert told[4] > 1
    assert weights_of(job) == weights_of(undisturbed)
