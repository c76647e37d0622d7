"""Exams: the built-in one, files, and what is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errata.agents.equations import holds, read_equations
from errata.agents.errors import ExamError
from errata.agents.exams import ArithmeticExam, HeldOut, load_exam, named_questions
from errata.agents.exams.arithmetic import BOXES, KINDS, NAMES, THINGS, make_questions
from errata.agents.exams.files import FileExam, FileSet, read_questions
from errata.agents.exams.marking import is_right, last_number
from errata.agents.records import Question

GSM8K = Path(__file__).parents[2] / "shared" / "data" / "gsm8k"


def lines(path: Path, *rows: Any) -> FileSet:
    path.write_text("".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in rows))
    return FileSet(file=path)


@given(st.integers(0, 10**6))
def test_every_arithmetic_question_is_solved_by_its_own_equations(seed: int) -> None:
    for question in make_questions(seed, "x", len(KINDS), set()):
        equations = read_equations(question.solution or "")
        assert equations
        assert all(holds(equation) for equation in equations)
        assert is_right(last_number(question.solution or ""), question.target)
        assert int(question.target) > 0
        assert "{" not in question.prompt


def test_arithmetic_has_at_least_fifteen_kinds_and_mixes_them_evenly() -> None:
    exam = load_exam(ArithmeticExam(name="arithmetic", seed=1, practice=180, dev=90, test=90))
    kinds = [question.kind for question in exam.dev]
    assert len(set(kinds)) == len(KINDS) >= 15
    assert {kinds.count(kind) for kind in kinds} == {5}


@given(st.integers(0, 10**6))
def test_the_three_sets_share_no_question_even_under_other_names(seed: int) -> None:
    exam = load_exam(ArithmeticExam(name="arithmetic", seed=seed, practice=90, dev=36, test=36))
    nameless = [
        (re.sub(rf"\b({'|'.join((*NAMES, *THINGS, *BOXES))})\b", "…", q.prompt), q.solution)
        for q in exam.practice + exam.dev + exam.test
    ]
    assert len(set(nameless)) == len(nameless)


def test_the_same_seed_makes_the_same_exam_and_another_seed_another() -> None:
    one, same = (named_questions("arithmetic", 7, 50) for _ in range(2))
    assert one == same
    assert one != named_questions("arithmetic", 8, 50)


def test_asking_for_more_questions_than_there_are_is_one_clear_sentence() -> None:
    with pytest.raises(ExamError, match="ask for fewer"):
        load_exam(ArithmeticExam(name="arithmetic", practice=50_000, dev=1, test=1))


def test_a_file_in_our_own_fields_is_read(tmp_path: Path) -> None:
    given = lines(
        tmp_path / "a.jsonl",
        {"id": "q1", "prompt": "1 + 1?", "target": 2, "kind": "sum", "solution": "1 + 1 = 2"},
        "",
        {"prompt": "2 + 2?", "target": "4"},
    )
    first, second = read_questions(given)
    assert (first.id, first.target, first.kind) == ("q1", "2", "sum")
    assert second.id == "a-00003"  # the line, where there is no id


def test_gsm8k_is_read_as_it_is(tmp_path: Path) -> None:
    answer = "He has 48/2 = <<48/2=24>>24.\n#### 1,024"
    (question,) = read_questions(
        lines(tmp_path / "g.jsonl", {"question": "How many?", "answer": answer})
    )
    assert question.prompt == "How many?"
    assert question.target == "1,024"
    assert question.solution == answer


@pytest.mark.skipif(not GSM8K.exists(), reason="the real GSM8K files are not on this machine")
@pytest.mark.parametrize(("name", "count"), [("train", 7473), ("test", 1319)])
def test_all_of_gsm8k_is_read_and_its_gold_answers_are_right(name: str, count: int) -> None:
    questions = read_questions(FileSet(file=GSM8K / f"{name}.jsonl"))
    assert len(questions) == count
    for question in questions:
        assert is_right(last_number(question.solution or ""), question.target)


GOOD = {"prompt": "1 + 1?", "target": "2"}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "holds no questions"),
        ([GOOD, '{"prompt": "x", "tar'], "line 2 is not JSON"),
        (["[1]"], "line 1 is no object"),
        ([{"prompt": "x"}], "line 1: the field 'target'"),
        ([{"prompt": "", "target": "2"}], "line 1: the field 'prompt'"),
        ([GOOD | {"colour": "red"}], "line 1: the field 'colour'"),
        ([GOOD | {"target": "two"}], "the target 'two' is not a number"),
        ([GOOD | {"id": "a"}, GOOD | {"id": "a"}], "two questions .* have the id 'a'"),
        ([{"question": "x", "answer": "no mark 5"}], "does not end in `#### `"),
    ],
)
def test_a_bad_file_is_named_with_its_line(rows: list[Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ExamError, match=message):
        read_questions(lines(tmp_path / "bad.jsonl", *rows))


def test_a_file_that_is_not_text_or_not_there_is_named(tmp_path: Path) -> None:
    binary = tmp_path / "b.jsonl"
    binary.write_bytes(b'{"prompt": "\xff\xfe"}\n')
    with pytest.raises(ExamError, match="not UTF-8"):
        read_questions(FileSet(file=binary))
    with pytest.raises(ExamError, match="cannot be read"):
        read_questions(FileSet(file=tmp_path / "none.jsonl"))


def test_sets_are_cut_from_one_file_and_a_short_file_is_refused(tmp_path: Path) -> None:
    given = lines(tmp_path / "a.jsonl", *({"prompt": f"{i}?", "target": i} for i in range(10)))
    part = given.model_copy(update={"skip": 3, "take": 4})
    assert [q.prompt for q in read_questions(part)] == ["3?", "4?", "5?", "6?"]
    with pytest.raises(ExamError, match="only 2 questions after the first 8"):
        read_questions(given.model_copy(update={"skip": 8, "take": 3}))


def test_two_sets_with_the_same_question_are_refused(tmp_path: Path) -> None:
    one = lines(tmp_path / "a.jsonl", {"prompt": "How  many, is 1 + 1?", "target": "2"})
    two = lines(tmp_path / "b.jsonl", {"prompt": "how many is 1 + 1", "target": "2"})
    three = lines(tmp_path / "c.jsonl", {"prompt": "3?", "target": "2"})
    with pytest.raises(ExamError, match="practice and test share a question"):
        load_exam(FileExam(practice=one, dev=three, test=two))


HELD = Question(
    id="dev-1",
    prompt="Ada has 12 apples and gives 5 of them to Ben. How many apples does Ada have left?",
    target="7",
)


@pytest.mark.parametrize(
    ("prompt", "near"),
    [
        (HELD.prompt.upper() + "!!", True),
        (HELD.prompt.replace("Ben", "Tom"), True),
        (HELD.prompt.replace("12", "13"), False),
        ("What is 12 - 5?", False),
    ],
)
def test_near_equal_means_the_same_numbers_in_nearly_the_same_words(
    prompt: str, near: bool
) -> None:
    assert (HeldOut([HELD]).nearest(prompt) == "dev-1") is near
