"""A candidate takes the best model's place when it is proven better on dev and forgets nothing."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from fractions import Fraction
from math import comb

import pytest

from errata.agents.promotion import (
    ALPHA,
    Compared,
    Gate,
    Guard,
    Promotion,
    exam_guards,
    foresight,
    judge,
    level_of,
    power,
    practice_guards,
    visible_gain,
)
from errata.agents.records import Attempt, Question


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


def compared(
    best: str, candidate: str, kinds: str = "", groups: str = "", exams: str = ""
) -> Compared:
    """A letter a question; `kinds`, `groups`, `exams`: a letter each, `.` for none."""

    def letter(given: str, n: int) -> str | None:
        return given[n] if given and given[n] != "." else None

    questions = [
        Question(
            id=f"q{n}",
            prompt="?",
            target="1",
            kind=letter(kinds, n),
            group=letter(groups, n),
            exam=letter(exams, n),
        )
        for n in range(len(best))
    ]
    return Compared(questions, attempts(best), attempts(candidate))


def flipped(fixed: int, broken: int, same: int = 10, kinds: str = "") -> Compared:
    return compared(
        "-" * fixed + "+" * broken + "+" * same, "+" * fixed + "-" * broken + "+" * same, kinds
    )


def first(dev: Compared, gate: Gate = "sure", *guards: Guard, rounds: int = 1) -> Promotion:
    return judge(dev, [], rounds, gate, lambda: guards)


# The test on dev.


@pytest.mark.parametrize(
    ("fixed", "broken", "p"),
    [(0, 0, 1.0), (1, 0, 0.5), (5, 0, 1 / 32), (8, 1, 10 / 512), (15, 5, 21700 / 2**20)],
)
def test_p_is_the_chance_that_fair_coins_fix_so_many(fixed: int, broken: int, p: float) -> None:
    """The last: scipy.stats.binomtest(15, 20, alternative="greater").pvalue = 0.020695."""
    found = first(flipped(fixed, broken))
    assert found.p == pytest.approx(p)
    assert (found.fixed, found.broken, found.round) == (fixed, broken, 1)


def test_p_is_right_for_thousands_of_changed_answers() -> None:
    exact = Fraction(sum(comb(3000, k) for k in range(1550, 3001)), 2**3000)
    assert first(flipped(1550, 1450)).p == pytest.approx(float(exact))


@pytest.mark.parametrize(
    ("gate", "fixed", "broken", "verdict"),
    [
        ("sure", 5, 0, "promoted"),
        ("sure", 4, 0, "better, may be chance"),
        ("likely", 3, 0, "promoted"),
        ("likely", 2, 0, "better, may be chance"),
        ("any", 1, 0, "promoted"),
        ("any", 3, 2, "promoted"),
        ("any", 2, 2, "no better"),
        ("sure", 2, 3, "no better"),
        ("likely", 0, 0, "no better"),
    ],
)
def test_a_gate_promotes_at_its_own_level(
    gate: Gate, fixed: int, broken: int, verdict: str
) -> None:
    found = first(flipped(fixed, broken), gate)
    assert found.verdict == verdict
    assert found.promoted == (verdict == "promoted")
    assert found.level == ALPHA[gate]


def test_why_says_what_decided() -> None:
    assert first(flipped(9, 1)).why == (
        "9 dev questions fixed, 1 broken; a model that is no better does as well with "
        "probability 0.011, and 0.05 is allowed"
    )
    assert first(flipped(3, 0), rounds=3).why == (
        "3 dev questions fixed, 0 broken; a model that is no better does as well with "
        "probability 0.12, but only 0.017 is allowed"
    )
    assert first(flipped(3, 4)).why == "3 dev questions fixed, 4 broken"
    assert first(flipped(2, 1), "any").why == (
        "2 dev questions fixed, 1 broken; one more fixed than broken is enough"
    )


def test_questions_are_compared_by_their_ids_and_not_by_their_places() -> None:
    dev = compared("-+++", "+-++")
    dev = Compared(dev.questions, dev.best, dev.candidate[::-1])
    assert (first(dev, "any").fixed, first(dev, "any").broken) == (1, 1)


def test_the_interval_of_the_difference_is_the_paired_one() -> None:
    found = first(
        compared("-" * 20 + "+" * 50 + "-" * 30, "+" * 20 + "-" * 5 + "+" * 45 + "-" * 30)
    )
    assert found.difference == pytest.approx(0.15)
    assert found.ci95 == pytest.approx((0.0533279, 0.2407897), abs=1e-7)


# The level, over the rounds of a run.


def test_each_round_has_an_equal_part_of_the_level_until_one_promotes() -> None:
    for refused in range(3):
        assert level_of([False] * refused, 3, 0.05) == pytest.approx(0.05 / 3)
    assert level_of([True], 3, 0.05) == pytest.approx(0.05 / 6)
    assert level_of([True, False], 3, 0.05) == pytest.approx(0.05 / 6)
    assert level_of([False, True], 3, 0.05) == pytest.approx(0.05 / 3)
    assert level_of([True, True], 3, 0.05) == pytest.approx(0.05 / 6)
    assert first(flipped(6, 0), rounds=3).promoted  # p = 1/64
    assert not judge(flipped(6, 0), [True], 3).promoted
    assert judge(flipped(6, 0), [True], 3).round == 2


@pytest.mark.parametrize("rounds", range(1, 8))
def test_whichever_candidates_are_truly_better_the_levels_of_the_others_sum_to_alpha(
    rounds: int,
) -> None:
    """The worst that an adversary can do who knows all: on each history he chooses whether the
    next candidate is better, and both branches of a better one are counted."""

    def worst(history: tuple[bool, ...]) -> float:
        if len(history) == rounds:
            return 0.0
        refused = worst((*history, False))
        no_better = level_of(history, rounds, 0.05) + refused
        better = worst((*history, True)) + refused
        return max(no_better, better)

    assert worst(()) == pytest.approx(0.05)


# Variants of one question.


def test_variants_of_one_question_are_one_coin() -> None:
    dev = compared("-" * 8 + "++", "+" * 8 + "++", groups="aaaabbbb..")
    found = first(dev, "any")
    assert (found.fixed, found.broken, found.p) == (2, 0, 0.25)
    assert found.why.startswith("2 groups of dev questions fixed")


@pytest.mark.parametrize(
    ("candidate", "fixed", "broken"), [("+++-", 1, 0), ("+-+-", 0, 0), ("--+-", 0, 1)]
)
def test_a_group_gains_or_loses_by_its_net_change(candidate: str, fixed: int, broken: int) -> None:
    found = first(compared("-++-", candidate, groups="ggg."), "any")
    assert (found.fixed, found.broken) == (fixed, broken)


def test_a_group_is_not_taken_for_a_question_of_that_name() -> None:
    questions = [
        Question(id="q0", prompt="?", target="1", group="q1"),
        Question(id="q1", prompt="?", target="1"),
    ]
    assert first(Compared(questions, attempts("--"), attempts("++")), "any").fixed == 2


def test_variants_widen_the_interval_of_the_difference() -> None:
    best, candidate = "-" * 40 + "+" * 20, "+" * 60
    alone = first(compared(best, candidate)).ci95
    together = first(compared(best, candidate, groups="abcdefghij" * 4 + "." * 20)).ci95
    assert alone is not None
    assert together is not None
    assert together[1] - together[0] > 1.3 * (alone[1] - alone[0])


# What must not be lost.


def test_a_candidate_that_ruins_a_kind_is_refused_by_its_name_though_dev_rose() -> None:
    kinds = "a" * 30 + "b" * 20
    dev = compared("-" * 30 + "+" * 20, "+" * 30 + "-" * 8 + "+" * 12, kinds=kinds)
    found = first(dev)
    assert found.verdict == "regressed"
    assert not found.promoted
    assert [guard.name for guard in found.guards if guard.lost] == ["dev questions of kind b"]
    assert found.why.endswith("; but it lost dev questions of kind b (0 fixed, 8 broken)")
    [lost, kept] = found.guards
    assert (lost.asked, lost.fixed, lost.broken, lost.p, lost.p_holm) == (
        20,
        0,
        8,
        1 / 256,
        2 / 256,
    )
    assert (kept.asked, kept.fixed, kept.broken, kept.p, kept.p_holm) == (30, 30, 0, 1, 1)


def test_a_kind_with_19_dev_questions_is_no_guard_of_its_own() -> None:
    kinds = "a" * 30 + "b" * 19
    dev = compared("-" * 30 + "+" * 19, "+" * 30 + "-" * 8 + "+" * 11, kinds=kinds)
    assert first(dev).promoted


def test_holm_asks_more_of_each_loss_where_there_are_several_guards() -> None:
    lossy = Guard("lossy", flipped(0, 5))  # p = 1/32
    assert first(flipped(9, 0), "sure", lossy).verdict == "regressed"
    others = [Guard(f"other {n}", flipped(0, 0)) for n in range(3)]
    assert first(flipped(9, 0), "sure", lossy, *others).promoted
    worse = Guard("worse", flipped(0, 9))
    found = first(flipped(9, 0), "sure", lossy, worse)
    assert [(g.name, g.lost) for g in found.guards] == [("worse", True), ("lossy", True)]
    assert [g.p_holm for g in found.guards] == [2 / 512, 1 / 32]
    # A loss is not significant while a greater one is not: 1/128 > 0.05 / 7.
    small, smaller = Guard("small", flipped(0, 7)), Guard("smaller", flipped(0, 7))
    found = first(flipped(9, 0), "sure", small, smaller, *others, lossy, lossy)
    assert found.promoted


def test_guards_are_asked_only_where_dev_passes() -> None:
    def never() -> Sequence[Guard]:
        raise AssertionError("an exam was asked for nothing")

    found = judge(flipped(4, 0), [], 1, "sure", never)
    assert found.verdict == "better, may be chance"
    assert found.guards == ()


def test_practice_is_guarded_by_kind_and_small_kinds_together() -> None:
    practice = compared("+" * 26, "+" * 26, kinds="a" * 10 + "b" * 9 + "." + "c" * 6)
    assert [(g.name, len(g.compared.questions)) for g in practice_guards(practice)] == [
        ("practice questions of kind a", 10),
        ("other practice questions", 16),
    ]
    alone = compared("++", "+-")
    assert [g.name for g in practice_guards(alone)] == ["practice questions"]
    full = compared("+" * 10, "+" * 10, kinds="a" * 10)
    assert [g.name for g in practice_guards(full)] == ["practice questions of kind a"]


def test_a_guard_exam_is_a_guard_by_its_name() -> None:
    both = compared("++++", "++--", exams="xxyy")
    assert [(g.name, len(g.compared.questions)) for g in exam_guards(both)] == [
        ("guard exam x", 2),
        ("guard exam y", 2),
    ]
    [alone] = exam_guards(compared("++", "--"))
    assert alone.name == "guard exam"


def test_what_is_lost_and_won_back_elsewhere_in_practice_is_no_loss() -> None:
    """An equally good model gets other questions right: that alone refuses nobody."""
    practice = compared("+" * 30 + "-" * 30, "-" * 15 + "+" * 30 + "-" * 15)
    assert first(flipped(9, 0), "sure", *practice_guards(practice)).promoted


# What a run can see.


def test_the_power_is_the_sum_over_all_that_can_happen() -> None:
    n, gain, churn, level = 9, 0.4, 0.6, 0.05
    fix, break_ = (churn + gain) / 2, (churn - gain) / 2
    promoted = 0.0
    for fixed, broken in itertools.product(range(n + 1), repeat=2):
        if fixed + broken <= n and first(flipped(fixed, broken)).promoted:
            ways = comb(n, fixed) * comb(n - fixed, broken)
            rest = (1 - churn) ** (n - fixed - broken)
            promoted += ways * fix**fixed * break_**broken * rest
    assert power(n, gain, level, churn) == pytest.approx(promoted)


@pytest.mark.parametrize(("n", "rounds"), [(20, 1), (36, 3), (90, 2), (200, 3), (500, 10)])
def test_the_visible_gain_is_seen_four_times_in_five(n: int, rounds: int) -> None:
    level = 0.05 / rounds
    gain = visible_gain(n, level)
    assert gain is not None
    assert power(n, gain, level) == pytest.approx(0.8, abs=0.005)


def test_for_many_questions_the_normal_approximation_goes_on_where_the_sum_ends() -> None:
    exact, normal = visible_gain(1000, 0.05 / 3), visible_gain(1001, 0.05 / 3)
    assert exact == pytest.approx(normal, rel=0.03)
    assert visible_gain(4000, 0.05 / 3) == pytest.approx(0.0210, abs=0.0005)


def test_too_few_questions_see_nothing() -> None:
    assert visible_gain(5, 0.05 / 3) is None
    assert visible_gain(6, 0.05 / 3) is not None  # 1/64


def test_what_a_run_can_see_is_one_sentence() -> None:
    dev = compared("-" * 200, "-" * 200).questions
    assert foresight(dev, 3, "sure") == (
        "With 200 dev questions and 3 rounds a gain of about 10 points is seen 4 times in 5"
    )
    assert foresight(dev[:5], 1, "sure") == (
        "With 5 dev questions and 1 round a gain of about 96 points is seen 4 times in 5"
    )
    assert foresight(dev[:4], 1, "sure").endswith(
        "no gain can be proven: give more dev questions, or another gate"
    )
    assert 'gate = "any" promotes any gain' in foresight(dev, 3, "any")
    grouped = compared("-" * 40, "-" * 40, groups="abcdefghij" * 4).questions
    assert foresight(grouped, 1, "likely").startswith("With 10 groups of dev questions and 1 round")
