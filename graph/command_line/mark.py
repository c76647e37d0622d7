"""errata mark: responses that were made elsewhere."""

from pathlib import Path
from typing import Annotated

import typer

from errata.graph.command_line.options import (
    EXAM,
    HERE,
    LIMIT,
    PROMPTS,
    SKIP_BAD,
    SPLIT,
    Json,
    NoCache,
    Runs,
)
from errata.graph.command_line.terminal import tell, working


def mark(
    exam: Annotated[str, typer.Argument(help=EXAM)],
    responses: Annotated[
        Path,
        typer.Argument(
            help="JSON lines: `response`, and the question's `id` or its own fields; several "
            "lines for one question are samples."
        ),
    ],
    split: Annotated[str | None, typer.Option(help=SPLIT)] = None,
    prompts: Annotated[Path | None, typer.Option(help=PROMPTS)] = None,
    seed: Annotated[int, typer.Option(help="Of the arithmetic questions.")] = 0,
    limit: Annotated[int | None, typer.Option(min=1, help=LIMIT)] = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help=SKIP_BAD)] = False,
    out: Annotated[
        Path | None,
        typer.Option(help="Write a verdict a line here: id, correct, answer, why."),
    ] = None,
    runs: Runs = HERE,
    no_cache: NoCache = False,
    as_json: Json = False,
) -> None:
    """Mark RESPONSES to EXAM that were made elsewhere."""
    from errata.graph.commands.exam import open_exams
    from errata.graph.commands.mark import mark_responses
    from errata.graph.views.exams import print_marks

    with working(to_stderr=as_json) as watcher:
        opened = open_exams([exam], seed, limit, split, skip_bad, prompts, watcher)
        if len(opened) > 1:
            names = " or ".join(f"{one.name}={exam}" for one in opened)
            raise typer.BadParameter(f"{exam} has several: say {names}", param_hint="EXAM")
        found = mark_responses(opened[0], responses, out, watcher, not no_cache, runs)
    tell(found, as_json, print_marks)
