"""The writer behind which an LLM stands: against diagnosed mistakes, or blind to errors."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from errata.agents.chat_models.client import ChatClient, Messages
from errata.agents.data_writer import LARGEST_ASK, Ask, Diagnosed
from errata.agents.llm.chat import TypedChat
from errata.agents.llm.conversation import quoted
from errata.agents.llm.instructor import worked_solution
from errata.agents.llm.replies import REPLIES, form_of
from errata.agents.prompts import Prompt, fence
from errata.agents.records import Draft, JsonAnswer, LabelAnswer, RegexAnswer, Unusable


class LlmWriter:
    """An LLM that turns diagnoses into new worked examples, asks of one cause sharing a call."""

    prompt_file = "data_writer.md"
    examples_per_ask = 4  # most of what a call costs is its long prompt
    asks_per_batch = (
        10_000  # a whole turn, whatever the concurrency: the same asks again on a resume
    )

    def __init__(self, client: ChatClient, custom: Path | None = None) -> None:
        """`custom`: a prompt in place of errata's own."""
        self.client = client
        self.prompt = Prompt(Path(__file__).with_name(self.prompt_file), custom)
        self.chats: dict[str, TypedChat[Any]] = {
            form: TypedChat(self.client, "data writer", reply, self.prompt)
            for form, reply in REPLIES.items()
        }

    def draft(self, asks: Sequence[Ask]) -> Iterator[tuple[Ask, Sequence[Draft | Unusable]]]:
        """New examples as they come. See `Writer.draft`; failures as in `diagnose` above."""
        calls = self.client.pacing.run(partial(self.draft_together, call) for call in shared(asks))
        for results in calls:
            yield from results

    async def draft_together(
        self, asks: Sequence[Ask]
    ) -> list[tuple[Ask, Sequence[Draft | Unusable]]]:
        """The examples for asks of one cause, from one call: each ask's in its turn."""
        answer = asks[0].lesson.question.answer
        sources = [ask.lesson.id for ask in asks]
        read = await self.chats[answer.type].ask(self.messages(asks), " ".join(sources))
        if isinstance(read, Unusable):
            return [(ask, [read.model_copy(update={"source_id": ask.lesson.id})]) for ask in asks]
        written = iter(read.reply.examples)
        results: list[tuple[Ask, list[Draft | Unusable]]] = []
        for ask in asks:
            own = islice(written, ask.count)
            results.append((ask, [each.draft(ask.lesson.id, answer) for each in own]))
        hide = self.client.secrets.hide
        bad = [Unusable(source_id=sources[0], reason=hide(why)) for why in read.left_out]
        results[0][1].extend(bad)
        return list(results)

    def messages(self, asks: Sequence[Ask]) -> Messages:
        """The conversation that asks for the examples. The seed chooses their settings."""
        settings = self.prompt.render("settings").splitlines()
        count = sum(ask.count for ask in asks)
        rng = random.Random(f"{asks[0].seed}/{asks[0].lesson.id}")
        parts = [self.lesson_part(number, ask) for number, ask in enumerate(asks, start=1)]
        task = self.prompt.render(
            "task",
            settings="\n".join(rng.sample(settings, min(count, len(settings)))),
            batch=str(asks[0].seed),
            count=str(count),
        )
        form = form_of(self.prompt, asks[0].lesson.question.answer)
        system = self.prompt.render("system", form=form)
        return (("system", system), ("user", "\n\n".join([*parts, task])))

    def lesson_part(self, number: int, ask: Ask) -> str:
        """What the LLM is shown of one lesson."""
        lesson = ask.lesson
        assert isinstance(lesson, Diagnosed)  # `LlmRewriter` is the writer of the blind ways
        return self.prompt.render(
            "missed",
            number=str(number),
            question=quoted(lesson.question),
            solution=worked_solution(lesson.question),
            target=fence(lesson.question.target),
            cause=fence(lesson.diagnosis.cause),
            explanation=fence(lesson.diagnosis.explanation),
            missing_skill=fence(lesson.diagnosis.missing_skill),
            advice=fence(lesson.diagnosis.advice),
            count=str(ask.count),
        )


class LlmRewriter(LlmWriter):
    """An LLM that says practice questions anew, blind to how the student answered them.

    After AugGPT (arXiv 2302.13007), with which LLMs-as-Instructors (arXiv 2407.00497) compares
    itself; the prompt is our own.
    """

    prompt_file = "rewriter.md"

    def lesson_part(self, number: int, ask: Ask) -> str:
        """The practice question alone: no answer of the student's, no diagnosis."""
        question = ask.lesson.question
        return self.prompt.render(
            "question",
            number=str(number),
            question=quoted(question),
            solution=worked_solution(question),
            target=fence(question.target),
            count=str(ask.count),
        )


def shared(asks: Sequence[Ask]) -> list[list[Ask]]:
    """Asks that go out in one call: of one cause and form of answer, as long as a reply can hold
    the examples.

    The long part of the prompt is the same for all of them and is paid for once.
    """
    calls: list[list[Ask]] = []
    open_calls: dict[tuple[str, str], list[Ask]] = {}
    for ask in asks:
        answer = ask.lesson.question.answer
        closed = isinstance(answer, LabelAnswer | JsonAnswer | RegexAnswer)
        kind = (ask.lesson.cause, answer.model_dump_json() if closed else answer.type)
        call = open_calls.get(kind)
        if call is None or sum(each.count for each in call) + ask.count > LARGEST_ASK:
            call = open_calls[kind] = []
            calls.append(call)
        call.append(ask)
    return calls
