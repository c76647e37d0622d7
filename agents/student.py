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
)


class Student(Protocol):
    def ask(
        self,
        model: ModelRef,
        questions: Sequence[Question],
        answered: frozenset[str],
        sampling: Sampling = GREEDY,
    ) -> Iterator[Response]:
        """Responses to the questions whose ids are not in `answered`, as they come, in any order.

        `questions` is the whole exam: what is already answered may still shape the batches.

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
    """Questions answered at once."""
    precision: Precision = "auto"
    """Number format of the weights; `auto` asks the hardware."""

    @property
    def model_ref(self) -> ModelRef:
        """The model that a run begins with."""
        return ModelRef(base=self.model, adapter=self.adapter)
