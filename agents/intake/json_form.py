"""What JSON answers have in common: a JSON Schema that all of them fit, and how fields compare.

The schema says no more than every row shows: the types that were seen, fields that each object has,
and, of texts, the few values that come up again and again.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from errata.agents.errors import ConfigError
from errata.agents.intake.findings import Finding, finding
from errata.agents.marking.json_value import DEEPEST
from errata.agents.marking.schema import LONGEST_SCHEMA, misfit, sketch
from errata.agents.records import FieldMatch

DEEPEST_FORM = 8
"""Objects and lists within each other that a schema describes."""
MOST_FIELDS = 60
"""Of one object, beyond which its fields are taken for data, as in `{"2024-01-03": 7, …}`."""
MOST_VALUES = 12
"""Different texts of a field that are a closed set."""
EACH_VALUE = 8
"""Times that each of them must come up: a field of open texts shows one now and then."""
LONGEST_VALUE = 40
"""Characters of such a text."""
ITSELF = "the answer itself"
MOST_TAGS = 60
"""Different items of lists that are a closed set of tags."""


@dataclass
class Seen:
    """All values that stood at one path."""

    kinds: Counter[str] = field(default_factory=Counter)
    texts: Counter[str] = field(default_factory=Counter)
    fields: dict[str, Seen] = field(default_factory=dict)
    items: Seen | None = None
    twice: bool = False
    """A list held an item twice."""
    plain: bool = True
    """Lists held texts alone."""

    @property
    def every(self) -> list[str]:
        """Fields that each of the objects had."""
        objects = self.kinds["object"]
        return [name for name, one in self.fields.items() if one.count == objects]

    @property
    def count(self) -> int:
        return sum(self.kinds.values())

    @property
    def open(self) -> bool:
        """Whether the names of the fields are data."""
        return len(self.fields) > MOST_FIELDS

    def add(self, value: object, depth: int = 0) -> None:
        kind = kind_of(value)
        self.kinds[kind] += 1
        if isinstance(value, str):
            self.texts[value if len(value) <= LONGEST_VALUE else ""] += 1
        elif isinstance(value, Mapping) and depth < DEEPEST:
            for name, inner in value.items():
                if name in self.fields or not self.open:
                    self.fields.setdefault(str(name), Seen()).add(inner, depth + 1)
        elif isinstance(value, list) and depth < DEEPEST:
            self.items = self.items or Seen()
            for inner in value:
                self.items.add(inner, depth + 1)
            self.plain &= all(isinstance(inner, str) for inner in value)
            self.twice |= self.plain and len(set(value)) < len(value)


def kind_of(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list() | tuple():
            return "array"
    return "object"


def seen_in(values: Iterable[object]) -> Seen:
    seen = Seen()
    for value in values:
        seen.add(value)
    return seen


def schema_in(seen: Seen, closed: bool = True, depth: int = 0) -> dict[str, Any]:
    """What all values at a path fit.

    Args:
        closed: Texts of a closed set are listed.
    """
    kinds = sorted(seen.kinds)
    if "number" in kinds and "integer" in kinds:
        kinds.remove("integer")  # an integer is a number
    schema: dict[str, Any] = {"type": kinds[0] if len(kinds) == 1 else kinds}
    if closed and set(kinds) <= {"string", "null"} and (values := closed_set(seen)):
        schema["enum"] = [*values, None] if "null" in kinds else values
    if depth >= DEEPEST_FORM:
        return schema
    if seen.fields and not seen.open:
        schema["properties"] = {
            name: schema_in(one, closed, depth + 1) for name, one in seen.fields.items()
        }
        if seen.every:
            schema["required"] = seen.every
    if seen.items is not None and seen.items.count:
        schema["items"] = schema_in(seen.items, closed, depth + 1)
    return schema


def closed_set(seen: Seen) -> list[str]:
    """The texts at a path, where they are few, short, and each comes up often; else none."""
    texts = seen.texts
    if 2 <= len(texts) <= MOST_VALUES and min(texts.values()) >= EACH_VALUE and "" not in texts:
        return sorted(texts)
    return []


def compared(seen: Seen) -> dict[str, FieldMatch]:
    """Dotted path → how it is compared, where that is not exactly: fields that are numbers in
    every row, and lists of tags."""
    found: dict[str, FieldMatch] = {}
    for path, one in paths(seen):
        kinds = set(one.kinds) - {"null"}
        if path and kinds and kinds <= {"integer", "number"}:
            found[path] = "number"
        elif kinds == {"array"} and tags(one):
            found[path] = "set"
    return found


def tags(seen: Seen) -> bool:
    """Whether lists are of a closed set of texts, none of them twice: their order says nothing."""
    if seen.items is None or not seen.plain or seen.twice:
        return False
    texts = seen.items.texts
    repeated = sum(texts.values()) >= 3 * len(texts) and "" not in texts
    return 2 <= len(texts) <= MOST_TAGS and repeated


def paths(seen: Seen, path: str = "") -> Iterator[tuple[str, Seen]]:
    """Each dotted path, as a configuration names fields: it goes through lists."""
    yield path, seen
    inside = seen.items if seen.items is not None else seen
    if inside.open:
        return
    for name, one in inside.fields.items():
        if "." not in name:
            yield from paths(one, f"{path}.{name}" if path else name)


@dataclass(frozen=True)
class JsonForm:
    """How JSON answers are marked."""

    fields: Mapping[str, FieldMatch]
    """Dotted path → how it is compared; exactly where not said."""
    schema: str
    """As a file has it; empty where there is none."""
    findings: tuple[Finding, ...]


def json_form(values: Sequence[object]) -> JsonForm:
    """The form of answers that are objects or lists; others are passed over."""
    held = [value for value in values if isinstance(value, Mapping | list)]
    seen = seen_in(held)
    fields = compared(seen)
    found = [said_of_fields(fields, seen)]
    schema, why = "", "the answers differ too much"
    for closed in (True, False):
        made = schema_in(seen, closed)
        text = json.dumps(made, ensure_ascii=False, indent=2)
        if len(text) <= LONGEST_SCHEMA and (sketch(text) or not closed):
            schema = text
            break
    try:
        misfits = schema and next(filter(None, (misfit(one, text) for one in held)), None)
    except (ConfigError, ValueError) as error:  # the package is missing, or a field is called $ref
        misfits = str(error)
    if not schema or misfits:
        said = f"No schema was written: {misfits or why}."
        return JsonForm(fields, "", (*found, finding("no schema", "warning", said)))
    few = [path or ITSELF for path, one in paths(seen) if closed_set(one.items or one)]
    said = "schema.json says what all answers have in common: types, fields that are in each"
    if closed and few:
        said += f", and all values of {', '.join(few)}, which are few"
    said += ". The questions show it, and an answer that does not fit is wrong."
    found.append(finding("schema", "ok", said, do="take out of it what is chance in your rows"))
    if not sketch(text):
        said = "The fields are too many to be shown in each question, so the student is not told."
        do = "name them in the questions, or in `system` under [student]"
        found.append(finding("form not shown", "warning", said, do=do))
    return JsonForm(fields, schema, tuple(found))


def said_of_fields(fields: Mapping[str, FieldMatch], seen: Seen) -> Finding:
    """How each field is compared, and why."""
    numbers = [path for path, how in fields.items() if how == "number"]
    sets = [path or ITSELF for path, how in fields.items() if how == "set"]
    ordered = [
        path or ITSELF
        for path, one in paths(seen)
        if one.items is not None and one.items.count and path not in fields
    ]
    said = []
    if numbers:
        said.append(f"numbers in every row, by value: {', '.join(numbers)}")
    if sets:
        said.append(f"lists from a closed set, in any order: {', '.join(sets)}")
    if ordered:
        said.append(f"lists in their order, as far as can be seen: {', '.join(ordered)}")
    said.append("all else exactly")
    text = "Fields are compared so: " + "; ".join(said) + "."
    do = "where the order of a list does not count, say `set` of it under `fields`"
    return finding("fields", "ok", text, do=do if ordered else "")
