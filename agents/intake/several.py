"""Several right answers in one cell: any of them is right, or all of them together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from errata.agents.marking.regex import LONGEST_PATTERN, literal
from errata.agents.marking.text import bare

SEPARATORS = ("|", ";", ",", "/", "+")
MOST_PARTS = 60
"""Different parts that are a closed set of labels."""
LONGEST_PART = 40
"""Characters."""
EACH_PART = 5
"""Times that a part comes up, on average."""
WITH_SEVERAL = 0.1
"""Share of the cells that hold several parts."""


def accepted(value: object) -> tuple[str, ...] | None:
    """The right answers, each of which is enough, as data sets of questions on texts have them;
    None of anything else.

    SQuAD's `{"text": [...], "answer_start": [...]}`, the same as a list of objects, and TriviaQA's
    `{"value": ..., "aliases": [...]}`.
    """
    if isinstance(value, Mapping):
        names = set(value)
        if {"text", "answer_start"} <= names:
            texts = value["text"]
            return of_texts(texts if isinstance(texts, list) else [texts])
        if {"value", "aliases"} <= names and isinstance(value["aliases"], list):
            return of_texts([value["value"], *value["aliases"]])
    if isinstance(value, list) and value and all(is_span(one) for one in value):
        return of_texts([one["text"] for one in value])
    return None


def is_span(value: object) -> bool:
    return isinstance(value, Mapping) and {"text", "answer_start"} <= set(value)


def of_texts(texts: Sequence[object]) -> tuple[str, ...]:
    """Without those that the marker takes for the same."""
    return tuple(dict.fromkeys(text for one in texts if (text := bare(str(one)))))


def pattern_for(texts: Sequence[str]) -> str:
    """What matches each of these texts, as many as a pattern has room for, and nothing else."""
    found = ""
    for text in texts:
        one = literal(text).replace("\\ ", " ")
        more = f"{found}|{one}" if found else one
        if len(more) > LONGEST_PATTERN:
            break
        found = more
    return found


def separator_of(cells: Sequence[str]) -> str | None:
    """What stands between the labels of a cell that holds several: `bug|urgent`; None where cells
    hold one each."""
    for sign in SEPARATORS:
        several = sum(sign in cell.strip(sign) for cell in cells)
        if several < WITH_SEVERAL * len(cells):
            continue
        rows = [parts_of(cell, sign) for cell in cells]
        counts = Counter(part for row in rows for part in row)
        lengths = {len(row) for row in rows}
        if (
            2 <= len(counts) <= MOST_PARTS
            and counts.total() >= EACH_PART * len(counts)
            and max(map(len, counts)) <= LONGEST_PART
            and all(len(set(row)) == len(row) for row in rows)
            and (len(lengths) > 1 or any_place(rows))
            and not all(part.replace(".", "").isdecimal() for part in counts)
        ):
            return sign
    return None


def any_place(rows: Sequence[Sequence[str]]) -> bool:
    """Whether parts stand now here, now there: those of `Bonn, Germany` keep their places."""
    first = {row[0] for row in rows if row}
    last = {row[-1] for row in rows if row}
    return len(first & last) >= 0.5 * min(len(first), len(last))


def parts_of(cell: str, separator: str) -> list[str]:
    return [part for one in cell.split(separator) if (part := " ".join(one.split()))]
