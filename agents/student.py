"""The student: a model that answers questions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from errata.agents.records import (
    GREEDY,
    ModelRef,
    Precision,
    Question,
    Record,
    Response,
    Sampling,
    Text,
)
from errata.training.jobs import Conversation, Quantize


class Revisited(Question):
    """A question to which the student gave an answer already, and is asked to look again."""

    said: Text
    """The answer."""
    request: str
    """What it is asked thereupon."""

    def conversation(self, system: str | None = None) -> Conversation:
        """Question, answer and request."""
        asked = super().conversation(system)
        return (*asked, ("assistant", self.said), ("user", self.request))


class Prompted(Question):
    """A question asked under a system prompt of its own, in place of the student's."""

    system: str

    def conversation(self, system: str | None = None) -> Conversation:
        """The question after its system prompt, unless its messages bring one of their own."""
        return super().conversation(self.system)


class Student(Protocol):
    def ask(
        self,
        model: ModelRef,
        questions: Sequence[Question],
        answered: frozenset[str],
        sampling: Sampling = GREEDY,
    ) -> Iterator[Response]:
        """`sampling.answers` responses to each question not in `answered`, in any order.

        They come as they are made, each with its `sample`, counted from 0. The same sampling
        gives the same responses, whatever is answered already.

        Args:
            questions: The whole exam: what is already answered may still shape the batches.
                One that is `Revisited` or `Prompted`, or has messages `before` its prompt, is asked
                as its `conversation`.
            answered: Ids of the questions of which every response is there. One that lacks some
                is asked for all of them again; whoever asks passes over those that it has.

        Raises:
            StepFailed: The student stopped before it had answered everything.
        """
        ...

    def close(self) -> None:
        """Lets go of the weights; the next question loads them again."""
        ...


class Under:
    """A student that is asked everything under another system prompt; its weights are shared."""

    def __init__(self, student: Student, system: str) -> None:
        self.student, self.system = student, system

    def ask(
        self,
        model: ModelRef,
        questions: Sequence[Question],
        answered: frozenset[str],
        sampling: Sampling = GREEDY,
    ) -> Iterator[Response]:
        """See `Student.ask`."""
        asked = [Prompted(**dict(question), system=self.system) for question in questions]
        if sampling == GREEDY:  # a student of somebody's own may know of nothing else
            return self.student.ask(model, asked, answered)
        return self.student.ask(model, asked, answered, sampling)

    def close(self) -> None:
        self.student.close()


def prompts_of(
    questions: Sequence[Question], system: str | None
) -> tuple[tuple[str, str | Conversation], ...]:
    """(id, prompt) of each question, as the children of `errata.training` take them."""

    def asked(question: Question) -> str | Conversation:
        whole = question.before or isinstance(question, Revisited | Prompted)
        return question.conversation(system) if whole else question.prompt

    return tuple((question.id, asked(question)) for question in questions)


SET_BY_ERRATA = (
    "--model --host --port --uds --api-key --served-model-name --api-server-count --seed --dtype "
    "--generation-config --max-num-seqs --tensor-parallel-size -tp --data-parallel-size -dp "
    "--enable-lora --max-loras --max-cpu-loras --max-lora-rank --lora-modules"
).split()
"""Flags of `vllm serve` that follow from the rest of a configuration."""


class ServeSettings(Record):
    """vLLM servers that errata starts here, one a GPU, and ends while it trains."""

    command: tuple[str, ...] = Field(default=("vllm", "serve"), min_length=1)
    """What starts a server, from an environment of its own: `["/opt/vllm/bin/vllm", "serve"]`."""
    gpus: int | None = Field(default=None, ge=1)
    """GPUs to use; all that are here where not said. On a machine without any: one server."""
    gpus_each: int = Field(default=1, ge=1)
    """GPUs of each server, among which it splits the model's layers."""
    flags: tuple[str, ...] = ()
    """Further flags of `vllm serve`: `["--max-model-len", "4096"]`."""
    environment: Mapping[str, str] = Field(default_factory=dict)
    """Environment variables of the servers; never a key."""
    ready_s: float = Field(default=1800, gt=0)
    """Patience with a server that loads the model."""

    @field_validator("flags")
    @classmethod
    def flags_are_free(cls, flags: tuple[str, ...]) -> tuple[str, ...]:
        for flag in flags:
            name = flag.partition("=")[0].replace("_", "-")
            if name in SET_BY_ERRATA:
                raise ValueError(f"errata says {name} itself; take it out")
            if re.search(r"-(key|token|secret|password)$", name.lower()):
                raise ValueError(
                    f"{name} is a key: set its variable (HF_TOKEN …) in errata's own environment"
                )
        return flags

    @field_validator("environment")
    @classmethod
    def no_key_in_a_file(cls, given: Mapping[str, str]) -> Mapping[str, str]:
        for name in given:
            if re.search(r"KEY|TOKEN|SECRET|PASSWORD", name.upper()):
                raise ValueError(
                    f"the variable {name} may be a key: set it in errata's own environment"
                )
        return given

    @model_validator(mode="after")
    def gpus_can_be_shared_out(self) -> ServeSettings:
        if self.gpus is not None and self.gpus % self.gpus_each:
            raise ValueError(
                f"{self.gpus} GPUs are no whole number of servers of {self.gpus_each}: change one"
            )
        return self

    def with_paths_from(self, folder: Path) -> ServeSettings:
        """The same, a command that is a path taken from `folder`."""
        first, *rest = self.command
        if "/" in first:
            first = str((folder / Path(first).expanduser()).absolute())
        return self.model_copy(update={"command": (first, *rest)})


class StudentSettings(Record):
    """Which model learns, and how it is asked."""

    model: str = Field(default="bundled", min_length=1)
    """`bundled` (SmolLM2-135M-Instruct), a folder, or a hub id."""
    adapter: str | None = None
    """LoRA adapter to begin with."""
    system: str | None = None
    """System prompt, when asked and in training; the model's own default when not said. A question
    of several messages that begins with a system message has that one in its place."""
    max_new_tokens: int = Field(default=128, ge=1)
    """Longest answer; a longer one is cut off and marked as it is."""
    batch_size: int = Field(default=64, ge=1)
    """Answers made at once: so many questions, or fewer where each is asked several times. On
    servers: of each of them."""
    precision: Precision = "auto"
    """Number format of the weights; `auto` asks the hardware."""
    quantize: Quantize | None = None
    """`4bit`: the base's weights are rounded to 4 bits each, in training and when asked; an adapter
    stands beside them and is not rounded (QLoRA). It takes the extra `4bit`."""
    urls: tuple[str, ...] = ()
    """vLLM servers that answer in place of weights loaded here (docs/serving.md):
    `["http://127.0.0.1:8001/v1"]`."""
    serve: ServeSettings | None = None
    """Or servers that errata starts itself: a table, [student.serve]; it may be empty."""
    served_as: str | None = Field(default=None, min_length=1)
    """The model's name on the servers of `urls`, where that is not the end of `model`."""
    timeout_s: float = Field(default=600, gt=0)
    """Patience with one answer of a server."""
    api_key_env: str | None = Field(default=None, pattern=r"^[A-Z_][A-Z0-9_]*$")
    """Environment variable that holds the key of the servers of `urls`."""

    @field_validator("urls")
    @classmethod
    def addresses(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        for url in urls:
            if re.search(r"[@?#]", url):
                raise ValueError("no password and no key may stand in an address, nor @, ? or #")
            try:
                parts = urlsplit(url)
                host, port = parts.hostname, parts.port
            except ValueError:
                host, port = None, None
            if not re.fullmatch(r"https?://\S+", url) or not host or port == 0:
                raise ValueError("each is the address of a server: http://HOST:PORT/v1")
        if len({url.rstrip("/") for url in urls}) < len(urls):
            raise ValueError("an address stands there twice; take one out")
        return urls

    @model_validator(mode="after")
    def one_sort_of_servers(self) -> StudentSettings:
        if self.urls and self.serve is not None:
            raise ValueError("urls and serve both say where the student answers; keep one")
        if self.quantize is not None and self.on_servers:
            raise ValueError("quantize rounds weights here, and servers hold theirs; keep one")
        if self.precision != "auto" and self.urls:
            raise ValueError("precision is what weights here are held in; servers of `urls` have "
                             "theirs, so take it out")  # fmt: skip
        for name in ("served_as", "api_key_env"):
            if getattr(self, name) is not None and not self.urls:
                raise ValueError(f"{name} says nothing without urls; take it out")
        return self

    @property
    def on_servers(self) -> bool:
        return bool(self.urls) or self.serve is not None

    @property
    def model_ref(self) -> ModelRef:
        """The model that a run begins with."""
        return ModelRef(base=self.model, adapter=self.adapter)
