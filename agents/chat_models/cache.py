"""Replies kept on disk by what was asked: a resumed or repeated run pays only for what is new."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Lock
from typing import Any

from filelock import FileLock, Timeout
from pydantic import ValidationError

from errata.agents.chat_models.ledger import Usage
from errata.agents.errors import RunError
from errata.agents.records import Record

TABLE = """
CREATE TABLE IF NOT EXISTS replies (
    key TEXT PRIMARY KEY, model TEXT NOT NULL, reply TEXT NOT NULL, at REAL NOT NULL
) WITHOUT ROWID
"""
BUSY_S = 30  # patience with another process that writes


class CachedReply(Record):
    """What a model said, and what it took to say it. Given without secrets."""

    text: str
    usage: Usage


class ModelReplies(Record):
    """What the cache holds of one model."""

    model: str
    replies: int
    size: int
    """Characters of the replies."""
    oldest: float
    """Seconds since 1970."""
    newest: float


def cache_key(
    model: str,
    settings: Mapping[str, Any],
    messages: tuple[tuple[str, str], ...],
    schema: str,
) -> str:
    """Names what was asked: a SHA-256, from which nothing can be read back.

    Args:
        settings: All that changes a reply, such as the temperature and the server. No secrets.
    """
    asked = json.dumps([model, dict(settings), messages, schema], sort_keys=True)
    return hashlib.sha256(asked.encode()).hexdigest()


def replies_path() -> Path:
    """`replies.sqlite` in `$ERRATA_CACHE`, else in `errata` in the user's cache folder."""
    named = os.environ.get("ERRATA_CACHE")
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(named or Path(caches) / "errata") / "replies.sqlite"


class ReplyCache:
    """Replies in an SQLite file that threads and processes share.

    A cache that cannot be used is said once and does without from then on: it never costs a run
    a reply. The questions themselves are not stored, only their hash.
    """

    def __init__(
        self,
        path: Path,
        say: Callable[[str], None] = lambda text: None,
        patience_s: float = BUSY_S,
    ) -> None:
        """
        Args:
            say: Gets the one warning.
            patience_s: With another process that holds the cache.
        """
        self.path = path
        self.patience_s = patience_s
        self.say = say
        self.lock = Lock()
        self.connection: sqlite3.Connection | None = None
        self.broken = False

    def get(self, key: str) -> CachedReply | None:
        for (reply,) in self.query_or_warn("SELECT reply FROM replies WHERE key = ?", key):
            try:
                return CachedReply.model_validate_json(reply)
            except ValidationError:  # another version wrote it: it is asked and written again
                return None
        return None

    def put(self, key: str, reply: CachedReply, model: str) -> None:
        self.query_or_warn(
            "INSERT OR REPLACE INTO replies VALUES (?, ?, ?, ?)",
            *(key, model, reply.model_dump_json(), time.time()),
        )

    def contents(self) -> list[ModelReplies]:
        """What there is, by model.

        Raises:
            RunError: The file cannot be read.
        """
        if not self.path.exists():
            return []
        rows = self.query(
            "SELECT model, count(*), sum(length(reply)), min(at), max(at) FROM replies "
            "GROUP BY model ORDER BY model"
        )
        return [
            ModelReplies(model=model, replies=replies, size=size, oldest=oldest, newest=newest)
            for model, replies, size, oldest, newest in rows
        ]

    def clear(self, older_than_s: float = 0) -> None:
        """Forgets all replies, or those that are older; a file that is no cache is taken away.

        Raises:
            RunError: The file cannot be written.
        """
        if not self.path.exists():
            return
        try:
            self.query("DELETE FROM replies WHERE at <= ?", time.time() - older_than_s)
            self.query("VACUUM")
            self.query("PRAGMA wal_checkpoint(TRUNCATE)")
        except RunError as error:
            if older_than_s or not isinstance(error.__cause__, sqlite3.DatabaseError):
                raise
            if isinstance(error.__cause__, sqlite3.OperationalError):  # busy, full or read-only
                raise
            self.close()
            for ending in ("", "-wal", "-shm"):
                self.path.with_name(self.path.name + ending).unlink(missing_ok=True)

    def close(self) -> None:
        with self.lock:
            if self.connection is not None:
                self.connection.close()
                self.connection = None

    def query_or_warn(self, statement: str, *values: str | float) -> list[Any]:
        """The rows; none, and one warning, where the cache cannot be used."""
        with self.lock:
            if self.broken:
                return []
            try:
                return self.execute(statement, *values)
            except (sqlite3.Error, OSError) as error:
                self.broken = True
                problem = error
        self.say(
            f"the cache of replies {self.path} cannot be used ({problem}): the run goes on without "
            "it; `errata cache --clear` begins it anew"
        )
        return []

    def query(self, statement: str, *values: str | float) -> list[Any]:
        with self.lock:
            try:
                return self.execute(statement, *values)
            except (sqlite3.Error, OSError) as error:
                raise RunError(
                    f"the cache of replies {self.path} cannot be used ({error}): "
                    "`errata cache --clear` begins it anew"
                ) from error

    def execute(self, statement: str, *values: str | float) -> list[Any]:
        if self.connection is None:
            self.connection = connect(self.path, self.patience_s)
        return self.connection.execute(statement, values).fetchall()


def connect(path: Path, patience_s: float) -> sqlite3.Connection:
    """Raises: OSError, sqlite3.Error: It cannot be used, or another process holds it too long."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # The change to WAL does not wait for others as every later statement does: one at a time.
    lock = path.with_suffix(".lock")
    try:
        with FileLock(lock, timeout=patience_s, mode=0o600):
            return open_database(path, patience_s)
    except Timeout:
        raise OSError(f"another process holds {lock}: end it") from None


def open_database(path: Path, patience_s: float) -> sqlite3.Connection:
    path.touch(mode=0o600)  # replies are nobody else's business
    connection = sqlite3.connect(
        path, timeout=patience_s, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(TABLE)
    except sqlite3.Error:
        connection.close()
        raise
    return connection
