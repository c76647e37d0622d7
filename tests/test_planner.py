"""How a round trains, given how the rounds before it ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from recording import RecordingInstructor, RecordingWriter, Sums, play
from test_honesty import config, knows

from errata.agents.jsonl import read_record
from errata.agents.planner import Plan, plan
from errata.agents.records import Diagnosis, Mistake, TrainingSettings, Unusable

SETTINGS = TrainingSettings(start="best", replay=0.5, learning_rate=8e-4, epochs=3, seed=7)


@pytest.mark.parametrize("history", [[], [True], [True, True], [False, True], [False, False, True]])
def test_after_a_promotion_a_round_trains_as_configured(history: list[bool]) -> None:
    planned = plan(SETTINGS, history)
    assert planned.applied(SETTINGS) == SETTINGS
    assert (planned.round, planned.refused) == (len(history) + 1, 0)
    assert planned.why == "as configured"


@pytest.mark.parametrize(
    ("history", "refused", "learning_rate"),
    [
        ([False], 1, 8e-4),
        ([True, False], 1, 8e-4),
        ([False, False], 2, 4e-4),
        ([False, True, False, False, False], 3, 2e-4),
        ([False] * 4, 4, 1e-4),
    ],
)
def test_after_refusals_it_starts_from_the_base_with_all_examples_and_then_learns_slower(
    history: list[bool], refused: int, learning_rate: float
) -> None:
    planned = plan(SETTINGS, history)
    changed = {"start": "base", "replay": 1.0, "learning_rate": learning_rate}
    assert planned.applied(SETTINGS) == SETTINGS.model_copy(update=changed)
    assert planned.refused == refused
    assert "on all examples so far" in planned.why
    assert (f"{learning_rate:.3g} in place of 0.0008" in planned.why) == (refused > 1)


def test_a_configuration_may_keep_to_its_settings_after_a_refusal() -> None:
    same = SETTINGS.model_copy(update={"after_refusal": "same"})
    assert plan(same, [False, False]).applied(same) == same


@pytest.mark.loop
def test_each_round_is_trained_as_its_plan_says(tmp_path: Path) -> None:
    training = {"start": "best", "replay": 0.0, "learning_rate": 4e-4}
    settings = config(training=training, stop={"rounds": 4})
    played = play(settings, tmp_path, knows(6, 9, 8, 7, 10), writer=RecordingWriter(Sums()))
    assert [r.promoted for r in played.report.rounds] == [True, True, False, False, True]
    plans = [read_record(played.folder.plan(index), Plan) for index in (1, 2, 3, 4)]
    assert [each.refused for each in plans] == [0, 0, 1, 2]
    assert [r.plan for r in played.report.rounds] == [None, *plans]
    jobs = played.trainer.jobs
    assert [job.start.adapter is None for job in jobs] == [True, False, True, True]
    assert [job.settings.learning_rate for job in jobs] == [4e-4, 4e-4, 4e-4, 2e-4]
    assert [len(rows) for rows in played.trainer.rows] == [20, 20, 60, 80]


class OneCause(RecordingInstructor):
    def diagnose(self, mistakes: Sequence[Mistake]) -> Iterator[Diagnosis | Unusable]:
        for result in super().diagnose(mistakes):
            yield result.model_copy(update={"cause": "the same"})


@pytest.mark.loop
def test_after_a_refusal_the_mistakes_with_the_fewest_examples_are_written_for_first(
    tmp_path: Path,
) -> None:
    """12 mistakes, 4 examples a round: after three rounds each has one, and all are new."""
    settings = config(examples={"per_round": 4}, stop={"rounds": 3})
    writer = RecordingWriter(Sums())
    played = play(settings, tmp_path, knows(6), writer=writer, instructor=OneCause())
    examples = [example for index in (1, 2, 3) for example in played.examples(index)]
    assert len({example.prompt for example in examples}) == 12
    assert set(Counter(example.question_id for example in examples).values()) == {1}
