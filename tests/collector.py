"""A server on loopback that takes what is posted to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


@dataclass
class Collector:
    url: str
    status: int = 200
    reply: bytes = b"{}"
    answer: Callable[[str, bytes], bytes] | None = None
    """In place of `reply`: from the path and the body of a request."""
    headers: dict[str, str] = field(default_factory=dict)
    """Of each reply."""
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    """Path, headers (names in small letters), body."""

    @property
    def sent(self) -> bytes:
        return b"".join(body for _, _, body in self.got)


@contextmanager
def collecting(status: int = 200) -> Iterator[Collector]:
    collector = Collector("", status)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            collector.got.append(
                (self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            )
            answer = collector.answer
            reply = collector.reply if answer is None else answer(self.path, body)
            self.send_response(collector.status)
            for name, value in collector.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        do_GET = do_PATCH = do_POST  # noqa: N815

        def do_HEAD(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        collector.url = f"http://127.0.0.1:{http.server_port}"
        thread = Thread(target=http.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield collector
        finally:
            http.shutdown()
            thread.join()
