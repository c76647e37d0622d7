"""Exams: the built-in one, files, and what is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from errata.agents.errors import ExamError
from errata.agents.exams import ArithmeticExam, HeldOut, load_exam, named_questions
from errata.agents.exams.arithmetic import BOXES, KINDS, NAMES, THINGS, make_questions
from errata.agents.exams.files import FileExam, FileSet, read_questions
from errata.agents.exams.rows import Skipped
from errata.agents.marking.equations import holds, read_equations
from errata.agents.marking.number import is_right, last_number
from errata.agents.records import ChoiceAnswer, CodeAnswer, NumberAnswer, Question, TextAnswer

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


@settings(max_examples=25)
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


@pytest.mark.slow
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
        ([GOOD, '{"prompt": "x", "tar'], "line 2: not JSON .cut off, column 17"),
        (["[1]"], "line 1: not an object"),
        ([{"prompt": "x"}], "line 1: the field 'target'"),
        ([{"prompt": "", "target": "2"}], "line 1: the field 'prompt'"),
        ([GOOD | {"colour": "red"}], "line 1: the field 'colour'"),
        ([GOOD | {"target": "two"}], "the target 'two' is not a number"),
        ([GOOD | {"id": "a"}, GOOD | {"id": "a"}], "line 2: the id 'a' is taken by .*line 1;"),
        ([{"question": "x", "answer": "no mark 5"}], "does not end in `#### `"),
    ],
)
def test_a_bad_file_is_named_with_its_line(rows: list[Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ExamError, match=message):
        read_questions(lines(tmp_path / "bad.jsonl", *rows))


def test_a_file_that_is_not_text_or_not_there_is_named(tmp_path: Path) -> None:
    binary = tmp_path / "b.jsonl"
    binary.write_bytes(b'{"prompt": "1?", "target": 1}\n{"prompt": "\xff\xfe"}\n')
    with pytest.raises(ExamError, match=r"not UTF-8 .line 2, byte 42"):
        read_questions(FileSet(file=binary))
    with pytest.raises(ExamError, match="cannot be read"):
        read_questions(FileSet(file=tmp_path / "none.jsonl"))


TESTS = "def check(candidate):\n    assert candidate(2) == 4\n"


def test_own_questions_of_every_type_are_told_by_their_fields(tmp_path: Path) -> None:
    number, listed, mapped, code, text = read_questions(
        lines(
            tmp_path / "own.jsonl",
            {"prompt": "2 + 2?", "target": 4},
            {"prompt": "Which is red?", "target": "B", "options": ["sky", "blood"]},
            {"prompt": "Which is blue?", "target": "1", "options": {"1": "sky", "2": "blood"}},
            {"prompt": "Double it.", "tests": TESTS, "stub": "def double(x):\n"},
            {"prompt": "The capital of France?", "target": "Paris", "answer": "text"},
        )
    )
    assert number.answer == NumberAnswer()
    assert number.prompt == "2 + 2?"
    assert listed.answer == ChoiceAnswer(options={"A": "sky", "B": "blood"})
    assert listed.prompt.startswith("Which is red?\n\nA. sky\nB. blood\n\n")
    assert 'End with "The answer is", then A' in listed.prompt
    assert (listed.solution or "").endswith("The answer is B.")
    assert mapped.target == "1"
    assert code.answer == CodeAnswer(stub="def double(x):\n", tests=TESTS, entry_point="double")
    assert code.target == "double"
    assert "```python\ndef double(x):\n```" in code.prompt
    assert text.answer == TextAnswer()
    assert 'End with "So the answer is", then' in text.prompt


def test_the_type_can_be_said_once_for_the_whole_exam(tmp_path: Path) -> None:
    paris = lines(tmp_path / "a.jsonl", {"prompt": "Capital of France?", "target": "Paris"})
    rome = lines(tmp_path / "b.jsonl", {"prompt": "Capital of Italy?", "target": "Rome"})
    seven = lines(tmp_path / "c.jsonl", {"prompt": "Days in a week?", "target": "7"})
    exam = load_exam(FileExam(practice=paris, dev=rome, test=seven, answer="text"))
    assert {q.answer for q in exam.practice + exam.dev + exam.test} == {TextAnswer()}
    assert named_questions(str(paris.file), answer="text") == exam.practice
    with pytest.raises(ExamError, match=r'line 1: .*not a number; say answer = "text"'):
        load_exam(FileExam(practice=paris, dev=rome, test=seven))


def test_a_json_array_is_read_like_lines(tmp_path: Path) -> None:
    array = tmp_path / "own.json"
    array.write_text(json.dumps([GOOD, GOOD | {"id": "b"}], indent=2))
    assert [q.id for q in read_questions(FileSet(file=array))] == ["own-00001", "b"]
    array.write_text(json.dumps([GOOD, {"prompt": "x"}], indent=2))
    with pytest.raises(ExamError, match=r"own.json, item 2, line 6: the field 'target'"):
        read_questions(FileSet(file=array))


def test_questions_of_a_run_folder_are_an_exam_again(tmp_path: Path) -> None:
    asked = read_questions(
        lines(tmp_path / "own.jsonl", {"prompt": "Red?", "target": "A", "options": ["x", "y"]})
    )
    kept = lines(tmp_path / "kept.jsonl", *(question.model_dump() for question in asked))
    assert read_questions(kept) == asked


def test_bad_questions_are_left_out_and_counted_when_that_is_wished(tmp_path: Path) -> None:
    practice = lines(tmp_path / "a.jsonl", GOOD, '{"prompt": "cut', {"prompt": "3?", "target": "?"})
    dev = lines(tmp_path / "b.jsonl", {"prompt": "4?", "target": "4"})
    test = lines(tmp_path / "c.jsonl", {"prompt": "5?", "target": "5"})
    exam = load_exam(FileExam(practice=practice, dev=dev, test=test, skip_bad=True))
    assert [q.id for q in exam.practice] == ["a-00001"]
    assert [skip.where for skip in exam.skipped] == [f"{practice.file}, line {at}" for at in (2, 3)]
    assert "not JSON (cut off" in str(exam.skipped[0])
    skipped: list[Skipped] = []
    assert named_questions(str(practice.file), skipped=skipped) == exam.practice
    assert skipped == exam.skipped


OPTIONS = {"options": ["x", "y"]}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (GOOD | OPTIONS, "the answer '2' is none of the options A, B"),
        (GOOD | {"options": ["x"]}, "not two options"),
        (GOOD | {"options": 3}, "the field 'options'"),
        (GOOD | {"answer": "choice"}, "the field 'options' is missing"),
        (GOOD | {"answer": "code"}, "the field 'tests' is missing"),
        (GOOD | {"answer": "number", "target": "two"}, "'two' is not a number"),
        (GOOD | {"answer": "essay"}, "the field 'answer' is wrong"),
        ({"prompt": "x", "tests": TESTS}, "the field 'entry_point' is missing"),
        ({"prompt": "x", "tests": "x = 1", "entry_point": "f"}, "do not define `check"),
        ({"prompt": "x", "tests": "def check(:", "entry_point": "f"}, "not Python .its line 1"),
        ({"prompt": "x", "tests": TESTS, "entry_point": "2f"}, "no name of a function"),
        (
            {"prompt": "x", "tests": TESTS, "entry_point": "f", "stub": "def g(x):\n"},
            "the function 'f', which is tested, is not in its prompt or stub",
        ),
        ({"prompt": "x", "target": "9", "tests": TESTS, "entry_point": "f"}, "code has no target"),
        (GOOD | {"kind": 3}, "the field 'kind'"),
    ],
)
def test_a_bad_own_question_is_one_clear_sentence(
    row: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ExamError, match=f"bad.jsonl, line 1: .*{message}"):
        read_questions(lines(tmp_path / "bad.jsonl", row))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[{"prompt": "x", "target": 1}, {"prompt": "y", "tar', r"item 2, line 1: .*cut off"),
        ('[{"prompt": "x", "target": 1}', r"not whole after item 1 .cut off"),
        ('[{"prompt": "x", "target": 1},\n', r"item 2, line 2: .*cut off"),
        ('[{"prompt": "x", "target": 1} {}]', "expecting a comma"),
        ('[{"prompt": "x", "target": 1}] {}', "more after the end"),
        ("[]", "holds no questions"),
        (" \n", "holds no questions"),
        ("[" * 100_000, "nested too deeply|cut off"),
        ('{\n  "prompt": "x",', r"cut off, line 2, column 17"),
    ],
)
def test_a_damaged_json_file_stops_the_load_even_when_bad_questions_may_be_left_out(
    text: str, message: str, tmp_path: Path
) -> None:
    file = tmp_path / "bad.json"
    file.write_text(text)
    with pytest.raises(ExamError, match=message):
        read_questions(FileSet(file=file), skipped=[])


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
