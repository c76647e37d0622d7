"""The number marker reads awkward responses as a person does, in time that grows with the text."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from time import process_time

import pytest

from errata.agents.marking.number import final_number, mark_number
from errata.agents.marking.text import mark_text

FORMS = runpy.run_path(str(Path(__file__).parents[1] / "benchmarks" / "number_forms.py"))
"""The benchmark's responses, each with its target."""


@pytest.mark.parametrize(("response", "target"), FORMS["RIGHT"])
def test_a_right_answer_is_right_in_each_form(response: str, target: str) -> None:
    verdict = mark_number(response, target)
    assert verdict.correct, verdict.why


@pytest.mark.parametrize(("response", "target"), FORMS["WRONG"])
def test_what_is_no_answer_is_not_right_by_chance(response: str, target: str) -> None:
    assert not mark_number(response, target).correct


@pytest.mark.parametrize(
    ("response", "why"),
    [
        ("5-6 boxes", "unclear: 5-6"),
        ("The answer is 4 or 6.", "unclear: 4 or 6"),
        ("The answer is 5 + 7.", "unclear: 5 + 7 has no result"),
        ("So 3 * 9 =", "unclear: it breaks off"),
        ("#### None", "says that there is no answer"),
        ("No idea.", "no number in the response"),
    ],
)
def test_a_response_without_one_answer_says_why(response: str, why: str) -> None:
    verdict = mark_number(response, "6")
    assert (verdict.answer, verdict.why) == (None, why)


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        ("The final answer is 3. The answer is 2. #### 1\nThe final answer is 4.", "1"),
        ("The final answer is 3. The answer is 2.", "3"),
        ("The answer is 2. That leaves 9.", "2"),
        ("\\boxed{1} #### 2", "2"),
    ],
)
def test_the_strongest_kind_of_statement_counts_and_the_last_of_that_kind(
    response: str, answer: str
) -> None:
    assert final_number(response).answer == answer


NONE, NUMBER, TEXT = "none", "17", "valid"

GROWING = {
    "a list of digits": "1",
    "results that lead nowhere": "=",
    "so": "so ",
    "commas": "1,",
    "groups": ",111",
    "points": "1.",
    "dotted groups": ".111",
    "spaced groups": " 111",
    "fractions": "1/",
    "sums": "1+",
    "units": "1 a + ",
    "mentions": "1 or ",
    "ranges": "1-",
    "powers": "1^",
    "tens": "1e1",
    "boxes": "\\boxed{",
    "boxed": "\\boxed{1} ",
    "marks": "#### ",
    "rules": "#",
    "statements": "the answer is ",
    "colons": "answer : ",
    "finals": "final answer is 1 ",
    "finals over lines": "final\n",
    "questions": "answer: 1\nQuestion:",
    "line ends": "\n",
    "spaces": " ",
    "stars": "*",
    "stops": ".",
    "brackets": "(",
    "references": "[1] ",
    "denials": "not 1 ",
    "refusals": "cannot be determined ",
    "negations": "no ",
    "words": "a",
    "minus signs": "-",
    "quotes": "'",
    "fracs": "\\frac{",
    "calculations": "<<1=1>>",
}
STARTS = {"": "", "a refusal": "cannot be determined ", "a statement": "So the answer is 1 "}


@pytest.mark.slow
@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("piece", GROWING)
def test_four_times_the_text_takes_about_four_times_as_long(start: str, piece: str) -> None:
    for mark, target in ((mark_number, NONE), (mark_number, NUMBER), (mark_text, TEXT)):

        def seconds(n: int, mark: Callable[[str, str], object] = mark, to: str = target) -> float:
            text = STARTS[start] + GROWING[piece] * (n // len(GROWING[piece])) + "x"
            begun = process_time()
            mark(text, to)
            return process_time() - begun

        # what is too quick to time is not slow; one time of three is enough on a busy machine
        assert any(seconds(40_000) < 8 * max(seconds(10_000), 0.004) for _ in range(3))
