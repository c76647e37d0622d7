"""A run's files as the checks of an audit read them, and what they find."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from errata.agents.errors import ErrataError
from errata.agents.jsonl import Log, read_record, read_records
from errata.agents.marking.judged import JUDGED, JudgedBefore, JudgedCall, Judges
from errata.agents.promotion import Promotion
from errata.agents.records import (
    Attempt,
    JudgedAnswer,
    Question,
    Record,
)
from errata.graph.config import RunConfig
from errata.graph.run_folder import SEALED, RunFolder
from errata.graph.watcher import Watcher

R = TypeVar("R", bound=Record)

REPORT = "report.json"
PRACTICE, DEV = "practice", "dev"


class Finding(Record):
    """Something that is not as it should be."""

    check: str
    file: str
    """Within the run folder."""
    wrong: str
    """What is wrong with it."""
    means: str
    """What follows from that."""


class Run:
    """A run's files as the checks read them. What cannot be read is in `unreadable`."""

    def __init__(
        self, folder: RunFolder, config: RunConfig, watcher: Watcher, with_code: bool = False
    ) -> None:
        """`with_code`: programs in responses are run again, in the sandbox."""
        self.folder = folder
        self.config = config
        self.watcher = watcher
        self.with_code = with_code
        self.unreadable: dict[str, Finding] = {}
        """By file."""
        self.counts: Counter[str] = Counter()
        """What was checked → how often."""
        self.notes: list[str] = []
        """What a reader should know though nothing is wrong."""

    def name(self, path: Path) -> str:
        return path.relative_to(self.folder.path).as_posix()

    def cannot_read(self, path: Path, error: Exception) -> None:
        self.unreadable[self.name(path)] = Finding(
            check="readable",
            file=self.name(path),
            wrong=str(error),
            means="what rests on it cannot be checked",
        )

    def records(self, path: Path, of: type[R]) -> list[R]:
        """Of a file that need not be there; none of one that cannot be read."""
        if not path.exists():
            return []
        try:
            return read_records(path, of)
        except ErrataError as error:
            self.cannot_read(path, error)
            return []

    def record(self, path: Path, of: type[R]) -> R | None:
        """Of a file that need not be there, or cannot be read: None."""
        try:
            return read_record(path, of) if path.exists() else None
        except ErrataError as error:
            self.cannot_read(path, error)
            return None

    @cached_property
    def sets(self) -> dict[str, list[Question]]:
        """Set → its questions that count, of all that lie in exam/."""
        paths = sorted((self.folder.path / "exam").glob("*.jsonl"))
        left_out = {line.question_id for line in self.folder.not_counted.read()}
        return {
            path.stem: [q for q in self.records(path, Question) if q.id not in left_out]
            for path in paths
        }

    @cached_property
    def judges(self) -> Judges:
        """Each judge of the questions, by its calls on record."""
        asked = (q.answer for questions in self.sets.values() for q in questions)
        judges = {answer for answer in asked if isinstance(answer, JudgedAnswer)}
        known = JudgedBefore(Log(self.folder.path / JUDGED, JudgedCall).read()) if judges else None
        return {judge: known for judge in judges if known is not None}

    @property
    def held_out(self) -> list[Question]:
        """All that nothing may be learnt from."""
        return [q for name, questions in self.sets.items() if name != PRACTICE for q in questions]

    @cached_property
    def practice(self) -> dict[str, Question]:
        return {question.id: question for question in self.sets.get(PRACTICE, [])}

    @cached_property
    def rounds(self) -> list[int]:
        return self.folder.rounds()

    @cached_property
    def promotions(self) -> dict[int, Promotion]:
        found = {r: self.record(self.folder.promotion(r), Promotion) for r in self.rounds}
        return {index: promotion for index, promotion in found.items() if promotion is not None}

    def best_before(self, index: float) -> int:
        """Round of the best model when a round began."""
        return max((r for r, p in self.promotions.items() if p.promoted and r < index), default=0)

    def attempts(self, path: Path) -> list[Attempt]:
        """Answers to questions that count."""
        left_out = {line.question_id for line in self.folder.not_counted.read()}
        return [a for a in self.records(path, Attempt) if a.question_id not in left_out]

    def practised(self, index: int) -> dict[str, Attempt]:
        """Practice question → the answer of the model that a round made."""
        path = self.folder.round(index) / f"{PRACTICE}.jsonl"
        return {attempt.question_id: attempt for attempt in self.attempts(path)}

    def exams(self) -> Iterator[tuple[Path, str, str]]:
        """Files of answers that are there or should be: path, set, how the ids of answers end."""
        ended = (self.folder.path / REPORT).exists()
        for index in self.rounds:
            promotion = self.promotions.get(index)
            for name in self.sets:
                path = self.of_round(index, name)
                due = promotion is not None and name == DEV
                promoted = promotion is not None and promotion.promoted
                due |= promoted and ended and name == PRACTICE and self.asked_practice(index)
                if due or path.exists():
                    yield path, name, f"@{name}-{index}"
        for name in self.sets:
            for model in ("base", "best"):
                path = self.folder.final_exam(name, model)
                asked = model == "base" or self.best_before(math.inf) > 0
                due = ended and asked and name in SEALED
                if due or path.exists():
                    yield path, name, f"@{name}-{model}"

    def asked_practice(self, index: int) -> bool:
        """Whether a promoted model had to be: a round came after it, or the guard compared it."""
        guarded = index > 0 and self.config.stop.guard_practice
        return self.config.asks_practice and (guarded or index < max(self.rounds))

    @cached_property
    def exam_findings(self) -> list[Finding]:
        return [*exam_findings(self)]

    def of_round(self, index: int, name: str) -> Path:
        return self.folder.round(index) / f"{name}.jsonl"


Check = Callable[[Run], Iterator[Finding]]


def some(
    check: str, file: str, bad: Sequence[str], of: int, what: str, means: str
) -> Iterator[Finding]:
    """One finding for all bad lines of a file; none where none is bad."""
    if bad:
        wrong = f"{len(bad)} of {of} {what}; the first: {bad[0]}"
        yield Finding(check=check, file=file, wrong=wrong, means=means)


def exam_findings(run: Run) -> Iterator[Finding]:
    for name in (PRACTICE, DEV, *SEALED[: 1 + bool(run.config.out_of_domain)]):
        if not run.sets.get(name):
            yield Finding(
                check="attempts",
                file=f"exam/{name}.jsonl",
                wrong="holds no questions that count",
                means="answers to it cannot be checked",
            )
    for path, name, end in run.exams():
        file = run.name(path)
        if not path.exists():
            yield Finding(
                check="attempts",
                file=file,
                wrong="is missing",
                means="an exam that the run's decisions or figures rest on cannot be seen",
            )
            continue
        attempts = run.attempts(path)
        if file in run.unreadable:
            continue
        run.counts["answers"] += len(attempts)
        made = Counter(attempt.question_id for attempt in attempts)
        wanted = {question.id for question in run.sets[name]}
        means = "its share of right answers is not one of the whole set"
        for what, bad in (
            ("questions have no answer", sorted(wanted - made.keys())),
            ("answers are to questions outside the set", sorted(made.keys() - wanted)),
            ("questions have several answers", [id for id, n in made.items() if n > 1]),
        ):
            yield from some("attempts", file, bad, len(wanted), what, means)
        strange = [a.id for a in attempts if a.id != f"{a.question_id}{end}"]
        means = "they were not given in this exam"
        yield from some("attempts", file, strange, len(attempts), "answers name another", means)
