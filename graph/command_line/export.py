"""errata export: a run's model for other programs."""

from pathlib import Path
from typing import Annotated

import typer

from errata.graph.command_line.options import HERE, Json, Runs, complete_run
from errata.graph.command_line.terminal import console, working


def export(
    run: Annotated[
        str, typer.Argument(help="Name or folder of a finished run.", autocompletion=complete_run)
    ],
    to: Annotated[
        str,
        typer.Option(
            help="`merged`: weights that any program loads; `adapter`: the LoRA adapter with its "
            "card; `ollama`: weights and a Modelfile; `hub-folder`: weights and a card, as a "
            "model hub wants them."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder to make; exports/RUN-TO when not said. It must not be there."),
    ] = None,
    which: Annotated[
        str, typer.Option("--round", help="Whose model: a number, `best` or `last`.")
    ] = "best",
    questions: Annotated[
        int | None, typer.Option(min=1, help="Ask only so many of the dev questions afterwards.")
    ] = None,
    runs: Runs = HERE,
    as_json: Json = False,
) -> None:
    """Write RUN's model for other programs, and compare it there.

    The export is asked the run's dev questions by a plain script (transformers, peft, or Ollama
    where it runs), never the sealed ones. certificate.json beside it says how far the answers are
    the run's. An export that answers otherwise is refused: exit code 2, and it is kept under
    another name.
    """
    from typing import get_args

    from errata.graph.commands.export import export as export_run
    from errata.graph.run_folder import find_run
    from errata.graph.views.export import print_export
    from errata.training.export_jobs import Target

    if to not in get_args(Target):
        known = ", ".join(get_args(Target))
        raise typer.BadParameter(f"{to!r} is none of {known}", param_hint="--to")
    folder = find_run(run, runs)
    place = out or Path("exports") / f"{folder.name}-{to}"
    with working(to_stderr=as_json) as watcher:
        found = export_run(folder, to, place, watcher, which, questions)  # type: ignore[arg-type]
    if as_json:
        print(found.certificate.model_dump_json(indent=2))
    else:
        print_export(found, console())
