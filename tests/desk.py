"""Runs in which nothing is computed, each of another fate: a small support desk."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from errata.agents.errors import StepFailed
from errata.agents.exams.several import load_exams
from errata.agents.records import GREEDY, ModelRef, Question, Response, Sampling
from errata.agents.testing.tables import TableStudent, TableTrainer
from errata.agents.trainer import OnStep, Trained, TrainingJob
from errata.graph.config import RunConfig, parse_config
from errata.graph.report import Report
from errata.graph.run import run
from errata.graph.run_folder import RunFolder

LABELS = ["refund", "bug", "hello"]
WORDS = {"refund": "I want my money back", "bug": "It crashes", "hello": "Good morning"}


class Clerk(TableStudent):
    """Says the bare target of the kinds that it knows."""

    def ask(
        self,
        model: ModelRef,
        questions: Sequence[Question],
        answered: frozenset[str],
        sampling: Sampling = GREEDY,
    ) -> Iterator[Response]:
        worked = [q.model_copy(update={"solution": q.target}) for q in questions]
        return super().ask(model, worked, answered, sampling)


def desk_config(folder: Path, answer: str, strategy: str = "sft") -> RunConfig:
    exam: dict[str, Any] = {"name": "desk", "answer": answer}
    if answer == "label":
        exam["labels"] = LABELS
    for name, first in (("practice", 100), ("dev", 200), ("test", 300)):
        file = folder / f"{name}.jsonl"
        exam[name] = str(file)
        rows = []
        for at in range(12):
            label, number = LABELS[at % 3], first + at
            target: object = label
            if answer == "json":
                target = {"kind": label, "case": {"number": number}}
            prompt = f"{WORDS[label]}, it is case {number * 7} of {number * 11}."
            rows.append(
                {"id": f"{name}-{at}", "prompt": prompt, "target": target, "kind": label[0]}
            )
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    given = {"name": answer, "strategy": strategy, "exam": exam, "stop": {"gate": "any"}}
    return parse_config(given, "test")


def played(settings: RunConfig, runs: Path, says: dict[str, list[str]]) -> Report:
    practice = load_exams(settings.exam).practice
    kinds = {question.id: question.kind or "" for question in practice}
    trainer = TableTrainer(kinds, [["r", "b"]])
    return run(settings, runs, student=Clerk(["r"], says=says), trainer=trainer)


def labels_run(folder: Path) -> RunFolder:
    """Refunds are known, bugs are learnt, greetings are not; one of them is taken for a bug."""
    played(desk_config(folder, "label"), folder / "runs", {"test-2": ["bug"]})
    return RunFolder(folder / "runs" / "label")


def json_run(folder: Path) -> RunFolder:
    """The same in JSON, and of one answer a field alone is right."""
    said = '{"kind": "hello", "case": {"number": 0}}'
    played(desk_config(folder, "json"), folder / "runs", {"test-2": [said]})
    return RunFolder(folder / "runs" / "json")


class Forgetful(Clerk):
    """Knows refunds; and until it has an adapter, what is guarded."""

    def ask(
        self,
        model: ModelRef,
        questions: Sequence[Question],
        answered: frozenset[str],
        sampling: Sampling = GREEDY,
    ) -> Iterator[Response]:
        self.knows = frozenset("r") if model.adapter else frozenset("rg")
        return super().ask(model, questions, answered, sampling)


def guarded_run(folder: Path) -> RunFolder:
    """Better on dev, and refused: it forgot all of the guard exam."""
    settings = desk_config(folder, "label").model_dump()
    guard = {"name": "manners", "answer": "label", "labels": ["please", "thanks"]}
    for name, first in (("practice", 400), ("dev", 500), ("test", 600)):
        rows = [
            {"id": f"g{at}", "prompt": f"Word {at * 7} of list {at}?", "target": "please"}
            | {"kind": "g"}
            for at in range(first, first + 12)
        ]
        file = folder / f"guard-{name}.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        guard[name] = str(file)
    config = parse_config(settings | {"name": "guarded", "guard": [guard], "stop": STOP}, "test")
    practice = load_exams(config.exam, guard=config.guard).practice
    trainer = TableTrainer(
        {question.id: question.kind or "" for question in practice}, [["r", "b"]]
    )
    run(config, folder / "runs", student=Forgetful(["r"]), trainer=trainer)
    return RunFolder(folder / "runs" / "guarded")


STOP = {"gate": "any", "rounds": 1}
WHY = "the training ended with exit code 137"


class Failing:
    """A trainer whose process dies at its fifth step."""

    def train(self, job: TrainingJob, on_step: OnStep) -> Trained:
        for step in range(1, 6):
            on_step(step, 20, 2 / step)
        raise StepFailed(WHY)


def failed_run(folder: Path) -> RunFolder:
    with suppress(StepFailed):
        run(desk_config(folder, "json"), folder / "runs", student=Clerk(["r"]), trainer=Failing())
    return RunFolder(folder / "runs" / "json")


def talk_run(folder: Path) -> RunFolder:
    """Conversations with a system message; sums of odd numbers are learnt."""
    exam: dict[str, Any] = {"name": "till", "answer": "number"}
    for name, first in (("practice", 100), ("dev", 300), ("test", 500)):
        rows = []
        for at in range(8):
            tea, cake = first + at, 3 * at + 2
            said = ["You are a till.", f"Tea costs {tea} crowns.", "Anything else?"]
            said.append(f"A cake for {cake} crowns. What do both cost?")
            said.append(f"{tea} + {cake} = {tea + cake}. The answer is {tea + cake}.")
            roles = ["system", "user", "assistant", "user", "assistant"]
            messages = [{"role": r, "content": c} for r, c in zip(roles, said, strict=True)]
            kind = "odd" if at % 2 else "even"
            rows.append({"messages": messages, "target": tea + cake, "kind": kind})
        file = folder / f"{name}.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        exam[name] = str(file)
    config = parse_config({"name": "talk", "strategy": "sft", "exam": exam, "stop": STOP}, "test")
    practice = load_exams(config.exam).practice
    trainer = TableTrainer({q.id: q.kind or "" for q in practice}, [["odd"]])
    run(config, folder / "runs", student=TableStudent(["even"]), trainer=trainer)
    return RunFolder(folder / "runs" / "talk")
