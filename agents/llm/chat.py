"""A chat model asked for replies of one type; every call is reported."""

from __future__ import annotations

import time
from typing import Generic

from errata.agents.chat_models.client import ChatClient, Messages
from errata.agents.chat_models.reply import RawReply
from errata.agents.errors import InstructorError
from errata.agents.llm.replies import Read, Reply, read_reply
from errata.agents.plain_text import one_line
from errata.agents.prompts import Prompt, fence, neutralise
from errata.agents.records import LlmCall, Unusable

SHOWN = 20_000  # characters of a reply that cannot be used, kept for the model and the trace


class TypedChat(Generic[Reply]):
    """Asks a chat model for replies of one type, and reports every call."""

    def __init__(
        self, client: ChatClient, agent: str, reply_type: type[Reply], prompt: Prompt
    ) -> None:
        self.client = client
        self.agent = agent
        self.reply_type = reply_type
        self.prompt = prompt

    @property
    def method(self) -> str:
        """How the model is told the fields of its reply, as far as is known by now."""
        return self.client.method

    async def ask(self, messages: Messages, source_id: str) -> Read[Reply] | Unusable:
        """The model's reply; one that cannot be used is asked for once more, with the reason.

        Raises:
            InstructorError: The call failed.
            BudgetSpent: The budget may not hold the call.
        """
        problem = ""
        for _ in range(2):
            started = time.monotonic()
            try:
                raw, cached = await self.client.reply(self.agent, messages, self.reply_type)
            except InstructorError as failure:
                self.report(messages, source_id, started, RawReply(), str(failure))
                raise
            try:
                read = read_reply(raw, self.reply_type)
            except ValueError as error:
                problem = one_line(str(error))
            else:
                self.report(messages, source_id, started, raw, None, cached)
                return read
            self.report(messages, source_id, started, raw, problem, cached)
            said = neutralise(raw.text[:SHOWN]) or "(empty)"  # some servers refuse no text
            messages = (
                *messages,
                ("assistant", said),
                ("user", self.prompt.render("repair", problem=fence(problem))),
            )
        reason = f"{self.client.name} twice sent a reply that cannot be used: {problem}"
        return Unusable(source_id=source_id, reason=self.client.secrets.hide(reason))

    def report(
        self,
        messages: Messages,
        source_id: str,
        started: float,
        raw: RawReply,
        error: str | None,
        cached: bool = False,
    ) -> None:
        hide = self.client.secrets.hide
        self.client.report(
            LlmCall(
                agent=self.agent,
                model=self.client.name,
                source_id=source_id,
                messages=tuple((role, hide(text)) for role, text in messages),
                reply=hide(raw.text if error is None else raw.text[:SHOWN]),
                error=None if error is None else hide(error),
                tokens_in=raw.usage.tokens_in,
                tokens_out=raw.usage.tokens_out,
                seconds=time.monotonic() - started,
                cached=cached,
                thinking=hide(raw.thinking),
            )
        )
