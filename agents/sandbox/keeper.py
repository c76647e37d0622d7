"""The first process of the box: it builds the walls, starts the other two and sees them end.

    keeper ── tests ── program

It runs nothing that the exam or the model wrote. It writes one line, the outcome, when no process
of the box but itself is left.
"""

# pathlib takes as long to import as all of this, once a program:
# ruff: noqa: PTH112

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from errata.agents.sandbox.candidate import run_program
from errata.agents.sandbox.checker import Program, run_tests
from errata.agents.sandbox.data import Closed, receive
from errata.agents.sandbox.job import PROCESSES, Job, Kind, Limits, Outcome, brief, left_open
from errata.agents.sandbox.walls import (
    LINUX,
    OWN_USERS,
    PR_SET_CHILD_SUBREAPER,
    PR_SET_PDEATHSIG,
    blind_children,
    leave_the_machine,
    lock,
    prctl,
    python_needs,
)

MOST_NEWS = 1 << 26
"""Bytes that the tests' process may say; the program's text is most of it."""
ENDING_S = 5.0
"""Within which processes that were killed are gone."""


def main() -> None:
    """Mark the job on stdin under the limits on the command line; print the outcome."""
    limits = Limits(*json.loads(sys.argv[2]))
    weak = sys.argv[3] == "weak"
    out = os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    # A program could make what is not there, and the tests would import it.
    sys.path[:] = [path for path in sys.path if os.path.isdir(path)]
    paths = python_needs()
    layers = leave_the_machine(paths, limits.disk_mb)
    user = OWN_USERS + os.getpid()
    if LINUX:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        prctl(PR_SET_CHILD_SUBREAPER, 1)  # what the tests' process leaves behind comes here
    reading, writing = os.pipe()
    tests = os.fork()
    if tests == 0:
        os.close(reading)
        os.close(out)
        start_tests(writing, limits, paths, layers, user, weak)
    os.close(writing)
    news, in_time = listen(reading, time.monotonic() + limits.wall_s + 1)
    os.kill(tests, signal.SIGKILL)
    _, status = os.waitpid(tests, 0)
    if PROCESSES not in layers and "pid" in news:  # with a namespace it ended with the tests
        with contextlib.suppress(ProcessLookupError):
            os.kill(news["pid"], signal.SIGKILL)
    wait_for_all(time.monotonic() + ENDING_S)
    outcome = conclude(news, limits, in_time, status)
    os.write(out, json.dumps(outcome).encode())


def start_tests(
    news: int, limits: Limits, paths: Sequence[str], layers: Sequence[str], user: int, weak: bool
) -> NoReturn:
    """Start the program's process; run the tests in this one."""

    def say(**what: object) -> None:
        os.write(news, json.dumps(what).encode() + b"\n")

    try:
        calls, call = os.pipe()
        answers, answer = os.pipe()
        if not blind_children():
            layers = [layer for layer in layers if layer != PROCESSES]
        # Forked before the job is read: the tests are never in its memory.
        pid = os.fork()
        if pid == 0:
            start_program(calls, answer, limits, paths, layers, user)
        say(pid=pid)
        os.close(calls)
        os.close(answer)
        mine = lock(limits, limits.wall_s + 5, paths, layers, user, is_program=False)
        program = Program(pid, call, answers, limits, say)
        both = [layer for layer in receive(answers, until=program.until) if layer in mine]
        say(layers=both)
        unguarded = left_open(both)
        if unguarded and not weak:
            program.end(
                "unsafe",
                f"this machine leaves {' and '.join(unguarded)} open to programs; run errata in a "
                "container or virtual machine that holds nothing else, with ERRATA_WEAK_SANDBOX=1",
            )
        with os.fdopen(0, "rb") as stdin:
            job = Job(**json.load(stdin))
        program.end(*run_tests(job, program))
    except (MemoryError, SystemError):  # the second too for want of memory; whose doing it is,
        pass  # the last turn says
    except BaseException as error:
        say(outcome=["box", brief(f"{type(error).__name__}: {error}")])
    os._exit(1)


def start_program(
    calls: int,
    answers: int,
    limits: Limits,
    paths: Sequence[str],
    layers: Sequence[str],
    user: int,
) -> NoReturn:
    """Run the program in this process, with two pipes and nothing else."""
    try:
        low, high = sorted((calls, answers))
        os.dup2(1, 0)  # /dev/null
        os.closerange(3, low)
        os.closerange(low + 1, high)
        os.closerange(high + 1, 1024)
        if LINUX:
            os.setsid()  # else a signal to its process group would reach the keeper
        active = lock(limits, limits.cpu_s, paths, layers, user, is_program=True)
        sys.argv[:] = sys.orig_argv[:] = [""]
        sys.executable = sys._base_executable = ""  # type: ignore[attr-defined]
        for name in [each for each in sys.modules if each.startswith("errata")]:
            del sys.modules[name]
        run_program(calls, answers, active)
    except Closed:
        os._exit(0)
    finally:
        os._exit(1)


def listen(news: int, until: float) -> tuple[dict[str, Any], bool]:
    """What the tests' process says before it ends; whether it did so in time."""
    data = bytearray()
    waiting = select.poll()
    waiting.register(news, select.POLLIN)
    in_time = True
    while len(data) < MOST_NEWS:
        in_time = bool(waiting.poll(max(0.0, until - time.monotonic()) * 1000))
        part = os.read(news, 1 << 16) if in_time else b""
        if not part:
            break
        data += part
    said: dict[str, Any] = {}
    for line in data.split(b"\n"):
        with contextlib.suppress(ValueError):
            said |= json.loads(line)
    return said, in_time


def wait_for_all(until: float) -> None:
    """Wait for the processes that are ending; a weak box may hold some that are not."""
    with contextlib.suppress(ChildProcessError):
        while time.monotonic() < until:
            pid, _ = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                time.sleep(0.001)


def conclude(said: Mapping[str, Any], limits: Limits, in_time: bool, status: int) -> Outcome:
    kind: Kind
    programs = said.get("turn") == "program"
    if "outcome" in said:
        kind, why = said["outcome"]
    elif not in_time and programs:
        kind, why = "wrong", f"time-out after {limits.wall_s:g} s"
    elif not in_time:
        kind, why = "exam", f"the tests take more than {limits.wall_s:g} s of themselves"
    elif os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        kind, why = "box", "the machine killed the tests; free some memory and mark it again"
    elif programs:
        kind, why = "wrong", "returns what the tests have no memory for"
    elif "turn" in said:
        kind, why = "exam", f"the tests end of themselves (status {status})"
    else:
        kind, why = "box", f"the process with the tests ended early (status {status})"
    return Outcome(kind, why, said.get("program"), tuple(said.get("layers", ())))
