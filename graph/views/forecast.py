"""A forecast in the terminal: the learning curve, and what it says of more rows."""

from __future__ import annotations

from rich.console import Console

from errata.agents.learning_curve import Estimate
from errata.agents.records import Accuracy
from errata.graph.forecast import Forecast
from errata.graph.views.printer import Printer, grid, interval, scale, whisker


def print_forecast(found: Forecast, console: Console) -> None:
    """Measured points, forecast ones, and the answers in words."""
    out = Printer(console)
    out.heading(f"{found.name}, round {found.round}: accuracy at dev by rows trained on")
    most = found.points[-1].rows
    shown = [(p.rows, p.accuracy, p.ci95, "") for p in found.points]
    shown += [
        (times * most, at.value, at.ci95, f"{said} the rows")
        for times, said, at in ((2, "twice", found.twice), (10, "10 times", found.ten_times))
    ]
    table = grid("right", "right", "right", "plot", "left")
    width = max(20, min(44, console.width - 54))
    for rows, share, ci95, note in shown:
        reached = Accuracy(accuracy=share, n=found.dev, correct=0, ci95=ci95)
        color = "dim" if note else "cyan"
        table.add_row(
            out.text(f"{rows}"),
            out.text(f"{share:.1%}", f"bold {color}"),
            out.text(interval(reached), "dim"),
            out.text(whisker(reached, width, not note, found.target_accuracy), color),
            out.text(note, "dim"),
        )
    table.add_row("", "", "", out.text(scale(width), "dim"), "")
    out.print(table)
    out.print("●─ measured, ○─ forecast, each with its 95% interval; ┆ target", "dim")
    out.print("")
    for line in answers(found):
        out.print(line)
    out.print(
        f"By a straight line over the logarithm of the rows, {found.dev} dev questions and "
        f"{len(found.points)} trainings. Curves flatten: ten times the rows is an upper limit.",
        "dim",
    )


def answers(found: Forecast) -> list[str]:
    """Whether more rows help, what twice as many bring, and whether the target is reached."""
    low, high = (100 * bound for bound in found.doubling.ci95)
    brings = (
        f"a doubling brings {100 * found.doubling.value:+.1f} points ({low:+.1f} to {high:+.1f})"
    )
    target = f"The target of {found.target_accuracy:.0%}"
    helps = {
        "yes": f"More such rows help: {brings}.",
        "no": f"More such rows do harm: {brings}.",
        "too uncertain": f"Whether more such rows help is too uncertain to say: {brings}.",
    }[found.helps]
    times = found.times_to_target
    reached = {
        "reached already": f"{target} is reached already.",
        "within ten times": f"{target} is reached within ten times the rows"
        + (f", by the line with {times:.1f} times." if times else "."),
        "not within ten times": f"{target} is not reached within ten times what there is.",
        "too uncertain": f"{target} within ten times the rows is too uncertain to say: dev would "
        f"be {about(found.ten_times)}.",
    }[found.target]
    return [helps, f"With twice the rows dev would be {about(found.twice)}.", reached]


def about(found: Estimate) -> str:
    """`about 41% (34 to 48)`"""
    low, high = found.ci95
    return f"about {found.value:.0%} ({100 * low:.0f} to {100 * high:.0f})"
