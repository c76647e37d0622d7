"""Child process: texts become token ids, and back, for a student whose weights are elsewhere.

    python -m errata.training tokenizer JOB.json

The job (`TokenizerJob`) names the model, of which no weights are loaded. The child first tells
`TokenizerReady`, then answers each `EncodeRequest` with an `Encoded` for each prompt and each
`DecodeRequest` with a `Decoded`.
"""

from __future__ import annotations

from typing import Any, cast

from transformers import AutoConfig, GenerationConfig

from errata.training.chat import prompt_ids
from errata.training.jobs import (
    TO_TOKENIZER,
    Decoded,
    Encoded,
    EncodeRequest,
    TokenizerJob,
    TokenizerReady,
)
from errata.training.models import ends_of, load_tokenizer, weights_of
from errata.training.wire import ChildWire


def turn(job: TokenizerJob, wire: ChildWire) -> None:
    tokenizer = load_tokenizer(job.base)
    weights = weights_of(job.base)
    ends = ends_of(generation_config(weights), tokenizer)
    wire.tell(TokenizerReady(weights=weights, ends=tuple(sorted(ends))))
    for request in wire.messages(TO_TOKENIZER):
        if isinstance(request, EncodeRequest):
            for id, prompt in request.prompts:
                ids = prompt_ids(tokenizer, prompt, job.system)
                wire.tell(Encoded(id=id, ids=tuple(ids)))
        else:
            text = tokenizer.decode(list(request.response), skip_special_tokens=True)
            wire.tell(Decoded(text=str(text).strip()))


def generation_config(weights: str) -> GenerationConfig:
    """What `from_pretrained` would give the model."""
    read = cast(Any, GenerationConfig)
    try:
        found: GenerationConfig = read.from_pretrained(weights)
    except OSError:  # the model has no file of its own for it
        found = read.from_model_config(AutoConfig.from_pretrained(weights))
    return found
