"""A question's people and things under other names."""

from __future__ import annotations

import random

import pytest

from errata.agents.data_writer import Ask
from errata.agents.records import Draft, Picked, Question
from errata.agents.variations import VariationsSolver, VariationsWriter
from errata.agents.variations.mentions import COMPARES, CUES, PACKING, WORD
from errata.agents.variations.renaming import names_between, other_names, partners, rename
from errata.agents.variations.templates import LONGEST
from errata.agents.verifier import Problem

SHOP = Question(
    id="shop",
    prompt="Olivia had an apple pie and 14 peaches. Paul gave olivia 23 more peaches and ate "
    "6 cookies. How many peaches does Olivia have now?",
    target="37",
    solution="Olivia has 14 + 23 = 37 peaches.\n#### 37",
)


def written(question: Question, count: int = 20, *, names: bool = True) -> list[Draft]:
    ask = Ask(lesson=Picked(id="p-1", question=question), count=count, seed=3)
    ((_, drafts),) = VariationsWriter("never", names).draft([ask])
    return [draft for draft in drafts if isinstance(draft, Draft)]


def solved(prompt: str, source: Question = SHOP) -> str | None:
    problem = Problem(
        source=source, diagnosis_id="p-1", prompt=prompt, answer=source.answer, number=0
    )
    ((_, said),) = VariationsSolver().solve([problem])
    return said


def test_people_and_things_get_other_names_of_their_sort_in_question_and_working_alike() -> None:
    drafts = written(SHOP)
    assert len({names_between(SHOP.prompt, draft.prompt)["Olivia"] for draft in drafts}) > 5  # type: ignore[index]
    for draft in drafts:
        names = names_between(SHOP.prompt, draft.prompt)
        assert names is not None
        assert {"Olivia", "Paul", "peaches", "cookies"} <= set(names)
        assert all(partners()[old] == partners()[new] for old, new in names.items())
        assert draft.completion.startswith(f"{names['Olivia']} has ")
        assert f" {names['peaches']}.\n" in draft.completion
        assert f"gave {names['Olivia'].lower()} " in draft.prompt  # as carelessly as it was


def test_names_that_make_a_long_question_too_long_are_passed_over() -> None:
    texts = len(SHOP.prompt) + len(SHOP.solution or "")
    long = SHOP.model_copy(update={"prompt": SHOP.prompt + " " * (LONGEST - texts)})
    assert len(written(long)) == len(written(SHOP))


def test_without_it_every_word_stays() -> None:
    drafts = written(SHOP, names=False)
    assert drafts
    assert all(names_between(SHOP.prompt, draft.prompt) == {} for draft in drafts)


def test_each_renamed_question_is_solved_again_from_its_own_numbers() -> None:
    drafts = written(SHOP)
    assert [solved(draft.prompt) for draft in drafts] == [f"#### {d.target}" for d in drafts]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Olivia", "Paul"),  # two people would be one
        ("Olivia", "Peter"),  # another gender, and she is `olivia` once more
        ("15 peaches", "15 cherries"),  # only once
        ("peaches", "pencils"),  # of another sort
        ("peaches", "cookies"),  # two things would be one
        ("ate", "sold"),
        ("How many", "How few"),
    ],
)
def test_what_differs_in_more_than_names_is_not_solved(old: str, new: str) -> None:
    prompt = SHOP.prompt.replace("14", "15").replace(old, new)
    assert solved(SHOP.prompt.replace("14", "15")) == "#### 38"
    assert solved(prompt) is None


def test_articles_follow() -> None:
    names = {"apple": "lemon", "apples": "lemons", "lemon": "onion", "lemons": "onions"}
    assert rename("An apple, a lemon; an\nApple and a red apple.", names) == (
        "A lemon, an onion; an\nLemon and a red lemon."
    )


def test_a_place_keeps_its_name_and_a_thing_that_is_not_counted_its_own() -> None:
    text = "At King Henry School, 12 children pass Laura Lane with an orange coat and 3 pens."
    assert set(other_names(text, random.Random(0))) == {"pen", "pens"}


def test_no_two_people_or_things_become_one() -> None:
    text = "Amy, Beth and Carla share 3 plums, 4 pears, 5 limes, 6 pens and 7 dolls with Leo."
    for seed in range(300):
        names = other_names(text, random.Random(seed))
        assert len(set(names.values())) == len(names) == 14
        assert not set(names.values()) & set(names)


def test_no_name_implies_a_number_or_an_order() -> None:
    patterns = [COMPARES, PACKING, WORD, *(cue for cue, _ in CUES)]
    for word in partners():
        assert not any(pattern.search(f"the {word} here") for pattern in patterns), word


def test_a_number_that_the_working_leaves_aside_moves_too() -> None:
    assert len({draft.prompt.split(" ate ")[1].split()[0] for draft in written(SHOP)}) > 2


@pytest.mark.parametrize(
    "story",
    [
        "Of 37 peaches Ann put 14 into a bag and 23 into a box.",  # the others' sum
        "Ann has the most, 60 plums, and 14 peaches in a bag and 23 in a box.",  # order matters
    ],
)
def test_a_number_that_says_again_what_others_say_stays(story: str) -> None:
    asked = SHOP.model_copy(update={"prompt": f"{story} How many peaches are packed?"})
    kept = "37" if "37" in story else "60"
    drafts = written(asked, names=False)
    assert all(kept in draft.prompt for draft in drafts)


def test_an_idle_number_stays_where_the_working_knows_more_than_the_numbers_say() -> None:
    asked = Question(
        id="breaks",
        prompt="Paul types 15 words a minute and takes a 2-minute break every 10 minutes. How long "
        "do 255 words take?",
        target="19",
        solution="255 / 15 = 17 minutes of typing\n17 + 2 = 19 with one break\n#### 19",
    )
    drafts = written(asked, names=False)
    assert drafts
    assert all("every 10 minutes" in draft.prompt for draft in drafts)


@pytest.mark.parametrize(
    "text",
    ["Of 30 books 12 are novels and 18 comics.", "20 flowers: 5 tulips, 6 daisies and ferns."],
)
def test_things_that_are_called_by_their_kind_too_keep_their_names(text: str) -> None:
    assert other_names(text, random.Random(0)) == {}
