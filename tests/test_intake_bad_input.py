"""Bad files and bad rows: each is named with its place and the remedy."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from intake_files import LAYOUTS, found, looked, pairs, questions, sides, write_csv, write_lines

from errata.agents.errors import ConfigError, ErrataError
from errata.agents.intake import Wishes, look, read_source
from errata.agents.intake.columns import Said


def refused(path: Path | str, **given: Any) -> str:
    """The sentence that a file gets which cannot be read."""
    with pytest.raises(ErrataError) as error:
        look(read_source(str(path), **given), Wishes())
    assert "\n" not in str(error.value)
    return str(error.value)


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
