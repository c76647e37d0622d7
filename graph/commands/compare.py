"""What `errata compare` is asked: arms of one configuration, or two finished runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from errata.agents.errors import ConfigError, RunError
from errata.graph.comparing.compare import ARMS, PROMPT
from errata.graph.comparing.flips import SetName
from errata.graph.config import RunConfig, load_config, parse_config
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


def read_arguments(
    what: Sequence[str],
    arms: str | None,
    seeds: int | None,
    runs: Path,
    name: str | None,
    dry_run: bool,
    set_name: str | None,
    show: bool,
) -> ArmsAsked | RunsAsked:
    """One argument is a configuration, two are runs.

    Raises:
        ConfigError: There is no such configuration, or an option belongs to the other kind.
        RunError: There is no such run.
    """
    of_runs = {"--set": set_name is not None, "--show": show}
    of_arms = {
        "--arms": arms is not None,
        "--seeds": seeds is not None,
        "--name": name is not None,
        "--dry-run": dry_run,
    }
    if len(what) == 1:
        refuse_options(of_runs, "two runs, and one argument is a configuration")
        return arms_asked(Path(what[0]), arms, seeds, name, runs)
    if len(what) > 2:
        raise RunError(f"{len(what)} arguments: give one configuration, or two runs")
    refuse_options(of_arms, "a configuration, and two arguments are runs")
    for given in what:
        if Path(given).is_file():
            raise RunError(f"{given} is a file and no run: a configuration is compared alone")
    names: tuple[SetName, ...] = get_args(SetName)
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
