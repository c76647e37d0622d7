"""Exams outside any run: `errata exam` and `errata mark`."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from errata.agents.errors import ExamError
from errata.agents.examiner import NotCounted, examine
from errata.agents.exams import named_questions
from errata.agents.exams.rows import Skipped
from errata.agents.jsonl import Journal
from errata.agents.records import Accuracy, Attempt, Question, Record
from errata.agents.scores import accuracy
from errata.agents.student import Student, StudentSettings
from errata.agents.weights import LocalStudent
from errata.graph.watcher import Watcher


class Answered(Record):
    """One line of `--out`: whoever answered, the question, and the marked answer."""

    model: str
    question: Question
    attempt: Attempt


class ExamResult(Record):
    """What a model reached in one exam."""

    exam: str
    result: Accuracy
    not_counted: int = 0
    """Questions whose answers have no verdict, through no fault of theirs; not in the result."""


class Sitting(Record):
    """What a model reached in one or more exams."""

    model: str
    exams: tuple[ExamResult, ...]
    average: float
    """Mean accuracy, each exam counting alike."""


def open_exams(
    names: Sequence[str],
    seed: int,
    limit: int | None,
    split: str | None,
    skip_bad: bool,
    prompts: Path | None,
    watcher: Watcher,
) -> list[tuple[str, list[Question]]]:
    """Pairs of name and questions, for exams as the command line names them.

    Raises:
        ExamError: There is no such exam or split, a question is bad, or two exams have one name.
    """
    opened: list[tuple[str, list[Question]]] = []
    for given in names:
        left, _, path = given.partition("=")
        name = left if path or not Path(given).suffix else Path(given).stem
        if name in (other for other, _ in opened):
            raise ExamError(f"two exams are called {name!r}: examine them one after the other")
        skipped: list[Skipped] | None = [] if skip_bad else None
        questions = named_questions(
            given, seed, limit, split=split, prompts=prompts, skipped=skipped
        )
        if skipped:
            count = len(skipped) + len(questions)
            watcher.say(f"{name}: {len(skipped)} of {count} left out, the first: {skipped[0]}")
        opened.append((name, questions))
    return opened


def sit_exams(
    settings: StudentSettings,
    exams: Sequence[tuple[str, Sequence[Question]]],
    out: Path | None,
    watcher: Watcher,
    student: Student | None = None,
) -> Sitting:
    """Accuracy of a model on exams, given as pairs of name and questions.

    Args:
        out: Questions and answers, as they come. A sitting that was stopped goes on from there.
        student: Asked in place of the weights that `settings` name.

    Raises:
        ExamError: `out` is finished already, or holds the answers of another sitting.
        ModelError, StepFailed: The model cannot be had.
    """
    with tempfile.TemporaryDirectory(prefix="errata-exam-") as scratch:
        path = out or Path(scratch) / "answered.jsonl"
        if path.exists():
            raise ExamError(f"{path} is there already: name another file, nothing is written over")
        student = student or LocalStudent(settings, Path(scratch))
        model = str(settings.model_ref)
        with Journal(path, Answered) as journal:
            try:
                results = [
                    sit_one(student, settings, name, questions, journal, watcher)
                    for name, questions in exams
                ]
            finally:
                student.close()
            journal.finish()
    average = sum(found.result.accuracy for found in results) / len(results)
    return Sitting(model=model, exams=tuple(results), average=average)


def sit_one(
    student: Student,
    settings: StudentSettings,
    name: str,
    questions: Sequence[Question],
    journal: Journal[Answered],
    watcher: Watcher,
) -> ExamResult:
    model = str(settings.model_ref)
    known = {question.id: question for question in questions}
    attempts = []
    for line in journal.records:
        if not line.attempt.id.endswith(f"@{name}"):
            continue
        if line.model != model or known.get(line.question.id) != line.question:
            raise ExamError(
                f"{journal.path}.part holds answers of another sitting ({line.model}, "
                f"{line.question.id}): name another file, or delete it to begin anew"
            )
        attempts.append(line.attempt)
    watcher.progress(name, len(attempts), len(questions))
    done = frozenset(attempt.question_id for attempt in attempts)
    right = sum(attempt.correct for attempt in attempts)
    left = NotCounted(watcher.say)
    for attempt in examine(student, settings.model_ref, questions, name, done, left):
        attempts.append(attempt)
        right += attempt.correct
        question = known[attempt.question_id]
        journal.add(Answered(model=model, question=question, attempt=attempt))
        right = sum(attempt.correct for attempt in attempts)
        watcher.progress(name, len(attempts), len(questions), f"{right / len(attempts):.0%} right")
    counted = [question for question in questions if question.id not in left.answers]
    if not counted:
        raise ExamError(f"{name}: no answer has a verdict, {len(left.answers)} are not counted")
    return ExamResult(exam=name, result=accuracy(counted, attempts), not_counted=len(left.answers))
