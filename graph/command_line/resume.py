"""errata resume: a run goes on where it was."""

from pathlib import Path
from typing import Annotated

import typer

from errata.graph.command_line.options import HERE, Json, NoCache, NoTracing, RunName, Runs
from errata.graph.command_line.running import finish


def resume(
    run: RunName,
    runs: Runs = HERE,
    approve: Annotated[
        bool | None,
        typer.Option("--approve/--reject", help="Answer to a pending review of examples."),
    ] = None,
    review: Annotated[
        Path | None,
        typer.Option(help="The same for single examples: the file that `errata review` wrote."),
    ] = None,
    no_cache: NoCache = False,
    no_tracing: NoTracing = False,
    as_json: Json = False,
) -> None:
    """Go on with a run that was stopped, killed or paused. Nothing finished is done again."""
    from errata.graph.provenance import read_provenance
    from errata.graph.review import read_review
    from errata.graph.run import resume as resume_run
    from errata.graph.run_folder import find_run

    if approve is not None and review is not None:
        raise typer.BadParameter("says it for all, --review for each", param_hint="--approve")
    folder = find_run(run, runs)
    said = None if review is None else read_review(review)
    tracing = not no_tracing and read_provenance(folder).config.tracing
    finish(
        folder.path,
        lambda watcher, draw: resume_run(
            folder, watcher=watcher, approve=approve, review=said, cache=not no_cache, draw=draw
        ),
        tracing,
        as_json,
    )
