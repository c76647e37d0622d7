"""Ways to learn from errors: what the instructor is shown, and what is trained on."""

from errata.agents.ways.le import LearningFromError
from errata.agents.ways.lec import LearningFromErrorByContrast
from errata.agents.ways.way import Way

WAYS: dict[str, Way] = {"le": LearningFromError(), "lec": LearningFromErrorByContrast()}
"""By their name in a configuration, as `strategy`."""

__all__ = ["WAYS", "LearningFromError", "LearningFromErrorByContrast", "Way"]
