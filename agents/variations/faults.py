"""What went wrong in a wrong answer: its equations beside those of the worked solution.

The first place where they part is the fault.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from errata.agents.marking.equations import (
    Equation,
    Expression,
    Number,
    Operation,
    Value,
    holds,
    read_equations,
    show,
    show_value,
    unmark,
    value,
)
from errata.agents.records import Mistake, Solved


@dataclass(frozen=True)
class Slipped:
    """The operation on two whole numbers that came out wrong."""

    sign: str
    left: int
    right: int

    def __str__(self) -> str:
        return f"{self.left} {self.sign} {self.right}"

    @property
    def operation(self) -> Operation:
        return Operation(self.sign, Number(self.left, 0, 0), Number(self.right, 0, 0))


@dataclass(frozen=True)
class Fault:
    """The first place where a response leaves the worked solution."""

    kind: Literal[
        "no equation",
        "wrong operation",
        "wrong numbers",
        "slip",
        "stopped early",
        "no final answer",
        "one step too many",
        "right working, wrong final answer",
    ]
    explanation: str
    wrote: Expression | None = None
    """What the response has there; its numbers know their places in the response without marks."""
    needed: Expression | None = None
    """What the solution has there."""
    slipped: Slipped | None = None


@dataclass(frozen=True)
class Feature:
    """Something that makes an operation harder."""

    sign: str
    phrase: str
    without: str
    """Says of an operation that it lacks this."""
    has: Callable[[int, int], bool]


def carries(left: int, right: int) -> bool:
    """Whether some two digits that meet in the addition make 10 or more."""
    while left and right:
        if left % 10 + right % 10 > 9:
            return True
        left, right = left // 10, right // 10
    return False


def borrows(left: int, right: int) -> bool:
    """Whether some digit is less than the one to be taken from it."""
    while right:
        if left % 10 < right % 10:
            return True
        left, right = left // 10, right // 10
    return False


FEATURES = (
    Feature("+", "that carries", "nothing is carried", carries),
    Feature("-", "that borrows", "nothing is borrowed", borrows),
    Feature(
        "*",
        "of two numbers over 10",
        "one factor is 10 or less",
        lambda left, right: min(left, right) > 10,
    ),
    Feature(
        "*",
        "with a number over 10",
        "both factors are 10 or less",
        lambda left, right: max(left, right) > 10,
    ),
    Feature(
        "/", "with a result over 10", "the result is 10 or less", lambda a, b: a // max(b, 1) > 10
    ),
    Feature("+", "over 100", "no number is over 100", lambda left, right: max(left, right) > 100),
    Feature("-", "over 100", "no number is over 100", lambda left, right: left > 100),
)
"""The most telling first."""


def first_fault(mistake: Mistake) -> Fault | str:
    """The fault, or why none can be named."""
    needed = steps_of(mistake.question.solution or "")
    if not needed:
        return "no worked equations in the solution"
    written = unmark(mistake.attempt.response)
    steps = steps_of(written)
    if not steps:
        return Fault("no equation", f"wrote no equation; needed was {quote(needed[0])}")
    done, inner = 0, set[tuple[object, ...]]()
    for step in steps:
        if done == len(needed):
            if holds(step) and value(step.left) == value(needed[-1].left):
                continue
            return Fault(
                "one step too many",
                f"had {quote(needed[-1])} and went on with {quote(step)}",
                wrote=step.left,
            )
        met = which_needed(step, needed, done)
        if met is None:
            nested = operations_of(needed[done].left)
            to_do = [each for each in nested if form_of(each) not in inner]
            part = next((each for each in to_do if form_of(each) == form_of(step.left)), None)
            if part is None:
                several = len([*operations_of(step.left)]) > 1
                return departure(step, needed[done], to_do[-1 if several else 0])
            if not holds(step):
                return slip_in(step, part)
            inner.add(form_of(part))
            continue
        if not holds(step) and value_or_none(step.result) != value_or_none(needed[met].result):
            return slip_in(
                step, needed[met].left
            )  # a result that the solution rounds in the same way is no slip
        done, inner = met + 1, set()
    if done < len(needed):
        return Fault(
            "stopped early",
            f"stopped after {quote(steps[-1])}; {quote(needed[done])} was still to do",
            needed=needed[done].left,
        )
    if mistake.attempt.answer is None:
        return Fault("no final answer", f"ended at {quote(steps[-1])} without a final answer")
    return Fault(
        "right working, wrong final answer",
        f"worked out {quote(steps[-1])} and then answered {mistake.attempt.answer}; "
        f"the answer is {mistake.question.target}",
    )


COLUMNS = re.compile(r"^(\d{1,20} [-+] \d{1,20}):.*$", re.MULTILINE)
"""A line that works an operation in columns: what it adds and subtracts is no step by itself."""


def steps_of(text: str) -> list[Equation]:
    """The equations that compute something, the computation on the left."""
    steps = []
    for equation in read_equations(COLUMNS.sub(blank, unmark(text))):
        if isinstance(equation.left, Number) and isinstance(equation.result, Operation):
            equation = Equation(equation.sides[::-1], equation.equals, equation.start, equation.end)
        if isinstance(equation.left, Operation):
            try:
                value(equation.left)
            except ZeroDivisionError:
                continue
            steps.append(equation)
    return steps


def blank(line: re.Match[str]) -> str:
    return " " * len(line[0])


def which_needed(step: Equation, needed: Sequence[Equation], done: int) -> int | None:
    """The needed step that `step` is, in this form or in another that is worth the same."""
    forms = [form_of(other.left) == form_of(step.left) for other in needed]
    worth = [value(other.left) == value(step.left) for other in needed]
    for same in (forms, worth):
        for k in [*range(done, len(needed)), *range(done)]:
            if same[k]:
                return k if k >= done else done - 1
    return None


def operations_of(expression: Expression) -> Iterator[Operation]:
    """In the order in which they are worked: `14 - 2` of `(14 - 2) - 10`, then the whole."""
    if isinstance(expression, Operation):
        yield from operations_of(expression.left)
        yield from operations_of(expression.right)
        yield expression


def form_of(expression: Expression) -> tuple[object, ...]:
    """Equal for expressions that differ only in the order of what is added or multiplied."""
    if isinstance(expression, Number):
        return (str(expression.value),)
    sides = [form_of(expression.left), form_of(expression.right)]
    return (expression.sign, *(sorted(sides, key=repr) if expression.sign in "+*" else sides))


def departure(step: Equation, needed: Equation, operation: Operation) -> Fault:
    """`operation`: the one of the needed step that was to be worked here."""
    assert isinstance(step.left, Operation)
    explanation = f"wrote {quote(step)} where {quote(needed)} was needed"
    return Fault(
        "wrong operation" if step.left.sign != operation.sign else "wrong numbers",
        explanation,
        wrote=step.left,
        needed=operation,
    )


def slip_in(step: Equation, needed: Expression) -> Fault:
    assert isinstance(step.left, Operation)
    right = show_value(value(step.left))
    explanation = f"wrote {quote(step)}; it is {right}"
    slipped = plain_operation(step.left)
    for before, after in pairwise(step.sides):
        if value_or_none(before) != value_or_none(after):
            slipped = plain_operation(before) or slipped  # in a chain, the link that broke
            if len(step.sides) > 2:
                explanation += f" (it goes wrong at {show(before)} = {show(after)})"
            break
    return Fault("slip", explanation, step.left, needed, slipped)


def value_or_none(expression: Expression) -> Value | None:
    try:
        return value(expression)
    except ZeroDivisionError:
        return None


def plain_operation(expression: Expression) -> Slipped | None:
    """An operation on two whole numbers with a whole result, else None."""
    if isinstance(expression, Operation):
        left, right = expression.left, expression.right
        if isinstance(left, Number) and isinstance(right, Number):
            a, b = left.value, right.value
            if (
                isinstance(a, int)
                and isinstance(b, int)
                and isinstance(value_or_none(expression), int)
            ):
                return Slipped(expression.sign, a, b)
    return None


def quote(step: Equation) -> str:
    return f"{show(step.left)} = {show(step.result)}"


def done_right(contrast: Sequence[Solved]) -> Iterator[tuple[Solved, Slipped]]:
    """The operations that the student did right in the neighbours, nearest first."""
    for solved in contrast:
        for step in steps_of(solved.attempt.response):
            done = plain_operation(step.left)
            if done and holds(step):
                yield solved, done
