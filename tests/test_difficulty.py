"""Mistakes of middling difficulty come first."""

from __future__ import annotations

from errata.agents.difficulty import by_difficulty
from errata.agents.records import Mistake, Question
from errata.agents.testing.mistakes import attempt_at, missed


def mistakes(*ids: str) -> list[Mistake]:
    return [missed(Question(id=id, prompt=f"{id}?", target="1")) for id in ids]


def order(given: list[Mistake], right_of_4: dict[str, int]) -> list[str]:
    answers = {
        mistake.id: [
            attempt_at(mistake.question, correct=nth < right_of_4[mistake.id]) for nth in range(4)
        ]
        for mistake in given
        if mistake.id in right_of_4
    }
    return [mistake.id for mistake in by_difficulty(given, answers)]


def test_right_now_and_then_comes_first_and_never_right_comes_last() -> None:
    given = mistakes("never", "seldom", "half", "mostly", "always")
    right = {"never": 0, "seldom": 1, "half": 2, "mostly": 3, "always": 4}
    assert order(given, right) == ["half", "mostly", "seldom", "always", "never"]


def test_what_was_not_asked_again_comes_after_all_that_was() -> None:
    given = mistakes("unasked", "never", "always")
    assert order(given, {"never": 0, "always": 4}) == ["always", "never", "unasked"]


def test_mistakes_of_one_difficulty_keep_their_order() -> None:
    given = mistakes("c", "a", "b", "unasked-2", "unasked-1")
    assert order(given, dict.fromkeys("abc", 1)) == ["c", "a", "b", "unasked-2", "unasked-1"]
