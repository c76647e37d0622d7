"""Practice questions made harder step by step: larger numbers, longer workings.

The offline twin of the search of AutoDetect (github.com/thu-coai/AutoDetect): no LLM proposes the
harder question, the worked solution is recomputed.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from errata.agents.records import Draft, Question
from errata.agents.variations.templates import Template, Variation, template_of

By = Literal["digits", "steps"]

MOST_DIGITS = 7
VERBS = {"+": "adds", "-": "subtracts", "*": "multiplies", "/": "divides"}


@dataclass(frozen=True)
class Rung:
    """Questions that are equally hard."""

    height: int
    """Digits of the largest number that changes, or operations in the working."""
    questions: tuple[Question, ...]
    """With their worked solutions."""


@dataclass(frozen=True)
class Ladder:
    """The same sort of questions, harder from rung to rung."""

    name: str
    """What the student has to do: `adds`, `adds and multiplies`; `works` of any operations."""
    by: By
    """What grows."""
    rungs: tuple[Rung, ...]
    """The easiest first."""


def ladders(
    practice: Sequence[Question],
    per_rung: int,
    seed: int,
    refuses: Callable[[Draft], str | None],
) -> list[Ladder]:
    """A ladder of digits for each set of operations, made of the questions with the fewest of
    them, and one of steps, whose rungs are as long as workings in practice are.

    A rung for which too few questions are found is left out.

    Args:
        per_rung: Questions on a rung; one with less than half of them is left out.
        refuses: Why a question must not be written; None accepts it.
    """
    rng = random.Random(seed)
    templates = [template for question in practice if (template := template_of(question))]
    rng.shuffle(templates)
    found = []
    order = "+-*/"
    sets = {template.signs for template in templates}
    for signs in sorted(sets, key=lambda signs: (len(signs), sorted(map(order.index, signs)))):
        ours = [template for template in templates if template.signs == signs]
        fewest = min(template.steps for template in ours)
        ours = [template for template in ours if template.steps == fewest]
        name = " and ".join(VERBS[sign] for sign in order if sign in signs)
        rungs = [
            rung(f"{name}-{digits}-digits", digits, per_rung, refuses, ours, grown_to(digits, rng))
            for digits in range(1, MOST_DIGITS + 1)
        ]
        found.append(Ladder(name, "digits", tuple(r for r in rungs if r is not None)))
    rungs = []
    for steps in sorted({template.steps for template in templates}):
        ours = [template for template in templates if template.steps == steps]
        rungs.append(rung(f"{steps}-steps", steps, per_rung, refuses, ours, alike(rng)))
    found.append(Ladder("works", "steps", tuple(r for r in rungs if r is not None)))
    return [ladder for ladder in found if len(ladder.rungs) > 1]


Draw = Callable[[Template], Variation | None]


def grown_to(digits: int, rng: random.Random) -> Draw:
    return lambda template: template.grown(rng, digits)


def alike(rng: random.Random) -> Draw:
    return lambda template: template.draw(rng, small=False)


def rung(
    name: str,
    height: int,
    per_rung: int,
    refuses: Callable[[Draft], str | None],
    templates: Sequence[Template],
    draw: Draw,
) -> Rung | None:
    """None where less than half of the questions are found."""
    questions: list[Question] = []
    for attempt in range(3 * per_rung):
        if len(questions) == per_rung or (attempt >= per_rung and not questions):
            break
        template = templates[attempt % len(templates)]
        new = draw(template)
        if new is None:
            continue
        draft = Draft(
            diagnosis_id=template.question.id,
            before=template.question.before,
            prompt=new.prompt,
            completion=new.completion,
            target=new.target,
        )
        if refuses(draft) is None:
            questions.append(
                Question(
                    id=f"probe-{name.replace(' ', '-')}-{len(questions) + 1:02}",
                    before=template.question.before,
                    prompt=new.prompt,
                    target=new.target,
                    solution=new.completion,
                    kind=template.question.kind,
                )
            )
    return Rung(height, tuple(questions)) if 2 * len(questions) >= per_rung else None
