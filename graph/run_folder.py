"""The files of one run: what is finished, what is half done, written so that a kill does no harm.

    runs/NAME/
      config.json       the configuration, complete, and the versions it ran with
      manifest.jsonl    the SHA-256 of every finished file; seal.json ends it
      exam/             practice, dev, test, out-of-domain, guard (.jsonl): the questions
      round-00/         the base model: dev.jsonl, practice.jsonl (attempts), promotion.json
      round-01/         plan.json; mistakes, contrasts, diagnoses, picked, solutions, left-out
                        (.jsonl), as its way needs them; asks, votes, examples, refusals (.jsonl);
                        rehearsed, shaped (.jsonl), as its shapers need them; proposed.jsonl and
                        review.json, where a person is asked; training.jsonl, adapter/,
                        trained.json, then the candidate's dev.jsonl, practice.jsonl and
                        guard.jsonl where dev passed, promotion.json
      final/            the sealed exams: readings.json (how often they were read before),
                        test-base.jsonl, test-best.jsonl, out-of-domain-…
      corrected.jsonl   what corrections did to the questions, where there are any
      not-counted.jsonl  questions whose own tests or marker fail, where there are any
      calibration.json  how far a judge agrees with a person; judged.jsonl: its verdicts
      steps.jsonl       how long each step took
      machines.jsonl    what the student's answers were computed with; of a student on servers it
                        is engine.json
      trace.jsonl       events, one a line, as they happen, for people
      costs.jsonl       tokens and money of each call to an LLM; estimate.json: what was expected
      checkpoints.sqlite  LangGraph's
      report.json, report.md, report.svg, report.png

A file is written line by line under the name `X.jsonl.part` and renamed when it is whole.
docs/run-folder.md describes each file.
"""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeVar

from filelock import FileLock, Timeout

from errata.agents.engine import copy_engine
from errata.agents.errors import ExamError, RunError
from errata.agents.exams.corrections import Corrected
from errata.agents.exams.held_out import RESEMBLES
from errata.agents.jsonl import Log, read_record, read_records, so_far, write_records
from errata.agents.marking.judged import JUDGED
from errata.agents.plain_text import one_line
from errata.agents.promotion import Promotion
from errata.agents.records import Attempt, Mistake, Question, Record, Refusal, RefusalLine, Unusable
from errata.graph.manifest import Manifest
from errata.graph.trace import HIDDEN, events_of, failure_of, step_under_way

R = TypeVar("R", bound=Record)

SEALED = ("test", "out-of-domain")
"""Sets of questions that are read once, at the end."""
CALIBRATION = "calibration.json"
"""How far a run's judges agree with a person."""
HELD_OUT = ("dev", "guard", *SEALED)
"""Sets that nothing may be learnt from."""

FORMAT = 6
"""Of the files in a run folder; a run of another format is refused by name."""


class StepTime(Record):
    """One line of steps.jsonl: a step that was finished."""

    round: int
    step: str
    seconds: float


class NotCountedQuestion(Record):
    """One line of not-counted.jsonl: a question whose own tests or marker fail, or which its judge
    gives no verdict on. It is in no figure of the run."""

    question_id: str
    why: str


Stands = Literal["finished", "at work", "waits for your review", "stopped"]
"""How a run stands at the moment of reading."""

LOOK = 0.3
"""Seconds, more than `RunFolder.at_work` holds the lock to see whether it is free."""


class RunFolder:
    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def exists(self) -> bool:
        """Whether there is a run; a folder without configuration is none."""
        return (self.path / "config.json").is_file()

    def round(self, index: int) -> Path:
        return self.path / f"round-{index:02d}"

    def rounds(self) -> list[int]:
        """Those that began."""
        named = (path.name.removeprefix("round-") for path in self.path.glob("round-*"))
        return sorted(int(number) for number in named if number.isdecimal())

    def promotion(self, index: int) -> Path:
        return self.round(index) / "promotion.json"

    def plan(self, index: int) -> Path:
        return self.round(index) / "plan.json"

    def review(self, index: int) -> Path:
        return self.round(index) / "review.json"

    def history(self, index: int) -> list[bool]:
        """Whether each candidate before a round was promoted."""
        before = range(1, index)
        return [read_record(self.promotion(at), Promotion).promoted for at in before]

    def final_exam(self, exam: str, model: str) -> Path:
        """Attempts of the `base` or the `best` model at the `test` or the `out-of-domain` exam."""
        return self.path / "final" / f"{exam}-{model}.jsonl"

    def exam(self, name: str) -> Path:
        return self.path / "exam" / f"{name}.jsonl"

    @cached_property
    def manifest(self) -> Manifest:
        return Manifest(self.path)

    @cached_property
    def step_times(self) -> Log[StepTime]:
        return Log(self.path / "steps.jsonl", StepTime)

    def create(self, fill: Callable[[RunFolder], None]) -> None:
        """Makes the folder with what `fill` writes into it: whole, or not at all.

        Raises:
            RunError: There is a folder of that name already.
        """
        scratch = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")
        shutil.rmtree(scratch, ignore_errors=True)
        try:
            fill(RunFolder(scratch))
            Manifest(scratch).record_finished()
            try:
                scratch.rename(self.path)
            except OSError:
                if not self.path.exists():
                    raise
                raise taken(self) from None
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    @cached_property
    def not_counted(self) -> Log[NotCountedQuestion]:
        return Log(self.path / "not-counted.jsonl", NotCountedQuestion)

    @property
    def corrections(self) -> Path:
        return self.path / "corrected.jsonl"

    def corrected(self) -> list[Corrected]:
        """What corrections did to the questions; none where there are none."""
        path = self.corrections
        return read_records(path, Corrected) if path.exists() else []

    def write_questions(
        self, sets: Mapping[str, Sequence[Question]], corrected: Sequence[Corrected]
    ) -> None:
        """Each set's, by its name, and what corrections did to them."""
        if corrected:
            write_records(self.corrections, corrected)
        for name, questions in sets.items():
            write_records(self.exam(name), questions)

    def questions(self, name: str) -> list[Question]:
        """Of the set `practice`, `dev`, `test`, `out-of-domain` or `guard`, without those not
        counted; none where there is no such set.

        Raises:
            ExamError: None of them can be counted.
        """
        path = self.exam(name)
        if not path.exists():
            return []
        left_out = {line.question_id for line in self.not_counted.read()}
        questions = [q for q in read_records(path, Question) if q.id not in left_out]
        if not questions:
            raise ExamError(
                f"{path}: no question can be marked, their own tests or marker fail: mend them"
            )
        return questions

    def collected(self, index: int, name: str, of: type[R]) -> list[R]:
        """The lines of one of a round's files; none where its way does not write it."""
        path = self.round(index) / f"{name}.jsonl"
        return read_records(path, of) if path.exists() else []

    def mistakes_so_far(self, index: int) -> list[Mistake]:
        """Of a round, with their contrast where there is one."""
        folder = self.round(index)
        contrasted = so_far(folder / "contrasts.jsonl", Mistake)
        return contrasted or so_far(folder / "mistakes.jsonl", Mistake)

    def held_out_sources(self, index: int) -> set[str]:
        """Ids of what a round's writer wrote from when it came too near to a held-out question."""
        path = self.round(index) / "refusals.jsonl"
        results = (line.result for line in so_far(path, RefusalLine))  # it may still be written
        return {
            refused.draft.diagnosis_id
            for refused in results
            if isinstance(refused, Refusal) and gives_away(refused)
        }

    def attempts(self, path: Path) -> list[Attempt]:
        """The answers in `path`, without those to questions that are not counted."""
        left_out = {line.question_id for line in self.not_counted.read()}
        return [a for a in read_records(path, Attempt) if a.question_id not in left_out]

    def base_answers(self, name: str) -> Path:
        """The base model's to a set."""
        return self.final_exam(name, "base") if name in SEALED else self.round(0) / f"{name}.jsonl"

    def copy_base_answers(self, to: RunFolder) -> None:
        """The base model's finished answers, and which questions are corrected or not counted, into
        another folder."""
        finished = (self.round(0).glob("*.jsonl"), self.path.glob("final/*-base.jsonl"))
        records = (
            self.not_counted.path,
            self.corrections,
            self.path / JUDGED,
            self.path / CALIBRATION,
        )
        self.copy_files((*itertools.chain(*finished), *records), to)

    def copy_files(self, paths: Iterable[Path], to: RunFolder) -> None:
        """Those of its files that are there, into another folder, with the engine's record."""
        for path in paths:
            if path.exists():
                copy = to.path / path.relative_to(self.path)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy)
        copy_engine(self.path, to.path)

    @property
    def at_work(self) -> bool:
        """Whether some process holds the folder; not known, and False, where it may not be locked
        from here."""
        if not (self.path / "lock").exists():
            return False
        try:
            with self.locked(patience=0):
                return False
        except RunError:
            return True
        except OSError:
            return False

    def stands(self, events: Sequence[dict[str, Any]] | None = None) -> Stands:
        """
        Args:
            events: Of its trace, where they were read already.
        """
        if (self.path / "report.json").exists():
            return "finished"
        if self.at_work:
            return "at work"
        events = events_of(self.path) if events is None else events
        waits = step_under_way(events) == "review" and failure_of(events) is None
        answered = self.review(max(self.rounds(), default=0)).exists()
        return "waits for your review" if waits and not answered else "stopped"

    def check_finished(self) -> None:
        """Raises: RunError: The run is not; it says how it stands, and what to do."""
        if (how := unfinished(self)) is not None:
            raise RunError(f"the run {self.path} {how}")

    @contextmanager
    def locked(self, patience: float = LOOK) -> Iterator[None]:
        """Holds the folder for this process; the system lets go of it when the process dies.

        Args:
            patience: Seconds to wait for another process to let go.

        Raises:
            RunError: Another process is at work in it.
        """
        lock = FileLock(self.path / "lock")
        try:
            lock.acquire(timeout=patience)
        except Timeout:
            raise RunError(
                f"the run {self.path} is at work in another process: wait for it, or stop it first"
            ) from None
        try:
            yield
        finally:
            lock.release()


def taken(folder: RunFolder) -> RunError:
    if not folder.exists:
        return RunError(f"{folder.path} is there already and is no run: choose another name")
    how = unfinished(folder) or f"is finished: `errata resume {folder.name}` shows its report again"
    return RunError(
        f"the run {folder.path} is there already, and {how}; another name starts a new one"
    )


def unfinished(folder: RunFolder) -> str | None:
    """How a run stands, and what to do, to be said after its name; None of a finished one."""
    resume = f"`errata resume {folder.name}`"
    match folder.stands():
        case "finished":
            return None
        case "at work":
            return (
                "is at work in another process: wait for its end (`errata runs` says how far it is)"
            )
        case "waits for your review":
            return f"waits for your review: see `errata review {folder.name}`, then {resume}"
        case "stopped":
            events = events_of(folder.path)
            if (why := failure_of(events)) is not None:
                step = step_under_way(events)
                return (
                    f"is not finished, its {step} failed ({one_line(why)}): {resume} tries it again"
                )
            return f"is not finished: {resume} goes on with it"


def gives_away(refused: Refusal | Unusable) -> bool:
    """Whether it was refused because it is, or is too near to, a held-out question."""
    return refused.reason in RESEMBLES


def withheld(refusal: Refusal) -> Refusal:
    """The refusal without the draft's texts, where they would give a held-out question away."""
    if not gives_away(refusal):
        return refusal
    texts = dict.fromkeys(("prompt", "completion", "target"), HIDDEN)
    return refusal.model_copy(update={"draft": refusal.draft.model_copy(update=texts)})


def find_run(name: str, runs: Path) -> RunFolder:
    """The folder of a run, by its path or by its name under `runs`.

    Raises:
        RunError: There is none.
    """
    for path in (Path(name), runs / name):
        path = path if path.name not in ("", "..") else path.resolve()  # `.` is named, too
        if RunFolder(path).exists:
            return RunFolder(path)
    for path in (runs / name, Path(name)):
        if inner := sorted(str(found.parent) for found in path.glob("*/*/config.json")):
            held = ", ".join(inner)
            raise RunError(f"there is no run {name!r}, but {path} holds {held}: name one of these")
        if (path / "prompts.json").exists():
            raise RunError(
                f"there is no run {name!r}: in {path} a system prompt was chosen and nothing "
                "trained; `errata compare` shows what came of it"
            )
    there = ", ".join(run.name for run in all_runs(runs)) or "none"
    raise RunError(f"there is no run {name!r} in {runs}/ (there: {there}): see `errata runs`")


def all_runs(runs: Path) -> Sequence[RunFolder]:
    """Runs under `runs`, oldest first."""
    found = [path.parent for path in runs.glob("[!.]*/config.json")]
    return [RunFolder(path) for path in sorted(found, key=lambda path: path.stat().st_mtime)]


def free_name(name: str, runs: Path) -> str:
    """`name`, or `name-2`, `name-3` … where that is taken."""
    names = {path.name for path in runs.glob("*")}
    numbered = (f"{name}-{n}" for n in range(2, len(names) + 3))
    return next(free for free in (name, *numbered) if free not in names)
