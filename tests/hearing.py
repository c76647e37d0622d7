"""A watcher that keeps what a person at the terminal is told."""

from __future__ import annotations

from errata.graph.watcher import NoWatcher


class Heard(NoWatcher):
    def __init__(self) -> None:
        self.said: list[str] = []
        self.steps: list[tuple[str, int, int]] = []
        """Each progress: step, done, of how many."""

    def say(self, text: str) -> None:
        self.said.append(text)

    def progress(self, step: str, done: int, total: int, note: str = "") -> None:
        self.steps.append((step, done, total))
