"""The student on a cluster: actors that answer batches, wherever there is room for them."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from errata.agents.cluster.actors import StudentActor
from errata.agents.cluster.connection import (
    TRIES,
    Host,
    cause_of,
    check_alike,
    check_host,
    connect,
    last_line,
    no_room,
    options_for,
)
from errata.agents.cluster.parcels import Parcel, send
from errata.agents.cluster.settings import ClusterSettings
from errata.agents.errors import ErrataError, StepFailed
from errata.agents.records import GREEDY, ModelRef, Question, Response, Sampling
from errata.agents.student import StudentSettings
from errata.agents.weights.child import note_machine
from errata.agents.weights.student import request_for, response_of
from errata.training.jobs import AskRequest, Machine, Reply

Batch = tuple[str, ...]
"""Ids of the questions that are answered together."""
Doing = Literal["placing", "opening", "planning", "answering"]


@dataclass(eq=False)
class Seat:
    """One student on some node."""

    actor: Any
    host: Host | None = None
    """None until it has a place."""
    loaded: ModelRef | None = None
    machine: Machine | None = None
    batches: deque[Batch] = field(default_factory=deque)
    """Sent to it, the one at work first."""

    @property
    def name(self) -> str:
        return self.host.node if self.host else "a node"


@dataclass(frozen=True)
class Call:
    """What a seat was asked and has not said yet."""

    seat: Seat
    doing: Doing
    model: ModelRef | None = None
    batch: Batch = ()


class RayStudent:
    """Answers on the nodes of a cluster, in the batches of a student on one machine.

    A batch whose node dies goes to another one, and a new student is put where there is room.
    """

    def __init__(
        self,
        settings: StudentSettings,
        cluster: ClusterSettings,
        folder: Path,
        versions: Mapping[str, str] = {},
        actor: type = StudentActor,
    ) -> None:
        """`folder` gets machines.jsonl; `versions`, of packages, are those of each node, too.

        Args:
            actor: What is put on a node; it has the methods of `StudentActor`.

        Raises:
            ErrataError: The cluster cannot be joined.
        """
        connect(cluster)
        self.settings = settings
        self.cluster = cluster
        self.folder = folder
        self.versions = versions
        self.actor = actor
        self.sent: dict[str, Parcel] = {}
        """The adapter that is answered with, by its folder."""
        self.seats: list[Seat] = []
        self.calls: dict[Any, Call] = {}
        """By Ray's reference to the answer."""

    def close(self) -> None:
        """Ends all actors, and waits for their nodes to be free."""
        import ray

        idle = [seat for seat in self.seats if seat.host is not None and not seat.batches]
        with suppress(ray.exceptions.RayError):
            ray.wait([seat.actor.close.remote() for seat in idle] or [ray.put(None)], timeout=10)
        for seat in self.seats:
            ray.kill(seat.actor)
        self.seats, self.calls, self.sent = [], {}, {}

    def ask(
        self,
        model: ModelRef,
        questions: Sequence[Question],
        answered: frozenset[str],
        sampling: Sampling = GREEDY,
    ) -> Iterator[Response]:
        if answered.issuperset(question.id for question in questions):
            return
        try:
            for reply in self.replies(
                model, request_for(questions, answered, sampling, self.settings.system)
            ):
                yield response_of(reply)
        except BaseException:  # stopped half-way: what is under way must not be taken for later
            self.close()
            raise

    def replies(self, model: ModelRef, request: AskRequest) -> Iterator[Reply]:
        import ray

        work = Work(request)
        while len(self.seats) < self.cluster.students:
            self.seat()
        for seat in self.seats:
            if seat.host is not None and seat.loaded != model:
                self.open(seat, model)
        placed_at = time.monotonic()
        failed = 0
        while not work.done:
            self.hand_out(work)
            done, _ = ray.wait(list(self.calls), timeout=1)
            if any(seat.host is not None for seat in self.seats):
                placed_at = time.monotonic()
            elif time.monotonic() - placed_at > self.cluster.wait_s:
                raise no_room("a student", 1, self.cluster.student, self.cluster.wait_s)
            for ref in done:
                call = self.calls.pop(ref)
                try:
                    said = ray.get(ref)
                except ray.exceptions.RayError as error:
                    failed += call.doing != "answering"
                    if failed > 2 * self.cluster.students:
                        raise self.failure(call, error) from None
                    self.lose(call, work, error)
                    continue
                if call.doing == "placing":
                    check_host(said, self.versions)
                    call.seat.host = said
                    self.open(call.seat, model)
                elif call.doing == "opening":
                    self.opened(call, said)
                elif call.doing == "planning":
                    work.plan(said)
                else:
                    failed = 0
                    call.seat.batches.remove(call.batch)
                    work.finish(call.batch)
                    yield from said

    def seat(self) -> None:
        import ray

        wanted = options_for(self.cluster.student)
        actor = ray.remote(self.actor).options(max_restarts=0, **wanted).remote(self.settings)
        seat = Seat(actor)
        self.seats.append(seat)
        self.calls[actor.host.remote(list(self.versions))] = Call(seat, "placing")

    def open(self, seat: Seat, model: ModelRef) -> None:
        seat.loaded = None
        call = Call(seat, "opening", model)
        if model.adapter is not None and model.adapter not in self.sent:
            self.sent = {model.adapter: send(Path(model.adapter))}  # the one before makes room
        adapter = None if model.adapter is None else self.sent[model.adapter]
        self.calls[seat.actor.open.remote(model, adapter)] = call

    def opened(self, call: Call, machine: Machine) -> None:
        """Raises: StepFailed: The node computes otherwise than the others."""
        seat = call.seat
        assert seat.host is not None
        known = [each.machine for each in self.seats if each.machine is not None]
        check_alike(seat.host, machine, known[0] if known else machine, self.cluster.mixed)
        note_machine(machine, self.folder)
        seat.machine, seat.loaded = machine, call.model

    def hand_out(self, work: Work) -> None:
        """Gives each student a batch, and a second one to go on with while there are many."""
        ready = [seat for seat in self.seats if seat.loaded is not None]
        if not work.planned:
            planning = any(call.doing == "planning" for call in self.calls.values())
            if ready and not planning:
                ref = ready[0].actor.batches.remote(work.request)
                self.calls[ref] = Call(ready[0], "planning")
            return
        for ahead in (1, 2):
            for seat in ready:
                many = ahead == 1 or len(work.todo) > len(self.seats)
                if work.todo and many and len(seat.batches) < ahead:
                    batch = work.todo.popleft()
                    seat.batches.append(batch)
                    ref = seat.actor.ask.remote(work.of(batch))
                    self.calls[ref] = Call(seat, "answering", batch=batch)

    def lose(self, call: Call, work: Work, error: Exception) -> None:
        """What a student had to do is for the others, and another one takes its place.

        Raises:
            ErrataError: It would fail anywhere, or has failed too often.
        """
        import ray

        seat = call.seat
        if cause_of(error) is not None and not isinstance(cause_of(error), StepFailed):
            raise self.failure(call, error)
        if seat.batches and work.tried(seat.batches[0]) >= TRIES:
            raise self.failure(call, error)
        work.give_back(seat.batches)
        self.calls = {ref: other for ref, other in self.calls.items() if other.seat is not seat}
        self.seats.remove(seat)
        ray.kill(seat.actor)
        self.seat()

    def failure(self, call: Call, error: Exception) -> ErrataError:
        """In one sentence, what a student's node has said."""
        if (cause := cause_of(error)) is not None:
            return type(cause)(f"on {call.seat.name}: {cause}")
        return StepFailed(
            f"{call.doing} failed {TRIES} times or more, at last on {call.seat.name}: "
            f"{last_line(error)}; see the logs of that node's Ray, then resume the run"
        )


class Work:
    """The batches of one request: to do, given to a student, done."""

    def __init__(self, request: AskRequest) -> None:
        self.request = request
        self.prompts = dict(request.prompts)
        self.planned = False
        self.todo: deque[Batch] = deque()
        self.open: set[Batch] = set()
        """To do, or given to a student."""
        self.tries: Counter[Batch] = Counter()

    @property
    def done(self) -> bool:
        return self.planned and not self.open

    def plan(self, batches: Sequence[Batch]) -> None:
        self.todo = deque(b for b in batches if not self.request.answered.issuperset(b))
        self.open = set(self.todo)
        self.planned = True

    def of(self, batch: Batch) -> AskRequest:
        """One batch as a request of its own."""
        return self.request.model_copy(
            update={
                "prompts": tuple((id, self.prompts[id]) for id in batch),
                "answered": self.request.answered & set(batch),
            }
        )

    def finish(self, batch: Batch) -> None:
        self.open.remove(batch)

    def tried(self, batch: Batch) -> int:
        """How often it was begun and not ended, this time included."""
        self.tries[batch] += 1
        return self.tries[batch]

    def give_back(self, batches: Sequence[Batch]) -> None:
        """To be done next, in their order."""
        self.todo.extendleft(reversed(batches))
