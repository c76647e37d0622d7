"""The gate in simulated runs: a small version of benchmarks/gate.py."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

GATE: dict[str, Any] = runpy.run_path(str(Path(__file__).parents[1] / "benchmarks" / "gate.py"))


@pytest.mark.parametrize(("gate", "most"), [("sure", 0.05), ("likely", 0.20)])
@pytest.mark.parametrize("learn", ["nothing", "better_once"])
def test_runs_promote_what_is_no_better_no_more_often_than_allowed(
    learn: str, gate: str, most: float
) -> None:
    runs = 120
    share = GATE["share_false"](runs, GATE[learn], gate, rounds=3, n=100)
    spread = (most * (1 - most) / runs) ** 0.5
    assert share <= most + 2 * spread


def test_any_promotes_most_runs_that_gain_nothing() -> None:
    assert GATE["share_false"](60, GATE["nothing"], "any", rounds=3, n=100) > 0.4


def test_a_trainer_that_makes_worse_is_never_promoted() -> None:
    for gate in ("sure", "likely"):
        assert GATE["share_false"](60, GATE["worse"], gate, rounds=3) == 0


def test_a_candidate_that_lifts_some_kinds_and_ruins_one_is_refused_by_the_guard() -> None:
    found = GATE["verdicts"](40, GATE["lifts_three_kinds_ruins_one"])
    assert not any(one.promoted for one in found)
    assert sum(one.verdict == "regressed" for one in found) > 10
    assert all("of kind a" in one.why for one in found if one.verdict == "regressed")


def test_one_that_is_better_in_all_kinds_is_not_refused_by_a_guard() -> None:
    found = GATE["verdicts"](40, GATE["better_once"])
    assert sum(one.promoted for one in found) > 30


def test_a_gain_is_seen_as_often_as_the_exact_power_says() -> None:
    simulated, power = GATE["seen"](150, points=10, n=200, rounds=3)
    assert simulated == pytest.approx(power, abs=0.1)
