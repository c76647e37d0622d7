"""Child process: the student answers questions, in batches.

    python -m errata.training student JOB.json

The job (`StudentJob`) says which weights to load. The child first tells the `Machine`, then answers
each `AskRequest` on standard input with one `Reply` a prompt, as batches finish, and a
`RequestDone`.
Batches are made from all prompts alike, whether answered or not: a response depends a little on
its batch, and so a resumed exam gives the answers that an undisturbed one gives.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from transformers import GenerationConfig, PreTrainedModel
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from errata.training.chat import prompt_ids
from errata.training.jobs import Conversation, Reply, RequestDone, StudentJob
from errata.training.models import choose_dtype, load_model, load_tokenizer, machine_here
from errata.training.wire import ChildWire


@dataclass(frozen=True)
class LoadedStudent:
    """Weights that answer greedily."""

    job: StudentJob
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    ends: frozenset[int]
    """Each of these tokens ends a response."""

    def answer(
        self,
        prompts: Sequence[tuple[str, str | Conversation]],
        answered: frozenset[str] = frozenset(),
    ) -> Iterator[Reply]:
        """Responses to `prompts`, pairs of id and text, longest prompts first.

        Sorting keeps padding small, and the longest first shows at once whether memory suffices.
        """
        encoded = [(id, prompt_ids(self.tokenizer, text, self.job.system)) for id, text in prompts]
        encoded.sort(key=lambda pair: (-len(pair[1]), pair[0]))
        for first in range(0, len(encoded), self.job.batch_size):
            batch = encoded[first : first + self.job.batch_size]
            if not answered.issuperset(id for id, _ in batch):
                yield from (reply for reply in self.answer_batch(batch) if reply.id not in answered)

    def answer_batch(self, batch: Sequence[tuple[str, list[int]]]) -> Iterator[Reply]:
        padded = self.tokenizer.pad(
            {"input_ids": [ids for _, ids in batch]}, padding_side="left", return_tensors="pt"
        ).to(self.model.device)
        with torch.inference_mode():
            generated = cast(Any, self.model).generate(
                **padded, max_new_tokens=self.job.max_new_tokens
            )
        for (id, asked), row in zip(
            batch, generated[:, padded["input_ids"].shape[1] :].tolist(), strict=True
        ):
            end = next((at for at, token in enumerate(row) if token in self.ends), None)
            text = str(self.tokenizer.decode(row[:end], skip_special_tokens=True))
            yield Reply(
                id=id,
                text=text.strip(),
                tokens=len(row) if end is None else end + 1,
                truncated=end is None,
                prompt_tokens=len(asked),
            )


def load_student(job: StudentJob) -> LoadedStudent:
    """Weights for answering; an adapter is merged into them."""
    dtype = choose_dtype(job.precision)
    if job.model.adapter is None:
        model = load_model(job.model.base, dtype)
    else:
        from errata.training.adapters.lora import merged

        model = merged(job.model.base, job.model.adapter, dtype)
    model.train(False)
    tokenizer = load_tokenizer(job.model.base)
    own = cast(Any, model).generation_config.eos_token_id
    ends = {*(own if isinstance(own, list) else [own]), tokenizer.eos_token_id} - {None}
    # Made anew: what a model recommends for chatting (sampling, penalties, least lengths) would
    # change its answers, and `generate` takes from here whatever a call leaves open.
    cast(Any, model).generation_config = cast(Any, GenerationConfig)(
        do_sample=False, eos_token_id=sorted(ends), pad_token_id=tokenizer.pad_token_id
    )
    return LoadedStudent(job, model, tokenizer, frozenset(ends))


def serve(job: StudentJob, wire: ChildWire) -> None:
    student = load_student(job)
    wire.tell(machine_here(job.precision))
    for request in wire.requests():
        for reply in student.answer(request.prompts, request.answered):
            wire.tell(reply)
        wire.tell(RequestDone())
