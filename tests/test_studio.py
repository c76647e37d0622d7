"""`langgraph dev` itself, driven by its API: a thread, its review, its report."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tampering import audited

from errata.agents.records import Row
from errata.graph.review import read_review
from errata.graph.run_folder import RunFolder

pytest.importorskip("langgraph_api", reason="the extra `studio` is not installed")
pytestmark = [pytest.mark.studio, pytest.mark.process, pytest.mark.slow]

PATIENCE_S = 180
SERVER = [sys.executable, *"-m langgraph_cli dev --no-browser --no-reload".split()]
CONFIG = """
name = "served"
review = true
exam = { name = "arithmetic", practice = 18, dev = 18, test = 18 }
[examples]
per_round = 10
[stop]
rounds = 1
"""


class Api:
    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        said = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}{path}", data, said)
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return json.loads(answer.read())

    def work(self, thread: str, **given: Any) -> dict[str, Any]:
        """Until the run of a thread ends or waits."""
        body = {"assistant_id": "errata", **given}
        found: dict[str, Any] = self.ask(f"/threads/{thread}/runs/wait", body)
        return found


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("studio") / "runs"


@pytest.fixture(scope="module")
def api(runs: Path) -> Iterator[Api]:
    config = runs.with_name("served.toml")
    config.write_text(CONFIG)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = runs.with_name("server.log")
    graph = f"{Path(__file__).with_name('studio_graph.py')}:make_graph"
    served = {"dependencies": ["."], "graphs": {"errata": graph}}
    runs.with_name("langgraph.json").write_text(json.dumps(served))
    with log.open("wb") as out:
        server = subprocess.Popen(
            [*SERVER, "--port", str(port)],
            cwd=runs.parent,
            env=os.environ
            | {
                "ERRATA_CONFIG": str(config),
                "ERRATA_RUNS": str(runs),
                "LANGSMITH_TRACING": "false",
            },
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        found = Api(f"http://127.0.0.1:{port}")
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                assert found.ask("/ok")["ok"]
                break
            except (urllib.error.URLError, ConnectionError):
                assert server.poll() is None, log.read_text(errors="replace")
                assert time.monotonic() < until, log.read_text(errors="replace")
                time.sleep(0.2)
        yield found
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


def test_a_thread_waits_for_a_review_takes_it_and_ends_with_a_sealed_run(
    api: Api, runs: Path
) -> None:
    thread = api.ask("/threads", {})["thread_id"]
    [asked] = api.work(thread, input={})["__interrupt__"]
    folder = RunFolder(runs / f"served-{thread}")
    assert asked["value"]["file"] == str(folder.round(1) / "proposed.jsonl")
    first, second, *_ = [row.example_id for row in folder.collected(1, "proposed", Row)]
    wrong = {"entries": [{"example_id": second, "verdict": "edited", "completion": "Cats."}]}
    [again] = api.work(thread, command={"resume": wrong})["__interrupt__"]
    assert "does not end in the target" in again["value"]["refused"][0]
    state = api.ask(f"/threads/{thread}/state")
    assert state["next"] == ["review"]
    assert state["values"]["run"] == str(folder.path)
    assert state["values"]["round"] == 1
    said = {"by": "nora", "entries": [{"example_id": first, "verdict": "rejected"}]}
    final = api.work(thread, command={"resume": said})
    assert final["status"] == "round budget spent"
    report = json.loads(Path(final["report"]).read_text())
    assert final["gain"] == report["test"]["gain"]["accuracy"]
    assert first not in {row.example_id for row in folder.collected(1, "training", Row)}
    assert read_review(folder.round(1) / "review.json").by == "nora"
    assert audited(folder).findings == ()


def test_two_threads_have_two_run_folders(api: Api, runs: Path) -> None:
    before = set(runs.iterdir()) if runs.exists() else set()
    for _ in range(2):
        api.work(api.ask("/threads", {})["thread_id"], input={})
    assert len(set(runs.iterdir()) - before) == 2


def test_the_graph_can_be_looked_at_without_a_run(api: Api, runs: Path) -> None:
    before = set(runs.iterdir()) if runs.exists() else set()
    [assistant] = api.ask("/assistants/search", {"graph_id": "errata"})
    drawn = api.ask(f"/assistants/{assistant['assistant_id']}/graph")
    assert {"examine", "review", "final_exam"} <= {node["id"] for node in drawn["nodes"]}
    assert (set(runs.iterdir()) if runs.exists() else set()) == before
