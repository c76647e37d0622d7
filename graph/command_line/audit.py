"""errata audit: whether a report follows from its files."""

from typing import Annotated

import typer

from errata.graph.command_line.options import HERE, Json, RunName, Runs
from errata.graph.command_line.terminal import tell, working


def audit(
    run: RunName,
    runs: Runs = HERE,
    seal: Annotated[
        str | None,
        typer.Option(help="The seal that you noted: finds a run that was wholly written anew."),
    ] = None,
    with_code: Annotated[
        bool,
        typer.Option(
            "--with-code",
            help="Run the programs in responses again, boxed in, and a marker of your own.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Check that a report follows from its files, unchanged since.

    The exit code is 0 where everything holds and 1 where something was found.
    """
    from errata.graph.commands.audit import audit as audit_run
    from errata.graph.commands.audit import find_audited
    from errata.graph.views.audit import print_audit

    folder = find_audited(run, runs)
    with working(to_stderr=as_json) as watcher:
        found = audit_run(folder, watcher, seal, with_code)
    tell(found, as_json, print_audit)
    if found.findings:
        raise typer.Exit(1)
