"""Bad examples among good ones: held-out questions in disguise, and wrong answers. In small; the
numbers of docs/verification.md come from benchmarks/planted.py."""

from __future__ import annotations

import pytest
from planting import contaminated, varied, voted

from errata.agents.exams import ArithmeticExam

pytestmark = pytest.mark.loop


@pytest.mark.parametrize("kind", ["number", "choice", "text"])
def test_no_held_out_question_is_accepted_whatever_its_words(kind: str) -> None:
    found = contaminated(kind, 25, 100)
    assert found.planted == [25, 25, 25]
    assert found.accepted == [0, 0, 0]
    assert found.refused <= 20  # four stories, so that many share their words


@pytest.mark.process
def test_no_held_out_formula_is_accepted_whatever_its_words() -> None:
    found = contaminated("math", 12, 50)
    assert found.accepted == [0, 0, 0]
    assert found.refused <= 5


@pytest.mark.sandbox
def test_no_held_out_function_is_accepted_whatever_its_words() -> None:
    found = contaminated("code", 4, 50)
    assert found.accepted == [0, 0, 0]
    assert found.refused <= 5


@pytest.mark.parametrize(
    ("rate", "votes", "agreement"), [(0.0, 1, 1), (0.05, 3, 2), (0.2, 11, 6), (0.2, 11, 0.5)]
)
@pytest.mark.parametrize("kind", ["number", "choice", "text"])
def test_wrong_answers_that_hold_together_are_refused_by_votes(
    kind: str, rate: float, votes: int, agreement: float
) -> None:
    found = voted(kind, 200, 100, rate, votes, agreement)
    assert found.missed <= 2
    assert found.lost <= 6
    if rate:
        assert found.missed + found.lost < found.wrong


def test_with_more_errors_than_the_votes_can_bear_right_answers_are_lost_and_not_wrong_learnt() -> (
    None
):
    found = voted("number", 200, 100, 0.5, 3, 3)
    assert found.missed <= 4
    assert found.lost > 100


def test_variations_alone_refuse_every_wrong_answer_and_lose_no_right_one_for_that() -> None:
    found = varied(ArithmeticExam(name="arithmetic").read()[0], 200, 60)
    assert found.missed == 0
    assert found.reasons["votes"] >= 55
    assert found.lost == found.reasons.total() - 60  # near-duplicates of other examples alone
    assert found.lost <= 4
