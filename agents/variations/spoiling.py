"""A worked solution with one fault put in: what `faults.py` finds, the other way round.

RISE (Subtle Errors Matter, its code is kaishxu/RISE) asks an LLM to spoil a step. Equations can be
spoiled exactly, at a chosen step and in the way that a diagnosis names.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

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
    holds,
    numbers_of,
    read_equations,
    read_number,
    small_steps,
    unmark,
    value,
)
from errata.agents.records import Question
from errata.agents.variations.faults import (
    FEATURES,
    form_of,
    plain_operation,
    steps_of,
    value_or_none,
)
from errata.agents.variations.instructor import DOES, NAMES, VERBS
from errata.agents.variations.templates import LONGEST, final_line, write_like


@dataclass(frozen=True)
class SpoiledStep:
    """A solution that is cut at one step: how it begins, and how it goes on."""

    given: str
    right: str
    wrong: str
    ends: bool
    """False: both sides are one step, and more would follow."""


WRONG_STEPS = ("slip", "wrong operation", "wrong numbers")
WRONG_ENDS = ("stopped early", "one step too many")
"""How the causes begin that can be put in, as `VariationsInstructor` words them."""


def spoil(question: Question, cause: str, whole: bool, rng: random.Random) -> Iterator[SpoiledStep]:
    """Ways to spoil the question's solution: first those that the cause names, then wrong steps.

    A wrong step is false, or one that the solution holds nowhere. Calculator marks are left out of
    both sides. Of a question whose text is over `LONGEST`, none.

    Args:
        whole: Go on after a wrong step, recomputed from it; else both sides end with the step.
    """
    text = unmark(question.solution or "").rstrip()
    if len(text) + len(question.prompt) > LONGEST:
        return
    steps = [step for step in steps_of(text) if is_spoilable(step)]
    if cause.startswith(WRONG_ENDS):
        yield from wrong_ends(question, text, steps, cause, rng)
    for kind in sorted(rng.sample(WRONG_STEPS, 3), key=lambda kind: not cause.startswith(kind)):
        for step, written, result in wrong_steps(question, text, steps, kind, cause, rng):
            begin = len(text[: step.start].rstrip(" "))  # a space belongs to the word after it
            wrong = text[begin : step.start] + written
            if not whole:
                yield SpoiledStep(text[:begin], text[begin : step.end], wrong, ends=False)
                continue
            following = recomputed(text[step.end :], {value(step.result): result})
            if following is not None:
                yield SpoiledStep(text[:begin], text[begin:], wrong + following, ends=True)


def is_spoilable(step: Equation) -> bool:
    """Whether its result is a number in digits on the right, and true."""
    result = step.result
    return (
        isinstance(result, Number)
        and not result.percent
        and step.equals[-1] < result.start < result.end
        and holds(step)
    )


def wrong_steps(
    question: Question,
    text: str,
    steps: Sequence[Equation],
    kind: str,
    cause: str,
    rng: random.Random,
) -> Iterator[tuple[Equation, str, Value]]:
    """A step of the solution, how it reads when it is spoiled, and its wrong result."""
    if kind == "slip":
        for step in sorted(rng.sample(steps, len(steps)), key=lambda step: -fit(step, cause)):
            for result in slipped_results(step, cause, rng):
                yield (
                    step,
                    text[step.start : result_of(step).start] + digits(text, step, result),
                    result,
                )
        return
    forms = {form_of(step.left) for step in steps}
    for step in rng.sample(steps, len(steps)):
        if kind == "wrong operation":
            lefts = [*other_operations(text, step, cause, rng)]
        else:
            lefts = [*other_numbers(question, text, step, steps)]
        for left in rng.sample(lefts, len(lefts)):
            read = read_equations(f"{left}= 0")
            if len(read) != 1 or read[0].start or form_of(read[0].left) in forms:
                continue
            new, old = value_or_none(read[0].left), value(step.result)
            if new is not None and 0 < new != old and decimals(new) <= decimals(old):
                yield step, left + after_left(text, step, read[0].left, new), new


def fit(step: Equation, cause: str) -> int:
    """How well a slip in `step` is the one that the cause names."""
    done = plain_operation(step.left)
    sign = done.sign if done else step.left.sign if isinstance(step.left, Operation) else ""
    if not sign or f"slip: {NAMES[sign]}" not in cause:
        return 0
    named = [f for f in FEATURES if f.sign == sign and f.phrase in cause]
    return 1 + bool(done and named and all(f.has(done.left, done.right) for f in named))


def slipped_results(step: Equation, cause: str, rng: random.Random) -> Iterator[Value]:
    """Wrong results as slips bring them: a carry forgotten where the cause says so, else one or
    ten off, two digits swapped, a neighbour in the table."""
    right = value(step.result)
    one = apply("/", 1, 10 ** decimals(right))
    near: list[Value] = [right + by * one for by in (-10, -1, 1, 10)]
    forgotten: list[Value] = []
    written = str(right)
    for at in range(len(written) - 1):
        swapped = written[:at] + written[at + 1] + written[at] + written[at + 2 :]
        if isinstance(right, int) and swapped[0] != "0":
            near.append(int(swapped))
    if done := plain_operation(step.left):
        if done.sign == "*":
            near += [right + by for side in (done.left, done.right) for by in (-side, side)]
        if "carries" in cause or "borrows" in cause:
            left, other = str(done.left)[::-1], str(done.right)[::-1]
            for place, (a, b) in enumerate(zip(left, other, strict=False), 1):
                if done.sign == "+" and int(a) + int(b) > 9:
                    forgotten.append(right - 10**place)
                if done.sign == "-" and int(a) < int(b):
                    forgotten.append(right + 10**place)
    for found in (forgotten, near):
        for result in rng.sample(found, len(found)):
            if result >= 0 and result != right:
                yield result


SIGN = re.compile(r"[-−–+*×·/÷]|(?<![A-Za-z])[xX](?![A-Za-z])")  # noqa: RUF001


def other_operations(text: str, step: Equation, cause: str, rng: random.Random) -> Iterator[str]:
    """The left side with one operation in place of another: those that the cause names, if any."""
    need = {sign for sign, verb in VERBS.items() if f"must {verb}" in cause} or set(VERBS)
    does = {sign for sign, verb in DOES.items() if f"operation: {verb} " in cause} or set(VERBS)
    for operation in operations_of(step.left):
        between = list(numbers_of(operation.left))[-1].end, next(numbers_of(operation.right)).start
        signs = [*SIGN.finditer(text, *between)]
        if operation.sign not in need or len(signs) != 1:
            continue
        for sign in sorted(does - {operation.sign}):
            yield text[step.start : signs[0].start()] + sign + text[signs[0].end() : step.equals[0]]


def other_numbers(
    question: Question, text: str, step: Equation, steps: Sequence[Equation]
) -> Iterator[str]:
    """The left side with another number of the question in place of one.

    None that a later step takes: to add and take away in another order is not wrong.
    """
    later = {n.value for other in steps if other.start > step.start for n in numbers_of(other.left)}
    asked = [m[0] for m in NUMBER.finditer(question.prompt) if len(m[0]) <= MAX_DIGITS]
    others = {read_number(number): number for number in asked}
    for old in numbers_of(step.left):
        for worth, number in others.items():
            if worth != old.value and worth not in later and old.end > old.start:
                yield text[step.start : old.start] + number + text[old.end : step.equals[0]]


def wrong_ends(
    question: Question, text: str, steps: Sequence[Equation], cause: str, rng: random.Random
) -> Iterator[SpoiledStep]:
    """The last step left out, or one more step on its result."""
    if not steps:
        return
    last = steps[-1]
    if cause.startswith("stopped early"):
        begin = text.rfind("\n", 0, last.start) + 1
        before = [step for step in steps if step.end <= begin]
        end = final_line(question, value(before[-1].result)) if before else None
        if end is not None:
            yield SpoiledStep(text[:begin], text[begin:], end, ends=True)
        return
    begin = text.find("\n", last.end) + 1
    result = value(last.result)
    for sign in rng.sample(list(VERBS), len(VERBS)):
        for number in NUMBER.finditer(question.prompt):
            worth = read_number(number[0]) if len(number[0]) <= MAX_DIGITS else 0
            new = apply(sign, result, worth) if worth else result
            if not begin or new < 0 or new == result or decimals(new) > decimals(result):
                continue
            if (end := final_line(question, new)) is not None:
                step = (
                    f"{digits(text, last, result)} {sign} {number[0]} = {digits(text, last, new)}"
                )
                yield SpoiledStep(text[:begin], text[begin:], f"{step}\n{end}", ends=True)


def recomputed(text: str, moved: Mapping[Value, Value]) -> str | None:
    """`text` with the numbers that have moved, and all that is worked out from them.

    None where that divides by zero, falls below zero or brings decimals.
    """
    now = dict(moved)
    steps = {result_of(step).start: step for step in steps_of(text) if is_spoilable(step)}
    edits: list[tuple[int, int, str]] = []
    for number in NUMBER.finditer(text):
        if len(number[0]) > MAX_DIGITS:
            continue
        old = read_number(number[0])
        step = steps.get(number.start())
        if step is not None:
            new = value_or_none(renewed(step.left, now))
            if new is None or new < 0 or decimals(new) > decimals(old):
                return None
            if new != old and len(step.sides) > 2:  # the steps in between have changed, too
                while edits and edits[-1][0] > step.equals[0]:
                    edits.pop()
                after = after_left(text, step, renewed(step.left, now), new)
                edits.append((step.equals[0], step.end, after))
            elif new != old:
                edits.append((*number.span(), write_like(number[0], new)))
            now[old] = new
        elif now.get(old, old) != old:
            edits.append((*number.span(), write_like(number[0], now[old])))
    for start, end, new_text in reversed(edits):
        text = text[:start] + new_text + text[end:]
    return text


def renewed(expression: Expression, now: Mapping[Value, Value]) -> Expression:
    if isinstance(expression, Number):
        return Number(now.get(expression.value, expression.value), 0, 0)
    return Operation(expression.sign, renewed(expression.left, now), renewed(expression.right, now))


def after_left(text: str, step: Equation, left: Expression, result: Value) -> str:
    """What follows the left side: small steps where the step has some, and the result."""
    middle = small_steps(left) if len(step.sides) > 2 else []
    between = "".join(f"= {each} " for each in middle)
    return between + text[step.equals[-1] : result_of(step).start] + digits(text, step, result)


def result_of(step: Equation) -> Number:
    assert isinstance(step.result, Number)
    return step.result


def digits(text: str, step: Equation, result: Value) -> str:
    """`result` in the manner of the step's own."""
    own = result_of(step)
    return write_like(text[own.start : own.end], result)


def operations_of(expression: Expression) -> Iterator[Operation]:
    if isinstance(expression, Operation):
        yield expression
        yield from operations_of(expression.left)
        yield from operations_of(expression.right)
