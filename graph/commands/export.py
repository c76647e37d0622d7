"""A run's model for other programs, and whether it answers there as it did here: `errata export`.

The run's folder is read, never written; of its questions only those of dev are asked.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import ValidationError

from errata.agents.errors import ErrataError, ExportError, StepFailed
from errata.agents.examiner import NotCounted, mark_all
from errata.agents.jsonl import naming, read_record, read_records, write_record, write_text
from errata.agents.records import Attempt, ModelRef, Question
from errata.agents.student import prompts_of
from errata.agents.weights.exporter import ask_plainly, write_export
from errata.agents.weights.ollama import ask_ollama, ollama_here
from errata.graph.agents import judges_at_hand
from errata.graph.config import RunConfig
from errata.graph.exporting.card import Known, card
from errata.graph.exporting.certificate import (
    NAME,
    Agreement,
    Certificate,
    compare,
    hashes_in,
)
from errata.graph.provenance import Provenance, read_provenance
from errata.graph.report import Report
from errata.graph.run_folder import RunFolder
from errata.graph.watcher import Watcher
from errata.training.export_jobs import (
    Exported,
    ExportJob,
    PlainEngine,
    PlainJob,
    PlainReply,
    Target,
)
from errata.training.finished import NAME as TRAINED
from errata.training.jobs import FinishedTraining, Machine

WITH_CARD: tuple[Target, ...] = ("adapter", "hub-folder")


@dataclass(frozen=True)
class Chosen:
    """Which model of a run is exported, and what it answered there."""

    run: RunFolder
    began: Provenance
    report: Report
    round: int
    model: ModelRef
    questions: Sequence[Question]
    """Of dev: those that are to be asked again."""
    answers: Sequence[Attempt]
    """The run's, to the dev questions."""

    @property
    def config(self) -> RunConfig:
        return self.began.config_on_record


@dataclass(frozen=True)
class Finished:
    """An export that passed."""

    folder: Path
    certificate: Certificate
    notes: tuple[str, ...]


def export(
    folder: RunFolder,
    to: Target,
    out: Path,
    watcher: Watcher,
    which: str = "best",
    questions: int | None = None,
) -> Finished:
    """Writes the export, asks it dev questions by the door it was made for, and compares.

    Args:
        out: A folder that is not there; it appears when everything is in it.
        which: Round: a number, `best` or `last`.
        questions: So many of the dev questions; all when not said.

    Raises:
        RunError: The run is not finished, or its files are not as they were.
        ExportError: There is no such model, or `out` is there, or the export answers otherwise
            than the run's model did. Then it lies beside `out`, under a name that says so.
        StepFailed: A child process failed.
    """
    chosen = choose(folder, which, questions)
    with scratch_for(out) as (scratch, logs):
        watcher.progress("writing the model", 0, 0)
        job = ExportJob(
            model=chosen.model,
            to=to,
            folder=scratch,
            system=chosen.config.student.system,
            max_new_tokens=chosen.config.student.max_new_tokens,
        )
        exported = write_export(job, logs)
        certificate = certify(scratch, to, chosen, exported, logs, watcher)
        if to in WITH_CARD:
            write_text(scratch / "README.md", card(known(chosen, to, certificate)))
        certificate = certificate.model_copy(update={"files": hashes_in(scratch)})
        write_record(scratch / NAME, certificate)
        place = out if certificate.passed else free_beside(out)
        if place.exists():
            raise taken(place)
        scratch.rename(place)
        if certificate.agreement is not None:  # else the log says why there is none
            shutil.rmtree(logs, ignore_errors=True)
    if not certificate.passed:
        raise ExportError(f"{certificate.why}: it is kept as {place}, see {NAME} there")
    return Finished(out, certificate, exported.notes)


# Which model.


def choose(folder: RunFolder, which: str, questions: int | None) -> Chosen:
    """
    Raises:
        RunError, ExportError: As `export`.
    """
    folder.check_finished()
    began = read_provenance(folder)
    folder.manifest.verify()
    report = read_record(folder.path / "report.json", Report)
    index = round_of(which, folder, report)
    student = began.config_on_record.student
    adapter = str((folder.round(index) / "adapter").resolve()) if index else student.adapter
    if adapter is None:
        best = "no round was better than its base" if which == "best" else "round 0 is its base"
        raise ExportError(
            f"the run {folder.name} has no model of its own to export, {best}: name another round "
            f"with --round, or use {student.model} as it is"
        )
    asked = folder.questions("dev")[:questions]
    return Chosen(
        run=folder,
        began=began,
        report=report,
        round=index,
        model=ModelRef(base=student.model, adapter=adapter),
        questions=asked,
        answers=folder.attempts(folder.round(index) / "dev.jsonl"),
    )


def round_of(which: str, folder: RunFolder, report: Report) -> int:
    """Raises: ExportError: there is none, or it trained no model."""
    if which == "best":
        return report.best_round
    made = [index for index in folder.rounds() if (folder.round(index) / "dev.jsonl").exists()]
    if which == "last":
        return made[-1]
    if not which.isdecimal() or int(which) not in made:
        there = ", ".join(map(str, made))
        raise ExportError(
            f"--round {which}: no model of such a round was examined; there are {there}, and the "
            "words best and last"
        )
    return int(which)


# Where it goes.


@contextmanager
def scratch_for(out: Path) -> Iterator[tuple[Path, Path]]:
    """A folder to write in, and one for logs, both hidden beside `out`; what is left of the first
    is taken away.

    Raises:
        ExportError: `out` is there already, or another process writes it.
    """
    if out.exists():
        raise taken(out)
    scratch, logs, lock = (out.with_name(f".{out.name}.{end}") for end in ("part", "logs", "lock"))
    with naming(out.parent):
        out.parent.mkdir(parents=True, exist_ok=True)
        held = FileLock(lock)
        try:
            held.acquire(blocking=False)
        except Timeout:
            raise ExportError(f"{out} is being written by another process: wait for it") from None
    try:
        shutil.rmtree(scratch, ignore_errors=True)
        yield scratch, logs
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        with suppress(OSError):
            lock.unlink()
        held.release()


def taken(out: Path) -> ExportError:
    return ExportError(f"{out} is there already: name another folder with --out")


def free_beside(out: Path) -> Path:
    """A name that says what is wrong with it, and that nothing has yet."""
    first = out.with_name(f"{out.name}.does-not-answer-alike")
    numbered = (first.with_name(f"{first.name}-{n}") for n in range(2, 1_000_000))
    return next(path for path in (first, *numbered) if not path.exists())


# Whether it answers alike.


def certify(
    folder: Path,
    to: Target,
    chosen: Chosen,
    exported: Exported,
    logs: Path,
    watcher: Watcher,
) -> Certificate:
    """What the export answers to the dev questions, beside what the run's model answered.

    Raises:
        SandboxError: Generated code cannot be run safely here.
    """
    engine: PlainEngine | None = None
    agreement: Agreement | None = None
    left_out = []
    version = ollama_here() if to == "ollama" else None
    if to == "ollama" and version is None:
        left_out.append(
            "Ollama, since no `ollama` with a running server is here; transformers was asked "
            "instead, with the same weights and chat template"
        )
    if chosen.config.student.quantize is not None:
        left_out.append(
            "the sealed figures with these weights: in the run the base was rounded to 4 bits when "
            "it was trained and asked, and this export is not rounded"
        )
    asked = {question.id: question for question in chosen.questions}
    heard: list[tuple[Question, PlainReply]] = []
    try:
        for message in answers_of(folder, to, chosen, version, logs):
            if isinstance(message, PlainEngine):
                engine = message
            else:
                heard.append((asked[message.id], message))
                watcher.progress("asking the export", len(heard), len(asked))
    except StepFailed as error:
        why = f"the export does not answer: {error}"
        passed = False
    else:
        with judges_at_hand(chosen.config, chosen.run.path):
            marked = mark_all(heard, lambda reply: reply.text, NotCounted(watcher.say))
            found = {question.id: (reply.text, mark.correct) for question, reply, mark in marked}
        if not any(made.question_id in found for made in chosen.answers):
            raise ExportError("none of the dev questions has a verdict, so nothing can be compared")
        agreement = compare(chosen.answers, found)
        passed, why = agreement.enough, said(agreement, engine)
    seal = chosen.run.manifest.sealing()
    student = chosen.config.student
    return Certificate(
        run=chosen.run.name,
        seal=None if seal is None else seal.short,
        round=chosen.round,
        to=to,
        passed=passed,
        why=why,
        not_checked=tuple(left_out),
        engine=engine,
        ran_with=machines_of(chosen.run),
        written_as=exported.dtype,
        system=student.system,
        max_new_tokens=student.max_new_tokens,
        agreement=agreement,
    )


def answers_of(
    folder: Path, to: Target, chosen: Chosen, ollama: str | None, logs: Path
) -> Iterator[PlainEngine | PlainReply]:
    prompts = prompts_of(chosen.questions, chosen.config.student.system)
    if ollama is not None:
        return ask_ollama(folder, ollama, prompts)
    student = chosen.config.student
    job = PlainJob(
        folder=folder,
        base=chosen.model.base if to == "adapter" else None,
        system=student.system,
        prompts=prompts,
        max_new_tokens=student.max_new_tokens,
        batch=student.batch_size,
    )
    return ask_plainly(job, logs)


def said(found: Agreement, engine: PlainEngine | None) -> str:
    """In one sentence."""
    by = "nothing" if engine is None else f"{engine.name} ({engine.device}, {engine.dtype})"
    equal = (
        f"asked by {by}, {found.equal_verdicts:.1%} of {found.questions} dev questions have the "
        f"run's verdict and {found.equal_texts:.1%} its very text"
    )
    if found.equal_verdicts < found.least_verdicts:
        return (
            f"the export does not answer as the run's model did ({equal}; of the verdicts "
            f"{found.least_verdicts:.0%} must be equal)"
        )
    if found.begins_alike < found.least_beginning:
        return (
            f"the export does not answer as the run's model did ({equal}, but the answers "
            f"part after {found.begins_alike:.0%} of their length, on average, not after "
            f"{found.least_beginning:.0%})"
        )
    return equal


def machines_of(run: RunFolder) -> tuple[str, ...]:
    path = run.path / "machines.jsonl"
    machines = read_records(path, Machine) if path.exists() else []
    return tuple(f"{machine.device}, {machine.precision}" for machine in machines)


# What the card is made of.


def known(chosen: Chosen, to: Target, certificate: Certificate) -> Known:
    training = None
    assert chosen.model.adapter is not None
    with suppress(OSError, ValidationError, json.JSONDecodeError, ErrataError):
        path = Path(chosen.model.adapter) / TRAINED
        training = FinishedTraining.model_validate_json(path.read_bytes())
    return Known(
        report=chosen.report,
        config=chosen.config,
        round=chosen.round,
        to=to,
        versions=dict(chosen.began.versions),
        manifest=chosen.run.manifest.read().lines,
        training=training,
        certificate=certificate,
        conversations=any(question.before for question in chosen.questions),
    )
