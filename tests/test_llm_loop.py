"""The whole graph with an LLM behind it: a real HTTP server, a scripted mind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from doubles import table_agents

from errata.agents.exams.arithmetic import KINDS
from errata.agents.exams.several import load_exams
from errata.agents.jsonl import read_records
from errata.agents.records import Row
from errata.agents.testing.openai_server import OpenAIServer
from errata.graph.config import RunConfig, parse_config
from errata.graph.run import run
from errata.graph.run_folder import RunFolder

pytestmark = pytest.mark.slow

KEY = "sk-marked-key-0123456789abcdef"


class Mind:
    """Diagnoses everything alike; every third example that it writes is wrong."""

    def __init__(self) -> None:
        self.written = 0
        self.saw: list[str] = []

    def __call__(self, request: dict[str, Any]) -> str:
        self.saw.append(json.dumps(request["messages"]))
        schema = json.dumps(request["response_format"])
        if "missing_skill" in schema:
            return json.dumps(
                {
                    "explanation": "It never writes an equation.",
                    "cause": "setup: no equation",
                    "missing_skill": "Writing the equation.",
                    "advice": "Short problems.",
                }
            )
        return json.dumps({"examples": [self.example() for _ in range(4)]})

    def example(self) -> dict[str, str]:
        self.written += 1
        n = self.written
        result = n + 7 + (n % 3 == 0)
        return {
            "prompt": f"A hen lays {n} eggs and then 7 more. How many eggs?",
            "completion": f"{n} + 7 = {result}\n#### {result}",
            "target": str(result),
        }


def config(url: str, strategy: str) -> RunConfig:
    return parse_config(
        {
            "name": "llm",
            "strategy": strategy,
            "exam": {"name": "arithmetic", "seed": 3, "practice": 18, "dev": 18, "test": 18},
            "examples": {"per_round": 10},
            "stop": {"rounds": 1},
            "instructor": {
                "model": "openai:scripted",
                "base_url": url,
                "api_key_env": "ERRATA_TEST_KEY",
            },
        },
        "test",
    )


@pytest.mark.parametrize("strategy", ["le", "lec"])
def test_an_llm_diagnoses_and_writes_and_only_sound_examples_are_trained_on(
    strategy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ERRATA_TEST_KEY", KEY)
    mind = Mind()
    with OpenAIServer(mind) as server:
        settings = config(server.base_url, strategy)
        exam = load_exams(settings.exam)
        table = table_agents(exam.practice, [[KINDS[0].name, KINDS[1].name]], [KINDS[2].name])
        folder = RunFolder(tmp_path / "llm")
        report = run(
            settings,
            tmp_path,
            **table,
            cache=False,
        )
        assert {request.authorization for request in server.requests} == {f"Bearer {KEY}"}
    first = report.rounds[1]
    assert first.causes == {"setup: no equation": 17}
    assert first.examples.accepted == 10
    assert first.examples.rejected["wrong equation"] >= 3
    trained = read_records(folder.round(1) / "training.jsonl", Row)
    assert all(int(e.prompt.split()[3]) % 3 for e in trained)
    assert any("answered correctly" in text for text in mind.saw) == (strategy == "lec")

    seen = "".join(mind.saw)
    assert not any(json.dumps(q.prompt)[1:-1] in seen for q in exam.dev + exam.test)
    calls = [
        json.loads(line)
        for line in (folder.path / "trace.jsonl").read_text().splitlines()
        if '"llm call"' in line
    ]
    assert len(calls) == len(mind.saw)
    assert all(call["messages"] and call["reply"] and call["tokens_out"] for call in calls)


def test_no_file_of_a_run_holds_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ERRATA_TEST_KEY", KEY)
    with OpenAIServer(lambda request: f"I know your key: {KEY}") as server:
        settings = config(server.base_url, "le")
        exam = load_exams(settings.exam)
        folder = RunFolder(tmp_path / "llm")
        table = table_agents(exam.practice, [[]])
        report = run(
            settings,
            tmp_path,
            **table,
            cache=False,
        )
    assert report.status == "no examples accepted"
    for path in folder.path.rglob("*"):
        if path.is_file():
            assert KEY.encode() not in path.read_bytes(), path
