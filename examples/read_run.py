"""Reading a run folder: its figures, and the questions that the training changed.

    python examples/read_run.py runs/demo

docs/run-folder.md describes the files.
"""

from __future__ import annotations

import sys
from pathlib import Path

from errata.agents.jsonl import read_record, read_records
from errata.agents.records import Attempt, Example
from errata.graph.report import Report
from errata.graph.run_folder import RunFolder


def main(run: Path) -> tuple[Report, list[str], list[str]]:
    """The report, and the ids of the test questions that were fixed and broken."""
    folder = RunFolder(run)
    report = read_record(folder.path / "report.json", Report)
    gain, (low, high) = report.test.gain.accuracy, report.test.gain.ci95
    print(f"{report.name}: {report.status} after round {report.rounds[-1].index}")
    print(f"gain {gain:+.1%} (95% interval {low:+.1%} to {high:+.1%})")
    for each in report.rounds:
        dev = "not examined" if each.dev is None else f"{each.dev.accuracy:.1%} on dev"
        kept = "kept" if each.promoted else "dropped"
        print(f"  round {each.index}: {each.examples.accepted} examples, {dev}, {kept}")

    before = attempts(folder, "base")
    after = attempts(folder, "best") if report.best_round else before
    fixed = [id for id, attempt in after.items() if attempt.correct and not before[id].correct]
    broken = [id for id, attempt in after.items() if before[id].correct and not attempt.correct]
    print(f"{len(fixed)} test questions fixed, {len(broken)} broken")
    if report.best_round:
        path = folder.round(report.best_round) / "examples.jsonl"
        first = read_records(path, Example)[0]
        print(f"the first example, against {first.cause!r}, from {first.question_id}:")
        print(f"  {first.prompt}\n  {first.completion}")
    return report, fixed, broken


def attempts(folder: RunFolder, model: str) -> dict[str, Attempt]:
    """Question → the attempt of the `base` or the `best` model at the sealed test."""
    return {a.question_id: a for a in read_records(folder.final_exam("test", model), Attempt)}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
