"""The agents of a run in which nothing is computed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from errata.agents.records import Question
from errata.agents.testing.tables import TableStudent, TableTrainer


def table_agents(
    questions: Sequence[Question],
    learns: Sequence[Sequence[str]],
    knows: Sequence[str] = (),
    log: Path | None = None,
) -> dict[str, Any]:
    """A table for a student and a trainer, as `run` takes them; the rest as configured."""
    return {
        "student": TableStudent(knows, log),
        "trainer": TableTrainer({q.id: q.kind or "" for q in questions}, learns, log),
    }
