"""What a chat model sent back, before it is read."""

from __future__ import annotations

from dataclasses import dataclass, field

from errata.agents.chat_models.ledger import Usage

LONGEST = 2_000_000  # characters; a longer reply is a model that cannot stop


@dataclass(frozen=True)
class RawReply:
    """A reply before it is read."""

    text: str = ""
    thinking: str = ""
    """What a reasoning model thought before it replied."""
    usage: Usage = field(default_factory=Usage)
    truncated: bool = False
    """It ran into the limit of tokens."""
    problem: str | None = None
    """Why there is nothing to read."""
