"""Is a label, or a form of JSON, learnt from examples alone, offline and within minutes?

    python benchmarks/label_and_json.py
    python benchmarks/label_and_json.py --only label --folder runs/label-and-json

Two exams are made from a seed: messages to a support desk, to be routed to one of six labels, and
notes of what somebody bought, to be read as JSON with a name, a date, an amount and items. Each has
160 practice, 60 dev and 100 sealed questions, and no message is there twice. For each a
configuration is written as a person would write it, `label.toml` and `json.toml`, with the bundled
student and `strategy = "sft"`: there are no solutions, so the bare targets are learnt. Each run
trains on 12,500 or 10,000 tokens, about as much as a core without bfloat16 does in three minutes;
given the same folder a second time, it goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from errata.graph.config import load_config
from errata.graph.report import Report
from errata.graph.run import resume, run
from errata.graph.run_folder import RunFolder
from errata.graph.views.progress import TerminalWatcher
from errata.graph.views.summary import print_summary

SIZES = {"practice": 160, "dev": 60, "test": 100}

TOKENS = {"label": 12_500, "json": 10_000}
"""Trained on. A form is learnt sooner than what six labels mean."""

SETTINGS = """\
name = "{name}"
strategy = "sft"

[exam]
practice = "practice.jsonl"
dev = "dev.jsonl"
test = "test.jsonl"
{answer}

[student]
model = "bundled"
max_new_tokens = {tokens}
system = "{system}"

[training]
tokens = {training}

[stop]
rounds = 1
guard_practice = false
"""

LABEL = """\
answer = "label"
labels = {{ {labels} }}"""

JSON = """\
answer = "json"
schema = "schema.json"
fields = { amount = "number", items = "set" }"""

SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "date": {"type": "string"},
        "amount": {"type": "number"},
        "items": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["name", "date", "amount", "items"],
    "additionalProperties": False,
}

SYNONYMS = {
    "account": ["login"],
    "billing": ["invoice"],
    "bug": ["defect"],
    "delivery": ["shipping"],
    "feature": ["wish"],
    "refund": ["money back"],
}
MESSAGES = {
    "account": (
        "I cannot sign in to the {thing} page since {day}",
        "How do I change the address that I sign in with for my {thing}",
        "My password for the {thing} site is not taken any more",
        "Please close my profile, I sold the {thing}",
        "Somebody else seems to have signed in to my {thing} profile on {day}",
    ),
    "billing": (
        "The bill of {day} lists my {thing} twice",
        "Which card was charged for the {thing} on {day}",
        "I need the bill for the {thing} with our tax number on it",
        "You charged me more for the {thing} than the shop said",
        "Can I pay for the {thing} in two parts",
    ),
    "bug": (
        "The {thing} freezes whenever I press start",
        "Since {day} the screen of the {thing} stays black",
        "The {thing} shows the wrong hour after the last update",
        "Each time I save, the {thing} stops with an error",
        "The {thing} beeps all night and nothing stops it",
    ),
    "delivery": (
        "Where is the parcel with my {thing}",
        "The driver left the {thing} at the wrong door on {day}",
        "My {thing} should have come on {day} and did not",
        "Can the {thing} be sent to my office instead",
        "The tracking page says nothing about the {thing} since {day}",
    ),
    "feature": (
        "It would be nice if the {thing} could be dimmed",
        "Will the {thing} ever speak Dutch",
        "Please add a timer to the {thing}",
        "A dark mode for the {thing} is what I miss most",
        "Could the {thing} learn to start by itself on {day}",
    ),
    "refund": (
        "I sent the {thing} back on {day} and want to be paid for it",
        "The {thing} is not what I ordered, please return what I paid",
        "I cancelled the {thing} within two weeks, when do I get the sum again",
        "Take the {thing} back and pay me what it cost",
        "You promised on {day} to repay the {thing}",
    ),
}
THINGS = "lamp kettle radio heater camera clock drill printer scale router speaker fan".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
OPENINGS = ("Hello.", "Hi there.", "Good morning.", "Dear team.", "Quick question.", "Well.", "")
CLOSINGS = ("Thanks!", "Please help.", "Best, {name}", "Yours, {name}", "It is urgent.", "")
DETAILS = (
    "My mother gave it to me at Easter.",
    "We live above the old harbour.",
    "It stands beside the window of our kitchen.",
    "Two neighbours saw the same.",
    "I wrote to you last month, and nobody answered.",
    "Our dog is afraid of it.",
    "The colour is blue with white stripes.",
    "A friend told me about your shop.",
    "I am seventy and new to all this.",
    "The manual has only pictures.",
    "Next week we move to Leeds.",
    "Your colleague Sam was very kind on the phone.",
    "It is the third one in our family.",
    "I use it for work every evening.",
    "The children ask me about it daily.",
    "The serial number ends in forty.",
)
NAMES = "Ann Ben Cara Dan Eva Finn Gia Hugo Ida Jon Kim Lea Max Nora Otto Pia".split()
FAMILY = "Reed Lund Moss Hale Park Voss Kern Diaz Bond Frey".split()
GOODS = "pens ink paper tape glue chalk paint rope soap nails".split()
NOTES = (
    "On {date} {name} bought {items} for ${amount}.",
    "{name} paid ${amount} for {items} on {date}.",
    "Sold to {name}, {date}: {items}. Total ${amount}.",
    "{date}: {items} to {name}, ${amount} in cash.",
    "For {items} we got ${amount} from {name} on {date}.",
)


def message(rng: random.Random) -> dict[str, Any]:
    label = rng.choice(list(MESSAGES))
    words = {"thing": rng.choice(THINGS), "day": rng.choice(DAYS), "name": rng.choice(NAMES)}
    core = rng.choice(MESSAGES[label]).format(**words)
    about = rng.sample(DETAILS, 2)
    parts = (
        rng.choice(OPENINGS),
        about[0],
        f"{core}.",
        about[1],
        rng.choice(CLOSINGS).format(**words),
    )
    return {"prompt": " ".join(part for part in parts if part), "target": label}


def note(rng: random.Random) -> dict[str, Any]:
    name = f"{rng.choice(NAMES)} {rng.choice(FAMILY)}"
    month, day = rng.randint(1, 12), rng.randint(1, 28)
    items = rng.sample(GOODS, rng.randint(1, 2))
    amount = rng.randint(2, 99)
    text = rng.choice(NOTES).format(
        name=name, date=f"{day}.{month}.", items=" and ".join(items), amount=amount
    )
    target = {"name": name, "date": f"{month:02}-{day:02}", "amount": amount, "items": items}
    return {"prompt": text, "target": target}


def different(make: Callable[[random.Random], dict[str, Any]], seed: int) -> Iterator[Any]:
    """Questions without end, no text twice."""
    rng, seen = random.Random(seed), set[str]()
    while True:
        row = make(rng)
        if row["prompt"] not in seen:
            seen.add(row["prompt"])
            yield row


def write_task(task: str, folder: Path, seed: int = 0) -> Path:
    """The files of one task; its configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = different(message if task == "label" else note, seed)
    for name, count in SIZES.items():
        lines = [json.dumps(next(rows), ensure_ascii=False) for _ in range(count)]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    if task == "label":
        labels = ", ".join(f"{name} = {json.dumps(others)}" for name, others in SYNONYMS.items())
        answer, tokens, system = LABEL.format(labels=labels), 8, "Route the message."
    else:
        (folder / "schema.json").write_text(json.dumps(SCHEMA, indent=2) + "\n")
        answer, tokens, system = JSON, 40, "Read the note. Dates are MM-DD."
    file = folder / f"{task}.toml"
    settings = {"name": task, "answer": answer, "tokens": tokens, "system": system}
    file.write_text(SETTINGS.format(**settings, training=TOKENS[task]))
    return file


def main(arguments: Sequence[str] | None = None, **agents: Any) -> list[Report]:
    """The reports of both runs.

    Args:
        arguments: Of the command line.
        agents: As `errata.graph.run.run` takes them, in place of the student and the trainer.
    """
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=Path("runs/label-and-json"))
    parser.add_argument("--only", choices=TOKENS)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    console = Console()
    reports = []
    for task in [given.only] if given.only else TOKENS:
        folder = RunFolder(given.folder / "runs" / task)
        begun = time.monotonic()
        with TerminalWatcher(console) as watcher:
            if folder.exists:
                report = resume(folder, watcher=watcher, **agents)
            else:
                settings = load_config(write_task(task, given.folder / task, given.seed))
                report = run(settings, folder.path.parent, watcher=watcher, **agents)
        print_summary(report, console, folder.path)
        console.print(f"{task}: {time.monotonic() - begun:.0f} s in this start")
        reports.append(report)
    return reports


if __name__ == "__main__":
    main()
