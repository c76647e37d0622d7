"""The student: a model that answers questions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from pydantic import Field

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

    def conversation(self, system: str | None) -> Conversation:
        """Question, answer and request, after the system prompt where there is one."""
        told = () if system is None else (("system", system),)
        asked = (("user", self.prompt), ("assistant", self.said), ("user", self.request))
        return (*told, *asked)


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
                One that is `Revisited` is asked as a conversation.
            answered: Ids of the questions of which every response is there. One that lacks some
                is asked for all of them again; whoever asks passes over those that it has.

        Raises:
            StepFailed: The student stopped before it had answered everything.
        """
        ...

    def close(self) -> None:
        """Lets go of the weights; the next question loads them again."""
        ...


class StudentSettings(Record):
    """Which model learns, and how it is asked."""

    model: str = Field(default="bundled", min_length=1)
    """`bundled` (SmolLM2-135M-Instruct), a folder, or a hub id."""
    adapter: str | None = None
    """LoRA adapter to begin with."""
    system: str | None = None
    """System prompt, when asked and in training; the model's own default when not said."""
    max_new_tokens: int = Field(default=128, ge=1)
    """Longest answer; a longer one is cut off and marked as it is."""
    batch_size: int = Field(default=64, ge=1)
    """Answers made at once: so many questions, or fewer where each is asked several times."""
    precision: Precision = "auto"
    """Number format of the weights; `auto` asks the hardware."""
    quantize: Quantize | None = None
    """`4bit`: the base's weights are rounded to 4 bits each, in training and when asked; an adapter
    stands beside them and is not rounded (QLoRA). It takes the extra `4bit`."""

    @property
    def model_ref(self) -> ModelRef:
        """The model that a run begins with."""
        return ModelRef(base=self.model, adapter=self.adapter)
