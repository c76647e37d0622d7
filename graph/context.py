"""What the nodes of one run work with."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from errata.agents.exams import HeldOut
from errata.agents.records import Attempt, Example, ModelRef, Question, Record
from errata.graph.agents import Agents
from errata.graph.config import RunConfig
from errata.graph.run_folder import HELD_OUT, RunFolder
from errata.graph.trace import Trace
from errata.graph.watcher import Watcher

R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class Context:
    """Live things: it is bound to the nodes when the graph is built, and no checkpoint holds it."""

    config: RunConfig
    folder: RunFolder
    trace: Trace
    agents: Agents
    watcher: Watcher
    clock: Callable[[], float] = time.monotonic
    """Seconds, for the time of each step."""

    def questions(self, name: str) -> list[Question]:
        """See `RunFolder.questions`."""
        return self.folder.questions(name)

    def attempts(self, round_index: int, name: str) -> list[Attempt]:
        """The answers of a round's model to `dev` or `practice`."""
        return self.folder.attempts(self.folder.round(round_index) / f"{name}.jsonl")

    def model(self, round_index: int) -> ModelRef:
        """The model that a round made; 0 is the one that the run began with."""
        student = self.config.student
        if round_index == 0:
            return student.model_ref
        adapter = self.folder.round(round_index) / "adapter"
        return ModelRef(base=student.model, adapter=str(adapter.resolve()))

    def examples_before(self, round_index: int) -> list[Example]:
        """The examples accepted in all rounds before this one."""
        return [
            example
            for index in range(1, round_index)
            for example in self.collected(index, "examples", Example)
        ]

    def collected(self, round_index: int, name: str, of: type[R]) -> list[R]:
        """See `RunFolder.collected`."""
        return self.folder.collected(round_index, name, of)


def held_out_in(folder: RunFolder) -> HeldOut:
    """What nothing may be learnt from."""
    held_out = (question for name in HELD_OUT for question in folder.questions(name))
    return HeldOut(held_out, folder.questions("practice"))
