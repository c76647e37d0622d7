"""Working written out in full, for a student that does not yet calculate in its head."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from errata.agents.marking.equations import (
    Operation,
    apply,
    holds,
    in_columns,
    show_value,
    small_steps,
    unmark,
    value,
)
from errata.agents.records import Attempt
from errata.agents.variations.faults import (
    COLUMNS,
    Slipped,
    operations_of,
    plain_operation,
    steps_of,
)
from errata.agents.variations.templates import edited

SEEN, SURE = 5, 0.9
"""Calculations of a sign that must be seen, and the share of them that must be right."""


def working(done: Slipped) -> list[str]:
    """What stands between an operation and its result; empty where it is elementary."""
    columns = in_columns(done.sign, done.left, done.right)
    if columns is not None:
        return [columns]
    return [] if done.sign in "+-" else small_steps(done.operation)


def cannot(answers: Iterable[Attempt]) -> frozenset[str]:
    """The signs of which the student was not seen to do operations in its head: of those in its
    answers that are not elementary and have no working, too few hold, or there are too few."""
    seen, right = Counter[str](), Counter[str]()
    for answer in answers:
        written_out = set(COLUMNS.findall(answer.response))
        for step in steps_of(answer.response):
            done = plain_operation(step.left)
            if done and len(step.sides) == 2 and working(done) and str(done) not in written_out:
                seen[done.sign] += 1
                right[done.sign] += holds(step)
    return frozenset(s for s in "+-*/" if seen[s] < SEEN or right[s] < SURE * seen[s])


def by_hand(text: str, signs: Collection[str]) -> str:
    """A worked solution with the operations of these signs written out: in columns in a line
    before, `343 - 87: 13 - 7 = 6, 14 - 8 - 1 = 5, 3 - 1 = 2`, products and quotients in small steps
    where they stand. Of a nested one, each operation by itself."""
    before = set(COLUMNS.findall(text))
    edits: list[tuple[int, int, str]] = []
    for step in steps_of(text) if unmark(text) == text else ():
        operations = [plain(each) for each in operations_of(step.left)]
        known = [each for each in operations if each is not None]
        if len(step.sides) > 2 or len(known) < len(operations):
            continue
        *inner, whole = known
        if str(whole) in before or not any(each.sign in signs for each in known):
            continue
        lines = [each for one in inner for each in lines_of(one, signs)]
        steps = working(whole) if whole.sign in signs else []
        if whole.sign in "+-":
            lines += [f"{whole}: {columns}" for columns in steps]
        elif steps and not inner:
            after = step.equals[0] + 1
            edits.append((after, after, f" {' = '.join(steps)} ="))
        line = text.rfind("\n", 0, step.start) + 1
        edits.append((line, line, "".join(f"{each}\n" for each in lines)))
    return edited(text, edits)


def plain(expression: Operation) -> Slipped | None:
    """An operation between the values of its sides, where these are whole."""
    left, right = value(expression.left), value(expression.right)
    if not isinstance(left, int) or not isinstance(right, int) or min(left, right) < 1:
        return None
    whole = isinstance(apply(expression.sign, left, right), int)
    return Slipped(expression.sign, left, right) if whole else None


def lines_of(done: Slipped, signs: Collection[str]) -> list[str]:
    """An operation as lines of its own."""
    steps = working(done) if done.sign in signs else []
    if done.sign in "+-":
        return [*(f"{done}: {columns}" for columns in steps), equation_of(done)]
    return [equation_of(done, steps)]


def equation_of(done: Slipped, steps: Sequence[str] = ()) -> str:
    """`73 - 28 = 45`, or with the steps between."""
    return " = ".join([str(done), *steps, show_value(value(done.operation))])
