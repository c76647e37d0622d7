"""What runs on the nodes: an actor that holds a student, and one that trains.

Each starts the same child process as on one machine (`agents/weights/`), so that answers and
adapters are the same, and a child that runs out of memory does not take its node's actor along.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from queue import SimpleQueue

from errata.agents.cluster.connection import Host, check_alike, check_host, host_here
from errata.agents.cluster.parcels import Parcel
from errata.agents.errors import ErrataError, StepFailed
from errata.agents.records import ModelRef
from errata.agents.student import StudentSettings
from errata.agents.trainer import TrainingJob
from errata.agents.weights import LocalStudent, LocalTrainer
from errata.agents.weights.child import ENVIRONMENT, Child
from errata.training.finished import find_finished
from errata.training.jobs import AskRequest, FinishedTraining, Machine, Reply, Step
from errata.training.parcels import pack


def with_adapter(model: ModelRef, adapter: Parcel | None) -> ModelRef:
    """The model as this node knows it."""
    return model if adapter is None else ModelRef(base=model.base, adapter=str(adapter.unpacked()))


class StudentActor:
    """One student on a node."""

    def __init__(self, settings: StudentSettings) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="errata-student-"))
        self.student = LocalStudent(settings, self.folder)
        self.child: Child | None = None

    def host(self, packages: Sequence[str]) -> Host:
        return host_here(packages)

    def open(self, model: ModelRef, adapter: Parcel | None) -> Machine:
        """Loads the weights.

        Raises:
            ErrataError: They cannot be loaded here.
        """
        self.child = self.student.open(with_adapter(model, adapter))
        self.child.batches(AskRequest(prompts=()))
        assert self.child.machine is not None  # comes before all else
        return self.child.machine

    def batches(self, request: AskRequest) -> tuple[tuple[str, ...], ...]:
        """As `Child.batches`, with the weights that are open."""
        assert self.child is not None
        return self.child.batches(request).ids

    def ask(self, request: AskRequest) -> list[Reply]:
        """All replies to one batch.

        Raises:
            StepFailed: The child failed; it is started anew by the next `open`.
        """
        assert self.child is not None
        try:
            return list(self.child.ask(request))
        except BaseException:
            self.student.close()
            raise

    def close(self) -> None:
        self.student.close()
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass(frozen=True)
class Task:
    """A training as it travels."""

    job: TrainingJob
    """With the paths of the machine that sends it."""
    rows: Parcel
    """The folder of its examples, these alone."""
    adapter: Parcel | None
    """To go on from."""
    versions: Mapping[str, str]
    """Of the packages that change what is learnt; each node must have them."""
    mixed: bool
    """Whether processes that compute in different ways may share it."""

    def host(self) -> Host:
        """The node that asks."""
        return host_here(list(self.versions))

    def here(self, scratch: Path) -> TrainingJob:
        """The same with this node's paths, all but the start's in `scratch`."""
        return self.job.model_copy(
            update={
                "start": with_adapter(self.job.start, self.adapter),
                "examples": self.rows.unpacked(scratch / "rows") / self.job.examples.name,
                "adapter": scratch / "adapter",
            }
        )


@dataclass(frozen=True)
class Ended:
    """The end of a training on the cluster."""

    finished: FinishedTraining
    adapter: bytes
    """Packed."""


class TrainerActor:
    """One training: in this actor, or by Ray Train's processes, which tell it what they did."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.said: SimpleQueue[object] = SimpleQueue()
        self.first: Machine | None = None

    def start(self, ranks: int, resources: Mapping[str, float]) -> None:
        """Trains in the background: what it does is `next_said`."""
        threading.Thread(target=self.run, args=(ranks, resources), daemon=True).start()

    def next_said(self) -> Host | Step | Ended:
        """Each node where the training begins, its steps, its end.

        Raises:
            ErrataError: It would fail anywhere.
            RuntimeError: It failed, which may be its node's fault.
        """
        said = self.said.get()
        if isinstance(said, BaseException):
            raise said
        assert isinstance(said, Host | Step | Ended)
        return said

    def run(self, ranks: int, resources: Mapping[str, float]) -> None:
        scratch = Path(tempfile.mkdtemp(prefix="errata-training-"))
        try:
            if ranks == 1:
                self.train_here(scratch)
            else:
                # By name: whoever starts what holds weights never loads what that needs.
                fit = import_module("errata.training.ranks").fit
                me = import_module("ray").get_runtime_context().current_actor
                fit(self.task, me, ranks, resources, ENVIRONMENT, scratch)
        except ErrataError as error:  # which may name the log in `scratch`
            self.said.put(error)
        except BaseException as error:  # Ray Train's hold what cannot be sent
            self.said.put(RuntimeError(str(error)))
        else:
            shutil.rmtree(scratch, ignore_errors=True)

    def train_here(self, scratch: Path) -> None:
        self.join(self.task.host())
        job = self.task.here(scratch)
        LocalTrainer().train(
            job, lambda step, steps, loss: self.tell(Step(step=step, steps=steps, loss=loss))
        )
        finished = find_finished(job)
        assert finished is not None
        self.end(finished, pack(job.adapter))

    def join(self, host: Host, machine: Machine | None = None) -> None:
        """A process of the training is at its place.

        Raises:
            StepFailed: It would compute otherwise than the others.
        """
        try:
            check_host(host, self.task.versions)
            if machine is not None:
                self.first = self.first or machine
                check_alike(host, machine, self.first, self.task.mixed)
        except StepFailed as refused:
            self.said.put(refused)
            raise
        self.said.put(host)

    def tell(self, step: Step) -> None:
        self.said.put(step)

    def end(self, finished: FinishedTraining, adapter: bytes) -> None:
        self.said.put(Ended(finished, adapter))

    def refuse(self, why: str) -> None:
        """A process says in one sentence why there can be no training."""
        self.said.put(StepFailed(f"the training failed: {why}"))
