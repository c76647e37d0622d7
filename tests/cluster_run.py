"""A run whose process is killed and resumed, on a cluster or on this machine alone.

    python tests/cluster_run.py RUNS BASE ADDRESS|none KILL_AFTER

After KILL_AFTER signs of progress (0: never) the process sends itself SIGKILL.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from killed_calls import Killer

from errata.graph.config import parse_config
from errata.graph.run import resume, run
from errata.graph.run_folder import RunFolder


def main(runs: Path, base: str, address: str, kill_after: int) -> None:
    given: dict[str, Any] = {
        "name": "t",
        "strategy": "sft",
        "exam": {"name": "arithmetic", "seed": 3, "practice": 18, "dev": 18, "test": 18},
        "student": {"model": base, "max_new_tokens": 8, "batch_size": 4, "precision": "float32"},
        "training": {"epochs": 1, "batch": 4, "precision": "float32"},
        "stop": {"rounds": 1},
    }
    if address != "none":
        wanted = {"CPU": 1, "pen": 2}
        given["cluster"] = {"address": address, "students": 2, "student": wanted, "wait_s": 300}
    config = parse_config(given, "cluster_run")
    folder = RunFolder(runs / config.name)
    killer = Killer(kill_after)
    if folder.exists:
        resume(folder, watcher=killer, cache=False)
    else:
        run(config, runs, watcher=killer, cache=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]))
