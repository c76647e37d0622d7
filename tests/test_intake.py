"""A person's own file: what it holds, how its answers are judged, how it is divided."""

from __future__ import annotations

import json
import random
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from intake_files import LAYOUTS, WORDS, questions, write_csv, write_lines

from errata.agents.errors import ConfigError, ErrataError, ExamError
from errata.agents.exams.files import row_question
from errata.agents.exams.held_out import NearTexts, check_disjoint
from errata.agents.exams.stories import shared_stories
from errata.agents.exams.words import plain
from errata.agents.intake import Looked, Wishes, look, read_source
from errata.agents.intake.columns import Said
from errata.agents.intake.split import USUAL
from errata.agents.intake.tasks import TASKS, task_source
from errata.agents.marking import mark
from errata.agents.marking.schema import misfit, validator_of


def looked(path: Path, **wishes: Any) -> Looked:
    return look(read_source(str(path)), Wishes(**wishes))


def refused(path: Path | str, **given: Any) -> str:
    """The sentence that a file gets which cannot be read."""
    with pytest.raises(ErrataError) as error:
        look(read_source(str(path), **given), Wishes())
    assert "\n" not in str(error.value)
    return str(error.value)


def found(looked: Looked, name: str) -> str:
    """What a finding says, with its rows and its remedy."""
    one = next(one for one in looked.findings if one.name == name)
    return f"{one.state}: {one.said} {'; '.join(one.rows)} {one.do}"


def sides(looked: Looked) -> dict[str, str]:
    """Question → its side."""
    return {row.asked: side for side, rows in looked.divided.sides.items() for row in rows}


def pairs(count: int = 60, seed: int = 0) -> list[dict[str, Any]]:
    return [{"question": q, "answer": rng.randrange(1000)} for q, rng in questions(count, seed)]


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


# Chats and logs.


def test_a_system_prompt_of_all_chats_goes_into_the_configuration(tmp_path: Path) -> None:
    seen = looked(LAYOUTS["OpenAI's messages, with sessions"][0](tmp_path))
    assert seen.system == "Sort the message."
    assert all("messages" not in row.fields for row in seen.rows)


def test_earlier_turns_of_a_chat_are_kept_and_the_last_answer_is_learnt(tmp_path: Path) -> None:
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"My {q}"},
                {"role": "assistant", "content": "Which one?"},
                {"role": "user", "content": [{"type": "text", "text": "The first."}]},
                {"role": "assistant", "content": str(at)},
            ]
        }
        for at, (q, _) in enumerate(questions())
    ]
    seen = looked(write_lines(tmp_path / "a.jsonl", rows))
    row = min(seen.rows, key=lambda row: int(row.fields["target"]))
    assert [message["role"] for message in row.fields["messages"]] == ["user", "assistant", "user"]
    assert row.fields["messages"][-1]["content"] == "The first."
    assert (row.fields["target"], seen.judged.type) == ("0", "number")


@pytest.mark.parametrize(
    ("last", "why"),
    [
        ([{"role": "user", "content": "hi"}], "ends with the user"),
        ([{"role": "tool", "content": "hi"}], "message 1 calls a tool or is a tool's"),
        ([{"role": "assistant", "content": " "}], "the assistant's, is empty"),
        ("hi", "no list of messages"),
        ([{"role": "user", "content": "a"}] * 2 + [{"role": "assistant", "content": "b"}],
         "message 2 is the user's, as the one before it"),
        ([{"role": "assistant", "content": "b"}], "the user has said nothing yet"),
    ],
)  # fmt: skip
def test_a_chat_without_a_last_answer_is_named(last: Any, why: str, tmp_path: Path) -> None:
    rows = [
        {"messages": [{"role": "user", "content": q}, {"role": "assistant", "content": "ok it is"}]}
        for q, _ in questions()
    ]
    rows[3]["messages"] = last
    [bad] = looked(write_lines(tmp_path / "a.jsonl", rows)).left_out
    assert bad.where == "a.jsonl, line 4"
    assert why in bad.reason


def test_a_correction_goes_before_what_was_answered(tmp_path: Path) -> None:
    path = LAYOUTS["logs with a person's corrections"][0](tmp_path)
    [question] = looked(path).undecided
    assert (question.flag, question.proposal) == ("--uncorrected", "drop")
    dropped, kept = (looked(path, uncorrected=said) for said in ("drop", "keep"))
    assert len(dropped.rows) == 60
    assert len(kept.rows) == 90
    assert "nobody corrected this row" in dropped.left_out[0].reason
    assert dropped.columns.group == "user_id"


@pytest.mark.parametrize(
    ("roles", "system"),
    [(("developer", "user", "assistant"), "Sort."), (("System", "Human", "ChatGPT"), "Sort.")],
)
def test_what_init_takes_for_a_chat_an_exam_takes_too(
    roles: tuple[str, str, str], system: str, tmp_path: Path
) -> None:
    rows = [
        {
            "conversations": [
                {"from": roles[0], "value": system},
                {"from": roles[1], "value": q},
                {"from": roles[2], "value": str(at)},
            ]
        }
        for at, (q, _) in enumerate(questions())
    ]
    assert looked(write_lines(tmp_path / "a.jsonl", rows)).system == system
    question = row_question({"messages": rows[7]["conversations"], "target": 7}, "q")
    assert question.before == (("system", system),)


# How it is divided.


def test_a_long_system_message_makes_no_two_questions_nearly_the_same(tmp_path: Path) -> None:
    long = " ".join(f"Rule {at}: {word}." for at, word in enumerate(WORDS * 20))
    rows = [
        {
            "messages": [
                {"role": "system", "content": f"{long} {'Be brief.' if at % 2 else 'Be kind.'}"},
                {"role": "user", "content": q},
                {"role": "assistant", "content": str(at)},
            ]
        }
        for at, (q, _) in enumerate(questions())
    ]
    seen = looked(write_lines(tmp_path / "a.jsonl", rows))
    assert not seen.undecided
    assert {one.name for one in seen.findings}.isdisjoint({"near-duplicates", "across the sides"})
    assert len(seen.rows) == 60


@pytest.mark.parametrize("published", [False, True])
def test_a_chat_that_goes_on_is_on_the_side_of_its_beginning(
    published: bool, tmp_path: Path
) -> None:
    rows: list[dict[str, Any]] = []
    for at, (q, rng) in enumerate(questions(60)):
        turns = [{"role": "user", "content": q}, {"role": "assistant", "content": str(at)}]
        more = {"role": "user", "content": f"And {rng.choice(WORDS)}?"}
        last = {"role": "assistant", "content": str(at + 7)}
        rows += [{"messages": turns}, {"messages": [*turns, more, last]}]
        if published:
            rows[-2]["split"] = "test" if at % 4 else "train"
            rows[-1]["split"] = "train" if at % 2 else "validation"
    seen = looked(write_lines(tmp_path / "a.jsonl", rows))
    sets = {
        side: [row_question({**row.fields, "answer": "number"}, row.where) for row in kept]
        for side, kept in seen.divided.sides.items()
    }
    check_disjoint(sets)
    assert len(seen.left_out) == (30 if published else 0)
    if published:
        assert "a question of another side (a.jsonl, line 3, in test)" in seen.left_out[0].reason
        assert "on their way are left out" in found(seen, "answered on the way")


def test_new_rows_move_none_of_the_others(tmp_path: Path) -> None:
    rows = pairs(200)
    before = sides(looked(write_csv(tmp_path / "a.csv", rows)))
    more = [*rows, *pairs(300, seed=1)]
    after = sides(looked(write_csv(tmp_path / "b.csv", more)))
    assert {question: after[question] for question in before} == before
    turned = sides(looked(write_csv(tmp_path / "c.csv", more[::-1])))
    assert turned == after
    assert 60 <= list(after.values()).count("dev") <= 140


def test_groups_are_on_one_side(tmp_path: Path) -> None:
    rows = [row | {"session": f"s{at // 4}"} for at, row in enumerate(pairs(200))]
    seen = looked(write_csv(tmp_path / "a.csv", rows))
    homes: dict[str, set[str]] = {}
    for side, kept in seen.divided.sides.items():
        for row in kept:
            homes.setdefault(row.fields["group"], set()).add(side)
    assert len(homes) == 50
    assert all(len(found) == 1 for found in homes.values())
    apart = looked(tmp_path / "a.csv", columns=Said(group="none"))
    assert sides(apart) != sides(seen)


def nearly(count: int) -> list[dict[str, Any]]:
    """Questions, each with another one that differs in its last word."""
    rows = []
    for row in pairs(count):
        other = row["question"].rstrip("?").rsplit(" ", 1)[0] + " indeed?"
        rows += [row, {"question": other, "answer": row["answer"]}]
    return rows


def near_across(seen: Looked) -> int:
    """Questions that nearly equal one of another side."""
    count = 0
    for side, rows in seen.divided.sides.items():
        texts = NearTexts()
        for other, theirs in seen.divided.sides.items():
            if other != side:
                for row in theirs:
                    texts.add(plain(row.asked), row.where)
        count += sum(texts.nearest(plain(row.asked)) is not None for row in rows)
    return count


def test_near_duplicates_are_on_one_side(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", nearly(80))
    seen = looked(path)
    assert near_across(seen) == 0
    assert len(seen.rows) == 160
    assert "warning" in found(seen, "near-duplicates")
    assert near_across(looked(path, near="ignore")) > 20


def test_a_near_duplicate_that_a_group_draws_to_another_side_is_left_out(tmp_path: Path) -> None:
    rows = [*nearly(8), *pairs(300, seed=1)]
    rows = [row | {"session": f"s{at % 310}"} for at, row in enumerate(rows)]
    seen = looked(write_csv(tmp_path / "a.csv", rows))
    assert not seen.undecided
    assert near_across(seen) == 0
    assert "nearly equal rows of two sides" in found(seen, "across the sides")
    assert 0 < len(seen.left_out) == 316 - len(seen.rows)


@pytest.mark.slow
def test_rows_of_one_template_take_time_as_their_number(tmp_path: Path) -> None:
    ask = "Please sort the following message of a customer into one of the classes that we use: "

    def seconds(count: int) -> float:
        rows = [
            {"question": f"{ask}{' '.join(rng.choices(WORDS, k=9))}", "label": "ab"[at % 2]}
            for at, (_, rng) in enumerate(questions(count))
        ]
        path = write_csv(tmp_path / f"{count}.csv", rows)
        begin = time.process_time()
        looked(path, answer="label")
        return time.process_time() - begin

    assert seconds(3200) < 10 * seconds(800)


def test_near_duplicates_with_other_answers_are_named(tmp_path: Path) -> None:
    rows = nearly(40)
    rows[7]["answer"] = 7777
    said = found(looked(write_csv(tmp_path / "a.csv", rows)), "near-duplicates, other answers")
    assert "a.csv, line 9" in said


def test_a_file_made_from_one_template_is_asked_about(tmp_path: Path) -> None:
    rows = [
        {"text": f"Please help me with the {a} of my new phone today {b}", "label": a}
        for a in WORDS[:4]
        for b in WORDS
    ]
    path = write_csv(tmp_path / "a.csv", rows)
    [question] = looked(path).undecided
    assert (question.flag, question.proposal) == ("--near", "ignore")
    seen = looked(path, near="ignore")
    assert not seen.undecided
    assert "a run trains on none of these" in found(seen, "near held-out questions")


def test_the_same_row_twice_is_kept_once(tmp_path: Path) -> None:
    rows = pairs()
    rows += [rows[3] | {"question": rows[3]["question"].upper()}]
    seen = looked(write_csv(tmp_path / "a.csv", rows))
    assert len(seen.rows) == 60
    assert "a.csv, line 62" in found(seen, "duplicates")


def test_a_question_with_several_answers_is_left_out_wherever_it_stands(tmp_path: Path) -> None:
    rows = pairs()
    rows += [rows[3] | {"answer": 1234}]
    seen = looked(write_csv(tmp_path / "a.csv", rows))
    assert [one.where for one in seen.left_out] == ["a.csv, line 5", "a.csv, line 62"]
    assert "1234" in seen.left_out[0].reason
    assert "problem" in found(seen, "conflicting answers")


def test_published_splits_are_kept_and_what_lacks_is_cut_off_train(tmp_path: Path) -> None:
    seen = looked(LAYOUTS["a folder of datasets, with class names"][0](tmp_path))
    assert {row.split for row in seen.divided.sides["test"]} == {"test"}
    assert {row.split for row in seen.divided.sides["dev"]} == {"train"}
    assert set(seen.judged.labels) == {"refund", "delivery", "login", "bug"}
    assert len(seen.divided.sides["test"]) == 30


def test_a_train_row_that_stands_in_test_too_is_left_out_of_train(tmp_path: Path) -> None:
    path = LAYOUTS["a file for each split"][0](tmp_path)
    rows = (path / "test.csv").read_text().splitlines()
    with (path / "train.csv").open("a") as file:
        file.write(f"{rows[1]}\n")
    seen = looked(path)
    assert len(seen.divided.sides["test"]) == 30
    assert [one.where for one in seen.left_out] == ["train.csv, line 32"]


def test_sizes_can_be_said_and_come_with_what_they_show(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", pairs(300))
    seen = looked(path, dev=100, test=50)
    assert (seen.sizes.practice, seen.sizes.dev, seen.sizes.test) == (150, 100, 50)
    assert "100 dev questions show a gain of about 12 points" in seen.sizes.why
    with pytest.raises(ExamError, match="60 questions leave none for practice"):
        looked(write_csv(tmp_path / "b.csv", pairs()), dev=40, test=40)


def test_the_first_questions_of_a_side_are_no_matter_of_the_files_order(tmp_path: Path) -> None:
    rows = [row | {"answer": at} for at, row in enumerate(pairs(200))]
    seen = looked(write_csv(tmp_path / "a.csv", rows))
    first = [int(row.fields["target"]) for row in seen.divided.sides["practice"][:20]]
    assert first != sorted(first)


def test_options_with_labels_of_their_own_keep_them(tmp_path: Path) -> None:
    rows = [
        {"question": q, "choices": {"text": ["x", "y"], "label": ["1", "2"]}, "answerKey": "2"}
        for q, _ in questions()
    ]
    row = looked(write_lines(tmp_path / "a.jsonl", rows)).rows[0]
    assert (row.fields["options"], row.fields["target"]) == ({"1": "x", "2": "y"}, "2")


# Bad input, each with its row and the remedy.


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


TABLE = "question,answer\n" + "".join(f"{q},{at}\n" for at, (q, _) in enumerate(questions()))


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.csv", "", "a.csv is empty"),
        ("a.csv", b"\xef\xbb\xbf\n", "a.csv is empty"),
        ("a.csv", "question,answer\n", "there are only names"),
        ("a.csv", "question,answer,answer\na,b,c\n", "columns 2 and 3 are both called 'answer'"),
        ("a.csv", TABLE.encode("utf-16"), "looks like UTF-16; say so with --encoding utf-16, or"),
        ("a.csv", TABLE.encode("utf-16-le"), "say so with --encoding utf-16-le"),
        ("a.csv", b"question,answer\nx,1\ncaf\xe9,2\n", "line 3: not UTF-8; it looks like Wi"),
        ("a.csv", b"question,answer\nx,1\ncaf\xe9,2\n", "where it reads 'café,2'"),
        ("a.csv", b"question,answer\n\0,1\n", "is no text (byte 16 is zero)"),
        ("a.xlsx", b"PK\3\4 xl/workbook.xml", "is a spreadsheet: save its table as CSV"),
        ("a.zip", b"PK\3\4", "is a zip archive: unpack it"),
        ("a.csv.gz", b"\x1f\x8b\x08", "is gzip-packed: unpack it"),
        ("a.pdf", b"%PDF-1.7", "is a PDF"),
        ("a.parquet", b"PAR1 nothing", "is no Parquet that can be read"),
        ("a.json", '{"a": 1', "not JSON"),
        ("a.json", '{"a": {"b": {"c": 1}}}', "holds no list of rows"),
        ("a.json", '{"x": [{"a": 1}], "y": [{"a": 1}]}', "holds several lists of rows (x, y)"),
        ("a.jsonl", "[1, 2]", "not an object"),
        ("a.jsonl", "{\n", "the first is bad: a.jsonl, line 1: not JSON"),
        ("a.csv", "question;answer\nx,y;z\nx,y;z\n", "leave none"),
        ("a.csv", "a;b,c\nx;y,z\n", "may be separated by commas or semicolons; say which"),
        ("a.txt", "Just a line.\nAnd another.\n", "is the delimiter right (--delimiter)?"),
        ("a.csv", "What is red?,blood\n" + "x,y\n" * 9, "looks like a row (What is red?"),
        ("a.csv", "question,answer\n" + 60 * "a,b,c\n", "most rows have another number of cells"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_table_is_refused_with_what_to_do(
    name: str, content: str | bytes, sentence: str, tmp_path: Path
) -> None:
    assert sentence in refused(write(tmp_path / name, content))


def test_an_encoding_that_is_said_is_read(tmp_path: Path) -> None:
    for codec in ("utf-16", "cp1252", "latin-1"):
        path = write(tmp_path / f"{codec}.csv", TABLE.replace("amber", "café").encode(codec))
        source = read_source(str(path), encoding=codec)
        assert any("café" in row.fields["question"].lower() for row in source.rows)
    assert "there is no encoding 'utf-99'" in refused(path, encoding="utf-99")
    assert "is not utf-8" in refused(path, encoding="utf-8")


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    path = LAYOUTS["labels between semicolons, with a byte order mark"][0](tmp_path)
    assert read_source(str(path)).columns == ["Text", "Label"]


def test_ragged_rows_and_open_quotes_are_left_out_with_their_line(tmp_path: Path) -> None:
    lines = TABLE.splitlines()
    lines[3] += ",more"
    lines[5] = lines[5].split(",")[0]
    lines[7] = f'"{lines[7]}" x,1'
    lines.append('"never closed,1')
    seen = looked(write(tmp_path / "a.csv", "\n".join(lines) + "\n"))
    assert [one.where for one in seen.left_out] == [
        "a.csv, line 4", "a.csv, line 6", "a.csv, line 8", "a.csv, line 62",
    ]  # fmt: skip
    assert "put quotes around" in seen.left_out[0].reason
    assert "never closed" in seen.left_out[-1].reason


def test_a_cell_of_megabytes_is_named_and_the_rest_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", f"{TABLE}{'x' * 17_000_000},1\nlast one,2\n")
    seen = looked(path)
    [bad] = seen.left_out
    assert bad.where == "a.csv, line 62"
    assert "shorten" in bad.reason or "take the row out" in bad.reason
    assert len(seen.rows) == 61


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_a_long_cell_is_named_in_every_format(kind: str, tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    rows = [*pairs(), {"question": "y" * 300_000, "answer": 1}]
    path = tmp_path / f"a.{kind}"
    if kind == "parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    else:
        write_lines(path, rows)
    [bad] = looked(path).left_out
    assert "the cell 'question' is longer than 100,000 characters (300,000)" in bad.reason


def test_more_rows_than_are_kept_are_said(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "question,answer\n" + "some words here,1\n" * 50_001)
    source = read_source(str(path))
    assert len(source.rows) == 50_000
    assert source.findings[0].name == "not all read"
    assert len(read_source(str(path), rows=7).rows) == 7


def test_empty_cells_and_nan_are_no_answers(tmp_path: Path) -> None:
    lines = TABLE.splitlines()
    for at, cell in ((2, ""), (4, "NaN"), (6, "nan")):
        lines[at] = f"{lines[at].split(',')[0]},{cell}"
    lines[8] = ",8"
    seen = looked(write(tmp_path / "a.csv", "\n".join(lines)))
    assert [one.where for one in seen.left_out] == [f"a.csv, line {at}" for at in (3, 5, 7, 9)]
    assert "no answer in 'answer': fill it in" in found(seen, "rows left out")
    path = write(tmp_path / "a.jsonl", "".join(
        json.dumps(row | ({"answer": float("nan")} if at == 5 else {})) + "\n"
        for at, row in enumerate(pairs())
    ))  # fmt: skip
    assert [one.where for one in looked(path).left_out] == ["a.jsonl, line 6"]


def test_lists_of_answers_are_asked_for_and_left_out_of_other_types(tmp_path: Path) -> None:
    rows = [{"question": q, "answer": ["a", "b"]} for q, _ in questions()]
    path = write_lines(tmp_path / "a.jsonl", rows)
    [question] = looked(path).undecided
    assert question.flag == "--answer"
    rows = [row | {"answer": [1, 2] if at == 5 else [at]} for at, row in enumerate(rows)]
    path = write_lines(tmp_path / "b.jsonl", rows)
    [bad] = looked(path, answer="number").left_out
    assert str(bad).startswith("b.jsonl, line 6: several answers to one question (1, 2)")


def test_dates_in_several_forms_are_named_with_their_rows(tmp_path: Path) -> None:
    rows = [
        {
            "question": q,
            "answer": "3/4/2024" if at == 6 else f"2024-{at % 12 + 1:02}-{at % 28 + 1:02}",
        }
        for at, (q, _) in enumerate(questions())
    ]
    said = found(looked(write_csv(tmp_path / "a.csv", rows)), "dates")
    assert said.startswith("problem")
    assert "a.csv, line 8" in said
    assert "one form" in said


def test_markup_and_control_characters_are_named(tmp_path: Path) -> None:
    rows = pairs()
    rows[2]["question"] += " <b class='x'>really</b>&nbsp;"
    rows[4]["question"] += " a < b and c > d & e"
    rows[6]["question"] += " \x07"
    seen = looked(write_csv(tmp_path / "a.csv", rows))
    assert "a.csv, line 4" in found(seen, "markup")
    assert "a.csv, line 6" not in found(seen, "markup")
    assert "a.csv, line 8" in found(seen, "control characters")


def test_a_column_that_gives_the_answer_away_is_named(tmp_path: Path) -> None:
    rows = [
        {"context": f"Sorted as {label} by our staff", "question": q, "label": label}
        for q, rng in questions()
        for label in [rng.choice(("refund", "bug"))]
    ]
    seen = looked(write_csv(tmp_path / "a.csv", rows))
    assert seen.columns.prompt == ("context", "question")
    said = found(seen, "answers in the questions")
    assert "100% of the rows" in said
    assert said.startswith("problem")
    clean = looked(tmp_path / "a.csv", columns=Said(prompt=("question",)))
    assert "answers in the questions" not in {one.name for one in clean.findings}


def test_folders_of_other_files_are_refused(tmp_path: Path) -> None:
    assert "holds nothing" in refused(tmp_path)
    write(tmp_path / "a.png", b"x")
    assert "it holds a.png: name a file of rows" in refused(tmp_path)
    write_csv(tmp_path / "a.csv", pairs())
    write_csv(tmp_path / "b.csv", pairs())
    assert "a.csv says neither train, validation nor test" in refused(tmp_path)
    write(tmp_path / "state.json", "{}")
    assert "cannot be opened" in refused(tmp_path)


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    assert "there is no file or folder" in refused(tmp_path / "none.csv")


def test_a_real_spreadsheet_is_told_from_a_zip(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.bin", "w") as file:
        file.writestr("xl/workbook.xml", "<x/>")
    assert "spreadsheet" in refused(tmp_path / "a.bin")


def test_regex_needs_its_pattern_and_is_never_guessed(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", pairs())
    with pytest.raises(ConfigError, match="go together"):
        looked(path, answer="regex")
    assert looked(path, answer="regex", pattern="x").judged.type == "regex"
    with pytest.raises(ConfigError, match="there is no answer type 'nummer'"):
        looked(path, answer="nummer")


def test_no_row_moves_for_the_order_of_columns_or_the_format(tmp_path: Path) -> None:
    rows = pairs(100)
    one = sides(looked(write_csv(tmp_path / "a.csv", rows)))
    two = sides(
        looked(write_lines(tmp_path / "b.jsonl", [dict(reversed(r.items())) for r in rows]))
    )
    assert one == two


def test_a_column_that_asks_is_a_name_and_no_row(tmp_path: Path) -> None:
    rows = [{"Claim": f"{row['question']}", "Is it fraud?": "yn"[at % 2]}
            for at, row in enumerate(pairs(60))]  # fmt: skip
    columns = looked(write_csv(tmp_path / "a.csv", rows)).columns
    assert (columns.prompt, columns.target) == (("Claim",), "Is it fraud?")


def test_when_a_row_was_made_is_not_proposed_as_its_answer(tmp_path: Path) -> None:
    rows = [
        {"Beschreibung": row["question"], "Art": "ab"[at % 2], "Datum": f"{at % 28 + 1:02}.03.2024"}
        for at, row in enumerate(pairs(60))
    ]
    path = write_csv(tmp_path / "a.csv", rows)
    question = next(one for one in looked(path).undecided if one.flag == "--target")
    assert (question.proposal, question.choices) == ("Art", ("Art", "Datum"))


def test_a_row_without_a_correction_names_a_flag_that_helps(tmp_path: Path) -> None:
    rows = [
        {"question": row["question"], "said": row["answer"],
         "correction": row["answer"] if at % 2 else ""}
        for at, row in enumerate(pairs(60))
    ]  # fmt: skip
    path = write_csv(tmp_path / "a.csv", rows)
    assert "--target" in looked(path).left_out[0].reason
    wishes = Wishes(columns=Said(target="said"), uncorrected="keep")
    assert not look(read_source(str(path)), wishes).left_out


@pytest.mark.parametrize("unit", [" kg", "kg", " €", "%", " km/h"])
def test_numbers_with_units_are_named_before_they_are_compared_as_text(
    unit: str, tmp_path: Path
) -> None:
    rows = [row | {"answer": f"{row['answer']}{unit}"} for row in pairs(60)]
    seen = looked(write_csv(tmp_path / "a.csv", rows), answer="text")
    assert "5 kg is not 5kg" in found(seen, "numbers with units")


def test_json_in_a_code_fence_is_json(tmp_path: Path) -> None:
    rows = [
        {"question": row["question"], "output": f'```json\n{{"amount": {row["answer"]}}}\n```'}
        for row in pairs(60)
    ]
    seen = looked(write_csv(tmp_path / "a.csv", rows))
    assert (seen.judged.type, seen.judged.fields) == ("json", {"amount": "number"})
    assert isinstance(seen.rows[0].fields["target"]["amount"], int)


# The form of JSON answers.


def note(at: int, rng: random.Random) -> dict[str, Any]:
    value = {
        "name": f"{rng.choice(WORDS)} {at}",
        "kind": rng.choice(("new", "old")),
        "paid": at if at % 2 else at + 0.5,
        "due": None if at % 3 else "Friday",
        "tags": rng.sample(WORDS[:5], at % 3),
        "steps": [rng.choice(WORDS[:5]) for _ in range(3)],
        "lines": [{"price": rng.randrange(9), "of": rng.choice(WORDS)} for _ in range(at % 4)],
    }
    return value | ({"note": f"number {at}"} if at % 2 else {})


def notes(count: int = 60) -> list[dict[str, Any]]:
    return [{"text": q, "output": note(at, rng)} for at, (q, rng) in enumerate(questions(count))]


def test_a_schema_says_what_all_answers_have_in_common_and_no_more(tmp_path: Path) -> None:
    rows = notes()
    seen = looked(write_lines(tmp_path / "a.jsonl", rows))
    schema = json.loads(seen.judged.schema)
    assert not [row for row in rows if misfit(row["output"], seen.judged.schema)]
    assert set(schema["required"]) == set(rows[0]["output"])
    fields = schema["properties"]
    assert fields["kind"] == {"type": "string", "enum": ["new", "old"]}
    assert fields["paid"] == {"type": "number"}
    assert fields["due"] == {"type": ["null", "string"]}
    assert fields["name"] == fields["note"] == {"type": "string"}
    assert fields["tags"]["items"]["enum"] == sorted(WORDS[:5])
    assert fields["lines"]["items"]["required"] == ["price", "of"]
    assert "additionalProperties" not in seen.judged.schema
    assert "all values of kind, tags, steps" in found(seen, "schema")


@pytest.mark.parametrize("last", ["unlike the others", "x" * 41])
def test_texts_of_a_field_are_a_closed_set_only_where_each_comes_up_often(
    last: str, tmp_path: Path
) -> None:
    rows = notes()
    rows[7]["output"]["kind"] = last
    schema = json.loads(looked(write_lines(tmp_path / "a.jsonl", rows)).judged.schema)
    assert schema["properties"]["kind"] == {"type": "string"}


def test_lists_are_sets_where_they_are_tags_and_numbers_are_found_at_any_depth(
    tmp_path: Path,
) -> None:
    seen = looked(write_lines(tmp_path / "a.jsonl", notes()))
    assert seen.judged.fields == {"paid": "number", "tags": "set", "lines.price": "number"}
    said = found(seen, "fields")
    assert "in any order: tags" in said
    assert "in their order, as far as can be seen: steps, lines" in said


def test_keys_that_are_data_are_no_fields_of_a_schema(tmp_path: Path) -> None:
    rows = [
        {"text": q, "output": {f"{rng.choice(WORDS)}{at}": at for _ in range(2)}}
        for at, (q, rng) in enumerate(questions(90))
    ]
    seen = looked(write_lines(tmp_path / "a.jsonl", rows))
    assert json.loads(seen.judged.schema) == {"type": "object"}
    assert seen.judged.fields == {}


def test_a_schema_that_cannot_be_used_is_not_written_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_lines(tmp_path / "a.jsonl", notes())
    validator_of.cache_clear()
    monkeypatch.setitem(sys.modules, "jsonschema.exceptions", None)
    seen = looked(path)
    assert seen.judged.schema == ""
    assert "jsonschema, which is not installed" in found(seen, "no schema")


@pytest.mark.parametrize("sign", ["|", ", ", "; "])
def test_several_labels_in_a_cell_are_asked_about(sign: str, tmp_path: Path) -> None:
    tags = ("bug", "login", "mobile", "urgent")
    rows = [
        {"text": q, "labels": sign.join(rng.sample(tags, at % 3 + 1))}
        for at, (q, rng) in enumerate(questions(90))
    ]  # fmt: skip
    path = write_csv(tmp_path / "a.csv", rows)
    [question] = looked(path).undecided
    assert (question.flag, question.proposal) == ("--answer", "json")
    assert {"json", "text"} <= set(question.choices)
    seen = looked(path, answer="json")
    assert (seen.judged.fields, seen.left_out) == ({"": "set"}, [])
    told = {row.asked: row.fields["target"] for row in seen.rows}
    assert all(told[row["text"]] == row["labels"].split(sign) for row in rows)
    assert json.loads(seen.judged.schema)["items"]["enum"] == list(tags)
    assert (
        looked(path, answer="text").rows[0].fields["target"].split(sign)[0]
        in told[looked(path, answer="text").rows[0].asked]
    )


def test_a_place_and_its_country_are_one_answer(tmp_path: Path) -> None:
    rows = [
        {"question": q, "answer": f"{rng.choice(WORDS[:8])}, {rng.choice(WORDS[8:11])}"}
        for q, rng in questions(120)
    ]
    assert "json" not in {
        choice
        for one in looked(write_csv(tmp_path / "a.csv", rows)).undecided
        for choice in one.choices
    }


# Questions on texts, pairs of answers, options.


def test_any_of_several_accepted_texts_is_right_as_in_squad(tmp_path: Path) -> None:
    answers = (["Denver Broncos"], ["the (old) keep", "keep."], [])
    rows = [
        {
            "context": f"It is said: {q}",
            "question": f"Which one, {at}?",
            "answers": {"text": answers[at % 3], "answer_start": [0] * len(answers[at % 3])},
        }
        for at, (q, _) in enumerate(questions())
    ]
    seen = looked(write_lines(tmp_path / "a.jsonl", rows))
    assert seen.judged.type == "text"
    assert not seen.undecided
    assert len(seen.left_out) == 20
    assert "its list is empty" in seen.left_out[0].reason
    assert "any of several texts is right" in found(seen, "several right answers").lower()
    asked = [row_question(row.fields, row.where, answer="text") for row in seen.rows]
    assert all(q.prompt.startswith("It is said") and "Which one" in q.prompt for q in asked)
    [one, several] = ({q.target: q for q in asked}).values()
    if one.target != "Denver Broncos":
        one, several = several, one
    assert mark(one, "So the answer is Denver Broncos.").correct
    for right in ("the (old) keep", "keep"):
        assert mark(several, f"So the answer is {right}").correct
    assert not mark(several, "So the answer is the old keep").correct
    assert mark(several, several.solution or "").correct
    assert seen.plan.why.startswith("your own right answers")


@pytest.mark.parametrize("answers", [["a b", "c d"], [{"text": "a b", "answer_start": 3}]])
def test_lists_of_texts_can_be_right_each(answers: list[Any], tmp_path: Path) -> None:
    rows = [{"question": q, "answers": answers} for q, _ in questions()]
    seen = looked(write_lines(tmp_path / "a.jsonl", rows), answer="text")
    assert {row.fields["target"] for row in seen.rows} <= {"a b|c d", "a b"}
    assert not seen.left_out


PAIRS: dict[str, Callable[[str, str], dict[str, Any]]] = {
    "texts": lambda q, a: {"prompt": q, "chosen": a, "rejected": "no"},
    "whole conversations": lambda q, a: {
        "prompt": q,
        "chosen": [{"role": "user", "content": q}, {"role": "assistant", "content": a}],
        "rejected": [{"role": "user", "content": q}, {"role": "assistant", "content": "no"}],
    },
    "a prompt of messages": lambda q, a: {
        "prompt": [{"role": "user", "content": q}],
        "chosen": [{"role": "assistant", "content": a}],
        "rejected": [{"role": "assistant", "content": "no"}],
    },
    "an answer of messages": lambda q, a: {
        "question": q,
        "chosen": [{"role": "assistant", "content": a}],
        "rejected": [{"role": "assistant", "content": "no"}],
    },
    "Anthropic's texts": lambda q, a: {
        "chosen": f"\n\nHuman: {q}\n\nAssistant: {a}",
        "rejected": f"\n\nHuman: {q}\n\nAssistant: no",
    },
}


@pytest.mark.parametrize("form", PAIRS)
def test_the_better_answer_of_a_pair_is_learnt_and_that_is_said(form: str, tmp_path: Path) -> None:
    rows = [PAIRS[form](q, f"colour {at}") for at, (q, _) in enumerate(questions())]
    seen = looked(write_lines(tmp_path / "a.jsonl", rows))
    assert {row.asked: row.fields["target"] for row in seen.rows} == {
        q: f"colour {at}" for at, (q, _) in enumerate(questions())
    }
    assert "'chosen' is taken for the right one, and 'rejected' is not used" in found(
        seen, "pairs of answers"
    )
    assert not seen.undecided


def test_a_prompt_of_messages_and_a_plain_answer_are_a_conversation(tmp_path: Path) -> None:
    rows = [
        {"prompt": [{"role": "system", "content": "Add."}, {"role": "user", "content": q}],
         "ground_truth": at}
        for at, (q, _) in enumerate(questions())
    ]  # fmt: skip
    seen = looked(write_lines(tmp_path / "a.jsonl", rows))
    assert (seen.system, seen.judged.type) == ("Add.", "number")
    assert {row.fields["target"] for row in seen.rows} == set(map(str, range(60)))


@pytest.mark.parametrize("layout", ["list", "columns"])
def test_wrong_answers_beside_the_right_one_are_options(layout: str, tmp_path: Path) -> None:
    rows = []
    for q, rng in questions():
        right, *wrong = rng.sample(WORDS[:12], 4)
        more = {f"distractor{at}": one for at, one in enumerate(wrong, 1)}
        rows.append({"question": q, "correct_answer": right}
                    | (more if layout == "columns" else {"incorrect_answers": wrong}))  # fmt: skip
    path = write_lines(tmp_path / "a.jsonl", rows)
    seen = looked(path)
    assert seen.judged.type == "choice"
    right = {row["question"]: row["correct_answer"] for row in rows}
    for row in seen.rows:
        at = "ABCD".index(row.fields["target"])
        assert row.fields["options"][at] == right[row.fields["prompt"]]
        assert len(row.fields["options"]) == 4
    assert {row.fields["target"] for row in seen.rows} == set("ABCD")
    assert [row.fields for row in looked(path).rows] == [row.fields for row in seen.rows]


@pytest.mark.parametrize("end", ["", "\nAnswer:"])
def test_options_that_a_question_ends_in_make_it_a_choice(end: str, tmp_path: Path) -> None:
    rows = [
        {"question": f"{q}\n" + "\n".join(f"{a}) {w}" for a, w in zip("ABC", rng.sample(WORDS, 3),
                                                                       strict=True)) + end,
         "answer": rng.choice("ABC")}
        for q, rng in questions()
    ]  # fmt: skip
    seen = looked(write_csv(tmp_path / "a.csv", rows))
    assert seen.judged.type == "choice"
    asked = row_question(seen.rows[0].fields, "q", answer="choice").prompt
    assert asked.count("A. ") == 1
    assert "A) " not in asked
    assert asked.endswith('End with "The answer is", then A, B or C.')


# What columns are called.


@pytest.mark.parametrize("name", [
    "answer", "Answer", "answers", "label", "labels", "output", "response", "completion",
    "expected", "expected_output", "ground_truth", "groundTruth", "gold", "gold_label", "target",
    "category", "class", "intent", "sentiment", "tags", "ideal", "reference", "correct_answer",
    "Correct Option", "best_answer", "customer_intent", "expected_category", "final_answer",
    "reply", "y",
])  # fmt: skip
def test_common_names_of_right_answers_are_known(name: str, tmp_path: Path) -> None:
    rows = [{"text": q, name: f"word{at} {rng.choice(WORDS)}", "model": "m-1", "cost": at}
            for at, (q, rng) in enumerate(questions())]  # fmt: skip
    seen = looked(write_csv(tmp_path / "a.csv", rows))
    assert (seen.columns.prompt, seen.columns.target) == (("text",), name)
    assert not seen.undecided


@pytest.mark.parametrize("name", [
    "prompt", "question", "instruction", "query", "input", "user_input", "user_message", "text",
    "sentence", "message", "ticket", "review", "email", "body", "content", "customer_message",
    "Claim text", "problem_statement", "utterance", "tweet", "inputs",
])  # fmt: skip
def test_common_names_of_questions_are_known(name: str, tmp_path: Path) -> None:
    rows = [{name: q, "label": f"word{at} {rng.choice(WORDS)}", "model": "m-1", "cost": at}
            for at, (q, rng) in enumerate(questions())]  # fmt: skip
    seen = looked(write_csv(tmp_path / "a.csv", rows))
    assert (seen.columns.prompt, seen.columns.target) == ((name,), "label")
    assert not seen.undecided


def test_what_a_model_answered_is_right_only_where_a_person_says_so(tmp_path: Path) -> None:
    def rows(**more: Callable[[int], str]) -> Path:
        return write_csv(tmp_path / "a.csv", [
            {"prompt": q, "model_output": f"said {at}"} | {n: of(at) for n, of in more.items()}
            for at, (q, _) in enumerate(questions())
        ])  # fmt: skip

    alone = looked(rows(when=lambda at: f"2024-01-{at % 28 + 1:02}"))
    [question, *_] = alone.undecided
    assert (question.flag, question.proposal) == ("--target", "model_output")
    assert "nobody says that it is right" in question.why
    beside = looked(rows(expected=lambda at: f"meant {at}"))
    assert beside.columns.target == "expected"
    assert beside.columns.why["model_output"] == "what a model answered: not used"
    corrected = looked(
        rows(correction=lambda at: f"meant {at}" if at % 2 else ""), uncorrected="keep"
    )
    targets = {row.fields["target"] for row in corrected.rows}
    assert {"meant 1", "said 2"} <= targets


def test_class_numbers_with_their_names_beside_are_learnt_by_name(tmp_path: Path) -> None:
    names = ("bug", "login", "refund")
    rows = [{"text": q, "label": at % 3, "label_text": names[at % 3]}
            for at, (q, _) in enumerate(questions())]  # fmt: skip
    assert looked(write_csv(tmp_path / "a.csv", rows)).judged.labels == names
    rows[0]["label_text"] = "login"
    assert looked(write_csv(tmp_path / "a.csv", rows)).judged.labels == ("0", "1", "2")


def test_a_mails_subject_is_asked_with_it_and_its_sender_is_not(tmp_path: Path) -> None:
    rows = [
        {"email": f"{rng.choice(WORDS)}@example.com", "subject": rng.choice(WORDS[:5]), "body": q,
         "department": rng.choice(("sales", "support"))}
        for q, rng in questions()
    ]  # fmt: skip
    columns = looked(write_csv(tmp_path / "a.csv", rows)).columns
    assert (columns.prompt, columns.target) == (("subject", "body"), "department")


def test_two_texts_are_asked_about_together(tmp_path: Path) -> None:
    rows = [{"premise": q, "hypothesis": q[::-1], "label": rng.choice(("yes", "no"))}
            for q, rng in questions()]  # fmt: skip
    assert looked(write_csv(tmp_path / "a.csv", rows)).columns.prompt == ("premise", "hypothesis")


def test_a_column_of_answers_that_asks_is_asked(tmp_path: Path) -> None:
    rows = [{"Claim text": q, "Is it fraud?": rng.choice(("Yes", "No"))} for q, rng in questions()]
    seen = looked(write_csv(tmp_path / "a.csv", rows))
    assert all(row.asked.endswith("?\n\nIs it fraud?") for row in seen.rows)
    assert not seen.undecided


@pytest.mark.parametrize(("count", "type"), [(77, "label"), (201, "text")])
def test_many_classes_are_labels_where_the_column_says_so(
    count: int, type: str, tmp_path: Path
) -> None:
    rows = [{"text": q, "intent": f"class {at % count}"}
            for at, (q, _) in enumerate(questions(6 * count))]  # fmt: skip
    assert looked(write_csv(tmp_path / "a.csv", rows)).judged.type == type


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


# Rows from templates.

TEMPLATE = "Please sort this message of a customer into one of our classes"


def chains(count: int, length: int) -> list[list[str]]:
    """Texts of which each nearly equals the next one, and no other."""
    found = []
    for _, rng in questions(count):
        said = rng.choices(WORDS, k=10 + 2 * length)
        found.append([" ".join(said[2 * at : 2 * at + 10]) for at in range(length)])
    return found


def test_rows_of_templates_are_asked_about_before_they_are_left_out(tmp_path: Path) -> None:
    texts = [text for chain in chains(25, 12) for text in (*chain[::2], *chain[1::2])]
    path = write_csv(tmp_path / "a.csv", [{"text": q, "label": q[:5]} for q in texts])
    [question] = looked(path, answer="text").undecided
    assert (question.flag, question.proposal) == ("--near", "together")
    assert question.choices == ("together", "drop", "ignore")
    together, drop, ignore = (looked(path, answer="text", near=near) for near in question.choices)
    assert near_across(together) == near_across(drop) == 0 < near_across(ignore)
    assert len(together.rows) == len(ignore.rows) == 300 > len(drop.rows) > 100
    assert "nearly the same as an earlier row (a.csv, line" in drop.left_out[0].reason
    with pytest.raises(ConfigError, match="--near takes together, drop, ignore; it is 'keep'"):
        looked(path, answer="text", near="keep")


def test_a_few_rows_between_two_sides_are_left_out_with_the_flag_that_keeps_them(
    tmp_path: Path,
) -> None:
    between = [{"question": q, "answer": 1} for a, b, c in chains(8, 3) for q in (a, c, b)]
    seen = looked(write_csv(tmp_path / "a.csv", [*pairs(300, seed=1), *between]))
    assert not seen.undecided
    assert "--near together keeps them" in found(seen, "across the sides")
    kept = looked(tmp_path / "a.csv", near="together")
    assert len(kept.rows) == len(seen.rows) + len(seen.left_out) == 324
    assert near_across(kept) == 0


def test_rows_that_are_kept_together_are_groups_that_count_as_one_question(tmp_path: Path) -> None:
    texts = [text for chain in chains(25, 12) for text in (*chain[::2], *chain[1::2])]
    rows = [{"text": q, "label": q[:5]} for q in [*texts, "What a lone question this one is"]]
    seen = looked(write_csv(tmp_path / "a.csv", rows), answer="text", near="together")
    assert "a group, which counts as one question" in found(seen, "near-duplicates")
    worth = len({row.group for row in seen.divided.sides["dev"]})
    assert f"dev questions, which count as {worth} since some are of one group, show no gain" in (
        seen.sizes.why
    )
    assert next(one.count for one in seen.findings if one.name == "too few questions") == worth < 20
    read = [row_question({**row.fields, "answer": "text"}, row.where) for row in seen.rows]
    assert sorted(Counter(question.group for question in read).values()) == [1, *[12] * 25]


def test_rows_that_tell_one_story_are_kept_together_whatever_they_ask(tmp_path: Path) -> None:
    rows = []
    for at, (_, rng) in enumerate(questions(90)):
        story = " ".join(rng.choices(WORDS, k=14))
        rows += [
            {"question": f"{story}. How many {a} {b} {c} {at + n} are there?", "answer": at}
            for n, (a, b, c) in enumerate(rng.choices(WORDS, k=3) for _ in range(3))
        ]

    def across(**wishes: Any) -> int:
        """Practice questions that share a story with a dev or test question."""
        seen = looked(write_csv(tmp_path / "a.csv", rows), **wishes)
        sets = {
            side: [row_question({**row.fields, "answer": "number"}, row.where) for row in kept]
            for side, kept in seen.divided.sides.items()
        }
        return len([*shared_stories(sets["practice"], [*sets["dev"], *sets["test"]])])

    assert across() > 50
    assert across(near="together") == 0
    said = found(looked(tmp_path / "a.csv", near="together"), "near-duplicates")
    assert "nearly equal an earlier one or tell its story are kept" in said


def test_words_that_most_rows_begin_or_end_with_make_no_story(tmp_path: Path) -> None:
    rows = []
    for _, rng in questions(60):
        own = " ".join(rng.choices(WORDS, k=40))
        rows.append({"question": f"{TEMPLATE}, and say why: {own}, {TEMPLATE}", "answer": 1})
    seen = looked(write_csv(tmp_path / "a.csv", rows), near="together")
    assert not any(row.group for row in seen.rows)


def test_a_column_of_groups_stays_where_near_duplicates_are_kept_together(tmp_path: Path) -> None:
    rows = [row | {"session": f"s{at // 4}"} for at, row in enumerate(nearly(80))]
    seen = looked(write_csv(tmp_path / "a.csv", rows), near="together")
    assert {row.group for row in seen.rows} == {f"s{at}" for at in range(40)}
    assert "a group, which" not in found(seen, "near-duplicates")


def test_a_family_on_two_published_sides_is_a_group_on_each(tmp_path: Path) -> None:
    rows = []
    for one, a, between, b, other in chains(60, 5):
        for text, split in ((one, "test"), (a, "test"), (between, ""), (b, ""), (other, "")):
            rows.append({"question": text, "answer": 1, "split": split or "train"})
    seen = looked(write_csv(tmp_path / "a.csv", rows), near="together")
    sets = {
        side: [row_question({**row.fields, "answer": "number"}, row.where) for row in kept]
        for side, kept in seen.divided.sides.items()
    }
    check_disjoint(sets)
    assert len(sets["test"]) == 120
    assert len({question.group for question in sets["test"]}) == 60
    assert len({question.group for question in sets["practice"]}) > 20


def test_no_more_texts_of_one_template_are_compared_where_there_are_more() -> None:
    def compared(count: int) -> int:
        texts = NearTexts(USUAL)
        for at in range(count):
            texts.add(plain(f"{TEMPLATE} {'x' * at}"), str(at))
        ids: list[str] = []

        def passed_over(id: str) -> bool:
            ids.append(id)
            return True

        assert not [*texts.all_near(plain(f"{TEMPLATE} or another"), but=passed_over)]
        return len(ids)

    assert 0 < compared(400) == compared(100) < 100
