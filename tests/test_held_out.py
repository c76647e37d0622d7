"""What makes two questions the same, or nearly so."""

from __future__ import annotations

import random
import re

import pytest

from errata.agents.errors import ExamError
from errata.agents.exams.held_out import HeldOut, check_disjoint
from errata.agents.exams.words import plain
from errata.agents.records import Question


def question(id: str, prompt: str) -> Question:
    return Question(id=id, prompt=prompt, target="1")


def triples(text: str) -> set[tuple[str, ...]]:
    words = text.split()
    return {tuple(words[at : at + 3]) for at in range(len(words) - 2)} or {tuple(words)}


def nearest_by_looking_at_all(held: list[str], text: str) -> str | None:
    if text in held:
        return text
    for other in held:
        same_numbers = sorted(re.findall(r"\d+", text)) == sorted(re.findall(r"\d+", other))
        ours, theirs = triples(text), triples(other)
        if same_numbers and 2 * len(ours & theirs) >= len(ours | theirs):
            return other
    return None


@pytest.mark.parametrize("seed", range(20))
def test_the_nearest_question_is_found_as_by_looking_at_all(seed: int) -> None:
    rng = random.Random(seed)

    def text() -> str:
        return " ".join(
            rng.choice(["a", "b", "b", "c", "1", "2"]) for _ in range(rng.randint(1, 9))
        )

    def changed(known: str) -> str:
        words = known.split()
        for _ in range(rng.randint(0, 2)):
            words[rng.randrange(len(words))] = rng.choice("abc12")
        return " ".join(words[rng.randint(0, 1) :] or words)

    held = list(dict.fromkeys(text() for _ in range(30)))
    sealed = HeldOut(question(known, known) for known in held)
    near = 0
    for asked in [changed(rng.choice(held)) for _ in range(60)] + [text() for _ in range(20)]:
        expected = nearest_by_looking_at_all(held, asked)
        assert sealed.nearest(asked) == expected, asked
        near += expected is not None and expected != asked
    assert near > 0  # else nothing is tried


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("How many, then?", "how  MANY then", True),
        ("It costs 1,250.", "it costs 1250", True),
        ("It costs 1.5", "it costs 15", False),
        ("the 3rd of 4", "the 3 rd of 4", True),
        ("snake_case", "snake case", True),
        ("( [ ] )", "( ] [ )", False),
        ("{ }", "< >", False),
        ("a - b", "a + b", True),
        ("Größe", "größe", True),
        ("7", "8", False),
    ],
)
def test_words_numbers_and_brackets_make_a_question_the_same(
    one: str, other: str, same: bool
) -> None:
    assert (plain(one) == plain(other)) is same


def test_nothing_is_near_where_nothing_is_sealed() -> None:
    assert HeldOut([]).nearest("What is 1 + 1?") is None


def test_two_sets_that_share_a_question_are_refused_with_both_ids() -> None:
    sets = {
        "practice": [question("p1", "one?")],
        "test": [question("t1", "two"), question("t2", "One")],
    }
    with pytest.raises(ExamError, match=r"practice and test share a question \(p1 and t2\)"):
        check_disjoint(sets)


def test_a_set_may_ask_the_same_twice() -> None:
    check_disjoint({"dev": [question("d1", "one"), question("d2", "one")], "test": []})
