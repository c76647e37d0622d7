"""The cache of replies: shared, private, and never in the way."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from errata.agents.chat_models.cache import CachedReply, ReplyCache, cache_key, replies_path
from errata.agents.chat_models.ledger import Usage
from errata.agents.errors import RunError
from errata.graph.cli import app

REPLY = CachedReply(text='{"cause": "slip"}', usage=Usage(tokens_in=10, tokens_out=5))

WRITER = """
import sys
from pathlib import Path
from errata.agents.chat_models.cache import CachedReply, ReplyCache
from errata.agents.chat_models.ledger import Usage
said = []
cache = ReplyCache(Path(sys.argv[1]), said.append)
for n in range(100):
    cache.put(f"{sys.argv[2]}-{n}", CachedReply(text=f"{sys.argv[2]} {n}", usage=Usage()), "m")
    assert cache.get(f"{sys.argv[2]}-{n}").text == f"{sys.argv[2]} {n}"
cache.close()
assert not said, said
"""


def test_a_reply_is_found_again_by_another_process(tmp_path: Path) -> None:
    path = tmp_path / "errata" / "replies.sqlite"
    with closing(ReplyCache(path)) as cache:
        assert cache.get("k") is None
        cache.put("k", REPLY, "openai:x")
    with closing(ReplyCache(path)) as cache:
        assert cache.get("k") == REPLY


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "replies.sqlite"
    with closing(ReplyCache(path)) as cache:
        cache.put("k", REPLY, "openai:x")
        for file in tmp_path.glob("replies.sqlite*"):
            assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file


@pytest.mark.process
def test_several_processes_begin_and_fill_one_cache_at_once(tmp_path: Path) -> None:
    path = tmp_path / "replies.sqlite"
    processes = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), name], stderr=subprocess.PIPE)
        for name in "abc"
    ]
    for process in processes:
        _, said = process.communicate(timeout=60)
        assert process.returncode == 0, said.decode()
    with closing(ReplyCache(path)) as cache:
        assert [found.replies for found in cache.contents()] == [300]


def test_many_threads_share_one_cache(tmp_path: Path) -> None:
    said: list[str] = []
    with closing(ReplyCache(tmp_path / "replies.sqlite", said.append)) as cache:

        def use(n: int) -> CachedReply | None:
            cache.put(str(n % 50), REPLY, "m")
            return cache.get(str(n % 50))

        with ThreadPoolExecutor(32) as pool:
            assert set(map(str, pool.map(use, range(500)))) == {str(REPLY)}
    assert said == []


def spoil(path: Path, how: str) -> None:
    if how == "not a database":
        path.write_bytes(b"not a database" * 1000)
    elif how == "torn":
        with closing(ReplyCache(path)) as cache:
            for n in range(500):
                cache.put(f"{n}", REPLY, "m")
        data = bytearray(path.read_bytes())
        data[2048:-2048] = b"\xff" * (len(data) - 4096)
        path.write_bytes(data)
    elif how == "other table":
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE replies (something INTEGER)")
    elif how == "a folder":
        path.mkdir()


@pytest.mark.parametrize("how", ["not a database", "torn", "other table", "a folder"])
def test_a_spoilt_cache_is_one_warning_and_no_cache(how: str, tmp_path: Path) -> None:
    path = tmp_path / "replies.sqlite"
    spoil(path, how)
    said: list[str] = []
    with closing(ReplyCache(path, said.append)) as cache:
        for n in range(3):
            cache.put(f"new {n}", REPLY, "m")
            cache.get(f"{n}")
    assert len(said) == 1
    assert "the run goes on without it" in said[0]


def test_a_full_disk_is_one_warning_and_no_cache(tmp_path: Path) -> None:
    said: list[str] = []
    with closing(ReplyCache(tmp_path / "replies.sqlite", said.append)) as cache:
        cache.put("k", REPLY, "m")
        assert cache.connection is not None
        cache.connection.execute("PRAGMA max_page_count = 1")  # as SQLite meets a full disk
        long = CachedReply(text="x" * 100_000, usage=Usage())
        cache.put("long", long, "m")
        cache.put("long", long, "m")
        assert cache.get("long") is None
    assert len(said) == 1
    assert "full" in said[0]


def test_a_folder_that_cannot_be_made_is_one_warning(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said: list[str] = []
    cache = ReplyCache(tmp_path / "file" / "replies.sqlite", said.append)
    cache.put("k", REPLY, "m")
    assert cache.get("k") is None
    assert len(said) == 1


@pytest.mark.process
def test_a_cache_that_another_process_holds_is_one_warning_and_not_waited_for(
    tmp_path: Path,
) -> None:
    hold = "import fcntl, sys; f = open(sys.argv[1], 'a'); fcntl.flock(f, fcntl.LOCK_EX); "
    hold += "print('held', flush=True); sys.stdin.read()"
    said: list[str] = []
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(tmp_path / "replies.lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with closing(ReplyCache(tmp_path / "replies.sqlite", said.append, 0.1)) as cache:
            cache.put("k", REPLY, "m")
            assert cache.get("k") is None
        assert holder.stdin is not None
        holder.stdin.close()
    assert len(said) == 1
    assert "another process holds" in said[0]
    assert "replies.lock" in said[0]
    assert "the run goes on without it" in said[0]


def test_a_reply_of_another_version_is_asked_again(tmp_path: Path) -> None:
    with closing(ReplyCache(tmp_path / "replies.sqlite")) as cache:
        cache.query_or_warn("INSERT INTO replies VALUES ('k', 'm', '{\"old\": 1}', 0)")
        assert cache.get("k") is None
        cache.put("k", REPLY, "m")
        assert cache.get("k") == REPLY


words = st.text(max_size=20)
asked = st.tuples(
    words,
    st.dictionaries(words, st.none() | st.integers() | words, max_size=3),
    st.lists(st.tuples(words, words), max_size=3).map(tuple),
    words,
)


@pytest.mark.slow
@given(asked, asked)
def test_two_keys_are_the_same_exactly_when_the_same_was_asked(one: object, other: object) -> None:
    assert (cache_key(*one) == cache_key(*other)) == (one == other)  # type: ignore[misc]


def test_the_order_of_settings_does_not_matter() -> None:
    one = cache_key("m", {"a": 1, "b": 2}, (("user", "hi"),), "{}")
    assert one == cache_key("m", {"b": 2, "a": 1}, (("user", "hi"),), "{}")


def test_the_cache_lies_in_the_user_s_cache_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ERRATA_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/there")
    assert replies_path() == Path("/there/errata/replies.sqlite")
    monkeypatch.setenv("ERRATA_CACHE", "/here")
    assert replies_path() == Path("/here/replies.sqlite")


@pytest.fixture
def filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two models; the first one's replies are 60 days old."""
    monkeypatch.setenv("ERRATA_CACHE", str(tmp_path))
    with closing(ReplyCache(tmp_path / "replies.sqlite")) as cache:
        for n in range(3):
            cache.put(f"old {n}", REPLY, "openai:old")
        cache.query_or_warn("UPDATE replies SET at = at - 60 * 86400")
        cache.put("new", REPLY, "anthropic:new")
    return tmp_path / "replies.sqlite"


def errata(*words: str) -> str:
    result = CliRunner().invoke(app, ["cache", *words])
    assert result.exit_code == 0, result.output
    return result.output


def test_the_command_shows_place_number_and_age_by_model(filled: Path) -> None:
    shown = errata()
    assert filled.name in shown
    new, old = sorted(line for line in shown.splitlines() if ":" in line and "20" in line)
    assert "3" in old.split()
    assert old.split()[3] < new.split()[3]  # dates
    assert "4 replies" in shown


def test_old_replies_can_be_cleared_alone(filled: Path) -> None:
    assert "openai:old" not in errata("--clear", "--older-than", "30d")
    assert "anthropic:new" in errata()


def test_all_can_be_cleared_even_a_file_that_is_no_cache(filled: Path) -> None:
    assert "empty" in errata("--clear")
    filled.write_bytes(b"not a database" * 1000)
    with closing(ReplyCache(filled)) as cache, pytest.raises(RunError, match="cache --clear"):
        cache.contents()
    assert "empty" in errata("--clear")


def test_an_age_that_is_none_is_refused(filled: Path) -> None:
    for age in ("soon", "", "d", "-3d"):
        result = CliRunner().invoke(app, ["cache", "--clear", "--older-than", age])
        assert result.exit_code == 2
    result = CliRunner().invoke(app, ["cache", "--older-than", "3d"])
    assert result.exit_code == 2
    assert "4 replies" in errata()
