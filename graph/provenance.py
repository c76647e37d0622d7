"""config.json: what a run was given when it began, and what it ran with."""

from __future__ import annotations

import functools
import json
import platform
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from errata.agents.errors import RunError
from errata.agents.jsonl import read_record
from errata.agents.records import Record
from errata.graph.config import RunConfig
from errata.graph.run_folder import FORMAT, RunFolder

PACKAGES = (
    "errata langgraph langchain openai pydantic torch transformers peft trl accelerate datasets"
).split()
CHANGE_ANSWERS = ("errata", "torch", "transformers", "peft", "trl")


class Provenance(Record):
    format: int = FORMAT
    """Of the run folder's files."""
    config: RunConfig
    versions: dict[str, str]
    """Package → version; `python` and `platform` too."""


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
        RunError: A package is not the one that the run began with.
    """
    check_same_versions(read_provenance(folder).versions, f"the run {folder.path}")


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
