"""errata exam: a model examined, and nothing changed."""

from pathlib import Path
from typing import Annotated, Literal

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


def exam(
    model: Annotated[str, typer.Argument(help="`bundled`, a model folder, or a hub id.")],
    exams: Annotated[list[str], typer.Argument(metavar="EXAM...", help=EXAM)],
    adapter: Annotated[
        str | None, typer.Option(help="LoRA adapter, such as runs/demo/round-01/adapter.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help=LIMIT)] = None,
    split: Annotated[str | None, typer.Option(help=SPLIT)] = None,
    prompts: Annotated[Path | None, typer.Option(help=PROMPTS)] = None,
    seed: Annotated[int, typer.Option(help="Of the arithmetic questions, and of samples.")] = 0,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help=SKIP_BAD)] = False,
    system: Annotated[str | None, typer.Option(help="System prompt.")] = None,
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Longest answer.")] = 128,
    batch_size: Annotated[int, typer.Option(min=1, help="Answers made at once.")] = 64,
    url: Annotated[
        list[str] | None,
        typer.Option(help="A vLLM server that answers, such as http://127.0.0.1:8001/v1; several."),
    ] = None,
    quantize: Annotated[
        Literal["4bit"] | None,
        typer.Option(help="Round the model's weights, as a run's [student] quantize does."),
    ] = None,
    samples: Annotated[int, typer.Option(help="Answers to each question, for pass@k.")] = 1,
    temperature: Annotated[
        float, typer.Option(help="0: always the likeliest token; several samples need more.")
    ] = 0.0,
    top_p: Annotated[
        float, typer.Option(help="Draw from the likeliest tokens that make up this share.")
    ] = 1.0,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Write every question and answer here (JSON lines); the same command goes on "
            "with it after a stop."
        ),
    ] = None,
    second_look: Annotated[
        bool,
        typer.Option("--second-look", help="Ask after each answer to look at it again."),
    ] = False,
    runs: Runs = HERE,
    no_cache: NoCache = False,
    as_json: Json = False,
) -> None:
    """Examine MODEL on one EXAM or several, and change nothing."""
    from errata.agents.student import StudentSettings
    from errata.graph.commands.exam import (
        evaluate,
        open_exams,
        read_quantize,
        read_sampling,
        read_urls,
    )
    from errata.graph.views.exams import print_evaluation

    sampling = read_sampling(samples, temperature, top_p, seed)
    settings = StudentSettings(
        model=model,
        adapter=adapter,
        system=system,
        max_new_tokens=max_new_tokens,
        batch_size=batch_size,
        urls=read_urls(url or ()),
        quantize=read_quantize(quantize, url or ()),
    )
    with working(to_stderr=as_json) as watcher:
        opened = open_exams(exams, seed, limit, split, skip_bad, prompts, watcher)
        found = evaluate(
            settings,
            opened,
            out,
            watcher,
            sampling=sampling,
            second_look=second_look,
            cache=not no_cache,
            runs=runs,
        )
    tell(found, as_json, print_evaluation)
