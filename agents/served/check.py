"""Whether a student's servers can be used, seen before a run: `errata check`."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

from errata.agents.errors import ErrataError
from errata.agents.served.process import found_command, gpus_for
from errata.agents.served.server import Server, Unanswered, message_of
from errata.agents.served.student import base_card, key_of
from errata.agents.student import StudentSettings

CHECK = "errata-check"
"""Name of an adapter that is none."""


@dataclass(frozen=True)
class CheckedServer:
    """What can be said of one server, or of how servers are started."""

    name: str
    """Its address, or the command."""
    says: str
    problem: str | None


def check_servers(
    settings: StudentSettings, rank: int, weights: str, folder: Path | None = None
) -> list[CheckedServer]:
    """Looks at the servers, and starts none.

    Args:
        rank: Of the adapters that will be trained.
        weights: The model, as `from_pretrained` takes it.
        folder: Where runs lie, which servers must see; a temporary folder where it is not there.
    """
    if settings.serve is not None:
        return [check_serve(settings)]
    if not settings.urls:
        return []
    try:
        key = key_of(settings)
    except ErrataError as error:
        return [CheckedServer(settings.urls[0], "", str(error))]
    at = folder if folder is not None and folder.is_dir() else None
    with tempfile.TemporaryDirectory(prefix=".errata-check-", dir=at) as scratch:
        adapter = Path(scratch).resolve()
        # Its rank is looked at before its weights, which it has none of.
        config = {"peft_type": "LORA", "r": rank, "lora_alpha": rank, "target_modules": ["q_proj"]}
        (adapter / "adapter_config.json").write_text(json.dumps(config))
        return [
            check_url(Server(url, key, 60), settings, rank, weights, adapter)
            for url in settings.urls
        ]


def check_serve(settings: StudentSettings) -> CheckedServer:
    assert settings.serve is not None
    name = " ".join(settings.serve.command)
    try:
        program = found_command(settings)
        gpus = gpus_for(settings)
    except ErrataError as error:
        return CheckedServer(name, "", str(error))
    where = f"{len(gpus)} on {sum(map(len, gpus))} GPUs" if gpus[0] else "one, on the CPU"
    return CheckedServer(name, f"{program}; servers: {where}", None)


def check_url(
    server: Server, settings: StudentSettings, rank: int, weights: str, adapter: Path
) -> CheckedServer:
    try:
        card = base_card(server, settings, weights)
        version = server.version()
        said = refusal(server, rank, adapter)
    except Unanswered as problem:
        return CheckedServer(server.url, "", f"it cannot be reached: {problem}")
    except ErrataError as error:
        return CheckedServer(server.url, "", str(error))
    says = f"vLLM {version} serves {card.root or card.id} as {card.id}"
    if card.max_model_len is not None:
        says += f", {card.max_model_len} tokens"
    return CheckedServer(server.url, says, said)


def refusal(server: Server, rank: int, adapter: Path) -> str | None:
    """Why the server would not load an adapter of this rank out of a run's folder, as far as it
    says so of one without weights."""
    connection = server.connect()
    try:
        asked = {"lora_name": CHECK, "lora_path": str(adapter)}
        status, body = connection.send("POST", "/v1/load_lora_adapter", asked)
        if status == 200:
            connection.send("POST", "/v1/unload_lora_adapter", {"lora_name": CHECK})
            return None
    finally:
        connection.close()
    said = message_of(body)
    if status == 404 and said == "Not Found":
        return server.refusal(status, body, str(adapter))
    if "max_lora_rank" in said:
        return f"it takes no adapter of rank {rank}: {said}"
    if status == 404:
        return f"it does not see {adapter.parent}: runs must lie where servers see the same path"
    return None
