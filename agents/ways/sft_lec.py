"""The practice questions' solutions together with Learning from Error by Contrast.

With `training.start = "base"` and `training.replay = 1`, the defaults, it is how LLM2LLM (Lee et
al., Findings of ACL 2024, arXiv 2403.15042) goes on: each round trains from the base on the
solutions and on everything that was written so far against what the student still gets wrong.
"""

from __future__ import annotations

from errata.agents.ways.le import mistakes_of
from errata.agents.ways.sft import solutions_of
from errata.agents.ways.way import Collected, Practised, Way


class FineTuningAndContrast(Way):
    steps = ("contrast", "diagnose", "write")
    solutions = True

    def collect(self, practised: Practised, round_index: int, seed: int) -> Collected:
        solutions, left_out = solutions_of([question for question, _ in practised])
        return Collected(
            mistakes=mistakes_of(practised, round_index), solutions=solutions, left_out=left_out
        )
