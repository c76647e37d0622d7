"""errata forecast: whether more examples would help."""

from pathlib import Path
from typing import Annotated

import typer

from errata.graph.command_line.options import HERE, Json, Runs, complete_run
from errata.graph.command_line.terminal import tell, working


def forecast(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN|CONFIG",
            help="Name or folder of a finished run, or the TOML file that it was made from.",
            autocompletion=complete_run,
        ),
    ],
    runs: Runs = HERE,
    as_json: Json = False,
) -> None:
    """Say whether more examples would help.

    Repeats RUN's last training on 1/8, 1/4 and 1/2 of its rows.

    It says what it will take, and goes on where it was stopped.
    """
    from errata.graph.config import load_config
    from errata.graph.forecast import forecast as forecast_run
    from errata.graph.run_folder import find_run
    from errata.graph.views.forecast import print_forecast

    folder = find_run(load_config(Path(run)).name if Path(run).is_file() else run, runs)
    with working(to_stderr=as_json) as watcher:
        found = forecast_run(folder, watcher=watcher)
    tell(found, as_json, print_forecast)
