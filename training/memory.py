"""How much memory a student and a training will take, from the model's config.json alone.

No weights are loaded and no torch is imported: `estimate` is arithmetic on the sizes of the layers,
as decoders of the Llama family have them (attention with shared keys and values, a gated or a plain
feed-forward part, also one with experts). The formulas name what PyTorch keeps for the backward
pass when the base is frozen and LoRA is trained (as Korthikanti et al. count for full training,
arXiv 2205.05198, section 4); tests compare them with measured peaks of child processes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from errata.training.record import Record

GIB = 2**30
Precision = Literal["bfloat16", "float32"]
BYTES: Mapping[str, int] = {"bfloat16": 2, "float32": 4}

STUDENT_PROCESS, TRAINER_PROCESS = 0.40 * GIB, 0.56 * GIB
"""Of Python with torch, transformers, and for training peft and trl, before any weights."""
GPU_CONTEXT = 0.5 * GIB
"""What CUDA takes for a process before any weights."""
HOLES_CPU, HOLES_GPU = 0.8, 0.2
"""Share of the activations that gradients on their way back and the allocator's holes take besides,
when the logits are gone: measured on the CPU, a guess on the GPU."""

BUNDLED: Mapping[str, Any] = {
    "hidden_size": 576,
    "intermediate_size": 1536,
    "num_hidden_layers": 30,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "head_dim": 64,
    "vocab_size": 49152,
    "tie_word_embeddings": True,
    "max_position_embeddings": 8192,
    "model_type": "llama",
    "hidden_act": "silu",
}
"""config.json of the bundled model, which need not be unpacked to be looked at."""


class UnknownShape(ValueError):
    """A config.json whose sizes are not named as here."""


class Item(Record):
    """Something that takes memory."""

    what: str
    bytes: int
    how: str
    """The arithmetic, in words and numbers."""


class Need(Record):
    """What a child process takes at its peak."""

    items: tuple[Item, ...]

    @property
    def gib(self) -> float:
        return sum(item.bytes for item in self.items) / GIB


class Memory(Record):
    """What the two children take; they are never loaded together."""

    weights: int
    """Of the base model: a number, not bytes."""
    student: Need
    training: Need


@dataclass(frozen=True)
class Shape:
    """The sizes of a decoder's layers."""

    layers: int
    hidden: int
    inner: int
    """Of the feed-forward part; of one expert, where there are several."""
    heads: int
    shared: int
    """Heads of keys and values."""
    head: int
    """Size of a head."""
    vocabulary: int
    tied: bool
    """The output layer is the embedding again."""
    gated: bool
    experts: int
    active: int
    """Experts that a token passes through."""

    @property
    def linears(self) -> dict[str, tuple[int, int, int]]:
        """Linear layer of a block → inputs, outputs, how many of it."""
        q, kv = self.heads * self.head, self.shared * self.head
        found = {
            "q_proj": (self.hidden, q, 1),
            "k_proj": (self.hidden, kv, 1),
            "v_proj": (self.hidden, kv, 1),
            "o_proj": (q, self.hidden, 1),
            "up_proj": (self.hidden, self.inner, self.experts),
            "down_proj": (self.inner, self.hidden, self.experts),
        }
        if self.gated:
            found["gate_proj"] = (self.hidden, self.inner, self.experts)
        return found

    @property
    def weights(self) -> int:
        """Norms and biases, a thousandth of them all, are passed over."""
        block = sum(a * b * count for a, b, count in self.linears.values())
        router = self.hidden * self.experts if self.experts > 1 else 0
        tables = self.vocabulary * self.hidden * (1 if self.tied else 2)
        return self.layers * (block + router) + tables

    def adapter(self, rank: int, targets: Sequence[str]) -> int:
        """Weights of a LoRA adapter."""
        every = list(targets) == ["all-linear"]
        return self.layers * sum(
            rank * (a + b) * count
            for name, (a, b, count) in self.linears.items()
            if every or any(target.rpartition(".")[2] == name for target in targets)
        )


def shape_of(config: Mapping[str, Any]) -> Shape:
    """
    Raises:
        UnknownShape: A size is missing, or is no number above 0.
    """
    text = config.get("text_config")
    given = {**config, **text} if isinstance(text, Mapping) else config

    def size(*names: str, default: int | None = None) -> int:
        for name in names:
            value = given.get(name)
            if isinstance(value, int) and not isinstance(value, bool) and value > 0:
                return value
        if default is None:
            raise UnknownShape(f"config.json names no {names[0]}")
        return default

    hidden = size("hidden_size", "n_embd", "d_model")
    heads = size("num_attention_heads", "n_head")
    experts = size("num_local_experts", "num_experts", "n_routed_experts", default=1)
    inner = size("intermediate_size", "n_inner", "ffn_dim", default=4 * hidden)
    act = str(given.get("hidden_act") or given.get("hidden_activation") or "silu")
    return Shape(
        layers=size("num_hidden_layers", "n_layer"),
        hidden=hidden,
        inner=size("moe_intermediate_size", default=inner) if experts > 1 else inner,
        heads=heads,
        shared=size("num_key_value_heads", default=heads),
        head=size("head_dim", default=hidden // heads),
        vocabulary=size("vocab_size"),
        tied=bool(given.get("tie_word_embeddings", False)),
        gated=act in ("silu", "swish", "gelu_pytorch_tanh")
        and str(given.get("model_type")) not in ("gpt2", "gpt_neox", "opt", "phi", "starcoder2"),
        experts=experts,
        active=size("num_experts_per_tok", default=1) if experts > 1 else 1,
    )


def estimate(
    config: Mapping[str, Any],
    *,
    precision: Precision,
    on_gpu: bool,
    prompt_tokens: int,
    new_tokens: int,
    ask_batch: int,
    rank: int,
    targets: Sequence[str] = ("all-linear",),
    row_tokens: int,
    answer_tokens: int,
    batch: int,
    gradient_checkpointing: bool = False,
    base_precision: Precision | None = None,
    adapter: bool = True,
    weights: int | None = None,
) -> Memory:
    """What asking and training take at their peaks.

    Args:
        config: The model's config.json.
        prompt_tokens, new_tokens: Of the longest question and of the longest answer.
        row_tokens, answer_tokens: Of the longest training row, and of the answer in it.
        base_precision: Of the base in training, where it is another than `precision`.
        adapter: The student is asked with an adapter, which is merged in float32 first.
        weights: How many the base has, where that is known better than from its sizes.

    Raises:
        UnknownShape: The config.json names its sizes otherwise.
    """
    shape = shape_of(config)
    count = weights or shape.weights
    return Memory(
        weights=count,
        student=student_need(
            shape,
            count,
            precision,
            on_gpu,
            prompt_tokens,
            new_tokens,
            ask_batch,
            rank,
            targets,
            adapter,
        ),
        training=training_need(
            shape,
            count,
            base_precision or precision,
            precision,
            on_gpu,
            rank,
            targets,
            row_tokens,
            answer_tokens,
            batch,
            gradient_checkpointing,
        ),
    )


def student_need(
    shape: Shape,
    weights: int,
    precision: Precision,
    on_gpu: bool,
    prompt: int,
    new: int,
    batch: int,
    rank: int,
    targets: Sequence[str],
    adapter: bool,
) -> Need:
    size = BYTES[precision]
    own = shape.adapter(rank, targets)
    process = process_of(STUDENT_PROCESS, on_gpu)
    merging = [
        process,
        item("weights in float32, to merge", weights * 4, f"{weights / 1e6:,.1f}M x 4 bytes"),
        item("adapter", own * 4, f"rank {rank}: {own / 1e6:,.1f}M x 4 bytes"),
    ]
    kept = 2 * shape.layers * shape.shared * shape.head * size  # of a token
    length = prompt + new
    one_layer = 2 * batch * length * shape.heads * shape.head * size
    hidden = batch * prompt * (4 * shape.hidden + 3 * shape.inner * shape.active) * size
    scores = 0 if on_gpu else batch * shape.heads * prompt * prompt * (size + 4)
    asking = [
        process,
        item("weights", weights * size, f"{weights / 1e6:,.1f}M x {size} bytes"),
        item(
            "keys and values",
            batch * length * kept,
            f"{batch} answers x {length} tokens x 2 x {shape.layers} layers x {shape.shared} heads "
            f"x {shape.head} x {size} bytes",
        ),
        item(
            "at work in one layer",
            one_layer + max(hidden + scores, 0),
            f"{batch} questions x {prompt} tokens, the widest layer and its attention",
        ),
        item(
            "next tokens",
            batch * shape.vocabulary * (size + 2 * 4),
            f"{batch} answers x {shape.vocabulary} words of the vocabulary x {size + 8} bytes",
        ),
    ]
    return max(Need(items=tuple(asking)), Need(items=tuple(merging if adapter else ())), key=gib)


def training_need(
    shape: Shape,
    weights: int,
    base: Precision,
    precision: Precision,
    on_gpu: bool,
    rank: int,
    targets: Sequence[str],
    row: int,
    answer: int,
    batch: int,
    checkpointing: bool,
) -> Need:
    size = BYTES[precision]
    own = shape.adapter(rank, targets)
    tokens = batch * row
    block = activations(shape, row, size, on_gpu, rank) * tokens
    if checkpointing:
        held = shape.layers * shape.hidden * tokens * size
        kept = item(
            "activations",
            block + held,
            f"{batch} x {row} tokens: each of {shape.layers} layers keeps its input, one is "
            "computed again",
        )
    else:
        kept = item(
            "activations",
            shape.layers * block,
            f"{batch} x {row} tokens x {shape.layers} layers x "
            f"{activations(shape, row, size, on_gpu, rank) / 1024:,.0f} KiB",
        )
    scored = tokens if on_gpu else batch * answer
    # As the model gives them, as float32, as log-probabilities, and the gradient.
    each = 4 * size if precision == "float32" else 2 * size + 3 * 4
    logits = scored * shape.vocabulary * each
    holes = HOLES_GPU if on_gpu else HOLES_CPU
    return Need(
        items=(
            process_of(TRAINER_PROCESS, on_gpu),
            item("weights", weights * BYTES[base], f"{weights / 1e6:,.1f}M x {BYTES[base]} bytes"),
            item(
                "adapter, gradient and AdamW",
                own * 4 * 4,
                f"rank {rank}: {own / 1e6:,.1f}M x 4 numbers x 4 bytes",
            ),
            kept,
            item(
                "logits",
                logits,
                f"{scored:,} tokens x {shape.vocabulary} words of the vocabulary x {each} bytes",
            ),
            item(
                "on the way back",
                max(0, holes * kept.bytes - logits),
                f"gradients and the allocator's holes, {holes:.0%} of the activations, as far as "
                "that is more than the logits, which are gone by then",
            ),
        )
    )


def activations(shape: Shape, length: int, size: int, on_gpu: bool, rank: int) -> int:
    """Bytes that one layer keeps of one token for the backward pass, with its base frozen.

    Two norms keep their inputs, in float32; the linear layers their inputs,
    for the gradient of lora_A; attention its queries, and keys and values for every head, and off
    the GPU its weights, twice; the gate and what it lets through are kept before and after.
    """
    wide = shape.heads * shape.head
    norms = 2 * shape.hidden * 4
    inputs = (2 * shape.hidden + wide) * size
    attention = 3 * wide * size + (0 if on_gpu else shape.heads * length * (5 + size))
    gates = (4 if shape.gated else 2) * shape.inner * shape.active * size
    return int(norms + inputs + attention + gates + len(shape.linears) * rank * 4)


def process_of(bytes: float, on_gpu: bool) -> Item:
    """What there is before any weights."""
    if on_gpu:
        return item("CUDA", GPU_CONTEXT, "its context, before any weights")
    return item("the process", bytes, "Python and its packages, before any weights")


def item(what: str, bytes: float, how: str) -> Item:
    return Item(what=what, bytes=round(bytes), how=how)


def gib(need: Need) -> float:
    return need.gib
