"""What makes two questions the same, and what keeps held-out ones out of training."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from errata.agents.errors import ExamError
from errata.agents.exams.layouts import stem
from errata.agents.records import Question


class HeldOut:
    """The dev and test questions, to keep training examples away from."""

    def __init__(self, questions: Iterable[Question]) -> None:
        self.texts = {plain(stem(question)): question.id for question in questions}
        self.shingles = [(id, shingles(text)) for text, id in self.texts.items()]
        self.having: dict[tuple[str, ...], dict[str, list[int]]] = {}
        """Numbers, and a shingle → the questions that have both, in their order."""
        for at, (text, (_, own)) in enumerate(zip(self.texts, self.shingles, strict=True)):
            having = self.having.setdefault(numbers(text), {})
            for shingle in own:
                having.setdefault(shingle, []).append(at)

    def nearest(self, text: str) -> str | None:
        """Id of a held-out question that `text`, a question's stem, equals or nearly equals.

        Nearly equal: the same numbers, and at least half of all word triples in common. The
        same story with other numbers is another question: it needs another answer.
        """
        text = plain(text)
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


def plain(text: str) -> str:
    """Lower-case words, numbers and brackets, one space between: what makes questions the same.

    Brackets count because there are questions about nothing else.
    """
    return " ".join(words(text))


def words(text: str) -> Iterator[str]:
    for match in re.finditer(r"[0-9](?:[0-9,.]*[0-9])?|[^\W\d_]+|[\[\]{}<>]", text.lower()):
        yield match.group().replace(",", "") if match.group()[0].isdigit() else match.group()


def numbers(text: str) -> tuple[str, ...]:
    return tuple(sorted(word for word in text.split() if word[0].isdigit()))


def shingles(text: str) -> frozenset[str]:
    """Runs of three words."""
    found = text.split()
    return frozenset(" ".join(found[at : at + 3]) for at in range(max(1, len(found) - 2)))
