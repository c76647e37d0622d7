"""calibration.json: the judges of a run, compared with a person before they judge anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from errata.agents.calibration import Calibration, calibrate, read_labelled
from errata.agents.chat_models import ChatClient, LlmSettings
from errata.agents.chat_models.ledger import Budget, Entry, Ledger
from errata.agents.errors import ConfigError
from errata.agents.jsonl import Log, read_record, write_record
from errata.agents.llm.judge import LlmJudge
from errata.agents.marking.judged import JUDGED, Judge, JudgedCall
from errata.agents.records import JudgedAnswer, Record
from errata.graph.config import RunConfig
from errata.graph.costs import JUDGE, Estimate
from errata.graph.run_folder import CALIBRATION
from errata.graph.watcher import Watcher


class JudgeReport(Record):
    """One exam's judge, and how far it agrees with a person."""

    exam: str
    model: str
    rubric_sha256: str
    rubric: str
    """Its text, as the judge read it."""
    threshold: float | None
    """Score of 0 to 10 from which an answer is right, where the judge gives scores."""
    kappa_at_least: float
    """Kappa below which it is refused."""
    calibration: Calibration | None
    """None: nobody compared it with a person, which `calibrated = false` allows."""
    problem: str | None
    """Why it is refused; None where it is not."""
    warnings: tuple[str, ...]
    """What a reader of its figures should know."""


class JudgesReport(Record):
    """calibration.json"""

    judges: tuple[JudgeReport, ...]


def open_judges(
    config: RunConfig,
    folder: Path,
    client_for: Callable[[LlmSettings], ChatClient],
    keep: bool = True,
) -> dict[JudgedAnswer, Judge]:
    """Each judge by the questions that it judges. Nothing is sent yet.

    Args:
        folder: The verdicts in its judged.jsonl are not asked for again.
        keep: Verdicts are added there.

    Raises:
        ExamError: A rubric cannot be read.
        InstructorError: A provider's package, a key, or a function is missing.
    """
    log = Log(folder / JUDGED, JudgedCall)
    known = log.read() if config.judged_exams else []
    judges: dict[JudgedAnswer, Judge] = {}
    for _, settings in config.judged_exams:
        answer = settings.answer
        if answer not in judges:
            client, rubric = client_for(settings.llm), settings.read_rubric()
            judges[answer] = LlmJudge(client, rubric, answer, log if keep else None, known)
    return judges


def recall(folder: Path, judges: Mapping[JudgedAnswer, Judge]) -> None:
    """Has them know the verdicts that were put into the folder since they were opened."""
    known = Log(folder / JUDGED, JudgedCall).read() if judges else []
    for judge in judges.values():
        if isinstance(judge, LlmJudge):
            judge.recall(known)


def keep_room(
    ledger: Ledger, estimate: Estimate | None, budget: Budget, before: Sequence[Entry] = ()
) -> None:
    """Keeps what the judges may take from those who teach: an exam that cannot be marked to its end
    decides nothing.

    Raises:
        ConfigError: It is more than the budget.
    """
    for row in estimate.rows if estimate is not None else ():
        if row.agent != JUDGE:
            continue
        tokens, money = row.tokens_in + row.tokens_out, row.money or 0.0
        for may, holds, what in (
            (tokens, budget.tokens, "tokens"),
            (money, budget.money, "in money"),
        ):
            if holds is not None and may > holds:
                raise ConfigError(
                    f"the judge alone may take about {may:,.10g} {what}, and the budget holds "
                    f"{holds:,.10g}: raise it under [budget], or take fewer questions"
                )
        ledger.keep(JUDGE, tokens, money, before)


def calibrated(
    folder: Path, config: RunConfig, judges: Mapping[JudgedAnswer, Judge], watcher: Watcher
) -> None:
    """Sees to it that each judge is calibrated, and says what came of it.

    Raises:
        ConfigError: One of them is refused.
        ErrataError: One of them cannot be asked, or the labelled answers cannot be read.
    """
    path = folder / CALIBRATION
    if not config.judged_exams:
        return
    if path.exists():
        found = read_record(path, JudgesReport)
    else:
        found = JudgesReport(judges=calibrations(config, judges, watcher))
        write_record(path, found)
        for judge in found.judges:
            for line in told(judge):
                watcher.say(line)
    for judge in found.judges:
        if judge.problem is not None:
            raise ConfigError(
                f"the judge {judge.model} of {judge.exam} is refused: {judge.problem}"
            )


def calibrations(
    config: RunConfig, judges: Mapping[JudgedAnswer, Judge], watcher: Watcher
) -> tuple[JudgeReport, ...]:
    """How far each judge agrees with a person.

    Raises:
        ErrataError: One of them cannot be asked, or the labelled answers cannot be read.
    """
    found = []
    warnings = warnings_of(config)
    for exam, settings in config.judged_exams:
        answer = settings.answer
        calibration, problem, said = None, None, list(warnings.get(settings.model, ()))
        if settings.calibrated and settings.labelled is not None:
            title = f"calibrating the judge of {exam.name}"

            def progress(done: int, total: int, title: str = title) -> None:
                watcher.progress(title, done, total)

            labelled = read_labelled(settings.labelled)
            calibration = calibrate(judges[answer], answer, labelled, progress)
            problem = calibration.problem(settings.kappa_at_least)
            said += notes_on(calibration, settings.kappa_at_least)
        else:
            said.insert(0, UNPROVEN)
        found.append(
            JudgeReport(
                exam=exam.name,
                model=settings.model,
                rubric_sha256=answer.rubric,
                rubric=settings.read_rubric(),
                threshold=settings.threshold,
                kappa_at_least=settings.kappa_at_least,
                calibration=calibration,
                problem=problem,
                warnings=tuple(said),
            )
        )
    return tuple(found)


UNPROVEN = (
    "nobody compared this judge with a person (calibrated = false): what its figures are worth is "
    "not known"
)


def warnings_of(config: RunConfig) -> dict[str, list[str]]:
    """Judge's model → what speaks against it: it would judge what it taught."""
    steps = config.way.steps
    taught = {
        "instructor": config.instructor.model if "diagnose" in steps else None,
        "data writer": (config.writer or config.instructor).model if "write" in steps else None,
    }
    found: dict[str, list[str]] = {}
    for _, settings in config.judged_exams:
        roles = [role for role, model in taught.items() if model == settings.model]
        if roles and settings.model not in found:
            found[settings.model] = [
                f"{settings.model} judges and is the {' and the '.join(roles)} too: it may like "
                "what is written as it writes itself, so take another model for one of them"
            ]
    return found


def notes_on(found: Calibration, kappa_at_least: float) -> list[str]:
    """What a calibration that passes still leaves open."""
    notes = []
    if found.kappa >= kappa_at_least > found.kappa_ci95[0]:
        notes.append(
            f"its kappa may be as low as {found.kappa_ci95[0]:.2f}, below kappa_at_least = "
            f"{kappa_at_least:g}: label more answers to be sure"
        )
    asked = ((*found.flips_again, "the same is asked again"),
             (*found.flips_turned, "answer and reference change places"))  # fmt: skip
    for flipped, of, when in asked:
        if of and flipped / of > MANY_FLIPS:
            notes.append(f"{flipped} of {of} verdicts change when {when}")
    (short, of_short), (long, of_long) = found.agrees_short, found.agrees_long
    if of_short and of_long and abs(short / of_short - long / of_long) > UNEVEN:
        notes.append(
            f"it agrees on {short} of the {of_short} shorter answers and on {long} of the "
            f"{of_long} longer ones: length may sway it"
        )
    return notes


MANY_FLIPS = 0.1
"""Share of verdicts; one that changes by itself is noise in every figure."""
UNEVEN = 0.2
"""Difference of two shares."""


def told(judge: JudgeReport) -> list[str]:
    """What is said of a judge at the start, and in a report."""
    lines = []
    found = judge.calibration
    if found is not None:
        low, high = found.kappa_ci95
        lines.append(
            f"the answers of {judge.exam} are judged by {judge.model}, which agrees with a person "
            f"on {found.agreement:.0%} of {found.rows}, kappa {found.kappa:.2f} (95% interval "
            f"{low:.2f} to {high:.2f})"
        )
    return lines + [f"judge of {judge.exam}: {warning}" for warning in judge.warnings]
