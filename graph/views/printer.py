"""Plain text on a terminal, whatever is said and whatever the terminal can show."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, TypeVar

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from errata.agents.plain_text import visible
from errata.agents.records import Accuracy, Draft, Example, Question, Row

T = TypeVar("T")

Lines = list[tuple[str, str]]
"""(label, text)."""

ASCII = str.maketrans(
    {"→": "->", "●": "*", "○": "o", "─": "-", "┆": ":", "·": "|", "…": "...", "█": "#"}
    | dict(zip("▁▂▃▄▅▆▇", "__..--^", strict=True))
)
BLOCKS = "▁▂▃▄▅▆▇█"
LONGEST_LINES, LONGEST_CHARACTERS = 8, 600


class Printer:
    """Prints on one console. What a student, an instructor or an exam wrote stays text: no
    markup, no control characters, nothing that the console's encoding lacks."""

    def __init__(self, console: Console, full: bool = False) -> None:
        """`full`: nothing is shortened or left out."""
        self.console = console
        self.full = full

    def print(self, what: RenderableType, style: str = "") -> None:
        self.console.print(self.text(what, style) if isinstance(what, str) else what)

    def unwrapped(self, line: str, style: str = "") -> None:
        """A command or a path, whole: it can be copied, however narrow the window."""
        self.console.print(self.text(line, style), soft_wrap=True)

    def heading(self, title: str) -> None:
        self.print("")
        self.print(title, "bold")

    def text(self, said: str, style: str = "") -> Text:
        said = visible(said.replace("\r\n", "\n"))
        if self.console.options.ascii_only:
            said = said.translate(ASCII)
        encoding = self.console.encoding
        return Text(said.encode(encoding, "backslashreplace").decode(encoding), style=style)

    def agent(self, name: str, says: str) -> Text:
        return Text.assemble(self.text(name, "bold cyan"), "  ", self.text(says))

    def counted(self, label: str, number: int, style: str = "") -> Text:
        return Text.assemble(self.text(label, style), self.text(f": {number}", "bold"))

    def lines(self, lines: Lines) -> Table:
        """Texts beside their labels; empty ones are left out, long ones shortened."""
        table = Table.grid(padding=(0, 1, 0, 0))
        table.add_column(width=9)
        table.add_column(overflow="fold")
        for label, said in lines:
            if said:
                table.add_row(self.text(label, "dim"), self.text(self.short(said)))
        return table

    def leaf(self, node: Tree, title: str, lines: Lines) -> None:
        node.add(Group(self.text(title, "italic"), self.lines(lines)))

    def some(self, items: Sequence[T], most: int) -> Sequence[T]:
        return items if self.full else items[:most]

    def rest(self, node: Tree, items: Sequence[object], most: int, noun: str) -> None:
        if not self.full and len(items) > most:
            node.add(self.text(f"… and {len(items) - most} more {noun}", "dim"))

    def short(self, said: str) -> str:
        kept = "\n".join(said.split("\n")[:LONGEST_LINES])[:LONGEST_CHARACTERS]
        left = len(said) - len(kept)
        return said if self.full or left < 20 else f"{kept} … ({left} more characters)"


Column = Literal["left", "right", "plot"]


def grid(*columns: Column) -> Table:
    """A table without lines; a `plot` column is never wrapped."""
    table = Table.grid(padding=(0, 2, 0, 0))
    for column in columns:
        if column == "plot":
            table.add_column(no_wrap=True, overflow="crop")
        else:
            table.add_column(justify=column, overflow="fold")
    return table


def interval(found: Accuracy) -> str:
    low, high = found.ci95
    return f"{100 * low:.1f} to {100 * high:.1f}%"


def whisker(found: Accuracy, width: int, filled: bool, target: float | None = None) -> str:
    """An accuracy with its interval on a scale from 0 to 100%: `  ──●───   ┆`."""
    cells = [" "] * width
    if target is not None:
        cells[cell(target, width)] = "┆"
    low, high = (cell(bound, width) for bound in found.ci95)
    cells[low : high + 1] = "─" * (high + 1 - low)
    cells[cell(found.accuracy, width)] = "●" if filled else "○"
    return "".join(cells)


def dumbbell(before: float, after: float, width: int) -> str:
    """Two accuracies on a scale from 0 to 100%: `  ○────●  `."""
    cells = [" "] * width
    start, end = cell(before, width), cell(after, width)
    low, high = sorted((start, end))
    cells[low : high + 1] = "─" * (high + 1 - low)
    cells[start] = "○"
    cells[end] = "●"
    return "".join(cells)


def scale(width: int) -> str:
    """Numbers under a plot: `0%       50%      100%`."""
    half = width // 2
    return f"{'0%':<{half - 1}}{'50%':<{width - half - 3}}100%"


def cell(share: float, width: int) -> int:
    return round(share * (width - 1))


def sparkline(values: Sequence[float], width: int = 24) -> str:
    """`█▆▅▃▂▂▁`, at most `width` characters; from one value nothing can be seen."""
    values = [value for value in values if math.isfinite(value)]
    if len(values) < 2:
        return ""
    count = min(width, len(values))
    edges = [round(at * len(values) / count) for at in range(count + 1)]
    means = [sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]
    low, high = min(means), max(means)
    return "".join(BLOCKS[round(7 * (mean - low) / (high - low or 1))] for mean in means)


def duration(seconds: float) -> str:
    """`0.4 s`, `35 s`, `4 min 10 s`, `2 h 05 min`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def count(number: int, noun: str, plural: str = "") -> str:
    """`1 round`, `2 rounds`."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def asked(of: Question | Draft | Example | Row) -> Lines:
    """A question as the student reads it: the messages before it by their roles, then itself."""
    replaced = isinstance(of, Row) and of.system is not None
    before = [turn for turn in of.before if not (replaced and turn[0] == "system")]
    return [*before, ("question", of.prompt)]
