"""Labels and their confusion, and the fields of JSON, in the terminal."""

from __future__ import annotations

from errata.agents.plain_text import one_line
from errata.agents.records import Accuracy, JsonScores, LabelScores
from errata.graph.views.printer import Column, Printer, grid

MOST_LABELS = 24
"""Beyond, report.json or --json has them."""
MOST_COLUMNS = 10
"""Labels whose confusion fits a terminal."""
LONGEST = 40
"""Characters of a name."""


def show_answer_types(
    found: Accuracy, out: Printer, title: str = "", before: Accuracy | None = None
) -> None:
    """What accuracy does not say of labels and of JSON; nothing of other types of answer.

    Args:
        title: Begins each heading.
        before: Of the base model, to be shown beside it.
    """
    if found.labels is not None:
        show_labels(found.labels, out, title, before.labels if before else None)
    if found.json_values is not None:
        show_json(found.json_values, out, title, before.json_values if before else None)


def show_labels(
    found: LabelScores, out: Printer, title: str, before: LabelScores | None = None
) -> None:
    was = f", {before.macro_f1:.3f} before" if before else ""
    out.heading(f"{title}macro-F1 {found.macro_f1:.3f}{was}")
    table = grid("left", "right", "right", "right", "right")
    table.add_row(*(out.text(t, "dim") for t in ("", "asked", "precision", "recall", "F1")))
    for score in sorted(found.labels, key=lambda score: -score.asked)[:MOST_LABELS]:
        shares = (score.precision, score.recall, score.f1)
        cells = ["" if share is None else f"{share:.0%}" for share in shares]
        table.add_row(
            out.text(one_line(score.label, LONGEST)),
            out.text(f"{score.asked}", "dim"),
            *map(out.text, cells),
        )
    out.print(table)
    if len(found.labels) > MOST_LABELS:
        out.print(f"the {MOST_LABELS} asked most of {len(found.labels)}", "dim")
    if len(found.labels) > MOST_COLUMNS:
        return
    out.print("")
    names = [score.label for score in found.labels]
    columns: list[Column] = ["right"] * (len(names) + 1)
    table = grid("left", *columns)
    heads = [str(at) for at in range(1, len(names) + 1)]
    table.add_row(*(out.text(t, "dim") for t in ("asked, then answered", *heads, "no label")))
    for at, label in enumerate(names, start=1):
        row = found.confusion[label]
        counts = [row.get(said, 0) for said in (*names, "")]
        shown = [
            out.text(str(n) if n else "-", "bold" if column == at else "")
            for column, n in enumerate(counts, start=1)
        ]
        table.add_row(out.text(one_line(f"{at} {label}", LONGEST)), *shown)
    out.print(table)


def show_json(
    found: JsonScores, out: Printer, title: str, before: JsonScores | None = None
) -> None:
    def share(part: int, of: JsonScores) -> str:
        return f"{part / of.asked:.1%}"

    was = f", {share(before.parsed, before)} before" if before else ""
    out.heading(f"{title}{share(found.parsed, found)} parse as JSON{was}")
    if found.fits != found.parsed:
        out.print(f"{share(found.fits, found)} fit the schema")
    if not found.fields:
        return
    table = grid("left", "right", "right")
    table.add_row(*(out.text(t, "dim") for t in ("field", "before" if before else "", "right")))
    for path, (right, asked) in list(found.fields.items())[:MOST_LABELS]:
        earlier = before.fields.get(path) if before else None
        table.add_row(
            out.text(one_line(path, LONGEST)),
            out.text(f"{earlier[0]}/{earlier[1]}" if earlier else "", "dim"),
            out.text(f"{right}/{asked}", "bold"),
        )
    out.print(table)
    if len(found.fields) > MOST_LABELS:
        out.print(f"the first {MOST_LABELS} of {len(found.fields)}", "dim")
