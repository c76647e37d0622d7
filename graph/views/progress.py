"""How far a run is, on a terminal or in a log."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock
from types import TracebackType

from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from errata.agents.chat_models.ledger import Budget
from errata.graph.costs import Estimate
from errata.graph.views.costs import estimate_lines
from errata.graph.views.printer import Printer, duration

EVERY_S = 10.0  # between two lines about the same step, where there is no terminal


class Pace:
    """How far the step under way is, in words."""

    def __init__(self) -> None:
        self.step = ""
        self.began: tuple[float, int] | None = None
        """When the step began to count, and where: a resumed one has a part done."""

    def state(self, step: str, now: float, done: int, total: int, note: str) -> str:
        """`40/100, 35 s left, loss 0.31`; `now` in seconds, of any clock."""
        if step != self.step:
            self.step, self.began = step, None
        if total and self.began is None:
            self.began = (now, done)
        parts = [f"{done}/{total}" if total else "starting"]
        # Answers come in bursts, a batch at a time: the first of a burst says nothing of the pace.
        if self.began is not None and self.began[1] + 4 < done < total:
            since, start = self.began
            parts.append(f"{duration((now - since) / (done - start) * (total - done))} left")
        if note:
            parts.append(note)
        return ", ".join(parts)


class TerminalWatcher:
    """A bar for the step under way, and a line for each that is finished.

    Where nobody watches a terminal (a log, a pipe), now and then a line instead of the bar. Used
    as a context manager.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock`: seconds, for the time that is left."""
        self.out = Printer(console)
        self.clock = clock
        self.step = ""
        self.pace = Pace()
        self.last_line_at = clock()
        self.lock = Lock()  # a cache of replies may say something from another thread
        self.bar = Progress(
            BarColumn(bar_width=28),
            TextColumn("{task.fields[state]}", markup=False),
            TimeElapsedColumn(),
            console=console,
        )
        self.live = Live(
            console=console, get_renderable=self.render, transient=True, refresh_per_second=5
        )

    def progress(self, step: str, done: int, total: int, note: str = "") -> None:
        """`total` may be 0: the step is starting, and says later how long it is."""
        now = self.clock()
        with self.lock:
            if step != self.step:
                self.step = step
                for task in self.bar.task_ids:
                    self.bar.remove_task(task)
                self.bar.add_task(step, total=None, state="")
            state = self.pace.state(step, now, done, total, note)
            [task] = self.bar.task_ids
            self.bar.update(task, completed=done, total=total or None, state=state)
        if not self.out.console.is_interactive and now - self.last_line_at >= EVERY_S:
            self.last_line_at = now
            self.out.print(f"{step}: {state}")

    def say(self, text: str) -> None:
        self.last_line_at = self.clock()
        with self.lock:
            for task in self.bar.task_ids:
                self.bar.remove_task(task)
            self.step = ""
            self.pace = Pace()
        self.out.print(text)

    def estimated(self, estimate: Estimate, budget: Budget, currency: str | None) -> None:
        for line in estimate_lines(estimate, budget, currency):
            self.say(line)

    def render(self) -> RenderableType:
        table = Table.grid()
        if self.step:
            table.add_row(self.out.text(self.step, "bold"))
            table.add_row(self.bar)
        return table

    def __enter__(self) -> TerminalWatcher:
        if self.out.console.is_interactive:
            self.live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.live.stop()
