"""The programs under examples/ run, and do what they say."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest
from doubles import table_agents
from scripts import load

from errata.agents.exams.arithmetic import KINDS
from errata.agents.exams.several import load_exams
from errata.agents.jsonl import read_records
from errata.agents.records import Mistake, Question
from errata.graph.config import load_config
from errata.graph.run import run

EXAMPLES = Path(__file__).parents[1] / "examples"
ALL = [kind.name for kind in KINDS]


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.name)
def test_every_example_configuration_loads(path: Path) -> None:
    load_config(path)


def test_a_student_of_ones_own_is_examined() -> None:
    found = load("examples/own_student.py").main(questions=90)
    assert found.n == 90
    assert 0 < found.accuracy < 0.5  # it is right where adding is right
    assert "add" in max(found.by_kind, key=lambda kind: found.by_kind[kind][0])


@pytest.mark.loop
def test_an_instructor_of_ones_own_teaches_and_its_run_can_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    example = load("examples/own_instructor.py")
    practice = load_exams(example.CONFIG.exam).practice
    report = example.main(runs=tmp_path, **table_agents(practice, [ALL[:9]], ALL[:3]))
    assert report.test.final.accuracy > report.test.base.accuracy
    assert all(cause.startswith("questions of the kind ") for cause in report.rounds[1].causes)

    read, fixed, broken = load("examples/read_run.py").main(tmp_path / "own-instructor")
    assert read == report
    assert len(fixed) - len(broken) == round(report.test.gain.accuracy * report.test.base.n)
    assert "the first example, against 'questions of the kind" in capsys.readouterr().out


@pytest.mark.loop
def test_a_way_of_ones_own_learns_from_what_it_chooses(tmp_path: Path) -> None:
    example = load("examples/own_way.py")
    practice = load_exams(example.CONFIG.exam).practice
    report = example.main(runs=tmp_path, **table_agents(practice, [ALL[:9]], ALL[:3]))
    assert report.test.final.accuracy > report.test.base.accuracy
    mistakes = read_records(tmp_path / "own-way" / "round-01" / "mistakes.jsonl", Mistake)
    assert len({mistake.question.kind for mistake in mistakes}) == 3


def test_markers_of_ones_own_stand_beside_errata_s() -> None:
    marked = load("examples/own_marking.py").main()
    assert [verdict.correct for verdict in marked] == [True, False, True, True]


@pytest.mark.parametrize(
    ("response", "right"),
    [("2024-07-01", True), ("2024-07-02", False), ("2024-02-30", False), ("soon", False)],
)
def test_the_marker_of_dates_says_what_it_read(response: str, right: bool) -> None:
    assert load("examples/own_marking.py").mark_date(response, "2024-07-01").correct == right


@pytest.mark.process
def test_an_example_runs_as_its_own_text_says() -> None:
    ran = subprocess.run(
        [sys.executable, str(EXAMPLES / "own_marking.py")], capture_output=True, text=True
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "right | 24 is the target" in ran.stdout


@pytest.mark.loop
def test_a_marker_of_ones_own_marks_a_whole_run(tmp_path: Path) -> None:
    for name in ("own_marker.toml", "own_marker.py"):
        shutil.copy(EXAMPLES / name, tmp_path)
    first = date(2024, 1, 1)
    for at, name in enumerate(("practice", "dev", "test")):
        days = [first + timedelta(days=97 * at + 11 * n) for n in range(9)]
        rows = [
            {
                "prompt": f"How is the {day:%jth day of %Y, a %A in %B,} written?",
                "target": day.isoformat(),
                "solution": f"It is {day}.",
                "kind": "day",
            }
            for day in days
        ]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = load_config(tmp_path / "own_marker.toml")
    report = run(config, tmp_path, **table_agents(load_exams(config.exam).practice, [["day"]]))
    assert (report.test.base.accuracy, report.test.final.accuracy) == (0, 1)


def test_a_share_of_words_is_a_score() -> None:
    example = load("examples/own_marker.py")
    question = Question(id="q", prompt="p", target="red green blue grey")
    assert example.share_of_words(question, "Blue, no: green and red") == 0.5
