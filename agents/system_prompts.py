"""System prompts that may do what a training would: proposed, and checked before anyone is asked.

To search over prompts with an LLM that sees what went wrong is automatic prompt engineering (Zhou
et al. 2023, arXiv 2211.01910) and optimization by prompting (Yang et al. 2024, arXiv 2309.03409).
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Protocol

from errata.agents.exams import HeldOut, plain
from errata.agents.exams.held_out import RUN, runs
from errata.agents.exams.layouts import stem
from errata.agents.foreign_text import CHAT_TOKEN, has_unseen
from errata.agents.marking.equations import unmark
from errata.agents.plain_text import CONTROL, well_formed
from errata.agents.records import Mistake, Question, Record

MOST_CHARACTERS = 2000
"""Of a system prompt: it is read again with each question."""
LEAST_WORDS, LEAST_WITH_NUMBER = 5, 3
"""Of a question or a solution that a prompt must not hold whole; a shorter one may be a phrase."""

HELD_OUT = "it holds a held-out question"
PRACTICE = "it holds a practice question or its solution"


class PromptWriter(Protocol):
    """Proposes system prompts from mistakes."""

    def propose(
        self, mistakes: Sequence[Mistake], count: int, system: str | None, seed: int
    ) -> list[str]:
        """At most `count` prompts, not yet checked; fewer where there are no more.

        Args:
            mistakes: Of practice questions; at least one.
            system: The student's present prompt; None is its model's own.

        Raises:
            InstructorError: It cannot be reached or refuses to work.
            BudgetSpent: What is left of the budget may not hold another call.
        """
        ...


FORMS = {
    "number": "End with a line that holds #### and the final number, such as: #### 42",
    "choice": "End with the letter of your choice, in the form: The answer is B.",
    "code": "Reply with the complete Python function in one code block, and nothing else.",
    "text": "End with the answer alone, in the form: So the answer is X.",
    "math": r"End with the final answer in a box, in the form: The final answer is $\boxed{X}$.",
    "label": "Reply with one label alone, spelled as in the task.",
    "json": "Reply with one JSON object alone: no text before or after it.",
}
"""How an answer ends, by its type."""
ANY_FORM = "Give the final answer last, in the form that the task asks for."
MANNERS = (
    "",
    "Think step by step.",
    "Read the question twice. Write down what is given and what is asked, then work it out.",
    "Be brief: write nothing that the answer does not need.",
    "Work carefully: one step a line, and check each step before you write the next.",
    "You are an expert in tasks of this kind. Answer as a careful expert would.",
)
"""What many people try first."""


class PlainPrompts:
    """A small fixed list of plain system prompts, for want of an LLM. It looks at no mistake but
    for the form of its answer."""

    def propose(
        self, mistakes: Sequence[Mistake], count: int, system: str | None, seed: int
    ) -> list[str]:
        """Those that the seed chooses; each stands after the student's present prompt."""
        types = {mistake.question.answer.type for mistake in mistakes}
        form = FORMS.get(types.pop(), ANY_FORM) if len(types) == 1 else ANY_FORM
        every = ["\n".join(filter(None, (system, manner, form))) for manner in MANNERS]
        return random.Random(f"{seed}/prompts").sample(every, min(count, len(every)))


class RefusedPrompt(Record):
    """A proposed system prompt that nobody was asked under."""

    text: str
    reason: str


class PromptChecker:
    """Refuses prompts that give answers away or are no plain text. Remembers what it accepted."""

    def __init__(
        self,
        held_out: HeldOut,
        sealed: Sequence[Question],
        practice: Sequence[Question],
        special: Collection[str] = (),
        known: str | None = None,
    ) -> None:
        """
        Args:
            sealed: The held-out questions themselves.
            special: The tokens that the student's tokenizer does not take for text.
            known: The student's present prompt. What it says already is the user's, and may stay.
        """
        self.held_out = held_out
        self.special = special
        self.known = plain(known or "")
        self.accepted = {self.known}
        self.sealed = long_enough(text for question in sealed for text in asked_in(question))
        said = [text for q in practice for text in (*asked_in(q), unmark(q.solution or ""))]
        self.practised = long_enough(said)
        known_runs = set(runs(self.known))
        self.runs = {run for text in said for run in runs(plain(text))} - known_runs

    def refuse(self, text: str) -> str | None:
        """Why nobody shall be asked under this prompt; None accepts it."""
        if not text.strip():
            return "it is empty"
        if len(text) > MOST_CHARACTERS:
            return f"it has more than {MOST_CHARACTERS:,} characters"
        if CONTROL.search(text) or has_unseen(text) or well_formed(text) != text:
            return "it holds characters that nobody sees"
        if CHAT_TOKEN.search(text) or any(token in text for token in self.special):
            return "it holds tokens of a chat template"
        words = plain(text)
        if words in self.accepted:
            return "it is another one again"
        if self.held_out.shared_words(text) is not None or self.holds(words, self.sealed):
            return HELD_OUT
        if not self.runs.isdisjoint(runs(words)) or self.holds(words, self.practised):
            return PRACTICE
        self.accepted.add(words)
        return None

    def holds(self, words: str, texts: Collection[str]) -> bool:
        """Whether one of the texts stands in the prompt and not in the present one."""
        return any(f" {t} " in f" {words} " and t not in self.known for t in texts)


def asked_in(question: Question) -> Iterator[str]:
    """What it asks, and what was said before, but for a system message."""
    yield stem(question)
    yield from (text for role, text in question.before if role != "system")


def long_enough(texts: Iterable[str]) -> frozenset[str]:
    """Those that are no mere phrase, and too short to have thirteen words in a row."""
    found = (plain(text).split() for text in texts)
    return frozenset(
        " ".join(words)
        for words in found
        if len(words) < RUN
        and len(words) >= (LEAST_WITH_NUMBER if any(w[0].isdigit() for w in words) else LEAST_WORDS)
    )
