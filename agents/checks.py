"""What nobody should learn from: every draft is checked before it is trained on."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable

from errata.agents.errors import ExamError
from errata.agents.exams import HeldOut, plain
from errata.agents.exams.held_out import NearQuestions
from errata.agents.exams.layouts import stem
from errata.agents.exams.reworded import Setting, setting
from errata.agents.foreign_text import foreign
from errata.agents.marking import mark
from errata.agents.marking.equations import holds, read_equations, unmark, value
from errata.agents.marking.number import read_number
from errata.agents.plain_text import CONTROL
from errata.agents.records import (
    ChoiceAnswer,
    CodeAnswer,
    Draft,
    Example,
    JsonAnswer,
    JudgedAnswer,
    LabelAnswer,
    MathAnswer,
    NumberAnswer,
    OwnAnswer,
    Question,
    RegexAnswer,
    Row,
    TextAnswer,
)

LENGTH = 3
"""Times the longest practice question, and the longest solution: drafts beyond are no exercises
like those that were missed."""
SHORTEST_LIMIT = 1000
"""Characters that every draft may have: a drill is longer than the question that it comes from."""


class Checker:
    """Refuses what nobody should learn from. Remembers what it accepted."""

    def __init__(
        self,
        held_out: HeldOut,
        written: Iterable[Question | Example],
        special: Collection[str] = (),
    ) -> None:
        """
        Args:
            written: Examples accepted earlier in the run, and the practice questions.
            special: The tokens that the student's tokenizer does not take for text.
        """
        self.held_out = held_out
        self.special = special
        self.written: set[tuple[Setting, str]] = set()
        self.examples = NearQuestions()
        self.accepted = 0
        questions = []
        for asked in written:
            before, text = setting(asked), plain(stem(asked))
            self.written.add((before, text))
            if isinstance(asked, Question):
                questions.append(asked)
            else:
                self.examples.add(text, asked.id, before)
        self.longest_prompt = limit(question.prompt for question in questions)
        self.longest_completion = limit(q.solution or q.prompt for q in questions)

    def refuse(self, draft: Draft) -> str | None:
        """Why the draft must not be trained on; None accepts it."""
        if not draft.prompt.strip() or not draft.completion.strip():
            return "empty prompt or completion"
        if len(draft.prompt) > self.longest_prompt:
            return "question much longer than the exam's"
        if len(draft.completion) > self.longest_completion:
            return "answer much longer than the exam's"
        text = f"{draft.prompt}\n\n{draft.completion}\n\n{draft.target}"
        if (found := not_plain(text, self.special)) is not None:
            return found
        before, asked = setting(draft), plain(stem(draft))
        if (before, asked) in self.written:
            return "written before"
        if self.examples.nearest(asked, before) is not None:
            return "nearly the same as an earlier example"
        if (held_out := self.held_out.resemblance(draft)) is not None:
            return held_out.how
        reason = wrong(draft)
        if reason is None:
            self.written.add((before, asked))
            self.accepted += 1
            self.examples.add(asked, str(self.accepted), before)
        return reason


def not_plain(text: str, special: Collection[str]) -> str | None:
    """What in the text no exam's text holds; None where there is nothing such."""
    text = text.replace("\r\n", "\n")
    return "control characters" if CONTROL.search(text) else foreign(text, special)


def refuse_row(row: Row, held_out: HeldOut, special: Collection[str] = ()) -> str | None:
    """Why a row that a shaper made must not be trained on; None accepts it.

    Its prompt is its example's, which was checked; the rest may be a student's words.

    Args:
        special: As for `Checker`.
    """
    for text in (f"{row.given}{row.completion}", row.rejected or "", row.system or ""):
        if (found := not_plain(text, special)) is not None:
            return found
        if (shared := held_out.shared_words(text)) is not None:
            return shared.how
    return marked_against(row)


def marked_against(row: Row) -> str | None:
    """Why the marker is against a row whose answer ends; None where it is not. Under a system
    prompt of its own a row may teach what a wrong answer looks like.

    Raises:
        ValueError, SandboxError, StepFailed: As `mark`.
    """
    if not row.ends:
        return None
    try:
        if row.system is None and not mark(row.question, row.given + row.completion).correct:
            return "its answer is marked wrong"
        if row.rejected is not None and mark(row.question, row.given + row.rejected).correct:
            return "its rejected answer is marked right"
    except ExamError:  # of a marker of the user's own, or a judge
        return "its answer has no verdict"
    return None


def limit(texts: Iterable[str]) -> int:
    """Characters that a draft may have; without end where there is nothing to go by."""
    longest = max(map(len, texts), default=0)
    return max(SHORTEST_LIMIT, LENGTH * longest) if longest else sys.maxsize


def question_of(draft: Draft) -> Question:
    """What it asks, for the marker."""
    return Question(
        id="draft",
        before=draft.before,
        prompt=draft.prompt,
        target=draft.target,
        answer=draft.answer,
    )


def wrong(draft: Draft) -> str | None:
    """Why the completion does not answer the prompt, as far as a marker can tell."""
    if not draft.target:
        return "no target"
    question = question_of(draft)
    match draft.answer:
        case NumberAnswer():
            if read_number(draft.target) is None:
                return "target is not a number"
            if not mark(question, draft.completion).correct:
                return "completion does not end in the target"
            equations = read_equations(unmark(draft.completion))
            if not all(holds(equation) for equation in equations):
                return "wrong equation"
            target = float(read_number(draft.target) or 0)
            if equations and all(abs(value(e.left) - target) > 1e-4 for e in equations):
                return "final answer is not the result of any equation"
        case ChoiceAnswer(options=options):
            if draft.target not in options:
                return "target is no option"
            if len({plain(option) for option in options.values()}) < len(options):
                return "two options are the same"
            if not mark(question, draft.completion).correct:
                return "completion does not choose the target"
        case CodeAnswer(entry_point=name):
            try:
                if not mark(question, draft.completion).correct:
                    return "completion fails its own tests"
            except ValueError:
                return "tests cannot be run"
            if mark(question, f"```python\ndef {name}(*given, **named): return None\n```").correct:
                return "tests pass without a solution"
        case TextAnswer():
            if not mark(question, draft.completion).correct:
                return "completion does not end in the target"
        case MathAnswer():
            try:
                if not mark(question, draft.completion).correct:
                    return "completion does not end in the target"
            except ValueError:
                return "target is no formula"
        case LabelAnswer(labels=labels):
            if draft.target not in labels:
                return "target is no label"
            if not mark(question, draft.completion).correct:
                return "completion does not give the target"
        case JsonAnswer() | RegexAnswer():
            try:
                if not mark(question, draft.completion).correct:
                    return "completion does not give the target"
            except ValueError:
                return "target cannot be marked"
        case OwnAnswer() | JudgedAnswer():
            try:
                if not mark(question, draft.completion).correct:
                    return "completion is marked wrong"
            except ExamError:
                return "completion has no verdict"
    return None
