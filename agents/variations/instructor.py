"""The instructor that needs no LLM: it names the fault, with what the neighbours show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from errata.agents.marking.equations import Operation
from errata.agents.records import Diagnosis, Mistake, Solved, Unusable
from errata.agents.variations.faults import (
    FEATURES,
    Fault,
    done_right,
    first_fault,
)


class VariationsInstructor:
    """Names the first place where the student's equations leave the worked solution."""

    def diagnose(self, mistakes: Sequence[Mistake]) -> Iterator[Diagnosis | Unusable]:
        for mistake in mistakes:
            found = first_fault(mistake)
            yield (
                Unusable(source_id=mistake.id, reason=found)
                if isinstance(found, str)
                else diagnosis_of(mistake, found)
            )


NAMES = {"+": "addition", "-": "subtraction", "*": "multiplication", "/": "division"}
VERBS = {"+": "add", "-": "subtract", "*": "multiply", "/": "divide"}
DOES = {"+": "adds", "-": "subtracts", "*": "multiplies", "/": "divides"}


def diagnosis_of(mistake: Mistake, fault: Fault) -> Diagnosis:
    cause: str = fault.kind
    explanation = fault.explanation
    skill, advice = LESSONS[fault.kind]
    if fault.kind == "slip":
        assert isinstance(fault.wrote, Operation)
        cause, explanation = name_slip(fault, fault.wrote.sign, mistake.contrast)
        what = cause.removeprefix("slip: ")
        skill = f"Working out {what} without a slip."
        advice = (
            f"The same problem with other numbers that need {what}, worked in small steps, and "
            "short drills of the bare operation."
        )
    elif fault.kind == "wrong operation":
        cause, explanation = name_operation(fault, mistake.contrast)
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


def name_slip(fault: Fault, sign: str, contrast: Sequence[Solved]) -> tuple[str, str]:
    slipped = fault.slipped
    cause = f"slip: {NAMES[slipped.sign if slipped else sign]}"
    if slipped is None:
        return cause, fault.explanation
    right = [(solved, done) for solved, done in done_right(contrast) if done.sign == slipped.sign]
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


def name_operation(fault: Fault, contrast: Sequence[Solved]) -> tuple[str, str]:
    assert isinstance(fault.wrote, Operation)
    assert isinstance(fault.needed, Operation)
    does, must = DOES[fault.wrote.sign], VERBS[fault.needed.sign]
    for solved, done in done_right(contrast):
        if done.sign == fault.wrote.sign:
            return (
                f"wrong operation: {does} where it must {must}",
                f"{fault.explanation}. {does.capitalize()} rightly in {solved.question.id} "
                f"({done}); here it must {must}",
            )
    return f"wrong operation: must {must}", fault.explanation
