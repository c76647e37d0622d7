"""How often the sealed questions were read: `.sealed.jsonl` beside the runs.

A test set that decided which run is kept, reported or begun again is no longer sealed for the next
one. So each run writes down which sets it reads, and says how many runs read them before; so does
each evaluation outside a run (`errata exam`, `errata mark`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from filelock import FileLock

from errata.agents.jsonl import Log, naming, read_record, read_records, write_record
from errata.agents.records import Question, Record
from errata.graph.manifest import hash_of_set
from errata.graph.run_folder import RunFolder

LIST = ".sealed.jsonl"


class SetRead(Record):
    """One line of .sealed.jsonl: somebody began to read the sealed questions of one exam."""

    sha256: str
    """Of what is asked and of the right answers, in any order."""
    questions: int
    exam: str
    """Empty where the run has but one."""
    set: str
    """`test` or `out-of-domain`."""
    run: str
    """Name of the run; outside a run the model that was asked, or the file that was marked."""
    run_id: str
    """`before` in the first line of the run's manifest; outside a run a hash of what the answers
    follow from, so that the same answers count once."""
    by: Literal["run", "exam", "mark"] = "run"
    """A run, `errata exam` or `errata mark`."""


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
    earlier_evaluations: int = 0
    """Models that `errata exam` had asked them, and files that `errata mark` had marked."""

    @property
    def earlier(self) -> str:
        """Who had read them: `2 runs and 1 evaluation outside a run`; empty where nobody had."""
        said = [
            f"{count} {noun if count == 1 else f'{noun}s'}{where}"
            for count, noun, where in (
                (self.earlier_runs, "run", ""),
                (self.earlier_evaluations, "evaluation", " outside a run"),
            )
            if count
        ]
        return " and ".join(said)


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
    read = [
        (name, exam, questions)
        for name in sets
        for exam, questions in by_exam(read_records(folder.exam(name), Question)).items()
    ]
    readings = note(folder.path.parent, read, folder.name, folder.manifest.run_id)
    write_record(readings_path(folder), Readings(readings=readings))


def note(
    runs: Path,
    read: Iterable[tuple[str, str, Sequence[Question]]],
    name: str,
    run_id: str,
    by: Literal["run", "exam", "mark"] = "run",
) -> tuple[Reading, ...]:
    """Writes into the list in `runs` what is read: a set, its exam, and all questions of that.

    Args:
        name: Who reads, as `run` in the list.

    Raises:
        RunError: The list cannot be written.
    """
    lock, log = runs / ".sealed.lock", list_in(runs)
    readings = []
    with naming(lock):
        runs.mkdir(parents=True, exist_ok=True)
        with FileLock(lock):
            lines = log.read()
            for set_name, exam, questions in read:
                sha256 = hash_of_set(questions)
                runs_before, evaluations = earlier(lines, sha256, run_id)
                reading = Reading(
                    set=set_name,
                    exam=exam,
                    questions=len(questions),
                    sha256=sha256,
                    earlier_runs=runs_before,
                    earlier_evaluations=evaluations,
                )
                readings.append(reading)
                if not any((line.sha256, line.run_id) == (sha256, run_id) for line in lines):
                    said = reading.model_dump(include={"set", "exam", "questions", "sha256"})
                    log.add(SetRead(**said, run=name, run_id=run_id, by=by))
    return tuple(readings)


def list_in(runs: Path) -> Log[SetRead]:
    return Log(runs / LIST, SetRead)


def registry(folder: RunFolder) -> Log[SetRead]:
    """.sealed.jsonl beside the run"""
    return list_in(folder.path.parent)


def earlier(lines: Sequence[SetRead], sha256: str, run_id: str) -> tuple[int, int]:
    """Runs, and evaluations outside a run, that began to read a set before this one did, or by now
    where it did not yet."""
    readers: dict[str, str] = {}
    for line in lines:
        if line.sha256 == sha256:
            if line.run_id == run_id:
                break
            readers[line.run_id] = line.by
    count = Counter(by == "run" for by in readers.values())
    return count[True], count[False]


def by_exam(questions: Sequence[Question]) -> dict[str, list[Question]]:
    """Exam → its questions; one without a name where there is but one."""
    found: dict[str, list[Question]] = {}
    for question in questions:
        found.setdefault(question.exam or "", []).append(question)
    return found
