"""Rules that end a run before its rounds are spent."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from doubles import table_agents
from screen import printed

from errata.agents.errors import ConfigError, StepFailed
from errata.agents.exams.arithmetic import KINDS
from errata.agents.exams.several import load_exams
from errata.agents.testing.tables import TableTrainer
from errata.agents.trainer import OnStep, Trained, TrainingJob
from errata.graph.config import RunConfig, parse_config
from errata.graph.context import Context
from errata.graph.report import Report
from errata.graph.run import resume, run
from errata.graph.run_folder import RunFolder, StepTime
from errata.graph.stop import out_of_patience_or_time
from errata.graph.views.summary import print_summary

pytestmark = pytest.mark.loop

ALL = [kind.name for kind in KINDS]


class Clock:
    """Each step of a run takes a quarter of an hour."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 900
        return self.now


def config(**stop: Any) -> RunConfig:
    return parse_config(
        {
            "name": "t",
            "exam": {"name": "arithmetic", "seed": 3, "practice": 36, "dev": 36, "test": 18},
            "examples": {"per_round": 40},
            "stop": stop,
        },
        "test",
    )


def agents(*learns: Sequence[str]) -> dict[str, Any]:
    return table_agents(load_exams(config().exam).practice, learns, ALL[:2])


def summary(report: Report, tmp_path: Path) -> str:
    return printed(lambda console: print_summary(report, console, tmp_path / "t"), 100)


@pytest.mark.parametrize(
    ("learns", "patience", "rounds"),
    [
        ([ALL[:1]], 1, 1),
        ([ALL[:1]], 2, 2),
        ([ALL[:9], ALL[:1], ALL[:1], ALL[:12]], 2, 3),
        ([ALL[:1], ALL[:9], ALL[:1], ALL[:12]], 2, 4),
    ],
)
def test_so_many_rounds_in_a_row_without_a_promotion_end_the_run(
    learns: list[list[str]], patience: int, rounds: int, tmp_path: Path
) -> None:
    settings = config(patience=patience, rounds=5 if rounds < 4 else 4)
    report = run(settings, tmp_path, **agents(*learns))
    assert len(report.rounds) == 1 + rounds
    if rounds < 4:
        assert report.status == "no promotion"
        said = f"No candidate was promoted in {patience} round{'s' * (patience > 1)}; stop.patience"
        assert said in summary(report, tmp_path)
    else:
        assert report.status == "round budget spent"
        assert "stop.patience" not in summary(report, tmp_path)


@pytest.mark.parametrize(("hours", "rounds"), [(0.01, 1), (2.0, 1), (2.01, 2), (4.0, 2)])
def test_no_new_round_begins_after_the_hours_that_a_run_may_work(
    hours: float, rounds: int, tmp_path: Path
) -> None:
    """A round has eight steps; the exam that ends it counts in the next one."""
    report = run(config(hours=hours, rounds=5), tmp_path, **agents(ALL[:9]), clock=Clock())
    assert len(report.rounds) == 1 + rounds
    assert report.status == "out of time"
    worked = {1: "2 h 30 min", 2: "4 h 30 min"}[rounds]
    said = f"No new round was begun: {worked} of work by the end, stop.hours allows "
    assert said in summary(report, tmp_path)


class FailingOnce(TableTrainer):
    def train(self, job: TrainingJob, on_step: OnStep) -> Trained:
        if not self.jobs:
            self.jobs.append(job)
            raise StepFailed("the machine went away")
        return super().train(job, on_step)


def test_the_hours_of_all_starts_of_a_run_count_together(tmp_path: Path) -> None:
    settings = config(hours=1.75, rounds=5)
    table = agents(ALL[:9])
    trainer = table["trainer"]
    table["trainer"] = FailingOnce(trainer.kinds, trainer.learns)
    with pytest.raises(StepFailed):
        run(settings, tmp_path, **table, clock=Clock())
    report = resume(RunFolder(tmp_path / "t"), **table, clock=Clock())
    assert report.status == "out of time"
    assert len(report.rounds) == 2


class Nobody:
    """Stands for an agent that has nothing left to do."""

    examples_per_ask = asks_per_batch = 1

    def work(self, *given: object) -> Any:
        raise AssertionError("finished work is done again")

    ask = draft = diagnose = train = work

    def close(self) -> None:
        pass


@pytest.mark.parametrize("stop", [{"hours": 2.01}, {"patience": 1}])
def test_a_stopped_run_without_checkpoints_stops_at_the_same_place(
    stop: dict[str, Any], tmp_path: Path
) -> None:
    settings = config(**stop, rounds=5)
    before = run(settings, tmp_path, **agents(ALL[:9]), clock=Clock())
    assert before.status == ("out of time" if "hours" in stop else "no promotion")
    assert len(before.rounds) == 3
    (tmp_path / "t" / "checkpoints.sqlite").unlink()
    nobody: Any = Nobody()
    everyone = dict.fromkeys(("student", "trainer", "instructor", "writer"), nobody)
    after = resume(RunFolder(tmp_path / "t"), **everyone, clock=Clock())
    exclude = {"seconds": True, "rounds": {"__all__": {"seconds"}}}
    assert after.model_dump(exclude=exclude) == before.model_dump(exclude=exclude)


@pytest.mark.parametrize("stop", [{"patience": 0}, {"hours": 0}, {"hours": "soon"}])
def test_a_stop_rule_that_makes_no_sense_is_refused_by_its_key(stop: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"stop.{next(iter(stop))}"):
        config(**stop)


def ended(folder: RunFolder, index: int = 1, best: int = 0, **stop: Any) -> str | None:
    """What the rules say after a round, of a run without agents."""
    nothing: Any = None
    context = Context(config(**stop), folder, nothing, nothing, nothing)
    return out_of_patience_or_time(index, best, context)


@pytest.mark.parametrize("steps", [[0.5], [1800.0, 1800.0]])
def test_a_run_is_out_of_time_from_the_second_on_in_which_its_hours_are_full(
    steps: list[float], tmp_path: Path
) -> None:
    folder = RunFolder(tmp_path)
    folder.step_times.add(StepTime(round=0, step="examine", seconds=3600 - sum(steps)))
    assert ended(folder, hours=1) is None
    for seconds in steps:
        folder.step_times.add(StepTime(round=1, step="train", seconds=seconds))
    assert ended(folder, hours=1) == "out of time"
    assert ended(folder, hours=2) is None
    assert ended(folder) is None
    folder.round(1).mkdir()
    assert ended(folder, hours=1) == "out of time"
    folder.round(2).mkdir()  # was begun, so it is made
    assert ended(folder, hours=1) is None


def test_patience_counts_the_rounds_since_the_best_model(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    assert ended(folder, index=4, best=2, patience=2) == "no promotion"
    assert ended(folder, index=5, best=2, patience=2) == "no promotion"
    assert ended(folder, index=3, best=2, patience=2) is None
    assert ended(folder, index=9, best=2) is None
    # Without a promotion for long and without time: what the models showed is said first.
    folder.step_times.add(StepTime(round=1, step="train", seconds=7200))
    assert ended(folder, index=4, best=2, patience=2, hours=1) == "no promotion"
