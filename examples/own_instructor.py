"""An instructor of your own, in a run: it calls each mistake by the kind of its question.

    python examples/own_instructor.py

The default writer, `variations`, then writes most examples for the kinds that are missed most. With
the bundled student the run takes some minutes on two cores.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from errata.agents.records import Diagnosis, Mistake, Unusable
from errata.graph.config import RunConfig, parse_config
from errata.graph.report import Report
from errata.graph.run import run


class KindInstructor:
    """An `Instructor`: see `errata.agents.instructor`."""

    def diagnose(self, mistakes: Sequence[Mistake]) -> Iterator[Diagnosis | Unusable]:
        for mistake in mistakes:
            kind = mistake.question.kind
            if kind is None:  # what cannot be diagnosed is said, and counted
                yield Unusable(source_id=mistake.id, reason="the question has no kind")
                continue
            yield Diagnosis(
                id=f"d-{mistake.id}",
                mistake_id=mistake.id,
                question_id=mistake.question.id,
                cause=f"questions of the kind {kind}",
                explanation=f"The answer was marked wrong: {mistake.attempt.why}.",
                missing_skill=f"To answer questions of the kind {kind}.",
                advice="The same sort of question with other numbers.",
            )


CONFIG = parse_config(
    {
        "name": "own-instructor",
        "strategy": "le",  # the instructor needs no correct answers beside the mistakes
        "exam": {"name": "arithmetic", "practice": 90, "dev": 36, "test": 90},
        "examples": {"per_round": 300},
        "training": {"epochs": 1},
        "stop": {"rounds": 1},
    },
    "own_instructor.py",
)


def main(config: RunConfig = CONFIG, runs: Path = Path("runs"), **agents: Any) -> Report:
    """`agents`: a student or a trainer in place of the configured ones."""
    report = run(config, runs, instructor=KindInstructor(), **agents)
    print(f"{report.status}: {report.test.base.accuracy:.1%} → {report.test.final.accuracy:.1%}")
    for cause, count in report.rounds[-1].causes.items():
        print(f"  {count} times: {cause}")
    return report


if __name__ == "__main__":
    main()
