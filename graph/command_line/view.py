"""errata view: the page of a run."""

import signal
from pathlib import Path
from typing import Annotated

import typer

from errata.graph.command_line.options import HERE, Runs, complete_run
from errata.graph.command_line.terminal import printer, working


def view(
    run: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN [RUN]",
            help="Name or folder of a run, or of two.",
            autocompletion=complete_run,
        ),
    ],
    runs: Runs = HERE,
    no_open: Annotated[
        bool, typer.Option("--no-open", help="Write the page, or serve it, and open no browser.")
    ] = False,
    serve: Annotated[
        bool,
        typer.Option("--serve", help="Show a run as it goes, to this machine alone, until Ctrl-C."),
    ] = False,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="With --serve; 0 takes a free one.")
    ] = 0,
    review: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Of a run that waits: with what `errata review` has written so far.",
        ),
    ] = None,
    with_sealed: Annotated[
        bool,
        typer.Option(
            "--with-sealed",
            help="With the sealed questions and the answers to them; that is noted in looks.jsonl.",
        ),
    ] = False,
) -> None:
    """Make a page of RUN: result, flips, examples, calls.

    It is one file beside the run, which loads nothing and can be mailed; of two runs, it shows
    them beside each other.
    """
    import webbrowser

    from errata.graph.commands.view import find_viewed
    from errata.graph.page.build import build
    from errata.graph.page.serve import redirecting, serving

    folders = find_viewed(run, runs)
    if serve and with_sealed:
        raise typer.BadParameter(
            "is of a file: with --serve the page asks", param_hint="--with-sealed"
        )
    if serve:
        with (
            working(again=True),
            serving(folders, port, review) as server,
            redirecting(server.url) as redirecting_page,
        ):
            printer().unwrapped(f"{server.url}   Ctrl-C ends it")
            if not no_open:
                webbrowser.open(redirecting_page.as_uri())
            signal.pause()
    built = build(folders, with_sealed, review)
    size = f"{built.bytes / 1_000_000:.1f} MB"
    printer().unwrapped(f"{built.path} ({size})")
    if built.sealed:
        printer().print(
            f"With the sealed texts of {' and '.join(built.sealed)}: whoever has the file can read "
            "them. Noted in looks.jsonl."
        )
    if not no_open:
        webbrowser.open(built.path.resolve().as_uri())
