"""errata run: the loop that a TOML file describes."""

from pathlib import Path
from typing import Annotated

import typer

from errata.graph.command_line.options import HERE, Json, NoCache, NoTracing, Runs
from errata.graph.command_line.running import start


def run(
    config: Annotated[Path, typer.Argument(help="TOML file; examples/ has some to begin with.")],
    runs: Runs = HERE,
    name: Annotated[
        str | None, typer.Option(help="Name of the run's folder, instead of the file's.")
    ] = None,
    no_cache: NoCache = False,
    no_tracing: NoTracing = False,
    as_json: Json = False,
) -> None:
    """Run the improvement loop that CONFIG describes."""
    from errata.graph.config import load_config

    start(load_config(config), runs, name, not no_cache, not no_tracing, as_json)
