"""The agents of a run in which nothing is computed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from errata.agents.records import Question, Response
from errata.agents.student import Student
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


class Stopping:
    """A student that a person stops after so many answers, while it makes the next one."""

    def __init__(self, student: Student, after: int) -> None:
        self.student, self.left = student, after

    def ask(self, *given: Any, **named: Any) -> Iterator[Response]:
        for response in self.student.ask(*given, **named):
            if self.left == 0:
                raise KeyboardInterrupt
            self.left -= 1
            yield response

    def close(self) -> None:
        self.student.close()
