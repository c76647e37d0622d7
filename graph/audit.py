"""Whether the files of a run hold together: each check takes nothing for granted and says what it
found.

Verdicts are marked again, decisions made again, figures built again; every example is followed
back to the mistake that it came from. docs/audit.md describes the checks for people.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar, cast

from errata.agents.errors import ErrataError
from errata.agents.examiner import NotCounted, mark_all
from errata.agents.exams import HeldOut, plain
from errata.agents.exams.layouts import stem
from errata.agents.jsonl import read_record, read_records
from errata.agents.marking import mark
from errata.agents.planner import Plan, plan
from errata.agents.promotion import Promotion
from errata.agents.records import (
    Attempt,
    CodeAnswer,
    Diagnosis,
    DiagnosisLine,
    Draft,
    Example,
    MathAnswer,
    Mistake,
    Picked,
    Question,
    Record,
    Unusable,
    Verdict,
)
from errata.agents.trainer import Trained
from errata.agents.ways.sft import completion_of
from errata.graph.asks import Asked
from errata.graph.config import RunConfig
from errata.graph.decision import decide
from errata.graph.manifest import hash_of_set
from errata.graph.readings import by_exam, earlier_runs, read_readings, readings_path, registry
from errata.graph.report import Report, build_report
from errata.graph.run_folder import RunFolder
from errata.graph.state import State, Status
from errata.graph.watcher import Watcher
from errata.training.finished import NAME, sha256_of
from errata.training.jobs import FinishedTraining

R = TypeVar("R", bound=Record)

REPORT = "report.json"
PRACTICE, DEV = "practice", "dev"
SEALED = ("test", "out-of-domain")


class Finding(Record):
    """Something that is not as it should be."""

    check: str
    file: str
    """Within the run folder."""
    wrong: str
    """What is wrong with it."""
    means: str
    """What follows from that."""


class Run:
    """A run's files as the checks read them. What cannot be read is in `unreadable`."""

    def __init__(
        self, folder: RunFolder, config: RunConfig, watcher: Watcher, with_code: bool = False
    ) -> None:
        """`with_code`: programs in responses are run again, in the sandbox."""
        self.folder = folder
        self.config = config
        self.watcher = watcher
        self.with_code = with_code
        self.unreadable: dict[str, Finding] = {}
        """By file."""
        self.counts: Counter[str] = Counter()
        """What was checked → how often."""
        self.notes: list[str] = []
        """What a reader should know though nothing is wrong."""

    def name(self, path: Path) -> str:
        return path.relative_to(self.folder.path).as_posix()

    def cannot_read(self, path: Path, error: Exception) -> None:
        self.unreadable[self.name(path)] = Finding(
            check="readable",
            file=self.name(path),
            wrong=str(error),
            means="what rests on it cannot be checked",
        )

    def records(self, path: Path, of: type[R]) -> list[R]:
        """Of a file that need not be there; none of one that cannot be read."""
        if not path.exists():
            return []
        try:
            return read_records(path, of)
        except ErrataError as error:
            self.cannot_read(path, error)
            return []

    def record(self, path: Path, of: type[R]) -> R | None:
        """Of a file that need not be there, or cannot be read: None."""
        try:
            return read_record(path, of) if path.exists() else None
        except ErrataError as error:
            self.cannot_read(path, error)
            return None

    @cached_property
    def sets(self) -> dict[str, list[Question]]:
        """Set → its questions that count, of all that lie in exam/."""
        paths = sorted((self.folder.path / "exam").glob("*.jsonl"))
        left_out = {line.question_id for line in self.folder.not_counted.read()}
        return {
            path.stem: [q for q in self.records(path, Question) if q.id not in left_out]
            for path in paths
        }

    @property
    def held_out(self) -> list[Question]:
        """All that nothing may be learnt from."""
        return [q for name, questions in self.sets.items() if name != PRACTICE for q in questions]

    @cached_property
    def practice(self) -> dict[str, Question]:
        return {question.id: question for question in self.sets.get(PRACTICE, [])}

    @cached_property
    def rounds(self) -> list[int]:
        return self.folder.rounds()

    @cached_property
    def promotions(self) -> dict[int, Promotion]:
        found = {r: self.record(self.folder.promotion(r), Promotion) for r in self.rounds}
        return {index: promotion for index, promotion in found.items() if promotion is not None}

    def best_before(self, index: float) -> int:
        """Round of the best model when a round began."""
        return max((r for r, p in self.promotions.items() if p.promoted and r < index), default=0)

    def attempts(self, path: Path) -> list[Attempt]:
        """Answers to questions that count."""
        left_out = {line.question_id for line in self.folder.not_counted.read()}
        return [a for a in self.records(path, Attempt) if a.question_id not in left_out]

    def practised(self, index: int) -> dict[str, Attempt]:
        """Practice question → the answer of the model that a round made."""
        path = self.folder.round(index) / f"{PRACTICE}.jsonl"
        return {attempt.question_id: attempt for attempt in self.attempts(path)}

    def exams(self) -> Iterator[tuple[Path, str, str]]:
        """Files of answers that are there or should be: path, set, how the ids of answers end."""
        ended = (self.folder.path / REPORT).exists()
        for index in self.rounds:
            promotion = self.promotions.get(index)
            for name in self.sets:
                path = self.of_round(index, name)
                due = promotion is not None and name == DEV
                due |= promotion is not None and promotion.promoted and ended and name == PRACTICE
                if due or path.exists():
                    yield path, name, f"@{name}-{index}"
        for name in self.sets:
            for model in ("base", "best"):
                path = self.folder.final_exam(name, model)
                asked = model == "base" or self.best_before(math.inf) > 0
                due = ended and asked and name in SEALED
                if due or path.exists():
                    yield path, name, f"@{name}-{model}"

    @cached_property
    def exam_findings(self) -> list[Finding]:
        return [*exam_findings(self)]

    def of_round(self, index: int, name: str) -> Path:
        return self.folder.round(index) / f"{name}.jsonl"


Check = Callable[[Run], Iterator[Finding]]


def some(
    check: str, file: str, bad: Sequence[str], of: int, what: str, means: str
) -> Iterator[Finding]:
    """One finding for all bad lines of a file; none where none is bad."""
    if bad:
        wrong = f"{len(bad)} of {of} {what}; the first: {bad[0]}"
        yield Finding(check=check, file=file, wrong=wrong, means=means)


# Answers and figures.


def check_attempts(run: Run) -> Iterator[Finding]:
    """Each exam has exactly one answer to each question of its set."""
    yield from run.exam_findings


def exam_findings(run: Run) -> Iterator[Finding]:
    for name in (PRACTICE, DEV, *SEALED[: 1 + bool(run.config.out_of_domain)]):
        if not run.sets.get(name):
            yield Finding(
                check="attempts",
                file=f"exam/{name}.jsonl",
                wrong="holds no questions that count",
                means="answers to it cannot be checked",
            )
    for path, name, end in run.exams():
        file = run.name(path)
        if not path.exists():
            yield Finding(
                check="attempts",
                file=file,
                wrong="is missing",
                means="an exam that the run's decisions or figures rest on cannot be seen",
            )
            continue
        attempts = run.attempts(path)
        if file in run.unreadable:
            continue
        run.counts["answers"] += len(attempts)
        made = Counter(attempt.question_id for attempt in attempts)
        wanted = {question.id for question in run.sets[name]}
        means = "its share of right answers is not one of the whole set"
        for what, bad in (
            ("questions have no answer", sorted(wanted - made.keys())),
            ("answers are to questions outside the set", sorted(made.keys() - wanted)),
            ("questions have several answers", [id for id, n in made.items() if n > 1]),
        ):
            yield from some("attempts", file, bad, len(wanted), what, means)
        strange = [a.id for a in attempts if a.id != f"{a.question_id}{end}"]
        means = "they were not given in this exam"
        yield from some("attempts", file, strange, len(attempts), "answers name another", means)


def check_not_counted(run: Run) -> Iterator[Finding]:
    """Only questions with tests are left out of the figures: no others can fail of themselves."""
    paths = sorted((run.folder.path / "exam").glob("*.jsonl"))
    tested = {
        question.id
        for path in paths
        for question in run.records(path, Question)
        if isinstance(question.answer, CodeAnswer)
    }
    lines = run.folder.not_counted.read()
    bad = [line.question_id for line in lines if line.question_id not in tested]
    what = "questions that are left out have no tests that could fail"
    means = "answers that belong to the figures are not in them"
    yield from some("attempts", run.folder.not_counted.path.name, bad, len(lines), what, means)


def check_verdicts(run: Run) -> Iterator[Finding]:
    """Each answer, marked again, gets the verdict that is on record."""
    left = NotCounted(lambda text: None)
    programs = undecided = 0
    for path, name, _ in run.exams():
        questions = {question.id: question for question in run.sets[name]}
        asked: list[tuple[Question, Attempt]] = []
        marked: list[tuple[Question, Attempt, Verdict]] = []
        wrong = []
        attempts = run.attempts(path)
        title = f"marking {run.name(path)} again"
        for attempt in attempts:
            run.watcher.progress(title, len(marked), len(attempts))
            question = questions.get(attempt.question_id)
            if question is None:
                continue  # an answer to no question is found by `check_attempts`
            if isinstance(question.answer, CodeAnswer):
                asked.append((question, attempt))
                continue
            try:
                marked.append((question, attempt, mark(question, attempt.response)))
            except ValueError as error:
                wrong.append(f"{attempt.id} cannot be marked ({error})")
        if run.with_code:
            for each in mark_all(asked, lambda attempt: attempt.response, left):
                marked.append(each)
                run.watcher.progress(title, len(marked), len(attempts))
        else:
            programs += len(asked)
        run.counts["verdicts"] += len(marked)
        for question, attempt, verdict in marked:
            if is_late(question, attempt.why) or is_late(question, verdict.why):
                undecided += verdict.correct != attempt.correct
            elif (verdict.correct, verdict.answer) != (attempt.correct, attempt.answer):
                said = "right" if attempt.correct else "wrong"
                wrong.append(f"{attempt.id} is recorded as {said}, and {verdict.why}")
        means = "the figures that count them do not follow from what the student answered"
        what = "verdicts are not the marker's"
        yield from some("verdicts", run.name(path), wrong, len(attempts), what, means)
    if programs:
        run.notes.append(f"{programs} programs were not run again; --with-code does")
    if left.answers:
        run.notes.append(f"{left.answers.total()} programs have no verdict here, which is no fault")
    if undecided:
        run.notes.append(f"{undecided} answers were decided in time at one marking, not at both")


def is_late(question: Question, why: str) -> bool:
    """Whether a formula or a program took too long to be decided: it may not on another day."""
    match question.answer:
        case MathAnswer():
            return why.startswith("not decided in ")
        case CodeAnswer():
            return why.startswith("time-out")
    return False


def check_promotions(run: Run) -> Iterator[Finding]:
    """Each decision and each plan, made again from the answers, is the one on record."""

    def answers(index: int, name: str) -> list[Attempt]:
        return run.attempts(run.of_round(index, name))

    for index, promotion in run.promotions.items():
        history = [run.promotions[r].promoted for r in range(1, index) if r in run.promotions]
        best = run.best_before(index)
        questions = run.sets.__getitem__
        try:
            made = decide(index, best, history, run.config, questions, answers)
        except LookupError:  # an answer or a set is missing: `check_attempts` names the file
            continue
        means = "which model became the best does not follow from the answers"
        file = run.name(run.folder.promotion(index))
        again = differences(promotion, made)
        yield from unlike_finding("promotions", file, again, "the answers give", means)
        planned = run.record(run.folder.plan(index), Plan)
        if planned is not None:
            again = differences(planned, plan(run.config.training, history))
            means = "the round was not trained as the decisions before it say"
            file = run.name(run.folder.plan(index))
            yield from unlike_finding("promotions", file, again, "the decisions give", means)


def check_figures(run: Run) -> Iterator[Finding]:
    """Each figure of the report, built again from the records, is the one that it says."""
    path = run.folder.path / REPORT
    report = run.record(path, Report)
    if report is None:
        return
    end: State = {
        "status": cast(Status, report.status),
        "best_round": run.best_before(math.inf),
    }
    again: Report | str = "what it rests on is not whole"
    if not (run.exam_findings or run.unreadable):
        try:
            again = build_report(run.folder, run.config, end)
        except (ErrataError, ArithmeticError, LookupError) as error:  # it trusts whole records
            again = str(error)
    if isinstance(again, str):
        yield Finding(
            check="figures",
            file=REPORT,
            wrong=f"its figures cannot be built again: {again}",
            means="none of them can be relied on",
        )
        return
    run.counts["figures"] += leaves(again.model_dump(mode="json"))
    found = [
        each
        for each in differences(report, again)
        if each[0] != "name" and not (each[0] == "model.adapter" and same_place(*each[1:]))
    ]  # a folder may be moved and renamed
    means = "the report says what the run did not find"
    yield from unlike_finding("figures", REPORT, found, "the records give", means)
    if not ended_so(run, report):
        yield Finding(
            check="figures",
            file=REPORT,
            wrong=f"it says {report.status!r}, which the records do not bear out",
            means="the run stopped for another reason, or was cut short",
        )


def ended_so(run: Run, report: Report) -> bool:
    """Whether the records allow the reason that a run gives for its end. Others are taken as they
    are said."""
    if not run.rounds or not report.rounds:
        return False
    last = run.rounds[-1]
    dev = report.rounds[-1].dev
    examples = run.records(run.of_round(last, "examples"), Example)
    match report.status:
        case "target reached":
            return dev is not None and dev.ci95[0] >= report.target_accuracy
        case "target not proven":
            return dev is not None and dev.accuracy >= report.target_accuracy > dev.ci95[0]
        case "nothing new to learn":
            return run.config.way.rounds == last
        case "round budget spent":
            return last >= run.config.stop.rounds
        case "no mistakes left":
            practised = run.practised(run.best_before(math.inf)).values()
            return all(attempt.correct for attempt in practised)
        case "no examples accepted":
            return dev is None and not examples
        case "rejected":
            return dev is None and bool(examples)
    return True


Difference = tuple[str, object, object]
"""A field, as `test.gain.accuracy` or `rounds.1.seconds`; what is said, and what is found."""

MOST_FIELDS = 5  # that one finding lists


def unlike_finding(
    check: str, file: str, found: Sequence[Difference], gives: str, means: str
) -> Iterator[Finding]:
    """One finding for all fields of a record that differ; none where none does."""
    if found:
        listed = [f"{name} is {said}, and {gives} {is_}" for name, said, is_ in found[:MOST_FIELDS]]
        if len(found) > MOST_FIELDS:
            listed.append(f"and {len(found) - MOST_FIELDS} more")
        yield Finding(check=check, file=file, wrong="; ".join(listed), means=means)


def differences(said: Record, found: Record) -> list[Difference]:
    return [*unlike("", said.model_dump(mode="json"), found.model_dump(mode="json"))]


def unlike(place: str, said: Any, found: Any) -> Iterator[Difference]:
    inside: Iterable[Any] = ()
    if isinstance(said, dict) and isinstance(found, dict) and said.keys() == found.keys():
        inside = said
    elif isinstance(said, list) and isinstance(found, list) and len(said) == len(found):
        inside = range(len(said))
    elif isinstance(said, float) and isinstance(found, float):
        if not math.isclose(said, found, rel_tol=1e-9, abs_tol=1e-12):
            yield place, said, found
    elif said != found:
        yield place, said, found
    for key in inside:
        yield from unlike(f"{place}.{key}".lstrip("."), said[key], found[key])


def leaves(value: Any) -> int:
    """Values inside a JSON value."""
    inside = value.values() if isinstance(value, dict) else value
    return sum(map(leaves, inside)) if isinstance(value, dict | list) else 1


def same_place(said: object, found: object) -> bool:
    """Whether two paths end in the same round's adapter."""
    return str(said).replace("\\", "/").split("/")[-2:] == str(found).split("/")[-2:]


# Questions and examples.


def check_sets(run: Run) -> Iterator[Finding]:
    """No question stands in two sets. Nearly equal ones are noted: an exam may hold such."""
    homes: dict[str, tuple[str, str]] = {}
    shared: dict[tuple[str, str], list[str]] = {}
    for name, questions in run.sets.items():
        run.counts["questions"] += len(questions)
        for question in questions:
            other, twin = homes.setdefault(plain(question.prompt), (name, question.id))
            if other != name:
                shared.setdefault((name, other), []).append(f"{question.id} and {twin}")
    for (name, other), pairs in shared.items():
        yield from some(
            "sets",
            f"exam/{name}.jsonl",
            pairs,
            len(run.sets[name]),
            f"questions stand in {other} too",
            "what is measured on them may be memory",
        )
    held_out = [name for name in run.sets if name != PRACTICE]
    for name in held_out:
        index = HeldOut(run.sets[name])
        for other in [PRACTICE, *held_out[: held_out.index(name)]]:
            twins = [(q.id, index.nearest(stem(q))) for q in run.sets.get(other, [])]
            near = [f"{id} and {twin}" for id, twin in twins if twin is not None]
            if near:
                run.notes.append(
                    f"{len(near)} of {len(run.sets[other])} {other} questions are nearly equal to "
                    f"one of {name}: the exam's own, the first {near[0]}"
                )


def check_held_out(run: Run) -> Iterator[Finding]:
    """No example and no training row equals or nearly equals a question that is held out."""
    held_out = HeldOut(run.held_out, run.practice.values())
    practised = {plain(stem(question)) for question in run.practice.values()}
    means = "the model saw what it is measured on"
    for index in run.rounds:
        for name in ("examples", "training"):
            path = run.of_round(index, name)
            rows = run.records(path, Example)
            run.counts["examples" if name == "examples" else "training rows"] += len(rows)
            title = f"held-out questions in {run.name(path)}"
            near = []
            for number, row in enumerate(rows, 1):
                run.watcher.progress(title, number, len(rows))
                asked = stem(row)
                if name == "training" and plain(asked) in practised:
                    continue  # a practice question as it stands: `check_sets` says what it is near
                if (twin := held_out.resemblance(row)) is not None:
                    near.append(f"line {number} ({row.id}) and {twin.question_id}: {twin.how}")
            what = "resemble a question that is held out"
            yield from some("held out", run.name(path), near, len(rows), what, means)


Origin = Callable[[Run, int], Iterable[Example]]


def accepted(run: Run, index: int) -> Iterable[Example]:
    """The accepted examples of a round and of those before it."""
    for earlier in run.rounds:
        if 0 < earlier <= index:
            yield from run.records(run.of_round(earlier, "examples"), Example)


def solutions(run: Run, index: int) -> Iterable[Example]:
    """The worked solutions of practice questions, as a round collected them."""
    for row in run.records(run.of_round(index, "solutions"), Example):
        question = run.practice.get(row.question_id)
        if question is not None and (row.prompt, row.completion, row.target) == (
            question.prompt,
            completion_of(question),
            question.target,
        ):
            yield row


ORIGINS: tuple[Origin, ...] = (accepted, solutions)
"""What a row of training.jsonl may be. A way of learning that trains on something else adds it."""


def check_lineage(run: Run) -> Iterator[Finding]:
    """Each training row is a practice question's own solution or comes from an accepted example,
    each example from a draft for a practice question that was picked or for a diagnosis of its
    round, each diagnosis from a mistake, each mistake from a practice question that the best model
    of that time got wrong."""
    for index in run.rounds:
        if index == 0:
            continue
        mistakes = yield from lineage_of_mistakes(run, index)
        diagnoses = yield from lineage_of_diagnoses(run, index, mistakes)
        picked = yield from lineage_of_picked(run, index)
        yield from lineage_of_examples(run, index, {**diagnoses, **picked})
        path = run.of_round(index, "training")
        rows = run.records(path, Example)
        known = {each.model_dump_json() for origin in ORIGINS for each in origin(run, index)}
        strange = [
            f"line {number} ({row.id})"
            for number, row in enumerate(rows, 1)
            if row.model_dump_json() not in known
        ]
        what = "come from no accepted example or practice question's solution"
        means = "the adapter learnt something that nobody checked"
        yield from some("lineage", run.name(path), strange, len(rows), what, means)


def lineage_of_mistakes(run: Run, index: int) -> Generator[Finding, None, dict[str, Mistake]]:
    """Findings; returns what the instructor may have been shown, by id."""
    answers = run.practised(run.best_before(index))
    path = run.of_round(index, "mistakes")
    mistakes = {mistake.id: mistake for mistake in run.records(path, Mistake)}
    bad = [
        mistake.id
        for mistake in mistakes.values()
        if not was_asked(run, answers, mistake.question, mistake.attempt, correct=False)
    ]
    means = "the round does not begin with what the student got wrong"
    what = "are no wrong answers of the best model of that time"
    yield from some("lineage", run.name(path), bad, len(mistakes), what, means)
    path = run.of_round(index, "contrasts")
    contrasts = run.records(path, Mistake)
    bad = []
    alone = {mistake.question.id: mistake for mistake in mistakes.values()}
    for contrast in contrasts:
        mistake = alone.get(contrast.question.id)
        update = {"contrast": contrast.contrast, "id": contrast.id}
        if (
            mistake is None
            or not contrast.id.startswith(mistake.id)
            or contrast != mistake.model_copy(update=update)
            or not all(
                was_asked(run, answers, near.question, near.attempt, correct=True)
                for near in contrast.contrast
            )
        ):
            bad.append(contrast.id)
    what = "are no mistakes of the round beside right answers of the best model"
    yield from some("lineage", run.name(path), bad, len(contrasts), what, means)
    return mistakes | {contrast.id: contrast for contrast in contrasts}


def was_asked(
    run: Run, answers: Mapping[str, Attempt], question: Question, attempt: Attempt, correct: bool
) -> bool:
    return (
        run.practice.get(question.id) == question
        and answers.get(question.id) == attempt
        and attempt.correct == correct
    )


def lineage_of_diagnoses(
    run: Run, index: int, mistakes: Mapping[str, Mistake]
) -> Generator[Finding, None, dict[str, Diagnosis]]:
    """Findings; returns the diagnoses by id."""
    path = run.of_round(index, "diagnoses")
    lines = run.records(path, DiagnosisLine)
    bad = []
    diagnoses: dict[str, Diagnosis] = {}
    for number, line in enumerate(lines, 1):
        result = line.result
        if isinstance(result, Unusable):
            known = result.source_id in mistakes
        else:
            mistake = mistakes.get(result.mistake_id)
            known = mistake is not None and mistake.question.id == result.question_id
            known &= result.id not in diagnoses
            diagnoses[result.id] = result
        if not known:
            bad.append(f"line {number}")
    means = "examples may be written for what the student did not get wrong"
    what = "are of no mistake of the round"
    yield from some("lineage", run.name(path), bad, len(lines), what, means)
    return diagnoses


def lineage_of_picked(run: Run, index: int) -> Generator[Finding, None, dict[str, Picked]]:
    """Findings; returns the picked questions by id."""
    path = run.of_round(index, "picked")
    picked = {one.id: one for one in run.records(path, Picked)}
    bad = [one.id for one in picked.values() if run.practice.get(one.question.id) != one.question]
    what, means = "are no practice questions", "examples may be written for what is held out"
    yield from some("lineage", run.name(path), bad, len(picked), what, means)
    return picked


def lineage_of_examples(
    run: Run, index: int, lessons: Mapping[str, Diagnosis | Picked]
) -> Iterator[Finding]:
    path = run.of_round(index, "examples")
    examples = run.records(path, Example)
    brought = {
        result.model_dump_json()
        for ask in run.records(run.of_round(index, "asks"), Asked)
        for result in ask.results
        if isinstance(result, Draft)
    }
    bad, unwritten = [], []
    seen: set[str] = set()
    for example in examples:
        lesson = lessons.get(example.diagnosis_id or "")
        if (
            lesson is None
            or (question_of(lesson), lesson.cause) != (example.question_id, example.cause)
            or example.id in seen
        ):
            bad.append(example.id)
        seen.add(example.id)
        fields = {name: getattr(example, name) for name in Draft.model_fields}
        if Draft(**fields).model_dump_json() not in brought:
            unwritten.append(example.id)
    means = "it is not known why they are trained on"
    what = "come from no diagnosis or picked question of the round"
    yield from some("lineage", run.name(path), bad, len(examples), what, means)
    what = "are none of the drafts in asks.jsonl"
    yield from some("lineage", run.name(path), unwritten, len(examples), what, means)


def question_of(lesson: Diagnosis | Picked) -> str:
    """Its id."""
    return lesson.question.id if isinstance(lesson, Picked) else lesson.question_id


def check_adapters(run: Run) -> Iterator[Finding]:
    """Each adapter says that it was trained on the rows that lie beside it."""
    for index in run.rounds:
        path = run.folder.round(index) / "adapter" / NAME
        finished = run.record(path, FinishedTraining)
        if finished is None:
            continue
        run.counts["adapters"] += 1
        rows = run.of_round(index, "training")
        if not rows.is_file() or sha256_of(rows) != finished.examples_sha256:
            yield Finding(
                check="adapters",
                file=run.name(rows),
                wrong=f"is not what {run.name(path)} says the adapter was trained on",
                means="the adapter learnt from other rows",
            )
        trained = run.record(run.folder.round(index) / NAME, Trained)
        told = (finished.tokens, finished.skipped, finished.loss)
        if trained is not None and (trained.tokens, trained.skipped, trained.loss) != told:
            yield Finding(
                check="adapters",
                file=run.name(run.folder.round(index) / NAME),
                wrong=f"does not say what {run.name(path)} says",
                means="the training was another one",
            )


def check_readings(run: Run) -> Iterator[Finding]:
    """The sealed sets are those that the run said it read, as often as their list has it."""
    path = readings_path(run.folder)
    lines = registry(run.folder).read()
    run_id = run.folder.manifest.run_id
    try:
        readings = read_readings(run.folder)
    except ErrataError as error:
        run.cannot_read(path, error)
        return
    for reading in readings:
        questions = run.records(run.folder.exam(reading.set), Question)
        of_exam = by_exam(questions).get(reading.exam, [])
        what = f"{reading.set} set{f' of {reading.exam}' if reading.exam else ''}"
        if hash_of_set(of_exam) != reading.sha256:
            yield Finding(
                check="readings",
                file=run.name(path),
                wrong=f"the {what} is not the one that the run read",
                means="other questions stand there now",
            )
        listed = any(line.run_id == run_id for line in lines)
        if listed and earlier_runs(lines, reading.sha256, run_id) != reading.earlier_runs:
            yield Finding(
                check="readings",
                file=run.name(path),
                wrong=f"it says that {reading.earlier_runs} runs had read the {what}, and "
                f"{registry(run.folder).path} names "
                f"{earlier_runs(lines, reading.sha256, run_id)}",
                means="one of the two was changed; how often the set was read is not known",
            )


CHECKS: tuple[Check, ...] = (
    check_not_counted,
    check_attempts,
    check_verdicts,
    check_promotions,
    check_sets,
    check_held_out,
    check_lineage,
    check_adapters,
    check_readings,
    check_figures,
)
"""All that can be asked of a run's records, in the order in which a person would."""


# The seal.


def check_seal(folder: RunFolder, noted: str | None = None) -> Iterator[Finding]:
    """Nothing was changed, added or taken out since.

    Args:
        noted: The seal that a person kept, or its beginning, in hex.
    """
    manifest = folder.manifest
    means = "what rests on it is not what the run found"
    for file, how in manifest.changes():
        yield Finding(check="seal", file=file, wrong=how, means=means)
    if not manifest.path.is_file() and not manifest.sealed:
        wrong = "is missing"
        yield Finding(check="seal", file=manifest.path.name, wrong=wrong, means=means)
    elif not manifest.sealed and any(line.path == REPORT for line in manifest.read().lines):
        yield Finding(
            check="seal",
            file=manifest.seal_path.name,
            wrong="is missing, and the manifest holds a report",
            means="it was taken away, or the run was killed in its last moment: resume it",
        )
    if manifest.sealed:
        for file in manifest.strangers():
            yield Finding(
                check="seal", file=file, wrong="was added after the run ended", means=means
            )
    if noted is None:
        return
    hashes = manifest.read().hashes
    found = [at for at, sha256 in enumerate(hashes, 1) if sha256.startswith(noted)]
    if not found:
        yield Finding(
            check="seal",
            file=manifest.path.name,
            wrong="does not end with the seal that you give",
            means="the whole run was written anew since, or the seal is another run's",
        )
    elif found[-1] != len(hashes):
        later = [line.path for line in manifest.read().lines[found[-1] :]]
        yield Finding(
            check="seal",
            file=manifest.path.name,
            wrong=f"names files after the seal that you give: {', '.join(later)}",
            means="they were added since",
        )


def as_seal(given: str) -> str | None:
    """The hex digits of a seal as a person typed it; None where it is none."""
    digits = given.replace("-", "").strip().lower()
    return digits if re.fullmatch(r"[0-9a-f]{8,64}", digits) else None
