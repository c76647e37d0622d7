"""Keeps what the student gets right now and then; what it always or never does comes last."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from errata.agents.records import Row, Sampling, Unusable
from errata.agents.shapers.answers import is_plain
from errata.agents.shapers.shaper import Rehearsed, Shaper


@dataclass(frozen=True)
class Difficulty(Shaper):
    """A model's own difficulty with an instruction chooses in TAPIR (Yue et al. 2024), with a
    judge's score in place of the marker. What is nearly known and what is never right teach the
    least; of the two, the never right is left out first. Solutions of practice questions, rows
    that another shaper made and examples without an answer are kept.
    """

    sampling = Sampling(answers=4, temperature=0.7)

    keep: float = 0.5
    """Share of the rows that were asked."""

    def shape(self, rows: Sequence[Row], rehearsed: Rehearsed, seed: int) -> list[Row | Unusable]:
        shares = {
            row.id: sum(attempt.correct for attempt in made) / len(made)
            for row in rows
            if is_plain(row) and rehearsed.examples[row.example_id].made_from != "solution"
            if (made := rehearsed.attempts.get(row.example_id, ()))
        }
        mixed = random.Random(seed).sample(list(shares), len(shares))  # alike ones by chance
        ordered = sorted(mixed, key=lambda id: (abs(shares[id] - 0.5), -shares[id]))
        left_out = set(ordered[round(self.keep * len(ordered)) :])
        reason = "other rows are nearer to half right"
        return [
            Unusable(source_id=row.id, reason=reason) if row.id in left_out else row for row in rows
        ]
