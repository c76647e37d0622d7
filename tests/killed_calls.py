"""A run with an LLM instructor over HTTP, in processes that are killed again and again.

    python tests/killed_calls.py

Each line on standard input is a JSON list [RUNS, URL, KILL_AFTER]: a process is forked, which has
everything imported; it starts the run, or resumes it, against the server at URL. After KILL_AFTER
signs of progress (0: never) it sends itself SIGKILL. The answer is one line, its exit code.
`compare` does so many times and counts the calls.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from doubles import table_agents

from errata.agents.exams.arithmetic import KINDS
from errata.agents.exams.several import load_exams
from errata.agents.testing.openai_server import Fault, OpenAIServer, completion
from errata.graph.config import parse_config
from errata.graph.run import resume, run
from errata.graph.run_folder import RunFolder
from errata.graph.watcher import NoWatcher

CONCURRENCY = 4
ALL = [kind.name for kind in KINDS]


class Killer(NoWatcher):
    """Counts signs of progress; the last one is the process's last."""

    def __init__(self, ticks: int) -> None:
        self.left = ticks

    def progress(self, step: str, done: int, total: int, note: str = "") -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def say(self, text: str) -> None:
        self.progress(text, 0, 0)


def reply(request: dict[str, Any]) -> Fault:
    """Depends on the question alone; a fifth of the examples is wrong."""
    asked = json.dumps(request["messages"]).encode()
    number = int(hashlib.sha256(asked).hexdigest()[:12], 16)
    if "missing_skill" in json.dumps(request["response_format"]):
        value: dict[str, Any] = {
            "explanation": "It never writes an equation.",
            "cause": f"setup: sort {number % 5}",
            "missing_skill": "Writing the equation.",
            "advice": "Short problems.",
        }
    else:
        numbers = [number % 10**9 + each for each in range(0, 80, 10)]
        value = {
            "examples": [
                {
                    "prompt": f"A hen lays {n} eggs and then 7 more. How many eggs?",
                    "completion": f"{n} + 7 = {n + 7 + (n % 5 == 0)}\n#### {n + 7}",
                    "target": str(n + 7),
                }
                for n in numbers
            ]
        }
    return Fault(body=json.dumps(completion(json.dumps(value))).encode(), after_s=0.02)


def main(runs: Path, url: str, kill_after: int) -> None:
    config = parse_config(
        {
            "name": "killed",
            "strategy": "le",
            "exam": {"name": "arithmetic", "seed": 5, "practice": 54, "dev": 18, "test": 18},
            "examples": {"per_round": 60},
            "stop": {"rounds": 2},
            "instructor": {
                "model": "openai:scripted",
                "base_url": url,
                "concurrency": CONCURRENCY,
            },
        },
        "killed_calls",
    )
    folder = RunFolder(runs / config.name)
    table = table_agents(load_exams(config.exam).practice, [ALL[:8], ALL[:12]], ALL[:3])
    killer = Killer(kill_after)
    if folder.exists:
        resume(folder, **table, watcher=killer, cache=False)
    else:
        run(config, runs, **table, watcher=killer, cache=False)


def forked(runs: Path, url: str, kill_after: int) -> int:
    """Exit code of one process."""
    child = os.fork()
    if child == 0:
        try:
            main(runs, url, kill_after)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@contextmanager
def working() -> Iterator[Callable[[Path, str, int], bool]]:
    """Says of RUNS, URL and KILL_AFTER whether the process was killed before its end."""
    with subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        told, said = process.stdin, process.stdout

        def work(runs: Path, url: str, kill_after: int) -> bool:
            print(json.dumps([str(runs), url, kill_after]), file=told, flush=True)
            code = int(said.readline())
            assert code in (0, -signal.SIGKILL), "the run failed; see standard error"
            return code != 0

        yield work
        told.close()


@dataclass(frozen=True)
class Compared:
    """The calls of a killed run beside those of an undisturbed one."""

    kills: int
    calls: int
    undisturbed: int
    new: int
    """Different calls that the undisturbed run did not make."""
    missing: int
    """Different calls that only the undisturbed run made."""
    differing: tuple[str, ...]
    """Files that are not the same."""

    @property
    def extra(self) -> int:
        return self.calls - self.undisturbed

    @property
    def in_flight(self) -> int:
        """At the most, in all the kills."""
        return self.kills * CONCURRENCY

    def __str__(self) -> str:
        return (
            f"{self.kills} kills: {self.calls} calls, undisturbed {self.undisturbed}; "
            f"{self.extra} more, at most {self.in_flight} in flight; {self.new} new, "
            f"{self.missing} missing, other files: {', '.join(self.differing) or 'none'}"
        )


def compare(folder: Path, kills: int, seed: int, longest: int = 40) -> Compared:
    """Kills a run again and again, and lays its calls and files beside an undisturbed one's.

    Args:
        longest: Signs of progress between two kills.
    """
    rng = random.Random(seed)
    with working() as work, OpenAIServer(reply) as server:
        work(folder / "whole", server.base_url, 0)
        whole = Counter(json.dumps(request.body) for request in server.requests)
        server.requests.clear()
        killed = 0
        while killed < kills and work(folder / "killed", server.base_url, rng.randint(1, longest)):
            killed += 1
        work(folder / "killed", server.base_url, 0)
        again = Counter(json.dumps(request.body) for request in server.requests)
    differing = []
    for name in ("round-01/examples", "round-02/examples", "final/test-best"):
        ours, theirs = (
            (folder / who / "killed" / f"{name}.jsonl").read_bytes() for who in ("killed", "whole")
        )
        if ours.replace(b"/killed/killed/", b"/whole/killed/") != theirs:
            differing.append(name)
    return Compared(
        kills=killed,
        calls=again.total(),
        undisturbed=whole.total(),
        new=len(again.keys() - whole.keys()),
        missing=len(whole.keys() - again.keys()),
        differing=tuple(differing),
    )


if __name__ == "__main__":
    # They are imported when they are first used: here, not in each process.
    import langchain_openai  # noqa: F401
    import langgraph.checkpoint.sqlite  # noqa: F401

    import errata.graph.loop  # noqa: F401

    for line in sys.stdin:
        print(forked(Path((given := json.loads(line))[0]), *given[1:]), flush=True)
