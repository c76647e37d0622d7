"""Arms beside each other, and two runs question by question, in the terminal and as a picture."""

from __future__ import annotations

import json
import shlex
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from errata.agents.chat_models.ledger import Budget
from errata.agents.pooled import Difference, Pooled
from errata.graph.comparing.compare import PROMPT, Outlook
from errata.graph.comparing.comparison import ArmRow, Comparison
from errata.graph.comparing.flips import Counts, Flip, Flips, Loss
from errata.graph.views.charts import (
    INK,
    QUIET,
    SMALL,
    STYLE,
    TEST,
    color_of,
    rule,
    save,
    shorten,
)
from errata.graph.views.costs import amount, estimate_lines
from errata.graph.views.printer import Column, Printer, count, duration, grid

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_KINDS = 24
MOST_DEPARTURES = 4
SAME_TOKENS = 0.05
"""Runs whose trained tokens differ by no more than this share are called equal."""


def print_comparison(found: Comparison, console: Console, folder: Path) -> None:
    """The paper's table, what each arm gained and took, and every two arms."""
    out = Printer(console)
    arms = len(found.rows) - 1
    out.heading(
        f"{found.name}: {count(arms, 'arm')}, {count(found.seeds, 'seed')}, student {found.model}"
    )
    out.heading("Accuracy on the sealed exams in percent, of the last model that each run trained")
    show_accuracies(found, out)
    show_gains(found, out)
    out.print(f"the intervals cover {found.covers}", "dim")
    out.print(
        "trained: the last model, whatever the gate said of it; shipped: the best by the gate's "
        "word",
        "dim",
    )
    if found.not_counted:
        out.print(f"{count(found.not_counted, 'question')} without a verdict, not counted", "dim")
    out.heading("What a run of each arm took")
    show_work(found, out)
    for line in tokens_said(found):
        out.print(line, "yellow")
    if found.prompts:
        out.heading("System prompts, chosen on dev: no weights changed")
        show_prompts(found, out)
    if any(row.departures for row in found.rows):
        out.heading("How wrong answers come about, in percent of all answers to the sealed test")
        show_departures(found, out)
    if found.pairs:
        out.heading("Every two arms, in points: the same questions, paired")
        show_pairs(found, out)
    out.print("")
    out.unwrapped(f"The picture: {folder / 'compare.svg'}")
    out.unwrapped(f"The numbers: {folder / 'compare.json'}")
    out.unwrapped(f"The runs: errata runs --runs {shlex.quote(str(folder / 'arms'))}")


def show_accuracies(found: Comparison, out: Printer) -> None:
    numbers: list[Column] = ["right"] * len(found.columns)
    table = grid("left", *numbers)
    domains = [column.domain for column in found.columns]
    above = ["" if at and d == domains[at - 1] else d for at, d in enumerate(domains)]
    table.add_row("", *(out.text(name, "dim") for name in above))
    table.add_row("", *(out.text(column.name) for column in found.columns))
    table.add_row("", *(out.text(f"{column.n}", "dim") for column in found.columns))
    best = [max(row.trained[at].accuracy.value for row in found.rows) for at in range(len(numbers))]
    for row in found.rows:
        values = [cell.accuracy.value for cell in row.trained]
        table.add_row(
            out.text(row.arm),
            *(
                out.text(f"{100 * value:.1f}", "bold" if value == top else "")
                for value, top in zip(values, best, strict=True)
            ),
        )
    out.print(table)


def show_gains(found: Comparison, out: Printer) -> None:
    for at in found.headlines:
        out.heading(f"Gain over the untouched model in points, {found.columns[at].domain}")
        table = grid("left", "right", "left", "right", "right", "left")
        names = ("", "trained", "95% interval", "by seed", "shipped", "95% interval")
        table.add_row(*(out.text(name, "dim") for name in names))
        for row in found.rows[1:]:
            trained, shipped = row.trained[at].gain, row.shipped[at].gain
            assert trained is not None  # the base model alone has no gain
            assert shipped is not None
            table.add_row(
                out.text(row.arm),
                out.text(points(trained.value), style_of(trained)),
                out.text(bounds(trained), "dim"),
                out.text(" ".join(f"{100 * gain:+.0f}" for gain in trained.seeds), "dim"),
                out.text(points(shipped.value), style_of(shipped)),
                out.text(bounds(shipped), "dim"),
            )
        out.print(table)


def show_work(found: Comparison, out: Printer) -> None:
    money = found.currency or ("money" if any(row.money for row in found.rows) else "")
    table = grid("left", "right", "right", "right", "right", "right", "right")
    names = ("", "rounds", "shipped", "examples", "tokens", "time", money)
    table.add_row(*(out.text(name, "dim") for name in names))
    for row in found.rows:
        cells = [row.arm, "", "", "", "", duration(row.seconds), ""]
        if row.runs:
            shipped = sum(run.shipped_round > 0 for run in row.runs)
            if row.arm == PROMPT:
                shipped = sum(choice.proven for choice in found.prompts)
            cells[1:5] = [
                spread([run.rounds for run in row.runs]),
                f"{shipped} of {len(row.runs)}",
                f"{row.examples:,.0f}",
                f"{row.tokens:,.0f}",
            ]
            cells[6] = "" if row.money is None else amount(row.money)
        table.add_row(*map(out.text, cells))
    out.print(table)
    out.print(
        "means of an arm's runs; shipped: runs whose gate let a trained model through; examples: "
        "accepted; the base model's exams were taken once for all",
        "dim",
    )
    out.print("")
    table = grid("left", "right", "right")
    per = ("points per 100 examples", f"points per {money}" if money else "")
    table.add_row("", *(out.text(name, "dim") for name in per))
    for row in found.rows[1:]:
        rates = (rate(row.points_per_100_examples), rate(row.points_per_money))
        table.add_row(out.text(row.arm), *map(out.text, rates))
    out.print(table)


def show_prompts(found: Comparison, out: Printer) -> None:
    table = grid("left", "right", "right", "right", "left")
    table.add_row(*(out.text(name, "dim") for name in ("seed", "tried", "own", "chosen", "")))
    for choice in found.prompts:
        best = None if choice.chosen is None else choice.tried[choice.chosen].right
        right = "" if best is None else f"{best}/{choice.own.asked}"
        cells = (f"{choice.seed}", f"{len(choice.tried)}", f"{choice.own.right}/{choice.own.asked}")
        table.add_row(*map(out.text, (*cells, right, choice.status)))
    out.print(table)
    out.print(
        "right answers to dev under the student's own system prompt and under the chosen one; that "
        "flatters, since it was chosen on these questions, and the sealed exams were asked once",
        "dim",
    )
    for choice in found.prompts:
        if choice.system is not None:
            out.print(f"seed {choice.seed}, for student.system:")
            out.unwrapped(json.dumps(choice.system, ensure_ascii=False))
        elif choice.why:
            out.print(f"seed {choice.seed}: {choice.why}", "yellow")


def show_departures(found: Comparison, out: Printer) -> None:
    """Where they first leave the worked solution; beside it, what does not add up."""
    every = Counter[str]()
    for row in found.rows:
        every.update(row.departures.first if row.departures else {})
    kinds = [kind for kind, _ in every.most_common(MOST_DEPARTURES)]
    numbers: list[Column] = ["right"] * (len(kinds) + 2)
    table = grid("left", *numbers)
    table.add_row("", *(out.text(name, "dim") for name in ("right", *kinds, "false equation")))
    for row in found.rows:
        if (told := row.departures) is None:
            continue
        counts = (told.right, *(told.first.get(kind, 0) for kind in kinds), told.false_equation)
        shares = (out.text(f"{100 * n / told.answers:.1f}") for n in counts)
        table.add_row(out.text(row.arm), *shares)
    out.print(table)
    out.print(
        "a wrong answer is counted where it first leaves the worked solution; false equation: one "
        "that does not hold in itself, in right answers too",
        "dim",
    )


def show_pairs(found: Comparison, out: Printer) -> None:
    several = len({pair.domain for pair in found.pairs}) > 1
    table = grid("left", "left", "right", "left", "right", "right")
    names = ("", "", "difference", "95% interval", "p", "p, all pairs")
    table.add_row(*(out.text(name, "dim") for name in names))
    for pair in found.pairs:
        told = pair.difference
        table.add_row(
            out.text(f"{pair.first} - {pair.second}"),
            out.text(pair.domain if several else "", "dim"),
            out.text(points(told.value), style_of(told) if pair.p_holm < 0.05 else "yellow"),
            out.text(bounds(told), "dim"),
            out.text(chance(told.p)),
            out.text(chance(pair.p_holm), "bold" if pair.p_holm < 0.05 else ""),
        )
    out.print(table)
    out.print("p, all pairs: corrected for their number (Holm)", "dim")


def tokens_said(found: Comparison) -> list[str]:
    """A line for each arm that did not train on what it was to."""
    return [
        f"{row.arm} trained on {row.tokens:,.0f} tokens a run, not on {found.tokens:,} "
        f"(ended with: {', '.join(dict.fromkeys(run.status for run in row.runs))})"
        for row in found.rows[1:]
        if row.arm != PROMPT and abs(row.tokens - found.tokens) > SAME_TOKENS * found.tokens
    ]


def points(share: float) -> str:
    return f"{100 * share:+.1f}"


def bounds(found: Pooled) -> str:
    low, high = found.ci95
    return f"{100 * low:+.1f} to {100 * high:+.1f}"


def style_of(gain: Difference) -> str:
    low, high = gain.ci95
    return "bold green" if low > 0 else "bold red" if high < 0 else "bold yellow"


def chance(p: float) -> str:
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def rate(number: float | None) -> str:
    return "" if number is None else f"{number:+.1f}"


def spread(numbers: Sequence[int]) -> str:
    """`3`, or `1 to 3`."""
    low, high = min(numbers), max(numbers)
    return f"{low}" if low == high else f"{low} to {high}"


def print_outlook(found: Outlook, console: Console, currency: str | None) -> None:
    """What `errata compare CONFIG` would do."""
    out = Printer(console)
    left = sum(run.standing != "finished" for run in found.runs)
    out.heading(f"{found.name}: {count(len(found.runs), 'run')}, {left} of them to do")
    table = grid("left", "left", "right", "right", "left")
    names = ("run", "strategy", "rounds", "tokens a round", "")
    table.add_row(*(out.text(name, "dim") for name in names))
    for run in found.runs:
        rounds, tokens = run.config.stop.rounds, run.config.training.tokens or 0
        cells = (run.run, run.arm, f"{rounds}", f"{tokens:,}", run.standing)
        table.add_row(*map(out.text, cells))
    out.print(table)
    asked = ", ".join(f"{name} {n:,}" for name, n in found.questions.items())
    out.print(f"{found.tokens:,} tokens are trained in each run", "dim")
    out.print(f"the base model is asked each question once: {asked}", "dim")
    if found.estimate is not None:
        for line in estimate_lines(found.estimate, Budget(), currency):
            out.print(line)


# Two runs.


def print_flips(found: Flips, console: Console) -> None:
    """What the second run's model changed."""
    out = Printer(console)
    chosen = ", on which the best models were chosen" if found.set == "dev" else ""
    out.heading(
        f"{found.first} and {found.second}: {found.all.asked} {found.set} questions{chosen}"
    )
    table = grid("left", "right", "right")
    table.add_row("", *(out.text(f"{found.second} {how}", "dim") for how in ("right", "wrong")))
    told = found.all
    for name, numbers in (
        (f"{found.first} right", (told.kept_right, told.broken)),
        (f"{found.first} wrong", (told.fixed, told.kept_wrong)),
    ):
        table.add_row(out.text(name, "dim"), *(out.text(f"{n}") for n in numbers))
    out.print(table)
    out.print(
        f"gain    {points(found.gain.value)} points, 95% interval {bounds(found.gain)}, paired: "
        f"{told.fixed} fixed, {told.broken} broken, p {chance(found.gain.p)} (sign test)",
        style_of(found.gain),
    )
    if found.not_counted:
        out.print(f"{count(found.not_counted, 'question')} without a verdict, not counted", "dim")
    for difference in found.differs:
        out.print(f"not made alike: {difference}", "yellow")
    if found.loss is not None:
        show_loss(found.loss, found, out)
    show_counts("By kind", found.by_kind, out)
    show_counts("By exam", found.by_exam, out)
    for outcome in ("fixed", "broken"):
        show_questions(outcome, [f for f in found.examples if f.outcome == outcome], found, out)


def show_loss(loss: Loss, found: Flips, out: Printer) -> None:
    for part in (part for part in loss.parts if part.lost):
        out.print(
            f"worse   {found.second} in {part.name}: {part.fixed} fixed, {part.broken} broken, "
            f"p {chance(part.p_holm)} of {count(len(loss.parts), 'part')}, level {loss.level:g}",
            "red",
        )
    if not loss.worse:
        low = max(0.0, -found.gain.ci95[0])
        out.print(
            f"no loss is proven at level {loss.level:g}; one of {100 * low:.1f} points is still "
            "possible",
            "green",
        )
    sees = "no loss can be" if loss.sees is None else f"a loss of {100 * loss.sees:.0f} points is"
    out.print(f"with {found.all.asked} questions {sees} found 4 times in 5", "dim")


def show_counts(title: str, parts: Mapping[str, Counts], out: Printer) -> None:
    if not parts:
        return
    out.heading(title)
    table = grid("left", *(["right"] * 5))  # type: ignore[arg-type]
    names = ("", "asked", "kept right", "fixed", "broken", "kept wrong")
    table.add_row(*(out.text(name, "dim") for name in names))
    for name, told in list(parts.items())[:MOST_KINDS]:
        numbers = (told.asked, told.kept_right, told.fixed, told.broken, told.kept_wrong)
        table.add_row(out.text(name or "(no kind)"), *(out.text(f"{n}") for n in numbers))
    out.print(table)
    if len(parts) > MOST_KINDS:
        out.print(f"… and {len(parts) - MOST_KINDS} more with fewer changes", "dim")


def show_questions(outcome: str, flips: Sequence[Flip], found: Flips, out: Printer) -> None:
    if not flips:
        return
    out.heading(f"Some that were {outcome}")
    for flip in flips:
        out.print(flip.question_id)
        if flip.prompt is not None:
            out.print(
                out.lines(
                    [
                        ("question", flip.prompt),
                        ("target", flip.target or ""),
                        (found.first, flip.first or ""),
                        (found.second, flip.second or ""),
                    ]
                )
            )
    if flips[0].prompt is None:
        out.print("--show shows the texts", "dim")


# The picture.


def draw_comparison(found: Comparison, folder: Path) -> None:
    """Writes compare.svg and compare.png: the arms' accuracies, a panel each domain."""
    import matplotlib
    from matplotlib.figure import Figure

    at = found.headlines
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        # Names of exams in a script that the font lacks become boxes, not noise.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        size = (2.2 + 4.6 * len(at), 1.9 + 0.42 * len(found.rows))
        figure = Figure(figsize=size, layout="constrained")
        figure.suptitle(
            f"{shorten(found.name, 40)}: {count(found.seeds, 'seed')}  "
            f"({shorten(found.model, 30)})",
            x=0.015,
            ha="left",
            fontsize=13,
            fontweight="bold",
        )
        axes = figure.subplots(1, len(at), squeeze=False, sharey=True)[0]
        for panel, column in zip(axes, at, strict=True):
            draw_panel(found, column, panel)
        save(figure, folder, "compare")


def draw_panel(found: Comparison, at: int, axes: Axes) -> None:
    base = found.rows[0].trained[at].accuracy.value
    axes.axvline(base, color=QUIET, linewidth=0.9, linestyle=(0, (5, 4)))
    for height, row in enumerate(found.rows):
        draw_arm(row, at, height, axes)
    axes.set_yticks(range(len(found.rows)), [row.arm for row in found.rows], color=INK)
    axes.set_ylim(len(found.rows) - 0.4, -0.6)
    axes.xaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f}%")
    rule(axes, "x")
    column = found.columns[at]
    axes.set_title(f"{shorten(column.name, 24)}, {column.domain} ({column.n})")
    axes.set_xlabel(
        "filled: last model trained, with its 95% interval\nhollow: shipped; ticks: seeds; "
        "dashed: untouched"
    )


def draw_arm(row: ArmRow, at: int, height: int, axes: Axes) -> None:
    reached, gain = row.trained[at].accuracy, row.trained[at].gain
    color = QUIET if gain is None else color_of(gain.value)
    axes.plot(reached.ci95, [height, height], color=color, alpha=0.55, linewidth=1.3, zorder=2)
    if row.runs:
        axes.plot(reached.seeds, [height] * len(reached.seeds), "|", color=color, markersize=9)
        shipped = row.shipped[at].accuracy.value
        axes.plot(
            shipped, height + 0.24, "o", markersize=5, markerfacecolor="white", markeredgecolor=TEST
        )
    axes.plot(reached.value, height, "o", markersize=8, color=color, zorder=3)
    axes.text(reached.value, height - 0.2, f"{100 * reached.value:.1f}", ha="center", **SMALL)
