"""Solutions whose calculations are written out, where the student cannot do them in its head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from errata.agents.records import NumberAnswer, Row, Unusable
from errata.agents.shapers.answers import is_plain, is_right
from errata.agents.shapers.shaper import Rehearsed, Shaper
from errata.agents.variations.by_hand import by_hand, cannot


@dataclass(frozen=True)
class Columns(Shaper):
    """Each equation of a kind that the student was not seen to do, with its working before it:
    sums and differences in columns, products and quotients in parts.

    What it can do is read off its own answers to the practice questions, so that a model that
    calculates well keeps the exam's own way.
    """

    looks = True

    def shape(self, rows: Sequence[Row], rehearsed: Rehearsed, seed: int) -> list[Row | Unusable]:
        signs = cannot(attempt for _, attempt in rehearsed.practised)
        return [self.written_out(row, signs) for row in rows]

    def written_out(self, row: Row, signs: frozenset[str]) -> Row:
        if not signs or not is_plain(row) or not isinstance(row.answer, NumberAnswer):
            return row
        text = by_hand(row.completion, signs)
        if text == row.completion or not is_right(row, text):
            return row
        return row.model_copy(update={"completion": text, "made_by": "columns"})
