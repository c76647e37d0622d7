"""Marking numbers, as GSM8K and GSM-Plus ask for them: the stated final number, or the last one.

A target may also be `none`: GSM-Plus's questions of the kind "critical thinking" leave out what
is needed, and their right answer is that there is none.

Every expression here takes time in proportion to the text: what repeats is possessive, bounded, or
begins where nothing else does.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, DecimalException
from unicodedata import numeric

from errata.agents.records import Verdict

TOLERANCE = Decimal("0.0001")

LONGEST = 4000
"""Characters of a number that is read; a longer one has no value, and is no target."""

NO_ANSWER = "none"
"""The target of a question that cannot be answered, in any case."""

PLAIN = re.compile(
    r"""
    (?P<sign>[-\N{MINUS SIGN}](?=[$€£.0-9]))?
    [$€£]?
    (?P<sign2>(?<=[$€£])[-\N{MINUS SIGN}])?
    (?:
        (?P<whole>[0-9]{1,6})[ ](?P<top>[0-9]{1,6})/(?P<bottom>[0-9]{1,6})  # mixed number: 1 1/2
      |
        (?P<number>[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?|[0-9]+(?:\.[0-9]+)?|\.[0-9]+)
        (?:\s?/\s?(?P<divisor>[0-9]{1,6}))?
    )
    """,
    re.VERBOSE,
)
"""How a target is written."""

MINUS = r"[-\N{MINUS SIGN}]"
MONEY = r"\\?[$€£]"
GROUP = r"(?:,|\{,\}|,\\!|\\[,;]|['\N{RIGHT SINGLE QUOTATION MARK}\xa0\u2009\u202f])"
VULGAR = "¼-¾⅐-⅞"
TIMES = r"\N{MULTIPLICATION SIGN}\N{MIDDLE DOT}"
RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹"

NUMBER = re.compile(
    rf"""
    (?P<unit>  # the 2 of m2 and of cm^2
        (?<![A-Za-z0-9])(?:[kcdm]?m|ft|in|yd|mi)[23]\b
      | (?<=[A-Za-z)\]}}])[ ]?\^[ ]?\{{?{MINUS}?[0-9]+\}}?
    )
  |
    (?P<sign>
        (?<![\w)\]}}%]){MINUS}(?={MONEY}|[.0-9{VULGAR}]|\\[dt]?frac)  # after a number: an operator
      | \bnegative[ ](?={MONEY}|[.0-9{VULGAR}]|\\[dt]?frac)
    )?
    (?:{MONEY})?
    (?P<sign2>(?<=[$€£]){MINUS})?
    (?:
        (?P<whole>[0-9]{{1,6}})[ ](?:and[ ])?(?=[0-9]{{1,6}}/[0-9])  # 1 1/2
        (?P<top>[0-9]{{1,6}})/(?P<bottom>[0-9]{{1,6}})(?![0-9]*[./,]?[0-9])
      |
        (?:(?P<before>[0-9]{{1,6}})[ ]?)?
        (?: (?P<vulgar>[{VULGAR}])
          | \\[dt]?frac[ ]?\{{[ ]?(?P<over>{MINUS}?[0-9]{{1,12}})[ ]?\}}
            [ ]?\{{[ ]?(?P<under>[0-9]{{1,12}})[ ]?\}}
          | \\[dt]?frac[ ]?(?P<short>[0-9][0-9])
          | (?P<formula>\\[dt]?frac[ ]?\{{[^{{}}\n]{{0,99}}\}}\{{[^{{}}\n]{{0,99}}\}})
        )
      |
        (?P<number>
            (?P<european>
                [0-9]{{1,3}}(?:\.[0-9]{{3}}){{1,6}},[0-9]{{1,2}}(?![0-9])
              | [0-9]{{1,3}}(?:\.[0-9]{{3}}){{2,6}}(?!\.?[0-9])
              | (?<![0-9][,.])(?<![(\[])(?:[0-9]{{1,12}},[0-9]{{1,2}}|0,[0-9]{{1,12}})(?!,?[0-9])
            )
          | (?<![0-9][ ,.])[0-9]{{1,3}}(?:[ ][0-9]{{3}}){{2,6}}(?![0-9])
          | [0-9]{{1,3}}(?:{GROUP}[0-9]{{3}})+(?![0-9])(?:\.[0-9]+)?
          | [0-9]+(?:\.[0-9]+)?
          | \.[0-9]+
        )
        (?:\s?/\s?(?P<divisor>[0-9]{{1,6}})(?![0-9]*[.,]?[0-9]))?
        (?: [ ]?(?:[x{TIMES}*]|\\times|\\cdot)[ ]?10[ ]?
            (?: (?:\^|\*\*)[ ]?\{{?(?P<ten>[-+\N{{MINUS SIGN}}]?[0-9]+)\}}?
              | (?P<raised_ten>⁻?[{RAISED}]+))
          | [eE](?P<e>[-+\N{{MINUS SIGN}}]?[0-9]+)(?!\w)
          | [ ]?\^[ ]?\{{?(?P<power>{MINUS}?[0-9]+)\}}?
          | (?P<raised_power>[{RAISED}]+)
          | [ ](?P<scale>hundred|thousand|million|billion|trillion)\b
          | (?P<half>[ ]and[ ]a[ ]half\b)
        )?
    )
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""How a number is written in a response."""

SCALES = {"hundred": 2, "thousand": 3, "million": 6, "billion": 9, "trillion": 12}

TEENS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
).split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
WORDS = {word: n for n, word in enumerate(TEENS)} | {
    ten + (f"-{TEENS[unit]}" if unit else ""): 10 * n + unit
    for n, ten in enumerate(TENS, 2)
    for unit in range(10)
}
"""`zero` to `ninety-nine`."""

STATED = re.compile(
    r"""
    (?: (?P<mark>\#{4,}+|\\(?:boxed|fbox)\s*+\{|<answer>)
      | (?P<final>\bfinal\s++)?\banswer
        (?:\s++to\s++(?:the|this)\s++(?:question|problem))?+
        (?P<colon>[*_"\s]*+[:=]|(?(final)[*_ ]*+\n|(?!)))?+
        (?(colon)|[*_"]*+\s++(?:is|would\sbe|will\sbe|must\sbe|should\sbe)\b)
    )
    (?: [\s:*_$"'`(\[~=≈]
      | <<[^<>\n]{0,99}>>  # a calculator's, in GSM8K's solutions
      | \\[$(\[,;!\ ]
      | \\(?:text|textbf|mathbf|mathrm|bf)\s*+\{
      | (?:about|approximately|around|roughly|exactly|simply|just|therefore|thus|then|only|equal\sto
          |a\stotal\sof)\b
      | [a-z]\s?=
    )*+
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""What a final answer follows."""

UNMEANT = re.compile(
    r"\b(?:if|whether|unless|suppose|supposing|assume|assuming|wrong|incorrect|not|previous|first)"
    r"\s(?:that\s)?(?:the\s|his\s|her\s)?(?:final\s)?\Z",
    re.IGNORECASE,
)
"""Before a statement that is a condition or about another answer."""

NEXT_QUESTION = re.compile(
    r"\n[ \t>#*_]*+(?:(?:question|q|problem|exercise|instruction|user|human)[ \t]*+[0-9]{0,4}"
    r"[*_]*+[ \t]*+:|<\|)",
    re.IGNORECASE,
)
"""Where a model that cannot stop goes on with a question of its own."""

HEADING = re.compile(r"[.):][*_]*+[ \t]++[*_]*+[A-Za-z]")
"""After the number of a heading: `#### 1. Count the eggs`."""

CLOSING = r"[ \t.!,;*_$\"'`)\]}\\]*+(?=\n|\Z|<)"
SPACED = re.compile(rf"([0-9]{{1,3}}(?:[ ][0-9]{{3}}){{1,6}}){CLOSING}")
WORD = re.compile(rf"([A-Za-z]{{3,9}}(?:[- ][A-Za-z]{{3,5}})?){CLOSING}")
SPACED_SIGN = re.compile(rf"(?:{MINUS}\s|(?:minus|negative)\s)[\s$]*+", re.IGNORECASE)
ALONE = re.compile(r"[^\n0-9]{0,40}+(?:\n|\Z)|[ ]?[,;(\[]")
"""After the number of `answer: 12`: nothing but a unit, or a remark. In `Answer: 12 apples were
there. 5 were eaten …` the colon begins a solution."""

LINK = re.compile(
    r"""
    [ ]?%?[*]{0,2}
    (?P<unit>(?:[ ]?(?:(?!(?:or|and|to|x)\b)[a-z]{1,15}|\\text\{[^{}\n]{0,30}\})){0,2})
    (?: (?P<equals>[ ]?[=≈]|[ ](?:is|equals)\b)
      | [ ]?(?:[-+/÷x\N{MULTIPLICATION SIGN}\N{MINUS SIGN}\N{EN DASH}]|\*(?!\*))
      | [ ]?\\(?:times|cdot|div)
      | [ ](?:of|to|plus|minus|times|divided[ ]by)\b
      | :(?=[0-9])
      | (?P<other>,?[ ]?\b(?:or|and)\b|,)
    )
    [ (*\\]{0,4}(?:<<[^<>\n]{0,99}>>)?
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""Between a stated number and another that belongs to it: a sum, a range, a second answer."""

CUT_OFF = re.compile(
    r"\}?(?:[ ]?[a-z]{1,15})?\s*+"
    r"(?:[=≈+÷/\N{MULTIPLICATION SIGN}]|(?<=\s)[-*]|\\(?:times|cdot|div))"
    r"[\s$(\[{*?\\]*+(?:boxed\{)?\Z",
    re.IGNORECASE,
)
"""After the last number of a response that ends before its result: `3 * 9 =`."""

CITATION = re.compile(r"\[[0-9]{1,3}\]")
DENIED = re.compile(r"(?:\bnot|\brather\sthan|\binstead\sof|n't)\s\Z", re.IGNORECASE)
EITHER = re.compile(r"[ ]?[a-z]{0,15},?[ ]or[ ][*$\\]{0,3}", re.IGNORECASE)
SIDE = re.compile(r"\s*+[=<>]")
"""After the first number of an equation: `5x = 100 or 20 = x` names no two answers."""

RANGE = re.compile(r"[*$\\]{0,2}(?:-|[ ]?\N{EN DASH}[ ]?)[*$\\]{0,2}")

NOTHING = re.compile(
    r"(?:none|nothing|null|n/a|unknown|undefined|undetermined|indeterminate)\b(?! of)",
    re.IGNORECASE,
)
"""A final answer that is no answer. In prose these words mean other things."""

REFUSAL = re.compile(
    r"""
    \b(?:
        (?:can(?:not|'t|\snot)|could(?:\snot|n't)|(?:unable|impossible|not\spossible|no\sway)\sto)
        \s(?:be\s)?(?:\w+ly\s)?
        (?:determin|calculat|comput|find|found|figure|work|say|said|tell|told|answer|solve|know
          |provide|deduce|conclude|decide)\w*
      | do(?:es)?(?:\snot|n't)\s(?:know|say|specify|mention|provide|state|tell)
      | (?:is|are|was|were)(?:\snot|n't)\s(?:given|known|specified|mentioned|provided|stated)
      | (?:is|are|remains?)\s(?:unknown|unanswerable|unsolvable|undetermined|indeterminate)
      | (?:not|n't|without|lacks?|no)\s(?:\w+\s){0,2}enough\s(?:\w+\s)?(?:info\w*|data|details?)
      | (?:insufficient|missing|incomplete|lack(?:s|ing|\sof)?)\s(?:\w+\s)?(?:info\w*|data|details?)
      | (?:info\w*|data|details?)\s(?:is|are)\s(?:missing|insufficient|incomplete|not\senough)
      | no\s(?:\w+\s)?(?:answer|solution)
    )\b
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""Says that there is no answer: cannot be determined, not enough information, is not given."""

LEADS = re.compile(r"[=≈]|\b(?:so|then|thus|therefore|hence|assum\w*|suppos\w*)\b", re.IGNORECASE)
"""What leads to a result."""


@dataclass(frozen=True)
class Final:
    """What a response settles on."""

    answer: str | None
    """A number that `values` reads."""
    why: str = "no number in the response"
    """Why there is none."""


def mark_number(response: str, target: str) -> Verdict:
    """The verdict on a response that gives a number, or that may say that there is none.

    What counts, the first of these that there is:

    1. The last number after `####`, in a box or in `<answer>`;
    2. the last after `final answer is` or `final answer:`;
    3. the last after `answer is`, or after `answer:` where it stands alone;
    4. the last number, as with lm-evaluation-harness's `flexible-extract` for GSM8K; passed over
       are one that is denied (`18, not 16`) and a reference (`24 [1]`).

    A number is stated where it follows at once, so headings (`#### 1. Count`) state none. A sum
    counts by its result (`the answer is 5 + 7 = 12`). Where the text goes on with another
    `Question:` after a statement, what follows is not read. A response is unclear, which is wrong,
    when what counts is two numbers (`5-6`, `4 or 6`), a sum without its result, or when it breaks
    off after `3 * 9 =`. Small numbers may be words where a word is the whole statement.

    Raises:
        ValueError: `target` is neither a number nor `none`.
    """
    final = final_number(response)
    answer = final.answer
    if target.strip().lower() == NO_ANSWER:
        if says_no_answer(response):
            return Verdict(correct=True, answer=NO_ANSWER, why="says that there is no answer")
        why = "does not say that there is no answer"
        return Verdict(
            correct=False,
            answer=answer,
            why=why if answer is None else f"{brief(answer)} is not none",
        )
    if is_right(answer, target):
        return Verdict(correct=True, answer=answer, why=f"{brief(answer)} is the target")
    why = final.why if answer is None else f"{brief(answer)} is not {target}"
    return Verdict(correct=False, answer=answer, why=why)


def brief(number: str | None) -> str:
    return "" if number is None else number if len(number) <= 60 else f"{number[:50]}…"


def final_number(response: str) -> Final:
    """The number that counts; see `mark_number`."""
    found: list[tuple[int, Final]] = []
    read_to = 0
    end = len(response)
    for match in STATED.finditer(response):
        if match.start() < read_to:
            continue
        if match.start() > end:
            break
        rank = 3 if match["mark"] else 2 if match["final"] else 1
        if rank < 3 and UNMEANT.search(response[max(0, match.start() - 40) : match.start()]):
            continue
        statement = read_statement(response, match)
        if statement is None:
            continue
        final, read_to = statement
        if not found and (question := NEXT_QUESTION.search(response, read_to)):
            end = question.start()
        found.append((rank, final))
    if found:
        strongest = max(rank for rank, _ in found)
        return [final for rank, final in found if rank == strongest][-1]
    return last_mention(response)


def read_statement(text: str, stated: re.Match[str]) -> tuple[Final, int] | None:
    """What is stated at the end of `stated`, and where that ends; None where it is no number."""
    at = stated.end()
    if NOTHING.match(text, at):
        return Final(None, "says that there is no answer"), at
    if spaced := SPACED.match(text, at):
        return Final(spaced[1].replace(" ", "")), spaced.end()
    if (word := WORD.match(text, at)) and (name := word[1].lower().replace(" ", "-")) in WORDS:
        return Final(str(WORDS[name])), word.end()
    minus = SPACED_SIGN.match(text, at)
    first = NUMBER.match(text, minus.end() if minus else at)
    if first is None or first["unit"]:
        return None
    if minus:
        return Final("-" + first.group().lstrip("$€£\\")), first.end()
    if stated["mark"] and stated["mark"][0] == "#" and HEADING.match(text, first.end()):
        return None
    final, end, is_sum = linked(text, first)
    if final is None:
        return None
    if not stated["mark"] and stated["colon"]:
        begins = not text[: stated.start()].strip("*_# \n") if stated.start() < 20 else False
        if not ALONE.match(text, end) or (begins and is_sum):
            return None
    return final, end


def linked(text: str, first: re.Match[str]) -> tuple[Final | None, int, bool]:
    """The number that `first` and what belongs to it come to, where that ends, whether it is a sum.

    Two answers that are worth the same (`50% or 0.5`) or have other units (`90 minutes or
    1.5 hours`) are no two. None where the result follows in words that are not read here.
    """
    sides = [[first]]  # of the equals signs
    end = first.end()
    while (link := LINK.match(text, end)) and (number := NUMBER.match(text, link.end())):
        if number["unit"]:
            break
        if link["other"]:
            unit = link["unit"] if "or" in link["other"].lower() else ""
            if not same(text, sides[-1][-1], number, unit):
                return (
                    Final(None, f"unclear: {text[first.start() : number.end()][-60:]}"),
                    end,
                    False,
                )
            end = number.end()
            break
        if link["equals"]:
            sides.append([number])
        else:
            sides[-1].append(number)
        end = number.end()
    if CUT_OFF.match(text, end):
        return Final(None, "unclear: it breaks off"), end, True
    is_sum = len(sides) > 1 or len(sides[0]) > 1
    for side in (sides[-1], sides[0]):
        if len(side) == 1:
            return Final(side[0].group().strip()), end, is_sum
    if "=" in text[end : end + 60].partition("\n")[0]:  # worked out in other words
        return None, end, is_sum
    return Final(None, f"unclear: {text[first.start() : end][:60]} has no result"), end, is_sum


def same(text: str, one: re.Match[str], other: re.Match[str], unit: str) -> bool:
    """Whether two numbers that stand side by side say one thing."""
    worth, again = values(one), values(other)
    hundred = "%" in text[one.end() : one.end() + 2] + text[other.end() : other.end() + 2]
    hundred = hundred or text[other.end() : other.end() + 5] == " cent"
    for a in worth:
        for b in again:
            if abs(a - b) <= TOLERANCE or (hundred and (a * 100 == b or b * 100 == a)):
                return True
    second = re.match(r"[ ]([a-z]{1,15})", text[other.end() : other.end() + 17])
    return bool(unit.strip() and second and unit.split()[-1] != second[1])


def last_number(response: str) -> str | None:
    """The last number in `response` as it is written there; None when there is none.

    `5-3` ends in 3, `1,200.` in 1,200 and `of 3/4` in three quarters. A percent sign does not
    change the number, as in GSM8K's targets.
    """
    return last_mention(response).answer


def last_mention(text: str) -> Final:
    """The last number of `text`, unless something there speaks against it."""
    numbers = deque((match for match in NUMBER.finditer(text) if not match["unit"]), maxlen=9)
    if numbers and CUT_OFF.match(text, numbers[-1].end()):
        return Final(None, "unclear: it breaks off")
    while numbers:
        number = numbers.pop()
        start, end = number.span()
        before = numbers[-1] if numbers else None
        between = text[before.end() : start] if before and start - before.end() <= 30 else None
        if DENIED.search(text[max(0, start - 20) : start]):
            continue
        if between is not None and CITATION.match(text, start - 1) and not between.strip(" .[*"):
            continue
        if before and between is not None:
            either = EITHER.fullmatch(between)
            two = either and not SIDE.match(text, end)
            if (two and not same(text, before, number, between.strip()[:-2])) or (
                RANGE.fullmatch(between)
                and min(values(before), default=0) < max(values(number), default=0)
            ):
                return Final(None, f"unclear: {text[before.start() : end][-60:]}")
        return Final(text[start:end].strip())
    return Final(None)


def read_number(text: str) -> Decimal | None:
    """The value of `text` when it is one number, plainly written, and nothing else; else None.

    Currency and percent signs, thousands separators and fractions may stand in it.
    """
    if len(text) > LONGEST:
        return None
    match = PLAIN.fullmatch(text.strip().removesuffix("%").rstrip())
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


def values(match: re.Match[str]) -> Sequence[Decimal]:
    """What the number may be worth: nothing where it cannot be read or is absurdly large.

    `2.5 million` is worth 2,500,000, and 2.5 where the question asks for millions.
    """
    if match.end() - match.start() > LONGEST:
        return ()
    try:
        worth = [*magnitudes(match)]
    except DecimalException:  # divided by zero
        return ()
    return [-each for each in worth] if match["sign"] or match["sign2"] else worth


def magnitudes(match: re.Match[str]) -> Iterator[Decimal]:
    """Raises: DecimalException: Divided by zero."""
    if match["whole"]:
        yield Decimal(match["whole"]) + Decimal(match["top"]) / Decimal(match["bottom"])
    elif match["number"] is None:
        if match["vulgar"]:
            part = Decimal(str(numeric(match["vulgar"])))
        elif match["short"]:
            part = Decimal(match["short"][0]) / Decimal(match["short"][1])
        elif match["over"]:
            part = Decimal(with_minus(match["over"])) / Decimal(match["under"])
        else:
            return
        yield part + Decimal(match["before"] or 0)
    else:
        yield from scaled(match, plain_value(match))


def plain_value(match: re.Match[str]) -> Decimal:
    digits = match["number"]
    if match["european"]:
        digits = digits.replace(".", "").replace(",", ".")
    value = Decimal(re.sub(r"[^0-9.]", "", digits))
    return value / Decimal(match["divisor"]) if match["divisor"] else value


def scaled(match: re.Match[str], value: Decimal) -> Iterator[Decimal]:
    """`value` with its power, its power of ten or the word after it."""
    power = match["power"] or lowered(match["raised_power"])
    ten = match["ten"] or lowered(match["raised_ten"]) or match["e"]
    if power:
        if len(power) <= 3 and len(match["number"]) <= 20:
            yield value ** int(with_minus(power))
    elif ten:
        if len(ten) <= 5:
            yield value.scaleb(int(with_minus(ten)))
    else:
        yield value + Decimal("0.5") if match["half"] else value
        if match["scale"]:
            yield value.scaleb(SCALES[match["scale"].lower()])


def lowered(raised: str | None) -> str | None:
    return raised and raised.translate(
        {ord(sign): str(n) for n, sign in enumerate(RAISED)} | {ord("⁻"): "-"}
    )


def with_minus(digits: str) -> str:
    return digits.replace("\N{MINUS SIGN}", "-")


def is_right(answer: str | None, target: str) -> bool:
    """Whether the two numbers are within 1e-4 of each other.

    Raises:
        ValueError: `target` is not a number; a marker that cannot mark never says wrong.
    """
    wanted = read_number(target)
    if wanted is None:
        raise ValueError(f"the target {brief(target)!r} is not a number")
    if answer is None or len(answer) > LONGEST:
        return False
    match = NUMBER.fullmatch(answer)
    if match is None or match["unit"]:
        return False
    return any(abs(given - wanted) <= TOLERANCE for given in values(match))


def is_target(target: str) -> bool:
    """Whether `mark_number` can mark against `target`: one number, or `none`."""
    return target.strip().lower() == NO_ANSWER or read_number(target) is not None


def says_no_answer(response: str) -> bool:
    """Whether the final statement of `response` is that the question has no answer.

    The last stated answer (after `####`, `answer is`, `answer:` or in a box) decides: `none` and
    the phrases of `REFUSAL` say so, a number says otherwise. Where none is stated, the last such
    phrase counts, unless a result follows it: a number in a later sentence, or in the same one
    after `=`, so, then, thus, therefore, hence, assuming or supposing.

    The phrases are GSM-Plus's (github.com/qtli/GSM-Plus, scripts/utils/extract_ans.py,
    `extract_pred_ans_none`) and their near kin. Its rule is looser: a phrase anywhere in the
    response is enough, and so is the mere lack of `####`.
    """
    text = response.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").strip()
    stated = [*STATED.finditer(text)]
    if stated:
        final = text[stated[-1].end() :].partition("\n")[0]
        refusal = NOTHING.match(final) or REFUSAL.search(final)
        number = NUMBER.search(final)
        if refusal and (number is None or refusal.start() < number.start()):
            return True
        if number:
            return False
    elif NOTHING.fullmatch(text.rpartition("\n")[2].strip(" .*")):
        return True
    refusals = [*REFUSAL.finditer(text)]
    if not refusals:
        return False
    sentence, *later = re.split(r"(?<=[.!?])\s|\n", text[refusals[-1].end() :], maxsplit=1)
    lead = LEADS.search(sentence)
    if lead and re.search("[0-9]", sentence[lead.end() :]):
        return False
    return not any(map(last_number, later))
