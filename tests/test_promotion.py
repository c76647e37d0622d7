"""A candidate takes the best model's place when it is right on more of the same dev questions."""

from __future__ import annotations

import pytest

from errata.agents.promotion import judge
from errata.agents.records import Attempt


def attempts(marks: str) -> list[Attempt]:
    """One for each letter: `+` right, `-` wrong."""
    return [
        Attempt(
            id=f"q{n}@dev",
            question_id=f"q{n}",
            response="",
            answer=None,
            correct=mark == "+",
            why="",
            tokens=0,
            truncated=False,
        )
        for n, mark in enumerate(marks)
    ]


@pytest.mark.parametrize(
    ("best", "candidate", "promoted", "fixed", "broken"),
    [
        ("--++", "+-++", True, 1, 0),
        ("--++", "++-+", True, 2, 1),
        ("--++", "+--+", False, 1, 1),
        ("--++", "--++", False, 0, 0),
        ("--++", "---+", False, 0, 1),
        ("----", "++++", True, 4, 0),
    ],
)
def test_a_candidate_is_promoted_when_it_fixes_more_than_it_breaks(
    best: str, candidate: str, promoted: bool, fixed: int, broken: int
) -> None:
    found = judge(attempts(best), attempts(candidate), 7)
    assert (found.promoted, found.fixed, found.broken) == (promoted, fixed, broken)
    assert found.round == 7
    assert found.why == f"{fixed} dev questions fixed, {broken} broken"


def test_questions_are_compared_by_their_ids_and_not_by_their_places() -> None:
    assert judge(attempts("-+++"), attempts("+-++")[::-1], 1).promoted is False
    assert judge(attempts("-+++"), attempts("++++")[::-1], 1).fixed == 1


def test_the_base_model_is_the_first_best_one_whatever_it_knows() -> None:
    found = judge(None, attempts("--"), 0)
    assert (found.round, found.promoted, found.fixed, found.broken) == (0, True, 0, 0)
    assert found.why == "the base model"
