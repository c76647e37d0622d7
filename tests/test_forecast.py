"""Would more examples help: the learning curve of a finished run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from math import log2
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import errata
from curves import CountingTrainer, CurveStudent
from doubles import Stopping, table_agents
from hearing import Heard
from screen import printed

from errata.agents.errors import RunError, StepFailed
from errata.agents.exams.arithmetic import KINDS
from errata.agents.exams.several import load_exams
from errata.agents.learning_curve import TRAINING_NOISE, LearningCurve
from errata.agents.trainer import OnStep, Trained, TrainingJob
from errata.graph.config import RunConfig, parse_config
from errata.graph.forecast import Forecast, forecast
from errata.graph.run import resume, run
from errata.graph.run_folder import RunFolder
from errata.graph.views.forecast import print_forecast

pytestmark = pytest.mark.loop

ALL = [kind.name for kind in KINDS]
Curve = Callable[[int], float]


def config(**changes: Any) -> RunConfig:
    given: dict[str, Any] = {
        "name": "t",
        "strategy": "lec",
        "exam": {"name": "arithmetic", "seed": 3, "practice": 90, "dev": 200, "test": 18},
        "examples": {"per_round": 80},
        "stop": {"rounds": 1},
    }
    return parse_config(given | changes, "test")


def log_linear(at_80: float, doubling: float) -> Curve:
    return lambda rows: max(0.0, at_80 + doubling * log2(rows / 80)) if rows else 0.05


def finished(runs: Path, curve: Curve, trainer: CountingTrainer | None = None) -> RunFolder:
    run(config(), runs, student=CurveStudent(curve), trainer=trainer or CountingTrainer())
    return RunFolder(runs / "t")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with 50% right, and 8 points more for each doubling."""
    return finished(tmp_path_factory.mktemp("runs"), log_linear(0.5, 0.08)).path


@pytest.fixture
def folder(kept: Path, tmp_path: Path) -> RunFolder:
    shutil.copytree(kept, tmp_path / "t")
    return RunFolder(tmp_path / "t")


def files(folder: RunFolder) -> dict[str, bytes]:
    """Of the run itself."""
    return {
        str(path.relative_to(folder.path)): path.read_bytes()
        for path in folder.path.rglob("*")
        if path.is_file() and "forecast" not in path.parts and path.name != "lock"
    }


def shown(found: Forecast) -> str:
    return printed(lambda console: print_forecast(found, console), 100)


def test_a_curve_that_rises_evenly_is_found_and_looked_along(folder: RunFolder) -> None:
    curve = log_linear(0.5, 0.08)
    found = forecast(folder, student=CurveStudent(curve), trainer=CountingTrainer())
    assert [(p.rows, p.accuracy) for p in found.points] == [
        (10, 0.26),
        (20, 0.34),
        (40, 0.42),
        (80, 0.5),
    ]
    assert found.doubling.value == pytest.approx(0.08)
    assert found.helps == "yes"
    assert found.twice.value == pytest.approx(0.58)
    assert found.ten_times.value == pytest.approx(0.5 + 0.08 * log2(10))
    low, high = found.twice.ci95
    assert 0.08 < high - low < 0.3
    assert found.target == "not within ten times"
    assert found.times_to_target is None
    assert (
        Forecast.model_validate_json((folder.path / "forecast" / "forecast.json").read_bytes())
        == found
    )


def test_the_parts_are_nested_and_trained_as_the_round_was(folder: RunFolder) -> None:
    trainer = CountingTrainer()
    forecast(folder, student=CurveStudent(log_linear(0.5, 0.08)), trainer=trainer)
    whole = (folder.round(1) / "training.jsonl").read_text().splitlines()
    eighth, quarter, half = trainer.rows
    assert [len(eighth), len(quarter), len(half)] == [10, 20, 40]
    assert set(eighth) < set(quarter) < set(half) < set(whole)
    for rows in trainer.rows:
        assert rows == sorted(rows, key=whole.index)
    assert half != whole[:40]
    told = json.loads((folder.round(1) / "adapter" / "trained.json").read_text())["job"]
    assert told["settings"]["seed"] == 1  # the round's own, not the configuration's
    for job in trainer.jobs:
        asked = json.loads(job.model_dump_json())
        for moved in ("examples", "adapter"):
            assert "forecast" in asked.pop(moved)
        assert asked == {name: told[name] for name in asked}


def test_parts_of_a_training_by_tokens_are_trained_for_the_epochs_of_the_whole(
    tmp_path: Path,
) -> None:
    student = CurveStudent(log_linear(0.5, 0.08))
    settings = config(training={"tokens": 12_000})
    run(settings, tmp_path, student=student, trainer=CountingTrainer(epochs=2.5))
    trainer = CountingTrainer()
    forecast(RunFolder(tmp_path / "t"), student=student, trainer=trainer)
    asked = [(job.settings.tokens, job.settings.epochs) for job in trainer.jobs]
    assert asked == [(None, 2.5)] * 3


def test_dev_is_asked_and_nothing_sealed(folder: RunFolder) -> None:
    student = CurveStudent(log_linear(0.5, 0.08))
    forecast(folder, student=student, trainer=CountingTrainer())
    assert len(student.asked) == 3 * 200
    assert {id.partition("-")[0] for _, id in student.asked} == {"dev"}
    assert not student.open


def test_a_forecast_is_no_part_of_the_run(folder: RunFolder) -> None:
    before = files(folder)
    forecast(folder, student=CurveStudent(log_linear(0.5, 0.08)), trainer=CountingTrainer())
    assert files(folder) == before
    (folder.path / "checkpoints.sqlite").unlink()
    (folder.path / "report.json").unlink()
    report = resume(folder, student=CurveStudent(log_linear(0.5, 0.08)), trainer=CountingTrainer())
    assert [r.index for r in report.rounds] == [0, 1]
    assert b"forecast" not in (folder.path / "manifest.jsonl").read_bytes()


class FailingAt(CountingTrainer):
    def train(self, job: TrainingJob, on_step: OnStep) -> Trained:
        if len(self.jobs) == 1:
            raise StepFailed("the machine went away")
        return super().train(job, on_step)


def test_a_stopped_forecast_goes_on_and_makes_nothing_twice(folder: RunFolder) -> None:
    curve = log_linear(0.5, 0.08)
    first, second = FailingAt(), CountingTrainer()
    with pytest.raises(StepFailed):
        forecast(folder, student=CurveStudent(curve), trainer=first)
    with pytest.raises(KeyboardInterrupt):
        forecast(folder, student=Stopping(CurveStudent(curve), 99), trainer=second)
    student = CurveStudent(curve)
    found = forecast(folder, student=student, trainer=second)
    assert [len(rows) for rows in first.rows + second.rows] == [10, 20, 40]
    assert len(student.asked) == 101 + 200
    again = forecast(folder, student=student, trainer=second)
    assert again == found
    assert len(student.asked) == 301
    assert len(second.jobs) == 2


def test_the_cost_is_said_before_anything_is_trained(folder: RunFolder) -> None:
    steps = [("train", 600.0), ("examine", 290.0)]  # of which 200 s for dev, if it was promoted
    (folder.path / "steps.jsonl").write_text(
        "".join(
            json.dumps({"round": round, "step": step, "seconds": s * (round or 9)}) + "\n"
            for step, s in steps
            for round in (0, 1)
        )
    )
    watcher = Heard()
    curve = log_linear(0.5, 0.08)
    with pytest.raises(StepFailed):
        forecast(folder, student=CurveStudent(curve), trainer=FailingAt(), watcher=watcher)
    assert watcher.said[0] == (
        "to train: on 10, 20, 40 of round 1's 80 rows, 88% of that training; to ask: the 200 dev "
        "questions, 3 times; about 19 min, by what the round took"
    )
    assert ("forecast: training on 10 of 80 rows", 1, 1) in watcher.steps
    assert ("forecast: dev exam after 10 rows", 200, 200) in watcher.steps
    watcher = Heard()
    forecast(folder, student=CurveStudent(curve), trainer=CountingTrainer(), watcher=watcher)
    assert "20, 40 of round 1's 80 rows, 75%" in watcher.said[0]
    assert "2 times; about 14 min" in watcher.said[0]
    watcher = Heard()
    forecast(folder, student=CurveStudent(curve), trainer=CountingTrainer(), watcher=watcher)
    assert watcher.said == []


@pytest.mark.parametrize(
    ("at_80", "doubling", "target", "helps", "reached", "said"),
    [
        (0.5, 0.08, 0.95, "yes", "not within ten times", "is not reached within ten times what"),
        (0.5, 0.16, 0.6, "yes", "within ten times", "rows, by the line with 1.5 times"),
        (0.5, 0.08, 0.5, "yes", "reached already", "The target of 50% is reached already"),
        (0.5, 0.08, 0.75, "yes", "too uncertain", "too uncertain to say: dev would be about 77% ("),
        (0.4, 0.0, 0.95, "too uncertain", "not within ten times", "more such rows help is too unc"),
        (0.2, -0.1, 0.95, "no", "not within ten times", "More such rows do harm: a doubling"),
    ],
)
def test_each_answer_is_said_in_words(
    at_80: float,
    doubling: float,
    target: float,
    helps: str,
    reached: str,
    said: str,
    folder: RunFolder,
) -> None:
    settings = config(stop={"rounds": 1, "target_accuracy": target})
    curve = log_linear(at_80, doubling)
    runs = folder.path.parent / "other"
    run(settings, runs, student=CurveStudent(curve), trainer=CountingTrainer())
    found = forecast(RunFolder(runs / "t"), student=CurveStudent(curve), trainer=CountingTrainer())
    assert (found.helps, found.target) == (helps, reached)
    text = " ".join(shown(found).split())
    assert said in text
    assert f"With twice the rows dev would be about {found.twice.value:.0%} (" in text
    assert "10 times the rows" in text


def test_rows_that_a_training_left_out_are_not_on_the_curve(tmp_path: Path) -> None:
    curve = log_linear(0.5, 0.08)
    folder = finished(tmp_path, curve, CountingTrainer(skips=4))
    found = forecast(folder, student=CurveStudent(curve), trainer=CountingTrainer(skips=4))
    assert [point.rows for point in found.points] == [6, 16, 36, 76]


def test_a_run_of_table_doubles_can_be_forecast(tmp_path: Path) -> None:
    settings = config(stop={"rounds": 2})
    table = table_agents(load_exams(settings.exam).practice, [ALL[:8], ALL[:12]], ALL[:3])
    run(settings, tmp_path, **table)
    found = forecast(RunFolder(tmp_path / "t"), student=table["student"], trainer=table["trainer"])
    assert found.round == 2
    assert len(found.points) == 4


def unsealed(folder: RunFolder) -> None:
    for name in ("manifest.jsonl", "seal.json"):
        (folder.path / name).unlink()


def test_a_run_without_a_finished_training_is_refused_in_one_sentence(folder: RunFolder) -> None:
    agents: dict[str, Any] = {
        "student": CurveStudent(log_linear(0.5, 0.08)),
        "trainer": CountingTrainer(),
    }
    adapter = folder.round(1) / "adapter" / "trained.json"
    told = adapter.read_bytes()
    unsealed(folder)  # these files are changed on purpose
    adapter.write_bytes(b"{}")
    with pytest.raises(RunError, match=r"says how the adapter was trained, cannot be read"):
        forecast(folder, **agents)
    adapter.write_bytes(told)
    rows = folder.round(1) / "training.jsonl"
    rows.write_text("".join(rows.read_text().splitlines(keepends=True)[:15]))
    with pytest.raises(RunError, match=r"15 rows, too few for a curve: it takes 16"):
        forecast(folder, **agents)
    (folder.round(1) / "dev.jsonl").rename(folder.path / "elsewhere")
    with pytest.raises(RunError, match=r"no round of .* trained a model"):
        forecast(folder, **agents)
    (folder.path / "report.json").unlink()
    with pytest.raises(RunError, match="not finished: `errata resume t`"):
        forecast(folder, **agents)
    assert not (folder.path / "forecast" / "forecast.json").exists()


def test_a_changed_run_is_refused(folder: RunFolder) -> None:
    rows = folder.round(1) / "training.jsonl"
    rows.write_text(rows.read_text() + "\n")
    with pytest.raises(RunError, match="was changed after it was finished"):
        forecast(folder, student=CurveStudent(log_linear(0.5, 0.08)), trainer=CountingTrainer())


class AloneInMemory(CountingTrainer):
    student: CurveStudent

    def train(self, job: TrainingJob, on_step: OnStep) -> Trained:
        assert not self.student.open
        return super().train(job, on_step)


def test_a_training_has_the_memory_for_itself(folder: RunFolder) -> None:
    trainer = AloneInMemory()
    trainer.student = CurveStudent(log_linear(0.5, 0.08))
    forecast(folder, student=trainer.student, trainer=trainer)
    assert len(trainer.jobs) == 3


def test_parts_are_not_trained_with_other_versions_than_the_round_was(folder: RunFolder) -> None:
    config_file = folder.path / "config.json"
    given = json.loads(config_file.read_text())
    given["versions"]["torch"] = "1.0"
    config_file.write_text(json.dumps(given))
    unsealed(folder)
    trainer = CountingTrainer()
    with pytest.raises(RunError, match=r"began with torch 1\.0"):
        forecast(folder, student=CurveStudent(log_linear(0.5, 0.08)), trainer=trainer)
    assert trainer.jobs == []


def test_the_command_takes_a_run_or_its_configuration(folder: RunFolder) -> None:
    curve = log_linear(0.5, 0.08)
    found = forecast(folder, student=CurveStudent(curve), trainer=CountingTrainer())
    runs = folder.path.parent
    (runs / "mine.toml").write_text('name = "t"\n[exam]\nname = "arithmetic"\n')

    def said(*words: str) -> str:
        done = errata("forecast", *words, "--runs", ".", cwd=runs)
        return done.stdout + done.stderr

    assert Forecast.model_validate_json(said("t", "--json")) == found
    assert "With twice the rows dev would be about 58% (" in said("mine.toml")
    assert "errata: there is no run 'u'" in said("u")


# The line and its interval.


def answers(curve: Curve, rows: list[int], n: int, seed: int, churn: float) -> Any:
    """(models, questions): each knows its share; `churn` of the answers are drawn anew."""
    rng = np.random.default_rng(seed)
    shared = rng.random(n)
    own = [np.where(rng.random(n) < churn, rng.random(n), shared) for _ in rows]
    return np.array([mine < curve(count) for mine, count in zip(own, rows, strict=True)])


ROWS = [37, 75, 150, 300]


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    def curve(rows: int) -> float:
        return 0.4 + 0.06 * log2(rows / 300)

    for times in (2, 10):
        truth = curve(300 * times)
        held = 0
        for seed in range(300):
            low, high = LearningCurve(ROWS, answers(curve, ROWS, 200, seed, 0.3)).at(times).ci95
            held += low <= truth <= high
        assert 0.93 <= held / 300 <= 1


def test_the_same_questions_make_the_interval_narrower_than_others_would() -> None:
    def curve(rows: int) -> float:
        return 0.4 + 0.06 * log2(rows / 300)

    def width(churn: float) -> float:
        low, high = LearningCurve(ROWS, answers(curve, ROWS, 2000, 1, churn)).doubling().ci95
        return high - low - 2 * 1.96 * TRAINING_NOISE * 0.2**0.5

    assert width(0.02) < 0.5 * width(1.0)


def test_models_that_lie_off_every_line_widen_the_interval() -> None:
    rows = [100, 200, 400, 800]
    n = 400
    even = np.array([np.arange(n) < n * share for share in (0.2, 0.3, 0.4, 0.5)])
    odd = np.array([np.arange(n) < n * share for share in (0.2, 0.45, 0.25, 0.5)])
    one, other = (LearningCurve(rows, right).at(2) for right in (even, odd))
    assert one.value == pytest.approx(0.6)
    assert other.ci95[1] - other.ci95[0] > 2 * (one.ci95[1] - one.ci95[0])


def test_an_accuracy_is_never_forecast_beyond_what_there_can_be() -> None:
    n = 200
    right = np.array([np.arange(n) < n * share for share in (0.4, 0.6, 0.8, 0.99)])
    found = LearningCurve([10, 20, 40, 80], right).at(10)
    assert found.value == found.ci95[1] == 1
    nothing = LearningCurve([10, 20, 40, 80], np.zeros((4, n), dtype=bool))
    assert nothing.at(2).value == nothing.at(2).ci95[0] == 0
    many = LearningCurve([10, 20, 40, 80], np.zeros((4, 100_000), dtype=bool))
    noise = 1.96 * TRAINING_NOISE * (1.5 + 1) ** 0.5  # of the four trainings and the next one
    assert many.at(2).ci95[1] == pytest.approx(noise, rel=0.02)
    few = LearningCurve([10, 20, 40, 80], np.zeros((4, 18), dtype=bool))
    assert 0.1 < few.at(2).ci95[1] < 0.25
