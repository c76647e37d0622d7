"""Pairs of the right step and the student's own wrong one, after the student's right beginning."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from errata.agents.marking.equations import Expression, numbers_of, unmark
from errata.agents.records import CodeAnswer, Mistake, Row, Unusable
from errata.agents.shapers.answers import (
    is_plain,
    is_right,
    question_of,
    right_answers,
    wrong_answers,
)
from errata.agents.shapers.shaper import Rehearsed, Shaper
from errata.agents.variations.faults import first_fault, steps_of
from errata.training.jobs import Sampling


@dataclass(frozen=True)
class Steps(Shaper):
    """The line in which a wrong answer of the student first leaves the solution, against the line
    that is due there: of a right answer of the student's that begins alike, or else as written.

    RL on Incorrect Synthetic Data (Setlur et al. 2024, arXiv 2406.14532) finds the pitfall of a
    wrong answer by rollouts, as iTool does by tree search; equations show it at once. Where the
    right line is the last one, both sides end.
    """

    makes_pairs = True
    sampling = Sampling(answers=4, temperature=1.0)
    first_too: bool = False
    """Whether a mistake in the first line counts, before which there is no right beginning."""

    def shape(self, rows: Sequence[Row], rehearsed: Rehearsed, seed: int) -> list[Row | Unusable]:
        shaped: list[Row | Unusable] = []
        for row in rows:
            if not is_plain(row):
                shaped.append(row)
            elif pairs := [*dict.fromkeys(self.pairs(row, rehearsed))]:
                shaped += [
                    row.model_copy(
                        update={
                            "id": f"{row.id}-steps-{nth}",
                            "made_by": "steps",
                            "given": given,
                            "completion": right,
                            "rejected": wrong,
                            "ends": ends,
                        }
                    )
                    for nth, (given, right, wrong, ends) in enumerate(pairs, 1)
                ]
            else:
                reason = "no wrong answer of the student begins rightly"
                shaped.append(Unusable(source_id=row.id, reason=reason))
        return shaped

    def pairs(self, row: Row, rehearsed: Rehearsed) -> Iterator[tuple[str, str, str, bool]]:
        """(given, right, wrong, whether both sides end)."""
        if isinstance(row.answer, CodeAnswer):
            return
        own = [unmark(right.response).rstrip() for right in right_answers(row, rehearsed)]
        solution = unmark(row.completion).rstrip()
        for attempt in wrong_answers(row, rehearsed):
            mistake = Mistake(id=attempt.id, question=question_of(row), attempt=attempt)
            fault = first_fault(mistake)
            if isinstance(fault, str) or fault.kind == "no equation":
                continue
            response = unmark(attempt.response).rstrip()
            begin = line_of(fault.wrote, response)
            given, wrong = response[:begin], response[begin:]
            step = wrong.partition("\n")[0]
            if not step.strip() or not (given.strip() or self.first_too):
                continue
            rights = [text[begin:].partition("\n") for text in own if text.startswith(given)]
            written = solution[line_of(fault.needed, solution) :].partition("\n")
            right, _, more = [*rights, written][0]
            if not right.strip() or any(line == step for line, _, _ in (*rights, written)):
                continue  # what a right answer says there is not wrong
            if more:
                yield given, right, step, False
            elif is_right(row, given + right) and not is_right(row, given + wrong):
                yield given, right, wrong, True


def line_of(expression: Expression | None, text: str) -> int:
    """Where the line begins that holds the expression; None: what follows the last step's line."""
    if expression is not None:
        return text.rfind("\n", 0, next(numbers_of(expression)).start) + 1
    end = text.find("\n", steps_of(text)[-1].end)
    return len(text) - len(text[end:].lstrip()) if end >= 0 else len(text)
