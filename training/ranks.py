"""A training that several processes of a cluster share, each placed and joined by Ray Train.

Each process runs the code of `errata.training.train`, as it does under torchrun: Ray Train gives
it its rank, its GPU and the process group (nccl between GPUs, else gloo).
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import ray
from pydantic import BaseModel
from ray.train import RunConfig, ScalingConfig, get_context
from ray.train.torch import TorchTrainer

from errata.training.jobs import FinishedTraining, TrainingJob
from errata.training.models import machine_here
from errata.training.options import Refused
from errata.training.own_code import OwnCodeError
from errata.training.parcels import pack
from errata.training.train import train_adapter


class Task(Protocol):
    """What to train."""

    job: TrainingJob

    def here(self, scratch: Path) -> TrainingJob:
        """The job with the paths of the node that asks."""
        ...

    def host(self) -> BaseModel:
        """The node that asks."""
        ...


def fit(
    task: Task,
    desk: Any,
    ranks: int,
    resources: Mapping[str, float],
    environment: Mapping[str, str],
    scratch: Path,
) -> None:
    """Trains, and tells `desk` of it.

    Args:
        desk: The actor that is told: `join`, `tell`, `end`, `refuse`.
        resources: Of each rank.
        environment: Of each rank, beside what its node has.
        scratch: Holds what Ray Train writes; on each node a folder of that name holds the rest.
    """
    os.environ["RAY_CHDIR_TO_TRIAL_DIR"] = "0"
    TorchTrainer(
        train_rank,
        train_loop_config={"task": task, "desk": desk, "scratch": f"{scratch.name}-ranks"},
        scaling_config=ScalingConfig(
            num_workers=ranks,
            use_gpu=resources.get("GPU", 0) > 0,
            resources_per_worker={"CPU": 1} | dict(resources),
        ),
        run_config=RunConfig(
            storage_path=str(scratch), worker_runtime_env={"env_vars": dict(environment)}
        ),
    ).fit()


def train_rank(config: dict[str, Any]) -> None:
    """What each process does."""
    task: Task = config["task"]
    desk = config["desk"]
    scratch = Path(tempfile.gettempdir()) / config["scratch"]
    try:
        machine = machine_here(task.job.settings.precision)
        ray.get(desk.join.remote(task.host(), machine))
        scratch.mkdir(exist_ok=True)
        wire: Any = RankWire(desk, scratch / "adapter")
        train_adapter(task.here(scratch), wire)
    except (Refused, OwnCodeError, SystemExit) as refused:
        ray.get(desk.refuse.remote(str(refused)))
        raise RuntimeError(str(refused)) from None
    finally:
        if get_context().get_local_rank() == 0:
            shutil.rmtree(scratch, ignore_errors=True)


class RankWire:
    """Where a child process has a pipe to its parent, a rank has an actor."""

    def __init__(self, desk: Any, adapter: Path) -> None:
        self.desk = desk
        self.adapter = adapter

    def tell(self, message: BaseModel) -> None:
        if isinstance(message, FinishedTraining):
            ray.get(self.desk.end.remote(message, pack(self.adapter)))
        else:
            ray.get(self.desk.tell.remote(message))
