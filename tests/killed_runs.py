"""Whole runs, killed at random moments and resumed to their end: do they end like undisturbed ones?

Used by tests/test_resume.py and benchmarks/kills.py.
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).with_name("table_run.py")
NOT_COMPARED = (".log", ".part", "lock", "-job.json")
GROWING = set(
    "trace.jsonl steps.jsonl manifest.jsonl seal.json report.json report.md config.json".split()
)


@dataclass(frozen=True)
class Ended:
    """What a run left when it came to its end."""

    kills: int
    report: dict[str, Any]
    """Without seconds and paths."""
    records: dict[str, bytes]
    asked: Counter[str]
    """Questions that the student was asked, and trainings: how often."""


@dataclass(frozen=True)
class Undisturbed:
    ended: Ended
    operations: int
    seconds: float


class Runner:
    """Starts, resumes and kills runs; used as a context manager."""

    def __enter__(self) -> Runner:
        self.process = subprocess.Popen(
            [sys.executable, str(SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.process.communicate()

    def work(self, runs: Path, kill_at: int = 0, after_s: float | None = None) -> tuple[int, int]:
        """Exit code of one process of the run, and its number of file operations.

        Args:
            kill_at: File operation at which it is killed; 0: none.
            after_s: Seconds after which it is killed.
        """
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([str(runs), kill_at, after_s]) + "\n")
        self.process.stdin.flush()
        code, operations = map(int, self.process.stdout.readline().split())
        assert code in (0, -signal.SIGKILL), "the run failed; its traceback is on standard error"
        return code, operations

    def undisturbed(self, runs: Path) -> Undisturbed:
        """How a run ends that nobody kills."""
        start = time.monotonic()
        code, operations = self.work(runs)
        assert code == 0
        return Undisturbed(ended_in(runs, 0), operations, time.monotonic() - start)

    def killed(self, runs: Path, seed: int, whole: Undisturbed, most: int = 100) -> Ended:
        """A run killed and resumed until it ends; half of the kills hit a random file operation,
        half a random moment.

        Raises:
            AssertionError: The run cannot be resumed, or does not get on.
        """
        rng = random.Random(seed)
        kills = 0
        while True:
            if rng.random() < 0.5:
                code, _ = self.work(runs, kill_at=rng.randint(1, whole.operations))
            else:
                code, _ = self.work(runs, after_s=rng.random() * whole.seconds)
            if code == 0:
                return ended_in(runs, kills)
            kills += 1
            assert kills <= most, "the run does not get on"


def ended_in(runs: Path, kills: int) -> Ended:
    folder = runs / "killed"
    report = json.loads((folder / "report.json").read_text())
    for part in (report, *report["rounds"]):
        del part["seconds"]
    report["model"]["adapter"] = report["model"]["adapter"] is not None
    records = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*.json*")
        if path.name not in GROWING and not path.name.endswith(NOT_COMPARED)
    }
    here = str(runs)
    records = {name: content.replace(here.encode(), b"") for name, content in records.items()}
    asked = Counter(line.replace(here, "") for line in (runs / "log").read_text().splitlines())
    return Ended(kills, report, records, asked)


def differences(ended: Ended, whole: Ended) -> list[str]:
    """In what a disturbed run ended otherwise than an undisturbed one."""
    found = []
    if ended.report != whole.report:
        found.append("report.json")
    names = ended.records.keys() | whole.records.keys()
    found += [name for name in sorted(names) if ended.records.get(name) != whole.records.get(name)]
    if ended.asked.keys() != whole.asked.keys():
        found.append("what was asked")
    # A question whose answer was under way at a kill is asked again; nothing else is.
    if ended.asked.total() - whole.asked.total() > ended.kills:
        found.append(f"{ended.asked.total() - whole.asked.total()} asked or trained again")
    return found
