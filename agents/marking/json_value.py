"""Marking JSON: the last value of a response, compared with the target field by field."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from errata.agents.marking.number import read_number
from errata.agents.marking.schema import misfit
from errata.agents.plain_text import one_line, well_formed
from errata.agents.records import FieldMatch, JsonAnswer, Verdict

Json: TypeAlias = Any
"""None, a bool, a number, a text, a list of them, or a dict from texts to them."""

DEEPEST = 32
"""Lists and objects within each other; beyond, a value does not count as one."""
LONGEST_NUMBER = 300
"""Characters of a number; beyond, it does not count as one."""
DECIMALS = 4
"""Numbers that are compared as such must agree so far, as `mark_number` asks."""
MOST_SHOWN = 3
"""Fields whose difference a verdict names."""


def mark_json(response: str, target: str, answer: JsonAnswer) -> Verdict:
    """The verdict on a response that must give the JSON value `target`.

    The answer is the last object in the response, fenced or bare, where the target is an object;
    the last list where it is a list; else the whole response, the last fenced block or the last
    line. It must be JSON as RFC 8259 has it: what does not parse is wrong, nothing is repaired.
    Single quotes, trailing commas, comments, NaN and a field that stands there twice do not parse;
    nor does what is nested deeper than 32 levels or holds a number of more than 300 characters. The
    answer must fit the schema, where there is one, and each field must be that of the target:

    * `exact`, where nothing else is said: the same value. A text counts character for character;
      numbers by their worth (1.0 is 1); lists with their order; `true`, 1, "1" and null are four
      values, and a field that is null is not one that is missing.
    * `number`: worth the same to four decimals. A text counts that is one number and nothing else:
      `"1,000"`, `"$1,000.00"` and 1000 are the same (`read_number`). Else as `exact`.
    * `set`: a list without its order. An item must be there as often as in the target. Else as
      `exact`.

    Fields are named by their dotted path, `address.city`, and a path goes through lists:
    `items.price` is the price of each item. What is said of `items` holds for the list itself.

    Raises:
        ValueError: The target is no JSON, or the schema cannot be used.
        ConfigError: There is a schema, and the package that reads it is missing.
    """
    wanted = parsed(target)
    found = last_value(response, wanted)
    if found is None:
        return Verdict(correct=False, answer=None, why=f"no {kind_of(wanted)} in JSON can be read")
    said = as_text(found.value)
    if answer.schema_ and (why := misfit(found.value, answer.schema_)):
        return Verdict(correct=False, answer=said, why=why)
    if comparable(found.value, answer.fields) == comparable(wanted, answer.fields):
        return Verdict(correct=True, answer=said, why="it is the target")
    return Verdict(correct=False, answer=said, why=difference(found.value, wanted, answer.fields))


def parsed(text: str) -> Json:
    """The value that a text is, and nothing else.

    Raises:
        ValueError: It is none; the message says what is wrong.
    """
    try:
        found = json.loads(text, **STRICT)
        if "\\ud" in text.lower():  # halves of surrogate pairs, which no file could hold
            found = json.loads(well_formed(json.dumps(found, ensure_ascii=False)), **STRICT)
    except (ValueError, RecursionError) as error:
        said = str(error) if isinstance(error, ValueError) else "it is nested too deeply"
        raise ValueError(f"it is not JSON: {said}") from None
    if depth_of(found) > DEEPEST:
        raise ValueError(f"it is not JSON that counts: nested deeper than {DEEPEST} levels")
    return found


def as_text(value: Json) -> str:
    """A value as one line of JSON."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


@dataclass(frozen=True)
class Found:
    """A value in a text: null is one, too."""

    value: Json


def last_value(response: str, wanted: Json) -> Found | None:
    """The last value of the sort that `wanted` is of; None where there is none."""
    if isinstance(wanted, dict | list):
        last = None
        for start, end in spans(response):
            if (response[start] == "{") == isinstance(wanted, dict):
                last = read(response[start:end]) or last
        return last
    fenced = FENCED.findall(response)
    candidates = [response, *fenced[-1:], response.strip().rpartition("\n")[2]]
    return next(filter(None, (read(each.strip().strip("`")) for each in candidates)), None)


def read(text: str) -> Found | None:
    try:
        return Found(parsed(text))
    except ValueError:
        return None


def spans(text: str) -> Iterator[tuple[int, int]]:
    """Where the outermost objects and lists of a text stand, in order; what is in them need not be
    whole JSON yet.

    One that breaks off takes along all to its closing bracket: what it holds is no value of its
    own. Each character is read twice at most.
    """
    at = 0
    while (start := OPENS.search(text, at)) is not None:
        end = at = start.start()
        depth = tokens = 0
        while token := TOKEN.match(text, end):
            end, tokens = token.end(), tokens + 1
            depth += DEPTHS.get(token[0][-1], 0)
            if depth == 0:
                yield at, end
                break
        if depth and (tokens > 1 or text.startswith("'", end)):
            for mark in BRACKET.finditer(text, end):
                depth += DEPTHS.get(mark[0], 0)
                end = mark.end()
                if depth == 0:
                    break
            else:
                return
        at = end


TOKEN = re.compile(
    r"[ \t\r\n]*+(?:[{}\[\]:,]"
    r'|"(?:[^"\\\x00-\x1f]|\\["\\/bfnrtu])*+"'
    r"|-?[0-9][0-9.eE+-]*+|true\b|false\b|null\b)"
)
"""One token of JSON."""
DEPTHS = {"{": 1, "[": 1, "}": -1, "]": -1}
BRACKET = re.compile(r'[{}\[\]]|"(?:[^"\\\n]|\\.)*+"')
OPENS = re.compile(r"[{\[]")
FENCED = re.compile(r"```[a-zA-Z]{0,10}\n([^`]*+)```")


def without_twins(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twin = next(name for name, count in Counter(n for n, _ in pairs).items() if count > 1)
        raise ValueError(f"the field {one_line(twin, 40)!r} stands there twice")
    return found


def whole_number(text: str) -> int:
    if len(text) > LONGEST_NUMBER:
        raise ValueError(f"a number has more than {LONGEST_NUMBER} characters")
    return int(text)


def decimal_number(text: str) -> float:
    if len(text) > LONGEST_NUMBER or not math.isfinite(value := float(text)):
        raise ValueError("a number is too large, or has too many characters")
    return value


def no_number(text: str) -> Json:
    raise ValueError(f"{text} is no number")


STRICT: dict[str, Any] = {
    "object_pairs_hook": without_twins,
    "parse_int": whole_number,
    "parse_float": decimal_number,
    "parse_constant": no_number,
}


def depth_of(value: Json) -> int:
    """Lists and objects within each other; 0 of a single value."""
    level, depth = [value], 0
    while level := [
        inner
        for each in level
        if isinstance(each, dict | list)
        for inner in (*(each.values() if isinstance(each, dict) else each), None)
    ]:
        depth += 1
    return depth


def comparable(value: Json, fields: Mapping[str, FieldMatch], path: str = "") -> Hashable:
    """A value in a form that is equal to another one's where they count as the same."""
    how = fields.get(path, "exact")
    if how == "number" and (worth := worth_of(value)) is not None:
        return ("number", worth)
    if isinstance(value, dict):
        inner = {name: comparable(each, fields, below(path, name)) for name, each in value.items()}
        return ("object", frozenset(inner.items()))
    if isinstance(value, list):
        # The items of a list have its path, but what is said of it is said of the list itself.
        of_items = {name: each for name, each in fields.items() if name != path}
        items = [comparable(each, of_items, path) for each in value]
        return ("set", frozenset(Counter(items).items())) if how == "set" else ("list", *items)
    if isinstance(value, bool) or value is None:
        return ("constant", value)
    return ("text" if isinstance(value, str) else "value", value)


def worth_of(value: Json) -> Hashable | None:
    """What a number is worth, as a number or in a text; None of anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str):
        read = read_number(value)
        return None if read is None else round(read, DECIMALS) + 0
    return round(value, DECIMALS) + 0  # + 0: there is no -0.0


def below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def leaves(value: Json, path: str = "") -> Iterator[tuple[str, Json]]:
    """Dotted path → value, of all that is no object itself; a list counts as one field."""
    if isinstance(value, dict) and value:
        for name, each in value.items():
            yield from leaves(each, below(path, name))
    else:
        yield path, value


def right_fields(
    value: Json, wanted: Json, fields: Mapping[str, FieldMatch]
) -> Iterator[tuple[str, bool]]:
    """Each field of the target, and whether a value has it right."""
    has = dict(leaves(value))
    for path, each in leaves(wanted):
        right = path in has and comparable(has[path], fields, path) == comparable(
            each, fields, path
        )
        yield path, right


def difference(value: Json, wanted: Json, fields: Mapping[str, FieldMatch]) -> str:
    """What differs, in a few words."""
    has, needs = dict(leaves(value)), dict(leaves(wanted))
    said = []
    for path, right in right_fields(value, wanted, fields):
        if right:
            continue
        shown = one_line(as_text(needs[path]), 60)
        if path in has:
            said.append(f"{path or 'it'} is {one_line(as_text(has[path]), 60)}, not {shown}")
        else:
            said.append(f"{path} is missing")
    extra = (path for path in has if path and path not in needs)  # that of {} is empty
    said += [f"{one_line(path, 60)} is too much" for path in extra]
    more = f", and {len(said) - MOST_SHOWN} more" if len(said) > MOST_SHOWN else ""
    return "; ".join(said[:MOST_SHOWN]) + more or "it is nested otherwise"


def kind_of(value: Json) -> str:
    return "object" if isinstance(value, dict) else "list" if isinstance(value, list) else "value"
