"""The edge of what a student can do, in the terminal."""

from __future__ import annotations

from rich.console import Console

from errata.graph.commands.probe import Edge, Probed
from errata.graph.views.printer import Column, Printer, count, grid

TITLES = {
    "digits": "By the digits of the largest number, right of asked",
    "steps": "By the steps of the working, right of asked",
}


def print_probe(found: Probed, console: Console, out: str) -> None:
    """A line for each sort of questions: right answers by difficulty, and where it ends."""
    printer = Printer(console)
    printer.heading(f"{found.model}: {count(found.asked, 'question')}, harder until it fails")
    for by, title in TITLES.items():
        edges = [edge for edge in found.edges if edge.by == by]
        if edges:
            printer.heading(title)
            show_edges(edges, printer)
    printer.print("")
    printer.print("· not needed for the search; below half right counts as failed", "dim")
    if found.written:
        printer.unwrapped(f"{count(found.written, 'practice question')} at the edge: {out}")
    else:
        printer.print("It never failed, so no question was written.")


def show_edges(edges: list[Edge], out: Printer) -> None:
    heights = sorted({tried.height for edge in edges for tried in edge.rungs})
    numbers: list[Column] = ["right"] * len(heights)
    table = grid("left", *numbers, "left")
    table.add_row("", *(out.text(str(height), "dim") for height in heights), "")
    for edge in edges:
        tried = {one.height: one for one in edge.rungs}
        cells = []
        for height in heights:
            one = tried.get(height)
            if one is None or not one.asked:
                cells.append(out.text("·" if one else "", "dim"))
            else:
                color = "red" if 2 * one.right < one.asked else "green"
                cells.append(out.text(f"{one.right}/{one.asked}", color))
        table.add_row(out.text(edge.name), *cells, out.text(edge.sentence))
    out.print(table)
