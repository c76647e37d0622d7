"""The examples whose answers are marked by an LLM or by code of one's own, with their files."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from errata.agents.exams.arithmetic import NAMES

Row = Mapping[str, Any]

GOODS = "lamp chair kettle radio jacket mirror carpet blender saddle guitar tent drill".split()
ASKED = (
    "{name} ({number}) writes: the {thing} that I ordered on {day} is still not here. It comes on "
    "{later}. Write the answer, in one or two sentences.",
    "Order {number}: a {thing} for {name}, due on {day}, now expected on {later}. Tell the "
    "customer, in one or two sentences.",
    "Answer {name}, who asks where the {thing} of order {number} is. It was to come on {day} and "
    "will come on {later}.",
)
LABELLED = 60
RUBRIC = """# When is an answer right?

- It names the customer.
- It says sorry.
- It says on which day the thing comes.

All three must be there. Other words, another order and more politeness do not matter.
"""
README = """This folder is an example, made by `errata init --task judge`.

Only the judge of [exam.judge] in errata.toml needs an LLM, which is paid for: put its key where
`errata instructors` says, or name a server of your own (base_url) or weights here (local:FOLDER).
All else runs offline.

    errata judge {config}    # 60 answers are labelled: does the judge agree with them?
    errata run {config}      # does so first, and refuses a judge that does not

rubric.md says what makes an answer right. labelled.jsonl has answers that a person called right or
wrong; in a task of your own write both yourself.
""".replace("{config}", "errata.toml")


def replies(rng: random.Random) -> Iterator[Row]:
    """Letters about late orders: there are many right ones."""
    while True:
        first = date(2025, 1, 1) + timedelta(rng.randrange(300))
        slots = {
            "name": rng.choice(NAMES),
            "thing": rng.choice(GOODS),
            "number": rng.randrange(10_000, 99_999),
            "day": written(first),
            "later": written(first + timedelta(rng.randrange(3, 20))),
        }
        good = "Dear {name}, we are sorry that your {thing} is late. It will come on {later}."
        yield {"question": rng.choice(ASKED).format(**slots), "answer": good.format(**slots)}


def judged_files(seed: int) -> dict[str, str]:
    """rubric.md, labelled.jsonl and what needs an LLM; file → its text."""
    rng = random.Random(f"{seed}/labelled")
    lines = []
    for at, row in zip(range(LABELLED), replies(rng), strict=False):
        right = at % 2 == 0
        reply = row["answer"] if right else spoilt(row["answer"], at)
        line = {"prompt": row["question"], "target": row["answer"], "response": reply}
        lines.append(json.dumps(line | {"right": right}) + "\n")
    return {"rubric.md": RUBRIC, "labelled.jsonl": "".join(lines), "README.md": README}


def spoilt(reply: str, at: int) -> str:
    """Without the name, the apology, or the day."""
    hello, _, rest = reply.partition(", ")
    sorry, _, day = rest.partition(". ")
    return (
        f"We are sorry that it is late. {day}",
        f"{hello}, your order is late. {day}",
        f"{hello}, {sorry}. It will come soon.",
    )[at // 2 % 3]


def written(day: date) -> str:
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


MONTHS = (
    "January February March April May June July August September October November December"
).split()

DATES = (
    "{name} pays order {number} {days} days after {day}. On which date is that?",
    "The {thing} of order {number} left on {day} and takes {days} days. When does it arrive?",
    "{days} days after {day} {name} sends the {thing} back. On which date?",
)
MARKER = '''"""The marker of this example: an answer is right if its last date is the target's.

`errata.toml` names it. It is given each question and each response, and says True or False.
"""

import re
from datetime import date

MONTHS = (
    "january february march april may june july august september october november december"
).split()
ISO = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})")
IN_WORDS = re.compile(r"([0-9]{1,2})\\.? ([a-z]{3,9}),? ([0-9]{4})")


def same_day(question, response):
    found = dates_in(response)
    return bool(found) and found[-1] == date.fromisoformat(question.target)


def dates_in(text):
    """In the order in which they stand there; what is no day, such as 2024-02-30, is left out."""
    text = text.lower()
    places = [(m.start(), m[1], m[2], m[3]) for m in ISO.finditer(text)]
    places += [
        (m.start(), m[3], MONTHS.index(m[2]) + 1, m[1])
        for m in IN_WORDS.finditer(text)
        if m[2] in MONTHS
    ]
    days = []
    for _, year, month, day in sorted(places):
        try:
            days.append(date(int(year), int(month), int(day)))
        except ValueError:
            continue
    return days
'''


def due_dates(rng: random.Random) -> Iterator[Row]:
    """Dates may be written in several ways, which no other type of answer takes as equal."""
    while True:
        first = date(2025, 1, 1) + timedelta(rng.randrange(300))
        days = rng.randrange(2, 25)
        due = first + timedelta(days)
        question = rng.choice(DATES).format(
            name=rng.choice(NAMES),
            thing=rng.choice(GOODS),
            number=rng.randrange(10_000, 99_999),
            days=days,
            day=written(first),
        )
        working = f"{days} days after {written(first)} is {written(due)}."
        yield {"question": question, "answer": due.isoformat(), "solution": working}


def own_files(seed: int) -> dict[str, str]:
    return {"marker.py": MARKER}
