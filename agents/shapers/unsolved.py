"""Trains on what the student does not always get right, and on a little of what it does.

CodecLM's contrastive filtering (Wang et al. 2024) keeps the examples on which the target model
falls behind, TAPIR (Yue et al. 2024) the hard ones; here the marker measures it. Asked of earlier
rounds' rows as well, it is LFR's review (Prakriya et al. 2024): what was unlearnt comes back.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from errata.agents.records import GREEDY, Row, Sampling, Unusable
from errata.agents.shapers.answers import is_plain
from errata.agents.shapers.shaper import Rehearsed, Shaper


@dataclass(frozen=True)
class Unsolved(Shaper):
    sampling: Sampling | None = GREEDY
    keep_solved: float = 0.1
    """Share of the solved rows that is kept, by chance: what is never trained on is forgotten."""

    def shape(self, rows: Sequence[Row], rehearsed: Rehearsed, seed: int) -> list[Row | Unusable]:
        solved = [at for at, row in enumerate(rows) if is_solved(row, rehearsed)]
        kept = random.Random(seed).sample(solved, round(self.keep_solved * len(solved)))
        left_out = set(solved) - set(kept)
        return [
            Unusable(source_id=row.id, reason="solved already") if at in left_out else row
            for at, row in enumerate(rows)
        ]


def is_solved(row: Row, rehearsed: Rehearsed) -> bool:
    """Whether every answer of the student is right. A practice question's own solution is not
    looked at: nothing is better data."""
    if not is_plain(row):
        return False
    attempts = rehearsed.attempts.get(row.example_id, ())
    of_practice = rehearsed.examples[row.example_id].made_from == "solution"
    return bool(attempts) and not of_practice and all(attempt.correct for attempt in attempts)
