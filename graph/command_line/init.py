"""errata init: a run's configuration from somebody's own examples."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from errata.graph.command_line.options import Json
from errata.graph.command_line.terminal import tell


def init(
    data: Annotated[
        str | None,
        typer.Argument(
            help="CSV, TSV, JSON, JSON lines or Parquet; a folder of `datasets`, or with a file a "
            "split; or a dataset on the hub, owner/name."
        ),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(
            help="Instead of DATA: a small worked example of number, choice, code, text, math, "
            "label, json or regex."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to make; DATA's name when not said.")
    ] = None,
    prompt: Annotated[
        list[str] | None, typer.Option(help="Column of the question; again for a second part.")
    ] = None,
    target: Annotated[str | None, typer.Option(help="Column of the right answer.")] = None,
    solution: Annotated[
        str | None, typer.Option(help="Column of the worked solution, or `none`.")
    ] = None,
    kind: Annotated[str | None, typer.Option(help="Column of the kind, or `none`.")] = None,
    group: Annotated[
        str | None,
        typer.Option(help="Column of what stays on one side: session, user …; or `none`."),
    ] = None,
    answer: Annotated[
        str | None,
        typer.Option(
            help="How answers are judged: number, choice, code, text, math, label, json, regex, "
            "judge, or python:FILE.py:NAME."
        ),
    ] = None,
    pattern: Annotated[
        str | None, typer.Option(help="With --answer regex: finds the answer in a response.")
    ] = None,
    uncorrected: Annotated[
        str | None, typer.Option(help="Rows that nobody corrected: `drop` or `keep`.")
    ] = None,
    first_option: Annotated[
        str | None, typer.Option(help="Number of the first option, where answers are: 0 or 1.")
    ] = None,
    near: Annotated[
        str | None,
        typer.Option(
            help="Near-duplicates: keep all that are near each other on one side (`together`), "
            "keep the first alone (`drop`), or divide them all the same (`ignore`)."
        ),
    ] = None,
    dev: Annotated[int | None, typer.Option(min=1, help="Dev questions.")] = None,
    test: Annotated[int | None, typer.Option(min=1, help="Test questions.")] = None,
    rows: Annotated[int | None, typer.Option(min=1, help="Read only the first rows.")] = None,
    encoding: Annotated[str | None, typer.Option(help="Of DATA, where it is not UTF-8.")] = None,
    delimiter: Annotated[
        str | None, typer.Option(help="Between the cells of a table: a character, or `tab`.")
    ] = None,
    model: Annotated[str, typer.Option(help="The student: `bundled`, a folder or an id.")] = (
        "bundled"
    ),
    instructor: Annotated[
        str | None, typer.Option(help="An LLM that may be asked, such as openai:gpt-5-mini.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Take every proposal.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Write over what is there.")] = False,
    as_json: Json = False,
) -> None:
    """Write a run's configuration from DATA, your own examples.

    It says what it found and why, asks what it cannot know (on a terminal; elsewhere say it by a
    flag, or --yes), and divides the questions into practice, dev and test.
    """
    from errata.agents.intake import Wishes, read_source
    from errata.agents.intake.columns import Said
    from errata.agents.intake.tasks import task_source
    from errata.graph.commands.init import Place
    from errata.graph.commands.init import init as init_folder
    from errata.graph.views.init import ask_person, print_intake

    if (data is None) == (task is None):
        raise typer.BadParameter("say either DATA or --task", param_hint="DATA")
    place = Place(out, force, model)
    if task is not None:
        source, wishes = task_source(task)
        wishes = wishes.model_copy(update={"instructor": instructor})
    else:
        source = read_source(str(data), encoding, delimiter, rows)
        wishes = Wishes(
            columns=Said(
                prompt=tuple(prompt or ()),
                target=target,
                solution=solution,
                kind=kind,
                group=group,
            ),
            answer=answer,
            pattern=pattern,
            uncorrected=uncorrected,
            first_option=first_option,
            near=near,
            dev=dev,
            test=test,
            instructor=instructor,
        )
    asks = sys.stdin.isatty() and sys.stderr.isatty() and not as_json
    found = init_folder(source, wishes, place, ask_person if asks else None, yes)
    tell(found, as_json, print_intake)
