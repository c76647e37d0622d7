"""What must be installed on this machine for a student and its training."""

from __future__ import annotations

import importlib.util

from errata.agents.errors import ConfigError
from errata.agents.student import StudentSettings
from errata.agents.weights.launched import find_launcher, missing
from errata.training.extras import install
from errata.training.jobs import LoraSettings


def check_here(student: StudentSettings, training: LoraSettings) -> None:
    """Raises: ConfigError: A package or the launcher is missing, or weights are not there whole."""
    check_quantize(student, "student.quantize")
    if student.quantize is not None and training.adapter in ("pissa", "corda"):
        raise ConfigError(
            f"training.adapter {training.adapter!r} takes a part out of the base's weights, which "
            'student.quantize rounds; say adapter = "lora", or take quantize out'
        )
    for tracker in training.report_to:
        if not installed(tracker):
            package = tracker.replace("_", "-")
            raise ConfigError(
                f"training.report_to names {tracker}, which is not installed: "
                f"`pip install {package}`, or take it out"
            )
    if training.launch and find_launcher(training.launch) is None:
        raise ConfigError(missing(training.launch))


def check_quantize(student: StudentSettings, named: str) -> None:
    """Raises: ConfigError: The weights are to be rounded, and what rounds them is missing."""
    if student.quantize is not None and not installed("bitsandbytes"):
        raise ConfigError(f"{named} needs bitsandbytes: {install('4bit')}, or take it out")


def installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None
