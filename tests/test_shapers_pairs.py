"""Shapers whose rows set a right text against a wrong one."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shaping import BUS, rehearsed, row_of, sides

from errata.agents.exams.arithmetic import make_questions
from errata.agents.marking import mark
from errata.agents.marking.equations import holds, read_equations, show, value
from errata.agents.records import CodeAnswer, Question, Row, Unusable
from errata.agents.shapers import SHAPERS, Rehearsed
from errata.agents.shapers.pairs import Pairs
from errata.agents.shapers.spoiled import Spoiled
from errata.agents.shapers.steps import Steps

SMALL_STEPS = (
    "73 people are on a bus, 28 get off and 5 get on. How many are there?",
    "73 - 28 = 73 - 20 - 8 = 53 - 8 = 45\n45 + 5 = 50\n#### 50",
    "50",
)
CLIPS = (
    "Natalia sold 48 clips in April, and half as many in May. How many did she sell?",
    "She sold 48/2 = <<48/2=24>>24 clips in May.\nThat is 48+24 = <<48+24=72>>72 clips.\n#### 72",
    "72",
)


def spoiled(
    cause: str, asked: tuple[str, str, str] = BUS, whole: bool = False, seed: int = 0
) -> Row | Unusable:
    row = row_of(asked)
    [made] = Spoiled(whole=whole).shape([row], rehearsed([row], cause), seed)
    return made


def right_or_wrong(row: Row, text: str) -> bool:
    question = Question(id="q", prompt=row.prompt, target=row.target, answer=row.answer)
    return mark(question, text).correct


# Spoiled


@pytest.mark.parametrize(
    ("cause", "begins", "right", "wrong"),
    [
        ("slip: addition that carries", "", "47 + 26 = 73", "47 + 26 = 63"),
        ("slip: subtraction that borrows", "47 + 26 = 73\n", "73 - 28 = 45", "73 - 28 = 55"),
        (
            "wrong operation: adds where it must subtract",
            "47 + 26 = 73\n",
            "73 - 28 = 45",
            "73 + 28 = 101",
        ),
        (
            "wrong operation: subtracts where it must add",
            "",
            "47 + 26 = 73",
            "47 - 26 = 21",
        ),
    ],
)
def test_a_step_is_spoiled_as_the_diagnosis_says(
    cause: str, begins: str, right: str, wrong: str
) -> None:
    for seed in range(5):
        assert sides(spoiled(cause, seed=seed)) == (begins, right, wrong, False)


def test_a_slip_without_a_feature_is_one_or_ten_off_or_has_two_digits_swapped() -> None:
    wrong = {sides(spoiled("slip: subtraction", seed=seed))[2] for seed in range(60)}
    assert wrong == {f"73 - 28 = {result}" for result in (35, 44, 46, 55, 54)}


def test_a_slip_in_a_product_may_be_its_neighbour_in_the_table() -> None:
    asked = ("Ann fills 7 bags with 8 eggs each. How many?", "7 * 8 = 56\n#### 56", "56")
    wrong = {sides(spoiled("slip: multiplication", asked, seed=seed))[2] for seed in range(80)}
    assert {"7 * 8 = 48", "7 * 8 = 64", "7 * 8 = 49", "7 * 8 = 63"} <= wrong


def test_the_operation_that_must_be_is_replaced_by_another_where_no_other_is_named() -> None:
    made = {sides(spoiled("wrong operation: must subtract", seed=seed)) for seed in range(30)}
    assert made == {
        ("47 + 26 = 73\n", "73 - 28 = 45", f"73 {wrong}", False)
        for wrong in ("+ 28 = 101", "* 28 = 2044")
    }


def test_a_wrong_number_is_one_of_the_question_that_no_later_step_needs() -> None:
    """Adding and taking away in another order is right: 47 - 28 would be no mistake."""
    made = {sides(spoiled("wrong numbers", seed=seed)) for seed in range(60)}
    assert {(begins, wrong) for begins, _, wrong, _ in made} == {
        ("", "26 + 26 = 52"),
        ("", "47 + 47 = 94"),
        ("47 + 26 = 73\n", "47 - 28 = 19"),
        ("47 + 26 = 73\n", "73 - 26 = 47"),
        ("47 + 26 = 73\n", "73 - 47 = 26"),
    }


@pytest.mark.parametrize("whole", [False, True])
def test_stopped_early_answers_with_the_step_before_the_last(whole: bool) -> None:
    made = spoiled("stopped early", whole=whole)
    assert sides(made) == ("47 + 26 = 73\n", "73 - 28 = 45\n#### 45", "#### 73", True)


def test_one_step_too_many_goes_on_with_the_result() -> None:
    for seed in range(10):
        begins, right, wrong, ends = sides(spoiled("one step too many", seed=seed))
        assert (begins, right, ends) == ("47 + 26 = 73\n73 - 28 = 45\n", "#### 45", True)
        step, _, final = str(wrong).partition("\n")
        [equation] = read_equations(step)
        assert step.startswith("45 ")
        assert holds(equation)
        assert final == f"#### {show(equation.result)}"
        assert final != right


def test_a_whole_pair_is_recomputed_from_the_spoiled_step() -> None:
    assert sides(spoiled("slip: addition that carries", whole=True)) == (
        "",
        BUS[1],
        "47 + 26 = 63\n63 - 28 = 35\n#### 35",
        True,
    )


def test_small_steps_stay_small_steps_on_the_wrong_side() -> None:
    made = spoiled("wrong operation: adds where it must subtract", SMALL_STEPS, whole=True)
    assert sides(made)[2] == "73 + 28 = 73 + 20 + 8 = 93 + 8 = 101\n101 + 5 = 106\n#### 106"


def wholes(solution: str, cause: str = "slip: addition", seeds: int = 60) -> set[str]:
    """The wrong sides of whole pairs, with what is given before them."""
    asked = ("How many?", solution, solution.rpartition(" ")[2])
    made = [sides(spoiled(cause, asked, whole=True, seed=seed)) for seed in range(seeds)]
    return {f"{begins}{wrong}" for begins, _, wrong, _ in made}


def test_small_steps_after_the_spoiled_one_are_worked_out_anew() -> None:
    chain = "99 + 28 = 99 + 20 + 8 = 119 + 8 = 127"
    anew = "109 + 28 = 109 + 20 + 8 = 129 + 8 = 137"
    assert f"90 + 9 = 109\n{anew}\n#### 137" in wholes(f"90 + 9 = 99\n{chain}\n#### 127")


def test_a_number_that_is_worked_out_again_has_its_newest_worth() -> None:
    made = wholes("3 + 4 = 7\n14 - 7 = 7\n7 * 2 = 14\n#### 14")
    assert "3 + 4 = 8\n14 - 8 = 6\n6 * 2 = 12\n#### 12" in made


def test_no_wrong_side_falls_below_zero_or_into_decimals() -> None:
    made = wholes("12 + 3 = 15\n15 / 5 = 3\n3 - 2 = 1\n#### 1")
    assert made
    assert not any("." in wrong or "-" in wrong.replace(" - ", " ") for wrong in made)


def test_the_step_that_has_what_the_cause_names_is_the_one_that_is_spoiled() -> None:
    asked = ("11, 12 and 28.", "11 + 12 = 23\n23 + 28 = 51\n#### 51", "51")
    for seed in range(10):
        made = spoiled("slip: addition that carries", asked, seed=seed)
        assert sides(made)[2] == "23 + 28 = 41"


def test_two_digits_are_not_swapped_to_begin_with_a_zero() -> None:
    asked = ("20 and 20.", "20 + 20 = 40\n#### 40", "40")
    wrong = {sides(spoiled("slip: addition", asked, seed=seed))[2] for seed in range(60)}
    assert wrong == {f"20 + 20 = {result}" for result in (30, 39, 41, 50)}


def test_calculator_marks_are_left_out_and_prose_stays() -> None:
    made = spoiled("slip: addition that carries", CLIPS, whole=True)
    assert sides(made) == (
        "She sold 48/2 = 24 clips in May.\nThat is",
        " 48+24 = 72 clips.\n#### 72",
        " 48+24 = 62 clips.\n#### 62",
        True,
    )


def test_the_same_value_in_another_manner_is_no_error() -> None:
    asked = ("Each of 2 pens costs $1.50.", "2 * $1.50 = $3.00\n#### 3.00", "3.00")
    for seed in range(20):
        made = spoiled("slip: multiplication", asked, seed=seed)
        [wrong] = read_equations(str(sides(made)[2]))
        assert not holds(wrong)


@pytest.mark.parametrize(
    "solution",
    [
        "#### 45",
        "It is 45.",
        "x = 45\n#### 45",
        "45 = 47 - 2\n#### 45",
        "136 / 3 = 45\n#### 45",  # rounded
        "9 / 20 = 45%\n#### 45",
        "47 - 2 = 45\n" * 400 + "#### 45",
    ],
)
def test_without_a_worked_equation_that_is_exact_nothing_is_spoiled(solution: str) -> None:
    made = spoiled("slip: addition", (BUS[0], solution, "45"))
    assert made == Unusable(source_id="e-1", reason="no equation that can be spoiled")


def test_a_program_is_not_spoiled() -> None:
    code = CodeAnswer(tests="def check(candidate): pass", entry_point="f")
    row = row_of(("Write f.", "def f():\n    return 1  # 3 + 4 = 7", "f"), answer=code)
    [made] = Spoiled().shape([row], rehearsed([row]), 0)
    assert made == Unusable(source_id="e-1", reason="a program has no worked equations")


def test_of_a_sheet_only_the_last_result_is_spoiled_in_a_whole_pair() -> None:
    """The others do not change the answer, so that the wrong side would be right."""
    sheet = ("What is 3 + 4, then 15 + 26?", "3 + 4 = 7\n15 + 26 = 41\n#### 41", "41")
    for seed in range(20):
        begins, _, wrong, ends = sides(spoiled("slip: addition", sheet, whole=True, seed=seed))
        assert ends
        assert not right_or_wrong(row_of(sheet), f"{begins}{wrong}")


CAUSES = (
    "slip: addition",
    "slip: addition that carries",
    "slip: subtraction that borrows",
    "slip: division",
    "wrong operation: must add",
    "wrong operation: multiplies where it must divide",
    "wrong numbers",
    "stopped early",
    "one step too many",
    "no equation",
    "misread the question",
)


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 10**6), st.sampled_from(CAUSES), st.booleans())
def test_a_spoiled_row_begins_rightly_and_differs_in_one_equation(
    seed: int, cause: str, whole: bool
) -> None:
    questions = make_questions(seed, "p", 16, set())
    asked = random.Random(seed).choice(questions)
    solution = str(asked.solution)
    row = row_of((asked.prompt, solution, asked.target))
    shaper, known = Spoiled(whole=whole), rehearsed([row], cause)
    [made] = shaper.shape([row], known, seed)
    assert shaper.shape([row], known, seed) == [made]
    assert isinstance(made, Row)
    assert (made.example_id, made.made_by, made.prompt) == ("e-1", "spoiled", row.prompt)
    assert made.rejected is not None
    assert solution.startswith(made.given + made.completion)
    right = read_equations(made.given + made.completion)
    wrong = read_equations(made.given + made.rejected)
    if made.ends:
        assert made.given + made.completion == solution
        assert not right_or_wrong(row, made.given + made.rejected)
    if cause in ("stopped early", "one step too many") and made.ends and not whole:
        return
    if not whole:
        assert not made.ends
        assert len(right) == len(wrong)
        assert right[-1].start == wrong[-1].start == len(made.given)
        assert value(wrong[-1].result) != value(right[-1].result)
        lefts = {show(equation.left) for equation in read_equations(solution)}
        assert not holds(wrong[-1]) or show(wrong[-1].left) not in lefts


# Steps


def steps(*said: str, first_too: bool = False) -> list[Row | Unusable]:
    row = row_of()
    return Steps(first_too=first_too).shape([row], rehearsed([row], "slip: addition", *said), 0)


BEGUN = "47 + 26 = 73\n"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (  # wrong operation
            f"{BEGUN}73 + 28 = 101\n#### 101",
            (BEGUN, "73 - 28 = 45", "73 + 28 = 101", False),
        ),
        (  # wrong numbers
            f"{BEGUN}73 - 26 = 47\n#### 47",
            (BEGUN, "73 - 28 = 45", "73 - 26 = 47", False),
        ),
        (f"{BEGUN}73 - 28 = 55\n#### 55", (BEGUN, "73 - 28 = 45", "73 - 28 = 55", False)),
        (f"{BEGUN}#### 73", (BEGUN, "73 - 28 = 45", "#### 73", False)),  # stopped early
        (f"{BEGUN}\n\n#### 73", (f"{BEGUN}\n\n", "73 - 28 = 45", "#### 73", False)),
        (  # right working, wrong final answer
            f"{BEGUN}73 - 28 = 45\n#### 54",
            (f"{BEGUN}73 - 28 = 45\n", "#### 45", "#### 54", True),
        ),
        (  # one step too many
            f"{BEGUN}73 - 28 = 45\n45 - 28 = 17\n#### 17",
            (f"{BEGUN}73 - 28 = 45\n", "#### 45", "45 - 28 = 17\n#### 17", True),
        ),
        (  # the same beginning in the student's own form
            "26 + 47 = <<26+47=73>>73\n73 - 28 = 55\n#### 55",
            ("26 + 47 = 73\n", "73 - 28 = 45", "73 - 28 = 55", False),
        ),
    ],
)
def test_the_first_faulty_line_stands_against_the_line_that_is_due(
    said: str, expected: tuple[str, str, str, bool]
) -> None:
    [made] = steps(said)
    assert sides(made) == expected


def test_the_line_of_an_own_right_answer_that_begins_alike_is_preferred() -> None:
    own = "47 + 26 = 73\nNow 73 - 28 = 45.\n#### 45"
    [made] = steps("47 + 26 = 73\n73 - 28 = 55\n#### 55", own)
    assert sides(made)[1] == "Now 73 - 28 = 45."
    [made] = steps("26 + 47 = 73\n73 - 28 = 55\n#### 55", own)
    assert sides(made)[1] == "73 - 28 = 45"


def test_a_line_that_a_right_answer_says_too_is_never_the_wrong_side() -> None:
    other = "47 + 26 = 73\n28 - 26 = 2\n73 - 28 = 45\n#### 45"
    assert all(isinstance(m, Row) for m in steps("47 + 26 = 73\n28 - 26 = 2\n#### 2"))
    [made] = steps("47 + 26 = 73\n28 - 26 = 2\n#### 2", other)
    assert isinstance(made, Unusable)


@pytest.mark.parametrize(
    "said",
    [
        "47 - 26 = 21\n21 - 28 = 7\n#### 7",  # nothing right before it
        "It is 44.",  # no equation
        "47 + 26 = 73\n73 - 28 = 55…",  # cut off
        "47 + 26 = 73\n73 - 28 = 45\n#### 45",  # right
        "47 + 26 = 73",  # nothing follows where it stopped
    ],
)
def test_an_answer_without_a_wrong_step_after_a_right_beginning_gives_no_pair(said: str) -> None:
    reason = "no wrong answer of the student begins rightly"
    assert steps(said) == [Unusable(source_id="e-1", reason=reason)]


def test_the_first_line_counts_where_it_is_asked_for() -> None:
    [made] = steps("47 - 26 = 21\n#### 21", first_too=True)
    assert sides(made) == ("", "47 + 26 = 73", "47 - 26 = 21", False)


def test_each_wrong_step_makes_one_row_with_an_id_of_its_own() -> None:
    first, second = "47 + 26 = 73\n73 - 28 = 55\n#### 55", "47 + 26 = 73\n73 - 28 = 35\n#### 35"
    made = steps(first, second, f"{first}\n")
    assert [sides(row)[2] for row in made] == ["73 - 28 = 55", "73 - 28 = 35"]
    assert len({row.id for row in made if isinstance(row, Row)}) == 2


ALPHABET = "0123456789+-*/x=() $%.,<>#\nab"


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.one_of(
            st.text(ALPHABET, max_size=60),
            st.text(ALPHABET, max_size=30).map(lambda text: f"{BEGUN}{text}"),
            st.sampled_from([BUS[1], f"{BEGUN}73 - 28 = 55\n#### 55", f"{BEGUN}#### 73"]),
        ),
        max_size=4,
    ),
    st.booleans(),
)
def test_nothing_that_a_student_says_breaks_a_pair(said: list[str], first_too: bool) -> None:
    row = row_of()
    known = rehearsed([row], "slip: addition", *said)
    for shaper in (Steps(first_too=first_too), Pairs()):
        made = shaper.shape([row], known, 0)
        assert made == shaper.shape([row], known, 1)
        for each in made:
            if isinstance(each, Row):
                assert each.rejected not in (None, each.completion)
                if each.ends:
                    assert right_or_wrong(row, each.given + each.completion)
                    assert not right_or_wrong(row, f"{each.given}{each.rejected}")


# Pairs


def pairs(*said: str) -> Row | Unusable:
    row = row_of()
    [made] = Pairs().shape([row], rehearsed([row], "slip: addition", *said), 0)
    assert isinstance(made, Unusable) or (made.id, made.made_by) == ("e-1-pairs", "pairs")
    return made


RIGHT, WRONG = "26 + 47 = 73, 73 - 28 = 45. The answer is 45.", "47 + 26 = 63\n#### 63"


def test_an_own_right_answer_stands_against_an_own_wrong_one() -> None:
    assert sides(pairs("I like buses.", WRONG, RIGHT)) == ("", RIGHT, WRONG, True)


def test_the_written_answer_stands_in_where_no_own_one_is_right() -> None:
    assert sides(pairs(WRONG)) == ("", BUS[1], WRONG, True)


def test_of_several_wrong_answers_the_first_is_taken() -> None:
    assert sides(pairs(WRONG, "#### 44")) == ("", BUS[1], WRONG, True)


@pytest.mark.parametrize("right", [f"{RIGHT}…", "47 + 26 = 74 - 28 = 45. The answer is 45."])
def test_an_own_right_answer_that_is_cut_or_has_a_false_equation_is_not_learnt(right: str) -> None:
    assert sides(pairs(WRONG, right))[1] == BUS[1]


@pytest.mark.parametrize("said", ["I like buses.", f"{WRONG}…", RIGHT])
def test_only_a_wrong_answer_that_ends_and_holds_an_answer_is_rejected(said: str) -> None:
    reason = "the student gives no wrong answer to it"
    assert pairs(said) == Unusable(source_id="e-1", reason=reason)


def test_a_row_nobody_was_asked_about_gives_no_pair() -> None:
    row = row_of()
    known = Rehearsed(examples=rehearsed([row]).examples)
    assert all(isinstance(made, Unusable) for made in Pairs().shape([row], known, 0))


# All of them


@pytest.mark.parametrize("name", ["pairs", "spoiled", "steps"])
@pytest.mark.parametrize(
    "changed",
    [
        {"rejected": "#### 1"},
        {"given": "47 + 26 = 73\n", "completion": "73 - 28 = 45\n#### 45"},
        {"completion": "47 + 26 = 73", "ends": False},
        {"completion": WRONG, "system": "Answer with this mistake: slip: addition."},
    ],
)
def test_rows_that_are_no_whole_right_answer_pass_as_they_are(
    name: str, changed: dict[str, object]
) -> None:
    row = row_of().model_copy(update=changed)
    known = rehearsed([row_of()], "slip: addition", WRONG)
    assert SHAPERS[name].shape([row], known, 0) == [row]


def test_those_that_make_pairs_say_so() -> None:
    assert {name for name, shaper in SHAPERS.items() if shaper.makes_pairs} >= {
        "pairs",
        "spoiled",
        "steps",
    }
    assert SHAPERS["spoiled"].sampling is None
    assert (SHAPERS["steps"].sampling, SHAPERS["pairs"].sampling) != (None, None)
