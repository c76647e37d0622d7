"""How the answers of a file are judged: by what they are, or by asking."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from errata.agents.intake.columns import Columns, simple
from errata.agents.intake.findings import Finding, Undecided, finding
from errata.agents.marking.number import read_number

TYPES = ("number", "choice", "code", "text", "math", "label", "json", "regex", "judge")
"""Those of a configuration; one's own marker, `python:FILE.py:NAME`, besides."""

MOST_LABELS = 60
LONGEST_LABEL = 60
"""Characters."""
SURE_LABELS = 12
"""Different answers that are labels whatever their column is called."""
EACH_LABEL = 5
"""Rows of a label, on average, below which it may as well be a text."""
MOSTLY = 0.95
"""Share of the rows that must look alike; the others are named and left out."""

LABEL_NAMES = (
    "label labels true_label class category intent sentiment tag rating stars department priority "
    "status topic y"
).split()
"""Columns whose numbers are names of classes."""
DATES = (
    ("YYYY-MM-DD", re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2})?[^\s]{0,20})?")),
    ("D/M/Y or M/D/Y", re.compile(r"\d{1,2}/\d{1,2}/\d{2,4}")),
    ("D.M.Y", re.compile(r"\d{1,2}\.\d{1,2}\.\d{2,4}")),
    ("in words", re.compile(r"(?:\d{1,2} [A-Z][a-z]{2,8}\.?|[A-Z][a-z]{2,8}\.? \d{1,2}),? \d{4}")),
)
LATEX = re.compile(r"\\[a-zA-Z]+|\$[^$]{1,500}\$|\^[{\d(a-z]|_\{")
FORMULA = re.compile(r"[-+*/^()=.,\s\d]*(?:[a-z](?![a-z])[-+*/^()=.,\s\d]*)+")
FENCE = re.compile(r"```(?:json)?\s", re.IGNORECASE)
UNIT = re.compile(
    r"[-+]?\d[\d.,]{0,30}\s?[^\W\d_]{1,12}(?:[/ ][^\W\d_]{1,12})?|[-+]?\d[\d.,]{0,30}\s?[€$£¥%°]C?"
)
WORKED = re.compile(r"####\s*(\S[^\n]*)\s*\Z")
"""How GSM8K ends a worked answer."""


@dataclass
class Judged:
    """How the answers are judged, and why."""

    type: str
    why: str
    labels: tuple[str, ...] = ()
    """Of the type label, as they are written most often."""
    fields: Mapping[str, str] = field(default_factory=dict)
    """Of the type json: field → how it is compared, where that is not exactly."""
    undecided: list[Undecided] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


Valued = Sequence[tuple[str, object]]
"""(place, answer as the file has it); rows without one are left out."""


def judge_type(values: Valued, columns: Columns, said: str | None) -> Judged:
    """The type of the answers.

    Args:
        said: By the person.
    """
    found = type_of([value for _, value in values], columns)
    if said is not None:
        found = Judged(said, "as you say")
    if found.type in ("text", "number", "math"):
        found.findings += dates(values)
    if found.type == "text":
        found.findings += with_units(values)
    if found.type == "label":
        found.labels, variants = labels_of([as_label(value) for _, value in values])
        if variants:
            found.findings.append(
                finding(
                    "labels written in several ways",
                    "warning",
                    "Labels that differ in case or space only are one label here: "
                    + "; ".join(f"{' = '.join(map(repr, one))}" for one in variants[:5])
                    + ".",
                    count=len(variants),
                    do="mend the file if they are meant to be different",
                )
            )
        found.findings += rare_labels(values, found.labels)
    if found.type == "json":
        found.fields = compared([parsed(value) for _, value in values])
    return found


def type_of(values: Sequence[object], columns: Columns) -> Judged:
    if columns.tests:
        return Judged("code", f"the column {columns.tests!r} holds programs that test")
    if columns.options:
        return Judged("choice", f"there are options ({', '.join(columns.options)})")
    total = max(1, len(values))
    shares = Counter(sort_of(value) for value in values)

    def share(*sorts: str) -> float:
        return sum(shares[sort] for sort in sorts) / total

    labels = len({as_label(value).casefold() for value in values})
    frequent = 2 <= labels <= MOST_LABELS and len(values) >= EACH_LABEL * labels
    class_name = simple(columns.target or "") in LABEL_NAMES
    if share("bool") >= MOSTLY:
        return Judged("label", "the answers are true or false: two labels")
    if share("object", "list of objects") >= MOSTLY:
        return Judged("json", "the answers are JSON objects")
    if share("list", "object", "list of objects") >= MOSTLY:
        return asked(
            ("json", "label"), "json", "the answers are lists: JSON, or several right answers?"
        )
    if share("number") >= MOSTLY:
        if frequent and class_name:
            return Judged(
                "label", f"{labels} numbers come up again and again in {columns.target!r}"
            )
        if frequent and labels <= 10:
            return asked(
                ("number", "label"),
                "number",
                f"the answers are {labels} numbers that come up again and again: values, or names "
                "of classes?",
            )
        return Judged("number", "the answers are numbers")
    if share("math", "number") >= MOSTLY and share("math") > 0.02:
        return Judged("math", "the answers are formulas")
    short = all(len(as_label(value)) <= LONGEST_LABEL for value in values)
    if frequent and short:
        if not class_name and share("math", "number") > 0.5:
            return asked(("label", "math"), "label", "few answers, and most of them formulas")
        return Judged("label", f"{labels} answers come up again and again in {len(values):,} rows")
    main, count = shares.most_common(1)[0] if shares else ("text", 0)
    if main in ("number", "object", "math") and 0.5 <= count / total < MOSTLY:
        kind = {"object": "json"}.get(main, main)
        return asked(
            (kind, "text"),
            kind,
            f"{count:,} of {total:,} answers look like {kind} and the others do not: as {kind} "
            "those are left out",
        )
    words = [len(str(value).split()) for value in values]
    lines = sum("\n" in str(value).strip() for value in values) / total
    if median(words or [0]) > 12 or lines > 0.2:
        return Judged(
            "judge", f"the answers are free text, of {median(words):.0f} words in the middle"
        )
    if labels <= min(MOST_LABELS, total // 2) and short and (class_name or total >= 2 * labels):
        return asked(
            ("label", "text"),
            "label" if class_name else "text",
            f"{labels} different answers in {total:,} rows: a closed set, or texts?",
        )
    if max(words or [0]) > 12 or median(words or [0]) > 5:
        return asked(
            ("text", "judge"),
            "text",
            "the answers are a few words long: must they be met word for word, or is the sense "
            "enough (that takes an LLM that judges)?",
        )
    return Judged("text", "the answers are short texts, hardly two of them alike")


def asked(choices: tuple[str, ...], proposal: str, why: str) -> Judged:
    question = Undecided(
        flag="--answer",
        asked="How are the answers judged?",
        choices=choices,
        proposal=proposal,
        why=why,
    )
    return Judged(proposal, why, undecided=[question])


def sort_of(value: object) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, Mapping):
        return "object"
    if isinstance(value, list | tuple):
        return "list of objects" if value and isinstance(value[0], Mapping) else "list"
    text = str(value).strip()
    if WORKED.search(text[-200:]):
        text = WORKED.search(text[-200:])[1]  # type: ignore[index]
    if text.lower() in ("true", "false"):
        return "bool"
    if text[:1] in ("{", "[") or FENCE.match(text):
        held = parsed(text)
        if isinstance(held, Mapping | list):
            return sort_of(held)
    if len(text) > 200:
        return "text"
    if read_number(text) is not None:
        return "number"
    return "math" if LATEX.search(text) or FORMULA.fullmatch(text) else "text"


def parsed(value: object) -> object:
    """What a text of JSON holds, in a code fence or not; anything else as it is."""
    if not isinstance(value, str):
        return value
    fenced = FENCE.match(value.strip())
    inside = value.strip()[fenced.end() :].removesuffix("```") if fenced else value
    try:
        return json.loads(inside)
    except (ValueError, RecursionError):
        return value


def as_label(value: object) -> str:
    """On one line; 3.0, which tables make of 3 where a cell is empty, as 3."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return " ".join(str(value).split())


def labels_of(values: Sequence[str]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Each label as it is written most often; and the ways to write those that have several."""
    ways: dict[str, Counter[str]] = {}
    for value in values:
        ways.setdefault(value.casefold(), Counter())[value] += 1
    labels = tuple(sorted(found.most_common(1)[0][0] for found in ways.values()))
    return labels, [tuple(found) for found in ways.values() if len(found) > 1]


def rare_labels(values: Valued, labels: Sequence[str]) -> list[Finding]:
    counts = Counter(as_label(value).casefold() for _, value in values)
    rare = {label for label in labels if counts[label.casefold()] < EACH_LABEL}
    keys = {label.casefold() for label in rare}
    rows = [where for where, value in values if as_label(value).casefold() in keys]
    if not rare:
        return []
    said = f"Labels with fewer than {EACH_LABEL} rows: {', '.join(sorted(rare)[:8])}."
    do = "give them more rows, join them with another label, or mend them if they are misspelt"
    return [finding("rare labels", "warning", said, rows, do)]


def dates(values: Valued) -> list[Finding]:
    """Whether the answers are dates, and of one form."""
    forms: dict[str, list[str]] = {}
    for where, value in values:
        if isinstance(value, str):
            for name, form in DATES:
                if form.fullmatch(value.strip()):
                    forms.setdefault(name, []).append(where)
    rows = [where for found in forms.values() for where in found]
    if len(rows) < 0.5 * len(values):
        return []
    said = f"The answers are dates ({', '.join(forms)}), and are compared sign by sign."
    do = "say in the question which form is wanted"
    if len(forms) == 1:
        return [finding("dates", "warning", said, (), do, len(rows))]
    rare = min(forms.values(), key=len)
    return [finding("dates", "problem", said, rare, "write all of them in one form", len(rare))]


def with_units(values: Valued) -> list[Finding]:
    """Whether the answers are numbers that a unit or a sign of money stands at."""
    rows = [where for where, value in values if UNIT.fullmatch(str(value).strip())]
    if len(rows) < 0.5 * len(values):
        return []
    said = "The answers are numbers with a unit, and are compared sign by sign: 5 kg is not 5kg."
    do = "put the unit into the question and leave the bare number, to have values compared"
    return [finding("numbers with units", "warning", said, rows, do)]


def compared(values: Sequence[object]) -> dict[str, str]:
    """Fields of JSON answers that are numbers, or lists of plain values, in every answer."""
    sorts: dict[str, set[str]] = {}
    for value in values:
        if isinstance(value, Mapping):
            for name, held in value.items():
                sorts.setdefault(str(name), set()).add(json_sort(held))
    return {
        name: "number" if found <= {"number", "null"} else "set"
        for name, found in sorts.items()
        if found - {"null"} and (found <= {"number", "null"} or found <= {"list", "null"})
    }


def json_sort(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "number"
    if isinstance(value, list) and not any(isinstance(one, Mapping | list) for one in value):
        return "list"
    return "other"
