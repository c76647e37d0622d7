"""What demo, run and resume share: a run is begun or gone on with, and its result told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from errata.graph.command_line.terminal import printer, tell, tracing_told, working

if TYPE_CHECKING:  # nothing heavy before a command is known: --help answers at once
    from errata.graph.config import RunConfig
    from errata.graph.report import Report
    from errata.graph.run import Draw
    from errata.graph.watcher import Watcher


def start(
    config: RunConfig, runs: Path, name: str | None, cache: bool, tracing: bool, as_json: bool
) -> None:
    from errata.graph.config import parse_config
    from errata.graph.run import run as start_run
    from errata.graph.run_folder import free_name

    name = name or free_name(config.name, runs)
    tracing = tracing and config.tracing
    config = parse_config(config.model_dump() | {"name": name, "tracing": tracing}, "--name")
    finish(
        runs / name,
        lambda watcher, draw: start_run(config, runs, watcher=watcher, cache=cache, draw=draw),
        tracing,
        as_json,
    )


def finish(
    folder: Path, work: Callable[[Watcher, Draw], Report], tracing: bool, as_json: bool
) -> None:
    """Works on a run and shows what came of it."""
    from errata.graph.run import ReviewPending
    from errata.graph.views.charts import draw_report
    from errata.graph.views.summary import print_summary

    try:
        with working(folder, to_stderr=as_json) as watcher, tracing_told(watcher, tracing):
            report = work(watcher, draw_report)
    except ReviewPending as waiting:
        printer(to_stderr=as_json).unwrapped(str(waiting))
        raise typer.Exit(3) from None
    tell(report, as_json, print_summary, folder)
