"""What was found in a person's file, and what only they can decide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from errata.agents.exams.rows import Skipped
from errata.agents.records import Record

State = Literal["ok", "warning", "problem"]
SHOWN = 5
"""Rows that a finding names; left-out.jsonl names all."""


class Finding(Record):
    """One thing that was seen in the file."""

    name: str
    """In two words, the same for each file: `near-duplicates`."""
    state: State
    """`problem`: rows are lost, or what is measured would be wrong; `warning`: worth a look."""
    said: str
    rows: tuple[str, ...] = ()
    """Places of some of the rows that are meant."""
    count: int = 0
    """Rows that are meant."""
    do: str = ""
    """What to do about it; empty where nothing needs to be done."""


class Undecided(Record):
    """A question to the person, with the flag that answers it."""

    flag: str
    """`--answer`"""
    asked: str
    choices: tuple[str, ...]
    proposal: str
    """What `--yes` takes: one of the choices."""
    why: str
    """Why it is asked, and why this is proposed."""


def finding(
    name: str, state: State, said: str, rows: Sequence[str] = (), do: str = "", count: int = 0
) -> Finding:
    """`count`: where it is not the number of `rows`."""
    return Finding(
        name=name,
        state=state,
        said=said,
        rows=tuple(rows[:SHOWN]),
        count=count or len(rows),
        do=do,
    )


def by_reason(left_out: Sequence[Skipped]) -> dict[str, list[Skipped]]:
    """Reason, without what differs from row to row, → the rows; the most frequent first."""
    found: dict[str, list[Skipped]] = {}
    for row in left_out:
        found.setdefault(row.reason.partition(" (")[0].partition(":")[0], []).append(row)
    return dict(sorted(found.items(), key=lambda item: -len(item[1])))
