"""The runs in a folder, in the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from errata.graph.commands.runs import Standing
from errata.graph.views.printer import Printer, grid


def print_runs(found: Sequence[Standing], console: Console) -> None:
    """A line a run: how it stands, and what it gained."""
    out = Printer(console)
    if not found:
        out.print("There are no runs here yet: `errata demo` makes one.")
        return
    table = grid("left", "left", "right", "left", "right", "left")
    names = ("run", "status", "rounds", "sealed test", "gain", "last written")
    table.add_row(*(out.text(name, "dim") for name in names))
    for run in found:
        test, gain = "", ""
        if run.before is not None and run.after is not None:
            test = f"{run.before:.1%} → {run.after:.1%}"
            gain = f"{100 * (run.after - run.before):+.1f}"
        rounds = "" if run.rounds is None else f"{run.rounds}"
        when = f"{run.written.astimezone():%Y-%m-%d %H:%M}"
        table.add_row(*map(out.text, (run.run, run.status, rounds, test, gain, when)))
    out.print(table)
    if any(run.status.startswith("unfinished") for run in found):
        out.print("`errata resume NAME` goes on with an unfinished run.", "dim")
    if any(run.status.endswith("waits for your review") for run in found):
        out.print("`errata review NAME` shows the examples that wait for you.", "dim")
