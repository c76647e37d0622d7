"""Fewer rows that show as many kinds of problems."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from errata.agents.exams import plain
from errata.agents.exams.held_out import NearQuestions
from errata.agents.exams.reworded import setting
from errata.agents.marking.equations import NUMBER, unmark
from errata.agents.records import Row, Unusable
from errata.agents.shapers.shaper import Rehearsed, Shaper
from errata.agents.variations.faults import steps_of
from errata.agents.variations.spoiling import operations_of


@dataclass(frozen=True)
class Diverse(Shaper):
    """Keeps a share of the rows: those that together cover the most kinds, the richest first.

    The selection of InsTag (Lu et al. 2023, arXiv 2308.07074): each row that adds a tag not yet
    covered, then from the beginning again. An LLM tags there; here a row's tags are the cause that
    it was written against, its operations, alone and in their order, how many steps it takes and
    how long its numbers are. What nearly repeats another row's question comes last. It matters
    where more is written than is to be trained on.
    """

    keep: float = 0.5
    """Share of the rows."""

    def shape(self, rows: Sequence[Row], rehearsed: Rehearsed, seed: int) -> list[Row | Unusable]:
        mixed = random.Random(seed).sample(rows, len(rows))
        first: list[Row] = []
        last: list[Row] = []
        seen = NearQuestions()
        for row in mixed:
            asked, before = plain(row.prompt), setting(row)
            (first if seen.nearest(asked, before) is None else last).append(row)
            seen.add(asked, row.id, before)
        ordered = [*covering(first, rehearsed), *covering(last, rehearsed)]
        kept = round(self.keep * len(rows))
        reason = "other rows show the same kinds"
        left_out = [Unusable(source_id=row.id, reason=reason) for row in ordered[kept:]]
        return [*ordered[:kept], *left_out]


def covering(rows: Sequence[Row], rehearsed: Rehearsed) -> list[Row]:
    """The rows, each that brings a new tag before those that bring none; then the rest, again."""
    alike: dict[frozenset[str], deque[Row]] = {}
    for row in rows:
        alike.setdefault(tags_of(row, rehearsed), deque()).append(row)
    waiting = sorted(alike, key=len, reverse=True)
    ordered = []
    while waiting:
        covered: set[str] = set()
        for tags in waiting:
            if not tags <= covered:
                covered |= tags
                ordered.append(alike[tags].popleft())
        waiting = [tags for tags in waiting if alike[tags]]
    return ordered


def tags_of(row: Row, rehearsed: Rehearsed) -> frozenset[str]:
    text = row.given + row.completion
    steps = steps_of(text)
    signs = [operation.sign for step in steps for operation in operations_of(step.left)]
    longest = max((len(number) for number in NUMBER.findall(unmark(text))), default=0)
    cause = rehearsed.examples[row.example_id].cause
    sizes = (f"{len(steps)} steps", f"numbers of {longest} characters")
    return frozenset({cause, f"in order: {signs}", *signs, *sizes})
