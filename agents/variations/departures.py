"""How wrong answers come about: where they leave the worked solution, and what does not add up.

The same gain can come of better reading or of better calculation; this tells them apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from errata.agents.marking.equations import holds, read_equations, unmark
from errata.agents.records import Attempt, Mistake, Question, Record
from errata.agents.variations.faults import Fault, first_fault, steps_of


class Departures(Record):
    """Answers to questions whose solutions have equations."""

    answers: int
    right: int
    false_equation: int
    """Answers with an equation that does not hold in itself, right ones among them."""
    first: Mapping[str, int]
    """Wrong answers by where they first leave the solution: `wrong numbers`, `slip` …"""


def departures(answered: Iterable[tuple[Question, Attempt]]) -> Departures | None:
    """None where no question has a solution with equations."""
    count = right = false = 0
    first: Counter[str] = Counter()
    for question, attempt in answered:
        if not steps_of(question.solution or ""):
            continue
        count += 1
        right += attempt.correct
        false += not all(holds(each) for each in read_equations(unmark(attempt.response)))
        if not attempt.correct:
            fault = first_fault(Mistake(id=attempt.id, question=question, attempt=attempt))
            assert isinstance(fault, Fault)  # there are equations in the solution
            first[fault.kind] += 1
    if not count:
        return None
    return Departures(
        answers=count, right=right, false_equation=false, first=dict(first.most_common())
    )
