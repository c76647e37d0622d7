"""Shapers: from accepted examples, and what the student says to them, to training rows."""

from errata.agents.shapers.own_words import OwnWords
from errata.agents.shapers.shaper import Rehearsed, Shaper
from errata.agents.shapers.unsolved import Unsolved

SHAPERS: dict[str, Shaper] = {
    "unsolved": Unsolved(),
    "own_words": OwnWords(),
}
"""By their name in a configuration, in `examples.shape`."""

__all__ = ["SHAPERS", "Rehearsed", "Shaper"]
