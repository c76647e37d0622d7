"""Examples one after the other in the terminal, and what a person says of each."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from pathlib import Path

from rich.console import Console

from errata.agents.records import ReviewEntry, Row, whole_text
from errata.graph.commands.review import Walk
from errata.graph.views.printer import Lines, Printer, asked, count

KEYS = "a accept · e edit · r reject · n note · b back · q stop here · ? help"
HELP = (
    ("a, Enter", "train on it as it stands (edited, where you edited it)"),
    ("e", "edit its question and answer in $EDITOR; the checks are asked at once"),
    ("r", "train on it neither now nor in a later round; asks why"),
    ("n", "a note for the records"),
    ("b", "back to the one before"),
    ("q", "stop: what was said is kept, the same command goes on"),
)
PARTS = ("question", "answer", "target")
RULE = "-----8<----- "
"""Begins the line above each part of a text to edit."""


def walk_through(walk: Walk, console: Console) -> None:
    """Asks until every example has its word, or the person stops."""
    out = Printer(console, full=True)
    at = next((n for n, id in enumerate(walk.order) if id not in walk.entries), 0)
    every = len(walk.order)
    out.heading(f"{walk.folder.name}, round {walk.index}: {count(every, 'example')} to review")
    out.print(KEYS, "dim")
    while at < every:
        id = walk.order[at]
        show(walk, id, f"{at + 1} of {every}", out)
        key = ask(console, "> ").strip().lower()
        if key in ("a", ""):
            entry = walk.entries.get(id)
            if entry is None or entry.verdict == "rejected":
                walk.say(ReviewEntry(example_id=id, verdict="accepted"))
            at += 1
        elif key == "r":
            note = ask(console, "why? ")
            walk.say(ReviewEntry(example_id=id, verdict="rejected", note=note))
            at += 1
        elif key == "e":
            edit(walk, id, out)
        elif key == "n":
            entry = walk.entries.get(id) or ReviewEntry(example_id=id, verdict="accepted")
            walk.say(entry.model_copy(update={"note": ask(console, "note: ")}))
        elif key == "b":
            at = max(0, at - 1)
        elif key == "q":
            break
        else:
            out.print(out.lines(list(HELP)))
    show_end(walk, out)


def ask(console: Console, prompt: str) -> str:
    """What is typed; the end of the input stops the walk."""
    try:
        return console.input(prompt)
    except EOFError:
        return "q"


def show(walk: Walk, id: str, place: str, out: Printer) -> None:
    """An example as it will be trained on, beside what it was written for."""
    example, rows = walk.as_it_stands(id), walk.rows[id]
    entry = walk.entries.get(id)
    source = walk.practice.get(example.question_id)
    out.heading(f"{place}: {id}{f', {entry.verdict}' if entry else ''}")
    lines: Lines = [("cause", example.cause)]
    if source is not None and example.made_from != "solution":
        lines.append(("from", whole_text(source)))
    if entry is not None and entry.verdict == "edited":
        lines += [*asked(example), ("answer", example.completion)]
    else:
        for row in rows:
            lines += as_trained(row)
    lines.append(("target", example.target))
    if example.votes is not None and example.votes[1]:
        lines.append(("votes", f"{example.votes[0]} of {example.votes[1]} solutions agree"))
    if entry is not None:
        lines.append(("note", entry.note))
    out.print(out.lines(lines))


def as_trained(row: Row) -> Lines:
    made_by = "" if row.made_by == "example" else row.made_by
    return [
        ("made by", made_by),
        ("system", row.system or ""),
        *asked(row),
        ("begins", row.given),
        ("answer", row.completion),
        ("not", row.rejected or ""),
    ]


def edit(walk: Walk, id: str, out: Printer) -> None:
    """The example in the person's editor, until it passes or they leave it."""
    before = walk.as_it_stands(id)
    said = walk.entries.get(id)
    texts = (before.prompt, before.completion, before.target)
    while True:
        changed = parts_of(in_editor(in_parts(texts)))
        if changed is None:
            out.print("the lines that begin the parts are gone: nothing is changed", "yellow")
            return
        if changed == (before.prompt, before.completion, before.target):
            out.print("nothing is changed", "dim")
            return
        prompt, completion, target = changed
        found = walk.answer_in(id, prompt, completion) if target == before.target else None
        if found is not None:
            question = f"the answer says {found}, the target {target}: is {found} the target? y/N "
            out.console.print(out.text(question), end="")
            if ask(out.console, "").strip().lower() == "y":
                target = found
        why = walk.say(
            ReviewEntry(
                example_id=id,
                verdict="edited",
                prompt=prompt,
                completion=completion,
                target=target,
                note=said.note if said else "",
            )
        )
        if why is None:
            out.print("it passes the checks", "green")
            return
        out.print(f"refused: {why}", "yellow")
        if ask(out.console, "edit again? Y/n ").strip().lower() in ("n", "q"):
            return
        texts = (prompt, completion, target)


def in_parts(texts: tuple[str, str, str]) -> str:
    parts = zip(PARTS, texts, strict=True)
    return "".join(f"{RULE}{name}\n{text}\n" for name, text in parts)


def parts_of(text: str) -> tuple[str, str, str] | None:
    """The parts of an edited text; None where the lines between them are gone."""
    rest = text
    found: list[str] = []
    for name, following in zip(PARTS, (*PARTS[1:], ""), strict=True):
        _, begin, rest = rest.partition(f"{RULE}{name}\n")
        if not begin:
            return None
        part = rest.partition(f"\n{RULE}{following}\n")[0] if following else rest
        found.append(part.removesuffix("\n"))
    return found[0], found[1], found[2]


def in_editor(text: str) -> str:
    """What a person makes of a text in $VISUAL, $EDITOR or vi."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "example.txt"
        file.write_text(text, encoding="utf-8")
        try:
            subprocess.run([*shlex.split(editor), str(file)], check=True)
        except (OSError, ValueError, subprocess.CalledProcessError):
            return ""
        return file.read_text(encoding="utf-8", errors="replace").replace("\r\n", "\n")


def show_end(walk: Walk, out: Printer) -> None:
    """What was said, and what to do next."""
    verdicts = [entry.verdict for entry in walk.entries.values()]
    left = len(walk.order) - len(verdicts)
    out.print("")
    said = [f"{verdicts.count(v)} {v}" for v in ("accepted", "edited", "rejected")]
    out.print(", ".join(said) + f", {left} without a word: these are trained on as they are")
    run = shlex.quote(walk.folder.name)
    if not verdicts:
        out.unwrapped(f"nothing is written; errata resume {run} --approve takes all")
        return
    command = f"errata resume {run} --review {shlex.quote(str(walk.out))}"
    out.unwrapped(f"{walk.out} is written. Next: {command}")
