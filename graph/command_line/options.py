"""Options and arguments that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

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
