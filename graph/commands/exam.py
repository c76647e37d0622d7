"""Exams outside any run: `errata exam`, and the exams that `errata mark` opens."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from errata.agents.engine import Engine
from errata.agents.errors import ConfigError, ExamError
from errata.agents.examiner import NotCounted, attempt_id, examine
from errata.agents.exams import FileExam, NamedExam, named_questions
from errata.agents.exams.corrections import Corrected, said_of
from errata.agents.exams.named import SIDES
from errata.agents.exams.rows import Skipped
from errata.agents.exams.several import read_exams
from errata.agents.jsonl import Journal, write_text
from errata.agents.marking.own import forget_markers
from errata.agents.plain_text import well_formed
from errata.agents.records import (
    GREEDY,
    Accuracy,
    Attempt,
    OwnAnswer,
    Question,
    Record,
    Sampling,
    Text,
)
from errata.agents.scores import accuracy, pass_at
from errata.agents.second_look import LOOK_AGAIN, SecondLook, measure, revisited
from errata.agents.served.student import ServedStudent
from errata.agents.student import Student, StudentSettings
from errata.agents.weights import check_model, check_quantize
from errata.graph.agents import open_student
from errata.graph.commands.judge import judges_outside
from errata.graph.config import RunConfig, load_config
from errata.graph.costs import Cost
from errata.graph.judging import JudgeReport
from errata.graph.provenance import flat, hashes_of_code
from errata.graph.readings import LIST, note
from errata.graph.watcher import Watcher
from errata.training.jobs import Quantize

PACKAGES = ("errata", "torch", "transformers", "peft")
"""What computes an answer: another version may give another one."""


class Answered(Record):
    """One line of `--out`: whoever answered, the question, and the marked answer."""

    model: Text
    question: Question
    attempt: Attempt


class Conditions(Record):
    """X.settings.json beside `--out X`: all that the answers depend on."""

    student: StudentSettings
    adapter_sha256: str | None
    """Of the names and contents of the adapter's files."""
    exams: Mapping[str, str]
    """Exam → how many questions, and the SHA-256 of them all in their order."""
    versions: Mapping[str, str]
    """Package → its version."""
    sampling: Sampling = GREEDY
    second_look: str | None = None
    """What is asked after each answer; None where nothing is."""
    engine: Engine | None = None
    """What answers in place of weights loaded here."""
    own_code: Mapping[str, str] = Field(default_factory=dict)
    """File of a marker of the user's own → its SHA-256."""


class ExamResult(Record):
    """What a model reached in one exam."""

    exam: str
    result: Accuracy
    """Of several samples a question, `n` and `correct` count them all."""
    samples: int = 1
    """Answers to each question."""
    pass_at: Mapping[int, float] = Field(default_factory=dict)
    """k → chance that at least one of k samples is right, averaged over the questions; empty where
    each question was asked once."""
    not_counted: int = 0
    """Questions whose answers have no verdict, through no fault of theirs; not in the result."""
    second_look: SecondLook | None = None
    """What became of the answers in a second look, where one was asked for."""


class Evaluation(Record):
    """What a model reached in one or more exams."""

    model: str
    exams: tuple[ExamResult, ...]
    average: float
    """Mean accuracy, each exam counting alike."""
    judges: tuple[JudgeReport, ...] = ()
    """The LLMs that judged, and how far they agree with a person."""
    cost: Cost | None = None
    """What they took; None where none was asked."""


@dataclass(frozen=True)
class OpenedExam:
    """An exam as the command line names it."""

    name: str
    questions: Sequence[Question]
    skipped: Sequence[Skipped] = ()
    """What was left out of it."""
    config: RunConfig | None = None
    """What marks it, and nobody else, where it was named by a configuration."""
    side: str = ""
    """Which set of the configuration it is: practice, dev or test."""
    sealed: Sequence[Question] = ()
    """The whole test set that they are of, in a configuration: who asks them reads it."""


def open_exams(
    names: Sequence[str],
    seed: int,
    limit: int | None,
    split: str | None,
    skip_bad: bool,
    prompts: Path | None,
    watcher: Watcher,
) -> list[OpenedExam]:
    """The exams that the command line names.

    Raises:
        ExamError: There is no such exam or split, a question is bad, or two exams have one name.
        ConfigError: A configuration cannot be read, or there are two.
    """
    opened: list[OpenedExam] = []
    for given in names:
        left, _, path = given.partition("=")
        if (file := Path(path or given)).suffix == ".toml":
            if any(other.config is not None for other in opened):
                raise ConfigError(
                    f"{given} is a second configuration: examine them one after the other"
                )
            if prompts is not None:
                raise ExamError(f"{given} says itself which prompts it has: take --prompts out")
            config = load_config(file)
            opened += configured(file, config, left if path else None, split, skip_bad, watcher)
            if limit is not None:
                opened = [replace(exam, questions=exam.questions[:limit]) for exam in opened]
            continue
        name = left if path or not Path(given).suffix else Path(given).stem
        if name in (other.name for other in opened):
            raise ExamError(f"two exams are called {name!r}: examine them one after the other")
        skipped: list[Skipped] = []
        questions = named_questions(
            given, seed, limit, split=split, prompts=prompts, skipped=skipped if skip_bad else None
        )
        if skipped:
            count = len(skipped) + len(questions)
            watcher.say(f"{name}: {len(skipped)} of {count} left out, the first: {skipped[0]}")
        opened.append(OpenedExam(name, questions, skipped))
    return opened


def configured(
    file: Path,
    config: RunConfig,
    name: str | None,
    split: str | None,
    skip_bad: bool,
    watcher: Watcher,
) -> list[OpenedExam]:
    """The exams of a configuration, with what marks them there.

    Args:
        name: Of one of them; None: all that are practised.
        split: Which of their sets; dev where not said, since a sealed set is read on purpose.

    Raises:
        ExamError: It has no such exam or set, or a question is bad.
    """
    side = split or "dev"
    if side not in SIDES:
        raise ExamError(f"{file} has no split {split!r}: say {', '.join(SIDES)}")
    chosen = [exam for exam in config.exam if name in (None, exam.name)]
    if not chosen:
        known = ", ".join(exam.name for exam in config.exam)
        raise ExamError(f"{file} has no exam {name!r} under [exam]: it has {known}")
    marks = config.without_llms().model_copy(
        update={"exam": tuple(chosen), "out_of_domain": (), "guard": (), "strategy": "sft"}
    )
    opened = []
    for exam in chosen:
        if skip_bad and isinstance(exam, FileExam | NamedExam):
            exam = exam.model_copy(update={"skip_bad": True})
        skipped: list[Skipped] = []
        corrected: list[Corrected] = []
        questions = getattr(read_exams([exam], skipped=skipped, corrected=corrected), side)
        if skipped:
            watcher.say(f"{exam.name}: {len(skipped)} left out, the first: {skipped[0]}")
        if said := said_of(corrected):
            watcher.say(said)
        sealed = questions if side == "test" else ()
        opened.append(OpenedExam(exam.name, questions, skipped, marks, side, sealed))
    return opened


def evaluate(
    settings: StudentSettings,
    exams: Sequence[OpenedExam],
    out: Path | None,
    watcher: Watcher,
    student: Student | None = None,
    sampling: Sampling = GREEDY,
    second_look: bool = False,
    cache: bool = True,
    runs: Path = Path("runs"),
) -> Evaluation:
    """Accuracy of a model on exams.

    Args:
        runs: Where it is noted that a sealed set is read.
        out: Questions and answers, as they come. An evaluation that was stopped goes on from
            there, if all that its answers depend on is as it was. Where an LLM judges, its
            verdicts and costs are in `out`.judge.
        cache: Takes replies of judges from the user's cache.
        student: Asked in place of the weights that `settings` name.
        second_look: After each answer the student is asked in the same conversation to look at it
            again.

    Raises:
        ConfigError: `student` answers each question once, and is to answer it several times; a
            second look at several answers.
        ExamError: `out` is finished already, or holds answers that were made otherwise.
        ModelError, StepFailed: The model cannot be had.
        RunError: `out` cannot be written, `out.part` is somebody else's, or it cannot be noted
            that a sealed set is read.
        ErrataError: A judge is refused, or cannot be asked.
    """
    if out is not None and out.exists():
        raise ExamError(f"{out} is there already: name another file, nothing is written over")
    if second_look and sampling.answers > 1:
        raise ConfigError(
            "a second look is at one answer to each question: leave --samples or --second-look out"
        )
    if student is None:
        check_quantize(settings, "--quantize")
        check_model(settings.model_ref)
    forget_markers()  # their files may have been edited
    with tempfile.TemporaryDirectory(prefix="errata-exam-") as scratch:
        path = out or Path(scratch) / "answered.jsonl"
        student = student or open_student(settings, Path(scratch), say=watcher.say)
        with Journal(path, Answered) as journal:
            asked_then = LOOK_AGAIN if second_look else None
            every = [question for exam in exams for question in exam.questions]
            times = sampling.answers * (1 + second_look)
            try:
                engine = student.engine if isinstance(student, ServedStudent) else None
                now = conditions(settings, exams, sampling, asked_then, engine)
                same_conditions(journal, now)
                beside = judge_folder(out)
                with judges_outside(
                    config_of(exams), every, times, beside, cache, watcher
                ) as at_hand:
                    asked_as = hashlib.sha256(now.model_dump_json().encode()).hexdigest()
                    note_sealed(exams, runs, "exam", str(settings.model_ref), asked_as, watcher)
                    results = [
                        evaluate_one(
                            student, settings, exam, journal, watcher, sampling, second_look
                        )
                        for exam in exams
                    ]
                    judges, cost = at_hand.judges, at_hand.cost
            finally:
                student.close()
            journal.finish()
    return Evaluation(
        model=str(settings.model_ref),
        exams=tuple(results),
        average=sum(found.result.accuracy for found in results) / len(results),
        judges=judges,
        cost=cost,
    )


def note_sealed(
    exams: Sequence[OpenedExam],
    runs: Path,
    by: Literal["exam", "mark"],
    name: str,
    id: str,
    watcher: Watcher,
) -> None:
    """Says and notes beside the runs that sealed sets are read.

    Args:
        name, id: As `run` and `run_id` in that list.
    """
    read = [("test", exam.name, exam.sealed) for exam in exams if exam.sealed]
    for reading in note(runs, read, well_formed(name), id, by) if read else ():
        watcher.say(
            f"the test set of {reading.exam} is sealed, and is read now, which is noted in "
            f"{runs / LIST}; before, it was read by {reading.earlier or 'nobody'}"
        )


def config_of(exams: Sequence[OpenedExam]) -> RunConfig | None:
    """The configuration that some of them were named by."""
    return next((exam.config for exam in exams if exam.config is not None), None)


def judge_folder(out: Path | None) -> Path | None:
    """X.judge beside `--out X`: judged.jsonl, costs.jsonl and calibration.json, as in a run."""
    return None if out is None else out.with_name(f"{out.name}.judge")


def evaluate_one(
    student: Student,
    settings: StudentSettings,
    exam: OpenedExam,
    journal: Journal[Answered],
    watcher: Watcher,
    sampling: Sampling,
    second_look: bool,
) -> ExamResult:
    left = NotCounted(watcher.say)

    def sit(asked: Sequence[Question], title: str) -> list[Attempt]:
        """Attempts at the questions that are asked: those of an earlier start, and new ones."""
        known = {question.id: question for question in exam.questions}
        attempts = [
            line.attempt
            for line in journal.records
            if line.attempt.id == attempt_id(line.question.id, title, line.attempt.sample, sampling)
            and line.question == known.get(line.question.id)
        ]
        right = sum(attempt.correct for attempt in attempts)
        total = len(asked) * sampling.answers
        watcher.progress(title, len(attempts), total)
        model, done = settings.model_ref, tuple(attempts)
        for attempt in examine(student, model, asked, title, done, left, sampling):
            attempts.append(attempt)
            right += attempt.correct
            question = known[attempt.question_id]
            journal.add(Answered(model=str(model), question=question, attempt=attempt))
            watcher.progress(title, len(attempts), total, f"{right / len(attempts):.0%} right")
        return attempts

    first = sit(exam.questions, exam.name)
    counted = [question for question in exam.questions if question.id not in left.answers]
    if not counted:
        raise ExamError(
            f"{exam.name}: no answer has a verdict, {len(left.answers)} are not counted"
        )
    looked = None
    if second_look:
        second = sit(revisited(counted, first), f"{exam.name}, second look")
        looked = measure(counted, first, second)
    return ExamResult(
        exam=exam.name,
        result=accuracy(counted, first),
        samples=sampling.answers,
        pass_at=pass_at(counted, first) if sampling.answers > 1 else {},
        not_counted=len(exam.questions) - len(counted),
        second_look=looked,
    )


def read_sampling(samples: int, temperature: float, top_p: float, seed: int) -> Sampling:
    """How the command line says that the student is to be asked.

    Raises:
        ConfigError: A value is beyond its limits, or they do not go together.
    """
    given = {"answers": samples, "temperature": temperature, "top_p": top_p, "seed": seed}
    try:
        return Sampling.model_validate(given)
    except ValidationError as error:
        problem = error.errors()[0]
        place = "".join(map(str, problem["loc"]))
        option = {"answers": "--samples", "top_p": "--top-p"}.get(place, "--temperature")
        said = problem["msg"].removeprefix("Value error, ")
        raise ConfigError(f"{option} is wrong: {said}") from None


def read_urls(urls: Sequence[str]) -> tuple[str, ...]:
    """The servers that the command line names.

    Raises:
        ConfigError: One of them is no address.
    """
    try:
        return StudentSettings(urls=tuple(urls)).urls
    except ValidationError as error:
        said = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise ConfigError(f"--url is wrong: {said}") from None


def read_quantize(quantize: Quantize | None, urls: Sequence[str]) -> Quantize | None:
    """How the command line has the weights rounded.

    Raises:
        ConfigError: Servers hold the weights.
    """
    if quantize is not None and urls:
        raise ConfigError(
            "--quantize rounds weights that are loaded here, and the servers of --url hold "
            "theirs: leave one out"
        )
    return quantize


# What answers depend on.


def conditions(
    settings: StudentSettings,
    exams: Sequence[OpenedExam],
    sampling: Sampling = GREEDY,
    second_look: str | None = None,
    engine: Engine | None = None,
) -> Conditions:
    said = {name: well_formed(s) for name, s in settings if isinstance(s, str)}
    return Conditions(
        student=settings.model_copy(update=said),
        adapter_sha256=None if settings.adapter is None else digest_of(Path(settings.adapter)),
        exams={exam.name: questions_of(exam) for exam in exams},
        versions={package: version(package) for package in PACKAGES},
        sampling=sampling,
        second_look=second_look,
        engine=engine,
        own_code=hashes_of_code(
            question.answer.marker
            for exam in exams
            for question in exam.questions
            if isinstance(question.answer, OwnAnswer)
        ),
    )


def same_conditions(journal: Journal[Answered], now: Conditions) -> None:
    """Writes down what the answers depend on; where there are some already, compares.

    Raises:
        ExamError: They were made otherwise, or nobody knows how.
    """
    path = journal.path.with_name(journal.path.name + ".settings.json")
    part = f"{journal.path}.part"
    if not journal.records and not path.exists():
        write_text(path, now.model_dump_json(indent=2) + "\n")
        return
    try:
        then = Conditions.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        raise ExamError(
            f"{path}, which says how the answers in {part} were made, cannot be read: move both "
            "away, or name another file"
        ) from None
    if not journal.records:  # of a start that failed
        write_text(path, now.model_dump_json(indent=2) + "\n")
        return
    was, is_ = flat(then.model_dump(mode="json")), flat(now.model_dump(mode="json"))
    for name in {**was, **is_}:
        if was.get(name) != is_.get(name):
            raise ExamError(
                f"{part} holds answers of another evaluation, with {name} = {was.get(name)!r}, "
                f"not {is_.get(name)!r}: set that as it was, name another file, or delete it to "
                "begin anew"
            )


def digest_of(folder: Path) -> str:
    """SHA-256 of the names and contents of a folder's files."""
    digest = hashlib.sha256()
    for file in sorted(file for file in folder.rglob("*") if file.is_file()):
        digest.update(f"{file.relative_to(folder)}\0{file.stat().st_size}\0".encode())
        with file.open("rb") as content:
            while block := content.read(2**20):
                digest.update(block)
    return digest.hexdigest()


def questions_of(exam: OpenedExam) -> str:
    digest = hashlib.sha256()
    for question in exam.questions:
        digest.update(question.model_dump_json().encode() + b"\n")
    return f"{len(exam.questions)} questions, {digest.hexdigest()[:16]}"
