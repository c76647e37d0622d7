"""kill -9 at any moment, then resume: the same result, and nothing finished done twice."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from killed_runs import Runner, Undisturbed, differences, ended_in

from errata.agents.jsonl import Journal
from errata.agents.records import Unusable
from errata.graph.trace import Trace

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    with Runner() as running:
        yield running


@pytest.fixture(scope="module")
def whole(runner: Runner, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    return runner.undisturbed(tmp_path_factory.mktemp("runs"))


def test_what_is_killed_asks_guards_and_changes_its_plan(whole: Undisturbed) -> None:
    records = whole.ended.records
    decided = [json.loads(records[f"round-0{n}/promotion.json"])["promoted"] for n in range(3)]
    assert decided == [True, False, True]
    assert json.loads(records["round-02/plan.json"])["refused"] == 1
    there = [f"round-0{n}/guard.jsonl" in records for n in range(3)]
    assert there == [True, False, True]
    assert "round-01/practice.jsonl" not in records


def test_runs_killed_twenty_times_end_like_an_undisturbed_one(
    runner: Runner, whole: Undisturbed, tmp_path: Path
) -> None:
    kills = run = 0
    while kills < 20:
        run += 1
        here = tmp_path / str(run)
        here.mkdir()
        killed = runner.killed(here, run, whole)
        assert differences(killed, whole.ended) == []
        kills += killed.kills


@pytest.mark.parametrize("lost", [1, 2, 5])
def test_a_kill_between_a_nodes_writes_and_its_checkpoint_does_no_harm(
    lost: int, runner: Runner, whole: Undisturbed, tmp_path: Path
) -> None:
    """LangGraph saves a node's writes, then the checkpoint, in two transactions."""
    assert runner.work(tmp_path)[0] == 0
    with closing(sqlite3.connect(tmp_path / "killed" / "checkpoints.sqlite")) as checkpoints:
        ids = checkpoints.execute(
            "SELECT checkpoint_id FROM checkpoints ORDER BY checkpoint_id DESC"
        ).fetchall()
        for id in ids[:lost]:
            checkpoints.execute("DELETE FROM checkpoints WHERE checkpoint_id = ?", id)
        for id in ids[: lost - 1]:
            checkpoints.execute("DELETE FROM writes WHERE checkpoint_id = ?", id)
        checkpoints.commit()
    (tmp_path / "killed" / "report.json").unlink()
    assert runner.work(tmp_path)[0] == 0
    assert differences(ended_in(tmp_path, 1), whole.ended) == []


@pytest.mark.parametrize("damage", ["no database", "cut", "gone", "empty", "pages"])
def test_a_run_finds_its_way_without_its_checkpoints(
    damage: str, runner: Runner, whole: Undisturbed, tmp_path: Path
) -> None:
    assert runner.work(tmp_path, kill_at=whole.operations // 2)[0] != 0
    path = tmp_path / "killed" / "checkpoints.sqlite"
    with closing(sqlite3.connect(path)) as checkpoints:
        checkpoints.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = path.read_bytes()
    match damage:
        case "no database":
            path.write_bytes(b"not a database, and long enough to be taken for one" * 100)
        case "truncated":
            path.write_bytes(data[: len(data) * 2 // 3])
        case "gone":
            path.unlink()
        case "empty":
            path.write_bytes(b"")
        case "pages":
            path.write_bytes(data[:4096] + b"\xff" * (len(data) - 4096))
    assert runner.work(tmp_path)[0] == 0
    assert differences(ended_in(tmp_path, 1), whole.ended) == []


def test_a_torn_last_line_is_forgotten_and_whole_ones_are_kept(tmp_path: Path) -> None:
    records = [Unusable(source_id=str(n), reason="r") for n in range(3)]
    with Journal(tmp_path / "j.jsonl", Unusable) as journal:
        for record in records:
            journal.add(record)
    part = tmp_path / "j.jsonl.part"
    part.write_bytes(part.read_bytes()[:-4])
    with Journal(tmp_path / "j.jsonl", Unusable) as journal:
        assert journal.records == records[:2]
        journal.add(records[2])
        assert journal.finish() == records


@pytest.mark.parametrize("torn", ['{"round": 1, "ev', "\n{", "x" * 200_000])
def test_a_trace_has_only_whole_lines_after_a_kill(torn: str, tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    Trace(path).tell("graph", "first")
    whole = path.read_bytes()
    with path.open("a") as file:
        file.write(torn.lstrip("\n"))
    Trace(path).tell("graph", "second")
    assert path.read_bytes().startswith(whole)
    assert path.read_bytes().count(b"\n") == 2
