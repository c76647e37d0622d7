"""The instructor and the writer that need no LLM."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from errata.agents.exams.arithmetic import KINDS, make_questions
from errata.agents.marking.equations import holds, read_equations
from errata.agents.marking.number import is_right, last_number
from errata.agents.records import Attempt, Diagnosis, Draft, Mistake, Question, Solved, Unusable
from errata.agents.variations import VariationsInstructor, VariationsWriter
from errata.agents.variations.writer import Drills, SmallSteps

BUS = Question(
    id="q-1",
    prompt="A bus carried 47 people. At a stop 26 people got on and 28 got off. "
    "How many people are on the bus now?",
    target="45",
    solution="47 + 26 = 73\n73 - 28 = 45\n#### 45",
)
PENS = Question(
    id="q-12",
    prompt="Ann had 85 pens and gave away 23 of them. How many pens are left?",
    target="62",
    solution="85 - 23 = 62\n#### 62",
)


def question(prompt: str, solution: str) -> Question:
    return Question(
        id="q-2", prompt=prompt, target=solution.rpartition("#### ")[2], solution=solution
    )


def wrong(asked: Question, response: str, contrast: Sequence[Solved] = ()) -> Mistake:
    answer = last_number(response)
    attempt = Attempt(
        id=f"{asked.id}-attempt",
        question_id=asked.id,
        response=response,
        answer=answer,
        correct=False,
        why="",
        tokens=9,
        truncated=False,
    )
    return Mistake(
        id=f"{asked.id}-mistake", question=asked, attempt=attempt, contrast=tuple(contrast)
    )


def solved(asked: Question) -> Solved:
    attempt = wrong(asked, asked.solution or "").attempt.model_copy(update={"correct": True})
    return Solved(question=asked, attempt=attempt, similarity=0.9)


def diagnose(mistake: Mistake) -> Diagnosis:
    [found] = VariationsInstructor().diagnose([mistake])
    assert isinstance(found, Diagnosis)
    return found


def write(mistake: Mistake, count: int = 6, seed: int = 0, small_steps: bool = True) -> list[Draft]:
    drafts = VariationsWriter("always" if small_steps else "never", rename=False).draft_one(
        mistake, diagnose(mistake), count, seed
    )
    assert all(isinstance(draft, Draft) for draft in drafts), drafts
    return [draft for draft in drafts if isinstance(draft, Draft)]


def refusal(asked: Question) -> str:
    [only] = VariationsWriter("always", rename=False).draft_one(
        wrong(asked, "?"), diagnose(wrong(asked, "?")), 4, 0
    )
    assert isinstance(only, Unusable)
    return only.reason


def numbers(text: str) -> list[int]:
    return [int(digits.replace(",", "")) for digits in re.findall(r"\d[\d,]*", text)]


# What the instructor sees


@pytest.mark.parametrize(
    ("response", "cause"),
    [
        ("There are 45 or so.", "no equation"),
        ("47 + 26 = 73\n73 + 28 = 101\n#### 101", "wrong operation: must subtract"),
        ("47 + 28 = 75\n#### 75", "wrong numbers"),
        ("47 + 26 = 73\n73 - 28 = 55\n#### 55", "slip: subtraction"),
        ("47 + 26 = 63\n63 - 28 = 35\n#### 35", "slip: addition"),
        ("47 + 26 = 73", "stopped early"),
        ("47 + 26 = 73\n73 - 28 = 45\n#### 54", "right working, wrong final answer"),
        ("47 + 26 = 73\n73 - 28 = 45\n45 - 28 = 17\n#### 17", "one step too many"),
        ("26 + 47 = 73 people\nSo <<73-28=55>>55 are left", "slip: subtraction"),
        ("47 + 26 - 28 = 55", "slip: subtraction"),
    ],
)
def test_the_first_place_where_the_equations_part_names_the_cause(
    response: str, cause: str
) -> None:
    assert diagnose(wrong(BUS, response)).cause == cause


@pytest.mark.parametrize(
    ("response", "cause"),
    [
        ("47 + 26 = 73\n73 - 28 = 55", "slip: subtraction"),
        ("47 + 26 = 63\n63 - 28 = 35", "slip: addition"),
        ("47 + 26 = 73\n73 + 28 = 101", "wrong operation: must subtract"),
        ("47 + 26 = 73", "stopped early"),
        ("47 + 28 = 75", "wrong numbers"),
        ("26 + 47 = 73\n73 - 28 = 45", "right working, wrong final answer"),
    ],
)
def test_a_nested_solution_may_be_worked_one_operation_at_a_time(response: str, cause: str) -> None:
    nested = BUS.model_copy(update={"solution": "( 47 + 26 ) - 28 = 45"})
    assert diagnose(wrong(nested, response)).cause == cause


def test_an_answer_without_a_number_lacks_its_final_answer() -> None:
    mistake = wrong(BUS, "47 + 26 = 73\n73 - 28 = 45\nThe answer is")
    mistake = mistake.model_copy(
        update={"attempt": mistake.attempt.model_copy(update={"answer": None})}
    )
    assert diagnose(mistake).cause == "no final answer"


def test_a_slip_is_quoted_with_what_it_should_be() -> None:
    explanation = diagnose(wrong(BUS, "47 + 26 = 73\n73 - 28 = 55")).explanation
    assert "73 - 28 = 55" in explanation
    assert "it is 45" in explanation


def test_a_slip_inside_a_chain_is_found_where_it_happens() -> None:
    found = diagnose(wrong(BUS, "47 + 26 = 73\n73 - 28 = 73 - 20 - 8 = 53 - 8 = 55"))
    assert found.cause == "slip: subtraction"
    assert "53 - 8 = 55" in found.explanation


def test_the_contrast_names_what_the_slip_has_and_the_right_answers_have_not() -> None:
    found = diagnose(wrong(BUS, "47 + 26 = 73\n73 - 28 = 55", [solved(PENS)]))
    assert found.cause == "slip: subtraction that borrows"
    assert "85 - 23 in q-12" in found.explanation


def test_a_neighbour_that_borrows_too_takes_the_borrowing_from_the_cause() -> None:
    borrowing = question(
        "A jar held 92 beads, 37 fell out. How many are in it?", "92 - 37 = 55\n#### 55"
    )
    found = diagnose(wrong(BUS, "47 + 26 = 73\n73 - 28 = 55", [solved(PENS), solved(borrowing)]))
    assert found.cause == "slip: subtraction"


def test_the_contrast_names_the_operation_that_it_carried_over() -> None:
    found = diagnose(wrong(BUS, "47 - 26 = 21", [solved(PENS)]))
    assert found.cause == "wrong operation: subtracts where it must add"
    assert "q-12" in found.explanation


def test_without_worked_equations_there_is_no_diagnosis_but_a_reason() -> None:
    bare = Question(id="q-3", prompt="What is the capital of France?", target="Paris")
    mistake = wrong(bare, "London")
    [found] = VariationsInstructor().diagnose([mistake])
    assert found == Unusable(source_id=mistake.id, reason="no worked equations in the solution")


@settings(deadline=None)
@given(
    st.one_of(
        st.text(max_size=200),
        st.text(alphabet="0123456789+-*/x=() $%.,<>\nab", max_size=400),
        st.sampled_from(["(" * 1000, "1+" * 500 + "1 = 2", "9" * 6000 + " = 1 + 1", "1/0 = 1/0"]),
    )
)
def test_no_response_is_too_strange_for_a_diagnosis(response: str) -> None:
    assert diagnose(wrong(BUS, response)).cause


# What the writer writes


@pytest.mark.slow
@pytest.mark.parametrize("kind", [kind.name for kind in KINDS])
def test_every_kind_of_the_arithmetic_exam_is_asked_again_with_right_working(kind: str) -> None:
    """Numbers that happen to coincide may forbid it for a few questions of a kind."""
    questions = make_questions(5, "p", 10 * len(KINDS), set())
    many = 0
    for asked in (question for question in questions if question.kind == kind):
        mistake = wrong(asked, "no idea")
        written = VariationsWriter("always", rename=False).draft_one(
            mistake, diagnose(mistake), 30, 0
        )
        drafts = [draft for draft in written if isinstance(draft, Draft)]
        assert len({draft.prompt for draft in drafts}) == len(drafts)
        many += len(drafts) > 5
        for draft in drafts:
            assert draft.prompt != asked.prompt
            equations = read_equations(draft.completion)
            assert len(equations) == len(read_equations(asked.solution or ""))
            assert all(holds(equation) for equation in equations)
            assert draft.completion.endswith(f"\n#### {draft.target}")
            last = draft.completion[equations[-1].start : equations[-1].end]
            assert is_right(last_number(last), draft.target)
    assert many >= 5


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 10**6), index=st.integers(0, 89))
def test_the_numbers_of_the_working_are_those_of_the_new_question(seed: int, index: int) -> None:
    asked = make_questions(9, "p", 90, set())[index]
    drafts = VariationsWriter("never", rename=False).draft_one(
        wrong(asked, "no idea"), diagnose(wrong(asked, "no idea")), 1, seed
    )
    for draft in drafts:
        if isinstance(draft, Draft):
            known = set(numbers(draft.prompt))
            for line in draft.completion.splitlines()[:-1]:
                left, right = line.split(" = ")
                assert set(numbers(left)) <= known
                known.add(int(right))
            assert int(draft.target) == int(right) > 0


def test_the_same_seed_writes_the_same_and_another_seed_other_drafts() -> None:
    mistake = wrong(BUS, "47 + 26 = 63")
    assert write(mistake, seed=1) == write(mistake, seed=1)
    assert write(mistake, seed=1) != write(mistake, seed=2)


def test_half_of_the_drafts_for_a_slip_are_drills_that_have_its_difficulty() -> None:
    mistake = wrong(BUS, "47 + 26 = 73\n73 - 28 = 55", [solved(PENS)])
    drills = [draft for draft in write(mistake, count=30) if "bus" not in draft.prompt]
    assert len(drills) == 15
    for drill in drills:
        asked = numbers(drill.prompt)
        *lines, last = drill.completion.splitlines()
        operations = list(zip(asked[::2], asked[1::2], strict=True))
        for line, (left, right) in zip(lines, operations, strict=True):
            assert any(top < below for top, below in zip(f"{left:04}", f"{right:04}", strict=True))
            assert line.startswith(f"{left} - {right} = ")
            assert line.endswith(f"= {left - right}")
        left, right = operations[-1]
        assert drill.target == str(left - right)
        assert last == f"#### {left - right}"


def test_drills_end_as_the_exams_solutions_do_and_are_left_out_where_these_end_in_words() -> None:
    """One that ends in its equation gets no last line; of one that ends in a sentence nobody knows
    how a drill should end."""
    bare = BUS.model_copy(update={"solution": "47 + 26 = 73\n73 - 28 = 45"})
    drills = [draft for draft in write(wrong(bare, "47 + 26 = 63"), 8) if "bus" not in draft.prompt]
    assert len(drills) == 4
    for drill in drills:
        assert drill.completion.endswith(f"= {drill.target}")
    told = BUS.model_copy(update={"solution": "47 + 26 = 73\n73 - 28 = 45 are left."})
    assert all("bus" in draft.prompt for draft in write(wrong(told, "47 + 26 = 63"), 8))


@pytest.mark.parametrize(
    ("when", "response", "small"),
    [
        ("always", "47 - 26 = 21", True),
        ("slips", "47 - 26 = 21", False),
        ("slips", "47 + 26 = 63", True),
        ("never", "47 + 26 = 63", False),
    ],
)
def test_small_steps_are_taken_when_they_are_wanted(
    when: SmallSteps, response: str, small: bool
) -> None:
    mistake = wrong(BUS, response)
    drafts = VariationsWriter(when, rename=False).draft_one(mistake, diagnose(mistake), 12, 0)
    chains = [
        line.count("=") > 1
        for draft in drafts
        if isinstance(draft, Draft)
        for line in draft.completion.splitlines()
    ]
    assert any(chains) == small


def test_a_slip_gets_no_drills_where_none_are_wanted() -> None:
    mistake = wrong(BUS, "47 + 26 = 63")
    drafts = VariationsWriter("never", False, "never").draft_one(mistake, diagnose(mistake), 12, 0)
    assert len(drafts) == 12
    assert all("bus" in draft.prompt for draft in drafts if isinstance(draft, Draft))


def test_a_mistake_that_is_no_slip_gets_no_drills() -> None:
    assert all("bus" in draft.prompt for draft in write(wrong(BUS, "47 - 26 = 21"), count=12))


@pytest.mark.parametrize(
    ("response", "contrast", "drills"),
    [
        ("47 - 26 = 31", [], 6),  # the wrong operation, and a slip in it
        ("47 - 26 = 21", [], 0),
        ("7 + 2 = 8", [], 0),  # elementary
        ("No idea.", [], 6),
        ("No idea.", [PENS], 6),  # the neighbour subtracts: nobody saw it add
        ("No idea.", [PENS, question("?", "40 + 25 = 65\n#### 65")], 0),
    ],
)
def test_calculations_that_it_was_not_seen_to_do_get_drills_whatever_the_fault(
    response: str, contrast: list[Question], drills: int
) -> None:
    mistake = wrong(BUS, response, [solved(each) for each in contrast])
    for kind, count in (("slips", 0), ("calculations", drills)):
        writer = VariationsWriter("never", False, cast(Drills, kind))
        drafts = writer.draft_one(mistake, diagnose(mistake), 12, 0)
        assert sum("bus" not in draft.prompt for draft in drafts if isinstance(draft, Draft)) == (
            count
        ), kind


@pytest.mark.parametrize(
    ("sign", "chain"),
    [
        ("-", r"(\d+) - (\d+) = \1 - \d+ - \d = \d+ - \d = \d+"),
        ("+", r"(\d+) \+ (\d+) = \1 \+ \d+ \+ \d = \d+ \+ \d = \d+"),
        ("*", r"(\d) \* (\d+) = \1 \* \d+ \+ \1 \* \d = \d+ \+ \d+ = \d+"),
        ("/", r"(\d+) / (\d) = \d+ / \2 \+ \d+ / \2 = \d+ \+ \d = \d+"),
    ],
)
def test_operations_that_are_not_elementary_are_worked_in_small_steps(
    sign: str, chain: str
) -> None:
    left, right, result = {
        "-": (73, 28, 45),
        "+": (47, 38, 85),
        "*": (7, 34, 238),
        "/": (91, 7, 13),
    }[sign]
    asked = question(
        f"Take {left} and {right}. What comes out?",
        f"{left} {sign} {right} = {result}\n#### {result}",
    )
    drafts = write(wrong(asked, "no idea"), count=20)
    assert any(re.match(chain, draft.completion) for draft in drafts)
    plain = write(wrong(asked, "no idea"), count=20, small_steps=False)
    assert all(draft.completion.splitlines()[0].count("=") == 1 for draft in plain)


def test_prose_units_and_marks_of_a_gsm8k_solution_follow_the_new_numbers() -> None:
    asked = question(
        "Natalia sold clips to 48 of her friends in April, and then she sold half as many clips "
        "in May. How many clips did Natalia sell altogether in April and May?",
        "Natalia sold 48/2 = <<48/2=24>>24 clips in May.\n"
        "Natalia sold 48+24 = <<48+24=72>>72 clips altogether in April and May.\n#### 72",
    )
    for draft in write(wrong(asked, "no idea"), small_steps=False):
        [april] = numbers(draft.prompt)
        assert draft.completion == (
            f"Natalia sold {april}/2 = {april // 2} clips in May.\n"
            f"Natalia sold {april}+{april // 2} = {april + april // 2} clips altogether in April "
            f"and May.\n#### {april + april // 2}"
        )


def test_an_equation_that_stands_only_in_a_mark_is_written_out() -> None:
    asked = question(
        "Tim has 14 boxes of 6 pens. How many pens is that?", "He has <<14*6=84>>84 pens.\n#### 84"
    )
    for draft in write(wrong(asked, "no idea"), small_steps=False):
        boxes, pens = numbers(draft.prompt)
        assert (
            draft.completion
            == f"He has {boxes} * {pens} = {boxes * pens} pens.\n#### {boxes * pens}"
        )


def test_what_the_words_fix_stays() -> None:
    asked = question(
        "Since 2019 Jo has packed 50 boxes a day, 3 days a week, from 9 am. Of these 20% are red. "
        "How many red boxes does she pack in a week?",
        "She packs 3 * 50 = 150 boxes.\n150 * 20/100 = 30 are red.\n#### 30",
    )
    for draft in write(wrong(asked, "no idea"), count=12):
        year, boxes, days, hour, percent = numbers(draft.prompt)
        assert (year, days, hour, percent) == (2019, 3, 9, 20)
        assert int(draft.target) * 100 == 3 * boxes * 20


def test_a_result_that_may_be_a_constant_does_not_move() -> None:
    asked = question(
        "Mia reads 3 pages every morning and 4 every evening. How many pages is that in a week?",
        "3 + 4 = 7\n7 * 7 = 49\n#### 49",
    )
    assert refusal(asked) == "no number in the question may change safely"


def test_divisions_stay_exact_inside_an_equation_too() -> None:
    asked = question(
        "A rope of 84 inches is cut into 14 parts. How long are 8 of them?",
        "84 / 14 * 8 = 48\n#### 48",
    )
    for draft in write(wrong(asked, "no idea"), count=20):
        length, parts, _ = numbers(draft.prompt)
        assert length % parts == 0


def test_a_number_that_may_be_a_constant_does_not_move() -> None:
    asked = question(
        "Mia reads 7 pages a day and owns 30 books. How many pages does she read in a week?",
        "7 * 7 = 49\n#### 49",
    )
    assert refusal(asked) == "no number in the question may change safely"


def test_numbers_that_sum_up_in_the_question_still_do() -> None:
    asked = question(
        "Of 60 pupils 42 are girls and 18 boys. Every pupil gets 5 pens, every girl 3 books and "
        "every boy 8 cards. All of that came in cartons of 6. How many cartons were there?",
        "60 * 5 = 300\n42 * 3 = 126\n18 * 8 = 144\n300 + 126 = 426\n426 + 144 = 570\n"
        "570 / 6 = 95\n#### 95",
    )
    for draft in write(wrong(asked, "no idea"), count=20):
        total, girls, boys, *_ = numbers(draft.prompt)
        assert total == girls + boys


@pytest.mark.parametrize(
    ("prompt", "solution", "reason"),
    [
        ("Ed has 9 hens.", "9 * 13 = 117\n#### 117", "13 in the working comes from nowhere"),
        ("Ed has 9 hens and 14 cows.", "9 + 14 = 24\n#### 24", "does not hold"),
        ("Ed has 9 hens and 14 cows.", "9 + 14 = 23\n#### 9", "does not give the target"),
        ("Ed has 9 hens, 14 cows.", "14 - 9 = 5\n9 + 14 = 23\n#### 23", "not used later"),
        ("Ed has 9 hens, 14 cows.", "9 + 14 = 23\ny + 9 = 14\n#### 23", "cannot be read"),
        ("Ed has 9 hens, 14 cows.", "9 + 14 = 23, not 31\n#### 23", "31 in the solution's text"),
    ],
)
def test_a_question_that_cannot_be_recomputed_with_certainty_is_refused(
    prompt: str, solution: str, reason: str
) -> None:
    assert reason in refusal(question(prompt, solution))


def test_a_slip_in_a_question_that_cannot_vary_still_gets_its_drills() -> None:
    asked = question("Ed has 9 hens. How many are missing?", "81 - 28 = 53\n53 - 9 = 44\n#### 44")
    mistake = wrong(asked, "81 - 28 = 63\n63 - 9 = 54")
    drafts = VariationsWriter("always", rename=False).draft_one(mistake, diagnose(mistake), 6, 0)
    assert sorted(type(draft).__name__ for draft in drafts) == [
        "Draft",
        "Draft",
        "Draft",
        "Unusable",
    ]


def test_prices_keep_their_cents_and_large_numbers_their_commas() -> None:
    asked = question(
        "A pen costs $1.50 and a desk costs $2,400. Sam buys 8 pens and a desk. What does he pay?",
        "The pens cost 8 * $1.50 = $12.00.\nIn all he pays $12 + $2,400 = $2,412.\n#### 2412",
    )
    for draft in write(wrong(asked, "no idea"), small_steps=False):
        assert re.search(r"\$\d\.\d\d and a desk costs \$\d,\d{3}\. ", draft.prompt)
        assert re.search(
            r"\* \$\d\.\d\d = \$\d+\.00\.\n.*= \$\d,\d{3}\.\n#### \d{4}$", draft.completion
        )


def test_a_solution_in_which_each_sum_is_used_twice_is_read_without_going_over_all_its_paths() -> (
    None
):
    steps = [f"{3 * 2**n} + {3 * 2**n} = {6 * 2**n}" for n in range(35)]
    asked = question("Ed has 3 hens.", "\n".join([*steps, f"#### {3 * 2**35}"]))
    assert write(wrong(asked, "?"), count=1)


def test_a_question_with_more_numbers_than_a_story_has_is_refused_not_a_crash() -> None:
    many = " ".join(str(1000 + 7 * n) for n in range(120))
    asked = question(f"Ed has {many} hens. He buys 14.", "1007 + 14 = 1021\n#### 1021")
    assert refusal(asked) == "the question has over 40 different numbers"
    asked = question("Ed has 5 hens. " * 500, "5 + 14 = 19\n#### 19")
    assert refusal(asked) == "the question with its solution is over 4,000 characters long"


def test_a_length_alone_is_no_packing_but_shapes_that_must_fit_are() -> None:
    solution = "34 - 19 = 15\n#### 15"
    hair = "Isabel's hair is 34 inches long. She has it cut by 19 inches. How long is it now?"
    assert write(wrong(question(hair.replace(" by", ""), solution), "?"))
    tiles = "A wall is 34 feet long and 19 feet tall. How many more tiles fit along it than up it?"
    assert refusal(question(tiles, solution)) == "shapes that must fit into each other"
