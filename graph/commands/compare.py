"""What `errata compare` is asked: arms of a configuration, two finished runs, or two models'
answers to the same questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from pydantic import ValidationError

from errata.agents.errors import ConfigError, RunError
from errata.agents.jsonl import read_records
from errata.agents.records import Attempt, Question
from errata.graph.commands.exam import Answered, Conditions
from errata.graph.comparing.compare import ARMS, PROMPT
from errata.graph.comparing.flips import Flips, SetName, compare_runs, flips_of, same_questions
from errata.graph.config import RunConfig, load_config, parse_config
from errata.graph.provenance import flat
from errata.graph.run_folder import RunFolder, find_run
from errata.training.own_code import with_path_from


@dataclass(frozen=True)
class ArmsAsked:
    """`errata compare CONFIG`."""

    config: RunConfig
    arms: Sequence[str]
    seeds: int


@dataclass(frozen=True)
class RunsAsked:
    """`errata compare RUN RUN`."""

    first: RunFolder
    second: RunFolder
    set: SetName


@dataclass(frozen=True)
class AnswersAsked:
    """`errata compare FILE FILE`: what `errata exam --out` wrote."""

    first: Path
    second: Path


def read_arguments(
    what: Sequence[str],
    arms: str | None,
    seeds: int | None,
    runs: Path,
    name: str | None,
    dry_run: bool,
    set_name: str | None,
    show: bool,
    fail_if_worse: float | None = None,
) -> ArmsAsked | RunsAsked | AnswersAsked:
    """One argument is a configuration, two are runs or files of answers.

    Raises:
        ConfigError: There is no such configuration, an option belongs to another kind, or
            `fail_if_worse` is no level.
        RunError: There is no such run.
    """
    of_runs = {"--set": set_name is not None}
    of_two = {"--show": show, "--fail-if-worse": fail_if_worse is not None}
    of_arms = {
        "--arms": arms is not None,
        "--seeds": seeds is not None,
        "--name": name is not None,
        "--dry-run": dry_run,
    }
    if len(what) == 1:
        refuse_options(of_runs | of_two, "two runs, and one argument is a configuration")
        return arms_asked(Path(what[0]), arms, seeds, name, runs)
    if len(what) > 2:
        raise RunError(f"{len(what)} arguments: give one configuration, or two runs")
    refuse_options(of_arms, "a configuration, and two arguments are runs")
    if fail_if_worse is not None and not 0 < fail_if_worse < 0.5:
        raise ConfigError(
            f"--fail-if-worse {fail_if_worse} is no share of false alarms: give one above 0 and "
            "below 0.5, such as 0.05"
        )
    if all(given.endswith(".jsonl") for given in what):
        refuse_options(of_runs, "two runs, and these are files")
        return AnswersAsked(Path(what[0]), Path(what[1]))
    for given in what:
        if Path(given).is_file():
            raise RunError(
                f"{given} is a file and no run: a configuration is compared alone, and two files "
                "of answers (.jsonl, of `errata exam --out`) with each other"
            )
    names: tuple[SetName, ...] = get_args(SetName)[:-1]
    chosen = next((known for known in names if known == (set_name or "test")), None)
    if chosen is None:
        raise RunError(f"there is no set {set_name!r}: choose {', '.join(names)}")
    first, second = (find_run(given, runs) for given in what)
    return RunsAsked(first, second, chosen)


def arms_asked(
    path: Path, arms: str | None, seeds: int | None, name: str | None, runs: Path
) -> ArmsAsked:
    if path.is_dir() or (not path.exists() and (runs / path).is_dir()):
        raise ConfigError(
            f"{path} is a folder: name a TOML file, or a second run to compare it with"
        )
    config = load_config(path)
    if name is not None:
        config = parse_config(config.model_dump() | {"name": name}, "--name")
    if arms is None:
        chosen = list(dict.fromkeys([*ARMS, config.strategy]))
    else:
        given = [arm.strip() for arm in arms.split(",") if arm.strip()]
        chosen = [with_paths(arm, path.parent) for arm in given]
    return ArmsAsked(config, chosen, 3 if seeds is None else seeds)


def with_paths(arm: str, folder: Path) -> str:
    """A file of the user's own is taken from `folder`, after `prompt+` too."""
    way = arm.removeprefix(f"{PROMPT}+")
    return arm.removesuffix(way) + with_path_from(way, folder)


def refuse_options(given: dict[str, bool], of: str) -> None:
    for option, there in given.items():
        if there:
            raise ConfigError(f"{option} is of {of}: take it out")


# Two runs, or two files of answers.


def compare_two(asked: RunsAsked | AnswersAsked, show: bool, level: float | None) -> Flips:
    """Question by question.

    Args:
        show: With the texts of the examples.
        level: Says whether the second is worse, with this share of false alarms.

    Raises:
        RunError: A run is not finished, a file cannot be read or has several answers to a
            question, or the two were not asked the same questions.
    """
    if isinstance(asked, RunsAsked):
        return compare_runs(asked.first, asked.second, asked.set, show, level)
    paths = (asked.first, asked.second)
    (ours, our_answers), (theirs, their_answers) = map(read_answers, paths)
    pairs = same_questions(ours, theirs, paths, "exam")
    names = (asked.first.stem, asked.second.stem)
    if names[0] == names[1]:
        names = (str(asked.first), str(asked.second))
    found = flips_of(pairs, (our_answers, their_answers), names, "exam", show, level)
    return found.model_copy(update={"differs": differences(*map(read_conditions, paths))})


def read_answers(path: Path) -> tuple[list[Question], dict[str, Attempt]]:
    """The questions of `errata exam --out`, and the one answer to each: question id → attempt."""
    answers: dict[str, Attempt] = {}
    questions = []
    for line in read_records(path, Answered):
        if line.question.id in answers:
            raise RunError(
                f"{path} has several answers to the question {line.question.id}: compare exams "
                "without --samples"
            )
        answers[line.question.id] = line.attempt
        questions.append(line.question)
    return questions, answers


def read_conditions(path: Path) -> Conditions | None:
    """What the answers in a file depend on; None where that is not beside it."""
    try:
        beside = path.with_name(path.name + ".settings.json")
        return Conditions.model_validate_json(beside.read_bytes())
    except (OSError, ValidationError):
        return None


def differences(first: Conditions | None, second: Conditions | None) -> tuple[str, ...]:
    if first is None or second is None:
        return ()
    was, now = (flat(one.model_dump(mode="json")) for one in (first, second))
    free = {"student.adapter", "adapter_sha256"}
    return tuple(
        f"{name}: {was.get(name)} and {now.get(name)}"
        for name in {**was, **now}
        if name not in free and was.get(name) != now.get(name)
    )
