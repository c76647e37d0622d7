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
from transformers import TrainerCallback
from transformers.tokenization_utils_base import PreTrainedTokenizerBase
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from errata.training.chat import IGNORED
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
        rows = [row for row in cast(Any, self.train_dataset) if learnt(row)]
        self.rows = {row["row"]: row for row in rows}  # each of them once
        self.reference = torch.empty(0)  # (rows, 2), log-probabilities
        self.counts = torch.empty(0)  # (2,), a step's pairs and their better sides' tokens
        self.add_callback(Beginning(self))

    def log_probabilities(self) -> torch.Tensor:
        """Of the two sides of all rows, given their questions: (rows, 2).

        Each process reads its share; all read equally many batches, or one would wait for ever.
        """
        by_length = sorted(self.rows.values(), key=lambda row: -len(row["input_ids"]))
        found = torch.zeros(max(self.rows) + 1, 2, device=self.args.device)
        size = self.args.per_device_train_batch_size
        at_once = size * self.accelerator.num_processes
        by_length += by_length[-1:] * (-len(by_length) % at_once)
        self.model_wrapped.eval()
        for first in range(size * self.accelerator.process_index, len(by_length), at_once):
            batch = self.data_collator(by_length[first : first + size])
            batch = {name: values.to(self.args.device) for name, values in batch.items()}
            with torch.no_grad(), self.compute_loss_context_manager():
                sums = self.sums(self.losses(self.model_wrapped, batch))
            rows = self.accelerator.gather(batch["row"])
            found[rows] = -self.accelerator.gather(sums.view(2, -1).T.contiguous())
        return found

    def get_batch_samples(self, *args: Any, **kwargs: Any) -> Any:
        batches, items = super().get_batch_samples(*args, **kwargs)
        counts = torch.zeros(2, device=self.args.device)
        for batch in batches:
            answers = batch["labels"][: len(batch["row"]), 1:] != IGNORED  # (pairs, tokens - 1)
            counts += torch.stack([answers.any(1).sum(), answers.sum()]).to(counts)
        self.counts = self.accelerator.reduce(counts)
        return batches, items

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        sums = self.sums(self.losses(model, inputs)).view(2, -1)  # (2, pairs)
        gained = -sums.T - self.reference[inputs["row"]]  # (pairs, 2)
        margins = gained[:, 0] - gained[:, 1]
        real = self.answers[: len(margins)].any(1)  # (pairs,), others only fill a process's batch
        pairs, better = self.counts
        loss = -torch.nn.functional.logsigmoid(self.options.beta * margins)[real].sum() / pairs
        loss = loss + self.options.nll * sums[0].sum() / better
        return loss * self.accelerator.num_processes  # DDP takes the mean of gradients

    def measured(self) -> dict[str, float]:
        """`told_apart`: share of the pairs with a margin above 0; `margin`: its mean, in nats."""
        gained = self.log_probabilities() - self.reference
        margins = (gained[:, 0] - gained[:, 1])[sorted(self.rows)]
        return {
            "told_apart": float((margins > 0).float().mean()),
            "margin": float(margins.mean()),
        }

    def progress(self) -> dict[str, torch.Tensor]:
        return {"reference": self.reference}

    def go_on(self, progress: dict[str, torch.Tensor]) -> None:
        self.reference = progress["reference"].to(self.args.device)


def learnt(row: dict[str, Any]) -> bool:
    """False of a row that only fills a process's batch."""
    return any(label != IGNORED for label in row["labels"])


class Beginning(TrainerCallback):
    """Computes the reference when the model is where it is trained, on all processes at once."""

    def __init__(self, trainer: PairsTrainer) -> None:
        self.trainer = trainer

    def on_train_begin(self, *args: Any, **kwargs: Any) -> None:
        if not len(self.trainer.reference):  # else a checkpoint kept it
            self.trainer.reference = self.trainer.log_probabilities()
