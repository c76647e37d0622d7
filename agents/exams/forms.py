"""What a user says of answers that are labels, JSON or found by a pattern, and their questions."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from errata.agents.errors import ExamError
from errata.agents.exams.layouts import json_prompt, label_prompt, text_prompt
from errata.agents.marking.json_value import DEEPEST, as_text, depth_of, parsed
from errata.agents.marking.label import canonical, check_labels
from errata.agents.marking.regex import compiled
from errata.agents.marking.schema import misfit, validator_of
from errata.agents.plain_text import one_line
from errata.agents.records import FieldMatch, JsonAnswer, LabelAnswer, Record, RegexAnswer


def with_synonyms(given: object) -> object:
    """A list of labels as labels without synonyms."""
    if not isinstance(given, list | tuple):
        return given
    names = [str(each) for each in given]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"{twice!r} stands there twice; take one out")
    return dict.fromkeys(names, ())


Labels = Annotated[Mapping[str, tuple[str, ...]], BeforeValidator(with_synonyms)]


class AnswerForm(Record):
    """What the questions of a file share beside the type of their answers."""

    labels: Labels = Field(default_factory=dict)
    """The closed set, each with its synonyms."""
    schema_: str = ""
    """A JSON Schema as text."""
    fields: Mapping[str, FieldMatch] = Field(default_factory=dict)
    """Dotted path of a field in JSON → how it is compared."""
    pattern: str | None = None
    """What finds the answer in the response."""


def read_schema(file: Path) -> str:
    """The schema in a file, as one line of JSON.

    Raises:
        ExamError: It cannot be read, or is no schema that can be used.
        ConfigError: The package jsonschema is missing.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ExamError(
            f"the schema {file} cannot be read ({error.strerror}): check its path, which is taken "
            "from the folder of the configuration"
        ) from None
    except UnicodeDecodeError:
        raise ExamError(f"the schema {file} is not UTF-8: convert it first") from None
    try:
        validator_of(text)
        return json.dumps(json.loads(text), ensure_ascii=False)
    except ValueError as error:
        raise ExamError(f"{file}: {error}") from None


def label_question(prompt: str, target: object, form: AnswerForm) -> dict[str, Any]:
    """Fields of a question that is answered with a label.

    Raises:
        ExamError: There is no closed set, or the target is none of its labels.
    """
    if not form.labels:
        raise ExamError(
            'answer = "label" needs the closed set of labels: say labels = ["…", "…"] beside it'
        )
    try:
        check_labels(form.labels)
    except ValueError as error:
        raise ExamError(str(error)) from None
    given = target
    if isinstance(given, int | float):  # bool is one
        given = as_text(given)
    if not isinstance(given, str):
        raise ExamError(f"the target {shown(target)} is no label; give the label alone")
    label = canonical(given, form.labels)
    if label is None:
        near = difflib.get_close_matches(given, form.labels, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "add it to labels, or mend the target"
        raise ExamError(f"the target {shown(given)} is none of the labels; {hint}")
    return {
        "prompt": label_prompt(prompt, form.labels),
        "target": label,
        "answer": LabelAnswer(labels=form.labels),
    }


def json_question(prompt: str, target: object, form: AnswerForm) -> dict[str, Any]:
    """Fields of a question that is answered in JSON.

    Raises:
        ExamError: The target is no JSON, or does not fit the schema.
        ConfigError: There is a schema, and the package jsonschema is missing.
    """
    if isinstance(target, str):
        try:
            value = parsed(target)
        except ValueError as error:
            raise ExamError(
                f"the target {shown(target)} is not JSON ({error}); write the value itself into "
                'the row, as in "target": {"name": "Ann"}'
            ) from None
    else:
        value = target
        if depth_of(value) > DEEPEST:
            raise ExamError(f"the target is nested deeper than {DEEPEST} levels")
    try:
        text = as_text(value)
        parsed(text)
        why = misfit(value, form.schema_) if form.schema_ else None
    except ValueError as error:
        raise ExamError(f"the target cannot be marked: {one_line(str(error))}") from None
    if why is not None:
        raise ExamError(f"the target {why}; mend the one or the other")
    return {
        "prompt": json_prompt(prompt, form.schema_),
        "target": text,
        "answer": JsonAnswer(schema_=form.schema_, fields=form.fields),
    }


def regex_question(prompt: str, target: str, form: AnswerForm) -> dict[str, Any]:
    """Fields of a question whose answer a pattern finds, or matches.

    Raises:
        ExamError: The pattern, or the target in its place, is no regular expression.
    """
    try:
        compiled(target if form.pattern is None else form.pattern)
    except ValueError as error:
        raise ExamError(str(error)) from None
    says_so = form.pattern is not None or "answer is" in prompt.lower()
    return {
        "prompt": prompt if says_so else text_prompt(prompt),
        "target": target,
        "answer": RegexAnswer(pattern=form.pattern),
    }


def shown(target: object) -> str:
    return one_line(repr(target), 80)
