"""A worked question as slots and equations, to be asked again with new numbers.

`read_template` finds out which numbers of a question may change so that its recomputed solution
is certainly still right, and refuses the question when it cannot be sure. Numbers move by
value: each number of the solution must come from one place, which is a number in the question,
the result of an earlier equation, or a constant that the question's words account for (a week
has 7 days). A number that could come from two places keeps its value, unless both agree anyway.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import chain, pairwise

from errata.agents.marking.equations import (
    MAX_DIGITS,
    NUMBER,
    Equation,
    Expression,
    Number,
    Operation,
    Value,
    apply,
    decimals,
    evaluate,
    holds,
    numbers_of,
    read_equations,
    read_number,
    small_steps,
    unmark,
    whole,
)
from errata.agents.records import Question
from errata.agents.variations.faults import operations_of
from errata.agents.variations.mentions import (
    COMPARES,
    PACKING,
    WORD,
    constants_of,
    find_mentions,
    spelled_numbers,
)


class TemplateError(ValueError):
    """The question's working cannot be recomputed with certainty; the message says why."""


@dataclass(frozen=True)
class Variation:
    """A question with new numbers, and its solution."""

    prompt: str
    completion: str
    target: str


@dataclass(frozen=True)
class Source:
    """Where a number comes from."""

    place: str
    """`question`, `result` or `constant`."""
    key: Value
    """The original value; for a result, the index of its equation."""


@dataclass(frozen=True)
class Slot:
    """A number in a text, and what decides its value."""

    start: int
    end: int
    source: Source


@dataclass(frozen=True)
class Template:
    question: Question
    solution: str
    """Without calculator marks and without the middles of chains."""
    prompt_slots: tuple[Slot, ...]
    solution_slots: tuple[Slot, ...]
    equations: tuple[Equation, ...]
    sources: Mapping[int, Source]
    """Where each operand comes from, by its place in the solution."""
    values: tuple[Value, ...]
    """The different numbers in the question, the fixed ones too."""
    free: tuple[Value, ...]
    """Those that may change."""
    results: tuple[Value, ...]
    sums: tuple[tuple[Value, Value, Value], ...]
    """Numbers of which the last is the sum of the others, and must stay so."""
    keep_order: bool
    """Whether the results too must keep their order among all numbers."""

    def draw(self, rng: random.Random, small: bool = True) -> Variation | None:
        """The question with new numbers; None when none were found that fit."""
        for attempt in range(ATTEMPTS):
            changing = list(self.free)
            if attempt >= ATTEMPTS // 2 and len(changing) > 1:
                changing = sorted(rng.sample(changing, rng.randrange(1, len(changing))))
            new = self._new_values({old: rng.choice(candidates(old)) for old in changing})
            if new is None:
                continue
            results = self._recompute(new)
            if results is None:  # most often a division that is not exact: move one number
                results = self._repair(rng, changing, new)
            if results is None:
                continue
            if results[-1] == self.results[-1] and attempt < ATTEMPTS // 2:
                continue
            return self._write(new, results, small)
        return None

    @property
    def signs(self) -> frozenset[str]:
        """Of the operations in the working."""
        return frozenset(operation.sign for operation in self._operations())

    @property
    def steps(self) -> int:
        """Operations in the working."""
        return len(list(self._operations()))

    def _operations(self) -> Iterator[Operation]:
        return chain.from_iterable(operations_of(each.left) for each in self.equations)

    def grown(self, rng: random.Random, digits: int) -> Variation | None:
        """The question with numbers of which the largest has so many digits; None when none were
        found that fit.

        All that may change are as long, or where the working multiplies or divides, the largest of
        them alone. Results keep their sort and sign, and need not keep their size: the story may
        become unlikely, the working stays right.
        """
        whole_ones = [value for value in self.free if isinstance(value, int)]
        if not whole_ones:
            return None
        growing = {max(whole_ones)} if self.signs & {"*", "/"} else set(whole_ones)
        low, high = (3, 9) if digits == 1 else (10 ** (digits - 1), 10**digits - 1)

        def pick(old: Value) -> Value:
            return rng.randint(low, high) if old in growing else rng.choice(candidates(old))

        for _ in range(3 * ATTEMPTS):
            new = self._new_values({old: pick(old) for old in self.free})
            if new is None or any(1900 <= value <= 2100 for value in new.values()):  # as a year
                continue
            if len(str(max(new[old] for old in whole_ones))) != digits:
                continue
            results = self._recompute(new, keep_size=False)
            if results is not None:
                return self._write(new, results, small=False)
        return None

    def target_of(self, prompt: str) -> str | None:
        """The answer of `prompt`, by the working of the question that it varies.

        None where it differs in more than the numbers that may change, or where these do not fit
        together as in the question.
        """
        new = self._read_values(prompt)
        if new is None or not self._fit(new):
            return None
        results = self._recompute(new)
        return None if results is None else write_like(self.question.target, results[-1])

    def _read_values(self, prompt: str) -> dict[Value, Value] | None:
        """Old → new for every number in the question."""
        read: dict[Value, Value] = {}
        at = known = 0
        for slot in self.prompt_slots:
            between = self.question.prompt[known : slot.start]
            number = NUMBER.match(prompt, at + len(between))
            if not prompt.startswith(between, at) or number is None or len(number[0]) > MAX_DIGITS:
                return None
            if read.setdefault(slot.source.key, read_number(number[0])) != read_number(number[0]):
                return None
            at, known = number.end(), slot.end
        if prompt[at:] != self.question.prompt[known:]:
            return None
        return {value: read.get(value, value) for value in self.values}

    def _new_values(self, drawn: Mapping[Value, Value]) -> dict[Value, Value] | None:
        """Old → new for every number in the question, in the same order of size; `drawn` are the
        new ones, of those that change."""
        new: dict[Value, Value] = {value: value for value in self.values}
        for integral in (True, False):
            old = sorted(value for value in drawn if isinstance(value, int) is integral)
            new.update(zip(old, sorted(drawn[value] for value in old), strict=True))
        for a, b, total in self.sums:
            if total in drawn:
                new[total] = whole(new[a] + new[b])
        return new if self._fit(new) else None

    def _fit(self, new: Mapping[Value, Value]) -> bool:
        moved = [new[value] for value in self.values]  # self.values is sorted
        return (
            moved != list(self.values)
            and all(a < b for a, b in pairwise(moved))
            and all(new[a] + new[b] == new[total] for a, b, total in self.sums)
        )

    def _repair(
        self, rng: random.Random, changing: Sequence[Value], new: dict[Value, Value]
    ) -> list[Value] | None:
        moving = rng.choice(list(changing))
        others = candidates(moving)
        for value in rng.sample(others, min(len(others), 40)):
            before, new[moving] = new[moving], value
            if self._fit(new):
                results = self._recompute(new)
                if results is not None:
                    return results
            new[moving] = before
        return None

    def _recompute(self, new: Mapping[Value, Value], keep_size: bool = True) -> list[Value] | None:
        """The results for these numbers; None when one of them is not of its old nature."""
        results: list[Value] = []
        try:
            for equation, old in zip(self.equations, self.results, strict=True):
                result, _ = self._same_nature(equation.left, new, results)
                like = _like if keep_size else _of_one_sort
                if not like(result, old) or decimals(result) > max(decimals(old), 0):
                    return None
                results.append(result)
        except _OtherNatureError:
            return None
        if self.keep_order:
            old_values = [*self.values, *self.results]
            new_values = [*(new[value] for value in self.values), *results]
            ranked = sorted(zip(old_values, new_values, strict=True))
            for (old_a, new_a), (old_b, new_b) in pairwise(ranked):
                if (old_a < old_b) != (new_a < new_b):
                    return None
        return results

    def _same_nature(
        self, expression: Expression, new: Mapping[Value, Value], results: Sequence[Value]
    ) -> tuple[Value, Value]:
        """The new and the old value.

        Raises:
            _OtherNatureError: Somewhere a whole number became a fraction, or the sign changed.
        """
        if isinstance(expression, Number):
            source = self.sources[expression.start]
            return _worth(source, new, results), expression.value
        left, old_left = self._same_nature(expression.left, new, results)
        right, old_right = self._same_nature(expression.right, new, results)
        if right == 0 and expression.sign == "/":
            raise _OtherNatureError
        value = apply(expression.sign, left, right)
        old = apply(expression.sign, old_left, old_right)
        if (isinstance(old, int) and not isinstance(value, int)) or (old > 0) != (value > 0):
            raise _OtherNatureError
        return value, old

    def _write(
        self, new: Mapping[Value, Value], results: Sequence[Value], small: bool
    ) -> Variation:
        def fill(text: str, slots: Sequence[Slot]) -> list[tuple[int, int, str]]:
            edits = []
            for slot in slots:
                old = text[slot.start : slot.end]
                worth = _worth(slot.source, new, results)
                if slot.source.place != "constant" and worth != read_number(old):
                    edits.append((slot.start, slot.end, write_like(old, worth)))
            return edits

        edits = fill(self.solution, self.solution_slots)
        if small:
            for equation in self.equations:
                middle = self._middle(equation, new, results)
                at = equation.equals[0] + 1
                if middle:
                    space = "" if self.solution[at].isspace() else " "
                    edits.append((at, at, " " + " = ".join(middle) + " =" + space))
        prompt = edited(self.question.prompt, fill(self.question.prompt, self.prompt_slots))
        return Variation(
            prompt=prompt,
            completion=edited(self.solution, edits),
            target=write_like(self.question.target, results[-1]),
        )

    def _middle(
        self, equation: Equation, new: Mapping[Value, Value], results: Sequence[Value]
    ) -> list[str]:
        def renew(expression: Expression) -> Expression:
            if isinstance(expression, Number):
                return Number(_worth(self.sources[expression.start], new, results), 0, 0)
            return Operation(expression.sign, renew(expression.left), renew(expression.right))

        written = self.solution[equation.start : equation.equals[0]]
        sign = re.search(r"(?<![A-Za-z])[xX×](?![A-Za-z])", written)  # noqa: RUF001
        return small_steps(renew(equation.left), sign[0] if sign else "*")


ATTEMPTS = 80
LONGEST, MOST_NUMBERS = 4000, 40
"""Three times what the longest question of GSM8K takes, and twice its numbers and equations: the
work grows faster than a text does."""


class _OtherNatureError(Exception):
    pass


def template_of(question: Question) -> Template | None:
    """What `read_template` makes of a question; None where that cannot be done safely."""
    try:
        return read_template(question)
    except TemplateError:
        return None


def read_template(question: Question) -> Template:
    """Finds the numbers of `question` that may change.

    Raises:
        TemplateError: It cannot be done safely.
    """
    if len(question.prompt) + len(question.solution or "") > LONGEST:
        raise TemplateError(f"the question with its solution is over {LONGEST:,} characters long")
    solution = _plain(question)
    equations = read_equations(solution)
    if len(equations) > MOST_NUMBERS:
        raise TemplateError(f"the solution has over {MOST_NUMBERS} equations")
    results = _checked_results(solution, equations)
    result_values = [_shown(result) for result in results]
    if not _is_target(question.target, result_values[-1]):
        raise TemplateError("the last equation does not give the target")

    if PACKING.search(question.prompt):
        raise TemplateError("shapes that must fit into each other")
    mentions = list(find_mentions(question.prompt))
    fixed = {mention.value for mention in mentions if mention.fixed}
    constants = constants_of(question.prompt, mentions)
    values = sorted({mention.value for mention in mentions})
    if len(values) > MOST_NUMBERS:
        raise TemplateError(f"the question has over {MOST_NUMBERS} different numbers")
    operands = [[*numbers_of(equation.left)] for equation in equations]
    used = {number.value for numbers in operands for number in numbers}
    if used & _told_before(question):
        raise TemplateError("the solution has a number that stands in an earlier message, too")
    unused = {value for value in values if value not in used}
    compares = COMPARES.search(question.prompt) is not None
    # A constant may stand for what an idle number decides: one break of those `every 10 minutes`.
    by_constants = not used <= {*values, *result_values} - fixed - constants
    held = {
        value
        for value in values
        if value in fixed | constants
        or (
            value in unused
            and (compares or by_constants or _related(value, [*values, *result_values]))
        )
    }
    held |= _bound_together(question.prompt, values, equations, result_values)
    known = constants | fixed

    def origins(raw: Value, before: int) -> list[Source]:
        found = [Source("question", raw)] if raw in values else []
        found += [Source("result", k) for k in range(before) if result_values[k] == raw]
        found += [Source("constant", raw)] if raw in known else []
        return found

    places: list[tuple[int, int, list[Source]]] = []
    operand_starts = set()
    for k, numbers in enumerate(operands):
        for number in numbers:
            found = origins(number.value, k)
            if number.percent:
                found = [source for source in found if source.place == "constant"]
            if not found:
                digits = solution[number.start : number.end]
                raise TemplateError(f"{digits} in the working comes from nowhere in the question")
            places.append((number.start, number.end, found))
            operand_starts.add(number.start)
        result = results[k]
        places.append((result.start, result.end, [Source("result", k)]))
    places += _prose(solution, equations, {start for start, _, _ in places}, origins)

    choose = {start: found for start, _, found in places}
    held |= _ambiguous([found for _, _, found in places], values, held, equations, choose)
    sums = list(_sums([mention.value for mention in mentions], equations))
    for a, b, total in reversed(sums):
        if total in held:
            held |= {a, b}
    sources = {start: choose[start][0] for start in operand_starts}
    free = [value for value in values if value not in held]
    depends = _ancestors(Source("result", len(equations) - 1), equations, choose)
    for k in range(len(equations) - 1):
        if not any(
            Source("result", k) in choose[number.start]
            for more in operands[k + 1 :]
            for number in more
        ):
            raise TemplateError("a result in the working is not used later")
    if not depends & set(free):
        raise TemplateError("no number in the question may change safely")
    return Template(
        question=question,
        solution=solution,
        prompt_slots=tuple(
            Slot(mention.start, mention.end, Source("question", mention.value))
            for mention in mentions
            if mention.value in free
        ),
        solution_slots=tuple(
            Slot(start, end, found[0]) for start, end, found in places if end > start
        ),
        equations=tuple(equations),
        sources=sources,
        values=tuple(values),
        free=tuple(free),
        results=tuple(result_values),
        sums=tuple(sums),
        keep_order=bool(unused - {0, 1}) or compares,
    )


def _told_before(question: Question) -> set[Value]:
    """Numbers of the messages before the prompt, which stay as they are."""
    found: set[Value] = set()
    for _, text in question.before:
        mentions = list(find_mentions(text))
        found |= {mention.value for mention in mentions} | constants_of(text, mentions)
    return found


def final_line(question: Question, answer: Value) -> str | None:
    """The exam's last line with another answer: `#### 45`. None when the exam has none."""
    last = (question.solution or "").rstrip().rpartition("\n")[2]
    line = FINAL_LINE.fullmatch(last) if len(last) <= LONGEST_FINAL_LINE else None
    return f"{line[1]}{write_like(line[2], answer)}{line[3]}" if line else None


LONGEST_FINAL_LINE = 300


FINAL_LINE = re.compile(
    rf"(#+\s*[$€£]?|.*\banswer\b[^=\d]*)({NUMBER.pattern})([%.]*)", re.IGNORECASE
)


def write_like(old: str, value: Value) -> str:
    """`value` in the manner of `old`: thousands separators, places after the point."""
    sign = "-" if value < 0 else ""
    written_places = len(old.partition(".")[2])
    places = max(written_places, decimals(value))
    shifted = abs(value) * 10**places
    digits = str(shifted.numerator).rjust(places + 1, "0")
    units, fraction = (digits[:-places], digits[-places:]) if places else (digits, "")
    if "," in old:
        units = f"{int(units):,}"
    if not fraction.strip("0") and written_places != 2:  # 6, but 6.00 where 4.50 was
        return f"{sign}{units}"
    return f"{sign}{units}.{fraction}"


@lru_cache(maxsize=4096)
def candidates(old: Value) -> tuple[Value, ...]:
    """Numbers of the same sort and about the same size, the old one among them."""
    found: list[Value]
    if isinstance(old, Fraction):
        cents = old * 100
        step = next(step for step in (25, 10, 5, 1) if cents % step == 0)
        low, high = max(step, int(cents / 2)), int(cents * 2)
        found = [Fraction(c, 100) for c in range(-(-low // step) * step, high + 1, step) if c % 100]
    elif old < 10:
        found = list(range(3, 10 if old < 6 else 13))
    elif old < 100:
        found = list(range(max(10, old // 2), min(2 * old, 99) + 1))
    else:
        step = 10 ** (len(str(old)) - len(str(old).rstrip("0")))
        while step > 1 and old // step < 10:
            step //= 10
        found = list(range(-(-old // 2 // step) * step, 2 * old + 1, step))
        if len(found) > 400:
            found = found[:: len(found) // 400]
    return tuple(found)


def _plain(question: Question) -> str:
    if not question.solution:
        raise TemplateError("the question has no worked solution")
    solution = unmark(question.solution).rstrip()
    for equation in reversed(read_equations(solution)):
        if len(equation.equals) > 1:
            solution = solution[: equation.equals[0]] + solution[equation.equals[-1] :]
    return solution


def _checked_results(solution: str, equations: Sequence[Equation]) -> list[Number]:
    """The results of the equations.

    Raises:
        TemplateError: One of them is not a calculation that holds and ends in a number.
    """
    if not equations:
        raise TemplateError("the solution has no worked equations")
    readable = {at for equation in equations for at in equation.equals}
    for sign in re.finditer("=", solution):
        if sign.start() not in readable and not _is_label(solution[: sign.start()]):
            raise TemplateError("an equation in the solution cannot be read")
    if ALGEBRA.search(solution):
        raise TemplateError("the solution works with unknowns")
    results = []
    for equation in equations:
        if not isinstance(equation.result, Number):
            raise TemplateError("an equation in the solution does not end in a number")
        if not isinstance(equation.left, Operation):
            raise TemplateError("an equation in the solution computes nothing")
        if not holds(equation):
            text = solution[equation.start : equation.end]
            raise TemplateError(f"the worked equation {text!r} does not hold")
        if equation.result.percent and (
            not any(number.percent for number in numbers_of(equation.left))
            or equation.result.value == evaluate(equation.left, lambda number: number.value)
        ):
            raise TemplateError("an equation in the solution gives a percentage")
        results.append(equation.result)
    return results


def _is_label(before: str) -> bool:
    """Whether the text before an equals sign ends in a word, and not in a calculation's unit."""
    clause = re.split(r"=|\n|[.:;]\s", before)[-1]
    return bool(LABEL.search(before)) and not CALCULATION.search(clause)


CALCULATION = re.compile(r"\d.*(?:\s[-+*/x\u00d7\u00f7\u2212\u2013]\s|[*/+])")
LABEL = re.compile(r"[A-Za-z]{2,}[)'\"]?\s*$")
"""A word before an equals sign: `Total = 48 + 29 = 77`."""
ALGEBRA = re.compile(r"\d\s?[a-wyzA-WYZ]\b(?=\s*[-+=*/)])|\b[b-zB-Z]\s*=|=\s*[b-zB-Z]\b|\d\(")


def _related(value: Value, others: Sequence[Value]) -> bool:
    """Whether two others make `value` by one operation, or one other and `value` a third: what
    looks idle may say again what the rest of the story says."""
    rest = {other for other in others if other != value}
    return any(
        made in rest
        for other in rest
        for made in (value + other, value - other, other - value, value * other)
    ) or any(first * second == value for first in rest for second in rest)


def _bound_together(
    prompt: str, values: Sequence[Value], equations: Sequence[Equation], results: Sequence[Value]
) -> set[Value]:
    """Numbers that the question may tie to each other without saying so.

    A number that counts what is listed (three days, then three numbers that are added), and
    one more than another (3 dogs, the other 2).
    """
    bound: set[Value] = set()
    for equation, in_all in zip(equations, _all_terms(equations, results), strict=True):
        for terms in (_terms(equation.left), in_all):
            bound |= {value for value in values if value == terms and terms > 2}
    for a, b in pairwise(values):
        if b - a == 1 and re.search(r"\b(?:other|others|rest)\b", prompt):
            bound |= {a, b}
    return bound


def _sums(
    mentioned: Sequence[Value], equations: Sequence[Equation]
) -> Iterator[tuple[Value, Value, Value]]:
    """Numbers of the question of which one is the sum of two others, smallest sum first.

    The question may mean it (20 marbles, 15 of them red and 5 blue), unless the solution itself
    adds or subtracts them.
    """
    computed = {_signature(equation.left) for equation in equations}
    values = sorted(set(mentioned))
    for total in values:
        for a in values:
            b = whole(total - a)
            if (
                1 < a <= b
                and mentioned.count(b) > (a == b)
                and not computed & {("-", total, a), ("-", total, b), ("+", a, b), ("+", b, a)}
            ):
                yield a, b, total


def _signature(expression: Expression) -> tuple[str, Value, Value] | None:
    if isinstance(expression, Operation):
        left, right = expression.left, expression.right
        if isinstance(left, Number) and isinstance(right, Number):
            return expression.sign, left.value, right.value
    return None


def _terms(expression: Expression) -> int:
    """How many numbers are added at the top of `expression`."""
    if isinstance(expression, Operation) and expression.sign == "+":
        return _terms(expression.left) + _terms(expression.right)
    return 1


def _all_terms(equations: Sequence[Equation], results: Sequence[Value]) -> list[int]:
    """How many numbers each equation adds in all, sums that are used in sums included."""
    totals: list[int] = []

    def count(expression: Expression) -> int:
        if isinstance(expression, Number):
            for total, result, earlier in zip(totals, results, equations, strict=False):
                if result == expression.value and _terms(earlier.left) > 1:
                    return total
            return 1
        return count(expression.left) + count(expression.right) if expression.sign == "+" else 1

    for equation in equations:
        totals.append(count(equation.left))
    return totals


def _prose(
    solution: str,
    equations: Sequence[Equation],
    placed: set[int],
    origins: Callable[[Value, int], list[Source]],
) -> Iterator[tuple[int, int, list[Source]]]:
    """The numbers of the solution that stand in no equation.

    Raises:
        TemplateError: One of them comes from nowhere, or is a name or part of a word.
    """
    for match in NUMBER.finditer(solution):
        if match.start() in placed:
            continue
        line_start = solution.rfind("\n", 0, match.start()) + 1
        line_end = solution.find("\n", match.end())
        line_end = len(solution) if line_end < 0 else line_end
        if solution[line_start : match.start()].strip().startswith("####"):
            if not origins(read_number(match[0]), len(equations)):
                raise TemplateError("the last equation does not give the target")
            yield match.start(), match.end(), [Source("result", len(equations) - 1)]
            continue
        before = sum(equation.start < line_end for equation in equations)
        found = origins(read_number(match[0]), before)
        if not found:
            raise TemplateError(f"{match[0]} in the solution's text comes from nowhere")
        yield match.start(), match.end(), found
    for match in WORD.finditer(solution):
        for number in spelled_numbers(match[0]):
            if number > 1:
                found = origins(number, len(equations))
                yield match.start(), match.start(), [*found, Source("constant", number)]


def _ambiguous(
    places: Sequence[list[Source]],
    values: Sequence[Value],
    held: set[Value],
    equations: Sequence[Equation],
    choose: Mapping[int, list[Source]],
) -> set[Value]:
    """Numbers of the question to hold, so that every number's possible sources agree.

    Two sources agree when they give the same value for other numbers too. Tried on primes:
    formulas that differ give different values there.
    """
    primes = iter((10007, 20011, 30011, 40009, 50021, 60013, 70001, 80021, 90001, 100003) * 10)
    trial: dict[Value, Value] = {
        value: value if value in held else next(primes) for value in values
    }
    computed: list[Value] = []
    hold: set[Value] = set()
    for equation in equations:
        try:
            computed.append(
                evaluate(
                    equation.left,
                    lambda number: _worth(choose[number.start][0], trial, computed),
                )
            )
        except ZeroDivisionError:
            raise TemplateError("a division in the working may be by zero") from None
    for found in places:
        if len({_worth(source, trial, computed) for source in found}) > 1:
            for source in found:
                hold |= _ancestors(source, equations, choose)
    return hold


def _ancestors(
    source: Source, equations: Sequence[Equation], choose: Mapping[int, list[Source]]
) -> set[Value]:
    """The numbers of the question that decide this one."""
    found: set[Value] = set()
    seen: set[Source] = set()
    to_trace = [source]
    while to_trace:
        source = to_trace.pop()
        if source in seen:
            continue
        seen.add(source)
        if source.place == "question":
            found.add(source.key)
        elif source.place == "result":
            for number in numbers_of(equations[int(source.key)].left):
                to_trace += choose[number.start]
    return found


def _worth(source: Source, new: Mapping[Value, Value], results: Sequence[Value]) -> Value:
    if source.place == "question":
        return new[source.key]
    if source.place == "result":
        return results[int(source.key)]
    return source.key


def _shown(result: Number) -> Value:
    """A result as its digits say, percent sign aside."""
    return whole(Fraction(result.value) * 100) if result.percent else result.value


def _is_target(target: str, result: Value) -> bool:
    match = NUMBER.fullmatch(target.strip().lstrip("$€£").rstrip("%"))
    return match is not None and read_number(match[0]) == result


def _of_one_sort(new: Value, old: Value) -> bool:
    if old in (0, 1) or new in (0, 1):
        return new == old
    return isinstance(new, int) or not isinstance(old, int)


def _like(new: Value, old: Value) -> bool:
    """Whether a result is of the same sort and about the same size as the old one."""
    if not _of_one_sort(new, old):
        return False
    if old in (0, 1):
        return True
    if old < 10:
        return 1 < new <= 40
    return old / Fraction(5) <= new <= old * 5


def edited(text: str, edits: Sequence[tuple[int, int, str]]) -> str:
    """The text with other words in places; several at one place stand one after the other."""
    pieces, at = [], 0
    for start, end, new in sorted(edits, key=lambda edit: edit[:2]):
        pieces += [text[at:start], new]
        at = end
    return "".join(pieces) + text[at:]
