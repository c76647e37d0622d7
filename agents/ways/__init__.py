"""Ways to learn: what a round learns from, what the instructor is shown, and what is trained on."""

from errata.agents.ways.augment import Augmentation
from errata.agents.ways.le import LearningFromError
from errata.agents.ways.le_lec import BothFromError
from errata.agents.ways.lec import LearningFromErrorByContrast
from errata.agents.ways.sft import FineTuning
from errata.agents.ways.sft_augment import FineTuningAndAugmentation
from errata.agents.ways.way import Way

WAYS: dict[str, Way] = {
    "sft": FineTuning(),
    "augment": Augmentation(),
    "sft+augment": FineTuningAndAugmentation(),
    "le": LearningFromError(),
    "lec": LearningFromErrorByContrast(),
    "le+lec": BothFromError(),
}
"""By their name in a configuration, as `strategy`."""

__all__ = ["WAYS", "Way"]
