"""Child process: the student answers questions, in batches.

    python -m errata.training student JOB.json

The job (`StudentJob`) says which weights to load. The child first tells the `Machine`, and again
when its memory turns out to hold less than a batch. It answers each `AskRequest` on standard input
with the replies to its prompts, as batches finish, and a `RequestDone`.
Batches are made from all prompts alike, whether answered or not: a response depends a little on
its batch, and so a resumed exam gives the answers that an undisturbed one gives. For the same
reason each batch has a seed of its own, where chance is wanted. Where memory is too small for a
batch it is halved, and so are those after it.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from transformers import (
    GenerationConfig,
    PreTrainedModel,
    TemperatureLogitsWarper,
    TopPLogitsWarper,
)
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from errata.training.chat import prompt_ids
from errata.training.decoding import Pick, attend_in_groups, decode, decodes
from errata.training.jobs import (
    GREEDY,
    Batches,
    Conversation,
    Reply,
    RequestDone,
    Sampling,
    StudentJob,
)
from errata.training.models import (
    choose_dtype,
    ends_of,
    load_model,
    load_tokenizer,
    machine_here,
)
from errata.training.wire import ChildWire

Batch = Sequence[tuple[str, list[int]]]
"""Ids and token ids of prompts."""


@dataclass
class LoadedStudent:
    """Weights that answer."""

    job: StudentJob
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    ends: frozenset[int]
    """Each of these tokens ends a response."""
    by_rows: bool
    """Whether `decode` answers, or `generate`."""
    at_once: int
    """Responses that memory has room for, as far as is known."""
    on_less: Callable[[int], None] = lambda _: None
    """Is told `at_once` when it falls."""

    def answer(
        self,
        prompts: Sequence[tuple[str, str | Conversation]],
        answered: frozenset[str] = frozenset(),
        sampling: Sampling = GREEDY,
    ) -> Iterator[Reply]:
        """Responses to `prompts`, pairs of id and text, longest prompts first.

        Raises:
            MemoryError: There is none for a single response.
        """
        for batch in self.batches(prompts, sampling):
            if answered.issuperset(id for id, _ in batch):
                continue
            for sample in range(0, sampling.answers, self.job.batch_size):
                samples = range(sampling.answers)[sample : sample + self.job.batch_size]
                replies = self.answer_in_parts(batch, sampling, samples)
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

    def answer_in_parts(self, batch: Batch, sampling: Sampling, samples: range) -> Iterator[Reply]:
        """Those `samples` of the responses to each prompt, halved until memory suffices."""
        size = len(batch) * len(samples)
        if size <= self.at_once:
            try:
                made = self.responses(batch, sampling, samples)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                if size == 1:
                    raise MemoryError(
                        "there is not enough memory for one response at a time; free some, or "
                        "take a smaller model, shorter answers (max_new_tokens) or bfloat16"
                    ) from None
                made = None  # the error holds on to the batch until this block is left
            if made is not None:
                yield from self.replies(batch, samples, made)
                return
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            self.at_once = size // 2
            print(f"not enough memory for {size} responses at once", file=sys.stderr)
            self.on_less(self.at_once)
        many, half = len(batch) > 1, (len(batch) if len(batch) > 1 else len(samples)) // 2
        for part in (slice(half), slice(half, None)):
            yield from self.answer_in_parts(
                batch[part] if many else batch, sampling, samples if many else samples[part]
            )

    def replies(self, batch: Batch, samples: range, made: list[list[int]]) -> Iterator[Reply]:
        asked = ((id, ids, sample) for id, ids in batch for sample in samples)
        for (id, ids, sample), row in zip(asked, made, strict=True):
            end = next((at for at, token in enumerate(row) if token in self.ends), None)
            text = str(self.tokenizer.decode(row[:end], skip_special_tokens=True))
            yield Reply(
                id=id,
                sample=sample,
                text=text.strip(),
                tokens=len(row) if end is None else end + 1,
                truncated=end is None,
                prompt_tokens=len(ids),
            )

    def responses(self, batch: Batch, sampling: Sampling, samples: range) -> list[list[int]]:
        """Token ids of the responses, those to one prompt side by side."""
        if sampling.temperature > 0:
            torch.manual_seed(seed_of([id for id, _ in batch], sampling.seed, samples[0]))
        prompts = [ids for _, ids in batch]
        with torch.inference_mode():
            if self.by_rows:
                pick = (
                    greedy
                    if sampling.temperature == 0
                    else draw(sampling, len(batch) * len(samples))
                )
                longest = self.job.max_new_tokens
                return decode(self.model, prompts, longest, self.ends, pick, len(samples))
            padded = self.tokenizer.pad(
                {"input_ids": prompts}, padding_side="left", return_tensors="pt"
            ).to(self.model.device)
            if sampling.temperature == 0:
                generated = self.generate(**padded)
            else:
                generated = self.sample(**padded, copies=len(samples), sampling=sampling)
        made: list[list[int]] = generated[:, padded["input_ids"].shape[1] :].tolist()
        return made

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


def greedy(logits: torch.Tensor, rows: Sequence[int]) -> torch.Tensor:
    return logits.argmax(-1)


def draw(sampling: Sampling, responses: int) -> Pick:
    """As `torch.multinomial` draws, for all responses, whether they have ended or not: each meets
    the same chance however many are left."""
    cooler = TemperatureLogitsWarper(sampling.temperature)
    top = TopPLogitsWarper(sampling.top_p) if sampling.top_p < 1 else None

    def pick(logits: torch.Tensor, rows: Sequence[int]) -> torch.Tensor:
        ids = cast(torch.LongTensor, None)  # of what is written; the two do not look at it
        scores = cooler(ids, cast(torch.FloatTensor, logits))
        chances = (scores if top is None else top(ids, scores)).softmax(-1)
        luck = chances.new_empty(responses, chances.shape[1]).exponential_()
        drawn: torch.Tensor = (chances / luck[list(rows)]).argmax(-1)
        return drawn

    return pick


def is_out_of_memory(error: Exception) -> bool:
    """A GPU's memory has an error of its own, torch's for a CPU has none."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        "not enough memory" in str(error)
    )


def seed_of(ids: Sequence[str], seed: int, sample: int) -> int:
    """Of a batch: the same one is answered alike, whatever was answered before it."""
    said = json.dumps([seed, sample, *ids])
    return int.from_bytes(hashlib.sha256(said.encode()).digest()[:7], "big")


def load_student(job: StudentJob) -> LoadedStudent:
    """Weights for answering; an adapter is merged into them, unless they are rounded."""
    dtype = choose_dtype(job.precision)
    if job.model.adapter is None:
        model = load_model(job.model.base, dtype, job.quantize)
    else:
        from errata.training.adapters.lora import beside, merged

        if job.quantize is None:
            model = merged(job.model.base, job.model.adapter, dtype)
        else:
            model = beside(job.model.base, job.model.adapter, dtype, job.quantize)
    model.train(False)
    tokenizer = load_tokenizer(job.model.base)
    ends = ends_of(cast(Any, model).generation_config, tokenizer)
    # Made anew: what a model recommends for chatting (sampling, penalties, least lengths) would
    # change its answers, and `generate` takes from here whatever a call leaves open.
    cast(Any, model).generation_config = cast(Any, GenerationConfig)(
        do_sample=False, eos_token_id=sorted(ends), pad_token_id=tokenizer.pad_token_id
    )
    by_rows = decodes(model)
    if by_rows and model.device.type == "cpu":
        attend_in_groups(model)
    return LoadedStudent(job, model, tokenizer, ends, by_rows, job.batch_size)


def serve(job: StudentJob, wire: ChildWire) -> None:
    answer_requests(load_student(job), wire)


def answer_requests(student: LoadedStudent, wire: ChildWire) -> None:
    machine = machine_here(student.job.precision)
    wire.tell(machine)
    student.on_less = lambda at_once: wire.tell(machine.model_copy(update={"at_once": at_once}))
    for request in wire.requests():
        if request.only_batches:
            batches = student.batches(request.prompts, request.sampling)
            wire.tell(Batches(ids=tuple(tuple(id for id, _ in batch) for batch in batches)))
            wire.tell(RequestDone())
            continue
        for reply in student.answer(request.prompts, request.answered, request.sampling):
            wire.tell(reply)
        wire.tell(RequestDone())
