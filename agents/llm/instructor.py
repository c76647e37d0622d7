"""The instructor behind which an LLM stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from errata.agents.chat_models.client import ChatClient, Messages
from errata.agents.llm.chat import TypedChat
from errata.agents.llm.conversation import quoted
from errata.agents.llm.replies import DiagnosisReply
from errata.agents.prompts import Prompt, fence
from errata.agents.records import Diagnosis, Mistake, Question, Unusable


class LlmInstructor:
    """An LLM that names what went wrong in each mistake.

    With an empty contrast it sees the mistake alone (Learning from Error); otherwise also the
    nearest questions that the student got right (Learning from Error by Contrast).
    The two strategies are those of LLMs-as-Instructors (https://arxiv.org/abs/2407.00497); the
    prompt is our own.
    """

    def __init__(self, client: ChatClient, custom: Path | None = None) -> None:
        """`custom`: a prompt in place of errata's own."""
        self.client = client
        self.prompt = Prompt(Path(__file__).with_name("instructor.md"), custom)
        self.chat = TypedChat(self.client, "instructor", DiagnosisReply, self.prompt)

    def diagnose(self, mistakes: Sequence[Mistake]) -> Iterator[Diagnosis | Unusable]:
        """One result for each mistake, as they come. See `Instructor.diagnose`.

        A failed call stops the others only where trying again could not help, or where several
        fail in a row; what was under way is still yielded, then the failure raised.
        """
        return self.client.pacing.run(partial(self.diagnose_one, mistake) for mistake in mistakes)

    async def diagnose_one(self, mistake: Mistake) -> Diagnosis | Unusable:
        read = await self.chat.ask(self.messages(mistake), source_id=mistake.id)
        if isinstance(read, Unusable):
            return read
        reply = read.reply
        return Diagnosis(
            id=f"d-{mistake.id}",
            mistake_id=mistake.id,
            question_id=mistake.question.id,
            cause=reply.cause,
            explanation=reply.explanation,
            missing_skill=reply.missing_skill,
            advice=reply.advice,
        )

    def messages(self, mistake: Mistake) -> Messages:
        """The conversation that asks about one mistake."""
        attempt = mistake.attempt
        parts = [
            self.prompt.render(
                "mistake",
                question=quoted(mistake.question),
                solution=worked_solution(mistake.question),
                target=fence(mistake.question.target),
                response=fence(attempt.response),
                answer="There was none." if attempt.answer is None else fence(attempt.answer),
                why=fence(attempt.why),
                truncated="yes" if attempt.truncated else "no",
            )
        ]
        parts += contrast_part(self.prompt, mistake)
        parts.append(self.prompt.render("task"))
        return (("system", self.prompt.render("system")), ("user", "\n\n".join(parts)))


def contrast_part(prompt: Prompt, mistake: Mistake) -> list[str]:
    """The neighbours that the student got right; nothing under Learning from Error."""
    solved = [
        prompt.render(
            "solved",
            number=str(number),
            question=quoted(near.question, shown=mistake.question),
            response=fence(near.attempt.response),
        )
        for number, near in enumerate(mistake.contrast, start=1)
    ]
    return [prompt.render("contrast", solved="\n\n".join(solved))] if solved else []


def worked_solution(question: Question) -> str:
    return "The exam gives none." if question.solution is None else fence(question.solution)
