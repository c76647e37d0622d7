"""Which instructors there are, and whether one works, in the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from errata.agents.records import Diagnosis, Draft
from errata.graph.commands.check import Checked
from errata.graph.commands.instructors import Available
from errata.graph.views.printer import Printer, duration, grid


def print_available(found: Sequence[Available], console: Console) -> None:
    """A line for each, what is missing beside it."""
    out = Printer(console)
    table = grid("left", "left", "left")
    for each in found:
        color = "green" if each.state == "ready" else "dim"
        table.add_row(
            out.text(each.model, "" if each.state == "ready" else "dim"),
            out.text(each.state, color),
            out.text(each.note, "dim" if each.state == "ready" else ""),
        )
    out.print(table)
    out.print("")
    out.print(
        'An address goes into base_url, with model = "openai:NAME". `errata check CONFIG` asks '
        "the LLMs of a configuration one small question each.",
        "dim",
    )


def print_checked(found: Sequence[Checked], console: Console, judged: bool = False) -> None:
    """The reply, its cost and its method; or what is wrong.

    Args:
        judged: There is a judge, which another command tries.
    """
    out = Printer(console)
    if not found:
        out.print("Nobody is asked: this strategy needs neither an instructor nor a writer.")
    if judged:
        out.print("The judge is not asked here: `errata judge CONFIG` tries it.")
    for one in found:
        out.heading(f"{one.agent}: {one.model}")
        lines = [("reply", one.calls[-1].reply)] if one.calls else []
        if isinstance(one.result, Diagnosis):
            lines += [("cause", one.result.cause)]
        if isinstance(one.result, Draft):
            lines += [("example", one.result.prompt), ("", one.result.completion)]
        for call in one.calls:
            tokens = " and ".join(
                f"{'not counted' if count is None else count} {way}"
                for count, way in ((call.tokens_in, "in"), (call.tokens_out, "out"))
            )
            lines += [("call", f"{duration(call.seconds)}, tokens: {tokens}")]
        if one.method:
            lines += [("method", one.method)]
        out.print(out.lines(lines))
        if one.problem:
            out.print(f"does not work: {one.problem}", "bold red")
        else:
            out.print("works" if one.calls else "works; no LLM was asked", "bold green")
