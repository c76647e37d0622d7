"""Supervised fine-tuning: the loss is on the answers, given their questions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from transformers.tokenization_utils_base import PreTrainedTokenizerBase
from trl.trainer.sft_trainer import SFTTrainer

from errata.training.chat import IGNORED, example_ids
from errata.training.jobs import TrainingRow


@dataclass(frozen=True)
class Rows:
    """Examples as token ids."""

    rows: list[dict[str, list[int]]]
    """`input_ids` (tokens,) and `labels` (tokens,)."""
    tokens: int
    """In all rows together."""
    skipped: int
    """Examples longer than the limit."""


def make_rows(
    examples: Iterable[TrainingRow],
    tokenizer: PreTrainedTokenizerBase,
    max_tokens: int,
    system: str | None,
) -> Rows:
    rows = []
    tokens = skipped = 0
    for example in examples:
        ids, labels = example_ids(tokenizer, example.prompt, example.completion, system)
        if len(ids) > max_tokens:
            skipped += 1
            continue
        tokens += len(ids)
        rows.append({"input_ids": ids, "labels": labels})
    return Rows(rows, tokens, skipped)


class AnswersOnlyTrainer(SFTTrainer):
    """SFTTrainer that computes logits only for the tokens of the answers.

    Off the GPU trl scores every position, and the vocabulary is a large part of a small model.
    The model's own forward runs, so that its logit scaling and a DDP wrapper take part; only
    what its output layer sees is picked out.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.answers = torch.empty(0)  # (batch, tokens - 1), whether the next token is an answer's
        head = self.accelerator.unwrap_model(self.model).get_output_embeddings()
        head.register_forward_pre_hook(self.pick_answers)

    def pick_answers(self, head: Any, inputs: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
        (hidden,) = inputs  # (batch, tokens, size)
        return (hidden[:, :-1][self.answers].unsqueeze(0),)  # (1, answers, size)

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        targets = inputs["labels"][:, 1:]  # (batch, tokens - 1)
        self.answers = targets != IGNORED
        logits = model(
            input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], use_cache=False
        ).logits[0]  # (answers, vocabulary)
        loss = torch.nn.functional.cross_entropy(
            logits.float(), targets[self.answers], reduction="sum"
        )
        # The answers' tokens are counted over all processes, and DDP takes the mean of gradients.
        return loss / num_items_in_batch * self.accelerator.num_processes
