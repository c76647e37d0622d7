"""Runs the loop: the Python API behind the command line.

from errata.graph.run import resume, run
report = run(load_config(Path("config.toml")))
print(report.test.final.accuracy, report.model.adapter)
"""

from __future__ import annotations

import platform
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from errata.agents.chat_models.cache import ReplyCache, replies_path
from errata.agents.chat_models.ledger import Ledger
from errata.agents.embeddings import open_embeddings
from errata.agents.errors import RunError
from errata.agents.exams.rows import Skipped
from errata.agents.exams.several import RunExams, load_exams
from errata.agents.jsonl import write_records, write_text
from errata.agents.records import Record
from errata.agents.weights import LocalStudent, LocalTrainer, check_model
from errata.graph.agents import open_teachers
from errata.graph.config import RunConfig
from errata.graph.costs import Costs, currency_of, prices_of
from errata.graph.estimate import estimate_run
from errata.graph.nodes import Agents, NoWatcher, Watcher, Workbench
from errata.graph.report import Report, build_report, write_report
from errata.graph.run_folder import RunFolder
from errata.graph.trace import Trace
from errata.graph.views.costs import estimate_lines

PACKAGES = (
    "errata langgraph langchain openai pydantic torch transformers peft trl accelerate datasets"
).split()


class Settled(Record):
    """config.json: what a run was told, and what it ran with."""

    config: RunConfig
    versions: dict[str, str]


class ReviewPending(RunError):
    """The run waits for a person to look at its examples."""


def run(
    config: RunConfig,
    runs: Path = Path("runs"),
    agents: Agents | None = None,
    watcher: Watcher | None = None,
    cache: bool = True,
) -> Report:
    """Starts a new run in `runs/NAME` and works until it stops by itself.

    Args:
        agents: Used in place of those that the configuration names.
        cache: Takes replies of LLMs that were asked the same before from the user's cache.

    Raises:
        ErrataError: Bad input, or a step that failed; the run can be resumed.
        ReviewPending: `config.review` is on and examples wait for a look.
    """
    skipped: list[Skipped] = []
    exams = load_exams(config.exam, config.out_of_domain, skipped)
    folder = RunFolder(runs / config.name)
    if agents is None:
        check_model(config.student.model_ref)
    if (folder.path / "config.json").exists():
        raise RunError(
            f"the run {folder.path} is there already: `errata resume {folder.name}` goes on with "
            "it, another name starts a new one"
        )
    watcher = watcher or NoWatcher()
    with folder.locked(), opened_cache(cache, watcher) as replies:
        trace = Trace(folder.path / "trace.jsonl")
        agents = agents or hire(config, folder, trace, replies)  # before anything is written
        if guess := estimate_run(config, agents, exams.practice):
            write_text(folder.path / "estimate.json", guess.model_dump_json(indent=2))
            for line in estimate_lines(guess, config.budget, currency_of(config)):
                watcher.say(line)
        prepare(folder, config, exams)
        tell_skipped(skipped, trace, watcher)
        return drive(Workbench(config, folder, trace, agents, watcher), None)


def resume(
    folder: RunFolder,
    agents: Agents | None = None,
    watcher: Watcher | None = None,
    approve: bool | None = None,
    cache: bool = True,
) -> Report:
    """Goes on where a run was stopped, killed or paused; a finished one gives its report again.

    Args:
        approve: The answer to a pending review of examples.
        cache: As `run`.

    Raises:
        ErrataError, ReviewPending: As `run`.
    """
    watcher = watcher or NoWatcher()
    with folder.locked(), opened_cache(cache, watcher) as replies:
        config = read_settled(folder).config
        trace = Trace(folder.path / "trace.jsonl")
        agents = agents or hire(config, folder, trace, replies)
        return drive(Workbench(config, folder, trace, agents, watcher), approve)


@contextmanager
def opened_cache(wanted: bool, watcher: Watcher) -> Iterator[ReplyCache | None]:
    """The user's cache of replies; its one warning goes to the watcher."""
    if not wanted:
        yield None
        return
    with closing(ReplyCache(replies_path(), watcher.say)) as cache:
        yield cache


def read_settled(folder: RunFolder) -> Settled:
    """What the run was told when it began."""
    return Settled.model_validate_json((folder.path / "config.json").read_bytes())


def tell_skipped(skipped: Sequence[Skipped], trace: Trace, watcher: Watcher) -> None:
    """Questions that are not in the exam are counted, never lost in silence."""
    for left_out in skipped:
        trace.tell("examiner", "question left out", **left_out.model_dump())
    if skipped:
        watcher.say(f"{len(skipped)} questions left out, the first: {skipped[0]}")


def prepare(folder: RunFolder, config: RunConfig, exams: RunExams) -> None:
    """Writes the questions, then config.json: with that file the run exists."""
    for name, questions in exams.sets().items():
        write_records(folder.exam(name), questions)
    versions = {package: version(package) for package in PACKAGES}
    versions |= {"python": platform.python_version(), "platform": platform.platform()}
    settled = Settled(config=config, versions=versions)
    write_text(folder.path / "config.json", settled.model_dump_json(indent=2))


def hire(
    config: RunConfig, folder: RunFolder, trace: Trace, cache: ReplyCache | None = None
) -> Agents:
    """The agents that the configuration names.

    Raises:
        ConfigError: The budget cannot be kept with the prices that are known.
        InstructorError: A provider's package or key is missing.
    """
    costs = Costs(folder)
    ledger = Ledger(prices_of(config), config.budget, costs.read(), costs.add, lambda: trace.round)
    teachers = open_teachers(config, folder.path, trace.tell_call, cache, ledger)
    return Agents(
        student=LocalStudent(config.student, folder.path),
        trainer=LocalTrainer(),
        instructor=teachers.instructor,
        writer=teachers.writer,
        embeddings=open_embeddings(config.contrast.embeddings, cache, ledger),
        let_go=teachers.close,
    )


def drive(bench: Workbench, approve: bool | None) -> Report:
    """Runs the graph from its last checkpoint to its end."""
    from langgraph.checkpoint.sqlite import SqliteSaver
    from langgraph.types import Command

    from errata.graph.loop import build_graph

    path = bench.folder.path / "checkpoints.sqlite"
    with closing(sqlite3.connect(path, check_same_thread=False)) as connection:
        graph = build_graph(bench).compile(checkpointer=SqliteSaver(connection))
        thread: Any = {"configurable": {"thread_id": "run"}, "recursion_limit": 1_000_000}
        before = graph.get_state(thread)
        given: Any = {"round": 0} if not before.values else None
        if before.interrupts:
            if approve is None:
                raise pending(bench, before.values["round"])
            given = Command(resume=approve)
        try:
            if given is not None or before.next:
                graph.invoke(given, thread, durability="sync")
        finally:
            bench.agents.student.close()
            bench.agents.let_go()
        after = graph.get_state(thread)
        if after.interrupts:
            raise pending(bench, after.values["round"])
        report = build_report(bench.folder, bench.config, after.values)
    write_report(report, bench.folder)
    return report


def pending(bench: Workbench, round_index: int) -> ReviewPending:
    name = bench.folder.name
    return ReviewPending(
        f"the run {name} waits for your review: read "
        f"{bench.folder.round(round_index)}/examples.jsonl, then "
        f"`errata resume {name} --approve` or `errata resume {name} --reject`"
    )
