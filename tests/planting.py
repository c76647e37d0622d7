"""Questions of every answer type with right and wrong examples, to be planted among each other.

Used by tests/test_planted.py and benchmarks/planted.py.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import gcd
from string import ascii_uppercase

from errata.agents.checks import Checker
from errata.agents.exams import HeldOut
from errata.agents.exams.arithmetic import NAMES, THINGS
from errata.agents.exams.layouts import choice_prompt, code_prompt, math_prompt, text_prompt
from errata.agents.marking.equations import (
    Expression,
    Number,
    Operation,
    Value,
    show,
    show_value,
    value,
)
from errata.agents.records import (
    Answer,
    ChoiceAnswer,
    CodeAnswer,
    Diagnosis,
    Draft,
    MathAnswer,
    NumberAnswer,
    Question,
    TextAnswer,
)
from errata.agents.testing.mistakes import missed
from errata.agents.variations import VariationsInstructor, VariationsSolver, VariationsWriter
from errata.agents.variations.faults import steps_of
from errata.agents.verifier import Problem, Verifier


@dataclass(frozen=True)
class Item:
    """A question, the same in other words, and answers to it."""

    wordings: tuple[str, ...]
    """As the exam words it, reworded, reworded again with other names: with the same numbers."""
    answer: Answer
    target: str
    completion: str
    wrong: tuple[tuple[str, str], ...]
    """(target, completion) of wrong answers that hold together in themselves."""

    def question(self, id: str) -> Question:
        return Question(
            id=id,
            prompt=self.wordings[0],
            target=self.target,
            answer=self.answer,
            solution=self.completion,
        )

    def right(self, wording: int = 0) -> Draft:
        return self.draft(self.target, self.completion, wording)

    def mistaken(self, rng: random.Random) -> Draft:
        return self.draft(*rng.choice(self.wrong))

    def draft(self, target: str, completion: str, wording: int = 0) -> Draft:
        answer = self.answer
        if isinstance(answer, CodeAnswer):
            answer = answer.model_copy(update={"stub": stub_in(self.wordings[wording])})
        return Draft(
            diagnosis_id="d",
            prompt=self.wordings[wording],
            completion=completion,
            target=target,
            answer=answer,
        )


def items(kind: str, count: int, seed: int = 0) -> list[Item]:
    """Different questions of one answer type."""
    rng = random.Random(f"{kind}/{seed}")
    found: dict[str, Item] = {}
    while len(found) < count:
        item = MAKERS[kind](rng)
        found.setdefault(item.wordings[0], item)
    return list(found.values())


def people(rng: random.Random) -> dict[str, str]:
    names, things = rng.sample(NAMES, 4), rng.sample(THINGS, 2)
    return {
        "name": names[0],
        "other": names[1],
        "things": things[0],
        "new": names[2],
        "else_": names[3],
    }


STORIES: tuple[tuple[tuple[str, str], tuple[str, ...]], ...] = (
    (
        ("{a} + {b} = {x}", "{x} - {c} = {y}"),
        (
            "{name} had {a} {things}, was given {b} more and then lost {c} of them at the fair. "
            "How many {things} has {name} now?",
            "How many {things} are left to {name}, who began with {a}, received another {b} as a "
            "present and mislaid {c}?",
            "At the fair {new} lost {c} {things}. Before that there had been {a}, and {b} more "
            "that were given to {new}. What number of {things} does {new} have now?",
        ),
    ),
    (
        ("{a} - {b} = {x}", "{x} - {c} = {y}"),
        (
            "A baker made {a} rolls. {b} were sold to {name} in the morning and {c} to {other} in "
            "the afternoon. How many rolls are left in the shop?",
            "In the morning {name} buys {b} rolls and in the afternoon {other} buys {c}. The baker "
            "had {a} of them at first: what remains in the shop?",
            "Of the {a} rolls that a baker made, {new} bought {b} before noon and {else_} bought "
            "{c} later. How many rolls has the shop still got?",
        ),
    ),
    (
        ("{a} * {b} = {x}", "{x} + {c} = {y}"),
        (
            "A hall has {a} rows of {b} chairs, and {name} puts {c} more chairs at the back. How "
            "many chairs are in the hall?",
            "At the back of the hall {name} sets up {c} extra chairs behind {a} rows that hold {b} "
            "each. Find the number of chairs.",
            "There are {b} chairs in each of the {a} rows of a hall. If {new} carries in {c} "
            "more, what is the number of chairs altogether?",
        ),
    ),
    (
        ("{a} * {b} = {x}", "{x} - {c} = {y}"),
        (
            "{name} picks {a} baskets of {b} {things}, and {c} of the {things} turn out to be "
            "spoilt. How many good {things} are there?",
            "Each of the {a} baskets picked by {name} holds {b} {things}. After {c} spoilt ones "
            "are thrown out, what number is good?",
            "How many good {things} has {new}, if {c} are spoilt out of {a} baskets with {b} "
            "{things} in each?",
        ),
    ),
)


def number_item(rng: random.Random) -> Item:
    (first, second), wordings = rng.choice(STORIES)
    times = "*" in first
    a = rng.randint(4, 39) if times else rng.randint(300, 999)
    b, c = rng.randint(11, 49) if times else rng.randint(11, 140), rng.randint(3, 140)
    x = a * b if times else a + b if "+" in first else a - b
    y = x + c if "+" in second else x - c
    if y < 2 or len({a, b, c}) < 3:
        return number_item(rng)
    slots = people(rng) | {"a": a, "b": b, "c": c, "x": x, "y": y}
    lines = [first.format(**slots), second.format(**slots)]
    right = Draft(
        diagnosis_id="d",
        prompt=wordings[0].format(**slots),
        completion="\n".join([*lines, f"#### {y}"]),
        target=str(y),
    )
    return Item(
        tuple(wording.format(**slots) for wording in wordings),
        NumberAnswer(),
        right.target,
        right.completion,
        tuple((d.target, d.completion) for d in wrong_workings(right, rng)),
    )


PLACES = (
    "drawer jar tin box cup bag chest bowl crate basket locker cabinet suitcase bucket barrel oven "
    "wardrobe fridge sink vase teapot boot hat shed cellar attic garage cupboard purse wallet"
).split()
OBJECTS = (
    "key coin ring pen watch stamp letter torch needle map ticket whistle brush candle".split()
)


def choice_item(rng: random.Random) -> Item:
    names, objects, places = rng.sample(NAMES, 6), rng.sample(OBJECTS, 3), rng.sample(PLACES, 4)
    asked = rng.randrange(3)
    put = [
        f"{n} puts the {o} into the {p}" for n, o, p in zip(names, objects, places, strict=False)
    ]
    laid = [
        f"into the {p} goes the {o} of {n}" for n, o, p in zip(names, objects, places, strict=False)
    ]
    kept = [
        f"the {o} lies in the {p}, where {n} left it"
        for n, o, p in zip(names[3:], objects, places, strict=False)
    ]
    order = rng.sample(places, 4)
    options = {label: f"the {place}" for label, place in zip(ascii_uppercase, order, strict=False)}
    label = ascii_uppercase[order.index(places[asked])]
    texts = (
        f"{put[0]}, {put[1]}, and {put[2]}. Where is the {objects[asked]}?",
        f"One thing is looked for: the {objects[asked]}. First {laid[2]}, then {laid[0]}, and at "
        f"last {laid[1]}. In which of these is it found?",
        f"Find the {objects[asked]}: {kept[1]}; {kept[2]}; {kept[0]}.",
    )

    def because(place: str) -> str:
        return f"The {objects[asked]} was put into the {place}.\nThe answer is "

    return Item(
        tuple(choice_prompt(text, options) for text in texts),
        ChoiceAnswer(options=options),
        label,
        because(places[asked]) + f"{label}.",
        tuple(
            (other, because(order[ascii_uppercase.index(other)]) + f"{other}.")
            for other in options
            if other != label
        ),
    )


WORDS = (
    "anchor apple arrow badge barrel beetle bishop blanket bottle branch bridge bucket butter "
    "button cabin camel candle canyon carpet castle cellar cherry circle clover copper cotton "
    "desert dinner dragon engine fabric feather fiddle finger forest fountain garden ginger glove "
    "hammer harbor helmet island jacket kettle ladder lantern lemon marble meadow mirror needle "
    "orchard oyster paddle parrot pepper pigeon pillow pocket quarry rabbit ribbon saddle salmon "
    "shovel spider temple thimble timber tunnel turtle valley violin walnut window"
).split()


def text_item(rng: random.Random) -> Item:
    chosen = rng.sample(WORDS, 6)
    listed, ordered = " ".join(chosen), " ".join(sorted(chosen))
    others = [" ".join(sorted(chosen, reverse=True))]
    for first in range(4):
        swapped = sorted(chosen)
        swapped[first], swapped[first + 1] = swapped[first + 1], swapped[first]
        others.append(" ".join(swapped))
    texts = (
        f"Sort the following words by the alphabet: {listed}",
        f"Which order have these in a dictionary? {', '.join(reversed(chosen))}.",
        f"A teacher puts {', '.join(chosen[:3])} and {', '.join(chosen[3:])} in alphabetical "
        "order. Give the list that comes of it.",
    )
    return Item(
        tuple(text_prompt(text) for text in texts),
        TextAnswer(),
        ordered,
        f"By their first letters.\nSo the answer is {ordered}.",
        tuple((other, f"By their first letters.\nSo the answer is {other}.") for other in others),
    )


def math_item(rng: random.Random) -> Item:
    a, x, b = rng.randint(3, 40), rng.randint(2, 60), rng.randint(2, 90)
    top, bottom = x, rng.randint(3, 60)
    divisor = gcd(top, bottom)
    if bottom == divisor:
        return math_item(rng)
    right = rf"\frac{{{top // divisor}}}{{{bottom // divisor}}}"
    left, whole = a * bottom // divisor, a * top // divisor + b
    texts = (
        f"Solve ${left} x + {b} = {whole}$ for $x$, and reduce the fraction.",
        f"For which $x$ does ${left} x + {b}$ come to ${whole}$? Give a fraction in lowest terms.",
        f"The value ${whole}$ is reached by ${b} + {left} x$. What is $x$ as a reduced fraction?",
    )

    def worked(answer: str) -> str:
        return f"${left} x = {whole} - {b}$.\nThe final answer is $\\boxed{{{answer}}}$."

    others = {
        rf"\frac{{{top // divisor + 1}}}{{{bottom // divisor}}}",
        rf"\frac{{{whole}}}{{{left}}}",
        rf"\frac{{{whole + b}}}{{{left}}}",
    }
    return Item(
        tuple(math_prompt(text) for text in texts),
        MathAnswer(),
        right,
        worked(right),
        tuple((other, worked(other)) for other in sorted(others)),
    )


def code_item(rng: random.Random) -> Item:
    k, least, plus = rng.randint(2, 9), rng.randint(5, 60), rng.randint(1, 40)
    noun, other = rng.sample(WORDS, 2)
    name = f"weigh_{noun}_{other}"
    said = (
        f"Return the sum of the {noun} weights that exceed {least} and divide by {k}, plus {plus} "
        f"for the {other}.",
        f"Add up which of the {noun} weights are multiples of {k} beyond {least}; the {other} "
        f"brings another {plus}.",
        f"{plus} for the {other}, and every {noun} weight over {least} that {k} divides: their "
        "total.",
    )
    stubs = [
        f'def {each}(weights):\n    """{text}"""\n'
        for each, text in zip((name, name, f"{other}_total"), said, strict=True)
    ]
    lists = [[rng.randint(1, 200) for _ in range(9)] for _ in range(3)]
    lists = [[*one, k * (least + 1), k * (least + 2)] for one in lists]
    checks = "".join(
        f"    assert candidate({one}) == {sum(w for w in one if w > least and w % k == 0) + plus}\n"
        for one in lists
    )

    def program(test: str) -> str:
        return (
            f"```python\ndef {name}(weights):\n    return sum(w for w in weights if {test}) "
            f"+ {plus}\n```"
        )

    return Item(
        tuple(code_prompt(stub) for stub in stubs),
        CodeAnswer(stub=stubs[0], tests=f"def check(candidate):\n{checks}", entry_point=name),
        name,
        program(f"w > {least} and w % {k} == 0"),
        tuple((name, program(test)) for test in (f"w > {least}", f"w % {k + 1} == 0", "w")),
    )


def stub_in(prompt: str) -> str:
    return prompt.partition("```python\n")[2].partition("```")[0]


MAKERS: Mapping[str, Callable[[random.Random], Item]] = {
    "number": number_item,
    "choice": choice_item,
    "text": text_item,
    "math": math_item,
    "code": code_item,
}


# Wrong answers that hold together in themselves.


def wrong_workings(right: Draft, rng: random.Random) -> Iterator[Draft]:
    """The working with another operation, with a number of the question in the place of another,
    and off by one, each carried on to an answer of its own; as far as they come to one."""
    for change in (other_sign, other_number, off_by_one):
        for _ in range(20):
            wrong = reworked(right, change, rng)
            if wrong is not None:
                yield wrong
                break


Change = Callable[[Expression, Sequence[Value], random.Random], Expression]


def reworked(right: Draft, change: Change, rng: random.Random) -> Draft | None:
    """The draft with one step changed and the others following; None where that fails."""
    steps = steps_of(right.completion)
    if not steps:
        return None
    chosen, replaced, lines = rng.randrange(len(steps)), dict[Value, Value](), []
    given = [n for step in steps for n in leaves(step.left)]
    for number, step in enumerate(steps):
        try:
            old = value(step.left)
            left = renewed(step.left, replaced)
            left = change(left, given, rng) if number == chosen else left
            new = value(left)
        except ZeroDivisionError:
            return None
        if not isinstance(new, int) or new < 0:
            return None
        if new != old:
            replaced[old] = new
        lines.append(f"{show(left)} = {show_value(new)}")
    target = show_value(new)
    if target == right.target or not isinstance(value(steps[-1].left), int):
        return None
    completion = "\n".join([*lines, f"#### {target}"])
    return right.model_copy(update={"completion": completion, "target": target})


def leaves(expression: Expression) -> list[Value]:
    if isinstance(expression, Number):
        return [expression.value]
    return [*leaves(expression.left), *leaves(expression.right)]


def renewed(expression: Expression, replaced: Mapping[Value, Value]) -> Expression:
    if isinstance(expression, Number):
        return Number(replaced.get(expression.value, expression.value), 0, 0)
    left, right = renewed(expression.left, replaced), renewed(expression.right, replaced)
    return Operation(expression.sign, left, right)


def other_sign(expression: Expression, given: Sequence[Value], rng: random.Random) -> Expression:
    if isinstance(expression, Number):
        return expression
    sign = rng.choice([sign for sign in "+-*/" if sign != expression.sign])
    return Operation(sign, expression.left, expression.right)


def other_number(expression: Expression, given: Sequence[Value], rng: random.Random) -> Expression:
    if isinstance(expression, Number):
        return expression
    return Operation(expression.sign, expression.left, Number(rng.choice(given), 0, 0))


def off_by_one(expression: Expression, given: Sequence[Value], rng: random.Random) -> Expression:
    if isinstance(expression, Number) or not isinstance(expression.right, Number):
        return expression
    moved = Number(expression.right.value + rng.choice([-1, 1]), 0, 0)
    return Operation(expression.sign, expression.left, moved)


# Who solves them again.


class ErringSolver:
    """Knows every question, and errs at a stated rate.

    Half of its errors come to the very answer that was planted where there is one: the worst that
    errors can do short of all being that one.
    """

    def __init__(
        self, known: Sequence[Item], rate: float, planted: Mapping[str, Draft], seed: int = 0
    ) -> None:
        self.known = {item.wordings[0]: item for item in known}
        self.rate = rate
        self.planted = planted
        self.rng = random.Random(seed)
        self.solved = 0

    def solve(self, problems: Sequence[Problem]) -> Iterator[tuple[Problem, str | None]]:
        for problem in problems:
            item = self.known[problem.prompt]
            self.solved += 1
            if self.rng.random() >= self.rate:
                yield problem, item.completion
            elif problem.prompt in self.planted and self.rng.random() < 0.5:
                yield problem, self.planted[problem.prompt].completion
            else:
                yield problem, self.rng.choice(item.wrong)[1]


# What the checks make of it.


@dataclass
class Contaminated:
    """Examples that are held-out questions, and others, as the checks see them."""

    planted: list[int]
    """Held-out questions planted: verbatim, reworded, reworded with other names."""
    accepted: list[int]
    honest: int = 0
    refused: int = 0
    """Of the honest ones."""


def contaminated(kind: str, count: int, honest: int, seed: int = 0) -> Contaminated:
    """`count` held-out questions planted in three wordings, among others of the same sort."""
    held, practice, others = parts(items(kind, 2 * count + honest, seed), count, count, honest)
    questions = [item.question(f"p{at}") for at, item in enumerate(practice)]
    sealed = HeldOut((item.question(f"t{at}") for at, item in enumerate(held)), questions)
    found = Contaminated([0, 0, 0], [0, 0, 0])
    checker = Checker(sealed, questions)
    for item in held:
        for wording in range(3):
            found.planted[wording] += 1
            found.accepted[wording] += checker.refuse(item.right(wording)) is None
    for item in others:
        found.honest += 1
        found.refused += sealed.resemblance(item.right()) is not None
    return found


def parts(all_: Sequence[Item], *sizes: int) -> list[Sequence[Item]]:
    found, at = [], 0
    for size in sizes:
        found.append(all_[at : at + size])
        at += size
    return found


@dataclass
class ToldApart:
    """Right and wrong examples, after the checks and the votes."""

    right: int = 0
    lost: int = 0
    """Right ones that were refused."""
    wrong: int = 0
    missed: int = 0
    """Wrong ones that were accepted."""
    solutions: int = 0
    """That were asked for."""
    reasons: Counter[str] = field(default_factory=Counter)
    """Of what was refused or missed."""


def voted(
    kind: str, right: int, wrong: int, rate: float, votes: int, agreement: float, seed: int = 0
) -> ToldApart:
    """Wrong examples among right ones, solved again by a solver that errs at a rate."""
    all_ = items(kind, right + wrong, seed)
    rng = random.Random(f"wrong/{kind}/{seed}")
    planted = {item.wordings[0]: item.mistaken(rng) for item in all_[:wrong]}
    drafts = [*planted.values(), *(item.right() for item in all_[wrong:])]
    rng.shuffle(drafts)
    solver = ErringSolver(all_, rate, planted, seed)
    source = all_[0].question("missed")
    pairs = [(source, draft) for draft in drafts]
    is_wrong = {id(draft) for draft in planted.values()}
    found = told_apart(pairs, is_wrong, Verifier(solver, votes, agreement))
    found.solutions = solver.solved
    return found


def varied(questions: Sequence[Question], right: int, wrong: int, seed: int = 0) -> ToldApart:
    """What `variations` writes, wrong ones among them, solved again by `variations` alone."""
    rng = random.Random(seed)
    pairs: list[tuple[Question, Draft]] = []
    is_wrong: set[int] = set()
    prompts = {question.prompt for question in questions}
    while len(pairs) < right + wrong:
        mistake = missed(rng.choice(questions))
        [diagnosis] = VariationsInstructor().diagnose([mistake])
        if not isinstance(diagnosis, Diagnosis):
            continue
        for draft in VariationsWriter().draft_one(mistake, diagnosis, 1, rng.randrange(10**9)):
            if not isinstance(draft, Draft) or draft.prompt in prompts:
                continue
            prompts.add(draft.prompt)
            if len(is_wrong) < wrong:
                others = list(wrong_workings(draft, rng))
                if not others:
                    continue
                draft = rng.choice(others)
                is_wrong.add(id(draft))
            pairs.append((mistake.question, draft))
    rng.shuffle(pairs)
    return told_apart(pairs, is_wrong, Verifier(VariationsSolver()))


def told_apart(
    pairs: Sequence[tuple[Question, Draft]], is_wrong: Collection[int], verifier: Verifier
) -> ToldApart:
    found = ToldApart(right=len(pairs) - len(is_wrong), wrong=len(is_wrong))
    checker = Checker(HeldOut([]), [])
    passed = []
    for source, draft in pairs:
        reason = checker.refuse(draft)
        if reason is None:
            passed.append((source, draft))
        else:
            found.lost += id(draft) not in is_wrong
            found.reasons[reason] += 1
    for each in verifier.verify(passed):
        bad = id(each.draft) in is_wrong
        if verifier.confirms(each):
            found.missed += bad
            if bad:
                found.reasons[f"accepted with votes {each.votes}"] += 1
        else:
            found.lost += not bad
            found.reasons["votes"] += 1
    return found
