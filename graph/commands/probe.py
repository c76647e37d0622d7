"""The edge of what a student can do, and practice questions from there: `errata probe`."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from errata.agents.checks import Checker
from errata.agents.errors import ExamError
from errata.agents.examiner import examine
from errata.agents.exams import HeldOut
from errata.agents.exams.several import load_exams
from errata.agents.jsonl import write_records
from errata.agents.records import Question, Record
from errata.agents.student import Student, StudentSettings
from errata.agents.variations.ladders import By, Ladder, Rung, ladders
from errata.agents.weights import LocalStudent, check_model
from errata.agents.weights.models import special_tokens
from errata.graph.config import RunConfig
from errata.graph.watcher import Watcher


class Tried(Record):
    """One rung of a ladder."""

    height: int
    """Digits, or steps."""
    right: int
    asked: int
    """0 where the search did not need it."""


class Edge(Record):
    """How far a student comes with one sort of questions."""

    name: str
    """What it has to do: `adds`, `adds and multiplies`; `works` of any operations."""
    by: By
    """What grows: the digits of the largest number, or the steps of the working."""
    rungs: tuple[Tried, ...]
    """The easiest first."""
    passes: int | None
    """The hardest rung that it passes; None where it passes none."""
    fails: int | None
    """The next one, on which less than half is right; None where it passes all."""

    @property
    def sentence(self) -> str:
        """`adds to 100, fails from 3 digits`"""
        reached = ""
        if self.passes is not None:
            steps = f"{self.passes} {'step' if self.passes == 1 else 'steps'}"
            upto = f"to {10**self.passes:,}" if self.by == "digits" else f"in up to {steps}"
            reached = f"{self.name} {upto}"
        if self.fails is None:
            return f"{reached}, and was asked nothing harder"
        one = self.by.removesuffix("s") if self.fails == 1 else self.by
        failing = f"fails from {self.fails} {one}"
        return f"{reached}, {failing}" if reached else f"{self.name}: {failing}"


class Probed(Record):
    """What a probe found."""

    model: str
    edges: tuple[Edge, ...]
    asked: int
    """Questions."""
    written: int
    """Practice questions in `--out`: those of each first rung on which the student fails."""


@dataclass
class Climb:
    """The binary search for the first rung of a ladder on which the student fails."""

    ladder: Ladder
    low: int = 0
    high: int = field(init=False)
    right: dict[int, int] = field(default_factory=dict)
    """Rung → right answers."""

    def __post_init__(self) -> None:
        self.high = len(self.ladder.rungs)

    @property
    def next(self) -> int | None:
        """The rung to ask; None at the end."""
        return (self.low + self.high) // 2 if self.low < self.high else None

    def tell(self, at: int, right: int) -> None:
        self.right[at] = right
        if 2 * right < len(self.ladder.rungs[at].questions):
            self.high = at
        else:
            self.low = at + 1

    @property
    def failed(self) -> Rung | None:
        return self.ladder.rungs[self.low] if self.low < len(self.ladder.rungs) else None

    @property
    def edge(self) -> Edge:
        rungs = self.ladder.rungs
        return Edge(
            name=self.ladder.name,
            by=self.ladder.by,
            rungs=tuple(
                Tried(
                    height=rung.height,
                    right=self.right.get(at, 0),
                    asked=len(rung.questions) if at in self.right else 0,
                )
                for at, rung in enumerate(rungs)
            ),
            passes=rungs[self.low - 1].height if self.low else None,
            fails=self.failed.height if self.failed else None,
        )


def probe(
    config: RunConfig,
    out: Path,
    watcher: Watcher,
    per_rung: int = 12,
    student: Student | None = None,
) -> Probed:
    """Makes practice questions harder until the student fails, and writes those at the edge.

    Nothing is taken from dev, test or any other exam, and what resembles one of their questions
    is not asked.

    Args:
        out: Gets the questions with their solutions, where there is an edge.
        per_rung: Questions of each difficulty.
        student: Asked in place of the weights that the configuration names.

    Raises:
        ExamError: No practice question can be made harder, or `out` is there already.
        ModelError, StepFailed: The model cannot be had.
    """
    if out.exists():
        raise ExamError(f"{out} is there already: name another file, nothing is written over")
    exams = load_exams(config.exam, config.out_of_domain, guard=config.guard)
    held_out = [*exams.dev, *exams.test, *exams.out_of_domain, *exams.guard]
    checker = Checker(
        HeldOut(held_out, exams.practice), exams.practice, special_tokens(config.student.model)
    )
    watcher.progress("harder questions", 0, 0)
    climbs = [
        Climb(ladder) for ladder in ladders(exams.practice, per_rung, config.seed, checker.refuse)
    ]
    if not climbs:
        raise ExamError(
            "no practice question can be made harder: it takes worked solutions with equations, "
            "in which some number of the question may change"
        )
    if student is None:
        check_model(config.student.model_ref)
    with tempfile.TemporaryDirectory(prefix="errata-probe-") as scratch:
        student = student or LocalStudent(config.student, Path(scratch))
        try:
            climb_all(climbs, student, config.student, watcher)
        finally:
            student.close()
    edge = [question for climb in climbs if climb.failed for question in climb.failed.questions]
    if edge:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_records(out, edge)
    edges = tuple(climb.edge for climb in climbs)
    return Probed(
        model=str(config.student.model_ref),
        edges=edges,
        asked=sum(tried.asked for found in edges for tried in found.rungs),
        written=len(edge),
    )


def climb_all(
    climbs: list[Climb], student: Student, settings: StudentSettings, watcher: Watcher
) -> None:
    """A rung of each ladder at a time: so the student's batches are full."""
    turn = 0
    while asked := [(climb, at) for climb in climbs if (at := climb.next) is not None]:
        turn += 1
        title = f"probe, turn {turn}"
        questions: list[Question] = []
        home: dict[str, int] = {}
        for place, (climb, at) in enumerate(asked):
            for question in climb.ladder.rungs[at].questions:
                questions.append(question)
                home[question.id] = place
        right = [0] * len(asked)
        watcher.progress(title, 0, len(questions))
        attempts = examine(student, settings.model_ref, questions, "probe")
        for count, attempt in enumerate(attempts, start=1):
            right[home[attempt.question_id]] += attempt.correct
            watcher.progress(title, count, len(questions), f"{sum(right) / count:.0%} right")
        for (climb, at), of_rung in zip(asked, right, strict=True):
            climb.tell(at, of_rung)
