"""DoRA adapters: LoRA for the direction of each weight vector, beside its length.

(Liu et al. 2024, arXiv 2402.09353.) Nearer to full fine-tuning at small ranks, and slower: each
step computes the lengths of all adapted weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from peft import PeftModel, get_peft_model
from transformers import PreTrainedModel

from errata.training.adapters.lora import Adapter, adapter_config
from errata.training.jobs import LoraSettings


def attach(
    model: PreTrainedModel, settings: LoraSettings, rows: Sequence[Sequence[int]]
) -> PeftModel:
    return cast(PeftModel, get_peft_model(model, adapter_config(settings, use_dora=True)))


DORA = Adapter(attach)
