"""Training by a number of tokens instead of epochs: equal however many examples there are."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from statistics import fmean
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
from errata.training.order import batch_for, order_for

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


@pytest.mark.loop
def test_each_round_is_trained_on_as_many_tokens(tmp_path: Path) -> None:
    def right(index: int, question: Question) -> bool:
        return question.kind in ALL[: 9 + index]

    played = play(config({"tokens": 1000}), tmp_path, right)
    assert [job.settings.tokens for job in played.trainer.jobs] == [1000, 1000]


SIZES = st.lists(st.integers(1, 50), min_size=1, max_size=60)


@given(SIZES, st.integers(1, 3000), st.integers(), st.integers(1, 8))
def test_as_many_tokens_are_seen_as_are_said_give_or_take_an_example(
    sizes: list[int], tokens: int, seed: int, batch: int
) -> None:
    order = order_for(sizes, seed, batch, tokens=tokens)
    assert abs(sum(sizes[at] for at in order) - tokens) <= max(sizes)
    assert_evenly_seen(order, len(sizes))


@given(SIZES, st.integers(1, 40), st.integers(), st.integers(1, 8))
def test_each_epoch_sees_each_example_once_and_a_part_of_an_epoch_a_part_of_them(
    sizes: list[int], tenths: int, seed: int, batch: int
) -> None:
    order = order_for(sizes, seed, batch, epochs=tenths / 10)
    assert len(order) == max(1, round(tenths / 10 * len(sizes)))
    assert_evenly_seen(order, len(sizes))


def assert_evenly_seen(order: list[int], examples: int) -> None:
    seen = Counter(order)
    often = [seen[at] for at in range(examples)]
    assert max(often) - min(often) <= 1
    for first in range(0, len(order) - examples + 1, examples):
        assert len(set(order[first : first + examples])) == examples


def test_another_seed_sees_the_examples_in_another_order() -> None:
    def order(tokens: int, seed: int) -> list[int]:
        return order_for([10] * 40, seed, 4, tokens=tokens)

    assert order(1000, 0) == order(1000, 0)
    assert order(1000, 0) != order(1000, 1)
    first, second = (order(800, 0)[at : at + 40] for at in (0, 40))
    assert first != second


def padded(order: list[int], sizes: list[int], batch: int) -> int:
    """Tokens that the batches hold, padding included."""
    batches = [order[at : at + batch] for at in range(0, len(order), batch)]
    return sum(len(each) * max(sizes[at] for at in each) for each in batches)


@pytest.mark.parametrize("examples", [64, 300])
def test_the_examples_of_a_batch_are_about_equally_long(examples: int) -> None:
    sizes = [20 + 13 * at % 200 for at in range(examples)]
    for epochs in (1, 3):
        order = order_for(sizes, 0, 8, epochs=epochs)
        shuffled = random.Random(0).sample(order, len(order))
        needed = sum(sizes[at] for at in order)
        wasted = padded(order, sizes, 8) - needed
        assert wasted < 0.35 * (padded(shuffled, sizes, 8) - needed)


def test_long_and_short_batches_come_in_no_order_and_the_last_one_is_like_any_other() -> None:
    sizes = list(range(1, 70))  # the last batch of an epoch holds five
    firsts, lasts = [], []
    for seed in range(60):
        order = order_for(sizes, seed, 8, epochs=1)
        firsts.append(fmean(sizes[at] for at in order[:8]))
        lasts.append(fmean(sizes[at] for at in order[64:]))
    assert min(firsts) < 15
    assert max(firsts) > 55
    assert fmean(firsts) == pytest.approx(35, abs=10)
    assert fmean(lasts) == pytest.approx(35, abs=10)


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
        settings=TrainingSettings(learning_rate=1e-12, tokens=tokens, precision="float32"),
    )
    losses: list[float] = []
    told = LocalTrainer().train(job, lambda step, steps, loss: losses.append(loss))
    return told, read_record(job.adapter / NAME, FinishedTraining), losses


@pytest.mark.long
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


@pytest.mark.parametrize(
    ("examples", "epochs", "together", "batch"),
    [
        (160, 1, 1, 1),
        (300, 2, 1, 1),
        (750, 2, 1, 3),
        (3000, 1, 1, 6),
        (3000, 1, 2, 3),
        (100_000, 2, 1, 8),
        (100_000, 2, 64, 6),
        (10, 0.5, 8, 1),
    ],
)
def test_a_batch_is_as_large_as_leaves_500_steps(
    examples: int, epochs: float, together: int, batch: int
) -> None:
    assert batch_for([30] * examples, together, tokens=None, epochs=epochs) == batch
    tokens = int(30 * examples * epochs)
    assert batch_for([10, 50] * (examples // 2), together, tokens=tokens, epochs=None) == batch
