"""Tracing that the shell switched on: said with its host, and switched off."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from errata.agents.chat_models.tracing import SWITCHES, tracing_target, without_tracing

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


@pytest.fixture
def collector() -> Iterator[tuple[str, list[bytes]]]:
    """The address of a server for traces, and what it got."""
    got: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(self.rfile.read(int(self.headers["Content-Length"] or 0)))
            self.send_response(202)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        do_GET = do_PATCH = do_POST  # noqa: N815

        def do_HEAD(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = Thread(target=http.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}", got
        http.shutdown()
        thread.join()


@pytest.mark.process
@pytest.mark.parametrize("how", ["with", "without"])
def test_without_tracing_nothing_of_a_question_leaves_even_after_it_was_on(
    how: str, collector: tuple[str, list[bytes]]
) -> None:
    url, got = collector
    tracing = {
        "LANGSMITH_TRACING": "true",
        "LANGSMITH_ENDPOINT": url,
        "LANGSMITH_API_KEY": "none",
        "LANGSMITH_DISABLE_RUN_COMPRESSION": "true",
    }
    done = subprocess.run(
        [sys.executable, "-c", ASK, how],
        env=os.environ | tracing,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    sent = b"".join(got)
    assert b"begins" in sent
    assert (b"a secret question" in sent) == (how == "with")
