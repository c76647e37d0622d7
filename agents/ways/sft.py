"""Plain fine-tuning on the practice questions' own solutions; no mistake is looked at.

What a person does who has worked solutions and no errata; the measure of every other way.
"""

from __future__ import annotations

from collections.abc import Sequence

from errata.agents.errors import ConfigError
from errata.agents.examiner import mark_all
from errata.agents.marking import mark
from errata.agents.marking.equations import unmark
from errata.agents.records import (
    ChoiceAnswer,
    Example,
    JsonAnswer,
    LabelAnswer,
    Question,
    RegexAnswer,
    TextAnswer,
    Unusable,
)
from errata.agents.ways.way import Collected, Practised, Way


class FineTuning(Way):
    steps = ()
    looks = False
    solutions = True
    rounds = 1  # the same solutions again would be more epochs, not another round

    def check(self, practice: Sequence[Question]) -> None:
        check_solutions(practice)

    def collect(self, practised: Practised, round_index: int, seed: int) -> Collected:
        solutions, left_out = solutions_of([question for question, _ in practised])
        return Collected(solutions=solutions, left_out=left_out)


def check_solutions(practice: Sequence[Question]) -> None:
    """Raises: ConfigError: No practice question has a solution."""
    if not any(completion_of(question) for question in practice):
        raise ConfigError(
            "no practice question has a solution to train on: give them one, or choose a strategy "
            "that needs none, such as lec"
        )


def solutions_of(practice: Sequence[Question]) -> tuple[list[Example], list[Unusable]]:
    """The worked solutions as examples, and the questions that give none."""
    said = [(question, completion_of(question)) for question in practice]
    left_out = [
        Unusable(source_id=question.id, reason="no solution")
        for question, completion in said
        if completion is None
    ]
    examples: list[Example] = []
    worked = ((question, text) for question, text in said if text is not None)
    for question, completion, verdict in mark_all(worked, str):
        if not verdict.correct:
            reason = "its own marker calls the solution wrong"
            left_out.append(Unusable(source_id=question.id, reason=reason))
            continue
        examples.append(
            Example(
                id=f"s-{question.id}",
                made_from="solution",
                diagnosis_id=None,
                question_id=question.id,
                cause="the exam's own solution",
                before=question.before,
                prompt=question.prompt,
                completion=completion,
                target=question.target,
                answer=question.answer,
            )
        )
    return examples, left_out


FINAL_LINES = {"number": "#### {}", "choice": "The answer is {}."}
"""How an answer ends whose marker need not find one in what is said last."""


def completion_of(question: Question) -> str | None:
    """The solution as a student should say it: without GSM8K's `<<4*2=8>>`, and with a last line
    that gives the answer where the exam's marker finds none. None where there is no solution, and
    the target says too little to be one."""
    said = question.solution
    if said is None or not said.strip():
        return bare_answer(question)
    if question.answer.type == "number":
        said = unmark(said)
    last = FINAL_LINES.get(question.answer.type)
    if last is not None and mark(question, said).answer is None:
        said = f"{said.rstrip()}\n{last.format(question.target)}"
    return said


def bare_answer(question: Question) -> str | None:
    """An option, a label, JSON or a text, as the student should say it; None of other types, and
    where no such text is marked right: a target that is a pattern need not be what it matches."""
    match question.answer:
        case LabelAnswer() | JsonAnswer():
            return question.target
        case ChoiceAnswer():
            return FINAL_LINES["choice"].format(question.target)
        case TextAnswer() | RegexAnswer():
            ways = (question.target, f"So the answer is {question.target}.")
            return next((said for said in ways if mark(question, said).correct), None)
    return None
