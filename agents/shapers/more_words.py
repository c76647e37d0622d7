"""Further right answers of the student's own, beside the written one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from errata.agents.records import Row, Unusable
from errata.agents.shapers.answers import is_plain, path_of, right_answers
from errata.agents.shapers.shaper import Rehearsed, Shaper
from errata.training.jobs import Sampling


@dataclass(frozen=True)
class MoreWords(Shaper):
    """Each row, and rows with other ways to its answer that the student found itself.

    Rejection sampling fine-tuning (RFT, Yuan et al. 2023, arXiv 2308.01825; code
    OFA-Sys/gsm8k-ScRel): right answers without a false equation, one of each list of equations.
    """

    sampling = Sampling(answers=4, temperature=0.7)
    most: int = 4
    """Rows to add to each one."""

    def shape(self, rows: Sequence[Row], rehearsed: Rehearsed, seed: int) -> list[Row | Unusable]:
        return [made for row in rows for made in (row, *self.further(row, rehearsed))]

    def further(self, row: Row, rehearsed: Rehearsed) -> Iterator[Row]:
        if not is_plain(row):
            return
        paths = {path_of(row, row.completion): row.completion}
        for attempt in right_answers(row, rehearsed):
            paths.setdefault(path_of(row, attempt.response), attempt.response)
        for nth, completion in enumerate([*paths.values()][1 : self.most + 1], 1):
            yield row.model_copy(
                update={
                    "id": f"{row.id}-more-words-{nth}",
                    "made_by": "more_words",
                    "completion": completion,
                }
            )
