"""Small data sets in layouts that people have, several of them nasty; what is seen in them."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from errata.agents.intake import Looked, Wishes, look, read_source

WORDS = (
    "amber basil cedar delta ember fjord grape harbor indigo jasper kiwi lemon maple nectar olive "
    "pepper quartz raven saffron tulip umber velvet walnut xenon yarrow zephyr acorn birch coral "
    "daisy eagle falcon ginger hazel ivory juniper kelp lilac mango nutmeg opal pearl quince rose"
).split()
ROWS = 60


def sentence(rng: random.Random, words: int = 9) -> str:
    """Unlike any other."""
    return " ".join(rng.sample(WORDS, words)).capitalize()


def questions(count: int = ROWS, seed: int = 0) -> Iterator[tuple[str, random.Random]]:
    rng = random.Random(seed)
    for _ in range(count):
        yield f"{sentence(rng)}?", rng


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]], delimiter: str = ",") -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_lines(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def looked(path: Path, **wishes: Any) -> Looked:
    return look(read_source(str(path)), Wishes(**wishes))


def found(looked: Looked, name: str) -> str:
    """What a finding says, with its rows and its remedy."""
    one = next(one for one in looked.findings if one.name == name)
    return f"{one.state}: {one.said} {'; '.join(one.rows)} {one.do}"


def sides(looked: Looked) -> dict[str, str]:
    """Question → its side."""
    return {row.asked: side for side, rows in looked.divided.sides.items() for row in rows}


def pairs(count: int = 60, seed: int = 0) -> list[dict[str, Any]]:
    return [{"question": q, "answer": rng.randrange(1000)} for q, rng in questions(count, seed)]


LABELS = ("refund", "delivery", "login", "bug")


def numbers(folder: Path) -> Path:
    rows = [{"question": q, "answer": rng.randrange(1000)} for q, rng in questions()]
    return write_csv(folder / "numbers.csv", rows)


def tab_labels(folder: Path) -> Path:
    rows = [
        {"text": f'{q} He said "{at}', "category": rng.choice(LABELS)}
        for at, (q, rng) in enumerate(questions())
    ]
    return write_csv(folder / "labels.tsv", rows, "\t")


def semicolons_with_mark(folder: Path) -> Path:
    rows = [{"Text": f"{q}, so", "Label": rng.choice(LABELS)} for q, rng in questions()]
    path = write_csv(folder / "export.csv", rows, ";")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    return path


def alpaca(folder: Path) -> Path:
    rows = [
        {
            "instruction": f"Name the stone of: {q}",
            "input": sentence(rng, 4),
            "output": f"{w} {at}x",
        }
        for at, (q, rng) in enumerate(questions())
        for w in [rng.choice(WORDS)]
    ]
    path = folder / "alpaca.json"
    path.write_text(json.dumps(rows, indent=1))
    return path


def choice_list(folder: Path) -> Path:
    rows = [
        {"question": q, "choices": rng.sample(WORDS, 4), "answer": rng.choice("ABCD")}
        for q, rng in questions()
    ]
    return write_lines(folder / "choices.jsonl", rows)


def choice_columns(folder: Path) -> Path:
    rows = []
    for q, rng in questions():
        options = rng.sample(WORDS, 4)
        row = {"question": q} | dict(zip(("A", "B", "C", "D"), options, strict=True))
        rows.append(row | {"correct answer": rng.choice(options)})
    return write_csv(folder / "mcq.csv", rows)


def programs(folder: Path) -> Path:
    rows = [
        {
            "prompt": f"{q} Write f, which adds {at}.",
            "stub": "def f(n):",
            "tests": f"def check(candidate):\n    assert candidate(1) == {at + 1}",
            "solution": f"```python\ndef f(n):\n    return n + {at}\n```",
        }
        for at, (q, _) in enumerate(questions())
    ]
    return write_lines(folder / "programs.jsonl", rows)


def parquet_classes(folder: Path) -> Path:
    import pyarrow
    import pyarrow.parquet

    rows = [{"sentence": q, "label": rng.randrange(3)} for q, rng in questions()]
    path = folder / "classes.parquet"
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    return path


def saved_dataset(folder: Path) -> Path:
    import datasets

    def part(count: int, seed: int) -> datasets.Dataset:
        rows = [{"text": q, "intent": rng.randrange(4)} for q, rng in questions(count, seed)]
        kinds = {"text": datasets.Value("string"), "intent": datasets.ClassLabel(names=LABELS)}
        return datasets.Dataset.from_list(rows, features=datasets.Features(kinds))

    path = folder / "saved"
    whole = datasets.DatasetDict({"train": part(60, 1), "test": part(30, 2)})
    whole.save_to_disk(str(path))
    return path


def chat_labels(folder: Path) -> Path:
    rows = [
        {
            "messages": [
                {"role": "system", "content": "Sort the message."},
                {"role": "user", "content": q},
                {"role": "assistant", "content": rng.choice(LABELS)},
            ],
            "session_id": f"s{at // 3}",
        }
        for at, (q, rng) in enumerate(questions())
    ]
    return write_lines(folder / "chats.jsonl", rows)


def share_gpt(folder: Path) -> Path:
    rows = [
        {
            "conversations": [
                {"from": "human", "value": q},
                {"from": "gpt", "value": f"{sentence(rng, 12)}. {sentence(rng, 12)}."},
            ]
        }
        for q, rng in questions()
    ]
    path = folder / "sharegpt.json"
    path.write_text(json.dumps(rows))
    return path


def corrected_logs(folder: Path) -> Path:
    rows = [
        {
            "input": q,
            "output": rng.choice(LABELS),
            "correction": rng.choice(LABELS) if at % 3 else "",
            "user_id": f"u{at // 2}",
        }
        for at, (q, rng) in enumerate(questions(90))
    ]
    return write_csv(folder / "logs.csv", rows)


def objects(folder: Path) -> Path:
    rows = [
        {"note": 1, "text": q, "output": {"name": rng.choice(WORDS), "amount": rng.randrange(99)}}
        for q, rng in questions()
    ]
    return write_lines(folder / "objects.jsonl", rows)


def json_in_cells(folder: Path) -> Path:
    rows = [
        {"text": q, "expected": json.dumps({"tags": rng.sample(WORDS, 2), "n": at})}
        for at, (q, rng) in enumerate(questions())
    ]
    return write_csv(folder / "cells.csv", rows)


def formulas(folder: Path) -> Path:
    rows = [
        {"problem": q, "answer": rf"\frac{{{rng.randrange(1, 9)}}}{{{at + 2}}}" if at % 3 else at}
        for at, (q, rng) in enumerate(questions())
    ]
    return write_lines(folder / "formulas.jsonl", rows)


def worked(folder: Path) -> Path:
    rows = []
    for at, (q, rng) in enumerate(questions()):
        a = rng.randrange(2, 50)
        answer = f"She has {a} + {at} = {a + at} left.\n#### {a + at}"
        rows.append({"question": f"{q} It holds {a} and {at}.", "answer": answer})
    return write_lines(folder / "gsm.jsonl", rows)


def booleans(folder: Path) -> Path:
    rows = [{"question": q, "answer": rng.random() < 0.5} for q, rng in questions()]
    return write_lines(folder / "booleans.jsonl", rows)


def days(folder: Path) -> Path:
    rows = [
        {
            "question": q,
            "answer": f"20{rng.randrange(10, 30)}-{rng.randrange(1, 13):02}-{at % 28 + 1:02}",
        }
        for at, (q, rng) in enumerate(questions())
    ]
    return write_csv(folder / "days.csv", rows)


def mixed(folder: Path) -> Path:
    rows = [
        {"question": q, "answer": at if at % 4 else f"about {rng.choice(WORDS)} {at}"}
        for at, (q, rng) in enumerate(questions())
    ]
    return write_csv(folder / "mixed.csv", rows)


def few_numbers(folder: Path) -> Path:
    rows = [{"question": q, "answer": rng.randrange(1, 5)} for q, rng in questions()]
    return write_csv(folder / "few.csv", rows)


def free_text(folder: Path) -> Path:
    rows = [{"question": q, "answer": f"{sentence(rng, 18)}."} for q, rng in questions()]
    return write_csv(folder / "free.csv", rows)


def names(folder: Path) -> Path:
    rows = [
        {"question": q, "answer": f"{rng.choice(WORDS).title()}{at} {rng.choice(WORDS)}"}
        for at, (q, rng) in enumerate(questions())
    ]
    return write_csv(folder / "names.csv", rows)


def columns_of_pandas(folder: Path) -> Path:
    rows = [(q, rng.choice(LABELS)) for q, rng in questions()]
    path = folder / "pandas.json"
    path.write_text(
        json.dumps(
            {
                "utterance": {str(at): q for at, (q, _) in enumerate(rows)},
                "intent": {str(at): label for at, (_, label) in enumerate(rows)},
            }
        )
    )
    return path


def split_files(folder: Path) -> Path:
    path = folder / "splits"
    path.mkdir()
    for at, split in enumerate(("train", "validation", "test")):
        rows = [{"question": q, "answer": rng.randrange(999)} for q, rng in questions(30, 50 + at)]
        write_csv(path / f"{split}.csv", rows)
    return path


def nameless(folder: Path) -> Path:
    rows = [{"col1": q, "col2": rng.choice(LABELS)} for q, rng in questions()]
    return write_csv(folder / "nameless.csv", rows)


Layout = tuple[Callable[[Path], Path], str, str]
LAYOUTS: dict[str, Layout] = {
    "numbers in a CSV": (numbers, "number", ""),
    "labels between tabs, with quotes": (tab_labels, "label", ""),
    "labels between semicolons, with a byte order mark": (semicolons_with_mark, "label", ""),
    "Alpaca's instruction, input, output": (alpaca, "text", ""),
    "a list of options": (choice_list, "choice", ""),
    "a column for each option": (choice_columns, "choice", ""),
    "programs with tests": (programs, "code", ""),
    "class numbers in Parquet": (parquet_classes, "label", ""),
    "a folder of datasets, with class names": (saved_dataset, "label", ""),
    "OpenAI's messages, with sessions": (chat_labels, "label", ""),
    "ShareGPT's conversations": (share_gpt, "judge", ""),
    "logs with a person's corrections": (corrected_logs, "label", "--uncorrected"),
    "JSON objects": (objects, "json", ""),
    "JSON in the cells of a CSV": (json_in_cells, "json", ""),
    "formulas and numbers": (formulas, "math", ""),
    "worked answers, as GSM8K has them": (worked, "number", ""),
    "true and false": (booleans, "label", ""),
    "days": (days, "text", ""),
    "numbers and words mixed": (mixed, "number", "--answer"),
    "four numbers again and again": (few_numbers, "number", "--answer"),
    "free text": (free_text, "judge", ""),
    "names": (names, "text", ""),
    "columns, as pandas writes them": (columns_of_pandas, "label", ""),
    "a file for each split": (split_files, "number", ""),
    "columns without a telling name": (nameless, "label", "--prompt"),
}
"""Layout → what makes it, the answer type, and the first flag that is asked for, if any."""
