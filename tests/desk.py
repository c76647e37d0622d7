"""Runs on labels and on JSON in which nothing is computed: a small support desk."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from errata.agents.exams.several import load_exams
from errata.agents.records import GREEDY, ModelRef, Question, Response, Sampling
from errata.agents.testing.tables import TableStudent, TableTrainer
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
