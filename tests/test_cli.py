"""The command line: what it teaches, what it refuses, and how it says so."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

GOOD = """
[exam]
name = "arithmetic"
practice = 18
dev = 18
test = 18
"""


def errata(*args: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "errata.graph.cli", *args],
        cwd=cwd,
        env={k: v for k, v in os.environ.items() if not k.endswith("_API_KEY")} | env,
        capture_output=True,
        text=True,
        check=False,
    )


def refused(*args: str, cwd: Path, **env: str) -> str:
    """The one sentence that a bad call gets."""
    done = errata(*args, cwd=cwd, **env)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    (sentence,) = done.stderr.strip().splitlines()
    return sentence


@pytest.mark.parametrize("command", ["run", "demo", "resume", "runs", "exam", "trace"])
def test_help_lists_every_command_and_each_explains_itself(command: str, tmp_path: Path) -> None:
    assert command in errata("--help", cwd=tmp_path).stdout
    assert "Usage" in errata(command, "--help", cwd=tmp_path).stdout


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    loaded = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, errata.graph.cli; print(*sys.modules)",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    heavy = {"torch", "transformers", "langgraph", "langchain", "langchain_core", "numpy", "peft"}
    assert heavy.isdisjoint(loaded)


@pytest.mark.parametrize(
    ("toml", "sentence"),
    [
        ("[exam", "is not TOML"),
        ("", "'exam' is missing"),
        ("exam = []", "'exam' is wrong"),
        ("[exam]\nname = 'mml'", "'exam.practice' is missing; did you mean the exam 'mmlu'?"),
        ("[exam]\nname = 'mmlu'\npath = 'none'", "none cannot be read"),
        (GOOD + "[examples]\nper_exam = { x = 3 }", "per_exam names 'x', and the exams are arith"),
        (GOOD + "sed = 3", "unknown key 'exam.sed'; did you mean 'seed'?"),
        (GOOD + "[training]\nrnak = 8", "unknown key 'training.rnak'; did you mean 'rank'?"),
        (GOOD + "[training]\nrank = 0", "'training.rank' is wrong: input should be greater"),
        (GOOD + "[training]\nepochs = 'two'", "'training.epochs' is wrong: input should be a"),
        ("strategy = 'lee'\n" + GOOD, "'strategy' is wrong: input should be 'le' or 'lec'"),
        ("name = '../x'\n" + GOOD, "'name' is wrong"),
        ("[exam]\npractice = 'a.jsonl'\ndev = 'a.jsonl'\ntest = 'a.jsonl'", "a.jsonl cannot be"),
        (GOOD + "[student]\nmodel = './nothing'", "./nothing is no model folder"),
        (GOOD + "[student]\nadapter = './nothing'", "is no LoRA adapter"),
        (GOOD + "[instructor]\nmodel = 'gpt-5'", "'instructor.model' is wrong"),
        (GOOD + "[instructor]\nmodel = 'openai:gpt-5'", "OPENAI_API_KEY"),
        (GOOD + "[instructor]\nmodel = 'anthropic:x'", 'pip install "errata[anthropic]"'),
        (GOOD.replace("18", "99999"), "ask for fewer"),
    ],
)
def test_a_bad_configuration_is_one_sentence_and_nothing_is_written(
    toml: str, sentence: str, tmp_path: Path
) -> None:
    (tmp_path / "c.toml").write_text(toml)
    assert sentence in refused("run", "c.toml", cwd=tmp_path)
    assert not list(tmp_path.glob("runs/*/config.json"))


def test_a_key_pasted_into_the_configuration_is_not_echoed(tmp_path: Path) -> None:
    secret = "sk-very-secret-key-12345"
    (tmp_path / "c.toml").write_text(
        GOOD + f"[instructor]\nmodel = 'openai:x'\napi_key_env = '{secret}'"
    )
    assert secret not in refused("run", "c.toml", cwd=tmp_path)


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["run", "none.toml"], "none.toml cannot be read"),
        (["resume", "nothing"], "there is no run 'nothing'"),
        (["trace", "nothing"], "there is no run 'nothing'"),
        (["exam", "./nothing", "arithmetic"], "./nothing is no model folder"),
        (["exam", "bundled", "nothing"], "there is no exam 'nothing'"),
    ],
)
def test_a_thing_that_is_not_there_is_named(args: list[str], sentence: str, tmp_path: Path) -> None:
    assert sentence in refused(*args, cwd=tmp_path)


def test_an_adapter_of_another_base_is_refused(tmp_path: Path) -> None:
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text(
        json.dumps({"base_model_name_or_path": "some/other-model"})
    )
    sentence = refused("exam", "bundled", "arithmetic", "--adapter", "adapter", cwd=tmp_path)
    assert "was trained on some/other-model, not on bundled" in sentence


def test_an_unreachable_instructor_stops_the_run_and_it_can_be_resumed(tmp_path: Path) -> None:
    from doubles import table_agents

    from errata.agents.chat_models import Line, LlmSettings, open_chat_model
    from errata.agents.errors import InstructorError
    from errata.agents.exams.several import load_exams
    from errata.agents.llm import LlmInstructor
    from errata.graph.config import parse_config
    from errata.graph.run import resume, run
    from errata.graph.run_folder import RunFolder

    config = parse_config(
        {
            "exam": {"name": "arithmetic", "practice": 18, "dev": 18, "test": 18},
            "examples": {"per_round": 10},
            "stop": {"rounds": 1},
        },
        "test",
    )
    table = table_agents(load_exams(config.exam).practice, [["change"]])
    nobody = LlmSettings(model="openai:x", base_url="http://127.0.0.1:9/v1", retries=0)
    dead = LlmInstructor(Line(open_chat_model(nobody), lambda call: None, nobody))
    with pytest.raises(InstructorError, match=r"127\.0\.0\.1:9"):
        run(config, tmp_path, **table, instructor=dead)
    student = table["student"]
    asked = len(student.asked)
    report = resume(RunFolder(tmp_path / "run"), **table)
    assert report.status == "round budget spent"
    base = [who for who, _ in student.asked[asked:] if who == "base"]
    assert len(base) == 18  # the sealed test alone: the rest was not asked again


def test_runs_lists_nothing_without_complaint(tmp_path: Path) -> None:
    assert errata("runs", cwd=tmp_path).returncode == 0
