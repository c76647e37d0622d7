"""The Trainer turns checked examples into a LoRA adapter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from pydantic import Field

from errata.agents.records import ModelRef, Record
from errata.training.jobs import TrainingJob as TrainingJob

OnStep = Callable[[int, int, float], None]
"""(step, steps, loss), after each optimizer step."""


class Trained(Record):
    """What a finished training tells of itself."""

    model: ModelRef
    tokens: int
    """Tokens seen, all epochs together."""
    skipped: int
    """Examples left out as longer than `max_tokens`."""
    loss: float
    """Of the last step."""
    objective: str = "sft"
    adapter: str = "lora"
    """Its kind."""
    measured: Mapping[str, float] = Field(default_factory=dict)
    """What the objective measured at the end (docs/objectives.md)."""


class Trainer(Protocol):
    def train(self, job: TrainingJob, on_step: OnStep) -> Trained:
        """Trains, unless the whole adapter of this very training is at `job.adapter` already.

        Whatever else is there, of a killed or of another training, is replaced.

        Raises:
            StepFailed: The training failed or was killed; no new adapter is at `job.adapter`.
        """
        ...
