"""Tracing that the shell switched on: said with its host, and switched off."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from collector import collecting
from doubles import table_agents

from errata.agents.chat_models.tracing import SWITCHES, tracing_target, without_tracing
from errata.agents.exams.several import load_exams
from errata.graph.config import parse_config
from errata.graph.run import ReviewPending, run
from errata.graph.run_folder import RunFolder

ASK = """
import sys
from contextlib import nullcontext
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.tracers.langchain import wait_for_all_tracers
from errata.agents.chat_models.tracing import tracing_target, without_tracing

model = GenericFakeChatModel(messages=iter(["yes", "yes"]))
model.invoke("begins")
with without_tracing() if sys.argv[1] == "without" else nullcontext():
    assert (tracing_target() is None) == (sys.argv[1] == "without")
    model.invoke("a secret question")
assert tracing_target() == "127.0.0.1"
wait_for_all_tracers()
"""


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*SWITCHES, "LANGSMITH_ENDPOINT", "LANGCHAIN_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("variables", "host"),
    [
        ({}, None),
        ({"LANGSMITH_TRACING": "false"}, None),
        ({"LANGSMITH_TRACING": ""}, None),
        ({"LANGSMITH_TRACING": "true"}, "api.smith.langchain.com"),
        ({"LANGCHAIN_TRACING_V2": "true"}, "api.smith.langchain.com"),
        ({"LANGSMITH_TRACING": "true", "LANGCHAIN_TRACING_V2": "false"}, None),
        (
            {"LANGSMITH_TRACING": "true", "LANGSMITH_ENDPOINT": "https://eu.api.example/x"},
            "eu.api.example",
        ),
        (
            {"LANGSMITH_TRACING": "true", "LANGCHAIN_ENDPOINT": "http://user:key@10.0.0.1:80"},
            "10.0.0.1",
        ),
        (
            {"LANGSMITH_TRACING": "true", "LANGSMITH_ENDPOINT": "http://[::1"},
            "api.smith.langchain.com",
        ),
    ],
    ids=str,
)
def test_the_host_is_the_one_that_langsmith_would_send_to(
    variables: dict[str, str], host: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from langsmith import utils

    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert tracing_target() == host
    utils.get_env_var.cache_clear()  # type: ignore[attr-defined]
    assert (host is not None) == bool(utils.tracing_is_enabled())
    before = dict(os.environ)
    with without_tracing():
        assert tracing_target() is None
        assert not utils.tracing_is_enabled()
    assert dict(os.environ) == before
    utils.get_env_var.cache_clear()  # type: ignore[attr-defined]


@pytest.mark.process
@pytest.mark.parametrize("how", ["with", "without"])
def test_without_tracing_nothing_of_a_question_leaves_even_after_it_was_on(
    how: str,
) -> None:
    sent = sent_by("-c", ASK, how)
    assert b"begins" in sent
    assert (b"a secret question" in sent) == (how == "with")


def sent_by(*python: str) -> bytes:
    """What a program sends to LangSmith, set up as docs/traces.md says."""
    page = (Path(__file__).parents[1] / "docs" / "traces.md").read_text()
    lines = re.findall(r"^ +export (LANGSMITH_\w+)=(\S+)", page, re.MULTILINE)
    assert [name for name, _ in lines] == ["LANGSMITH_TRACING", "LANGSMITH_API_KEY", PROJECT]
    with collecting(202) as collector:
        where = {
            "LANGSMITH_ENDPOINT": collector.url,
            "LANGSMITH_DISABLE_RUN_COMPRESSION": "true",
        }
        done = subprocess.run(
            [sys.executable, *python],
            env=os.environ | dict(lines) | where,
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
    return collector.sent


PROJECT = "LANGSMITH_PROJECT"


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.parametrize("tracing", ["on", "off"])
def test_a_run_is_traced_node_by_node_or_not_at_all_also_when_it_is_resumed(
    tracing: str, tmp_path: Path
) -> None:
    sent = sent_by("traced_run.py", str(tmp_path), tracing)
    questions = RunFolder(tmp_path / "traced").questions("practice")
    found = sum(json.dumps(question.prompt)[1:-1].encode() in sent for question in questions)
    assert found == (len(questions) if tracing == "on" else 0)
    for node in ("diagnose", "write", "review", "LangGraph", "train", "slip: sums"):
        assert (f'"{node}"'.encode() in sent or node.encode() in sent) == (tracing == "on")


def told(folder: Path, *options: str) -> str:
    """What `errata` prints in a shell that traces."""
    done = subprocess.run(
        [sys.executable, "-m", "errata.graph.cli", *options],
        env=os.environ | {"LANGSMITH_TRACING": "true", "LANGSMITH_ENDPOINT": "http://127.0.0.1:9"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert "Traceback" not in done.stderr
    return done.stdout


@pytest.mark.process
@pytest.mark.slow
def test_a_run_keeps_to_no_tracing(tmp_path: Path) -> None:
    """Of a model that cannot be loaded, the run begins and stops at its first question."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text('{"model_type": "none such"}')
    exam = 'exam = { name = "arithmetic", practice = 18, dev = 18, test = 18 }\n'
    (tmp_path / "x.toml").write_text(exam + '[student]\nmodel = "./model"\n')
    assert "tracing is on" not in told(tmp_path, "run", "x.toml", "--name", "x", "--no-tracing")
    kept = json.loads((tmp_path / "runs" / "x" / "config.json").read_text())["config"]
    assert kept["tracing"] is False


@pytest.mark.process
@pytest.mark.parametrize("tracing", [True, False])
def test_a_resumed_run_says_where_traces_go_unless_it_began_without(
    tracing: bool, tmp_path: Path
) -> None:
    exam = {"name": "arithmetic", "practice": 18, "dev": 18, "test": 18}
    given = {"name": "t", "exam": exam, "review": True, "tracing": tracing}
    settings = parse_config(given, "test")
    table = table_agents(load_exams(settings.exam).practice, [[]])
    with pytest.raises(ReviewPending):
        run(settings, tmp_path / "runs", **table, cache=False)
    said = told(tmp_path, "resume", "t")
    assert "waits for your review" in said
    assert ("go to 127.0.0.1" in said) == tracing
