"""A real OpenAI-compatible server on loopback, whose replies a test writes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from types import TracebackType
from typing import Any

Reply = str | tuple[int, dict[str, Any]]
"""The assistant's text, or a status and the whole body."""


@dataclass(frozen=True)
class Request:
    path: str
    authorization: str | None
    body: dict[str, Any]


class OpenAIServer:
    """Serves POST /v1/chat/completions while its `with` block runs.

    Args:
        reply: Called with each request's JSON body, one call at a time.
    """

    def __init__(self, reply: Callable[[dict[str, Any]], Reply]) -> None:
        self.requests: list[Request] = []
        self.reply = reply
        self.one_at_a_time = Lock()
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.thread = Thread(target=self.http.serve_forever, args=(0.02,))

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.http.server_port}/v1"

    @property
    def calls(self) -> int:
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

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with server.one_at_a_time:
                    server.requests.append(Request(self.path, self.headers["Authorization"], body))
                    if self.path == "/v1/chat/completions":
                        reply = server.reply(body)
                    else:
                        reply = (404, {"error": {"message": f"no such path: {self.path}"}})
                status, answer = (200, completion(reply)) if isinstance(reply, str) else reply
                data = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler


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
