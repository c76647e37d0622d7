"""errata review: a person looks at the examples that a run would train on."""

from pathlib import Path
from typing import Annotated

import typer

from errata.graph.command_line.options import HERE, Runs, complete_run
from errata.graph.command_line.terminal import console


def review(
    run: Annotated[
        str,
        typer.Argument(
            help="Name or folder of a run that waits for a review.", autocompletion=complete_run
        ),
    ],
    runs: Runs = HERE,
    out: Annotated[
        Path, typer.Option(help="The review goes here; one that is begun is gone on with.")
    ] = Path("review.json"),
    by: Annotated[
        str | None, typer.Option(help="Who reviews; your login name, when not said.")
    ] = None,
) -> None:
    """Accept, edit or reject the examples that RUN would train on."""
    from errata.graph.agents import judges_at_hand
    from errata.graph.commands.review import open_walk
    from errata.graph.run_folder import find_run
    from errata.graph.views.review import walk_through

    walk = open_walk(find_run(run, runs), out, by)
    with judges_at_hand(walk.config, walk.folder.path):
        walk_through(walk, console())
