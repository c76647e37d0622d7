"""Direct preference optimization: a completion against a worse one, with the loss on the better.

The loss is -log sigmoid(beta * margin) + nll * (loss of a token of the better side), where the
margin is what log p(completion) - log p(rejected) has gained since the training began. (Rafailov et
al. 2023, arXiv 2305.18290; the second term as in Pang et al. 2024, arXiv 2404.19733: without it
both sides of a near-identical pair become less likely.)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import torch
from transformers.tokenization_utils_base import PreTrainedTokenizerBase
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from errata.training.jobs import TrainingRow
from errata.training.objectives.sft import AnswersOnlyTrainer, Rows, ids_of, named
from errata.training.options import Refused


def make_pairs(
    examples: Iterable[TrainingRow],
    tokenizer: PreTrainedTokenizerBase,
    max_tokens: int,
    system: str | None,
) -> Rows:
    """Rows with `rejected_ids`, `rejected_labels` and `row`, their index.

    Raises:
        Refused: An example has no worse side, or one that is the same, or nothing to learn.
    """
    rows: list[dict[str, Any]] = []
    sizes = []
    skipped = 0
    for line, example in enumerate(examples, start=1):
        if example.rejected is None:
            raise Refused(
                f"{named(line, example)} has no `rejected` side, and dpo learns from pairs; name a "
                "shaper that makes them in examples.shape, or take another training.objective"
            )
        if example.rejected == example.completion:
            raise Refused(f"both sides of {named(line, example)} are the same; leave the row out")
        ids, labels = ids_of(line, example, example.completion, tokenizer, system)
        worse, worse_labels = ids_of(line, example, example.rejected, tokenizer, system)
        if max(len(ids), len(worse)) > max_tokens:
            skipped += 1
            continue
        rows.append(
            {
                "input_ids": ids,
                "labels": labels,
                "rejected_ids": worse,
                "rejected_labels": worse_labels,
                "row": len(rows),
            }
        )
        sizes.append(len(ids) + len(worse))
    return Rows(rows, sizes, skipped)


class PairsTrainer(AnswersOnlyTrainer):
    """What each row was worth to the student is computed once, before the first step.

    So the reference needs no second model in memory and no second pass in each step, and it is the
    same for every kind of adapter, new or gone on from.
    """

    def __init__(
        self, *args: Any, processing_class: PreTrainedTokenizerBase, **kwargs: Any
    ) -> None:
        pad = DataCollatorForLanguageModeling(processing_class.pad_token_id)

        def collate(rows: list[dict[str, Any]]) -> dict[str, Any]:
            """The better sides, then the worse ones: (2 * pairs, tokens)."""
            sides = [{"input_ids": row["input_ids"], "labels": row["labels"]} for row in rows]
            sides += [
                {"input_ids": row["rejected_ids"], "labels": row["rejected_labels"]} for row in rows
            ]
            return {**pad(sides), "row": torch.tensor([row["row"] for row in rows])}

        super().__init__(*args, processing_class=processing_class, data_collator=collate, **kwargs)
        self.rows = {row["row"]: row for row in cast(Any, self.train_dataset)}  # each of them once
        self.reference = torch.empty(0)  # (rows, 2), log-probabilities

    def train(self, *args: Any, **kwargs: Any) -> Any:
        self.reference = self.log_probabilities()
        return super().train(*args, **kwargs)

    def log_probabilities(self) -> torch.Tensor:
        """Of the two sides of all rows, given their questions: (rows, 2)."""
        by_length = sorted(self.rows.values(), key=lambda row: -len(row["input_ids"]))
        found = torch.zeros(max(self.rows) + 1, 2, device=self.args.device)
        size = self.args.per_device_train_batch_size
        cast(Any, self.model).eval()
        for first in range(0, len(by_length), size):
            batch = self.data_collator(by_length[first : first + size])
            batch = {name: values.to(self.args.device) for name, values in batch.items()}
            with torch.no_grad(), self.compute_loss_context_manager():
                sums = self.sums(self.losses(self.model, batch))
            found[batch["row"]] = -sums.view(2, -1).T
        return found

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        sums = self.sums(self.losses(model, inputs)).view(2, -1)  # (2, pairs)
        gained = -sums.T - self.reference[inputs["row"]]  # (pairs, 2)
        margins = gained[:, 0] - gained[:, 1]
        better = self.answers[: len(margins)].sum()  # tokens
        loss = -torch.nn.functional.logsigmoid(self.options.beta * margins).mean()
        loss = loss + self.options.nll * sums[0].sum() / better
        return loss / self.current_gradient_accumulation_steps

    def measured(self) -> dict[str, float]:
        """`told_apart`: share of the pairs with a margin above 0; `margin`: its mean, in nats."""
        gained = self.log_probabilities() - self.reference
        margins = (gained[:, 0] - gained[:, 1])[sorted(self.rows)]
        return {
            "told_apart": float((margins > 0).float().mean()),
            "margin": float(margins.mean()),
        }
