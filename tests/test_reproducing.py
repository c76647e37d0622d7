"""The same configuration and seeds give the same records, whatever else differs."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from repeated_run import answering, main

from errata.agents.testing.openai_server import OpenAIServer

SCRIPT = Path(__file__).with_name("repeated_run.py")
LOGS = {"trace.jsonl", "costs.jsonl"}
TIMES = {"time", "seconds"}


def repeated(tmp_path: Path, hash_seed: int) -> Path:
    """A whole run's folder. Each run is made at the same place, and moved away afterwards."""
    runs = tmp_path / "runs"
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(runs)],
        env=os.environ | {"PYTHONHASHSEED": str(hash_seed)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return runs.rename(tmp_path / f"runs-{hash_seed}") / "same"


def records(run: Path) -> dict[str, Any]:
    """Of each file what must be the same: all of it, but for times and the order of the logs."""
    found: dict[str, Any] = {}
    for path in run.rglob("*"):
        name = str(path.relative_to(run))
        if not path.is_file() or path.name == "lock" or path.name.startswith("checkpoints"):
            continue
        if path.name in ("manifest.jsonl", "seal.json", "report.md"):
            continue  # they name the run, hold hashes of files with times, or say times
        if path.name in LOGS:
            found[name] = Counter(timeless(line) for line in path.read_text().splitlines() if line)
        elif path.name in ("steps.jsonl", "report.json"):
            lines = (
                path.read_text().splitlines() if path.name == "steps.jsonl" else [path.read_text()]
            )
            found[name] = [timeless(line) for line in lines if line]
        else:
            found[name] = path.read_bytes()
    return found


def timeless(line: str) -> str:
    def strip(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: strip(inner) for key, inner in value.items() if key not in TIMES}
        return [strip(inner) for inner in value] if isinstance(value, list) else value

    return json.dumps(strip(json.loads(line)), sort_keys=True)


def differing(one: Path, other: Path) -> list[str]:
    ours, theirs = records(one), records(other)
    assert "round-01/examples.jsonl" in ours
    return [name for name in sorted(ours | theirs) if ours.get(name) != theirs.get(name)]


@pytest.mark.process
def test_two_runs_by_variations_have_the_same_records_under_any_hash_seed(tmp_path: Path) -> None:
    one, other = (repeated(tmp_path, seed) for seed in (1, 2))
    assert differing(one, other) == []


def delays(seed: int) -> Iterator[float]:
    rng = random.Random(seed)
    while True:
        yield 0.03 * rng.random()


@pytest.mark.slow
def test_replies_that_arrive_in_another_order_make_the_same_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")
    runs = tmp_path / "runs"
    # One port after the other would be two configurations, and so two files config.json.
    made: list[Path] = []
    slow = delays(1)
    with OpenAIServer(answering(slow)) as server:
        for seed in (1, 2):
            main(runs, server.base_url)
            made.append(runs.rename(tmp_path / f"runs-{seed}") / "same")
    one, other = made
    sources = [
        [
            json.loads(line)["source_id"]
            for line in (run / "trace.jsonl").read_text().splitlines()
            if '"llm call"' in line
        ]
        for run in made
    ]
    assert sources[0] != sources[1]
    assert sorted(sources[0]) == sorted(sources[1])
    assert len(sources[0]) > 40
    assert differing(one, other) == []
