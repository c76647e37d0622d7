"""Shapers: from accepted examples, and what the student says to them, to training rows."""

from errata.agents.shapers.shaper import Rehearsed, Shaper, check_objective

SHAPERS: dict[str, Shaper] = {}
"""By their name in a configuration, in `examples.shape`."""

__all__ = ["SHAPERS", "Rehearsed", "Shaper", "check_objective"]
