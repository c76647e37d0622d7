"""What a run needs and whether it is there, in the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from errata.graph.commands.machine import Looked, Rehearsed
from errata.graph.views.printer import Printer, duration

COLORS = {"ok": "green", "warning": "yellow", "problem": "bold red"}


def print_looked(found: Sequence[Looked], console: Console) -> None:
    """A line for each, the arithmetic and what to do under it."""
    out = Printer(console)
    out.heading("this machine")
    for one in found:
        out.print(f"{one.state:8}{one.what}: {one.said}", COLORS[one.state])
        for line in one.arithmetic:
            out.print(f"          {line}", "dim")
        if one.do:
            out.print(f"          To do: {one.do}.")


def print_rehearsed(found: Rehearsed, console: Console) -> None:
    out = Printer(console)
    out.heading("rehearsal")
    out.print("ok      asked, trained a step, loaded the adapter and asked again", COLORS["ok"])
    out.print(
        f"Loading took {duration(found.load_s)}, a question {duration(found.question_s)} (two at "
        f"once; a full batch takes less for each), a training token {1000 * found.token_s:.1f} ms."
    )
    out.print(
        f"So a whole run takes {duration(found.run_s)} at the most, without what LLMs take: every "
        "round with all its examples, and each candidate better."
    )
