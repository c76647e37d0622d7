"""What is put on a node in place of a student with weights: it answers in a fixed time."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from errata.agents.cluster.connection import Host, host_here
from errata.agents.cluster.parcels import Parcel
from errata.agents.records import ModelRef, Question
from errata.agents.student import StudentSettings
from errata.training.jobs import AskRequest, Machine, Reply


def answering(
    seconds: float, log: Path | None = None, kinds: bool = False, deadly: str = ""
) -> type:
    """A class for `RayStudent`, sent to the nodes as it stands.

    Args:
        seconds: For each answer.
        log: Gets a line for each batch that is begun.
        kinds: Each node says that it is another machine.
        deadly: Id of a question over which the actor's process dies.
    """

    class Answering:
        def __init__(self, settings: StudentSettings) -> None:
            self.settings = settings

        def host(self, packages: Sequence[str]) -> Host:
            self.here = host_here(packages)
            return self.here

        def open(self, model: ModelRef, adapter: Any) -> Machine:
            device = self.here.node if kinds else "cpu"
            return Machine(device=device, capability="", precision="float32", threads=1)

        def batches(self, request: AskRequest) -> tuple[tuple[str, ...], ...]:
            ids = [id for id, _ in request.prompts]
            size = self.settings.batch_size
            return tuple(tuple(ids[at : at + size]) for at in range(0, len(ids), size))

        def ask(self, request: AskRequest) -> list[Reply]:
            asked = [id for id, _ in request.prompts]
            if log is not None:
                with log.open("a") as file:
                    file.write(f"{asked[0]}\n")
            if deadly in asked:
                os._exit(1)
            time.sleep(seconds * len(asked))
            return [
                Reply(id=id, text=f"It is {id}.", tokens=4, truncated=False, prompt_tokens=4)
                for id in asked
                if id not in request.answered
            ]

        def close(self) -> None:
            pass

    return Answering


def knowing(questions: Sequence[Question], knows: Sequence[str]) -> type:
    """A class for `RayStudent` that answers as `TableStudent` does, with adapters as its own."""
    by_id = {question.id: question for question in questions}

    class Knowing(answering(0.02)):  # type: ignore[misc]
        def open(self, model: ModelRef, adapter: Parcel | None) -> Machine:
            self.known = set(knows)
            if adapter is not None:
                self.known |= set(json.loads((adapter.unpacked() / "table.json").read_text()))
            return super().open(model, adapter)  # type: ignore[no-any-return]

        def ask(self, request: AskRequest) -> list[Reply]:
            said = []
            for reply in super().ask(request):
                question = by_id[reply.id]
                right = question.kind in self.known
                text = (question.solution or "") if right else f"I like {question.kind}."
                said.append(reply.model_copy(update={"text": text, "tokens": len(text)}))
            return said

    return Knowing
