"""Events of a run, one JSON object a line, written as they happen."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

from errata.agents.records import LlmCall
from errata.training.jsonl import read_lines


class Trace:
    """Appends events; each names its round and agent. Never given a secret."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.round = 0
        """The round that is under way."""
        self.lock = Lock()  # an instructor calls from several threads
        if path.exists():
            drop_torn_line(path)

    def tell(self, agent: str, event: str, **details: Any) -> None:
        line = json.dumps(
            {
                "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "round": self.round,
                "agent": agent,
                "event": event,
                **details,
            },
            ensure_ascii=False,
        )
        with self.lock, self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def tell_call(self, call: LlmCall) -> None:
        self.tell(call.agent, "llm call", **call.model_dump(exclude={"agent"}))


HIDDEN = "held out"
"""Stands where a text would give a held-out question away."""


def blanked(call: dict[str, Any], sources: Collection[str]) -> dict[str, Any]:
    """A call to an LLM, without what it said where it is a writer's from one of `sources`."""
    writes = str(call["agent"]).endswith("writer")
    if not writes or set(sources).isdisjoint(str(call["source_id"]).split()):
        return call
    roles = [role for role, _ in call["messages"]]
    said = roles.index("assistant") if "assistant" in roles else len(roles)
    messages = [*call["messages"][:said], *((role, HIDDEN) for role in roles[said:])]
    texts = {name: HIDDEN for name in ("reply", "thinking", "error") if call.get(name)}
    return {**call, **texts, "messages": messages}


def drop_torn_line(path: Path) -> None:
    """Takes away a last line that a kill cut off: other readers of JSON lines stop at it."""
    with path.open("r+b") as file:
        end = file.seek(0, os.SEEK_END)
        while end:  # from the end, a block at a time
            start = max(0, end - 65_536)
            file.seek(start)
            at = file.read(end - start).rfind(b"\n")
            if at >= 0:
                end = start + at + 1
                break
            end = start
        file.truncate(end)


def read_trace(path: Path, calls: bool = True) -> list[dict[str, Any]]:
    """The events that are whole; a last line cut off by a kill is passed over.

    Args:
        calls: With those to LLMs, which are most of a large trace.
    """
    events = []
    for line in read_lines(path):
        if not calls and b'"event": "llm call"' in line:
            continue
        try:
            events.append(json.loads(line.decode(errors="replace")))
        except ValueError:
            continue
    return events


def last_training(steps: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """One training's steps, each once: after a kill it goes on from its last checkpoint, or begins
    again, and what it told of the steps since then counts no more.

    Args:
        steps: Its events, in the order in which they were told.
    """
    kept: list[dict[str, Any]] = []
    for step in steps:
        while kept and kept[-1]["step"] >= step["step"]:
            kept.pop()
        kept.append(step)
    return kept


def events_of(run: Path) -> list[dict[str, Any]]:
    """The events of a run's folder; none before its first."""
    path = run / "trace.jsonl"
    return read_trace(path) if path.exists() else []


def step_under_way(events: Sequence[dict[str, Any]]) -> str | None:
    """The step that has begun and not ended, or failed."""
    steps = [event for event in events if event["event"] in ("step started", "step finished")]
    return steps[-1]["step"] if steps and steps[-1]["event"] == "step started" else None


def failure_of(events: Sequence[dict[str, Any]]) -> str | None:
    """Why the step that was at work last failed; None where it goes on, or was cut off."""
    steps = [event for event in events if event["event"].startswith("step ")]
    return steps[-1]["error"] if steps and steps[-1]["event"] == "step failed" else None
