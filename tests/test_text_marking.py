"""Marking text exactly, as BIG-Bench Hard asks for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errata.agents.marking.text import mark_text

TARGETS = "True|valid|No|(A)|-35|] } ]|> ) ]|costume counterpart oven|05/01/2021|2.5".split("|")


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    "way",
    [
        "So the answer is {}.",
        "so the answer is {}",
        "The answer is: {}.",
        "The final answer is **{}**.",
        'The answer is "{}".',
        "The answer is ${}$.",
        "The answer is\n\n`{}`",
        "The answer is {}.\nI hope that helps.",
        "First the answer is x. So the answer is {}.",
        "{}",
        "We sort them.\n**{}**",
    ],
)
def test_a_target_can_be_stated_in_many_ways(way: str, target: str) -> None:
    verdict = mark_text(way.format(target), target)
    assert (verdict.correct, verdict.answer) == (True, target)


@pytest.mark.parametrize(
    ("response", "target"),
    [
        ("The answer is true.", "True"),
        ("The answer is not valid.", "valid"),
        ("The answer is invalid.", "valid"),
        ("The answer is ]}].", "] } ]"),
        ("The answer is 35.", "-35"),
        ("The answer is True, I think.", "True"),
        ("The answer is True.\nNo, the answer is False.", "True"),
        ("It is True, that is all.", "True"),
        ("True\nThat is all.", "True"),
        ("The answer is (B).", "(A)"),
        ("The answer is (A) or (B).", "(A)"),
        ("The answer is A plant.", "(A)"),
    ],
)
def test_anything_else_is_wrong(response: str, target: str) -> None:
    verdict = mark_text(response, target)
    assert not verdict.correct
    assert verdict.why == f"{verdict.answer} is not {target}"


@pytest.mark.parametrize("said", ["(A)", "A", "(A) Paris", "**(A)**", "(A) the city of (light)"])
def test_an_option_may_come_without_brackets_or_with_its_text(said: str) -> None:
    assert mark_text(f"So the answer is {said}.", "(A)").correct


@pytest.mark.parametrize("response", ["", "\n", "The answer is .", "The answer is"])
def test_a_response_that_states_nothing_has_no_answer(response: str) -> None:
    verdict = mark_text(response, "True")
    assert (verdict.correct, verdict.answer, verdict.why) == (False, None, "no answer is stated")


@pytest.mark.parametrize("target", ["", ".", " \n"])
def test_a_target_without_text_is_an_error_not_a_wrong_answer(target: str) -> None:
    with pytest.raises(ValueError, match="holds no text"):
        mark_text("The answer is True.", target)


@given(st.text())
def test_any_text_can_be_marked(text: str) -> None:
    assert not mark_text(text, "a target that is nowhere").correct


@pytest.mark.parametrize("target", [target for target in TARGETS if target != "(A)"])
@pytest.mark.parametrize(
    "way",
    [
        "**So the answer is {}.**",
        "*So the answer is {}*.",
        '"So the answer is {}."',
        "**The answer is:** {}",
        "So the answer is {}!",
        "So the answer is $\\boxed{{{}}}$.",
        "So the answer is $\\text{{{}}}$.",
        "So the answer is \\(\\boxed{{\\text{{{}}}}}\\).",
        "We sort them.\n$\\boxed{{{}}}$",
        "We get $\\boxed{{{}}}$.",
    ],
)
def test_marks_around_a_statement_do_not_count(way: str, target: str) -> None:
    verdict = mark_text(way.format(target), target)
    assert (verdict.correct, verdict.answer) == (True, target)


@pytest.mark.parametrize(
    "response",
    [
        "So the answer is X!Y",
        "**So the answer is X**, I think.",
        "So the answer is \\boxed{X} or Y.",
        "So the answer is \\boxed{X}\\boxed{Y}.",
        "So the answer is \\text{x}.",
        "\\boxed{X} or Y",
        "So the answer is X**",
    ],
)
def test_more_than_the_answer_between_marks_is_wrong(response: str) -> None:
    assert not mark_text(response, "X").correct
