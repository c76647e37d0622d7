"""errata audition: several instructors on the same mistakes."""

from typing import Annotated

import typer

from errata.graph.command_line.options import HERE, Config, Json, NoTracing, Runs
from errata.graph.command_line.terminal import tell, tracing_told, working


def audition(
    config: Config,
    instructors: Annotated[
        str | None,
        typer.Option(
            help="Who is tried, commas between: models as `model` takes them, or names of "
            "[audition.instructors]; all of these, when not said."
        ),
    ] = None,
    mistakes: Annotated[int, typer.Option(help="Practice mistakes, the same for all.")] = 30,
    examples: Annotated[int, typer.Option(help="Asked for of each mistake.")] = 4,
    train: Annotated[
        bool, typer.Option("--train", help="Train on equal numbers of their examples, and ask dev.")
    ] = False,
    runs: Runs = HERE,
    name: Annotated[
        str | None, typer.Option(help="Name of the audition, instead of the file's.")
    ] = None,
    as_json: Json = False,
    no_tracing: NoTracing = False,
) -> None:
    """Try several instructors on the same mistakes of CONFIG.

    It says what came back, passed the checks and is new to the student, what that took, and how
    sure it is whom to take. The same command goes on after a stop. The exit code is 2 where no
    instructor got to the end.
    """
    from errata.graph.comparing.audition import audition as hold_audition
    from errata.graph.config import load_config, parse_config
    from errata.graph.views.audition import print_audition

    settings = load_config(config)
    if name is not None:
        settings = parse_config(settings.model_dump() | {"name": name}, "--name")
    asked = [one.strip() for one in (instructors or "").split(",") if one.strip()]
    with (
        working(to_stderr=as_json, again=True) as watcher,
        tracing_told(watcher, not no_tracing and settings.tracing),
    ):
        found = hold_audition(
            settings,
            asked,
            runs,
            mistakes=mistakes,
            examples=examples,
            train=train,
            watcher=watcher,
        )
    tell(found, as_json, print_audition, runs / f"{settings.name}.audition")
    if not any(row.status == "taught" for row in found.rows):
        raise typer.Exit(2)
