"""LLMs as instructor and as writer: how they are asked, and what their replies become."""

from errata.agents.llm.data_writer import LlmRewriter, LlmWriter
from errata.agents.llm.instructor import LlmInstructor

__all__ = ["LlmInstructor", "LlmRewriter", "LlmWriter"]
