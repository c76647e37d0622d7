"""Which LLM, where, how patiently, and with which prompt."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, field_validator, model_validator

from errata.agents.chat_models.ledger import Prices
from errata.agents.plain_text import visible
from errata.agents.records import Record
from errata.training.own_code import with_path_from

NO_KEY = "errata-sends-no-key"
"""What a server at `base_url` gets when no key is named: clients insist on sending one."""


class LlmSettings(Record):
    """Which LLM, where, and how patiently. Says where a key is found, never a key."""

    # A key pasted in the place of its variable's name must not be echoed.
    model_config = ConfigDict(hide_input_in_errors=True)

    model: str = Field(pattern=r"^[a-z_]+:.+$")
    """Provider and model as LangChain's `init_chat_model` takes them: `openai:gpt-5-mini`.
    Or `local:bundled`, `local:FOLDER`, `local:HUB/ID`: weights in a child process, no server.
    Or `python:MODULE:FUNCTION`, also `python:FILE.py:FUNCTION`: it returns a chat model."""
    base_url: str | None = None
    """An OpenAI-compatible server, such as `http://127.0.0.1:8000/v1`. No password, no key."""
    temperature: float | None = Field(default=None, ge=0)
    """0 always takes the likeliest word; the provider's own where not said."""
    max_tokens: int | None = Field(default=None, ge=1)
    """Limit of one reply."""
    timeout_s: float = Field(default=120, gt=0)
    """Patience with one request."""
    retries: int = Field(default=4, ge=0)
    """Of a request that met a lost connection, a time-out, a 429 or a 5xx."""
    backoff_s: float = Field(default=1, ge=0, allow_inf_nan=False)
    """Longest wait before the first retry; it doubles with each further one, up to a minute."""
    concurrency: int = Field(default=8, ge=1)
    """Requests under way at once."""
    requests_per_minute: int | None = Field(default=None, ge=1)
    """Limit of the server; requests are spread evenly."""
    tokens_per_minute: int | None = Field(default=None, ge=1)
    """Limit of the server, in and out together."""
    api_key_env: str | None = Field(default=None, pattern=r"^[A-Z_][A-Z0-9_]*$")
    """Environment variable that holds the key. Without it the provider's own is read, except
    with a `base_url`: no key goes to a server that it was not meant for."""
    api_key_file: Path | None = None
    """File whose only line is the key."""
    prices: Prices | None = None
    """What the model costs; a server of your own costs 0. None is known unless said here."""
    prompt: Path | None = None
    """Markdown file in place of errata's own prompt, with the same sections and fields."""
    preset: Literal["paper"] | None = None
    """`paper`: one call for each mistake analyses it and writes the examples, as in the paper;
    then there is no `[writer]`."""

    @field_validator("base_url")
    @classmethod
    def address(cls, url: str | None) -> str | None:
        """Refuses what is no address, and never repeats what may be a key."""
        if url is None:
            return None
        if re.search(r"[@?#]", url):
            raise ValueError(
                "no password and no key may stand in it, nor @, ? or #: name the key in api_key_env"
            )
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:  # of the port, or of brackets that do not close
            host, port = None, None
        if not re.fullmatch(r"https?://\S+", url) or not host or port == 0:
            raise ValueError(
                f"{visible(url)!r} is no address of a server: write http://HOST:PORT/v1 with a "
                "port from 1 to 65535"
            )
        return url

    @model_validator(mode="after")
    def one_place_for_the_key(self) -> LlmSettings:
        if self.api_key_env is not None and self.api_key_file is not None:
            raise ValueError("api_key_env and api_key_file are both given; keep one")
        return self

    @model_validator(mode="after")
    def nothing_that_would_be_passed_over(self) -> LlmSettings:
        kind = self.model.partition(":")[0]
        if kind not in ("local", "python"):
            return self
        theirs = ["base_url", "temperature", "api_key_env", "api_key_file"]
        if kind == "local":
            theirs += ["requests_per_minute", "tokens_per_minute"]
        else:
            theirs += ["max_tokens"]
        for name in theirs:
            if getattr(self, name) is not None:
                raise ValueError(f"{name} says nothing to a {kind}: model; take it out")
        return self

    def with_paths_from(self, folder: Path) -> LlmSettings:
        """The same, relative paths taken from `folder`."""
        kind, _, rest = self.model.partition(":")
        changed: dict[str, object] = {}
        if kind == "local" and (folder / rest).is_dir():
            changed["model"] = f"local:{(folder / rest).resolve()}"
        if kind == "python":
            changed["model"] = with_path_from(self.model, folder)
        for name in ("api_key_file", "prompt"):
            path: Path | None = getattr(self, name)
            if path is not None:
                changed[name] = (folder / path.expanduser()).resolve()
        return self.model_copy(update=changed)
