"""What `errata check` needs of Ray, refused where Ray refuses it: no cluster is started."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import Any


class RaySystemError(Exception):
    pass


class RayDouble(ModuleType):
    """In place of the module `ray`: a cluster under one address, its last node dead.

    Args:
        address: Where the cluster is; None where there is none.
        nodes: What each living node has.
    """

    exceptions = SimpleNamespace(RayError=RaySystemError)

    def __init__(self, address: str | None, nodes: Sequence[Mapping[str, float]] = ()) -> None:
        super().__init__("ray")
        self.__spec__ = ModuleSpec("ray", None)
        self.address = address
        self.held = nodes
        self.joined = False

    def is_initialized(self) -> bool:
        return self.joined

    def init(self, address: str, log_to_driver: bool, logging_level: str) -> None:
        if self.joined:
            raise RuntimeError("Maybe you called ray.init twice by accident?")
        if address != self.address:
            raise ConnectionError("Could not find any running Ray instance.\nPlease specify one.")
        self.joined = True

    def nodes(self) -> list[dict[str, Any]]:
        if not self.joined:
            raise RaySystemError("Ray has not been started yet.")
        own = {"object_store_memory": 2.0**30, "memory": 2.0**32}
        living = [
            {
                "NodeID": f"{at}",
                "Alive": True,
                "Resources": {f"node:10.0.0.{at}": 1.0, **own, **held},
            }
            for at, held in enumerate(self.held)
        ]
        return [*living, {"NodeID": "gone", "Alive": False, "Resources": {}}]
