"""Learning from Error by Contrast: each mistake is shown beside the nearest correct answers.

Section 3 of LLMs-as-Instructors (arXiv 2407.00497).
"""

from __future__ import annotations

from errata.agents.ways.le import mistakes_of
from errata.agents.ways.way import Collected, Practised, Way


class LearningFromErrorByContrast(Way):
    steps = ("contrast", "diagnose", "write")

    def collect(self, practised: Practised, round_index: int, seed: int) -> Collected:
        return Collected(mistakes=mistakes_of(practised, round_index))
