"""The process that runs the exam's tests: their `candidate` is a question to the other process.

Only this process holds the way out to errata, so only the tests say what passes. The program can
answer a call, rightly or wrongly; when it ends or keeps silent, so do the tests. Arguments go to
it as copies: a test that looks at what a function did to its arguments sees none of it. No test
of HumanEval or MBPP looks.
"""

from __future__ import annotations

import ast
import os
import re
import reprlib
import signal
import time
import types
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from errata.agents.sandbox.data import (
    Closed,
    Malformed,
    NotPlain,
    decode,
    decode_error,
    encode,
    receive,
    send,
    text_of,
)
from errata.agents.sandbox.extract import UNREADABLE, defines, own_classes, read_stub
from errata.agents.sandbox.job import OUT_OF_MEMORY, Job, Kind, Limits, Turn, brief

TESTS = "<tests>"


class Program:
    """The program in the other process: what to ask it, and what it said last."""

    def __init__(
        self, pid: int, calls: int, answers: int, limits: Limits, say: Callable[..., None]
    ) -> None:
        self.pid, self.calls, self.answers = pid, calls, answers
        self.limits, self.say = limits, say
        self.until = time.monotonic() + limits.wall_s
        self.classes: dict[str, type] = {}
        """The exam's own, by name."""
        self.called = False
        self.raised: BaseException | None = None
        self.came_back = "nothing"

    def end(self, kind: Kind, why: str) -> NoReturn:
        """Give the verdict, now: no `except` in a test is to catch it."""
        self.say(outcome=[kind, brief(why, 240)])
        os._exit(0)

    def turn(self, whose: Turn) -> None:
        """Say whose doing it is if this process ends or hangs from here on."""
        self.say(turn=whose)

    def tell(self, message: object) -> None:
        try:
            send(self.calls, message)
        except BrokenPipeError:
            self.end(*self.how_it_ended())

    def hear(self) -> Any:
        """What it says next, or the end."""
        try:
            return receive(self.answers, self.limits.result_mb << 20, self.until)
        except TimeoutError:
            self.end("wrong", f"time-out after {self.limits.wall_s:g} s")
        except Malformed as error:
            self.end("wrong", str(error))
        except Closed:
            self.end(*self.how_it_ended())

    def call(self, name: str, values: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """What the function gives for these arguments.

        Raises:
            BaseException: What it raised, as the nearest built-in exception.
        """
        try:
            message = [encode(values, self.classes), encode(named, self.classes)]
        except NotPlain as error:
            self.end("exam", f"the tests call {name} with {error}, which cannot be sent to it")
        if not self.called:
            self.called = True
            self.turn("program")
        self.tell(message)
        return self.value()

    def value(self) -> Any:
        """The value in what it says next.

        Raises:
            BaseException: What it raised, as the nearest built-in exception.
        """
        try:
            match self.hear():
                case ["value", data]:
                    value = decode(data, self.classes)
                    self.came_back = printed(value)
                    return value
                case ["raises", name, values]:
                    error = self.raised = decode_error(name, values)
                    if isinstance(error, StopIteration | StopAsyncIteration):
                        # `all(map(candidate, …))` would take it for the end of the cases.
                        self.end("wrong", raised(error))
                case ["lost", str(why)]:
                    # The program's own words: it can write anything here.
                    self.end("wrong", f"returns no plain data: the program says {brief(why)!r}")
                case _:
                    raise Malformed("answers with something that is no value")
        except MemoryError:
            self.end("wrong", "returns more than there is memory for")
        except Exception as malformed:
            # Short of memory, Python raises others too, SystemError among them.
            self.end("wrong", text_of(malformed))
        raise error

    def how_it_ended(self) -> tuple[Kind, str]:
        for _ in range(50):
            pid, status, used = os.wait4(self.pid, os.WNOHANG)
            if pid:
                break
            time.sleep(0.01)
        else:
            return "wrong", "ended early (closed its pipe)"
        if os.WIFEXITED(status):
            code = os.WEXITSTATUS(status)
            why = "out of memory" if code == OUT_OF_MEMORY else f"ended early (exit {code})"
            return "wrong", why
        number = os.WTERMSIG(status)
        spent = used.ru_utime + used.ru_stime >= self.limits.cpu_s - 0.5
        if number == signal.SIGXCPU or (number == signal.SIGKILL and spent):
            return "wrong", f"time-out after {self.limits.cpu_s} s of processor time"
        if number == signal.SIGKILL:
            return "box", "the machine killed the program; free some memory and mark it again"
        return "wrong", f"crashes ({signal.strsignal(number) or number})"


def run_tests(job: Job, program: Program) -> tuple[Kind, str]:
    """The verdict on the response, and why; some end this process before."""
    try:
        tests = ast.parse(job.tests)
    except SyntaxError as error:
        return "exam", f"the tests do not parse: {error.msg} (line {error.lineno})"
    except UNREADABLE:
        return "exam", "the tests do not parse"
    if not defines(tests, "check"):
        return "exam", "the tests do not define check(candidate)"
    stub = read_stub(job.stub, job.entry_point)
    module = types.ModuleType("exam")
    namespace = vars(module)
    try:
        # The helpers that tests use are the exam's, never the response's.
        exec(compile(stub.before, "<stub>", "exec", dont_inherit=True), namespace)
    except BaseException as error:
        return "exam", f"the stub fails of itself: {described(error)}"
    program.classes = own_classes(module, stub)
    return start(job, program) or check(job, tests, namespace, program)


def start(job: Job, program: Program) -> tuple[Kind, str] | None:
    """Have the program read from the response and loaded; a verdict where that fails."""
    program.turn("program")
    program.tell([job.response, job.stub, job.entry_point])
    found = program.hear()
    if isinstance(found, dict):
        return "box", str(found.get("box"))
    text, fault = found
    program.say(program=text)
    if text is None or fault:
        return "wrong", str(fault)
    try:
        program.value()
    except BaseException as error:
        if error is not program.raised:
            raise
        return "wrong", raised(error)
    program.turn("tests")
    return None


def check(
    job: Job, tests: ast.Module, namespace: dict[str, Any], program: Program
) -> tuple[Kind, str]:
    """Run the tests, with the stub's helpers in their `namespace`."""

    def candidate(*values: Any, **named: Any) -> Any:
        return program.call(job.entry_point, values, named)

    candidate.__name__ = job.entry_point
    namespace[job.entry_point] = candidate
    try:
        exec(compile(tests, TESTS, "exec", dont_inherit=True), namespace)
        namespace["check"](candidate)
    except BaseException as error:
        if error is program.raised:
            return "wrong", raised(error)
        lacks = isinstance(error, NameError | ImportError)
        # A wrong answer can leave a variable without a value, but no name unknown.
        if not program.called or (lacks and not isinstance(error, UnboundLocalError)):
            return "exam", f"the tests fail of themselves: {described(error)}"
        return "wrong", failing(error, tests, job.tests) + f" (got {program.came_back})"
    if not program.called:
        return "exam", f"the tests never call {job.entry_point}"
    return "right", "passes all tests"


def failing(error: BaseException, tests: ast.Module, source: str) -> str:
    """The innermost statement of the tests that `error` came through."""
    line, trace = 0, error.__traceback__
    while trace:
        line = trace.tb_lineno if trace.tb_frame.f_code.co_filename == TESTS else line
        trace = trace.tb_next
    around = [
        each
        for each in ast.walk(tests)
        if isinstance(each, ast.stmt) and each.lineno <= line <= (each.end_lineno or 0)
    ]
    innermost = min(reversed(around), key=lambda each: (each.end_lineno or 0) - each.lineno)
    shown = ast.get_source_segment(source, innermost) or ""
    if isinstance(innermost, ast.Assert):
        shown = f"assert {ast.get_source_segment(source, innermost.test)}"
    cause = "" if isinstance(error, AssertionError) else f": {type(error).__name__}"
    return f"fails: {brief(shown)}{cause}"


def raised(error: BaseException) -> str:
    match error:
        case MemoryError():
            return "out of memory"
        case SyntaxError(msg=str(text), lineno=int(line)) if line < 1 << 31:
            return f"syntax error: {brief(text)} (line {line})"
    return f"raises {described(error)}"


def described(error: BaseException) -> str:
    name, text = type(error).__name__, brief(text_of(error))
    return f"{name}: {text}" if text else name


def printed(value: object) -> str:
    if isinstance(value, Iterator):
        return "an iterator"
    try:
        return re.sub(r" at 0x\w+", "", brief(reprlib.repr(value), 60))
    except Exception:  # a number of thousands of digits; an object without its attributes
        return f"a long {type(value).__name__}"
