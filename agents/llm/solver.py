"""The solver behind which an LLM stands: it confirms examples by solving them again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from errata.agents.chat_models.client import ChatClient, Messages
from errata.agents.llm.chat import TypedChat
from errata.agents.llm.conversation import quoted, quoted_after
from errata.agents.llm.replies import Filled, LlmReply, form_of
from errata.agents.prompts import Prompt, fence
from errata.agents.records import Unusable
from errata.agents.verifier import Problem


class SolutionReply(LlmReply):
    """One worked solution."""

    solution: Filled
    """The working; its last line gives the answer."""


class LlmSolver:
    """An LLM that solves questions; several solutions of one are several calls.

    Confirming an answer by what most of several solutions come to is self-consistency (Wang et
    al. 2022, arXiv 2203.11171).
    """

    def __init__(self, client: ChatClient) -> None:
        self.client = client
        self.prompt = Prompt(Path(__file__).with_name("solver.md"))
        self.chat = TypedChat(client, "verifier", SolutionReply, self.prompt)

    def solve(self, problems: Sequence[Problem]) -> Iterator[tuple[Problem, str | None]]:
        """See `Solver.solve`; a reply that cannot be used is a solution without an answer."""
        return self.client.pacing.run(partial(self.solve_one, problem) for problem in problems)

    async def solve_one(self, problem: Problem) -> tuple[Problem, str | None]:
        read = await self.chat.ask(self.messages(problem), source_id=problem.diagnosis_id)
        return problem, "" if isinstance(read, Unusable) else read.reply.solution

    def messages(self, problem: Problem) -> Messages:
        """The conversation that asks for one solution.

        The number in it makes each solution a question of its own to the cache of replies.
        """
        known = problem.source
        before = known.before if problem.before is None else problem.before
        form = form_of(self.prompt, problem.answer)
        task = self.prompt.render(
            "task",
            known=quoted(known),
            target=fence(known.target),
            question=quoted_after(before, problem.prompt, shown=known.before),
            number=str(problem.number + 1),
        )
        return (("system", self.prompt.render("system", form=form)), ("user", task))
