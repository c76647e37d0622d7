"""Responses that were made elsewhere, marked: `errata mark`."""

from __future__ import annotations

import difflib
import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

from errata.agents.errors import ExamError
from errata.agents.examiner import NotCounted, mark_all
from errata.agents.exams import plain
from errata.agents.exams.conversations import read_conversation
from errata.agents.exams.files import row_question
from errata.agents.exams.layouts import LAYOUTS, stem, wording
from errata.agents.exams.rows import Unreadable, line_items
from errata.agents.jsonl import Journal
from errata.agents.marking.own import forget_markers
from errata.agents.records import Question, Record, Turns
from errata.agents.scores import pass_at_k, wilson
from errata.graph.commands.exam import OpenedExam, judge_folder, note_sealed
from errata.graph.commands.judge import judges_outside
from errata.graph.costs import Cost
from errata.graph.judging import JudgeReport
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
    left_out: int
    """Responses to questions that are left out of the exam; not marked."""
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
    judges: tuple[JudgeReport, ...] = ()
    """The LLMs that judged, and how far they agree with a person."""
    cost: Cost | None = None
    """What they took; None where none was asked."""


def mark_responses(
    exam: OpenedExam,
    file: Path,
    out: Path | None,
    watcher: Watcher,
    cache: bool = True,
    runs: Path = Path("runs"),
) -> Marks:
    """Marks a file of responses; verdicts go to `out` as they come.

    Args:
        runs: Where it is noted that a sealed set is read.
        cache: Takes replies of judges from the user's cache.

    Raises:
        ExamError: A line that is no response, or to no question of the exam; `out` is there.
        SandboxError: Generated code cannot be run safely here.
        RunError: `out` cannot be written, `out.part` is somebody else's, or it cannot be noted
            that a sealed set is read.
        ErrataError: A judge is refused, or cannot be asked.
    """
    if out is not None and out.exists():
        raise ExamError(f"{out} is there already: name another file, nothing is written over")
    responses, left_out = read_responses(exam, file)
    marked: list[tuple[Question, Marked]] = []
    right = 0
    left = NotCounted(watcher.say)
    forget_markers()  # their files may have been edited
    asked = [question for question, _ in responses]
    with (
        judges_outside(exam.config, asked, 1, judge_folder(out), cache, watcher) as at_hand,
        nullcontext() if out is None else Journal(out, Marked, anew=True) as journal,
    ):
        said = "\0".join(f"{question.id}\0{text}" for question, (_, text) in responses)
        sha256 = hashlib.sha256(said.encode(errors="surrogatepass")).hexdigest()
        note_sealed([exam], runs, "mark", str(file), sha256, watcher)
        watcher.progress(exam.name, 0, len(responses))
        for question, (id, _), verdict in mark_all(responses, lambda response: response[1], left):
            line = Marked(id=id or question.id, **verdict.model_dump())
            marked.append((question, line))
            right += line.correct
            note = f"{right / len(marked):.0%} right"
            watcher.progress(exam.name, len(marked), len(responses), note)
            if journal is not None:
                journal.add(line)
        if journal is not None:
            journal.finish()
        if not marked:
            raise ExamError(
                f"{exam.name}: no response has a verdict, {len(responses)} are not counted"
            )
        found = summed_up(exam, marked, left_out, left)
        return found.model_copy(update={"judges": at_hand.judges, "cost": at_hand.cost})


def summed_up(
    exam: OpenedExam,
    marked: Sequence[tuple[Question, Marked]],
    left_out: int,
    left: NotCounted,
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
        exam=exam.name,
        left_out=left_out,
        responses=len(marked),
        answered=answered,
        unanswered=len(exam.questions) - len(by_question.keys() | left.answers.keys()),
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
    exam: OpenedExam, file: Path
) -> tuple[list[tuple[Question, tuple[str | None, str]]], int]:
    """Questions, each with the id that the line gave, if any, and the response, in file order;
    and how many responses were to questions that are left out of the exam.

    Raises:
        ExamError: The line is named.
    """
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ExamError(f"{file} cannot be read ({error.strerror}): check its path") from None
    except UnicodeDecodeError as error:
        raise ExamError(f"{file} is not UTF-8 (byte {error.start}): convert it first") from None
    finder = Finder(exam)
    responses: list[tuple[Question, tuple[str | None, str]]] = []
    left_out = 0
    for _, where, fields in line_items(text, file):
        if isinstance(fields, Unreadable):
            raise ExamError(f"{where} is {fields.why}")
        if not isinstance(fields, dict) or not isinstance(fields.get("response"), str):
            raise ExamError(f'{where} has no text "response": write {{"id": …, "response": "…"}}')
        question = finder.find(fields, where)
        if question is None:
            left_out += 1
        else:
            responses.append((question, (given_id(fields), fields["response"])))
    if left_out and not responses:
        raise ExamError(f"{file} has responses only to questions that were left out of the exam")
    if not responses:
        raise ExamError(f"{file} holds no responses: write one object a line")
    return responses, left_out


def given_id(fields: Mapping[str, Any]) -> str | None:
    return next((str(fields[n]) for n in ("id", "task_id") if fields.get(n) is not None), None)


def folded(text: str) -> str:
    """One space wherever there is white space."""
    return " ".join(text.split())


WAYS = (str, folded, plain)
"""Ways to compare wordings, the strictest first: `plain` takes `(a and b) or c` for
`a and (b or c)`, so it must not decide where the text itself is there."""


class Finder:
    """Finds the question of a response, by its id or by the question's own fields."""

    def __init__(self, exam: OpenedExam) -> None:
        self.exam = exam
        self.made: Counter[str] = Counter()
        """Question → responses to it so far."""
        short = [question.id.partition("-")[2] for question in exam.questions]
        often = Counter(short)
        # MBPP's own ids are bare numbers, which errata calls mbpp-11.
        self.by_id = {
            name: question
            for name, question in zip(short, exam.questions, strict=True)
            if often[name] == 1
        } | {question.id: question for question in exam.questions}
        self.left_out: set[str] = set()
        for skipped in exam.skipped:
            given = given_id(skipped.fields)
            self.left_out |= {skipped.id} if given is None else {given, f"{exam.name}-{given}"}
        self.indexes: dict[Callable[[str], str], tuple[dict[str, list[Question]], set[str]]] = {}

    def find(self, fields: Mapping[str, Any], where: str) -> Question | None:
        """None: the question is left out of the exam.

        Raises:
            ExamError: The exam has no such question, or several.
        """
        given = given_id(fields)
        if given is not None and given in self.by_id:
            return self.dealt([self.by_id[given]])
        if given in self.left_out:
            return None
        text, before = wording(fields), None
        if isinstance(fields.get("messages"), list):
            try:
                said = read_conversation(fields["messages"], text or None)
            except ExamError as error:
                raise ExamError(f"{where}: {error}") from None
            text, before = said.prompt or "", said.before
        for way in WAYS:
            questions, left_out = self.index(way)
            key = way(text)
            found = questions.get(key, []) if key else []
            if before is not None:
                found = [q for q in found if said_alike(q.before, before, way)]
            if found:
                return self.dealt(self.alike(found, fields, where))
            if key and key in left_out:
                return None
        near = difflib.get_close_matches((given or "")[:100], self.by_id, n=1)
        side = self.exam.side
        raise ExamError(
            f"{where}: {self.exam.name} has no question "
            + (f"with the id {given[:60]!r}" if given else f"worded {text[:60]!r}")
            + (f" in {side} (--split names another set)" if side else "")
            + (f"; did you mean {near[0]!r}?" if near else "; check the exam and its split")
        )

    def index(self, way: Callable[[str], str]) -> tuple[dict[str, list[Question]], set[str]]:
        """Wording → its questions; and the wordings of those left out."""
        if way not in self.indexes:
            found: dict[str, list[Question]] = defaultdict(list)
            for question in self.exam.questions:
                for text in {way(question.prompt), way(stem(question))}:
                    found[text].append(question)
            left_out = {way(wording(skipped.fields)) for skipped in self.exam.skipped}
            self.indexes[way] = dict(found), left_out
        return self.indexes[way]

    def alike(self, found: list[Question], fields: Mapping[str, Any], where: str) -> list[Question]:
        """Of questions with the same words, those with the options, tests and target of `fields`.

        Raises:
            ExamError: They are answered differently.
        """
        if len({question.before for question in found}) > 1:
            raise ExamError(
                f"{where}: {self.exam.name} has {len(found)} questions that end in these words, "
                f"after other messages ({found[0].id}, {found[1].id}): give each response the id "
                "or the `messages` of its question"
            )
        if not same_answer(found):
            layout = next((name for name in LAYOUTS if name == self.exam.name), None)
            with suppress(ValueError, RecursionError):  # the line holds no whole question
                whole = row_question(fields, "same", layout)
                found = [q for q in found if q.answer == whole.answer] or found
                found = [q for q in found if q.target == whole.target] or found
        if not same_answer(found) and isinstance(target := fields.get("target"), str):
            found = [q for q in found if q.target == target.strip()] or found
        if not same_answer(found):
            raise ExamError(
                f"{where}: {self.exam.name} has {len(found)} questions worded like this with "
                f"other answers ({found[0].id}, {found[1].id}): give each response the id of its "
                "question"
            )
        return found

    def dealt(self, twins: Sequence[Question]) -> Question:
        """Of equal questions, the one with the fewest responses so far: each gets its own."""
        question = min(twins, key=lambda twin: self.made[twin.id])
        self.made[question.id] += 1
        return question


def said_alike(one: Turns, other: Turns, way: Callable[[str], str]) -> bool:
    texts = [[(role, way(text)) for role, text in before] for before in (one, other)]
    return texts[0] == texts[1]


def same_answer(questions: Sequence[Question]) -> bool:
    first = questions[0]
    return all(q.answer == first.answer and q.target == first.target for q in questions)
