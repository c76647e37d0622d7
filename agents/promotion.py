"""Whether a candidate takes the best model's place."""

from __future__ import annotations

from collections.abc import Sequence

from errata.agents.records import Attempt, Record


class Promotion(Record):
    """The decision of one round, with what it rests on."""

    round: int
    """Whose candidate this is; 0 is the base model."""
    promoted: bool
    fixed: int
    """Dev questions that the best model missed and the candidate got right."""
    broken: int
    """Dev questions that the best model got right and the candidate missed."""
    why: str


def judge(best: Sequence[Attempt] | None, candidate: Sequence[Attempt], round: int) -> Promotion:
    """The candidate is promoted when it is right on more of the same dev questions.

    Args:
        best: The best model's attempts; None where the candidate is the base model.
    """
    if best is None:
        return Promotion(round=round, promoted=True, fixed=0, broken=0, why="the base model")
    was_right = {attempt.question_id: attempt.correct for attempt in best}
    fixed = sum(a.correct and not was_right[a.question_id] for a in candidate)
    broken = sum(was_right[a.question_id] and not a.correct for a in candidate)
    return Promotion(
        round=round,
        promoted=fixed > broken,
        fixed=fixed,
        broken=broken,
        why=f"{fixed} dev questions fixed, {broken} broken",
    )
