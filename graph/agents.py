"""The instructor and the writer that a configuration names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from errata.agents.chat_models import LlmSettings, open_chat_model
from errata.agents.data_writer import LARGEST_ASK, Writer
from errata.agents.instructor import Instructor
from errata.graph.config import RunConfig

if TYPE_CHECKING:
    from errata.agents.chat_models.cache import ReplyCache
    from errata.agents.chat_models.client import ChatClient, OnCall
    from errata.agents.chat_models.ledger import Ledger


@dataclass(frozen=True)
class Teachers:
    instructor: Instructor
    instructor_name: str
    writer: Writer
    writer_name: str
    clients: tuple[ChatClient, ...]
    """Of the chat models behind them."""

    def close(self) -> None:
        """Unloads weights on this machine; the next question loads them again."""
        if not self.clients:
            return
        from errata.agents.chat_models.local import LocalChatModel

        for client in self.clients:
            if isinstance(client.model, LocalChatModel):
                client.model.close()


def open_teachers(
    config: RunConfig,
    folder: Path,
    on_call: OnCall,
    cache: ReplyCache | None = None,
    ledger: Ledger | None = None,
) -> Teachers:
    """Nothing is sent yet.

    Args:
        folder: Gets the logs of models on this machine.
        on_call: Gets every call to an LLM, one at a time.
        cache: Replies that need not be paid for again.
        ledger: Counts what is paid, and refuses what would be too much.

    Raises:
        ConfigError: A prompt of the user's does not fit.
        InstructorError: A provider's package, a key, or a function is missing.
    """
    from errata.agents.chat_models.client import ChatClient
    from errata.agents.llm import LlmInstructor, LlmWriter
    from errata.agents.llm.paper import PaperInstructor, PaperWriter
    from errata.agents.variations import VariationsInstructor, VariationsWriter

    first, second = config.instructor, config.writer or config.instructor
    clients: dict[LlmSettings, ChatClient] = {}

    def client_for(settings: LlmSettings) -> ChatClient:
        """One client where both ask the same: weights are loaded once, limits kept together."""
        alike = settings.model_copy(update={"prompt": None, "preset": None})
        if alike not in clients:
            model = open_chat_model(alike, folder)
            clients[alike] = ChatClient(model, on_call, alike, cache, ledger)
        return clients[alike]

    instructor: Instructor = VariationsInstructor()
    writer: Writer = VariationsWriter()
    if isinstance(first, LlmSettings) and first.preset == "paper":
        count = min(LARGEST_ASK, config.examples.per_mistake)
        instructor = PaperInstructor(client_for(first), count, first.prompt)
        writer = PaperWriter()
    else:
        if isinstance(first, LlmSettings):
            instructor = LlmInstructor(client_for(first), first.prompt)
        if isinstance(second, LlmSettings):
            prompt = second.prompt if config.writer else None  # an instructor's does not write
            writer = LlmWriter(client_for(second), prompt)
    return Teachers(
        instructor=instructor,
        instructor_name=first.model,
        writer=writer,
        writer_name=second.model,
        clients=tuple(clients.values()),
    )
