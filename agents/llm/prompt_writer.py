"""The instructor as the writer of system prompts: from the same mistakes, without a training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from errata.agents.chat_models.client import ChatClient, Messages
from errata.agents.llm.chat import TypedChat
from errata.agents.llm.conversation import quoted
from errata.agents.llm.instructor import worked_solution
from errata.agents.llm.replies import Filled, LlmReply
from errata.agents.prompts import Prompt, fence
from errata.agents.records import Mistake, Unusable
from errata.agents.system_prompts import MOST_CHARACTERS


def _at_least_one(prompts: list[str]) -> list[str]:
    if not prompts:
        raise ValueError("must hold at least one prompt")
    return prompts


class PromptsReply(LlmReply):
    """System prompts for the student."""

    prompts: Annotated[list[Filled], AfterValidator(_at_least_one)]
    """Each complete in itself, and unlike the others."""


class LlmPromptWriter:
    """An LLM that proposes system prompts, in one call."""

    def __init__(self, client: ChatClient) -> None:
        self.client = client
        self.prompt = Prompt(Path(__file__).with_name("prompt_writer.md"))
        self.chat = TypedChat(client, "instructor", PromptsReply, self.prompt)

    def propose(
        self, mistakes: Sequence[Mistake], count: int, system: str | None, seed: int
    ) -> list[str]:
        """See `PromptWriter.propose`; none where its reply cannot be used."""
        asked = self.messages(mistakes, count, system, seed)

        async def ask() -> list[str]:
            source = " ".join(mistake.id for mistake in mistakes)
            read = await self.chat.ask(asked, source_id=source)
            return [] if isinstance(read, Unusable) else read.reply.prompts[:count]

        replies: Iterator[list[str]] = self.client.pacing.run([ask])
        return [prompt for reply in replies for prompt in reply]

    def messages(
        self, mistakes: Sequence[Mistake], count: int, system: str | None, seed: int
    ) -> Messages:
        """The conversation that asks for the prompts; the seed makes each seed's another one."""
        parts = [
            self.prompt.render(
                "mistake",
                number=str(number),
                question=quoted(mistake.question),
                solution=worked_solution(mistake.question),
                target=fence(mistake.question.target),
                response=fence(mistake.attempt.response),
                why=fence(mistake.attempt.why),
            )
            for number, mistake in enumerate(mistakes, start=1)
        ]
        present = "None but what its model has of itself." if system is None else fence(system)
        task = self.prompt.render(
            "task", present=present, count=str(count), batch=str(seed), most=str(MOST_CHARACTERS)
        )
        return (("system", self.prompt.render("system")), ("user", "\n\n".join([*parts, task])))
