"""An instructor and a writer that need no LLM.

The instructor lays the equations of a wrong answer beside those of the worked solution; the
first place where they part names the cause. The writer asks the missed question again with new
numbers and recomputes its working, in small steps; for slips it adds drills of the bare
operation. Both work on any exam whose solutions contain worked equations.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from errata.agents.data_writer import Ask
from errata.agents.marking.equations import (
    Equation,
    Expression,
    Number,
    Operation,
    Value,
    apply,
    holds,
    read_equations,
    show,
    show_value,
    small_steps,
    unmark,
    value,
)
from errata.agents.records import Diagnosis, Draft, Mistake, Solved, Unusable
from errata.agents.variations.templates import TemplateError, final_line, read_template


class VariationsInstructor:
    """Names the first place where the student's equations leave the worked solution."""

    def diagnose(self, mistakes: Sequence[Mistake]) -> Iterator[Diagnosis | Unusable]:
        for mistake in mistakes:
            found = _first_fault(mistake)
            yield (
                Unusable(source_id=mistake.id, reason=found)
                if isinstance(found, str)
                else _name(mistake, found)
            )


class VariationsWriter:
    """Asks the missed question again with new numbers, its working recomputed.

    Args:
        small_steps: Whether the working splits operations that are not elementary:
            `73 - 28 = 73 - 20 - 8 = 53 - 8 = 45`.
    """

    fewest = 1  # nothing is saved by asking for several
    at_once = 1

    def __init__(self, small_steps: bool = True) -> None:
        self.small_steps = small_steps

    def draft(self, asks: Sequence[Ask]) -> Iterator[tuple[Ask, Sequence[Draft | Unusable]]]:
        """See `Writer.draft`; in the order of the asks."""
        for ask in asks:
            yield ask, self.draft_one(ask.mistake, ask.diagnosis, ask.count, ask.seed)

    def draft_one(
        self, mistake: Mistake, diagnosis: Diagnosis, count: int, seed: int
    ) -> Sequence[Draft | Unusable]:
        rng = random.Random(f"{seed}/{diagnosis.id}")
        fault = _first_fault(mistake)
        slipped = fault.slipped if isinstance(fault, Fault) else None
        features = _named_features(diagnosis.cause, slipped) if slipped else []
        drills = []
        if slipped and final_line(mistake.question, 0) is not None:
            half = int(count / 2 + rng.random())  # also on average when asked for one at a time
            drills = self._drills(mistake, diagnosis, slipped, features, half, rng)
        again = self._again(mistake, diagnosis, slipped, features, count - len(drills), rng)
        mixed = [*again, *drills]
        rng.shuffle(mixed)
        return mixed

    def _again(
        self,
        mistake: Mistake,
        diagnosis: Diagnosis,
        slipped: Slipped | None,
        features: list[Feature],
        count: int,
        rng: random.Random,
    ) -> list[Draft | Unusable]:
        """The missed question with new numbers, preferably such as bring the slip up again."""
        if count < 1:
            return []
        try:
            template = read_template(mistake.question)
        except TemplateError as reason:
            return [Unusable(source_id=diagnosis.id, reason=str(reason))]
        drafts: dict[str, Draft | Unusable] = {}
        for draw in range(6 * count):
            new = template.draw(rng, self.small_steps)
            if new is None:
                break
            if slipped and draw % 3 < 2 and not _shows(new.completion, slipped.sign, features):
                continue
            if new.prompt != mistake.question.prompt:
                drafts[new.prompt] = Draft(
                    diagnosis_id=diagnosis.id,
                    prompt=new.prompt,
                    completion=new.completion,
                    target=new.target,
                )
            if len(drafts) == count:
                break
        if not drafts:
            nothing = "no other numbers keep the working exact and in proportion"
            return [Unusable(source_id=diagnosis.id, reason=nothing)]
        return list(drafts.values())

    def _drills(
        self,
        mistake: Mistake,
        diagnosis: Diagnosis,
        slipped: Slipped,
        features: list[Feature],
        count: int,
        rng: random.Random,
    ) -> list[Draft]:
        """Sheets of bare operations like the one that slipped; the last result is the answer."""
        found: dict[tuple[int, int], Operation] = {}
        for _ in range(200 * count):
            if len(found) == count * SHEET:
                break
            left, right = _operands_like(slipped, rng)
            if (left, right) == (slipped.left, slipped.right):
                continue
            if all(feature.has(left, right) for feature in features):
                operation = Operation(slipped.sign, Number(left, 0, 0), Number(right, 0, 0))
                found[left, right] = operation
        operations = list(found.values())
        drills = []
        for first in range(0, len(operations), SHEET):
            sheet = operations[first : first + SHEET]
            lines = [
                " = ".join(
                    [
                        show(operation),
                        *(small_steps(operation) if self.small_steps else []),
                        show_value(value(operation)),
                    ]
                )
                for operation in sheet
            ]
            bare = [show(operation) for operation in sheet]
            asked = ", then ".join(bare)
            result = value(sheet[-1])
            drills.append(
                Draft(
                    diagnosis_id=diagnosis.id,
                    prompt=rng.choice(DRILL_WORDINGS).format(asked),
                    completion="\n".join([*lines, str(final_line(mistake.question, result))]),
                    target=show_value(result),
                )
            )
        return drills


SHEET = 4
"""Operations in one drill: nearly all that is read is then also learnt from."""
DRILL_WORDINGS = ("What is {}?", "Calculate {}.", "How much is {}?", "Work out {}.")

NAMES = {"+": "addition", "-": "subtraction", "*": "multiplication", "/": "division"}
VERBS = {"+": "add", "-": "subtract", "*": "multiply", "/": "divide"}
DOES = {"+": "adds", "-": "subtracts", "*": "multiplies", "/": "divides"}


@dataclass(frozen=True)
class Slipped:
    """The operation on two whole numbers that came out wrong."""

    sign: str
    left: int
    right: int

    def __str__(self) -> str:
        return f"{self.left} {self.sign} {self.right}"


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
    needed: Expression | None = None
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


def _first_fault(mistake: Mistake) -> Fault | str:
    """The fault, or why none can be named."""
    needed = _steps(mistake.question.solution or "")
    if not needed:
        return "no worked equations in the solution"
    written = unmark(mistake.attempt.response)
    steps = _steps(written)
    if not steps:
        return Fault("no equation", f"wrote no equation; needed was {_quote(needed[0])}")
    done = 0
    for step in steps:
        if done == len(needed):
            if holds(step) and value(step.left) == value(needed[-1].left):
                continue
            return Fault(
                "one step too many",
                f"had {_quote(needed[-1])} and went on with {_quote(step)}",
                wrote=step.left,
            )
        met = _which(step, needed, done)
        if met is None:
            return _departure(step, needed[done])
        if not holds(step) and _safe(step.result) != _safe(needed[met].result):
            return _slip(step)  # a result that the solution rounds in the same way is no slip
        done = met + 1
    if done < len(needed):
        return Fault(
            "stopped early",
            f"stopped after {_quote(steps[-1])}; {_quote(needed[done])} was still to do",
            needed=needed[done].left,
        )
    if mistake.attempt.answer is None:
        return Fault("no final answer", f"ended at {_quote(steps[-1])} without a final answer")
    return Fault(
        "right working, wrong final answer",
        f"worked out {_quote(steps[-1])} and then answered {mistake.attempt.answer}; "
        f"the answer is {mistake.question.target}",
    )


def _steps(text: str) -> list[Equation]:
    """The equations that compute something, the computation on the left."""
    steps = []
    for equation in read_equations(unmark(text)):
        if isinstance(equation.left, Number) and isinstance(equation.result, Operation):
            equation = Equation(equation.sides[::-1], equation.equals, equation.start, equation.end)
        if isinstance(equation.left, Operation):
            try:
                value(equation.left)
            except ZeroDivisionError:
                continue
            steps.append(equation)
    return steps


def _which(step: Equation, needed: Sequence[Equation], done: int) -> int | None:
    """The needed step that `step` is, in this form or in another that is worth the same."""
    forms = [_form(other.left) == _form(step.left) for other in needed]
    worth = [value(other.left) == value(step.left) for other in needed]
    for same in (forms, worth):
        for k in [*range(done, len(needed)), *range(done)]:
            if same[k]:
                return k if k >= done else done - 1
    return None


def _form(expression: Expression) -> tuple[object, ...]:
    """Equal for expressions that differ only in the order of what is added or multiplied."""
    if isinstance(expression, Number):
        return (str(expression.value),)
    sides = [_form(expression.left), _form(expression.right)]
    return (expression.sign, *(sorted(sides, key=repr) if expression.sign in "+*" else sides))


def _departure(step: Equation, needed: Equation) -> Fault:
    assert isinstance(step.left, Operation)
    assert isinstance(needed.left, Operation)
    explanation = f"wrote {_quote(step)} where {_quote(needed)} was needed"
    return Fault(
        "wrong operation" if step.left.sign != needed.left.sign else "wrong numbers",
        explanation,
        wrote=step.left,
        needed=needed.left,
    )


def _slip(step: Equation) -> Fault:
    assert isinstance(step.left, Operation)
    right = show_value(value(step.left))
    explanation = f"wrote {_quote(step)}; it is {right}"
    slipped = _plain(step.left)
    for before, after in pairwise(step.sides):
        if _safe(before) != _safe(after):
            slipped = _plain(before) or slipped  # in a chain, the link that broke
            if len(step.sides) > 2:
                explanation += f" (it goes wrong at {show(before)} = {show(after)})"
            break
    return Fault("slip", explanation, wrote=step.left, slipped=slipped)


def _safe(expression: Expression) -> Value | None:
    try:
        return value(expression)
    except ZeroDivisionError:
        return None


def _plain(expression: Expression) -> Slipped | None:
    """An operation on two whole numbers with a whole result, else None."""
    if isinstance(expression, Operation):
        left, right = expression.left, expression.right
        if isinstance(left, Number) and isinstance(right, Number):
            a, b = left.value, right.value
            if isinstance(a, int) and isinstance(b, int) and isinstance(_safe(expression), int):
                return Slipped(expression.sign, a, b)
    return None


def _quote(step: Equation) -> str:
    return f"{show(step.left)} = {show(step.result)}"


def _name(mistake: Mistake, fault: Fault) -> Diagnosis:
    cause: str = fault.kind
    explanation = fault.explanation
    skill, advice = LESSONS[fault.kind]
    if fault.kind == "slip":
        assert isinstance(fault.wrote, Operation)
        cause, explanation = _name_slip(fault, fault.wrote.sign, mistake.contrast)
        what = cause.removeprefix("slip: ")
        skill = f"Working out {what} without a slip."
        advice = (
            f"The same problem with other numbers that need {what}, worked in small steps, and "
            "short drills of the bare operation."
        )
    elif fault.kind == "wrong operation":
        cause, explanation = _name_operation(fault, mistake.contrast)
    return Diagnosis(
        id=f"{mistake.id}-diagnosis",
        mistake_id=mistake.id,
        question_id=mistake.question.id,
        cause=cause,
        explanation=explanation,
        missing_skill=skill,
        advice=advice,
    )


LESSONS = {
    "no equation": (
        "Putting a problem into an equation.",
        "The same problem with other numbers; begin the answer with the equation.",
    ),
    "wrong operation": (
        "Choosing the operation that the words of the problem ask for.",
        "The same problem with other numbers; write the operation that the words ask for.",
    ),
    "wrong numbers": (
        "Taking the right numbers from the problem and from earlier steps.",
        "The same problem with other numbers; every step takes each number from where it stands.",
    ),
    "slip": ("Calculating without a slip.", "Work the same operation in small steps."),
    "stopped early": (
        "Carrying on until the question that was asked is answered.",
        "The same problem with other numbers, every step written down to the last one.",
    ),
    "no final answer": (
        "Ending with the final answer in the form that the exam asks for.",
        "The same problem with other numbers, a short working, then the final line.",
    ),
    "one step too many": (
        "Stopping when the question that was asked is answered.",
        "The same problem with other numbers, no more steps than the question needs.",
    ),
    "right working, wrong final answer": (
        "Giving the result of the last step as the final answer.",
        "The same problem with other numbers; the final line repeats the last result.",
    ),
}
"""Kind of fault → the missing skill and the advice to the writer."""


def _name_slip(fault: Fault, sign: str, contrast: Sequence[Solved]) -> tuple[str, str]:
    slipped = fault.slipped
    cause = f"slip: {NAMES[slipped.sign if slipped else sign]}"
    if slipped is None:
        return cause, fault.explanation
    right = [(solved, done) for solved, done in _done_right(contrast) if done.sign == slipped.sign]
    for feature in FEATURES:
        if right and feature.sign == slipped.sign and feature.has(slipped.left, slipped.right):
            if any(feature.has(done.left, done.right) for _, done in right):
                continue
            solved, done = right[0]
            return (
                f"{cause} {feature.phrase}",
                f"{fault.explanation}. {DOES[slipped.sign].capitalize()} right where "
                f"{feature.without} ({done} in {solved.question.id}), but not in {slipped}",
            )
    if right:
        solved, done = right[0]
        return cause, f"{fault.explanation}, though {done} is right in {solved.question.id}"
    return cause, fault.explanation


def _name_operation(fault: Fault, contrast: Sequence[Solved]) -> tuple[str, str]:
    assert isinstance(fault.wrote, Operation)
    assert isinstance(fault.needed, Operation)
    does, must = DOES[fault.wrote.sign], VERBS[fault.needed.sign]
    for solved, done in _done_right(contrast):
        if done.sign == fault.wrote.sign:
            return (
                f"wrong operation: {does} where it must {must}",
                f"{fault.explanation}. {does.capitalize()} rightly in {solved.question.id} "
                f"({done}); here it must {must}",
            )
    return f"wrong operation: must {must}", fault.explanation


def _done_right(contrast: Sequence[Solved]) -> Iterator[tuple[Solved, Slipped]]:
    """The operations that the student did right in the neighbours, nearest first."""
    for solved in contrast:
        for step in _steps(solved.attempt.response):
            done = _plain(step.left)
            if done and holds(step):
                yield solved, done


def _named_features(cause: str, slipped: Slipped) -> list[Feature]:
    """The features of the slip that the diagnosis names; all that it has when it names none."""
    present = [
        feature
        for feature in FEATURES
        if feature.sign == slipped.sign and feature.has(slipped.left, slipped.right)
    ]
    return [feature for feature in present if feature.phrase in cause] or present


def _shows(completion: str, sign: str, features: Sequence[Feature]) -> bool:
    """Whether some equation of `completion` is such an operation with all of these features."""
    for step in _steps(completion):
        done = _plain(step.left)
        if done and done.sign == sign and all(f.has(done.left, done.right) for f in features):
            return True
    return False


def _operands_like(slipped: Slipped, rng: random.Random) -> tuple[int, int]:
    """Two numbers of about the same size for the same operation, the result whole, above 1."""
    if slipped.sign == "/" and slipped.right:
        right = _near(slipped.right, rng)
        return right * _near(slipped.left // slipped.right, rng), right
    left, right = _near(slipped.left, rng), _near(slipped.right, rng)
    if slipped.sign == "-" and int(apply("-", left, right)) < 2:
        return max(left, right) + 2, min(left, right)
    return left, right


def _near(number: int, rng: random.Random) -> int:
    return rng.randint(max(2, number // 2), max(9, 2 * number if number < 50 else number * 3 // 2))
