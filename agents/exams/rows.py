"""The rows of an exam file, each with its place: JSON lines, or one JSON array."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from errata.agents.errors import ExamError
from errata.agents.plain_text import well_formed
from errata.agents.records import Question, Record

SPACE = re.compile(r"[ \t\r\n]*")


@dataclass(frozen=True)
class Row:
    """One item of an exam, not yet understood."""

    where: str
    """Its place, as a message names it: `train.jsonl, line 12`."""
    id: str
    """For a question that has none of its own."""
    fields: dict[str, Any] = field(default_factory=dict)
    problem: str = ""
    """Why there are no fields."""


class Skipped(Record):
    """An item that is not in the exam, and why."""

    where: str
    reason: str
    id: str = Field(default="", exclude=True)
    """That it would have, if it has none of its own."""
    fields: Mapping[str, Any] = Field(default_factory=dict, exclude=True)
    """As its file has them."""

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}"


def parse_rows(
    rows: Iterable[Row], parse: Callable[[Row], Question], skipped: list[Skipped] | None
) -> Iterator[tuple[Row, Question]]:
    """The rows' questions.

    Args:
        skipped: Bad rows are left out and added here; without it the first one stops the load.

    Raises:
        ExamError: A row is no question, or has another one's id.
    """
    seen: dict[str, str] = {}
    for row in rows:
        try:
            if row.problem:
                raise ExamError(row.problem)
            question = parse(row)
            if question.id in seen:
                raise ExamError(
                    f"the id {question.id!r} is taken by {seen[question.id]}; make ids unique"
                )
        except (ValueError, RecursionError, MemoryError) as error:
            reason = why_bad(error)
            bad = Skipped(where=row.where, reason=reason, id=row.id, fields=row.fields)
            if skipped is None:
                raise ExamError(f"{bad} (skip_bad leaves such questions out)") from None
            skipped.append(bad)
            continue
        seen[question.id] = row.where
        yield row, question


def why_bad(error: Exception) -> str:
    """Of a row that is no question, whatever its texts made Python's own parsers do."""
    if isinstance(error, ValidationError):
        return first_problem(error)
    if isinstance(error, ExamError):
        return str(error)
    return "it is nested too deeply, or holds too long a number"


def first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False)[0]
    name = str(problem["loc"][0]) if problem["loc"] else "item"
    return f"the field {name!r} is wrong ({problem['msg'].lower()})"


def read_rows(file: Path, prefix: str, **more: str) -> Iterator[Row]:
    """The rows of a file, in order.

    A file that begins with `[` is one JSON array; one that is an object with a list called
    `examples` is a task of BIG-Bench; anything else is JSON lines.

    Args:
        prefix: Begins each id, before the line or the number of the item: `train-00012`.
        more: Fields that every row has besides its own.

    Raises:
        ExamError: No such file, not UTF-8, or an array that is cut off: nobody knows what is
            missing then. A bad line only has a `problem`.
    """
    text = read_text(file)
    prefix, more = well_formed(prefix), {name: well_formed(given) for name, given in more.items()}
    first = text[after_space(text, 0) : after_space(text, 0) + 1]
    examples = big_bench_examples(text, file) if first == "{" else None
    items: Iterator[tuple[int, str, object]]
    if first == "[":
        items = array_items(text, file)
    elif examples is not None:
        items = ((at, f"{file}, item {at}", given) for at, given in enumerate(examples, 1))
    else:
        items = line_items(text, file)
    for at, where, given in items:
        id = f"{prefix}-{at:05d}"
        if isinstance(given, dict):
            yield Row(where, id, given | more)
        elif isinstance(given, Unreadable):
            yield Row(where, id, problem=given.why)
        else:
            yield Row(where, id, problem='not an object; write {"prompt": …, "target": …}')


def read_text(file: Path) -> str:
    try:
        given = file.read_bytes()
    except OSError as error:
        raise ExamError(
            f"the exam file {file} cannot be read ({error.strerror}): check its path, "
            "which is taken from the folder of the configuration"
        ) from None
    try:
        return given.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = given.count(b"\n", 0, error.start) + 1
        raise ExamError(
            f"the exam file {file} is not UTF-8 (line {line}, byte {error.start}): convert it first"
        ) from None


@dataclass(frozen=True)
class Unreadable:
    """In place of a line that is not JSON."""

    why: str


def line_items(text: str, file: Path) -> Iterator[tuple[int, str, object]]:
    for at, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield at, f"{file}, line {at}", line_item(line)


def line_item(line: str) -> object:
    try:
        return cleaned(json.loads(line), line)
    except (ValueError, RecursionError) as error:
        return Unreadable(f"not JSON ({fault(error, line)}); write one object a line")


def cleaned(given: object, text: str) -> object:
    """What `text` holds, without the halves of surrogate pairs that JSON can say."""
    if "\\ud" not in text.lower():
        return given
    return json.loads(well_formed(json.dumps(given, ensure_ascii=False)))


def array_items(text: str, file: Path) -> Iterator[tuple[int, str, object]]:
    """Items one after the other, so that each is known by its line too."""
    decoder = json.JSONDecoder()
    at = after_space(text, text.index("[") + 1)
    line, counted, item = 1, 0, 0
    if text[at : at + 1] != "]":
        while True:
            line, counted, item = line + text.count("\n", counted, at), at, item + 1
            where = f"{file}, item {item}, line {line}"
            try:
                given, end = decoder.raw_decode(text, at)
                given = cleaned(given, text[at:end])
            except (ValueError, RecursionError) as error:
                raise ExamError(
                    f"{where}: not JSON ({fault(error, text)}); mend the array or copy it again"
                ) from None
            yield item, where, given
            at = after_space(text, end)
            if text[at : at + 1] != ",":
                break
            at = after_space(text, at + 1)
    if text[at : at + 1] != "]":
        what = "expecting a comma or ]" if text[at:] else "cut off"
        raise ExamError(
            f"{file}: the array is not whole after item {item} ({what}); mend it or copy it again"
        )
    if after_space(text, at + 1) != len(text):
        raise ExamError(f"{file}: there is more after the end of the array; take it out")


def big_bench_examples(text: str, file: Path) -> list[object] | None:
    """The examples of a task file; None when the file is JSON lines."""
    try:
        given = cleaned(json.loads(text), text)
    except (ValueError, RecursionError) as error:
        first_line = line_item(text.lstrip().partition("\n")[0])
        if file.suffix == ".json" and isinstance(first_line, Unreadable):  # one, over many lines
            raise ExamError(
                f"{file}: not JSON ({fault(error, text)}); mend it or copy it again"
            ) from None
        return None
    examples = given.get("examples") if isinstance(given, dict) else None
    return examples if isinstance(examples, list) else None


def after_space(text: str, at: int) -> int:
    found = SPACE.match(text, at)
    return found.end() if found else at


def fault(error: Exception, text: str) -> str:
    """What is wrong with the JSON, and where."""
    if not isinstance(error, json.JSONDecodeError):  # ValueError: Python's limit to int()
        return "nested too deeply" if isinstance(error, RecursionError) else "too long a number"
    place = (
        f"line {error.lineno}, column {error.colno}" if "\n" in text else f"column {error.colno}"
    )
    if error.msg.startswith("Unterminated string") or error.pos >= len(text.rstrip()):
        return f"cut off, {place}"
    return f"{error.msg.lower()}, {place}"
