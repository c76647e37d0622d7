"""One sitting of an exam, outside any run."""

from __future__ import annotations

import tempfile
from pathlib import Path

from errata.agents.errors import ExamError
from errata.agents.examiner import accuracy, examine
from errata.agents.exams import named_questions
from errata.agents.records import Accuracy, Attempt, Question, Record
from errata.agents.student import LocalStudent, StudentSettings
from errata.graph.run_folder import write_records
from errata.graph.workbench import Watcher


class Answered(Record):
    """One line of `--out`."""

    question: Question
    attempt: Attempt


def sit_exam(
    settings: StudentSettings,
    exam: str,
    seed: int,
    limit: int | None,
    out: Path | None,
    watcher: Watcher,
) -> Accuracy:
    """Accuracy of a model on an exam; questions and answers go to `out`.

    Raises:
        ExamError: No such exam, or `out` is there already.
        ModelError, StepFailed: The model cannot be had.
    """
    questions = named_questions(exam, seed, limit)
    if out is not None and out.exists():
        raise ExamError(f"{out} is there already: name another file, nothing is written over")
    attempts: list[Attempt] = []
    with tempfile.TemporaryDirectory(prefix="errata-exam-") as scratch:
        student = LocalStudent(settings, Path(scratch))
        watcher.progress(exam, 0, len(questions))
        try:
            for attempt in examine(student, settings.model_ref, questions, "exam"):
                attempts.append(attempt)
                watcher.progress(exam, len(attempts), len(questions))
        finally:
            student.close()
    if out is not None:
        by_id = {question.id: question for question in questions}
        write_records(out, [Answered(question=by_id[a.question_id], attempt=a) for a in attempts])
    return accuracy(questions, attempts)
