"""How far a run is, in a notebook: one output that is renewed in place."""

from __future__ import annotations

import time
from collections.abc import Callable
from html import escape
from threading import Lock
from typing import Any, cast

from errata.agents.chat_models.ledger import Budget
from errata.agents.errors import ConfigError
from errata.agents.plain_text import visible
from errata.graph.costs import Estimate
from errata.graph.views.costs import estimate_lines
from errata.graph.views.progress import Pace

EVERY_S = 0.2
"""Between two renewals within a step: a notebook keeps up with no more."""
MOST_LINES = 40
"""Of what was said, the last ones: a cell of a long run stays readable, and small on disk."""


class NotebookWatcher:
    """What was said, and a bar for the step under way, below the cell that made it.

    run(config, watcher=NotebookWatcher())
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """
        Args:
            clock: Seconds, for the time that is left.

        Raises:
            ConfigError: IPython is not installed, so this is no notebook.
        """
        try:
            from IPython.display import display
        except ImportError:
            raise ConfigError(
                "NotebookWatcher is for Jupyter, whose IPython is not installed here: leave the "
                "watcher out, or take TerminalWatcher from errata.graph.views.progress"
            ) from None
        self.clock = clock
        self.pace = Pace()
        self.said: list[str] = []
        self.at: tuple[str, str, int, int] | None = None
        """Step, state in words, done, total."""
        self.shown_at = clock()
        self.lock = Lock()  # a cache of replies may say something from another thread
        self.handle = cast(Any, display)(self, display_id=True)

    def progress(self, step: str, done: int, total: int, note: str = "") -> None:
        """`total` may be 0: the step is starting, and says later how long it is."""
        now = self.clock()
        with self.lock:
            begins = self.at is None or self.at[0] != step
            self.at = (step, self.pace.state(step, now, done, total, note), done, total)
            if begins or done == total or now - self.shown_at >= EVERY_S:
                self.show(now)

    def say(self, text: str) -> None:
        with self.lock:
            self.said.append(text)
            self.at, self.pace = None, Pace()
            self.show(self.clock())

    def estimated(self, estimate: Estimate, budget: Budget, currency: str | None) -> None:
        for line in estimate_lines(estimate, budget, currency):
            self.say(line)

    def show(self, now: float) -> None:
        self.shown_at = now
        if self.handle is not None:  # None where no kernel shows anything
            self.handle.update(self)

    def lines(self) -> list[str]:
        left_out = len(self.said) - MOST_LINES
        before = [f"… {left_out} lines before"] if left_out > 0 else []
        return [visible(line) for line in (*before, *self.said[-MOST_LINES:])]

    def __repr__(self) -> str:
        bar = [f"{self.at[0]}: {self.at[1]}"] if self.at else []
        return "\n".join([*self.lines(), *map(visible, bar)])

    def _repr_html_(self) -> str:
        shown = "".join(f"<div>{escape(line)}</div>" for line in self.lines())
        if self.at:
            step, state, done, total = self.at
            share = f' value="{done}" max="{total}"' if total else ""
            label = escape(visible(step))
            shown += (
                f'<div><b>{label}</b><br><progress aria-label="{label}"{share}></progress> '
                f"{escape(visible(state))}</div>"
            )
        return shown
