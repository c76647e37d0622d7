"""The page of a run as it goes: `errata view RUN --serve`, on this machine alone.

Who does not know the random path gets nothing, and neither does a page of another origin: requests
must name this host, and those that write something down must come from this very page.
"""

from __future__ import annotations

import gzip
import json
import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from errata.agents.errors import ErrataError, RunError
from errata.graph.page.build import compressed, policy, shard_of, whole
from errata.graph.page.data import page_of
from errata.graph.page.joined import Gathered
from errata.graph.page.looks import looks, note_look
from errata.graph.page.records import Page, RunIndex
from errata.graph.run_folder import RunFolder

QUIET_S = 2.0
"""At least so long nothing is read again; ten times as long as reading takes, at least."""
LONGEST_BODY = 4096
"""Bytes."""


class Watched:
    """The runs of a page, read again when their files changed."""

    def __init__(self, folders: Sequence[RunFolder], review: Path | None = None) -> None:
        self.folders, self.review = folders, review
        self.lock = threading.Lock()
        self.version = 0
        self.shown: set[tuple[int, str]] = set()
        """(run, set) whose held-out texts a person asked for, since the start."""
        self.read_at, self.took_s = 0.0, 0.0
        self.signature: tuple[Any, ...] = ()
        self.page: Page
        self.runs: list[Gathered]
        self.renew()

    def renew(self) -> None:
        """Raises: ErrataError: a record cannot be read, as in the moment of being written."""
        begun = time.monotonic()
        if self.signature and begun - self.read_at < max(QUIET_S, 10 * self.took_s):
            return
        signature = tuple(signature_of(folder) for folder in self.folders)
        if self.review is not None and self.review.exists():
            signature += ((self.review.stat().st_mtime_ns,),)
        if signature != self.signature:
            self.page, self.runs = page_of(self.folders, self.review)
            self.signature = signature
            self.version += 1
        self.read_at = time.monotonic()
        self.took_s = self.read_at - begun

    def index(self) -> bytes:
        with self.lock:
            try:
                self.renew()
            except ErrataError:
                if not self.signature:
                    raise
            return compressed(
                self.page.model_copy(
                    update={
                        "served": True,
                        "runs": tuple(self.with_looks(at) for at in range(len(self.folders))),
                    }
                )
            )

    def with_looks(self, at: int) -> RunIndex:
        return self.page.runs[at].model_copy(update={"looks": tuple(looks(self.folders[at]))})

    def shard(self, name: str) -> bytes | None:
        """None where there is none, or it is held out and was not asked for."""
        run, _, rest = name.partition("-")
        kind, _, number = rest.rpartition("-")
        if not (run.isdecimal() and number.isdecimal() and len(run + number) < 12):
            return None
        with self.lock:
            if int(run) >= len(self.runs):
                return None
            access = {found.name: found.access for found in self.runs[int(run)].index.sets}
            if access.get(kind, "open") != "open" and (int(run), kind) not in self.shown:
                return None
            try:
                return shard_of(self.runs[int(run)], kind, int(number))
            except KeyError:
                return None

    def look(self, run: int, name: str) -> bool:
        """Notes that a person looks at a held-out set; False where there is no such set."""
        with self.lock:
            if not 0 <= run < len(self.runs):
                return False
            sets = {found.name: found for found in self.runs[run].index.sets}
            if name not in sets or sets[name].access == "open":
                return False
            if (run, name) not in self.shown:
                note_look(self.folders[run], name, len(sets[name].ids), "view --serve")
                self.shown.add((run, name))
            return True


def signature_of(folder: RunFolder) -> tuple[Any, ...]:
    """Changes when a file of the run does, and when its process ends."""
    found: list[tuple[str, int, int]] = []
    for path in (*folder.path.glob("*.json*"), *folder.path.glob("*/*.json*")):
        try:
            stat = path.stat()
        except FileNotFoundError:
            continue
        found.append((str(path), stat.st_mtime_ns, stat.st_size))
    return (folder.at_work, *sorted(found))


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(
        self, folders: Sequence[RunFolder], port: int = 0, review: Path | None = None
    ) -> None:
        try:
            super().__init__(("127.0.0.1", port), Handler)
        except OSError as error:
            raise RunError(
                f"port {port} of this machine cannot be taken ({error.strerror}): choose another "
                "with --port, or 0 for a free one"
            ) from None
        self.watched = Watched(folders, review)
        self.token = secrets.token_urlsafe(24)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def url(self) -> str:
        return f"{self.origin}/{self.token}/"


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "errata", ""
    timeout = 60

    def do_GET(self) -> None:
        path = self.allowed()
        if path is None:
            return
        watched = self.server.watched
        if path == "":
            html = whole(watched.page, "", "", served=True)
            self.answer(gzip.compress(html.encode(), 6), "text/html; charset=utf-8")
        elif path == "index":
            try:
                self.answer(watched.index(), "application/json")
            except ErrataError:
                self.refuse(HTTPStatus.SERVICE_UNAVAILABLE)
        elif path.startswith("shard/"):
            found = watched.shard(path.removeprefix("shard/"))
            if found is None:
                self.refuse(HTTPStatus.NOT_FOUND)
            else:
                self.answer(found, "application/json")
        else:
            self.refuse(HTTPStatus.NOT_FOUND)

    def do_POST(self) -> None:
        path = self.allowed()
        if path is None:
            return
        origin = self.headers.get("Origin", "")
        length = self.headers.get("Content-Length", "")
        if origin not in self.origins() or path != "look":
            self.refuse(HTTPStatus.FORBIDDEN)
            return
        if not (length.isdecimal() and len(length) < 6 and int(length) <= LONGEST_BODY):
            self.refuse(HTTPStatus.BAD_REQUEST)
            return
        try:
            asked = json.loads(self.rfile.read(int(length)))
            noted = self.server.watched.look(int(asked["run"]), str(asked["set"]))
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            self.refuse(HTTPStatus.BAD_REQUEST)
        except ErrataError:
            self.refuse(HTTPStatus.INSUFFICIENT_STORAGE)
        else:
            self.refuse(HTTPStatus.NO_CONTENT if noted else HTTPStatus.NOT_FOUND)

    def origins(self) -> tuple[str, str]:
        port = self.server.server_address[1]
        return f"http://127.0.0.1:{port}", f"http://localhost:{port}"

    def allowed(self) -> str | None:
        """The path after the random one; None where the request was refused."""
        if f"http://{self.headers.get('Host', '')}" not in self.origins():
            self.refuse(HTTPStatus.MISDIRECTED_REQUEST)
            return None
        token, slash, rest = self.path.split("?")[0].removeprefix("/").partition("/")
        if not secrets.compare_digest(token.encode(), self.server.token.encode()) or not slash:
            self.refuse(HTTPStatus.NOT_FOUND)
            return None
        return rest

    def answer(self, body: bytes, type: str) -> None:
        """`body` is gzipped."""
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", type)
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.send_header(
            "Content-Security-Policy", policy(connect="'self'") + "; frame-ancestors 'none'"
        )
        self.common()
        self.end_headers()
        self.wfile.write(body)

    def refuse(self, status: HTTPStatus) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.send_header("Connection", "close")
        self.common()
        self.end_headers()
        self.close_connection = True

    def common(self) -> None:
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing: the terminal is the run's."""


@contextmanager
def redirecting(url: str) -> Iterator[Path]:
    """A file of this user's alone that leads a browser to `url`: everybody on a machine can read
    the command line of a process, and the path of the page is secret."""
    with NamedTemporaryFile("w", prefix="errata-", suffix=".html") as file:  # mode 0600
        file.write(f'<!doctype html><meta http-equiv="refresh" content="0; url={url}">\n')
        file.flush()
        yield Path(file.name)


@contextmanager
def serving(
    folders: Sequence[RunFolder], port: int = 0, review: Path | None = None
) -> Iterator[Server]:
    """A server in a thread of its own; it ends with the block."""
    server = Server(folders, port, review)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
