"""What was exported, and how far it answers as the run did, in the terminal."""

from __future__ import annotations

from rich.console import Console

from errata.graph.commands.export import Finished
from errata.graph.views.printer import Printer, count

MOST = 5
"""Differences that are shown."""


def print_export(found: Finished, console: Console) -> None:
    out = Printer(console)
    certificate = found.certificate
    out.heading(f"{certificate.run}, round {certificate.round}: exported to {certificate.to}")
    out.print(f"It answers alike: {certificate.why}.", "green")
    agreement = certificate.agreement
    if agreement is not None and agreement.differences:
        flips = [one for one in agreement.differences if one.run_correct != one.export_correct]
        out.print(
            f"{count(len(agreement.differences), 'answer')} differ in their text, "
            f"{len(flips)} of them in the verdict"
            + (":" if flips else ", as where two tokens are nearly as likely.")
        )
        for one in flips[:MOST]:
            before, after = (
                "right" if x else "wrong" for x in (one.run_correct, one.export_correct)
            )
            out.print(
                f"  {one.question_id}: {before} in the run, {after} here; the texts part after "
                f"{one.alike} characters",
                "dim",
            )
    for what in certificate.not_checked:
        out.print(f"Not checked: {what}.", "yellow")
    for note in found.notes:
        out.print(f"Note: {note}.", "yellow")
    out.print("")
    out.unwrapped(f"The export: {found.folder}")
    out.unwrapped(f"Its certificate: {found.folder / 'certificate.json'}")
    if certificate.to == "ollama":
        out.unwrapped(f"  ollama create {certificate.run} -f {found.folder / 'Modelfile'}", "cyan")
