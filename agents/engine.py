"""engine.json: the engine that answers for a run's student, where that is not torch here.

One exam is never answered by two engines, and base and best are never compared across engines:
near ties fall otherwise, and a part of a gain would be the engine's.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from errata.agents.errors import RunError
from errata.agents.jsonl import read_record, write_record
from errata.agents.records import Record

NAME = "engine.json"


class Engine(Record):
    """What answers, as far as it may change answers."""

    name: str
    """Such as `vllm`."""
    version: str
    """As the servers say."""
    model: str
    """What the servers loaded, in their words."""
    fingerprint: str | None = None
    """Of servers that others started: their own mark of the settings that they compute with."""
    flags: tuple[str, ...] = ()
    """That errata started them with; empty where others did."""
    environment: Mapping[str, str] = {}
    """Variables that errata started them with."""

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


def same_engine(folder: Path, now: Engine | None) -> None:
    """Notes what answers in a run, or compares it with what began.

    Args:
        folder: Of the run.
        now: None: torch, on this machine.

    Raises:
        RunError: The run began with another engine.
    """
    path = folder / NAME
    if not path.exists():
        if now is None:
            return
        if (folder / "machines.jsonl").exists():
            raise other(folder, "errata's own student", str(now))
        folder.mkdir(parents=True, exist_ok=True)
        write_record(path, now)
        return
    began = read_record(path, Engine)
    if now is None:
        raise other(folder, str(began), "errata's own student")
    for field in Engine.model_fields:
        was, is_ = getattr(began, field), getattr(now, field)
        if was != is_:
            if field in ("name", "version"):
                raise other(folder, str(began), str(now))
            raise other(folder, f"{field} {shown(was)} on its servers", shown(is_))


def copy_engine(run: Path, to: Path) -> None:
    """What is asked in another folder is compared with the run's answers."""
    if (run / NAME).exists():
        to.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(run / NAME, to / NAME)


def shown(value: object) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{name}={said}" for name, said in value.items()) or "none"
    return " ".join(value) or "none" if isinstance(value, tuple) else str(value)


def other(folder: Path, began: str, now: str) -> RunError:
    return RunError(
        f"the run {folder} began with {began}, and here is {now}, with which answers may differ: "
        "use that again, or start a new run"
    )
