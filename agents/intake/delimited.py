"""Tables of text: CSV, TSV and their like, read line by line."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from errata.agents.errors import ExamError
from errata.agents.exams.rows import Skipped
from errata.agents.plain_text import one_line

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
LARGEST_FIELD = 16_000_000
"""Characters of a cell at which reading it is given up."""
LONGEST_LINE = 64_000_000
"""Characters."""

Cells = tuple[str, dict[str, str]]
"""(place, column → cell)."""


def lines_of(path: Path, codec: str) -> Iterator[str]:
    """The lines of a text file, one at a time; those that hold a cell with line breaks, too.

    Raises:
        ExamError: A line is longer than `LONGEST_LINE`, or is not of this encoding.
    """
    at = 0
    try:
        with path.open(encoding=codec, newline="") as file:
            while line := file.readline(LONGEST_LINE):
                at += 1
                if len(line) == LONGEST_LINE:
                    raise ExamError(
                        f"{path}, line {at}: it has more than {LONGEST_LINE:,} characters; is it "
                        "one object a line, or a table?"
                    )
                yield line
    except UnicodeError as error:
        raise ExamError(
            f"{path}, after line {at}: the text is not {codec} ({one_line(str(error), 80)}); "
            "name its encoding with --encoding, or convert it to UTF-8"
        ) from None


def delimiter_of(path: Path, head: str, given: str | None) -> str:
    """What separates the cells.

    Args:
        head: The beginning of the file.

    Raises:
        ExamError: Two signs would do.
    """
    if given is not None:
        named = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";"}.get(given, given)
        if len(named) != 1 or named in '"\r\n':
            raise ExamError(f"--delimiter takes one character, or `tab`; it is {given!r}")
        return named
    fits = [sign for sign in DELIMITERS if fit(head, sign) >= 0.8]
    if len(fits) > 1 and path.suffix.lower() == ".tsv" and "\t" in fits:
        return "\t"
    if len(fits) > 1:
        names = " or ".join(DELIMITERS[sign] for sign in fits)
        raise ExamError(
            f"{path}: its cells may be separated by {names}; say which with --delimiter"
        )
    return fits[0] if fits else ","


def fit(head: str, sign: str) -> float:
    """Share of the first records with as many cells as the header; 0 where that is one cell."""
    with large_fields():
        records = csv.reader(io.StringIO(head, newline=""), delimiter=sign)
        widths = []
        try:
            for cells in records:
                if cells:
                    widths.append(len(cells))
                if len(widths) == 50:
                    break
        except csv.Error:
            pass
    if len(widths) > 2 and len(head) >= HEAD:
        widths.pop()  # it may be cut off
    if not widths or widths[0] == 1:
        return 0.0
    return sum(width == widths[0] for width in widths) / len(widths)


HEAD = 1 << 16
"""Bytes that are looked at first."""


@contextmanager
def large_fields() -> Iterator[None]:
    before = csv.field_size_limit(LARGEST_FIELD)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def read_delimited(path: Path, codec: str, delimiter: str) -> Iterator[Cells | Skipped]:
    """Each row, or why it is none.

    Raises:
        ExamError: There is no header, two columns have one name, or most rows do not fit it.
    """
    with large_fields():
        reader = csv.reader(lines_of(path, codec), delimiter=delimiter, strict=True)
        names: list[str] | None = None
        fitting = ragged = 0
        while True:
            line = reader.line_num + 1
            where = f"{path.name}, line {line}"
            try:
                cells = next(reader)
            except StopIteration:
                break
            except csv.Error as error:
                yield Skipped(where=where, reason=why(error))
                continue
            if not any(cell.strip() for cell in cells):
                continue
            if names is None:
                names = header(cells, path, line)
                continue
            if len(cells) == len(names):
                fitting += 1
                yield where, {name: cell for name, cell in zip(names, cells, strict=True) if name}
                continue
            ragged += 1
            if ragged == 50 and fitting < ragged:
                break
            reason = (
                f"another number of cells than the header has ({len(cells)}, not {len(names)}): "
                "put quotes around cells that hold the delimiter, or a line break"
            )
            yield Skipped(where=where, reason=reason)
    if names is not None and ragged > fitting:
        raise ExamError(
            f"{path}: most rows have another number of cells than the header, which has "
            f"{len(names)}; is the delimiter {delimiter!r} right? Name it with --delimiter, and "
            "put quotes around cells that hold it"
        )


def header(cells: list[str], path: Path, line: int) -> list[str]:
    """The names of the columns; empty for one without a name, which is passed over."""
    names = [cell.strip() for cell in cells]
    for at, name in enumerate(names):
        if name and name in names[:at]:
            raise ExamError(
                f"{path}, line {line}: the columns {names.index(name) + 1} and {at + 1} are both "
                f"called {one_line(name, 40)!r}; rename one of them"
            )
    return names


def why(error: csv.Error) -> str:
    said = str(error)
    if "unexpected end" in said:
        return "a quote is opened and never closed: close it, or double it inside a cell"
    if "field larger" in said:
        return f"a cell of over {LARGEST_FIELD:,} characters: take the row out, or close its quote"
    return f"the quotes are wrong ({said}): double a quote inside a cell"
