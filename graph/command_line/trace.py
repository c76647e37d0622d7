"""errata trace: what each agent saw and said, shown or exported."""

from typing import Annotated

import typer

from errata.graph.command_line.options import HERE, RunName, Runs
from errata.graph.command_line.terminal import console, printer


def trace(
    run: RunName,
    runs: Runs = HERE,
    question: Annotated[
        str | None,
        typer.Option(help="Follow one practice question, by its id, through all rounds."),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Everything, at full length.")] = False,
    otlp: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|URL", help="Export it as OpenTelemetry spans instead (docs/traces.md)."
        ),
    ] = None,
    with_content: Annotated[
        bool, typer.Option("--with-content", help="With --otlp: what was asked and said, too.")
    ] = False,
) -> None:
    """Show what each agent saw and said, or export it."""
    from errata.graph.run_folder import find_run

    folder = find_run(run, runs)
    if otlp is not None:
        from errata.graph.commands.otlp import export

        if question is not None or full:
            raise typer.BadParameter("shows a trace, --otlp exports it", param_hint="--question")
        printer().unwrapped(export(folder, otlp, with_content))
        return
    if with_content:
        raise typer.BadParameter("goes with --otlp", param_hint="--with-content")
    from errata.graph.views.trace import print_trace

    print_trace(folder, console(), question, full)
