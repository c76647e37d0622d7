"""Child process: the student answers questions, in batches.

    python -m errata.training student JOB.json

The job (`StudentJob`) says which weights to load. The child first tells the `Machine`, then answers
each `AskRequest` on standard input with the replies to its prompts, as batches finish, and a
`RequestDone`.
Batches are made from all prompts alike, whether answered or not: a response depends a little on
its batch, and so a resumed exam gives the answers that an undisturbed one gives. For the same
reason each batch has a seed of its own, where chance is wanted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from transformers import GenerationConfig, PreTrainedModel
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from errata.training.chat import prompt_ids
from errata.training.jobs import (
    GREEDY,
    Batches,
    Conversation,
    Reply,
    RequestDone,
    Sampling,
    StudentJob,
)
from errata.training.models import choose_dtype, load_model, load_tokenizer, machine_here
from errata.training.wire import ChildWire


@dataclass(frozen=True)
class LoadedStudent:
    """Weights that answer."""

    job: StudentJob
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    ends: frozenset[int]
    """Each of these tokens ends a response."""

    def answer(
        self,
        prompts: Sequence[tuple[str, str | Conversation]],
        answered: frozenset[str] = frozenset(),
        sampling: Sampling = GREEDY,
    ) -> Iterator[Reply]:
        """Responses to `prompts`, pairs of id and text, longest prompts first."""
        for batch in self.batches(prompts, sampling):
            if answered.issuperset(id for id, _ in batch):
                continue
            for sample in range(0, sampling.answers, self.job.batch_size):
                samples = range(sampling.answers)[sample : sample + self.job.batch_size]
                replies = self.answer_batch(batch, sampling, samples)
                yield from (reply for reply in replies if reply.id not in answered)

    def batches(
        self, prompts: Sequence[tuple[str, str | Conversation]], sampling: Sampling
    ) -> Iterator[list[tuple[str, list[int]]]]:
        """Prompts as ids and token ids, those together that are answered together.

        Sorting keeps padding small, and the longest first shows at once whether memory suffices.
        A batch holds `batch_size` responses, however many of them answer the same prompt.
        """
        encoded = [(id, prompt_ids(self.tokenizer, text, self.job.system)) for id, text in prompts]
        encoded.sort(key=lambda pair: (-len(pair[1]), pair[0]))
        prompts_at_once = max(1, self.job.batch_size // sampling.answers)
        for first in range(0, len(encoded), prompts_at_once):
            yield encoded[first : first + prompts_at_once]

    def answer_batch(
        self, batch: Sequence[tuple[str, list[int]]], sampling: Sampling, samples: range
    ) -> Iterator[Reply]:
        """Those `samples` of the responses to each prompt of a batch."""
        padded = self.tokenizer.pad(
            {"input_ids": [ids for _, ids in batch]}, padding_side="left", return_tensors="pt"
        ).to(self.model.device)
        with torch.inference_mode():
            if sampling.temperature == 0:
                generated = self.generate(**padded)
            else:
                torch.manual_seed(seed_of([id for id, _ in batch], sampling.seed, samples[0]))
                generated = self.sample(**padded, copies=len(samples), sampling=sampling)
        replies = ((id, asked, sample) for id, asked in batch for sample in samples)
        rows = generated[:, padded["input_ids"].shape[1] :].tolist()
        for (id, asked, sample), row in zip(replies, rows, strict=True):
            end = next((at for at, token in enumerate(row) if token in self.ends), None)
            text = str(self.tokenizer.decode(row[:end], skip_special_tokens=True))
            yield Reply(
                id=id,
                sample=sample,
                text=text.strip(),
                tokens=len(row) if end is None else end + 1,
                truncated=end is None,
                prompt_tokens=len(asked),
            )

    def generate(self, **given: Any) -> torch.Tensor:
        """Prompts and responses: (responses, tokens)."""
        generated: torch.Tensor = cast(Any, self.model).generate(
            **given, max_new_tokens=self.job.max_new_tokens
        )
        return generated

    def sample(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, copies: int, sampling: Sampling
    ) -> torch.Tensor:
        """`copies` responses to each prompt, side by side: (prompts * copies, tokens).

        The prompts are read once; `num_return_sequences` would read each as often as it is
        answered. All but the last token, that is: with it the responses begin.
        """
        read = (
            cast(Any, self.model)
            .generate(
                input_ids=input_ids[:, :-1],
                attention_mask=attention_mask[:, :-1],
                max_new_tokens=1,
                return_dict_in_generate=True,
            )
            .past_key_values
        )
        read.batch_repeat_interleave(copies)
        return self.generate(
            input_ids=input_ids.repeat_interleave(copies, dim=0),
            attention_mask=attention_mask.repeat_interleave(copies, dim=0),
            past_key_values=read,
            do_sample=True,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            top_k=0,  # else 50
        )


def seed_of(ids: Sequence[str], seed: int, sample: int) -> int:
    """Of a batch: the same one is answered alike, whatever was answered before it."""
    said = json.dumps([seed, sample, *ids])
    return int.from_bytes(hashlib.sha256(said.encode()).digest()[:7], "big")


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
        if request.only_batches:
            batches = student.batches(request.prompts, request.sampling)
            wire.tell(Batches(ids=tuple(tuple(id for id, _ in batch) for batch in batches)))
            wire.tell(RequestDone())
            continue
        for reply in student.answer(request.prompts, request.answered, request.sampling):
            wire.tell(reply)
        wire.tell(RequestDone())
