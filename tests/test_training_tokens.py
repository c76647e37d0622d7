"""Training by a number of tokens instead of epochs: equal however many examples there are."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from recording import play
from tiny_models import write_tiny_model

from errata.agents.errors import ConfigError
from errata.agents.exams.arithmetic import KINDS
from errata.agents.jsonl import read_record
from errata.agents.records import ModelRef, Question, TrainingSettings
from errata.agents.trainer import Trained, TrainingJob
from errata.agents.weights import LocalTrainer
from errata.graph.config import RunConfig, parse_config
from errata.training.finished import NAME
from errata.training.jobs import FinishedTraining, TrainingRow
from errata.training.order import order_for

ALL = [kind.name for kind in KINDS]


def config(training: dict[str, Any]) -> RunConfig:
    exam = {"name": "arithmetic", "seed": 3, "practice": 18, "dev": 18, "test": 18}
    stop = {"rounds": 2}
    return parse_config({"exam": exam, "training": training, "stop": stop}, "a.toml")


def test_epochs_and_tokens_together_are_refused() -> None:
    with pytest.raises(ConfigError, match="epochs and tokens both say how long to train"):
        config({"epochs": 2, "tokens": 1000})


def test_tokens_stand_in_place_of_the_epochs_and_survive_being_written_down() -> None:
    settings = config({"tokens": 1000})
    assert (settings.training.epochs, settings.training.tokens) == (None, 1000)
    assert config({}).training.epochs == 2
    again = RunConfig.model_validate_json(settings.model_dump_json())
    assert again == settings


def test_a_training_of_no_stated_length_is_refused() -> None:
    with pytest.raises(ValidationError, match="neither epochs nor tokens"):
        TrainingSettings(epochs=None)


def test_each_round_is_trained_on_as_many_tokens(tmp_path: Path) -> None:
    def right(index: int, question: Question) -> bool:
        return question.kind in ALL[: 9 + index]

    played = play(config({"tokens": 1000}), tmp_path, right)
    assert [job.settings.tokens for job in played.trainer.jobs] == [1000, 1000]


@given(st.lists(st.integers(1, 50), min_size=1, max_size=30), st.integers(1, 3000), st.integers())
def test_as_many_tokens_are_seen_as_are_said_give_or_take_an_example(
    sizes: list[int], tokens: int, seed: int
) -> None:
    order = order_for(tokens, sizes, seed)
    assert abs(sum(sizes[at] for at in order) - tokens) <= max(sizes)
    seen = Counter(order)
    often = [seen[at] for at in range(len(sizes))]
    assert max(often) - min(often) <= 1
    for first in range(0, len(order) - len(sizes) + 1, len(sizes)):
        assert len(set(order[first : first + len(sizes)])) == len(sizes)


def test_another_seed_sees_the_examples_in_another_order() -> None:
    assert order_for(1000, [10] * 40, 0) == order_for(1000, [10] * 40, 0)
    assert order_for(1000, [10] * 40, 0) != order_for(1000, [10] * 40, 1)
    first, second = (order_for(800, [10] * 40, 0)[at : at + 40] for at in (0, 40))
    assert first != second


def trained(
    base: str, folder: Path, rows: list[tuple[str, str]], tokens: int
) -> tuple[Trained, FinishedTraining, list[float]]:
    """With the losses of its steps, one example each; nothing is learnt from one to the next."""
    folder.mkdir()
    examples = folder / "training.jsonl"
    given = [TrainingRow(prompt=prompt, completion=completion) for prompt, completion in rows]
    examples.write_text("".join(row.model_dump_json() + "\n" for row in given))
    job = TrainingJob(
        start=ModelRef(base=base),
        examples=examples,
        adapter=folder / "adapter",
        settings=TrainingSettings(learning_rate=1e-12, tokens=tokens, batch=1, precision="float32"),
    )
    losses: list[float] = []
    told = LocalTrainer().train(job, lambda step, steps, loss: losses.append(loss))
    return told, read_record(job.adapter / NAME, FinishedTraining), losses


@pytest.mark.model
def test_few_and_many_examples_are_trained_on_for_equal_tokens(tmp_path: Path) -> None:
    from errata.training.models import load_tokenizer
    from errata.training.objectives.sft import make_rows

    base = write_tiny_model(tmp_path / "tiny")
    few = [("Hello", "a" * 4), ("Why?", "bc" * 9), ("Who is it?", "I"), ("?", "xyz" * 5)]
    many = [(f"What is {n}?", f"{n} it is" * (1 + n % 3)) for n in range(12)]
    counted = make_rows(
        [TrainingRow(prompt=p, completion=c) for p, c in few], load_tokenizer(base), 1024, None
    )
    told, finished, losses = trained(base, tmp_path / "few", few, 3 * counted.tokens)
    assert told.tokens == finished.tokens == 3 * counted.tokens
    assert finished.epochs == 3
    assert len(losses) == 12
    epochs = [sorted(losses[at : at + 4]) for at in (0, 4, 8)]
    assert epochs[0] == pytest.approx(epochs[1], rel=1e-3)
    assert epochs[0] == pytest.approx(epochs[2], rel=1e-3)
    assert epochs[0][0] < 0.999 * epochs[0][-1]  # the losses tell the examples apart

    told, finished, losses = trained(base, tmp_path / "many", many, 3 * counted.tokens)
    assert abs(told.tokens - 3 * counted.tokens) <= 60
    assert finished.epochs < 1
    assert len(losses) < 12
