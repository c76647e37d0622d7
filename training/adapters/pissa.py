"""PiSSA: a LoRA adapter that begins with each layer's largest singular values.

(Meng et al. 2024, arXiv 2404.02948.) What matters most in a layer is trained, the rest of it stands
still; LoRA begins with nothing and finds its directions on the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from peft import PeftModel, get_peft_model
from transformers import PreTrainedModel

from errata.training.adapters.lora import Adapter, adapter_config
from errata.training.jobs import LoraSettings

METHOD = "pissa_niter_16"  # a fast singular value decomposition, in 16 iterations


def attach(
    model: PreTrainedModel, settings: LoraSettings, rows: Sequence[Sequence[int]]
) -> PeftModel:
    config = adapter_config(settings, init_lora_weights=METHOD)
    return cast(PeftModel, get_peft_model(model, config))


PISSA = Adapter(attach, takes_from_base=True)
