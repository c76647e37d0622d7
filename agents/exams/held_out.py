"""What makes two questions the same, and what keeps held-out ones out of training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from errata.agents.errors import ExamError
from errata.agents.exams.layouts import stem
from errata.agents.exams.reworded import Reworded, asked_words
from errata.agents.exams.words import masked, plain
from errata.agents.records import Draft, Example, Question

TOO_NEAR = "too near to a dev or test question"
SHARED_WORDS = "13 words in a row of a held-out question"
OTHER_WORDS = "a held-out question in other words"
RESEMBLES = frozenset({TOO_NEAR, SHARED_WORDS, OTHER_WORDS})
"""Reasons to refuse a text that give a held-out question away, were the text shown."""
RUN = 13
"""Words in a row that two texts share only when one of them has seen the other: as in the
decontamination of GPT-3 (Brown et al. 2020, arXiv 2005.14165, appendix C)."""


@dataclass(frozen=True)
class Resemblance:
    """A held-out question that a text resembles."""

    question_id: str
    how: str
    """In plain words; a reason to refuse an example."""


class HeldOut:
    """The held-out questions (dev, test and others), to keep training examples away from."""

    def __init__(self, questions: Iterable[Question], practice: Iterable[Question] = ()) -> None:
        """`practice`: what it says too, whatever its numbers, is the exam's way to ask."""
        held, practice = list(questions), list(practice)
        self.near = NearTexts()
        self.runs: dict[str, str] = {}
        """Thirteen words in a row → id of the held-out question that has them."""
        masks: dict[str, list[str]] = {}
        for question in held:
            self.near.add(plain(stem(question)), question.id)
            for run in runs(plain(asked_words(question))):
                if self.runs.setdefault(run, question.id) == question.id:
                    masks.setdefault(masked(run), []).append(run)
        for question in practice:
            for run in runs(masked(plain(asked_words(question)))):
                for usual in masks.pop(run, ()):
                    self.runs.pop(usual, None)
        self.reworded = Reworded(held, practice)

    def nearest(self, text: str) -> str | None:
        """Id of a held-out question that `text`, a question's stem, equals or nearly equals.

        Nearly equal: the same numbers, and at least half of all word triples in common. The
        same story with other numbers is another question: it needs another answer.
        """
        return self.near.nearest(plain(text))

    def shared_words(self, text: str) -> Resemblance | None:
        """A held-out question that has thirteen words in a row in common with `text`."""
        for run in runs(plain(text)):
            if run in self.runs:
                return Resemblance(self.runs[run], SHARED_WORDS)
        return None

    def resemblance(self, asked: Question | Draft | Example) -> Resemblance | None:
        """The held-out question that `asked` gives away, if there is one.

        It equals or nearly equals it; it shares thirteen words in a row with it, its completion
        included; or it asks the same in other words.
        """
        if (near := self.nearest(stem(asked))) is not None:
            return Resemblance(near, TOO_NEAR)
        texts = [asked_words(asked)]
        if not isinstance(asked, Question):
            texts.append(asked.completion)
        for text in texts:
            if (shared := self.shared_words(text)) is not None:
                return shared
        if (same := self.reworded.nearest(asked)) is not None:
            return Resemblance(same, OTHER_WORDS)
        return None


class NearTexts:
    """Texts as `plain` gives them, among which an equal or nearly equal one is looked for."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        """Text → id."""
        self.shingles: list[tuple[str, frozenset[str]]] = []
        self.having: dict[tuple[str, ...], dict[str, list[int]]] = {}
        """Numbers, and a shingle → the texts that have both, in their order."""

    def add(self, text: str, id: str) -> None:
        """One that is there already takes the new id."""
        if text not in self.texts:
            own = shingles(text)
            having = self.having.setdefault(numbers(text), {})
            for shingle in own:
                having.setdefault(shingle, []).append(len(self.shingles))
            self.shingles.append((id, own))
        self.texts[text] = id

    def nearest(self, text: str) -> str | None:
        """Id of a text with the same numbers and at least half of all word triples."""
        if text in self.texts:
            return self.texts[text]
        own = shingles(text)
        having = self.having.get(numbers(text), {})
        # Who has half of these triples has one of any larger half: the rarest find the fewest.
        found = sorted((having.get(shingle, []) for shingle in own), key=len)
        for at in sorted({at for places in found[: len(own) // 2 + 1] for at in places}):
            id, other = self.shingles[at]
            if len(own & other) >= 0.5 * len(own | other):
                return id
        return None


def check_disjoint(sets: Mapping[str, Sequence[Question]]) -> None:
    """Raises: ExamError: Two of the named sets share a question, or variants of one."""
    home: dict[str, tuple[str, str]] = {}
    for name, questions in sets.items():
        for question in questions:
            for text in same_as(question):
                other, twin = home.setdefault(text, (name, question.id))
                if other != name:
                    what = "variants of one question" if text.startswith("group ") else "a question"
                    raise ExamError(
                        f"{other} and {name} share {what} ({twin} and {question.id}): take it "
                        "out of one of them, or what is measured is memory"
                    )


def same_as(question: Question) -> list[str]:
    """Two questions that have one of these in common must not be on two sides."""
    own = [f"text {plain(question.prompt)}"]
    return [*own, f"group {question.group}"] if question.group else own


def numbers(text: str) -> tuple[str, ...]:
    return tuple(sorted(word for word in text.split() if word[0].isdigit()))


def shingles(text: str) -> frozenset[str]:
    """Runs of three words."""
    found = text.split()
    return frozenset(" ".join(found[at : at + 3]) for at in range(max(1, len(found) - 2)))


def runs(text: str) -> Iterator[str]:
    """Each thirteen words in a row."""
    found = text.split()
    return (" ".join(found[at : at + RUN]) for at in range(len(found) - RUN + 1))
