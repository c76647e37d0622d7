"""Questions of the user's own that are answered with a label, in JSON, or as a pattern says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from errata.agents.errors import ConfigError, ExamError
from errata.agents.exams import FileExam, FileSet, load_exam
from errata.agents.exams.files import read_questions
from errata.agents.exams.forms import AnswerForm
from errata.agents.exams.layouts import stem
from errata.agents.marking import mark
from errata.agents.records import (
    ChoiceAnswer,
    JsonAnswer,
    LabelAnswer,
    NumberAnswer,
    Question,
    RegexAnswer,
    TextAnswer,
)
from errata.graph.config import load_config, parse_config

LABELS = AnswerForm(labels={"refund": ("money back",), "bug": (), "true": ()})
SCHEMA = {"properties": {"name": {"type": "string"}, "amount": {"type": ["number", "null"]}}}


def questions(folder: Path, *rows: dict[str, Any], **form: Any) -> list[Question]:
    file = folder / "own.jsonl"
    file.write_text("".join(json.dumps({"prompt": f"Row {at}", **row}) + "\n"
                            for at, row in enumerate(rows)))  # fmt: skip
    return read_questions(FileSet(file=file), form=AnswerForm(**form))


def config(folder: Path, rows: list[dict[str, Any]], exam: str) -> Path:
    for name in ("practice", "dev", "test"):
        lines = [json.dumps(row | {"prompt": f"{name} {row['prompt']}"}) for row in rows]
        (folder / f"{name}.jsonl").write_text("\n".join(lines))
    file = folder / "run.toml"
    sets = "".join(f'{name} = "{name}.jsonl"\n' for name in ("practice", "dev", "test"))
    file.write_text(f'strategy = "sft"\n[exam]\n{sets}{exam}')
    return file


def test_the_closed_set_is_said_once_and_synonyms_are_their_label(tmp_path: Path) -> None:
    rows = [
        {"prompt": "I want it back.", "target": "Money back"},
        {"prompt": "It crashes.", "target": "bug"},
    ]
    said = 'answer = "label"\nlabels = { refund = ["money back"], bug = [] }'
    found = load_exam(load_config(config(tmp_path, rows, said)).exam[0]).practice
    assert [question.target for question in found] == ["refund", "bug"]
    assert found[0].answer == LabelAnswer(labels={"refund": ("money back",), "bug": ()})
    assert found[0].prompt == (
        "practice I want it back.\n\nAnswer with one label and nothing else: refund or bug."
    )
    assert stem(found[0]) == "practice I want it back."
    assert mark(found[0], "refund").correct


def test_labels_may_be_a_list_and_targets_booleans_or_numbers(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"target": True}, {"target": False}, {"target": 1}]
    rows = [row | {"answer": "label"} for row in rows]
    found = questions(tmp_path, *rows, labels=["true", "false", 1])
    assert [question.target for question in found] == ["true", "false", "1"]


def test_a_prompt_that_says_how_to_answer_is_left_alone(tmp_path: Path) -> None:
    prompts = [
        {"prompt": "Refund or bug?", "target": "bug", "answer": "label"},
        {"prompt": "Money back, or bug?", "target": "bug", "answer": "label"},
        {"prompt": "Give JSON.", "target": {}, "answer": "json"},
        {"prompt": "The answer is a word.", "target": "a|b", "answer": "regex"},
    ]
    found = questions(tmp_path, *prompts, labels={"refund": ("money back",), "bug": ()})
    assert [question.prompt for question in found] == [row["prompt"] for row in prompts]
    assert [stem(question) for question in found] == [row["prompt"] for row in prompts]


def test_a_label_within_a_word_of_the_prompt_does_not_name_it(tmp_path: Path) -> None:
    row = {"prompt": "Refunds of debugging?", "target": "bug", "answer": "label"}
    [found] = questions(tmp_path, row, labels=["refund", "bug"])
    assert found.prompt.endswith("nothing else: refund or bug.")


def test_a_json_target_stands_in_the_row_as_it_is_or_as_text(tmp_path: Path) -> None:
    targets: list[object] = [{"a": None}, [1, "é"], True, 7, '{"a": 1.50}', "null"]
    rows = [{"target": target, "answer": "json"} for target in targets]
    found = questions(tmp_path, *rows, fields={"a": "number"})
    assert [question.target for question in found] == [
        '{"a": null}',
        '[1, "é"]',
        "true",
        "7",
        '{"a": 1.5}',
        "null",
    ]
    assert {question.prompt.partition("\n\n")[2] for question in found} == {
        "Answer with JSON and nothing else."
    }
    assert all(mark(question, question.target).correct for question in found)
    assert found[0].answer == JsonAnswer(fields={"a": "number"})


def test_a_schema_is_read_from_the_configurations_folder_and_shown(tmp_path: Path) -> None:
    pytest.importorskip("jsonschema")
    rows = [{"prompt": "Ann paid 7.", "target": {"name": "Ann", "amount": 7}}]
    (tmp_path / "form.json").write_text(json.dumps(SCHEMA))
    said = 'answer = "json"\nschema = "form.json"\nfields = { amount = "number" }'
    settings = load_config(config(tmp_path, rows, said))
    again = parse_config(json.loads(settings.model_dump_json()), "again")
    assert again == settings
    [question] = load_exam(settings.exam[0]).practice
    assert question.prompt.endswith(
        '\n\nAnswer with JSON and nothing else: {"name": text, "amount": number | null}'
    )
    assert stem(question) == "practice Ann paid 7."
    assert mark(question, '{"name": "Ann", "amount": 7}').correct
    (tmp_path / "form.json").write_text(json.dumps({"properties": {"name": {"type": "null"}}}))
    with pytest.raises(ExamError, match=r"line 1: the target does not fit the schema at \$.name"):
        load_exam(settings.exam[0])
    (tmp_path / "form.json").write_text('{"$ref": "http://far"}')
    with pytest.raises(ExamError, match=r"form.json: the schema points to 'http://far'"):
        load_exam(settings.exam[0])
    (tmp_path / "form.json").unlink()
    with pytest.raises(ExamError, match=r"the schema .*form.json cannot be read"):
        load_exam(settings.exam[0])


def test_a_pattern_finds_the_answer_or_each_target_is_one(tmp_path: Path) -> None:
    (found,) = questions(tmp_path, {"target": 12, "answer": "regex"}, pattern=r"(\d+) pens")
    assert (found.prompt, found.target) == ("Row 0", "12")
    assert found.answer == RegexAnswer(pattern=r"(\d+) pens")
    (matched,) = questions(tmp_path, {"target": r"\d+", "answer": "regex"})
    assert matched.prompt.endswith('End with "So the answer is", then the answer alone.')
    assert stem(matched) == "Row 0"


def test_questions_of_these_types_in_a_run_folder_are_an_exam_again(tmp_path: Path) -> None:
    asked = questions(
        tmp_path,
        {"target": "bug", "answer": "label"},
        {"target": {"a": 1}, "answer": "json"},
        {"target": "x+", "answer": "regex"},
        labels=["refund", "bug"],
        fields={"a": "set"},
    )
    kept = tmp_path / "kept.jsonl"
    kept.write_text("".join(question.model_dump_json() + "\n" for question in asked))
    assert read_questions(FileSet(file=kept)) == asked


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"target": True}, 'the target true is a boolean; say answer = "label" and labels = '),
        ({"target": False, "answer": "text"}, "the target false is a boolean"),
        ({"target": [1]}, 'the target is a list; say answer = "json"'),
        ({"target": ["a"], "answer": "text"}, "the target is a list"),
        ({"target": {"a": 1}}, 'the target is an object; say answer = "json"'),
        ({"target": "2024-05-01"}, 'is not a number; say answer = "text", "math", "label"'),
        ({"target": ""}, "the field 'target' is empty"),
        ({"target": None, "answer": "json"}, "the field 'target' is missing; .*the text \"null\""),
        ({"target": "refnud", "answer": "label"}, "none of the labels; did you mean 'refund'"),
        ({"target": "x", "answer": "label"}, "none of the labels; add it to labels, or mend"),
        ({"target": ["refund"], "answer": "label"}, "is no label; give the label alone"),
        ({"target": "{'a': 1}", "answer": "json"}, "is not JSON .*write the value itself into"),
        ({"target": "{'a'", "answer": "json"}, "is not JSON"),
        ({"target": "(", "answer": "regex"}, "'\\(' is no regular expression"),
        ({"target": "x", "answer": "label", "options": 3}, "the field 'options' is wrong"),
    ],
)
def test_a_bad_row_is_one_sentence_with_its_line(
    row: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ExamError, match=f"own.jsonl, line 1: .*{message}"):
        questions(tmp_path, row, labels=LABELS.labels)


def test_a_label_without_a_closed_set_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ExamError, match='answer = "label" needs the closed set of labels'):
        questions(tmp_path, {"target": "x", "answer": "label"})


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ('answer = "label"', 'answer = "label" needs labels'),
        ('answer = "label"\nlabels = ["a"]', "not two labels"),
        ('answer = "label"\nlabels = ["a", "A"]', "both called 'A'"),
        ('answer = "label"\nlabels = ["a", "a"]', "'a' stands there twice"),
        ('answer = "text"\nlabels = ["a", "b"]', 'labels is for answer = "label"'),
        ('answer = "label"\nlabels = ["a", "b"]\nschema = "x"', 'schema is for answer = "json"'),
        ('answer = "json"\npattern = "x"', 'pattern is for answer = "regex"'),
        ('layout = "gsm8k"\nfields = { a = "set" }', 'fields is for answer = "json"'),
        ('answer = "json"\nfields = { a = "near" }', "input should be 'exact', 'number' or 'set'"),
        ('answer = "regex"\npattern = "("', "no regular expression"),
        ('answer = "json"\nshema = "x"', "unknown key 'exam.shema'; did you mean 'schema'"),
    ],
)
def test_keys_that_do_not_go_together_are_refused_in_one_sentence(
    said: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config(config(tmp_path, [{"prompt": "x", "target": "a"}], said))
    assert FileExam.model_fields["schema_"].serialization_alias == "schema"


def test_bad_rows_are_left_out_and_counted_where_that_is_wished(tmp_path: Path) -> None:
    rows = [
        {"prompt": "1", "target": {"a": 1}},
        {"prompt": "2", "target": "{"},
        {"prompt": "3", "target": None},
    ]
    exam = load_exam(
        load_config(config(tmp_path, rows, 'answer = "json"\nskip_bad = true')).exam[0]
    )
    assert len(exam.practice) == 1
    assert len(exam.skipped) == 6


@pytest.mark.parametrize(
    ("target", "answer", "thought", "said"),
    [
        ("bug", LabelAnswer(labels={"refund": (), "bug": ()}), "The answer is refund?", "bug"),
        ("valid", TextAnswer(), "So the answer is invalid?", "valid"),
        ("[A-Z]{2}", RegexAnswer(), "So the answer is none.", "AB"),
        ("2", ChoiceAnswer(options={"1": "x", "2": "y"}), "The answer is 1. No, 2.", "2"),
        ('{"n": 1}', JsonAnswer(), "Perhaps", '{"n": 1}'),
        ("7", NumberAnswer(), "The answer is 8? No.", "7"),
    ],
)
def test_what_is_thought_before_the_answer_is_no_answer(
    target: str, answer: Any, thought: str, said: str
) -> None:
    question = Question(id="q", prompt="?", target=target, answer=answer)
    assert mark(question, f"<think>\n{thought}\n</think>\n\n{said}").correct
    assert mark(question, f"{thought}</think>{said}").correct


def test_a_response_that_ends_in_its_thoughts_is_read_whole() -> None:
    assert mark(Question(id="q", prompt="?", target="7"), "It is 7.</think>\n").correct
