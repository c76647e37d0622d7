"""From a person's file to a folder with a run's configuration and its questions: `errata init`."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from errata.agents.errors import ConfigError, ExamError
from errata.agents.exams.rows import Skipped
from errata.agents.exams.several import load_exams
from errata.agents.intake import Finding, Looked, Source, Undecided, Wishes, look
from errata.agents.intake.findings import finding
from errata.agents.intake.looking import Lengths
from errata.agents.intake.split import SIDES, Sizes, sizes_of
from errata.agents.jsonl import write_text
from errata.agents.records import Record
from errata.graph.agents import Given, open_agents
from errata.graph.commands.check import sees
from errata.graph.commands.first_config import (
    JUDGE,
    RUBRIC,
    SCHEMA,
    config_text,
    exam_settings,
    is_labelled,
    name_of,
    to_label,
)
from errata.graph.config import load_config
from errata.graph.costs import Estimate
from errata.graph.estimate import estimate_run
from errata.graph.run_folder import RunFolder
from errata.graph.trace import Trace

CONFIG = "errata.toml"
FLAGS = {
    "--target": "target",
    "--prompt": "prompt",
    "--answer": "answer",
    "--uncorrected": "uncorrected",
    "--first-option": "first_option",
    "--near": "near",
}
"""Flag → what it says among the wishes."""

Ask = Callable[[Undecided], str]
"""Has a person choose."""


class Intake(Record):
    """What `errata init` found and wrote: `--json`."""

    source: str
    form: str
    """Format and encoding, in words."""
    rows: int
    """Read."""
    left_out: int
    """Rows that are in none of the three files; left-out.jsonl says why."""
    columns: Mapping[str, str]
    """Column → what it is, and why."""
    answer: str
    why: str
    """Why answers are judged so."""
    labels: tuple[str, ...] = ()
    kinds: Mapping[str, int]
    questions: Lengths
    answers: Lengths
    sizes: Sizes
    strategy: str
    strategy_why: str
    findings: tuple[Finding, ...]
    decided: Mapping[str, str]
    """Flag → what was taken for it, where the person did not give it."""
    folder: str
    files: tuple[str, ...]
    sees: str
    """Which gain a run can see."""
    estimate: Estimate | None
    """What LLMs may take; None where none is asked."""
    unknown_cost: str = ""
    """Why there is no estimate, although an LLM is asked."""
    next: tuple[str, ...]
    """What to do next, in this order: commands, as a rule."""


@dataclass(frozen=True)
class Place:
    """Where the files go."""

    out: Path | None
    """A folder of the data's name in the working folder where not said."""
    force: bool = False
    """May take the place of files that are there."""
    model: str = "bundled"


def init(
    source: Source, wishes: Wishes, place: Place, ask: Ask | None, yes: bool = False
) -> Intake:
    """Looks at the rows, has decided what is open, and writes the folder.

    Args:
        ask: None: there is nobody to ask.
        yes: Takes every proposal.

    Raises:
        ConfigError: Something is undecided and nobody can be asked; or the folder is there.
        ExamError: The rows cannot become an exam.
    """
    name = name_of(source.name)
    folder = place.out or Path(name)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())) and not place.force:
        raise ConfigError(f"{folder} is there already: name another folder with --out, or --force")
    looked, decided = decide(source, wishes, ask, yes)
    scratch = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(scratch, ignore_errors=True)
    try:
        scratch.mkdir(parents=True)
        looked = markable(looked, scratch)
        files = write(looked, scratch, name, place.model)
        config = load_config(scratch / CONFIG)
        exams = load_exams(config.exam)
        shown, estimate, unknown = sees(config, exams), None, ""
        try:
            agents = open_agents(
                config, RunFolder(scratch / "none"), Trace(scratch / "none"), None, Given()
            )
            if config.judged_exams:
                unknown = (
                    "the judge is paid for each answer and each label; a run says how much before "
                    "anything is sent"
                )
            else:
                estimate = estimate_run(config, agents, exams.practice)
        except ConnectionError as error:  # a key or a package that is missing
            unknown = str(error)
        folder.mkdir(parents=True, exist_ok=True)
        for file in files:
            (scratch / file).replace(folder / file)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return Intake(
        source=source.name,
        form=source.form,
        rows=len(source.rows) + len(source.bad),
        left_out=len(looked.left_out),
        columns=looked.columns.why,
        answer=looked.judged.type,
        why=looked.judged.why,
        labels=looked.judged.labels,
        kinds=looked.kinds,
        questions=looked.questions,
        answers=looked.answers,
        sizes=looked.sizes,
        strategy=looked.plan.strategy,
        strategy_why=looked.plan.why,
        findings=tuple(looked.findings),
        decided=decided,
        folder=str(folder),
        files=tuple(files),
        sees=shown,
        estimate=estimate,
        unknown_cost=unknown,
        next=steps(looked, folder),
    )


def steps(looked: Looked, folder: Path) -> tuple[str, ...]:
    """What to do with a folder that is written."""
    config = shlex.quote(str(folder / CONFIG))
    judged = [f"errata judge {config}"]
    if not is_labelled(looked):
        judged.insert(0, f"fill in {folder / JUDGE['rubric']} and {folder / JUDGE['labelled']}")
    return (
        *(judged if looked.judged.type == "judge" else ()),
        f"errata check {config}",
        f"errata doctor {config}",
        f"errata run {config}",
    )


def decide(
    source: Source, wishes: Wishes, ask: Ask | None, yes: bool
) -> tuple[Looked, dict[str, str]]:
    """Looks until nothing is open.

    Raises:
        ConfigError: Something is, and there is nobody to ask.
    """
    decided: dict[str, str] = {}
    while True:
        looked = look(source, wishes)
        if not looked.undecided:
            return looked, decided
        question = looked.undecided[0]
        if yes:
            answer = question.proposal
        elif ask is not None:
            answer = ask(question)
        else:
            choices = " or ".join(question.choices)
            raise ConfigError(
                f"{question.asked} {question.why[0].upper()}{question.why[1:]}. Say "
                f"{question.flag} {choices}; --yes takes {question.proposal!r}"
            )
        decided[question.flag] = answer
        wishes = with_answer(wishes, question.flag, answer)


def with_answer(wishes: Wishes, flag: str, answer: str) -> Wishes:
    key = FLAGS[flag]
    if key not in ("prompt", "target"):
        return wishes.model_copy(update={key: answer})
    value: Any = (answer,) if key == "prompt" else answer
    return wishes.model_copy(update={"columns": wishes.columns.model_copy(update={key: value})})


def markable(looked: Looked, folder: Path) -> Looked:
    """The same without the questions that the exam itself refuses; their sets lie in `folder`.

    Raises:
        ExamError: None is left of a set.
    """
    for side in SIDES:
        write_lines(folder / f"{side}.jsonl", (row.fields for row in looked.divided.sides[side]))
    if looked.judged.type == "judge":
        write_text(folder / JUDGE["rubric"], RUBRIC)
    if looked.judged.schema:
        write_text(folder / SCHEMA, looked.judged.schema)
    for name, text in looked.source.files.items():
        write_text(folder / name, text)
    skipped: list[Skipped] = []
    try:
        exam_settings(looked, folder, SIDES).read(skipped)
    except ValidationError as error:
        raise ConfigError(
            f"answers of the type {looked.judged.type!r} cannot be had like this: "
            f"{error.errors()[0]['msg']}"
        ) from None
    except ExamError as error:
        first = f"{skipped[0].reason}" if skipped else str(error)
        raise ExamError(
            f"{looked.source.name}: hardly a row can be marked as {looked.judged.type} ({first}); "
            "say another type with --answer, or another column with --target"
        ) from None
    if not skipped:
        return looked
    bad: dict[tuple[str, int], str] = {}
    for one in skipped:
        name, _, line = one.id.rpartition("-")  # as the reader of the file calls a row
        bad[name, int(line)] = one.reason
    refused = []
    for side, rows in looked.divided.sides.items():
        kept = []
        for at, row in enumerate(rows, 1):
            if (side, at) in bad:
                refused.append(Skipped(where=row.where, reason=bad[side, at]))
            else:
                kept.append(row)
        looked.divided.sides[side] = kept
        write_lines(folder / f"{side}.jsonl", (row.fields for row in kept))
    looked.left_out += refused
    looked.findings.append(
        finding(
            "rows that cannot be marked",
            "problem",
            f"Left out: {refused[0].reason}.",
            [one.where for one in refused],
            f"mend them, or say how answers are judged with --answer (now {looked.judged.type})",
        )
    )
    looked.sizes = sizes_of(looked.divided, looked.plan.rounds)
    return looked


def write(looked: Looked, folder: Path, name: str, model: str) -> list[str]:
    """The files of the folder, the questions already there; their names."""
    files = [f"{side}.jsonl" for side in SIDES]
    write_text(folder / CONFIG, config_text(looked, name, model))
    files.append(CONFIG)
    if looked.left_out:
        write_lines(
            folder / "left-out.jsonl",
            ({"where": one.where, "reason": one.reason} for one in looked.left_out),
        )
        files.append("left-out.jsonl")
    if looked.judged.schema:
        files.append(SCHEMA)
    if looked.judged.type == "judge":
        if not is_labelled(looked):
            write_lines(folder / JUDGE["labelled"], to_label(looked))
        files += [JUDGE["rubric"], JUDGE["labelled"]]
    return [*dict.fromkeys([*files, *looked.source.files])]


def write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
