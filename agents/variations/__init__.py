"""The instructor and the writer without an LLM."""

from errata.agents.variations.writer import VariationsInstructor, VariationsWriter

__all__ = ["VariationsInstructor", "VariationsWriter"]
