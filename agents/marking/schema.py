"""Whether a JSON value fits a JSON Schema: nothing is fetched, and the work has an end."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

from errata.agents.errors import ConfigError
from errata.agents.marking.regex import compiled
from errata.agents.plain_text import one_line
from errata.training.extras import install

LONGEST_SCHEMA = 20_000
"""Characters; each question of the exam keeps the schema."""
DEEPEST_SCHEMA = 64
MOST_STEPS = 20_000
"""Keywords that are applied to one value."""
DEEPEST_WORK = 100
"""Keywords within one another; far below what Python's stack, and jsonschema's Rust, bear."""
SECONDS = 5.0
"""Of computing: one value has so long, which only a pattern or a huge value can take."""

REFUSED = {
    "patternProperties": "name the fields under properties",
    "unevaluatedProperties": "take additionalProperties",
    "unevaluatedItems": "take items",
    "$dynamicRef": "take $ref",
    "$recursiveRef": "take $ref",
}
"""Keywords whose work cannot be bounded, and what does the same for one schema in one file."""
NAMES = ("properties", "$defs", "definitions", "dependentSchemas", "dependencies")
"""Keywords under which the keys are names of the user's own."""
DATA = ("const", "enum", "default", "examples")
"""Keywords under which there is no schema."""


def misfit(value: Any, schema: str) -> str | None:
    """Why a value does not fit a schema, in a few words; None where it fits.

    `format` is a note, as JSON Schema has it, and not checked. A value that takes more than
    `MOST_STEPS`, and one on which the schema goes round in a circle, does not fit.

    Raises:
        ValueError: The schema cannot be used; the message says why.
        ConfigError: The package jsonschema is missing.
    """
    validator = validator_of(schema)
    token = WORK.set(Work())
    try:
        error = next(validator.iter_errors(value), None)
    except TooMuchError as stopped:
        return str(stopped)
    except RecursionError:
        return CIRCLE
    except ArithmeticError:
        return "does not fit the schema: a number is too large for it"
    finally:
        WORK.reset(token)
    if error is None:
        return None
    return f"does not fit the schema at {one_line(error.json_path, 80)}: {said(error.message)}"


def sketch(schema: str, most: int = 600) -> str:
    """What a value looks like that fits, for a reader: `{"name": text, "items": [number]}`.

    Empty where the schema does not tell, or would take more than `most` characters.
    """
    if not schema:
        return ""
    drawn = drawing(json.loads(schema), 0)
    return drawn if drawn[:1] in ("{", "[") and len(drawn) <= most else ""


def drawing(schema: Any, depth: int) -> str:
    if not isinstance(schema, dict) or depth > 4:
        return "value"
    if isinstance(options := schema.get("enum"), list):
        return " | ".join(json.dumps(each, ensure_ascii=False) for each in options)
    if isinstance(inner := schema.get("properties"), dict):
        needed = schema.get("required", list(inner))
        fields = ", ".join(
            f"{json.dumps(name, ensure_ascii=False)}: {drawing(each, depth + 1)}"
            + ("" if name in needed else " or left out")
            for name, each in inner.items()
        )
        return f"{{{fields}}}"
    kinds = schema.get("type")
    named = [WORDS.get(str(k), str(k)) for k in (kinds if isinstance(kinds, list) else [kinds])]
    if "list" in named and "items" in schema:
        named[named.index("list")] = f"[{drawing(schema['items'], depth + 1)}]"
    return " | ".join(named) if kinds else "value"


WORDS = {"string": "text", "integer": "whole number", "boolean": "true or false", "array": "list"}


@lru_cache(maxsize=64)
def validator_of(schema: str) -> Any:
    """What checks values against a schema.

    Raises:
        ValueError: It is no schema that can be used here; the message says why.
        ConfigError: The package jsonschema is missing.
    """
    if len(schema) > LONGEST_SCHEMA:
        raise ValueError(
            f"the schema has {len(schema):,} characters: take out what the answers do not need, "
            f"until it has {LONGEST_SCHEMA:,}"
        )
    try:
        given = json.loads(schema)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the schema is not JSON ({said(str(error))})") from None
    if not isinstance(given, dict):
        raise ValueError("the schema is no JSON object")
    references = list(bounded_references(given))
    given.pop("$id", None)
    try:
        from jsonschema.exceptions import SchemaError
        from jsonschema.validators import Draft202012Validator, extend, validator_for
        from referencing import Registry, Resource
        from referencing.exceptions import Unresolvable
        from referencing.jsonschema import DRAFT202012
    except ImportError:
        raise ConfigError(
            "a schema needs the package jsonschema, which is not installed: "
            f"{install('json')}, or take `schema` out"
        ) from None

    draft = validator_for(given, default=Draft202012Validator)
    try:
        draft.check_schema(given)
    except SchemaError as error:
        raise ValueError(f"the schema is none: {said(error.message)}") from None
    whole = Resource.from_contents(given, default_specification=DRAFT202012)
    places = Registry().with_resource("", whole).resolver()
    for place in references:
        try:
            places.lookup(place)
        except Unresolvable:
            raise ValueError(f"the schema points to {place!r}, which is not in it") from None
    # A schema that names its draft is checked by the draft's own keywords wherever it is met again.
    given.pop("$schema", None)
    checks = {name: counted(check) for name, check in draft.VALIDATORS.items()}
    checks |= {"pattern": pattern, "uniqueItems": unique_items}
    return extend(draft, checks)(given, registry=Registry())


def bounded_references(schema: Any, depth: int = 0, names: bool = False) -> Iterator[str]:
    """Each place that a schema points to.

    Args:
        names: The keys are the user's own, not keywords.

    Raises:
        ValueError: Something in it could take for ever, or would have to be fetched.
    """
    if depth > DEEPEST_SCHEMA:
        raise ValueError(f"the schema is nested deeper than {DEEPEST_SCHEMA} levels")
    if isinstance(schema, list):
        for each in schema:
            yield from bounded_references(each, depth + 1)
    if not isinstance(schema, dict):
        return
    for key, inner in schema.items():
        if not names:
            if key in DATA:
                continue
            if key in REFUSED:
                raise ValueError(f"the schema says {key}, which is not read here: {REFUSED[key]}")
            if key in ("$schema", "$id", "id") and depth and isinstance(inner, str):
                raise ValueError(f"the schema says {key} within itself: say it at the top alone")
            if key == "$ref":
                if not str(inner).startswith("#"):
                    raise ValueError(
                        f"the schema points to {said(str(inner))!r}: nothing is fetched, so put "
                        "that under $defs and point to it as #/$defs/NAME"
                    )
                yield str(inner)
            if key == "pattern" and isinstance(inner, str):
                compiled(inner)
        yield from bounded_references(inner, depth + 1, names=not names and key in NAMES)


# The keywords, bounded.


class TooMuchError(Exception):
    """A value takes more work than there may be."""


class Work:
    """What the check of one value has taken."""

    def __init__(self) -> None:
        self.steps = 0
        self.depth = 0
        self.ends = time.thread_time() + SECONDS

    def step(self) -> float:
        """One more; the seconds that are left."""
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise TooMuchError(f"does not fit the schema in {MOST_STEPS:,} steps")
        left = self.ends - time.thread_time()
        if left <= 0:
            raise TooMuchError(LATE)
        return left


LATE = "not decided in 5 s"
CIRCLE = f"does not fit the schema in {DEEPEST_WORK} levels: it may go round in a circle"
WORK: ContextVar[Work] = ContextVar("work")


def counted(check: Callable[..., Any]) -> Callable[..., Iterator[Any]]:
    """A keyword's check that counts as a step."""

    def step(validator: Any, given: Any, value: Any, schema: Any) -> Iterator[Any]:
        work = WORK.get()
        work.step()
        if work.depth == DEEPEST_WORK:
            raise TooMuchError(CIRCLE)
        work.depth += 1
        try:
            yield from check(validator, given, value, schema) or ()
        finally:  # jsonschema leaves a check at its first error
            work.depth -= 1

    return step


def pattern(validator: Any, given: str, value: Any, schema: Any) -> Iterator[Any]:
    """In place of jsonschema's own, whose patterns may take for ever."""
    from jsonschema.exceptions import ValidationError

    left = WORK.get().step()
    if isinstance(value, str):
        try:
            found = compiled(given).search(value, timeout=left)
        except TimeoutError:
            raise TooMuchError(LATE) from None
        if found is None:
            yield ValidationError(f"{value!r} does not match {given!r}")


def unique_items(validator: Any, given: bool, value: Any, schema: Any) -> Iterator[Any]:
    """In place of jsonschema's own, which compares each item with each other one."""
    from jsonschema.exceptions import ValidationError

    WORK.get().step()
    if given and isinstance(value, list) and value:
        same = Counter(json.dumps(each, sort_keys=True) for each in value)
        if max(same.values()) > 1:
            yield ValidationError("an item is there twice")


def said(message: str) -> str:
    return one_line(message, 160)
