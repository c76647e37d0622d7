"""A run with the table doubles in a process of its own, which kills itself when told to.

    python tests/table_run.py RUNS LOG KILL_AFTER AT_STEP

Starts the run, or resumes it. After KILL_AFTER signs of progress (0: never), or when the node
AT_STEP begins (empty: never), the process sends itself SIGKILL.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from doubles import table_agents

from errata.agents.exams.arithmetic import KINDS
from errata.agents.exams.several import load_exams
from errata.graph import run as run_module
from errata.graph.config import parse_config
from errata.graph.run import resume, run
from errata.graph.run_folder import RunFolder
from errata.graph.trace import Trace
from errata.graph.watcher import NoWatcher

CONFIG = parse_config(
    {
        "name": "killed",
        "exam": {"name": "arithmetic", "seed": 5, "practice": 18, "dev": 18, "test": 18},
        "examples": {"per_round": 24},
        "stop": {"rounds": 2},
    },
    "table_run",
)
ALL = [kind.name for kind in KINDS]


class Killer(NoWatcher):
    """Counts ticks; the last one is the process's last."""

    def __init__(self, ticks: int) -> None:
        self.left = ticks

    def tick(self) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def progress(self, step: str, done: int, total: int, note: str = "") -> None:
        self.tick()

    def say(self, text: str) -> None:
        self.tick()


class DeadlyTrace(Trace):
    """Kills the process when the node `at_step` begins."""

    at_step = ""

    def tell(self, agent: str, event: str, **details: Any) -> None:
        super().tell(agent, event, **details)
        if event == "step started" and details["step"] == self.at_step:
            os.kill(os.getpid(), signal.SIGKILL)


def main(runs: Path, log: Path, kill_after: int, at_step: str) -> None:
    DeadlyTrace.at_step = at_step
    run_module.Trace = DeadlyTrace  # type: ignore[misc]
    agents = table_agents(load_exams(CONFIG.exam).practice, [ALL[:8], ALL[:12]], ALL[:3], log)
    killer = Killer(kill_after)
    folder = RunFolder(runs / CONFIG.name)
    if (folder.path / "config.json").exists():
        resume(folder, **agents, watcher=killer)
    else:
        run(CONFIG, runs, **agents, watcher=killer)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
