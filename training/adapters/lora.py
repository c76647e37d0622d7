"""LoRA adapters: made, gone on from, saved, merged. (Hu et al. 2021, arXiv 2106.09685.)"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from accelerate import PartialState
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import PreTrainedModel

from errata.training.jobs import LoraSettings, ModelRef, Quantize
from errata.training.models import is_sharded, load_model
from errata.training.options import Refused

INITIAL = "initial"
"""Folder of the weights that an adapter begins with."""


@dataclass(frozen=True)
class Adapter:
    """A kind of adapter: how a new one is put beside a model's layers."""

    attach: Callable[[PreTrainedModel, LoraSettings, Sequence[Sequence[int]]], PeftModel]
    """From the model, the settings and the token ids of the training rows."""
    takes_from_base: bool = False
    """It begins with a part of the base's weights, which the base then lacks."""


def adapter_config(settings: LoraSettings, **kind: Any) -> LoraConfig:
    """`kind`: what is not as in LoRA."""
    targets = list(settings.targets)
    return LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=targets[0] if targets == ["all-linear"] else targets,
        task_type="CAUSAL_LM",
        **kind,
    )


def attach(
    model: PreTrainedModel, settings: LoraSettings, rows: Sequence[Sequence[int]]
) -> PeftModel:
    return cast(PeftModel, get_peft_model(model, adapter_config(settings)))


LORA = Adapter(attach)


def trainable(
    start: ModelRef,
    settings: LoraSettings,
    dtype: torch.dtype,
    kind: Adapter = LORA,
    rows: Sequence[Sequence[int]] = (),
    quantize: Quantize | None = None,
) -> PeftModel:
    """The base in `dtype`, frozen, with `start`'s adapter to go on from or a new one.

    PiSSA and CorDA say how an adapter begins; saved, it is a LoRA adapter, and is gone on from as
    one. The base that they take a part from is in float32, or rounding would change the rest.

    Args:
        rows: Token ids of the training rows.

    Raises:
        Refused: `start`'s adapter is of another kind, the rank is larger than a layer, or weights
            are to be taken out of a base that is rounded to 4 bits or divided among processes.
    """
    if start.adapter is None and kind.takes_from_base:
        check_whole(settings, quantize)
        model = load_model(start.base, torch.float32)
        check_rank(model, settings)
        adapted = kind.attach(model, settings, rows)
        same_everywhere(adapted)
        return adapted
    model = load_model(start.base, dtype, quantize)
    if start.adapter is None:
        return kind.attach(model, settings, rows)
    adapted = PeftModel.from_pretrained(model, start.adapter, is_trainable=True)
    is_dora = cast(LoraConfig, adapted.peft_config["default"]).use_dora
    if is_dora != (settings.adapter == "dora"):
        its = "dora" if is_dora else "lora"
        raise Refused(
            f"the adapter {start.adapter} is a {its} adapter and cannot be gone on from as "
            f'{settings.adapter}; say training.adapter = "{its}", or start from the base'
        )
    return adapted


def target_layers(model: PreTrainedModel, settings: LoraSettings) -> dict[str, torch.nn.Linear]:
    """The layers that get an adapter, by their full names."""
    head = cast(Any, model).get_output_embeddings()
    return {
        name: layer
        for name, layer in model.named_modules()
        if isinstance(layer, torch.nn.Linear)
        and (
            layer is not head
            if settings.targets == ("all-linear",)
            else any(f".{name}".endswith(f".{target}") for target in settings.targets)
        )
    }


def check_whole(settings: LoraSettings, quantize: Quantize | None) -> None:
    """Raises: Refused: The base's weights are not there as they are."""
    if quantize is not None or is_sharded():
        why = "are rounded to 4 bits" if quantize is not None else "FSDP and ZeRO-3 divide"
        raise Refused(
            f"{settings.adapter} takes a part out of the base's weights, which {why}; say "
            'training.adapter = "lora"'
        )


def same_everywhere(model: PeftModel) -> None:
    """Gives every process the weights of the first: two GPUs may take apart a matrix otherwise."""
    if PartialState().num_processes > 1:
        for weights in model.parameters():
            torch.distributed.broadcast(weights.data, src=0)


def check_rank(model: PreTrainedModel, settings: LoraSettings) -> None:
    """Raises: Refused: A layer has fewer singular values than the adapter is to take."""
    for name, layer in target_layers(model, settings).items():
        if settings.rank > min(layer.weight.shape):
            raise Refused(
                f"{settings.adapter} takes training.rank ({settings.rank}) directions out of each "
                f"layer, and {name} has {min(layer.weight.shape)}; lower the rank"
            )


def save_beginning(adapted: PeftModel, folder: Path) -> None:
    """Writes what the adapter begins with, for `save`."""
    write(adapted, folder / INITIAL)


def save(adapted: PeftModel, base: str, folder: Path, beginning: Path | None = None) -> None:
    """Writes the adapter for a base that lacks nothing.

    Args:
        base: As the user names it, not the folder that it was loaded from.
        beginning: The folder of `save_beginning`, where there is one: what was learnt since is
            written, at twice the rank.
    """
    began = None if beginning is None else str(beginning / INITIAL)
    write(adapted, folder, path_initial_model_for_weight_conversion=began)
    name_base(base, folder)


def name_base(base: str, folder: Path) -> None:
    """Has an adapter name its base, which is unnamed while it is trained."""
    written = LoraConfig.from_pretrained(str(folder))
    written.base_model_name_or_path = base
    written.save_pretrained(str(folder))


def write(adapted: PeftModel, folder: Path, **how: Any) -> None:
    unname_base(adapted)
    adapted.save_pretrained(str(folder), **how)


def unname_base(adapted: PeftModel) -> None:
    """Or peft would look the name up on the hub for the size of its vocabulary."""
    adapted.peft_config["default"].base_model_name_or_path = ""


def merged(base: str, adapter: str, dtype: torch.dtype) -> PreTrainedModel:
    """The base with the adapter added to its weights, in float32, then rounded once."""
    adapted = PeftModel.from_pretrained(load_model(base, torch.float32), adapter)
    return cast(PreTrainedModel, adapted.merge_and_unload().to(dtype))


def beside(base: str, adapter: str, dtype: torch.dtype, quantize: Quantize) -> PreTrainedModel:
    """The rounded base with the adapter beside it, as they are trained: merged, the adapter would
    be rounded, too."""
    model = load_model(base, dtype, quantize)
    return cast(PreTrainedModel, PeftModel.from_pretrained(model, adapter))
