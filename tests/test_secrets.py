"""A key stays where it is: no file of a run, no line on the terminal and no error holds it."""

from __future__ import annotations

import base64
import json
import sys
import time
import traceback
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from command_line import errata
from doubles import table_agents
from pydantic import SecretStr
from rich.console import Console

from errata.agents.chat_models.secrets import Secrets, forms_of
from errata.agents.errors import InstructorError
from errata.agents.exams.several import load_exams
from errata.agents.testing.openai_server import OpenAIServer, Reply
from errata.graph.config import RunConfig, parse_config
from errata.graph.run import resume, run
from errata.graph.run_folder import RunFolder
from errata.graph.views.progress import TerminalWatcher
from errata.graph.views.summary import print_summary
from errata.graph.views.trace import print_trace

KEY = "sk-marked+key/0123456789abcdef=="
BASIC = base64.b64encode(f"user:{KEY}".encode()).decode()
LINK = f"http://127.0.0.1/login?key={quote(KEY, safe='')}"
TOLD = f"You sent {KEY}, that is Basic {BASIC}, see {LINK}"
REFUSED: Reply = (401, {"error": {"message": TOLD, "code": "invalid_api_key"}})
BROKEN: Reply = (500, {"error": {"message": "x" * 270 + TOLD}})
"""The key lies where a long message is cut."""


def settings(url: str, **more: Any) -> RunConfig:
    teacher = {"model": "openai:scripted", "base_url": url, "retries": 0} | more
    return parse_config(
        {
            "name": "marked",
            "strategy": "le",
            "exam": {"name": "arithmetic", "seed": 3, "practice": 18, "dev": 18, "test": 18},
            "stop": {"rounds": 1},
            "instructor": teacher,
        },
        "test",
    )


def tables(config: RunConfig) -> dict[str, Any]:
    return table_agents(load_exams(config.exam).practice, [[]]) | {"cache": False}


@pytest.mark.slow
def test_a_whole_run_with_errors_leaves_no_trace_of_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MARKED_KEY", KEY)
    replies = {"now": REFUSED}
    folder = RunFolder(tmp_path / "marked")
    console = Console()
    with OpenAIServer(lambda request: replies["now"]) as server:
        config = settings(server.base_url, api_key_env="MARKED_KEY")
        with TerminalWatcher(console) as watcher:
            for trouble in (REFUSED, BROKEN):
                replies["now"] = trouble
                print(config, file=sys.stderr)
                work = partial(resume, folder) if folder.exists else partial(run, config, tmp_path)
                with pytest.raises(InstructorError) as raised:
                    work(**tables(config), watcher=watcher)
                traceback.print_exception(raised.value)
            replies["now"] = f"I know you: {TOLD}"
            report = resume(folder, **tables(config), watcher=watcher)
        assert server.requests[-1].authorization == f"Bearer {KEY}"
    print_summary(report, console, folder.path)
    print_trace(folder, console, None, True)
    printed = "".join(capfd.readouterr())
    assert report.status == "no examples accepted"
    assert "[secret]" in printed
    kept = {path: path.read_bytes() for path in folder.path.rglob("*") if path.is_file()}
    assert any(b"[secret]" in content for content in kept.values())
    for form in forms_of(KEY):
        assert form not in printed
        assert form not in printed.replace("\n", "")
        for path, content in kept.items():
            assert form.encode() not in content, path
    assert KEY[:12] not in printed  # no part of it either, where a long message is cut


def test_errata_check_does_not_show_the_key(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY)
    with OpenAIServer(lambda request: REFUSED) as server:
        (tmp_path / "my.toml").write_text(
            f"""
            [exam]
            name = "arithmetic"
            [instructor]
            model = "openai:scripted"
            base_url = "{server.base_url}"
            api_key_file = "key"
            """
        )
        done = errata("check", "my.toml", cwd=tmp_path)
    assert done.returncode == 2
    said = done.stdout + done.stderr
    assert "refuses the API key" in said.replace("\n", " ")
    for form in forms_of(KEY):
        assert form not in said.replace("\n", "")


@pytest.mark.parametrize("before", ["", "u", "us", "user:"])
@pytest.mark.parametrize("after", ["", "!", "!!"])
def test_base64_of_any_text_around_a_key_is_found(before: str, after: str) -> None:
    for encode in (base64.standard_b64encode, base64.urlsafe_b64encode):
        text = encode(f"{before}{KEY}{after}".encode()).decode()
        assert any(form in text for form in forms_of(KEY))


def test_a_key_with_quotes_is_found_in_json() -> None:
    key = 'a"key\\with\tsigns'
    assert any(form in json.dumps({"said": key}) for form in forms_of(key))


class Keeper:
    """Holds its key deep inside."""

    def __init__(self, key: str) -> None:
        self.headers = {"auth": [{"key": SecretStr(key)}], "other": 1}


@pytest.mark.parametrize("end", [12, 13, 20, len(KEY)])
def test_a_key_is_hidden_from_its_first_characters_on_and_no_more_than_that(end: int) -> None:
    hide = Secrets(Keeper(KEY)).hide  # type: ignore[arg-type]
    for form in forms_of(KEY) - {KEY.encode().hex()}:
        assert hide(f"({form[:end]})") == "([secret])"
        assert hide(f"({form[: min(end, 10)]}") == f"({form[: min(end, 10)]}"
        assert hide(f"{form}{form} {form}") == "[secret][secret] [secret]"


def test_a_key_that_is_broken_by_a_line_or_written_in_hexadecimal_is_hidden() -> None:
    hide = Secrets(Keeper(KEY)).hide  # type: ignore[arg-type]
    assert hide(f"<{KEY[:15]}\n    {KEY[15:]}>") == "<[secret]>"
    assert hide(f"<{KEY.encode().hex()}>") == "<[secret]>"
    assert hide("a key of nobody") == "a key of nobody"


def test_hiding_takes_time_that_grows_with_the_text() -> None:
    hide = Secrets(Keeper("sk-proj-ABCDefgh0123456789")).hide  # type: ignore[arg-type]

    def seconds(count: int) -> float:
        start = time.process_time()
        hide("sk-proj-ABCD" * count)
        return time.process_time() - start

    assert seconds(40_000) < 30 * max(min(seconds(4_000) for _ in range(3)), 0.002)
