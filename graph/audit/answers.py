"""Whether each exam has an answer to each question, and each answer the marker's verdict."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from errata.agents.errors import ConfigError
from errata.agents.examiner import NotCounted, mark_all
from errata.agents.marking import mark
from errata.agents.marking.judged import judged_by
from errata.agents.records import (
    Attempt,
    CodeAnswer,
    JsonAnswer,
    JudgedAnswer,
    MathAnswer,
    OwnAnswer,
    Question,
    RegexAnswer,
    Verdict,
)
from errata.graph.audit.evidence import Finding, Run, some
from errata.graph.audit.lineage import origins
from errata.graph.rows import question_of


def check_attempts(run: Run) -> Iterator[Finding]:
    """Each exam has exactly one answer to each question of its set."""
    yield from run.exam_findings


def check_not_counted(run: Run) -> Iterator[Finding]:
    """Only questions with tests, or with a marker of the user's own or a judge, are left out of
    the figures: no others can fail of themselves."""
    paths = sorted((run.folder.path / "exam").glob("*.jsonl"))
    tested = {
        question.id
        for path in paths
        for question in run.records(path, Question)
        if isinstance(question.answer, CodeAnswer | OwnAnswer | JudgedAnswer)
    }
    lines = run.folder.not_counted.read()
    bad = [line.question_id for line in lines if line.question_id not in tested]
    what = "questions that are left out have neither tests nor a marker that could fail"
    means = "answers that belong to the figures are not in them"
    yield from some("attempts", run.folder.not_counted.path.name, bad, len(lines), what, means)


def check_verdicts(run: Run) -> Iterator[Finding]:
    """Each answer, marked again, gets the verdict that is on record. A judge is not paid again: its
    verdicts are those of its calls on record."""
    with judged_by(run.judges):
        yield from verdicts(run)


def verdicts(run: Run) -> Iterator[Finding]:
    left = NotCounted(lambda text: None)
    programs = own = undecided = 0
    exams = [(path, {q.id: q for q in run.sets[name]}) for path, name, _ in run.exams()]
    for path, questions in [*exams, *rehearsals(run)]:
        asked: list[tuple[Question, Attempt]] = []
        by_own: list[tuple[Question, Attempt]] = []
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
            if isinstance(question.answer, OwnAnswer):
                by_own.append((question, attempt))
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
            own += len(by_own)
            by_own = []
        try:
            marked += mark_all(by_own, lambda attempt: attempt.response, left)
        except ConfigError as error:
            run.notes.append(f"answers in {run.name(path)} were not all marked again: {error}")
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
    if own:
        run.notes.append(
            f"{own} answers are a marker of your own's to mark, and were not marked again; "
            "--with-code runs it"
        )
    if left.answers:
        run.notes.append(
            f"{left.answers.total()} programs, or answers with a marker of your own, have no "
            "verdict here, which is no fault"
        )
    if undecided:
        run.notes.append(f"{undecided} answers were decided in time at one marking, not at both")


def rehearsals(run: Run) -> Iterator[tuple[Path, dict[str, Question]]]:
    """Files of answers to examples before they were trained on, and these as questions."""
    for index in run.rounds:
        path = run.of_round(index, "rehearsed")
        if path.exists():
            known = origins(run, index, reviewed=False).values()
            yield path, {example.id: question_of(example, run.practice) for example in known}


def is_late(question: Question, why: str) -> bool:
    """Whether a formula, a pattern or a program took too long to be decided: on another day it may
    not."""
    match question.answer:
        case MathAnswer() | RegexAnswer() | JsonAnswer():
            return why.startswith("not decided in ")
        case CodeAnswer():
            return why.startswith("time-out")
    return False
