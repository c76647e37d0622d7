"""What a child process and its parent tell each other: jobs, requests, replies, steps, ends.

One definition for both sides, parsed where it comes in. Nothing here imports torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationInfo,
    field_validator,
    model_validator,
)

from errata.training.options import (
    OBJECTIVES,
    AdapterName,
    NoOptions,
    ObjectiveName,
    Options,
    read_options,
)
from errata.training.record import Record as Record

BUNDLED_FOLDER = "smollm2-135m-instruct"
"""Name of the folder of the model `bundled`."""

Precision = Literal["auto", "bfloat16", "float32"]
"""Number format of the weights; `auto` asks the hardware."""

Quantize = Literal["4bit"]
"""How the base's weights are rounded in memory: to 4 bits each (NF4, by bitsandbytes)."""

Tracker = Literal[
    "clearml", "comet_ml", "dvclive", "mlflow", "swanlab", "tensorboard", "trackio", "wandb"
]
"""A tracker of trainings, as transformers names it."""

Conversation = tuple[tuple[str, str], ...]
"""(role, text), oldest first; the roles are system, user and assistant."""


def asked_as(
    prompt: str, before: Conversation = (), system: str | None = None
) -> str | Conversation:
    """What a model is asked: the prompt alone, or, where messages stand before it, all of them.

    Args:
        system: Stands first where `before` does not begin with a system message of its own.
    """
    if not before:
        return prompt
    own = before[0][0] == "system"
    told = () if own or system is None else (("system", system),)
    return (*told, *before, ("user", prompt))


class ModelRef(Record):
    """The weights that answer: a base model, with or without a LoRA adapter."""

    base: str
    """`bundled`, a folder, or a hub id."""
    adapter: str | None = None
    """Folder of the LoRA adapter."""

    def __str__(self) -> str:
        return f"{self.base} + {self.adapter}" if self.adapter else self.base


class Machine(Record):
    """What computed: as far as it may change answers, in torch's words."""

    device: str
    """`cpu`, or the name of the GPU."""
    capability: str
    """Instructions that the CPU has and torch uses, or the GPU's compute capability."""
    precision: str
    """Number format of the weights."""
    threads: int
    """Of torch, on the CPU."""
    at_once: int | None = None
    """Responses that its memory had room for, where that was less than a batch."""


class Sampling(Record):
    """How a model is asked: greedily and once, or several times with chance."""

    answers: int = Field(default=1, ge=1)
    """Responses to each question."""
    temperature: float = Field(default=0.0, ge=0)
    """0: greedily, and then once only."""
    top_p: float = Field(default=1.0, gt=0, le=1)
    """Share of the probability that the likeliest tokens make up, which alone are drawn from."""
    seed: int = 0
    """The same seed gives the same responses on the same machine."""

    @model_validator(mode="after")
    def several_need_chance(self) -> Sampling:
        if self.answers > 1 and self.temperature == 0:
            raise ValueError(
                f"{self.answers} answers at temperature 0 are all the same; raise the temperature, "
                "or ask once"
            )
        return self

    @model_validator(mode="after")
    def temperature_can_be_divided_by(self) -> Sampling:
        if not (self.temperature == 0 or 0.01 <= self.temperature <= 100):
            raise ValueError(f"temperature {self.temperature:g} is neither 0 nor from 0.01 to 100")
        return self


GREEDY = Sampling()


class StudentJob(Record):
    """What the child that answers is started with."""

    model: ModelRef
    max_new_tokens: int
    batch_size: int
    precision: Precision = "auto"
    system: str | None = None
    """System prompt; the model's own default when None."""
    quantize: Quantize | None = None


class AskRequest(Record):
    """Questions for the child that answers: each one's `Reply` or replies, then `RequestDone`."""

    prompts: tuple[tuple[str, str | Conversation], ...]
    """(id, prompt) of all questions, the answered ones among them."""
    answered: frozenset[str] = frozenset()
    """Ids that need no reply; they still shape the batches."""
    sampling: Sampling = GREEDY
    only_batches: bool = False
    """Asks nothing: the reply is the `Batches`, in place of all others."""


class Reply(Record):
    """One response to one prompt."""

    id: str
    sample: int = 0
    """Which of the prompt's responses, from 0."""
    text: str
    tokens: int
    """Generated tokens, the end mark included."""
    truncated: bool
    """True when the response ran into the token limit."""
    prompt_tokens: int


class Batches(Record):
    """Which prompts of a request are answered together. Each batch can be a request of its own,
    to another child too, and gets the replies that it would have got among all."""

    ids: tuple[tuple[str, ...], ...]


class RequestDone(Record):
    """All replies to a request have been sent."""


class TokenizerJob(Record):
    """What the child that turns texts into token ids, and back, is started with."""

    base: str
    system: str | None = None
    """System prompt; the model's own default when None."""


class TokenizerReady(Record):
    """Its first message."""

    weights: str
    """What `from_pretrained` takes: a folder or a hub id."""
    ends: tuple[int, ...]
    """Each of these tokens ends a response."""


class EncodeRequest(Record):
    """Prompts for it: an `Encoded` for each, in their order."""

    prompts: tuple[tuple[str, str | Conversation], ...]
    """(id, prompt)."""


class Encoded(Record):
    """A prompt as the model reads it, up to where the response begins."""

    id: str
    ids: tuple[int, ...]


class DecodeRequest(Record):
    """A response for it: a `Decoded`."""

    response: tuple[int, ...]
    """Token ids, without the end mark."""


class Decoded(Record):
    """A response as text."""

    text: str


class LoraSettings(Record):
    """How an adapter is made and fine-tuned."""

    objective: ObjectiveName = "sft"
    """What the training minimizes (docs/objectives.md), or `python:FILE.py:NAME`, of your own."""
    options: Options = NoOptions()
    """The objective's own."""
    adapter: AdapterName = "lora"
    """What is trained, and how it begins (docs/objectives.md)."""
    rank: int = Field(default=16, ge=1)
    """Of the two matrices that stand beside each layer; more rank, more weights to train."""
    alpha: int = Field(default=32, ge=1)
    """LoRA scale; updates are multiplied by alpha / rank."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of the adapter's inputs that each step leaves out."""
    targets: tuple[str, ...] = ("all-linear",)
    """Names of the layers that get an adapter, or `all-linear`."""
    learning_rate: float = Field(default=1e-3, gt=0)
    """Of AdamW, at its highest; the default is the objective's: 1e-4 for `dpo`."""
    epochs: float | None = Field(default=2, gt=0)
    """How often each example is trained on."""
    tokens: int | None = Field(default=None, ge=1)
    """In place of `epochs`: train on so many tokens, prompts and completions together, however many
    examples there are. In a run that is for each round."""
    batch: int | None = Field(default=None, ge=1)
    """Examples in memory at once, on each GPU. Where not said, as many as leave the training 500
    optimizer steps, between 1 and 8 (docs/training.md)."""
    accumulate: int = Field(default=1, ge=1)
    """Batches that make one optimizer step, on each GPU."""
    warmup: float = Field(default=0.05, ge=0, lt=1)
    """Share of the steps over which the learning rate rises."""
    schedule: Literal["linear", "cosine"] = "linear"
    """How the learning rate falls to zero."""
    gradient_checkpointing: bool = False
    """Less memory for a third more time: activations are computed again instead of kept."""
    max_tokens: int = Field(default=1024, ge=8)
    """Of an example; longer ones are left out, and counted."""
    seed: int = 0
    """Of the new weights and the order of the examples; in a run each round adds its index."""
    precision: Precision = "auto"
    """Number format of the weights; `auto` asks the hardware."""
    launch: tuple[str, ...] = ()
    """What starts the training on several GPUs or machines (docs/training.md), as a command and its
    arguments: `["torchrun", "--nproc-per-node=4"]`; one process where not said."""
    checkpoint_minutes: float = Field(default=10, ge=0, allow_inf_nan=False)
    """Time between two checkpoints within a training, from which it goes on after a kill; 0: none
    are written."""
    report_to: tuple[Tracker, ...] = ()
    """Trackers that get each step's loss, such as `tensorboard`; their packages are your own to
    install."""

    @model_validator(mode="before")
    @classmethod
    def the_objective_brings_its_defaults(cls, given: Any) -> Any:
        """Its options, and the learning rate where none is said."""
        name = given.get("objective", "sft") if isinstance(given, dict) else None
        if not isinstance(name, str) or name not in OBJECTIVES:
            return given
        return {"options": {}, "learning_rate": OBJECTIVES[name].learning_rate} | given

    @field_validator("options", mode="before")
    @classmethod
    def options_are_the_objectives(cls, given: Any, others: ValidationInfo) -> Any:
        said = given.model_dump() if isinstance(given, NoOptions) else given
        if not isinstance(said, dict):
            raise ValueError("the options are a table: [training.options]")
        return read_options(others.data.get("objective", "sft"), said)

    @model_validator(mode="before")
    @classmethod
    def epochs_or_tokens(cls, given: Any) -> Any:
        """`epochs` has its default only where `tokens` is not said."""
        if isinstance(given, dict) and given.get("tokens") is not None:
            if given.get("epochs") is not None:
                raise ValueError("epochs and tokens both say how long to train; take one out")
            return given | {"epochs": None}
        return given

    @model_validator(mode="after")
    def one_of_them_is_said(self) -> LoraSettings:
        if self.epochs is None and self.tokens is None:
            raise ValueError("neither epochs nor tokens says how long to train; give one")
        return self


class TrainingJob(Record):
    """All that a training needs to know."""

    start: ModelRef
    """Its adapter, where it has one, is trained on."""
    examples: Path
    """JSON lines with `prompt` and `completion`."""
    adapter: Path
    """Where the new adapter goes; it appears there when it is whole."""
    settings: LoraSettings
    system: str | None = None
    """The student's system prompt; its own default when None."""
    quantize: Quantize | None = None
    """As the student is asked."""


class TrainingRow(BaseModel):
    """What a training reads of an example; the other fields of its line are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    before: Conversation = ()
    """The messages before `prompt`."""
    prompt: str
    completion: str
    """What is learnt, after `given`."""
    rejected: str | None = None
    """A worse text in place of `completion`, for objectives that compare."""
    given: str = ""
    """How the answer begins, as it stands before `completion` and `rejected`: shown, not learnt."""
    ends: bool = True
    """Whether the answer ends there, and its end mark is learnt as well."""
    system: str | None = None
    """System prompt of this row alone, in place of the job's and of its own system message."""

    def asked(self, system: str | None) -> str | Conversation:
        """What the model reads before the answer; `system` is the job's."""
        if self.system is None:
            return asked_as(self.prompt, self.before, system)
        turns = tuple(turn for turn in self.before if turn[0] != "system")
        return asked_as(self.prompt, turns, self.system)


class Step(Record):
    """One optimizer step is done."""

    step: int
    steps: int
    """Steps of the whole training."""
    loss: float


class FinishedTraining(Record):
    """The last message of a training; it lies in the adapter's folder, too."""

    job: TrainingJob
    examples_sha256: str
    tokens: int
    """Tokens seen, all epochs together."""
    epochs: float
    """How often each example was seen, on average over their tokens."""
    skipped: int
    """Examples left out as longer than `max_tokens`."""
    loss: float
    """Of the last step."""
    measured: Mapping[str, float] = Field(default_factory=dict)
    """What the objective measured at the end (docs/objectives.md)."""
    batch: int | None = None
    """Examples in memory at once, on each GPU; None where the job says it."""
    processes: int = 1
    """That shared each step's examples."""
    machine: Machine | None = None
    """Where it was trained."""


class Failed(Record):
    """The last words of one of the processes of a launched training."""

    rank: int
    at: float
    """Seconds since 1970."""
    said: str


FROM_STUDENT: TypeAdapter[Machine | Reply | Batches | RequestDone] = TypeAdapter(
    Machine | Reply | Batches | RequestDone
)
"""The first message is the machine."""
FROM_TRAINER: TypeAdapter[Step | FinishedTraining] = TypeAdapter(Step | FinishedTraining)
TO_TOKENIZER: TypeAdapter[EncodeRequest | DecodeRequest] = TypeAdapter(
    EncodeRequest | DecodeRequest
)
FROM_TOKENIZER: TypeAdapter[TokenizerReady | Encoded | Decoded] = TypeAdapter(
    TokenizerReady | Encoded | Decoded
)
