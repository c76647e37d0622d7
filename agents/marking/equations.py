"""Equations in text: found, read into small trees, evaluated exactly, written in small steps.

Reads `48/2 = 24 clips`, `$150 - $30 = $120`, chains such as `73 - 28 = 53 - 8 = 45`, the signs
of school books, percents, thousands separators and units between numbers and signs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import zip_longest

Value = int | Fraction
"""Exact; an `int` whenever it is whole."""

NUMBER = re.compile(r"\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?|(?<!\d)\.\d+")
MARK = re.compile(r"<<([^<>\n]{0,200})>>")
"""GSM8K's calculator annotation: `48/2 = <<48/2=24>>24`. A longer one is text."""


@dataclass(frozen=True)
class Number:
    value: Value
    start: int
    """Where its digits begin in the text; signs of currency stand before."""
    end: int
    percent: bool = False
    """A percent sign follows; `value` is already divided by 100."""


@dataclass(frozen=True)
class Operation:
    sign: str
    """One of `+ - * /`."""
    left: Expression
    right: Expression


Expression = Number | Operation


@dataclass(frozen=True)
class Equation:
    """Two or more expressions that a text says are equal."""

    sides: tuple[Expression, ...]
    equals: tuple[int, ...]
    """Where each `=` stands in the text."""
    start: int
    end: int

    @property
    def left(self) -> Expression:
        return self.sides[0]

    @property
    def result(self) -> Expression:
        return self.sides[-1]


def read_number(digits: str) -> Value:
    return whole(Fraction(digits.replace(",", "")))


def read_equations(text: str) -> list[Equation]:
    """The equations of `text` in order; a chain is one equation. A line break ends a chain."""
    return list(_find_equations(text))


def value(expression: Expression) -> Value:
    """Raises: ZeroDivisionError."""
    return evaluate(expression, lambda number: number.value)


def evaluate(expression: Expression, leaf: Callable[[Number], Value]) -> Value:
    """The value of `expression`, with `leaf` saying what each number is worth.

    Raises:
        ZeroDivisionError: It divides by zero.
    """
    if isinstance(expression, Number):
        return leaf(expression)
    return apply(expression.sign, evaluate(expression.left, leaf), evaluate(expression.right, leaf))


def apply(sign: str, left: Value, right: Value) -> Value:
    """Raises: ZeroDivisionError."""
    if sign == "+":
        return whole(left + right)
    if sign == "-":
        return whole(left - right)
    if sign == "*":
        return whole(left * right)
    if isinstance(left, int) and isinstance(right, int) and right and left % right == 0:
        return left // right
    return whole(Fraction(left) / right)


def holds(equation: Equation) -> bool:
    """Whether all sides are worth the same. A percent sign after the result may be its unit."""
    try:
        values = [value(side) for side in equation.sides]
    except ZeroDivisionError:
        return False
    if values[0] != values[-1] and isinstance(equation.result, Number) and equation.result.percent:
        values[-1] = whole(values[-1] * 100)
    return all(other == values[0] for other in values)


def numbers_of(expression: Expression) -> Iterator[Number]:
    if isinstance(expression, Number):
        yield expression
    else:
        yield from numbers_of(expression.left)
        yield from numbers_of(expression.right)


def whole(number: Value) -> Value:
    return number if isinstance(number, int) or number.denominator != 1 else number.numerator


def decimals(value: Value) -> int:
    """Places after the point; 99 when they never end."""
    if isinstance(value, int):
        return 0
    return next((p for p in range(1, 9) if (value * 10**p).denominator == 1), 99)


def unmark(text: str) -> str:
    """`text` without calculator marks, each of its equations still there to be read once."""
    written: list[str] = []
    tail = ""  # the end of what is written: enough to see whether it says what the mark says
    end = 0
    for mark in MARK.finditer(text):
        if mark.start() > end:
            written.append(text[end : mark.start()])
            tail = _end_of(tail + written[-1])
        end = mark.end()
        left, _, result = mark[1].rpartition("=")
        left, result = left.strip(), result.strip()
        if not left or EQUALS_LAST.search(tail.rstrip()[-9:]) or _is_equation(tail, result):
            continue
        currency = ""
        if tail.endswith(("$", "€", "£")):
            currency, tail = tail[-1], tail[:-1]
            written[-1] = written[-1][:-1]
        lead = "" if not tail or tail[-1].isspace() else " "
        piece = f"{lead}{_spaced(left)} = {currency}"
        shown = CURRENCY.match(text, end)
        if not text.startswith(result, shown.end() if shown else end):
            piece += result + " "
        written.append(piece)
        tail = _end_of(tail + piece)
    return "".join(written) + text[end:]


TAIL = 300
"""How many characters before a calculator mark its equation may take, at least."""
EQUALS_LAST = re.compile(r"=\s{0,8}[$€£]?\Z")
CURRENCY = re.compile(r"[$€£ ]*")


def _end_of(text: str) -> str:
    """Cut in large steps: what is read of it can then be remembered."""
    return text if len(text) < 2 * TAIL else text[-TAIL:]


def _is_equation(tail: str, result: str) -> bool:
    """Whether `tail` and `result` end in an equation, on one line."""
    line = tail.rpartition("\n")[2]
    before, equals, last = line.rpartition("=")
    if not equals or len(last) > TAIL / 3 or not _ends_in_expression(before.rpartition("=")[2]):
        return False
    last = "0=" + last + result
    return any(equation.end == len(last) for equation in read_equations(last))


@lru_cache(maxsize=64)
def _ends_in_expression(segment: str) -> bool:
    return bool(read_equations(segment + "=0"))


def show(expression: Expression, times: str = "*") -> str:
    """`expression` with single spaces and no more brackets than it needs."""
    if isinstance(expression, Number):
        return show_value(expression.value)
    left, right = show(expression.left, times), show(expression.right, times)
    if _binds(expression.left) < _binds(expression):
        left = f"({left})"
    if _binds(expression.right) < _binds(expression) or (
        expression.sign in "-/" and _binds(expression.right) == _binds(expression)
    ):
        right = f"({right})"
    return f"{left} {times if expression.sign == '*' else expression.sign} {right}"


def show_value(number: Value) -> str:
    """Digits, with a decimal point where that is exact, else as a fraction."""
    if isinstance(number, int):
        return str(number)
    for places in range(1, 7):
        shifted = abs(number) * 10**places
        if shifted.denominator == 1:
            digits = str(shifted.numerator).rjust(places + 1, "0")
            return f"{'-' if number < 0 else ''}{digits[:-places]}.{digits[-places:]}"
    return f"{number.numerator}/{number.denominator}"


def small_steps(expression: Expression, times: str = "*") -> list[str]:
    """What may stand between an expression and its result, each an easy step from the last.

        73 - 28   73 - 20 - 8 | 53 - 8
        7 * 34    7 * 30 + 7 * 4 | 210 + 28
        91 / 7    70 / 7 + 21 / 7 | 10 + 3

    Empty when the expression is not of whole numbers, or elementary: a number of one digit or of
    round tens, or within the tables up to 12 times 12.
    """
    if isinstance(expression, Number):
        return []
    if not isinstance(expression.left, Number) or not isinstance(expression.right, Number):
        return _one_operation_at_a_time(expression, times)
    left, right = expression.left.value, expression.right.value
    if not isinstance(left, int) or not isinstance(right, int) or left < 1 or right < 1:
        return []
    if expression.sign in "+-":
        return _add_by_places(expression.sign, left, right)
    if expression.sign == "*":
        return _multiply_by_places(left, right, times)
    return _divide_by_places(left, right)


def in_columns(sign: str, left: int, right: int) -> str | None:
    """An addition or a subtraction digit by digit, from the right, as schools teach it.

        343 - 87   13 - 7 = 6, 14 - 8 - 1 = 5, 3 - 1 = 2
        343 + 87   3 + 7 = 10, 4 + 8 + 1 = 13, 3 + 1 = 4

    A written-out carry is what lets a small model learn arithmetic from few examples (Lee et al.,
    Teaching Arithmetic to Small Transformers, ICLR 2024, arXiv 2307.03381).

    None where there is nothing to carry along: both numbers below 20, a result below 0, and of
    other signs.
    """
    if sign not in "+-" or min(left, right) < 1 or max(left, right) < 20:
        return None
    if sign == "-" and left < right:
        return None
    columns, carried = [], False
    for digits in zip_longest(reversed(str(left)), reversed(str(right))):
        terms = [*(int(digit) for digit in digits if digit), *([1] if carried else [])]
        borrowed = sign == "-" and terms[0] < sum(terms[1:])
        terms[0] += 10 if borrowed else 0
        result = terms[0] - sum(terms[1:]) if sign == "-" else sum(terms)
        sides = [f" {sign} ".join(map(str, terms)), str(result)]
        columns.append(" = ".join(sides) if len(terms) > 1 else str(result))
        carried = borrowed or result > 9
    return ", ".join(columns)


def _add_by_places(sign: str, left: int, right: int) -> list[str]:
    parts = _places(right)
    if len(parts) == 1 or left < 10 or (sign == "-" and left < right):
        return []
    steps = []
    while len(parts) > 1:
        steps.append(f" {sign} ".join(map(str, [left, *parts])))
        left = left + parts[0] if sign == "+" else left - parts[0]
        parts = parts[1:]
    return [*steps, f"{left} {sign} {parts[0]}"]


def _multiply_by_places(left: int, right: int, times: str) -> list[str]:
    split_left = len(_places(left)) > 1 and (right < 10 or len(_places(right)) == 1)
    parts = _places(left if split_left else right)
    in_table = left <= 12 and right <= 12
    if in_table or len(parts) == 1 or _is_power_of_ten(left) or _is_power_of_ten(right):
        return []
    pairs = [(part, right) if split_left else (left, part) for part in parts]
    products = [a * b for a, b in pairs]
    return [" + ".join(f"{a} {times} {b}" for a, b in pairs), *_running_sums(products)]


def _divide_by_places(left: int, right: int) -> list[str]:
    in_table = right <= 12 and left // right <= 12
    if left % right or in_table or left // right <= 10 or _is_power_of_ten(right):
        return []
    parts = _places(left // right)
    if len(parts) == 1:
        return []
    return [" + ".join(f"{part * right} / {right}" for part in parts), *_running_sums(parts)]


def _running_sums(parts: list[int]) -> list[str]:
    return [
        " + ".join(map(str, [sum(parts[:done]), *parts[done:]])) for done in range(1, len(parts))
    ]


def _one_operation_at_a_time(expression: Operation, times: str) -> list[str]:
    steps: list[str] = []
    while isinstance(reduced := _reduce(expression), Operation):
        if any(not isinstance(n.value, int) or n.value < 0 for n in numbers_of(reduced)):
            return []
        steps.append(show(reduced, times))
        expression = reduced
    return steps if len(steps) <= 4 else []


def _reduce(expression: Operation) -> Expression:
    """`expression` with its first innermost operation done."""
    if isinstance(expression.left, Operation):
        return Operation(expression.sign, _reduce(expression.left), expression.right)
    if isinstance(expression.right, Operation):
        return Operation(expression.sign, expression.left, _reduce(expression.right))
    return Number(value(expression), 0, 0)


def _is_power_of_ten(number: int) -> bool:
    return str(number).rstrip("0") == "1"


def _places(number: int) -> list[int]:
    """407 → [400, 7]."""
    digits = str(number)
    return [
        int(digit) * 10 ** (len(digits) - place - 1)
        for place, digit in enumerate(digits)
        if digit != "0"
    ]


def _binds(expression: Expression) -> int:
    if isinstance(expression, Number):
        return 3
    return 1 if expression.sign in "+-" else 2


def _spaced(expression: str) -> str:
    return re.sub(r"\s*([-+*/])\s*", r" \1 ", expression).strip()


# Reading: tokens, then segments between equals signs, then a descent over the tokens of each.

SIGNS = dict(zip("+-−–*xX×·/÷", "+---****" + "*//", strict=True))  # noqa: RUF001
TOKEN = re.compile(
    rf"""(?P<number>{NUMBER.pattern}) | (?P<currency>[$€£]) | (?P<percent>%) | (?P<equals>=)
    | (?P<open>\() | (?P<close>\)) | (?P<sign>[-−–+*×·/÷]|(?<![A-Za-z])[xX](?![A-Za-z]))
    | (?P<word>[A-Za-z][A-Za-z'’]*) | (?P<line>\n) | (?P<other>\S)""",  # noqa: RUF001
    re.VERBOSE,
)
UNIT_WORDS = 4
MAX_OPERATIONS, MAX_BRACKETS, MAX_DIGITS = 40, 20, 20
"""A student that repeats itself writes expressions without end; longer ones are not read."""


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int
    opened: int
    """Opening brackets before it, since the last equals sign."""


class _UnreadableError(Exception):
    pass


class _TooLongError(_UnreadableError):
    def __init__(self, at: int) -> None:
        self.at = at


def _find_equations(text: str) -> Iterator[Equation]:
    if "=" not in text:
        return
    line: list[_Token] = []
    opened = 0
    for match in TOKEN.finditer(text):
        kind = str(match.lastgroup)
        if kind == "line":
            yield from _equations_of_line(line)
            line, opened = [], 0
            continue
        line.append(_Token(kind, match[0], match.start(), match.end(), opened))
        opened = 0 if kind == "equals" else opened + (kind == "open")
    yield from _equations_of_line(line)


def _equations_of_line(line: list[_Token]) -> Iterator[Equation]:
    marks = [i for i, token in enumerate(line) if token.kind == "equals"]
    if not marks:
        return
    bounds = [-1, *marks, len(line)]
    chain: list[tuple[Expression, int, int]] = []
    equals: list[int] = []
    for nth in range(len(bounds) - 1):
        segment = line[bounds[nth] + 1 : bounds[nth + 1]]
        first = _prefix(segment) if chain or nth == len(bounds) - 2 else None
        last = _suffix(segment) if nth < len(bounds) - 2 else None
        if chain and first:
            chain.append(first)
            equals.append(line[bounds[nth]].start)
        if last and first and chain and (last[1], last[2]) == (first[1], first[2]):
            continue
        if len(chain) > 1:
            yield _equation(chain, equals)
        chain, equals = ([last] if last else []), []
    if len(chain) > 1:
        yield _equation(chain, equals)


def _equation(chain: list[tuple[Expression, int, int]], equals: list[int]) -> Equation:
    return Equation(tuple(side[0] for side in chain), tuple(equals), chain[0][1], chain[-1][2])


def _prefix(segment: list[_Token]) -> tuple[Expression, int, int] | None:
    """The longest expression at the beginning, and where in the text it begins and ends."""
    try:
        expression, end = _sum(segment, 0)
    except _UnreadableError:
        return None
    return expression, segment[0].start, segment[end - 1].end


def _suffix(segment: list[_Token]) -> tuple[Expression, int, int] | None:
    """The longest expression that runs up to the end, units aside."""
    start = 0
    while start < len(segment):
        token, before = segment[start], segment[start - 1].kind if start else ""
        start += 1
        if token.kind not in ("number", "currency", "open") or before == "currency":
            continue
        try:
            expression, end = _sum(segment, start - 1)
        except _TooLongError as error:
            start = error.at  # what is read from here on is the tail of it
            continue
        except _UnreadableError:
            continue
        if _skip_units(segment, end) == len(segment):
            if before in ("sign", "close"):
                return None  # the tail of something that cannot be read: 2y + 3 = 15
            return expression, token.start, segment[end - 1].end
        start = end  # what begins within it ends where it does
    return None


def _sum(tokens: list[_Token], at: int) -> tuple[Expression, int]:
    return _left_to_right(tokens, at, "+-", _product)


def _product(tokens: list[_Token], at: int) -> tuple[Expression, int]:
    return _left_to_right(tokens, at, "*/", _operand)


def _left_to_right(
    tokens: list[_Token],
    at: int,
    signs: str,
    read: Callable[[list[_Token], int], tuple[Expression, int]],
) -> tuple[Expression, int]:
    expression, end = read(tokens, at)
    for _ in range(MAX_OPERATIONS):
        at = _skip_units(tokens, end)
        if at >= len(tokens) or SIGNS.get(tokens[at].text, " ") not in signs:
            return expression, end
        try:
            right, end = read(tokens, at + 1)
        except _UnreadableError:
            return expression, end
        expression = Operation(SIGNS[tokens[at].text], expression, right)
    raise _TooLongError(end)


def _operand(tokens: list[_Token], at: int) -> tuple[Expression, int]:
    if at < len(tokens) and tokens[at].kind == "open":
        if tokens[at].opened > MAX_BRACKETS:
            raise _UnreadableError
        expression, end = _sum(tokens, at + 1)
        end = _skip_units(tokens, end)
        if end >= len(tokens) or tokens[end].kind != "close":
            raise _UnreadableError
        return expression, end + 1
    if at + 1 < len(tokens) and SIGNS.get(tokens[at].text) == "-":
        if tokens[at + 1].kind not in ("number", "currency"):
            raise _UnreadableError
        below, end = _operand(tokens, at + 1)
        return Operation("-", Number(0, tokens[at].start, tokens[at].start), below), end
    if at < len(tokens) and tokens[at].kind == "currency":
        at += 1
    if at >= len(tokens) or tokens[at].kind != "number" or len(tokens[at].text) > MAX_DIGITS:
        raise _UnreadableError
    token = tokens[at]
    number = read_number(token.text)
    if at + 1 < len(tokens) and tokens[at + 1].kind == "percent":
        return Number(whole(Fraction(number) / 100), token.start, token.end, True), at + 2
    return Number(number, token.start, token.end), at + 1


def _skip_units(tokens: list[_Token], at: int) -> int:
    """Past the words after a number: `clips`, `miles per hour`, `stickers/page`."""
    words = 0
    while at < len(tokens) and words < UNIT_WORDS:
        slash = tokens[at].text == "/" and at + 1 < len(tokens) and tokens[at + 1].kind == "word"
        if tokens[at].kind != "word" and not slash:
            break
        at += 2 if slash else 1
        words += 1
    return at
