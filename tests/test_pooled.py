"""Accuracies and paired differences pooled over seeds: their intervals and tests."""

from __future__ import annotations

import random
from collections.abc import Sequence
from math import comb, sqrt
from statistics import fmean, pstdev

import pytest

from errata.agents.pooled import (
    Difference,
    Sittings,
    pooled_accuracy,
    pooled_difference,
    sign_test,
)
from errata.agents.records import Attempt
from errata.agents.scores import holm, paired_gain, wilson

pytestmark = pytest.mark.loop

Table = Sequence[Sequence[float]]  # (questions, seeds)


def sat(values: Table, groups: Sequence[str] | None = None) -> Sittings:
    return Sittings(values, groups or [str(at) for at in range(len(values))])


def difference(first: Table, second: Table, groups: Sequence[str] | None = None) -> Difference:
    return pooled_difference([sat(first, groups)], [sat(second, groups)])


def attempts(right: Sequence[float]) -> list[Attempt]:
    return [
        Attempt(
            id=f"{at}@x",
            question_id=str(at),
            response="",
            answer=None,
            correct=bool(value),
            why="",
            tokens=1,
            truncated=False,
        )
        for at, value in enumerate(right)
    ]


def coins(rng: random.Random, shares: Sequence[float]) -> list[float]:
    return [float(rng.random() < share) for share in shares]


def test_with_one_exam_and_one_seed_the_figures_are_those_of_a_single_run() -> None:
    rng = random.Random(0)
    after, before = coins(rng, [0.7] * 80), coins(rng, [0.4] * 80)
    found = difference([[x] for x in after], [[x] for x in before])
    gain, ci95 = paired_gain(attempts(before), attempts(after))
    assert found.value == pytest.approx(gain)
    assert found.ci95 == pytest.approx(ci95)
    reached = pooled_accuracy([sat([[x] for x in after])])
    assert reached.ci95 == pytest.approx(wilson(int(sum(after)), 80))


def test_with_one_seed_p_is_the_exact_sign_test() -> None:
    before = [1.0] * 3 + [0.0] * 17
    after = [0.0] * 3 + [1.0] * 11 + [0.0] * 6
    found = difference([[x] for x in after], [[x] for x in before])
    assert found.p == pytest.approx(2 * sum(comb(14, k) for k in range(11, 15)) / 2**14)
    assert sign_test(0, 0) == sign_test(4, 4) == 1.0
    assert sign_test(10, 0) == sign_test(0, 10) == pytest.approx(2 / 1024)
    assert sign_test(3000, 2900) == pytest.approx(0.1976, abs=1e-3)


def test_the_interval_is_that_of_a_brute_force_bootstrap_over_questions() -> None:
    """Questions are drawn with all their seeds and variants; seeds that agree add nothing."""
    rng = random.Random(1)
    groups = [f"g{at // 3}" for at in range(180)]  # three variants of each question
    level = {group: rng.random() for group in groups}
    first = [coins(rng, [level[g]] * 3) for g in groups]
    second = [coins(rng, [0.6 * level[g]] * 3) for g in groups]
    net = dict.fromkeys(groups, 0.0)
    for group, one, other in zip(groups, first, second, strict=True):
        net[group] += (sum(one) - sum(other)) / 3
    names = list(net)
    drawn = [fmean(net[rng.choice(names)] for _ in names) / 3 for _ in range(4000)]
    low, high = difference(first, second, groups).ci95
    # Seeds here differ by chance alone, so that the questions' part is nearly all of it.
    assert (high - low) / (2 * 1.96 * pstdev(drawn)) == pytest.approx(1, abs=0.12)


def test_the_same_question_under_three_seeds_is_not_three_questions() -> None:
    rng = random.Random(2)
    after, before = coins(rng, [0.6] * 100), coins(rng, [0.4] * 100)
    once = difference([[x] for x in after], [[x] for x in before])
    thrice = difference([[x] * 3 for x in after], [[x] * 3 for x in before])
    assert thrice.ci95 == pytest.approx(once.ci95)
    copies = difference([[x] for x in after * 3], [[x] for x in before * 3])
    assert copies.ci95[1] - copies.ci95[0] < 0.6 * (once.ci95[1] - once.ci95[0])
    variants = difference(
        [[x] for x in after * 3], [[x] for x in before * 3], [str(at) for at in range(100)] * 3
    )
    assert variants.ci95 == pytest.approx(once.ci95, abs=0.01)
    assert variants.p == once.p


def test_seeds_that_disagree_widen_the_interval_and_few_of_them_widen_it_more() -> None:
    rng = random.Random(3)
    before = [[0.0] * 8 for _ in range(200)]

    def width(gains: Sequence[float]) -> float:
        after = [coins(rng, gains) for _ in range(200)]
        low, high = difference(after, [row[: len(gains)] for row in before]).ci95
        return high - low

    agree, apart = width([0.3] * 4), width([0.1, 0.5, 0.1, 0.5])
    assert apart > 3 * agree
    assert width([0.1, 0.5]) > 2 * width([0.1, 0.5] * 4)


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    """Questions and seeds are drawn anew each time; the true difference is 0.1."""
    rng = random.Random(4)
    for spread in (0.0, 0.05, 0.1):  # standard deviation of the seeds' own differences
        held = 0
        for _ in range(400):
            seeds = [rng.gauss(0.1, spread) for _ in range(3)]
            easy = [rng.uniform(0.3, 0.5) for _ in range(60)]
            first = [coins(rng, [share + seed for seed in seeds]) for share in easy]
            second = [coins(rng, [share] * 3) for share in easy]
            low, high = difference(first, second).ci95
            held += low <= 0.1 <= high
        assert held / 400 > 0.93 - 2 * sqrt(0.05 * 0.95 / 400), spread


@pytest.mark.parametrize("exams", [1, 3])
def test_seeds_that_differ_by_chance_alone_widen_the_interval_less_than_twice(exams: int) -> None:
    rng = random.Random(7)
    widths, values = [], []
    for _ in range(300):
        first, second = (
            [sat([coins(rng, [0.5] * 3) for _ in range(30)]) for _ in range(exams)] for _ in "ab"
        )
        found = pooled_difference(first, second)
        widths.append(found.ci95[1] - found.ci95[0])
        values.append(found.value)
    assert 1 < fmean(widths) / (2 * 1.96 * pstdev(values)) < 2


def test_p_and_the_interval_agree_on_what_may_be_chance() -> None:
    rng = random.Random(5)
    told = []
    for _ in range(60):
        first = [coins(rng, [0.5] * 3) for _ in range(50)]
        second = [coins(rng, [0.4] * 3) for _ in range(50)]
        found = difference(first, second)
        told.append((found.p < 0.05, not found.ci95[0] <= 0 <= found.ci95[1]))
    assert {a == b for a, b in told} == {True}
    assert {a for a, _ in told} == {True, False}


def test_each_exam_counts_alike_however_many_questions_it_has() -> None:
    large, small = [[1.0]] * 300, [[0.0]] * 10
    nothing = [[0.0]] * 300, [[0.0]] * 10
    found = pooled_difference([sat(large), sat(small)], [sat(nothing[0]), sat(nothing[1])])
    assert found.value == 0.5
    assert pooled_accuracy([sat(large), sat(small)]).value == 0.5
    rng = random.Random(6)
    mixed = [sat([coins(rng, [0.5]) for _ in range(n)]) for n in (400, 25)]
    low, high = pooled_accuracy(mixed).ci95
    # The small exam's doubt, halved, is nearly all of it.
    assert (high - low) / 2 == pytest.approx(1.96 * 0.5 * 0.5 / sqrt(25), rel=0.2)


def test_models_that_agree_on_everything_are_not_taken_to_be_surely_equal() -> None:
    for seeds in (1, 3):
        right = [[1.0] * seeds] * 20
        found = difference(right, right)
        assert found.value == 0
        assert found.p == 1
        assert found.ci95[0] < -0.05 < 0.05 < found.ci95[1]
        reached = pooled_accuracy([sat(right)])
        assert reached.ci95 == pytest.approx((wilson(20, 20)[0], 1.0))


def test_each_seed_is_told_by_itself() -> None:
    found = difference([[1, 0, 1], [1, 1, 0]], [[0, 0, 0], [0, 0, 0]])
    assert found.seeds == (1.0, 0.5, 0.5)
    assert found.value == pytest.approx(2 / 3)


def test_holms_correction_is_that_of_the_textbook() -> None:
    # The example of R's p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm").
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


@pytest.mark.parametrize(("seeds", "t"), [((0.0, 1.0), 12.7062), ((0.0, 0.5, 1.0), 4.30265)])
def test_the_widest_interval_of_few_seeds_is_students(seeds: tuple[float, ...], t: float) -> None:
    """Every question answers alike within a seed, so that seeds are all that differs."""
    first = [list(seeds)] * 100_000
    found = pooled_accuracy([sat(first)])
    error = sqrt(sum((x - 0.5) ** 2 for x in seeds) / (len(seeds) - 1) / len(seeds))
    n = 0.25 / error**2
    centre = (0.5 + t**2 / (2 * n)) / (1 + t**2 / n)
    spread = t * sqrt(0.25 / n + t**2 / (4 * n**2)) / (1 + t**2 / n)
    assert found.ci95 == pytest.approx((max(0, centre - spread), min(1, centre + spread)), abs=1e-4)
