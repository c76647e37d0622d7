"""Whether the decisions, the plans and the figures of a run follow from its answers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

from errata.agents.errors import ErrataError
from errata.agents.planner import Plan, plan
from errata.agents.records import (
    Attempt,
    Record,
    Row,
)
from errata.graph.audit.evidence import REPORT, Finding, Run
from errata.graph.audit.lineage import ROWS
from errata.graph.decision import decide
from errata.graph.report import Report, build_report
from errata.graph.state import State, Status


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
    if "shared" not in report.test.model_fields_set:  # an earlier version did not say it
        unsaid = again.test.model_copy(update={"shared": 0, "apart": None})
        again = again.model_copy(update={"test": unsaid})
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
    rows = [r for name in ROWS for r in run.records(run.of_round(last, name), Row)]
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
            return dev is None and not rows
        case "rejected":
            return dev is None and bool(rows)
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
