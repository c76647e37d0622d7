"""Clean sets of questions, and what may ail them, planted.

Used by tests/test_doctor*.py and benchmarks/doctor.py.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from planting import items, wrong_workings

from errata.agents.exams.arithmetic import make_questions
from errata.agents.records import Attempt, ChoiceAnswer, Draft, NumberAnswer, Question
from errata.agents.verifier import Problem

Sets = dict[str, list[Question]]

Wrong = Literal["target alone", "target and last line", "whole working", "no working"]
WRONG: tuple[Wrong, ...] = ("target alone", "target and last line", "whole working", "no working")
SHARES = {"practice": 300, "dev": 150, "test": 200}


def arithmetic(seed: int = 0, sizes: dict[str, int] = SHARES) -> Sets:
    taken: set[str] = set()
    return {name: make_questions(seed, name, size, taken) for name, size in sizes.items()}


def written(kind: str, seed: int = 0, sizes: dict[str, int] = SHARES) -> Sets:
    """Word problems (`number`), or questions of another answer type."""
    made = iter(items(kind, sum(sizes.values()), seed))
    return {
        name: [next(made).question(f"{name}-{n:04d}") for n in range(size)]
        for name, size in sizes.items()
    }


def with_wrong_targets(
    sets: Sets, how: Wrong, share: float = 0.05, seed: int = 0
) -> tuple[Sets, set[str]]:
    """The sets with so many wrong targets in each, and the ids of these."""
    rng = random.Random(f"{how}/{seed}")
    ids: set[str] = set()
    found: Sets = {}
    for name, questions in sets.items():
        chosen = rng.sample(range(len(questions)), round(share * len(questions)))
        found[name] = [
            spoiled(question, how, rng) if at in chosen else bare(question, how)
            for at, question in enumerate(questions)
        ]
        ids |= {questions[at].id for at in chosen}
    return found, ids


def bare(question: Question, how: Wrong) -> Question:
    return question.model_copy(update={"solution": None}) if how == "no working" else question


def spoiled(question: Question, how: Wrong, rng: random.Random) -> Question:
    solution = question.solution or ""
    target = other_answer(question, rng)
    if how == "whole working" and isinstance(question.answer, NumberAnswer):
        right = Draft(
            diagnosis_id="", prompt=question.prompt, completion=solution, target=question.target
        )
        wrong = [*wrong_workings(right, rng)]
        if wrong:
            chosen = rng.choice(wrong)
            update = {"target": chosen.target, "solution": chosen.completion}
            return question.model_copy(update=update)
    if how == "target and last line":
        before, _, last = solution.rstrip().rpartition("\n")
        solution = f"{before}\n{last.replace(question.target, target)}"
    return bare(question.model_copy(update={"target": target, "solution": solution}), how)


def other_answer(question: Question, rng: random.Random) -> str:
    if isinstance(question.answer, ChoiceAnswer):
        return rng.choice([label for label in question.answer.options if label != question.target])
    if isinstance(question.answer, NumberAnswer):
        worth = int(question.target)
        near = [worth + off for off in range(-6, 7) if off and worth + off >= 0]
        return str(rng.choice([*near, 2 * worth + 3]))
    return f"not {question.target}"


class SkilledSolver:
    """An LLM of stated skill: it solves that share of what it is asked, anew each time; its errors
    are spread over a dozen answers near the right one."""

    def __init__(self, truth: Sets, skill: float, seed: int = 0) -> None:
        self.truth = {q.prompt: q for questions in truth.values() for q in questions}
        self.skill = skill
        self.rng = random.Random(seed)
        self.asked: list[Problem] = []

    def solve(self, problems: Sequence[Problem]) -> Iterator[tuple[Problem, str | None]]:
        for problem in problems:
            self.asked.append(problem)
            question = self.truth[problem.prompt]
            right = self.rng.random() < self.skill
            said = question.target if right else other_answer(question, self.rng)
            yield problem, f"The answer is {said}."


@dataclass(frozen=True)
class Planted:
    """Sets in which something is wrong, and the ids concerned."""

    sets: Sets
    ids: set[str]


def with_leaks(sets: Sets, how: str, count: int, seed: int = 0) -> Planted:
    """`equal`, `near` (other punctuation, a word more) or `words` (a sentence in common, the
    question another): practice questions made of dev and test ones."""
    rng = random.Random(f"{how}/{seed}")
    held_out = [q for name in ("dev", "test") for q in rng.sample(sets[name], count)]
    made = []
    for at, question in enumerate(held_out):
        prompt = question.prompt
        if how == "near":
            prompt = f"Well: {prompt.replace('?', ' ?!')}"
        if how == "words":
            prompt = f"{prompt} And what is {1000 + at} less {at} with {at + 17} more to it?"
        made.append(question.model_copy(update={"id": f"leaked-{at}", "prompt": prompt}))
    return Planted(sets | {"practice": [*sets["practice"], *made]}, {q.id for q in made})


def with_contradictions(sets: Sets, count: int, seed: int = 0) -> Planted:
    """Practice and dev questions a second time, with another target."""
    rng = random.Random(seed)
    found, ids = dict(sets), set[str]()
    for name in ("practice", "dev"):
        twins = [
            q.model_copy(update={"id": f"{q.id}-twin", "target": other_answer(q, rng)})
            for q in rng.sample(sets[name], count)
        ]
        found[name] = [*sets[name], *twins]
        ids |= {id for twin in twins for id in (twin.id, twin.id.removesuffix("-twin"))}
    return Planted(found, ids)


def with_announced_targets(sets: Sets, count: int, seed: int = 0) -> Planted:
    rng = random.Random(seed)
    chosen = {q.id for q in rng.sample(sets["practice"], count)}
    practice = [
        q.model_copy(update={"prompt": f"{q.prompt}\nAnswer: {q.target}"}) if q.id in chosen else q
        for q in sets["practice"]
    ]
    return Planted(sets | {"practice": practice}, chosen)


def dev_answers(questions: Sequence[Question], cut: int, mute: int, wrong: int) -> list[Attempt]:
    """Right answers but for the first ones: `cut` off before the answer, then `mute`, which state
    none, then `wrong`."""
    found = []
    for at, question in enumerate(questions):
        text, why = question.solution or "", "right"
        if at < cut:
            text, why = text[: len(text) // 3], "no number in the response"
        elif at < cut + mute:
            text, why = "I like cats.", "no number in the response"
        elif at < cut + mute + wrong:
            text, why = "#### 99999", f"99999 is not {question.target}"
        right = at >= cut + mute + wrong
        found.append(
            Attempt(
                id=f"{question.id}@doctor",
                question_id=question.id,
                response=text,
                answer=question.target if right else "99999" if "99999" in text else None,
                correct=right,
                why=why,
                tokens=len(text),
                truncated=at < cut,
            )
        )
    return found
