"""Marking numbers."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errata.agents.exams.marking import is_right, last_number, read_number

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


@pytest.mark.parametrize("response", ["", "I do not know.", "½", "NaN", "inf", "three"])
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


def test_a_number_of_thousands_of_digits_does_no_harm() -> None:
    assert not is_right(last_number("9" * 100_000), "9")
