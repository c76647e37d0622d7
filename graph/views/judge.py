"""How far a judge agrees with a person, in the terminal."""

from __future__ import annotations

from rich.console import Console

from errata.agents.calibration import Calibration, Counted
from errata.graph.judging import JudgeReport, JudgesReport
from errata.graph.views.printer import Printer, grid


def print_judges(found: JudgesReport, console: Console) -> None:
    """A table for each judge, and whether a run takes it."""
    out = Printer(console)
    for judge in found.judges:
        out.heading(f"{judge.exam}: judged by {judge.model}")
        if judge.calibration is not None:
            show_calibration(judge.calibration, out)
        for warning in judge.warnings:
            out.print(warning)
        out.print(verdict_on(judge), "bold red" if judge.problem else "bold")


def verdict_on(judge: JudgeReport) -> str:
    if judge.problem is not None:
        return f"Refused: {judge.problem}"
    if judge.calibration is None:
        return "Taken as it is: calibrated = false"
    return f"Taken: kappa is at least {judge.kappa_at_least:g}"


def show_calibration(found: Calibration, out: Printer) -> None:
    table = grid("left", "right", "left")
    low, high = found.agreement_ci95
    table.add_row(
        out.text("agrees with the labels"),
        out.text(f"{found.agreement:.1%}", "bold"),
        out.text(f"of {found.rows}, 95% interval {low:.1%} to {high:.1%}", "dim"),
    )
    low, high = found.kappa_ci95
    table.add_row(
        out.text("Cohen's kappa"),
        out.text(f"{found.kappa:.2f}", "bold"),
        out.text(f"95% interval {low:.2f} to {high:.2f}", "dim"),
    )
    rows: tuple[tuple[str, Counted, str], ...] = (
        ("calls right what is wrong", found.wrongly_right, "wrong answers"),
        ("calls wrong what is right", found.wrongly_wrong, "right answers"),
        ("changes when asked again", found.flips_again, "verdicts"),
        ("changes with the order", found.flips_turned, "verdicts"),
        ("agrees on short answers", found.agrees_short, "answers"),
        ("agrees on long answers", found.agrees_long, "answers"),
    )
    for name, (count, of), what in rows:
        share = f"{count / of:.1%}" if of else ""
        table.add_row(out.text(name), out.text(share), out.text(f"{count} of {of} {what}", "dim"))
    if found.silent:
        table.add_row(out.text("gives no verdict"), out.text(f"{found.silent}"), "")
    out.print(table)
