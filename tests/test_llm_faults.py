"""The whole graph with a faulty server: the run ends properly, or stops and can be resumed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from doubles import table_agents
from killed_calls import compare
from test_llm_loop import Mind, config

from errata.agents.chat_models.reply import LONGEST
from errata.agents.checks import wrong
from errata.agents.errors import InstructorError
from errata.agents.exams.arithmetic import KINDS
from errata.agents.exams.several import load_exams
from errata.agents.jsonl import read_records
from errata.agents.records import Draft, Row
from errata.agents.testing.openai_server import Fault, OpenAIServer, Reply, completion, error
from errata.graph.report import Report
from errata.graph.run import resume, run
from errata.graph.run_folder import RunFolder

pytestmark = pytest.mark.process

GARBAGE = json.dumps({"explanation": 1, "cause": [], "examples": {"prompt": None}})
EMPTY = completion("") | {"choices": []}
PAGE = b"<!doctype html><html><body>Welcome to the proxy</body></html>"

WHOLE: dict[str, Reply | Callable[[str], Reply]] = {
    "429": error(429, "slow down"),
    "429 with a pause": error(429, "slow down", Retry_After="0.1"),
    "500": error(500, "out of memory"),
    "reset in mid-reply": Fault(body=json.dumps(completion("x" * 500)).encode(), reset_after=200),
    "slow": Fault(body=json.dumps(completion("{}")).encode(), after_s=1.2),
    "empty choices": (200, EMPTY),
    "no choices": (200, completion("") | {"choices": None}),
    "truncated JSON": Fault(body=json.dumps(completion("{}")).encode()[:-30]),
    "an HTML page": Fault(body=PAGE, headers={"Content-Type": "text/html"}),
    "an HTML page as JSON": Fault(body=PAGE),
    "schema ignored": "I would rather talk about the weather.",
    "wrong types": GARBAGE,
    "nothing": "",
    "too long": "{" + "x" * LONGEST,
    "extra prose": lambda good: f"Sure, {{here}} it is:\n```json\n{good}\n```\nHope it's fine!",
    "duplicated keys": lambda good: good.replace("{", '{"cause": "x", "examples": "none", ', 1),
    "thinking": lambda good: f"<think>I could send {{}} or {good[:40]}</think>{good}",
    "cut off": lambda good: (200, completion(good[: len(good) * 2 // 3], "length")),
}
"""Each takes the place of a reply; a function gets the good one."""

DATA = ["schema ignored", "wrong types", "nothing", "too long", "empty choices", "no choices"]
HARMLESS = ["extra prose", "duplicated keys", "thinking"]


class Faulty:
    """Sends the fault in the place of some replies."""

    def __init__(self, fault: Reply | Callable[[str], Reply], share: float) -> None:
        self.fault = fault
        self.share = share
        self.mind = Mind()
        self.rng = Random(1)

    def __call__(self, request: dict[str, Any]) -> Reply:
        good = self.mind({"response_format": {}} | request)
        if self.rng.random() >= self.share:
            return good
        return self.fault(good) if callable(self.fault) else self.fault


def agents_of(settings: Any, runs: Path) -> dict[str, Any]:
    exam = load_exams(settings.exam)
    table = table_agents(exam.practice, [[KINDS[0].name, KINDS[1].name]], [KINDS[2].name])
    return table | {"cache": False}


def worked(reply: Callable[[dict[str, Any]], Reply], runs: Path, **changes: Any) -> Report:
    """The report of a run against such a server, resumed until it ends."""
    with OpenAIServer(reply) as server:
        settings = config(server.base_url, "le")
        assert not isinstance(settings.instructor, str)
        changed = settings.instructor.model_copy(  # type: ignore[union-attr]
            update={"api_key_env": None, "retries": 3, "timeout_s": 1, "backoff_s": 0.01, **changes}
        )
        settings = settings.model_copy(update={"instructor": changed})
        agents = agents_of(settings, runs)
        said: list[str] = []
        while True:
            try:
                report = (
                    resume(RunFolder(runs / "llm"), **agents)
                    if said
                    else run(settings, runs, **agents)
                )
                break
            except InstructorError as stopped:
                said.append(str(stopped))
            assert len(said) < 30, "the run does not get on"
    assert all("openai:scripted" in sentence and "\n" not in sentence for sentence in said)
    trained = RunFolder(runs / "llm").round(1) / "training.jsonl"
    for row in read_records(trained, Row) if trained.exists() else []:
        said_there = row.model_dump(include={"prompt", "completion", "target", "answer"})
        assert wrong(Draft(diagnosis_id="any", **said_there)) is None
    return report


@pytest.mark.parametrize("fault", WHOLE)
def test_a_run_gets_through_every_fault_now_and_then(fault: str, tmp_path: Path) -> None:
    report = worked(Faulty(WHOLE[fault], 0.2), tmp_path)
    assert report.status == "round budget spent"
    assert report.rounds[1].examples.accepted == 10


@pytest.mark.parametrize("fault", DATA)
def test_a_model_that_never_sends_what_can_be_used_ends_the_run(fault: str, tmp_path: Path) -> None:
    report = worked(Faulty(WHOLE[fault], 1), tmp_path, timeout_s=60)
    assert report.status == "no examples accepted"


@pytest.mark.parametrize("fault", HARMLESS)
def test_a_model_that_always_says_too_much_is_understood(fault: str, tmp_path: Path) -> None:
    report = worked(Faulty(WHOLE[fault], 1), tmp_path)
    assert report.rounds[1].examples.accepted == 10


@pytest.mark.parametrize("fault", sorted(set(WHOLE) - {*DATA, *HARMLESS, "cut off"}))
def test_a_server_that_only_fails_stops_the_run_and_recovers_on_resume(
    fault: str, tmp_path: Path
) -> None:
    faulty = Faulty(WHOLE[fault], 1)
    with OpenAIServer(faulty) as server:
        settings = config(server.base_url, "le")
        assert not isinstance(settings.instructor, str)
        changed = settings.instructor.model_copy(  # type: ignore[union-attr]
            update={"api_key_env": None, "retries": 1, "timeout_s": 0.5, "backoff_s": 0.01}
        )
        settings = settings.model_copy(update={"instructor": changed})
        agents = agents_of(settings, tmp_path)
        with pytest.raises(InstructorError) as stopped:
            run(settings, tmp_path, **agents)
        assert "\n" not in str(stopped.value)
        assert server.calls < 2 * 17  # given up before all were asked about
        faulty.share = 0
        assert resume(RunFolder(tmp_path / "llm"), **agents).rounds[1].examples.accepted == 10


def test_a_server_that_refuses_every_form_of_replies_is_asked_in_words(tmp_path: Path) -> None:
    mind = Mind()

    def reply(request: dict[str, Any]) -> Reply:
        if "response_format" in request:
            return error(400, "response_format is not supported")
        asked = request["messages"][0]["content"].rpartition("# The form of the reply")[2]
        return mind(request | {"response_format": asked})

    assert worked(reply, tmp_path).rounds[1].examples.accepted == 10


def test_a_killed_run_asks_again_at_most_what_was_in_flight(tmp_path: Path) -> None:
    found = compare(tmp_path, kills=3, seed=3)
    assert found.kills == 3
    assert found.undisturbed > 20
    assert 0 <= found.extra <= found.in_flight
    assert (found.new, found.missing, found.differing) == (0, 0, ())
