"""Plain fine-tuning on the practice questions' own solutions; no mistake is looked at.

What a person does who has worked solutions and no errata; the measure of every other way.
"""

from __future__ import annotations

from collections.abc import Sequence

from errata.agents.errors import ConfigError
from errata.agents.marking import mark
from errata.agents.marking.equations import unmark
from errata.agents.records import Example, Question, Unusable
from errata.agents.ways.way import Collected, Practised, Way


class FineTuning(Way):
    steps = ()
    rounds = 1  # the same solutions again would be more epochs, not another round

    def check(self, practice: Sequence[Question]) -> None:
        check_solutions(practice)

    def collect(self, practised: Practised, round_index: int, seed: int) -> Collected:
        solutions, left_out = solutions_of([question for question, _ in practised])
        return Collected(solutions=solutions, left_out=left_out)


def check_solutions(practice: Sequence[Question]) -> None:
    """Raises: ConfigError: No practice question has a solution."""
    if all(question.solution is None for question in practice):
        raise ConfigError(
            "no practice question has a solution to train on: give them one, or choose a strategy "
            "that needs none, such as lec"
        )


def solutions_of(practice: Sequence[Question]) -> tuple[list[Example], list[Unusable]]:
    """The worked solutions as examples, and the questions that give none."""
    examples: list[Example] = []
    left_out: list[Unusable] = []
    for question in practice:
        completion = completion_of(question)
        if completion is None:
            left_out.append(Unusable(source_id=question.id, reason="no solution"))
        elif not marked_right(question, completion):
            reason = "its own marker calls the solution wrong"
            left_out.append(Unusable(source_id=question.id, reason=reason))
        else:
            examples.append(
                Example(
                    id=f"s-{question.id}",
                    made_from="solution",
                    diagnosis_id=None,
                    question_id=question.id,
                    cause="the exam's own solution",
                    prompt=question.prompt,
                    completion=completion,
                    target=question.target,
                    answer=question.answer,
                )
            )
    return examples, left_out


FINAL_LINES = {
    "number": "#### {}",
    "choice": "The answer is {}.",
    "text": "So the answer is {}.",
    "math": "The final answer is $\\boxed{{{}}}$.",
}
"""How an answer ends, by its type. Code needs no such line."""


def completion_of(question: Question) -> str | None:
    """The solution as a student should say it: without GSM8K's `<<4*2=8>>`, and with a last line
    that gives the answer where the exam's marker finds none; None where there is no solution."""
    if question.solution is None or not question.solution.strip():
        return None
    if question.answer.type == "code":
        return question.solution
    said = unmark(question.solution) if question.answer.type == "number" else question.solution
    try:
        found = mark(question, said).answer
    except ValueError:
        return said
    if found is None:
        said = f"{said.rstrip()}\n{FINAL_LINES[question.answer.type].format(question.target)}"
    return said


def marked_right(question: Question, completion: str) -> bool:
    try:
        return mark(question, completion).correct
    except ValueError:  # a target or tests that cannot be marked
        return False
