"""What the doctor found, in the terminal."""

from __future__ import annotations

from rich.console import Console

from errata.graph.commands.doctor import Examined
from errata.graph.doctor.finding import Finding, Share, Try, said_share
from errata.graph.views.printer import Printer, count, grid

COLORS = {"serious": "bold red", "warning": "yellow"}
LEFT, RIGHT = -0.2, 0.2
"""The scale of a gain, at least."""


def print_examined(found: Examined, console: Console) -> None:
    """Each finding with its evidence and what to do, the worst first; then what was not seen."""
    out = Printer(console)
    for finding in found.findings:
        show(finding, out)
    if found.not_looked_at:
        out.heading("not looked at")
        for one in found.not_looked_at:
            out.print(f"{one.what}: {one.why}.", "dim")
            out.unwrapped(f"    {one.do}", "cyan")
    serious = sum(finding.severity == "serious" for finding in found.findings)
    out.heading(
        f"{found.subject}: {count(serious, 'serious finding')}, "
        f"{count(len(found.findings) - serious, 'warning')}"
    )
    for note in found.notes:
        out.print(f"Note: {note}.", "dim")
    for path in found.corrections:
        out.unwrapped(f"Corrections to read and to edit: {path}")
    if found.next_step is not None:
        out.print(f"Next: {found.next_step}")


def show(finding: Finding, out: Printer) -> None:
    out.heading(f"{finding.severity}: {finding.name}")
    out.print(f"{finding.said}.", COLORS[finding.severity])
    if finding.tries:
        show_tries(finding.tries, out)
    else:
        if finding.shares:
            show_shares(finding.shares, out)
        drawn = {said_share(one) for one in finding.shares}
        drawn |= {f"{said_share(one)} {one.what}" for one in finding.shares}
        for line in finding.evidence:
            if line not in drawn:
                out.print(f"  {line}", "dim")
    for at, line in enumerate(finding.do):
        first, *rest = line.split("\n")
        out.unwrapped(f"  {'To do: ' if at == 0 else '       '}{first}", "cyan")
        for more in rest:
            out.unwrapped(f"         {more}", "cyan")


def show_shares(shares: tuple[Share, ...], out: Printer) -> None:
    width = max(10, min(24, out.console.width - 70))
    table = grid("right", "plot", "right", "left")
    for one in shares:
        part = one.count / one.of if one.of else 0.0
        table.add_row(
            out.text(f"  {one.count}/{one.of}", "bold"),
            out.text(line(one.ci95, part, 0.0, 1.0, width), "cyan"),
            out.text(f"{100 * part:.1f}%"),
            out.text(one.what, "dim"),
        )
    out.print(table)


def show_tries(tries: tuple[Try, ...], out: Printer) -> None:
    """A line for each: its gain with the interval, on one scale around no gain."""
    low = min(LEFT, *(one.ci95[0] for one in tries))
    high = max(RIGHT, *(one.ci95[1] for one in tries))
    width = max(16, min(40, out.console.width - 60))
    table = grid("right", "plot", "right", "left")
    for one in tries:
        table.add_row(
            out.text(f"  {one.right}/{one.asked}", "bold"),
            out.text(line(one.ci95, one.gain, low, high, width, zero=True), "cyan"),
            out.text(f"{100 * one.gain:+.1f}"),
            out.text(f"p = {one.p_holm:.2g}  {one.what}", "dim"),
        )
    out.print(table)


def line(
    ci95: tuple[float, float],
    middle: float,
    low: float,
    high: float,
    width: int,
    zero: bool = False,
) -> str:
    """`  ┆ ──●──   `: a value with its interval, from `low` to `high`; ┆ stands at 0."""

    def cell(at: float) -> int:
        return round((min(high, max(low, at)) - low) / (high - low) * (width - 1))

    cells = [" "] * width
    for at in range(cell(ci95[0]), cell(ci95[1]) + 1):
        cells[at] = "─"
    if zero:
        cells[cell(0.0)] = "┆"
    cells[cell(middle)] = "●"
    return "".join(cells)
