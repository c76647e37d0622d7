"""Who is told how far a run is."""

from __future__ import annotations

from typing import Protocol

from errata.agents.chat_models.ledger import Budget
from errata.graph.costs import Estimate


class Watcher(Protocol):
    """Shows a person how far the work is."""

    def progress(self, step: str, done: int, total: int, note: str = "") -> None:
        """`total` may be 0: the step is starting, and says later how long it is."""
        ...

    def say(self, text: str) -> None: ...

    def estimated(self, estimate: Estimate, budget: Budget, currency: str | None) -> None:
        """What the LLMs of a run may take, before it begins."""
        ...


class NoWatcher:
    """Shows nothing."""

    def progress(self, step: str, done: int, total: int, note: str = "") -> None:
        pass

    def say(self, text: str) -> None:
        pass

    def estimated(self, estimate: Estimate, budget: Budget, currency: str | None) -> None:
        pass
