"""Whether an answer is right: one file for each type of answer.

A marker gives a verdict or raises: one that fails never says wrong.
"""

from __future__ import annotations

from errata.agents.marking.choice import mark_choice
from errata.agents.marking.code import mark_code
from errata.agents.marking.json_value import mark_json
from errata.agents.marking.judged import mark_judged
from errata.agents.marking.label import mark_label
from errata.agents.marking.math import mark_math
from errata.agents.marking.number import mark_number
from errata.agents.marking.own import mark_own
from errata.agents.marking.regex import mark_regex
from errata.agents.marking.text import mark_text
from errata.agents.records import (
    ChoiceAnswer,
    CodeAnswer,
    JsonAnswer,
    JudgedAnswer,
    LabelAnswer,
    MathAnswer,
    NumberAnswer,
    OwnAnswer,
    Question,
    RegexAnswer,
    TextAnswer,
    Verdict,
)

LONGEST = 200_000
"""Characters of a response that are read: seconds, for each marker takes time in proportion."""


def mark(question: Question, response: str) -> Verdict:
    """The verdict on one response.

    What a thinking model says before its last `</think>` is no answer, unless nothing follows; a
    program, a marker of the user's own and a judge get it with the rest.

    Of one that is longer than `LONGEST`, the first and the last half of that many characters
    count; a program is read whole, in a sandbox that ends by itself.

    Raises:
        ValueError: The target cannot be marked.
        ConfigError: A package that this type of answer needs is missing.
        SandboxError: Generated code could not be run safely on this machine.
        StepFailed: The process that compares formulas, or that runs a marker of the user's own,
            cannot be started.
        ExamError: A marker of the user's own fails, or a judge's reply cannot be used: there is no
            verdict.
        ConfigError: A marker of the user's own fails always, or no judge is at hand.
        InstructorError, BudgetSpent: The judge cannot be asked.
    """
    if not isinstance(question.answer, CodeAnswer | OwnAnswer | JudgedAnswer):
        said = response.rpartition("</think>")[2]
        response = said if said.strip() else response
    if len(response) > LONGEST and not isinstance(question.answer, CodeAnswer):
        half = LONGEST // 2
        response = f"{response[:half]}\n\n{response[-half:]}"
    match question.answer:
        case NumberAnswer():
            return mark_number(response, question.target)
        case ChoiceAnswer(options=options):
            return mark_choice(response, question.target, options)
        case CodeAnswer() as answer:
            return mark_code(response, answer)
        case TextAnswer():
            return mark_text(response, question.target)
        case MathAnswer():
            return mark_math(response, question.target)
        case LabelAnswer(labels=labels):
            return mark_label(response, question.target, labels)
        case JsonAnswer() as answer:
            return mark_json(response, question.target, answer)
        case RegexAnswer(pattern=pattern):
            return mark_regex(response, question.target, pattern)
        case OwnAnswer() as own:
            return mark_own(question, response, own)
        case JudgedAnswer():
            return mark_judged(question, response)
