"""A way of your own to learn, in a run: it learns from the three kinds that are missed most.

    python examples/own_way.py

In a configuration it is `strategy = "python:own_way.py:WorstKinds"`. With the bundled student the
run takes some minutes on two cores.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from errata.agents.records import Mistake
from errata.agents.ways.way import Collected, Practised, Way
from errata.graph.config import RunConfig, parse_config
from errata.graph.report import Report
from errata.graph.run import run


class WorstKinds(Way):
    steps = ("diagnose", "write")

    def collect(self, practised: Practised, round_index: int, seed: int) -> Collected:
        missed = [(question, a) for question, a in practised if not a.correct]
        counts = Counter(question.kind for question, _ in missed)
        worst = [kind for kind, _ in counts.most_common(3)]
        return Collected(
            mistakes=[
                Mistake(id=f"m{round_index:02d}-{question.id}", question=question, attempt=attempt)
                for question, attempt in missed
                if question.kind in worst
            ]
        )


CONFIG = parse_config(
    {
        "name": "own-way",
        "strategy": f"python:{Path(__file__).resolve()}:WorstKinds",
        "exam": {"name": "arithmetic", "practice": 90, "dev": 36, "test": 90},
        "examples": {"per_round": 100},
        "training": {"epochs": 1},
        "stop": {"rounds": 1},
    },
    "own_way.py",
)


def main(config: RunConfig = CONFIG, runs: Path = Path("runs"), **agents: Any) -> Report:
    """`agents`: a student or a trainer in place of the configured ones."""
    report = run(config, runs, **agents)
    print(f"{report.status}: {report.test.base.accuracy:.1%} → {report.test.final.accuracy:.1%}")
    return report


if __name__ == "__main__":
    main()
