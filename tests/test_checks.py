"""Drafts of each type of answer: what is accepted, and why the rest is not."""

from __future__ import annotations

import sys

import pytest

from errata.agents.checks import Checker
from errata.agents.exams import HeldOut
from errata.agents.records import (
    Answer,
    ChoiceAnswer,
    CodeAnswer,
    Draft,
    MathAnswer,
    NumberAnswer,
    Question,
    TextAnswer,
)

NUMBER = NumberAnswer()
TEXT = TextAnswer()
SHELVES = ChoiceAnswer(options={"A": "oak", "B": "ash"})
TWICE = ChoiceAnswer(options={"A": "Oak.", "B": "oak"})


def draft(completion: str, target: str, answer: Answer, prompt: str = "Which is it?") -> Draft:
    return Draft(
        diagnosis_id="d", prompt=prompt, completion=completion, target=target, answer=answer
    )


@pytest.mark.parametrize(
    ("completion", "target", "answer", "reason"),
    [
        ("3 + 4 = 7\n#### 7", "7", NUMBER, None),
        ("Simply 7.", "7", NUMBER, None),
        ("2 + 3 = 5\n5 + 2 = 7\n#### 7", "7", NUMBER, None),
        ("Simply 0.", "0", NUMBER, None),
        ("3 + 4 = 7\n#### 7", "", NUMBER, "no target"),
        ("3 + 4 = 7\n#### 7", "seven", NUMBER, "target is not a number"),
        ("3 + 4 = 7\n#### 7", "8", NUMBER, "completion does not end in the target"),
        ("3 + 5 = 7\n#### 7", "7", NUMBER, "wrong equation"),
        ("3 + 5 = 7\n5 + 2 = 7\n#### 7", "7", NUMBER, "wrong equation"),
        ("3 + 4 = 7\n#### 9", "9", NUMBER, "final answer is not the result of any equation"),
        ("3 + 4 = 7\n#### 0", "0", NUMBER, "final answer is not the result of any equation"),
        ("3 + 4 = 7\n#### 7.1", "7.1", NUMBER, "final answer is not the result of any equation"),
        ("The answer is B.", "B", SHELVES, None),
        ("The answer is C.", "C", SHELVES, "target is no option"),
        ("The answer is A.", "A", TWICE, "two options are the same"),
        ("The answer is A.", "B", SHELVES, "completion does not choose the target"),
        ("The answer is ash.", "ash", TEXT, None),
        ("The answer is oak.", "ash", TEXT, "completion does not end in the target"),
        (" \n", "ash", TEXT, "empty prompt or completion"),
        ("The answer is ash.\x1b[0m", "ash", TEXT, "control characters"),
        ("So.\r\nThe answer is ash.", "ash", TEXT, None),
    ],
)
def test_a_draft_is_accepted_when_its_marker_agrees_and_else_refused_by_reason(
    completion: str, target: str, answer: Answer, reason: str | None
) -> None:
    assert Checker(HeldOut([]), []).refuse(draft(completion, target, answer)) == reason


@pytest.mark.sandbox
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has the sandbox")
@pytest.mark.parametrize(
    ("program", "tests", "reason"),
    [
        ("return 2 * n", "assert candidate(2) == 4", None),
        ("return n", "assert candidate(2) == 4", "completion fails its own tests"),
        ("return n", "assert candidate(2) != 5", "tests pass without a solution"),
        ("return n", "pass", "tests cannot be run"),
    ],
)
def test_a_program_passes_tests_that_an_empty_one_fails(
    program: str, tests: str, reason: str | None
) -> None:
    answer = CodeAnswer(tests=f"def check(candidate):\n    {tests}\n", entry_point="f")
    given = draft(f"```python\ndef f(n):\n    {program}\n```", "f", answer)
    assert Checker(HeldOut([]), []).refuse(given) == reason


@pytest.mark.process
@pytest.mark.parametrize(
    ("completion", "target", "reason"),
    [
        ("So $\\boxed{\\frac{2}{4}}$.", "$\\frac{1}{2}$", None),
        ("So $\\boxed{3}$.", "$\\frac{1}{2}$", "completion does not end in the target"),
        ("So $\\boxed{3}$.", "$$", "target is no formula"),
    ],
)
def test_a_formula_is_worth_the_same_as_its_target(
    completion: str, target: str, reason: str | None
) -> None:
    given = draft(completion, target, MathAnswer())
    assert Checker(HeldOut([]), []).refuse(given) == reason


def test_only_accepted_drafts_are_counted_and_remembered() -> None:
    checker = Checker(HeldOut([]), [Question(id="p", prompt="Which was it?", target="ash")])
    good, bad = draft("The answer is ash.", "ash", TEXT), draft("The answer is oak.", "ash", TEXT)
    assert checker.refuse(bad) == "completion does not end in the target"
    assert checker.accepted == 0
    assert checker.refuse(good) is None
    assert checker.refuse(good) == "written before"
    assert checker.refuse(good.model_copy(update={"prompt": "WHICH was it"})) == "written before"
    assert checker.refuse(good.model_copy(update={"prompt": " "})) == "empty prompt or completion"
    assert checker.accepted == 1


def test_the_same_words_over_other_options_are_another_question() -> None:
    checker = Checker(HeldOut([]), [])
    other = ChoiceAnswer(options={"A": "elm", "B": "fir"})
    assert checker.refuse(draft("The answer is B.", "B", SHELVES, "Which?\nA. oak\nB. ash")) is None
    assert checker.refuse(draft("The answer is B.", "B", other, "Which?\nA. elm\nB. fir")) is None
