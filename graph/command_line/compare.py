"""errata compare: ways to learn, two runs, or two models."""

from typing import Annotated

import typer

from errata.graph.command_line.options import HERE, Json, NoTracing, Runs, complete_run
from errata.graph.command_line.terminal import tell, tracing_told, working


def compare(
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="CONFIG | RUN RUN | FILE FILE",
            help="A TOML file; names or folders of two runs; or two files of `errata exam --out`.",
            autocompletion=complete_run,
        ),
    ],
    arms: Annotated[
        str | None,
        typer.Option(
            help="What is compared, commas between: ways to learn, all when not said; `prompt`, a "
            "better system prompt and no training; `prompt+WAY`, both."
        ),
    ] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="Runs of each arm; 3.")] = None,
    runs: Runs = HERE,
    name: Annotated[
        str | None, typer.Option(help="Name of the comparison, instead of the file's.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would run and what it may take.")
    ] = False,
    questions: Annotated[
        str | None,
        typer.Option("--set", help="Of two runs: test (when not said), dev, out-of-domain."),
    ] = None,
    show: Annotated[
        bool, typer.Option("--show", help="Of two: with the texts of some questions.")
    ] = False,
    fail_if_worse: Annotated[
        float | None,
        typer.Option(
            metavar="LEVEL",
            help="Of two: exit code 1 where the second is worse, in all or in one kind; LEVEL is "
            "the share of false alarms, such as 0.05.",
        ),
    ] = None,
    as_json: Json = False,
    no_tracing: NoTracing = False,
) -> None:
    """Compare ways to learn, two finished runs, or two models.

    Ways: on the exams of CONFIG. Runs, or files of answers: question by question.
    """
    from errata.graph.commands.compare import ArmsAsked, compare_two, read_arguments
    from errata.graph.comparing.compare import compare as compare_arms
    from errata.graph.comparing.compare import outlook
    from errata.graph.costs import currency_of
    from errata.graph.views.compare import (
        draw_comparison,
        print_comparison,
        print_flips,
        print_outlook,
    )

    asked = read_arguments(what, arms, seeds, runs, name, dry_run, questions, show, fail_if_worse)
    if not isinstance(asked, ArmsAsked):
        flips = compare_two(asked, show, fail_if_worse)
        tell(flips, as_json, print_flips)
        if flips.loss is not None and flips.loss.worse:
            raise typer.Exit(1)
        return
    given = (asked.config, asked.arms, asked.seeds, runs)
    if dry_run:
        ahead = outlook(*given)
        tell(ahead, as_json, print_outlook, currency_of(asked.config))
        return
    with (
        working(to_stderr=as_json, again=True) as watcher,
        tracing_told(watcher, not no_tracing and asked.config.tracing),
    ):
        found = compare_arms(*given, watcher=watcher)
    folder = runs / f"{asked.config.name}.compare"
    draw_comparison(found, folder)
    tell(found, as_json, print_comparison, folder)
