"""Instructors beside each other, in the terminal."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from errata.graph.comparing.auditioned import Audition, AuditionPair
from errata.graph.views.compare import bounds, chance, points, style_of
from errata.graph.views.costs import amount, number
from errata.graph.views.printer import Column, Printer, count, duration, grid, interval

MOST_REASONS = 3


def print_audition(found: Audition, console: Console, folder: Path) -> None:
    """What each brought, what it took, whom to take, and how sure that is."""
    out = Printer(console)
    out.heading(
        f"{found.name}: {count(found.mistakes, 'mistake')}, {count(found.examples, 'example')} "
        f"asked for of each, student {found.student}"
    )
    show_rows(found, out)
    for row in found.rows:
        if row.why:
            out.print(f"{row.instructor}: {row.why}", "yellow")
        lost = [*row.refused.items(), *row.unusable.items()]
        if row.status == "taught" and lost:
            most = sorted(lost, key=lambda one: -one[1])[:MOST_REASONS]
            said = "; ".join(f"{n} {reason}" for reason, n in most)
            out.print(f"{row.instructor}, most often not used: {said}", "dim")
    if any(row.trained for row in found.rows):
        out.heading("A small training on equal numbers of examples, on dev")
        show_trained(found, out)
    show_pairs("Useful examples of every two, in points: the same mistakes", found.pairs, out)
    show_pairs("Gains of every two, in points: the same dev questions", found.gains, out)
    out.heading("Which one")
    out.print(found.advice.why)
    out.print("")
    out.unwrapped(f"The numbers: {folder / 'audition.json'}")


def show_rows(found: Audition, out: Printer) -> None:
    numbers: list[Column] = ["right"] * 4
    table = grid("left", *numbers, "left", *numbers)
    names = ("", "usable", "passed", "new", "useful", "95% interval")
    money = found.currency or "money"
    table.add_row(*(out.text(name, "dim") for name in (*names, "calls", "tokens", money, "time")))
    for row in found.rows:
        cells = [row.instructor, row.status, "", "", "", ""]
        if row.useful is not None:
            low, high = row.useful.ci95
            cells[1:] = [
                f"{row.answered}/{found.mistakes}",
                f"{row.passed}/{row.drafts}",
                f"{row.new}/{row.asked}",
                f"{100 * row.useful.value:.0f}%",
                f"{100 * low:.0f} to {100 * high:.0f}",
            ]
        took = row.took
        cells += [f"{took.calls:,}", number(took.tokens), amount(took.money)]
        table.add_row(*map(out.text, (*cells, duration(took.seconds))))
    out.print(table)
    out.print(
        "usable: mistakes with a diagnosis and an example; passed: of the examples that came, what "
        "passes the checks; new: of these, what the student gets wrong, asked once; useful: of all "
        "examples asked for, the share that is new",
        "dim",
    )


def show_trained(found: Audition, out: Printer) -> None:
    table = grid("left", "right", "right", "left", "right", "left")
    names = ("", "examples", "right", "95% interval", "gain", "95% interval")
    table.add_row(*(out.text(name, "dim") for name in names))
    for row in found.rows:
        if (trained := row.trained) is not None:
            table.add_row(
                out.text(row.instructor),
                out.text(f"{trained.examples}"),
                out.text(f"{trained.dev.correct}/{trained.dev.n}"),
                out.text(interval(trained.dev), "dim"),
                out.text(points(trained.gain.value), style_of(trained.gain)),
                out.text(bounds(trained.gain), "dim"),
            )
    out.print(table)
    out.print(
        "the intervals cover other questions like these; one training with one seed says nothing "
        "of other seeds",
        "dim",
    )


def show_pairs(title: str, pairs: tuple[AuditionPair, ...], out: Printer) -> None:
    if not pairs:
        return
    out.heading(title)
    table = grid("left", "right", "left", "right")
    names = ("", "difference", "95% interval", "p, all pairs")
    table.add_row(*(out.text(name, "dim") for name in names))
    for pair in pairs:
        table.add_row(
            out.text(f"{pair.first} - {pair.second}"),
            out.text(points(pair.difference.value), style_of(pair.difference)),
            out.text(bounds(pair.difference), "dim"),
            out.text(chance(pair.p_holm)),
        )
    out.print(table)
