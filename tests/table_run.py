"""Runs with the table doubles, each in a process of its own, which is killed when told to.

    python tests/table_run.py

Each line on standard input is a JSON list [RUNS, KILL_AT, AFTER_S]: a process is forked, which
has everything imported; it starts the run, or resumes it. At its file operation number KILL_AT
(0: never), or after AFTER_S seconds (null: never), it gets SIGKILL. The answer is one line, its
exit code and the number of its file operations; these are those that Python's audit hooks tell of.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path

from doubles import table_agents

from errata.agents.exams.arithmetic import KINDS
from errata.agents.exams.several import load_exams
from errata.graph.config import RunConfig, parse_config
from errata.graph.run import resume, run
from errata.graph.run_folder import RunFolder


def config(runs: Path) -> RunConfig:
    """Of its two rounds the first is refused and the second promoted, after its guards' exams."""
    files = {name: str(runs / f"guard-{name}") for name in ("practice", "dev", "test")}
    return parse_config(
        {
            "name": "killed",
            "exam": {"name": "arithmetic", "seed": 5, "practice": 18, "dev": 18, "test": 18},
            "guard": {"name": "guarded", **files},
            "examples": {"per_round": 24},
            "stop": {"rounds": 2},
        },
        "table_run",
    )


def write_guard(runs: Path) -> None:
    for name, count in (("practice", 1), ("dev", 1), ("test", 6)):
        rows = [
            {"prompt": f"What is {n} + 1 of {name}?", "target": n + 1, "kind": ALL[0]}
            for n in range(count)
        ]
        (runs / f"guard-{name}").write_text("".join(json.dumps(row) + "\n" for row in rows))


ALL = [kind.name for kind in KINDS]
OPERATIONS = {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "shutil.rmtree"}


def count_operations(kill_at: int, runs: Path) -> list[int]:
    """Operations on files of the runs so far; this process is killed when the last one begins."""
    count = [0]

    def hook(event: str, args: tuple[object, ...]) -> None:
        if event in OPERATIONS and args and str(args[0]).startswith(str(runs)):
            count[0] += 1
            if count[0] == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    return count


def work(runs: Path) -> None:
    log = runs / "log"
    folder = RunFolder(runs / "killed")
    if not folder.exists:
        write_guard(runs)
    settings = config(runs)
    practice = load_exams(settings.exam, guard=settings.guard).practice
    table = table_agents(practice, [ALL[:8], ALL[:12]], ALL[:3], log)
    if folder.exists:
        resume(folder, **table, cache=False)
    else:
        run(settings, runs, **table, cache=False)


def forked(runs: Path, kill_at: int, after_s: float | None) -> tuple[int, int]:
    """Exit code and number of file operations of one process."""
    told = runs / "operations"
    child = os.fork()
    if child == 0:
        count = count_operations(kill_at, runs)
        try:
            work(runs)
            told.write_text(str(count[0]))
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    end = None if after_s is None else time.monotonic() + after_s
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            code = os.waitstatus_to_exitcode(status)
            return code, int(told.read_text()) if code == 0 else 0
        if end is not None and time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            end = None
        time.sleep(0.005)


if __name__ == "__main__":
    # LangGraph's parts are imported when they are first used: here, not in each process.
    import langgraph.checkpoint.sqlite  # noqa: F401

    import errata.graph.loop  # noqa: F401

    for line in sys.stdin:
        given = json.loads(line)
        print(*forked(Path(given[0]), *given[1:]), flush=True)
