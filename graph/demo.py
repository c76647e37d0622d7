"""The run that `errata demo` makes."""

from __future__ import annotations

from errata.agents.exams import ArithmeticExam
from errata.agents.records import TrainingSettings
from errata.agents.student import StudentSettings
from errata.graph.config import ExampleSettings, RunConfig, StopSettings, Variations

EXAM_SEED = 20270301  # chosen last: no part of errata was tried on its questions before


def demo_config() -> RunConfig:
    """Two cores with bf16 instructions get through it in about ten minutes."""
    return RunConfig(
        name="demo",
        strategy="lec",
        exam=(ArithmeticExam(name="arithmetic", seed=EXAM_SEED, practice=198, dev=90, test=180),),
        student=StudentSettings(model="bundled", max_new_tokens=64, system="Solve."),
        instructor=Variations(small_steps="always", rename=False),
        examples=ExampleSettings(per_round=1500),
        training=TrainingSettings(epochs=1, batch=8, start="best", replay=0.5),
        stop=StopSettings(target_accuracy=0.97, rounds=2),
    )
