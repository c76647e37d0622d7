"""Opens what a person names: a table, JSON, Parquet, a folder, a dataset on the hub.

Files are read row by row and at most `MOST_ROWS` rows and `MOST_CHARACTERS` are kept; only JSON
that is one array or object is read whole, up to `LARGEST_WHOLE`.
"""

from __future__ import annotations

import codecs
import itertools
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

from errata.agents.errors import ExamError
from errata.agents.exams.hub import opened, unopened
from errata.agents.exams.named import split_of
from errata.agents.exams.rows import Skipped, Unreadable, array_items, fault, line_item
from errata.agents.intake.delimited import (
    DELIMITERS,
    HEAD,
    delimiter_of,
    lines_of,
    read_delimited,
)
from errata.agents.intake.findings import Finding, finding
from errata.agents.plain_text import one_line

MOST_ROWS = 50_000
MOST_CHARACTERS = 50_000_000
"""Of all rows together."""
LONGEST_CELL = 100_000
"""Characters."""
LARGEST_WHOLE = 256_000_000
"""Bytes of a file that is read whole; a row group of Parquet may have four times as many."""
CHUNK = 1 << 20
"""Bytes."""

TEXT = (".csv", ".tsv", ".txt", ".tab", ".psv")
JSON = (".json", ".jsonl", ".ndjson")
KNOWN = (*TEXT[:2], *JSON, ".parquet")
CHATS = ("messages", "conversations", "conversation")
HUB_ID = re.compile(r"[\w.-]+/[\w.-]+(?::[\w.-]+)?")

MAGIC = (
    (b"\x1f\x8b", "gzip-packed: unpack it (gunzip)"),
    (b"BZh", "bzip2-packed: unpack it"),
    (b"\xfd7zXZ", "xz-packed: unpack it"),
    (b"7z\xbc\xaf", "a 7z archive: unpack it and name one file"),
    (b"\x28\xb5\x2f\xfd", "zstd-packed: unpack it"),
    (b"\xd0\xcf\x11\xe0", "an old spreadsheet or document: save it as CSV"),
    (b"%PDF", "a PDF: copy its questions and answers into a table and save that as CSV"),
    (b"SQLite format 3", "an SQLite database: export the table as CSV"),
    (b"ARROW1", "an Arrow file: name its folder, if `datasets` saved it, or write it as Parquet"),
)
"""How files begin that are no rows, and what to do with them."""


@dataclass(frozen=True)
class Given:
    """A row as its file has it."""

    where: str
    """Its place, as a message names it: `tickets.csv, line 12`."""
    fields: Mapping[str, Any]
    split: str = ""
    """`train`, `validation` or `test`, where its file or dataset says so."""


@dataclass
class Source:
    """What a person named, opened."""

    name: str
    """As they named it."""
    form: str
    """Format, delimiter and encoding, in words."""
    rows: list[Given] = field(default_factory=list)
    bad: list[Skipped] = field(default_factory=list)
    """What could not be read as a row, and why."""
    findings: list[Finding] = field(default_factory=list)
    files: Mapping[str, str] = field(default_factory=dict)
    """Name → text: what an example brings besides, to lie beside the configuration."""

    @property
    def columns(self) -> list[str]:
        """Of the rows, in the order in which they come up."""
        return list(dict.fromkeys(name for row in self.rows for name in row.fields))


Items = Iterable[Given | Skipped]


def read_source(
    data: str, encoding: str | None = None, delimiter: str | None = None, rows: int | None = None
) -> Source:
    """The rows of a file, a folder or a dataset.

    Args:
        data: A path; or a dataset on the hub, `owner/name` or `owner/name:configuration`.
        encoding: As Python names it; UTF-8 where not said.
        delimiter: Of a table of text; found where not said.
        rows: Only the first ones.

    Raises:
        ExamError: It cannot be read, or it is no table: with the remedy.
    """
    path = Path(data)
    try:
        if path.is_dir():
            source, items = open_folder(path, encoding, delimiter)
        elif path.is_file():
            source, items = open_file(path, encoding, delimiter)
        elif HUB_ID.fullmatch(data) and path.suffix not in KNOWN:
            id, _, config = data.partition(":")
            source, items = (
                Source(data, "a dataset on the hub"),
                from_splits(opened(id, config or None), id),
            )
        else:
            raise ExamError(
                f"there is no file or folder {data!r}: name one of {', '.join(KNOWN)}, a folder "
                "of `datasets`, or a dataset on the hub as owner/name"
            )
        keep(source, items, rows)
    except OSError as error:
        raise ExamError(f"{data} cannot be read ({error.strerror or error})") from None
    if not source.rows:
        first = f"the first is bad: {source.bad[0]}" if source.bad else "there are only names"
        raise ExamError(
            f"{data} holds no row that can be read ({first}): give it a question and an answer "
            "in each row"
        )
    return source


def keep(source: Source, items: Items, rows: int | None) -> None:
    """Takes rows as long as there is room."""
    characters = 0
    most = min(rows or MOST_ROWS, MOST_ROWS)
    for item in items:
        if isinstance(item, Given):
            fields = {name: cell(value) for name, value in item.fields.items()}
            item = sized(Given(item.where, fields, item.split))
        if isinstance(item, Skipped):
            if len(source.bad) < MOST_ROWS:
                source.bad.append(item)
            continue
        characters += sum(map(length, item.fields.values()))
        full = len(source.rows) == most
        if full or characters > MOST_CHARACTERS:
            if rows is None or not full:
                source.findings.append(
                    finding(
                        "not all read",
                        "warning",
                        f"Only the first {len(source.rows):,} rows were read: at most "
                        f"{MOST_ROWS:,} rows and {MOST_CHARACTERS:,} characters are kept.",
                        do="if the rows are sorted, shuffle the file first (shuf keeps the lines)",
                    )
                )
            return
        source.rows.append(item)


def sized(row: Given) -> Given | Skipped:
    for name, value in row.fields.items():
        if (size := length(value)) > LONGEST_CELL:
            lines = value.count("\n") if isinstance(value, str) else 0
            more = f" over {lines:,} lines; is a quote not closed?" if lines > 1000 else ""
            return Skipped(
                where=row.where,
                reason=f"the cell {name!r} is longer than {LONGEST_CELL:,} characters ({size:,}"
                f"{more}): no model reads that; shorten it or take the row out",
            )
    return row


def length(value: object) -> int:
    """Characters of a cell, all that is in it taken together."""
    waiting, size = [value], 0
    while waiting:
        one = waiting.pop()
        if isinstance(one, Mapping):
            waiting += [*one, *one.values()]
        elif isinstance(one, list | tuple):
            waiting += one
        else:
            size += len(one) if isinstance(one, str | bytes) else 8
    return size


def cell(value: object) -> object:
    """Without what tables say in types of their own; None for NaN and the like."""
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    return value


# Files.


def open_file(path: Path, encoding: str | None, delimiter: str | None) -> tuple[Source, Items]:
    with path.open("rb") as file:
        head = file.read(HEAD)
    if path.suffix.lower() == ".parquet" or head.startswith(b"PAR1"):
        return Source(str(path), "Parquet"), parquet_rows(path)
    refuse_packed(path, head)
    if not head.strip(b"\xef\xbb\xbf \t\r\n"):
        raise ExamError(f"{path} is empty; give it a question and an answer a row")
    codec, said = encoding_of(path, head, encoding)
    text = codecs.getincrementaldecoder(codec)().decode(head)
    first = text.lstrip()[:1]
    if first in ("{", "[") or path.suffix.lower() in JSON:
        form, items = open_json(path, codec, text)
        return Source(str(path), f"{form}, {said}"), items
    sign = delimiter_of(path, text, delimiter)
    form = f"a table with {DELIMITERS.get(sign, repr(sign))} between its cells, {said}"
    found = read_delimited(path, codec, sign)
    return Source(str(path), form), (
        one if isinstance(one, Skipped) else Given(one[0], one[1]) for one in found
    )


def refuse_packed(path: Path, head: bytes) -> None:
    if head.startswith(b"PK"):
        sheet = path.suffix.lower() in (".xlsx", ".xlsm", ".ods") or b"xl/" in head
        what = "a spreadsheet: save its table as CSV" if sheet else "a zip archive: unpack it"
        raise ExamError(f"{path} is {what}, and name that file")
    for begin, what in MAGIC:
        if head.startswith(begin):
            raise ExamError(f"{path} is {what}")


def encoding_of(path: Path, head: bytes, given: str | None) -> tuple[str, str]:
    """(codec, in words).

    Raises:
        ExamError: It is no UTF-8 text: with what it looks like.
    """
    if given is not None:
        try:
            codec = codecs.lookup(given).name
            codecs.getincrementaldecoder(codec)("strict").decode(head)
        except LookupError:
            raise ExamError(
                f"there is no encoding {given!r}; utf-8, utf-16, cp1252 and latin-1 are some"
            ) from None
        except UnicodeError as error:
            raise ExamError(
                f"{path} is not {given} ({one_line(str(error), 80)}); leave --encoding out to be "
                "told what it looks like"
            ) from None
        return ("utf-8-sig" if codec == "utf-8" else codec), given
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig", "UTF-8, its byte order mark passed over"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ExamError(f"{path} looks like UTF-16; say so with --encoding utf-16, or convert it")
    if (zeros := head.count(0)) > len(head) // 5:
        codec = "utf-16-le" if head[1::2].count(0) > zeros / 2 else "utf-16-be"
        raise ExamError(f"{path} looks like UTF-16; say so with --encoding {codec}, or convert it")
    if zeros:
        raise ExamError(f"{path} is no text (byte {head.index(0)} is zero); name a file of rows")
    decoder, line = codecs.getincrementaldecoder("utf-8")(), 1
    with path.open("rb") as file:
        for _ in range(0, LARGEST_WHOLE, CHUNK):
            chunk = file.read(CHUNK)
            try:
                decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                line += error.object.count(b"\n", 0, error.start)
                before, after = error.object[: error.start], error.object[error.start :]
                near = before.rpartition(b"\n")[2][-20:] + after.partition(b"\n")[0][:20]
                word = one_line(near.decode("cp1252", "replace"))
                raise ExamError(
                    f"{path}, line {line}: not UTF-8; it looks like Windows-1252 or Latin-1, where "
                    f"it reads {word!r}: if that is right, say --encoding cp1252"
                ) from None
            if not chunk:
                break
            line += chunk.count(b"\n")
    return "utf-8", "UTF-8"


def open_json(path: Path, codec: str, head: str) -> tuple[str, Items]:
    """(format, rows) of JSON lines, one array, or one object that holds the rows."""
    text = head.lstrip()
    if text.startswith("{") or path.suffix.lower() in (".jsonl", ".ndjson"):
        first, _, rest = text.partition("\n")
        whole = not isinstance(line_item(first), Unreadable)
        lines = path.suffix.lower() != ".json" or (whole and bool(rest.strip()))
        if lines and (whole or path.suffix.lower() != ".json") and not holds_rows(first, rest):
            return "JSON lines", json_lines(path, codec)
    if path.stat().st_size > LARGEST_WHOLE:
        raise ExamError(
            f"{path} is one JSON value of more than {LARGEST_WHOLE:,} bytes, which is not read: "
            "write one object a line (jq -c '.[]'), or take a part of it"
        )
    with path.open(encoding=codec, newline="") as file:
        try:
            text = file.read()
        except UnicodeError:
            raise ExamError(f"{path} is not {codec}: name its encoding with --encoding") from None
    if text.lstrip().startswith("["):
        return "a JSON array", (json_row(given, where) for _, where, given in named(path, text))
    try:
        given = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ExamError(f"{path}: not JSON ({fault(error, text)}); mend it") from None
    return "one JSON object", object_rows(given, path)


def named(path: Path, text: str) -> Iterator[tuple[int, str, object]]:
    return array_items(text, Path(path.name))


def holds_rows(first: str, rest: str) -> bool:
    """Whether the one line of a file is an object of lists, and no row."""
    if rest.strip():
        return False
    given = line_item(first)
    return isinstance(given, Mapping) and bool(lists_of_rows(given))


def lists_of_rows(given: Mapping[str, object]) -> dict[str, list[object]]:
    return {
        name: value
        for name, value in given.items()
        if name not in CHATS and isinstance(value, list) and value and isinstance(value[0], Mapping)
    }


def json_lines(path: Path, codec: str) -> Items:
    for at, line in enumerate(lines_of(path, codec), 1):
        if line.strip():
            yield json_row(line_item(line), f"{path.name}, line {at}")


def json_row(given: object, where: str) -> Given | Skipped:
    if isinstance(given, Mapping):
        return Given(where, given)
    if isinstance(given, Unreadable):
        return Skipped(where=where, reason=given.why)
    return Skipped(where=where, reason='not an object: write {"question": …, "answer": …}')


def object_rows(given: object, path: Path) -> Items:
    """Of `{"data": [rows]}`, of `{"train": [rows], "test": [rows]}`, or of columns, as pandas
    writes them."""
    if isinstance(given, Mapping):
        found = lists_of_rows(given)
        splits = {name: split_name(name) for name in found}
        if len(found) == 1 or (found and all(splits.values())):
            return [
                item if isinstance(item, Skipped) else Given(item.where, item.fields, splits[name])
                for name, rows in found.items()
                for at, row in enumerate(rows, 1)
                for item in [json_row(row, f"{path.name}, {name}, item {at}")]
            ]
        if len(found) > 1:
            raise ExamError(
                f"{path} holds several lists of rows ({', '.join(found)}): write the one that is "
                "meant into a file of its own"
            )
        columns = [list(c.values()) if isinstance(c, Mapping) else c for c in given.values()]
        if len(columns) > 1 and all(
            isinstance(c, list) and len(c) == len(columns[0]) for c in columns
        ):
            return [
                Given(f"{path.name}, item {at}", dict(zip(given, cells, strict=True)))
                for at, cells in enumerate(zip(*columns, strict=True), 1)
            ]
        if not any(isinstance(value, list | Mapping) for value in given.values()):
            return [Given(f"{path.name}, item 1", given)]
    raise ExamError(f"{path} holds no list of rows: write one object a line, or an array of them")


def parquet_rows(path: Path) -> Items:
    import pyarrow.parquet
    from pyarrow import ArrowException

    try:
        file = pyarrow.parquet.ParquetFile(path)
        names = file.schema_arrow.names
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ExamError(f"{path}: two columns are called {twice!r}; rename one of them")
        groups = (file.metadata.row_group(at) for at in range(file.num_row_groups))
        if any(group.total_byte_size > 4 * LARGEST_WHOLE for group in groups):
            raise ExamError(
                f"{path} has a row group of more than {4 * LARGEST_WHOLE:,} bytes, which is not "
                "read: write it in smaller groups"
            )
        at = itertools.count(1)
        wanted = [name for name in names if not name.startswith("__index_level_")]
        for batch in file.iter_batches(batch_size=64, columns=wanted):
            for fields in batch.to_pylist():
                yield Given(f"{path.name}, row {next(at)}", fields)
    except ArrowException as error:
        raise ExamError(
            f"{path} is no Parquet that can be read ({one_line(str(error), 120)}): write it again"
        ) from None


# Folders and datasets.


def open_folder(folder: Path, encoding: str | None, delimiter: str | None) -> tuple[Source, Items]:
    """A folder that `datasets` saved, or one with a file for each split."""
    if (folder / "dataset_dict.json").is_file() or (folder / "state.json").is_file():
        return Source(str(folder), "a folder that `datasets` saved"), saved_rows(folder)
    inside = folder / "data" if (folder / "data").is_dir() else folder
    files = sorted(file for file in inside.iterdir() if file.suffix.lower() in KNOWN)
    if not files:
        there = ", ".join(sorted(file.name for file in folder.iterdir())[:6]) or "nothing"
        raise ExamError(
            f"the folder {folder} holds no {', '.join(KNOWN)} and was not saved by `datasets`; it "
            f"holds {there}: name a file of rows"
        )
    splits = {file: split_name(split_of(file)) for file in files}
    if len(files) > 1 and not all(splits.values()):
        unclear = next(file for file in files if not splits[file])
        raise ExamError(
            f"the folder {folder} holds {len(files)} files, and {unclear.name} says neither train, "
            "validation nor test: name the one file that is meant"
        )
    sources = [(file, *open_file(file, encoding, delimiter)) for file in files]
    form = f"{len(files)} file{'s' if len(files) > 1 else ''}, {sources[0][1].form}"
    return Source(str(folder), form), (
        item if isinstance(item, Skipped) else Given(item.where, item.fields, splits[file])
        for file, _, items in sources
        for item in items
    )


def split_name(name: str) -> str:
    """`train`, `validation`, `test`, or nothing."""
    return {
        "train": "train",
        "training": "train",
        "practice": "train",
        "validation": "validation",
        "valid": "validation",
        "val": "validation",
        "dev": "validation",
        "test": "test",
        "eval": "test",
    }.get(str(name).strip().lower(), "")


def saved_rows(folder: Path) -> Items:
    import datasets

    try:
        data = datasets.load_from_disk(str(folder))
    except Exception as error:  # of any of the libraries below
        raise unopened(str(folder), error) from None
    splits = data if isinstance(data, datasets.DatasetDict) else {"": data}
    return from_splits(splits, folder.name)


def from_splits(data: Mapping[str, Any], name: str) -> Items:
    known = {split: split_name(split) for split in data}
    if len(data) > 1 and not all(known.values()):
        raise ExamError(
            f"{name} has the splits {', '.join(data)}, and not all of them are train, validation "
            "or test: save the one that is meant and name that"
        )
    for split, table in data.items():
        for at, fields in enumerate(table_rows(table), 1):
            where = f"{name}{f', {split}' if split else ''}, row {at}"
            yield Given(where, fields, known[split] if len(data) > 1 else "")


def table_rows(table: Any) -> Iterator[dict[str, Any]]:
    """The rows of a `datasets` table: labels by their names, pictures and sound left out."""
    kinds = {name: type(kind).__name__ for name, kind in table.features.items()}
    heard = [name for name, kind in kinds.items() if kind in ("Image", "Audio", "Video", "Pdf")]
    labels = {name: table.features[name] for name, kind in kinds.items() if kind == "ClassLabel"}
    for fields in table.remove_columns(heard):
        for name, names in labels.items():
            given = fields[name]
            fields[name] = names.int2str(given) if given is not None and given >= 0 else None
        yield fields
