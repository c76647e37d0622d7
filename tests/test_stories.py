"""Which questions tell one story: the same to the doctor, a report and who divides a file."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import pytest
from test_promotion import attempts

from errata.agents.exams import ArithmeticExam, load_exam
from errata.agents.exams.stories import shared_stories
from errata.agents.intake.rows import OwnRow
from errata.agents.intake.split import divide
from errata.agents.records import Question
from errata.graph.doctor.sets import find_leaks
from errata.graph.report import report_of_test

INSTRUCTION = (
    "please read with great care what people have told us here and then say in one short line "
    "what comes out"
)
"""Twenty words."""
WORDS = [a + b + c for a in "bdgklm" for b in "aeiou" for c in ("n", "nd", "rt", "st")]
"""Few: after an instruction the same one often follows."""


def said(rng: random.Random, count: int) -> str:
    return " ".join(rng.choices(WORDS, k=count))


def with_stories(told: int, others: int) -> list[str]:
    """Four stories, each told so often with other numbers and another end; then others."""
    rng = random.Random(1)
    found = []
    for _ in range(4):
        first, second = said(rng, 14), said(rng, 9)
        found += [
            f"{first} {rng.randrange(100)} {second} {rng.randrange(100)} {said(rng, 8)}"
            for _ in range(told)
        ]
    return [*found, *(said(rng, 31) for _ in range(others))]


def questions(texts: Sequence[str]) -> list[Question]:
    return [Question(id=str(at), prompt=text, target="1") for at, text in enumerate(texts)]


def named_by_the_doctor(texts: Sequence[str]) -> set[int]:
    """Texts of which one is for practice and the next for the test."""
    made = questions(texts)
    found = find_leaks({"practice": made[::2], "test": made[1::2]})
    return {int(id) for one in found for id in one.questions}


def kept_together(texts: Sequence[str]) -> set[int]:
    rows = [OwnRow(str(at), {"prompt": text, "target": "1"}) for at, text in enumerate(texts)]
    sides = divide(rows, near="together").sides.values()
    return {int(row.where) for side in sides for row in side if "group" in row.fields}


def left_out_of_the_report(texts: Sequence[str]) -> set[int]:
    """As many texts as test questions that a report counts, which names none."""
    made = questions(texts)
    test = [q.model_copy(update={"id": f"q{at}"}) for at, q in enumerate(made[1::2])]
    marks = "+" * len(test)
    return set(range(2 * report_of_test(made[::2], test, attempts(marks), attempts(marks)).shared))


BOTH = pytest.mark.parametrize("seen_by", [named_by_the_doctor, kept_together])
ALL = pytest.mark.parametrize(
    "seen_by", [named_by_the_doctor, kept_together, left_out_of_the_report]
)
SeenBy = Callable[[Sequence[str]], set[int]]


@ALL
@pytest.mark.parametrize("others", [16, 300])
@pytest.mark.parametrize("form", ["{}", "{0} {{}}", "{{}} {0}", "{0} {{}} {0}"])
def test_an_instruction_of_all_questions_makes_no_story_and_hides_none(
    form: str, others: int, seen_by: SeenBy
) -> None:
    worded = form.format(INSTRUCTION) if "0" in form else form
    assert seen_by([worded.format(text) for text in with_stories(2, others)]) == set(range(8))


@BOTH
@pytest.mark.parametrize(("told", "found"), [(2, True), (8, True), (10, False)])
def test_a_story_told_often_with_other_numbers_is_one_until_it_is_the_way_to_ask(
    told: int, found: bool, seen_by: SeenBy
) -> None:
    assert seen_by(with_stories(told, 20)) == (set(range(4 * told)) if found else set())


@pytest.mark.parametrize(
    ("told", "others", "found"),
    [(8, 11, 4 * 4), (9, 11, 0), (3, 0, 2), (4, 0, 0), (4, 4, 2 * 2), (5, 5, 3 * 2), (6, 5, 0)],
)
def test_words_of_nine_questions_or_of_most_in_a_small_exam_are_no_story(
    told: int, others: int, found: int
) -> None:
    rng = random.Random(2)
    story = said(rng, 13)
    texts = [f"{story} {said(rng, 9)}" for _ in range(told)]
    made = questions([*texts, *(said(rng, 20) for _ in range(others))])
    assert len([*shared_stories(made[::2], made[1::2])]) == found


@pytest.mark.parametrize(
    ("count", "sharing", "template"),
    [
        (40, 8, False),
        (40, 9, True),
        (200, 20, False),
        (200, 21, True),
        (400, 32, False),
        (400, 33, True),
    ],
)
def test_six_words_are_a_template_where_a_tenth_of_the_questions_or_33_have_them(
    count: int, sharing: int, template: bool
) -> None:
    rng = random.Random(3)
    six, rest = said(rng, 6), said(rng, 7)
    texts = [f"{six} {rest} {said(rng, 9)}" for _ in range(2)]
    texts += [f"{said(rng, 9)} {six} {said(rng, 9)}" for _ in range(sharing - 2)]
    made = questions([*texts, *(said(rng, 20) for _ in range(count - sharing))])
    assert len([*shared_stories(made[::2], made[1::2])]) == (0 if template else 1)


@pytest.mark.parametrize(
    ("before", "template", "after", "found"),
    [
        (0, 6, 12, False),
        (0, 6, 13, True),
        (12, 6, 12, False),
        (13, 6, 0, True),
        (0, 5, 8, True),
        (7, 6, 7, False),
    ],
)
def test_thirteen_words_beside_a_template_are_a_story_and_fewer_with_it_are_none(
    before: int, template: int, after: int, found: bool
) -> None:
    rng = random.Random(4)
    usual, first, second = said(rng, template), said(rng, before), said(rng, after)
    texts = [f"{said(rng, 4)} {first} {usual} {second} {said(rng, 4)}" for _ in range(2)]
    texts += [f"{said(rng, 9)} {usual} {said(rng, 9)}" for _ in range(30)]
    made = questions(texts)
    assert [*shared_stories(made[::2], made[1::2])] == ([(made[0], made[1])] if found else [])


def test_questions_that_are_all_alike_tell_no_story_and_are_not_compared_two_by_two() -> None:
    made = questions([f"{INSTRUCTION} {at}" for at in range(400)])
    assert [*shared_stories(made[::2], made[1::2])] == []


def test_few_of_the_built_in_questions_tell_one_story_though_all_are_from_templates() -> None:
    exam = load_exam(ArithmeticExam(name="arithmetic"))
    for held_out in (exam.dev, exam.test):
        twins = {other.id for _, other in shared_stories(exam.practice, held_out)}
        assert len(twins) < 0.03 * len(held_out)
