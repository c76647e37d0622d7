"""From a row of a person's file to a question in errata's own fields, or why it is none."""

from __future__ import annotations

import hashlib
import json
import re
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from errata.agents.errors import ExamError
from errata.agents.exams import plain
from errata.agents.exams.conversations import Conversation, read_conversation
from errata.agents.intake.answer_types import (
    WORKED,
    Judged,
    accepted_texts,
    as_json,
    as_label,
    parsed,
)
from errata.agents.intake.columns import Columns, empty
from errata.agents.intake.reading import Given, split_name
from errata.agents.intake.several import pattern_for
from errata.agents.plain_text import one_line, well_formed


@dataclass(frozen=True)
class OwnRow:
    """A question in errata's own fields."""

    where: str
    fields: Mapping[str, Any]
    """`prompt` or `messages`, `target` and so on, as docs/exams-and-marking.md has them."""
    split: str = ""
    """`train`, `validation`, `test`, or nothing."""

    @cached_property
    def asked(self) -> str:
        """All that the student is shown of the question."""
        shown = [str(self.fields.get("prompt", ""))]
        shown += [message["content"] for message in self.fields.get("messages", ())]
        options = self.fields.get("options")
        if options:
            shown += map(str, options.values() if isinstance(options, Mapping) else options)
        shown.append(str(self.fields.get("stub", "")))
        return "\n\n".join(text for text in shown if text)

    @cached_property
    def words(self) -> str:
        """The same as plain words: what makes two questions the same."""
        return plain(self.asked)

    @property
    def told(self) -> str:
        """The same without a system message, which many may share, and the last message first:
        what two questions are compared by that may be nearly the same."""
        messages = self.fields.get("messages", ())
        turns = [message["content"] for message in messages if message["role"] != "system"]
        return plain("\n\n".join(reversed(turns))) if turns else self.words

    @property
    def answered(self) -> Iterator[str]:
        """The questions that its earlier messages answer, each as its own `asked_text` has it."""
        said: list[str] = []
        for message in self.fields.get("messages", ())[:-1]:
            said.append(plain(message["content"]))
            if message["role"] == "user":
                yield "\n".join(said)

    @property
    def asked_text(self) -> str:
        """Its messages as plain words, a line each."""
        messages = self.fields.get("messages")
        texts = [m["content"] for m in messages] if messages else [self.fields.get("prompt", "")]
        return "\n".join(plain(str(text)) for text in texts)

    @property
    def answer(self) -> str:
        """What is compared when two rows ask the same."""
        target = self.fields.get("target", self.fields.get("tests"))
        return target if isinstance(target, str) else json.dumps(target, sort_keys=True)

    @property
    def completion(self) -> str:
        """What a student would be taught to say."""
        if "options" in self.fields:
            options = self.fields["options"]
            longest = max(options.values() if isinstance(options, Mapping) else options, key=len)
            return str(self.fields.get("solution") or f"A. {longest}\nThe answer is A.")
        return str(self.fields.get("solution") or self.answer)

    @property
    def group(self) -> str | None:
        return self.fields.get("group")


@dataclass(frozen=True)
class Choices:
    """What the person says where a file does not."""

    uncorrected: str = "drop"
    """`drop` or `keep`: rows whose correction is empty."""
    first_option: int = 0
    """The number of the first option, where answers are numbers of options."""
    system: str | None = None
    """System prompt that all conversations begin with: it goes into the configuration."""


def own_row(given: Given, columns: Columns, judged: Judged, choices: Choices) -> OwnRow:
    """Raises: ExamError: why the row is no question."""
    fields: dict[str, Any] = {}
    chat = None
    if columns.messages:
        chat = read_chat(given.fields.get(columns.messages))
        fields |= asked_in(chat, choices.system)
    else:
        fields["prompt"] = prompt_of(given, columns.prompt)
        if columns.asked:
            fields["prompt"] += f"\n\n{columns.asked}"
    if columns.options:
        fields["options"] = options_of(given, columns.options)
    elif columns.wrong:
        right = as_label(raw_target(given, columns, chat, choices))
        fields["options"] = mixed(right, options_of(given, columns.wrong, 1), fields)
    elif columns.listed:
        fields["prompt"], fields["options"] = listed_in(fields["prompt"])
    if columns.tests:
        fields |= {
            name: text_of(given, column)
            for name, column in (
                ("tests", columns.tests),
                ("stub", columns.stub),
                ("entry_point", columns.entry_point),
            )
            if column and not empty(given.fields.get(column))
        }
    else:
        raw = raw_target(given, columns, chat, choices)
        texts = accepted_texts(raw) if judged.type == "text" else None
        if texts is not None:
            raw = first_of(texts, columns.target or "")
        fields["target"] = target_of(raw, judged, fields.get("options"), choices.first_option)
        if texts is not None and len(texts) > 1:
            fields["solution"] = bare_answer(fields["target"], "text")
            fields |= {"target": pattern_for(texts), "answer": "regex"}
        if isinstance(raw, str) and judged.type in ("number", "math") and WORKED.search(raw[-200:]):
            fields["solution"] = raw
    if columns.solution and not empty(given.fields.get(columns.solution)):
        fields["solution"] = text_of(given, columns.solution)
    for name, column in (("kind", columns.kind), ("group", columns.group)):
        if column and not empty(given.fields.get(column)):
            fields[name] = as_label(given.fields[column])
    solution = fields.get("solution") or bare_answer(fields.get("target"), judged.type)
    if solution:
        fields["solution"] = solution
    split = given.split
    if columns.split and not split:
        split = split_name(str(given.fields.get(columns.split)))
    fields["id"] = id_of(given, columns)
    fields = json.loads(well_formed(json.dumps(fields, ensure_ascii=False)))
    return OwnRow(given.where, fields, split)


def read_chat(cell: object) -> Conversation:
    """The conversation in a cell, which ends in what is to be learnt.

    Raises:
        ExamError: It is none, or has no answer at its end.
    """
    found = read_conversation(parsed(cell))
    if found.reply is None:
        raise ExamError("the conversation ends with the user, so there is no answer to learn from")
    return found


def id_of(given: Given, columns: Columns) -> str:
    """The row's own id, or its place: `tickets.csv:12`."""
    if columns.id and not empty(given.fields.get(columns.id)):
        return as_label(given.fields[columns.id])
    return re.sub(r",? (?:line |row |item )?", ":", given.where)


def asked_in(chat: Conversation, system: str | None) -> dict[str, Any]:
    before = chat.before
    if system is not None and before and before[0] == ("system", system):
        before = before[1:]
    if not before:
        return {"prompt": chat.prompt}
    turns = (*before, ("user", chat.prompt or ""))
    return {"messages": [{"role": role, "content": text} for role, text in turns]}


def common_system(rows: Sequence[Given], column: str) -> str | None:
    """The system prompt that every conversation begins with."""
    found: set[str | None] = set()
    for row in rows:
        try:
            before = read_chat(row.fields.get(column)).before
        except ExamError:
            continue
        found.add(before[0][1] if before and before[0][0] == "system" else None)
        if len(found) > 1:
            return None
    return found.pop() if found else None


def prompt_of(given: Given, columns: Sequence[str]) -> str:
    parts = [text_of(given, name) for name in columns if not empty(given.fields.get(name))]
    if not parts:
        raise ExamError(f"no question in {' and '.join(map(repr, columns))}")
    return "\n\n".join(parts)


def text_of(given: Given, column: str) -> str:
    value = given.fields[column]
    if isinstance(value, Mapping | list | tuple | bytes):
        raise ExamError(f"the cell {column!r} is no text but a {type(value).__name__}")
    return str(value).strip("\r\n") if isinstance(value, str) else as_label(value)


def raw_target(
    given: Given, columns: Columns, chat: Conversation | None, choices: Choices
) -> object:
    """The answer as the file has it.

    Raises:
        ExamError: There is none.
    """
    if columns.correction and not empty(given.fields.get(columns.correction)):
        return given.fields[columns.correction]
    if columns.correction and columns.target is None:
        raise ExamError(
            "nobody corrected this row: --target names the column with what was answered, if that "
            "was right"
        )
    if columns.correction and choices.uncorrected == "drop":
        raise ExamError("nobody corrected this row: --uncorrected keep takes what was answered")
    if columns.target is None:
        return chat.reply if chat else None
    value = given.fields.get(columns.target)
    if empty(value):
        raise ExamError(f"no answer in {columns.target!r}: fill it in or take the row out")
    return value


def first_of(texts: Sequence[str], column: str) -> str:
    """Raises: ExamError: There is none, or it is too long to be compared."""
    if not texts:
        raise ExamError(f"no answer in {column!r}: its list is empty")
    if not pattern_for(texts):
        raise ExamError(f"the answer in {column!r} is too long to be met word for word")
    return texts[0]


def target_of(
    raw: object, judged: Judged, options: Mapping[str, str] | list[str] | None, first_option: int
) -> object:
    """The answer as errata's own field.

    Raises:
        ExamError: It is none of this type.
    """
    if options is not None:
        return option_of(raw, options, first_option)
    if judged.type == "json":
        held = as_json(raw, judged.separator)
        if isinstance(held, str):
            raise ExamError(f"the answer is not JSON ({one_line(held, 60)!r})")
        return held
    if isinstance(raw, list | tuple) and len(raw) == 1:
        raw = raw[0]
    if isinstance(raw, list | tuple):
        some = ", ".join(one_line(str(one), 30) for one in raw[:3])
        raise ExamError(f"several answers to one question ({some}): leave the right one")
    if isinstance(raw, Mapping):
        raise ExamError(f"the answer is an object, which is no {judged.type}")
    if judged.type == "label":
        return next(
            (one for one in judged.labels if one.casefold() == as_label(raw).casefold()),
            as_label(raw),
        )
    text = as_label(raw) if isinstance(raw, bool | float) else str(raw).strip()
    worked = WORKED.search(text[-200:]) if judged.type in ("number", "math") else None
    if worked:
        return worked[1].strip()
    if judged.amount is not None:
        return judged.amount.bare(text)
    if judged.type == "text" and "\n" in text:
        raise ExamError("the answer has several lines: a text is compared on one")
    return text


def options_of(
    given: Given, columns: Sequence[str], fewest: int = 2
) -> Mapping[str, str] | list[str]:
    value = parsed(given.fields.get(columns[0]))
    if len(columns) > 1 or not isinstance(value, Mapping | list):
        return [as_label(v) for name in columns if not empty(v := given.fields.get(name))]
    if isinstance(value, Mapping) and {"text", "label"} <= set(value):
        return {
            as_label(a): as_label(b) for a, b in zip(value["label"], value["text"], strict=False)
        }
    if isinstance(value, Mapping):
        return {str(label): as_label(text) for label, text in value.items()}
    if isinstance(value, list) and len(value) >= fewest:
        return [as_label(one) for one in value]
    raise ExamError(f"no list of options in {columns[0]!r}")


def mixed(right: str, wrong: Mapping[str, str] | list[str], fields: Mapping[str, Any]) -> list[str]:
    """All options, in an order that follows from the question's words and so stays."""
    texts = {right, *(wrong.values() if isinstance(wrong, Mapping) else wrong)} - {""}
    asked = fields.get("prompt", "")
    return sorted(texts, key=lambda text: hashlib.sha256(f"{asked}\0{text}".encode()).digest())


LINE = re.compile(r"\s*\(?([A-H])[).:]\s+(\S.*)")


def listed_in(prompt: str) -> tuple[str, dict[str, str]]:
    """A question without the options at its end, a line each, and these.

    Raises:
        ExamError: There are none.
    """
    lines = prompt.rstrip().splitlines()
    if lines and lines[-1].strip().lower() in ("answer:", "answer"):
        del lines[-1]
    found: dict[str, str] = {}
    while lines and (line := LINE.fullmatch(lines[-1])):
        found = {line[1]: line[2].strip()} | found
        del lines[-1]
        if line[1] == "A":
            break
    if len(found) < 2 or [*found] != list(string.ascii_uppercase[: len(found)]):
        raise ExamError("the question does not end in options, a line each from `A) …` on")
    if not "".join(lines).strip():
        raise ExamError("there is no question before the options")
    return "\n".join(lines).rstrip(), found


def option_of(raw: object, options: Mapping[str, str] | list[str], first: int) -> str:
    """The label of the right option, which is said by label, by number or in full."""
    shown = options
    if not isinstance(shown, Mapping):
        shown = dict(zip(string.ascii_uppercase, shown, strict=False))
    said = as_label(raw)
    for label in shown:
        if said.strip("().").casefold() == label.casefold():
            return label
    same = [label for label, text in shown.items() if text.casefold() == said.casefold()]
    if len(same) == 1:
        return same[0]
    if said.isdecimal() and len(said) < 4 and 0 <= int(said) - first < len(shown):
        return list(shown)[int(said) - first]
    raise ExamError(f"the answer {one_line(said, 40)!r} is none of the options {', '.join(shown)}")


BARE = {
    "number": "#### {}",
    "text": "So the answer is {}",
    "math": "\\boxed{{{}}}",
    "judge": "{}",
}
"""An answer without its working, as its marker reads it."""


def bare_answer(target: object, type: str) -> str | None:
    return BARE[type].format(target) if type in BARE and target is not None else None
