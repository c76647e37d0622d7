"""The instructor and the writer without an LLM.

Both work on any exam whose solutions contain worked equations.
"""

from errata.agents.variations.fit import check_variations
from errata.agents.variations.instructor import VariationsInstructor
from errata.agents.variations.solver import VariationsSolver
from errata.agents.variations.writer import VariationsWriter

__all__ = ["VariationsInstructor", "VariationsSolver", "VariationsWriter", "check_variations"]
