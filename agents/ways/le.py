"""Learning from Error: the instructor sees each mistake alone.

Section 3 of LLMs-as-Instructors (arXiv 2407.00497).
"""

from __future__ import annotations

from errata.agents.records import Mistake
from errata.agents.ways.way import Collected, Practised, Way


class LearningFromError(Way):
    steps = ("diagnose", "write")

    def collect(self, practised: Practised, round_index: int, seed: int) -> Collected:
        return Collected(mistakes=mistakes_of(practised, round_index))


def mistakes_of(practised: Practised, round_index: int) -> list[Mistake]:
    """The practice questions that the best model missed."""
    return [
        Mistake(id=f"m{round_index:02d}-{question.id}", question=question, attempt=attempt)
        for question, attempt in practised
        if not attempt.correct
    ]
