"""Fine-tuning on the practice questions' solutions and on augmentation, mixed; blind to errors."""

from __future__ import annotations

from collections.abc import Sequence

from errata.agents.records import Question
from errata.agents.ways.augment import picked_from
from errata.agents.ways.sft import check_solutions, solutions_of
from errata.agents.ways.way import Collected, Practised, Way


class FineTuningAndAugmentation(Way):
    steps = ("write",)
    looks = False
    solutions = True

    def check(self, practice: Sequence[Question]) -> None:
        check_solutions(practice)

    def collect(self, practised: Practised, round_index: int, seed: int) -> Collected:
        solutions, left_out = solutions_of([question for question, _ in practised])
        return Collected(
            picked=picked_from(practised, round_index, seed),
            solutions=solutions,
            left_out=left_out,
        )
