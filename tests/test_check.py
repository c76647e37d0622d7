"""`errata instructors` lists what is at hand; `errata check` asks before anything is paid for."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from command_line import Done, errata, errata_process

from errata.agents.testing.openai_server import OpenAIServer, Reply
from errata.graph.commands.instructors import available, models_at

KEY = "sk-nobody-may-read-this"
DIAGNOSIS = {
    "explanation": "It added.",
    "cause": "wrong operation: adds where it must subtract",
    "missing_skill": "The student must be able to take away.",
    "advice": "Giving away.",
}
EXAMPLE = {
    "prompt": "A bakery has 40 rolls and sells 12. How many are left?",
    "completion": "40 - 12 = 28\n#### 28",
    "target": "28",
}


def teacher(request: dict[str, Any]) -> Reply:
    """Diagnoses, or writes one example, as it is asked."""
    if "missing_skill" in request["messages"][-1]["content"]:
        return json.dumps(DIAGNOSIS)
    return json.dumps({"examples": [EXAMPLE]})


def checked(
    folder: Path,
    instructor: str,
    reply: Callable[[dict[str, Any]], Reply] = teacher,
    errata: Callable[..., Done] = errata,
) -> Done:
    """`errata check` on a configuration whose instructor is at `$URL`."""
    with OpenAIServer(reply) as server:
        told = instructor.replace("$URL", server.base_url)
        text = f'[exam]\nname = "arithmetic"\n[instructor]\n{told}\n'
        (folder / "my.toml").write_text(text)
        return errata("check", "my.toml", cwd=folder)


SCRIPTED = 'model = "openai:scripted"\nbase_url = "$URL"'


@pytest.mark.process
def test_check_shows_replies_tokens_seconds_and_the_method(tmp_path: Path) -> None:
    done = checked(tmp_path, SCRIPTED, errata=errata_process)
    assert done.returncode == 0, done.stdout
    instructor, writer = done.stdout.split("writer: openai:scripted")
    assert DIAGNOSIS["cause"] in instructor
    assert "A bakery has 40 rolls" in writer
    for part in (instructor, writer):
        assert "100 in and 20 out" in part
        assert "method    json_schema" in part
        assert "works" in part


def test_check_needs_no_retries_and_no_cache_and_leaves_no_files(tmp_path: Path) -> None:
    asked = []

    def broken(request: dict[str, Any]) -> Reply:
        asked.append(request)
        return (500, {"error": {"message": "disk is full"}})

    done = checked(tmp_path, SCRIPTED, broken)
    assert done.returncode == 2
    assert done.stdout.count("disk is full") >= 2
    assert len(asked) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["my.toml"]


@pytest.mark.parametrize(("answer", "works"), [("14", True), ("26", False)])
def test_check_asks_an_llm_that_solves_examples_again(
    answer: str, works: bool, tmp_path: Path
) -> None:
    def solving(request: dict[str, Any]) -> Reply:
        if "solution" in request["messages"][-1]["content"].rpartition("holds")[2]:
            return json.dumps({"solution": f"#### {answer}"})
        return teacher(request)

    done = checked(tmp_path, f"{SCRIPTED}\n[verify]\nvotes = 3", solving)
    assert "verifier: openai:scripted" in done.stdout
    assert ("0 of 1 independent solutions give 14; the others: 26" in done.stdout) is not works
    assert done.returncode == (0 if works else 2), done.stdout


def test_check_says_that_an_example_would_be_refused(tmp_path: Path) -> None:
    def careless(request: dict[str, Any]) -> Reply:
        if "missing_skill" in request["messages"][-1]["content"]:
            return json.dumps(DIAGNOSIS)
        wrong = EXAMPLE | {"completion": "40 - 12 = 29\n#### 28"}
        return json.dumps({"examples": [wrong]})

    done = checked(tmp_path, SCRIPTED, careless)
    assert done.returncode == 2
    assert "its example would be refused: wrong equation" in done.stdout


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (401, {"message": "bad key"}, "refuses the API key"),
        (404, {"message": "no model scripted", "code": "model_not_found"}, "no model scripted"),
    ],
)
def test_check_says_in_one_sentence_what_the_server_refuses(
    status: int, body: dict[str, Any], said: str, tmp_path: Path
) -> None:
    done = checked(tmp_path, SCRIPTED, lambda request: (status, {"error": body}))
    assert done.returncode == 2
    [sentence] = {line for line in done.stdout.splitlines() if "does not work" in line}
    assert said in sentence
    assert "Traceback" not in done.stdout + done.stderr


def test_check_says_that_nobody_answers(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}/v1"
    done = checked(tmp_path, f'model = "openai:scripted"\nbase_url = "{url}"')
    assert done.returncode == 2
    assert "cannot be reached: start the server or correct base_url" in done.stdout


@pytest.mark.parametrize(
    ("instructor", "said"),
    [
        ('model = "openai:gpt-5-mini"', "set the environment variable OPENAI_API_KEY"),
        ('model = "nope:gpt"', "check the provider"),
        (SCRIPTED + '\nprompt = "none.md"', "none.md cannot be read"),
        ('model = "python:nothing:make"', "there is no module nothing"),
        ('model = "local:./empty"', "is no model folder"),
    ],
)
def test_check_says_what_is_missing_before_it_asks(
    instructor: str, said: str, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    done = checked(tmp_path, instructor)
    assert done.returncode == 2
    [sentence] = done.stderr.splitlines()
    assert said in sentence


def test_check_of_the_offline_instructor_asks_no_llm(tmp_path: Path) -> None:
    done = checked(tmp_path, 'model = "variations"')
    assert done.returncode == 0
    assert done.stdout.count("no LLM was asked") == 2
    assert "With 150 dev questions and 3 rounds a gain of about 11 points" in done.stdout


def test_check_says_that_an_exam_cannot_be_read_before_it_asks(tmp_path: Path) -> None:
    exam = '[exam]\nname = "own"\npractice = "a"\ndev = "b"\ntest = "c"\n'
    (tmp_path / "my.toml").write_text(exam)
    done = errata("check", "my.toml", cwd=tmp_path)
    assert done.returncode == 2
    [sentence] = done.stderr.splitlines()
    assert "a" in sentence
    assert done.stdout == ""


def test_check_asks_the_papers_preset_once(tmp_path: Path) -> None:
    asked = []

    def one_call(request: dict[str, Any]) -> Reply:
        asked.append(request)
        return json.dumps({"analysis": "It added.", "examples": [EXAMPLE]})

    done = checked(tmp_path, f'{SCRIPTED}\npreset = "paper"', one_call)
    assert done.returncode == 0, done.stdout
    assert len(asked) == 1
    assert "A bakery has 40 rolls" in done.stdout


def test_instructors_names_packages_keys_and_servers_but_no_key(tmp_path: Path) -> None:
    done = errata("instructors", cwd=tmp_path, OPENAI_API_KEY=KEY)
    assert done.returncode == 0
    rows = {line.split()[0]: line for line in done.stdout.splitlines() if line.strip()}
    assert "ready" in rows["variations"]
    assert "OPENAI_API_KEY is set" in rows["openai:…"]
    assert "set AZURE_OPENAI_API_KEY" in rows["azure_openai:…"]
    for port in (8000, 8080, 1234, 11434):
        assert f"http://127.0.0.1:{port}/v1" in rows
    assert KEY not in done.stdout + done.stderr


class Listing(BaseHTTPRequestHandler):
    """Lists one model, as servers of one's own do."""

    body = b'{"data": [{"id": "my-model"}]}'

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.body if self.path == "/v1/models" else b"")

    def log_message(self, format: str, *args: object) -> None:
        pass


class Prose(Listing):
    """Some other program on that port."""

    body = b"<html>Hello</html>"


@contextmanager
def listening(kind: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    """The port of a server."""
    with HTTPServer(("127.0.0.1", 0), kind) as http:
        thread = Thread(target=http.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield http.server_port
        finally:
            http.shutdown()
            thread.join()


def test_a_server_that_answers_is_shown_with_its_models() -> None:
    with listening(Listing) as port:
        [row] = available([("vLLM", port)])[-1:]
    assert row.state == "ready"
    assert "my-model" in row.note


def test_another_program_on_the_port_is_no_instructor() -> None:
    with listening(Prose) as port:
        assert models_at(port) is None


def test_a_port_that_says_nothing_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert models_at(silent.getsockname()[1]) is None
