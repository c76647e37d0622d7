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
from errata.agents.intake.json_form import json_form
from errata.agents.intake.several import accepted, of_texts, parts_of, separator_of
from errata.agents.marking.number import read_number
from errata.agents.records import FieldMatch

TYPES = ("number", "choice", "code", "text", "math", "label", "json", "regex", "judge")
"""Those of a configuration; one's own marker, `python:FILE.py:NAME`, besides."""

MOST_LABELS = 60
"""Different answers that are labels whatever their column is called."""
MOST_CLASSES = 200
"""The same in a column that is called like one of classes."""
LONGEST_LABEL = 60
"""Characters."""
EACH_LABEL = 5
"""Rows of a label, on average, below which it may as well be a text."""
MOSTLY = 0.95
"""Share of the rows that must look alike; the others are named and left out."""

LABEL_NAMES = (
    "label labels true_label class category intent sentiment tag rating stars department priority "
    "status topic y"
).split()
"""Columns whose numbers are names of classes."""
ISO = "YYYY-MM-DD"
DATES = (
    (ISO, re.compile(r"\d{4}-\d{2}-\d{2}")),
    ("YYYY-MM-DD and a time", re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2})?\S{0,20}")),
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
    fields: Mapping[str, FieldMatch] = field(default_factory=dict)
    """Of the type json: field → how it is compared, where that is not exactly."""
    schema: str = ""
    """Of the type json: the JSON Schema that all answers fit, as a file has it."""
    separator: str | None = None
    """Of the type json: what stands between the items of a list that a cell has as text."""
    dates: str = ""
    """Of the type text: the one form in figures that all answers have, as dates."""
    amount: Amounts | None = None
    """Of the type number: what stands at the numbers, and is taken off."""
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
        open_to = {said for one in found.undecided for said in one.choices} | {found.type}
        found = Judged(said, found.why.partition(":")[0] if said in open_to else "as you say")
    if found.type in ("text", "number", "math"):
        found.dates, seen = dates(values)
        found.findings += seen
    if found.type == "text":
        found.findings += [*with_units(values), *with_several(values)]
    if found.type == "number":
        found.amount = amounts_in([value for _, value in values])
        found.findings += [*taken_off(found.amount, values), *dots_of_thousands(values)]
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
        cells = [value for _, value in values if isinstance(value, str)]
        if len(cells) > MOSTLY * len(values) and not any(starts_json(cell) for cell in cells[:50]):
            found.separator = separator_of(cells)
        held = [as_json(value, found.separator) for _, value in values]
        form = json_form(held)
        found.fields, found.schema = form.fields, form.schema
        found.findings += form.findings
    return found


def as_json(value: object, separator: str | None) -> object:
    """The value that an answer is: of JSON as text, or of labels with a separator between them."""
    if separator is not None and isinstance(value, str):
        return parts_of(value, separator)
    return parsed(value)


def starts_json(cell: str) -> bool:
    return cell.lstrip()[:1] in ("{", "[", "`")


def type_of(values: Sequence[object], columns: Columns) -> Judged:
    if columns.tests:
        return Judged("code", f"the column {columns.tests!r} holds programs that test")
    if columns.options:
        return Judged("choice", f"there are options ({', '.join(columns.options)})")
    if columns.wrong:
        return Judged("choice", f"there are wrong options too ({', '.join(columns.wrong)})")
    if columns.listed:
        return Judged("choice", "the questions end in options, and the answers name one of them")
    total = max(1, len(values))
    shares = Counter(sort_of(value) for value in values)

    def share(*sorts: str) -> float:
        return sum(shares[sort] for sort in sorts) / total

    labels = len({as_label(value).casefold() for value in values})
    class_name = simple(columns.target or "") in LABEL_NAMES
    most = MOST_CLASSES if class_name else MOST_LABELS
    frequent = 2 <= labels <= most and len(values) >= EACH_LABEL * labels
    if share("bool") >= MOSTLY:
        return Judged("label", "the answers are true or false: two labels")
    if share("object", "list of objects") >= MOSTLY:
        return Judged("json", "the answers are JSON objects")
    if share("accepted") >= MOSTLY:
        return Judged("text", "each answer is one or several texts, and any of them is right")
    if share("list", "object", "list of objects") >= MOSTLY:
        return asked(
            ("json", "text"),
            "json",
            "the answers are lists: is the whole list the answer, or any text of it?",
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
    if (amounts := amounts_in(values)) is not None:
        return asked(
            ("number", "label", "text") if frequent else ("number", "text"),
            "number",
            f"the answers are numbers {amounts.said}: as number that is taken off and values are "
            "compared, as text they must be met sign by sign",
        )
    if (sign := separator_of([as_label(value) for value in values])) is not None:
        return asked(
            ("json", "label", "text") if frequent else ("json", "text"),
            "json",
            f"many cells hold several labels with {sign!r} between them: as json a list in any "
            "order"
            + (", as label each combination is a label of its own" if frequent else "")
            + ", as text they must be met sign by sign",
        )
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
    if labels <= min(MOST_CLASSES, total // 2) and short:
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
    return Judged(
        "text", f"the answers are short texts, {labels:,} different ones in {total:,} rows"
    )


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
    if accepted(value) is not None:
        return "accepted"
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


def dates(values: Valued) -> tuple[str, list[Finding]]:
    """The one form in figures of answers that are dates, empty where there is none; and what is to
    be said of it."""
    forms: dict[str, list[str]] = {}
    for where, value in values:
        if isinstance(value, str):
            for name, form in DATES:
                if form.fullmatch(value.strip()):
                    forms.setdefault(name, []).append(where)
    rows = [where for found in forms.values() for where in found]
    if len(rows) < 0.5 * len(values):
        return "", []
    said = f"The answers are dates ({', '.join(forms)}), and are compared sign by sign."
    if len(forms) > 1:
        rare = min(forms.values(), key=len)
        return "", [finding("dates", "problem", said, rare, "write all of them in one form")]
    if ISO in forms and len(rows) == len(values):
        said += " `system` under [student] asks for that form."
        return ISO, [finding("dates", "ok", said, (), "", len(rows))]
    do = "say in the question, or in `system` under [student], which form is wanted"
    return "", [finding("dates", "warning", said, (), do, len(rows))]


def with_units(values: Valued) -> list[Finding]:
    """Whether the answers are numbers that a unit or a sign of money stands at."""
    rows = [where for where, value in values if UNIT.fullmatch(str(value).strip())]
    if len(rows) < 0.5 * len(values):
        return []
    said = "The answers are numbers with a unit, and are compared sign by sign: 5 kg is not 5kg."
    do = "put the unit into the question and leave the bare number, to have values compared"
    return [finding("numbers with units", "warning", said, rows, do)]


def with_several(values: Valued) -> list[Finding]:
    """Questions to which any of several texts is a right answer."""
    texts = {where: accepted_texts(value) for where, value in values}
    rows = [where for where, found in texts.items() if found is not None and len(found) > 1]
    if not rows:
        return []
    said = "Any of several texts is right here: a pattern of them is the target."
    return [finding("several right answers", "ok", said, rows)]


def accepted_texts(value: object) -> tuple[str, ...] | None:
    """The texts of which each is a right answer; None where the answer is no list of texts."""
    if isinstance(value, list | tuple) and all(isinstance(one, str | int | float) for one in value):
        return of_texts(value)
    return accepted(value)


# Numbers with something at them.


@dataclass(frozen=True)
class Amounts:
    """What stands at nearly all numbers of a file."""

    unit: str
    """`€`, `kg`; empty: there is none."""
    comma: bool
    """Decimals follow a comma: `1.234,56`."""

    @property
    def said(self) -> str:
        parts = [f"with {self.unit!r}" if self.unit else "", "with a decimal comma" * self.comma]
        return " and ".join(filter(None, parts))

    def bare(self, text: str) -> str:
        """A number as the marker reads it; the text as it is where it is none."""
        found = AMOUNT.fullmatch(text.strip())
        if found is None or (found["before"] or found["after"] or "") != self.unit:
            return text
        number = re.sub(r"\s", "", found["number"])
        if self.comma:
            number = number.replace(".", "").replace(",", ".")
        return number


AMOUNT = re.compile(
    r"(?P<before>[€$£¥₹]|[A-Z]{3}(?=\s))?\s?(?P<number>[-+]?\d[\d.,\s]{0,30}(?<=\d))"
    r"\s?(?P<after>[€$£¥₹%°]C?|[^\W\d_]{1,12}(?:[/ ][^\W\d_]{1,12})?)?"
)
COMMA = re.compile(r"[-+]?(?:\d+|\d{1,3}(?:[.\s]\d{3})+),(?:\d{1,2}|\d{4,})")
"""A number whose comma can stand before decimals alone."""


def amounts_in(values: Sequence[object]) -> Amounts | None:
    """What must be taken off the answers so that they are numbers: None where nothing must be, or
    where it is not the same everywhere."""
    texts = [str(value).strip() for value in values if not isinstance(value, bool | Mapping | list)]
    found = [one for text in texts if len(text) <= 60 and (one := AMOUNT.fullmatch(text))]
    if not found or len(found) < MOSTLY * len(values):
        return None
    unit, count = Counter(one["before"] or one["after"] or "" for one in found).most_common(1)[0]
    comma = any(COMMA.fullmatch(one["number"]) for one in found)
    if count < MOSTLY * len(values) or (comma and any(DOT.search(one["number"]) for one in found)):
        return None
    made = Amounts(unit, comma)
    if not made.said or all(read_number(text) is not None for text in texts):
        return None
    read = sum(read_number(made.bare(text)) is not None for text in texts)
    return made if read >= MOSTLY * len(values) else None


def taken_off(amounts: Amounts | None, values: Valued) -> list[Finding]:
    if amounts is None:
        return []
    said = f"The answers are numbers {amounts.said}; that is taken off, and values are compared."
    do = "say in the question, or in `system` under [student], in which unit the answer is wanted"
    return [finding("numbers with units", "warning", said, (), do, len(values))]


DOT = re.compile(r"\.\d{1,2}$|,\d{3}\.")
"""How a number ends whose decimals follow a dot."""
THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2}\.\d{3}")


def dots_of_thousands(values: Valued) -> list[Finding]:
    """Whether most answers read like 1.234, which in many countries is over a thousand."""
    rows = [where for where, value in values if THOUSANDS.fullmatch(str(value).strip())]
    if len(rows) < 0.5 * len(values) or any(isinstance(value, float) for _, value in values):
        return []
    said = "Most answers have three digits after a dot, and 1.234 is read as a little over one."
    return [finding("dots", "warning", said, rows, "write 1234 if thousands are meant")]
