"""Pairs in which a right solution stands against itself with one step spoiled."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from errata.agents.records import CodeAnswer, Row, Unusable
from errata.agents.shapers.answers import is_plain, is_right, question_of
from errata.agents.shapers.shaper import Rehearsed, Shaper
from errata.agents.variations.spoiling import spoil

MOST_TRIES = 50


@dataclass(frozen=True)
class Spoiled(Shaper):
    """The completion against itself with one equation spoiled, in the way of the mistake that the
    example was written against; of another cause, in a way that chance chooses.

    RISE (Subtle Errors Matter, Xu et al. 2024; code kaishxu/RISE) has the model itself spoil a
    step of a solution, and learns from the step pair. Here no model is asked, and the kind of
    error is the diagnosed one. A step pair's wrong side is a step that is false, or that the
    solution does not have; where an answer ends, its wrong side is marked wrong.
    """

    makes_pairs = True
    whole: bool = False
    """Whether the answer goes on after the spoiled step, recomputed from it, in place of ending
    there on both sides."""

    def shape(self, rows: Sequence[Row], rehearsed: Rehearsed, seed: int) -> list[Row | Unusable]:
        return [self.pair(row, rehearsed, seed) if is_plain(row) else row for row in rows]

    def pair(self, row: Row, rehearsed: Rehearsed, seed: int) -> Row | Unusable:
        if isinstance(row.answer, CodeAnswer):
            return Unusable(source_id=row.id, reason="a program has no worked equations")
        cause = rehearsed.examples[row.example_id].cause
        rng = random.Random(f"{seed}/{row.id}")
        tries = spoil(question_of(row), cause, self.whole, rng)
        for spoiled in islice(tries, MOST_TRIES):
            whole = {spoiled.given + spoiled.right: True, spoiled.given + spoiled.wrong: False}
            if not spoiled.ends or all(
                is_right(row, text) is is_so for text, is_so in whole.items()
            ):
                return row.model_copy(
                    update={
                        "id": f"{row.id}-spoiled",
                        "made_by": "spoiled",
                        "given": spoiled.given,
                        "completion": spoiled.right,
                        "rejected": spoiled.wrong,
                        "ends": spoiled.ends,
                    }
                )
        return Unusable(source_id=row.id, reason="no equation that can be spoiled")
