"""The questions of a run: one exam or several to practise, and others that are only measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields

from errata.agents.errors import ConfigError, ExamError
from errata.agents.exams import ArithmeticExam, FileExam, NamedExam
from errata.agents.exams.corrections import Corrected
from errata.agents.exams.held_out import check_disjoint
from errata.agents.exams.rows import Skipped
from errata.agents.exams.twists import TwistedExam
from errata.agents.records import Question

AnyExam = ArithmeticExam | FileExam | NamedExam


@dataclass(frozen=True)
class RunExams:
    """Sets that share no question: mistakes are mined in `practice` alone."""

    practice: list[Question]
    dev: list[Question]
    test: list[Question]
    out_of_domain: list[Question]
    guard: list[Question] = field(default_factory=list)

    def sets(self) -> dict[str, list[Question]]:
        """Set → questions, as the run folder names them; without those that are empty."""
        named = {each.name.replace("_", "-"): getattr(self, each.name) for each in fields(self)}
        return {name: questions for name, questions in named.items() if questions}


def load_exams(
    practised: Sequence[AnyExam],
    out_of_domain: Sequence[AnyExam | TwistedExam] = (),
    skipped: list[Skipped] | None = None,
    guard: Sequence[AnyExam] = (),
    corrected: list[Corrected] | None = None,
) -> RunExams:
    """The questions of all exams together, as `read_exams`.

    Raises:
        ConfigError: Two exams have one name.
        ExamError: A file cannot be read, or two sets share a question.
    """
    exams = read_exams(practised, out_of_domain, skipped, guard, corrected)
    check_disjoint(exams.sets())
    return exams


def read_exams(
    practised: Sequence[AnyExam],
    out_of_domain: Sequence[AnyExam | TwistedExam] = (),
    skipped: list[Skipped] | None = None,
    guard: Sequence[AnyExam] = (),
    corrected: list[Corrected] | None = None,
) -> RunExams:
    """The questions of all exams together, those too that two sets share.

    Where there are several exams, each question names its own, and its id begins with that name;
    so does its group.

    Args:
        skipped: What was left out is added here.
        corrected: What was corrected is added here.

    Raises:
        ConfigError: Two exams have one name.
        ExamError: A file cannot be read.
    """
    done = [] if corrected is None else corrected
    left_out = [] if skipped is None else skipped
    names = [exam.name for exam in (*practised, *out_of_domain, *guard)]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"two exams are called {name!r}: give one of them another name")
    several = len(names) > 1

    def labelled(exam: AnyExam, questions: Sequence[Question]) -> list[Question]:
        if not several:
            return list(questions)

        def named(question: Question) -> Question:
            update = {"exam": exam.name, "id": f"{exam.name}/{question.id}"}
            if question.group:
                update["group"] = f"{exam.name}/{question.group}"
            return question.model_copy(update=update)

        return [named(question) for question in questions]

    def note(exam: AnyExam, found: Sequence[Corrected], only: str = "", name: str = "") -> None:
        begin = f"{exam.name}/" if several else ""
        for one in found:
            if one.set == (only or one.set):
                update = {"question_id": begin + one.question_id, "set": name or one.set}
                done.append(one.model_copy(update=update))

    exams = RunExams([], [], [], [])
    found: list[Corrected]
    for settings in practised:
        practice, dev, test = read(settings, left_out, found := [])
        note(settings, found)
        exams.practice.extend(labelled(settings, practice))
        exams.dev.extend(labelled(settings, dev))
        exams.test.extend(labelled(settings, test))
    for settings in guard:
        exams.guard.extend(labelled(settings, measured(settings, left_out, found := [])))
        note(settings, found, "test", "guard")
    for name in ("practice", "dev", "test"):
        if not getattr(exams, name):
            raise ExamError(f"the {name} set holds no questions: give it at least one")
    for outside in out_of_domain:
        if isinstance(outside, TwistedExam):
            exams.out_of_domain.extend(outside.read(exams.test, exams.practice))
        else:
            found = []
            exams.out_of_domain.extend(labelled(outside, measured(outside, left_out, found)))
            note(outside, found, "test", "out-of-domain")
    return exams


def read(
    settings: AnyExam, skipped: list[Skipped], corrected: list[Corrected]
) -> tuple[list[Question], list[Question], list[Question]]:
    if isinstance(settings, FileExam):
        return settings.read(skipped, corrected)
    return settings.read(skipped)


def measured(
    settings: AnyExam, skipped: list[Skipped], corrected: list[Corrected]
) -> list[Question]:
    """The questions of an exam that nothing is learnt from: its published test, or all of it."""
    if isinstance(settings, NamedExam):
        return settings.read_split(None, skipped)[: settings.test]
    practice, dev, test = read(settings, skipped, corrected)
    check_disjoint({"practice": practice, "dev": dev, "test": test})
    return test
