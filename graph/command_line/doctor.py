"""errata doctor: what is wrong with an exam or a run."""

from pathlib import Path
from typing import Annotated

import typer

from errata.graph.command_line.options import HERE, Json, NoTracing, Runs
from errata.graph.command_line.terminal import tell, tracing_told, working


def doctor(
    what: Annotated[
        str, typer.Argument(metavar="CONFIG|RUN", help="A TOML file; or name or folder of a run.")
    ],
    votes: Annotated[
        int,
        typer.Option(
            min=0,
            help="Have the LLM of [verify] solve practice and dev again: so many times where it "
            "disagrees, at most.",
        ),
    ] = 0,
    most: Annotated[
        int | None, typer.Option(min=1, help="With --votes: of so many questions, at most.")
    ] = None,
    ask: Annotated[
        bool, typer.Option("--ask", help="Ask the base model the dev questions.")
    ] = False,
    form: Annotated[
        bool,
        typer.Option("--try", help="Ask them again with other prompts and more tokens, too."),
    ] = False,
    corrections: Annotated[
        Path | None,
        typer.Option(help="Write what looks wrong here, to be edited and taken by the exam."),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 where something serious was found.")
    ] = False,
    runs: Runs = HERE,
    as_json: Json = False,
    no_tracing: NoTracing = False,
) -> None:
    """Say what is wrong with an exam or a run, and what to do.

    Wrong targets, leaks, unread answers, too few questions, facts that no training teaches; of a
    finished run also what got worse and what was refused. Nothing is asked of a model unless an
    option says so, and of the student dev questions alone. The exit code is 0, or 1 with --strict
    where something serious was found; 2 where the exam or the run cannot be read.
    """
    from errata.graph.commands.doctor import Wanted, find_subject
    from errata.graph.commands.doctor import doctor as examine
    from errata.graph.views.doctor import print_examined

    if most is not None and not votes:
        raise typer.BadParameter("goes with --votes", param_hint="--most")
    subject = find_subject(what, runs)
    wanted = Wanted(votes, most, ask, form, corrections)
    with (
        working(to_stderr=as_json, again=ask or form) as watcher,
        tracing_told(watcher, not no_tracing and subject.config.tracing),
    ):
        found = examine(subject, wanted, runs, watcher)
    tell(found, as_json, print_examined)
    if strict and found.serious:
        raise typer.Exit(1)
