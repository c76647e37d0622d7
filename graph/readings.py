"""How often the sealed questions were read: `.sealed.jsonl` beside the runs.

A test set that decided which run is kept, reported or begun again is no longer sealed for the next
one. So each run writes down which sets it reads, and says how many runs read them before.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock

from errata.agents.jsonl import Log, naming, read_record, read_records, write_record
from errata.agents.records import Question, Record
from errata.graph.manifest import hash_of_set
from errata.graph.run_folder import RunFolder


class SetRead(Record):
    """One line of .sealed.jsonl: a run began to read the sealed questions of one exam."""

    sha256: str
    """Of what is asked and of the right answers, in any order."""
    questions: int
    exam: str
    """Empty where the run has but one."""
    set: str
    """`test` or `out-of-domain`."""
    run: str
    run_id: str
    """`before` in the first line of the run's manifest."""


class Reading(Record):
    """The sealed questions of one exam, and how often they had been read."""

    set: str
    """`test` or `out-of-domain`."""
    exam: str
    """Empty where the run has but one."""
    questions: int
    sha256: str
    """Of what is asked and of the right answers, in any order."""
    earlier_runs: int
    """Runs in the same folder that had begun to read them before."""


class Readings(Record):
    """final/readings.json"""

    readings: tuple[Reading, ...]


def readings_path(folder: RunFolder) -> Path:
    return folder.path / "final" / "readings.json"


def read_readings(folder: RunFolder) -> tuple[Reading, ...]:
    """Empty before the final exam."""
    path = readings_path(folder)
    return read_record(path, Readings).readings if path.exists() else ()


def note_readings(folder: RunFolder, sets: Sequence[str]) -> None:
    """Writes down that the run begins to read its sealed sets; a second time it changes nothing.

    Raises:
        RunError: A file cannot be written.
    """
    if readings_path(folder).exists():
        return
    runs, run_id = folder.path.parent, folder.manifest.run_id
    with naming(runs / ".sealed.lock"), FileLock(runs / ".sealed.lock"):
        log = registry(folder)
        lines = log.read()
        readings = []
        for name in sets:
            for exam, questions in by_exam(read_records(folder.exam(name), Question)).items():
                sha256 = hash_of_set(questions)
                reading = Reading(
                    set=name,
                    exam=exam,
                    questions=len(questions),
                    sha256=sha256,
                    earlier_runs=earlier_runs(lines, sha256, run_id),
                )
                readings.append(reading)
                if not any((line.sha256, line.run_id) == (sha256, run_id) for line in lines):
                    said = reading.model_dump(exclude={"earlier_runs"})
                    log.add(SetRead(**said, run=folder.name, run_id=run_id))
    write_record(readings_path(folder), Readings(readings=tuple(readings)))


def registry(folder: RunFolder) -> Log[SetRead]:
    """.sealed.jsonl beside the run"""
    return Log(folder.path.parent / ".sealed.jsonl", SetRead)


def earlier_runs(lines: Sequence[SetRead], sha256: str, run_id: str) -> int:
    """Runs that began to read a set before this one did, or by now where it did not yet."""
    readers = list(dict.fromkeys(line.run_id for line in lines if line.sha256 == sha256))
    return readers.index(run_id) if run_id in readers else len(readers)


def by_exam(questions: Sequence[Question]) -> dict[str, list[Question]]:
    """Exam → its questions; one without a name where there is but one."""
    found: dict[str, list[Question]] = {}
    for question in questions:
        found.setdefault(question.exam or "", []).append(question)
    return found
