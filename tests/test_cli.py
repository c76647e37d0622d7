"""The command line: what it teaches, what it refuses, and how it says so."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from command_line import errata, errata_process, refused, sentence_of

GOOD = """
[exam]
name = "arithmetic"
practice = 18
dev = 18
test = 18
"""


@pytest.mark.parametrize("command", ["run", "demo", "resume", "runs", "exam", "trace"])
def test_help_lists_every_command_and_each_explains_itself(command: str, tmp_path: Path) -> None:
    assert command in errata("--help", cwd=tmp_path).stdout
    assert "Usage" in errata(command, "--help", cwd=tmp_path).stdout


@pytest.mark.process
def test_neither_help_nor_a_configuration_imports_what_only_a_run_needs(tmp_path: Path) -> None:
    code = (
        "import sys, errata.graph.cli; print(*sys.modules)\n"
        "import errata.graph.config; print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    for_help, for_config = done.stdout.splitlines()
    heavy = {"torch", "transformers", "langgraph", "langchain", "langchain_core", "numpy", "peft"}
    assert heavy.isdisjoint(for_help.split())
    students = {f"errata.agents.{engine}.student" for engine in ("cluster", "served")}
    assert students.isdisjoint(for_config.split())


@pytest.mark.parametrize(
    ("toml", "sentence"),
    [
        ("[exam", "is not TOML"),
        ("a = " + "[" * 20_000, "is nested too deeply"),
        ("a = " + "9" * 5000, "too long a number"),
        ("name = 0x" + "f" * 5000, "'name' is wrong: input should be a valid string (it is too la"),
        ("", "'exam' is missing"),
        ("exam = []", "'exam' is wrong"),
        ("[exam]\nname = 'mml'", "'exam.practice' is missing; did you mean the exam 'mmlu'?"),
        ("[exam]\nname = 'mmlu'\npath = 'none'", "none cannot be read"),
        (GOOD + "[examples]\nper_exam = { x = 3 }", "per_exam names 'x', and the exams are arith"),
        (GOOD + "sed = 3", "unknown key 'exam.sed'; did you mean 'seed'?"),
        (GOOD + "[training]\nrnak = 8", "unknown key 'training.rnak'; did you mean 'rank'?"),
        (GOOD + "[training]\nrank = 0", "'training.rank' is wrong: input should be greater"),
        (GOOD + "[training]\nepochs = 'two'", "'training.epochs' is wrong: input should be a"),
        ("strategy = 'lee'\n" + GOOD, "'strategy' is wrong: input should be 'sft'"),
        ("name = '../x'\n" + GOOD, "'name' is wrong"),
        ("[exam]\npractice = 'a.jsonl'\ndev = 'a.jsonl'\ntest = 'a.jsonl'", "a.jsonl cannot be"),
        (GOOD + "[student]\nmodel = './nothing'", "./nothing is no model folder"),
        (GOOD + "[student]\nadapter = './nothing'", "is no LoRA adapter"),
        (GOOD + "[instructor]\nmodel = 'gpt-5'", "'instructor.model' is wrong"),
        (GOOD + "[instructor]\nmodel = 'openai:gpt-5'", "OPENAI_API_KEY"),
        (GOOD + "[instructor]\nmodel = 'anthropic:x'", 'pip install "langchain-anthropic'),
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
        (["exam", "bundled", "arithmetic", "--samples", "4"], "4 answers at temperature 0 are all"),
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


@pytest.mark.loop
def test_an_unreachable_instructor_stops_the_run_and_it_can_be_resumed(tmp_path: Path) -> None:
    from doubles import table_agents

    from errata.agents.chat_models import ChatClient, LlmSettings, open_chat_model
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
    dead = LlmInstructor(ChatClient(open_chat_model(nobody), lambda call: None, nobody))
    with pytest.raises(InstructorError, match=r"127\.0\.0\.1:9"):
        run(config, tmp_path, **table, instructor=dead)
    student = table["student"]
    asked = len(student.asked)
    report = resume(RunFolder(tmp_path / "run"), **table)
    assert report.status == "round budget spent"
    base = [who for who, _ in student.asked[asked:] if who == "base"]
    assert len(base) == 18  # the sealed test alone: the rest was not asked again


@pytest.mark.process
def test_runs_lists_nothing_without_complaint(tmp_path: Path) -> None:
    assert errata_process("runs", cwd=tmp_path).returncode == 0


@pytest.mark.process
@pytest.mark.parametrize(("option", "says"), [([], True), (["--no-tracing"], False)])
def test_a_run_says_where_tracing_sends_questions_and_can_do_without(
    option: list[str], says: bool, tmp_path: Path
) -> None:
    (tmp_path / "x.toml").write_text(GOOD + '[student]\nmodel = "./nowhere"\n')
    done = errata_process(
        "run",
        "x.toml",
        *option,
        cwd=tmp_path,
        LANGSMITH_TRACING="true",
        LANGSMITH_ENDPOINT="http://127.0.0.1:9/x",
    )
    assert done.returncode == 2
    assert ("go to 127.0.0.1" in done.stdout) == says


@pytest.mark.process
def test_what_stands_on_standard_error_obeys_no_terminal(tmp_path: Path) -> None:
    evil = "\x1b]52;c;aGk=\x07\x1b[2J\u202e"
    sentence = sentence_of(errata_process("run", f"{evil}.toml", cwd=tmp_path))
    assert not set(sentence) & set("\x1b\x07\u202e")
    questions = tmp_path / "q.jsonl"
    questions.write_text(json.dumps({"prompt": "?", "options": {evil: "x"}, "target": evil}))
    sentence = refused("exam", "bundled", "q.jsonl", cwd=tmp_path)
    assert not set(sentence) & set("\x1b\x07\u202e")


def test_a_failed_start_leaves_the_name_free(tmp_path: Path) -> None:
    (tmp_path / "nokey.toml").write_text(
        f'name = "nokey"\n{GOOD}\n[instructor]\nmodel = "openai:x"\napi_key_env = "NO_SUCH"\n'
    )
    refused("run", "nokey.toml", cwd=tmp_path)
    assert not (tmp_path / "runs").exists() or not any((tmp_path / "runs").iterdir())


@pytest.mark.process
def test_sigterm_ends_a_command_as_ctrl_c_does(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "errata.graph.cli",
            "exam",
            "bundled",
            "arithmetic",
            "--limit",
            "40",
        ],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    children = psutil.Process(process.pid)
    while not children.children():
        assert process.poll() is None
        time.sleep(0.05)
    [child] = children.children()
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 143
    assert said == "\nerrata: stopped\n" or said == "errata: stopped\n"
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
