"""The records of a run as far as they are written: what the page is joined from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from errata.agents.jsonl import read_record, so_far
from errata.agents.promotion import Promotion
from errata.agents.records import Attempt, Question, Record, Review
from errata.graph.page.records import SETS
from errata.graph.report import Report
from errata.graph.run_folder import SEALED, RunFolder
from errata.graph.trace import events_of

R = TypeVar("R", bound=Record)


@dataclass
class Sat:
    """A set of questions and the answers of each model that was asked it."""

    questions: Sequence[Question]
    said: dict[int, dict[str, Attempt]] = field(default_factory=dict)
    """Round → question id → answer."""

    def right(self, index: int) -> dict[str, bool]:
        return {id: attempt.correct for id, attempt in self.said.get(index, {}).items()}


class Reader:
    """The records of a run, as far as they are written. Reading changes nothing in the folder."""

    def __init__(self, folder: RunFolder, begun: Path | None = None) -> None:
        """
        Args:
            begun: A review that is not taken yet; there may be none yet.
        """
        self.folder = folder
        self.begun = begun
        self.rounds = folder.rounds()
        path = folder.path / "report.json"
        self.report = read_record(path, Report) if path.exists() else None
        self.not_counted = {line.question_id for line in folder.not_counted.read()}
        promotions = {
            index: read_record(folder.promotion(index), Promotion)
            for index in self.rounds
            if folder.promotion(index).exists()
        }
        self.promoted = [index for index, found in promotions.items() if found.promoted]
        self.events = events_of(folder.path)
        self.sets = {name: self.sat(name) for name in SETS}

    def of_round(self, index: int, name: str, of: type[R]) -> list[R]:
        return so_far(self.folder.round(index) / f"{name}.jsonl", of)

    def started_from(self, index: int) -> int:
        """Round of the best model before a round."""
        return max((at for at in self.promoted if at < index), default=0)

    def sat(self, name: str) -> Sat:
        questions = so_far(self.folder.exam(name), Question)
        found = Sat([q for q in questions if q.id not in self.not_counted])
        if name in SEALED:
            best = self.report.best_round if self.report else max(self.promoted, default=0)
            files = {0: self.folder.final_exam(name, "base")}
            if best:
                files[best] = self.folder.final_exam(name, "best")
        else:
            files = {at: self.folder.round(at) / f"{name}.jsonl" for at in self.rounds}
        asked = {question.id for question in found.questions}
        for at, path in files.items():
            first: dict[str, Attempt] = {}
            for attempt in so_far(path, Attempt):
                if attempt.question_id in asked:
                    first.setdefault(attempt.question_id, attempt)
            if first:
                found.said[at] = first
        return found

    def review(self, index: int) -> Review | None:
        path = self.folder.review(index)
        return read_record(path, Review) if path.exists() else None
