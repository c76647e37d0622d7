"""Pairs of a right answer and a wrong one of the student's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from errata.agents.records import Row, Unusable
from errata.agents.shapers.answers import is_plain, right_answers, wrong_answers
from errata.agents.shapers.shaper import Rehearsed, Shaper
from errata.training.jobs import Sampling


@dataclass(frozen=True)
class Pairs(Shaper):
    """The student's own right answer, or else the written one, against its own wrong one.

    The sampled half of RISE (Subtle Errors Matter, Xu et al. 2024; code kaishxu/RISE). Two answers
    of the student differ in what makes one of them wrong; a written one differs in its style as
    well, which an objective that compares then learns, too. A wrong answer counts that ends and
    holds an answer.
    """

    makes_pairs = True
    sampling = Sampling(answers=4, temperature=0.7)

    def shape(self, rows: Sequence[Row], rehearsed: Rehearsed, seed: int) -> list[Row | Unusable]:
        return [pair(row, rehearsed) if is_plain(row) else row for row in rows]


def pair(row: Row, rehearsed: Rehearsed) -> Row | Unusable:
    wrong = wrong_answers(row, rehearsed)
    if not wrong:
        return Unusable(source_id=row.id, reason="the student gives no wrong answer to it")
    right = [attempt.response for attempt in right_answers(row, rehearsed)]
    return row.model_copy(
        update={
            "id": f"{row.id}-pairs",
            "made_by": "pairs",
            "completion": [*right, row.completion][0],
            "rejected": wrong[0].response,
        }
    )
