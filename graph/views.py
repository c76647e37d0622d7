"""What a person reads in the terminal: the end of a run, the list of runs, one exam's result."""

from __future__ import annotations

import fcntl
import json
import shlex
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from errata.agents.records import Accuracy
from errata.graph.printer import (
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
from errata.graph.report import Report
from errata.graph.run_folder import RunFolder
from errata.graph.trace_view import events_of, print_trace, step_under_way

__all__ = ["print_accuracy", "print_runs", "print_summary", "print_trace"]

MOST_KINDS = 24
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
        "bold green" if gain.ci95[0] > 0 else "bold red" if gain.ci95[1] < 0 else "bold yellow",
    )
    if report.best_round == 0:
        out.print("No round was better than the model that the run began with.")

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

    if rounds:
        out.heading("Work by round, steps in seconds")
        out.print(work_table(report, out))
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
    out.heading("What you have now")
    show_use(report, folder, out)


def work_table(report: Report, out: Printer) -> Table:
    """Mistakes, examples and seconds of each round."""
    names = ("round", "mistakes", "examples", "refused", *STEPS)
    numbers: list[Column] = ["right"] * (len(names) - 1)
    table = grid("left", *numbers)
    table.add_row(*(out.text(name, "dim") for name in names))
    for model in report.rounds:
        written = model.examples
        counts = (model.mistakes, written.accepted, sum(written.rejected.values()))
        seconds = [model.seconds.get(step) for step in STEPS]
        cells = ["base", "", "", ""] if model.index == 0 else [str(model.index), *map(str, counts)]
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
        out.print("")
        command = f"errata exam {shlex.quote(base)} arithmetic --adapter {shlex.quote(adapter)}"
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
    out.unwrapped(f"The picture: {folder / 'report.svg'}")
    out.unwrapped(f"The numbers: {folder / 'report.json'}")
    out.unwrapped(f"What each agent saw and said: errata trace {shlex.quote(report.name)}")


def print_accuracy(found: Accuracy, console: Console) -> None:
    """The result of a single exam."""
    out = Printer(console)
    low, high = found.ci95
    out.print(f"{found.accuracy:.1%} right: {found.correct} of {found.n}", "bold")
    out.print(f"95% interval {low:.1%} to {high:.1%}", "dim")
    if found.by_kind:
        table = grid("left", "right", "plot")
        for kind, (right, asked) in sorted(
            found.by_kind.items(), key=lambda item: (-item[1][0] / item[1][1], item[0])
        ):
            bar = "█" * round(20 * right / asked)
            table.add_row(
                out.text(kind or "(no kind)"), out.text(f"{right}/{asked}"), out.text(bar, "cyan")
            )
        out.print("")
        out.print(table)


def print_runs(folders: Sequence[RunFolder], console: Console) -> None:
    """A line a run: how it stands, and what it gained."""
    out = Printer(console)
    if not folders:
        out.print("There are no runs here yet: `errata demo` makes one.")
        return
    table = grid("left", "left", "right", "left", "right", "left")
    names = ("run", "status", "rounds", "sealed test", "gain", "last written")
    table.add_row(*(out.text(name, "dim") for name in names))
    unfinished = False
    for folder in folders:
        status, rounds, test, gain = standing(folder)
        unfinished |= status.startswith("unfinished")
        files = [path for path in folder.path.glob("*") if path.suffix in (".json", ".jsonl")]
        when = datetime.fromtimestamp(max(path.stat().st_mtime for path in files))
        table.add_row(
            *(out.text(cell) for cell in (folder.name, status, rounds, test, gain)),
            out.text(f"{when:%Y-%m-%d %H:%M}"),
        )
    out.print(table)
    if unfinished:
        out.print("`errata resume NAME` goes on with an unfinished run.", "dim")


def standing(folder: RunFolder) -> tuple[str, str, str, str]:
    """Status, rounds, test before → after, gain: what print_runs says of one run."""
    path = folder.path / "report.json"
    if path.exists():
        try:
            report = Report.model_validate_json(path.read_bytes())
        except ValidationError:
            return "finished, by another version of errata", "", "", ""
        test = report.test
        return (
            report.status,
            str(len(report.rounds) - 1),
            f"{test.base.accuracy:.1%} → {test.final.accuracy:.1%}",
            f"{100 * test.gain.accuracy:+.1f}",
        )
    events = events_of(folder)
    now = step_under_way(events)
    status = "at work" if at_work(folder) else "unfinished"
    if now == "review":
        status = "unfinished, waits for your review"
    elif now:
        status += f": {now}"
    return status, str(max((event["round"] for event in events), default=0)), "", ""


def at_work(folder: RunFolder) -> bool:
    """Whether a process holds the folder."""
    try:
        with (folder.path / "lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
