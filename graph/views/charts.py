"""The picture of a report: report.svg for a page, report.png for a chat window."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from errata.graph.report import KindGain, Report

if TYPE_CHECKING:  # matplotlib takes half a second; the command line must answer at once
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_KINDS = 30
INK, QUIET, FAINT = "#22303c", "#76838f", "#dfe4e8"
DEV, TEST, LOSS = "#33658a", "#1d7d5f", "#b5523b"
SMALL: dict[str, Any] = {"color": QUIET, "fontsize": 8, "va": "bottom"}
STYLE: Any = {
    "svg.hashsalt": "errata",  # the same report gives the same file
    "font.family": "DejaVu Sans",  # comes with matplotlib
    "font.size": 9.5,
    "text.color": INK,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": QUIET,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10.5,
    "axes.titlecolor": INK,
    "axes.titlepad": 12,
    "figure.constrained_layout.h_pad": 0.12,  # inches
    "figure.constrained_layout.w_pad": 0.12,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "text.parse_math": False,  # a kind or a model may be called $x$
}


def draw_report(report: Report, folder: Path) -> None:
    """Writes report.svg and report.png."""
    import matplotlib

    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        # Kinds of questions in a script that the font lacks become boxes, not noise.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        save(draw(report), folder, "report")


def save(figure: Figure, folder: Path, stem: str) -> None:
    """As STEM.svg and STEM.png; the same figure gives the same files."""
    for name, metadata in ((f"{stem}.svg", {"Date": None}), (f"{stem}.png", {})):
        scratch = folder / f"{name}.part"
        figure.savefig(scratch, format=name[-3:], dpi=150, metadata=metadata)
        scratch.replace(folder / name)


def draw(report: Report) -> Figure:
    """Left the rounds on dev, then the sealed test before and after, then its kinds or exams."""
    from matplotlib.figure import Figure

    kinds = min(len(report.exams or report.test.final.by_kind), MOST_KINDS)
    # One unit is about two thirds of an inch.
    rounds = min(8.0, 3.0 + 0.6 * len(report.rounds))
    widths = [rounds, 2.2, 7.5] if kinds else [rounds, 2.2]
    figure = Figure(
        figsize=(1.2 + 0.68 * sum(widths), max(4.6, 1.6 + 0.2 * kinds)), layout="constrained"
    )
    figure.suptitle(
        f"{shorten(report.name, 40)}: {report.status}"
        f"{'  ' if kinds else chr(10)}({shorten(report.model.base, 40)})",
        x=0.015,
        ha="left",
        fontsize=13,
        fontweight="bold",
    )
    axes = figure.subplots(1, len(widths), width_ratios=widths, squeeze=False)[0]
    draw_rounds(report, axes[0])
    draw_test(report, axes[1])
    if report.exams:
        draw_parts(by_exam(report), "Accuracy by exam", axes[2])
    elif kinds:
        every = len(report.test.final.by_kind)
        which = "" if every <= MOST_KINDS else f", the {MOST_KINDS} largest of {every}"
        draw_parts(report.test.kinds(MOST_KINDS), f"Sealed test by kind{which}", axes[2])
    return figure


def draw_rounds(report: Report, axes: Axes) -> None:
    """Dev accuracy of each round's model: filled where it became the best."""
    percent_scale(axes)
    axes.axhline(report.target_accuracy, color=QUIET, linewidth=0.9, linestyle=(0, (5, 4)))
    last = report.rounds[-1].index
    axes.text(
        -0.48, report.target_accuracy + 0.008, f"target {report.target_accuracy:.0%}", **SMALL
    )
    best = 0.0
    line: list[float] = []
    for model in report.rounds:
        if model.dev is not None:
            best = model.dev.accuracy if model.promoted else best
            draw_point(axes, model.index, model.dev.accuracy, model.dev.ci95, DEV, model.promoted)
        else:
            axes.text(model.index, 0.02, "no candidate", rotation=90, ha="center", **SMALL)
        line.append(best)
    axes.plot(
        range(last + 1),
        line,
        color=DEV,
        alpha=0.35,
        linewidth=1.6,
        drawstyle="steps-post",
        zorder=1,
    )
    axes.set_xlim(-0.5, last + 0.5)
    axes.set_xticks(range(last + 1), ["base", *(str(r.index) for r in report.rounds[1:])])
    axes.set_xlabel("round; filled: promoted, hollow: dropped\nbars: 95% intervals")
    dev = next((r.dev for r in report.rounds if r.dev), None)
    chosen = ",\nthe best was chosen on them" if report.best_round else ""
    axes.set_title(f"Dev accuracy ({dev.n if dev else 0} questions{chosen})")


def draw_test(report: Report, axes: Axes) -> None:
    """The sealed test: base and best model, and the paired gain."""
    test = report.test
    percent_scale(axes)
    axes.set_yticklabels([])
    shares = [test.base.accuracy, test.final.accuracy]
    axes.plot([0, 1], shares, color=TEST, alpha=0.35, linewidth=1.6, zorder=1)
    draw_point(axes, 0, test.base.accuracy, test.base.ci95, TEST, filled=False)
    draw_point(axes, 1, test.final.accuracy, test.final.ci95, TEST, filled=True)
    axes.set_xlim(-0.5, 1.5)
    axes.set_xticks([0, 1], ["before", "after"])
    low, high = (100 * bound for bound in test.gain.ci95)
    axes.set_xlabel(
        f"gain {100 * test.gain.accuracy:+.1f} points\n({low:+.1f} to {high:+.1f})",
        color=color_of(test.gain.accuracy),
        fontweight="bold",
    )
    axes.set_title(f"Sealed test ({test.final.n})")


def by_exam(report: Report) -> list[KindGain]:
    return [
        KindGain(
            kind=exam.exam if exam.in_domain else f"{exam.exam}, out of domain",
            asked=exam.n,
            before=round(exam.base * exam.n),
            after=round(exam.final * exam.n),
        )
        for exam in report.exams
    ]


def draw_parts(kinds: Sequence[KindGain], title: str, axes: Axes) -> None:
    """Accuracy of each part, before and after."""
    for at, kind in enumerate(kinds):
        before, after = kind.before / kind.asked, kind.after / kind.asked
        color = color_of(after - before)
        axes.plot([before, after], [at, at], color=color, alpha=0.35, linewidth=2.4, zorder=1)
        axes.plot(before, at, "o", markersize=6, markerfacecolor="white", markeredgecolor=color)
        axes.plot(after, at, "o", markersize=6, color=color)
    axes.set_yticks(
        range(len(kinds)), [f"{shorten(k.kind, 32)} ({k.asked})" for k in kinds], color=INK
    )
    axes.set_ylim(max(len(kinds), 8) - 0.4, -0.6)
    axes.set_xlim(-0.03, 1.03)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0%", "25%", "50%", "75%", "100%"])
    rule(axes, "x")
    axes.set_xlabel("hollow: before, filled: after")
    axes.set_title(title)


def draw_point(
    axes: Axes, at: float, share: float, ci95: tuple[float, float], color: str, filled: bool
) -> None:
    low, high = ci95
    axes.plot([at, at], [low, high], color=color, alpha=0.55, linewidth=1.3, zorder=2)
    face = color if filled else "white"
    axes.plot(
        at,
        share,
        "o",
        markersize=8,
        markeredgewidth=1.5,
        color=color,
        markerfacecolor=face,
        zorder=3,
    )
    axes.text(
        at,
        high + 0.018,
        f"{share:.0%}",
        color=color,
        fontsize=9,
        ha="center",
        va="bottom",
        bbox={"color": "white", "pad": 0.8},  # legible on the target's line
    )


def color_of(gain: float) -> str:
    return TEST if gain > 0 else LOSS if gain < 0 else QUIET


def percent_scale(axes: Axes) -> None:
    axes.set_ylim(0, 1.08)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0%", "25%", "50%", "75%", "100%"])
    rule(axes, "y")


def rule(axes: Axes, axis: Literal["x", "y"]) -> None:
    """Faint lines behind everything at the marks of an axis, in place of frame and ticks."""
    axes.grid(axis=axis, color=FAINT, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)
    axes.tick_params(length=0)


def shorten(text: str, width: int) -> str:
    """`text`, its middle left out where it is longer than `width` characters."""
    half = (width - 1) // 2
    return text if len(text) <= width else f"{text[:half]}…{text[-half:]}"
