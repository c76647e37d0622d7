"""Marking with regular expressions, of which none may stop anything."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errata.agents.marking import mark
from errata.agents.marking.regex import literal, mark_regex
from errata.agents.records import Question, RegexAnswer

ENDLESS = "(?:(x+x+)+y)?$"


@pytest.mark.parametrize(
    ("pattern", "response", "answer"),
    [
        (r"Total: (\d+)", "Total: 12", "12"),
        (r"Total: (\d+)", "Total: 7\nTotal: 12.", "12"),
        (r"\d+", "7, then 12", "12"),
        (r"(?:a|b(\d+))", "b12 and a", "12"),
        (r"<a>([^<]*)</a>", "<a> 12\n </a>", " 12\n "),
    ],
)
def test_group_1_or_all_of_the_last_match_is_the_answer(
    pattern: str, response: str, answer: str
) -> None:
    verdict = mark_regex(response, "12", pattern)
    assert (verdict.correct, verdict.answer) == (True, answer)


def test_another_answer_or_none_is_wrong_with_the_reason() -> None:
    other = mark_regex("Total: 13", "12", r"Total: (\d+)")
    assert (other.correct, other.answer, other.why) == (False, "13", "13 is not 12")
    none = mark_regex("12", "12", r"Total: (\d+)")
    assert (none.correct, none.answer, none.why) == (False, None, "the pattern finds nothing")


def test_without_a_pattern_the_target_must_match_all_of_what_is_stated() -> None:
    question = Question(id="q", prompt="?", target=r"\d{2} pens?", answer=RegexAnswer())
    right = mark(question, "They are 100.\nSo the answer is **12 pens**.")
    assert (right.correct, right.answer, right.why) == (
        True,
        "12 pens",
        r"12 pens matches \d{2} pens?",
    )
    assert mark(question, "12 pen").correct
    for response in ("The answer is 12 pens or so.", "112 pens", "12 Pens"):
        assert not mark(question, response).correct
    none = mark(question, " ")
    assert (none.correct, none.answer, none.why) == (False, None, "no answer is stated")


@pytest.mark.parametrize("pattern", [ENDLESS, None])
def test_a_pattern_that_never_ends_decides_nothing_and_stops_nothing(
    pattern: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("errata.agents.marking.regex.SECONDS", 0.2)
    verdict = mark_regex("x" * 5000, ENDLESS, pattern)
    assert (verdict.correct, verdict.why) == (False, "not decided in 1 s")


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(", "'\\(' is no regular expression"),
        ("(?:a{99999999999999999999})", "no regular expression"),
        (r"\L<x>", "no regular expression"),
        ("(" * 400 + ")" * 400, "no regular expression"),
        ("a" * 1001, "has 1,001 characters"),
        ("(" * 60, r"'\({60}' is no regular expression"),
        ("(" * 61, r"'\({60}…' is no regular expression"),
    ],
)
def test_a_pattern_that_is_none_is_an_error_not_a_wrong_answer(pattern: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mark_regex("a", "a", pattern)
    with pytest.raises(ValueError, match=message):
        mark_regex("a", pattern, None)


def test_a_pattern_may_have_a_thousand_characters() -> None:
    assert mark_regex("a", "a", "a|" + "b" * 998).correct


def test_the_pattern_of_a_text_matches_that_text_alone() -> None:
    text = "1.5* (a|b)? $12"
    assert mark_regex(text, text, literal(text)).correct
    assert mark_regex(text.replace(".", "x"), text, literal(text)).answer is None
    assert literal("It's,") == "It's,"  # only what means something else is escaped


@given(st.text(), st.text(max_size=20))
def test_any_text_can_be_marked_by_any_pattern(response: str, pattern: str) -> None:
    try:
        verdict = mark_regex(response, "a target that is nowhere", pattern)
    except ValueError:
        return
    assert not verdict.correct
