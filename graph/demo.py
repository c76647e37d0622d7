"""The run that `errata demo` makes."""

from __future__ import annotations

from errata.agents.exams import ArithmeticExam
from errata.agents.records import TrainingSettings
from errata.agents.student import StudentSettings
from errata.graph.config import ExampleSettings, RunConfig, StopSettings

EXAM_SEED = 20261122  # chosen last: no part of errata was tried on its questions before


def demo_config() -> RunConfig:
    """Two cores get through it in under ten minutes."""
    return RunConfig(
        name="demo",
        strategy="lec",
        exam=ArithmeticExam(name="arithmetic", seed=EXAM_SEED, practice=144, dev=90, test=180),
        student=StudentSettings(model="bundled", max_new_tokens=64),
        examples=ExampleSettings(per_round=1000),
        training=TrainingSettings(epochs=1, start="best", replay=0.15),
        stop=StopSettings(target_accuracy=0.95, rounds=2),
    )
