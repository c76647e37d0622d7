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
from errata.training.options import NoOptions, Refused


@dataclass(frozen=True)
class Rows:
    """Examples as token ids."""

    rows: list[dict[str, Any]]
    """`input_ids` (tokens,) and `labels` (tokens,), and whatever else an objective reads."""
    sizes: list[int]
    """Tokens of each."""
    skipped: int
    """Examples longer than the limit."""

    @property
    def tokens(self) -> int:
        """In all rows together."""
        return sum(self.sizes)


def make_rows(
    examples: Iterable[TrainingRow],
    tokenizer: PreTrainedTokenizerBase,
    max_tokens: int,
    system: str | None,
) -> Rows:
    """
    Raises:
        Refused: An example has a `rejected` side, or nothing to learn.
    """
    rows: list[dict[str, Any]] = []
    sizes = []
    skipped = 0
    for line, example in enumerate(examples, start=1):
        if example.rejected is not None:
            raise Refused(
                f"{named(line, example)} has a `rejected` side, which only "
                'training.objective = "dpo" learns from; choose it, or leave that side out'
            )
        ids, labels = ids_of(line, example, example.completion, tokenizer, system)
        if len(ids) > max_tokens:
            skipped += 1
            continue
        rows.append({"input_ids": ids, "labels": labels})
        sizes.append(len(ids))
    return Rows(rows, sizes, skipped)


def ids_of(
    line: int,
    example: TrainingRow,
    said: str,
    tokenizer: PreTrainedTokenizerBase,
    system: str | None,
) -> tuple[list[int], list[int]]:
    """Ids and labels of the example with `said` as its completion: (tokens,) and (tokens,)."""
    asked = example.asked(system)
    system = system if example.system is None else example.system
    ids, labels = example_ids(tokenizer, asked, said, system, example.given, example.ends)
    if labels[-1] == IGNORED:
        raise Refused(
            f"{named(line, example)} has nothing to learn: it has no text after `given`, and does "
            "not end; leave the row out"
        )
    return ids, labels


def named(line: int, example: TrainingRow) -> str:
    return f"row {line} ({example.prompt[:60]!r})"


class AnswersOnlyTrainer(SFTTrainer):
    """SFTTrainer that computes logits only for the tokens of the answers.

    Off the GPU trl scores every position, and the vocabulary is a large part of a small model.
    The model's own forward runs, so that its logit scaling and a DDP wrapper take part; only
    what its output layer sees is picked out.
    """

    def __init__(self, *args: Any, options: NoOptions | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.options: Any = options
        self.answers = torch.empty(0)  # (batch, tokens - 1), whether the next token is an answer's
        head = self.accelerator.unwrap_model(self.model).get_output_embeddings()
        head.register_forward_pre_hook(self.pick_answers)

    def pick_answers(self, head: Any, inputs: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
        (hidden,) = inputs  # (batch, tokens, size)
        return (hidden[:, :-1][self.answers].unsqueeze(0),)  # (1, answers, size)

    def losses(self, model: Any, inputs: Any) -> torch.Tensor:
        """Of each token of the answers, row after row. (answers,)"""
        targets = inputs["labels"][:, 1:]  # (batch, tokens - 1)
        self.answers = targets != IGNORED
        logits = model(
            input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], use_cache=False
        ).logits[0]  # (answers, vocabulary)
        return torch.nn.functional.cross_entropy(
            logits.float(), targets[self.answers], reduction="none"
        )

    def sums(self, losses: torch.Tensor) -> torch.Tensor:
        """Of each row of the batch. (batch,)"""
        row = self.answers.nonzero()[:, 0]  # (answers,)
        return losses.new_zeros(len(self.answers)).index_add(0, row, losses)

    def loss(self, losses: torch.Tensor, row: torch.Tensor) -> torch.Tensor:
        """Of each token of the answers, as `Objective.loss`. (answers,)"""
        return losses

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        losses = self.losses(model, inputs)
        loss = self.loss(losses, self.answers.nonzero()[:, 0]).sum()
        # The answers' tokens are counted over all processes, and DDP takes the mean of gradients.
        return loss / num_items_in_batch * self.accelerator.num_processes

    def measured(self) -> dict[str, float]:
        """What is to be told of the training when it has ended; every process asks."""
        return {}

    def progress(self) -> dict[str, torch.Tensor]:
        """What a checkpoint keeps of this process, beside weights, optimizer and chance."""
        return {}

    def go_on(self, progress: dict[str, torch.Tensor]) -> None:
        """Takes up what a checkpoint kept."""
