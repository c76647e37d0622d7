"""What a run's result comes to, what to know before it is relied on, and what to do next."""

from __future__ import annotations

from typing import Literal

from errata.graph.judging import told
from errata.graph.report import Report, RoundReport
from errata.graph.report_text import shared_with_practice

UNCLEAR = 0.25
"""Share of answers without a readable answer from which the form is the first thing to mend."""

SURE = 0.05
"""p up to which a gain is called proven."""

Outcome = Literal["proven gain", "gain may be chance", "got worse", "no better model"]


def outcome_of(report: Report, p: float | None) -> Outcome:
    """What the sealed test says of the best model. `p` as in `next_step`."""
    low, high = report.test.gain.ci95
    if report.best_round == 0:
        return "no better model"
    if high < 0:
        return "got worse"
    if low <= 0 or (p is not None and p > SURE):
        return "gain may be chance"
    return "proven gain"


def caveats(report: Report, p: float | None, watched: bool) -> tuple[str, ...]:
    """What to know before the best model is relied on, a sentence each.

    Args:
        p: As in `next_step`.
        watched: Whether anything was asked beside the exam: a guard, or an exam out of domain.
    """
    test, found = report.test, []
    if outcome_of(report, p) == "gain may be chance":
        found.append(
            "The interval of the gain holds 0: it may be chance."
            if test.gain.ci95[0] <= 0
            else "p is above 0.05: so few answers changed that it may be chance."
        )
    if report.best_round and (worse := fallen(report)):
        found.append(worse)
    if test.final.unclear and not unread_first(report, p):
        found.append(
            f"In {test.final.unclear} of its {test.final.n} answers no answer could be read."
        )
    for judge in report.judges:
        found += [f"{line[0].upper()}{line[1:]}." for line in told(judge)]
    for reading in report.readings:
        if reading.earlier:
            of = f" of {reading.exam}" if reading.exam else ""
            found.append(f"The {reading.set} set{of} was read before, by {reading.earlier}.")
    found += shared_with_practice(test)
    if changed := report.corrected.get("test"):
        found.append(f"Of the test questions {changed} had another target, or were left out.")
    if report.model.quantize:
        found.append(f"It was asked rounded ({report.model.quantize}): unrounded it may differ.")
    if report.best_round and not watched:
        found.append(
            "Only its own exam was asked: what it forgot of other things is not known "
            "(`[[guard]]` asks for it)."
        )
    return tuple(found)


def fallen(report: Report) -> str:
    """Kinds of the sealed test with fewer right answers than before; empty where there is none."""
    before, after = report.test.base.by_kind, report.test.final.by_kind
    worse = [kind for kind, (right, _) in after.items() if right < before[kind][0]]
    if not worse or len(after) == 1:
        return ""
    kind = min(worse, key=lambda kind: (after[kind][0] - before[kind][0]) / after[kind][1])
    was, (now, asked) = before[kind][0], after[kind]
    return (
        f"It got worse in {len(worse)} of {len(after)} kinds, most in {kind or '(no kind)'}: "
        f"{was} of {asked} right before, {now} after."
    )


def unread_first(report: Report, p: float | None) -> bool:
    """Whether answers that could not be read are what `next_step` speaks of."""
    refused = outcome_of(report, p) == "no better model" and refused_by_guard(report)
    return not refused and report.test.final.unclear > UNCLEAR * report.test.final.n


def refused_by_guard(report: Report) -> RoundReport | None:
    """The last round that was better on dev and lost in a guard."""
    return next(
        (r for r in reversed(report.rounds) if r.promotion and r.promotion.verdict == "regressed"),
        None,
    )


def next_step(report: Report, p: float | None) -> str:
    """The most pressing thing first; numbers are the report's own.

    Args:
        p: Of the gain in the sealed test, exact and two-sided: where few answers changed, it may
            be large although the interval of the gain is above 0.
    """
    test, name = report.test, report.name
    outcome = outcome_of(report, p)
    refused = refused_by_guard(report)
    if outcome == "no better model" and refused is not None and refused.promotion is not None:
        lost = ", ".join(guard.name for guard in refused.promotion.guards if guard.lost)
        return (
            f"Round {refused.index} was better on dev and was refused, since it lost {lost}: look "
            "under Flips at what it broke there, and practise some of that beside the rest."
        )
    if unread_first(report, p):
        return (
            f"In {test.final.unclear} of {test.final.n} answers to the sealed test no answer could "
            "be read: look at how questions ask for their answers, or at `max_new_tokens`, first."
        )
    if outcome == "got worse":
        return "The sealed test got worse: keep the model that the run began with."
    verdicts = [found.promotion.verdict for found in report.rounds if found.promotion]
    if outcome == "no better model" and "better, may be chance" in verdicts:
        return (
            "A round was better on dev, but not surely: take more dev questions, or more examples "
            f"(`errata forecast {name}` says whether they would help)."
        )
    if outcome == "no better model":
        return (
            "No round was better than the model that the run began with: look under Examples and "
            f"Causes at what was written, and see by `errata forecast {name}` whether more of it "
            "would help."
        )
    if outcome == "gain may be chance":
        return (
            "The gain may be chance: examine on more test questions before you rely on this model."
        )
    if report.status == "target reached":
        return "The gain is proven and the target reached: the model of the best round can be used."
    if report.status in ("round budget spent", "budget spent", "out of time"):
        last = report.rounds[-1]
        if last.promoted:
            return (
                "The gain is proven and the last round still brought some: allow more rounds under "
                "`[stop]`, or use the model of the best round as it is."
            )
    return (
        "The gain is proven: look under Flips at what it fixed and broke, then use the model of "
        f"the best round; `errata forecast {name}` says whether more examples would help."
    )
