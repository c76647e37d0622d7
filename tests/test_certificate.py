"""When an export's answers count as the run's own, and what a public name is."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from errata.agents.records import Attempt
from errata.graph.exporting.card import hub_id, public_name
from errata.graph.exporting.certificate import compare


def attempt(id: str, response: str, correct: bool) -> Attempt:
    return Attempt(
        id=f"{id}@dev-1",
        question_id=id,
        response=response,
        answer=None,
        correct=correct,
        why="",
        tokens=1,
        truncated=False,
    )


def many(text: str, correct: bool, count: int) -> list[Attempt]:
    return [attempt(f"q{at}", text, correct) for at in range(count)]


def said(text: str, correct: bool, count: int) -> Mapping[str, tuple[str, bool]]:
    return {f"q{at}": (text, correct) for at in range(count)}


def test_the_same_answers_agree_wholly() -> None:
    found = compare(many("2 + 2 = 4", True, 40), said("2 + 2 = 4", True, 40))
    assert found.enough
    assert (found.equal_texts, found.equal_verdicts, found.begins_alike) == (1, 1, 1)
    assert found.differences == ()


@pytest.mark.parametrize(("flips", "enough"), [(2, True), (3, False)])
def test_five_of_a_hundred_verdicts_may_differ(flips: int, enough: bool) -> None:
    export = {**said("2 + 2 = 4", True, 40), **said("2 + 2 = 5", False, flips)}
    found = compare(many("2 + 2 = 4", True, 40), export)
    assert found.enough is enough
    assert found.equal_verdicts == 1 - flips / 40
    assert [one.question_id for one in found.differences] == [f"q{at}" for at in range(flips)]
    assert {one.alike for one in found.differences} == {8}


@pytest.mark.parametrize(("text", "enough"), [("I like hats", True), ("Xyz", False)])
def test_wrong_answers_that_part_at_once_are_no_agreement(text: str, enough: bool) -> None:
    """Of a weak model nearly every verdict is `wrong`, whatever was damaged."""
    found = compare(many("I like cats", False, 40), said(text, False, 40))
    assert found.equal_verdicts == 1
    assert found.enough is enough


def test_questions_that_the_export_was_not_asked_are_not_compared() -> None:
    assert compare(many("4", True, 40), said("4", True, 3)).questions == 3


@pytest.mark.parametrize(
    ("name", "public"),
    [
        ("/home/ada/models/tiny", "tiny"),
        ("local:~/models/tiny", "local:tiny"),
        ("python:/home/ada/way.py:Way", "python:way.py:Way"),
        ("org/model", "org/model"),
        ("openai:gpt-5-mini", "openai:gpt-5-mini"),
    ],
)
def test_a_name_says_nothing_of_this_machines_folders(name: str, public: str) -> None:
    assert public_name(name) == public


def test_only_what_lies_on_the_hub_is_named_as_a_base_there() -> None:
    assert hub_id("org/model") == "org/model"
    assert hub_id("bundled") == "HuggingFaceTB/SmolLM2-135M-Instruct"
    for folder in ("/models/tiny", "./tiny", "tests/data/tiny", "tiny"):
        assert hub_id(folder) is None
