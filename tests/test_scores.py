"""Scores against figures that others published or that were worked out by hand."""

from __future__ import annotations

from math import comb

import pytest
from test_promotion import attempts

from errata.agents.records import Question
from errata.agents.scores import accuracy, paired_gain, pass_at_k, tally, wilson


@pytest.mark.parametrize(
    ("correct", "n", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_intervals_are_those_of_newcombe(
    correct: int, n: int, low: float, high: float
) -> None:
    """Newcombe, Statistics in Medicine 17 (1998), table I, method 3."""
    assert wilson(correct, n) == pytest.approx((low, high), abs=5e-5)
    assert wilson(n - correct, n) == pytest.approx((1 - high, 1 - low), abs=5e-5)


def test_a_wilson_interval_never_leaves_0_to_1() -> None:
    for n in range(1, 1000):
        for correct in (0, n):
            low, high = wilson(correct, n)
            assert 0 <= low < high <= 1
            assert low - 1e-12 <= correct / n <= high + 1e-12


def test_the_paired_interval_is_agresti_and_mins() -> None:
    """By hand, 100 pairs, 20 won and 5 lost: b = 20.5, c = 5.5, m = 102.

    (15 ± 1.959964 √(26 - 15² / 102)) / 102
    """
    before = attempts("-" * 20 + "+" * 5 + "+" * 45 + "-" * 30)
    after = attempts("+" * 20 + "-" * 5 + "+" * 45 + "-" * 30)
    gain, interval = paired_gain(before, after)
    assert gain == pytest.approx(0.15)
    assert interval == pytest.approx((0.0533279, 0.2407897), abs=1e-7)


def test_a_gain_is_the_other_way_round_with_the_other_sign() -> None:
    one, other = attempts("++-+-"), attempts("+-+++")
    gain, (low, high) = paired_gain(one, other)
    back, (back_low, back_high) = paired_gain(other, one)
    assert gain == pytest.approx(0.2)
    assert (back, back_low, back_high) == pytest.approx((-gain, -high, -low))


@pytest.mark.parametrize(("before", "after", "gain"), [("-", "+", 1), ("+", "-", -1)])
def test_the_interval_of_a_gain_never_leaves_minus_1_to_1(
    before: str, after: str, gain: int
) -> None:
    for n in (1, 2, 50):
        found, (low, high) = paired_gain(attempts(before * n), attempts(after * n))
        assert found == gain
        assert -1 <= low < high <= 1


def test_answers_are_paired_by_their_questions() -> None:
    assert paired_gain(attempts("+--"), attempts("+--")[::-1])[0] == 0


def test_pass_at_k_is_the_share_of_draws_with_a_right_one() -> None:
    """Chen et al. 2021, equation 1: 1 - C(n - c, k) / C(n, k)."""
    for n in range(1, 8):
        for c in range(n + 1):
            for k in range(1, n + 1):
                assert pass_at_k(n, c, k) == pytest.approx(1 - comb(n - c, k) / comb(n, k))


def question(id: str, kind: str | None, exam: str | None = None) -> Question:
    return Question(id=id, prompt="?", target="1", kind=kind, exam=exam)


def test_accuracy_counts_what_is_right_by_kind_and_by_exam_and_what_is_unclear() -> None:
    kinds, exams = "baab", "xyxx"
    questions = [question(f"q{n}", kinds[n], exams[n]) for n in range(4)]
    answered = attempts("++--")
    answered[3] = answered[3].model_copy(update={"answer": "7"})
    answered[0] = answered[0].model_copy(update={"answer": "1"})
    answered[1] = answered[1].model_copy(update={"answer": "1"})
    found = accuracy(questions, answered[::-1])
    assert (found.accuracy, found.n, found.correct) == (0.5, 4, 2)
    assert found.ci95 == wilson(2, 4)
    assert list(found.by_kind.items()) == [("a", (1, 2)), ("b", (1, 2))]
    assert list(found.by_exam.items()) == [("x", (1, 3)), ("y", (1, 1))]
    assert found.unclear == 1


def test_without_kinds_there_is_nothing_by_kind_and_with_some_the_rest_has_none() -> None:
    answered = attempts("+-")
    assert accuracy([question("q0", None), question("q1", None)], answered).by_kind == {}
    some = accuracy([question("q0", "a"), question("q1", None)], answered)
    assert some.by_kind == {"a": (1, 1), "": (0, 1)}


def test_a_tally_begins_with_the_most_frequent_and_then_goes_by_the_alphabet() -> None:
    assert list(tally("bcaacbd").items()) == [("a", 2), ("b", 2), ("c", 2), ("d", 1)]
    assert list(tally("bbac").items()) == [("b", 2), ("a", 1), ("c", 1)]
