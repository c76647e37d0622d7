"""Calculations written out for a student that cannot do them in its head."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shaping import row_of

from errata.agents.marking.equations import holds, in_columns, read_equations
from errata.agents.records import Attempt, Question
from errata.agents.shapers import Rehearsed
from errata.agents.shapers.columns import Columns
from errata.agents.testing.mistakes import attempt_at
from errata.agents.variations.by_hand import by_hand, cannot

ALL = frozenset("+-*/")


@pytest.mark.parametrize(
    ("sign", "left", "right", "columns"),
    [
        ("-", 343, 87, "13 - 7 = 6, 14 - 8 - 1 = 5, 3 - 1 = 2"),
        ("+", 343, 87, "3 + 7 = 10, 4 + 8 + 1 = 13, 3 + 1 = 4"),
        ("-", 500, 123, "10 - 3 = 7, 10 - 2 - 1 = 7, 5 - 1 - 1 = 3"),
        ("+", 9, 145, "9 + 5 = 14, 4 + 1 = 5, 1"),
        ("-", 197, 66, "7 - 6 = 1, 9 - 6 = 3, 1"),
        ("+", 12, 7, None),
        ("-", 66, 197, None),
        ("*", 66, 197, None),
    ],
)
def test_sums_and_differences_are_worked_in_columns(
    sign: str, left: int, right: int, columns: str | None
) -> None:
    assert in_columns(sign, left, right) == columns


@given(st.sampled_from("+-"), st.integers(1, 10**6), st.integers(1, 10**6))
def test_the_last_digits_of_the_columns_are_those_of_the_result(
    sign: str, left: int, right: int
) -> None:
    if sign == "-":
        left, right = max(left, right), min(left, right)
    columns = in_columns(sign, left, right)
    if columns is None:
        assert max(left, right) < 20
        return
    assert all(holds(equation) for equation in read_equations(columns))
    results = [column.rpartition(" ")[2] for column in columns.split(", ")]
    digits = [*(result[-1] for result in results[:-1]), results[-1]]
    assert int("".join(reversed(digits))) == (left + right if sign == "+" else left - right)


@pytest.mark.parametrize(
    ("text", "written_out"),
    [
        ("343 - 87 = 256", "343 - 87: 13 - 7 = 6, 14 - 8 - 1 = 5, 3 - 1 = 2\n343 - 87 = 256"),
        ("7 - 2 = 5", "7 - 2 = 5"),
        (
            "She has 48 + 24 = 72 clips.\n#### 72",
            "48 + 24: 8 + 4 = 12, 4 + 2 + 1 = 7\nShe has 48 + 24 = 72 clips.\n#### 72",
        ),
        ("8 * 35 = 280", "8 * 35 = 8 * 30 + 8 * 5 = 240 + 40 = 280"),
        (
            "( ( 14 - 2 ) + 10 ) = 22",
            "14 - 2 = 12\n( ( 14 - 2 ) + 10 ) = 22",
        ),
        (
            "( 12 * 34 ) - 56 = 352",
            "12 * 34 = 12 * 30 + 12 * 4 = 360 + 48 = 408\n"
            "408 - 56: 8 - 6 = 2, 10 - 5 = 5, 4 - 1 = 3\n( 12 * 34 ) - 56 = 352",
        ),
        (
            "8 * 35 = 280 and 280 + 24 = 304",
            "280 + 24: 0 + 4 = 4, 8 + 2 = 10, 2 + 1 = 3\n"
            "8 * 35 = 8 * 30 + 8 * 5 = 240 + 40 = 280 and 280 + 24 = 304",
        ),
        (
            "40 + 25 = 65 and 65 + 17 = 82",
            "40 + 25: 0 + 5 = 5, 4 + 2 = 6\n65 + 17: 5 + 7 = 12, 6 + 1 + 1 = 8\n"
            "40 + 25 = 65 and 65 + 17 = 82",
        ),
        (
            "( 60 - 4 ) * 35 = 1960",
            "60 - 4: 10 - 4 = 6, 6 - 1 = 5\n60 - 4 = 56\n( 60 - 4 ) * 35 = 1960",
        ),
        ("1 + 40 = 41", "1 + 40: 1 + 0 = 1, 4\n1 + 40 = 41"),
        ("73 - 28 = 53 - 8 = 45", "73 - 28 = 53 - 8 = 45"),
        ("( 5 - 5 ) + 40 = 40", "( 5 - 5 ) + 40 = 40"),
        ("( 5 - 20 ) + 40 = 25", "( 5 - 20 ) + 40 = 25"),
        ("( 45 / 2 ) + 40 = 62.5", "( 45 / 2 ) + 40 = 62.5"),
        ("7.5 + 20 = 27.5", "7.5 + 20 = 27.5"),
        ("( 7.5 * 20 ) + 40 = 190", "( 7.5 * 20 ) + 40 = 190"),
        ("( 20 * 7.5 ) + 40 = 190", "( 20 * 7.5 ) + 40 = 190"),
        ("( 300 + 15 ) / 2 = 157.5", "( 300 + 15 ) / 2 = 157.5"),
        ("12 + 13 = 25", "12 + 13 = 25"),
        ("8 * 3 = 24", "8 * 3 = 24"),
        ("He has <<40+25=65>>65.", "He has <<40+25=65>>65."),
        ("It is 65.", "It is 65."),
    ],
)
def test_a_solution_keeps_its_own_lines_and_gets_the_working_before_them(
    text: str, written_out: str
) -> None:
    assert by_hand(text, ALL) == written_out


def test_what_is_written_out_is_not_written_out_again() -> None:
    once = by_hand("343 - 87 = 256\n8 * 35 = 280", ALL)
    assert by_hand(once, ALL) == once


def test_operations_of_other_signs_stay() -> None:
    text = "343 - 87 = 256\n256 + 90 = 346"
    assert by_hand(text, {"+"}).splitlines()[0] == "343 - 87 = 256"
    assert by_hand("( 14 - 2 ) - 10 = 2", ()) == "( 14 - 2 ) - 10 = 2"
    nested = "( 12 * 34 ) - 56 = 352"
    assert by_hand(nested, {"-"}).splitlines()[:-1] == [
        "12 * 34 = 408",
        "408 - 56: 8 - 6 = 2, 10 - 5 = 5, 4 - 1 = 3",
    ]
    assert by_hand(nested, {"*"}).splitlines()[:-1] == [
        "12 * 34 = 12 * 30 + 12 * 4 = 360 + 48 = 408"
    ]


def said(*responses: str) -> list[Attempt]:
    asked = Question(id="q", prompt="?", target="1")
    return [attempt_at(asked).model_copy(update={"response": text}) for text in responses]


def test_a_student_can_do_what_it_was_often_seen_to_do_right() -> None:
    right = ["40 + 25 = 65", "14 + 28 = 42", "90 + 30 = 120", "77 + 12 = 89", "21 + 35 = 56"]
    assert cannot(said(*right)) == set("-*/")
    assert cannot(said(*right[:4])) == ALL  # too few to know
    assert cannot(said(*right, "66 + 17 = 73")) == ALL  # one in six is wrong
    assert cannot(said(*right, *right[:4], "66 + 17 = 73")) == set("-*/")  # nine in ten are enough


def test_easy_calculations_and_such_with_their_working_show_nothing() -> None:
    assert cannot(said(*["7 + 2 = 9"] * 9)) == ALL
    assert cannot(said(*["40 + 25: 0 + 5 = 5, 4 + 2 = 6\n40 + 25 = 65"] * 9)) == ALL
    assert cannot(said(*["40 + 25 = 40 + 20 + 5 = 60 + 5 = 65"] * 9)) == ALL
    assert cannot(said(*["( 40 + 25 ) * 12 = 780"] * 9)) == ALL


def test_rows_are_written_out_for_the_student_that_needs_it_alone() -> None:
    row = row_of(("How many are left?", "343 - 87 = 256\n#### 256", "256"))
    asked = Question(id="q", prompt="?", target="1")
    able = [f"{n} - 25 = {n - 25}" for n in range(60, 70)]
    for responses, made in ((able, "example"), (["I like it."], "columns")):
        known = Rehearsed({}, practised=[(asked, answer) for answer in said(*responses)])
        [out] = Columns().shape([row], known, 0)
        assert (out.made_by, out.completion.count("\n")) == (made, 1 if made == "example" else 2)
