"""Runs the loop: the Python API behind the command line.

from errata.graph.run import resume, run
report = run(load_config(Path("config.toml")))
print(report.test.final.accuracy, report.model.adapter)
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from errata.agents.chat_models.cache import ReplyCache, replies_path
from errata.agents.chat_models.tracing import without_tracing
from errata.agents.data_writer import Writer
from errata.agents.errors import RunError
from errata.agents.exams.corrections import Corrected, said_of
from errata.agents.exams.rows import Skipped
from errata.agents.exams.several import RunExams, load_exams
from errata.agents.instructor import Instructor
from errata.agents.jsonl import (
    read_record,
    read_records,
    write_record,
    write_text,
)
from errata.agents.marking.judged import judged_by
from errata.agents.marking.own import forget_markers
from errata.agents.promotion import foresight
from errata.agents.records import Question, Review
from errata.agents.student import Student
from errata.agents.trainer import Trainer
from errata.agents.weights import check_model
from errata.graph.agents import Given, check_practice, open_agents
from errata.graph.config import RunConfig
from errata.graph.context import Context
from errata.graph.costs import Estimate, costs_log, currency_of
from errata.graph.estimate import estimate_run
from errata.graph.judging import calibrated, keep_room, recall
from errata.graph.manifest import PICTURES
from errata.graph.provenance import (
    check_same_code,
    check_versions,
    provenance_of,
    read_provenance,
)
from errata.graph.report import Report, build_report, write_report
from errata.graph.report_text import page_of
from errata.graph.review import (
    check_recorded,
    everything,
    refusals,
    reopen_votes,
    reviews_before,
    take,
)
from errata.graph.run_folder import RunFolder, taken
from errata.graph.state import State, Status
from errata.graph.trace import Trace
from errata.graph.watcher import NoWatcher, Watcher

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings


PAGE = "report.md"

Draw = Callable[[Report, Path], None]
"""Pictures of a report, into a folder."""


class ReviewPending(RunError):
    """The run waits for a person to look at its examples."""


def run(
    config: RunConfig,
    runs: Path = Path("runs"),
    *,
    student: Student | None = None,
    trainer: Trainer | None = None,
    instructor: Instructor | None = None,
    writer: Writer | None = None,
    embeddings: Embeddings | None = None,
    watcher: Watcher | None = None,
    cache: bool = True,
    draw: Draw | None = None,
    clock: Callable[[], float] = time.monotonic,
    shared: RunFolder | None = None,
) -> Report:
    """Starts a new run in `runs/NAME` and works until it stops by itself.

    Args:
        student, trainer, instructor, writer, embeddings: Each in place of the one that the
            configuration names.
        cache: Takes replies of LLMs that were asked the same before from the user's cache.
        draw: Draws report.svg and report.png into the run's folder, before it is sealed.
        clock: Seconds, for the time of each step.
        shared: Holds the questions of the same exams and the base model's finished answers to
            them; they are taken over, and nothing is loaded or asked twice.

    Raises:
        ErrataError: Bad input, or a step that failed; the run can be resumed.
        ReviewPending: `config.review` is on and examples wait for a look.
    """
    given = Given(student, trainer, instructor, writer, embeddings)
    watcher = watcher or NoWatcher()
    config = config.with_own_way(None)  # its file may have been edited since the last run
    forget_markers()  # so may theirs
    folder = RunFolder(runs / config.name)
    if folder.path.exists():
        raise taken(folder)
    skipped: list[Skipped] = []
    corrected: list[Corrected] = []
    if shared is None:
        exams = load_exams(
            config.exam, config.out_of_domain, skipped, config.guard, corrected=corrected
        )
    else:
        exams = exams_in(shared)
    check_practice(config, exams.practice, given)
    if student is None:
        check_model(config.student.model_ref)
    trace = Trace(folder.path / "trace.jsonl")
    with opened_cache(cache, watcher) as replies:
        # What can fail for want of a key or a package fails before anything is written.
        agents = open_agents(config, folder, trace, replies, given, watcher.say)
        judged = None if shared is None else base_answered(shared)
        if estimate := estimate_run(config, agents, exams.practice, exams, judged):
            watcher.estimated(estimate, config.budget, currency_of(config))
        keep_room(agents.ledger, estimate, config.budget)
        folder.create(
            lambda scratch: write_start(scratch, config, exams, estimate, shared, corrected)
        )
        if shared is not None:
            recall(folder.path, agents.llms.judges)
        with folder.locked():
            context = Context(config, folder, trace, agents, watcher, clock)
            report_skipped(skipped, context)
            if said := said_of(folder.corrected()):
                watcher.say(said)
            watcher.say(foresight(exams.dev, config.rounds, config.stop.gate))
            calibrated(folder.path, config, agents.llms.judges, watcher)
            return conclude(folder, config, drive(context, None), draw)


def resume(
    folder: RunFolder,
    *,
    student: Student | None = None,
    trainer: Trainer | None = None,
    instructor: Instructor | None = None,
    writer: Writer | None = None,
    embeddings: Embeddings | None = None,
    watcher: Watcher | None = None,
    approve: bool | None = None,
    review: Review | None = None,
    cache: bool = True,
    draw: Draw | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Report:
    """Goes on where a run was stopped, killed or paused; a finished one gives its report again.

    Args:
        approve: The answer to a pending review of examples.
        review: The same, for each example.
        student, trainer, instructor, writer, embeddings, cache, draw, clock: As `run`.

    Raises:
        ErrataError, ReviewPending: As `run`.
    """
    given = Given(student, trainer, instructor, writer, embeddings)
    watcher = watcher or NoWatcher()
    answer = approve if review is None else review
    with folder.locked(), opened_cache(cache, watcher) as replies:
        began = read_provenance(folder)
        folder.manifest.verify()
        end = end_of(folder)
        config = began.config_on_record if end else began.config
        if end is None:
            check_same_code(began, f"the run {folder.path}")
            if config.review and (index := max(folder.rounds(), default=0)):
                check_recorded(folder, index, config)
                reopen_votes(folder, index)
            forget_markers()
            folder.manifest.record_finished()  # what is in it must stay
            trace = Trace(folder.path / "trace.jsonl")
            agents = open_agents(config, folder, trace, replies, given, watcher.say)
            context = Context(config, folder, trace, agents, watcher, clock)
            if (path := folder.path / "estimate.json").exists():
                estimate, entries = read_record(path, Estimate), costs_log(folder).read()
                keep_room(agents.ledger, estimate, config.budget, entries)
            calibrated(folder.path, config, agents.llms.judges, watcher)
            end = drive(context, answer)
        elif answer is not None:
            check_said(answer, folder)
        return conclude(folder, config, end, draw)


@contextmanager
def opened_cache(wanted: bool, watcher: Watcher) -> Iterator[ReplyCache | None]:
    """The user's cache of replies; its one warning goes to the watcher."""
    if not wanted:
        yield None
        return
    with closing(ReplyCache(replies_path(), watcher.say)) as cache:
        yield cache


def exams_in(folder: RunFolder) -> RunExams:
    """The questions of a folder, those among them that are not counted too."""
    paths = {field.name: folder.exam(field.name.replace("_", "-")) for field in fields(RunExams)}
    return RunExams(
        **{name: read_records(p, Question) if p.exists() else [] for name, p in paths.items()}
    )


def write_start(
    folder: RunFolder,
    config: RunConfig,
    exams: RunExams,
    estimate: Estimate | None,
    shared: RunFolder | None = None,
    corrected: Sequence[Corrected] = (),
) -> None:
    """The questions and the configuration: what a run is before its first step."""
    folder.write_questions(exams.sets(), corrected)
    if shared is not None:
        shared.copy_base_answers(folder)
    if estimate is not None:
        write_record(folder.path / "estimate.json", estimate)
    write_record(folder.path / "config.json", provenance_of(config))


def base_answered(folder: RunFolder) -> set[str]:
    """Sets that the base model's answers are there to."""
    names = [path.stem for path in folder.path.glob("exam/*.jsonl")]
    return {name for name in names if folder.base_answers(name).exists()}


def report_skipped(skipped: Sequence[Skipped], context: Context) -> None:
    """Questions that are not in the exam are counted, never lost in silence."""
    for left_out in skipped:
        context.trace.tell("examiner", "question left out", **left_out.model_dump())
    if skipped:
        context.watcher.say(f"{len(skipped)} questions left out, the first: {skipped[0]}")


def drive(context: Context, answer: Review | bool | None) -> State:
    """Runs the graph from its last checkpoint to its end; how it ended.

    Args:
        answer: To a pending review.
    """
    from langgraph.checkpoint.sqlite import SqliteSaver

    from errata.graph.loop import build_graph

    folder = context.folder
    kept_here = nullcontext() if context.config.tracing else without_tracing()
    with kept_here, closing(open_checkpoints(context)) as connection:
        graph = build_graph(context).compile(checkpointer=SqliteSaver(connection))
        thread: Any = {"configurable": {"thread_id": "run"}, "recursion_limit": 1_000_000}
        before = graph.get_state(thread)
        given: Any = {"round": 0} if not before.values else None
        asked = before.interrupts[0].value if before.interrupts else None
        if asked and not folder.review(asked["round"]).exists():
            if answer is None:
                raise pending(folder, asked["file"])
            answer_review(answer, asked["round"], context)
        elif answer is not None:
            check_said(answer, folder)
        # A kill between a node's writes and the next checkpoint leaves its task and no next node.
        if given is not None or before.tasks:
            check_versions(folder)
            try:
                graph.invoke(given, thread, durability="sync")
            finally:
                context.agents.unload()
        after = graph.get_state(thread)
        if after.interrupts:
            raise pending(folder, after.interrupts[0].value["file"])
    return cast(State, after.values)


def answer_review(answer: Review | bool, index: int, context: Context) -> None:
    """Puts the answer to a pending review on record, where the node finds it.

    Raises:
        RunError: Edited examples are refused, or it is of another round.
    """
    folder = context.folder
    review = everything(answer, folder, index) if isinstance(answer, bool) else answer
    try:
        with judged_by(context.agents.llms.judges):
            refused = refusals(take(review, index, context))
    finally:
        context.agents.unload()
    if refused:
        what = "edited example is" if len(refused) == 1 else "edited examples are"
        raise RunError(
            f"{len(refused)} {what} refused: {'; '.join(refused)}; nothing is changed: mend or "
            "reject them in the review, then resume again"
        )


def check_said(answer: Review | bool, folder: RunFolder) -> None:
    """Of an answer to a run that waits for none: whether it is the one that was given.

    Raises:
        RunError: It is another, or none was given.
    """
    last = max(folder.rounds(), default=0)
    recorded = reviews_before(folder, last + 1)
    if not recorded:
        raise RunError(f"the run {folder.name} waits for no review: resume it without one")
    before = recorded[-1]
    if isinstance(answer, bool):
        answer = everything(answer, folder, before.round)
    if (answer.round, answer.entries) != (before.round, before.entries):
        raise RunError(
            f"round {before.round} of the run {folder.name} was answered already: resume it "
            "without an answer"
        )


def end_of(folder: RunFolder) -> State | None:
    """How a finished run ended; None where its report is not there, or not as it was written."""
    if not folder.manifest.holds("report.json"):
        return None
    report = read_record(folder.path / "report.json", Report)
    return {"status": cast(Status, report.status), "best_round": report.best_round}


def conclude(folder: RunFolder, config: RunConfig, end: State, draw: Draw | None = None) -> Report:
    """Writes the report, as a record, as text and as pictures, as far as they are not there, and
    seals the run."""
    manifest = folder.manifest
    report = build_report(folder, config, end)
    if not manifest.holds("report.json"):
        write_report(report, folder)
    known = {line.path for line in manifest.read().lines}
    if not manifest.holds(PAGE) and (PAGE in known or not manifest.sealed):
        write_text(folder.path / PAGE, page_of(report))
    if draw is not None and not all(map(manifest.holds, PICTURES)):
        draw(report, folder.path)
    manifest.seal()
    return report


def open_checkpoints(context: Context) -> sqlite3.Connection:
    """LangGraph's checkpoints. Damaged ones are put aside: the loop finds its way by the records,
    from its beginning, and repeats nothing that was finished."""
    path = context.folder.path / "checkpoints.sqlite"
    connection = sqlite3.connect(path, check_same_thread=False)
    try:
        damage = connection.execute("PRAGMA quick_check").fetchone()[0]
        if damage == "ok":
            return connection
    except sqlite3.OperationalError:  # locked, full or read-only: nothing is damaged
        connection.close()
        raise
    except sqlite3.DatabaseError as error:
        damage = str(error)
    connection.close()
    context.watcher.say(f"{path} is damaged ({damage}): the run finds its way by its records")
    for ending in ("", "-wal", "-shm"):
        file = path.with_name(path.name + ending)
        if file.exists():
            file.replace(file.with_name(file.name + ".damaged"))
    return sqlite3.connect(path, check_same_thread=False)


def pending(folder: RunFolder, files: str) -> ReviewPending:
    return ReviewPending(
        f"the run {folder.name} waits for your review: read {files}, then `errata review "
        f"{folder.name}`, or `errata resume {folder.name} --approve` or `--reject` for all"
    )
