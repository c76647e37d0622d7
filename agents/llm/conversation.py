"""A question as an LLM is shown it: fenced, and after the messages that stand before it."""

from __future__ import annotations

from pathlib import Path

from errata.agents.prompts import Prompt, fence
from errata.agents.records import Question, Turns

PROMPT = Prompt(Path(__file__).with_suffix(".md"))


def quoted(question: Question, shown: Question | None = None) -> str:
    """
    Args:
        shown: A question that stands above it; the messages that both have are not said again.
    """
    return quoted_after(question.before, question.prompt, () if shown is None else shown.before)


def quoted_after(before: Turns, prompt: str, shown: Turns = ()) -> str:
    """The fenced prompt alone where nothing stands before it."""
    if not before:
        return fence(prompt)
    if before == shown:
        return PROMPT.render("same", question=fence(prompt))
    messages = [
        PROMPT.render("message", number=str(number), role=role, text=fence(text))
        for number, (role, text) in enumerate(before, start=1)
    ]
    return PROMPT.render("after", messages="\n\n".join(messages), question=fence(prompt))
