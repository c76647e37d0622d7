"""Marking: the answer in a response, and whether it is right."""

from __future__ import annotations

import re
from decimal import Decimal

TOLERANCE = Decimal("0.0001")

NUMBER = re.compile(
    r"""
    (?P<sign>(?<![\w)\]%])[-\N{MINUS SIGN}](?=[$€£.0-9]))?  # after a number: an operator
    [$€£]?
    (?P<sign2>(?<=[$€£])[-\N{MINUS SIGN}])?
    (?:
        (?P<whole>[0-9]{1,6})[ ](?=[0-9]{1,6}/[0-9])     # mixed number: 1 1/2
        (?P<top>[0-9]{1,6})/(?P<bottom>[0-9]{1,6})(?![0-9]*[./,]?[0-9])
      |
        (?P<number>[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])(?:\.[0-9]+)?|[0-9]+(?:\.[0-9]+)?|\.[0-9]+)
        (?:\s?/\s?(?P<divisor>[0-9]{1,6})(?![0-9]*[.,]?[0-9]))?
    )
    """,
    re.VERBOSE,
)


def last_number(response: str) -> str | None:
    """The last number in `response` as it is written there; None when there is none.

    The rule of lm-evaluation-harness's `flexible-extract` filter for GSM8K (the last number
    counts), with a stricter notion of a number: `5-3` ends in 3, `1,200.` in 1,200 and
    `of 3/4` in three quarters. A percent sign does not change the number, as in GSM8K's targets.
    """
    found = None
    for match in NUMBER.finditer(response):
        found = match
    return found.group().strip() if found else None


def read_number(text: str) -> Decimal | None:
    """The value of `text` when it is one number and nothing else; else None.

    Currency and percent signs, thousands separators and fractions may stand in it.
    """
    match = NUMBER.fullmatch(text.strip().removesuffix("%").rstrip())
    if match is None:
        return None
    if match["whole"]:
        if int(match["bottom"]) == 0:
            return None
        value = Decimal(match["whole"]) + Decimal(match["top"]) / Decimal(match["bottom"])
    else:
        value = Decimal(match["number"].replace(",", ""))
        if match["divisor"]:
            if int(match["divisor"]) == 0:
                return None
            value /= Decimal(match["divisor"])
    return -value if match["sign"] or match["sign2"] else value


def is_right(answer: str | None, target: str) -> bool:
    """Whether the two numbers are within 1e-4 of each other.

    Raises:
        ValueError: `target` is not a number; a marker that cannot mark never says wrong.
    """
    wanted = read_number(target)
    if wanted is None:
        raise ValueError(f"the target {target!r} is not a number")
    given = read_number(answer) if answer is not None else None
    return given is not None and abs(given - wanted) <= TOLERANCE
