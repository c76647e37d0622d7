"""Shapers: from accepted examples, and what the student says to them, to training rows."""

from errata.agents.shapers.columns import Columns
from errata.agents.shapers.difficulty import Difficulty
from errata.agents.shapers.diverse import Diverse
from errata.agents.shapers.more_words import MoreWords
from errata.agents.shapers.own_words import OwnWords
from errata.agents.shapers.pairs import Pairs
from errata.agents.shapers.shaper import Rehearsed, Shaper, check_objective
from errata.agents.shapers.spoiled import Spoiled
from errata.agents.shapers.steps import Steps
from errata.agents.shapers.tagged import Tagged
from errata.agents.shapers.unsolved import Unsolved

SHAPERS: dict[str, Shaper] = {
    "columns": Columns(),
    "difficulty": Difficulty(),
    "diverse": Diverse(),
    "more_words": MoreWords(),
    "own_words": OwnWords(),
    "pairs": Pairs(),
    "spoiled": Spoiled(),
    "steps": Steps(),
    "tagged": Tagged(),
    "unsolved": Unsolved(),
}
"""By their name in a configuration, in `examples.shape`."""

__all__ = ["SHAPERS", "Rehearsed", "Shaper", "check_objective"]
