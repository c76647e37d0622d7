"""The command line: errata COMMAND, and what a user can mend in one sentence."""

# Annotations are no strings here: typer would compile each of them twice at every start.

import errno
import sqlite3
import sys
from importlib.metadata import version
from typing import Annotated

import typer

from errata.graph.command_line.audit import audit
from errata.graph.command_line.audition import audition
from errata.graph.command_line.cache import cache
from errata.graph.command_line.check import check
from errata.graph.command_line.compare import compare
from errata.graph.command_line.demo import demo
from errata.graph.command_line.doctor import doctor
from errata.graph.command_line.exam import exam
from errata.graph.command_line.export import export
from errata.graph.command_line.forecast import forecast
from errata.graph.command_line.init import init
from errata.graph.command_line.instructors import instructors
from errata.graph.command_line.judge import judge
from errata.graph.command_line.mark import mark
from errata.graph.command_line.probe import probe
from errata.graph.command_line.resume import resume
from errata.graph.command_line.review import review
from errata.graph.command_line.run import run
from errata.graph.command_line.runs import list_runs
from errata.graph.command_line.terminal import print_error
from errata.graph.command_line.trace import trace
from errata.graph.command_line.view import view

REMEDIES = {
    errno.ENOSPC: "make room",
    errno.EDQUOT: "make room",
    errno.EACCES: "choose another folder with --runs",
    errno.EROFS: "choose another folder with --runs",
    errno.EIO: "look after the disk",
}
"""Of what can go wrong with a disk."""

EXIT_CODES = {
    0: "Done.",
    1: "A finding: `audit` found something, `compare --fail-if-worse` a loss, `doctor --strict` "
    "something serious. With a traceback it is a fault of errata's own.",
    2: "Something that you can mend; one sentence on standard error names it. Of `check`: "
    "something would stop the run. Of `judge`: a run would refuse the judge. Of `audition`: no "
    "instructor got to the end. Of `export`: the export answers otherwise than the run did.",
    3: "`run`, `demo` or `resume`: the run waits for your review.",
    130: "Stopped by Ctrl-C; the sentence says how to go on.",
    143: "Stopped by SIGTERM: the end of a batch job, or of a container.",
}
NO_JSON = {
    "review": "It asks a person; the answers are in the file that `--out` names.",
    "trace": "trace.jsonl in the run's folder is JSON already, and `--otlp` exports it.",
    "view": "It makes a page for people; report.json in the run's folder has the figures.",
}
"""Commands without --json, and why."""

app = typer.Typer(
    help="""A small model learns from its own errors.

    errata examines a student model, lays each mistake beside the nearest questions that it got
    right, lets an instructor name the cause, writes checked training examples for exactly that,
    fine-tunes a LoRA adapter, and examines again, until a target accuracy or a budget is
    reached. A sealed test says what was gained.
    """,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def print_version(wanted: bool) -> None:
    if wanted:
        print(f"errata {version('errata')}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool,
        typer.Option("--version", callback=print_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    pass


for command in (  # in the order of --help
    demo,
    init,
    run,
    resume,
    review,
    list_runs,
    trace,
    view,
    audit,
    export,
    forecast,
    exam,
    mark,
    compare,
    audition,
    instructors,
    check,
    doctor,
    judge,
    probe,
    cache,
):
    app.command("runs" if command is list_runs else None)(command)


def main() -> None:
    """Entry point: what a user can mend is one sentence and exit code 2."""
    from errata.agents.errors import ErrataError

    try:
        app()
    except ErrataError as error:
        print_error(str(error))
    except sqlite3.OperationalError as error:
        remedy = "make room" if "locked" not in str(error) else "end the program that holds them"
        print_error(
            f"the run's checkpoints cannot be used ({error}): {remedy}, then resume the run"
        )
    except OSError as error:
        if error.errno not in REMEDIES:
            raise
        where = f" {error.filename}" if error.filename else ""
        print_error(
            f"cannot read or write{where}: {error.strerror}; {REMEDIES[error.errno]}, then resume "
            "the run"
        )
    else:
        return
    sys.exit(2)


if __name__ == "__main__":
    main()
