"""config.json: what a run was given when it began, and what it ran with."""

from __future__ import annotations

import functools
import json
import platform
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from errata.agents.errors import RunError
from errata.agents.jsonl import read_record
from errata.agents.records import Record
from errata.agents.ways.way import Collected, Practised, Step, Way
from errata.graph.config import RunConfig
from errata.graph.run_folder import FORMAT, RunFolder
from errata.training.finished import sha256_of
from errata.training.own_code import file_of, is_own

PACKAGES = (
    "errata langgraph langchain openai pydantic torch transformers peft trl accelerate datasets"
).split()
CHANGE_ANSWERS = ("errata", "torch", "transformers", "peft", "trl")


class WayOnRecord(Record):
    """What a way says of itself."""

    steps: tuple[Step, ...]
    rounds: int | None


class Provenance(Record):
    format: int = FORMAT
    """Of the run folder's files."""
    config: RunConfig
    versions: dict[str, str]
    """Package → version; `python` and `platform` too."""
    own_code: Mapping[str, str] = {}
    """File of the user's own code that the configuration names → its SHA-256."""
    own_way: WayOnRecord | None = None
    """What `strategy` names, where that is code of the user's own."""

    @property
    def config_on_record(self) -> RunConfig:
        """The configuration as what is finished is read with: none of the user's code is run."""
        own_way = self.own_way and OwnWay(self.own_way)
        return self.config.with_own_way(own_way) if own_way else self.config


class OwnWay(Way):
    """A way of the user's own as it is on record."""

    def __init__(self, known: WayOnRecord) -> None:
        self.steps, self.rounds = known.steps, known.rounds

    def collect(self, practised: Practised, round_index: int, seed: int) -> Collected:
        raise RunError("what is finished is read without its way, which is the user's own code")


def provenance_of(config: RunConfig) -> Provenance:
    """What a run is given that begins here and now."""
    own = is_own(config.strategy)
    return Provenance(
        config=config,
        versions=versions_here(),
        own_code=hashes_of(config),
        own_way=WayOnRecord(steps=config.way.steps, rounds=config.way.rounds) if own else None,
    )


def hashes_of(config: RunConfig) -> dict[str, str]:
    """File of the user's own code → its SHA-256."""
    return hashes_of_code(filter(is_own, texts_in(config.model_dump(mode="json"))))


def hashes_of_code(names: Iterable[str]) -> dict[str, str]:
    """The same of code that is named as `python:FILE.py:NAME`."""
    files = {file_of(name) for name in set(names)}
    return {str(file): sha256_of(file) for file in files if file is not None and file.is_file()}


def texts_in(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from texts_in(inner)


@functools.cache
def versions_here() -> dict[str, str]:
    found = {package: version(package) for package in PACKAGES}
    return found | {"python": platform.python_version(), "platform": platform.platform()}


def read_provenance(folder: RunFolder) -> Provenance:
    """What the run was given when it began.

    Raises:
        RunError: The file is damaged, or another version of errata made the run.
    """
    path = folder.path / "config.json"
    try:
        given = json.loads(path.read_bytes())
        made_with = given["versions"]["errata"]
        number = given.get("format", 1)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise RunError(f"{path} is damaged: put it back as it was, or start a new run") from None
    if number != FORMAT:
        raise RunError(
            f"errata {made_with} made the run {folder.path} (format {number}), and this version "
            f"reads format {FORMAT}: open it with errata {made_with}, or start a new run"
        )
    return read_record(path, Provenance)


def check_versions(folder: RunFolder) -> None:
    """One exam is never answered by two versions of what answers it.

    Raises:
        RunError: A package, or code of the user's own, is not the one that the run began with.
    """
    began = read_provenance(folder)
    check_same_versions(began.versions, f"the run {folder.path}")
    check_same_code(began, f"the run {folder.path}")


def check_same_code(began: Provenance, what: str) -> None:
    """Raises: RunError: A file of the user's own code is not as it was when `what` began."""
    for file, sha256 in began.own_code.items():
        if not Path(file).is_file() or sha256_of(Path(file)) != sha256:
            raise RunError(
                f"{what} began with {file}, which has changed since or is gone: put it back as it "
                "was, or start a new one"
            )


def check_same_versions(began: Mapping[str, str], what: str) -> None:
    """As `check_versions`, of `what` began with these versions."""
    here = versions_here()
    for package in CHANGE_ANSWERS:
        if began.get(package) != here[package]:
            raise RunError(
                f"{what} began with {package} {began.get(package)}, and here is "
                f"{here[package]}, with which answers may differ: install that version, or start "
                "a new one"
            )


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """`{"a": {"b": 1}}` as `{"a.b": 1}`."""
    found: dict[str, Any] = {}
    for name, value in settings.items():
        inner = isinstance(value, Mapping)
        found |= flat(value, f"{prefix}{name}.") if inner else {f"{prefix}{name}": value}
    return found
