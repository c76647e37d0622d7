"""The student's own right answer in place of the written one.

S3FT (Selective Self-to-Supervised Fine-Tuning, Gupta et al. 2025): what a model says itself moves
its weights less than another's words do, and so it forgets less.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from errata.agents.records import GREEDY, Row, Sampling, Unusable
from errata.agents.shapers.answers import is_plain, right_answers
from errata.agents.shapers.shaper import Rehearsed, Shaper


@dataclass(frozen=True)
class OwnWords(Shaper):
    sampling: Sampling | None = GREEDY

    def shape(self, rows: Sequence[Row], rehearsed: Rehearsed, seed: int) -> list[Row | Unusable]:
        return [in_own_words(row, rehearsed) for row in rows]


def in_own_words(row: Row, rehearsed: Rehearsed) -> Row:
    """The row with the student's first right answer; as it was where there is none, and where
    another shaper has made it."""
    if not is_plain(row) or row.made_by != "example":
        return row
    own = next(iter(right_answers(row, rehearsed)), None)
    if own is None or own.response == row.completion:
        return row
    return row.model_copy(update={"completion": own.response, "made_by": "own_words"})
