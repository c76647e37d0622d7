"""The writer that needs no LLM: a practice question again with new numbers.

Its working is recomputed, for a missed question in small steps; for slips there are drills of the
bare operation.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Literal

from errata.agents.data_writer import Ask, Diagnosed
from errata.agents.marking.equations import (
    Value,
    apply,
    holds,
    show_value,
    unmark,
    value,
)
from errata.agents.marking.equations import small_steps as steps_between
from errata.agents.records import Diagnosis, Draft, Mistake, Question, Unusable
from errata.agents.variations.by_hand import equation_of, plain, working
from errata.agents.variations.faults import (
    FEATURES,
    Fault,
    Feature,
    Slipped,
    done_right,
    first_fault,
    operations_of,
    plain_operation,
    steps_of,
)
from errata.agents.variations.renaming import other_names, with_names
from errata.agents.variations.templates import (
    TemplateError,
    final_line,
    read_template,
    template_of,
)

SmallSteps = Literal["always", "slips", "never"]
Drills = Literal["calculations", "slips", "never"]


class VariationsWriter:
    """Asks the missed question again with new numbers, its working recomputed.

    A question that was picked blindly keeps the exam's own way of working: small steps are an
    answer to slips, and nobody looked for any.

    Args:
        small_steps: Whether the working splits operations that are not elementary,
            `73 - 28 = 73 - 20 - 8 = 53 - 8 = 45`: always, against slips, or never.
        rename: Whether people and things are called otherwise too.
        drills: Against what half of the examples are sheets of bare operations: slips, or also
            calculations that do not hold beside another fault, and those never seen done; or none.
    """

    examples_per_ask = 1  # nothing is saved by asking for several
    asks_per_batch = 1

    def __init__(
        self, small_steps: SmallSteps = "slips", rename: bool = True, drills: Drills = "slips"
    ) -> None:
        self.small_steps = small_steps
        self.rename = rename
        self.drills = drills

    def draft(self, asks: Sequence[Ask]) -> Iterator[tuple[Ask, Sequence[Draft | Unusable]]]:
        """See `Writer.draft`; in the order of the asks."""
        for ask in asks:
            lesson = ask.lesson
            if isinstance(lesson, Diagnosed):
                drafts = self.draft_one(lesson.mistake, lesson.diagnosis, ask.count, ask.seed)
            else:
                rng = random.Random(f"{ask.seed}/{lesson.id}")
                drafts = again(lesson.question, lesson.id, ask.count, rng, False, self.rename)
            yield ask, drafts

    def draft_one(
        self, mistake: Mistake, diagnosis: Diagnosis, count: int, seed: int
    ) -> Sequence[Draft | Unusable]:
        rng = random.Random(f"{seed}/{diagnosis.id}")
        fault = first_fault(mistake)
        slip = isinstance(fault, Fault) and fault.kind == "slip"
        small_steps = self.small_steps == "always" or (slip and self.small_steps == "slips")
        slipped = fault.slipped if isinstance(fault, Fault) else None
        if slipped is None and self.drills == "calculations":
            slipped = miscalculated(mistake)
        features = named_features(diagnosis.cause, slipped) if slipped else []
        drills = []
        if slipped and self.drills != "never" and final_lines(mistake.question, 0) is not None:
            half = int(count / 2 + rng.random())  # also on average when asked for one at a time
            drills = sheets(mistake, diagnosis, slipped, features, half, rng, small_steps)
        others = again(
            mistake.question,
            diagnosis.id,
            count - len(drills),
            rng,
            small_steps,
            self.rename,
            slipped,
            features,
        )
        mixed = [*others, *drills]
        rng.shuffle(mixed)
        return mixed


def miscalculated(mistake: Mistake) -> Slipped | None:
    """A calculation that the student does not master, whatever else went wrong: one of its answer
    that does not hold. Where the answer has no equation, the first one that is needed, unless a
    neighbour has the like done right. None of the elementary ones."""
    steps = steps_of(mistake.attempt.response)
    if steps:
        done = ((plain_operation(step.left), holds(step)) for step in steps)
        return next((each for each, right in done if each and not right and working(each)), None)
    needed = [
        each
        for step in steps_of(mistake.question.solution or "")
        for operation in operations_of(step.left)
        if (each := plain(operation)) and working(each)
    ]
    mastered = {each.sign for _, each in done_right(mistake.contrast) if working(each)}
    return next((each for each in needed if each.sign not in mastered), None)


def sheets(
    mistake: Mistake,
    diagnosis: Diagnosis,
    slipped: Slipped,
    features: list[Feature],
    count: int,
    rng: random.Random,
    small_steps: bool,
) -> list[Draft]:
    """Sheets of bare operations like the one that slipped; the last result is the answer."""
    found: dict[Slipped, None] = {}
    for _ in range(200 * count):
        if len(found) == count * SHEET:
            break
        like = Slipped(slipped.sign, *operands_like(slipped, rng))
        if like != slipped and all(feature.has(like.left, like.right) for feature in features):
            found[like] = None
    operations = list(found)
    drills = []
    for first in range(0, len(operations), SHEET):
        sheet = operations[first : first + SHEET]
        lines = [
            equation_of(each, steps_between(each.operation) if small_steps else ())
            for each in sheet
        ]
        asked = BETWEEN_DRILLS.join(map(str, sheet))
        result = value(sheet[-1].operation)
        drills.append(
            Draft(
                diagnosis_id=diagnosis.id,
                prompt=rng.choice(DRILL_WORDINGS).format(asked),
                completion="\n".join([*lines, *(final_lines(mistake.question, result) or ())]),
                target=show_value(result),
            )
        )
    return drills


def final_lines(question: Question, answer: Value) -> tuple[str, ...] | None:
    """How the exam goes on after the last equation: with a line that gives the answer, or, where
    its solution ends in the equation, with nothing; None where it ends in words."""
    line = final_line(question, answer)
    if line is not None:
        return (line,)
    steps = steps_of(question.solution or "")
    ends = bool(steps) and steps[-1].end == len(unmark(question.solution or "").rstrip())
    return () if ends else None


def again(
    question: Question,
    source_id: str,
    count: int,
    rng: random.Random,
    small_steps: bool,
    rename: bool = False,
    slipped: Slipped | None = None,
    features: Sequence[Feature] = (),
) -> list[Draft | Unusable]:
    """The question with new numbers, where something slipped preferably such as bring it up again.

    Args:
        source_id: Of what the drafts are written from.
    """
    if count < 1:
        return []
    try:
        template = read_template(question)
    except TemplateError as reason:
        return [Unusable(source_id=source_id, reason=str(reason))]
    drafts: dict[str, Draft | Unusable] = {}
    for draw in range(6 * count):
        # Other names would not fit those that earlier messages may call.
        story = renamed(question, rng) if rename and not question.before else question
        retold = template if story is question else template_of(story)
        if retold is None:  # longer names may make it too long
            continue
        new = retold.draw(rng, small_steps)
        if new is None:
            break
        if slipped and draw % 3 < 2 and not shows(new.completion, slipped.sign, features):
            continue
        if new.prompt != question.prompt:
            drafts[new.prompt] = Draft(
                diagnosis_id=source_id,
                prompt=new.prompt,
                completion=new.completion,
                target=new.target,
            )
        if len(drafts) == count:
            break
    if not drafts:
        nothing = "no other numbers keep the working exact and in proportion"
        return [Unusable(source_id=source_id, reason=nothing)]
    return list(drafts.values())


def renamed(question: Question, rng: random.Random) -> Question:
    """The question with other names for its people and things; itself where it has none."""
    new = other_names(question.prompt, rng)
    return with_names(question, new) if new else question


SHEET = 4
"""Operations in one drill: nearly all that is read is then also learnt from."""
BETWEEN_DRILLS = ", then "
DRILL_WORDINGS = ("What is {}?", "Calculate {}.", "How much is {}?", "Work out {}.")


def named_features(cause: str, slipped: Slipped) -> list[Feature]:
    """The features of the slip that the diagnosis names; all that it has when it names none."""
    present = [
        feature
        for feature in FEATURES
        if feature.sign == slipped.sign and feature.has(slipped.left, slipped.right)
    ]
    return [feature for feature in present if feature.phrase in cause] or present


def shows(completion: str, sign: str, features: Sequence[Feature]) -> bool:
    """Whether some equation of `completion` is such an operation with all of these features."""
    for step in steps_of(completion):
        done = plain_operation(step.left)
        if done and done.sign == sign and all(f.has(done.left, done.right) for f in features):
            return True
    return False


def operands_like(slipped: Slipped, rng: random.Random) -> tuple[int, int]:
    """Two numbers of about the same size for the same operation, the result whole, above 1."""
    if slipped.sign == "/" and slipped.right:
        right = near(slipped.right, rng)
        return right * near(slipped.left // slipped.right, rng), right
    left, right = near(slipped.left, rng), near(slipped.right, rng)
    if slipped.sign == "-" and int(apply("-", left, right)) < 2:
        return max(left, right) + 2, min(left, right)
    return left, right


def near(number: int, rng: random.Random) -> int:
    return rng.randint(max(2, number // 2), max(9, 2 * number if number < 50 else number * 3 // 2))
