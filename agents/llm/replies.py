"""What an LLM sends back, and how it is read."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Annotated, Any, Generic, TypeVar, cast, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from errata.agents.chat_models.reply import LONGEST, RawReply
from errata.agents.exams.layouts import (
    choice_prompt,
    code_prompt,
    json_prompt,
    label_prompt,
    text_prompt,
)
from errata.agents.llm.lenient import BrokenError, Found, find_values
from errata.agents.marking.json_value import as_text, last_value
from errata.agents.marking.label import canonical
from errata.agents.marking.regex import literal
from errata.agents.prompts import Prompt, fence
from errata.agents.records import (
    Answer,
    ChoiceAnswer,
    CodeAnswer,
    Draft,
    JsonAnswer,
    LabelAnswer,
    RegexAnswer,
)


def _filled(text: str) -> str:
    text = text.strip()
    if not text:
        raise ValueError("must not be empty")
    return text


def _label(text: str) -> str:
    """One spelling for one cause, for the quota is shared by cause."""
    text = " ".join(text.split()).rstrip(".").lower()
    if len(text) > 120:
        raise ValueError("must be a label of at most ten words")
    return _filled(text)


def _program(text: str) -> str:
    """Python without a fence, read but never run here."""
    text = re.sub(r"\A\s*```\w*\n|\n?```\s*\Z", "", text).rstrip()
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"must be Python: {error}") from None
    if not text.strip():
        raise ValueError("must not be empty")
    return text.strip("\n")


def _json(text: str) -> str:
    """A completion that ends in an object or a list of JSON."""
    if last_value(text, {}) is None and last_value(text, []) is None:
        raise ValueError("must hold a JSON object or list; nothing is repaired in it")
    return text.strip()


def _several(texts: list[str]) -> list[str]:
    if not 2 <= len(texts) <= 26:
        raise ValueError("must hold between 2 and 26 entries")
    return texts


def _some(examples: list[Any]) -> list[Any]:
    if not examples:
        raise ValueError("must hold at least one example")
    return examples


# Checked by functions, not by keywords of the schema, since servers refuse keywords they do
# not know.
Filled = Annotated[str, AfterValidator(_filled)]
Label = Annotated[str, AfterValidator(_label)]


class LlmReply(BaseModel):
    """What an LLM sends back. The prompts state the same fields: some servers ignore a schema."""

    model_config = ConfigDict(
        frozen=True,
        use_attribute_docstrings=True,
        coerce_numbers_to_str=True,
        json_schema_extra={"additionalProperties": False},
    )

    @property
    def decision(self) -> object:
        """What two of them in one reply must not contradict each other in; None: nothing."""
        return None


class DiagnosisReply(LlmReply):
    """Why the student's response is wrong, and what would cure it."""

    # The explanation comes first, so that the label is written after the thinking.
    explanation: Filled
    """What goes wrong in the response, and where."""
    cause: Label
    """A short label that fits every mistake of this sort, as `family: what the student does`."""
    missing_skill: Filled
    """What the student must be able to do, small enough to be practised by itself."""
    advice: Filled
    """What the writer should write, and how."""


class ExampleReply(LlmReply):
    """One new exercise with its worked solution."""

    prompt: Filled
    """The exercise, complete in itself."""
    completion: Filled
    """The worked solution; its last line gives the answer."""
    target: Filled
    """The answer alone."""

    def draft(self, diagnosis_id: str, answer: Answer) -> Draft:
        return Draft(
            diagnosis_id=diagnosis_id,
            prompt=self.prompt,
            completion=self.completion,
            target=self.target,
            answer=answer,
        )


class ChoiceReply(LlmReply):
    """One new question with options."""

    prompt: Filled
    """The question alone."""
    options: Annotated[list[Filled], AfterValidator(_several)]
    """In their order; they are lettered A, B, C and so on."""
    completion: Filled
    """The reason; its last line is `The answer is X.`"""
    target: Filled
    """The letter of the right option."""

    def draft(self, diagnosis_id: str, answer: Answer) -> Draft:
        options = dict(zip(ascii_uppercase, self.options, strict=False))
        return Draft(
            diagnosis_id=diagnosis_id,
            prompt=choice_prompt(self.prompt, options),
            completion=self.completion,
            target=self.target,
            answer=ChoiceAnswer(options=options),
        )


class CodeReply(LlmReply):
    """One new function to write."""

    prompt: Annotated[str, AfterValidator(_program)]
    """The beginning of the program: imports, signature, docstring."""
    completion: Annotated[str, AfterValidator(_program)]
    """The whole program, without a fence."""
    tests: Annotated[list[Filled], AfterValidator(_several)]
    """Lines that each assert what one call returns."""

    @model_validator(mode="after")
    def names_one_function(self) -> CodeReply:
        self.entry_point()
        return self

    def entry_point(self) -> str:
        """The function that the prompt ends with."""
        functions = [n for n in ast.parse(self.prompt).body if isinstance(n, ast.FunctionDef)]
        if not functions:
            raise ValueError("prompt must end with a function's signature and docstring")
        return functions[-1].name

    def draft(self, diagnosis_id: str, answer: Answer) -> Draft:
        name = self.entry_point()
        lines = [f"{name} = candidate", *self.tests]
        check = "def check(candidate):\n" + "\n".join(f"    {line}" for line in lines)
        return Draft(
            diagnosis_id=diagnosis_id,
            prompt=code_prompt(self.prompt),
            completion=f"```python\n{self.completion}\n```",
            target=name,
            answer=CodeAnswer(stub=self.prompt, tests=check + "\n", entry_point=name),
        )


class LabelReply(ExampleReply):
    """One new text with its label."""

    completion: Filled
    """The label; a reason may stand before it."""
    target: Filled
    """The label alone, one of the closed set."""

    def draft(self, diagnosis_id: str, answer: Answer) -> Draft:
        assert isinstance(answer, LabelAnswer)
        return Draft(
            diagnosis_id=diagnosis_id,
            prompt=label_prompt(self.prompt, answer.labels),
            completion=self.completion,
            target=canonical(self.target, answer.labels) or self.target,
            answer=answer,
        )


class JsonReply(LlmReply):
    """One new text with what stands in it, as JSON."""

    prompt: Filled
    """The text, complete in itself."""
    completion: Annotated[str, AfterValidator(_json)]
    """The JSON value, as text."""

    def draft(self, diagnosis_id: str, answer: Answer) -> Draft:
        assert isinstance(answer, JsonAnswer)
        sorts: tuple[list[Any], dict[str, Any]] = ([], {})
        is_list = self.completion.endswith("]")
        found = last_value(self.completion, sorts[not is_list])
        return Draft(
            diagnosis_id=diagnosis_id,
            prompt=json_prompt(self.prompt, answer.schema_),
            completion=self.completion,
            target=as_text(found.value) if found else "",
            answer=answer,
        )


class RegexReply(ExampleReply):
    """One new exercise whose answer a pattern reads."""

    def draft(self, diagnosis_id: str, answer: Answer) -> Draft:
        assert isinstance(answer, RegexAnswer)
        if answer.pattern is not None:
            return super().draft(diagnosis_id, answer)
        says_so = "answer is" in self.prompt.lower()
        return Draft(
            diagnosis_id=diagnosis_id,
            prompt=self.prompt if says_so else text_prompt(self.prompt),
            completion=self.completion,
            target=literal(self.target),
            answer=answer,
        )


# Pydantic would read the source anew for each type that a generic reply is made for, and search
# every loaded module for it: a tenth of a second each.
UNREAD = ConfigDict(use_attribute_docstrings=False)
Exercise = TypeVar("Exercise", bound=ExampleReply | ChoiceReply | CodeReply | JsonReply)


class ExamplesReply(LlmReply, Generic[Exercise]):
    """The new exercises."""

    model_config = UNREAD
    examples: Annotated[
        list[Exercise], AfterValidator(_some), Field(description="As many as were asked for.")
    ]

    @classmethod
    def exercises(cls, value: Any) -> Read[ExamplesReply[Exercise]] | None:
        """Those that are as they should be; None where `value` is no list of exercises.

        Raises:
            ValueError: There is none.
        """
        if isinstance(value, dict):
            value = next((value[key] for key in value if key.strip().lower() == "examples"), None)
        if not isinstance(value, list):
            return None
        [exercise] = get_args(cls.model_fields["examples"].annotation)
        good, bad = [], []
        for number, each in enumerate(value):
            try:
                good.append(validated(exercise, each))
            except ValueError as error:
                bad.append(f"examples.{number}.{error}")
        if not good:
            raise ValueError("; ".join(bad[:3]) or "examples: must hold at least one example")
        return Read(cls(examples=good), tuple(bad))


REPLIES: dict[str, type[LlmReply]] = {
    "number": ExamplesReply[ExampleReply],
    "text": ExamplesReply[ExampleReply],
    "math": ExamplesReply[ExampleReply],
    "own": ExamplesReply[ExampleReply],
    "judge": ExamplesReply[ExampleReply],
    "choice": ExamplesReply[ChoiceReply],
    "code": ExamplesReply[CodeReply],
    "label": ExamplesReply[LabelReply],
    "json": ExamplesReply[JsonReply],
    "regex": ExamplesReply[RegexReply],
}
"""What a writer replies, by the type of answer that the exam wants."""


def form_of(prompt: Prompt, answer: Answer) -> str:
    """The section of a prompt that says what an answer of this type looks like."""
    match answer:
        case LabelAnswer(labels=labels):
            return prompt.render("label", labels=fence("\n".join(labels)))
        case JsonAnswer(schema_=schema):
            said = f"It must fit this JSON Schema:\n\n{fence(schema)}\n" if schema else ""
            return prompt.render("json", schema=said)
        case RegexAnswer(pattern=None):
            said = (
                "Its last line is `So the answer is X.` with the answer alone. The exam's own "
                "right answer is a regular expression that such answers match."
            )
            return prompt.render("regex", pattern=said)
        case RegexAnswer(pattern=pattern):
            said = (
                "This regular expression must find the answer in it, as group 1 or, where it has "
                f"no group, as its whole match:\n\n{fence(pattern or '')}\n"
            )
            return prompt.render("regex", pattern=said)
    return prompt.render(answer.type)


Reply = TypeVar("Reply", bound=LlmReply)


@dataclass(frozen=True)
class Read(Generic[Reply]):
    reply: Reply
    left_out: tuple[str, ...] = ()
    """What is wrong with each example that could not be used."""


@dataclass(frozen=True)
class Fit(Generic[Reply]):
    """One way to read a reply, and how good it is."""

    read: Read[Reply]
    rank: int
    """0: one exercise, and no list of them; 1: it breaks off; 2: as it should be."""


def read_reply(raw: RawReply, reply_type: type[Reply]) -> Read[Reply]:
    """The last JSON value of the reply that has the right fields; prose around it is ignored.

    Raises:
        ValueError: There is none, or there are two that decide otherwise; the message says plainly
            why, for the model to read.
    """
    if raw.problem:
        raise ValueError(raw.problem)
    if len(raw.text) > LONGEST:
        raise ValueError(f"it was longer than {LONGEST:,} characters; write less")
    if not raw.text.strip():
        raise ValueError(TOO_LONG if raw.truncated else "it was empty")
    found: Fit[Reply] | None = None
    problems: list[str] = []
    decisions: set[object] = set()
    for each in values_of(raw.text):
        if isinstance(each, BrokenError):
            problems.append(f"it was no whole JSON object: {each}")
            continue
        try:
            fit = fitted(each, reply_type)
        except ValueError as error:
            whole = "" if each.whole else "it was no whole JSON object, it breaks off; "
            problems.append(whole + str(error))
        else:
            found = fit if found is None or fit.rank >= found.rank else found
            decisions.add(fit.read.reply.decision)
    if len(decisions) > 1:
        raise ValueError("it decides twice, and not the same; reply with one JSON object")
    if found is not None:
        return found.read
    if raw.truncated:
        raise ValueError(TOO_LONG)
    raise ValueError("; ".join(problems[:3]) or "it held no JSON object")


TOO_LONG = "it ran into the limit of tokens (max_tokens) before its end; write less"


def values_of(text: str) -> Iterator[Found | BrokenError]:
    try:
        # Bare line breaks within strings are allowed; numbers stay as they are written.
        value = json.loads(text, strict=False, parse_float=str, parse_int=str)
    except (ValueError, RecursionError):
        yield from find_values(text)
        return
    if isinstance(value, str):  # JSON within JSON
        yield from find_values(value)
    else:
        yield Found(value, True)


def fitted(found: Found, reply_type: type[Reply]) -> Fit[Reply]:
    """Raises: ValueError: It has not the right fields."""
    problem: ValueError | None = None
    for value in wrappings(found.value):
        try:
            if not issubclass(reply_type, ExamplesReply):
                return Fit(Read(validated(reply_type, value)), 2 if found.whole else 1)
            exercises = reply_type.exercises(value)
            if exercises is not None:
                return Fit(cast("Read[Reply]", exercises), 2 if found.whole else 1)
            if found.whole and (one := reply_type.exercises({"examples": [value]})):
                return Fit(cast("Read[Reply]", one), 0)
        except ValueError as error:
            problem = problem or error
    raise problem or ValueError("examples: Field required")


def wrappings(value: Any) -> Iterator[Any]:
    """The value; and where it is one field alone, what is in that."""
    for _ in range(3):
        yield value
        if not isinstance(value, dict) or len(value) != 1:
            return
        [value] = value.values()


def validated(model: type[Any], value: Any) -> Any:
    """Raises: ValueError: In words that a model understands."""
    if isinstance(value, dict):  # "Missing Skill" is missing_skill
        value = {re.sub(r"[\s-]+", "_", key.strip()).lower(): value[key] for key in value}
    try:
        return model.model_validate(value)
    except ValidationError as error:
        said = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise ValueError("; ".join(said[:3]).removeprefix(": ")) from None
