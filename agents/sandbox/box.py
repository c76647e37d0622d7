"""The sandbox: where generated code runs, and the exam's tests with it.

One program, one box: a process of its own, started for it, with two more in it. One runs the
tests; the other runs the program and answers their calls in plain data, so that nothing but right
answers passes. `keeper` builds the box, `walls` says what keeps a program in.

On Linux the box needs no privileges and works in most containers; `protection` says which layers
this machine permits. Other systems, macOS among them, have limits on time and memory but nothing
that keeps a program from files and the network: there, as on a Linux that permits too little,
marking code raises SandboxError, unless ERRATA_WEAK_SANDBOX=1 says that the machine may be risked,
one that holds nothing else, say.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from errata.agents.errors import BoxBroke, SandboxError
from errata.agents.records import Record
from errata.agents.sandbox.job import (
    COUNTED,
    LAYERS,
    LONGEST_RESPONSE,
    Job,
    Limits,
    Outcome,
    left_open,
    unicode,
)

# The packages above the box are left out: they import pydantic, and the box needs none of it.
START = """
import sys, types
for name in ("errata", "errata.agents", "errata.agents.sandbox"):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [sys.argv[1]]
from errata.agents.sandbox.keeper import main
main()
"""
FLAGS = ("-P", "-s", "-S", "-X", "utf8", "-W", "ignore", "-c", START, str(Path(__file__).parent))
ENVIRONMENT = {"PYTHONHASHSEED": "0"}
"""All of it. The same response is to get the same verdict, whatever it takes from a set first."""

STARTING_S = 20.0
"""On a busy machine; the box keeps its own time once it runs."""


class Protection(Record):
    """What keeps a program in its box on this machine."""

    active: tuple[str, ...]
    missing: tuple[str, ...]
    open: tuple[str, ...]
    """What a program can reach that it must not: with any, nothing is run."""

    def __str__(self) -> str:
        lines = [f"  yes  {layer}" for layer in self.active]
        lines += [f"  no   {layer}" for layer in self.missing]
        end = f"not enough: {' and '.join(self.open)} left open" if self.open else "enough"
        return "\n".join((*lines, end))


@functools.cache
def protection() -> Protection:
    """The layers that a box has here, found out by building one.

    Raises:
        SandboxError: No box can be built.
    """
    probe = Job("def probe(): return 1", "", "def check(f): assert f() == 1", "probe")
    outcome = run_in_box(probe, Limits(), weak=True)
    if outcome.kind != "right":
        raise SandboxError(f"the sandbox does not work on this machine: {outcome.why}")
    return Protection(
        active=outcome.layers,
        missing=tuple(layer for layer in LAYERS if layer not in outcome.layers),
        open=left_open(outcome.layers),
    )


def run_in_box(job: Job, limits: Limits, weak: bool | None = None) -> Outcome:
    """The outcome of one job; when it is back, nothing of the box is left.

    Args:
        weak: Whether a box that leaves files or the network open will do; by default what
            ERRATA_WEAK_SANDBOX says.

    Raises:
        SandboxError: No box can be built.
        BoxBroke: This one could not be built or broke.
    """
    if len(job.response) > LONGEST_RESPONSE:
        return Outcome("wrong", f"too long: {len(job.response):,} characters")
    if weak is None:
        weak = weak_will_do()
    command = [sys.executable, *FLAGS, json.dumps(limits), "weak" if weak else "strong"]
    with tempfile.TemporaryFile() as stdin:
        stdin.write(json.dumps(job._asdict()).encode())
        stdin.seek(0)
        try:
            box = subprocess.Popen(
                command,
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=ENVIRONMENT,
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            raise SandboxError(f"the sandbox cannot start {sys.executable}: {error}") from error
    try:
        said, complaint = box.communicate(timeout=limits.wall_s + STARTING_S)
    except subprocess.TimeoutExpired:
        said, complaint = b"", b"time-out"
    finally:
        if box.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(box.pid, signal.SIGKILL)
            box.communicate()
    try:
        kind, why, program, layers = json.loads(said)
    except ValueError:
        last = complaint.decode(errors="replace").strip().splitlines()[-1:]
        raise BoxBroke(
            f"the sandbox did not answer ({' '.join(last) or f'status {box.returncode}'}); "
            "see that the machine has memory and processes to spare, and mark again"
        ) from None
    program = program if program is None else unicode(program)
    return Outcome(kind, unicode(why), program, tuple(layers))


def weak_will_do() -> bool:
    """Whether a box that leaves files or the network open will do, as the environment says."""
    return os.environ.get("ERRATA_WEAK_SANDBOX") == "1"


def boxes_at_once() -> int:
    """How many boxes may run side by side without one changing another's verdict.

    Raises:
        SandboxError: No box can be built.
    """
    return (os.cpu_count() or 1) if COUNTED in protection().active else 1
