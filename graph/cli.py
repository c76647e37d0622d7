"""The command line: errata COMMAND, and what a user can mend in one sentence."""

# Annotations are no strings here: typer would compile each of them twice at every start.

import errno
import json
import signal
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Concatenate, Literal, ParamSpec, TypeVar

import typer

if TYPE_CHECKING:  # nothing heavy before a command is known: --help answers at once
    from rich.console import Console

    from errata.agents.records import Record
    from errata.graph.config import RunConfig
    from errata.graph.report import Report
    from errata.graph.run import Draw
    from errata.graph.views.printer import Printer
    from errata.graph.watcher import Watcher

R = TypeVar("R", bound="Record")
P = ParamSpec("P")

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

EXAM = (
    "`arithmetic`; a JSON-lines file; NAME=PATH, or NAME alone from the hub, of gsm8k, "
    "gsm-plus, mmlu, arc-challenge, mbpp, humaneval, bbh; or a run's TOML file, with its markers "
    "and judges (NAME=FILE.toml: one exam of it)."
)
SPLIT = (
    "Which split of an exam that has several; its test, when not said. Of a TOML file: practice, "
    "dev (when not said) or test, which is sealed: that it was read is noted beside the runs."
)
PROMPTS = "Folder of BIG-Bench Hard's worked questions, a text file for each task."
LIMIT = "Only the first questions of each exam."
SKIP_BAD = "Leave out, and count, what cannot be marked."
Runs = Annotated[Path, typer.Option("--runs", help="Folder that holds the runs.")]
HERE = Path("runs")
Config = Annotated[Path, typer.Argument(help="TOML file of a run.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, and nothing else.")]
NoTracing = Annotated[
    bool,
    typer.Option("--no-tracing", help="Send nothing to LangSmith, whatever the environment says."),
]
NoCache = Annotated[
    bool,
    typer.Option("--no-cache", help="Ask LLMs even what they were asked before, at full price."),
]


def complete_run(context: typer.Context, incomplete: str) -> list[str]:
    """Names of runs, for a shell; nothing heavy is imported while a person waits for a TAB."""
    runs = Path(context.params.get("runs") or HERE)
    names = sorted(path.parent.name for path in runs.glob("[!.]*/config.json"))
    return [name for name in names if name.startswith(incomplete)]


RunName = Annotated[
    str, typer.Argument(help="Name or folder of the run.", autocompletion=complete_run)
]


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


@app.command()
def demo(
    runs: Runs = HERE,
    name: Annotated[str | None, typer.Option(help="Name of the run's folder.")] = None,
    no_cache: NoCache = False,
    no_tracing: NoTracing = False,
    as_json: Json = False,
) -> None:
    """Improve the bundled model on the built-in arithmetic exam.

    No GPU, no key, no network.
    """
    from errata.graph.demo import demo_config

    start(demo_config(), runs, name, not no_cache, not no_tracing, as_json)


@app.command()
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


@app.command()
def run(
    config: Annotated[Path, typer.Argument(help="TOML file; examples/ has some to begin with.")],
    runs: Runs = HERE,
    name: Annotated[
        str | None, typer.Option(help="Name of the run's folder, instead of the file's.")
    ] = None,
    no_cache: NoCache = False,
    no_tracing: NoTracing = False,
    as_json: Json = False,
) -> None:
    """Run the improvement loop that CONFIG describes."""
    from errata.graph.config import load_config

    start(load_config(config), runs, name, not no_cache, not no_tracing, as_json)


@app.command()
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


@app.command()
def review(
    run: Annotated[
        str,
        typer.Argument(
            help="Name or folder of a run that waits for a review.", autocompletion=complete_run
        ),
    ],
    runs: Runs = HERE,
    out: Annotated[
        Path, typer.Option(help="The review goes here; one that is begun is gone on with.")
    ] = Path("review.json"),
    by: Annotated[
        str | None, typer.Option(help="Who reviews; your login name, when not said.")
    ] = None,
) -> None:
    """Accept, edit or reject the examples that RUN would train on."""
    from errata.graph.agents import judges_at_hand
    from errata.graph.commands.review import open_walk
    from errata.graph.run_folder import find_run
    from errata.graph.views.review import walk_through

    walk = open_walk(find_run(run, runs), out, by)
    with judges_at_hand(walk.config, walk.folder.path):
        walk_through(walk, console())


@app.command("runs")
def list_runs(runs: Runs = HERE, as_json: Json = False) -> None:
    """List the runs here: why each stopped, and what it gained."""
    from errata.graph.commands.runs import standing
    from errata.graph.run_folder import all_runs
    from errata.graph.views.runs import print_runs

    found = [standing(folder) for folder in all_runs(runs)]
    if as_json:
        print(json.dumps({"runs": [run.model_dump(mode="json") for run in found]}, indent=2))
    else:
        print_runs(found, console())


@app.command()
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


@app.command()
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
            serving(folders, port) as server,
            redirecting(server.url) as redirecting_page,
        ):
            printer().unwrapped(f"{server.url}   Ctrl-C ends it")
            if not no_open:
                webbrowser.open(redirecting_page.as_uri())
            signal.pause()
    built = build(folders, with_sealed)
    size = f"{built.bytes / 1_000_000:.1f} MB"
    printer().unwrapped(f"{built.path} ({size})")
    if built.sealed:
        printer().print(
            f"With the sealed texts of {' and '.join(built.sealed)}: whoever has the file can read "
            "them. Noted in looks.jsonl."
        )
    if not no_open:
        webbrowser.open(built.path.resolve().as_uri())


@app.command()
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


@app.command()
def export(
    run: Annotated[
        str, typer.Argument(help="Name or folder of a finished run.", autocompletion=complete_run)
    ],
    to: Annotated[
        str,
        typer.Option(
            help="`merged`: weights that any program loads; `adapter`: the LoRA adapter with its "
            "card; `ollama`: weights and a Modelfile; `hub-folder`: weights and a card, as a "
            "model hub wants them."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder to make; exports/RUN-TO when not said. It must not be there."),
    ] = None,
    which: Annotated[
        str, typer.Option("--round", help="Whose model: a number, `best` or `last`.")
    ] = "best",
    questions: Annotated[
        int | None, typer.Option(min=1, help="Ask only so many of the dev questions afterwards.")
    ] = None,
    runs: Runs = HERE,
    as_json: Json = False,
) -> None:
    """Write RUN's model for other programs, and compare it there.

    The export is asked the run's dev questions by a plain script (transformers, peft, or Ollama
    where it runs), never the sealed ones. certificate.json beside it says how far the answers are
    the run's. An export that answers otherwise is refused: exit code 2, and it is kept under
    another name.
    """
    from typing import get_args

    from errata.graph.commands.export import export as export_run
    from errata.graph.run_folder import find_run
    from errata.graph.views.export import print_export
    from errata.training.export_jobs import Target

    if to not in get_args(Target):
        known = ", ".join(get_args(Target))
        raise typer.BadParameter(f"{to!r} is none of {known}", param_hint="--to")
    folder = find_run(run, runs)
    place = out or Path("exports") / f"{folder.name}-{to}"
    with working(to_stderr=as_json) as watcher:
        found = export_run(folder, to, place, watcher, which, questions)  # type: ignore[arg-type]
    if as_json:
        print(found.certificate.model_dump_json(indent=2))
    else:
        print_export(found, console())


@app.command()
def forecast(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN|CONFIG",
            help="Name or folder of a finished run, or the TOML file that it was made from.",
            autocompletion=complete_run,
        ),
    ],
    runs: Runs = HERE,
    as_json: Json = False,
) -> None:
    """Say whether more examples would help.

    Repeats RUN's last training on 1/8, 1/4 and 1/2 of its rows.

    It says what it will take, and goes on where it was stopped.
    """
    from errata.graph.config import load_config
    from errata.graph.forecast import forecast as forecast_run
    from errata.graph.run_folder import find_run
    from errata.graph.views.forecast import print_forecast

    folder = find_run(load_config(Path(run)).name if Path(run).is_file() else run, runs)
    with working(to_stderr=as_json) as watcher:
        found = forecast_run(folder, watcher=watcher)
    tell(found, as_json, print_forecast)


@app.command()
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


@app.command()
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


@app.command()
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


@app.command()
def audition(
    config: Config,
    instructors: Annotated[
        str | None,
        typer.Option(
            help="Who is tried, commas between: models as `model` takes them, or names of "
            "[audition.instructors]; all of these, when not said."
        ),
    ] = None,
    mistakes: Annotated[int, typer.Option(help="Practice mistakes, the same for all.")] = 30,
    examples: Annotated[int, typer.Option(help="Asked for of each mistake.")] = 4,
    train: Annotated[
        bool, typer.Option("--train", help="Train on equal numbers of their examples, and ask dev.")
    ] = False,
    runs: Runs = HERE,
    name: Annotated[
        str | None, typer.Option(help="Name of the audition, instead of the file's.")
    ] = None,
    as_json: Json = False,
    no_tracing: NoTracing = False,
) -> None:
    """Try several instructors on the same mistakes of CONFIG.

    It says what came back, passed the checks and is new to the student, what that took, and how
    sure it is whom to take. The same command goes on after a stop. The exit code is 2 where no
    instructor got to the end.
    """
    from errata.graph.comparing.audition import audition as hold_audition
    from errata.graph.config import load_config, parse_config
    from errata.graph.views.audition import print_audition

    settings = load_config(config)
    if name is not None:
        settings = parse_config(settings.model_dump() | {"name": name}, "--name")
    asked = [one.strip() for one in (instructors or "").split(",") if one.strip()]
    with (
        working(to_stderr=as_json, again=True) as watcher,
        tracing_told(watcher, not no_tracing and settings.tracing),
    ):
        found = hold_audition(
            settings,
            asked,
            runs,
            mistakes=mistakes,
            examples=examples,
            train=train,
            watcher=watcher,
        )
    tell(found, as_json, print_audition, runs / f"{settings.name}.audition")
    if not any(row.status == "taught" for row in found.rows):
        raise typer.Exit(2)


@app.command()
def instructors(as_json: Json = False) -> None:
    """List what could teach here, and what is missing for it."""
    from errata.graph.commands.instructors import available
    from errata.graph.views.instructors import print_available

    found = available()
    if as_json:
        print(json.dumps({"instructors": [asdict(each) for each in found]}, indent=2))
    else:
        print_available(found, console())


@app.command()
def check(
    config: Config,
    with_rehearsal: Annotated[
        bool,
        typer.Option(
            "--rehearse",
            help="Ask two practice questions, train on them, ask again: how long will a run take?",
        ),
    ] = False,
    runs: Runs = HERE,
    as_json: Json = False,
    no_tracing: NoTracing = False,
) -> None:
    """Look at all that a run of CONFIG needs, before it begins.

    The exams and the gain that they can show; GPUs, memory with its arithmetic, room on the disk,
    the command that launches a training; and the instructor, the writer and a solver, which are
    asked one small question each. The exit code is 2 where something would stop the run.
    """
    from errata.agents.exams.several import load_exams
    from errata.graph.agents import Given
    from errata.graph.commands.check import check as check_config
    from errata.graph.commands.check import sees
    from errata.graph.commands.machine import Asked, Checkup, look, machine_here, rehearse
    from errata.graph.config import load_config
    from errata.graph.views.check import print_looked, print_rehearsed
    from errata.graph.views.instructors import print_checked

    settings = load_config(config)
    rehearsed = None
    with (
        working(to_stderr=as_json) as watcher,
        tracing_told(watcher, not no_tracing and settings.tracing),
    ):
        exams = load_exams(settings.exam, settings.out_of_domain, guard=settings.guard)
        gain = sees(settings)
        watcher.say(gain)
        looked = look(settings, exams, runs, machine_here())
        if not as_json:
            print_looked(looked, console())
        if with_rehearsal and not any(one.state == "problem" for one in looked):
            watcher.progress("rehearsing with two practice questions", 0, 0)
            rehearsed = rehearse(settings, exams, Given())
        found = check_config(settings)
    if as_json:
        agents = tuple(Asked(agent=a.agent, model=a.model, problem=a.problem) for a in found)
        told = Checkup(sees=gain, looked=tuple(looked), rehearsed=rehearsed, agents=agents)
        print(told.model_dump_json(indent=2))
    else:
        if rehearsed is not None:
            print_rehearsed(rehearsed, console())
        print_checked(found, console(), judged=bool(settings.judged_exams))
    if any(one.problem for one in found) or any(one.state == "problem" for one in looked):
        raise typer.Exit(2)


@app.command()
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


@app.command()
def judge(
    config: Annotated[Path, typer.Argument(help="TOML file of a run with an [exam.judge].")],
    no_cache: NoCache = False,
    as_json: Json = False,
    no_tracing: NoTracing = False,
) -> None:
    """Compare CONFIG's judge with answers that a person labelled.

    Each labelled answer is judged three times: agreement, kappa, and how often the verdict changes
    by itself. The exit code is 2 where a run would refuse the judge.
    """
    from errata.graph.commands.judge import judge as calibrate_judges
    from errata.graph.config import load_config
    from errata.graph.run import opened_cache
    from errata.graph.views.judge import print_judges

    settings = load_config(config)
    with (
        working(to_stderr=as_json, again=True) as watcher,
        tracing_told(watcher, not no_tracing and settings.tracing),
        opened_cache(not no_cache, watcher) as replies,
    ):
        found = calibrate_judges(settings, watcher, replies)
    tell(found, as_json, print_judges)
    if any(one.problem for one in found.judges):
        raise typer.Exit(2)


@app.command()
def probe(
    config: Config,
    out: Annotated[Path, typer.Option(help="Practice questions at the edge go here (JSON lines).")],
    adapter: Annotated[
        str | None, typer.Option(help="LoRA adapter, in place of the configuration's.")
    ] = None,
    per_rung: Annotated[int, typer.Option(min=2, help="Questions of each difficulty.")] = 12,
    as_json: Json = False,
) -> None:
    """Make practice questions harder until CONFIG's student fails."""
    from errata.graph.commands.probe import probe as probe_student
    from errata.graph.config import load_config
    from errata.graph.views.probe import print_probe

    settings = load_config(config)
    if adapter is not None:
        changed = settings.student.model_copy(update={"adapter": adapter})
        settings = settings.model_copy(update={"student": changed})
    with working(to_stderr=as_json) as watcher:
        found = probe_student(settings, out, watcher, per_rung)
    tell(found, as_json, print_probe, str(out))


@app.command()
def cache(
    clear: Annotated[bool, typer.Option("--clear", help="Forget the replies.")] = False,
    older_than: Annotated[
        str | None,
        typer.Option(metavar="AGE", help="With --clear: only those, such as 30d or 12h."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show or clear the cache of LLM replies."""
    from errata.agents.chat_models.cache import ReplyCache, replies_path
    from errata.graph.views.costs import print_cache

    with closing(ReplyCache(replies_path())) as replies:
        if clear:
            replies.clear(0 if older_than is None else seconds(older_than))
        elif older_than is not None:
            raise typer.BadParameter("goes with --clear", param_hint="--older-than")
        if as_json:
            models = [found.model_dump() for found in replies.contents()]
            print(json.dumps({"path": str(replies.path), "models": models}, indent=2))
        else:
            print_cache(replies, console())


def seconds(age: str) -> float:
    """Of `12h`, `30d` or `8w`."""
    number, unit = age[:-1], age[-1:]
    if not number.isdecimal() or unit not in "hdw":
        raise typer.BadParameter(f"{age!r} is no age such as 12h, 30d or 8w")
    return int(number) * {"h": 3600, "d": 86_400, "w": 604_800}[unit]


def start(
    config: "RunConfig", runs: Path, name: str | None, cache: bool, tracing: bool, as_json: bool
) -> None:
    from errata.graph.config import parse_config
    from errata.graph.run import run as start_run
    from errata.graph.run_folder import free_name

    name = name or free_name(config.name, runs)
    tracing = tracing and config.tracing
    config = parse_config(config.model_dump() | {"name": name, "tracing": tracing}, "--name")
    finish(
        runs / name,
        lambda watcher, draw: start_run(config, runs, watcher=watcher, cache=cache, draw=draw),
        tracing,
        as_json,
    )


def finish(
    folder: Path, work: "Callable[[Watcher, Draw], Report]", tracing: bool, as_json: bool
) -> None:
    """Works on a run and shows what came of it."""
    from errata.graph.run import ReviewPending
    from errata.graph.views.charts import draw_report
    from errata.graph.views.summary import print_summary

    try:
        with working(folder, to_stderr=as_json) as watcher, tracing_told(watcher, tracing):
            report = work(watcher, draw_report)
    except ReviewPending as waiting:
        printer(to_stderr=as_json).unwrapped(str(waiting))
        raise typer.Exit(3) from None
    tell(report, as_json, print_summary, folder)


@contextmanager
def tracing_told(watcher: "Watcher", wanted: bool) -> Iterator[None]:
    """Work that LangSmith may watch, which is said; or that it may not, unless `wanted`."""
    from errata.agents.chat_models.tracing import tracing_target, without_tracing

    with nullcontext() if wanted else without_tracing():
        if host := tracing_target():
            watcher.say(
                f"tracing is on: questions, answers and prompts go to {host}; --no-tracing "
                "keeps them here"
            )
        yield


@contextmanager
def working(
    run: Path | None = None, to_stderr: bool = False, again: bool = False
) -> "Iterator[Watcher]":
    """Progress bars; Ctrl-C, or a scheduler's SIGTERM, says how to go on.

    Args:
        again: The same command goes on.
    """
    from errata.graph.views.progress import TerminalWatcher

    def stop(number: int, frame: object) -> None:
        raise Stopped

    before = signal.signal(signal.SIGTERM, stop)
    try:
        with TerminalWatcher(console(to_stderr)) as watcher:
            yield watcher
    except KeyboardInterrupt as stopped:
        begun = run is not None and (run / "config.json").exists()
        hint = f"; `errata resume {run.name}` goes on where it was" if run and begun else ""
        hint = "; the same command goes on where it was" if again else hint
        print_error(f"stopped{hint}")
        raise typer.Exit(143 if isinstance(stopped, Stopped) else 130) from None
    finally:
        signal.signal(signal.SIGTERM, before)


class Stopped(KeyboardInterrupt):
    """SIGTERM: the end of a batch job, or of a container."""


def tell(
    found: R,
    as_json: bool,
    screen: "Callable[Concatenate[R, Console, P], None]",
    *more: P.args,
    **named: P.kwargs,
) -> None:
    """What a command found: one JSON object, or a screen, which may take `more`."""
    if as_json:
        print(found.model_dump_json(indent=2))
    else:
        screen(found, console(), *more, **named)


def console(to_stderr: bool = False) -> "Console":
    from rich.console import Console

    return Console(highlight=False, stderr=to_stderr)


def printer(to_stderr: bool = False) -> "Printer":
    from errata.graph.views.printer import Printer

    return Printer(console(to_stderr))


def print_error(sentence: str) -> None:
    """One line on standard error. What an exam, a model or a file name put into it stays text."""
    printer(to_stderr=True).unwrapped(" ".join(f"errata: {sentence}".split()))


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
