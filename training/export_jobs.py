"""What an export and its examination are told, and what they tell. Nothing here imports torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from errata.training.jobs import Conversation, ModelRef, Record

Target = Literal["merged", "adapter", "ollama", "hub-folder"]
"""What becomes of a run's model."""


class ExportJob(Record):
    """What the child that exports is started with."""

    model: ModelRef
    """Its adapter is merged, or copied where `to` is `adapter`."""
    to: Target
    folder: Path
    """Is made, and holds the export."""
    system: str | None = None
    """System prompt that the model was trained and asked with."""
    max_new_tokens: int
    """Longest answer that the run allowed."""


class Exported(Record):
    """An export is written."""

    dtype: str
    """Number format of the written weights."""
    architecture: str
    """As the base's config.json names it."""
    ends: tuple[str, ...]
    """Tokens that end an answer."""
    notes: tuple[str, ...] = ()
    """What a person should know."""


class PlainJob(Record):
    """What the child that asks an exported folder is started with."""

    folder: Path
    base: str | None = None
    """Of an adapter: the model that it is put on."""
    system: str | None = None
    prompts: tuple[tuple[str, str | Conversation], ...]
    """(id, question); one of several messages holds its own system prompt."""
    max_new_tokens: int
    batch: int
    """Questions asked at once."""


def messages(question: str | Conversation, system: str | None) -> list[dict[str, str]]:
    """A question of a `PlainJob` as chat templates take it."""
    if isinstance(question, str):
        told = () if system is None else (("system", system),)
        question = (*told, ("user", question))
    return [{"role": role, "content": text} for role, text in question]


class PlainEngine(Record):
    """What answers: the first message."""

    name: str
    versions: Mapping[str, str]
    device: str
    dtype: str


class PlainReply(Record):
    """One answer."""

    id: str
    text: str


FROM_EXPORTER: TypeAdapter[Exported] = TypeAdapter(Exported)
FROM_PLAIN: TypeAdapter[PlainEngine | PlainReply] = TypeAdapter(PlainEngine | PlainReply)
