"""Shapers that add rows or choose among them."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shaping import BUS, rehearsed, row_of

from errata.agents.marking import mark
from errata.agents.records import (
    GREEDY,
    ChoiceAnswer,
    CodeAnswer,
    Question,
    Row,
    TextAnswer,
    Unusable,
)
from errata.agents.shapers import SHAPERS, Rehearsed
from errata.agents.shapers.difficulty import Difficulty
from errata.agents.shapers.diverse import Diverse
from errata.agents.shapers.more_words import MoreWords
from errata.agents.shapers.own_words import OwnWords
from errata.agents.shapers.tagged import Tagged
from errata.agents.shapers.unsolved import Unsolved


def test_each_shaper_has_the_student_asked_as_often_and_as_warmly_as_it_says() -> None:
    asked = {name: shaper.sampling for name, shaper in SHAPERS.items() if shaper.sampling}
    warm = {name: (s.answers, s.temperature) for name, s in asked.items() if s != GREEDY}
    assert warm == {
        "difficulty": (4, 0.7),
        "more_words": (4, 0.7),
        "pairs": (4, 0.7),
        "steps": (4, 1.0),
        "tagged": (4, 1.0),
    }
    assert asked.keys() - warm.keys() == {"own_words", "unsolved"}


# Difficulty

RIGHT, WRONG = "47 + 26 = 73\n73 - 28 = 45\n#### 45", "#### 44"


def by_difficulty(right_of_4: dict[str, int], keep: float) -> tuple[list[str], list[str]]:
    """Ids of the rows that stay, and of those left out; what is not named was not asked."""
    rows = [row_of(id=id) for id in (*right_of_4, "unasked")]
    known = rehearsed(rows)
    attempts = {
        id: rehearsed([row_of(id=id)], "", *[RIGHT] * n, *[WRONG] * (4 - n)).attempts[id]
        for id, n in right_of_4.items()
    }
    made = Difficulty(keep=keep).shape(rows, Rehearsed(known.examples, attempts), 0)
    return (
        [row.id for row in made if isinstance(row, Row)],
        [left.source_id for left in made if isinstance(left, Unusable)],
    )


def test_what_is_right_now_and_then_is_kept_before_what_always_or_never_is() -> None:
    right = {"never": 0, "always": 4, "mostly": 3, "half": 2, "seldom": 1}
    assert by_difficulty(right, 0.2) == (
        ["half", "unasked"],
        ["never", "always", "mostly", "seldom"],
    )
    assert by_difficulty(right, 0.6) == (
        ["mostly", "half", "seldom", "unasked"],
        ["never", "always"],
    )
    assert by_difficulty(right, 0.8)[1] == ["never"]


def test_a_practice_questions_own_solution_is_kept_however_easy() -> None:
    row = row_of(id="s-1")
    known = rehearsed([row], "", *[RIGHT] * 4)
    solution = known.examples["s-1"].model_copy(update={"made_from": "solution"})
    made = Difficulty(keep=0.0).shape([row], Rehearsed({"s-1": solution}, known.attempts), 0)
    assert made == [row]


# More words


def further(row: Row, *said: str, most: int = 4) -> list[str]:
    """The completions that are added; the row itself is always there, and first."""
    made = MoreWords(most=most).shape([row], rehearsed([row], "slip: addition", *said), 0)
    assert made[0] == row
    added = [each for each in made[1:] if isinstance(each, Row)]
    assert [each.id for each in added] == [f"e-1-more-words-{n + 1}" for n in range(len(added))]
    assert {each.made_by for each in added} <= {"more_words"}
    return [each.completion for each in added]


ONE_STEP = "47 + 26 - 28 = 45\n#### 45"
OTHER_ORDER = "47 - 28 = 19\n19 + 26 = 45\n#### 45"


def test_right_answers_by_other_equations_stand_beside_the_written_one() -> None:
    assert further(row_of(), ONE_STEP, OTHER_ORDER) == [ONE_STEP, OTHER_ORDER]


@pytest.mark.parametrize(
    "said",
    [
        "47+26 = 73 people, then 73-28 = 45. #### 45",  # the equations of the written one
        "47 - 28 = 20\n20 + 26 = 46 - 1 = 45\n#### 45",  # a false equation
        "47 - 28 = 19\n#### 19",  # wrong
        f"{OTHER_ORDER}…",  # cut off
    ],
)
def test_no_row_is_added_for_what_is_not_new_and_right(said: str) -> None:
    assert further(row_of(), said) == []


def test_of_answers_with_the_same_equations_one_is_added() -> None:
    assert further(row_of(), ONE_STEP, f"So {ONE_STEP}", ONE_STEP) == [ONE_STEP]


def test_no_more_rows_are_added_than_asked_for() -> None:
    said = [f"{OTHER_ORDER} or {n} + 0 = {n}\n#### 45" for n in range(9)]
    assert len(further(row_of(), *said)) == 4
    assert further(row_of(), *said, most=1) == [said[0]]


def test_answers_without_equations_are_told_apart_by_their_words() -> None:
    row = row_of(("Capital of France?", "The answer is Paris.", "Paris"), answer=TextAnswer())
    said = ["The answer  is Paris.", "France's capital: the answer is Paris."]
    assert further(row, *said) == said[1:]


@pytest.mark.process
def test_equations_in_a_program_are_not_looked_at() -> None:
    tests = "def check(candidate):\n    assert candidate() == 1"
    code = CodeAnswer(tests=tests, entry_point="f")
    program = "```python\ndef f():\n    return 1\n```"
    other = "```python\ndef f():\n    # 1 + 1 = 3\n    return 1\n```"
    assert further(row_of(("Write f.", program, "f"), answer=code), other) == [other]


# Own words


def own_words(row: Row, *said: str) -> Row:
    [made] = OwnWords().shape([row], rehearsed([row], "slip: addition", *said), 0)
    assert isinstance(made, Row)
    return made


def test_the_students_first_right_answer_stands_for_the_written_one() -> None:
    row = row_of()
    said = ["#### 44", "47 + 26 = 74\n#### 45", f"{OTHER_ORDER}…", ONE_STEP, OTHER_ORDER]
    changed = {"completion": ONE_STEP, "made_by": "own_words"}
    assert own_words(row, *said) == row.model_copy(update=changed)


def test_a_row_stays_as_it_is_where_the_student_says_nothing_right_or_the_same() -> None:
    row = row_of()
    assert own_words(row) == own_words(row, "#### 44") == own_words(row, BUS[1]) == row
    for update in (
        {"made_by": "more_words"},
        {"rejected": "#### 1"},
        {"given": "47 + 26 = 73\n"},
        {"system": "Be brief."},
        {"ends": False},
    ):
        other = row.model_copy(update=update)
        assert own_words(other, ONE_STEP) == other


# Unsolved


def unsolved(rows: list[Row], known: Rehearsed, keep: float = 0.0, seed: int = 0) -> list[str]:
    """Ids of the rows that stay."""
    made = Unsolved(keep_solved=keep).shape(rows, known, seed)
    left_out = [each for each in made if isinstance(each, Unusable)]
    assert {each.reason for each in left_out} <= {"solved already"}
    assert [each.id if isinstance(each, Row) else each.source_id for each in made] == [
        row.id for row in rows
    ]
    return [row.id for row in made if isinstance(row, Row)]


def test_what_the_student_always_solves_is_left_out_but_for_a_share_by_chance() -> None:
    rows = [row_of(id=f"e-{n}") for n in range(20)]
    known = rehearsed(rows, "", RIGHT, RIGHT)
    assert unsolved(rows, known) == []
    assert unsolved(rows, rehearsed(rows, "", RIGHT, WRONG)) == [row.id for row in rows]
    assert unsolved(rows, rehearsed(rows)) == [row.id for row in rows]  # not asked
    assert len(unsolved(rows, known, 0.1)) == 2
    assert unsolved(rows, known, 0.5, 1) == unsolved(rows, known, 0.5, 1)
    assert len({tuple(unsolved(rows, known, 0.5, seed)) for seed in range(4)}) > 1


def test_a_practice_questions_own_solution_and_what_is_no_whole_answer_are_not_left_out() -> None:
    row = row_of()
    known = rehearsed([row], "", RIGHT)
    solution = known.examples["e-1"].model_copy(update={"made_from": "solution"})
    assert unsolved([row], Rehearsed({"e-1": solution}, known.attempts)) == ["e-1"]
    for update in ({"rejected": "#### 1"}, {"given": "4"}, {"system": "x"}, {"ends": False}):
        assert unsolved([row.model_copy(update=update)], known) == ["e-1"]
    assert unsolved([row], known) == []


# Tagged


def tagged(row: Row, *said: str, most: int = 1) -> list[Row]:
    made = Tagged(most=most).shape([row], rehearsed([row], "wrong numbers", *said), 0)
    assert made[0] == row
    return [each for each in made[1:] if isinstance(each, Row)]


def test_a_wrong_answer_stands_under_a_system_prompt_that_names_its_own_mistake() -> None:
    slip = "47 + 26 = 73\n73 - 28 = 55\n#### 55"
    [made] = tagged(row_of(), slip)
    assert made.system == "Answer with this mistake: slip: subtraction."
    assert (made.completion, made.made_by, made.ends) == (slip, "tagged", True)
    assert (made.prompt, made.example_id) == (BUS[0], "e-1")


def test_where_no_equation_shows_the_mistake_the_marker_names_it() -> None:
    options = ChoiceAnswer(options={"A": "Paris", "B": "Rome"})
    row = row_of(("Capital of France?", "The answer is A.", "A"), answer=options)
    [made] = tagged(row, "The answer is B.")
    assert made.system == "Answer with this mistake: B is not A."


@pytest.mark.process
def test_what_the_marker_says_of_a_program_is_one_short_line() -> None:
    tests = "def check(candidate):\n    assert candidate() == 1"
    code = CodeAnswer(tests=tests, entry_point="f")
    row = row_of(("Write f.", "```python\ndef f():\n    return 1\n```", "f"), answer=code)
    wrong = "```python\ndef f():\n    raise ValueError('a\\n' * 900 + '3 + 4 = 8')\n```"
    [made] = tagged(row, wrong)
    assert made.system is not None
    assert "ValueError" in made.system
    assert "\n" not in made.system
    assert len(made.system) < 300


@pytest.mark.parametrize("said", [BUS[1], "I like buses.", "47 + 26 = 63\n#### 63…"])
def test_answers_that_are_right_or_have_no_answer_or_no_end_are_not_tagged(said: str) -> None:
    assert tagged(row_of(), said) == []


def test_as_many_wrong_answers_are_tagged_as_asked_for() -> None:
    said = [f"47 + 26 = {n}\n#### {n}" for n in (63, 74, 83)]
    assert [row.completion for row in tagged(row_of(), *said)] == said[:1]
    every = tagged(row_of(), *said, said[0], most=9)
    assert [(row.id, row.completion) for row in every] == [
        (f"e-1-tagged-{nth}", text) for nth, text in enumerate(said, 1)
    ]


@given(st.lists(st.text("0123456789+-= #\nab", max_size=40), max_size=4))
def test_what_is_marked_wrong_never_stands_under_the_students_own_prompt(said: list[str]) -> None:
    row = row_of()
    known = rehearsed([row], "slip: addition", *said)
    question = Question(id="q", prompt=row.prompt, target=row.target)
    for shaper in (Tagged(most=4), MoreWords()):
        for made in shaper.shape([row], known, 0):
            assert isinstance(made, Row)
            assert mark(question, made.completion).correct == (made.system is None)


@pytest.mark.parametrize("name", ["tagged", "more_words"])
def test_nothing_is_added_to_a_pair_or_a_step(name: str) -> None:
    row = row_of()
    known = rehearsed([row], "slip: addition", ONE_STEP, "47 + 26 = 63\n#### 63")
    for changed in ({"rejected": "#### 1"}, {"completion": "47 + 26 = 73", "ends": False}):
        other = row.model_copy(update=changed)
        assert SHAPERS[name].shape([other], known, 0) == [other]


# Diverse

ADDS = [
    (f"Ann has {n} pens and {n} books.", f"{n} + {n} = {2 * n}\n#### {2 * n}", f"{2 * n}")
    for n in range(10, 40)
]
TIMES = ("Ann has 3 bags of 14 eggs.", "3 * 14 = 42\n#### 42", "42")
MIXED = ("Ann has 3 bags of 14 and 7 more.", "3 * 14 = 42\n42 + 7 = 49\n#### 49", "49")
LARGE = ("Ann has 4000 and 20 beads.", "4000 + 20 = 4020\n#### 4020", "4020")

TALK = (("user", "Tell me of Ann."), ("assistant", "She writes."))


def rows_of(*asked: tuple[str, str, str]) -> list[Row]:
    return [row_of(each, id=f"e-{nth}") for nth, each in enumerate(asked)]


def kept(rows: list[Row], keep: float, seed: int = 0, known: Rehearsed | None = None) -> list[str]:
    made = Diverse(keep=keep).shape(rows, known or rehearsed(rows), seed)
    left_out = [each for each in made if isinstance(each, Unusable)]
    ids = [each.id for each in made if isinstance(each, Row)]
    assert sorted([*ids, *(each.source_id for each in left_out)]) == sorted(r.id for r in rows)
    assert all(each.reason == "other rows show the same kinds" for each in left_out)
    return ids


@pytest.mark.parametrize("seed", range(5))
def test_each_kind_is_there_before_one_comes_again(seed: int) -> None:
    rows = rows_of(*ADDS, TIMES, MIXED, LARGE)
    first = kept(rows, 4 / 33, seed)
    assert first[0] == "e-31"  # the most kinds at once
    assert {"e-30", "e-32"} < set(first)


def test_what_others_show_together_waits_for_the_next_turn() -> None:
    add, times, mixed, large = (f"e-{n}" for n in range(4))
    rows = rows_of(ADDS[0], TIMES, MIXED, LARGE)
    orders = [kept(list(some), 1) for some in permutations(rows)]
    after = [order for order in orders if order.index(large) < order.index(add)]
    assert {tuple(order) for order in after} == {
        (mixed, times, large, add),
        (mixed, large, times, add),
    }


def test_a_cause_that_is_seldom_is_kept() -> None:
    rows = rows_of(*ADDS)
    known = rehearsed(rows)
    seldom = known.examples["e-7"].model_copy(update={"cause": "wrong numbers"})
    known = Rehearsed(examples={**known.examples, "e-7": seldom})
    for seed in range(5):
        assert "e-7" in kept(rows, 2 / 30, seed, known)


def test_what_nearly_repeats_another_question_comes_last() -> None:
    asked = "Ann has {} pens and gets 7 more of them from Ben on Monday. How many has she now?"
    rows = rows_of(
        *((asked.format(n), f"{n} + 7 = {n + 7}\n#### {n + 7}", f"{n + 7}") for n in range(20, 26)),
        (asked.format(20).replace("Ben", "Tom"), "20 + 7 = 27\n#### 27", "27"),
    )
    for seed in range(5):
        order = kept(rows, 1, seed)
        assert {"e-0", "e-6"} & set(order[:6]) != {"e-0", "e-6"}
        assert order[6] in ("e-0", "e-6")


def test_the_same_words_after_the_same_messages_repeat_a_question() -> None:
    asked = "Ann has {} pens and gets 7 more of them from Ben on Monday. How many has she now?"
    rows = rows_of(
        *((asked.format(n), f"{n} + 7 = {n + 7}\n#### {n + 7}", f"{n + 7}") for n in (20, 20, 21))
    )
    rows = [row.model_copy(update={"before": TALK}) for row in rows]
    assert {kept(rows, 1, seed)[2] for seed in range(5)} == {"e-0", "e-1"}


def test_the_same_words_after_other_messages_repeat_no_question() -> None:
    asked = "Ann has {} pens and gets 7 more of them from Ben on Monday. How many has she now?"
    rows = rows_of(
        *((asked.format(n), f"{n} + 7 = {n + 7}\n#### {n + 7}", f"{n + 7}") for n in (20, 21, 22)),
        (asked.format(20), "20 + 7 = 27\n#### 27", "27"),
    )
    rows[3] = rows[3].model_copy(update={"before": TALK})
    orders = [kept(rows, 1, seed) for seed in range(20)]
    assert any(order.index("e-0") < order.index("e-3") < 3 for order in orders)


def test_the_share_is_of_all_rows_and_the_seed_chooses_among_equals() -> None:
    rows = rows_of(*ADDS)
    assert len(kept(rows, 0.5)) == 15
    assert kept(rows, 0.5, 1) == kept(rows, 0.5, 1)
    assert len({tuple(kept(rows, 0.5, seed)) for seed in range(4)}) > 1
    assert kept([], 0.5) == []


def test_rows_of_all_sorts_are_chosen_among() -> None:
    words = row_of(("Capital of France?", "The answer is Paris.", "Paris"), answer=TextAnswer())
    assert kept([words], 1) == [words.id]
    row = row_of().model_copy(update={"rejected": "#### 1", "given": "47 + 26 = 73\n"})
    assert kept([row], 1) == [row.id]
