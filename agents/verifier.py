"""The Verifier has drafts solved again by a solver that does not see their answers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from errata.agents.checks import question_of
from errata.agents.errors import ErrataError
from errata.agents.marking import mark
from errata.agents.plain_text import one_line
from errata.agents.records import Answer, CodeAnswer, Draft, Question, Record, Text, Turns

DISAGREE = "independent solutions give another answer"
"""Why a draft is refused, as people read it."""


@dataclass(frozen=True, eq=False)
class Problem:
    """What a solver sees of a draft: its question, and neither its completion nor its answer."""

    source: Question
    """The practice question that the draft was written for."""
    diagnosis_id: str
    prompt: str
    answer: Answer
    number: int
    """0 for the first solution that is asked for, 1 for the next."""
    before: Turns | None = None
    """The messages before `prompt`; None where they are those of `source`."""


class Vote(Record):
    """One solution of a draft's question: a line of votes.jsonl."""

    diagnosis_id: str
    prompt: str
    number: int
    """0 for the first solution that was asked for."""
    response: Text | None
    """As a student would answer; None where the solver abstains."""


class Solver(Protocol):
    """Solves questions without having seen an answer to them."""

    def solve(self, problems: Sequence[Problem]) -> Iterator[tuple[Problem, str | None]]:
        """A response to each problem, as the exam wants it, in any order; None abstains.

        Abstaining says that this is no question for this solver: neither a yes nor a no. A
        response without an answer is a vote that agrees with nothing.

        Raises:
            InstructorError: The solver cannot be reached or refuses to work.
            BudgetSpent: What is left of the budget may not hold another call.
        """
        ...


@dataclass
class Verified:
    """A draft, and what the solutions of its question say."""

    source: Question
    draft: Draft
    asked: int = 0
    answered: int = 0
    abstained: int = 0
    agreeing: int = 0
    others: list[str] = field(default_factory=list)
    """The answers that are not the draft's."""

    @property
    def votes(self) -> tuple[int, int]:
        """Solutions that agree, and all that there are; (0, 0) where the solver abstains."""
        return self.agreeing, self.answered

    @property
    def detail(self) -> str:
        """`1 of 3 independent solutions gives 42; the others: 41, no answer`"""
        give = "gives" if self.agreeing == 1 else "give"
        said = f"{self.agreeing} of {self.answered} independent solutions {give} "
        said += one_line(self.draft.target, LONGEST_SHOWN)
        return said + (f"; the others: {', '.join(self.others)}" if self.others else "")

    def count(self, response: str | None) -> None:
        """One more solution."""
        if response is None:
            self.abstained += 1
            return
        self.answered += 1
        verdict = mark(question_of(self.draft), response)
        if verdict.correct:
            self.agreeing += 1
        else:
            self.others.append(one_line(verdict.answer or "no answer", LONGEST_SHOWN))


LONGEST_SHOWN = 60


@dataclass(frozen=True)
class Verifier:
    """Confirms a draft when enough independent solutions come to its answer."""

    solver: Solver
    votes: int = 1
    """Solutions of each draft, at most: one that can change nothing is not asked for."""
    agreement: float = 1
    """How many of them must come to the draft's answer; below 1, which share of them."""

    @property
    def needed(self) -> int:
        share = self.agreement * self.votes if self.agreement < 1 else self.agreement
        return min(self.votes, math.ceil(round(share, 9)))

    def verify(self, drafts: Sequence[tuple[Question, Draft]]) -> Iterator[Verified]:
        """Each draft on which there is a decision, in the order of the drafts.

        A program is not solved again: it has passed its own tests.

        Raises:
            InstructorError, BudgetSpent: As `Solver.solve`, after all that are decided.
        """
        found = [Verified(source, draft) for source, draft in drafts]
        failure: ErrataError | None = None
        while failure is None and (problems := self.problems(found)):
            try:
                for problem, response in self.solver.solve(list(problems)):
                    problems[problem].count(response)
            except ErrataError as error:
                failure = error
        for each in found:
            whole = each.asked == each.answered + each.abstained and not self.lacking(each)
            if failure is None or whole:
                yield each
        if failure is not None:
            raise failure

    def confirms(self, draft: Verified) -> bool:
        """Whether it may be trained on. Abstaining is neither a yes nor a no."""
        if isinstance(draft.draft.answer, CodeAnswer) or (draft.abstained and not draft.answered):
            return True
        return draft.agreeing >= self.needed

    def problems(self, drafts: Sequence[Verified]) -> dict[Problem, Verified]:
        """What to ask for next."""
        problems = {}
        for each in drafts:
            draft = each.draft
            for _ in range(self.lacking(each)):
                problem = Problem(
                    each.source, draft.diagnosis_id, draft.prompt, draft.answer, each.asked
                )
                problems[problem] = each
                each.asked += 1
        return problems

    def lacking(self, draft: Verified) -> int:
        """Solutions to ask for next: as many as would decide if all agreed."""
        if isinstance(draft.draft.answer, CodeAnswer) or draft.abstained:
            return 0
        missing, left = self.needed - draft.agreeing, self.votes - draft.asked
        return max(0, missing) if missing <= left else 0
