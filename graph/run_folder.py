"""The files of one run: what is finished, what is half done, written so that a kill does no harm.

    runs/NAME/
      config.json       the configuration, complete, and the versions it ran with
      exam/             practice, dev, test, out-of-domain (.jsonl): the questions
      round-00/         the base model: dev.jsonl, practice.jsonl (attempts)
      round-01/         mistakes, contrasts, diagnoses, asks, examples, refusals, training (.jsonl),
                        adapter/, then the candidate's dev.jsonl and practice.jsonl
      final/            the sealed exams: test-base.jsonl, test-best.jsonl, out-of-domain-…
      trace.jsonl       events, one a line, as they happen
      costs.jsonl       tokens and money of each call to an LLM; estimate.json: what was expected
      checkpoints.sqlite  LangGraph's
      report.json, report.svg, report.png

A file is written line by line under the name `X.jsonl.part` and renamed when it is whole.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from errata.agents.errors import RunError


class RunFolder:
    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def name(self) -> str:
        return self.path.name

    def round(self, index: int) -> Path:
        return self.path / f"round-{index:02d}"

    def final_exam(self, exam: str, model: str) -> Path:
        """Attempts of the `base` or the `best` model at the `test` or the `out-of-domain` exam."""
        return self.path / "final" / f"{exam}-{model}.jsonl"

    def exam(self, name: str) -> Path:
        return self.path / "exam" / f"{name}.jsonl"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the folder for this process; the system lets go of it when the process dies.

        Raises:
            RunError: Another process is at work in it.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RunError(
                    f"the run {self.path} is at work in another process: wait for it, or start "
                    "a run of another name"
                ) from None
            yield


def find_run(name: str, runs: Path) -> RunFolder:
    """The folder of a run, by its path or by its name under `runs`.

    Raises:
        RunError: There is none.
    """
    for path in (Path(name), runs / name):
        if (path / "config.json").is_file():
            return RunFolder(path)
    there = ", ".join(run.name for run in all_runs(runs)) or "none"
    raise RunError(f"there is no run {name!r} in {runs}/ (there: {there}): see `errata runs`")


def all_runs(runs: Path) -> Sequence[RunFolder]:
    """Runs under `runs`, oldest first."""
    found = [path.parent for path in runs.glob("*/config.json")]
    return [RunFolder(path) for path in sorted(found, key=lambda path: path.stat().st_mtime)]


def free_name(name: str, runs: Path) -> str:
    """`name`, or `name-2`, `name-3` … where that is taken."""
    taken = {path.name for path in runs.glob("*")}
    numbered = (f"{name}-{n}" for n in range(2, len(taken) + 3))
    return next(free for free in (name, *numbered) if free not in taken)
