"""The trainer on a cluster: one process on some node, or several that Ray Train joins."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from errata.agents.cluster.actors import Ended, Task, TrainerActor
from errata.agents.cluster.connection import (
    TRIES,
    Host,
    cause_of,
    connect,
    last_line,
    no_room,
    options_for,
)
from errata.agents.cluster.parcels import send
from errata.agents.cluster.settings import ClusterSettings
from errata.agents.errors import StepFailed
from errata.agents.trainer import OnStep, Trained, TrainingJob
from errata.agents.weights.models import check_model
from errata.agents.weights.trainer import trained_as
from errata.training.finished import NAME, find_finished, put_in_place
from errata.training.jobs import FinishedTraining, Step
from errata.training.parcels import unpack


class RayTrainer:
    """Trains on the nodes of a cluster. A training whose node dies is begun again elsewhere."""

    def __init__(self, cluster: ClusterSettings, versions: Mapping[str, str] = {}) -> None:
        """Raises: ErrataError: The cluster cannot be joined."""
        connect(cluster)
        self.cluster = cluster
        self.versions = versions

    def train(self, job: TrainingJob, on_step: OnStep) -> Trained:
        check_model(job.start)
        return trained_as(find_finished(job) or self.on_the_cluster(job, on_step), job)

    def on_the_cluster(self, job: TrainingJob, on_step: OnStep) -> FinishedTraining:
        import ray

        with tempfile.TemporaryDirectory(prefix="errata-rows-") as rows:
            shutil.copyfile(job.examples, Path(rows) / job.examples.name)
            adapter = send(Path(job.start.adapter)) if job.start.adapter else None
            task = Task(job, send(Path(rows)), adapter, self.versions, self.cluster.mixed)
        where = "the cluster"
        for last in range(TRIES - 1, -1, -1):
            try:
                for said in self.messages(task):
                    if isinstance(said, Step):
                        on_step(said.step, said.steps, said.loss)
                    elif isinstance(said, Ended):
                        return take_home(said, job)
                    else:
                        where = said.node
            except ray.exceptions.RayError as error:
                if (cause := cause_of(error)) is not None:
                    raise type(cause)(f"on {where}: {cause}") from None
                if not last:
                    raise StepFailed(
                        f"the training failed {TRIES} times, at last with: {last_line(error)}; "
                        "see the logs of Ray on its nodes, then resume the run"
                    ) from None
        raise AssertionError("the last try ends the training or raises")

    def messages(self, task: Task) -> Iterator[Host | Step | Ended]:
        """What one try tells.

        Raises:
            StepFailed: There is no room for it.
        """
        import ray

        cluster = self.cluster
        alone = cluster.trainers == 1
        # Of several, the actor only listens; their places are Ray Train's to find.
        place = options_for(cluster.trainer) if alone else {"num_cpus": 0}
        actor: Any = ray.remote(TrainerActor).options(max_concurrency=4, **place).remote(task)
        began = time.monotonic()
        joined = 0
        try:
            actor.start.remote(cluster.trainers, dict(cluster.trainer))
            while True:
                next_said = actor.next_said.remote()
                while not ray.wait([next_said], timeout=1)[0]:
                    if joined < cluster.trainers and time.monotonic() - began > cluster.wait_s:
                        raise no_room(
                            "the training", cluster.trainers, cluster.trainer, cluster.wait_s
                        )
                said = ray.get(next_said)
                joined += isinstance(said, Host)
                yield said
                if isinstance(said, Ended):
                    return
        finally:
            ray.kill(actor)


def take_home(ended: Ended, job: TrainingJob) -> FinishedTraining:
    """Puts the adapter in its place on this machine, and says whose it is in the words of here."""
    finished = ended.finished.model_copy(update={"job": job})
    scratch = job.adapter.with_name(job.adapter.name + ".part")
    shutil.rmtree(scratch, ignore_errors=True)
    unpack(ended.adapter, scratch)
    (scratch / NAME).write_text(finished.model_dump_json(indent=2), encoding="utf-8")
    put_in_place(scratch, job.adapter)
    return finished
