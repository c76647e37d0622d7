"""Runs for the tests of the page, and texts that try to be more than texts."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from doubles import table_agents

from errata.agents.exams.arithmetic import KINDS
from errata.agents.exams.several import load_exams
from errata.agents.records import Example, LlmCall, Review, ReviewEntry
from errata.graph.config import parse_config
from errata.graph.run import ReviewPending, resume, run
from errata.graph.run_folder import RunFolder
from errata.graph.trace import Trace

NAMES = [kind.name for kind in KINDS]
HOSTILE = (
    "</script><script>window.ran=1</script><img src=x onerror=window.ran=2> "
    "\u202egnp.exe\u202c \u200bzero\u2066 \x1b[31mred\x1b]0;title\x07 a\u200db \U000e0041"
)
"""Ends scripts, handles events, turns the direction of writing, speaks to terminals."""


def made(runs: Path, name: str, learns: Sequence[Sequence[str]], **changes: Any) -> RunFolder:
    exam = {"name": "arithmetic", "practice": 36, "dev": 18, "test": 18}
    given = {
        "name": name,
        "strategy": "lec",
        "exam": exam,
        "examples": {"per_round": 60},
        "stop": {"gate": "any", "rounds": len(learns)},
    }
    config = parse_config(given | changes, "test")
    questions = load_exams(config.exam).practice
    run(config, runs, **table_agents(questions, learns, knows=NAMES[:2]), cache=False)
    folder = RunFolder(runs / name)
    for tries, error in ((1, "no JSON"), (2, None)):
        add_call(folder, reply=f"reply {tries}", error=error)
    return folder


EDIT = "Kim reads aloud: "


def reviewed(runs: Path) -> RunFolder:
    """A round whose rows nora looked at: one example rejected with a note, one edited, one
    accepted, and a practice question's own solution edited too."""
    exam = {"name": "arithmetic", "seed": 3, "practice": 18, "dev": 18, "test": 18}
    given = {
        "name": "reviewed",
        "exam": exam,
        "strategy": "sft+lec",
        "examples": {"per_round": 12},
        "stop": {"rounds": 1},
        "review": True,
    }
    config = parse_config(given, "test")
    questions = load_exams(config.exam).practice
    agents = table_agents(questions, [NAMES[:9]], knows=NAMES[:2])
    with suppress(ReviewPending):
        run(config, runs, **agents, cache=False)
    folder = RunFolder(runs / "reviewed")
    first, second, third, *_ = folder.collected(1, "examples", Example)
    solution, *_ = folder.collected(1, "solutions", Example)
    entries = (
        ReviewEntry(example_id=first.id, verdict="rejected", note="no such <b>shop</b>"),
        ReviewEntry(example_id=second.id, verdict="edited", prompt=EDIT + second.prompt),
        ReviewEntry(example_id=third.id, verdict="accepted"),
        ReviewEntry(example_id=solution.id, verdict="edited", prompt=EDIT + solution.prompt),
    )
    said = Review(run="reviewed", round=1, by="nora", entries=entries)
    resume(folder, **agents, review=said, cache=False)
    return folder


def toured(runs: Path) -> RunFolder:
    """Three rounds that a person reviewed: the second is worse and dropped; the third is promoted
    and forgets a kind. One question is never learnt, whatever is written for it."""
    given = {
        "name": "toured",
        "strategy": "lec",
        "exam": {"name": "arithmetic", "practice": 36, "dev": 18, "test": 18},
        "examples": {"per_round": 60},
        "stop": {"gate": "any", "rounds": 3},
        "review": True,
    }
    config = parse_config(given, "test")
    agents = table_agents(
        load_exams(config.exam).practice, [NAMES[:6], NAMES[:4], NAMES[3:15]], NAMES[:2]
    )
    agents["student"].says = {"practice-0022": ["I like nothing."]}
    folder = RunFolder(runs / "toured")
    with suppress(ReviewPending):
        run(config, runs, **agents, cache=False)
    edited, rejected, *_ = folder.collected(1, "examples", Example)
    entries = (
        ReviewEntry(example_id=edited.id, verdict="edited", prompt=EDIT + edited.prompt),
        ReviewEntry(example_id=rejected.id, verdict="rejected", note="too easy"),
    )
    for index, said in ((1, entries), (2, ()), (3, ())):
        review = Review(run="toured", round=index, by="nora", entries=said)
        with suppress(ReviewPending):
            resume(folder, **agents, review=review, cache=False)
    for tries, error in ((1, "no JSON"), (2, None)):
        add_call(folder, reply=f"reply {tries}", error=error)
    return folder


def tale(runs: Path) -> RunFolder:
    """Three rounds; the second brings less than the first and is dropped."""
    return made(runs, "tale", [NAMES[:6], NAMES[:4], NAMES[:15]])


def add_call(folder: RunFolder, **given: Any) -> None:
    call: dict[str, Any] = {
        "agent": "instructor",
        "model": "openai:gpt-x",
        "source_id": "m01-practice-0002",
        "messages": (("user", "What went wrong?"),),
        "reply": "",
        "error": None,
        "tokens_in": 120,
        "tokens_out": 30,
        "seconds": 1.5,
        "thinking": "Let me see.",
    }
    trace = Trace(folder.path / "trace.jsonl")
    trace.round = 1
    trace.tell_call(LlmCall(**(call | given)))


def hostile(of: RunFolder, to: Path) -> RunFolder:
    """A copy whose students, instructors and writers say nothing but mischief, one at length."""
    folder = RunFolder(Path(shutil.copytree(of.path, to / of.name)))
    for path in [*folder.path.glob("*/*.jsonl"), folder.path / "report.json"]:
        text = path.read_text()
        for said in ("I like", "no equation", "Putting a problem"):
            text = text.replace(said, json.dumps(HOSTILE)[1:-1])
        path.write_text(text)
    add_call(folder, reply=HOSTILE + "x" * 1_000_000, thinking=HOSTILE, error=HOSTILE)
    answers = folder.round(0) / "practice.jsonl"
    first, *rest = answers.read_text().splitlines()
    long = json.loads(first) | {"response": HOSTILE + "long" * 250_000}
    answers.write_text("\n".join([json.dumps(long), *rest]) + "\n")
    return folder
