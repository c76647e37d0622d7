"""What a vLLM server must know of a LoRA adapter, read from its files."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from errata.agents.errors import ModelError
from errata.training.finished import sha256_of
from errata.training.jobs import LoraSettings

RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""That `--max-lora-rank` takes (vllm/config/lora.py)."""


def max_rank_for(rank: int) -> int:
    """The smallest that vLLM can be started with.

    Raises:
        ModelError: It loads none of that rank.
    """
    found = next((each for each in RANKS if each >= rank), None)
    if found is None:
        raise ModelError(f"vLLM loads adapters up to rank {RANKS[-1]}, and one has {rank}")
    return found


def trained_rank(settings: LoraSettings) -> int:
    """Of the adapter that a training writes: those that begin with a part of the base's weights
    are written as LoRA adapters of twice the rank."""
    return settings.rank * (2 if settings.adapter in ("pissa", "corda") else 1)


def refuse_training(settings: LoraSettings) -> str | None:
    """Why vLLM could not load what is trained; None where it can."""
    if settings.adapter == "dora":
        return "vLLM loads no DoRA adapters: set training.adapter to lora, pissa or corda"
    if (rank := trained_rank(settings)) > RANKS[-1]:
        return f"vLLM loads adapters up to rank {RANKS[-1]}, and this one has {rank}: lower it"
    return None


def read_config(folder: Path) -> dict[str, Any]:
    """Raises: ModelError: There is none."""
    try:
        read = json.loads((folder / "adapter_config.json").read_bytes())
    except (OSError, ValueError):
        read = None
    if not isinstance(read, dict):
        raise ModelError(f"{folder} is no LoRA adapter: it has no readable adapter_config.json")
    return read


def rank_of(folder: Path) -> int:
    config = read_config(folder)
    ranks = [config.get("r"), *(config.get("rank_pattern") or {}).values()]
    return max((rank for rank in ranks if isinstance(rank, int)), default=0)


def check_adapter(folder: Path, max_rank: int | None) -> None:
    """Args:
        max_rank: Of the servers; None: not known.

    Raises:
        ModelError: vLLM cannot load it.
    """
    config = read_config(folder)
    init = config.get("init_lora_weights", True)
    rank = rank_of(folder)
    wrong = None
    if config.get("use_dora"):
        wrong = "it is a DoRA adapter"
    elif config.get("lora_bias") or config.get("bias", "none") != "none":
        wrong = "it changes biases"
    elif config.get("modules_to_save"):
        wrong = f"it holds whole layers: {', '.join(map(str, config['modules_to_save']))}"
    elif isinstance(init, str) and re.match("pissa|olora|corda|loftq", init):
        wrong = f"it belongs to a base that {init} has changed"
    elif max_rank is not None and rank > max_rank:
        wrong = f"its rank is {rank}, and the servers take {max_rank}: start them with a larger one"
    if wrong is not None:
        raise ModelError(f"vLLM cannot load the adapter {folder}: {wrong}")


def name_of(folder: Path) -> str:
    """`round-01-1f0c…`: the name on a server, another one for other weights. What servers keep of
    prompts that they read goes by the name."""
    files = sorted(folder.glob("adapter_*"))
    digest = "".join(sha256_of(file) for file in files if file.is_file())
    short = hashlib.sha256(digest.encode()).hexdigest()[:12]
    place = folder.parent.name if folder.name == "adapter" else folder.name
    return f"{re.sub('[^A-Za-z0-9-]', '-', place)}-{short}"


def does_nothing(folder: Path) -> bool:
    """Whether every `lora_B` is zero, so that the adapter adds nothing. False where that cannot be
    read. (The format: github.com/huggingface/safetensors.)"""
    try:
        with (folder / "adapter_model.safetensors").open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > 100 * 2**20:
                return False
            header = json.loads(file.read(length))
            parts = [at["data_offsets"] for name, at in header.items() if ".lora_B" in name]
            for begin, end in parts:
                file.seek(8 + length + begin)
                if file.read(end - begin).strip(b"\0\x80"):  # 0 and -0, in whatever format
                    return False
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
    return bool(parts)
