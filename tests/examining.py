"""What the tests of `errata doctor` share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from errata.agents.records import Accuracy, Question
from errata.agents.scores import wilson
from errata.graph.commands.doctor import Examined, Subject, Wanted, doctor
from errata.graph.config import RunConfig, parse_config
from errata.graph.watcher import NoWatcher

SMALL = {"practice": 60, "dev": 40, "test": 40}


def number(id: str, prompt: str, target: str) -> Question:
    return Question(id=id, prompt=prompt, target=target)


def reached(right: int, of: int, by_kind: dict[str, tuple[int, int]] | None = None) -> Accuracy:
    return Accuracy(
        accuracy=right / of, n=of, correct=right, ci95=wilson(right, of), by_kind=by_kind or {}
    )


def numbered(count: int, group: str | None = None) -> list[Question]:
    return [Question(id=str(n), prompt=f"{n}?", target="1", group=group) for n in range(count)]


def write(path: Path, rows: Sequence[Question]) -> str:
    path.write_text("".join(row.model_dump_json() + "\n" for row in rows))
    return str(path)


def config_of(folder: Path, sets: dict[str, list[Question]], **more: Any) -> RunConfig:
    exam = {name: write(folder / f"{name}.jsonl", rows) for name, rows in sets.items()}
    return parse_config({"exam": exam | more}, "test")


def examined(config: RunConfig, runs: Path, wanted: Wanted, **more: Any) -> Examined:
    return doctor(Subject("my.toml", config), wanted, runs, NoWatcher(), **more)
