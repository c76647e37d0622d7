"""A run whose process is killed and resumed, its students on a cluster or in this process.

    python tests/cluster_run.py RUNS ADDRESS|none KILL_AFTER

After KILL_AFTER signs of progress (0: never) the process sends itself SIGKILL. Students answer from
a table, and so does the trainer; everything else is a run's own.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from cluster_doubles import knowing
from doubles import table_agents
from killed_calls import ALL, Killer

from errata.agents.cluster.settings import ClusterSettings
from errata.agents.cluster.student import RayStudent
from errata.agents.exams.several import load_exams
from errata.agents.student import StudentSettings
from errata.graph.config import parse_config
from errata.graph.run import resume, run
from errata.graph.run_folder import RunFolder


def main(runs: Path, address: str, kill_after: int) -> None:
    config = parse_config(
        {
            "name": "t",
            "strategy": "lec",
            "exam": {"name": "arithmetic", "seed": 3, "practice": 36, "dev": 36, "test": 36},
            "examples": {"per_round": 20},
            "stop": {"rounds": 1, "gate": "any"},
        },
        "cluster_run",
    )
    exams = load_exams(config.exam)
    agents: dict[str, Any] = table_agents(exams.practice, [ALL[:12]], ALL[:3])
    if address != "none":
        wanted = {"CPU": 1, "pen": 2}
        agents["student"] = RayStudent(
            StudentSettings(batch_size=4),
            ClusterSettings(address=address, students=2, student=wanted),
            runs,
            actor=knowing([*exams.practice, *exams.dev, *exams.test], ALL[:3]),
        )
    folder = RunFolder(runs / config.name)
    killer = Killer(kill_after)
    if folder.exists:
        resume(folder, **agents, watcher=killer, cache=False)
    else:
        run(config, runs, **agents, watcher=killer, cache=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
