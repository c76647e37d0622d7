"""A real OpenAI-compatible server on loopback, whose replies and faults a test writes.

with OpenAIServer(lambda request: '{"examples": []}') as server:
    settings = LlmSettings(model="openai:scripted", base_url=server.base_url)
    ...
assert server.requests[0].body["messages"]
"""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from types import TracebackType
from typing import Any


@dataclass(frozen=True)
class Fault:
    """A response that is none, or not as it should be."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    after_s: float = 0
    """Silence before it."""
    reset_after: int | None = None
    """Bytes of the body after which the connection is torn down."""


Reply = str | tuple[int, dict[str, Any]] | Fault
"""The assistant's text; a status and the whole body; or a fault."""


@dataclass(frozen=True)
class Request:
    """What a client sent."""

    path: str
    authorization: str | None
    body: dict[str, Any]


class OpenAIServer:
    """Serves POST /v1/chat/completions while its `with` block runs.

    `requests` holds what was sent, in the order it came; `most_under_way` how many at once.

    Args:
        reply: Called with each request's JSON body, one call at a time.
    """

    def __init__(self, reply: Callable[[dict[str, Any]], Reply], port: int = 0) -> None:
        self.requests: list[Request] = []
        self.reply = reply
        self.one_at_a_time = Lock()
        self.under_way = 0
        self.most_under_way = 0
        self.http = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self.thread = Thread(target=self.http.serve_forever, args=(0.02,))

    @property
    def base_url(self) -> str:
        """Of a port that the system chose."""
        return f"http://127.0.0.1:{self.http.server_port}/v1"

    @property
    def calls(self) -> int:
        """Requests so far."""
        return len(self.requests)

    def __enter__(self) -> OpenAIServer:
        self.thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()

    def route(self, method: str, path: str, body: dict[str, Any], key: str | None) -> Reply:
        """What is answered; one call at a time."""
        if (method, path) == ("POST", "/v1/chat/completions"):
            return self.reply(body)
        return 404, {"error": {"message": f"no such path: {path}"}}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                with server.one_at_a_time:
                    reply = server.route("GET", self.path, {}, self.headers["Authorization"])
                with suppress(BrokenPipeError, ConnectionResetError):  # whoever asked has gone
                    self.answer(as_fault(reply))

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                key = self.headers["Authorization"]
                with server.one_at_a_time:
                    server.requests.append(Request(self.path, key, body))
                    server.under_way += 1
                    server.most_under_way = max(server.most_under_way, server.under_way)
                    reply = server.route("POST", self.path, body, key)
                try:
                    self.answer(as_fault(reply))
                except (BrokenPipeError, ConnectionResetError):
                    pass  # whoever asked has gone
                finally:
                    with server.one_at_a_time:
                        server.under_way -= 1

            def answer(self, fault: Fault) -> None:
                time.sleep(fault.after_s)
                self.send_response(fault.status)
                for name, value in ({"Content-Type": "application/json"} | fault.headers).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(fault.body)))
                self.end_headers()
                self.wfile.write(fault.body[: fault.reset_after])
                if fault.reset_after is not None:
                    # Linger for 0 s: the system sends a reset in place of a proper end.
                    self.connection.setsockopt(
                        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                    )

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler


def as_fault(reply: Reply) -> Fault:
    """The whole response, status 200 where the reply is text."""
    if isinstance(reply, Fault):
        return reply
    status, body = (200, completion(reply)) if isinstance(reply, str) else reply
    return Fault(status, json.dumps(body).encode())


def error(status: int, message: str, **headers: str) -> Fault:
    """An error as OpenAI sends it; `Retry_After="3"` is the header Retry-After."""
    body = json.dumps({"error": {"message": message}}).encode()
    return Fault(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


def completion(text: str, finish_reason: str = "stop") -> dict[str, Any]:
    """The body of a good response."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 0,
        "model": "scripted",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text},
                "finish_reason": finish_reason,
            }
        ],
        "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
    }
