"""What goes into the box and what comes out of it.

Named tuples, not pydantic: inside the box there is only the standard library, and every
import there is paid for once a program.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

LIMITS = "limits on time, memory, threads and open files"
PRIVILEGES = "no privileges"
ROOT = "a root folder of its own (mount namespace)"
NETWORK = "no network (network namespace)"
PROCESSES = "no sight of other processes (process namespaces)"
FILES = "no other files (Landlock)"
CALLS = "no sockets, processes or signals (seccomp)"
COUNTED = "its threads counted for itself alone (user of its own)"
"""Without it boxes run one at a time: what one takes is not to change another's verdict."""
LAYERS = (LIMITS, PRIVILEGES, ROOT, NETWORK, PROCESSES, FILES, CALLS, COUNTED)

OUT_OF_MEMORY = 86
"""Exit status of a program that has no memory left to say so."""


class Limits(NamedTuple):
    """What one program may use, its tests included."""

    wall_s: float = 10.0
    """Time on the clock, from the first line of the program to the last test."""
    cpu_s: int = 8
    """Processor time of the program; the tests have `wall_s`."""
    memory_mb: int = 512
    """Address space of the program, and as much again for the tests."""
    disk_mb: int = 16
    """Its own temporary folder, which lies in memory."""
    result_mb: int = 8
    """One value that the function returns, as it is sent."""
    threads: int = 32
    """At once, where the kernel counts them for the box alone; processes: none."""
    open_files: int = 64


LONGEST_RESPONSE = 500_000
"""Characters. Several times what any model writes in one go."""


class Job(NamedTuple):
    """One response to mark."""

    response: str
    stub: str
    tests: str
    entry_point: str


Kind = Literal["right", "wrong", "exam", "box", "unsafe"]
"""`exam`: the tests cannot be used; `box`: this box failed, through nothing that the program did;
`unsafe`: the machine keeps no program in."""


Turn = Literal["tests", "program"]
"""Whose doing it is if the tests' process ends or hangs: until it reads what the program sends,
and between loading and the first call, only the exam's."""


class Outcome(NamedTuple):
    """What the box says in the end."""

    kind: Kind
    why: str
    program: str | None = None
    """The program read from the response; None when there is none."""
    layers: tuple[str, ...] = ()
    """What kept the program in, by name."""


def left_open(layers: Iterable[str]) -> tuple[str, ...]:
    """What `layers` leave open that a box must not."""
    active = set(layers)
    closed_by = {
        "files": {ROOT, FILES},
        "the network": {NETWORK, CALLS},
        "other processes": {PROCESSES, CALLS},
    }
    return tuple(what for what, either in closed_by.items() if not either & active)


def brief(text: str, length: int = 120) -> str:
    """`text` on one line, cut to `length` characters, fit for UTF-8."""
    line = unicode(" ".join(text[: 4 * length].split()))
    return line if len(line) <= length else line[: length - 1] + "…"


def unicode(text: str) -> str:
    """`text` with a question mark for each half of a surrogate pair, which no file can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")
