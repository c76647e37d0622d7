"""Two runs, or two models, on the same questions: what each got right: `errata compare A B`."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from errata.agents.errors import RunError
from errata.agents.jsonl import read_record, read_records
from errata.agents.pooled import Difference, Sittings, pooled_difference
from errata.agents.promotion import (
    LEAST_DEV,
    Compared,
    Guard,
    GuardFinding,
    by_kind,
    exam_guards,
    findings,
    visible_gain,
)
from errata.agents.records import Attempt, Question, Record, whole_text
from errata.agents.scores import cluster, clusters, groups_of
from errata.graph.report import Report
from errata.graph.run_folder import RunFolder

MOST_SHOWN = 5

SetName = Literal["dev", "test", "out-of-domain", "exam"]
Outcome = Literal["kept right", "fixed", "broken", "kept wrong"]
OUTCOMES: dict[tuple[bool, bool], Outcome] = {
    (True, True): "kept right",
    (False, True): "fixed",
    (True, False): "broken",
    (False, False): "kept wrong",
}
"""(right in the first run, right in the second) → what it is called."""


class Flip(Record):
    """One question, and what both models answered."""

    question_id: str
    """In the first run."""
    second_id: str
    """In the second."""
    outcome: Outcome
    prompt: str | None = None
    """None, as the three below, unless texts were asked for: sealed ones are read on purpose."""
    target: str | None = None
    first: str | None = None
    """Response."""
    second: str | None = None


class Counts(Record):
    """How many questions came out how."""

    asked: int
    kept_right: int
    fixed: int
    broken: int
    kept_wrong: int


class Loss(Record):
    """Whether the second is worse: what `errata compare A B --fail-if-worse LEVEL` goes by."""

    level: float
    """The share of false alarms, where the second is as good as the first everywhere."""
    worse: bool
    parts: tuple[GuardFinding, ...]
    """All questions, each kind with at least 20 of them, and each exam: judged together by Holm's
    method (1979), the clearest loss first."""
    sees: float | None
    """The smallest loss of accuracy, over all questions, that is found 4 times in 5; None: none."""


class Flips(Record):
    """The answer of `errata compare A B`. What the second changed, seen from the first."""

    format: int = 1
    first: str
    second: str
    set: SetName
    """`exam`: of two files of answers."""
    all: Counts
    by_kind: Mapping[str, Counts]
    """Empty where no question has a kind."""
    by_exam: Mapping[str, Counts]
    """Empty where there is but one exam."""
    gain: Difference
    """Accuracy of the second minus that of the first."""
    not_counted: int
    """Questions to which one of the two has no verdict; they are in no figure."""
    examples: tuple[Flip, ...]
    """Some that were fixed, then some that were broken."""
    loss: Loss | None = None
    """None unless it was asked whether the second is worse."""
    differs: tuple[str, ...] = ()
    """Of two files: what their answers depend on that is not the same, but for the adapter."""


def compare_runs(
    first: RunFolder,
    second: RunFolder,
    set_name: SetName = "test",
    show: bool = False,
    level: float | None = None,
) -> Flips:
    """The best model of each run, question by question.

    Args:
        show: With the texts of the examples.
        level: Says whether the second is worse, with this share of false alarms.

    Raises:
        RunError: One of the runs is not finished, or they were not asked the same questions.
    """
    ours, theirs = (read_records_of(run, set_name) for run in (first, second))
    pairs = same_questions(ours, theirs, (first.path, second.path), set_name)
    answers = (answers_of(first, set_name), answers_of(second, set_name))
    return flips_of(pairs, answers, (first.name, second.name), set_name, show, level)


def flips_of(
    pairs: Sequence[tuple[Question, Question]],
    answers: tuple[Mapping[str, Attempt], Mapping[str, Attempt]],
    names: tuple[str, str],
    set_name: SetName,
    show: bool,
    level: float | None,
) -> Flips:
    """What the second answered otherwise.

    Args:
        answers: Of both: question id → its attempt.

    Raises:
        RunError: No question has a verdict in both.
    """
    counted = [(a, b) for a, b in pairs if a.id in answers[0] and b.id in answers[1]]
    if not counted:
        raise RunError(f"no {set_name} question has a verdict in both: there is nothing to compare")
    flips = [flip_of(a, b, answers[0][a.id], answers[1][b.id], show) for a, b in counted]
    examples = [
        flip
        for outcome in ("fixed", "broken")
        for flip in [flip for flip in flips if flip.outcome == outcome][:MOST_SHOWN]
    ]
    return Flips(
        first=names[0],
        second=names[1],
        set=set_name,
        all=counts(flips),
        by_kind=counts_by(counted, flips, lambda question: question.kind),
        by_exam=counts_by(counted, flips, lambda question: question.exam),
        gain=gain_between(counted, *answers),
        not_counted=len(pairs) - len(counted),
        examples=tuple(examples),
        loss=None if level is None else loss_between(counted, *answers, level),
    )


def loss_between(
    counted: Sequence[tuple[Question, Question]],
    first: Mapping[str, Attempt],
    second: Mapping[str, Attempt],
    level: float,
) -> Loss:
    """The exact one-sided sign test for pairs, as of a guard in `errata.agents.promotion`."""
    questions = [a for a, _ in counted]
    after = [second[b.id].model_copy(update={"question_id": a.id}) for a, b in counted]
    compared = Compared(questions, [first[a.id] for a in questions], after)
    exams = {question.exam for question in questions}
    guards = [
        Guard("all questions", compared),
        *by_kind("questions", compared, LEAST_DEV),
        *(exam_guards(compared, "exam") if len(exams) > 1 else ()),
    ]
    parts = findings(guards, level)
    groups = groups_of(questions)
    n = len({cluster(question.id, groups) for question in questions})
    return Loss(
        level=level,
        worse=any(part.lost for part in parts),
        parts=tuple(parts),
        sees=visible_gain(n, level / len(guards)),
    )


def gain_between(
    counted: Sequence[tuple[Question, Question]],
    first: Mapping[str, Attempt],
    second: Mapping[str, Attempt],
) -> Difference:
    """Accuracy of the second minus that of the first, paired; variants count as one question."""
    before = Sittings(
        [[float(first[a.id].correct)] for a, _ in counted], clusters([a for a, _ in counted])
    )
    after = Sittings([[float(second[b.id].correct)] for _, b in counted], before.groups)
    return pooled_difference([after], [before])


def p_of_gain(run: RunFolder, best_round: int) -> float | None:
    """Of the sealed test, exact and two-sided; None where the base stayed the best."""
    if best_round == 0:
        return None
    base, best = (
        {attempt.question_id: attempt for attempt in run.attempts(run.final_exam("test", name))}
        for name in ("base", "best")
    )
    asked = [(q, q) for q in read_records_of(run, "test") if q.id in base and q.id in best]
    return gain_between(asked, base, best).p if asked else None


def read_records_of(run: RunFolder, set_name: SetName) -> list[Question]:
    """All questions of a set, as the run began with them."""
    path = run.exam(set_name)
    if not path.exists():
        raise RunError(f"the run {run.path} has no {set_name} questions: choose another --set")
    return read_records(path, Question)


def answers_of(run: RunFolder, set_name: SetName) -> dict[str, Attempt]:
    """Question id → what the run's best model answered.

    Raises:
        RunError: The run is not finished.
    """
    run.check_finished()
    best_round = read_record(run.path / "report.json", Report).best_round
    path = run.final_exam(set_name, "best" if best_round else "base")
    if set_name == "dev":
        path = run.round(best_round) / "dev.jsonl"
    return {attempt.question_id: attempt for attempt in run.attempts(path)}


def same_questions(
    ours: Sequence[Question],
    theirs: Sequence[Question],
    paths: tuple[Path, Path],
    set_name: str,
) -> list[tuple[Question, Question]]:
    """Each question of the first beside the same one of the second, whatever their ids.

    Raises:
        RunError: Some question is in one of them only.
    """
    waiting: dict[str, list[Question]] = defaultdict(list)
    for question in reversed(theirs):
        waiting[content(question)].append(question)
    pairs: list[tuple[Question, Question]] = []
    alone: list[Question] = []
    for question in ours:
        if same := waiting[content(question)]:
            pairs.append((question, same.pop()))
        else:
            alone.append(question)
    left = [question for same in waiting.values() for question in same]
    if alone or left:
        where = paths[0] if alone else paths[1]
        raise RunError(
            f"the {set_name} questions of {paths[0]} and {paths[1]} are not the same: "
            f"{len(pairs)} are in both, {len(alone)} in the first only, {len(left)} in the second "
            f"only (such as {(alone or left)[0].id} of {where.name}); compare answers to the same "
            "exam, divided in the same way"
        )
    return pairs


def content(question: Question) -> str:
    """SHA-256 of what is asked and how it is marked."""
    asked = question.model_dump_json(include={"before", "prompt", "target", "answer"})
    return hashlib.sha256(asked.encode()).hexdigest()


def flip_of(ours: Question, theirs: Question, first: Attempt, second: Attempt, show: bool) -> Flip:
    texts = {
        "prompt": whole_text(ours),
        "target": ours.target,
        "first": first.response,
        "second": second.response,
    }
    return Flip(
        question_id=ours.id,
        second_id=theirs.id,
        outcome=OUTCOMES[first.correct, second.correct],
        **(texts if show else {}),
    )


def counts(flips: Sequence[Flip]) -> Counts:
    found = Counter(flip.outcome.replace(" ", "_") for flip in flips)
    return Counts(
        asked=len(flips),
        **{name: found[name] for name in ("kept_right", "fixed", "broken", "kept_wrong")},
    )


def counts_by(
    counted: Sequence[tuple[Question, Question]],
    flips: Sequence[Flip],
    label: Callable[[Question], str | None],
) -> dict[str, Counts]:
    """Label → counts, most changes first; empty where no question has a label."""
    found: dict[str, list[Flip]] = defaultdict(list)
    for (question, _), flip in zip(counted, flips, strict=True):
        found[label(question) or ""].append(flip)
    if found.keys() == {""}:
        return {}
    made = {name: counts(flips) for name, flips in found.items()}
    order = sorted(made, key=lambda name: (-made[name].fixed - made[name].broken, name))
    return {name: made[name] for name in order}
