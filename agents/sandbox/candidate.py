"""The process that runs the program: it reads calls from a pipe and answers them.

What happens here once the program runs is the program's to decide. No secret was ever in this
process's memory, neither tests nor right answers, and nothing from it is believed but plain data.
"""

from __future__ import annotations

import os
import sys
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from errata.agents.sandbox.data import (
    Classes,
    NotPlain,
    decode,
    encode,
    encode_error,
    receive,
    send,
)
from errata.agents.sandbox.extract import Extracted, extract, own_classes, read_stub
from errata.agents.sandbox.job import OUT_OF_MEMORY


def run_program(calls: int, answers: int, layers: Sequence[str]) -> None:
    """Say which walls stand, read the response, run its program, answer calls until the end."""
    send(answers, layers)
    response, stub, entry_point = receive(calls)
    try:
        given = read_stub(stub, entry_point)
        found = extract(response, given, entry_point)
    except RecursionError:
        found = Extracted(response, "syntax error: nested too deeply")
    except MemoryError:
        os._exit(OUT_OF_MEMORY)
    except Exception as error:  # ours, not the response's
        send(answers, {"box": f"reading the response: {type(error).__name__}: {error}"})
        raise
    send(answers, found)
    if found.program is None or found.fault:
        return
    program = found.program
    module = types.ModuleType("solution")
    sys.modules[module.__name__] = module
    namespace = vars(module)

    def load() -> None:
        exec(compile(program, "<solution>", "exec", dont_inherit=True), namespace)

    send(answers, answer(load, (), {}, {}))
    function: Any = namespace.get(entry_point)
    classes = own_classes(module, given)
    while True:
        values, named = [decode(each, classes) for each in receive(calls)]
        send(answers, answer(function, values, named, classes))


def answer(
    function: Callable[..., Any], values: Iterable[Any], named: Mapping[str, Any], classes: Classes
) -> list[Any]:
    """What came of a call: a value, an exception, or something that cannot be sent."""
    try:
        try:
            return ["value", encode(function(*values, **named), classes)]
        except NotPlain as error:
            return ["lost", str(error)]
        except BaseException as error:
            return ["raises", *encode_error(error)]
    except MemoryError:
        os._exit(OUT_OF_MEMORY)
