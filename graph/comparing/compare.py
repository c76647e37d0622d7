"""Runs several ways to learn on the same exams, from the same base model: `errata compare CONFIG`.

    runs/NAME.compare/
      provenance.json   the configuration and the versions that the comparison began with; arms
                        and seeds may be added later
      exam/, round-00/, final/   the questions and the base model's answers, as in a run; in final/
                        also those of a candidate that its run's gate refused
      arms/ARM-SEED/    an ordinary run each; of `prompt`, what prompting.py says
      compare.json, compare.svg, compare.png

Each run gets the base model's answers when it is made, and asks for none of them again. What is
finished is never done again; called again, a comparison goes on where it was.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Literal

from errata.agents.chat_models.ledger import Budget, Ledger, estimate
from errata.agents.data_writer import Writer
from errata.agents.errors import ConfigError, RunError
from errata.agents.exams.corrections import Corrected, said_of
from errata.agents.exams.rows import Skipped
from errata.agents.exams.several import RunExams, load_exams
from errata.agents.instructor import Instructor
from errata.agents.jsonl import read_record, write_record
from errata.agents.marking.judged import JUDGED, judged_by
from errata.agents.records import ModelRef, Question, Record, whole_text
from errata.agents.student import Student, Under
from errata.agents.trainer import Trainer
from errata.agents.ways import WAYS
from errata.agents.weights import check_model
from errata.graph.agents import Given, check_practice, open_agents
from errata.graph.comparing.comparison import (
    Comparison,
    Finished,
    build_comparison,
    read_finished,
    read_prompted,
    trainings_of,
    with_prompt,
)
from errata.graph.comparing.prompting import (
    PromptChoice,
    choice_in,
    estimate_prompts,
    has_sat,
    improve_prompt,
    put,
    sit_sealed,
    stage_at,
    verdicts_on_prompts,
)
from errata.graph.config import RunConfig, parse_config
from errata.graph.context import Context
from errata.graph.costs import Estimate, EstimateRow, currency_of
from errata.graph.estimate import estimate_run, judged_in, judging, labels_judged
from errata.graph.judging import calibrated, keep_room
from errata.graph.nodes import run_exam
from errata.graph.provenance import (
    Provenance,
    check_same_code,
    check_same_versions,
    flat,
    provenance_of,
    read_provenance,
)
from errata.graph.readings import note_readings
from errata.graph.report import Report
from errata.graph.run import exams_in, report_skipped, resume, run
from errata.graph.run_folder import CALIBRATION, SEALED, RunFolder, StepTime
from errata.graph.trace import Trace
from errata.graph.watcher import NoWatcher, Watcher
from errata.training.own_code import is_own

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings

ARMS = ("base", *WAYS)
"""What is compared where nothing is named: the untouched model, and every strategy of a run.
Besides there are ways of the user's own as `python:FILE.py:NAME`, `prompt`, and `prompt+` before
any of them."""

PROMPT = "prompt"
"""The system prompt is improved, and the weights stay as they are; with a way after it,
`prompt+lec`, the student is then trained under the chosen prompt."""

BEGAN = "provenance.json"
"""As config.json of a run, which this folder is not."""

BASIS = "of all runs to come, if every practice question is missed in each round"

SEED_STEP = 1000
"""Between two seeds: a run adds the number of its round to them, and no two shall meet."""


class PlannedRun(Record):
    """One arm with one seed."""

    run: str
    """Name of its folder under `arms/`."""
    arm: str
    seed: int
    """1 is the configuration's own."""
    config: RunConfig
    standing: Literal["to do", "begun", "finished"]
    prompted: Literal["no", "alone", "first"] = "no"
    """Whether the system prompt is improved, and whether that is all; the configuration has the
    student's own."""


class Outlook(Record):
    """What a comparison would do: `--dry-run`."""

    name: str
    runs: tuple[PlannedRun, ...]
    """In the order in which they come."""
    tokens: int
    """That each run trains on, all rounds together."""
    questions: dict[str, int]
    """Set → how many questions it has. The base model is asked each of them once."""
    estimate: Estimate | None
    """Of what the LLMs of all runs that are not finished may take; None where none is asked."""


def compare(
    config: RunConfig,
    arms: Sequence[str] = ARMS,
    seeds: int = 3,
    runs: Path = Path("runs"),
    *,
    student: Student | None = None,
    trainer: Trainer | None = None,
    instructor: Instructor | None = None,
    writer: Writer | None = None,
    embeddings: Embeddings | None = None,
    watcher: Watcher | None = None,
) -> Comparison:
    """Runs each arm with each seed, one after the other, in `runs/NAME.compare`, and compares.

    Called again with the same configuration it goes on where it was. No LLM's reply comes from
    the user's cache: an arm would get for nothing what another has paid for, and a seed's
    examples would be those of the seed before it.

    Args:
        arms: `base` and strategies of a run, ways of the user's own among them, `prompt`, and
            `prompt+` before a strategy; the untouched model is the table's first row whether
            named or not.
        seeds: Runs of each arm.
        student, trainer, instructor, writer, embeddings: As for `run`.

    Raises:
        ErrataError: Bad input, another configuration under the same name, or a step that failed.
    """
    given = Given(student, trainer, instructor, writer, embeddings)
    watcher = watcher or NoWatcher()
    opened = open_comparison(config, arms, seeds, runs, given)
    folder = opened.folder
    if student is None:
        check_model(config.student.model_ref)
    if expected := estimate_of(opened, given):
        watcher.estimated(expected, Budget(), currency_of(config))
    if not opened.begun:
        folder.create(lambda scratch: write_start(scratch, config, opened.exams, opened.corrected))
    with folder.locked():
        work(opened, given, watcher)
        comparison = build_comparison(
            folder,
            str(config.student.model_ref),
            config.exam[0].name,
            [read_arm(one, folder) for one in opened.runs],
            opened.tokens,
            [exam.name for exam in config.twisted],
            [choice for stage in stages(opened) if (choice := choice_in(stage))],
        )
        write_record(folder.path / "compare.json", comparison)
    return comparison


def outlook(
    config: RunConfig,
    arms: Sequence[str] = ARMS,
    seeds: int = 3,
    runs: Path = Path("runs"),
) -> Outlook:
    """What `compare` would do. Nothing is written, loaded or sent.

    Raises:
        ErrataError: `compare` would refuse it.
    """
    opened = open_comparison(config, arms, seeds, runs)
    return Outlook(
        name=opened.folder.name,
        runs=tuple(opened.runs),
        tokens=opened.tokens,
        questions={name: len(questions) for name, questions in opened.exams.sets().items()},
        estimate=estimate_of(opened, Given()),
    )


@dataclass(frozen=True)
class Opened:
    """A comparison that is about to begin or to go on."""

    folder: RunFolder
    config: RunConfig
    begun: bool
    exams: RunExams
    skipped: list[Skipped]
    """Questions that were left out when the exams were loaded."""
    corrected: list[Corrected]
    """Questions that were corrected."""
    tokens: int
    """Of a run, all rounds together."""
    runs: list[PlannedRun]


def open_comparison(
    config: RunConfig, arms: Sequence[str], seeds: int, runs: Path, given: Given | None = None
) -> Opened:
    check_arms(arms)
    config = config.with_own_way(None)
    if seeds < 1:
        raise ConfigError(f"{seeds} seeds are none: give at least 1")
    if config.review:
        raise ConfigError("a comparison waits for nobody's review: take `review` out")
    folder = RunFolder(runs / f"{config.name}.compare")
    begun = folder.path.exists()
    skipped: list[Skipped] = []
    corrected = folder.corrected()
    if begun:
        check_same_configuration(folder, config)
        exams = exams_in(folder)
    else:
        exams = load_exams(
            config.exam, config.out_of_domain, skipped, config.guard, corrected=corrected
        )
    tokens = config.training.tokens or tokens_like(config, exams.practice)
    tokens *= config.stop.rounds
    planned = [
        planned_run(folder, config, arm, seed, tokens)
        for seed in range(1, seeds + 1)  # a whole table early, then the same again
        for arm in dict.fromkeys(arms)
        if arm != "base"
    ]
    for run_ahead in planned:
        check_practice(run_ahead.config, exams.practice, given)
    return Opened(folder, config, begun, exams, skipped, corrected, tokens, planned)


def way_of(arm: str) -> str:
    """The strategy of an arm; `le` of the prompt alone, which is shown mistakes."""
    return "le" if arm == PROMPT else arm.removeprefix(f"{PROMPT}+")


def label_of(arm: str) -> str:
    """What it is called: of the user's own code, its name alone."""
    named = way_of(arm).rpartition(":")[2]
    return arm if arm == PROMPT else f"{PROMPT}+{named}" if arm.startswith(f"{PROMPT}+") else named


def check_arms(arms: Sequence[str]) -> None:
    known = (*ARMS, PROMPT)
    unknown = [
        arm for arm in arms if arm not in known and not is_own(way_of(arm)) and not is_prompted(arm)
    ]
    if unknown:
        raise ConfigError(
            f"there is no arm {unknown[0]!r}: choose among {', '.join(known)}, and {PROMPT}+WAY"
        )
    if set(arms) <= {"base"}:
        raise ConfigError(
            f"nothing is to be compared with the untouched model: add one of {', '.join(WAYS)}"
        )
    names = [label_of(arm) for arm in dict.fromkeys(arms)]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"two arms are called {name!r}: give one of them another name")


def is_prompted(arm: str) -> bool:
    """Whether it is `prompt+WAY`."""
    return arm.startswith(f"{PROMPT}+") and way_of(arm) in WAYS


def check_same_configuration(folder: RunFolder, config: RunConfig) -> None:
    """Raises: RunError: The folder is another comparison's, or none's."""
    path = folder.path / BEGAN
    if not path.exists():
        raise RunError(f"{folder.path} is there already and is no comparison: choose another name")
    then = flat(read_record(path, Provenance).config.model_dump(mode="json"))
    now = flat(config.model_dump(mode="json"))
    for key in {**then, **now}:
        if then.get(key) != now.get(key):  # values are not shown: an address may hold a password
            raise RunError(
                f"{folder.path} was begun with another configuration, in which {key} is not the "
                "same: set it as it was, or give the comparison another name"
            )


def tokens_like(config: RunConfig, practice: Sequence[Question]) -> int:
    """About as many tokens a round as the most examples of the exam's own length that a round
    writes, `training.epochs` times: for a configuration that does not say."""
    length = fmean(estimate(whole_text(q) + (q.solution or "")) for q in practice)
    examples = config.per_round(len(practice))
    return max(1, round((config.training.epochs or 1) * examples * length))


def planned_run(
    folder: RunFolder, config: RunConfig, arm: str, seed: int, tokens: int
) -> PlannedRun:
    """An arm's configuration: another seed, its share of the tokens a round, and no target, which
    would stop one arm sooner than another."""
    strategy = way_of(arm)
    prompted: Literal["no", "alone", "first"] = "no"
    if arm == PROMPT or arm != strategy:
        prompted = "alone" if arm == PROMPT else "first"
    rounds = config.model_copy(update={"strategy": strategy}).rounds
    arm = label_of(arm)
    moved = (seed - 1) * SEED_STEP
    changed = config.model_copy(
        update={
            "name": f"{arm.replace('+', '-')}-{seed}",
            "strategy": strategy,
            "seed": config.seed + moved,
            "training": config.training.model_copy(
                update={
                    "seed": config.training.seed + moved,
                    "tokens": tokens // rounds,
                    "epochs": None,
                }
            ),
            "stop": config.stop.model_copy(update={"rounds": rounds, "target_accuracy": 1.0}),
        }
    )
    made = parse_config(changed.model_dump(), f"the arm {arm}")
    here = RunFolder(folder.path / "arms" / made.name)
    if prompted == "alone":
        choice, begun = choice_in(here), here.path.exists()
        finished = choice is not None and has_sat(choice, here)
    else:
        begun, finished = here.exists, is_finished(here)
    return PlannedRun(
        run=made.name,
        arm=arm,
        seed=seed,
        config=made,
        standing="finished" if finished else "begun" if begun else "to do",
        prompted=prompted,
    )


def arm_folder(folder: RunFolder, planned: PlannedRun) -> RunFolder:
    return RunFolder(folder.path / "arms" / planned.run)


def stages(opened: Opened) -> list[RunFolder]:
    """Of the system prompts, one a seed."""
    seeds = {planned.seed for planned in opened.runs if planned.prompted != "no"}
    return [stage_at(opened.folder, seed) for seed in sorted(seeds)]


def read_arm(planned: PlannedRun, folder: RunFolder) -> Finished:
    """What an arm reached, the improving of its system prompt included."""
    stage = stage_at(folder, planned.seed)
    if planned.prompted == "alone":
        return read_prompted(planned.arm, planned.seed, stage, folder, planned.config)
    found = read_finished(planned.arm, planned.seed, arm_folder(folder, planned), folder)
    return found if planned.prompted == "no" else with_prompt(found, stage, planned.config)


def is_finished(here: RunFolder) -> bool:
    return (here.path / "report.json").exists()


def estimate_of(opened: Opened, given: Given) -> Estimate | None:
    """Of all runs that are not finished; what is missing for one of them is said before any begins.

    Raises:
        ErrataError: The agents of an arm cannot be opened, or its judge alone would take more than
            the budget of a run.
    """
    config, sets = opened.config, opened.exams.sets()
    nowhere = RunFolder(opened.folder.path / "estimate")  # is read, not there, and never written
    found: dict[tuple[str, str], list[EstimateRow]] = {}
    staged: set[Path] = set()
    left = [planned for planned in opened.runs if planned.standing != "finished"]
    verdicts = 0
    if left and not (opened.folder.path / CALIBRATION).exists():
        verdicts += labels_judged(config)
    for name, questions in sets.items() if left else ():
        if not opened.folder.base_answers(name).exists():
            verdicts += len(judged_in(questions))
    for planned in opened.runs:
        if planned not in left:
            continue
        trace = Trace(nowhere.path / "trace.jsonl")
        agents = open_agents(planned.config, nowhere, trace, None, given)
        practice = opened.exams.practice
        if planned.prompted != "alone":
            judged = sets if planned.prompted == "no" else ()  # another prompt, other base answers
            expected = estimate_run(planned.config, agents, practice, opened.exams, judged)
            keep_room(Ledger(), expected, planned.config.budget)
            for row in expected.rows if expected else ():
                found.setdefault((row.agent, row.model), []).append(row)
        stage = stage_at(opened.folder, planned.seed)
        if planned.prompted != "no" and stage.path not in staged and choice_in(stage) is None:
            staged.add(stage.path)
            if asked := estimate_prompts(planned.config, stage, practice):
                found.setdefault((asked.agent, asked.model), []).append(asked)
            verdicts += verdicts_on_prompts(planned.config, sets)
    every = [question for questions in sets.values() for question in questions]
    if left and (own := judging(config, agents.llms.judges, every, verdicts)):
        keep_room(Ledger(), Estimate(rows=(own,)), config.budget)
        found.setdefault((own.agent, own.model), []).append(own)
    rows = [
        EstimateRow(
            agent=agent,
            model=model,
            calls=sum(row.calls for row in rows),
            tokens_in=sum(row.tokens_in for row in rows),
            tokens_out=sum(row.tokens_out for row in rows),
            money=None
            if any(row.money is None for row in rows)
            else sum(row.money or 0 for row in rows),
        )
        for (agent, model), rows in found.items()
    ]
    return Estimate(rows=tuple(rows), basis=BASIS) if rows else None


def write_start(
    folder: RunFolder, config: RunConfig, exams: RunExams, corrected: Sequence[Corrected]
) -> None:
    folder.write_questions(exams.sets(), corrected)
    write_record(folder.path / BEGAN, provenance_of(config))


# The work.


def work(opened: Opened, given: Given, watcher: Watcher) -> None:
    """The base model's exams, then each run and its refused candidate's sealed exams."""
    folder = opened.folder
    folder.manifest.verify()
    for there in (arm_folder(folder, planned) for planned in opened.runs):
        if there.exists:  # a finished one too: each seed of an arm learns by the same code
            check_same_code(read_provenance(there), f"the run {there.path}")
    trace = Trace(folder.path / "trace.jsonl")
    agents = open_agents(opened.runs[0].config, folder, trace, None, given, watcher.say)
    context = Context(opened.config, folder, trace, agents, watcher)
    report_skipped(opened.skipped, context)
    if said := said_of(opened.corrected):
        watcher.say(said)
    try:
        calibrated(folder.path, opened.runs[0].config, agents.llms.judges, watcher)
        with judged_by(agents.llms.judges):
            sit_base(context)
            for at, planned in enumerate(opened.runs):
                arm_watcher = ArmWatcher(watcher, opened, at)
                choice = None
                if planned.prompted != "no":
                    choice = prompt_for(planned, replace(context, watcher=arm_watcher))
                if planned.prompted != "alone":
                    run_arm(planned, folder, given, arm_watcher, choice)
                    sit_refused(planned, context, choice)
    finally:
        agents.unload()


def sit_base(context: Context) -> None:
    """The base model's answers to all sets, once for all runs."""
    folder = context.folder
    note_readings(folder, [name for name in SEALED if folder.exam(name).exists()])
    for path in sorted(folder.path.glob("exam/*.jsonl")):
        name = path.stem
        exam_id = f"{name}-base" if name in SEALED else f"{name}-0"
        sit(context, 0, name, folder.base_answers(name), exam_id, f"base model: {name} exam")
    context.agents.student.close()


def prompt_for(planned: PlannedRun, context: Context) -> PromptChoice:
    """The system prompt of the run's seed; where that is all, its sealed exams too."""
    stage = stage_at(context.folder, planned.seed)
    choice = choice_in(stage)
    if choice is None or (planned.prompted == "alone" and not has_sat(choice, stage)):
        check_versions_of(context.folder)
    choice = improve_prompt(planned.seed, planned.config, context)
    if planned.prompted == "alone":
        sit_sealed(choice, context)
    context.agents.student.close()
    return choice


def run_arm(
    planned: PlannedRun,
    folder: RunFolder,
    given: Given,
    watcher: Watcher,
    choice: PromptChoice | None,
) -> None:
    """One run to its end, wherever it is; under the system prompt that was chosen for it."""
    here = arm_folder(folder, planned)
    if is_finished(here):
        here.manifest.verify()
        return
    check_versions_of(folder)
    config, shared = planned.config, folder
    if choice is not None and choice.system is not None:
        student = config.student.model_copy(update={"system": choice.system})
        config = config.model_copy(update={"student": student})
        shared = stage_at(folder, planned.seed)
        if (folder.path / JUDGED).exists():  # the comparison's judges marked the prompt's answers
            put(folder.path / JUDGED, shared.path / JUDGED)
        if given.student is not None:
            given = replace(given, student=Under(given.student, choice.system))
    if here.exists:
        resume(here, **vars(given), watcher=watcher, cache=False)
    else:
        run(
            config,
            here.path.parent,
            **vars(given),
            watcher=watcher,
            cache=False,
            shared=shared,
        )


def sit_refused(planned: PlannedRun, context: Context, choice: PromptChoice | None) -> None:
    """The last candidate of a run takes the sealed exams here where its gate refused it."""
    here = arm_folder(context.folder, planned)
    last = max(trainings_of(here), default=0)
    if last == read_record(here.path / "report.json", Report).best_round:
        return
    if choice is not None and choice.system is not None:
        student = Under(context.agents.student, choice.system)
        context = replace(context, agents=replace(context.agents, student=student))
    candidate = CandidateContext(
        **vars(context),
        candidate=ModelRef(
            base=planned.config.student.model,
            adapter=str((here.round(last) / "adapter").resolve()),
        ),
    )
    for name in SEALED:
        if context.folder.exam(name).exists():
            path = context.folder.final_exam(name, planned.run)
            title = f"{planned.run}: {name} exam of the last candidate"
            sit(candidate, last, name, path, f"{name}-{planned.run}", title)
    context.agents.student.close()


@dataclass(frozen=True)
class CandidateContext(Context):
    """The comparison's folder, and a model of some run."""

    candidate: ModelRef = field(kw_only=True)

    def model(self, round_index: int) -> ModelRef:
        return self.candidate


def sit(
    context: Context, model_round: int, name: str, path: Path, exam_id: str, title: str
) -> None:
    """An exam that is taken once."""
    if path.exists():
        return
    check_versions_of(context.folder)
    began = time.monotonic()
    run_exam(model_round, name, path, exam_id, title, context)
    context.folder.step_times.add(
        StepTime(round=model_round, step=exam_id, seconds=round(time.monotonic() - began, 2))
    )
    context.folder.manifest.record_finished()


def check_versions_of(folder: RunFolder) -> None:
    began = read_record(folder.path / BEGAN, Provenance)
    check_same_versions(began.versions, f"the comparison {folder.path}")
    check_same_code(began, f"the comparison {folder.path}")


class ArmWatcher:
    """Says of which run it is told, and how much is left."""

    def __init__(self, watcher: Watcher, opened: Opened, at: int) -> None:
        """`at`: Which of the runs is under way."""
        self.watcher = watcher
        reports = [
            read_record(here.path / "report.json", Report)
            for planned in opened.runs
            if is_finished(here := arm_folder(opened.folder, planned))
        ]
        every = len(opened.runs)
        self.label = f"{opened.runs[at].run} ({at + 1} of {every}"
        if reports:
            seconds = (every - len(reports)) * fmean(report.seconds for report in reports)
            self.label += f", about {max(1, round(seconds / 60))} min left"
        self.label += ")"

    def progress(self, step: str, done: int, total: int, note: str = "") -> None:
        self.watcher.progress(f"{self.label} {step}", done, total, note)

    def say(self, text: str) -> None:
        self.watcher.say(f"{self.label} {text}")

    def estimated(self, estimate: Estimate, budget: Budget, currency: str | None) -> None:
        """That of all runs together was told before the first."""
