"""Plain data over a pipe: the only way between the tests and the program they test.

A frame is its length (8 bytes, big-endian) and JSON. What JSON lacks is an object with one key,
the type: `{"tuple": [1, 2]}`. The reader builds the types named here and nothing else, so what
the program sends can be a wrong answer, and no more than that. A value of a subclass arrives as
the plain value.
"""

from __future__ import annotations

import builtins
import json
import os
import select
import struct
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from itertools import islice
from typing import Any

PLAIN: list[type] = [bool, int, float, complex, str, bytes, list, tuple, dict, set, frozenset]
TYPES = {each.__name__: each for each in (*PLAIN, type(None))}
"""The types that are values too: a test may ask for all strings in a list."""

DEEPEST = 100
"""Lists within lists; a test compares them by recursion, which must not overflow."""
LONGEST = 100_000
"""Values taken from a generator."""

LENGTH = struct.Struct(">Q")

Classes = Mapping[str, type]
"""Classes of the exam's own, by name: their values cross as name and attributes."""


class NotPlain(Exception):
    """A value that is no plain data, said in a few words."""


class Malformed(Exception):
    """What no well-meaning program sends."""


class Closed(Exception):
    """The other side is gone."""


def send(pipe: int, message: object) -> None:
    """Write one frame; `message` is what JSON can say."""
    body = json.dumps(message).encode("ascii")
    view = memoryview(LENGTH.pack(len(body)) + body)
    while view:
        view = view[os.write(pipe, view) :]


def receive(pipe: int, most: int | None = None, until: float | None = None) -> Any:
    """The next frame, at most `most` bytes long, before `until` on the monotonic clock.

    Raises:
        Closed: The pipe has ended.
        Malformed: The frame is too long or no JSON.
        TimeoutError: It has not come by then.
    """
    (length,) = LENGTH.unpack(read_exactly(pipe, LENGTH.size, until))
    if most is not None and length > most:
        raise Malformed(f"returns more than {most >> 20} MB")
    try:
        return json.loads(read_exactly(pipe, length, until))
    except (ValueError, RecursionError) as error:
        raise Malformed("answers with something that is no value") from error


def read_exactly(pipe: int, length: int, until: float | None) -> bytearray:
    data = bytearray()
    waiting = select.poll()
    waiting.register(pipe, select.POLLIN)
    while len(data) < length:
        if until is not None and not waiting.poll(max(0.0, until - time.monotonic()) * 1000):
            raise TimeoutError
        part = os.read(pipe, min(length - len(data), 1 << 16))
        if not part:
            raise Closed
        data += part
    return data


def encode(value: Any, classes: Classes, depth: int = 0) -> Any:
    """`value` as what JSON can say.

    Raises:
        NotPlain: Something in it is no plain data.
    """
    if value is None or type(value) in (bool, str, float):
        return value
    if depth > DEEPEST:
        raise NotPlain("something nested too deeply")

    def each(values: Any) -> list[Any]:
        return [encode(inner, classes, depth + 1) for inner in values]

    name = type(value).__name__
    if classes.get(name) is type(value) and isinstance(value, Enum):
        return {"member": [name, value.name]}
    match value:
        case int():
            number = int(value)
            return number if abs(number) < 1 << 63 else {"int": hex(number)}
        case list():
            return each(value)
        case tuple():
            return {"tuple": each(value)}
        case str():
            return str.__str__(value)
        case float():
            return float(value)
        case complex():
            return {"complex": [value.real, value.imag]}
        case dict():
            kind = next(kind for kind in (Counter, OrderedDict, dict) if isinstance(value, kind))
            return {kind.__name__: [each(item) for item in value.items()]}
        case frozenset():
            return {"frozenset": each(value)}
        case set():
            return {"set": each(value)}
        case deque():
            return {"deque": [each(value), value.maxlen]}
        case bytes():
            return {"bytes": value.decode("latin-1")}
        case bytearray():
            return {"bytearray": value.decode("latin-1")}
        case type() if TYPES.get(value.__name__) is value:
            return {"type": value.__name__}
        case range():
            return {"range": each((value.start, value.stop, value.step))}
    match type(value).__module__, name:
        case "builtins", "dict_keys" | "dict_values":
            return {name: each(value)}
        case "builtins", "dict_items":
            return {name: [each(item) for item in value]}
        case "decimal", "Decimal":
            return {name: str(value)}
        case "fractions", "Fraction":
            return {name: each((value.numerator, value.denominator))}
    if isinstance(value, Iterator):
        return {"iterator": each(islice(value, LONGEST))}
    if classes.get(name) is type(value) and hasattr(value, "__dict__"):
        return {"object": [name, [each(item) for item in vars(value).items()]]}
    raise NotPlain(f"a value of type {name}")


def decode(data: Any, classes: Classes, depth: int = 0) -> Any:
    """The value that `data` says.

    Raises:
        Malformed: It says none.
    """
    if depth > 3 * DEEPEST:  # a dict within a dict is three lists deep
        raise Malformed("answers with something nested too deeply")
    match data:
        case None | bool() | int() | float() | str():
            return data
        case list():
            return [decode(each, classes, depth + 1) for each in data]
        case dict() if len(data) == 1:
            ((kind, content),) = data.items()
        case _:
            raise Malformed("answers with something that is no value")
    try:
        parts = decode(content, classes, depth + 1)
        if kind in FROM_TEXT and type(parts) is str:
            return FROM_TEXT[kind](parts)
        if kind in FROM_LIST and type(parts) is list:
            return FROM_LIST[kind](parts)
        if kind == "member":
            return classes[parts[0]][parts[1]]  # type: ignore[index]
        if kind == "object":
            made: Any = object.__new__(classes[parts[0]])
            vars(made).update(parts[1])
            return made
    except (LookupError, TypeError, ValueError, ArithmeticError, MemoryError) as error:
        raise Malformed("answers with something that is no value") from error
    raise Malformed("answers with something that is no value")


def decimal(text: str) -> Any:
    from decimal import Decimal  # seldom needed, and slow to import

    return Decimal(text)


def fraction(parts: list[int]) -> Any:
    from fractions import Fraction

    top, bottom = map(int, parts)
    return Fraction(top, bottom)


FROM_TEXT: dict[str, Callable[[str], Any]] = {
    "int": lambda text: int(text, 16),
    "type": lambda name: TYPES[name],
    "bytes": lambda text: text.encode("latin-1"),
    "bytearray": lambda text: bytearray(text, "latin-1"),
    "Decimal": decimal,
}
FROM_LIST: dict[str, Callable[[list[Any]], Any]] = {
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
    "dict": dict,
    "Counter": lambda items: Counter(dict(items)),
    "OrderedDict": OrderedDict,
    "deque": lambda parts: deque(*parts),
    "complex": lambda parts: complex(*parts),
    "range": lambda parts: range(*parts),
    "Fraction": fraction,
    "dict_keys": lambda keys: dict.fromkeys(keys).keys(),
    "dict_values": lambda values: dict(enumerate(values)).values(),
    "dict_items": lambda items: dict(items).items(),
    "iterator": iter,
}


def encode_error(error: BaseException) -> list[Any]:
    """The nearest built-in class of `error`, and its arguments."""
    name = next(
        kind.__name__
        for kind in type(error).__mro__
        if getattr(builtins, kind.__name__, None) is kind
    )
    values = tuple(error.args)
    if isinstance(error, SyntaxError):  # where it is need not be among its arguments
        values = (error.msg, (None, error.lineno, None, None))
    try:
        return [name, encode(values, {})]
    except (NotPlain, RecursionError):
        return [name, encode((text_of(error),), {})]


def text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # a number of thousands of digits; a class of the program's own
        return "a message that cannot be shown"


def decode_error(name: Any, arguments: Any) -> BaseException:
    """An exception of the built-in class called `name`.

    Raises:
        Malformed: There is none.
    """
    kind = getattr(builtins, name, None) if isinstance(name, str) else None
    values = decode(arguments, {})
    if not (isinstance(kind, type) and issubclass(kind, BaseException) and type(values) is tuple):
        raise Malformed("raises something that is no exception")
    try:
        return kind(*values)
    except Exception:  # a class of its own may have changed the arguments
        return RuntimeError(name, *values)
