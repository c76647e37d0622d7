"""LoRA adapters: made, gone on from, merged. (Hu et al. 2021, arXiv 2106.09685.)"""

from __future__ import annotations

from typing import cast

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import PreTrainedModel

from errata.training.jobs import LoraSettings, ModelRef
from errata.training.models import load_model


def adapter_config(settings: LoraSettings) -> LoraConfig:
    targets = list(settings.targets)
    return LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=targets[0] if targets == ["all-linear"] else targets,
        task_type="CAUSAL_LM",
    )


def trainable(start: ModelRef, settings: LoraSettings, dtype: torch.dtype) -> PeftModel:
    """The base in `dtype`, frozen, with `start`'s adapter to go on from or a new one."""
    model = load_model(start.base, dtype)
    if start.adapter is not None:
        return PeftModel.from_pretrained(model, start.adapter, is_trainable=True)
    return cast(PeftModel, get_peft_model(model, adapter_config(settings)))


def merged(base: str, adapter: str, dtype: torch.dtype) -> PreTrainedModel:
    """The base with the adapter added to its weights, in float32, then rounded once."""
    adapted = PeftModel.from_pretrained(load_model(base, torch.float32), adapter)
    return cast(PreTrainedModel, adapted.merge_and_unload().to(dtype))
