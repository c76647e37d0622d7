"""Where questions come from.

A new exam that has files of its own is one function in `layouts.py` (from a row's fields to a
question) and its place in `hub.py`; one that is made, like `arithmetic.py`, is a file here with
its settings beside `ArithmeticExam`. `rows.py` reads any file's rows, `files.py` a user's own
questions, `named.py` the splits of the seven; `several.py` puts the exams of a run together and
`held_out.py` keeps them apart.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import Field

from errata.agents.errors import ExamError
from errata.agents.exams.arithmetic import make_questions
from errata.agents.exams.files import AnswerType, FileExam, FileSet, read_questions
from errata.agents.exams.held_out import HeldOut, check_disjoint
from errata.agents.exams.layouts import LAYOUTS
from errata.agents.exams.named import NamedExam
from errata.agents.exams.rows import Skipped
from errata.agents.exams.words import plain
from errata.agents.records import Question, Record

__all__ = [
    "ArithmeticExam",
    "Exam",
    "FileExam",
    "FileSet",
    "HeldOut",
    "NamedExam",
    "Skipped",
    "load_exam",
    "named_questions",
    "plain",
]


class ArithmeticExam(Record):
    """The built-in exam, made from a seed."""

    name: Literal["arithmetic"]
    """Says that it is this exam."""
    seed: int = 0
    """Another seed makes other questions."""
    practice: int = Field(default=300, ge=1)
    """Questions."""
    dev: int = Field(default=150, ge=1)
    """Questions."""
    test: int = Field(default=200, ge=1)
    """Questions."""

    def read(
        self, skipped: list[Skipped] | None = None
    ) -> tuple[list[Question], list[Question], list[Question]]:
        """Practice, dev and test; nothing is ever left out."""
        taken: set[str] = set()
        try:
            return (
                make_questions(self.seed, "practice", self.practice, taken),
                make_questions(self.seed, "dev", self.dev, taken),
                make_questions(self.seed, "test", self.test, taken),
            )
        except ValueError as error:
            raise ExamError(str(error)) from None


@dataclass(frozen=True)
class Exam:
    """Three sets that share no question: mistakes are mined in `practice` alone, `dev` decides
    what is kept, `test` is read once, at the end."""

    practice: list[Question]
    dev: list[Question]
    test: list[Question]
    skipped: list[Skipped] = field(default_factory=list)
    """What its files hold besides, and why it is not in the exam."""


def load_exam(settings: ArithmeticExam | FileExam | NamedExam) -> Exam:
    """The questions that the settings describe.

    Raises:
        ExamError: A file cannot be read, or two sets share a question.
    """
    skipped: list[Skipped] = []
    exam = Exam(*settings.read(skipped), skipped)
    check_disjoint({"practice": exam.practice, "dev": exam.dev, "test": exam.test})
    return exam


def named_questions(
    name: str,
    seed: int = 0,
    limit: int | None = None,
    *,
    split: str | None = None,
    answer: AnswerType | None = None,
    prompts: Path | None = None,
    skipped: list[Skipped] | None = None,
) -> list[Question]:
    """Questions of one exam, in or outside any run.

    Args:
        name: `arithmetic`, one of the seven (from the hub), `NAME=PATH` (one of the seven from a
            file or folder), or a file of the user's own.
        seed: Of the arithmetic questions.
        limit: Only the first questions.
        split: Of one of the seven; its test, or else what there is, when not said.
        answer: Type of the questions of the user's own file, where its fields do not tell.
        prompts: BIG-Bench Hard's folder of worked questions.
        skipped: Bad questions are left out and added here; without it the first one stops.

    Raises:
        ExamError: There is no such exam or split, or a question is bad.
    """
    exam, _, path = name.partition("=")
    if prompts is not None and exam != "bbh":
        raise ExamError(f"{name} has no worked questions: prompts is for bbh")
    if exam in LAYOUTS:
        settings = NamedExam(
            name=exam,
            path=Path(path) if path else None,
            prompts=prompts,
            skip_bad=skipped is not None,
        )
        return settings.read_split(split, skipped)[:limit]
    if split is not None:
        raise ExamError(f"{name} has no splits: take split = {split!r} out")
    if name == "arithmetic":
        return make_questions(seed, "exam", limit or 200, set())
    if not Path(name).is_file():
        near = difflib.get_close_matches(exam, ["arithmetic", *LAYOUTS], n=1)
        raise ExamError(
            f"there is no exam {name!r}: "
            + (f"did you mean {near[0]!r}? " if near else "")
            + f"Name `arithmetic`, {', '.join(LAYOUTS)}, NAME=PATH for one of these in a file, or "
            "a JSON-lines file of your own"
        )
    return read_questions(FileSet(file=Path(name)), answer=answer, skipped=skipped)[:limit]
