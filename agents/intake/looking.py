"""All that is seen in a person's file, and what is proposed: columns, answer type, sides."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from errata.agents.chat_models.ledger import CHARACTERS_PER_TOKEN
from errata.agents.errors import ConfigError, ExamError
from errata.agents.exams import plain
from errata.agents.exams.rows import Skipped
from errata.agents.intake.answer_types import MOSTLY, TYPES, Judged, as_label, judge_type
from errata.agents.intake.columns import Columns, Said, empty, read_columns
from errata.agents.intake.findings import Finding, Undecided, by_reason, finding
from errata.agents.intake.pairs import whole_chats
from errata.agents.intake.plan import Plan, plan_for
from errata.agents.intake.reading import Given, Source
from errata.agents.intake.rows import (
    Choices,
    OwnRow,
    bare_answer,
    common_system,
    listed_in,
    own_row,
    prompt_of,
    raw_target,
    read_chat,
)
from errata.agents.intake.split import (
    LEAST,
    LOPSIDED,
    Divided,
    Near,
    Sizes,
    apart,
    divide,
    sizes_of,
)
from errata.agents.marking.equations import read_equations
from errata.agents.records import Record
from errata.training.own_code import is_own

MARKUP = re.compile(
    r"<(?:/?[a-zA-Z][a-zA-Z0-9]{0,15})(?:\s[^<>]{0,200})?/?>|&(?:[a-z]{2,6}|#\d{1,5});"
)
CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


NEAR: tuple[Near, ...] = ("together", "drop", "ignore")


class Wishes(Record):
    """What the person says beforehand; None: it is found, or asked."""

    columns: Said = Said()
    answer: str | None = None
    uncorrected: str | None = None
    first_option: str | None = None
    near: str | None = None
    dev: int | None = None
    test: int | None = None
    pattern: str | None = None
    """Of the type regex: what finds the answer."""
    instructor: str | None = None
    """An LLM that may be paid."""


class Lengths(Record):
    """Characters, of the texts of one sort."""

    median: int
    longest: int
    tokens: int
    """Of the longest, at four characters each: nothing was loaded to count them."""


@dataclass
class Looked:
    """What was found, and what is proposed."""

    source: Source
    columns: Columns
    judged: Judged
    divided: Divided
    sizes: Sizes
    findings: list[Finding]
    left_out: list[Skipped]
    """Every row that is in no side, and why."""
    undecided: list[Undecided]
    kinds: dict[str, int]
    questions: Lengths
    answers: Lengths
    """Of the worked solutions, where there are any."""
    plan: Plan
    system: str | None
    pattern: str | None

    @property
    def rows(self) -> list[OwnRow]:
        return [row for rows in self.divided.sides.values() for row in rows]


def look(source: Source, wishes: Wishes) -> Looked:
    """Everything that can be said of a file before a model is asked.

    Raises:
        ExamError: It cannot become an exam: with the row or the column, and the remedy.
        ConfigError: What the person says cannot be.
    """
    if wishes.answer is not None and wishes.answer not in TYPES and not is_own(wishes.answer):
        raise ConfigError(
            f"there is no answer type {wishes.answer!r}: {', '.join(TYPES)}, or python:FILE.py:NAME"
        )
    if (wishes.answer == "regex") != (wishes.pattern is not None):
        raise ConfigError("--answer regex and --pattern go together: the pattern finds the answer")
    source, chat = whole_chats(source, wishes.columns)
    columns, undecided = read_columns(source.rows, wishes.columns, chat)
    columns = with_listed(source.rows, columns, wishes)
    choices, asked = settled(source.rows, columns, wishes)
    undecided += asked
    judged = judge_type(answers_in(source.rows, columns, choices), columns, wishes.answer)
    undecided += judged.undecided
    left_out = list(source.bad)
    rows = questions_in(source.rows, columns, judged, choices, left_out)
    if not rows:
        first = next(iter(left_out))
        raise ExamError(
            f"{source.name}: no row is a question that can be marked as {judged.type}; the first: "
            f"{first}"
        )
    divided, question = divided_as(rows, wishes)
    undecided += question
    unusable, left_out = left_out, [*left_out, *divided.left_out]
    own = [row for row in rows if has_working(row, judged)]
    equations = sum(bool(read_equations(row.fields["solution"])) for row in own) / len(rows)
    plan = plan_for(judged.type, len(own) / len(rows), equations, wishes.instructor)
    sizes = sizes_of(divided, plan.rounds)
    for side in ("practice", "dev", "test"):
        if not getattr(sizes, side):
            raise ExamError(
                f"{source.name}: {len(rows)} questions leave none for {side}; give more rows, or "
                "say --dev and --test"
            )
    findings = [*source.findings, *judged.findings, *seen(source, columns, judged, rows)]
    findings += [*lost(unusable), *divided.findings]
    findings += long_ones(rows)
    if (worth := apart(divided.sides["dev"])) < LEAST:
        findings.append(
            finding(
                "too few questions",
                "problem",
                f"{sizes.why[0].upper()}{sizes.why[1:]}.",
                do="give more rows: 300 are a beginning, each of them a question of its own",
                count=worth,
            )
        )
    return Looked(
        source=source,
        columns=columns,
        judged=judged,
        divided=divided,
        sizes=sizes,
        findings=findings,
        left_out=left_out,
        undecided=undecided,
        kinds=dict(Counter(row.fields["kind"] for row in rows if "kind" in row.fields)),
        questions=lengths([row.asked for row in rows]),
        answers=lengths([row.completion for row in rows]),
        plan=plan,
        system=choices.system or system_for(judged),
        pattern=wishes.pattern,
    )


LOST = 0.02
"""Share of the rows that nearly equal others and would be left out, from which on it is asked."""


def divided_as(rows: Sequence[OwnRow], wishes: Wishes) -> tuple[Divided, list[Undecided]]:
    """The sides as the person wants near-duplicates; where too much hangs on that, a question and
    the sides as proposed.

    Raises:
        ConfigError: They want what is not known.
    """
    if wishes.near is not None:
        if wishes.near not in NEAR:
            raise ConfigError(f"--near takes {', '.join(NEAR)}; it is {wishes.near!r}")
        return divide(rows, wishes.near, wishes.dev, wishes.test), []
    found = divide(rows, dev=wishes.dev, test=wishes.test)
    lost = sum(one.reason.startswith("nearly the same") for one in found.left_out) / len(rows)
    if found.largest_family <= LOPSIDED and lost <= LOST:
        return found, []
    ways = ((near, divide(rows, near, wishes.dev, wishes.test)) for near in NEAR)
    proposal, proposed = next(((n, way) for n, way in ways if n == NEAR[-1] or even(way)))
    what = (
        f"{found.largest_family:.0%} of the questions nearly equal each other"
        if found.largest_family > LOPSIDED
        else f"{lost:.0%} of the rows nearly equal rows of two sides"
    )
    sizes = ", ".join(f"{side} {len(way):,}" for side, way in proposed.sides.items())
    why = (
        f"{what}, as if made from templates. together: all that are near to each other are on one "
        "side; drop: the first of them is kept alone; ignore: they are divided all the same, and "
        "then dev and test say less of new questions, and no run trains on those near them. With "
        f"{proposal} there are {sizes}"
    )
    question = Undecided(
        flag="--near",
        asked="What of questions that nearly equal each other?",
        choices=NEAR,
        proposal=proposal,
        why=why,
    )
    return proposed, [question]


def even(divided: Divided) -> bool:
    """Whether each side has enough, and nearly all of the questions have a side."""
    practice, dev, test = (len(divided.sides[side]) for side in ("practice", "dev", "test"))
    left_out = sum(one.reason.startswith("nearly the same") for one in divided.left_out)
    fair = min(dev, test) >= LEAST and dev + test <= 1.5 * practice
    return fair and left_out < 0.5 * (practice + dev + test)


def with_listed(rows: Sequence[Given], columns: Columns, wishes: Wishes) -> Columns:
    """The same, and whether the questions end in the options that the answers name."""
    if columns.options or columns.wrong or columns.tests or columns.messages:
        return columns
    if wishes.answer not in (None, "choice"):
        return columns
    some, found = rows[:: 1 + len(rows) // 200], 0
    for row in some:
        try:
            _, options = listed_in(prompt_of(row, columns.prompt))
        except ExamError:
            continue
        said = as_label(row.fields.get(columns.target or "")).strip("().").upper()
        found += said in options
    return columns.model_copy(update={"listed": found >= MOSTLY * len(some)})


def settled(
    rows: Sequence[Given], columns: Columns, wishes: Wishes
) -> tuple[Choices, list[Undecided]]:
    """What the person says of rows without a correction and of options by number; or is asked."""
    undecided = []
    uncorrected = wishes.uncorrected
    if columns.correction and columns.target and uncorrected is None:
        bare = sum(empty(row.fields.get(columns.correction)) for row in rows)
        uncorrected = "drop"
        if bare:
            undecided.append(
                Undecided(
                    flag="--uncorrected",
                    asked=f"{bare:,} of {len(rows):,} rows have no correction. What of them?",
                    choices=("drop", "keep"),
                    proposal="drop",
                    why=f"an empty {columns.correction!r} may say that {columns.target!r} is "
                    "right, or that nobody looked",
                )
            )
    first = wishes.first_option
    if columns.options and columns.target and first is None:
        first, question = first_option(rows, columns)
        undecided += question
    if first not in (None, "0", "1"):
        raise ConfigError(f"--first-option is 0 or 1; it is {first!r}")
    system = common_system(rows, columns.messages) if columns.messages else None
    return Choices(uncorrected or "keep", int(first or 0), system), undecided


def first_option(rows: Sequence[Given], columns: Columns) -> tuple[str, list[Undecided]]:
    """Whether options that are said by number are counted from 0 or 1."""
    said = {as_label(row.fields.get(columns.target or "")) for row in rows}
    numbers = {int(one) for one in said if one.isdecimal() and len(one) < 3}
    if not numbers or len(numbers) < len(said) or "0" in said:
        return "0", []
    if len(columns.options) > 1 and max(numbers) == len(columns.options):
        return "1", []
    return "1", [
        Undecided(
            flag="--first-option",
            asked="The right options are said by number. Is the first one 0 or 1?",
            choices=("1", "0"),
            proposal="1",
            why="no answer is 0",
        )
    ]


def answers_in(
    rows: Sequence[Given], columns: Columns, choices: Choices
) -> list[tuple[str, object]]:

    found = []
    for row in rows:
        try:
            chat = read_chat(row.fields.get(columns.messages)) if columns.messages else None
            value = raw_target(row, columns, chat, choices)
        except ExamError:
            continue
        if value is not None:
            found.append((row.where, value))
    return found


def questions_in(
    rows: Sequence[Given],
    columns: Columns,
    judged: Judged,
    choices: Choices,
    left_out: list[Skipped],
) -> list[OwnRow]:
    found = []
    for row in rows:
        try:
            found.append(own_row(row, columns, judged, choices))
        except ExamError as error:
            left_out.append(Skipped(where=row.where, reason=str(error)))
    return found


def system_for(judged: Judged) -> str | None:
    """What no question says of the form of its answer."""
    return f"Give the date as {judged.dates}." if judged.dates else None


def has_working(row: OwnRow, judged: Judged) -> bool:
    """Whether a person's own working stands there, and not the bare answer."""
    said = row.fields.get("solution")
    if row.fields.get("answer") == "regex":  # the target is a pattern of several answers
        return said is not None and not said.startswith(bare_answer("", "text") or "")
    return said not in (None, bare_answer(row.fields.get("target"), judged.type))


def lengths(texts: Sequence[str]) -> Lengths:
    sizes = [len(text) for text in texts] or [0]
    most = max(sizes)
    return Lengths(median=int(median(sizes)), longest=most, tokens=-(-most // CHARACTERS_PER_TOKEN))


TRAINED = 1024
"""Tokens of a row that are trained on, where a configuration says nothing else."""


def long_ones(rows: Sequence[OwnRow]) -> list[Finding]:
    most = TRAINED * CHARACTERS_PER_TOKEN
    long = [row.where for row in rows if len(row.asked) + len(row.completion) > most]
    if not long:
        return []
    said = f"Rows with more than about {TRAINED:,} tokens are not trained on as things stand."
    do = "shorten them, or raise max_tokens under [training], which takes memory"
    return [finding("long rows", "warning", said, long, do)]


def lost(left_out: Sequence[Skipped]) -> list[Finding]:
    """Rows that are no questions, by their reason."""
    return [
        finding(
            "rows left out",
            "problem",
            f"Left out: {rows[0].reason}.",
            [row.where for row in rows],
        )
        for rows in by_reason(left_out).values()
    ]


def seen(source: Source, columns: Columns, judged: Judged, rows: Sequence[OwnRow]) -> list[Finding]:
    """Markup, control characters, answers that stand in their questions, columns that tell."""
    found = []
    marked = [row.where for row in rows if MARKUP.search(row.asked)]
    if marked:
        said = "Questions hold HTML or other markup, which the student reads as it stands."
        do = "strip it from the file if it is not meant to be read"
        found.append(finding("markup", "warning", said, marked, do))
    controls = [row.where for row in rows if CONTROLS.search(row.asked + row.answer)]
    if controls:
        said = "Rows hold control characters, which no example may have."
        found.append(finding("control characters", "warning", said, controls, "take them out"))
    found += leaks(judged, rows)
    unused = [name for name in source.columns if name and name not in columns.why]
    if unused:
        said = f"Columns that are not used: {', '.join(unused[:12])}."
        found.append(finding("columns not used", "ok", said, count=len(unused)))
    return found


def leaks(judged: Judged, rows: Sequence[OwnRow]) -> list[Finding]:
    """Whether the right answer stands in the question, where it should be found out."""
    if judged.type not in ("label", "number", "text", "math"):
        return []
    own = [
        row for row in rows if (answer := plain(row.answer)) and f" {answer} " in f" {row.words} "
    ]
    others = 0.0
    if judged.type == "label":
        named = [plain(label) for label in judged.labels]
        counts = [sum(f" {n} " in f" {row.words} " for n in named if n) for row in own]
        others = sum(count > 1 for count in counts) / max(1, len(own))
    # A passage holds its answer as it should; a class that the text names is given away.
    if len(own) < 0.8 * len(rows) or others > 0.5 or judged.type == "text":
        return []
    said = f"The right answer stands in the question of {len(own) / len(rows):.0%} of the rows."
    do = "take out what gives it away, such as a column that was written afterwards; see --prompt"
    return [finding("answers in the questions", "problem", said, [row.where for row in own], do)]
