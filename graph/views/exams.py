"""What a model reached in exams, and what responses made elsewhere are worth, in the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from errata.agents.records import Accuracy
from errata.agents.second_look import SecondLook
from errata.graph.commands.exam import Evaluation, ExamResult
from errata.graph.commands.mark import Marks
from errata.graph.views.answer_types import show_answer_types
from errata.graph.views.costs import show_cost
from errata.graph.views.printer import (
    Column,
    Printer,
    count,
    grid,
    interval,
    whisker,
)


def print_evaluation(found: Evaluation, console: Console) -> None:
    """What a model reached in one exam or several."""
    out = Printer(console)
    if len(found.exams) > 1:
        out.heading(found.model)
        table = grid("left", "right", "right", "right", "plot", "right")
        table.add_row(*(out.text(t, "dim") for t in ("", "right", "asked", "95% interval", "", "")))
        for exam in found.exams:
            reached = exam.result
            table.add_row(
                out.text(exam.exam),
                out.text(f"{reached.accuracy:.1%}", "bold"),
                out.text(f"{reached.n}", "dim"),
                out.text(interval(reached), "dim"),
                out.text(whisker(reached, max(12, min(32, console.width - 60)), True), "cyan"),
                out.text(f"{reached.unclear} unclear" if reached.unclear else "", "dim"),
            )
        table.add_row(out.text("average"), out.text(f"{found.average:.1%}", "bold"), "", "", "", "")
        out.print(table)
        for exam in found.exams:
            if exam.result.by_kind:
                out.heading(exam.exam)
                show_kinds(exam.result, out)
            show_answer_types(exam.result, out, f"{exam.exam}: ")
    else:
        [exam] = found.exams
        reached = exam.result
        low, high = reached.ci95
        out.print(f"{reached.accuracy:.1%} right: {reached.correct} of {reached.n}", "bold")
        clustered = ""
        if exam.samples > 1:
            asked = count(reached.n // exam.samples, "question")
            out.print(f"{exam.samples} samples of each of {asked}", "dim")
            clustered = ", clustered by question"
        out.print(f"95% interval {low:.1%} to {high:.1%}{clustered}", "dim")
        if reached.unclear:
            out.print(f"{reached.unclear} without an answer that could be read", "dim")
        if reached.by_kind:
            out.print("")
            show_kinds(reached, out)
        show_answer_types(reached, out)
    if found.exams[0].pass_at:
        show_pass_at(found.exams, out)
    for exam in found.exams:
        if exam.second_look is not None:
            show_second_look(exam.exam, exam.second_look, out)
    if found.cost is not None:
        show_cost(found.cost, out)


def show_pass_at(exams: Sequence[ExamResult], out: Printer) -> None:
    """A line for each k, a column for each exam; of one exam also a bar."""
    out.heading("At least one of k samples right")
    columns: list[Column] = ["right"] * len(exams)
    table = grid("left", *columns, "plot")
    if len(exams) > 1:
        table.add_row("", *(out.text(exam.exam, "dim") for exam in exams), "")
    for k in exams[0].pass_at:
        shares = [exam.pass_at[k] for exam in exams]
        bar = "█" * round(20 * shares[0]) if len(exams) == 1 else ""
        table.add_row(
            out.text(f"pass@{k}", "dim"),
            *(out.text(f"{share:.1%}", "bold") for share in shares),
            out.text(bar, "cyan"),
        )
    out.print(table)
    out.print("unbiased, from each question's samples", "dim")


def show_second_look(exam: str, found: SecondLook, out: Printer) -> None:
    """What became of right and of wrong answers."""
    out.heading(f"{exam}: a second look at {count(found.n, 'answer')}")
    table = grid("left", "right", "left", "left")
    table.add_row(*(out.text(title, "dim") for title in ("", "", "95% interval", "")))
    for name, part, was in (
        ("confidence: right again", found.confidence, "right"),
        ("critique: right now", found.critique, "wrong"),
    ):
        if part is None:
            table.add_row(out.text(name), "", "", out.text(f"no answer was {was}", "dim"))
            continue
        low, high = part.ci95
        table.add_row(
            out.text(name),
            out.text(f"{part.share:.1%}", "bold"),
            out.text(f"{low:.1%} to {high:.1%}", "dim"),
            out.text(f"{part.right} of {part.asked} that were {was}", "dim"),
        )
    if found.rss is not None and found.rss_ci95 is not None:
        low, high = found.rss_ci95
        table.add_row(
            out.text("RSS"),
            out.text(f"{found.rss:.2f}", "bold"),
            out.text(f"{low:.2f} to {high:.2f}", "dim"),
            out.text("0.5 where nothing changes", "dim"),
        )
    out.print(table)
    out.print(f"accuracy {found.before:.1%} before, {found.after:.1%} after", "dim")


def show_kinds(found: Accuracy, out: Printer) -> None:
    table = grid("left", "right", "plot")
    for kind, (right, asked) in sorted(
        found.by_kind.items(), key=lambda item: (-item[1][0] / item[1][1], item[0])
    ):
        bar = "█" * round(20 * right / asked)
        table.add_row(
            out.text(kind or "(no kind)"), out.text(f"{right}/{asked}"), out.text(bar, "cyan")
        )
    out.print(table)


def print_marks(found: Marks, console: Console) -> None:
    """The verdicts on responses that were made elsewhere."""
    out = Printer(console)
    out.heading(f"{found.exam}: {count(found.responses, 'response')}")
    table = grid("left", "right", "right", "right")
    table.add_row(*(out.text(title, "dim") for title in ("", "", "95% interval", "")))
    for k, share in found.pass_at.items():
        bounds = found.ci95 if k == 1 and found.samples == 1 else None
        table.add_row(
            out.text("right" if found.samples == 1 else f"pass@{k}"),
            out.text(f"{share:.1%}", "bold"),
            out.text(f"{bounds[0]:.1%} to {bounds[1]:.1%}" if bounds else "", "dim"),
            out.text(f"of {count(found.answered, 'question')}", "dim"),
        )
    out.print(table)
    if found.samples > 1:
        out.print("unbiased, from each question's samples", "dim")
    if found.unanswered:
        out.print(f"{count(found.unanswered, 'question')} without a response, not counted", "dim")
    if found.not_counted:
        out.print(f"{count(found.not_counted, 'response')} without a verdict, not counted", "dim")
    if found.left_out:
        left_out = f"{count(found.left_out, 'response')} to questions that were left out"
        out.print(f"{left_out}, not counted", "dim")
    out.heading("Why")
    table = grid("right", "left")
    for reason, number in found.reasons.items():
        table.add_row(out.text(f"{number}", "bold"), out.text(reason))
    out.print(table)
    if found.by_kind:
        out.heading("By kind, responses")
        table = grid("left", "right")
        for kind, (right, asked) in found.by_kind.items():
            table.add_row(out.text(kind or "(no kind)"), out.text(f"{right}/{asked}"))
        out.print(table)
    if found.cost is not None:
        show_cost(found.cost, out)
