"""looks.jsonl: when a person had the page show held-out answers of a run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

from errata.agents.jsonl import Log
from errata.agents.records import Record
from errata.graph.run_folder import RunFolder

How = Literal["view --with-sealed", "view --serve"]


class Look(Record):
    """One line of looks.jsonl: held-out questions and answers were shown on the page."""

    set: str
    """`dev`, `guard`, `test` or `out-of-domain`."""
    questions: int
    how: How
    """`view --with-sealed`: written into the file; whoever has it can read them."""
    time: str
    """UTC, ISO 8601."""


def looks_log(folder: RunFolder) -> Log[Look]:
    return Log(folder.path / "looks.jsonl", Look)


def looks(folder: RunFolder) -> Sequence[Look]:
    """Oldest first."""
    return looks_log(folder).read()


def note_look(folder: RunFolder, set_name: str, questions: int, how: How) -> None:
    """Raises: RunError: it cannot be written down; then nothing is to be shown."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    looks_log(folder).add(Look(set=set_name, questions=questions, how=how, time=now))
