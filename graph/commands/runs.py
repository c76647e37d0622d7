"""How the runs in a folder stand: `errata runs`."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import ValidationError

from errata.agents.records import Record
from errata.graph.report import Report
from errata.graph.run_folder import RunFolder
from errata.graph.trace import events_of, failure_of, step_under_way


class Standing(Record):
    """How one run stands."""

    run: str
    """Name of its folder."""
    path: str
    finished: bool
    status: str
    """Why it stopped, or what it is at."""
    rounds: int | None
    """Those that were finished, or the one that is under way; None where no figure can be read."""
    before: float | None
    """Accuracy on the sealed test, of the model that it began with; None before its end."""
    after: float | None
    """That of its best model."""
    written: datetime
    """When one of its files was written last."""


def standing(folder: RunFolder) -> Standing:
    files = [path for path in folder.path.glob("*") if path.suffix in (".json", ".jsonl")]
    written = datetime.fromtimestamp(max(path.stat().st_mtime for path in files), UTC)
    path = folder.path / "report.json"
    finished = path.exists()
    rounds: int | None = None
    before: float | None = None
    after: float | None = None
    if finished:
        try:
            report = Report.model_validate_json(path.read_bytes())
            status, rounds = report.status, len(report.rounds) - 1
            before, after = report.test.base.accuracy, report.test.final.accuracy
        except ValidationError:
            status = "finished, by another version of errata"
    else:
        events = events_of(folder.path)
        stands, now = folder.stands(events), step_under_way(events)
        status = stands if stands == "at work" else "unfinished"
        if stands == "waits for your review":
            status += f", {stands}"
        elif now:
            status += f": {now}"
            status += " failed" if stands == "stopped" and failure_of(events) is not None else ""
        rounds = max((event["round"] for event in events), default=0)
    return Standing(
        run=folder.name,
        path=str(folder.path),
        finished=finished,
        status=status,
        rounds=rounds,
        before=before,
        after=after,
        written=written,
    )
