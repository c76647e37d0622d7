"""errata judge: a judge beside a person."""

from pathlib import Path
from typing import Annotated

import typer

from errata.graph.command_line.options import Json, NoCache, NoTracing
from errata.graph.command_line.terminal import tell, tracing_told, working


def judge(
    config: Annotated[Path, typer.Argument(help="TOML file of a run with an [exam.judge].")],
    no_cache: NoCache = False,
    as_json: Json = False,
    no_tracing: NoTracing = False,
) -> None:
    """Compare CONFIG's judge with answers that a person labelled.

    Each labelled answer is judged three times: agreement, kappa, and how often the verdict changes
    by itself. The exit code is 2 where a run would refuse the judge.
    """
    from errata.graph.commands.judge import judge as calibrate_judges
    from errata.graph.config import load_config
    from errata.graph.run import opened_cache
    from errata.graph.views.judge import print_judges

    settings = load_config(config)
    with (
        working(to_stderr=as_json, again=True) as watcher,
        tracing_told(watcher, not no_tracing and settings.tracing),
        opened_cache(not no_cache, watcher) as replies,
    ):
        found = calibrate_judges(settings, watcher, replies)
    tell(found, as_json, print_judges)
    if any(one.problem for one in found.judges):
        raise typer.Exit(2)
