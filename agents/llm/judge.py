"""The judge behind which an LLM stands: it says which answers are right, by a person's rubric.

Judging with LLMs, and what biases it (order, length, the judge's own texts): Zheng et al. 2023,
arXiv 2306.05685.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from errata.agents.chat_models.client import ChatClient, Messages
from errata.agents.chat_models.pacing import event_loop
from errata.agents.chat_models.reply import RawReply
from errata.agents.errors import ExamError
from errata.agents.jsonl import Log
from errata.agents.llm.chat import TypedChat
from errata.agents.llm.replies import Filled, LlmReply, Reply
from errata.agents.marking.judged import (
    How,
    JudgedCall,
    key_of,
    shortened,
    verdict_of,
)
from errata.agents.prompts import Prompt, neutralise
from errata.agents.records import NO_TARGET, JudgedAnswer, Question, Unusable, Verdict

AGENT = "judge"
"""As its calls name it."""


def _of_ten(score: float) -> float:
    if not 0 <= score <= 10:
        raise ValueError("must be from 0 to 10")
    return score


def _no_truth(score: object) -> object:
    if isinstance(score, bool):
        raise ValueError("must be a number from 0 to 10, not true or false")
    return score


class RightReply(LlmReply):
    """The verdict on one answer."""

    # The reason comes first, so that the verdict is written after the thinking.
    reason: Filled
    """What decides by the rubric, in one or two sentences."""
    right: bool
    """Whether the answer is right by the rubric."""

    @property
    def decision(self) -> object:
        return self.right


class ScoreReply(LlmReply):
    """The score of one answer."""

    reason: Filled
    """What decides by the rubric, in one or two sentences."""
    score: Annotated[float, BeforeValidator(_no_truth), AfterValidator(_of_ten)]
    """From 0, nothing of what the rubric asks for, to 10, all of it."""

    @property
    def decision(self) -> object:
        return self.score


class LlmJudge:
    """An LLM that judges answers by a rubric. See `Judge`.

    It is shown the question with the messages before it, the reference answer and the answer, and
    never whose answer it is.
    """

    def __init__(
        self,
        client: ChatClient,
        rubric: str,
        answer: JudgedAnswer,
        log: Log[JudgedCall] | None = None,
        known: Iterable[JudgedCall] = (),
    ) -> None:
        """
        Args:
            answer: Of the questions that it judges.
            log: Gets each verdict, as it comes.
            known: Verdicts that are not asked for again.
        """
        self.client = client
        self.rubric = rubric
        self.answer = answer
        self.log = log
        self.prompt = Prompt(Path(__file__).with_name("judge.md"))
        kind = RightReply if answer.threshold is None else ScoreReply
        self.chat = QuietChat(client, AGENT, kind, self.prompt)
        self.one_at_a_time = Lock()
        self.calls: dict[str, Future[JudgedCall]] = {}
        """Verdicts by what they are of; some of them still to come."""
        self.recall(known)

    def recall(self, known: Iterable[JudgedCall]) -> None:
        """Takes these verdicts as given: they are not asked for again."""
        with self.one_at_a_time:
            for call in known:
                self.calls[call.key] = Future()
                self.calls[call.key].set_result(call)

    @property
    def concurrency(self) -> int:
        return self.client.pacing.concurrency

    def judge(self, question: Question, response: str, how: How = "plain") -> Verdict:
        key = key_of(question, response, how)
        with self.one_at_a_time:
            call = self.calls.get(key)
            if call is None:
                asked = self.asked(question, response, how, key)
                call = asyncio.run_coroutine_threadsafe(asked, event_loop())
                self.calls[key] = call
        try:
            return verdict_of(call.result(), response)
        except BaseException:
            with self.one_at_a_time:
                if self.calls.get(key) is call:
                    del self.calls[key]  # it may be asked for again
            raise

    def stop(self) -> None:
        with self.one_at_a_time:
            for call in self.calls.values():
                call.cancel()

    async def asked(self, question: Question, response: str, how: How, key: str) -> JudgedCall:
        """Raises: ExamError: The LLM twice sent no verdict."""
        read = await self.chat.ask(self.messages(question, response, how), source_id=question.id)
        if isinstance(read, Unusable):
            raise ExamError(f"the judge gives no verdict: {read.reason}")
        reply = read.reply
        if isinstance(reply, ScoreReply):
            assert self.answer.threshold is not None
            right, score = reply.score >= self.answer.threshold, reply.score
        else:
            assert isinstance(reply, RightReply)
            right, score = reply.right, None
        call = JudgedCall(key=key, right=right, score=score, why=reply.reason)
        if self.log is not None:
            with self.one_at_a_time:
                self.log.add(call)
        return call

    def messages(self, question: Question, response: str, how: How = "plain") -> Messages:
        """The conversation that asks for one verdict.

        The number in it makes a second look a question of its own to the cache of replies.
        """
        mark = mark_of(self.rubric, question, response)
        answer = quoted("ANSWER", shortened(response), mark)
        parts = [self.prompt.render("answer", answer=answer)]
        if question.target != NO_TARGET:
            reference = quoted("REFERENCE", question.target, mark)
            at = 1 if how == "turned" else 0
            parts.insert(at, self.prompt.render("reference", reference=reference))
        said = quoted("QUESTION", question.prompt, mark)
        before = "\n\n".join(quoted(role.upper(), text, mark) for role, text in question.before)
        asked = (
            self.prompt.render("conversation", mark=mark, messages=before, question=said)
            if before
            else self.prompt.render("question", mark=mark, question=said)
        )
        task = self.prompt.render("task", number="2" if how == "again" else "1")
        form = self.prompt.render("right" if self.answer.threshold is None else "score")
        system = self.prompt.render("system", rubric=self.rubric, form=form)
        return (("system", system), ("user", "\n\n".join([asked, *parts, task])))


class QuietChat(TypedChat[Reply]):
    """Reports its calls without their texts: held-out questions and the answers to them would
    otherwise stand in the trace, which screens show."""

    def report(
        self,
        messages: Messages,
        source_id: str,
        started: float,
        raw: RawReply,
        error: str | None,
        cached: bool = False,
    ) -> None:
        super().report((), source_id, started, replace(raw, text="", thinking=""), error, cached)


def mark_of(rubric: str, question: Question, response: str) -> str:
    """What ends the quotations. No text can hold its own: it is a hash of them all."""
    before = (text for _, text in question.before)
    texts = "\0".join((rubric, *before, question.prompt, question.target, response))
    return hashlib.sha256(texts.encode()).hexdigest()[:20]


def quoted(name: str, text: str, mark: str) -> str:
    """Untrusted text as data, without the control tokens of chat templates."""
    return f"BEGIN {name} {mark}\n{neutralise(text)}\nEND {name} {mark}"
