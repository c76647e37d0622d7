"""Events of a run, one JSON object a line, written as they happen."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

from errata.agents.jsonl import read_lines
from errata.agents.records import LlmCall


class Trace:
    """Appends events; each names its round and agent. Never given a secret."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.round = 0
        """The round that is under way."""
        self.lock = Lock()  # an instructor calls from several threads
        if path.exists() and not path.read_bytes().endswith(b"\n"):
            with path.open("a") as file:  # a kill cut the last line off
                file.write("\n")

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
