"""The Trainer turns checked examples into a LoRA adapter."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from errata.agents.records import ModelRef, Record, TrainingSettings

OnStep = Callable[[int, int, float], None]
"""(step, steps, loss), after each optimizer step."""


class TrainingJob(Record):
    """All that a training needs to know."""

    start: ModelRef
    """Its adapter, where it has one, is trained on."""
    examples: Path
    """JSON lines with `prompt` and `completion`."""
    adapter: Path
    """Where the new adapter goes; it appears there when it is whole."""
    settings: TrainingSettings
    system: str | None = None
    """The student's system prompt; its own default when None."""


class Trained(Record):
    """What a finished training tells of itself."""

    model: ModelRef
    tokens: int
    """Tokens seen, all epochs together."""
    skipped: int
    """Examples left out as longer than `max_tokens`."""
    loss: float
    """Of the last step."""


class Trainer(Protocol):
    def train(self, job: TrainingJob, on_step: OnStep) -> Trained:
        """Raises:
        StepFailed: The training failed or was killed; nothing is at `job.adapter`.
        """
        ...
