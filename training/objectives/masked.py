"""Masked Thought: random tokens stand in the answer that is read, the true ones are learnt.

The student cannot lean on what it has just written and has to look at the question again.
(Chen et al. 2024, arXiv 2403.02178, with a share of 0.4 in long answers; short ones bear less.)
"""

from __future__ import annotations

from typing import Any

import torch
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from errata.training.chat import IGNORED
from errata.training.objectives.sft import AnswersOnlyTrainer


class MaskedTrainer(AnswersOnlyTrainer):
    """The share that is replaced rises linearly from 0, and stays once it is reached."""

    def __init__(
        self, *args: Any, processing_class: PreTrainedTokenizerBase, **kwargs: Any
    ) -> None:
        super().__init__(*args, processing_class=processing_class, **kwargs)
        marks = set(processing_class.all_special_ids)
        self.words = torch.tensor([id for id in range(len(processing_class)) if id not in marks])
        self.read = self.replaced = 0  # tokens of answers

    def losses(self, model: Any, inputs: Any) -> torch.Tensor:
        ids = inputs["input_ids"]  # (batch, tokens)
        steps = self.options.rise * self.state.max_steps
        share = self.options.share * min(1.0, self.state.global_step / steps)
        answers = inputs["labels"] != IGNORED
        chosen = answers & (torch.rand(ids.shape, device=ids.device) < share)
        other = self.words[torch.randint(len(self.words), ids.shape)].to(ids.device)
        self.read += int(answers.sum())
        self.replaced += int(chosen.sum())
        return super().losses(model, inputs | {"input_ids": torch.where(chosen, other, ids)})

    def measured(self) -> dict[str, float]:
        """`replaced`: share of the answers' tokens, over the whole training."""
        counts = torch.tensor([self.replaced, self.read], device=self.args.device)
        replaced, read = self.accelerator.reduce(counts).tolist()
        return {"replaced": replaced / read}

    def progress(self) -> dict[str, torch.Tensor]:
        return {"counts": torch.tensor([self.replaced, self.read])}

    def go_on(self, progress: dict[str, torch.Tensor]) -> None:
        self.replaced, self.read = progress["counts"].tolist()
