"""Chat logs: OpenAI's `messages` and ShareGPT's `conversations`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from errata.agents.errors import ExamError

ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
}
"""As logs call who speaks → as chat templates do."""


@dataclass(frozen=True)
class Chat:
    """A conversation whose last answer is what is to be learnt."""

    before: tuple[tuple[str, str], ...]
    """(role, text) of what was said before the last question."""
    prompt: str
    reply: str


def read_chat(given: object) -> Chat:
    """The conversation in a cell, as far as its last answer.

    Raises:
        ExamError: It is none, or has no answer at its end.
    """
    if not isinstance(given, Sequence) or isinstance(given, str) or not given:
        raise ExamError("the conversation is no list of messages")
    turns = [turn_of(message) for message in given]
    if turns[-1][0] != "assistant":
        raise ExamError(f"the conversation ends with the {turns[-1][0]}, so there is no answer")
    if len(turns) < 2 or turns[-2][0] != "user":
        raise ExamError("the last answer of the conversation follows no message of the user")
    for at, (role, _) in enumerate(turns[:-1]):
        if role == "system" and at:
            raise ExamError("a system message stands in the middle of the conversation")
        if at and role == turns[at - 1][0]:
            raise ExamError(f"two messages of the {role} follow each other: join them")
    return Chat(tuple(turns[:-2]), turns[-2][1], turns[-1][1])


def turn_of(message: object) -> tuple[str, str]:
    """(role, text) of one message."""
    if not isinstance(message, Mapping):
        raise ExamError("a message of the conversation is no object")
    role = message.get("role", message.get("from"))
    known = ROLES.get(str(role).lower())
    if known is None or message.get("tool_calls"):
        raise ExamError(f"a message is of {role!r}: only user, assistant and system are read")
    text = message.get("content", message.get("value"))
    if isinstance(text, Sequence) and not isinstance(text, str):
        parts = [part.get("text") if isinstance(part, Mapping) else part for part in text]
        if not all(isinstance(part, str) for part in parts):
            raise ExamError("a message holds something else than text")
        text = "\n".join(map(str, parts))
    if not isinstance(text, str) or not text.strip():
        raise ExamError(f"a message of the {known} is empty")
    return known, text
