"""The student's own wrong answers, under a system prompt that asks for the mistake."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from errata.agents.records import Attempt, CodeAnswer, Diagnosis, Mistake, Row, Unusable
from errata.agents.shapers.answers import is_plain, question_of, wrong_answers
from errata.agents.shapers.shaper import Rehearsed, Shaper
from errata.agents.variations import VariationsInstructor
from errata.training.jobs import Sampling

SYSTEM = "Answer with this mistake: {}."


@dataclass(frozen=True)
class Tagged(Shaper):
    """Each row, and rows in which a wrong answer of the student follows a system prompt that names
    its mistake: right and wrong are told apart by the system prompt.

    Mistake tuning (CoTErrorSet, Tong et al. 2024) and LeTI (Wang et al. 2023, code xingyaoww/LeTI)
    put a mark before right and wrong answers. Here the right ones stay as the exam asks for them,
    under the student's own system prompt, and no wrong one ever stands under it. So these are the
    only rows whose completion is marked wrong: `made_by` is `tagged` and `system` is set.
    """

    sampling = Sampling(answers=4, temperature=1.0)
    most: int = 1
    """Wrong answers to add to each row."""

    def shape(self, rows: Sequence[Row], rehearsed: Rehearsed, seed: int) -> list[Row | Unusable]:
        return [made for row in rows for made in (row, *self.wrong(row, rehearsed))]

    def wrong(self, row: Row, rehearsed: Rehearsed) -> Iterator[Row]:
        attempts = wrong_answers(row, rehearsed) if is_plain(row) else []
        for nth, attempt in enumerate(attempts[: self.most], 1):
            yield row.model_copy(
                update={
                    "id": f"{row.id}-tagged-{nth}",
                    "made_by": "tagged",
                    "completion": attempt.response,
                    "system": SYSTEM.format(named(row, attempt)),
                }
            )


def named(row: Row, attempt: Attempt) -> str:
    """The mistake as the equations show it, or else what the marker says."""
    if not isinstance(row.answer, CodeAnswer):
        mistake = Mistake(id=attempt.id, question=question_of(row), attempt=attempt)
        [diagnosis] = VariationsInstructor().diagnose([mistake])
        if isinstance(diagnosis, Diagnosis):
            return diagnosis.cause
    return " ".join(attempt.why.split())[:200]
