"""Servers that errata starts: ready, ended, and gone with errata however it goes."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from serving_run import FAKE
from tiny_models import write_tiny_model

from errata.agents.engine import Engine
from errata.agents.errors import ConfigError, StepFailed
from errata.agents.jsonl import read_record
from errata.agents.records import ModelRef, Question
from errata.agents.served.server import Server
from errata.agents.served.student import ServedStudent
from errata.agents.served.tokens import Tokens
from errata.agents.student import ServeSettings, StudentSettings
from errata.agents.testing.vllm_server import Letters
from errata.training.chat import prompt_ids
from errata.training.jobs import StudentJob

pytestmark = pytest.mark.process
BASE = ModelRef(base="models/letters")
QUESTIONS = [Question(id=f"q{at:02}", prompt=f"What is {at} + 1?", target="1") for at in range(8)]


def student_of(
    folder: Path, how: str, said: list[str] | None = None, **serve: object
) -> ServedStudent:
    settings = StudentSettings(
        model=BASE.base,
        batch_size=1,
        serve=ServeSettings.model_validate({"command": (sys.executable, FAKE, how)} | serve),
    )
    told: list[str] = [] if said is None else said
    return ServedStudent(settings, folder, 12, told.append, (0.1,) * 100, Letters)


def test_a_server_for_each_gpu_is_started_asked_and_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5,6")
    said: list[str] = []
    student = student_of(tmp_path, "good", said, gpus=2, flags=("--max-model-len", "512"))
    try:
        assert len(list(student.ask(BASE, QUESTIONS, frozenset()))) == 8
        servers = student.servers
        assert [server.is_well for server in servers] == [True, True]
    finally:
        student.close()
    assert [server.is_well for server in servers] == [False, False]
    logs = [(tmp_path / f"server-{at}.log").read_text() for at in (0, 1)]
    assert ["GPUs: 3" in logs[0], "GPUs: 5" in logs[1]] == [True, True]
    assert "invariant: 1" in logs[0]
    assert said[0] == "starting 2 vLLM servers"
    assert said[1].startswith("vLLM is ready after")
    engine = read_record(tmp_path / "engine.json", Engine)
    assert " ".join(engine.flags).endswith("--max-lora-rank 16 --max-model-len 512")
    assert engine.environment["VLLM_BATCH_INVARIANT"] == "1"
    assert not any("KEY" in name for name in engine.environment)
    assert len(list(student.ask(BASE, QUESTIONS[:1], frozenset()))) == 1  # started again
    student.close()


def test_a_machine_without_gpus_gets_one_server_and_no_more_gpus_than_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    student = student_of(tmp_path, "good")
    try:
        student.open()
        assert len(student.servers) == 1
    finally:
        student.close()
    assert "invariant: None" in (tmp_path / "server-0.log").read_text()
    with pytest.raises(ConfigError, match="asks for 2 GPUs, and here are 0"):
        student_of(tmp_path, "good", gpus=2).open()


def test_a_server_that_ends_early_is_a_sentence_with_what_its_log_says_last(
    tmp_path: Path,
) -> None:
    with pytest.raises(StepFailed) as error:
        student_of(tmp_path, "fails").open()
    said = str(error.value)
    assert "did not start: its server ended with exit code 1" in said
    assert "ValueError: no memory for the KV cache" in said
    assert "RuntimeError: Engine core initialization failed" in said
    assert "\n" not in said
    assert "pid=" not in said


def test_a_server_that_dies_in_an_exam_fails_the_step_and_is_started_again(
    tmp_path: Path,
) -> None:
    student = student_of(tmp_path, "dies")
    try:
        with pytest.raises(StepFailed, match="its server ended with exit code 3"):
            list(student.ask(BASE, QUESTIONS, frozenset()))
        assert len(list(student.ask(BASE, QUESTIONS[:2], frozenset()))) == 2
    finally:
        student.close()


def test_kill_9_of_errata_ends_its_servers(tmp_path: Path) -> None:
    script = str(Path(__file__).with_name("serving_run.py"))
    with subprocess.Popen(
        [sys.executable, script, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        server = Server(run.stdout.readline().strip(), None, 10)
        assert server.is_well
        run.kill()
    until = time.monotonic() + 60
    while server.is_well and time.monotonic() < until:
        time.sleep(0.1)
    assert not server.is_well


@pytest.mark.model
def test_the_tokens_of_a_question_are_those_of_the_student_here(tmp_path: Path) -> None:
    from errata.training.models import load_tokenizer
    from errata.training.student import load_student

    base = write_tiny_model(tmp_path / "tiny", eos_token_id=[2, 3])
    tokenizer = load_tokenizer(base)
    here = load_student(StudentJob(model=ModelRef(base=base), max_new_tokens=4, batch_size=1))
    talk = (("user", "1 + 1?"), ("assistant", "2"), ("user", "Sure?"))
    tokens = Tokens(base, "Solve <|im_end|>.", tmp_path)
    try:
        assert tokens.weights == base
        assert frozenset(tokens.ends) == here.ends == {2, 3}
        assert tokens.encode([("a", "What is 1 + 1?"), ("b", talk)]) == [
            ("a", tuple(prompt_ids(tokenizer, "What is 1 + 1?", "Solve <|im_end|>."))),
            ("b", tuple(prompt_ids(tokenizer, talk))),
        ]
        said = [*tokenizer(" It is 2 ")["input_ids"], 1]
        assert tokens.decode(said) == "It is 2"
    finally:
        tokens.close()
