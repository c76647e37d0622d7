"""CorDA: a LoRA adapter that begins with what the training rows use most.

(Yang et al. 2024, arXiv 2406.05223, in its instruction-previewed mode.) Each layer's weights times
the covariance of its inputs over some training rows, of which the adapter takes the largest
singular values.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, cast

import torch
from peft import PeftModel, get_peft_model
from peft.tuners.lora.config import CordaConfig
from peft.tuners.lora.corda import preprocess_corda
from transformers import PreTrainedModel

from errata.training.adapters.lora import Adapter, adapter_config, target_layers
from errata.training.jobs import LoraSettings

SAMPLES = 256  # rows, as many as the authors take


def attach(
    model: PreTrainedModel, settings: LoraSettings, rows: Sequence[Sequence[int]]
) -> PeftModel:
    config = adapter_config(
        settings, init_lora_weights="corda", corda_config=CordaConfig(corda_method="ipm")
    )
    config.target_modules = list(target_layers(model, settings))
    chosen = random.Random(settings.seed).sample(list(rows), min(SAMPLES, len(rows)))

    def read() -> None:
        for ids in chosen:  # one at a time: peft takes the batch out of the shape
            cast(Any, model)(torch.tensor([ids], device=model.device), use_cache=False)

    preprocess_corda(model, config, read)
    adapted = cast(PeftModel, get_peft_model(model, config))
    config.init_lora_weights, config.corda_config = (
        True,
        None,
    )  # it has begun, and peft warns of it wherever the saved adapter is loaded
    return adapted


CORDA = Adapter(attach, takes_from_base=True)
