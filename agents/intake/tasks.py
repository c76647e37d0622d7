"""A small worked example of each answer type, made from a seed: `errata init --task NAME`."""

from __future__ import annotations

import operator
import random
import string
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any

from errata.agents.errors import ConfigError
from errata.agents.exams import plain
from errata.agents.exams.arithmetic import NAMES, THINGS, make_questions
from errata.agents.exams.held_out import NearTexts
from errata.agents.intake.looking import Wishes
from errata.agents.intake.marked_tasks import due_dates, judged_files, own_files, replies
from errata.agents.intake.reading import Given, Source

ROWS = 200
HELD_OUT = 45
"""Questions of dev, and of test."""
Row = Mapping[str, Any]
Maker = Callable[[random.Random], Iterator[Row]]

WORDS = (
    "anchor bridge candle desert engine forest garden hammer island jacket kettle ladder market "
    "needle orange pencil rocket silver tunnel window yellow zipper button carpet dragon feather"
).split()


def task_source(name: str, seed: int = 0) -> tuple[Source, Wishes]:
    """The rows of an example, and what a person would say of them.

    Args:
        name: One of `TASKS`.

    Raises:
        ConfigError: There is no such example.
    """
    if name not in TASKS:
        raise ConfigError(f"there is no example {name!r}: {', '.join(TASKS)}")
    make, more = TASKS[name]
    files = FILES[name](seed) if name in FILES else {}
    rows: list[Row] = []
    texts = NearTexts()
    for row in make(random.Random(f"{seed}/{name}")):
        asked = plain(str(row["question"]))
        if texts.nearest(asked) is None:
            texts.add(asked, "")
            rows.append(row)
        if len(rows) == ROWS:
            break
    given = [Given(f"example {at}", row) for at, row in enumerate(rows, 1)]
    said = f"an example of the type {name}, made from seed {seed}"
    source = Source(f"{name}-task", said, given, files=files)
    return source, Wishes.model_validate(
        {"answer": name, "dev": HELD_OUT, "test": HELD_OUT} | dict(more)
    )


def numbers(rng: random.Random) -> Iterator[Row]:
    for question in make_questions(rng.randrange(10**6), "task", 2 * ROWS, set()):
        yield {
            "question": question.prompt,
            "answer": question.target,
            "solution": question.solution,
            "kind": question.kind,
        }


def choices(rng: random.Random) -> Iterator[Row]:
    while True:
        options = rng.sample(range(10, 1000), 4)
        largest = rng.random() < 0.5
        right = max(options) if largest else min(options)
        wanted = "largest" if largest else "smallest"
        shown = ", ".join(map(str, options))
        yield {
            "question": f"Which of {shown} is the {wanted}?",
            "options": [str(one) for one in options],
            "answer": string.ascii_uppercase[options.index(right)],
            "kind": wanted,
        }


SIGNS = {
    "+": ("add", "adds {} to a number", operator.add),
    "-": ("subtract", "takes {} from a number", operator.sub),
    "*": ("multiply", "multiplies a number by {}", operator.mul),
}


def programs(rng: random.Random) -> Iterator[Row]:
    while True:
        a, b = rng.randrange(2, 40), rng.randrange(2, 40)
        sign = rng.choice(list(SIGNS))
        kind, said, work = SIGNS[sign]
        said = said.format(a)
        checks = "\n".join(f"    assert candidate({n}) == {work(n, a) + b}" for n in (0, 1, 7, 20))
        yield {
            "question": f"Write a function that {said}, and then adds {b}.",
            "stub": f"def work(n):\n    # {said}, then adds {b}\n",
            "entry_point": "work",
            "tests": f"def check(candidate):\n{checks}\n",
            "solution": f"```python\ndef work(n):\n    return n {sign} {a} + {b}\n```",
            "kind": kind,
        }


def texts(rng: random.Random) -> Iterator[Row]:
    while True:
        words = rng.sample(WORDS, 4)
        last = rng.random() < 0.5
        answer = (max if last else min)(words)
        where = "last" if last else "first"
        shown = ", ".join(words)
        yield {
            "question": f"Which comes {where} in a dictionary: {shown}?",
            "answer": answer,
            "solution": f"In order: {', '.join(sorted(words))}.\nSo the answer is {answer}",
            "kind": where,
        }


def formulas(rng: random.Random) -> Iterator[Row]:
    while True:
        part = rng.randrange(2, 9)
        top, bottom = rng.sample(range(1, 13), 2)
        value = Fraction(top, bottom)
        if value.denominator == 1:
            continue
        answer = f"\\frac{{{value.numerator}}}{{{value.denominator}}}"
        asked = f"\\frac{{{top * part}}}{{{bottom * part}}}"
        yield {
            "question": f"Write ${asked}$ in lowest terms.",
            "answer": answer,
            "solution": f"Divide both by {part * top // value.numerator}: \\boxed{{{answer}}}",
        }


REQUESTS = {
    "refund": (
        "I want my money back for the {thing} that I bought on {day}.",
        "The {thing} is not what I ordered. How do I get paid back?",
        "Please return what I paid for the {thing} on {day}.",
    ),
    "delivery": (
        "Where is my parcel with the {thing}? I ordered it on {day}.",
        "The {thing} has not arrived yet, and the tracking has not moved since {day}.",
        "When will the {thing} that I ordered on {day} be here?",
    ),
    "login": (
        "I cannot sign in any more since {day}, not even to look for the {thing}.",
        "My account is locked since I searched for a {thing} on {day}.",
        "The code for signing in never comes. I tried on {day}, to buy a {thing}.",
    ),
    "bug": (
        "The app crashes when I open the page of the {thing}; it began on {day}.",
        "Since {day} the picture of the {thing} is empty on my phone.",
        "The button for the {thing} does nothing. I saw it on {day}.",
    ),
}
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
OPENINGS = ("Hello, {number} here. ", "Customer {number}. ", "{name}, {number}: ", "{number}. ")
CLOSINGS = ("", " Thank you, {name}", " Regards, {name}", " Please help.")


def labels(rng: random.Random) -> Iterator[Row]:
    while True:
        label = rng.choice(list(REQUESTS))
        text = rng.choice(OPENINGS) + rng.choice(REQUESTS[label]) + rng.choice(CLOSINGS)
        said = text.format(
            thing=rng.choice(WORDS),
            day=rng.choice(DAYS),
            name=rng.choice(NAMES),
            number=rng.randrange(10_000, 99_999),
        )
        yield {"question": f"{said}\n\nIs this a refund, delivery, login or bug?", "label": label}


def notes(rng: random.Random) -> Iterator[Row]:
    while True:
        name, thing = rng.choice(NAMES), rng.choice(THINGS)
        count, price = rng.randrange(2, 30), rng.randrange(5, 95)
        day = rng.choice(DAYS)
        wording = rng.choice(
            (
                "{name} bought {count} {thing} for {price} euros on {day}.",
                "On {day}, {count} {thing} went to {name}, who paid {price} euros.",
                "{price} euros from {name} for {count} {thing} ({day}).",
            )
        )
        text = wording.format(name=name, count=count, thing=thing, price=price, day=day)
        wanted = {"name": name, "item": thing, "count": count, "paid": price}
        yield {
            "question": f"{text}\n\nGive name, item, count and paid as JSON.",
            "answer": wanted,
        }


def orders(rng: random.Random) -> Iterator[Row]:
    while True:
        letters = "".join(rng.choices(string.ascii_uppercase, k=2))
        order = f"{letters}-{rng.randrange(10_000, 99_999)}"
        other = rng.randrange(10_000, 99_999)
        wording = rng.choice(
            (
                "Hello, my order {order} is late. My customer number is {other}.",
                "Customer {other} here: what became of {order}?",
                "{name} asked about {order} on {day}; the invoice is {other}.",
            )
        )
        text = wording.format(
            order=order, other=other, name=rng.choice(NAMES), day=rng.choice(DAYS)
        )
        yield {"question": f"{text}\n\nWhich order is meant?", "answer": order}


TASKS: dict[str, tuple[Maker, Mapping[str, Any]]] = {
    "number": (numbers, {}),
    "choice": (choices, {}),
    "code": (programs, {}),
    "text": (texts, {}),
    "math": (formulas, {}),
    "label": (labels, {}),
    "json": (notes, {}),
    "regex": (orders, {"pattern": r"\b[A-Z]{2}-[0-9]{5}\b"}),
    "own": (due_dates, {"answer": "python:marker.py:same_day"}),
    "judge": (replies, {}),
}
"""Answer type → what makes its rows, and what a person would say besides."""
FILES: dict[str, Callable[[int], dict[str, str]]] = {"own": own_files, "judge": judged_files}
"""Answer type → from the seed what lies beside the configuration."""
