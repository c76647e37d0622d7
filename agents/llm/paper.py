"""The paper's own way, to compare with: one call analyses a mistake and writes the examples.

LLMs-as-Instructors (https://arxiv.org/abs/2407.00497) shows the LLM the question and the
student's response, under Learning from Error by Contrast also the nearest correct ones, and not
the exam's own answer. The prompt is our own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Generic

from pydantic import AfterValidator, Field

from errata.agents.chat_models.client import ChatClient, Messages
from errata.agents.data_writer import Ask, Diagnosed
from errata.agents.llm.chat import TypedChat
from errata.agents.llm.conversation import quoted
from errata.agents.llm.instructor import LlmInstructor, contrast_part
from errata.agents.llm.replies import (
    UNREAD,
    ChoiceReply,
    CodeReply,
    ExampleReply,
    Exercise,
    Filled,
    JsonReply,
    LabelReply,
    LlmReply,
    RegexReply,
    _some,
    form_of,
)
from errata.agents.prompts import Prompt, fence
from errata.agents.records import Diagnosis, Draft, DraftedDiagnosis, Mistake, Unusable

CAUSE = "not named: analysed in one call"
"""The paper names no causes, so all mistakes share the quota of examples alike."""


class PaperReply(LlmReply, Generic[Exercise]):
    """The analysis, then the exercises."""

    model_config = UNREAD
    analysis: Annotated[Filled, Field(description="What the student did wrong.")]
    examples: Annotated[
        list[Exercise], AfterValidator(_some), Field(description="As many as were asked for.")
    ]


REPLIES: dict[str, type[LlmReply]] = {
    "number": PaperReply[ExampleReply],
    "text": PaperReply[ExampleReply],
    "math": PaperReply[ExampleReply],
    "choice": PaperReply[ChoiceReply],
    "code": PaperReply[CodeReply],
    "label": PaperReply[LabelReply],
    "json": PaperReply[JsonReply],
    "regex": PaperReply[RegexReply],
}


class PaperInstructor(LlmInstructor):
    """Diagnoses and writes in one call; its diagnoses bring their drafts along."""

    def __init__(self, client: ChatClient, count: int, custom: Path | None = None) -> None:
        """
        Args:
            count: Examples to ask for, for each mistake.
            custom: A prompt in place of errata's own.
        """
        self.client = client
        self.prompt = Prompt(Path(__file__).with_name("paper.md"), custom)
        self.count = count
        self.chats: dict[str, TypedChat[Any]] = {
            form: TypedChat(client, "instructor", reply, self.prompt)
            for form, reply in REPLIES.items()
        }

    async def diagnose_one(self, mistake: Mistake) -> Diagnosis | Unusable:
        chat = self.chats[mistake.question.answer.type]
        read = await chat.ask(self.messages(mistake), source_id=mistake.id)
        if isinstance(read, Unusable):
            return read
        reply = read.reply
        id = f"d-{mistake.id}"
        return DraftedDiagnosis(
            id=id,
            mistake_id=mistake.id,
            question_id=mistake.question.id,
            cause=CAUSE,
            explanation=reply.analysis,
            missing_skill="",
            advice="",
            drafts=tuple(
                example.draft(id, mistake.question.answer)
                for example in reply.examples[: self.count]
            ),
        )

    def messages(self, mistake: Mistake) -> Messages:
        """The conversation about one mistake. It does not hold the exam's own answer."""
        parts = [
            self.prompt.render(
                "mistake",
                question=quoted(mistake.question),
                response=fence(mistake.attempt.response),
            )
        ]
        parts += contrast_part(self.prompt, mistake)
        parts.append(self.prompt.render("task", count=str(self.count)))
        form = form_of(self.prompt, mistake.question.answer)
        return (("system", self.prompt.render("system", form=form)), ("user", "\n\n".join(parts)))


class PaperWriter:
    """Hands out the drafts that came with a diagnosis, each once; asks nobody."""

    examples_per_ask = 1
    asks_per_batch = 1

    def __init__(self) -> None:
        self.given = Counter[str]()

    def draft(self, asks: Sequence[Ask]) -> Iterator[tuple[Ask, Sequence[Draft | Unusable]]]:
        """The next `count` drafts; none when all are handed out. See `Writer.draft`."""
        for ask in asks:
            diagnosis = ask.lesson.diagnosis if isinstance(ask.lesson, Diagnosed) else None
            drafts = diagnosis.drafts if isinstance(diagnosis, DraftedDiagnosis) else ()
            first = self.given[ask.lesson.id]
            self.given[ask.lesson.id] += ask.count
            yield ask, drafts[first : first + ask.count]
