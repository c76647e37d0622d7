"""Targets that look wrong: what others come to, against what the exam says."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from errata.agents.errors import ErrataError
from errata.agents.exams.corrections import Correction
from errata.agents.marking import mark
from errata.agents.marking.equations import (
    NUMBER,
    Equation,
    Value,
    holds,
    numbers_of,
    read_equations,
    show_value,
    unmark,
    value,
)
from errata.agents.marking.number import NO_ANSWER, STATED, is_right
from errata.agents.plain_text import one_line
from errata.agents.records import JsonAnswer, MathAnswer, NumberAnswer, Question, Record, whole_text
from errata.agents.variations import VariationsSolver
from errata.agents.variations.mentions import constants_of, find_mentions
from errata.agents.variations.renaming import WORDS, known, partners
from errata.agents.variations.templates import ALGEBRA
from errata.agents.verifier import Problem, Solver
from errata.graph.doctor.finding import TAKE_THEM, Finding, graded, plural, said_share, share
from errata.graph.watcher import NoWatcher, Watcher

Voter = Literal["its own solution", "variations", "solver", "student"]

PEERS = 3
"""Other questions with the same words whose workings are put to one question, at most."""
TRIED_PEERS = 30
NOT_SOLVED: frozenset[str] = frozenset({"code", "judge", "own"})
"""Answer types that are not solved again: two right answers need not be alike."""
LISTED = 8
"""Questions that a finding shows with their words."""


class Said(Record):
    """What somebody comes to."""

    by: Voter
    answer: str
    detail: str = ""
    """The question whose working it is."""


@dataclass
class Asked:
    """A question, and what others come to."""

    set: str
    question: Question
    votes: list[Said]

    @property
    def for_target(self) -> int:
        return sum(agree(self.question, vote.answer, self.question.target) for vote in self.votes)

    @property
    def against(self) -> list[Said]:
        """The most votes that agree with each other and not with the target."""
        groups: list[list[Said]] = []
        for vote in self.votes:
            if agree(self.question, vote.answer, self.question.target):
                continue
            for group in groups:
                if agree(self.question, vote.answer, group[0].answer):
                    group.append(vote)
                    break
            else:
                groups.append([vote])
        return max(groups, key=len, default=[])

    @property
    def suspect(self) -> bool:
        """Whether the question's own solution contradicts it and nobody comes to the target; or
        two more come to the same other answer than to the target, its own solution apart, which
        may be wrong as the target is. The student alone proves nothing: it is one vote."""
        against = [vote.by for vote in self.against]
        independent = sum(by != "its own solution" for by in against)
        confirming = sum(
            vote.by != "its own solution"
            and agree(self.question, vote.answer, self.question.target)
            for vote in self.votes
        )
        own = "its own solution" in against and not self.for_target
        return own or independent - confirming >= 2


def agree(question: Question, one: str, other: str) -> bool:
    if isinstance(question.answer, NumberAnswer):
        try:
            return is_right(one, other)
        except ValueError:
            return one.strip().lower() == other.strip().lower()
    if one.strip() != other.strip() and isinstance(question.answer, JsonAnswer | MathAnswer):
        said = one if isinstance(question.answer, JsonAnswer) else f"$\\boxed{{{one}}}$"
        try:
            return mark(question.model_copy(update={"target": other}), said).correct
        except (ValueError, ErrataError):
            return False
    return one.strip() == other.strip()


def gather(
    sets: Mapping[str, Sequence[Question]],
    said_by_student: Mapping[str, Sequence[str]] | None = None,
    watcher: Watcher | None = None,
) -> list[Asked]:
    """What can be had without an LLM: each question's own solution, the workings of others that
    ask the same with other numbers, and what the student's models said.

    Args:
        said_by_student: Question id → the answers of its models, where there were several.
    """
    watcher = watcher or NoWatcher()
    asked = [Asked(name, q, []) for name, questions in sets.items() for q in questions]
    for each in asked:
        if (own := own_solution(each.question)) is not None:
            each.votes.append(Said(by="its own solution", answer=own))
    by_peers(asked, watcher)
    for each in asked:
        models = (said_by_student or {}).get(each.question.id, ())
        if each.set in ("practice", "dev") and (common := agreed(each.question, models)):
            each.votes.append(Said(by="student", answer=common, detail=f"{len(models)} models"))
    return asked


def own_solution(question: Question) -> str | None:
    """What the question's own worked solution comes to; None where that cannot be seen.

    A stated answer counts; of numbers, where none is stated or the target is, also what the
    equations come to: where none of them gives the target, the last one's left side, calculated.
    """
    said = question.solution
    if not said or question.answer.type in NOT_SOLVED or question.target == NO_ANSWER:
        return None
    number = isinstance(question.answer, NumberAnswer)
    if number:
        said = unmark(said)
    stated = None
    if STATED.search(said) or "answer is" in said.lower() or "\\boxed" in said:
        try:
            verdict = mark(question, said)
        except (ValueError, ErrataError):
            return None
        stated = question.target if verdict.correct else verdict.answer
        if stated is not None and not verdict.correct:
            return stated
    if not number:
        return stated
    equations = read_equations(said)
    try:
        results = [show_value(value(equation.left)) for equation in equations]
    except ZeroDivisionError:
        return stated
    if not results:
        return stated
    right = any(agree(question, result, question.target) for result in results)
    if right or (stated is not None and not is_whole(question.prompt, said, equations)):
        return question.target
    return results[-1]


def is_whole(prompt: str, working: str, equations: Sequence[Equation]) -> bool:
    """Whether the working leads from the question's own numbers to one whole result, each step
    read, right and used. Then it does not give another target, though it may state one; a working
    with a step that cannot be read, or is said in words, may."""
    read = {at for equation in equations for at in equation.equals}
    if ALGEBRA.search(working) or any(
        sign.start() not in read for sign in re.finditer("=", working)
    ):
        return False
    mentions = [*find_mentions(prompt)]
    given: set[Value] = {mention.value for mention in mentions} | constants_of(prompt, mentions)
    unused: list[Value] = []
    for equation in equations:
        operands = [number.value for number in numbers_of(equation.left)]
        if not holds(equation) or not {*operands} <= {*given, *unused}:
            return False
        unused = [result for result in unused if result not in operands]
        unused.append(value(equation.left))
    end = working[equations[-1].end :]
    final = STATED.search(end)
    after = end[: final.start()] if final else end
    return len(unused) == 1 and isinstance(unused[0], int) and NUMBER.search(after) is None


def by_peers(asked: Sequence[Asked], watcher: Watcher) -> None:
    """Votes of `variations`: the workings of questions that differ in numbers and names alone.

    Questions of test lend their workings to those of test only.
    """
    solver = VariationsSolver()
    alike: dict[object, list[Asked]] = defaultdict(list)
    for each in asked:
        if isinstance(each.question.answer, NumberAnswer):
            alike[each.question.before, wording(each.question.prompt)].append(each)
    done = 0
    for group in alike.values():
        for at, each in enumerate(group):
            done += 1
            if done % 100 == 0:
                watcher.progress("the workings of other questions", done, len(asked))
            others = [*group[at + 1 :], *group[:at]][:TRIED_PEERS]
            found = 0
            for other in others:
                if other.set != "practice" and other.set != each.set:
                    continue
                if other.question.prompt == each.question.prompt:
                    continue
                answer = solved(solver, other.question, each.question)
                if answer is not None:
                    each.votes.append(
                        Said(by="variations", answer=answer, detail=other.question.id)
                    )
                    found += 1
                if found == PEERS:
                    break


def solved(solver: VariationsSolver, source: Question, question: Question) -> str | None:
    [(_, said)] = solver.solve([problem(source, question, 0)])
    return None if said is None else said.removeprefix("#### ")


def problem(source: Question, question: Question, number: int) -> Problem:
    id = f"doctor:{question.id}"
    return Problem(source, id, question.prompt, question.answer, number, question.before)


def wording(prompt: str) -> tuple[str, ...]:
    """A prompt without its numbers, names and things: what variants of one story share."""
    return tuple(
        "@" if known(word) in partners() else word for word in WORDS.findall(prompt.lower())
    )


def agreed(question: Question, answers: Sequence[str]) -> str | None:
    """The answer that two or more models give, and two thirds of all; None where there is none."""
    for answer in answers:
        same = sum(agree(question, answer, other) for other in answers)
        if same >= 2 and 3 * same >= 2 * len(answers):
            return answer
    return None


def ask_solver(
    asked: Sequence[Asked],
    sources: Sequence[Question],
    solver: Solver,
    votes: int,
    watcher: Watcher | None = None,
) -> None:
    """Adds the votes of a solver: one for each question, and the others where it is against the
    target.

    Args:
        sources: Questions that show the solver how the exam asks and wants its answers; never the
            question itself.

    Raises:
        InstructorError, BudgetSpent: As `Solver.solve`; what was answered stands.
    """
    watcher = watcher or NoWatcher()
    shown = examples_for(asked, sources)
    open_ones = [
        each for each in asked if id(each) in shown and each.question.answer.type not in NOT_SOLVED
    ]
    for number in range(votes):
        title = f"solving again, vote {number + 1}"
        problems = {problem(shown[id(each)], each.question, number): each for each in open_ones}
        for done, (solved_one, response) in enumerate(solver.solve(list(problems)), 1):
            watcher.progress(title, done, len(problems))
            each = problems[solved_one]
            verdict = mark(each.question, response or "")
            answer = each.question.target if verdict.correct else verdict.answer
            if answer is not None:
                each.votes.append(Said(by="solver", answer=answer))
        if number == 0:
            open_ones = [each for each in open_ones if not confirmed(each)]


def confirmed(each: Asked) -> bool:
    """Whether the solver's first answer is the target."""
    first = [vote for vote in each.votes if vote.by == "solver"]
    return bool(first) and agree(each.question, first[0].answer, each.question.target)


def examples_for(asked: Sequence[Asked], sources: Sequence[Question]) -> dict[int, Question]:
    """`id` of each → another question that is answered alike, of the same kind if there is one."""
    known_ones: dict[tuple[str, str | None], list[Question]] = defaultdict(list)
    for source in sources:
        for key in ((source.answer.type, source.kind), (source.answer.type, "")):
            if len(known_ones[key]) < 2:
                known_ones[key].append(source)
    found = {}
    for each in asked:
        kind = each.question.answer.type
        for source in (*known_ones[kind, each.question.kind], *known_ones[kind, ""]):
            if whole_text(source) != whole_text(each.question):
                found[id(each)] = source
                break
    return found


def find_wrong_targets(asked: Sequence[Asked]) -> Iterator[Finding]:
    suspects = [each for each in asked if each.suspect]
    if not suspects:
        return
    shares = []
    for name in dict.fromkeys(each.set for each in asked):
        seen = sum(bool(each.votes) for each in asked if each.set == name)
        found = sum(each.set == name for each in suspects)
        if found:
            shares.append(share(f"{name} questions that were solved again", found, seen))
    held_out = [name for name in dict.fromkeys(e.set for e in suspects) if name != "practice"]
    evidence = [said_share(one) + f" {one.what}" for one in shares]
    evidence += [
        described(each) for each in sorted(suspects, key=lambda e: -len(e.against))[:LISTED]
    ]
    do = [
        "errata doctor … --corrections corrections.jsonl",
        "Read each line of that file, and delete those where the exam is right.",
        TAKE_THEM,
    ]
    if held_out:
        do.append(
            f"Correcting {' and '.join(held_out)} changes what is measured: say so with figures."
        )
    yield Finding(
        name="wrong targets",
        severity=graded(shares),
        said=f"{plural(len(suspects), 'target')} looked wrong to those that solved them again",
        shares=tuple(shares),
        evidence=tuple(evidence),
        questions=tuple(each.question.id for each in suspects),
        do=tuple(do),
    )


def described(each: Asked) -> str:
    """A suspect in one line; of a sealed question neither its words nor an answer."""
    question = each.question
    voters = " and ".join(
        dict.fromkeys(
            f"the working of {vote.detail}" if vote.by == "variations" else vote.by
            for vote in each.against
        )
    )
    if each.set not in ("practice", "dev"):
        return f"{question.id} ({each.set}): {voters} against the target"
    return (
        f"{question.id} ({each.set}): the target is {one_line(question.target, 40)}, and "
        f"{one_line(each.against[0].answer, 40)} by {voters}: {one_line(question.prompt, 160)}"
    )


def corrections_of(asked: Iterable[Asked]) -> list[Correction]:
    """A line for each suspect: what the others come to, for a person to confirm or delete."""
    return [
        Correction(
            id=each.question.id,
            target=each.against[0].answer,
            was=each.question.target,
            why=f"{len(each.against)} against {each.for_target}: "
            + ", ".join(dict.fromkeys(vote.by for vote in each.against)),
            prompt=whole_text(each.question),
        )
        for each in asked
        if each.suspect
    ]
