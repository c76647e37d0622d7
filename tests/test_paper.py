"""The paper's own way: one call for each mistake analyses it and writes the examples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from doubles import table_agents

from errata.agents.errors import InstructorError
from errata.agents.exams.arithmetic import KINDS
from errata.agents.exams.several import load_exams
from errata.agents.jsonl import read_records
from errata.agents.records import DiagnosisLine, DraftedDiagnosis, Example
from errata.agents.testing.openai_server import OpenAIServer, Reply
from errata.graph.config import RunConfig, parse_config
from errata.graph.run import resume, run
from errata.graph.run_folder import RunFolder

pytestmark = pytest.mark.slow


class Mind:
    """Writes two examples for each mistake; may break down after some calls."""

    def __init__(self, breaks_after: int = 1000) -> None:
        self.left = breaks_after
        self.written = 0
        self.saw: list[str] = []

    def __call__(self, request: dict[str, Any]) -> Reply:
        self.left -= 1
        if self.left < 0:
            return (400, {"error": {"message": "out of order"}})
        self.saw.append(request["messages"][1]["content"])
        examples = []
        for _ in range(2):
            self.written += 1
            n = 1000 + self.written
            examples.append(
                {
                    "prompt": f"A hen lays {n} eggs and then 7 more. How many eggs?",
                    "completion": f"{n} + 7 = {n + 7}\n#### {n + 7}",
                    "target": str(n + 7),
                }
            )
        return json.dumps({"analysis": "It wrote no equation.", "examples": examples})


def config(url: str, strategy: str) -> RunConfig:
    return parse_config(
        {
            "name": "paper",
            "strategy": strategy,
            "exam": {"name": "arithmetic", "seed": 3, "practice": 18, "dev": 18, "test": 18},
            "examples": {"per_round": 100, "per_mistake": 2},
            "stop": {"rounds": 1},
            "instructor": {
                "model": "openai:scripted",
                "base_url": url,
                "preset": "paper",
                "retries": 0,
            },
        },
        "test",
    )


def tables(settings: RunConfig) -> dict[str, Any]:
    practice = load_exams(settings.exam).practice
    return table_agents(practice, [[KINDS[0].name]], [KINDS[2].name]) | {"cache": False}


@pytest.mark.parametrize("strategy", ["le", "lec"])
def test_one_call_a_mistake_gives_the_analysis_and_the_examples(
    strategy: str, tmp_path: Path
) -> None:
    mind = Mind()
    with OpenAIServer(mind) as server:
        settings = config(server.base_url, strategy)
        report = run(settings, tmp_path, **tables(settings))
    mistakes = report.rounds[1].mistakes
    assert len(mind.saw) == mistakes == 17
    folder = RunFolder(tmp_path / "paper")
    examples = read_records(folder.round(1) / "examples.jsonl", Example)
    assert len(examples) == report.rounds[1].examples.accepted == 2 * mistakes
    [cause] = report.rounds[1].causes
    assert "one call" in cause
    assert any("answered correctly" in said for said in mind.saw) == (strategy == "lec")


def test_the_exams_own_answer_is_not_shown(tmp_path: Path) -> None:
    mind = Mind()
    with OpenAIServer(mind) as server:
        settings = config(server.base_url, "le")
        run(settings, tmp_path, **tables(settings))
    for question in load_exams(settings.exam).practice:
        assert question.solution
        assert not any(question.solution in said for said in mind.saw)


def test_a_resumed_run_hands_out_the_drafts_of_replies_that_were_paid_for(tmp_path: Path) -> None:
    mind = Mind(breaks_after=9)
    with OpenAIServer(mind) as server:
        settings = config(server.base_url, "le")
        with pytest.raises(InstructorError, match="out of order"):
            run(settings, tmp_path, **tables(settings))
        mind.left = 1000
        report = resume(RunFolder(tmp_path / "paper"), **tables(settings))
    assert len(mind.saw) == 17
    assert report.rounds[1].examples.accepted == 34
    lines = read_records(tmp_path / "paper" / "round-01" / "diagnoses.jsonl", DiagnosisLine)
    kept = [line.result for line in lines if isinstance(line.result, DraftedDiagnosis)]
    assert [len(diagnosis.drafts) for diagnosis in kept] == [2] * 17
