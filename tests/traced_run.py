"""A whole run, paused for a review and resumed, in a process whose environment may trace it.

Used by tests/test_tracing.py: `python traced_run.py FOLDER TRACING`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from doubles import table_agents
from langchain_core.tracers.langchain import wait_for_all_tracers

from errata.agents.exams.several import load_exams
from errata.agents.testing.openai_server import OpenAIServer
from errata.graph.config import parse_config
from errata.graph.run import ReviewPending, resume, run
from errata.graph.run_folder import RunFolder


def says(request: dict[str, Any]) -> str:
    asked = json.dumps(request["response_format"])
    reply = {"explanation": "x", "cause": "slip: sums", "missing_skill": "x", "advice": "x"}
    return json.dumps(reply) if "missing_skill" in asked else "no examples"


def main(runs: Path, tracing: bool) -> None:
    with OpenAIServer(says) as server:
        given = {
            "name": "traced",
            "tracing": tracing,
            "exam": {"name": "arithmetic", "practice": 18, "dev": 18, "test": 18},
            "examples": {"per_round": 4},
            "stop": {"rounds": 2},
            "review": True,
            "instructor": {"model": "openai:scripted", "base_url": server.base_url},
            "writer": {"model": "variations"},
        }
        settings = parse_config(given, "test")
        table = table_agents(load_exams(settings.exam).practice, [[], []])
        for work in (
            lambda: run(settings, runs, **table, cache=False),
            lambda: resume(RunFolder(runs / "traced"), **table, cache=False, approve=True),
        ):
            try:
                work()
            except ReviewPending:
                continue
            raise AssertionError("it did not wait")
        assert len(server.requests) == 36  # both rounds asked
    wait_for_all_tracers()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] == "on")
