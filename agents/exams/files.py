"""Exams in JSON-lines files: errata's own fields, or GSM8K's."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, model_validator

from errata.agents.errors import ExamError
from errata.agents.exams.marking import read_number
from errata.agents.records import Question, Record


class FileSet(Record):
    """Some lines of a file: `{"file": "train.jsonl", "skip": 400, "take": 200}`."""

    file: Path
    skip: int = Field(default=0, ge=0)
    """Questions to pass over first."""
    take: int | None = Field(default=None, ge=1)
    """Questions to read; all that are left when not said."""

    @model_validator(mode="before")
    @classmethod
    def from_name(cls, value: object) -> object:
        return {"file": value} if isinstance(value, str) else value


class FileExam(Record):
    """Three sets of questions from files."""

    practice: FileSet
    dev: FileSet
    test: FileSet

    def read(self) -> tuple[list[Question], list[Question], list[Question]]:
        return read_questions(self.practice), read_questions(self.dev), read_questions(self.test)


def read_questions(wanted: FileSet) -> list[Question]:
    """The questions of one set.

    Raises:
        ExamError: No such file, a line that is no question, a target that cannot be marked, two
            questions with one id, or fewer questions than asked for.
    """
    stop = None if wanted.take is None else wanted.skip + wanted.take
    try:
        with wanted.file.open(encoding="utf-8-sig") as lines:
            numbered = ((at, line) for at, line in enumerate(lines, 1) if line.strip())
            questions = [
                read_question(line, wanted.file, at)
                for at, line in islice(numbered, wanted.skip, stop)
            ]
    except OSError as error:
        raise ExamError(
            f"the exam file {wanted.file} cannot be read ({error.strerror}): check its path, "
            "which is taken from the folder of the configuration"
        ) from None
    except UnicodeDecodeError as error:
        raise ExamError(
            f"the exam file {wanted.file} is not UTF-8 (byte {error.start}): convert it first"
        ) from None
    if not questions:
        raise ExamError(
            f"the exam file {wanted.file} holds no questions"
            + (f" after the first {wanted.skip}" if wanted.skip else "")
            + ": put at least one line in it"
        )
    if wanted.take is not None and len(questions) < wanted.take:
        raise ExamError(
            f"the exam file {wanted.file} holds only {len(questions)} questions after the first "
            f"{wanted.skip}: lower take = {wanted.take}"
        )
    seen: set[str] = set()
    for question in questions:
        if question.id in seen:
            raise ExamError(
                f"two questions in {wanted.file} have the id {question.id!r}: make ids unique"
            )
        seen.add(question.id)
    return questions


def read_question(line: str, file: Path, at: int) -> Question:
    """One line, in errata's own fields or in GSM8K's (`question`, `answer` with `#### 72`)."""
    where = f"{file}, line {at}"
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        raise ExamError(f"{where} is not JSON: write one object a line") from None
    if not isinstance(fields, dict):
        raise ExamError(f'{where} is no object: write {{"prompt": …, "target": …}}')
    if "question" in fields and "answer" in fields and "prompt" not in fields:
        fields = from_gsm8k(fields, where)
    fields.setdefault("id", f"{file.stem}-{at:05d}")
    for name in ("id", "target"):  # ids and targets are often written as numbers
        if isinstance(fields.get(name), int | float):
            fields[name] = str(fields[name])
    try:
        question = Question.model_validate(fields)
    except ValidationError as error:
        problem = error.errors()[0]
        field = problem["loc"][0]
        raise ExamError(
            f"{where}: the field {field!r} is wrong ({problem['msg'].lower()}); a question has "
            "prompt, target and, if you like, id, solution and kind"
        ) from None
    if read_number(question.target) is None:
        raise ExamError(
            f"{where}: the target {question.target!r} is not a number, and cannot be marked"
        )
    return question


def from_gsm8k(fields: dict[str, Any], where: str) -> dict[str, Any]:
    """GSM8K's layout (github.com/openai/grade-school-math): the answer ends in `#### 72`."""
    solution, mark, target = str(fields["answer"]).rpartition("####")
    if not mark or not solution.strip():
        raise ExamError(f"{where}: the answer does not end in `#### ` and a number, as GSM8K's do")
    known = {"prompt": fields["question"], "solution": fields["answer"], "target": target.strip()}
    return known | {name: fields[name] for name in ("id", "kind") if name in fields}
