"""Which answers a decision rests on: the best model's beside the candidate's, set by set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from test_promotion import attempts

from errata.agents.promotion import BASE, Promotion
from errata.agents.records import Attempt, Question
from errata.graph.config import parse_config
from errata.graph.decision import decide

EXAM = {"name": "arithmetic", "seed": 3, "practice": 18, "dev": 18, "test": 18}
GUARD = {"name": "guarded", "practice": "p.jsonl", "dev": "d.jsonl", "test": "t.jsonl"}
BETTER = ("-" * 9 + "+", "+" * 10)
WORSE = BETTER[::-1]
SAME = ("+" * 10, "+" * 10)


class Records:
    """The answers of the best model, of round 2, and of the candidate, of round 5."""

    def __init__(self, **marks: tuple[str, str]) -> None:
        self.marks: Mapping[str, tuple[str, str]] = marks
        self.read: set[tuple[int, str]] = set()

    def questions(self, name: str) -> list[Question]:
        return [
            Question(id=f"q{n}", prompt="?", target="1") for n in range(len(self.marks[name][0]))
        ]

    def answers(self, index: int, name: str) -> Sequence[Attempt]:
        self.read.add((index, name))
        return attempts(self.marks[name][{2: 0, 5: 1}[index]])

    def decided(self, guard: bool = False, history: Sequence[bool] = (), **stop: Any) -> Promotion:
        given = {"name": "t", "exam": EXAM, "stop": {"rounds": 1} | stop}
        settings = parse_config(given | ({"guard": GUARD} if guard else {}), "test")
        return decide(5, 2, history, settings, self.questions, self.answers)


def test_the_base_model_is_the_best_one_before_any_answer_is_read() -> None:
    records = Records()
    settings = parse_config({"name": "t", "exam": EXAM}, "test")
    assert decide(0, 0, [], settings, records.questions, records.answers) == BASE
    assert not records.read


def test_the_candidates_dev_answers_are_held_against_the_best_models() -> None:
    found = Records(dev=BETTER, practice=SAME).decided()
    assert (found.promoted, found.fixed, found.broken) == (True, 9, 0)
    found = Records(dev=WORSE).decided()
    assert (found.verdict, found.fixed, found.broken) == ("no better", 0, 9)


def test_a_candidate_that_dev_refuses_is_asked_nothing_else() -> None:
    records = Records(dev=WORSE)
    records.decided(guard=True)
    assert records.read == {(2, "dev"), (5, "dev")}


def test_what_is_lost_in_practice_refuses_the_candidate_where_practice_guards() -> None:
    lost = Records(dev=BETTER, practice=WORSE)
    assert lost.decided().why.endswith("it lost practice questions (0 fixed, 9 broken)")
    unguarded = Records(dev=BETTER, practice=WORSE)
    assert unguarded.decided(guard_practice=False).promoted
    assert {name for _, name in unguarded.read} == {"dev"}


@pytest.mark.parametrize("guard_practice", [True, False])
def test_what_is_lost_in_the_guard_exam_refuses_the_candidate(guard_practice: bool) -> None:
    records = Records(dev=BETTER, practice=SAME, guard=WORSE)
    found = records.decided(guard=True, guard_practice=guard_practice)
    assert found.verdict == "regressed"
    assert [g.name for g in found.guards if g.lost] == ["guard exam"]
    names = [g.name for g in found.guards if g.name != "guard exam"]
    assert names == ["practice questions"] * guard_practice
    assert Records(dev=BETTER, practice=SAME, guard=SAME).decided(guard=True).promoted


@pytest.mark.parametrize(
    ("history", "stop", "level"),
    [
        ([], {"rounds": 4}, 0.05 / 4),
        ([True], {"rounds": 4}, 0.05 / 12),
        ([], {"rounds": 4, "gate": "likely"}, 0.2 / 4),
        ([], {"gate": "any"}, None),
    ],
)
def test_rounds_gate_and_earlier_decisions_set_the_level(
    history: list[bool], stop: dict[str, Any], level: float | None
) -> None:
    found = Records(dev=BETTER, practice=SAME).decided(history=history, **stop)
    assert found.level == (level if level is None else pytest.approx(level))
    assert found.round == len(history) + 1
