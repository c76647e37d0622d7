"""Responses that were made elsewhere, marked: `errata mark`."""

from __future__ import annotations

import difflib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from errata.agents.errors import ExamError
from errata.agents.examiner import NotCounted, mark_all
from errata.agents.exams import plain
from errata.agents.exams.layouts import LAYOUTS, read_layout, stem, wording
from errata.agents.exams.rows import Unreadable, line_items
from errata.agents.jsonl import Journal
from errata.agents.records import Question, Record
from errata.agents.scores import pass_at_k, wilson
from errata.graph.watcher import Watcher


class Marked(Record):
    """One line of `--out`: the verdict on one response."""

    id: str
    """As the response gave it, else the question's."""
    correct: bool
    answer: str | None
    why: str


class Marks(Record):
    """The verdicts on a file of responses."""

    exam: str
    responses: int
    answered: int
    """Questions with a response."""
    unanswered: int
    samples: int
    """Responses to each question; the fewest, where they differ."""
    accuracy: float
    """Share of right responses, each question counting alike."""
    ci95: tuple[float, float] | None
    """Wilson; None where questions have several samples."""
    pass_at: Mapping[int, float]
    """k → chance that at least one of k samples is right, averaged over the questions."""
    by_kind: Mapping[str, tuple[int, int]]
    """Kind → (right, marked) responses."""
    reasons: Mapping[str, int]
    """Right responses, and wrong ones by what decided."""
    not_counted: int = 0
    """Responses without a verdict, through no fault of theirs; in none of the other numbers."""


def mark_responses(
    exam: str, questions: Sequence[Question], file: Path, out: Path | None, watcher: Watcher
) -> Marks:
    """Marks a file of responses; verdicts go to `out` as they come.

    Raises:
        ExamError: A line that is no response, or to no question of the exam; `out` is there.
        SandboxError: Generated code cannot be run safely here.
    """
    if out is not None and out.exists():
        raise ExamError(f"{out} is there already: name another file, nothing is written over")
    responses = list(read_responses(exam, questions, file))
    marked: list[tuple[Question, Marked]] = []
    right = 0
    watcher.progress(exam, 0, len(responses))
    left = NotCounted(watcher.say)
    for question, (id, _), verdict in mark_all(responses, lambda response: response[1], left):
        line = Marked(id=id or question.id, **verdict.model_dump())
        marked.append((question, line))
        right += line.correct
        watcher.progress(exam, len(marked), len(responses), f"{right / len(marked):.0%} right")
    if not marked:
        raise ExamError(f"{exam}: no response has a verdict, {len(responses)} are not counted")
    if out is not None:
        with Journal(out, Marked) as journal:
            for _, line in marked:
                journal.add(line)
            journal.finish()
    return summed_up(exam, len(questions), marked, left)


def summed_up(
    exam: str, asked: int, marked: Sequence[tuple[Question, Marked]], left: NotCounted
) -> Marks:
    by_question: dict[str, list[bool]] = defaultdict(list)
    by_kind: dict[str, tuple[int, int]] = {}
    reasons: Counter[str] = Counter()
    for question, line in marked:
        by_question[question.id].append(line.correct)
        right, all_ = by_kind.get(question.kind or "", (0, 0))
        by_kind[question.kind or ""] = (right + line.correct, all_ + 1)
        reasons["right" if line.correct else f"wrong: {family(line.why)}"] += 1
    samples = min(len(found) for found in by_question.values())
    answered = len(by_question)
    ks = sorted({1, *(k for k in (5, 10, 100) if k <= samples), samples})
    pass_at = {
        k: sum(pass_at_k(len(found), sum(found), k) for found in by_question.values()) / answered
        for k in ks
    }
    single = all(len(found) == 1 for found in by_question.values())
    return Marks(
        exam=exam,
        responses=len(marked),
        answered=answered,
        unanswered=asked - len(by_question.keys() | left.answers.keys()),
        samples=samples,
        accuracy=pass_at[1],
        ci95=wilson(sum(line.correct for _, line in marked), answered) if single else None,
        pass_at=pass_at,
        by_kind=dict(sorted(by_kind.items())) if by_kind.keys() != {""} else {},
        reasons=dict(reasons.most_common()),
        not_counted=left.answers.total(),
    )


def family(why: str) -> str:
    """What sort of reason this is: the words before its details."""
    if " is not " in why and not why.startswith(("raises ", "fails: ", "syntax error: ")):
        return "another answer"
    if why.startswith("does not define"):
        return "does not define the function"
    return why.partition(":")[0]


def read_responses(
    exam: str, questions: Sequence[Question], file: Path
) -> Iterator[tuple[Question, tuple[str | None, str]]]:
    """Questions, each with the id that the line gave, if any, and the response; in file order.

    Raises:
        ExamError: The line is named.
    """
    finder = Finder(exam, questions)
    found = 0
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ExamError(f"{file} cannot be read ({error.strerror}): check its path") from None
    except UnicodeDecodeError as error:
        raise ExamError(f"{file} is not UTF-8 (byte {error.start}): convert it first") from None
    for _, where, fields in line_items(text, file):
        if isinstance(fields, Unreadable):
            raise ExamError(f"{where} is {fields.why}")
        if not isinstance(fields, dict) or not isinstance(fields.get("response"), str):
            raise ExamError(f'{where} has no text "response": write {{"id": …, "response": "…"}}')
        found += 1
        yield finder.find(fields, where), (given_id(fields), fields["response"])
    if not found:
        raise ExamError(f"{file} holds no responses: write one object a line")


def given_id(fields: Mapping[str, Any]) -> str | None:
    return next((str(fields[n]) for n in ("id", "task_id") if fields.get(n) is not None), None)


class Finder:
    """Finds the question of a response, by its id or by the question's own fields."""

    def __init__(self, exam: str, questions: Sequence[Question]) -> None:
        self.exam = exam
        # MBPP's own ids are bare numbers, which errata calls mbpp-11.
        self.by_id = {question.id.partition("-")[2]: question for question in questions}
        self.by_id |= {question.id: question for question in questions}
        self.by_wording: dict[str, list[Question]] = defaultdict(list)
        for question in questions:
            for text in {question.prompt, stem(question)}:
                self.by_wording[plain(text)].append(question)

    def find(self, fields: Mapping[str, Any], where: str) -> Question:
        """Raises: ExamError: The exam has no such question."""
        given = given_id(fields)
        if given is not None and given in self.by_id:
            return self.by_id[given]
        found = self.by_wording.get(plain(wording(fields)), [])
        if not found:
            near = difflib.get_close_matches(given or "", self.by_id, n=1)
            raise ExamError(
                f"{where}: {self.exam} has no question "
                + (f"with the id {given!r}" if given else f"worded {wording(fields)[:60]!r}")
                + (f"; did you mean {near[0]!r}?" if near else "; check the exam and its split")
            )
        if len(found) > 1 and self.exam in LAYOUTS:  # the same words with other options
            with suppress(ExamError, ValidationError):
                whole = read_layout(self.exam, fields, "same")
                found = [question for question in found if question.answer == whole.answer] or found
        return found[0]
