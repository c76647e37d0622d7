"""votes.jsonl: the solutions that confirm examples, so that a resumed run need not ask again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from errata.agents.jsonl import Journal
from errata.agents.verifier import Problem, Solver, Verifier, Vote
from errata.graph.config import VerifySettings


class RememberingSolver:
    """A solver whose solutions are in a journal, and are not asked for again."""

    def __init__(self, solver: Solver, journal: Journal[Vote]) -> None:
        self.solver = solver
        self.journal = journal
        self.known = {(v.diagnosis_id, v.prompt, v.number): v.response for v in journal.records}
        self.places: dict[tuple[str, str, int], int] = {}

    def place(self, vote: Vote) -> int:
        """Of a solution among all, in the order in which they were asked for."""
        return self.places.get((vote.diagnosis_id, vote.prompt, vote.number), len(self.places))

    def solve(self, problems: Sequence[Problem]) -> Iterator[tuple[Problem, str | None]]:
        """See `Solver.solve`. What comes is in the journal before it is handed on."""
        new = []
        for problem in problems:
            key = (problem.diagnosis_id, problem.prompt, problem.number)
            self.places.setdefault(key, len(self.places))
            if key in self.known:
                yield problem, self.known[key]
            else:
                new.append(problem)
        if not new:
            return
        for problem, response in self.solver.solve(new):
            vote = Vote(
                diagnosis_id=problem.diagnosis_id,
                prompt=problem.prompt,
                number=problem.number,
                response=response,
            )
            self.journal.add(vote)
            yield problem, vote.response


def verifier_for(solver: Solver | None, settings: VerifySettings) -> Verifier | None:
    """Who has drafts solved again; None where nobody does."""
    if solver is None:
        return None
    if not settings.votes:
        return Verifier(solver)
    return Verifier(solver, settings.votes, settings.agreement)
