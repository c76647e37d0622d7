"""The runs in a folder, in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic import ValidationError
from rich.console import Console

from errata.graph.report import Report
from errata.graph.run_folder import RunFolder
from errata.graph.views.printer import (
    Printer,
    grid,
)
from errata.graph.views.trace import events_of, step_under_way


def print_runs(folders: Sequence[RunFolder], console: Console) -> None:
    """A line a run: how it stands, and what it gained."""
    out = Printer(console)
    if not folders:
        out.print("There are no runs here yet: `errata demo` makes one.")
        return
    table = grid("left", "left", "right", "left", "right", "left")
    names = ("run", "status", "rounds", "sealed test", "gain", "last written")
    table.add_row(*(out.text(name, "dim") for name in names))
    unfinished = False
    for folder in folders:
        status, rounds, test, gain = standing(folder)
        unfinished |= status.startswith("unfinished")
        files = [path for path in folder.path.glob("*") if path.suffix in (".json", ".jsonl")]
        when = datetime.fromtimestamp(max(path.stat().st_mtime for path in files))
        table.add_row(
            *(out.text(cell) for cell in (folder.name, status, rounds, test, gain)),
            out.text(f"{when:%Y-%m-%d %H:%M}"),
        )
    out.print(table)
    if unfinished:
        out.print("`errata resume NAME` goes on with an unfinished run.", "dim")


def standing(folder: RunFolder) -> tuple[str, str, str, str]:
    """Status, rounds, test before → after, gain: what print_runs says of one run."""
    path = folder.path / "report.json"
    if path.exists():
        try:
            report = Report.model_validate_json(path.read_bytes())
        except ValidationError:
            return "finished, by another version of errata", "", "", ""
        test = report.test
        return (
            report.status,
            str(len(report.rounds) - 1),
            f"{test.base.accuracy:.1%} → {test.final.accuracy:.1%}",
            f"{100 * test.gain.accuracy:+.1f}",
        )
    events = events_of(folder)
    now = step_under_way(events)
    status = "at work" if folder.at_work else "unfinished"
    if now == "review":
        status = "unfinished, waits for your review"
    elif now:
        status += f": {now}"
    return status, str(max((event["round"] for event in events), default=0)), "", ""
