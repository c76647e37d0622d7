"""Where questions come from, and how an answer is marked: one file a family."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field

from errata.agents.errors import ExamError
from errata.agents.exams.arithmetic import make_questions
from errata.agents.exams.files import FileExam, FileSet, read_questions
from errata.agents.records import Question, Record


class ArithmeticExam(Record):
    """The built-in exam, made from a seed."""

    name: Literal["arithmetic"]
    seed: int = 0
    practice: int = Field(default=300, ge=1)
    dev: int = Field(default=150, ge=1)
    test: int = Field(default=200, ge=1)

    def read(self) -> tuple[list[Question], list[Question], list[Question]]:
        taken: set[str] = set()
        try:
            return (
                make_questions(self.seed, "practice", self.practice, taken),
                make_questions(self.seed, "dev", self.dev, taken),
                make_questions(self.seed, "test", self.test, taken),
            )
        except ValueError as error:
            raise ExamError(str(error)) from None


@dataclass(frozen=True)
class Exam:
    """Three sets that share no question: mistakes are mined in `practice` alone, `dev` decides
    what is kept, `test` is read once, at the end."""

    practice: list[Question]
    dev: list[Question]
    test: list[Question]


def load_exam(settings: ArithmeticExam | FileExam) -> Exam:
    """The questions that the settings describe.

    Raises:
        ExamError: A file cannot be read, or two sets share a question.
    """
    exam = Exam(*settings.read())
    home: dict[str, tuple[str, Question]] = {}
    for name, questions in vars(exam).items():
        for question in questions:
            other, twin = home.setdefault(plain(question.prompt), (name, question))
            if other != name:
                raise ExamError(
                    f"{other} and {name} share a question ({twin.id} and {question.id}): "
                    "take it out of one of them, or what is measured is memory"
                )
    return exam


def named_questions(name: str, seed: int, limit: int | None) -> list[Question]:
    """Questions of one exam for a sitting of its own: `arithmetic`, or a JSON-lines file.

    Raises:
        ExamError: The name is neither.
    """
    if name == "arithmetic":
        return make_questions(seed, "exam", limit or 200, set())
    if not Path(name).is_file():
        raise ExamError(f"there is no exam {name!r}: name `arithmetic` or a JSON-lines file")
    questions = read_questions(FileSet(file=Path(name)))
    return questions[:limit]


class HeldOut:
    """The dev and test questions, to keep training examples away from."""

    def __init__(self, questions: Iterable[Question]) -> None:
        self.texts = {plain(question.prompt): question.id for question in questions}
        self.by_numbers: dict[tuple[str, ...], list[tuple[str, frozenset[str]]]] = {}
        for text, id in self.texts.items():
            self.by_numbers.setdefault(numbers(text), []).append((id, shingles(text)))

    def nearest(self, prompt: str) -> str | None:
        """Id of a held-out question that `prompt` equals or nearly equals.

        Nearly equal: the same numbers, and at least half of all word triples in common. The
        same story with other numbers is another question: it needs another answer.
        """
        text = plain(prompt)
        if text in self.texts:
            return self.texts[text]
        own = shingles(text)
        for id, other in self.by_numbers.get(numbers(text), ()):
            if len(own & other) >= 0.5 * len(own | other):
                return id
        return None


def plain(text: str) -> str:
    """Lower-case words and numbers, one space between: what makes two questions the same."""
    return " ".join(words(text))


def words(text: str) -> Iterator[str]:
    for match in re.finditer(r"[0-9](?:[0-9,.]*[0-9])?|[^\W\d_]+", text.lower()):
        yield match.group().replace(",", "") if match.group()[0].isdigit() else match.group()


def numbers(text: str) -> tuple[str, ...]:
    return tuple(sorted(word for word in text.split() if word[0].isdigit()))


def shingles(text: str) -> frozenset[str]:
    """Runs of three words."""
    found = text.split()
    return frozenset(" ".join(found[at : at + 3]) for at in range(max(1, len(found) - 2)))
