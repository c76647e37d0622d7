"""What a finished run shows: what got worse, what was refused, what a point of gain took."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from errata.agents.jsonl import read_record
from errata.agents.promotion import Compared, by_kind, findings
from errata.agents.records import Row
from errata.agents.trainer import Trained
from errata.graph.doctor.finding import Finding, plural, said_share, share
from errata.graph.forecast import Forecast
from errata.graph.report import Report
from errata.graph.run_folder import RunFolder

FEW = 10
"""Dev questions of a kind below which a loss is not told from chance."""
MANY_REFUSED = 0.5
MANY_CUT = 0.05
LISTED = 6


def find_after(folder: RunFolder, report: Report, max_tokens: int) -> Iterator[Finding]:
    """Args: max_tokens: Of the run's training."""
    yield from find_worse(folder, report)
    yield from find_refused_rounds(report)
    yield from find_refused_examples(report)
    yield from find_cut_rows(folder, max_tokens)
    yield from find_flat(folder)
    yield from find_cost(report)


def find_worse(folder: RunFolder, report: Report) -> Iterator[Finding]:
    """Losses that are no chance: of dev by kind, all kinds corrected together; of whole exams by
    their interval."""
    evidence: list[str] = []
    if report.best_round:
        dev = folder.questions("dev")
        base, best = (
            folder.attempts(folder.round(index) / "dev.jsonl") for index in (0, report.best_round)
        )
        for one in findings(by_kind("dev questions", Compared(dev, base, best), FEW)):
            if one.lost:
                evidence.append(
                    f"{one.name}: {one.broken} broken, {one.fixed} fixed of {one.asked}, "
                    f"p = {one.p_holm:.2g}"
                )
    gains = [("the sealed test", report.test.gain), *((e.exam, e.gain) for e in report.exams)]
    for name, gain in gains:
        low, high = gain.ci95
        if high < 0:
            evidence.append(
                f"{name}: {100 * gain.accuracy:+.1f} points (95% interval {100 * low:+.1f} to "
                f"{100 * high:+.1f})"
            )
    if evidence:
        yield Finding(
            name="got worse",
            severity="serious",
            said="The best model is worse than the base somewhere, and that is no chance",
            evidence=tuple(evidence),
            do=(
                f"errata view {report.name}",
                "Guard it in the next run: [[guard]] with an exam of it.",
            ),
        )


def find_refused_rounds(report: Report) -> Iterator[Finding]:
    trained = [r for r in report.rounds if r.index and r.promotion is not None]
    refused = [r for r in trained if not r.promoted]
    if not refused:
        return
    yield Finding(
        name="refused rounds",
        severity="serious" if len(refused) == len(trained) else "warning",
        said=f"{len(refused)} of {plural(len(trained), 'round')} brought no better model",
        evidence=tuple(
            f"round {r.index}: {r.promotion.verdict}: {r.promotion.why}"
            for r in refused
            if r.promotion is not None
        ),
        do=(f"errata forecast {report.name}", f"errata trace {report.name}"),
    )


def find_refused_examples(report: Report) -> Iterator[Finding]:
    reasons = Counter[str]()
    for model in report.rounds:
        reasons.update(model.examples.rejected)
        reasons.update(model.examples.unwritable)
    refused = sum(reasons.values())
    made = refused + sum(model.examples.accepted for model in report.rounds)
    if not refused:
        return
    one = share("drafts that were refused, or could not be had", refused, made)
    yield Finding(
        name="refused examples",
        severity="serious" if one.ci95[0] >= MANY_REFUSED else "warning",
        said=f"{100 * refused / made:.0f}% of what the writer was asked for was refused",
        shares=(one,),
        evidence=(
            said_share(one),
            *(
                f"{count} ({100 * count / made:.1f}%): {reason}"
                for reason, count in reasons.most_common(LISTED)
            ),
        ),
        do=(f"errata trace {report.name} --full", "Try another writer: errata instructors"),
    )


def find_cut_rows(folder: RunFolder, max_tokens: int) -> Iterator[Finding]:
    """Rows that were longer than `training.max_tokens`, which nothing is learnt from."""
    cut = rows = 0
    for index in folder.rounds():
        path = folder.round(index) / "trained.json"
        if path.exists():
            cut += read_record(path, Trained).skipped
            rows += len(folder.collected(index, "training", Row))
    if not cut or not rows:
        return
    one = share("training rows longer than training.max_tokens", cut, rows)
    yield Finding(
        name="cut training rows",
        severity="serious" if one.count >= MANY_CUT * one.of else "warning",
        said="Training rows were too long and nothing was learnt from them",
        shares=(one,),
        evidence=(said_share(one),),
        do=(f"[training]\nmax_tokens = {2 * max_tokens}",),
    )


def find_flat(folder: RunFolder) -> Iterator[Finding]:
    """By what `errata forecast` found, where it was asked."""
    path = folder.path / "forecast" / "forecast.json"
    if not path.exists():
        return
    found = read_record(path, Forecast)
    if found.helps == "yes":
        return
    low, high = found.doubling.ci95
    yield Finding(
        name="flat learning curve",
        severity="warning",
        said="More rows like these do not help"
        if found.helps == "no"
        else "Whether more rows like these help cannot be told",
        evidence=(
            f"each doubling of the rows: {100 * found.doubling.value:+.1f} points (95% interval "
            f"{100 * low:+.1f} to {100 * high:+.1f})",
        ),
        do=("Change what is written, not how much: another strategy, or another instructor.",),
    )


def find_cost(report: Report) -> Iterator[Finding]:
    """What a point of gain took; said where money was spent and the gain may be chance."""
    cost = report.cost
    if cost is None or not cost.total.money or cost.currency is None:
        return
    money, points = cost.total.money, 100 * report.test.gain.accuracy
    low, high = (100 * bound for bound in report.test.gain.ci95)
    if low > 0:
        said = f"Each point of gain took {money / points:.2f} {cost.currency}"
        evidence = (f"between {money / high:.2f} and {money / low:.2f}, by the gain's interval",)
    else:
        said = f"{money:.2f} {cost.currency} were spent on a gain that may be chance"
        evidence = (f"{points:+.1f} points (95% interval {low:+.1f} to {high:+.1f})",)
    yield Finding(
        name="cost",
        severity="warning",
        said=said,
        evidence=evidence,
        do=('Compare with the offline writer, which costs nothing: [writer] model = "variations"',),
    )
