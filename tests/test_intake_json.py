"""The form of JSON answers: the schema, and how fields are compared."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

import pytest
from intake_files import WORDS, found, looked, questions, write_csv, write_lines

from errata.agents.marking.schema import misfit, validator_of


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
