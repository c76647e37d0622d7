"""Pictures of a report."""

from __future__ import annotations

from pathlib import Path

from errata.graph.report import Report


def draw_report(report: Report, folder: Path) -> None:
    """Writes report.svg and report.png."""
