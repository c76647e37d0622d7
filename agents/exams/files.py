"""Exams in files: a user's own questions, or one of the seven original layouts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, Field, Tag, ValidationError, model_validator

from errata.agents.errors import ExamError
from errata.agents.exams.code_tests import check_code, only_function
from errata.agents.exams.conversations import read_conversation
from errata.agents.exams.corrections import Corrected, correct
from errata.agents.exams.forms import (
    AnswerForm,
    Labels,
    json_question,
    label_question,
    read_schema,
    regex_question,
    shown,
)
from errata.agents.exams.judge import JudgeSettings
from errata.agents.exams.layouts import (
    Fields,
    Layout,
    choice_question,
    code_prompt,
    code_reply,
    labelled,
    math_prompt,
    number_target,
    read_layout,
    text_prompt,
)
from errata.agents.exams.rows import Row, Skipped, first_problem, parse_rows, read_rows
from errata.agents.marking.label import check_labels
from errata.agents.marking.math import is_target as is_math_target
from errata.agents.marking.number import read_number
from errata.agents.marking.own import check_marker
from errata.agents.marking.regex import compiled
from errata.agents.marking.text import mark_text
from errata.agents.records import (
    NO_TARGET,
    CodeAnswer,
    FieldMatch,
    JudgedAnswer,
    MathAnswer,
    OwnAnswer,
    Question,
    Record,
    TextAnswer,
    Turns,
)
from errata.training.own_code import OWN_OR_NAMED, OwnCode, is_own, with_path_from

AnswerType = Literal["number", "choice", "code", "text", "math", "label", "json", "regex", "judge"]
AnyAnswer = Annotated[
    Annotated[AnswerType, Tag("named")] | Annotated[OwnCode, Tag("own")], OWN_OR_NAMED
]
"""One of them, or a marker of the user's own: `python:FILE.py:NAME`."""
Marked = OwnAnswer | JudgedAnswer
"""What only a configuration can name: no row of a file does."""


class FileSet(Record):
    """Some rows of a file: `{"file": "train.jsonl", "skip": 400, "take": 200}`."""

    file: Path
    """JSON lines, or one JSON array."""
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

    name: str = Field(default="file", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """What results call it."""
    practice: FileSet
    """Mistakes are mined in these. A file's name, or a table as below; so for the other two."""
    dev: FileSet
    """They decide which model is kept, and when to stop."""
    test: FileSet
    """Read once, at the end."""
    answer: AnyAnswer | None = None
    """Of every question; taken from its fields when not said. `python:FILE.py:NAME` is a marker of
    your own, `judge` an LLM (docs/judging.md)."""
    labels: Labels = Field(default_factory=dict)
    """Of `answer = "label"`: the closed set, `["refund", "bug"]`, or each label with its synonyms,
    `{ refund = ["money back"], bug = [] }`."""
    schema_: Path | None = Field(
        default=None,
        validation_alias=AliasChoices("schema", "schema_"),
        serialization_alias="schema",
    )
    """Of `answer = "json"`: a file with the JSON Schema that answers must fit."""
    fields: Mapping[str, FieldMatch] = Field(default_factory=dict)
    """Of `answer = "json"`: how fields are compared, each by its dotted path: `exact`, `number` or
    `set`; exactly where not said."""
    pattern: str | None = Field(default=None, min_length=1)
    """Of `answer = "regex"`: what finds the answer in the response. Where it is not said, each
    target is a pattern that the stated answer must match."""
    threshold: float | None = None
    """Score from which an answer is right, where a marker of your own gives scores."""
    judge: JudgeSettings | None = None
    """The LLM that judges the answers, with `answer = "judge"`."""
    layout: Layout | None = None
    """The original format that the files have; taken from their fields when not said."""
    skip_bad: bool = False
    """Leave bad questions out, and count them, instead of stopping at the first one."""
    corrections: Path | None = None
    """Other targets for some of its questions, and questions to leave out: JSON lines
    `{"id": …, "target": …}` or `{"id": …, "leave_out": true}` (docs/doctor.md)."""

    @model_validator(mode="after")
    def one_or_the_other(self) -> FileExam:
        if self.answer is not None and self.layout is not None:
            raise ValueError("a layout says how its questions are answered; take `answer` out")
        for key, type_ in FORMS.items():
            if getattr(self, key) and (self.layout or self.answer not in (None, type_)):
                name = key.removesuffix("_")
                raise ValueError(f'{name} is for answer = "{type_}"; say that, or take {name} out')
        if self.answer == "label" and not self.labels:
            raise ValueError('answer = "label" needs labels, such as labels = ["refund", "bug"]')
        if self.labels:
            check_labels(self.labels)
        if self.pattern is not None:
            compiled(self.pattern)
        return self

    @model_validator(mode="after")
    def each_has_its_marker(self) -> FileExam:
        if self.judge is not None and self.answer is None:
            raise ValueError('a judge is there and nothing says so: add answer = "judge"')
        if (self.answer == "judge") != (self.judge is not None):
            raise ValueError(
                'answer = "judge" and the table [exam.judge] go together: give both or neither'
            )
        if self.threshold is not None and (self.answer is None or not is_own(self.answer)):
            raise ValueError(
                "threshold is of the scores of a marker of your own; take it out, or name the "
                "marker as answer (a judge's stands under [exam.judge])"
            )
        return self

    def with_paths_from(self, folder: Path) -> FileExam:
        """The same, its files, its marker and its judge's files taken from `folder`."""
        changed: dict[str, object] = {
            name: given.model_copy(update={"file": (folder / given.file).resolve()})
            for name, given in (("practice", self.practice), ("dev", self.dev), ("test", self.test))
        }
        if self.corrections is not None:
            changed["corrections"] = (folder / self.corrections).resolve()
        if self.schema_ is not None:
            changed["schema_"] = (folder / self.schema_).resolve()
        if self.answer is not None:
            changed["answer"] = with_path_from(self.answer, folder)
        if self.judge is not None:
            changed["judge"] = self.judge.with_paths_from(folder)
        return self.model_copy(update=changed)

    def check_marker(self) -> None:
        """What can be seen of its marker, or of its judge's rubric, before anything is marked.

        Raises:
            ConfigError, ExamError: There is no such code, or the rubric cannot be read.
        """
        if self.judge is not None:
            self.judge.read_rubric()
        elif self.answer is not None and is_own(self.answer):
            check_marker(self.answer)

    @property
    def marked(self) -> Marked | None:
        """How every question is answered, where a marker of the user's own or a judge marks them.

        Raises:
            ExamError: The rubric cannot be read.
        """
        if self.judge is not None:
            return self.judge.answer
        if self.answer is not None and is_own(self.answer):
            return OwnAnswer(marker=self.answer, threshold=self.threshold)
        return None

    def read(
        self, skipped: list[Skipped] | None = None, corrected: list[Corrected] | None = None
    ) -> tuple[list[Question], list[Question], list[Question]]:
        """Practice, dev and test; what was left out is added to `skipped`, and what was corrected
        to `corrected`."""
        left_out = ([] if skipped is None else skipped) if self.skip_bad else None
        form = AnswerForm(
            labels=self.labels,
            schema_=read_schema(self.schema_) if self.schema_ else "",
            fields=self.fields,
            pattern=self.pattern,
        )
        marked = self.marked
        practice, dev, test = (
            read_questions(
                one,
                answer=self.answer,
                layout=self.layout,
                skipped=left_out,
                form=form,
                marked=marked,
            )
            for one in (self.practice, self.dev, self.test)
        )
        if self.corrections is not None:
            sets = {"practice": practice, "dev": dev, "test": test}
            found, done = correct(sets, self.corrections)
            if corrected is not None:
                corrected += done
            practice, dev, test = found.values()
        return practice, dev, test


FORMS: dict[str, AnswerType] = {
    "labels": "label",
    "schema_": "json",
    "fields": "json",
    "pattern": "regex",
}
"""Key of an exam → the type of answer that it is for."""


def read_questions(
    wanted: FileSet,
    *,
    answer: str | None = None,
    layout: Layout | None = None,
    skipped: list[Skipped] | None = None,
    form: AnswerForm | None = None,
    marked: Marked | None = None,
) -> list[Question]:
    """The questions of one set.

    Args:
        answer: Type of every question that does not say its own.
        marked: How every question is answered that does not say its own type.
        skipped: Bad rows are left out and added here; without it the first one stops the load.
        form: What the questions share beside it.

    Raises:
        ExamError: No such file, a row that is no question, a target that cannot be marked, two
            questions with one id, or fewer rows than asked for.
    """
    stop = None if wanted.take is None else wanted.skip + wanted.take
    task = {"task": wanted.file.stem} if layout == "bbh" else {}
    rows = list(islice(read_rows(wanted.file, wanted.file.stem, **task), wanted.skip, stop))
    if wanted.take is not None and 0 < len(rows) < wanted.take:
        raise ExamError(
            f"the exam file {wanted.file} holds only {len(rows)} questions after the first "
            f"{wanted.skip}: lower take = {wanted.take}"
        )

    def parse(row: Row) -> Question:
        return row_question(row.fields, row.id, layout, answer, form, marked)

    questions = [question for _, question in parse_rows(rows, parse, skipped)]
    if not questions:
        raise ExamError(
            f"the exam file {wanted.file} holds no questions"
            + (f" after the first {wanted.skip}" if wanted.skip else "")
            + (" that can be read" if rows else "")
            + ": put at least one in it"
        )
    return questions


def row_question(
    fields: Fields,
    id: str,
    layout: Layout | None = None,
    answer: str | None = None,
    form: AnswerForm | None = None,
    marked: Marked | None = None,
) -> Question:
    """The question in a row: of a layout that is given or that its fields show, or the user's own.

    Raises:
        ExamError: It holds none.
    """
    known = layout or (None if marked else layout_of(fields))
    if known is not None:
        return read_layout(known, fields, id)
    return own_question(fields, id, answer, form or AnswerForm(), marked)


def layout_of(fields: Fields) -> Layout | None:
    """The original format that a row's fields show; None for errata's own fields."""
    names = {name for name, given in fields.items() if given is not None}
    if {"test", "entry_point"} <= names:  # MBPP's tasks are numbered
        return "mbpp" if str(fields.get("task_id")).isdigit() else "humaneval"
    if "test_list" in names:
        return "mbpp"
    if "question" not in names or "prompt" in names:
        return None
    if "label" in names or "answerKey" in names:
        return "arc-challenge"
    if "choices" in names or {"A", "B"} <= names:
        return "mmlu"
    if names & {"perturbation_type", "extracted_answer"}:
        return "gsm-plus"
    return "gsm8k" if "answer" in names else None


class OwnFields(Record):
    """A row of a user's own exam."""

    id: str | None = Field(default=None, min_length=1, coerce_numbers_to_str=True)
    """Its file and line when not said."""
    prompt: str | None = Field(default=None, min_length=1)
    messages: list[Any] | None = None
    """In place of the prompt, or before it: `{"role": "user", "content": "…"}` and so on. Where the
    last is the assistant's it is the worked solution."""
    target: Any = None
    """The right number, label or text; of JSON the value itself; code needs none."""
    solution: str | None = None
    kind: str | None = None
    group: str | None = Field(default=None, min_length=1, coerce_numbers_to_str=True)
    """The same for all variants of one question."""
    options: Mapping[str, str] | list[str] | None = None
    """Label → option; the options of a list are labelled A, B, C …"""
    stub: str = ""
    """What the function begins with."""
    tests: str | None = None
    """A program that defines `check(candidate)`."""
    entry_point: str | None = None
    """Name of the function; not needed when the stub holds just one."""
    answer: AnswerType | None = None


def own_question(
    fields: Fields, id: str, answer: str | None, form: AnswerForm, marked: Marked | None = None
) -> Question:
    """A row in errata's own fields."""
    if isinstance(fields.get("answer"), Mapping):  # as a run folder keeps its questions
        kept = Question.model_validate(fields)
        if isinstance(kept.answer, Marked) and kept.answer != marked:
            raise ExamError(
                "it names a marker of its own, or a judge, which only a configuration may do: "
                "name it as answer under [exam] of a TOML file, and give that"
            )
        return kept
    if is_own(str(fields.get("answer"))):
        raise ExamError(
            "it names code as its answer, which only a configuration may do: name it as answer "
            "under [exam] of a TOML file, for all rows"
        )
    try:
        given = OwnFields.model_validate(dict(fields))
    except ValidationError as error:
        raise ExamError(
            f"{first_problem(error)}; a question has prompt or messages, target and, if you like, "
            "id, solution, kind, group, answer, options or tests, stub and entry_point"
        ) from None
    if given.messages is not None:
        before, given = last_message(given, given.answer or answer)
        asked = asked_question(given, id, answer, form, marked, as_said=True)
        return asked.model_copy(update={"before": before})
    return asked_question(given, id, answer, form, marked)


def last_message(given: OwnFields, answer: str | None) -> tuple[Turns, OwnFields]:
    """The messages before a row's last question, and the row with what they end in as its fields.

    Args:
        answer: Its type, where something says it.

    Raises:
        ExamError: The messages are no conversation, or say again what a field says.
    """
    found = read_conversation(given.messages, given.prompt)
    fields: dict[str, Any] = {"prompt": found.prompt, "messages": None}
    if found.reply is not None:
        if given.solution is not None:
            raise ExamError(
                "the field 'solution' and the assistant's last message both give the worked "
                "solution; take one out"
            )
        fields["solution"] = found.reply
        if given.target is None and answer == "text":
            fields["target"] = target_in(found.reply)
        elif given.target is None and answer in ("label", "json"):
            fields["target"] = found.reply.strip()
    return found.before, given.model_copy(update=fields)


def target_in(reply: str) -> str:
    """The right answer that an assistant's message gives, in words.

    Raises:
        ExamError: It does not say which of its lines that is.
    """
    said = reply.strip()
    if "\n" in said and "answer is" not in said.lower():
        raise ExamError(
            "the assistant's last message has several lines, and none says `the answer is`: give "
            "the right answer as target"
        )
    return mark_text(said, said).answer or said


def asked_question(
    given: OwnFields,
    id: str,
    answer: str | None,
    form: AnswerForm,
    marked: Marked | None,
    as_said: bool = False,
) -> Question:
    """
    Args:
        as_said: Nothing is added to the prompt that says how to answer: only what must be shown,
            as options or a stub.
    """
    if given.prompt is None:
        raise ExamError("the fields 'prompt' and 'messages' are missing; give one of them")
    kind = given.answer or answer or type_of(given)
    judged = given.answer == "judge" and isinstance(marked, JudgedAnswer)
    if marked is not None and (given.answer is None or judged):
        target = given.solution or NO_TARGET if given.target is None else target_of(given)
        return Question(prompt=given.prompt, target=target, answer=marked, **known(given, id))
    said = {"prompt": given.prompt} if as_said else {}
    match kind:
        case "judge":
            raise ExamError(
                'answer = "judge" needs a judge: describe it under [exam.judge] of a TOML file, '
                "which `errata exam` and `errata mark` take as an exam"
            )
        case "choice":
            return own_choice(given, given.id or id)
        case "code":
            return own_code(given, given.id or id)
        case "text":
            # a prompt that says so itself is left alone
            says_so = as_said or "answer is" in given.prompt.lower()
            return Question(
                prompt=given.prompt if says_so else text_prompt(given.prompt),
                target=target_of(given),
                answer=TextAnswer(),
                **known(given, id),
            )
        case "math":
            if not is_math_target(target_of(given)):
                raise ExamError("the target is empty or too long for a formula; give the answer")
            says_so = as_said or "\\boxed" in given.prompt
            return Question(
                prompt=given.prompt if says_so else math_prompt(given.prompt),
                target=target_of(given),
                answer=MathAnswer(),
                **known(given, id),
            )
        case "label":
            made = label_question(given.prompt, there(given), form)
            return Question(**made | said, **known(given, id))
        case "json":
            made = json_question(given.prompt, there(given), form)
            return Question(**made | said, **known(given, id))
        case "regex":
            made = regex_question(given.prompt, target_of(given), form)
            return Question(**made | said, **known(given, id))
        case _:
            return Question(
                prompt=given.prompt, target=number_target(target_of(given)), **known(given, id)
            )


def type_of(given: OwnFields) -> AnswerType:
    """The type that the fields tell.

    Raises:
        ExamError: They do not.
    """
    if given.options is not None:
        return "choice"
    if given.tests is not None:
        return "code"
    if read_number(target_of(given)) is None:
        raise ExamError(
            f'the target {shown(given.target)} is not a number; say answer = "text", "math", '
            '"label", "json" or "regex", or give options or tests'
        )
    return "number"


def own_choice(given: OwnFields, id: str) -> Question:
    if given.options is None:
        raise ExamError("the field 'options' is missing; a choice needs them")
    options = given.options
    if not isinstance(options, Mapping):
        options = labelled(options, "options")
    return choice_question(
        id,
        given.prompt or "",
        options,
        target_of(given),
        given.kind,
        solution=given.solution,
        group=given.group,
    )


def own_code(given: OwnFields, id: str) -> Question:
    if given.tests is None:
        raise ExamError("the field 'tests' is missing; code needs a program that defines `check`")
    entry_point = given.entry_point or only_function(given.stub)
    check_code(given.stub, given.tests, entry_point)
    if given.target is not None and given.target != entry_point:
        raise ExamError("the tests decide, so code has no target; take it out, or call it solution")
    shown = code_prompt(given.stub) if given.stub else code_reply(entry_point)
    return Question(
        prompt=f"{given.prompt}\n\n{shown}",
        target=entry_point,
        answer=CodeAnswer(stub=given.stub, tests=given.tests, entry_point=entry_point),
        **known(given, id),
    )


def target_of(given: OwnFields) -> str:
    """The target as text, of the types of answer that are one."""
    target = there(given)
    match target:
        case bool():
            raise ExamError(
                f'the target {json.dumps(target)} is a boolean; say answer = "label" and '
                'labels = ["true", "false"], or write the word that is to be said'
            )
        case list():
            raise ExamError(
                'the target is a list; say answer = "json" where the answer is a list, or give '
                "each question one target"
            )
        case Mapping():
            raise ExamError('the target is an object; say answer = "json"')
        case int() | float():
            return str(target)
        case str() if target:
            return target
        case str():
            raise ExamError("the field 'target' is empty; give the right answer")
    return str(target)


def there(given: OwnFields) -> object:
    """The target, whatever it is."""
    if given.target is None:
        raise ExamError(
            "the field 'target' is missing; give the right answer (of JSON that is null, the text "
            '"null")'
        )
    return given.target


def known(given: OwnFields, id: str) -> dict[str, Any]:
    return {
        "id": given.id or id,
        "solution": given.solution,
        "kind": given.kind,
        "group": given.group,
    }
