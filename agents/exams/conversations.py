"""A conversation in a row, in OpenAI's form or ShareGPT's, as a question and what stands before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from errata.agents.errors import ExamError
from errata.agents.records import Role, Turns

ROLES: Mapping[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",  # ShareGPT's
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
}
"""As logs call who speaks → as chat templates do."""
CALLS = ("tool_calls", "function_call")


@dataclass(frozen=True)
class Conversation:
    """What a conversation asks."""

    before: Turns
    """The messages before the user's last one."""
    prompt: str | None
    """The user's last message; None where there is to come one."""
    reply: str | None
    """What the assistant said to it; None where the user's message is the last."""


def read_conversation(given: object, prompt: str | None = None) -> Conversation:
    """The conversation in a list of messages: `role` and `content`, or ShareGPT's `from` and
    `value`.

    Args:
        prompt: The user's next message, where the row has it in a field of its own: then the whole
            list stands before it.

    Raises:
        ExamError: It is none, or one that a student cannot be asked.
    """
    if not isinstance(given, list) or not given:
        raise ExamError(
            "`messages` is no list of messages; write "
            '[{"role": "user", "content": "…"}, …], the user\'s or the assistant\'s last'
        )
    turns = [turn_in(message, at) for at, message in enumerate(given, 1)]
    if prompt is not None:
        turns.append(("user", prompt))
    check_order(turns, len(given))
    if prompt is None and turns[-1][0] == "assistant":
        return Conversation(tuple(turns[:-2]), turns[-2][1], turns[-1][1])
    return Conversation(tuple(turns[:-1]), turns[-1][1], None)


def turn_in(message: object, at: int) -> tuple[Role, str]:
    """Role and text of one message.

    Raises:
        ExamError: It has none, or more than text.
    """
    if not isinstance(message, Mapping):
        raise ExamError(f'message {at} is no object; write {{"role": "user", "content": "…"}}')
    said = message.get("role", message.get("from"))
    role = ROLES.get(said.lower()) if isinstance(said, str) else None
    if any(message.get(name) for name in CALLS) or said in ("tool", "function", "observation"):
        raise ExamError(
            f"message {at} calls a tool or is a tool's; a student is asked text alone: leave the "
            "row out, or say in text what the tool did"
        )
    if role is None:
        raise ExamError(
            f"message {at} has the role {said!r}; the roles are system, user and assistant (in "
            "ShareGPT's form system, human and gpt): call it one of them"
        )
    text = text_in(message.get("content", message.get("value")), at)
    if not text.strip():
        raise ExamError(f"message {at}, the {role}'s, is empty; take it out or leave the row out")
    return role, text


def text_in(content: object, at: int) -> str:
    """Raises: ExamError: There is more than text in it."""
    if content is None or isinstance(content, str):
        return content or ""
    parts = content if isinstance(content, list) else [content]
    texts = []
    for part in parts:
        kind = part.get("type") if isinstance(part, Mapping) else type(part).__name__
        text = part.get("text") if isinstance(part, Mapping) and kind == "text" else None
        if not isinstance(text, str):
            raise ExamError(
                f"message {at} holds a part of type {kind!r}; a student reads text alone: leave "
                "the row out, or keep only its parts of type 'text'"
            )
        texts.append(text)
    return "\n".join(texts)


def check_order(turns: list[tuple[Role, str]], given: int) -> None:
    """
    Args:
        given: Messages of the list; what comes after them is the row's `prompt`.

    Raises:
        ExamError: The messages do not take turns.
    """
    expected: Role = "user"
    for at, (role, _) in enumerate(turns, 1):
        where = "`prompt`" if at > given else f"message {at}"
        if role == "system":
            if at > 1:
                raise ExamError(
                    f"{where} is the system's, and not the first; chat templates take a system "
                    "message at the beginning alone: put its text there"
                )
        elif role != expected:
            if at == 1 or (at == 2 and turns[0][0] == "system"):
                raise ExamError(
                    f"{where} is the assistant's, and the user has said nothing yet; take it out, "
                    "or put it into the system message"
                )
            raise ExamError(
                f"{where} is the {role}'s, as the one before it; user and assistant take turns: "
                "join the two, or take one out"
            )
        else:
            expected = "assistant" if role == "user" else "user"
    if expected == "user" and not any(role == "user" for role, _ in turns):
        raise ExamError("no message is the user's; add what the student is asked")
