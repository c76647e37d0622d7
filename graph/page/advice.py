"""What a run's result asks for next, in one sentence."""

from __future__ import annotations

from errata.graph.report import Report

UNCLEAR = 0.25
"""Share of answers without a readable answer from which the form is the first thing to mend."""

SURE = 0.05
"""p up to which a gain is called proven."""


def next_step(report: Report, p: float | None) -> str:
    """The most pressing thing first; numbers are the report's own.

    Args:
        p: Of the gain in the sealed test, exact and two-sided: where few answers changed, it may
            be large although the interval of the gain is above 0.
    """
    test, name = report.test, report.name
    low, high = test.gain.ci95
    if test.final.unclear > UNCLEAR * test.final.n:
        return (
            f"In {test.final.unclear} of {test.final.n} answers to the sealed test no answer could "
            "be read: look at how questions ask for their answers, or at max_new_tokens, first."
        )
    if high < 0:
        return "The sealed test got worse: keep the model that the run began with."
    if report.best_round == 0:
        return (
            "No round was better than the model that the run began with: look under Examples and "
            f"Causes at what was written, and see by errata forecast {name} whether more of it "
            "would help."
        )
    if low <= 0 or (p is not None and p > SURE):
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
                "[stop], or use the model of the best round as it is."
            )
    return (
        "The gain is proven: use the model of the best round; look under Flips at what it broke "
        f"first, and see by errata forecast {name} whether more examples would help."
    )
