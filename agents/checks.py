"""What nobody should learn from: every draft is checked before it is trained on."""

from __future__ import annotations

from collections.abc import Iterable

from errata.agents.exams import HeldOut, plain
from errata.agents.exams.layouts import stem
from errata.agents.marking import mark
from errata.agents.marking.equations import holds, read_equations, unmark, value
from errata.agents.marking.number import read_number
from errata.agents.plain_text import CONTROL
from errata.agents.records import (
    ChoiceAnswer,
    CodeAnswer,
    Draft,
    Example,
    MathAnswer,
    NumberAnswer,
    Question,
    TextAnswer,
)

TOO_NEAR = "too near to a dev or test question"


class Checker:
    """Refuses what nobody should learn from. Remembers what it accepted."""

    def __init__(self, held_out: HeldOut, written: Iterable[Question | Example]) -> None:
        """`written`: examples accepted earlier in the run, and the practice questions."""
        self.held_out = held_out
        self.written = {plain(stem(asked)) for asked in written}
        self.accepted = 0

    def refuse(self, draft: Draft) -> str | None:
        """Why the draft must not be trained on; None accepts it."""
        if not draft.prompt.strip() or not draft.completion.strip():
            return "empty prompt or completion"
        if CONTROL.search(f"{draft.prompt}{draft.completion}{draft.target}".replace("\r\n", "\n")):
            return "control characters"
        asked = stem(draft)
        if plain(asked) in self.written:
            return "written before"
        if self.held_out.nearest(asked) is not None:
            return TOO_NEAR
        reason = wrong(draft)
        if reason is None:
            self.written.add(plain(asked))
            self.accepted += 1
        return reason


def wrong(draft: Draft) -> str | None:
    """Why the completion does not answer the prompt, as far as a marker can tell."""
    if not draft.target:
        return "no target"
    question = Question(id="draft", prompt=draft.prompt, target=draft.target, answer=draft.answer)
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
    return None
