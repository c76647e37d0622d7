"""Marking numbers."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errata.agents.marking.number import (
    is_right,
    is_target,
    last_number,
    mark_number,
    read_number,
)

DATA = Path(__file__).parents[2] / "shared" / "data"
NUMBERS = st.decimals(-(10**9), 10**9, places=3, allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("response", "value"),
    [
        ("16 - 3 = 13", "13"),
        ("5-3", "3"),
        ("The answer is -3.", "-3"),
        ("It fell to −7 degrees", "-7"),  # noqa: RUF001
        ("She pays $1,234.50.", "1234.50"),
        ("He owes $-5", "-5"),
        ("He owes -$5", "-5"),
        ("50%", "50"),
        ("exactly 3/4 of it", "0.75"),
        ("1 1/2 hours", "1.5"),
        ("- 7 apples", "7"),
        ("about .5", "0.5"),
        ("#### 72\n", "72"),
        ("1,234,567 people", "1234567"),
        ("**18**", "18"),
        ("\\boxed{42}", "42"),
        ("x = 4.", "4"),
    ],
)
def test_the_last_number_counts(response: str, value: str) -> None:
    assert read_number(last_number(response) or "") == Decimal(value)


@pytest.mark.parametrize("response", ["", "I do not know.", "NaN", "inf", "three"])
def test_a_response_without_a_number_has_no_answer(response: str) -> None:
    assert last_number(response) is None
    assert not is_right(last_number(response), "3")


@pytest.mark.parametrize("target", ["", "seven", "3 apples", "3 4", "3/0", "1e5", "A"])
def test_a_target_that_is_no_number_is_an_error_not_a_wrong_answer(target: str) -> None:
    with pytest.raises(ValueError, match="not a number"):
        is_right("3", target)


@given(NUMBERS)
def test_every_way_to_write_a_number_is_right(number: Decimal) -> None:
    for written in (f"{number}", f"{number:,}", f"${number:,}", f"{number}%", f"{number}."):
        assert is_right(last_number(f"5 + 2 is not it, so the answer is {written}"), str(number))


@given(NUMBERS, NUMBERS)
def test_two_numbers_are_equal_within_the_tolerance_only(one: Decimal, other: Decimal) -> None:
    assert is_right(last_number(f"= {one}"), str(other)) == (abs(one - other) <= Decimal("1e-4"))


@given(st.integers(-(10**6), 10**6), st.integers(1, 9999))
def test_a_fraction_is_worth_its_quotient(top: int, bottom: int) -> None:
    assert is_right(last_number(f"the share is {top}/{bottom}"), f"{top}/{bottom}")
    assert is_right(f"{top * 3}/{bottom * 3}" if bottom < 3000 else "0", f"{top}/{bottom}") or (
        bottom >= 3000
    )


@given(st.text())
def test_any_text_can_be_marked(text: str) -> None:
    answer = last_number(text)
    assert answer is None or answer.strip() in text
    assert is_right(answer, "123456789.25") in (True, False)


@pytest.mark.slow
@pytest.mark.parametrize("target", ["9", "none"])
@pytest.mark.parametrize(
    "response",
    [
        "9" * 100_000,
        "9" * 1_000_002,
        "#### " + "9" * 1_000_002,
        "0." + "0" * 1_000_002 + "1",
        "1,000" + ",000" * 400_000,
        "1e999999999",
        "\\boxed{1e-9999}",
        "10^999999999",
        "9^" + "9" * 100_000,
        "3 x 10^" + "9" * 100_000,
        "0^-1",
        "\\frac{1}{0}",
        "1/0",
    ],
    ids=lambda given: given[:12],
)
def test_an_absurd_number_is_wrong_not_a_crash(response: str, target: str) -> None:
    assert not mark_number(response, target).correct


def test_a_target_of_a_million_digits_is_an_error_that_names_it_in_short() -> None:
    assert not is_target("9" * 1_000_002)
    with pytest.raises(ValueError, match="not a number") as error:
        mark_number("9", "9" * 1_000_002)
    assert len(str(error.value)) < 200


@pytest.mark.parametrize(
    "response",
    [
        "We don't know how many red cars there are. \n#### None",
        "#### none.",
        "The answer is None.",
        "None",
        "**Answer:** not enough information",
        "$\\boxed{\\text{None}}$",
        "The answer is: it cannot be determined",
        "It is impossible to say.",
        "Without the price we can\N{RIGHT SINGLE QUOTATION MARK}t calculate what 6 shakes cost.",
        "There is not enough information to work out what the 6 milkshakes cost.",
        "First 20 * 3 = 60. So the number of yellow cars cannot be determined.",
        "The price of one is not given, so there is no answer.",
    ],
)
def test_a_question_without_an_answer_is_answered_by_saying_so(response: str) -> None:
    verdict = mark_number(response, "None")
    assert (verdict.correct, verdict.answer) == (True, "none")


@pytest.mark.parametrize(
    ("response", "why"),
    [
        ("#### 12", "12 is not none"),
        ("The answer is 12.", "12 is not none"),
        ("We don't know the price. So the answer is 12", "12 is not none"),
        ("We do not know the price, so assuming $5 she pays $30.", "$30 is not none"),
        ("The price is not given. Let it be 4.", "4 is not none"),
        ("#### 12\nActually it cannot be determined", "12 is not none"),
        ("None of the 5 apples are red.", "5 is not none"),
        ("Apples are red.", "does not say that there is no answer"),
        ("", "does not say that there is no answer"),
    ],
)
def test_a_number_for_a_question_without_an_answer_is_wrong(response: str, why: str) -> None:
    verdict = mark_number(response, " none ")
    assert (verdict.correct, verdict.why) == (False, why)


def test_a_target_is_a_number_or_none() -> None:
    assert all(map(is_target, ("12", "1,024", "-3/4", "$5", "None", " none")))
    assert not any(map(is_target, ("", "seven", "none of them", "A")))
    with pytest.raises(ValueError, match="not a number"):
        mark_number("12", "none of them")


@given(st.text())
def test_any_text_can_be_marked_against_none(text: str) -> None:
    assert mark_number(text, "none").correct in (True, False)


WRITTEN = (
    "{}",
    "#### {}",
    "So the answer is {}.",
    "**{}**",
    "$\\boxed{{{}}}$",
    "That is ${}, sir.",
)

CANNOT_BE_READ = 13
"""Published answers that state two (`#### 113 or 112`), or another one than their target."""


@pytest.mark.slow
@pytest.mark.skipif(not DATA.exists(), reason="the real GSM8K and GSM-Plus are not on this machine")
def test_gold_numbers_of_real_exams_are_right_and_the_next_number_wrong() -> None:
    targets = [
        json.loads(line)["answer"].rpartition("####")[2].strip()
        for name in ("train", "test")
        for line in (DATA / "gsm8k" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    rows = json.loads((DATA / "gsm_plus" / "test.json").read_text(encoding="utf-8"))
    targets += [row["extracted_answer"] for row in rows]
    assert len(targets) == 7473 + 1319 + 1400
    for target in targets:
        value = read_number(target)
        assert value is not None
        for way in WRITTEN:
            assert mark_number(way.format(target), target).correct
            assert not mark_number(way.format(f"{value + 1:f}"), target).correct
    published = [mark_number(row["answer"], row["extracted_answer"]).correct for row in rows]
    assert published.count(False) == CANNOT_BE_READ
