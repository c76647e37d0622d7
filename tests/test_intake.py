"""What `errata init` takes a file for: its answer type, amounts and dates."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from intake_files import LAYOUTS, WORDS, found, looked, questions, write_csv, write_lines

from errata.agents.errors import ConfigError, ExamError
from errata.agents.intake import look
from errata.agents.intake.columns import Said
from errata.agents.intake.tasks import TASKS, task_source

# What it is.


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_answer_type_is_right_or_it_is_asked_for(layout: str, tmp_path: Path) -> None:
    make, answer, flag = LAYOUTS[layout]
    seen = looked(make(tmp_path))
    assert seen.judged.type == answer
    assert [one.flag for one in seen.undecided][:1] == ([flag] if flag else [])
    assert all(one.proposal in one.choices for one in seen.undecided)
    assert all(seen.columns.why.values())


@pytest.mark.parametrize("task", TASKS)
def test_a_task_makes_the_same_small_exam_each_time(task: str) -> None:
    source, wishes = task_source(task)
    again, _ = task_source(task)
    assert [row.fields for row in source.rows] == [row.fields for row in again.rows]
    seen = look(source, wishes)
    assert not seen.undecided
    assert not seen.left_out
    assert {one.state for one in seen.findings} <= {"ok"}
    assert (seen.sizes.dev, seen.sizes.test) == (45, 45)
    assert 60 <= seen.sizes.practice <= 200


def test_an_unknown_task_names_those_that_there_are() -> None:
    with pytest.raises(ConfigError, match="no example 'lable': number, choice, code"):
        task_source("lable")


def test_what_a_person_says_of_columns_goes_before_what_their_names_say(tmp_path: Path) -> None:
    rows = [{"question": q, "answer": "x", "wanted": at} for at, (q, _) in enumerate(questions())]
    seen = looked(write_csv(tmp_path / "a.csv", rows), columns=Said(target="wanted"))
    assert seen.columns.target == "wanted"
    assert seen.judged.type == "number"
    assert "columns not used" in {one.name for one in seen.findings}
    with pytest.raises(ExamError, match="there is no column 'wantd'; there are question, answer"):
        looked(tmp_path / "a.csv", columns=Said(target="wantd"))


def test_two_columns_that_may_both_be_the_answer_are_asked_for(tmp_path: Path) -> None:
    rows = [{"text": q, "label": "a", "output": "b"} for q, _ in questions()]
    [question] = looked(write_csv(tmp_path / "a.csv", rows)).undecided[:1]
    assert (question.flag, set(question.choices)) == ("--target", {"label", "output"})


def test_a_short_answer_that_stands_in_a_long_one_makes_that_its_solution(tmp_path: Path) -> None:
    rows = [
        {"question": q, "answer": at, "response": f"First look at {q} and then count them: {at}"}
        for at, (q, _) in enumerate(questions())
    ]
    seen = looked(write_csv(tmp_path / "a.csv", rows))
    assert (seen.columns.target, seen.columns.solution) == ("answer", "response")
    assert not seen.undecided


def test_worked_answers_are_learnt_with_their_working(tmp_path: Path) -> None:
    seen = looked(LAYOUTS["worked answers, as GSM8K has them"][0](tmp_path))
    row = seen.rows[0].fields
    assert row["solution"].endswith(f"#### {row['target']}")
    assert (seen.plan.strategy, seen.plan.instructor) == ("sft+lec", "variations")


def test_bare_answers_are_learnt_as_their_marker_reads_them(tmp_path: Path) -> None:
    seen = looked(LAYOUTS["numbers in a CSV"][0](tmp_path))
    assert all(row.fields["solution"] == f"#### {row.fields['target']}" for row in seen.rows)
    assert seen.plan.strategy == "sft"
    paid = looked(tmp_path / "numbers.csv", instructor="openai:x")
    assert (paid.plan.strategy, paid.plan.instructor) == ("sft+lec", "openai:x")


def test_programs_without_a_solution_cannot_be_learnt_without_an_llm(tmp_path: Path) -> None:
    rows = [
        {"prompt": q, "stub": "def f(n):", "tests": "def check(candidate): assert candidate(1)"}
        for q, _ in questions()
    ]
    path = write_lines(tmp_path / "a.jsonl", rows)
    with pytest.raises(ConfigError, match="give a column `solution`, or name one with --instr"):
        looked(path)
    assert looked(path, instructor="openai:x").plan.strategy == "sft+lec"


def test_the_fields_of_json_are_compared_as_what_they_hold(tmp_path: Path) -> None:
    seen = looked(LAYOUTS["JSON in the cells of a CSV"][0](tmp_path))
    assert seen.judged.fields == {"tags": "set", "n": "number"}
    assert isinstance(seen.rows[0].fields["target"], dict)


def test_labels_that_differ_in_case_only_are_one(tmp_path: Path) -> None:
    rows = [
        {"text": q, "label": ("Refund", "refund ", "bug")[at % 3 if at < 6 else 2 * (at % 2)]}
        for at, (q, _) in enumerate(questions())
    ]
    seen = looked(write_csv(tmp_path / "a.csv", rows))
    assert seen.judged.labels == ("Refund", "bug")
    assert {row.fields["target"] for row in seen.rows} == {"Refund", "bug"}
    assert "'Refund' = 'refund'" in found(seen, "labels written in several ways")


def test_class_numbers_that_became_decimals_are_whole_again(tmp_path: Path) -> None:
    rows = [{"text": q, "label": float(at % 3)} for at, (q, _) in enumerate(questions())]
    assert looked(write_lines(tmp_path / "a.jsonl", rows)).judged.labels == ("0", "1", "2")


def test_options_that_are_said_by_number_are_asked_for_where_they_begin(tmp_path: Path) -> None:
    rows = [
        {"question": q, "choices": rng.sample(WORDS, 4), "answer": at % 3 + 1}
        for at, (q, rng) in enumerate(questions())
    ]
    path = write_lines(tmp_path / "a.jsonl", rows)
    assert [one.flag for one in looked(path).undecided] == ["--first-option"]
    for first, labels in (("0", {"B", "C", "D"}), ("1", {"A", "B", "C"})):
        seen = looked(path, first_option=first)
        assert {row.fields["target"] for row in seen.rows} == labels


def test_an_answer_that_is_no_option_is_named(tmp_path: Path) -> None:
    rows = [
        {"question": q, "choices": ["x", "y"], "answer": "z" if at == 4 else "y"}
        for at, (q, _) in enumerate(questions())
    ]
    seen = looked(write_lines(tmp_path / "a.jsonl", rows))
    assert [str(one) for one in seen.left_out] == [
        "a.jsonl, line 5: the answer 'z' is none of the options A, B"
    ]


# Amounts and dates.


@pytest.mark.parametrize(("amounts", "values", "said"), [
    (("€1,234.50", "12.00 €"), ("1,234.50", "12.00"), "'€'"),
    (("1.234,50 €", "7 €"), ("1234.50", "7"), "'€' and with a decimal comma"),
    (("12,5", "1.250,75"), ("12.5", "1250.75"), "a decimal comma"),
    (("EUR 5", "17 EUR"), ("5", "17"), "'EUR'"),
    (("5 kg", "1,250 kg"), ("5", "1,250"), "'kg'"),
])  # fmt: skip
def test_numbers_with_the_same_at_all_of_them_are_asked_about(
    amounts: Sequence[str], values: Sequence[str], said: str, tmp_path: Path
) -> None:
    rows = [{"question": q, "answer": amounts[at % 2]} for at, (q, _) in enumerate(questions())]
    path = write_csv(tmp_path / "a.csv", rows)
    [question] = looked(path).undecided
    assert (question.proposal, question.choices) == ("number", ("number", "label", "text"))
    assert said in question.why
    seen = looked(path, answer="number")
    assert {row.fields["target"] for row in seen.rows} == set(values)
    assert said in found(seen, "numbers with units")
    assert {row.fields["target"] for row in looked(path, answer="text").rows} == set(amounts)


@pytest.mark.parametrize("amounts", [("5 kg", "7 m"), ("1,234.50", "12,5"), ("1,234.50", "7.5")])
def test_numbers_that_cannot_be_read_in_one_way_stay_as_they_are(
    amounts: Sequence[str], tmp_path: Path
) -> None:
    rows = [{"question": q, "answer": amounts[at % 2]} for at, (q, _) in enumerate(questions())]
    seen = looked(write_csv(tmp_path / "a.csv", rows), answer="text")
    assert {row.fields["target"] for row in seen.rows} == set(amounts)
    assert looked(tmp_path / "a.csv", answer="number").judged.amount is None


def test_thousands_after_a_dot_are_named(tmp_path: Path) -> None:
    rows = [{"question": q, "answer": f"{rng.randrange(1, 99)}.{rng.randrange(100, 999)}"}
            for q, rng in questions()]  # fmt: skip
    assert "a little over one" in found(looked(write_csv(tmp_path / "a.csv", rows)), "dots")


def test_the_student_is_told_the_form_of_dates(tmp_path: Path) -> None:
    seen = looked(LAYOUTS["days"][0](tmp_path))
    assert seen.system == "Give the date as YYYY-MM-DD."
