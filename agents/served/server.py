"""One vLLM server over HTTP: what it serves, its adapters, its completions.

Of vLLM 0.32: `/v1/completions`, `/v1/models`, `/v1/load_lora_adapter`, `/version`, `/health`.
Connections go straight to the server: no proxy of the environment is asked.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from http.client import (
    HTTPConnection,
    HTTPException,
    HTTPSConnection,
    IncompleteRead,
    RemoteDisconnected,
)
from threading import Lock
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, ValidationError

from errata.agents.errors import ModelError, StepFailed
from errata.agents.plain_text import visible

M = TypeVar("M", bound=BaseModel)

CONNECT_S = 30
"""Within which a server takes a connection."""
LARGEST_REPLY = 64 * 2**20  # bytes
PASSING = (408, 425, 429, 500, 502, 503, 504)
"""Statuses of a server that may answer the same request later, or another server may."""


class Unanswered(Exception):
    """A request without an answer, through the server's fault: another one may answer it."""


class AdapterForgotten(Exception):
    """The server no longer has an adapter that it had."""

    def __str__(self) -> str:
        return "it forgets the adapter again and again"


class FromServer(BaseModel):
    """What is read of a server's reply; the rest is passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Card(FromServer):
    """A model, or an adapter, that a server has."""

    id: str
    root: str | None = None
    """Where it was loaded from."""
    parent: str | None = None
    """Of an adapter: its base."""
    max_model_len: int | None = None
    """Tokens of a prompt and its answer together, at most."""


class Models(FromServer):
    data: tuple[Card, ...]


class Version(FromServer):
    version: str


class TokenLogprob(FromServer):
    logprob: float


class Choice(FromServer):
    token_ids: tuple[int, ...] | None = None
    finish_reason: str | None = None
    prompt_logprobs: tuple[Mapping[str, TokenLogprob] | None, ...] | None = None


class Completion(FromServer):
    model: str
    choices: tuple[Choice, ...]
    system_fingerprint: str | None = None
    """Of the version and the settings that the server computes with."""


class Connection:
    """One connection, kept open between requests; for one thread at a time."""

    def __init__(self, address: str, key: str | None, timeout_s: float) -> None:
        parts = urlsplit(address)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self.http = kind(parts.hostname or "", parts.port, timeout=min(timeout_s, CONNECT_S))
        self.timeout_s = timeout_s
        self.closed = False
        self.prefix = parts.path.rstrip("/")
        self.headers = {"Authorization": f"Bearer {key}"} if key else {}

    def send(self, method: str, path: str, body: object = None) -> tuple[int, bytes]:
        """Status and body of the answer.

        Raises:
            Unanswered: There was none.
        """
        data = None if body is None else json.dumps(body).encode()
        try:
            used = self.http.sock is not None
            try:
                return self.once(method, path, data)
            except (RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                self.http.close()
                if not used or self.closed:
                    raise
                return self.once(method, path, data)  # servers close what was idle for seconds
        except TimeoutError:
            self.http.close()
            raise Unanswered(f"it did not answer within {self.timeout_s:g} s") from None
        except (OSError, HTTPException) as error:
            self.http.close()
            said = str(error) or type(error).__name__
            raise Unanswered(f"the connection failed ({visible(said)[:200]})") from None

    def once(self, method: str, path: str, data: bytes | None) -> tuple[int, bytes]:
        now: socket.socket | None = self.http.sock
        if now is None:
            self.http.connect()
            self.http.sock.settimeout(self.timeout_s)
        headers = self.headers | ({"Content-Type": "application/json"} if data else {})
        self.http.request(method, self.prefix + path, data, headers)
        answer = self.http.getresponse()
        read = answer.read(LARGEST_REPLY + 1)
        if len(read) > LARGEST_REPLY:
            raise HTTPException(f"a reply of more than {LARGEST_REPLY} bytes")
        if answer.length:  # `read` with a limit says nothing of an end that comes too early
            raise IncompleteRead(read, answer.length)
        return answer.status, read

    def close(self) -> None:
        """From any thread: a request under way ends at once."""
        self.closed = True
        with suppress(OSError, AttributeError):
            self.http.sock.shutdown(socket.SHUT_RDWR)
        self.http.close()


class Server:
    """One server, as far as errata knows it."""

    def __init__(self, url: str, key: str | None, timeout_s: float) -> None:
        self.url = url
        self.address = url.rstrip("/").removesuffix("/v1")
        self.key = key
        self.timeout_s = timeout_s
        self.base = ""
        """The base model's name there."""
        self.adapter: tuple[str, str] | None = None
        """(name, folder) of the adapter that it has of ours."""
        self.mark: str | None = None
        """What it says that it computes with, once it has answered; it must not change."""
        self.dead: str | None = None
        """Why it is asked no more."""
        self.failures = 0
        """Requests without an answer since the last one that had one."""
        self.mended = 0
        """How often it was waited for, or got its adapter again."""
        self.lock = Lock()
        """Held by whoever mends it."""

    def connect(self, timeout_s: float | None = None) -> Connection:
        return Connection(self.address, self.key, timeout_s or self.timeout_s)

    def get(self, path: str, of: type[M], timeout_s: float = 30) -> M:
        """Raises:
        Unanswered: No answer, or not yet.
        StepFailed: It refuses, or says what vLLM does not.
        """
        connection = self.connect(timeout_s)
        try:
            status, body = connection.send("GET", path)
        finally:
            connection.close()
        self.check(status, body, path)
        return self.parsed(body, of, path)

    @property
    def is_well(self) -> bool:
        """Whether it says so."""
        connection = self.connect(10)
        try:
            return connection.send("GET", "/health")[0] == 200
        except Unanswered:
            return False
        finally:
            connection.close()

    def models(self) -> tuple[Card, ...]:
        """Raises: as `get`."""
        return self.get("/v1/models", Models).data

    def version(self) -> str:
        """Raises: as `get`."""
        return self.get("/version", Version).version

    def load(self, name: str, folder: str) -> None:
        """Loads an adapter under a name of its own; the one of before is let go.

        Raises:
            Unanswered: No answer.
            ModelError: The server refuses it.
        """
        connection = self.connect()
        try:
            if self.adapter is not None and self.adapter != (name, folder):
                connection.send("POST", "/v1/unload_lora_adapter", {"lora_name": self.adapter[0]})
                self.adapter = None
            asked = {"lora_name": name, "lora_path": folder}
            status, body = connection.send("POST", "/v1/load_lora_adapter", asked)
        finally:
            connection.close()
        there = any(card.id == name and card.root == folder for card in self.models())
        if status in (502, 503, 504):
            raise Unanswered(f"it answered {status} to an adapter")
        if status != 200 and not there:
            raise ModelError(self.refusal(status, body, folder))
        self.adapter = (name, folder)

    def refusal(self, status: int, body: bytes, folder: str) -> str:
        said = message_of(body)
        if status in (404, 405) and said in ("Not Found", "Method Not Allowed", ""):
            why = "it loads none at run time: start it with VLLM_ALLOW_RUNTIME_LORA_UPDATING=1"
            why += " and --enable-lora"
        elif status == 404:
            why = f"it does not find the folder ({said}): it must see it under the same path"
        else:
            why = said or f"status {status}"
        return f"the server {self.url} refuses the adapter {folder}: {why}"

    def unload(self) -> None:
        """Lets go of our adapter, as far as the server can be reached."""
        if self.adapter is None:
            return
        connection = self.connect(10)
        with suppress(Unanswered):
            connection.send("POST", "/v1/unload_lora_adapter", {"lora_name": self.adapter[0]})
        connection.close()
        self.adapter = None

    def complete(self, connection: Connection, request: Mapping[str, Any]) -> Choice:
        """The one answer to a request for `/v1/completions`.

        Raises:
            Unanswered, AdapterForgotten: Through the server's fault.
            StepFailed: It refuses the request, or answers for another model.
        """
        return self.completion(connection, request).choices[0]

    def completion(self, connection: Connection, request: Mapping[str, Any]) -> Completion:
        """As `complete`, with what is said beside the answer."""
        status, body = connection.send("POST", "/v1/completions", request)
        if status == 404 and request["model"] != self.base:
            raise AdapterForgotten
        self.check(status, body, "/v1/completions")
        found = self.parsed(body, Completion, "/v1/completions")
        if found.model != request["model"]:
            raise StepFailed(
                f"the server {self.url} was asked for {request['model']} and answers for "
                f"{visible(found.model)[:100]}: an adapter would not be asked there"
            )
        mark = found.system_fingerprint or ""
        if self.mark is None:
            self.mark = mark
        elif mark != self.mark:
            raise StepFailed(
                f"the server {self.url} computes with {visible(mark)!r} and began with "
                f"{visible(self.mark)!r}: answers of two engines do not stand in one exam; start "
                "it again as it was, then resume the run"
            )
        if len(found.choices) != 1:
            raise StepFailed(f"the server {self.url} gives {len(found.choices)} answers for one")
        return found

    def check(self, status: int, body: bytes, path: str) -> None:
        if status == 200:
            return
        said = message_of(body)
        if status in PASSING:
            raise Unanswered(f"it answered {status}" + (f", {said}" if said else ""))
        if status in (401, 403):
            raise StepFailed(
                f"the server {self.url} wants a key: name the environment variable that holds it, "
                "student.api_key_env, and set it"
            )
        raise StepFailed(f"the server {self.url} answers {status} to {path}: {said or 'no more'}")

    def parsed(self, body: bytes, of: type[M], path: str) -> M:
        try:
            return of.model_validate_json(body)
        except ValidationError:
            start = visible(body[:80].decode(errors="replace"))
            raise StepFailed(
                f"the server {self.url} says to {path} what vLLM does not: {start!r}; name a vLLM "
                "server's address"
            ) from None


def message_of(body: bytes) -> str:
    """What an error says, in one line."""
    try:
        said = json.loads(body)
        said = said.get("error", said)
        said = said.get("message", said.get("detail", "")) if isinstance(said, dict) else said
    except (ValueError, AttributeError, RecursionError):
        said = body[:400].decode(errors="replace")
    return " ".join(visible(str(said)).split())[:400]


def prompt_logprobs(choice: Choice, ids: Sequence[int], url: str) -> list[float]:
    """Of each token of a prompt but the first.

    Raises:
        StepFailed: The server does not give them.
    """
    told = choice.prompt_logprobs or ()
    try:
        if len(told) != len(ids):
            raise LookupError
        pairs = zip(ids[1:], told[1:], strict=True)
        return [(at or {})[str(token)].logprob for token, at in pairs]
    except LookupError:
        raise StepFailed(
            f"the server {url} gives no log-probabilities of prompts, by which an adapter is "
            "checked: name a server of vLLM 0.32"
        ) from None
