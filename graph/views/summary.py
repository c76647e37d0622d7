"""What a person reads in the terminal: the end of a run, the list of runs, one exam's result."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from rich.console import Console
from rich.table import Table

from errata.graph.judging import told
from errata.graph.manifest import Manifest
from errata.graph.report import Gain, Report
from errata.graph.report_text import shared_with_practice
from errata.graph.views.answer_types import show_answer_types
from errata.graph.views.costs import show_cost
from errata.graph.views.printer import (
    Column,
    Printer,
    count,
    dumbbell,
    duration,
    grid,
    interval,
    scale,
    whisker,
)

MOST_KINDS = 24
LEARNT_FROM = ("mistakes", "picked", "solutions")
STEPS = ("examine", "contrast", "diagnose", "write", "train")


def print_summary(report: Report, console: Console, folder: Path) -> None:
    """What a finished run achieved, how, and how to use it."""
    out = Printer(console)
    test = report.test
    gain = test.gain
    low, high = (100 * bound for bound in gain.ci95)
    sure = gain.ci95[0] > 0 or gain.ci95[1] < 0
    rounds = len(report.rounds) - 1
    out.heading(f"{report.name}: {report.status}")
    out.print(
        f"{count(rounds, 'round')} in {duration(report.seconds)}, student {report.model.base}, "
        f"target {report.target_accuracy:.0%} on dev",
        "dim",
    )
    if why := why_stopped(report):
        out.print(why)
    out.heading(f"Sealed test, {test.final.n} questions that nothing was learnt from")
    width = max(20, min(44, console.width - 46))
    table = grid("left", "right", "right", "plot")
    for name, found, color in (("before", test.base, ""), ("after", test.final, "green")):
        table.add_row(
            out.text(f"{name:7}"),  # as wide as `round 1`: both plots have one scale
            out.text(f"{found.accuracy:.1%}", f"bold {color}"),
            out.text(interval(found), "dim"),
            out.text(whisker(found, width, filled=name == "after"), color),
        )
    table.add_row("", "", "", out.text(scale(width), "dim"))
    out.print(table)
    out.print(
        f"gain    {100 * gain.accuracy:+.1f} points, 95% interval {low:+.1f} to {high:+.1f}, "
        f"paired{'' if sure else ': may be chance'}",
        color_of(gain),
    )
    for line in shared_with_practice(test):
        out.print(line)
    for reading in report.readings:
        if reading.earlier:
            name = "This test set" if reading.set == "test" else "The out-of-domain set"
            of = f" of {reading.exam}" if reading.exam else ""
            out.print(f"{name}{of} was read by {reading.earlier} before this one.")
    for judge in report.judges:
        for line in told(judge):
            out.print(line)
    if report.best_round == 0:
        out.print("No round was better than the model that the run began with.")

    if report.exams:
        show_exams(report, out)
    if report.twisted:
        show_twists(report, out)
    out.heading("Dev exam by round")
    table = grid("left", "right", "right", "plot", "left")
    for model in report.rounds:
        name = "base" if model.index == 0 else f"round {model.index}"
        if model.dev is None:
            table.add_row(out.text(name), "", "", out.text("no candidate", "dim"), "")
            continue
        color = "cyan" if model.promoted else "dim"
        table.add_row(
            out.text(name),
            out.text(f"{model.dev.accuracy:.1%}", f"bold {color}"),
            out.text(interval(model.dev), "dim"),
            out.text(whisker(model.dev, width, model.promoted, report.target_accuracy), color),
            out.text(
                "" if model.index == 0 else "promoted" if model.promoted else "dropped", color
            ),
        )
    table.add_row("", "", "", out.text(scale(width), "dim"), "")
    out.print(table)
    out.print("●─ promoted, ○─ dropped, each with its 95% interval; ┆ target", "dim")
    for model in report.rounds[1:]:
        if model.promotion is not None:
            out.print(
                f"round {model.index}: {model.promotion.verdict}: {model.promotion.why}", "dim"
            )
    if report.best_round:
        out.print(f"round {report.best_round} was chosen on these questions: its figure flatters")
    if said := on_target(report):
        out.print(said)

    if rounds:
        out.heading("Work by round, steps in seconds")
        out.print(work_table(report, out))
    if report.cost is not None:
        show_cost(report.cost, out)
    if test.final.by_kind:
        kinds = test.kinds(MOST_KINDS)
        every = len(test.final.by_kind)
        most = "" if len(kinds) == every else f", the {len(kinds)} largest of {every}"
        out.heading(f"Sealed test by kind{most}")
        table = grid("left", "right", "right", "right", "plot", "right")
        table.add_row(*(out.text(name, "dim") for name in ("", "asked", "before", "after", "", "")))
        for kind in kinds:
            before, after = kind.before / kind.asked, kind.after / kind.asked
            color = "green" if after > before else "red" if after < before else "dim"
            table.add_row(
                out.text(kind.kind),
                out.text(f"{kind.asked}", "dim"),
                out.text(f"{before:.0%}"),
                out.text(f"{after:.0%}", color),
                out.text(dumbbell(before, after, max(12, min(32, console.width - 58))), color),
                out.text(f"{100 * (after - before):+.0f}" if after != before else "", color),
            )
        out.print(table)
    show_answer_types(test.final, out, "Sealed test: ", test.base)
    out.heading("What you have now")
    show_use(report, folder, out)


def on_target(report: Report) -> str:
    """Whether the best model's dev exam proves the target; nothing where it is far from it."""
    dev = report.rounds[report.best_round].dev
    target = report.target_accuracy
    if dev is None or dev.accuracy < target:
        return ""
    low, high = dev.ci95
    said = f"{dev.accuracy:.1%} on dev reaches the target of {target:.0%}, "
    said += f"{'and so does' if low >= target else 'but not'} the whole interval "
    return said + f"({100 * low:.1f} to {100 * high:.1f})"


def why_stopped(report: Report) -> str:
    """Which stop rule ended the run; empty where the status says all."""
    if report.status == "no promotion" and report.patience is not None:
        rounds = count(report.patience, "round")
        return f"No candidate was promoted in {rounds}; stop.patience allows no more."
    if report.status == "out of time" and report.hours is not None:
        worked, allowed = duration(report.seconds), duration(3600 * report.hours)
        return f"No new round was begun: {worked} of work by the end, stop.hours allows {allowed}."
    if report.status == "nothing new to learn":
        return "It was all learnt in one go: another round would have brought nothing new."
    return ""


def show_exams(report: Report, out: Printer) -> None:
    """The paper's table: an exam a column, then the averages."""
    out.heading("Accuracy by exam, in percent")
    columns: list[tuple[str, str, float, float, Gain | None]] = []
    for domain, mean in (("in", report.in_domain), ("out of", report.out_of_domain)):
        ours = [exam for exam in report.exams if exam.in_domain == (domain == "in")]
        columns += [(f"{domain} domain", e.exam, e.base, e.final, e.gain) for e in ours]
        if mean is not None and len(ours) > 1:
            columns.append((f"{domain} domain", "average", mean.base, mean.final, None))
    if report.overall is not None and report.out_of_domain is not None:
        columns.append(("all", "average", report.overall.base, report.overall.final, None))
    right: list[Column] = ["right"] * len(columns)
    table = grid("left", *right)
    above = ["", *(column[0] for column in columns)]
    above = ["" if at and name == above[at - 1] else name for at, name in enumerate(above)]
    table.add_row(*(out.text(name, "dim") for name in above))
    table.add_row("", *(out.text(column[1]) for column in columns))
    table.add_row("base", *(out.text(f"{100 * column[2]:.1f}") for column in columns))
    table.add_row("best", *(out.text(f"{100 * column[3]:.1f}", "bold") for column in columns))
    table.add_row(
        "gain", *(out.text(f"{100 * (c[3] - c[2]):+.1f}", color_of(c[4])) for c in columns)
    )
    bounds = [[f"{100 * b:+.1f}" for b in c[4].ci95] if c[4] else ["", ""] for c in columns]
    table.add_row(out.text("  from", "dim"), *(out.text(low, "dim") for low, _ in bounds))
    table.add_row(out.text("  to", "dim"), *(out.text(high, "dim") for _, high in bounds))
    out.print(table)
    out.print("from, to: 95% interval of the paired gain; averages count each exam alike", "dim")


def show_twists(report: Report, out: Printer) -> None:
    """The sealed test with a twist beside the plain one, a line for each model."""
    out.heading("The sealed test with a twist, accuracy in percent")
    table = grid("left", "left", "left", "right", "right", "right", "left")
    titles = ("", "", "", "plain", "twisted", "", "95% interval, paired")
    table.add_row(*(out.text(title, "dim") for title in titles))
    for exam in report.twisted:
        for fall in exam.falls:
            low, high = (100 * bound for bound in fall.difference.ci95)
            first = fall is exam.falls[0]
            table.add_row(
                out.text(exam.exam if first else ""),
                out.text(exam.twist if first else "", "dim"),
                out.text(fall.model, "dim"),
                out.text(f"{100 * fall.plain:.1f}"),
                out.text(f"{100 * fall.twisted:.1f}", "bold"),
                out.text(f"{100 * fall.difference.accuracy:+.1f}", color_of(fall.difference)),
                out.text(f"{low:+.1f} to {high:+.1f}", "dim"),
            )
    out.print(table)


def color_of(gain: Gain | None) -> str:
    if gain is None:
        return "bold"
    return "bold green" if gain.ci95[0] > 0 else "bold red" if gain.ci95[1] < 0 else "bold yellow"


def work_table(report: Report, out: Printer) -> Table:
    """What each round learnt from, examples, and seconds."""
    kinds = [k for k in LEARNT_FROM if any(getattr(r, k) is not None for r in report.rounds)]
    names = ("round", *kinds, "examples", "refused", *STEPS)
    numbers: list[Column] = ["right"] * (len(names) - 1)
    table = grid("left", *numbers)
    table.add_row(*(out.text(name, "dim") for name in names))
    for model in report.rounds:
        written = model.examples
        learnt_from = [getattr(model, kind) for kind in kinds]
        counts = [*learnt_from, written.accepted, sum(written.rejected.values())]
        seconds = [model.seconds.get(step) for step in STEPS]
        cells = ["base" if model.index == 0 else str(model.index)]
        cells += ["" if n is None or model.index == 0 else str(n) for n in counts]
        cells += ["" if s is None else f"{s:.{int(s < 10)}f}" for s in seconds]
        table.add_row(*map(out.text, cells))
    return table


def show_use(report: Report, folder: Path, out: Printer) -> None:
    """Where the adapter and the reports lie, and what to type."""
    base, adapter = report.model.base, report.model.adapter
    if adapter is None:
        out.unwrapped(f"The model to use is still {base}; the run made no adapter that is better.")
    else:
        weights = 'weights_of("bundled")' if base == "bundled" else json.dumps(base)
        out.unwrapped(f"A LoRA adapter for {base}: {adapter}")
        if report.model.quantize is not None:
            out.unwrapped(
                "It was trained and asked beside 4-bit weights; the lines below load whole ones."
            )
        out.print("")
        words = ["errata", "exam", base, *report.model.exams, "--adapter", adapter]
        if report.model.system is not None:
            words += ["--system", report.model.system]
        command = shlex.join(words)
        out.unwrapped(f"  {command}", "cyan")
        out.print("")
        lines = [
            "from peft import PeftModel",
            "from transformers import AutoModelForCausalLM",
            f"base = AutoModelForCausalLM.from_pretrained({weights})",
            f"model = PeftModel.from_pretrained(base, {json.dumps(adapter)})",
        ]
        if base == "bundled":
            lines.insert(2, "from errata.training.models import weights_of")
        for line in lines:
            out.unwrapped(f"  {line}", "cyan")
        out.print("")
    if (folder / "report.svg").exists():
        out.unwrapped(f"The picture: {folder / 'report.svg'}")
    if (folder / "report.md").exists():
        out.unwrapped(f"The same as text, for a ticket: {folder / 'report.md'}")
    out.unwrapped(f"The numbers: {folder / 'report.json'}")
    out.unwrapped(f"What each agent saw and said: errata trace {shlex.quote(report.name)}")
    seal = Manifest(folder).sealing()
    if seal is not None:
        out.print("")
        out.unwrapped(f"The run is sealed: {seal.short}. Keep this number; with it")
        out.unwrapped(f"  errata audit {shlex.quote(report.name)} --seal {seal.short}", "cyan")
        out.print("finds whatever is changed from now on.")
