"""LLMs as instructor and as writer: how they are asked, and what their replies become."""

from errata.agents.llm.data_writer import LlmRewriter, LlmWriter
from errata.agents.llm.instructor import LlmInstructor
from errata.agents.llm.prompt_writer import LlmPromptWriter
from errata.agents.llm.solver import LlmSolver

__all__ = ["LlmInstructor", "LlmPromptWriter", "LlmRewriter", "LlmSolver", "LlmWriter"]
