"""Corrections of an exam in files: other targets, and questions left out, each by its id."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from errata.agents.errors import ExamError
from errata.agents.exams.forms import (
    AnswerForm,
    json_question,
    label_question,
    regex_question,
)
from errata.agents.exams.layouts import number_target
from errata.agents.exams.rows import first_problem, read_rows
from errata.agents.marking import mark
from errata.agents.marking.json_value import as_text
from errata.agents.marking.math import is_target as is_math_target
from errata.agents.plain_text import one_line
from errata.agents.records import (
    JsonAnswer,
    JudgedAnswer,
    LabelAnswer,
    OwnAnswer,
    Question,
    Record,
    RegexAnswer,
)


def text_of(given: object) -> object:
    """A value in JSON as targets have it."""
    if isinstance(given, bool | list | Mapping):
        return as_text(given)
    return str(given) if isinstance(given, int | float) else given


Value = Annotated[str, BeforeValidator(text_of)]


class Correction(Record):
    """One line of a file of corrections."""

    id: str = Field(min_length=1, coerce_numbers_to_str=True)
    """Of the question, in any of the three sets."""
    target: Value | None = Field(default=None, min_length=1)
    """The right answer; of JSON the value itself, or as text."""
    leave_out: bool = False
    """In place of a target: the question is not in the exam."""
    was: Value | None = None
    """The target that is corrected; where the exam has another one, the line is refused."""
    why: str = ""
    """For whoever reads the file."""
    prompt: str = ""
    """The question's words, for whoever reads the file."""

    @model_validator(mode="after")
    def one_or_the_other(self) -> Correction:
        if (self.target is None) != self.leave_out:
            raise ValueError("a correction has a target, or leave_out = true")
        return self


class Corrected(Record):
    """One line of corrected.jsonl: what a correction did to the exam of a run."""

    set: str
    """`practice`, `dev`, `test`; `guard` or `out-of-domain`."""
    question_id: str
    did: Literal["another target", "left out"]


def read_corrections(file: Path) -> dict[str, Correction]:
    """Question id → its correction.

    Raises:
        ExamError: The file cannot be read, a line is no correction, or two have one id.
    """
    found: dict[str, Correction] = {}
    for row in read_rows(file, "line"):
        if row.problem:
            raise ExamError(f"{row.where}: {row.problem}")
        try:
            line = Correction.model_validate(row.fields)
        except ValidationError as error:
            raise ExamError(
                f"{row.where}: {first_problem(error)}; a correction is "
                '{"id": …, "target": …} or {"id": …, "leave_out": true}'
            ) from None
        if line.id in found:
            raise ExamError(f"{row.where}: the question {line.id!r} is corrected twice; keep one")
        found[line.id] = line
    return found


def correct(
    sets: Mapping[str, Sequence[Question]], file: Path
) -> tuple[dict[str, list[Question]], list[Corrected]]:
    """The sets as the file corrects them, and what it did. A target that is as it should be does
    nothing.

    Raises:
        ExamError: As `read_corrections`; it names a question that is not there, or is there twice,
            or a target that cannot be.
    """
    corrections = read_corrections(file)
    homes = Counter(question.id for questions in sets.values() for question in questions)
    for id in corrections:
        if homes[id] != 1:
            where = "is in no set" if not homes[id] else "is in two sets"
            raise ExamError(
                f"{file} corrects the question {id!r}, which {where} of the exam: take the line "
                "out, or make it the id of one question"
            )
    done: list[Corrected] = []
    found: dict[str, list[Question]] = {name: [] for name in sets}
    for name, questions in sets.items():
        for question in questions:
            line = corrections.get(question.id)
            if line is not None and line.was is not None and line.was != question.target:
                raise ExamError(
                    f"{file} corrects {question.id!r} from the target {one_line(line.was, 60)!r}, "
                    "which is not the exam's: look at the question again, or take `was` out"
                )
            if line is None or line.target == question.target:
                found[name].append(question)
            elif line.leave_out:
                done.append(Corrected(set=name, question_id=question.id, did="left out"))
            else:
                found[name].append(with_target(question, line.target or "", file))
                done.append(Corrected(set=name, question_id=question.id, did="another target"))
    return found, done


def with_target(question: Question, target: str, file: Path) -> Question:
    """Raises: ExamError: It cannot be the question's target."""
    where = f"{file} corrects {question.id!r} to {one_line(target, 60)!r}"
    match question.answer.type:
        case "number":
            try:
                number_target(target)
            except ExamError:
                raise ExamError(f"{where}, which is no number: give one") from None
        case "choice":
            options = getattr(question.answer, "options", {})
            if target not in options:
                raise ExamError(f"{where}, which is no option: give one of {', '.join(options)}")
        case "math":
            if not is_math_target(target):
                raise ExamError(f"{where}, which is no formula: give one")
        case "code":
            raise ExamError(
                f"{where}, and code has no target: mend its tests in the exam, or leave it out"
            )
        case "label" | "json" | "regex":
            target = formed(question, target, where)
    right = question.model_copy(update={"target": target})
    return right.model_copy(update={"solution": solution_of(right)})


def formed(question: Question, target: str, where: str) -> str:
    """The target as the exam would read it from a row."""
    try:
        match question.answer:
            case LabelAnswer(labels=labels):
                made = label_question("", target, AnswerForm(labels=labels))
            case JsonAnswer(schema_=schema):
                made = json_question("", target, AnswerForm(schema_=schema))
            case RegexAnswer(pattern=pattern):
                made = regex_question("", target, AnswerForm(pattern=pattern))
            case _:
                return target
    except ExamError as error:
        raise ExamError(f"{where}: {error}") from None
    return str(made["target"])


def solution_of(question: Question) -> str | None:
    """Its worked solution, unless that comes to another answer than the target. A marker of the
    user's own and a judge are not asked when an exam is read."""
    said = question.solution
    if said is None or isinstance(question.answer, OwnAnswer | JudgedAnswer):
        return said
    verdict = mark(question, said)
    return said if verdict.correct or verdict.answer is None else None


def said_of(done: Sequence[Corrected]) -> str:
    """`3 corrections: 2 in practice, 1 in TEST: …`; empty where there are none."""
    if not done:
        return ""
    by_set = Counter(one.set for one in done)
    held_out = sum(number for name, number in by_set.items() if name != "practice")
    parts = (
        f"{number} in {name if name == 'practice' else name.upper()}"
        for name, number in by_set.items()
    )
    left_out = sum(one.did == "left out" for one in done)
    said = f"{len(done)} questions corrected, {left_out} of them left out: {', '.join(parts)}"
    if held_out:
        said += (
            ". What this run measures is not what the files hold: say so wherever its figures go, "
            "and compare it only with runs that had the same corrections"
        )
    return said
