"""What `errata init` found in a file, what it wrote, and what comes next, in the terminal."""

from __future__ import annotations

import typer
from rich.console import Console

from errata.agents.chat_models.ledger import Budget
from errata.agents.intake import Finding, Undecided
from errata.agents.plain_text import one_line
from errata.graph.commands.init import Intake
from errata.graph.views.costs import estimate_lines
from errata.graph.views.printer import Printer, grid

COLORS = {"ok": "dim", "warning": "yellow", "problem": "bold red"}
WHY = {
    "judge": "does the judge agree with you?",
    "check": "does everything work here?",
    "doctor": "wrong targets, leaks, too few questions; asks nobody",
    "run": "examine, train, examine again",
}
"""Command → what it is for."""
SHOWN = 6
"""Labels, kinds and columns."""


def print_intake(found: Intake, console: Console) -> None:
    out = Printer(console)
    out.heading(f"{found.source}: {found.rows:,} rows, {found.form}")
    table = grid("left", "left")
    for column, why in found.columns.items():
        table.add_row(out.text(one_line(column, 40), "bold"), out.text(why))
    answer = f"{found.answer}: {found.why}"
    if found.labels:
        answer += f" ({some(found.labels)})"
    table.add_row(out.text("judged as", "bold"), out.text(answer))
    if found.kinds:
        kinds = [f"{one_line(kind, 40)} {count:,}" for kind, count in found.kinds.items()]
        table.add_row(out.text("kinds", "bold"), out.text(some(kinds)))
    for what, size in (("questions", found.questions), ("answers", found.answers)):
        said = f"{size.median:,} characters in the middle, {size.longest:,} at most"
        said += f" (about {size.tokens:,} tokens, at 4 characters each)"
        table.add_row(out.text(what, "bold"), out.text(said))
    sizes = found.sizes
    sides = f"practice {sizes.practice:,}, dev {sizes.dev:,}, test {sizes.test:,}"
    table.add_row(out.text("sides", "bold"), out.text(f"{sides}; {sizes.why}"))
    strategy = f"{found.strategy}: {found.strategy_why}"
    table.add_row(out.text("learns by", "bold"), out.text(strategy))
    for flag, value in found.decided.items():
        table.add_row(out.text("taken", "bold"), out.text(f"{flag} {value}"))
    out.print(table)
    for one in found.findings:
        print_finding(one, out)
    out.heading(f"written to {found.folder}/")
    out.print(", ".join(found.files))
    if found.estimate is not None:
        for line in estimate_lines(found.estimate, Budget(), None):
            out.print(line)
    else:
        out.print(
            f"What it costs is not known: {found.unknown_cost}"
            if found.unknown_cost
            else "No LLM is asked: nothing is sent and nothing is paid."
        )
    out.print("")
    for at, step in enumerate(found.next):
        why = WHY.get(step.split()[1], "")
        out.unwrapped(f"{'Next:' if not at else '':5} {step}{why and f'  # {why}'}", "bold")


def print_finding(one: Finding, out: Printer) -> None:
    counted = f" ({one.count:,})" if one.count else ""
    out.print(f"{one.state:8}{one.name}{counted}: {one.said}", COLORS[one.state])
    if one.rows:
        more = f" and {one.count - len(one.rows):,} more" if one.count > len(one.rows) else ""
        out.print(f"          {'; '.join(one.rows)}{more}", "dim")
    if one.do:
        out.print(f"          To do: {one.do}{'' if one.do.endswith('?') else '.'}")


def some(names: tuple[str, ...] | list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def ask_person(question: Undecided) -> str:
    """One of the choices, as the person at the terminal says."""
    typer.echo(f"\n{question.asked}\n({question.why}; the same as {question.flag})", err=True)
    while True:
        said: str = typer.prompt(" / ".join(question.choices), default=question.proposal, err=True)
        if said in question.choices:
            return said
        typer.echo(f"{said!r} is none of them", err=True)
