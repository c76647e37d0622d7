"""An export asked through Ollama: created under a name of its own, asked, and taken out again."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from errata.agents.errors import StepFailed
from errata.training.export_jobs import PlainEngine, PlainReply
from errata.training.jobs import Conversation

LONGEST_S = 600
"""For one answer, the model's loading among them."""


def ollama_here() -> str | None:
    """Version of the Ollama server; None where there is no `ollama`, or its server is not up."""
    if shutil.which("ollama") is None:
        return None
    try:
        return str(ask("/api/version", None, 5)["version"])
    except (OSError, ValueError, KeyError):
        return None


def ask_ollama(
    folder: Path, version: str, prompts: Sequence[tuple[str, str | Conversation]]
) -> Iterator[PlainEngine | PlainReply]:
    """Answers as the folder's Modelfile has them made: first what answers, then the answers.

    Raises:
        StepFailed: Ollama cannot make a model of it, or stopped answering.
    """
    name = f"errata-export-{os.getpid()}"
    made = subprocess.run(
        ["ollama", "create", name, "-f", str(folder / "Modelfile")],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        said = [line for line in made.stderr.splitlines() if line.strip()] or ["no reason given"]
        raise StepFailed(
            f"ollama create failed: {said[-1].strip()}; it may not know this architecture: export "
            "with --to merged, and convert it with llama.cpp's convert_hf_to_gguf.py"
        )
    try:
        details = ask("/api/show", {"model": name}, LONGEST_S).get("details", {})
        yield PlainEngine(
            name="ollama",
            versions={"ollama": version},
            device="as Ollama chose",
            dtype=str(details.get("quantization_level", "unknown")),
        )
        for id, question in prompts:
            turns = (("user", question),) if isinstance(question, str) else question
            messages = [{"role": role, "content": text} for role, text in turns]
            given = {"model": name, "messages": messages, "stream": False}
            said = ask("/api/chat", given, LONGEST_S)
            yield PlainReply(id=id, text=str(said["message"]["content"]).strip())
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StepFailed(f"Ollama stopped answering ({error}); look at its log") from None
    finally:
        subprocess.run(["ollama", "rm", name], capture_output=True, check=False)


def ask(path: str, given: Any, timeout_s: float) -> Any:
    """One request to the server that `ollama` itself would ask."""
    host = os.environ.get("OLLAMA_HOST") or "127.0.0.1:11434"
    host = host if "://" in host else f"http://{host}"
    host = host.replace("//0.0.0.0", "//127.0.0.1").rstrip("/")
    host = host if host.rpartition(":")[2].isdecimal() else f"{host}:11434"
    data = None if given is None else json.dumps(given).encode()
    request = urllib.request.Request(f"{host}{path}", data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as reply:
            return json.load(reply)
    except urllib.error.HTTPError as error:
        said = error.read(2000).decode(errors="replace")
        raise OSError(f"{error.code}: {said}") from None
