"""What is wrong with an exam, a base or a run, and what to do about it: `errata doctor`.

The student is asked dev questions alone, and only with `--ask` or `--try`; its answers are kept in
`RUNS/.doctor` and not asked for again.
"""

from __future__ import annotations

import hashlib
import random
import shlex
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from errata.agents.errors import BudgetSpent, ConfigError
from errata.agents.examiner import NotCounted, examine
from errata.agents.exams import FileExam
from errata.agents.exams.corrections import Corrected, Correction, read_corrections, said_of
from errata.agents.exams.rows import Skipped
from errata.agents.exams.several import read_exams
from errata.agents.jsonl import Journal, read_record, write_text
from errata.agents.marking.own import forget_markers
from errata.agents.promotion import ALPHA, foresight, visible_gain
from errata.agents.records import Attempt, LlmCall, Question, Record
from errata.agents.scores import accuracy, clusters
from errata.agents.student import Student, StudentSettings
from errata.agents.verifier import Solver
from errata.agents.weights import check_model
from errata.graph.agents import judges_at_hand, open_student
from errata.graph.commands.exam import OpenedExam, conditions
from errata.graph.comparing.flips import p_of_gain
from errata.graph.config import RunConfig, load_config
from errata.graph.costs import VERIFIER
from errata.graph.doctor.after import find_after
from errata.graph.doctor.answers import (
    Change,
    changes,
    find_no_room,
    find_unread,
    find_what_form_brings,
)
from errata.graph.doctor.facts import find_facts
from errata.graph.doctor.finding import Finding, Name, NotLookedAt, plural
from errata.graph.doctor.sets import (
    Sets,
    find_duplicates,
    find_leaks,
    find_targets_in_questions,
    left_out,
)
from errata.graph.doctor.size import find_dev_too_small, find_few_of_a_kind
from errata.graph.doctor.targets import (
    Asked,
    ask_solver,
    corrections_of,
    find_wrong_targets,
    gather,
)
from errata.graph.page.advice import next_step
from errata.graph.provenance import read_provenance
from errata.graph.report import Report
from errata.graph.run import exams_in, opened_cache
from errata.graph.run_folder import RunFolder, find_run, unfinished
from errata.graph.watcher import Watcher

KEPT = ".doctor"
"""Folder beside the runs that keeps the student's answers."""

OpenStudent = Callable[[StudentSettings], Student]


class Examined(Record):
    """What the doctor found."""

    subject: str
    """The configuration's file, or the run."""
    findings: tuple[Finding, ...]
    """The worst first."""
    not_looked_at: tuple[NotLookedAt, ...]
    notes: tuple[str, ...]
    """What a reader should know though nothing is wrong."""
    corrections: tuple[str, ...]
    """Files of corrections that were written."""
    next_step: str | None
    """Of a finished run: what its result asks for."""

    @property
    def serious(self) -> bool:
        return any(finding.severity == "serious" for finding in self.findings)


@dataclass(frozen=True)
class Subject:
    """What is looked at: a configuration, or a run with its folder."""

    name: str
    config: RunConfig
    folder: RunFolder | None = None


@dataclass(frozen=True)
class Wanted:
    """What may be asked and written besides looking."""

    votes: int = 0
    """Solutions by the LLM of [verify] of each practice and dev question, at most."""
    most: int | None = None
    """Questions that the LLM is asked, at most, drawn by the configuration's seed."""
    ask: bool = False
    """Whether the base model sits the dev exam."""
    form: bool = False
    """Whether it sits it again with other prompts and more tokens."""
    corrections: Path | None = None
    """File to write."""


def find_subject(name: str, runs: Path) -> Subject:
    """A TOML file, or a run by its folder or name.

    Raises:
        ErrataError: There is no such file or run, or it cannot be read.
    """
    path = Path(name)
    if path.suffix == ".toml" or path.is_file():
        return Subject(name, load_config(path))
    folder = find_run(name, runs)
    return Subject(name, read_provenance(folder).config_on_record, folder)


def doctor(
    subject: Subject,
    wanted: Wanted,
    runs: Path,
    watcher: Watcher,
    open_with: OpenStudent | None = None,
    solver: Solver | None = None,
) -> Examined:
    """Looks at everything that can be seen, and asks what is wanted.

    Args:
        open_with: Opens the student, in place of the weights that the configuration names.
        solver: In place of the LLM of [verify].

    Raises:
        ErrataError: The exams cannot be read, the student, the judge or the LLM not be had, or the
            file of corrections is there already.
    """
    kept = runs / KEPT if subject.folder is None else subject.folder.path
    asks = wanted.ask or wanted.form
    forget_markers()  # their files may have been edited
    with judges_at_hand(subject.config, kept) if asks else nullcontext():
        return examined(subject, wanted, runs, watcher, open_with, solver)


def examined(
    subject: Subject,
    wanted: Wanted,
    runs: Path,
    watcher: Watcher,
    open_with: OpenStudent | None,
    solver: Solver | None,
) -> Examined:
    config, folder = subject.config, subject.folder
    if wanted.corrections is not None:
        for path, _ in corrections_files(wanted.corrections, config).values():
            if path.exists():
                raise ConfigError(
                    f"{path} is there already: name another file, nothing is written over"
                )
    sets = sets_of(subject, watcher)
    twisted = [exam.name for exam in config.twisted]
    practice, dev = sets["practice"], sets["dev"]
    findings: list[Finding] = []
    not_looked: list[NotLookedAt] = []

    watcher.progress("solving the questions again", 0, 0)
    plain_sets = {n: [q for q in qs if q.exam not in twisted] for n, qs in sets.items()}
    asked = gather(plain_sets, {} if folder is None else said_in(folder), watcher)
    notes = [
        said_of_solved(asked, wanted.votes),
        foresight(dev, config.rounds, config.stop.gate),
    ]
    if wanted.votes:
        open_ones = sample(asked, wanted.most, config.seed)
        with solver_of(config, wanted.votes, watcher, solver) as opened:
            watcher.say(
                f"{plural(len(open_ones), 'question')} to solve again: {len(open_ones)} calls, and "
                f"at most {wanted.votes * len(open_ones)}"
            )
            try:
                ask_solver(open_ones, practice, opened, wanted.votes, watcher)
            except BudgetSpent as spent:
                notes.append(f"not every question was solved again: {spent}")
    findings += find_wrong_targets(asked)
    watcher.progress("comparing the sets", 0, 0)
    findings += find_leaks(plain_sets)
    findings += find_duplicates(plain_sets)
    findings += find_targets_in_questions(plain_sets)
    findings += find_facts(practice, dev)
    findings += find_few_of_a_kind(plain_sets)

    report = None
    if folder is not None and (folder.path / "report.json").exists():
        report = read_record(folder.path / "report.json", Report)
    base = base_answers(subject, wanted, dev, runs, watcher, open_with)
    known = [question for question in dev if base is not None and question.id in base]
    reached = accuracy(known, list(base.values())) if base is not None and known else None
    gate, rounds = config.stop.gate, config.rounds
    target = config.stop.target_accuracy
    findings += find_dev_too_small(dev, rounds, gate, target, reached)
    if base is None or reached is None:
        how = f"errata doctor {shlex.quote(subject.name)} --ask"
        why = "it takes the base model's answers to the dev questions"
        for what in ("unread answers", "base model"):
            not_looked.append(NotLookedAt(what=what, why=why, do=how))
    else:
        answers = [base[question.id] for question in known]
        if left := len(dev) - len(known):
            notes.append(
                f"{left} of {plural(len(dev), 'dev question')} are not counted: the base model's "
                "answers to them have no verdict"
            )
        if folder is None and config.judged_exams:
            notes.append(
                "an LLM judged the base model's answers, outside [budget]; how far it agrees with "
                f"a person says errata judge {shlex.quote(subject.name)}"
            )
        limit = config.student.max_new_tokens
        if folder is not None and report is not None and report.best_round:
            # Whether the base could be taught is answered; what is used from now on is the best.
            best = folder.attempts(folder.round(report.best_round) / "dev.jsonl")
            findings += find_unread(known, best, limit, wanted.form, "best model")
        else:
            findings += find_unread(known, answers, limit, wanted.form)
            alpha = ALPHA[gate]
            size = len(set(clusters(known)))
            shown = None if alpha is None else visible_gain(size, alpha / rounds)
            findings += find_no_room(reached, target, shown, config.way.solutions, wanted.form)
        if wanted.form:
            findings += tries(config, known, answers, runs, watcher, open_with)
            if own := sum(question.has_system for question in known):
                notes.append(
                    f"{own} of {plural(len(known), 'dev question')} begin with a system message of "
                    "their own, which no system prompt of [student] replaces: for them change that"
                )
    if not wanted.form:
        not_looked.append(
            NotLookedAt(
                what="what the form alone brings",
                why="it takes the base model's answers to other prompts, and to more tokens",
                do=f"errata doctor {shlex.quote(subject.name)} --try",
            )
        )
    advice = None
    if folder is not None and report is not None:
        advice = next_step(report, p_of_gain(folder, report.best_round))
        findings += find_after(folder, report, config.training.max_tokens)
        if not (folder.path / "forecast" / "forecast.json").exists():
            not_looked.append(
                NotLookedAt(
                    what="flat learning curve",
                    why="it takes trainings on parts of the rows",
                    do=f"errata forecast {shlex.quote(folder.name)}",
                )
            )
    elif folder is not None and (stands := unfinished(folder)) is not None:
        notes.append(f"what came of the run is not looked at, since it {stands}")
    written: list[str] = []
    if wanted.corrections is not None:
        written = [*write_corrections(wanted.corrections, config, asked, plain_sets, notes)]
        if not written:
            notes.append(f"there is nothing to correct: {wanted.corrections} was not written")
    order = {name: at for at, name in enumerate(get_args(Name))}
    findings.sort(key=lambda f: (f.severity != "serious", order[f.name]))
    return Examined(
        subject=subject.name,
        findings=tuple(named(finding, subject.name) for finding in findings),
        not_looked_at=tuple(not_looked),
        notes=tuple(notes),
        corrections=tuple(written),
        next_step=advice,
    )


def named(finding: Finding, subject: str) -> Finding:
    """With the subject in its commands."""
    command = f"errata doctor {shlex.quote(subject)}"
    do = tuple(line.replace("errata doctor …", command) for line in finding.do)
    return finding.model_copy(update={"do": do})


# The questions.


def sets_of(subject: Subject, watcher: Watcher) -> Sets:
    if subject.folder is not None:
        return exams_in(subject.folder).sets()
    config = subject.config
    skipped: list[Skipped] = []
    corrected: list[Corrected] = []
    exams = read_exams(config.exam, config.out_of_domain, skipped, config.guard, corrected)
    if skipped:
        watcher.say(f"{plural(len(skipped), 'question')} left out, the first: {skipped[0]}")
    if said := said_of(corrected):
        watcher.say(said)
    return exams.sets()


def said_of_solved(asked: Sequence[Asked], votes: int) -> str:
    solved = sum(bool(each.votes) for each in asked)
    said = f"{solved} of {plural(len(asked), 'target')} could be solved again without an LLM"
    if not votes and solved < len(asked):
        said += "; --votes 3 asks the LLM of [verify] about practice and dev"
    return said


def sample(asked: Sequence[Asked], most: int | None, seed: int) -> list[Asked]:
    """What the LLM is asked: of practice and dev, all or some."""
    shown = [each for each in asked if each.set in ("practice", "dev")]
    if most is None or most >= len(shown):
        return shown
    chosen = set(random.Random(seed).sample(range(len(shown)), most))
    return [each for at, each in enumerate(shown) if at in chosen]


# What was answered, or is asked.


def said_in(folder: RunFolder) -> dict[str, list[str]]:
    """Question id → what each model of a run answered, to practice and dev."""
    found: dict[str, list[str]] = defaultdict(list)
    for name in ("practice", "dev"):
        targets = {question.id: question.target for question in folder.questions(name)}
        for index in folder.rounds():
            path = folder.round(index) / f"{name}.jsonl"
            for attempt in folder.attempts(path) if path.exists() else ():
                said = targets[attempt.question_id] if attempt.correct else attempt.answer
                if said is not None:
                    found[attempt.question_id].append(said)
    return found


def base_answers(
    subject: Subject,
    wanted: Wanted,
    dev: Sequence[Question],
    runs: Path,
    watcher: Watcher,
    open_with: OpenStudent | None,
) -> dict[str, Attempt] | None:
    """The base model's answers to dev: of the run, or asked for now; None where neither is."""
    folder = subject.folder
    path = None if folder is None else folder.round(0) / "dev.jsonl"
    if folder is not None and path is not None and path.exists():
        return {attempt.question_id: attempt for attempt in folder.attempts(path)}
    if not wanted.ask and not wanted.form:
        return None
    return sit(subject.config.student, dev, "dev exam", runs, watcher, open_with)


def sit(
    settings: StudentSettings,
    questions: Sequence[Question],
    title: str,
    runs: Path,
    watcher: Watcher,
    open_with: OpenStudent | None,
) -> dict[str, Attempt]:
    """Question id → attempt, by the model as the settings say. Kept by all that it depends on, and
    gone on with after a stop."""
    depends = conditions(settings, [OpenedExam("dev", questions)]).model_dump_json()
    key = hashlib.sha256(depends.encode()).hexdigest()[:16]
    with Journal(runs / KEPT / f"{key}.jsonl", Attempt) as journal:
        if not journal.finished:
            if open_with is None:
                check_model(settings.model_ref)
            with tempfile.TemporaryDirectory(prefix="errata-doctor-") as scratch:
                student = (
                    open_student(settings, Path(scratch), say=watcher.say)
                    if open_with is None
                    else open_with(settings)
                )
                try:
                    answer(student, settings, questions, title, journal, watcher)
                finally:
                    student.close()
        attempts = journal.finish()
    return {attempt.question_id: attempt for attempt in attempts}


def answer(
    student: Student,
    settings: StudentSettings,
    questions: Sequence[Question],
    title: str,
    journal: Journal[Attempt],
    watcher: Watcher,
) -> None:
    left = NotCounted(watcher.say)
    done = tuple(journal.records)
    watcher.progress(title, len(done), len(questions))
    for attempt in examine(student, settings.model_ref, questions, "doctor", done, left):
        journal.add(attempt)
        watcher.progress(title, len(journal.records), len(questions))


def tries(
    config: RunConfig,
    questions: Sequence[Question],
    base: Sequence[Attempt],
    runs: Path,
    watcher: Watcher,
    open_with: OpenStudent | None,
) -> Iterator[Finding]:
    """The dev exam again, in each way that is worth a try. Asked is what can change: with more
    tokens answers that were cut, under another system prompt questions that bring none."""
    student = config.student
    tried: list[tuple[Change, list[Attempt]]] = []
    for change in changes(questions, base, student.system, student.max_new_tokens):
        cut = {attempt.question_id for attempt in base if attempt.truncated}
        more = change.max_new_tokens is not None
        asked = [q for q in questions if (q.id in cut if more else not q.has_system)]
        if not asked:
            continue
        update: dict[str, object] = {"system": change.system}
        if more:
            update = {"max_new_tokens": change.max_new_tokens}
        settings = student.model_copy(update=update)
        found = sit(settings, asked, f"dev exam with {change.what}", runs, watcher, open_with)
        tried.append((change, [found.get(a.question_id, a) for a in base]))
    yield from find_what_form_brings(questions, base, tried)


@contextmanager
def solver_of(
    config: RunConfig, votes: int, watcher: Watcher, given: Solver | None
) -> Iterator[Solver]:
    """The LLM of [verify], or the writer's, whose replies are cached and counted in [budget].

    Raises:
        ConfigError: There is none.
        InstructorError: Its package or key is missing.
    """
    if given is not None:
        yield given
        return
    verify = config.verify.model_copy(update={"votes": votes})
    settings = config.model_copy(update={"verify": verify}).solver
    if settings is None:
        raise ConfigError(
            "votes are an LLM's, and the configuration names none: name one under "
            "[verify.solver], or leave --votes out"
        )
    from errata.agents.chat_models import open_chat_model
    from errata.agents.chat_models.client import ChatClient
    from errata.agents.chat_models.ledger import Ledger
    from errata.agents.chat_models.local import LocalChatModel
    from errata.agents.llm import LlmSolver

    calls: list[LlmCall] = []
    with (
        tempfile.TemporaryDirectory(prefix="errata-doctor-") as scratch,
        opened_cache(True, watcher) as cache,
    ):
        model = open_chat_model(settings, Path(scratch))
        ledger = Ledger({VERIFIER: settings.prices}, config.budget)
        try:
            yield LlmSolver(ChatClient(model, calls.append, settings, cache, ledger))
        finally:
            if isinstance(model, LocalChatModel):
                model.close()
            paid = sum(not call.cached for call in calls)
            watcher.say(f"{settings.model}: {plural(paid, 'call')}, {len(calls) - paid} cached")


# Corrections.


def corrections_files(given: Path, config: RunConfig) -> dict[str, tuple[Path, FileExam]]:
    """Name of each exam in files → the file of its corrections: the one that is given, or with the
    exam's name in it where there are several."""
    exams = [*config.exam, *config.guard, *config.out_of_domain]
    own = [exam for exam in exams if isinstance(exam, FileExam)]
    if len(own) == 1:
        return {own[0].name: (given, own[0])}
    return {e.name: (given.with_name(f"{given.stem}-{e.name}{given.suffix}"), e) for e in own}


def write_corrections(
    given: Path, config: RunConfig, asked: Sequence[Asked], sets: Sets, notes: list[str]
) -> Iterator[str]:
    """The files that were written; each begins with the corrections that its exam has already."""
    files = corrections_files(given, config)
    exam_of = {q.id: q.exam or config.exam[0].name for each in sets.values() for q in each}
    lines: dict[str, list[Correction]] = defaultdict(list)
    gone = left_out(sets)
    going = {line.id for line in gone}
    for line in (*gone, *(one for one in corrections_of(asked) if one.id not in going)):
        lines[exam_of[line.id]].append(line)
    for name, found in lines.items():
        if name not in files:
            notes.append(
                f"{plural(len(found), 'correction')} of {name} cannot be taken: its questions lie "
                "in no file of yours; write them into one"
            )
            continue
        path, exam = files[name]
        there = [] if exam.corrections is None else [*read_corrections(exam.corrections).values()]
        prefix = f"{name}/"
        own = [line.model_copy(update={"id": line.id.removeprefix(prefix)}) for line in found]
        text = "".join(f"{one.model_dump_json(exclude_defaults=True)}\n" for one in (*there, *own))
        write_text(path, text)
        yield str(path)
