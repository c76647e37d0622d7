"""Several instructors teach the same mistakes: `errata audition CONFIG`.

    runs/NAME.audition/
      provenance.json        the configuration, how many mistakes, how many examples of each
      exam/, round-00/       the questions, and the untouched model's answers to practice and dev
      round-01/              mistakes.jsonl, chosen once; contrasts.jsonl, as they are shown
      instructors/NAME/      what one of them made of them, as a run's round-01, its costs.jsonl,
                             and the student's answers to its examples; train-N/: a training on N
      calibration.json, judged.jsonl   where an LLM judges: one judge for all
      audition.json

Nothing that is finished is done or paid for again: called again, an audition goes on where it was,
and others may join it. The sealed test is there so that no example comes near it; nobody is asked
a question of it.
"""

from __future__ import annotations

import itertools
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from errata.agents.chat_models.ledger import Budget, Entry, Ledger
from errata.agents.checks import Checker
from errata.agents.contrast_analyst import contrast_mistakes
from errata.agents.data_writer import LARGEST_ASK, Ask, Diagnosed, check_drafts, verify_drafts
from errata.agents.errors import (
    BudgetSpent,
    ConfigError,
    ExamError,
    InstructorError,
    ModelError,
    RunError,
    StepFailed,
)
from errata.agents.exams.corrections import Corrected, said_of
from errata.agents.exams.rows import Skipped
from errata.agents.exams.several import RunExams, load_exams
from errata.agents.jsonl import Log, read_record, read_records, write_record, write_records
from errata.agents.marking.judged import judged_by
from errata.agents.records import (
    GREEDY,
    Attempt,
    Diagnosis,
    DiagnosisLine,
    Draft,
    Example,
    Mistake,
    Question,
    Record,
    RefusalLine,
)
from errata.agents.shapers import check_objective
from errata.agents.stratified import stratified
from errata.agents.student import Student
from errata.agents.trainer import Trained, Trainer, TrainingJob
from errata.agents.weights import check_model
from errata.agents.weights.models import special_tokens
from errata.graph.agents import Clients, Given, open_agents
from errata.graph.asks import Asked
from errata.graph.comparing.auditioned import (
    Audition,
    Candidate,
    Teaching,
    build_audition,
)
from errata.graph.config import (
    InstructorSettings,
    RunConfig,
    parse_config,
)
from errata.graph.context import Context, held_out_in
from errata.graph.costs import Estimate, EstimateRow, cost_of, costs_log, currency_of
from errata.graph.estimate import estimate_run, judged_in, judging, labels_judged
from errata.graph.judging import calibrated, keep_room, open_judges, warnings_of
from errata.graph.nodes import practised, run_exam
from errata.graph.provenance import (
    Provenance,
    check_same_code,
    check_same_versions,
    flat,
    provenance_of,
)
from errata.graph.rows import rehearse, rows_of
from errata.graph.run import exams_in, report_skipped
from errata.graph.run_folder import CALIBRATION, NotCountedQuestion, RunFolder, StepTime
from errata.graph.teaching import diagnose_mistakes, writing
from errata.graph.trace import Trace
from errata.graph.watcher import NoWatcher, Watcher

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings

BEGAN = "provenance.json"
MISTAKES, EXAMPLES = 30, 4
"""Of an audition that does not say otherwise."""
BASIS = "of all to come, if every mistake is diagnosed and every example passes"
LEAST_EXAMPLES = 8
"""To train on; an instructor with fewer would make all others' trainings as small."""
SPENT = (
    "what is left of the budget of all instructors together may not hold another call: raise it "
    "under [budget], then call the audition again"
)
MAY_DIFFER = ("name", "instructor", "writer", "budget", "audition", "tracing")
"""Keys that another call may change: who is tried, and what they may take in all."""


class Began(Record):
    """provenance.json: what all instructors of an audition have in common."""

    provenance: Provenance
    mistakes: int
    """That were asked for."""
    examples: int
    """Of each mistake."""


@dataclass(frozen=True)
class Named:
    """An instructor that is to be tried."""

    name: str
    model: str
    config: RunConfig | None
    """A run's that it would teach; None where there can be none."""
    why: str
    """Why there can be none."""


class InstructorFolder(RunFolder):
    """One instructor's part of an audition: the questions are those of all."""

    def __init__(self, path: Path, shared: RunFolder) -> None:
        super().__init__(path)
        self.shared = shared

    def exam(self, name: str) -> Path:
        return self.shared.exam(name)

    @cached_property
    def not_counted(self) -> Log[NotCountedQuestion]:
        return self.shared.not_counted


def audition(
    config: RunConfig,
    instructors: Sequence[str] = (),
    runs: Path = Path("runs"),
    *,
    mistakes: int = MISTAKES,
    examples: int = EXAMPLES,
    train: bool = False,
    student: Student | None = None,
    trainer: Trainer | None = None,
    embeddings: Embeddings | None = None,
    watcher: Watcher | None = None,
) -> Audition:
    """Has each instructor teach the same mistakes, in `runs/NAME.audition`, and compares them.

    Each diagnoses every mistake and writes its own examples, whatever [writer] says. No reply comes
    from the user's cache: it would look as if it had cost nothing. One that cannot begin, or does
    not get to the end, is told with its reason, and the others go on.

    Args:
        instructors: Names of [audition.instructors] or models; those of the table when empty.
        mistakes: Of practice, at most.
        examples: Asked for of each mistake.
        train: Trains on equal numbers of their examples, and asks dev.
        student, trainer, embeddings: As for `run`.

    Raises:
        ErrataError: Bad input, another configuration under the same name, or a step of the
            student's that failed.
    """
    watcher = watcher or NoWatcher()
    check_arguments(config, mistakes, examples, train)
    named = named_instructors(config, instructors, mistakes, examples)
    folder = RunFolder(runs / f"{config.name}.audition")
    skipped: list[Skipped] = []
    corrected: list[Corrected] = []
    exams: RunExams | None = None
    if folder.path.exists():
        check_same_audition(folder, config, mistakes, examples)
    else:
        exams = load_exams(
            config.exam, config.out_of_domain, skipped, config.guard, corrected=corrected
        )
        config.way.check(exams.practice)
    if student is None:
        check_model(config.student.model_ref)
    given = Given(student=student, trainer=trainer, embeddings=embeddings)
    practice = exams.practice if exams is not None else folder.questions("practice")
    rows = estimate_of(named, folder, given, practice[:mistakes])
    sets = exams if exams is not None else exams_in(folder)
    rest = partial(judging_ahead, config, named, folder, sets, mistakes * examples, train)
    if judged := rest():
        rows.append(judged)
    if rows:
        expected = Estimate(rows=tuple(rows), basis=BASIS)
        keep_room(Ledger(), expected, config.budget)
        watcher.estimated(expected, config.budget, currency_in(named))
    if exams is not None:
        start = (config, exams, mistakes, examples, corrected)
        folder.create(lambda scratch: write_start(scratch, *start))
    with folder.locked():
        folder.manifest.verify()
        found = work(
            config, named, folder, given, mistakes, examples, train, watcher, skipped, rest
        )
        write_record(folder.path / "audition.json", found)
    return found


def check_arguments(config: RunConfig, mistakes: int, examples: int, train: bool) -> None:
    """Raises: ConfigError: Such an audition cannot be held."""
    if mistakes < 2:
        raise ConfigError(f"{mistakes} mistakes tell nothing: give 20 to 50 with --mistakes")
    if not 1 <= examples <= LARGEST_ASK:
        raise ConfigError(
            f"{examples} examples of each mistake cannot be asked for at once: give 1 to "
            f"{LARGEST_ASK}"
        )
    for step in ("diagnose", "write"):
        if step not in config.way.steps:
            raise ConfigError(
                f"strategy {config.strategy!r} shows an instructor no mistake: set strategy to le "
                "or lec for the audition"
            )
    if train:
        try:
            check_objective(config.training, {})
        except ValueError as error:
            raise ConfigError(f"--train trains on the examples as they are: {error}") from None


# Who is tried.


def named_instructors(
    config: RunConfig, names: Sequence[str], mistakes: int, examples: int
) -> list[Named]:
    """Raises: ConfigError: Nobody is named, two go by one name, or prices are in two currencies."""
    table = config.audition.instructors
    chosen = list(dict.fromkeys(names or table))
    if not chosen:
        raise ConfigError(
            "no instructor is named: give --instructors a,b,variations, or "
            "[audition.instructors.NAME] tables in the configuration"
        )
    homes: dict[str, str] = {}
    for name in chosen:
        if (other := homes.setdefault(slug(name), name)) != name:
            raise ConfigError(
                f"the instructors {other!r} and {name!r} would share the folder {slug(name)!r}: "
                "name one of them otherwise under [audition.instructors]"
            )
    named = [one_named(config, name, mistakes, examples) for name in chosen]
    currencies = sorted({c for one in named if (c := currency(one)) is not None})
    if len(currencies) > 1:
        raise ConfigError(
            f"the prices are in {' and '.join(currencies)}, which cannot be compared: give all in "
            "one currency"
        )
    return named


def one_named(config: RunConfig, name: str, mistakes: int, examples: int) -> Named:
    settings: InstructorSettings | str = config.audition.instructors.get(name, name)
    if settings == name and name == config.instructor.model:
        settings = config.instructor
    keys = {"model": settings} if isinstance(settings, str) else settings.model_dump()
    wanted = config.model_dump() | {
        "instructor": keys,
        "writer": None,
        "audition": {},
        "examples": config.examples.model_dump()
        | {"per_round": examples * mistakes, "per_mistake": examples, "per_exam": {}},
        "stop": config.stop.model_dump() | {"rounds": 1},
    }
    try:
        made = parse_config(wanted, f"the instructor {name}")
        _ = currency_of(made)
    except ConfigError as error:
        return Named(name, str(keys["model"]), None, str(error))
    return Named(name, made.instructor.model, made.with_own_way(config.way), "")


def slug(name: str) -> str:
    """A folder's name."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "instructor"


def currency(named: Named) -> str | None:
    return currency_of(named.config) if named.config is not None else None


def currency_in(named: Sequence[Named]) -> str | None:
    """None where no prices are known."""
    return next((c for one in named if (c := currency(one)) is not None), None)


def folder_of(named: Named, shared: RunFolder) -> InstructorFolder:
    return InstructorFolder(shared.path / "instructors" / slug(named.name), shared)


# Before it begins.


def check_same_audition(folder: RunFolder, config: RunConfig, mistakes: int, examples: int) -> None:
    """Raises: RunError: The folder is another audition's, or none's."""
    if not (folder.path / BEGAN).exists():
        raise RunError(f"{folder.path} is there already and is no audition: choose another name")
    began = read_record(folder.path / BEGAN, Began)
    then = flat(began.provenance.config.model_dump(mode="json"))
    now = flat(config.model_dump(mode="json"))
    differ = [key for key in {**then, **now} if then.get(key) != now.get(key)]
    differ = [key for key in differ if key.partition(".")[0] not in MAY_DIFFER]
    asked = {"--mistakes": (began.mistakes, mistakes), "--examples": (began.examples, examples)}
    differ += [name for name, (before, here) in asked.items() if before != here]
    if differ:
        raise RunError(
            f"{folder.path} was begun with another configuration, in which {differ[0]} is not the "
            "same: set it as it was, or give the audition another --name"
        )


def estimate_of(
    named: Sequence[Named], shared: RunFolder, given: Given, practice: Sequence[Question]
) -> list[EstimateRow]:
    """Of all that are not finished, as far as they can be opened."""
    nowhere = RunFolder(shared.path / "estimate")  # is read, not there, and never written
    rows: list[EstimateRow] = []
    for one in named:
        if one.config is None or has_taught(folder_of(one, shared)):
            continue
        try:
            trace = Trace(nowhere.path / "trace.jsonl")
            agents = open_agents(one.config, nowhere, trace, None, given)
        except (ConfigError, InstructorError, ModelError):
            continue  # it is told of in its row
        expected = estimate_run(one.config, agents, practice)
        rows += expected.rows if expected else ()
    return rows


def judging_ahead(
    config: RunConfig,
    named: Sequence[Named],
    shared: RunFolder,
    exams: RunExams,
    written: int,
    train: bool,
) -> EstimateRow | None:
    """What the judge of all may take for what is not finished: its calibration, practice once, each
    example and the student's answer to it, and dev where there is a training; None where no LLM
    judges.

    Args:
        written: Examples of each instructor.

    Raises:
        ErrataError: The judge cannot be opened, or the labelled answers cannot be read.
    """
    if not config.judged_exams:
        return None
    common = offline(config)
    judges = open_judges(common, shared.path, Clients(shared.path, lambda call: None), keep=False)
    practice, dev = judged_in(exams.practice), judged_in(exams.dev)
    written = written * len(practice) // len(exams.practice)
    calls = 0 if (shared.path / CALIBRATION).exists() else labels_judged(common)
    calls += 0 if (shared.round(0) / "practice.jsonl").exists() else len(practice)
    able = [folder_of(one, shared) for one in named if one.config is not None]
    calls += 2 * written * sum(not has_taught(here) for here in able)
    if train:
        sat = [any(here.path.glob("train-*/round-01/dev.jsonl")) for here in able]
        sat.append((shared.round(0) / "dev.jsonl").exists())
        calls += len(dev) * sat.count(False)
    return judging(common, judges, [*practice, *dev], calls)


def write_start(
    folder: RunFolder,
    config: RunConfig,
    exams: RunExams,
    mistakes: int,
    examples: int,
    corrected: Sequence[Corrected],
) -> None:
    folder.write_questions(exams.sets(), corrected)
    began = Began(provenance=provenance_of(config), mistakes=mistakes, examples=examples)
    write_record(folder.path / BEGAN, began)


def check_versions_of(folder: RunFolder) -> None:
    began = read_record(folder.path / BEGAN, Began).provenance
    check_same_versions(began.versions, f"the audition {folder.path}")
    check_same_code(began, f"the audition {folder.path}")


# The work.


def work(
    config: RunConfig,
    named: Sequence[Named],
    folder: RunFolder,
    given: Given,
    mistakes: int,
    examples: int,
    train: bool,
    watcher: Watcher,
    skipped: Sequence[Skipped],
    rest: Callable[[], EstimateRow | None],
) -> Audition:
    """
    Args:
        rest: What the judge of all may still take.
    """
    trace = Trace(folder.path / "trace.jsonl")
    agents = open_agents(offline(config), folder, trace, None, given, watcher.say)
    context = Context(config, folder, trace, agents, watcher)
    report_skipped(skipped, context)
    if said := said_of(folder.corrected()):
        watcher.say(said)
    judges = agents.llms.judges
    for one in named:
        agents.ledger.take(costs_log(folder_of(one, folder)).read())
    try:
        calibrated(folder.path, offline(config), judges, watcher)
        for each in named:
            warnings = warnings_of(each.config) if each.config is not None else {}
            for line in itertools.chain(*warnings.values()):
                watcher.say(f"{each.name}: {line}")
        with judged_by(judges):  # the same for all, so no instructor pays for them
            sit("practice", context)
            shown = mistakes_shown(mistakes, context)
            found = [try_out(one, shown, examples, context, rest()) for one in named]
            if train:
                found = train_all(found, named, context)
        learnt = any(one.trained is not None for one in found)
        return build_audition(
            folder.name.removesuffix(".audition"),
            str(config.student.model_ref),
            config.strategy,
            shown,
            examples,
            found,
            folder.questions("dev") if learnt else (),
            context.attempts(0, "dev") if learnt else (),
            currency_in(named),
        )
    finally:
        agents.unload()


def offline(config: RunConfig) -> RunConfig:
    """The configuration without any LLM, but for embeddings: for what all have in common."""
    return config.without_llms().with_own_way(config.way)


def sit(name: str, context: Context) -> None:
    """The untouched model's answers, once for all."""
    path = context.folder.round(0) / f"{name}.jsonl"
    if path.exists():
        return
    check_versions_of(context.folder)
    run_exam(0, name, path, f"{name}-0", f"base model: {name} exam", context)
    context.folder.manifest.record_finished()


def mistakes_shown(count: int, context: Context) -> list[Mistake]:
    """The mistakes that all are shown, chosen once.

    Raises:
        ExamError: The student made none in practice.
    """
    folder, config = context.folder.round(1), context.config
    path = folder / "contrasts.jsonl"
    if path.exists():
        return read_records(path, Mistake)
    answered = practised({"best_round": 0}, context)
    every = config.way.collect(answered, 1, config.seed).mistakes or ()
    if not every:
        raise ExamError("the student made no mistake in practice: there is nothing to teach")
    chosen = stratified(every, count, config.seed)
    if len(chosen) < count:
        context.watcher.say(f"only {len(chosen)} mistakes were made in practice, not {count}")
    shown = chosen
    if "contrast" in config.way.steps:
        solved = [(question, attempt) for question, attempt in answered if attempt.correct]
        embeddings = context.agents.embeddings
        contrasted = contrast_mistakes(chosen, solved, embeddings, config.contrast.k)
        shown = config.way.shown(chosen, contrasted)
    write_records(folder / "mistakes.jsonl", chosen)
    write_records(path, shown)
    context.folder.manifest.record_finished()
    return shown


def has_taught(here: RunFolder) -> bool:
    return (here.round(1) / "rehearsed.jsonl").exists()


def try_out(
    named: Named,
    shown: Sequence[Mistake],
    each: int,
    context: Context,
    judged: EstimateRow | None,
) -> Candidate:
    """One instructor to its end, wherever it is.

    Args:
        judged: What the judge of all may still take, and the instructor must leave to it.
    """
    here = folder_of(named, context.folder)
    if named.config is None:
        return stopped(named, here, "stopped", named.why, None)
    settings = here.path / BEGAN
    if settings.exists():
        check_same_instructor(named, here, read_record(settings, Provenance))
    here.manifest.verify()
    if has_taught(here):
        return candidate_of(named, here, "taught", "")
    check_versions_of(context.folder)
    trace = Trace(here.path / "trace.jsonl")
    config = within_budget(named.config, here, context.folder)
    agents = context.agents
    before = costs_log(here).read()
    try:
        opened = open_agents(
            config,
            here,
            trace,
            None,
            Given(agents.student, agents.trainer, None, None, agents.embeddings),
            context.watcher.say,
        )
        if judged is not None:
            keep_room(opened.ledger, Estimate(rows=(judged,)), config.budget)
    except (ConfigError, InstructorError, ModelError) as error:
        return stopped(named, here, "stopped", str(error), context)
    here.path.mkdir(parents=True, exist_ok=True)
    if not settings.exists():
        write_record(settings, provenance_of(named.config))
    own = Context(config, here, trace, opened, OneWatcher(context.watcher, named.name))
    agents.student.close()  # weights of an instructor on this machine may need the memory
    began = time.monotonic()
    trace.round = 1
    try:
        taught = teach(shown, each, own)
    except BudgetSpent:
        return stopped(named, here, "budget spent", SPENT, context)
    except (ConfigError, InstructorError, ModelError, StepFailed) as error:
        return stopped(named, here, "stopped", str(error), context)
    finally:
        opened.llms.close()
        agents.ledger.take(costs_log(here).read()[len(before) :])  # the judge's budget is the same
        seconds = round(time.monotonic() - began, 2)
        here.step_times.add(StepTime(round=1, step="teach", seconds=seconds))
        here.manifest.record_finished()
    rehearse(1, 0, taught, GREEDY, own)
    here.manifest.record_finished()
    return candidate_of(named, here, "taught", "")


def check_same_instructor(named: Named, here: RunFolder, began: Provenance) -> None:
    """Raises: RunError: Another one was tried under this name."""
    assert named.config is not None
    before, now = (
        flat(config.model_dump(mode="json", include={"instructor", "verify"}))
        for config in (began.config, named.config)
    )
    for key in {**before, **now}:
        if before.get(key) != now.get(key):
            raise RunError(
                f"{here.path} was begun with another {key}: set it as it was, or name the "
                f"instructor {named.name!r} otherwise under [audition.instructors]"
            )
    check_same_code(began, f"the instructor {named.name}")


def within_budget(config: RunConfig, here: RunFolder, shared: RunFolder) -> RunConfig:
    """With what the others, and the embeddings, left of the budget of all."""
    entries: list[Entry] = []
    for path in (shared.path, *sorted(shared.path.glob("instructors/*"))):
        if path != here.path:
            entries += costs_log(RunFolder(path)).read()
    budget: dict[str, float | None] = {}
    if config.budget.tokens is not None:
        budget["tokens"] = max(0, config.budget.tokens - sum(entry.tokens for entry in entries))
    if config.budget.money is not None:
        budget["money"] = max(0, config.budget.money - sum(entry.money or 0 for entry in entries))
    left = config.budget.model_copy(update=budget)
    return config.model_copy(update={"budget": left}).with_own_way(config.way)


def teach(shown: Sequence[Mistake], each: int, context: Context) -> list[Example]:
    """Each mistake is diagnosed, and `each` examples are asked for, once: examples.jsonl.

    What is refused is not asked for again, so all are asked for the same number.

    Raises:
        InstructorError, BudgetSpent: What came before it is kept.
    """
    folder, config = context.folder.round(1), context.config
    if (folder / "examples.jsonl").exists():
        return read_records(folder / "examples.jsonl", Example)
    results = diagnose_mistakes(shown, 1, "diagnosing", context)
    named = {each.mistake_id: each for each in results if isinstance(each, Diagnosis)}
    lessons = [Diagnosed(mistake, named[mistake.id]) for mistake in shown if mistake.id in named]
    asks = [Ask(lesson, each, config.seed) for lesson in lessons]
    checker = Checker(
        held_out_in(context.folder),
        context.questions("practice"),
        special_tokens(config.student.model),
    )
    with writing(1, context) as written:
        writer, examples = written.writer, written.examples
        for at in range(0, len(asks), writer.asks_per_batch):
            context.watcher.progress("writing examples", at, len(asks), f"{len(examples)} passed")
            batch = asks[at : at + writer.asks_per_batch]
            checked = check_drafts(batch, writer, checker, set(), 1)
            for result in verify_drafts(checked, written.verifier):
                written.add(result)
    context.watcher.say(f"{len(examples)} examples passed, {len(written.refused)} did not")
    return examples


def stopped(
    named: Named,
    here: RunFolder,
    status: Literal["stopped", "budget spent"],
    why: str,
    context: Context | None,
) -> Candidate:
    if context is not None:
        context.watcher.say(f"{named.name}: {why}")
    return candidate_of(named, here, status, why)


def candidate_of(
    named: Named, here: RunFolder, status: Literal["taught", "stopped", "budget spent"], why: str
) -> Candidate:
    """From its records, whatever there is of them."""
    folder = here.round(1)
    asked = here.collected(1, "asks", Asked)
    written = Counter[str]()
    for line in asked:
        written[line.diagnosis_id] += sum(isinstance(each, Draft) for each in line.results)
    teaching = Teaching(
        diagnoses=here.collected(1, "diagnoses", DiagnosisLine),
        written=written,
        examples=here.collected(1, "examples", Example),
        refusals=here.collected(1, "refusals", RefusalLine),
        answers=read_records(folder / "rehearsed.jsonl", Attempt) if has_taught(here) else (),
    )
    return Candidate(
        name=named.name,
        model=named.model,
        status=status,
        why=why,
        teaching=teaching,
        cost=cost_of(here, named.config) if named.config is not None else None,
        seconds=sum(time.seconds for time in here.step_times.read()),
    )


class OneWatcher:
    """Says of which instructor it is told."""

    def __init__(self, watcher: Watcher, name: str) -> None:
        self.watcher, self.name = watcher, name

    def progress(self, step: str, done: int, total: int, note: str = "") -> None:
        self.watcher.progress(f"{self.name}: {step}", done, total, note)

    def say(self, text: str) -> None:
        self.watcher.say(f"{self.name}: {text}")

    def estimated(self, estimate: Estimate, budget: Budget, currency: str | None) -> None:
        """That of all together was told before the first."""


# Small trainings.


def train_all(
    found: Sequence[Candidate], named: Sequence[Named], context: Context
) -> list[Candidate]:
    """A training on as many examples of each as the one with the fewest brought."""
    able = [
        one
        for one in found
        if one.status == "taught" and len(one.teaching.examples) >= LEAST_EXAMPLES
    ]
    for one in found:
        if one.status == "taught" and one not in able:
            count = len(one.teaching.examples)
            context.watcher.say(f"{one.name}: {count} examples are too few to train on")
    if not able:
        return list(found)
    sit("dev", context)
    count = min(len(one.teaching.examples) for one in able)
    by_name = {one.name: one for one in named}
    return [train_on(one, by_name[one.name], count, context) if one in able else one
            for one in found]  # fmt: skip


def train_on(found: Candidate, named: Named, count: int, context: Context) -> Candidate:
    shared = context.folder
    here = InstructorFolder(folder_of(named, shared).path / f"train-{count}", shared)
    here.manifest.verify()
    config, folder = context.config, here.round(1)
    watcher = OneWatcher(context.watcher, found.name)
    title = f"training on {count} examples"
    if not (folder / "trained.json").exists():
        check_versions_of(shared)
        if not (folder / "training.jsonl").exists():
            chosen = some_of(found.teaching.examples, count, config.seed)
            write_records(folder / "training.jsonl", rows_of(chosen))
        context.agents.unload()  # training needs the memory
        watcher.progress(title, 0, 0)
        trained = context.agents.trainer.train(
            TrainingJob(
                start=context.model(0),
                examples=folder / "training.jsonl",
                adapter=folder / "adapter",
                settings=config.training,
                system=config.student.system,
                quantize=config.student.quantize,
            ),
            lambda step, steps, loss: watcher.progress(title, step, steps, f"loss {loss:.2f}"),
        )
        write_record(folder / "trained.json", trained)
        here.manifest.record_finished()
    dev = folder / "dev.jsonl"
    if not dev.exists():
        check_versions_of(shared)
        own = replace(context, folder=here, watcher=watcher)
        run_exam(1, "dev", dev, "dev-1", f"{title}: dev exam", own)
        here.manifest.record_finished()
    return replace(
        found,
        trained=read_record(folder / "trained.json", Trained),
        examples=count,
        dev=here.attempts(dev),
    )


def some_of(examples: Sequence[Example], count: int, seed: int) -> list[Example]:
    """`count` of them: from as many mistakes as there are, one of each before the second of any."""
    shuffled = random.Random(f"{seed}/examples").sample(list(examples), len(examples))
    turns = Counter[str]()
    turn: dict[str, int] = {}
    for example in shuffled:
        turn[example.id] = turns[example.question_id]
        turns[example.question_id] += 1
    chosen = {e.id for e in sorted(shuffled, key=lambda example: turn[example.id])[:count]}
    return [example for example in examples if example.id in chosen]
