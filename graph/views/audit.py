"""What an audit found, in the terminal."""

from __future__ import annotations

from rich.console import Console

from errata.graph.commands.audit import Audit
from errata.graph.views.printer import Printer, count, grid


def print_audit(found: Audit, console: Console) -> None:
    """Each finding with its file, what is wrong and what that means; then what was checked."""
    out = Printer(console)
    for finding in found.findings:
        out.unwrapped(finding.file, "bold red")
        out.print(f"  {finding.wrong}.")
        out.print(f"  So {finding.means}.", "dim")
    out.heading(f"{found.run}: {count(len(found.findings), 'finding')}")
    out.print("Checked:")
    table = grid("right", "left")
    for what, number in found.checked.items():
        table.add_row(out.text(f"{number:,}"), out.text(what))
    out.print(table)
    for note in found.notes:
        out.print(f"Note: {note}.", "dim")
    if found.seal is not None:
        out.unwrapped(f"The seal is {found.seal}.")
