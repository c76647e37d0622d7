"""kill -9 at any moment, then resume: the same result, and nothing finished done twice."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from errata.agents.jsonl import Journal
from errata.agents.records import Unusable
from errata.graph.trace import read_trace

SCRIPT = Path(__file__).with_name("table_run.py")
RECORDS = (
    "round-00/dev round-00/practice round-01/mistakes round-01/contrasts round-01/diagnoses "
    "round-01/examples round-01/training round-01/dev round-02/training round-02/dev "
    "final/test-base final/test-best"
).split()


def work(runs: Path, log: Path, kill_after: int, at_step: str = "") -> int:
    """Exit code of one process of the run."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(runs), str(log), str(kill_after), at_step],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode


def result(runs: Path) -> dict[str, object]:
    report = json.loads((runs / "killed" / "report.json").read_text())
    for part in (report, *report["rounds"]):
        del part["seconds"]
    return report | {"model": report["model"]["adapter"] is not None}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    runs = tmp_path_factory.mktemp("undisturbed")
    assert work(runs, runs / "log", 0) == 0
    return runs, (runs / "log").read_text().splitlines()


@pytest.mark.parametrize("seed", [1, 2])
def test_a_run_killed_again_and_again_ends_like_an_undisturbed_one(
    seed: int, undisturbed: tuple[Path, list[str]], tmp_path: Path
) -> None:
    whole, log = undisturbed
    rng = random.Random(seed)
    kills = 0
    interrupted = set()
    while work(tmp_path, tmp_path / "log", rng.randint(1, 70)):
        kills += 1
        assert kills < 60, "the run does not get on"
        interrupted.add(last_step(tmp_path / "killed" / "trace.jsonl"))
    assert {"examine", "write"} <= interrupted  # else the kills hit nothing
    assert result(tmp_path) == result(whole)
    for name in RECORDS:
        ours = (tmp_path / "killed" / f"{name}.jsonl").read_bytes()
        assert ours == (whole / "killed" / f"{name}.jsonl").read_bytes(), name
    asked = Counter(line.replace(str(tmp_path), "") for line in read_lines(tmp_path / "log"))
    once = Counter(line.replace(str(whole), "") for line in log)
    assert asked.keys() == once.keys()
    assert asked.total() - once.total() <= kills  # at most what was in flight at each kill


@pytest.mark.parametrize(
    "step", "examine collect contrast diagnose write review train final_exam".split()
)
def test_a_kill_at_the_start_of_any_node_does_no_harm(
    step: str, undisturbed: tuple[Path, list[str]], tmp_path: Path
) -> None:
    whole, _ = undisturbed
    assert work(tmp_path, tmp_path / "log", 0, at_step=step) == -signal.SIGKILL
    assert last_step(tmp_path / "killed" / "trace.jsonl") == step
    assert work(tmp_path, tmp_path / "log", 0) == 0
    assert result(tmp_path) == result(whole)


def last_step(trace: Path) -> str:
    """The step that was under way when the trace broke off; empty between two steps."""
    events = [event for event in read_trace(trace) if event["event"].startswith("step ")]
    return events[-1]["step"] if events and events[-1]["event"] == "step started" else ""


def read_lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


def test_a_line_cut_off_by_a_kill_is_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    with Journal(path, Unusable) as journal:
        journal.add(Unusable(source_id="a", reason="one"))
        journal.add(Unusable(source_id="b", reason="two"))
    part = tmp_path / "x.jsonl.part"
    part.write_bytes(part.read_bytes()[:-5])
    with Journal(path, Unusable) as journal:
        assert [record.source_id for record in journal.records] == ["a"]
        journal.add(Unusable(source_id="c", reason="three"))
        journal.finish()
    with Journal(path, Unusable) as journal:
        assert [record.source_id for record in journal.records] == ["a", "c"]
        assert journal.finished
    assert not part.exists()
