"""Child process: an exported folder answers questions, as anybody's own script would ask it.

    python -m errata.training plain JOB.json

Plain transformers, and plain peft for an adapter: none of the code that asks a run's student takes
part, so that what it does besides (its tokens, its ends, its merging) shows in the answers. The
job is a `PlainJob`; the first message is the `PlainEngine`, then comes a `PlainReply` for each
question.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import peft
import tokenizers
import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from errata.training.export_jobs import PlainEngine, PlainJob, PlainReply, messages
from errata.training.models import weights_of
from errata.training.wire import ChildWire


def serve(job: PlainJob, wire: ChildWire) -> None:
    tokenizer: Any = AutoTokenizer.from_pretrained(str(job.folder), padding_side="left")
    model = load(job)
    versions = {each.__name__: each.__version__ for each in (torch, transformers, tokenizers)}
    if job.base is not None:
        versions["peft"] = peft.__version__
    wire.tell(
        PlainEngine(
            name="transformers" if job.base is None else "peft",
            versions=versions,
            device=str(model.device),
            dtype=str(model.dtype).removeprefix("torch."),
        )
    )
    for reply in answers(job, tokenizer, model):
        wire.tell(reply)


def load(job: PlainJob) -> Any:
    if job.base is None:
        model: Any = AutoModelForCausalLM.from_pretrained(str(job.folder))
    else:
        base = AutoModelForCausalLM.from_pretrained(weights_of(job.base))
        model = peft.PeftModel.from_pretrained(base, str(job.folder))
        # The base's own may sample, or penalize.
        model.generation_config = GenerationConfig.from_pretrained(str(job.folder))
        model.base_model.model.generation_config = model.generation_config
    return model.to("cuda" if torch.cuda.is_available() else "cpu").eval()


def answers(job: PlainJob, tokenizer: Any, model: Any) -> Iterator[PlainReply]:
    """Long questions first, so that those asked at once are about equally long."""
    asked = [(id, messages(question, job.system)) for id, question in job.prompts]
    asked.sort(key=lambda one: -sum(len(message["content"]) for message in one[1]))
    for first in range(0, len(asked), job.batch):
        batch = asked[first : first + job.batch]
        inputs = tokenizer.apply_chat_template(
            [question for _, question in batch],
            add_generation_prompt=True,
            padding=True,
            return_dict=True,
            return_tensors="pt",
        ).to(model.device)
        with torch.inference_mode():
            outputs = model.generate(**inputs, max_new_tokens=job.max_new_tokens)
        said = outputs[:, inputs["input_ids"].shape[1] :]
        texts = cast(list[str], tokenizer.batch_decode(said, skip_special_tokens=True))
        for (id, _), text in zip(batch, texts, strict=True):
            yield PlainReply(id=id, text=text.strip())
