"""Puts small faults into a module, one at a time, and counts those that a test notices.

    python benchmarks/mutants.py agents/scores.py
    python benchmarks/mutants.py                      every module of TESTS
    python benchmarks/mutants.py graph/nodes.py --sample 100 --seed 1

The tests are collected once. Each mutant is tried in a fork, where the changed code takes the
place of the old in the functions and classes that all hold already, by the tests that execute the
changed lines: first those that are fast and noticed much.
"""

from __future__ import annotations

import argparse
import ast
import builtins
import copy
import functools
import hashlib
import importlib
import json
import os
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
QUICK = "not model and not slow"
TESTS = {
    "agents/calibration.py": "judge",
    "agents/checks.py": "checks data_writer several_exams",
    "agents/data_writer.py": "data_writer several_exams",
    "agents/exams/corrections.py": "corrections",
    "agents/exams/held_out.py": "held_out exams data_writer",
    "agents/marking/json_value.py": "json_marking",
    "agents/marking/judged.py": "judge",
    "agents/marking/label.py": "label_marking answer_forms",
    "agents/marking/own.py": "own_marker",
    "agents/marking/regex.py": "regex_marking",
    "agents/planner.py": "planner",
    "agents/promotion.py": "promotion",
    "agents/scores.py": "scores",
    "agents/shapers/answers.py": "shapers_rows shapers_pairs",
    "agents/shapers/chosen.py": "shapers_rows rows",
    "agents/shapers/difficulty.py": "shapers_rows",
    "agents/shapers/diverse.py": "shapers_rows",
    "agents/shapers/more_words.py": "shapers_rows",
    "agents/shapers/own_words.py": "shapers_rows",
    "agents/shapers/pairs.py": "shapers_pairs",
    "agents/shapers/spoiled.py": "shapers_pairs",
    "agents/shapers/steps.py": "shapers_pairs",
    "agents/shapers/tagged.py": "shapers_rows",
    "agents/shapers/unsolved.py": "shapers_rows",
    "agents/variations/by_hand.py": "by_hand variations",
    "agents/verifier.py": "verifier",
    "agents/weights/trainer.py": "launched",
    "agents/ways/__init__.py": "collecting",
    "agents/ways/augment.py": "collecting",
    "agents/ways/le.py": "collecting",
    "agents/ways/le_lec.py": "collecting",
    "agents/ways/lec.py": "collecting",
    "agents/ways/sft.py": "collecting",
    "agents/ways/sft_augment.py": "collecting",
    "agents/ways/way.py": "collecting",
    "graph/audit/answers.py": "audit_checks",
    "graph/audit/evidence.py": "audit_checks",
    "graph/audit/figures.py": "audit_checks",
    "graph/audit/lineage.py": "audit_checks",
    "graph/audit/questions.py": "audit_checks",
    "graph/audit/seal.py": "audit_checks",
    "graph/comparing/audition.py": "audition",
    "graph/comparing/prompting.py": "prompt_arm",
    "graph/decision.py": "decision",
    "graph/doctor/sets.py": "doctor_sets doctor stories",
    "graph/doctor/size.py": "doctor_size doctor",
    "graph/doctor/targets.py": "doctor_targets doctor",
    "graph/judging.py": "judge judge_loop",
    "graph/loop.py": "langgraph_dev loop",
    "graph/manifest.py": "manifest",
    "graph/nodes.py": "honesty loop several_exams code_marking ways rows",
    "graph/readings.py": "readings",
    "graph/run_folder.py": "run_folder loop views",
    "graph/stop.py": "stop",
}
"""Module → the files of tests that are tried on it."""


# What is changed.


@dataclass(frozen=True)
class Mutant:
    line: int
    last_line: int
    what: str
    module: str
    """The whole module, changed."""


@dataclass(frozen=True)
class Place:
    """Where a mutant is: which change of which node."""

    line: int
    last_line: int
    what: str
    node: int
    number: int


COMPARED: dict[type[ast.cmpop], list[type[ast.cmpop]]] = {
    ast.Lt: [ast.LtE, ast.GtE],
    ast.LtE: [ast.Lt, ast.Gt],
    ast.Gt: [ast.GtE, ast.LtE],
    ast.GtE: [ast.Gt, ast.Lt],
    ast.Eq: [ast.NotEq],
    ast.NotEq: [ast.Eq],
    ast.Is: [ast.IsNot],
    ast.IsNot: [ast.Is],
    ast.In: [ast.NotIn],
    ast.NotIn: [ast.In],
}
COMPUTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
OTHER_NAMES = {"min": "max", "max": "min", "any": "all", "all": "any"}


def mutants(source: str, chosen: Callable[[list[Place]], list[Place]]) -> list[Mutant]:
    """The chosen mutants of a module, in the order of its lines."""
    tree = ast.parse(source)
    fixed = {id(part) for node in ast.walk(tree) for part in held_already(node)}
    places = []
    for at, node in enumerate(ast.walk(tree)):
        if id(node) not in fixed:
            for number, (what, _, statement) in enumerate(changes(node)):
                where: Any = node.target if isinstance(node, ast.comprehension) else node
                where = statement or where
                places.append(Place(where.lineno, where.end_lineno, what, at, number))
    found = []
    for place in chosen(sorted(places, key=lambda place: place.line)):
        changed = copy.deepcopy(tree)
        here = next(each for n, each in enumerate(ast.walk(changed)) if n == place.node)
        changes(here)[place.number][1]()
        text = ast.unparse(ast.fix_missing_locations(changed))
        found.append(Mutant(place.line, place.last_line, place.what, text))
    return found


def held_already(node: ast.AST) -> Iterator[ast.AST]:
    """Annotations, and the fields and decorators of a class: what is made of them is not made
    again, so no change would show."""
    parts = [getattr(node, "annotation", None), getattr(node, "returns", None)]
    if isinstance(node, ast.ClassDef):
        parts += [*node.decorator_list, *(p for p in node.body if isinstance(p, ast.AnnAssign))]
    for part in parts:
        if isinstance(part, ast.AST):
            yield from ast.walk(part)


Change = tuple[str, Callable[[], None]]
ChangeOf = tuple[str, Callable[[], None], ast.stmt | None]


def changes(node: ast.AST) -> list[ChangeOf]:
    """What can be changed in one node, in place; with the statement in it that goes."""
    return [*((*change, None) for change in within(node)), *of_children(node)]


def within(node: ast.AST) -> Iterator[Change]:
    match node:
        case ast.Compare(ops=ops):
            for at, op in enumerate(ops):
                for other in COMPARED[type(op)]:
                    yield f"{type(op).__name__} → {other.__name__}", put(ops, at, other())
        case ast.BoolOp(op=op, values=values):
            other_op = ast.Or() if isinstance(op, ast.And) else ast.And()
            yield f"{type(op).__name__} → {type(other_op).__name__}", put(node, "op", other_op)
            for at in range(len(values)):
                yield f"operand {at + 1} left out", put(node, "values", without(values, at))
        case ast.BinOp(op=op) | ast.AugAssign(op=op) if type(op) in COMPUTED:
            name = COMPUTED[type(op)].__name__
            yield f"{type(op).__name__} → {name}", put(node, "op", COMPUTED[type(op)]())
        case ast.Constant(value=bool() as value):
            yield f"{value} → {not value}", put(node, "value", not value)
        case ast.Constant(value=int() | float() as value):
            for other_value in (value + 1, value - 1):
                yield f"{value} → {other_value}", put(node, "value", other_value)
        case ast.Name(id=name, ctx=ast.Load()) if name in OTHER_NAMES:
            yield f"{name} → {OTHER_NAMES[name]}", put(node, "id", OTHER_NAMES[name])
        case ast.Return(value=ast.expr() as value) if ast.unparse(value) != "None":
            yield "return None", put(node, "value", ast.Constant(None))
        case ast.If() | ast.IfExp() | ast.While():
            yield "condition is False", put(node, "test", ast.Constant(False))
            if not isinstance(node, ast.While):
                yield "condition is True", put(node, "test", ast.Constant(True))
        case ast.comprehension(ifs=ifs):
            for at in range(len(ifs)):
                yield "condition left out", put(node, "ifs", without(ifs, at))
        case ast.Slice(lower=lower, upper=upper):
            for bound, given in (("lower", lower), ("upper", upper)):
                if given is not None:
                    yield f"{bound} bound left out", put(node, bound, None)
        case ast.UnaryOp(op=ast.Not() | ast.USub() as op, operand=operand):
            yield f"{type(op).__name__} left out", put(node, "op", ast.UAdd())
            if isinstance(op, ast.Not):
                negated = ast.UnaryOp(ast.Not(), copy.deepcopy(operand))
                yield "Not left out", put(node, "operand", negated)
        case ast.Call(args=args, keywords=keywords):
            for at, keyword in enumerate(keywords):
                if keyword.arg is not None:
                    yield f"{keyword.arg}= left out", put(node, "keywords", without(keywords, at))
            if args:
                yield "last argument left out", put(node, "args", args[:-1])
        case ast.Dict(keys=keys, values=values):
            for at in range(len(keys)):
                yield "entry left out", both(node, without(keys, at), without(values, at))


def of_children(node: ast.AST) -> Iterator[ChangeOf]:
    """Statements that are taken out."""
    for part in ("body", "orelse", "finalbody"):
        statements = getattr(node, part, None)
        if isinstance(statements, list):
            for at, statement in enumerate(statements):
                if deletable(statement):
                    told = ast.unparse(statement).partition("\n")[0]
                    yield f"without `{told[:60]}`", put(statements, at, ast.Pass()), statement


def deletable(statement: ast.stmt) -> bool:
    match statement:
        case ast.Expr(value=ast.Constant()):  # a docstring
            return False
        case ast.Assign(targets=[ast.Name()]):  # a name that is missing: nothing to find out
            return False
        case ast.Expr() | ast.Assign() | ast.AugAssign() | ast.Raise() | ast.Continue():
            return True
        case ast.Break() | ast.Delete():
            return True
    return False


def put(place: Any, at: Any, value: Any) -> Callable[[], None]:
    def do() -> None:
        if isinstance(place, list):
            place[at] = value
        else:
            setattr(place, at, value)

    return do


def both(node: ast.Dict, keys: list[Any], values: list[ast.expr]) -> Callable[[], None]:
    def do() -> None:
        node.keys, node.values = keys, values

    return do


def without(items: Sequence[Any], at: int) -> list[Any]:
    return [item for n, item in enumerate(items) if n != at]


# How it is tried.


def name_of(path: str) -> str:
    return "errata." + path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def transplant(old: ModuleType, source: str) -> None:
    """Makes the module, and all that others took from it, what `source` says."""
    new = ModuleType(old.__name__)
    new.__file__ = old.__file__
    new.__package__ = old.__package__
    if hasattr(old, "__path__"):
        new.__path__ = old.__path__
    assert old.__file__ is not None
    sys.modules[old.__name__] = new  # pydantic and dataclasses look it up while it is made
    try:
        exec(compile(source, old.__file__, "exec"), new.__dict__)
    finally:
        sys.modules[old.__name__] = old
    for name, value in list(vars(new).items()):
        if name.startswith("__"):
            continue
        before = vars(old).get(name)
        if before is not value and not put_into(before, value, old.__name__):
            for module in list(sys.modules.values()):
                held = getattr(module, "__dict__", {})
                if held.get(name) is before and module.__name__.startswith(("errata", "test_")):
                    held[name] = value
            setattr(old, name, value)


def put_into(old: Any, new: Any, module: str) -> bool:
    """Whether `old`, a function or class of the module, could be made `new` in its place."""
    if type(old) is not type(new) or getattr(new, "__module__", module) != module:
        return False
    match new:
        case FunctionType():
            if hasattr(new, "__wrapped__"):
                return put_into(old.__wrapped__, new.__wrapped__, module)
            if old.__code__.co_freevars != new.__code__.co_freevars:
                return False
            old.__code__ = new.__code__
            old.__defaults__ = new.__defaults__
            old.__kwdefaults__ = new.__kwdefaults__
        case property():
            return put_into(old.fget, new.fget, module)
        case functools.cached_property():
            return put_into(old.func, new.func, module)
        case type():
            for name, value in list(vars(new).items()):
                if not name.startswith("__") or isinstance(value, FunctionType):
                    before = vars(old).get(name)
                    if before is not value and not put_into(before, value, module):
                        with suppress(AttributeError, TypeError):
                            setattr(old, name, value)
        case _:
            return False
    return True


@dataclass(eq=False)  # pytest keeps plugins in sets
class Tries:
    """A pytest plugin that runs the collected tests on mutants, in place of running them."""

    path: str
    tried: Sequence[Mutant]
    source: str
    """The module as it is; every test must pass on it."""
    at: Path
    """Says which test is tried."""
    why: Path
    """Says why a test failed."""
    seconds_most: float
    """Of processor time that the tests of one mutant take, before it counts as survived."""
    survivors: list[Mutant] = field(default_factory=list)
    failed: bool = False
    lines: dict[str, set[int]] = field(default_factory=dict)
    """Test → the lines of the module that it executes."""
    seconds: dict[str, float] = field(default_factory=dict)
    noticed: Counter[str] = field(default_factory=Counter)
    """Test → the mutants that it found."""
    seen: set[int] = field(default_factory=set)
    shared: dict[tuple[Path, str], set[int]] = field(default_factory=dict)
    """File and fixture → the lines that it executes, where several tests share it."""
    warms: bool = False
    """Whether there are such fixtures, and none executes a line of the module."""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.failed:
            self.failed = True
            self.why.write_text(f"{report.nodeid}: {report.longreprtext[-800:]}")

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any, request: Any) -> Any:
        """What a shared fixture executes counts for every test that uses it."""
        if fixturedef.scope != "module":
            return (yield)
        before, self.seen = self.seen, set()
        try:
            return (yield)
        finally:
            self.shared[request.path, fixturedef.argname] = self.seen
            self.seen = before | self.seen

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if session.testsfailed:
            raise session.Interrupted("the tests cannot be collected")
        self.measure(session)
        self.warm(session.items)
        for mutant in self.tried:
            if self.survives(mutant, session):
                self.survivors.append(mutant)
                print(f"  {self.path}:{mutant.line}: {mutant.what}", flush=True)
        return True

    def measure(self, session: pytest.Session) -> None:
        """Lines and seconds of each test; imports what they import.

        They are kept for the next time, as long as neither the module nor its tests change.
        """
        files = sorted({item.path for item in session.items})
        texts = [self.source, *(file.read_text() for file in files)]
        texts += [item.nodeid for item in session.items]
        key = hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]
        told = Path(tempfile.gettempdir()) / f"errata-mutants-{key}.json"

        def work() -> int:
            lines: dict[str, set[int]] = {}
            seconds = {}
            builtins.__dict__["_saw"] = lambda first, last: self.seen.update(range(first, last + 1))
            transplant(sys.modules[name_of(self.path)], recording(self.source))
            for item, following in zip(session.items, [*session.items[1:], None], strict=True):
                began = processor_seconds()
                self.seen = set()
                session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                seconds[item.nodeid] = processor_seconds() - began
                lines[item.nodeid] = self.seen
                if self.failed:
                    return 1
            for item in session.items:
                for name in getattr(item, "fixturenames", ()):
                    lines[item.nodeid] |= self.shared.get((item.path, name), set())
            told_lines = {test: sorted(seen) for test, seen in lines.items()}
            warms = bool(self.shared) and not any(self.shared.values())
            told.write_text(json.dumps([told_lines, seconds, list(sys.modules), warms]))
            return 0

        if not told.exists() and forked(work, 1800) != 0:
            why = self.why.read_text() if self.why.exists() else "they take too long"
            raise session.Interrupted(f"{self.path}: the tests fail without a mutant: {why}")
        lines, self.seconds, modules, self.warms = json.loads(told.read_text())
        self.lines = {test: set(found) for test, found in lines.items()}
        for module in modules:
            with suppress(Exception):
                importlib.import_module(module)

    def warm(self, items: Sequence[pytest.Item]) -> None:
        """Makes what the tests of one file share once, where no mutant can change it."""
        if self.warms and len(items) > 1 and len({item.path for item in items}) == 1:
            first = max(items, key=lambda item: self.seconds[item.nodeid])  # it made them
            other = next(item for item in items if item is not first)
            first.config.hook.pytest_runtest_protocol(item=first, nextitem=other)

    def survives(self, mutant: Mutant, session: pytest.Session) -> bool:
        """Whether no test notices."""
        changed = set(range(mutant.line, mutant.last_line + 1))
        items = [item for item in session.items if changed & self.lines[item.nodeid]]
        items = items or session.items[:]  # a value that a class or a module holds
        items.sort(key=lambda item: self.seconds[item.nodeid] / (1 + self.noticed[item.nodeid]))
        spent = list(accumulate(self.seconds[item.nodeid] for item in items))
        items = items[: max(1, sum(seconds <= self.seconds_most for seconds in spent))]
        if self.passes(items, mutant.module, session):
            return True
        if killer := self.at.read_text() if self.at.exists() else "":
            if not self.noticed[killer]:
                alone = [item for item in items if item.nodeid == killer]
                if not self.passes(alone, self.source, session):
                    raise session.Interrupted(f"{killer} fails on the module as it is")
            self.noticed[killer] += 1
        return False

    def passes(self, items: Sequence[pytest.Item], source: str, session: pytest.Session) -> bool:
        """Whether the tests pass on the module; `at` holds the name of the last one."""

        def work() -> int:
            transplant(sys.modules[name_of(self.path)], source)
            for item, following in zip(items, [*items[1:], None], strict=True):
                self.at.write_text(item.nodeid)
                most_s = int(time.process_time() + 3 + 4 * self.seconds[item.nodeid])
                resource.setrlimit(resource.RLIMIT_CPU, (most_s, resource.RLIM_INFINITY))
                session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                if self.failed:
                    return 1
            return 0

        self.at.unlink(missing_ok=True)
        return forked(work, 60 + 10 * sum(self.seconds[item.nodeid] for item in items)) == 0


def recording(source: str) -> str:
    """The module, where the statements of its functions tell `_saw` their lines."""
    tree = ast.parse(source)
    every = list(ast.walk(tree))
    functions = [node for node in every if isinstance(node, ast.FunctionDef)]
    inside = {id(part) for function in functions for part in ast.walk(function)}
    for node in every:
        for name in ("body", "orelse", "finalbody"):
            part = getattr(node, name, None)
            if isinstance(part, list) and id(node) in inside and not isinstance(node, ast.ClassDef):
                setattr(node, name, [each for one in part for each in (telling(one), one)])
    return ast.unparse(ast.fix_missing_locations(tree))


def telling(statement: ast.stmt) -> ast.stmt:
    body = getattr(statement, "body", [])
    last = body[0].lineno - 1 if body else statement.end_lineno
    return ast.parse(f"_saw({statement.lineno}, {max(statement.lineno, last or 0)})").body[0]


def forked(work: Callable[[], int], wall_s: float) -> int | None:
    """The exit code of `work` in a process of its own; None when it took too long."""
    child = os.fork()
    if child == 0:
        try:
            os.setsid()
            null = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(null, stream)
            os._exit(work())
        except BaseException:
            traceback.print_exc()
            os._exit(99)
    end = time.monotonic() + wall_s
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else None
        if time.monotonic() > end:
            with suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return None
        time.sleep(0.02)


def try_module(
    path: str, sample: int, seed: int, lines: Sequence[int] | None, named: str, most_s: float
) -> tuple[int, int]:
    """How many mutants were tried, and how many no test noticed."""
    source = (ROOT / path).read_text()
    every = 0

    def chosen(places: list[Place]) -> list[Place]:
        nonlocal every
        every = len(places)
        if lines is not None:
            return [place for place in places if place.line in lines]
        if every <= sample:
            return places
        return sorted(random.Random(seed).sample(places, sample), key=lambda place: place.line)

    tried = mutants(source, chosen)
    files = [f"tests/test_{name}.py" for name in TESTS[path].split()]
    with tempfile.TemporaryDirectory() as scratch:
        tries = Tries(path, tried, source, Path(scratch) / "at", Path(scratch) / "why", most_s)
        options = ["-qq", "-s", "-p", "no:cacheprovider", f"--basetemp={scratch}/tests"]
        options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # of a second session
        code = pytest.main([*options, "-m", QUICK, "-k", named, *files], plugins=[tries])
    if code != 0:
        raise SystemExit(f"{path}: stopped ({code!r})")
    of = "" if len(tried) == every else f" (of {every}, seed {seed})"
    print(f"{path}: {len(tried)} mutants{of}, {len(tries.survivors)} survived", flush=True)
    return len(tried), len(tries.survivors)


def processor_seconds() -> float:
    mine, children = (resource.getrusage(w) for w in (resource.RUSAGE_SELF, -1))
    return sum(used.ru_utime + used.ru_stime for used in (mine, children))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("modules", nargs="*", default=list(TESTS), help="such as agents/scores.py")
    parser.add_argument("--sample", type=int, default=400, help="mutants of a module, at most")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--lines", type=int, nargs="*", help="only the mutants of these lines")
    parser.add_argument("--seconds", type=float, default=30.0, help="of tests on a mutant, at most")
    parser.add_argument("--tests", default="", help="only these tests, as pytest's -k names them")
    given = parser.parse_args()
    os.chdir(ROOT)
    count = survived = 0
    for path in given.modules:
        tried, lost = try_module(
            path, given.sample, given.seed, given.lines, given.tests, given.seconds
        )
        count += tried
        survived += lost
    print(f"{count} mutants, {survived} survived: {1 - survived / max(1, count):.1%} noticed")
    print(f"{processor_seconds():.0f} s of processor time")


if __name__ == "__main__":
    main()
