"""A run whose budget for LLMs is spent uses what it has and stops by name."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from doubles import table_agents

from errata.agents.chat_models.cache import ReplyCache, replies_path
from errata.agents.chat_models.ledger import Budget, Ledger, Usage
from errata.agents.data_writer import Ask
from errata.agents.errors import BudgetSpent
from errata.agents.exams.arithmetic import KINDS
from errata.agents.exams.several import load_exams
from errata.agents.jsonl import read_records
from errata.agents.records import Diagnosis, DiagnosisLine, Draft, Mistake, Unusable
from errata.agents.testing.openai_server import OpenAIServer
from errata.agents.variations import VariationsInstructor, VariationsWriter
from errata.graph.config import RunConfig, parse_config
from errata.graph.costs import costs_log
from errata.graph.report import Report
from errata.graph.run import ReviewPending, resume, run
from errata.graph.run_folder import RunFolder

pytestmark = pytest.mark.slow

ALL = [kind.name for kind in KINDS]
CALL = 100
"""Tokens of any call here."""


class PaidInstructor:
    """The offline instructor, a call for each mistake."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def diagnose(self, mistakes: Sequence[Mistake]) -> Iterator[Diagnosis | Unusable]:
        for mistake in mistakes:
            pay(self.ledger, "instructor")
            yield from VariationsInstructor().diagnose([mistake])


class PaidWriter:
    """The offline writer, a call for each ask."""

    examples_per_ask = 1
    asks_per_batch = 1

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def draft(self, asks: Sequence[Ask]) -> Iterator[tuple[Ask, Sequence[Draft | Unusable]]]:
        for ask in asks:
            pay(self.ledger, "data writer")
            yield from VariationsWriter().draft([ask])


def pay(ledger: Ledger, agent: str) -> None:
    held = ledger.reserve(agent, "paid:model", CALL // 2, CALL // 2)
    ledger.settle(held, Usage(tokens_in=CALL // 2, tokens_out=CALL // 2))


def config(**changes: Any) -> RunConfig:
    given: dict[str, Any] = {
        "name": "t",
        "strategy": "lec",
        "exam": {"name": "arithmetic", "seed": 3, "practice": 36, "dev": 18, "test": 18},
        "examples": {"per_round": 40},
        "stop": {"rounds": 3},
    }
    return parse_config(given | changes, "test")


def paid_agents(settings: RunConfig, folder: RunFolder, calls: int) -> dict[str, Any]:
    """32 mistakes in the first round; the budget is enough for `calls` calls."""
    costs = costs_log(folder)

    def current_round() -> int:
        return max(int(path.name[-2:]) for path in folder.path.glob("round-*"))

    budget = Budget(tokens=CALL * calls or 1)
    ledger = Ledger({}, budget, costs.read(), costs.add, current_round)
    table = table_agents(load_exams(settings.exam).practice, [ALL[:8], ALL[:12]], ALL[:2])
    return table | {"instructor": PaidInstructor(ledger), "writer": PaidWriter(ledger)}


@pytest.mark.parametrize(
    ("calls", "rounds", "accepted"),
    [(0, 1, 0), (10, 1, 0), (32, 1, 0), (36, 1, 1), (75, 2, 1)],
)
def test_what_the_budget_paid_for_is_used_and_then_the_run_stops(
    calls: int, rounds: int, accepted: int, tmp_path: Path
) -> None:
    settings = config()
    folder = RunFolder(tmp_path / "t")
    report = run(settings, tmp_path, **paid_agents(settings, folder, calls))
    assert report.status == "budget spent"
    last = report.rounds[-1]
    assert last.index == rounds
    assert bool(last.examples.accepted) == bool(accepted)
    assert (last.dev is not None) == bool(accepted)  # trained and examined, or stopped right there
    assert report.cost is None if not calls else report.cost.total.calls == calls
    asked = (tmp_path / "t" / "costs.jsonl").read_bytes() if calls else b""
    assert resume(folder, **paid_agents(settings, folder, calls)) == report
    assert calls == 0 or (tmp_path / "t" / "costs.jsonl").read_bytes() == asked


def test_a_mistake_that_the_budget_left_out_says_so(tmp_path: Path) -> None:
    settings = config()
    folder = RunFolder(tmp_path / "t")
    report = run(settings, tmp_path, **paid_agents(settings, folder, 10))
    lines = read_records(folder.round(1) / "diagnoses.jsonl", DiagnosisLine)
    left = [line.result for line in lines if isinstance(line.result, Unusable)]
    assert len(lines) == report.rounds[1].mistakes == 10 + len(left)
    assert {unusable.reason for unusable in left} == {"the budget was spent"}
    assert report.rounds[1].causes["(not diagnosed)"] == len(left)


class Interrupting(PaidInstructor):
    """Stops as a person would, after some calls."""

    def __init__(self, ledger: Ledger, after: int) -> None:
        super().__init__(ledger)
        self.after = after

    def diagnose(self, mistakes: Sequence[Mistake]) -> Iterator[Diagnosis | Unusable]:
        for at, diagnosis in enumerate(super().diagnose(mistakes)):
            if at == self.after:
                raise KeyboardInterrupt
            yield diagnosis


def test_a_resumed_run_goes_on_with_the_budget_that_is_left(tmp_path: Path) -> None:
    settings = config()
    folder = RunFolder(tmp_path / "t")
    agents = paid_agents(settings, folder, 20)
    agents["instructor"] = Interrupting(agents["instructor"].ledger, after=7)
    with pytest.raises(KeyboardInterrupt):
        run(settings, tmp_path, **agents)
    report = resume(folder, **paid_agents(settings, folder, 20))
    assert report.status == "budget spent"
    assert report.cost is not None
    assert report.cost.total.calls == 20  # the one that the stop cut off among them
    assert report.cost.total.tokens_in == 20 * CALL // 2


def test_a_budget_spent_in_the_round_before_a_review_still_waits_for_it(tmp_path: Path) -> None:
    settings = config(review=True)
    folder = RunFolder(tmp_path / "t")
    with pytest.raises(ReviewPending):
        run(settings, tmp_path, **paid_agents(settings, folder, 40))
    report = resume(folder, **paid_agents(settings, folder, 40), approve=True)
    assert report.status == "budget spent"
    assert report.rounds[1].dev is not None


def test_a_target_that_is_reached_is_said_before_a_budget_that_is_spent(tmp_path: Path) -> None:
    settings = config(stop={"target_accuracy": 0.2})
    folder = RunFolder(tmp_path / "t")
    assert run(settings, tmp_path, **paid_agents(settings, folder, 40)).status == "target reached"


def test_what_was_taken_is_in_the_report_by_agent_and_round(tmp_path: Path) -> None:
    settings = config(stop={"rounds": 2})
    folder = RunFolder(tmp_path / "t")
    report = run(settings, tmp_path, **paid_agents(settings, folder, 1000))
    assert report.status == "round budget spent"
    assert report.cost is not None
    rows = {(row.round, row.agent): row.calls for row in report.cost.rows}
    assert list(rows) == [(n, agent) for n in (1, 2) for agent in ("instructor", "data writer")]
    for n in (1, 2):
        assert rows[n, "instructor"] == report.rounds[n].mistakes  # a call for each
        assert rows[n, "data writer"] > 0
    assert rows[1, "instructor"] != rows[2, "instructor"]
    total = report.cost.total
    assert sum(rows.values()) == total.calls
    assert total.tokens_in == total.tokens_out == total.calls * CALL // 2
    assert total.money is None


def test_the_budget_that_is_spent_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(BudgetSpent, match="may not hold another call: raise it"):
        pay(Ledger(budget=Budget(tokens=CALL - 1)), "instructor")


def test_a_run_without_an_llm_has_no_cost(tmp_path: Path) -> None:
    settings = config(stop={"rounds": 1})
    report = run(settings, tmp_path, **table_agents(load_exams(settings.exam).practice, [ALL[:4]]))
    assert report.cost is None
    assert not (tmp_path / "t" / "costs.jsonl").exists()
    assert not (tmp_path / "t" / "estimate.json").exists()


# The same with an LLM behind it: a real HTTP server, a scripted mind.

KEY = "sk-marked-key-0123456789abcdef"


class Mind:
    """Says the same of every mistake; writes sound examples, each another. Tells what it knows."""

    def __init__(self) -> None:
        self.written = 0

    def __call__(self, request: dict[str, Any]) -> str:
        if "missing_skill" in json.dumps(request["response_format"]):
            words = ("explanation", "cause", "missing_skill", "advice")
            return json.dumps({word: f"{word} of {KEY}" for word in words})
        self.written += 4
        return json.dumps({"examples": [example(1000 + self.written + n) for n in range(4)]})


def example(n: int) -> dict[str, str]:
    return {
        "prompt": f"A hen lays {n} eggs and then 7 more. How many eggs?",
        "completion": f"{n} + 7 = {n + 7}\n#### {n + 7}",
        "target": str(n + 7),
    }


def llm_config(url: str, name: str, **changes: Any) -> RunConfig:
    instructor = {
        "model": "openai:scripted",
        "base_url": url,
        "api_key_env": "ERRATA_TEST_KEY",
        "max_tokens": 200,
        "prices": {"input": 0.25, "cached_input": 0.025, "output": 2.0},
    }
    return config(name=name, instructor=instructor, stop={"rounds": 1}, **changes)


def tables(settings: RunConfig) -> dict[str, Any]:
    return table_agents(load_exams(settings.exam).practice, [ALL[:8]], ALL[:2])


def work(runs: Path, name: str, server: OpenAIServer, cache: bool, **changes: Any) -> Report:
    settings = llm_config(server.base_url, name, **changes)
    return run(settings, runs, **tables(settings), cache=cache)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[OpenAIServer]:
    monkeypatch.setenv("ERRATA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ERRATA_TEST_KEY", KEY)
    with OpenAIServer(Mind()) as running:
        yield running


@pytest.mark.slow
def test_the_same_run_again_asks_nothing_and_pays_nothing(
    server: OpenAIServer, tmp_path: Path
) -> None:
    first = work(tmp_path, "first", server, cache=True)
    asked = server.calls
    again = work(tmp_path, "again", server, cache=True)
    assert server.calls == asked
    without = work(tmp_path, "without", server, cache=False)
    assert server.calls > asked
    assert first.cost is not None
    assert again.cost is not None
    assert without.cost is not None
    assert (first.cost.total.calls, first.cost.total.cached) == (asked, 0)
    assert (again.cost.total.calls, again.cost.total.cached) == (0, asked)
    assert first.cost.total.money == pytest.approx(asked * (100 * 0.25 + 20 * 2.0) / 1e6)
    assert again.cost.total.money == 0
    assert without.cost.total.calls == asked
    assert first.cost.currency == "USD"
    assert [row.agent for row in first.cost.rows] == ["instructor", "data writer"]
    assert first.rounds[1].examples == again.rounds[1].examples


def test_the_estimate_is_in_the_report_beside_what_was_taken(
    server: OpenAIServer, tmp_path: Path
) -> None:
    cost = work(tmp_path, "t", server, False).cost
    assert cost is not None
    assert [row.agent for row in cost.estimate] == ["instructor", "data writer"]
    for expected, taken in zip(cost.estimate, cost.rows, strict=True):
        assert expected.calls >= taken.calls
        assert expected.calls <= 2 * taken.calls
        assert expected.money is not None
        assert expected.tokens_in > 300 * expected.calls  # the real prompts


@pytest.mark.parametrize("tokens", [2500, 5000])
def test_calls_at_once_do_not_exceed_the_budget_and_what_they_brought_is_kept(
    tokens: int, server: OpenAIServer, tmp_path: Path
) -> None:
    report = work(tmp_path, "t", server, False, budget={"tokens": tokens})
    assert report.status == "budget spent"
    assert report.cost is not None
    total = report.cost.total
    assert total.tokens_in is not None
    assert total.tokens_out is not None
    assert total.tokens_in + total.tokens_out <= tokens
    assert total.calls == server.calls
    lines = read_records(RunFolder(tmp_path / "t").round(1) / "diagnoses.jsonl", DiagnosisLine)
    named = [line for line in lines if isinstance(line.result, Diagnosis)]
    asked = next(row for row in report.cost.rows if row.agent == "instructor")
    assert len(named) == asked.calls
    assert named


def test_neither_the_cache_nor_the_costs_hold_a_key(server: OpenAIServer, tmp_path: Path) -> None:
    work(tmp_path, "t", server, cache=True)
    with closing(ReplyCache(replies_path())) as cache:
        assert cache.contents()
        for path in tmp_path.rglob("*"):
            if path.is_file():
                assert KEY.encode() not in path.read_bytes(), path


KILLED = """
import os, signal, sys
from pathlib import Path
tests, runs, url = sys.argv[1:]
sys.path.insert(0, tests)
from test_budget_loop import llm_config, run, tables
from errata.graph.watcher import NoWatcher

class Killer(NoWatcher):
    def progress(self, step, done, total, note=""):
        if "diagnosing" in step and done == 10:
            os.kill(os.getpid(), signal.SIGKILL)

settings = llm_config(url, "t")
run(settings, Path(runs), **tables(settings), watcher=Killer())
"""


@pytest.mark.process
def test_a_kill_loses_at_most_the_calls_under_way(server: OpenAIServer, tmp_path: Path) -> None:
    here = Path(__file__).parent
    words = [sys.executable, "-c", KILLED, str(here), str(tmp_path), server.base_url]
    assert subprocess.run(words, check=False).returncode == -signal.SIGKILL
    under_way = 8  # the default
    folder = RunFolder(tmp_path / "t")
    counted = len(costs_log(folder).read())
    assert 10 <= counted <= server.calls <= counted + under_way
    settings = llm_config(server.base_url, "t")
    report = resume(folder, **tables(settings))
    assert report.cost is not None
    total = report.cost.total
    assert server.calls - under_way <= total.calls <= server.calls
    instructor = next(row for row in report.cost.rows if row.agent == "instructor")
    assert report.rounds[1].mistakes <= instructor.calls + instructor.cached
    assert instructor.calls <= report.rounds[1].mistakes + under_way
