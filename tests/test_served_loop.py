"""A whole run whose student answers on a server: training, adapters, another engine on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from test_served import GONE, student_of, write_adapter

from errata.agents.errors import RunError, StepFailed
from errata.agents.exams.several import load_exams
from errata.agents.testing.tables import TableTrainer
from errata.agents.testing.vllm_server import VllmServer
from errata.agents.trainer import OnStep, Trained, TrainingJob
from errata.graph.config import parse_config
from errata.graph.manifest import Manifest
from errata.graph.run import resume, run
from errata.graph.run_folder import RunFolder

pytestmark = pytest.mark.loop
CONFIG = parse_config(
    {
        "name": "t",
        "strategy": "lec",
        "exam": {"name": "arithmetic", "seed": 3, "practice": 18, "dev": 18, "test": 18},
        "examples": {"per_round": 20},
        "stop": {"rounds": 1, "gate": "any"},
    },
    "test",
)
EXAMS = load_exams(CONFIG.exam)
QUESTIONS = [*EXAMS.practice, *EXAMS.dev, *EXAMS.test]
SOLUTIONS = {question.prompt: question.solution or "" for question in QUESTIONS}


class LoraTrainer(TableTrainer):
    """Its adapter has the files of a LoRA adapter as well."""

    def train(self, job: TrainingJob, on_step: OnStep) -> Trained:
        trained = super().train(job, on_step)
        write_adapter(job.adapter.with_name("lora"))
        for file in job.adapter.with_name("lora").iterdir():
            file.rename(job.adapter / file.name)
        job.adapter.with_name("lora").rmdir()
        return trained


def says(adapter: str | None, prompt: str, body: dict[str, Any]) -> str:
    return SOLUTIONS.get(prompt, "") if adapter is not None else "I do not know."


def trainer() -> LoraTrainer:
    return LoraTrainer({q.id: q.kind or "" for q in EXAMS.practice}, [[]])


def test_a_run_on_servers_ends_with_its_adapter_and_one_engine(tmp_path: Path) -> None:
    server = VllmServer(says)
    with student_of(tmp_path / "t", server, max_new_tokens=400) as student:
        report = run(CONFIG, tmp_path, student=student, trainer=trainer(), cache=False)
    assert report.best_round == 1
    assert report.test.base.accuracy == 0
    assert report.test.final.accuracy == 1
    adapters = {body["model"] for body in server.completions} - {"base"}
    assert [name[:9] for name in adapters] == ["round-01-"]
    assert Manifest(tmp_path / "t").holds("engine.json")


def test_a_run_whose_servers_were_lost_goes_on_with_the_same_engine_alone(tmp_path: Path) -> None:
    server = VllmServer(says)
    server.fault = lambda path, body: GONE if len(server.completions) > 30 else None
    with (
        student_of(tmp_path / "t", server, max_new_tokens=400) as student,
        pytest.raises(StepFailed, match="no server of the student is left"),
    ):
        run(CONFIG, tmp_path, student=student, trainer=trainer(), cache=False)
    folder = RunFolder(tmp_path / "t")
    with (
        student_of(tmp_path / "t", VllmServer(says, version="0.33.0")) as student,
        pytest.raises(RunError, match=r"began with vllm 0\.32\.0, and here is vllm 0\.33\.0"),
    ):
        resume(folder, student=student, trainer=trainer(), cache=False)
    again = VllmServer(says)
    with student_of(tmp_path / "t", again, max_new_tokens=400) as student:
        report = resume(folder, student=student, trainer=trainer(), cache=False)
    assert report.test.final.accuracy == 1
    asked = [tuple(b["prompt"]) for b in again.completions if b["model"] == "base"]
    assert len(asked) < 3 * 18 - 20  # what was answered is not asked again
