"""The student's own right answer in place of the written one.

S3FT (Selective Self-to-Supervised Fine-Tuning, Gupta et al. 2025): what a model says itself moves
its weights less than another's words do, and so it forgets less.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from errata.agents.marking.equations import holds, read_equations, unmark
from errata.agents.records import GREEDY, Attempt, CodeAnswer, Row, Sampling, Unusable
from errata.agents.shapers.shaper import Rehearsed, Shaper


@dataclass(frozen=True)
class OwnWords(Shaper):
    sampling: Sampling | None = GREEDY

    def shape(self, rows: Sequence[Row], rehearsed: Rehearsed, seed: int) -> list[Row | Unusable]:
        return [in_own_words(row, rehearsed.attempts.get(row.example_id, ())) for row in rows]


def in_own_words(row: Row, attempts: Sequence[Attempt]) -> Row:
    """The row with the first answer that can be learnt from; as it was where there is none, and
    where another shaper has made it."""
    own = next((attempt.response for attempt in attempts if is_sound(attempt, row)), None)
    if own is None or own == row.completion or row.made_by != "example":
        return row
    return row.model_copy(update={"completion": own, "made_by": "own_words"})


def is_sound(attempt: Attempt, row: Row) -> bool:
    """Whether the answer is right, whole, and every equation in it holds."""
    if not attempt.correct or attempt.truncated:
        return False
    if isinstance(row.answer, CodeAnswer):  # `=` is no equation there
        return True
    return all(holds(equation) for equation in read_equations(unmark(attempt.response)))
