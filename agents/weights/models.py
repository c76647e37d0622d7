"""What can be seen of a model and an adapter without loading them."""

from __future__ import annotations

import json
from pathlib import Path

from errata.agents.errors import ModelError
from errata.agents.records import ModelRef


def check_model(model: ModelRef) -> None:
    """Looks at what can be seen without loading weights.

    Raises:
        ModelError: A folder that holds no model, or an adapter that is none or of another base.
    """
    base = Path(model.base).expanduser()
    looks_like_path = model.base.startswith((".", "/", "~")) or base.exists()
    if looks_like_path and not (base / "config.json").is_file():
        raise ModelError(
            f"{model.base} is no model folder: it has no config.json; name a folder that "
            "save_pretrained wrote, a hub id, or `bundled`"
        )
    if model.adapter is None:
        return
    settings = Path(model.adapter) / "adapter_config.json"
    try:
        trained_on = json.loads(settings.read_text()).get("base_model_name_or_path")
    except (OSError, ValueError):
        raise ModelError(
            f"{model.adapter} is no LoRA adapter: it has no readable adapter_config.json; "
            "name a folder such as runs/NAME/round-01/adapter"
        ) from None
    if trained_on is not None and not same_base(trained_on, model.base):
        raise ModelError(
            f"the adapter {model.adapter} was trained on {trained_on}, not on {model.base}; "
            "name the base that it belongs to"
        )


def special_tokens(base: str) -> frozenset[str]:
    """What the tokenizer in a model folder reads as a token of its own and not as text.

    Empty where `base` is no folder, or its tokenizer.json says nothing of them.
    """
    try:
        said = json.loads((Path(base).expanduser() / "tokenizer.json").read_text(encoding="utf-8"))
        tokens = [(token["content"], token["special"]) for token in said["added_tokens"]]
    except (OSError, ValueError, KeyError, TypeError):
        return frozenset()
    return frozenset(text for text, special in tokens if special and len(text) > 1)


def same_base(trained_on: str, base: str) -> bool:
    if trained_on == base:
        return True
    one, other = Path(trained_on).expanduser(), Path(base).expanduser()
    return one.exists() and other.exists() and one.resolve() == other.resolve()
