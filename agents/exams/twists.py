"""Exams that twist a sealed exam: each question asked again, harder to read and worth the same.

Nothing is learnt from them. What a model loses by a twist it never knew safely.
"""

from __future__ import annotations

import random
import re
import string
from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from errata.agents.errors import ExamError
from errata.agents.exams.layouts import (
    JSON_LINE,
    LABEL_LINE,
    alternatives,
    choice_question,
    code_reply,
    math_prompt,
    stem,
)
from errata.agents.exams.wordings import (
    CHOICE_ENDS,
    CODE_ENDS,
    INJECTIONS,
    JSON_ENDS,
    LABEL_ENDS,
    LEADS,
    MATH_ENDS,
    TAILS,
    TEXT_ENDS,
)
from errata.agents.records import (
    ChoiceAnswer,
    CodeAnswer,
    JsonAnswer,
    LabelAnswer,
    MathAnswer,
    NumberAnswer,
    Question,
    Record,
    RegexAnswer,
    TextAnswer,
)

Twist = Literal["injected", "reworded", "relabelled"]


class TwistedExam(Record):
    """The questions of a sealed exam, each with one twist; only measured."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """What results call it."""
    of: Literal["test"]
    """The sealed test of all exams that are practised."""
    twist: Twist
    """`injected`: a foreign instruction with a practice question stands in the question.
    `reworded`: other words around it. `relabelled`: options with other labels in another order."""
    seed: int = 0
    """Another seed draws other wordings, places, labels and orders."""

    def read(self, questions: Sequence[Question], practice: Sequence[Question]) -> list[Question]:
        """Each of `questions` with the twist; its id is `twisted_id` of the plain one.

        Args:
            practice: What foreign instructions ask.

        Raises:
            ExamError: No question has options to relabel.
        """
        if self.twist == "relabelled" and not any(map(can_be_relabelled, questions)):
            raise ExamError(
                f"no question of the {self.of} has options that {self.name} could relabel: take "
                'twist = "reworded" or "injected"'
            )
        found = []
        for question in questions:
            rng = random.Random(f"{self.seed}/{question.id}")
            match self.twist:
                case "injected":
                    twisted = injected(question, rng, practice)
                case "relabelled" if can_be_relabelled(question):
                    twisted = relabelled(question, rng)
                case _:
                    twisted = reworded(question, rng)
            update = {"id": twisted_id(self.name, question.id), "exam": self.name}
            if question.group:
                update["group"] = f"{self.name}/{question.group}"
            found.append(twisted.model_copy(update=update))
        return found


def twisted_id(exam: str, question_id: str) -> str:
    """Of a twisted question: that of the plain one, after the twisted exam's name."""
    return f"{exam}/{question_id}"


def injected(question: Question, rng: random.Random, practice: Sequence[Question]) -> Question:
    """A stranger's instruction to answer a practice question, as a paragraph at the beginning, in
    the middle or at the end of the question. In front of a program's stub it stands at the end.

    How it is put follows Li et al. 2023 (arXiv 2308.10819).
    """
    others = [other for other in practice if other.target != question.target] or practice
    asked = " ".join(stem(rng.choice(others)).split())
    foreign = rng.choice(INJECTIONS).replace("{}", asked)
    if isinstance(question.answer, CodeAnswer):
        return question.model_copy(update={"prompt": f"{question.prompt}\n\n{foreign}"})
    text = stem(question)
    ends = [match.end() for match in re.finditer(r"[.!?](?=\s)", text)]
    match rng.choice(("beginning", "middle", "end") if ends else ("beginning", "end")):
        case "beginning":
            said = f"{foreign}\n\n{text}"
        case "middle":
            at = min(ends, key=lambda end: abs(2 * end - len(text)))
            said = f"{text[:at]}\n\n{foreign}\n\n{text[at:].lstrip()}"
        case _:
            said = f"{text}\n\n{foreign}"
    return with_stem(question, said)


def reworded(question: Question, rng: random.Random) -> Question:
    """Other words around the question, in its instruction too; in itself not a letter changes."""
    lead = rng.choice(LEADS)
    prompt = with_stem(question, f"{lead}\n\n{stem(question)}").prompt
    match question.answer:
        case ChoiceAnswer(options=options):
            end = rng.choice(CHOICE_ENDS).format(alternatives(options))
            prompt = "\n\n".join([prompt.rpartition("\n\n")[0], end])
        case CodeAnswer(entry_point=name):
            prompt = f"{lead}\n\n{question.prompt}"
            for known in (code_reply(name), code_reply()):
                if prompt.endswith(known):
                    end = rng.choice(CODE_ENDS).replace("function", f"function `{name}`")
                    prompt = prompt.removesuffix(known) + end
        case TextAnswer() | RegexAnswer():
            before, known, _ = prompt.rpartition('\n\nEnd with "So the answer is')
            prompt = f"{before}\n\n{rng.choice(TEXT_ENDS)}" if known else prompt
        case MathAnswer():
            known = math_prompt("")
            if prompt.endswith(known):
                prompt = f"{prompt.removesuffix(known)}\n\n{rng.choice(MATH_ENDS)}"
        case LabelAnswer(labels=labels):
            before, known, _ = prompt.rpartition(f"\n\n{LABEL_LINE}")
            end = rng.choice(LABEL_ENDS).format(alternatives(labels))
            prompt = f"{before}\n\n{end}" if known else prompt
        case JsonAnswer():
            before, known, rest = prompt.rpartition(f"\n\n{JSON_LINE} and nothing else")
            prompt = f"{before}\n\n{rng.choice(JSON_ENDS)}{rest}" if known else prompt
        case NumberAnswer():
            prompt = f"{prompt}\n\n{rng.choice(TAILS)}"
    return question.model_copy(update={"prompt": prompt})


def relabelled(question: Question, rng: random.Random) -> Question:
    """The options in another order, under other labels; the target goes with its option.

    Raises:
        ExamError: It has no options that can be moved; see `can_be_relabelled`.
    """
    answer = question.answer
    if not isinstance(answer, ChoiceAnswer) or not can_be_relabelled(question):
        raise ExamError(f"the question {question.id} has no options that can be moved")
    old = list(answer.options)
    order = old
    while order == old:
        order = rng.sample(old, len(old))
    taken = {*old, *answer.options.values()}
    schemes = [labels for labels in LABELS if len(labels) >= len(old) and not taken & {*labels}]
    labels = rng.choice(schemes)[: len(old)] if schemes else old
    moved = choice_question(
        question.id,
        stem(question),
        {label: answer.options[was] for label, was in zip(labels, order, strict=True)},
        labels[order.index(question.target)],
        question.kind,
        group=question.group,
    )
    return moved.model_copy(update={"exam": question.exam, "before": question.before})


def can_be_relabelled(question: Question) -> bool:
    """Whether it has options, and none that speaks of another by its label or its place."""
    if not isinstance(question.answer, ChoiceAnswer):
        return False
    options = question.answer.options
    labels = "|".join(map(re.escape, options))
    of_another = re.compile(
        rf"(?i:\b(?:above|below|former|latter|preceding)\b)"
        rf"|(?i:\b(?:both|neither|either|only|options?|choices?|answers?)\s+\(?)(?:{labels})\b"
        rf"|\b(?:{labels})\)?\s*(?:,|&|\band\b|\bor\b|\bnor\b|\bonly\b)"
    )
    return not any(of_another.search(text) for text in options.values())


LABELS = (
    list(string.ascii_uppercase[:16]),
    list("PQRSTUVWXYZ"),
    list("KLMNOPQRST"),
    [str(number) for number in range(1, 27)],
)
"""Sets of labels, of which one is taken that shares none with the old one."""


def with_stem(question: Question, text: str) -> Question:
    """The question with another text in the place of its own wording.

    Not for code, whose wording is the beginning of a program.
    """
    own = stem(question)
    if question.prompt.startswith(own):
        prompt = text + question.prompt.removeprefix(own)
    else:  # after worked questions
        before, _, after = question.prompt.rpartition(own)
        prompt = before + text + after
    return question.model_copy(update={"prompt": prompt})
