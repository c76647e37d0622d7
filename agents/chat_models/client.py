"""A client of one chat model: in which form it is asked, and what each call passes through."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

if TYPE_CHECKING:  # LangChain takes a second to import; the command line must not wait for it
    from langchain_core.language_models import BaseChatModel
    from langchain_core.runnables import Runnable

from errata.agents.chat_models.cache import CachedReply, ReplyCache, cache_key
from errata.agents.chat_models.failures import (
    has_no_choices,
    is_filtered,
    is_too_long,
    may_pass,
    refuses_form,
    sentence_for,
    what_it_said,
)
from errata.agents.chat_models.ledger import Ledger, Reservation, Usage, estimate
from errata.agents.chat_models.pacing import Pacing, RetriesExhaustedError
from errata.agents.chat_models.reply import LONGEST, RawReply
from errata.agents.chat_models.secrets import Secrets
from errata.agents.chat_models.settings import LlmSettings
from errata.agents.errors import ErrataError, InstructorError
from errata.agents.plain_text import well_formed
from errata.agents.prompts import Prompt
from errata.agents.records import LlmCall

OnCall = Callable[[LlmCall], None]
Messages = tuple[tuple[str, str], ...]
"""(role, text), oldest first; the roles are system, user and assistant."""

REPLY_FORM = Prompt(Path(__file__).with_name("reply_form.md"))

METHODS = ("json_schema", "json_mode", "text")
"""How a model is told the fields of its reply, the surest first: the server holds it to a schema;
the server holds it to JSON; the prompt asks for JSON."""

FILTERED = "the provider's content filter stopped it"

OPENING_TAG = re.compile(r"\s*<(think|thinking|reasoning)>", re.IGNORECASE)
CLOSING_TAG = re.compile(r"</(think|thinking|reasoning)>", re.IGNORECASE)
CLOSING_TAGS = {
    name: re.compile(f"</{name}>", re.IGNORECASE) for name in ("think", "thinking", "reasoning")
}
OBJECT = re.compile(r"\s*[{\[`]")
"""The beginning of a reply that is an object, perhaps in a fence."""


@dataclass(frozen=True)
class Form:
    """A type of reply, and the prompt's words for it."""

    schema: dict[str, Any]
    key: str
    in_words: str


class ChatClient:
    """One chat model, with the pacing, the cache and the ledger of its calls."""

    def __init__(
        self,
        model: BaseChatModel,
        on_call: OnCall,
        settings: LlmSettings | None = None,
        cache: ReplyCache | None = None,
        ledger: Ledger | None = None,
    ) -> None:
        """
        Args:
            on_call: Gets every call, one at a time, from another thread.
        """
        self.model = model
        self.name = model.name or type(model).__name__
        self.on_call = on_call
        self.one_at_a_time = Lock()
        self.pacing = Pacing.from_settings(settings) if settings else Pacing()
        self.max_tokens = settings.max_tokens if settings else None
        self.changes_replies = (
            settings.model_dump(mode="json", include={"base_url", "temperature", "max_tokens"})
            if settings
            else {}
        )
        self.cache = cache
        self.ledger = ledger
        self.secrets = Secrets(model)
        self.method = METHODS[0]
        """The surest one that the model was not found to refuse; one for all its replies."""
        self.forms: dict[type[BaseModel], Form] = {}
        self.bound: dict[tuple[type[BaseModel], str], Runnable[Any, Any] | None] = {}
        # A reservation may wait for others to settle, which the loop's own threads are to do.
        self.reserving = ThreadPoolExecutor(1, thread_name_prefix="reserve")

    def report(self, call: LlmCall) -> None:
        with self.one_at_a_time:
            self.on_call(call)

    async def reply(
        self, agent: str, messages: Messages, reply_type: type[BaseModel]
    ) -> tuple[RawReply, bool]:
        """The model's reply, and whether it came from the cache.

        Raises:
            InstructorError: The call failed.
            BudgetSpent: The budget may not hold the call.
        """
        form = self.form(reply_type)
        key = ""
        if self.cache is not None:
            key = cache_key(self.name, self.changes_replies, messages, form.key)
            if (known := self.cache.get(key)) is not None:
                if self.ledger is not None:
                    self.ledger.from_cache(agent, self.name)
                return RawReply(known.text, usage=known.usage), True
        tokens = sum(estimate(text) for _, text in messages) + estimate(form.key)
        reservation = await self.reserve(agent, tokens)
        try:
            raw = await self.ask(messages, reply_type, tokens)
            self.settle(reservation, raw)
        finally:
            if self.ledger is not None and reservation is not None:
                self.ledger.release(reservation)  # does nothing once it is settled
        # Here, so that no record holds what a server gave away, and a cached reply is the same.
        hide = self.secrets.hide
        raw = replace(raw, text=hide(raw.text), thinking=hide(raw.thinking))
        whole = raw.problem is None and not raw.truncated and len(raw.text) <= LONGEST
        if self.cache is not None and whole and raw.text.strip():
            kept = CachedReply(text=raw.text, usage=raw.usage)
            self.cache.put(key, kept, self.name)
        return raw, False

    async def reserve(self, agent: str, tokens: int) -> Reservation | None:
        ledger = self.ledger
        if ledger is None:
            return None
        waiting = self.reserving.submit(ledger.reserve, agent, self.name, tokens, self.max_tokens)
        try:
            return await asyncio.wrap_future(waiting)
        except asyncio.CancelledError:
            # Whoever got the room after all must not keep it.
            waiting.add_done_callback(
                lambda ended: (
                    None
                    if ended.cancelled() or ended.exception()
                    else ledger.release(ended.result())
                )
            )
            raise

    def settle(self, reservation: Reservation | None, raw: RawReply) -> None:
        if self.ledger is None or reservation is None:
            return
        if raw.problem is None or raw.usage.tokens_in is not None:
            self.ledger.settle(reservation, raw.usage, raw.thinking + raw.text)

    async def ask(self, messages: Messages, reply_type: type[BaseModel], tokens: int) -> RawReply:
        """Asks by the surest method that the server takes."""
        refusal: Exception | None = None
        for method in METHODS[METHODS.index(self.method) :]:
            runnable = self.runnable(reply_type, method)
            if runnable is None:
                continue
            asked = messages if method == "json_schema" else self.in_words(messages, reply_type)
            try:
                raw = await self.send(runnable, asked, tokens)
            except ErrataError:
                raise
            except Exception as error:  # each provider has its own
                if not refuses_form(error):
                    raise self.failure(error) from None  # the error itself may show the key
                refusal = refusal or error
                continue
            # Only what was answered proves that the form was at fault, and not the request.
            if METHODS.index(method) > METHODS.index(self.method):
                self.method = method
            return raw
        assert refusal is not None
        raise self.failure(refusal) from None

    async def send(self, runnable: Runnable[Any, Any], asked: Messages, tokens: int) -> RawReply:
        """Raises: Exception: The provider's own."""
        from openai import ContentFilterFinishReasonError, LengthFinishReasonError

        try:
            message = await self.pacing.send(lambda: call(runnable, asked), tokens)
        except NoReplyError as none:
            return RawReply(problem=str(none))
        except LengthFinishReasonError as error:
            choice = error.completion.choices[0].message
            used = error.completion.usage
            text = well_formed(choice.content or "")
            thinking = str(getattr(choice, "reasoning_content", None) or "")
            return RawReply(
                text=text,
                thinking=thinking,
                usage=Usage.of(
                    getattr(used, "prompt_tokens", None),
                    getattr(used, "completion_tokens", None),
                    thinking + text,
                ),
                truncated=True,
            )
        except ContentFilterFinishReasonError:
            return RawReply(problem=FILTERED)
        raw = parse_message(message)
        if raw.usage.tokens_in is not None:
            self.pacing.correct(raw.usage.tokens_in + (raw.usage.tokens_out or 0) - tokens)
        return raw

    def form(self, reply_type: type[BaseModel]) -> Form:
        if reply_type not in self.forms:
            schema = reply_type.model_json_schema()
            key = json.dumps(schema, sort_keys=True)
            in_words = Prompt(Path(__file__).with_name("reply_form.md")).render(
                "schema", schema=json.dumps(schema)
            )
            self.forms[reply_type] = Form(schema, key, in_words)
        return self.forms[reply_type]

    def in_words(self, messages: Messages, reply_type: type[BaseModel]) -> Messages:
        """The messages, the form of the reply described at the end of the first."""
        (role, text), *others = messages
        return ((role, f"{text}\n\n{self.form(reply_type).in_words}"), *others)

    def runnable(self, reply_type: type[BaseModel], method: str) -> Runnable[Any, Any] | None:
        """The model, bound to the form once; None where its package knows no such method."""
        if method == "text":
            return self.model
        at = (reply_type, method)
        if at not in self.bound:
            try:
                # The schema as a dict: given the class, the OpenAI client validates the reply
                # itself and raises, and the raw reply is lost
                # (https://github.com/langchain-ai/langchain/issues/32977).
                typed = self.model.with_structured_output(
                    self.form(reply_type).schema, method=method, include_raw=True
                )
            except Exception:  # each package refuses in its own way
                self.bound[at] = None
            else:
                self.bound[at] = with_form_in_body(self.model, without_parser(typed))
        return self.bound[at]

    def failure(self, error: Exception) -> InstructorError:
        sentence = self.secrets.hide(sentence_for(error, self.name))
        return RetriesExhaustedError(sentence) if may_pass(error) else InstructorError(sentence)


class NoReplyError(Exception):
    """The server answered, and there is nothing to read: data, not a failure."""


async def call(runnable: Runnable[Any, Any], asked: Messages) -> Any:
    try:
        return await runnable.ainvoke(list(asked))
    except Exception as error:
        if is_too_long(error):
            said = what_it_said(error)
            raise NoReplyError(f"the prompt is too long for the model ({said})") from None
        if is_filtered(error):
            raise NoReplyError(FILTERED) from None
        if has_no_choices(error):
            raise NoReplyError("the server's response held no reply") from None
        raise


def without_parser(typed: Runnable[Any, Any]) -> Runnable[Any, Any]:
    """The bound model alone: replies are read here, and LangChain's reader takes longer than all
    the rest of a call."""
    steps = getattr(getattr(typed, "first", None), "steps__", {})
    raw: Runnable[Any, Any] = steps.get("raw", typed)
    return raw


def with_form_in_body(model: BaseChatModel, bound: Runnable[Any, Any]) -> Runnable[Any, Any]:
    """The same request, without the OpenAI client reading the schema anew for each call.

    That takes a fifth of a call's processor time. For servers of one's own, which are asked so
    often that it counts; OpenAI's own may be asked through another interface.
    """
    form = getattr(bound, "kwargs", {}).get("response_format")
    if form is None or getattr(model, "openai_api_base", None) is None:
        return bound
    others = getattr(model, "extra_body", None) or {}
    return model.bind(extra_body={**others, "response_format": form})


def parse_message(answer: Any) -> RawReply:
    """LangChain's message as a RawReply, thinking and text separate."""
    message = answer["raw"] if isinstance(answer, dict) else answer
    text = message.text or message.additional_kwargs.get("refusal") or ""
    if not text and message.tool_calls:  # some packages make a schema a tool
        text = json.dumps(message.tool_calls[0]["args"], ensure_ascii=False)
    thoughts = [str(message.additional_kwargs.get("reasoning_content") or "")]
    if isinstance(message.content, list):
        thoughts += [thought_in(block) for block in message.content if isinstance(block, dict)]
    thinking, text = split_thinking(well_formed(text))
    used = message.usage_metadata or {}
    ends = message.response_metadata
    end = ends.get("finish_reason") or ends.get("stop_reason") or ends.get("done_reason")
    raw = RawReply(
        text=text,
        thinking=well_formed("\n".join(filter(None, [*thoughts, thinking])))[:LONGEST],
        usage=Usage.of(
            used.get("input_tokens"),
            used.get("output_tokens"),
            thinking + text,
            (used.get("input_token_details") or {}).get("cache_read"),
            (used.get("output_token_details") or {}).get("reasoning"),
        ),
        truncated=str(end).lower() in ("length", "max_tokens"),
    )
    if end == "content_filter" and not text:
        return replace(raw, problem=FILTERED)
    return raw


def thought_in(block: dict[str, Any]) -> str:
    kind = str(block.get("type"))
    if kind == "thinking":
        return str(block.get("thinking") or "")
    if kind == "reasoning":
        summary = block.get("summary")
        parts = [str(part.get("text") or "") for part in summary] if summary else []
        return str(block.get("reasoning") or "\n".join(parts))
    if kind == "reasoning_content":
        inner = block.get("reasoning_content")
        return str(inner.get("text") or "") if isinstance(inner, dict) else str(inner or "")
    return ""


def split_thinking(text: str) -> tuple[str, str]:
    """(thinking, reply): servers that do not parse the thinking send both as one text.

    Thinking without an end tag is all thinking; without a start tag it began in the prompt.
    """
    thoughts = []
    at = 0
    while opening := OPENING_TAG.match(text, at):
        closing = CLOSING_TAGS[opening[1].lower()].search(text, opening.end())
        if closing is None:
            thoughts.append(text[opening.end() :])
            return "\n".join(thoughts), ""
        thoughts.append(text[opening.end() : closing.start()])
        at = closing.end()
    # The reply itself may hold such tags once its object has begun.
    while not OBJECT.match(text, at) and (closing := CLOSING_TAG.search(text, at)):
        thoughts.append(text[at : closing.start()])
        at = closing.end()
    return "\n".join(thoughts), text[at:]
