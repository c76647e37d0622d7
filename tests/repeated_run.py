"""One run with the table doubles, from its start to its end, in a process of its own.

    PYTHONHASHSEED=1 python tests/repeated_run.py RUNS [URL]

With a URL an LLM there diagnoses and writes; otherwise `variations` does.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from doubles import table_agents

from errata.agents.exams.arithmetic import KINDS
from errata.agents.exams.several import load_exams
from errata.agents.testing.openai_server import Fault, completion
from errata.graph.config import parse_config
from errata.graph.run import run

ALL = [kind.name for kind in KINDS]


def answering(delays_s: Iterator[float]) -> Any:
    """The LLM: what it says depends on what it is asked, how soon on `delays_s`.

    Some replies are no JSON, some examples are wrong, and some are the same as others.
    """

    def reply(request: dict[str, Any]) -> Fault:
        asked = json.dumps(request["messages"]).encode()
        number = int(hashlib.sha256(asked).hexdigest()[:12], 16)
        value: Any = {
            "explanation": "It never writes an equation.",
            "cause": f"setup: sort {number % 5}",
            "missing_skill": "Writing the equation.",
            "advice": "Short problems.",
        }
        if "missing_skill" not in json.dumps(request["response_format"]):
            numbers = [number % 97 + 10 * each for each in range(8)]
            value = {
                "examples": [
                    {
                        "prompt": f"A hen lays {n} eggs and then 7 more. How many eggs?",
                        "completion": f"{n} + 7 = {n + 7 + (n % 5 == 0)}\n#### {n + 7}",
                        "target": str(n + 7),
                    }
                    for n in numbers
                ]
            }
        said = "I cannot say." if number % 7 == 0 else json.dumps(value)
        return Fault(body=json.dumps(completion(said)).encode(), after_s=next(delays_s))

    return reply


def main(runs: Path, url: str | None) -> None:
    given: dict[str, Any] = {
        "name": "same",
        "strategy": "lec",
        "exam": {"name": "arithmetic", "seed": 5, "practice": 36, "dev": 18, "test": 18},
        "examples": {"per_round": 30},
        "stop": {"rounds": 2},
    }
    if url is not None:
        given["instructor"] = {"model": "openai:scripted", "base_url": url, "concurrency": 4}
    config = parse_config(given, "repeated_run")
    table = table_agents(load_exams(config.exam).practice, [ALL[:8], ALL[:12]], ALL[:3])
    run(config, runs, **table, cache=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *(sys.argv[2:] or [None]))
