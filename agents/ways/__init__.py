"""Ways to learn: what a round learns from, what the instructor is shown, and what is trained on."""

from typing import get_args

from errata.agents.errors import ConfigError
from errata.agents.own_code import own
from errata.agents.ways.augment import Augmentation
from errata.agents.ways.le import LearningFromError
from errata.agents.ways.le_lec import BothFromError
from errata.agents.ways.lec import LearningFromErrorByContrast
from errata.agents.ways.sft import FineTuning
from errata.agents.ways.sft_augment import FineTuningAndAugmentation
from errata.agents.ways.sft_lec import FineTuningAndContrast
from errata.agents.ways.way import Step, Way

WAYS: dict[str, Way] = {
    "sft": FineTuning(),
    "augment": Augmentation(),
    "sft+augment": FineTuningAndAugmentation(),
    "le": LearningFromError(),
    "lec": LearningFromErrorByContrast(),
    "le+lec": BothFromError(),
    "sft+lec": FineTuningAndContrast(),
}
"""By their name in a configuration, as `strategy`."""


def own_way(name: str) -> Way:
    """A way of the user's own, named `python:FILE.py:NAME`.

    Raises:
        ConfigError: There is no such way, or it cannot be one.
    """
    way: Way = own(name, "a way to learn", Way)
    if way.steps != tuple(step for step in STEPS if step in way.steps):
        raise ConfigError(
            f"{name}: steps is {way.steps!r}; make it a tuple of some of {', '.join(STEPS)}, in "
            "this order"
        )
    return way


STEPS: tuple[Step, ...] = get_args(Step)

__all__ = ["WAYS", "Way", "own_way"]
