"""The numbers in a question's text: which may change, and what its words account for.

A percentage, a year, a time of day or the number in a name stays what it is. Words stand for
numbers too: `half` for 2, `a week` for 7, `dozen` for 12.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from errata.agents.marking.equations import MAX_DIGITS, NUMBER, Value, decimals, read_number, whole


@dataclass(frozen=True)
class Mention:
    """A number in the question's text."""

    value: Value
    start: int
    end: int
    fixed: bool


def find_mentions(prompt: str) -> Iterator[Mention]:
    for match in NUMBER.finditer(prompt):
        if len(match[0]) > MAX_DIGITS:
            continue
        value = read_number(match[0])
        start, end = match.span()
        near = max(0, start - REACH)
        money = prompt.endswith(("$", "£", "€"), near, start)
        fixed = (
            (isinstance(value, int) and value <= 2)
            or (isinstance(value, Fraction) and (not money or decimals(value) > 2))
            or value > 10**7
            or (match[0].isdigit() and 1900 <= value <= 2100 and not money)
            or (money and CASH.match(prompt, end) is not None)
            or (value <= 12 and DEFINITE.search(prompt, near, start) is not None)
            or FIXED_BEFORE.search(prompt, near, start) is not None
            or FIXED_AFTER.match(prompt, end) is not None
        )
        yield Mention(value, start, end, fixed)


def constants_of(prompt: str, mentions: Sequence[Mention]) -> set[Value]:
    """Numbers that the question's words account for, its digits aside."""
    found: set[Value] = set(spelled_numbers(prompt))
    for cue, values in CUES:
        if cue.search(prompt):
            found.update(values)
    for mention in mentions:
        if PERCENT.match(prompt, mention.end):
            found.update({mention.value, 100, 1})
            for part in (Fraction(mention.value) / 100, 1 - Fraction(mention.value) / 100):
                found.update({whole(part), whole(part * 100)})
            found.add(whole(1 + Fraction(mention.value) / 100))
            found.add(whole(100 + Fraction(mention.value)))
        elif mention.fixed:
            found.add(mention.value)
    for fraction in FRACTION.finditer(prompt):
        top, bottom = int(fraction[2]), int(fraction[3])
        if bottom:
            part = Fraction(top, bottom)
            found.update({top, bottom, whole(part), whole(1 - part), whole(1 + part), 1})
            found.update({bottom - top, bottom + top})
            if fraction[1]:
                found.add(whole(int(fraction[1]) + part))
    return found


def spelled_numbers(text: str) -> Iterator[int]:
    """The numbers that `text` spells out."""
    for match in WORD.finditer(text):
        if match["tens"]:
            yield WORDS[match["tens"].lower()] + WORDS[match["units"].lower()]
        else:
            yield WORDS[match["word"].lower()]


REACH = 60
"""How far before a number is looked."""
CASH = re.compile(r"\s(?:bills?|notes?|coins?)\b")
PERCENT = re.compile(r"\s?%|\s?-?percent")
FRACTION = re.compile(r"(?<!\d)(?:(\d{1,20})[- ])?(\d{1,20})\s?/\s?(\d{1,20})")
MONTHS = r"January|February|March|April|May|June|July|August|September|October|November|December"
FIXED_BEFORE = re.compile(
    rf"""[A-Za-z\d#][-/:.]$ | [-–/:\#A-Za-z_]$ | \b[Aa]n?\s+\$?$ | \b(?:{MONTHS})\s+$
    | (?i:\b(?:grade|grader|level|day|week|month|year|chapter|page|number|no\.|size|room|step
        |class|round|game|group|version|type|lane|route|phase|part|age|table|floor|channel
        |highway|interstate|episode|season|stage|section|unit|question|quarter|act|verse)\s+$)""",  # noqa: RUF001
    re.VERBOSE,
)
"""A name, time, fraction, range, or a number with `a` or `an` before it."""
DEFINITE = re.compile(r"\b(?:the|these|those|all|other|his|her|their|its|whose)\s+$", re.IGNORECASE)
"""`the 3 friends` may be friends that are named."""
FIXED_AFTER = re.compile(
    rf"""\s?% | \s?-?percent | [-–/:A-Za-z_°] | \s+\d+/\d | \s?(?:am|pm|a\.m|p\.m|AM|PM|o'clock)\b
    | \s+(?:{MONTHS})\b | \s+(?:and|1)?\s?(?:a\s)?(?:half|quarter|third)\b
    | \s+(?:more\s|other\s|school\s|work(?:ing)?\s)?(?:days|hours|minutes|months|weeks|nights)\s
        (?:a|per|each|every|in\sa|of\sthe|out\sof|in\sone|in\san)\b
    | \s+(?:degrees|digits?|sides?|sided|legs?|wheels?|percentage|square|cubic)\b
    | [\s-](?:dollar|cent)[\s-](?:bills?|notes?|coins?|pieces?)\b | \s+out\sof\b
    | \s+of\s(?:the|his|her|their|its|every|them)\b(?=.{0, 1000}\bother\b)""",  # noqa: RUF001
    re.VERBOSE,
)
COMPARES = re.compile(
    r"""(?i)\b(?:which|whichever|whoever|cheap\w*|great\w*|larg\w+|small\w+|biggest|most|least
    |oldest|youngest|tallest|shortest|highest|lowest|longest|fastest|slowest|maximum|minimum
    |better|best|worst|limit\w*|unless|until|up\sto|at\smost|only|exceed\w*|(?<!hands\s)over|above|under|below
    |beyond|first|capacity|enough|whole|full|rounded|round|nearest|discounts?|overtime|free|extra
    |additional|fits?|hold|(?:if|when)\s[^.?]*more\sthan|median|range|mode)\b""",
    re.VERBOSE,
)
"""Words after which the order of the results too may matter."""

PACKING = re.compile(
    r"""(?is)(?: \b(?:wide|width|square)\b | \bby\s(?:an?\s)?\d
    | \blong\b.*\btall\b | \btall\b.*\blong\b ).*\b(?:fit|fits|cut|box|boxes|tiles?)\b""",
    re.VERBOSE,
)
"""Volumes and areas may divide exactly where the shapes themselves do not fit; a length alone
cannot."""

TO_NINETEEN = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
)
TO_NINETY = "twenty thirty forty fifty sixty seventy eighty ninety"
UNITS, TENS = TO_NINETEEN.split(), TO_NINETY.split()
WORDS: dict[str, int] = {
    **{word: number for number, word in enumerate(UNITS)},
    **{word: 10 * number for number, word in enumerate(TENS, start=2)},
    **{"hundred": 100, "thousand": 1000, "million": 1000000, "dozen": 12, "couple": 2},
    **{"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7},
    **{"eighth": 8, "ninth": 9, "tenth": 10},
}
WORD = re.compile(
    rf"(?i)\b(?:(?P<tens>{'|'.join(TENS)})[- ](?P<units>{'|'.join(UNITS[1:10])})"
    rf"|(?P<word>{'|'.join(WORDS)}))(?:s|ths)?\b"
)
HALF, THIRD, QUARTER = Fraction(1, 2), Fraction(1, 3), Fraction(1, 4)
CUES: tuple[tuple[re.Pattern[str], tuple[Value, ...]], ...] = tuple(
    (re.compile(rf"(?i)\b(?:{words})\b"), values)
    for words, values in (
        (r"hal(?:f|ves|ved|ving)", (2, 1, HALF, 3, Fraction(3, 2))),
        (r"twice|doubl\w*|both|pairs?|two|twins?|couples?|parents|another|(?:an)?other", (2, 1)),
        (r"average|mean|between them|together|each other|equally|evenly|half-?way", (2,)),
        (r"round ?trip|back(?: and forth)?|return\w*|width|wide|perimeter|rectang\w+", (2, 4)),
        (r"tripl\w*|thrice|thirds?|triang\w+", (3, 2, THIRD, 2 * THIRD, 1)),
        (r"quadrupl\w*|squares?", (4,)),
        (r"quarters?|fourths?", (4, 3, 25, QUARTER, 3 * QUARTER, 1)),
        (r"fifths?", (5, 4, 3, 2, 1)),
        (r"sixths?", (6, 5, 1)),
        (r"eighths?", (8, 7, 5, 3, 1)),
        (r"tenths?", (10, 9, 7, 3, 1)),
        (r"weeks?|weekly|daily|days?|everyday", (7, 1)),
        (r"weeks?|weekdays?|school|work(?:days?|week)", (5,)),
        (r"weekends?", (2,)),
        (r"months?|monthly", (4, 12, 30, 1)),
        (r"years?|yearly|annual\w*", (12, 52, 365, 1)),
        (r"hours?|hourly|minutes?|seconds?", (60, 1)),
        (r"days?|daily|night", (24,)),
        (r"hours?|seconds?", (3600,)),
        (r"dozens?", (12, 6)),
        (r"decades?|fingers|toes|dimes?", (10,)),
        (r"century|centuries", (100,)),
        (r"cents?|dollars?|penn(?:y|ies)|meters?|met(?:re|er)s?|cm", (100,)),
        (r"nickels?", (5,)),
        (r"kilo\w*|kg|km|grams?|milli\w*|ml|lit(?:er|re)s?", (1000,)),
        (r"feet|foot|inch(?:es)?", (12,)),
        (r"yards?", (3, 36)),
        (r"pounds?|ounces?", (16,)),
        (r"gallons?|quarts?|pints?|cups?", (2, 4, 8, 16)),
        (r"tons?", (2000,)),
        (r"legs?|wheels?|tires?|dogs?|cats?|cows?|cars?|horses?", (4, 2)),
        (r"spiders?|octop\w+", (8,)),
        (r"insects?|ants?|dice|die|cubes?", (6,)),
        (r"himself|herself|themsel\w+|including|and (?:his|her|their)", (1,)),
    )
)
