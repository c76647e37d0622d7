"""Variants of one question stay on one side, and count as one in what is said of accuracy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_promotion import attempts

from errata.agents.exams import FileSet, NamedExam
from errata.agents.exams.files import read_questions
from errata.agents.exams.rows import Skipped
from errata.agents.records import Question
from errata.agents.scores import accuracy, groups_of, paired_gain, wilson


def gsm_plus(seed: int, variant: int) -> dict[str, str]:
    return {
        "question": f"Ann has {seed} pens and {variant} more. How many?",
        "solution": f"{seed} + {variant} = {seed + variant}",
        "answer": str(seed + variant),
        "perturbation_type": "numerical substitution",
        "seed_question": f"Ann has {seed} pens.",
    }


def written(path: Path, rows: list[dict[str, str]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_gsm_plus_variants_of_one_seed_question_are_divided_together(tmp_path: Path) -> None:
    rows = [gsm_plus(seed, variant) for variant in range(8) for seed in range(40)]
    exam = NamedExam(name="gsm-plus", path=written(tmp_path / "test.jsonl", rows))
    sides = [{q.group for q in side} for side in exam.read()]
    assert [len(side) > 2 for side in sides] == [True, True, True]
    assert sum(map(len, sides)) == len(set.union(*sides)) == 40


def test_a_published_split_gives_up_what_has_a_variant_in_the_test(tmp_path: Path) -> None:
    written(tmp_path / "train.jsonl", [gsm_plus(seed, 1) for seed in range(30)])
    written(tmp_path / "test.jsonl", [gsm_plus(seed, 2) for seed in range(25, 35)])
    skipped: list[Skipped] = []
    practice, dev, test = NamedExam(name="gsm-plus", path=tmp_path).read(skipped)
    assert len(test) == 10
    assert len(practice) + len(dev) == 25
    assert len(skipped) == 5
    assert {q.group for q in [*practice, *dev]}.isdisjoint({q.group for q in test})


def test_a_gsm_plus_file_without_seed_questions_has_no_groups(tmp_path: Path) -> None:
    row = gsm_plus(1, 2)
    del row["seed_question"]
    [question] = read_questions(FileSet(file=written(tmp_path / "e.jsonl", [row])))
    assert question.group is None


@pytest.mark.parametrize(
    "fields",
    [
        {"prompt": "1 + 1?", "target": "2"},
        {"prompt": "Which?", "target": "A", "options": ["x", "y"]},
        {"prompt": "Say so.", "target": "yes", "answer": "text"},
    ],
)
def test_a_question_of_ones_own_may_name_its_group(
    fields: dict[str, object], tmp_path: Path
) -> None:
    path = tmp_path / "own.jsonl"
    path.write_text(json.dumps(fields | {"group": 7}))
    assert [q.group for q in read_questions(FileSet(file=path))] == ["7"]


def questions(groups: str) -> list[Question]:
    """A letter a question, `.` for none."""
    return [
        Question(id=f"q{n}", prompt="?", target="1", group=None if letter == "." else letter)
        for n, letter in enumerate(groups)
    ]


def test_the_interval_of_an_accuracy_is_that_of_as_many_questions_as_the_groups_tell() -> None:
    """Whole groups right or wrong: eight questions of a group tell as much as one."""
    groups = "aaaaaaaabbbbbbbbccccccccdddddddd"
    found = accuracy(questions(groups), attempts("+" * 8 + "-" * 24))
    assert found.accuracy == 0.25
    assert found.ci95 == pytest.approx(wilson(1, 4))
    all_right = accuracy(questions(groups), attempts("+" * 32))
    assert all_right.ci95 == pytest.approx(wilson(4, 4))


def test_groups_whose_answers_have_nothing_in_common_narrow_no_interval() -> None:
    found = accuracy(questions("aabb"), attempts("+-+-"))
    assert found.ci95 == pytest.approx(wilson(2, 4))


def test_the_interval_of_a_gain_is_clustered_by_group() -> None:
    """By hand: six questions, group a gains 2, b loses 1 of 2, two alone, unchanged.

    S = 1, n = 6, centre = 1/8; squares (2 - 2/8)² + (-1 - 2/8)² + 2 · (1/8)² = 4.65625,
    and 1 + 2/64 for the added halves: 1.959964 √5.6875 / 8 = 0.584277.
    """
    asked = questions("aabb..")
    gain, (low, high) = paired_gain(attempts("--+++-"), attempts("++-++-"), groups_of(asked))
    assert gain == pytest.approx(1 / 6)
    assert (low, high) == pytest.approx((0.125 - 0.584277, 0.125 + 0.584277), abs=1e-6)


def test_groups_of_one_question_change_no_interval() -> None:
    before, after = attempts("--+++-"), attempts("++-++-")
    assert paired_gain(before, after, groups_of(questions("abcdef"))) == paired_gain(before, after)
