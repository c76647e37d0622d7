"""The built-in exam: one- and two-step word problems, made from a seed.

Numbers stay small, those to be added, taken away or multiplied by mostly at 10 or below: what is
hard for a very small model is to see what a question asks for, and to calculate without a slip.

Each kind is a wording with slots and the equations that solve it. Questions carry a worked
solution in GSM8K's layout: a line per equation, then `#### answer`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from errata.agents.records import Question

NAMES = (
    "Ada Ben Carla Dev Elif Femi Greta Hugo Ines Jonas Kemi Lena Marco Nadia Omar Priya "
    "Quinn Rosa Sami Tara Uma Viktor Wanda Yusuf Zoe"
).split()
THINGS = (
    "apples books buttons cards coins eggs flowers marbles pencils plates seeds shells "
    "stamps stickers tickets tiles"
).split()
BOXES = "bags boxes baskets crates jars trays".split()


def make_questions(
    seed: int | str, prefix: str, count: int, taken: set[str], kinds: Sequence[Kind] | None = None
) -> list[Question]:
    """Makes `count` questions, the kinds taking turns.

    Args:
        seed: The same seed gives the same questions.
        kinds: Those that take turns; all of them when not said.
        prefix: Begins each id, as in `dev-0007`.
        taken: Problems (wording and numbers, whatever the names) that may not come again; the
            new ones are added.

    Raises:
        ValueError: The kinds hold fewer different problems than asked for.
    """
    rng = random.Random(f"{seed}/{prefix}")
    questions: list[Question] = []
    misses = 0
    while len(questions) < count:
        kind = (kinds or KINDS)[len(questions) % len(kinds or KINDS)]
        problem = kind.make(rng)
        wording = rng.choice(kind.wordings)
        key = f"{wording} {problem.equations}"
        if key in taken:
            misses += 1
            if misses > 1000:
                raise ValueError(
                    f"arithmetic has no more than {len(questions)} new questions for {prefix}; "
                    f"ask for fewer than {count}"
                )
            continue
        misses = 0
        taken.add(key)
        name, other = rng.sample(NAMES, 2)
        text = wording.format(
            name=name,
            other=other,
            things=rng.choice(THINGS),
            boxes=rng.choice(BOXES),
            **problem.numbers,
        )
        answer = problem.equations[-1].rpartition(" = ")[2]
        questions.append(
            Question(
                id=f"{prefix}-{len(questions):04d}",
                prompt=text,
                target=answer,
                solution="\n".join([*problem.equations, f"#### {answer}"]),
                kind=kind.name,
            )
        )
    return questions


@dataclass(frozen=True)
class Problem:
    numbers: dict[str, int]
    equations: tuple[str, ...]


@dataclass(frozen=True)
class Kind:
    name: str
    make: Callable[[random.Random], Problem]
    wordings: tuple[str, ...]


def add(a: int, b: int) -> str:
    return f"{a} + {b} = {a + b}"


def subtract(a: int, b: int) -> str:
    return f"{a} - {b} = {a - b}"


def multiply(a: int, b: int) -> str:
    return f"{a} * {b} = {a * b}"


def divide(a: int, b: int) -> str:
    return f"{a} / {b} = {a // b}"


def two_parts(rng: random.Random) -> Problem:
    a, b = rng.randint(6, 40), rng.randint(3, 10)
    return Problem({"a": a, "b": b}, (add(a, b),))


def take_away(rng: random.Random) -> Problem:
    a, b = rng.randint(12, 40), rng.randint(3, 10)
    return Problem({"a": a, "b": b}, (subtract(a, b),))


def equal_groups(rng: random.Random) -> Problem:
    a, b = rng.randint(2, 5), rng.randint(2, 10)
    return Problem({"a": a, "b": b}, (multiply(a, b),))


def share_out(rng: random.Random) -> Problem:
    b, quotient = rng.randint(2, 5), rng.randint(2, 10)
    return Problem({"a": b * quotient, "b": b}, (divide(b * quotient, b),))


def add_then_subtract(rng: random.Random) -> Problem:
    a, b, c = rng.randint(6, 30), rng.randint(3, 10), rng.randint(3, 8)
    return Problem({"a": a, "b": b, "c": c}, (add(a, b), subtract(a + b, c)))


def subtract_twice(rng: random.Random) -> Problem:
    a, b, c = rng.randint(24, 40), rng.randint(3, 10), rng.randint(3, 9)
    return Problem({"a": a, "b": b, "c": c}, (subtract(a, b), subtract(a - b, c)))


def add_twice(rng: random.Random) -> Problem:
    a, b, c = rng.randint(4, 25), rng.randint(3, 10), rng.randint(3, 9)
    return Problem({"a": a, "b": b, "c": c}, (add(a, b), add(a + b, c)))


def multiply_then_add(rng: random.Random) -> Problem:
    a, b, c = rng.randint(2, 5), rng.randint(2, 8), rng.randint(3, 10)
    return Problem({"a": a, "b": b, "c": c}, (multiply(a, b), add(a * b, c)))


def multiply_then_subtract(rng: random.Random) -> Problem:
    a, b = rng.randint(2, 5), rng.randint(4, 10)
    c = rng.randint(3, min(10, a * b - 3))
    return Problem({"a": a, "b": b, "c": c}, (multiply(a, b), subtract(a * b, c)))


def change_from_note(rng: random.Random) -> Problem:
    a, b = rng.randint(2, 5), rng.randint(2, 5)
    c = rng.choice([note for note in (10, 20, 30) if note > a * b])
    return Problem({"a": a, "b": b, "c": c}, (multiply(a, b), subtract(c, a * b)))


def add_then_share(rng: random.Random) -> Problem:
    c, quotient = rng.randint(2, 5), rng.randint(4, 10)
    total = c * quotient
    b = rng.randint(3, min(10, total - 3))
    return Problem({"a": total - b, "b": b, "c": c}, (add(total - b, b), divide(total, c)))


def subtract_then_share(rng: random.Random) -> Problem:
    c, quotient, b = rng.randint(2, 5), rng.randint(2, 9), rng.randint(3, 10)
    total = c * quotient
    return Problem({"a": total + b, "b": b, "c": c}, (subtract(total + b, b), divide(total, c)))


def share_then_add(rng: random.Random) -> Problem:
    b, quotient, c = rng.randint(2, 5), rng.randint(3, 10), rng.randint(3, 10)
    return Problem({"a": b * quotient, "b": b, "c": c}, (divide(b * quotient, b), add(quotient, c)))


def multiply_then_share(rng: random.Random) -> Problem:
    a, c, quotient = rng.randint(2, 5), rng.randint(2, 5), rng.randint(2, 3)
    b = c * quotient
    return Problem({"a": a, "b": b, "c": c}, (multiply(a, b), divide(a * b, c)))


def two_prices(rng: random.Random) -> Problem:
    a, b = rng.randint(2, 5), rng.randint(2, 6)
    c, d = rng.randint(2, 3), rng.randint(2, 3)
    return Problem(
        {"a": a, "b": b, "c": c, "d": d},
        (multiply(a, b), multiply(c, d), add(a * b, c * d)),
    )


def times_as_many(rng: random.Random) -> Problem:
    a, b = rng.randint(2, 5), rng.randint(2, 10)
    return Problem({"a": a, "b": b}, (multiply(a, b), add(a * b, b)))


def more_than(rng: random.Random) -> Problem:
    a, b = rng.randint(3, 10), rng.randint(3, 10)
    return Problem({"a": a, "b": b}, (add(a, b), add(a + b, a)))


def saving_up(rng: random.Random) -> Problem:
    a, b = rng.randint(2, 5), rng.randint(2, 8)
    c = a * b + rng.randint(3, 10)
    return Problem({"a": a, "b": b, "c": c}, (multiply(a, b), subtract(c, a * b)))


KINDS = (
    Kind(
        "two parts",
        two_parts,
        (
            "{name} has {a} {things} and finds {b} more. How many {things} does {name} have now?",
            "There are {a} {things} on the table and {b} {things} on the floor. "
            "How many {things} are there altogether?",
            "{name} collected {a} {things} on Monday and {b} on Tuesday. "
            "How many {things} did {name} collect in the two days?",
        ),
    ),
    Kind(
        "take away",
        take_away,
        (
            "{name} had {a} {things} and gave {b} of them to {other}. "
            "How many {things} does {name} have left?",
            "A shop had {a} {things} and sold {b}. How many {things} remain in the shop?",
            "{name} has {a} {things} and {other} has {b}. "
            "How many more {things} does {name} have than {other}?",
        ),
    ),
    Kind(
        "equal groups",
        equal_groups,
        (
            "{name} fills {a} {boxes} with {b} {things} each. How many {things} is that?",
            "There are {a} {boxes} and each holds {b} {things}. "
            "How many {things} are there in all?",
        ),
    ),
    Kind(
        "share out",
        share_out,
        (
            "{name} shares {a} {things} equally among {b} friends. "
            "How many {things} does each friend get?",
            "{a} {things} are packed into {b} {boxes}, the same number in each. "
            "How many {things} are in one of the {boxes}?",
        ),
    ),
    Kind(
        "add then subtract",
        add_then_subtract,
        (
            "{name} had {a} {things}, bought {b} more and then gave away {c}. "
            "How many {things} does {name} have now?",
            "A bus carried {a} people. At a stop {b} people got on and {c} got off. "
            "How many people are on the bus now?",
        ),
    ),
    Kind(
        "subtract twice",
        subtract_twice,
        (
            "A baker made {a} rolls. {b} were sold in the morning and {c} in the afternoon. "
            "How many rolls are left?",
            "{name} had {a} {things}, lost {b} of them and gave {c} to {other}. "
            "How many {things} does {name} still have?",
        ),
    ),
    Kind(
        "add twice",
        add_twice,
        (
            "{name} read {a} pages on Friday, {b} on Saturday and {c} on Sunday. "
            "How many pages did {name} read in the three days?",
            "A farmer has {a} sheep, {b} goats and {c} hens. How many animals is that?",
        ),
    ),
    Kind(
        "multiply then add",
        multiply_then_add,
        (
            "{name} buys {a} {boxes} of {b} {things} and already had {c} {things}. "
            "How many {things} does {name} have in all?",
            "A hall has {a} rows of {b} chairs and {c} more chairs at the back. "
            "How many chairs are in the hall?",
        ),
    ),
    Kind(
        "multiply then subtract",
        multiply_then_subtract,
        (
            "{name} picked {a} {boxes} of {b} {things}. {c} of the {things} were spoilt. "
            "How many good {things} are there?",
            "A cinema has {a} rows of {b} seats. {c} seats are taken. How many seats are free?",
        ),
    ),
    Kind(
        "change",
        change_from_note,
        (
            "{name} buys {a} tickets at {b} dollars each and pays with {c} dollars. "
            "How many dollars does {name} get back?",
            "One plant costs ${b}. {name} buys {a} plants and hands over ${c}. "
            "How much change in dollars does {name} get?",
        ),
    ),
    Kind(
        "add then share",
        add_then_share,
        (
            "{name} has {a} red and {b} blue {things} and puts them equally into {c} {boxes}. "
            "How many {things} go into each?",
            "{name} picked {a} plums and {other} picked {b}. They divide all the plums equally "
            "among {c} children. How many plums does each child get?",
        ),
    ),
    Kind(
        "subtract then share",
        subtract_then_share,
        (
            "{name} had {a} {things}, kept {b} and shared the rest equally among {c} friends. "
            "How many {things} did each friend get?",
            "Of {a} eggs {b} broke. The others were packed into {c} equal boxes. "
            "How many eggs are in each box?",
        ),
    ),
    Kind(
        "share then add",
        share_then_add,
        (
            "{name} and some friends, {b} people in all, share {a} {things} equally. "
            "{name} already had {c} {things}. How many {things} does {name} have now?",
            "{a} pupils are split equally into {b} classes. {c} new pupils join one of the "
            "classes. How many pupils are in that class now?",
        ),
    ),
    Kind(
        "multiply then share",
        multiply_then_share,
        (
            "{name} has {a} packs of {b} cards and deals all of them equally to {c} players. "
            "How many cards does each player get?",
            "{a} {boxes} of {b} {things} are divided equally among {c} shops. "
            "How many {things} does each shop get?",
        ),
    ),
    Kind(
        "two prices",
        two_prices,
        (
            "{name} buys {a} pens at ${b} each and {c} books at ${d} each. "
            "How many dollars does {name} pay in total?",
            "A school orders {a} tables with {b} places each and {c} benches with {d} places "
            "each. How many places is that in all?",
        ),
    ),
    Kind(
        "times as many",
        times_as_many,
        (
            "{name} has {b} {things}. {other} has {a} times as many. "
            "How many {things} do they have together?",
            "A kitten weighs {b} ounces. A cat weighs {a} times as much. "
            "How many ounces do the kitten and the cat weigh together?",
        ),
    ),
    Kind(
        "more than",
        more_than,
        (
            "{name} has {a} {things}. {other} has {b} more {things} than {name}. "
            "How many {things} do they have together?",
            "A red ribbon is {a} inches long. A blue ribbon is {b} inches longer than the red "
            "one. How many inches long are the two ribbons together?",
        ),
    ),
    Kind(
        "saving up",
        saving_up,
        (
            "{name} saves ${b} a week for {a} weeks. A bicycle costs ${c}. "
            "How many more dollars does {name} need?",
            "{name} wants to read a book of {c} pages and reads {b} pages a day for {a} days. "
            "How many pages are left to read?",
        ),
    ),
)
