"""What a training minimizes, on models of a few thousand weights; and what is refused."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from tiny_models import write_tiny_model

from errata.agents.errors import ConfigError
from errata.agents.records import ModelRef, Row, TrainingSettings, Unusable
from errata.agents.shapers import Rehearsed, check_objective
from errata.agents.trainer import TrainingJob
from errata.agents.weights import LocalTrainer
from errata.graph.config import RunConfig, load_config, parse_config
from errata.graph.provenance import provenance_of
from errata.training.finished import NAME
from errata.training.jobs import FinishedTraining, Sampling, Step, TrainingRow

model = pytest.mark.model
PAGE = Path(__file__).parents[1] / "docs" / "objectives.md"

PAIRS = [
    TrainingRow(prompt="What is 2 + 2?", given="2 + 2 =", completion=" 4", rejected=" 5"),
    TrainingRow(prompt="What is 7 + 5? Say why.", completion="12, by counting", rejected="2"),
    TrainingRow(prompt="Hello", completion="Hi", rejected="Bye", ends=False, system="Be brief."),
]
ROWS = [row.model_copy(update={"rejected": None}) for row in PAIRS]


def settings_of(training: dict[str, Any]) -> TrainingSettings:
    shape = ["spoiled"] if training.get("objective") == "dpo" else []  # dpo learns from pairs
    given = {"exam": {"name": "arithmetic"}, "examples": {"shape": shape}, "training": training}
    return parse_config(given, "a.toml").training


def test_an_objective_brings_its_learning_rate_and_its_options() -> None:
    assert settings_of({}).learning_rate == 1e-3
    dpo = settings_of({"objective": "dpo", "options": {"beta": 0.4}})
    assert dpo.learning_rate == 1e-4
    assert dpo.options.model_dump() == {"beta": 0.4, "nll": 0.2}
    assert settings_of({"objective": "dpo", "learning_rate": 3e-3}).learning_rate == 3e-3
    masked = settings_of({"objective": "masked"}).options.model_dump()
    assert masked == {"share": 0.2, "rise": 0.66}
    for settings in (dpo, settings_of({"objective": "coverage"})):
        assert TrainingSettings.model_validate_json(settings.model_dump_json()) == settings


@pytest.mark.parametrize(
    ("training", "said"),
    [
        ({"objective": "dop"}, "'training.objective' is wrong"),
        ({"objective": ["dpo"]}, "'training.objective' is wrong"),
        ({"adapter": "lore"}, "'training.adapter' is wrong"),
        (
            {"objective": "dpo", "options": {"bta": 1}},
            "dpo has no option 'bta'; did you mean 'beta'?",
        ),
        ({"objective": "dpo", "options": {"beta": 0}}, "beta of dpo: .* greater than 0 .it is 0"),
        ({"options": {"beta": 1}}, "sft has no option 'beta'; take it out"),
        ({"objective": "masked", "options": 0.4}, r"a table: \[training.options\]"),
        ({"objective": "masked", "options": {"share": 1}}, "share of masked: .* less than 1"),
        ({"objective": "masked", "options": {"rise": 0}}, "rise of masked: .* greater than 0"),
        ({"objective": "coverage", "options": {"answers": 1}}, "answers of coverage: .* or equal"),
        ({"objective": "dpo", "options": {"nll": -1}}, "nll of dpo: .* greater than or equal to 0"),
        ({"objective": "python:mine.py"}, "'training.objective' is wrong"),
        (
            {"objective": "python:mine.py:Mine", "options": {"beta": 1}},
            "python:mine.py:Mine has no option 'beta'; take it out",
        ),
    ],
)
def test_a_wrong_objective_adapter_or_option_is_refused(
    training: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        settings_of(training)


class Shaping:
    """A shaper that leaves the rows as they are."""

    sampling: Sampling | None = None

    def __init__(self, makes_pairs: bool) -> None:
        self.makes_pairs = makes_pairs

    def shape(self, rows: Sequence[Row], rehearsed: Rehearsed, seed: int) -> list[Row | Unusable]:
        return list(rows)


def test_an_objective_is_refused_beside_shapers_that_make_other_rows() -> None:
    plain, pairing = {"own": Shaping(False)}, {"own": Shaping(False), "spoiled": Shaping(True)}
    dpo, sft = settings_of({"objective": "dpo"}), settings_of({})
    check_objective(dpo, pairing)
    check_objective(sft, plain)
    check_objective(sft, {})
    for none in ({}, plain):
        with pytest.raises(ValueError, match=r"dpo learns from pairs, and .* names no shaper"):
            check_objective(dpo, none)
    own = settings_of({"objective": "python:mine.py:Mine"})
    check_objective(own, plain)
    for settings in (sft, own):
        said = f"spoiled makes pairs, of which {settings.objective} would learn one side"
        with pytest.raises(ValueError, match=said):
            check_objective(settings, pairing)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


class Told:
    """The wire of a training in this process: keeps what is told."""

    def __init__(self) -> None:
        self.messages: list[BaseModel] = []

    def tell(self, message: BaseModel) -> None:
        self.messages.append(message)


def job_of(base: str, folder: Path, rows: list[TrainingRow], **settings: Any) -> TrainingJob:
    folder.mkdir(exist_ok=True)
    examples = folder / "training.jsonl"
    examples.write_text("".join(row.model_dump_json() + "\n" for row in rows))
    few = {"precision": "float32", "batch": 2, "epochs": 6, "learning_rate": 1e-2}
    start = settings.pop("start", ModelRef(base=base))
    return TrainingJob(
        start=start,
        examples=examples,
        adapter=folder / "adapter",
        settings=TrainingSettings(**few | settings),
        system="Be kind.",
    )


def told_by(job: TrainingJob) -> list[BaseModel]:
    """What a training tells, its end last."""
    import torch

    from errata.training.train import train

    torch.set_num_threads(1)  # two that wait for each other hold up everything else here
    told = Told()
    train(job, told)  # type: ignore[arg-type]
    return told.messages


def trained(job: TrainingJob) -> FinishedTraining:
    assert isinstance(told_by(job)[-1], FinishedTraining)
    return FinishedTraining.model_validate_json((job.adapter / NAME).read_bytes())


def step_losses(job: TrainingJob) -> list[float]:
    return [message.loss for message in told_by(job) if isinstance(message, Step)]


def trainer_of(
    base: str, folder: Path, rows: list[TrainingRow], objective: str, **given: Any
) -> Any:
    """The trainer of an objective before its first step."""
    import torch
    from datasets import Dataset

    from errata.training.adapters.lora import trainable
    from errata.training.models import load_tokenizer
    from errata.training.objectives.dpo import make_pairs
    from errata.training.objectives.sft import make_rows
    from errata.training.train import TRAINERS, training_arguments

    settings = TrainingSettings(objective=objective, precision="float32", **given)
    tokenizer = load_tokenizer(base)
    make = make_pairs if objective == "dpo" else make_rows
    made = make(rows, tokenizer, 1024, None)
    return TRAINERS[objective](
        model=trainable(ModelRef(base=base), settings, torch.float32),
        args=training_arguments(settings, settings.batch or 8, len(rows), 1, folder),
        train_dataset=Dataset.from_list(made.rows),
        processing_class=tokenizer,
        options=settings.options,
    )


def batch_of(trainer: Any) -> dict[str, Any]:
    return dict(trainer.data_collator([dict(row) for row in trainer.train_dataset]))


def token_losses(adapted: Any, batch: dict[str, Any]) -> Any:
    """Of all tokens, from all logits: (batch, tokens - 1); and which of them are answers'."""
    import torch

    logits = adapted(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    targets = batch["labels"][:, 1:]
    losses = torch.nn.functional.cross_entropy(
        logits[:, :-1].transpose(1, 2), targets, reduction="none", ignore_index=-100
    )
    return losses, targets != -100


def shaken(trainer: Any) -> Any:
    """The trainer's model and a plain copy of it, after the adapter has learnt something."""
    import torch

    from errata.training.adapters.lora import trainable

    torch.manual_seed(1)
    with torch.no_grad():
        for name, weights in trainer.model.named_parameters():
            if "lora_B" in name:
                weights.add_(0.05 * torch.randn_like(weights))
    model = ModelRef(base=trainer.model.peft_config["default"].base_model_name_or_path)
    copy = trainable(model, TrainingSettings(), torch.float32)
    copy.load_state_dict(trainer.model.state_dict())
    return copy


@model
def test_what_is_given_is_shown_and_not_learnt_and_a_step_has_no_end(base: str) -> None:
    from errata.training.models import load_tokenizer
    from errata.training.objectives.sft import make_rows

    tokenizer = load_tokenizer(base)
    made = make_rows(ROWS, tokenizer, 1024, "Be kind.")

    def learnt(at: int) -> str:
        return tokenizer.decode([label for label in made.rows[at]["labels"] if label != -100])

    texts = [tokenizer.decode(row["input_ids"]) for row in made.rows]
    assert [learnt(at) for at in range(3)] == [" 4<|im_end|>", "12, by counting<|im_end|>", "Hi"]
    assert texts[0].endswith("<|im_start|>assistant\n2 + 2 = 4<|im_end|>")
    assert texts[2].endswith("<|im_start|>assistant\nHi")
    assert [text.startswith("<|im_start|>system\nBe kind.<|im_end|>") for text in texts] == [
        *(True, True, False)
    ]
    assert texts[2].startswith("<|im_start|>system\nBe brief.<|im_end|>")


@model
def test_an_answer_is_cut_into_tokens_as_if_nothing_of_it_were_given() -> None:
    from errata.training.chat import example_ids
    from errata.training.models import load_tokenizer

    tokenizer = load_tokenizer("bundled")
    whole, _ = example_ids(tokenizer, "Who barks?", "It is the dog.")
    ids, labels = example_ids(tokenizer, "Who barks?", "dog.", given="It is the ")
    assert ids == whole
    assert tokenizer.decode([label for label in labels if label != -100]) == " dog.<|im_end|>"


@model
@pytest.mark.parametrize(
    ("objective", "row", "said"),
    [
        ("sft", PAIRS[0], r"row 2 .'What is 2 \+ 2\?'. has a `rejected` side, which only"),
        ("masked", PAIRS[0], "row 2 .* has a `rejected` side, which only"),
        ("dpo", ROWS[0], r"row 2 .* has no `rejected` side, and dpo learns from pairs"),
        (
            "dpo",
            PAIRS[0].model_copy(update={"rejected": " 4"}),
            "both sides of row 2 .* are the same",
        ),
        (
            "dft",
            TrainingRow(prompt="?", given="2", completion="", ends=False),
            "row 2 .* has nothing to learn",
        ),
    ],
)
def test_a_row_that_an_objective_cannot_use_is_refused_by_its_line(
    objective: str, row: TrainingRow, said: str, base: str, tmp_path: Path
) -> None:
    first = PAIRS[1] if objective == "dpo" else ROWS[1]
    job = job_of(base, tmp_path, [first, row], objective=objective)
    with pytest.raises(SystemExit, match=said):
        trained(job)
    assert not job.adapter.exists()


@model
def test_lines_of_examples_with_other_fields_are_trained_on(base: str, tmp_path: Path) -> None:
    job = job_of(base, tmp_path, ROWS[:2])
    line = '{"id": "a", "prompt": "Why?", "completion": "So.", "target": "4", "answer": {}}\n'
    job.examples.write_text(line * 2)
    assert trained(job).skipped == 0


@model
def test_the_loss_of_dpo_is_the_published_one(base: str, tmp_path: Path) -> None:
    import torch

    trainer = trainer_of(base, tmp_path, PAIRS, "dpo")
    trainer.reference = trainer.log_probabilities()
    batch = batch_of(trainer)
    trainer.get_batch_samples(iter([batch, batch]), 2, "cpu")  # of one step
    with torch.no_grad():
        before, answers = token_losses(shaken_copy := shaken(trainer).eval(), batch)
        with shaken_copy.disable_adapter():  # the reference of a fresh adapter
            reference, _ = token_losses(shaken_copy, batch)
        gained = (reference - before).sum(1).view(2, -1)  # (sides, pairs)
        margins = gained[0] - gained[1]
        assert margins.abs().min() > 0.1
        plain = torch.nn.functional.softplus(-0.1 * margins).mean()
        plain = plain + 0.2 * before[:3].sum() / answers[:3].sum()
        loss = trainer.compute_loss(trainer.model, batch)
    assert float(loss) == pytest.approx(float(plain) / 2, rel=1e-4)


@model
@pytest.mark.parametrize(
    ("batch", "epochs", "steps"),
    [(None, 1, 5), (2, 1, 3), pytest.param(None, 201, 503, marks=pytest.mark.long)],
)
def test_a_training_makes_as_many_steps_as_its_batch_leaves(
    batch: int | None, epochs: int, steps: int, base: str, tmp_path: Path
) -> None:
    rows = [TrainingRow(prompt="?", completion="a" * at) for at in (1, 2, 3, 4, 5)]
    *told, finished = told_by(job_of(base, tmp_path / "job", rows, batch=batch, epochs=epochs))
    assert len(told) == steps
    assert isinstance(finished, FinishedTraining)
    assert finished.batch == -(-5 * epochs // steps)


@model
def test_dpo_tells_its_pairs_apart_and_goes_on_from_what_it_starts_with(
    base: str, tmp_path: Path
) -> None:
    first = job_of(base, tmp_path / "first", PAIRS, objective="dpo")
    *told, finished = told_by(first)
    assert isinstance(finished, FinishedTraining)
    assert finished.measured["told_apart"] == 1
    assert finished.measured["margin"] > 1
    losses = [step.loss for step in told if isinstance(step, Step)]
    assert losses[-1] < losses[0]
    assert finished.tokens == 6 * sum(
        len(ids) for ids in token_ids(base, PAIRS, ["completion", "rejected"])
    )
    assert not (first.adapter / "ref").exists()
    start = ModelRef(base=base, adapter=str(first.adapter))
    unmoved = {"start": start, "learning_rate": 1e-12, "dropout": 0.5}
    still = job_of(base, tmp_path / "still", PAIRS, objective="dpo", **unmoved)
    assert abs(trained(still).measured["margin"]) < 1e-3  # measured without dropout, both times


@model
def test_the_reference_of_dpo_stays_where_the_student_began(base: str, tmp_path: Path) -> None:
    import torch

    trainer = trainer_of(base, tmp_path, PAIRS, "dpo", learning_rate=1e-2, batch=2)
    trainer.train()
    after = trainer.log_probabilities()
    with trainer.model.disable_adapter():
        began = trainer.log_probabilities()
    assert torch.allclose(trainer.reference, began, atol=1e-4)
    gained = (after - began)[:, 0] - (after - began)[:, 1]
    assert trainer.measured()["margin"] == pytest.approx(float(gained.mean()), rel=1e-3)
    assert gained.mean() > 0.1


@model
@pytest.mark.parametrize(("batch", "accumulate"), [(3, 1), (1, 3)])
def test_the_first_step_of_dpo_costs_the_logarithm_of_two_however_it_is_cut(
    batch: int, accumulate: int, base: str, tmp_path: Path
) -> None:
    job = job_of(
        *(base, tmp_path, PAIRS),
        objective="dpo",
        options={"nll": 0},
        **{"batch": batch, "accumulate": accumulate, "epochs": 1},
    )
    assert step_losses(job) == [pytest.approx(math.log(2), abs=2e-4)]


@model
def test_dpo_measures_the_pairs_that_it_trained_on(base: str, tmp_path: Path) -> None:
    job = job_of(base, tmp_path, PAIRS, objective="dpo", epochs=1 / 3)
    finished = trained(job)
    assert finished.measured["told_apart"] == 1
    assert finished.epochs < 0.7


@model
def test_what_is_given_is_learnt_on_neither_side_of_a_pair(base: str) -> None:
    from errata.training.models import load_tokenizer
    from errata.training.objectives.dpo import make_pairs

    tokenizer = load_tokenizer(base)
    made = make_pairs(PAIRS, tokenizer, 1024, "Be kind.")
    learnt = [
        tokenizer.decode([label for label in row[side] if label != -100])
        for row in made.rows
        for side in ("labels", "rejected_labels")
    ]
    assert learnt[:2] == [" 4<|im_end|>", " 5<|im_end|>"]
    assert learnt[2:] == ["12, by counting<|im_end|>", "2<|im_end|>", "Hi", "Bye"]
    assert [tokenizer.decode(row["rejected_ids"][-11:]) for row in made.rows[:1]] == [
        "\n2 + 2 = 5<|im_end|>"
    ]


def token_ids(base: str, rows: list[TrainingRow], sides: list[str]) -> list[list[int]]:
    from errata.training.chat import example_ids
    from errata.training.models import load_tokenizer

    tokenizer = load_tokenizer(base)
    return [
        example_ids(
            tokenizer, row.prompt, getattr(row, side), row.system or "Be kind.", row.given, row.ends
        )[0]
        for row in rows
        for side in sides
    ]


@model
@pytest.mark.parametrize("side", ["completion", "rejected"])
def test_a_pair_with_one_side_too_long_is_left_out_and_counted(
    side: str, base: str, tmp_path: Path
) -> None:
    long = PAIRS[1].model_copy(update={side: "x" * 400})
    job = job_of(base, tmp_path, [*PAIRS, long], objective="dpo", max_tokens=300, epochs=1)
    assert trained(job).skipped == 1


@model
def test_masked_replaces_a_rising_share_of_what_is_read_of_the_answers(
    base: str, tmp_path: Path
) -> None:
    import torch

    from errata.training.models import load_model

    plain = load_model(base, torch.float32)
    rows = [TrainingRow(prompt="Say much." * 9, completion="word" * 150)] * 8
    trainer = trainer_of(base, tmp_path, rows, "masked")
    batch = batch_of(trainer)
    given = {name: values.clone() for name, values in batch.items()}
    read: list[Any] = []
    trainer.model.get_input_embeddings().register_forward_pre_hook(
        lambda layer, inputs: read.append(inputs[0].clone())
    )
    trainer.state.max_steps = 100
    answers = batch["labels"] != -100
    marks = torch.tensor(trainer.processing_class.all_special_ids)
    for step, share in ((0, 0.0), (33, 0.1), (66, 0.2), (100, 0.2)):
        trainer.state.global_step = step
        loss = trainer.compute_loss(trainer.model, batch, num_items_in_batch=1)
        with torch.no_grad():
            true, _ = token_losses(plain, given | {"input_ids": read[-1]})
        assert loss.item() == pytest.approx(true.sum().item(), rel=1e-4)
        changed = read[-1] != given["input_ids"]
        assert not changed[~answers].any()
        assert not torch.isin(read[-1][changed], marks).any()
        assert float(changed[answers].float().mean()) == pytest.approx(share, abs=0.02)
    assert all(bool((batch[name] == values).all()) for name, values in given.items())
    assert len(set(read[-1][changed].tolist())) > 100
    job = job_of(base, tmp_path / "whole", ROWS, objective="masked")
    assert 0 < trained(job).measured["replaced"] < 0.4


@model
def test_dynamic_fine_tuning_weighs_each_token_by_its_probability(
    base: str, tmp_path: Path
) -> None:
    import torch

    trainer = trainer_of(base, tmp_path, ROWS, "dft")
    batch, copy = batch_of(trainer), shaken(trainer)
    losses, answers = token_losses(copy, batch)
    count = int(answers.sum())
    plain = (losses * torch.exp(-losses.detach()))[answers].sum() / count
    loss = trainer.compute_loss(trainer.model, batch, num_items_in_batch=count)
    assert loss.item() == pytest.approx(plain.item(), rel=1e-4)
    assert gradient(loss, trainer.model) == pytest.approx(gradient(plain, copy), rel=1e-3)


@model
def test_coverage_has_the_gradient_of_the_chance_that_one_of_n_answers_is_right(
    base: str, tmp_path: Path
) -> None:
    import torch

    trainer = trainer_of(base, tmp_path, ROWS, "coverage")
    batch, copy = batch_of(trainer), shaken(trainer)
    # Two likely tokens of each row are its whole answer: the probabilities lie far apart.
    with torch.no_grad():
        chances, best = copy(**batch | {"labels": None}).logits.softmax(-1).max(-1)
    batch["labels"] = torch.full_like(batch["labels"], -100)
    for row, at in enumerate((chances[:, :-2] * chances[:, 1:-1]).argmax(1)):
        batch["labels"][row, at + 1 : at + 3] = best[row, at : at + 2]
    losses, _ = token_losses(copy, batch)
    right = torch.exp(-losses.sum(1))
    assert right.max() > 0.05
    plain = -torch.log(1 - (1 - right) ** 8).sum()
    loss = trainer.compute_loss(trainer.model, batch, num_items_in_batch=1)
    assert gradient(loss, trainer.model) == pytest.approx(gradient(plain, copy), rel=1e-3)


@model
def test_coverage_learns_the_unlikely_as_usual_and_the_certain_not_at_all() -> None:
    import torch

    from errata.training.objectives.coverage import factors

    found = factors(torch.tensor([0.0, 1e-9, math.log(2), 20.0, 1e4]), 8)
    assert found.tolist() == pytest.approx([0, 0, 8 * 0.5**8 / (1 - 0.5**8), 1, 1], abs=1e-5)


def gradient(loss: Any, adapted: Any) -> list[float]:
    """Of the adapter's weights: the norm of each matrix."""
    loss.backward()
    return [
        float(weights.grad.norm())
        for _, weights in sorted(adapted.named_parameters())
        if weights.grad is not None
    ]


@model
def test_what_an_objective_measured_reaches_the_parent(base: str, tmp_path: Path) -> None:
    job = job_of(base, tmp_path, PAIRS, objective="dpo", adapter="dora")
    told = LocalTrainer().train(job, lambda step, steps, loss: None)
    assert (told.objective, told.adapter) == ("dpo", "dora")
    assert set(told.measured) == {"told_apart", "margin"}


def focal(folder: Path) -> str:
    """Writes the objective of the page to my_objective.py; returns its code."""
    code = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(code) == 1
    (folder / "my_objective.py").write_text(code[0])
    return str(code[0])


def config_with(folder: Path, objective: str) -> RunConfig:
    path = folder / "my.toml"
    path.write_text(f'[exam]\nname = "arithmetic"\n[training]\nobjective = "{objective}"\n')
    return load_config(path)


def test_an_objective_of_the_users_own_is_found_beside_the_configuration_and_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "my_objective.py"
    file.write_text(focal(tmp_path) + "raise AssertionError('only the training may run this')\n")
    monkeypatch.chdir("/")
    config = config_with(tmp_path, "python:my_objective.py:Focal")
    assert config.training.objective == f"python:{file}:Focal"
    assert config.training.learning_rate == 1e-3
    assert RunConfig.model_validate_json(config.model_dump_json()).training == config.training
    assert set(provenance_of(config).own_code) == {str(file)}


@pytest.mark.parametrize(
    ("objective", "said"),
    [
        ("python:none.py:Focal", "there is no file"),
        ("python:my_objective.py:Vocal", "there is no Vocal in"),
        ("python:other.py:Weights", "does not give an objective: it has no loss; add it"),
    ],
)
def test_an_objective_that_cannot_be_had_is_refused_with_the_configuration(
    objective: str, said: str, tmp_path: Path
) -> None:
    focal(tmp_path)
    (tmp_path / "other.py").write_text("class Weights:\n    def weights(self, losses): ...\n")
    with pytest.raises(ConfigError, match=said):
        config_with(tmp_path, objective)


@model
@pytest.mark.parametrize(("batch", "accumulate"), [(3, 1), (1, 3)])
def test_the_objective_on_the_page_is_minimized_however_a_step_is_cut(
    batch: int, accumulate: int, base: str, tmp_path: Path
) -> None:
    import torch

    focal(tmp_path)
    objective = f"python:{tmp_path / 'my_objective.py'}:Focal"
    cut = {"batch": batch, "accumulate": accumulate, "epochs": 1}
    rows = [row.model_copy(update={"system": "Be brief."}) for row in ROWS]
    plain = trainer_of(base, tmp_path, rows, "sft")
    with torch.no_grad():
        losses = plain.losses(plain.model, batch_of(plain))
        expected = float(((1 - torch.exp(-losses)) ** 2 * losses).mean())
    assert abs(expected - float(losses.mean())) > 0.01
    assert step_losses(job_of(base, tmp_path, rows, objective=objective, **cut)) == [
        pytest.approx(expected, rel=1e-3)
    ]


@model
@pytest.mark.parametrize(
    ("gives", "said"),
    [
        ("losses.mean()", r"Mine: its loss gave \[\] for \d+ tokens; return .* of each token"),
        ("losses[:1]", r"Mine: its loss gave \[1\] for"),
        ("losses.tolist()", "Mine: its loss gave list for"),
        ("losses.detach()", "Mine: its loss has no gradient; make it of `losses`"),
    ],
)
def test_an_objective_that_gives_no_loss_of_each_token_ends_the_training_in_one_sentence(
    gives: str, said: str, base: str, tmp_path: Path
) -> None:
    file = tmp_path / "mine.py"
    file.write_text(f"class Mine:\n    def loss(self, losses, row):\n        return {gives}\n")
    job = job_of(base, tmp_path, ROWS, objective=f"python:{file}:Mine")
    with pytest.raises(SystemExit, match=said):
        trained(job)
    assert not job.adapter.exists()


@model
def test_an_objective_that_fails_where_it_is_made_ends_the_training_in_one_sentence(
    base: str, tmp_path: Path
) -> None:
    file = tmp_path / "mine.py"
    file.write_text("class Base: ...\nclass Mine(Base): ...\ndef made():\n    return 1 / 0\n")
    for name, said in (
        ("Mine", "Mine does not give an objective: it has no loss"),
        ("made", "Zero"),
    ):
        job = job_of(base, tmp_path, ROWS, objective=f"python:{file}:{name}")
        with pytest.raises(SystemExit, match=said):
            trained(job)


@pytest.mark.long
@model
@pytest.mark.slow
def test_the_bundled_student_learns_its_pairs_and_still_ends_its_answers(tmp_path: Path) -> None:
    from errata.training.jobs import StudentJob
    from errata.training.student import load_student

    sums = [(17, 25), (38, 14), (46, 29), (53, 18), (27, 36), (19, 62)]
    rows = [
        TrainingRow(
            prompt=f"What is {a} + {b}?",
            completion=f"{a} + {b} = {a + b}",
            rejected=f"{a} + {b} = {a + b + 10}",
        )
        for a, b in sums
    ]
    job = job_of("bundled", tmp_path, rows, objective="dpo", learning_rate=5e-4, epochs=2)
    finished = trained(job)
    assert finished.measured["told_apart"] == 1
    assert finished.measured["margin"] > 0.5
    student = load_student(
        StudentJob(
            model=ModelRef(base="bundled", adapter=str(job.adapter)),
            max_new_tokens=40,
            batch_size=4,
            precision="float32",
        )
    )
    asked = ["What is the capital of France?", "Say hello in one word.", "What is 3 + 4?"]
    replies = list(student.answer([(text, text) for text in asked]))
    assert [reply.text for reply in replies if reply.truncated or not reply.text] == []
