"""Texts to token ids and back, in a child process: the same code as in training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from errata.agents.weights.child import Child
from errata.training.jobs import (
    FROM_TOKENIZER,
    Conversation,
    Decoded,
    DecodeRequest,
    Encoded,
    EncodeRequest,
    TokenizerJob,
    TokenizerReady,
)

M = TypeVar("M", TokenizerReady, Encoded, Decoded)


class Tokenizer(Protocol):
    """Turns texts into token ids, and back."""

    weights: str
    """The model, as `from_pretrained` takes it."""
    ends: tuple[int, ...]
    """Each of these tokens ends a response."""

    def encode(
        self, prompts: Sequence[tuple[str, str | Conversation]]
    ) -> list[tuple[str, tuple[int, ...]]]: ...

    def decode(self, ids: Sequence[int]) -> str: ...

    def close(self) -> None: ...


class Tokens:
    """The tokenizer of a model, in a child process."""

    def __init__(self, base: str, system: str | None, folder: Path) -> None:
        """Raises: StepFailed: The child died."""
        self.child = Child("tokenizer", TokenizerJob(base=base, system=system), folder, "tokenizer")
        self.said = self.child.messages(FROM_TOKENIZER)
        try:
            ready = self.next(TokenizerReady)
        except BaseException:
            self.close()
            raise
        self.weights = ready.weights
        self.ends = ready.ends

    def encode(
        self, prompts: Sequence[tuple[str, str | Conversation]]
    ) -> list[tuple[str, tuple[int, ...]]]:
        """(id, token ids) of each prompt, in their order.

        Raises:
            StepFailed: The child died.
        """
        self.child.send(EncodeRequest(prompts=tuple(prompts)))
        found = [self.next(Encoded) for _ in prompts]
        return [(each.id, each.ids) for each in found]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of a response, without the marks of the chat template.

        Raises:
            StepFailed: The child died.
        """
        self.child.send(DecodeRequest(response=tuple(ids)))
        return self.next(Decoded).text

    def next(self, of: type[M]) -> M:
        message = next(self.said, None)
        if not isinstance(message, of):
            raise self.child.failure()
        return message

    def close(self) -> None:
        self.child.close()
