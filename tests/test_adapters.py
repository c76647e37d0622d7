"""Each kind of adapter is loaded by plain peft on the untouched base, as it was trained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tiny_models import write_tiny_model

from errata.agents.records import ModelRef
from errata.training.jobs import LoraSettings

pytestmark = pytest.mark.model

KINDS = ["lora", "dora", "pissa", "corda"]
ROWS = [list(range(4 + at, 40 + at)) for at in range(5)]  # token ids


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    import torch

    torch.set_num_threads(1)
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


def settings_of(kind: str, **settings: Any) -> LoraSettings:
    given = {"adapter": kind, "rank": 4, "alpha": 8, "precision": "float32"} | settings
    return LoraSettings.model_validate(given)


def logits(adapted: Any) -> Any:
    import torch

    with torch.no_grad():
        return adapted.eval()(torch.tensor(ROWS)).logits


def plain(base: str, adapter: Path) -> Any:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    untouched = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    return logits(PeftModel.from_pretrained(untouched, str(adapter)))


def without_its_start(base: str, adapter: Path) -> Any:
    """As `plain`, of an adapter whose weights are taken as those of a LoRA adapter."""
    settings = json.loads((adapter / "adapter_config.json").read_text())
    settings |= {"init_lora_weights": True, "corda_config": None}
    (adapter / "adapter_config.json").write_text(json.dumps(settings))
    return plain(base, adapter)


@pytest.mark.parametrize("kind", KINDS)
def test_an_adapter_gives_the_trainers_own_logits_on_the_untouched_base(
    kind: str, base: str, tmp_path: Path
) -> None:
    import torch

    from errata.training.adapters.lora import merged, save, save_beginning, trainable
    from errata.training.models import load_model
    from errata.training.train import ADAPTERS

    adapter = ADAPTERS[kind]  # type: ignore[index]
    start = ModelRef(base=base)
    adapted = trainable(start, settings_of(kind), torch.float32, adapter, ROWS)
    untouched = logits(load_model(base, torch.float32))
    assert torch.allclose(logits(adapted), untouched, atol=1e-3)
    save_beginning(adapted, tmp_path)
    weights = [each for each in adapted.parameters() if each.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=1e-2)
    for _ in range(4):
        ids = torch.tensor(ROWS)
        adapted(ids, labels=ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    own = logits(adapted)
    assert (own - untouched).abs().max() > 1
    folder = tmp_path / "adapter"
    if adapter.takes_from_base:
        adapted.save_pretrained(str(tmp_path / "plainly"))
        assert not torch.allclose(without_its_start(base, tmp_path / "plainly"), own, atol=1)
    save(adapted, base, folder, tmp_path if adapter.takes_from_base else None)
    assert torch.allclose(plain(base, folder), own, atol=1e-4 * float(own.abs().max()))
    assert torch.allclose(
        logits(merged(base, str(folder), torch.float32)), own, atol=1e-4 * float(own.abs().max())
    )
    again = ModelRef(base=base, adapter=str(folder))  # to go on from it
    assert torch.allclose(
        logits(trainable(again, settings_of(kind), torch.float32, adapter, ROWS)), own, atol=1e-2
    )


@pytest.mark.parametrize("kind", ["pissa", "corda"])
def test_a_training_saves_what_it_learnt_and_not_what_the_adapter_began_with(
    kind: str, base: str, tmp_path: Path
) -> None:
    import torch
    from test_objectives import ROWS as EXAMPLES
    from test_objectives import job_of, trained

    from errata.training.models import load_model

    job = job_of(base, tmp_path, EXAMPLES, adapter=kind, rank=4, epochs=1, learning_rate=1e-12)
    trained(job)
    untouched = logits(load_model(base, torch.float32))
    assert torch.allclose(plain(base, job.adapter), untouched, atol=1e-3)
    told = json.loads((job.adapter / "adapter_config.json").read_text())
    assert (told["r"], told["base_model_name_or_path"]) == (8, base)


def test_what_cannot_be_gone_on_from_or_taken_is_refused(base: str, tmp_path: Path) -> None:
    import torch

    from errata.training.adapters.lora import trainable
    from errata.training.adapters.pissa import PISSA
    from errata.training.options import Refused
    from errata.training.train import ADAPTERS

    start = ModelRef(base=base)
    for kind in ("lora", "dora"):
        made = trainable(start, settings_of(kind), torch.float32, ADAPTERS[kind])  # type: ignore[index]
        made.save_pretrained(str(tmp_path / kind))
    for kind, asked in (("lora", "dora"), ("dora", "lora"), ("dora", "pissa")):
        again = ModelRef(base=base, adapter=str(tmp_path / kind))
        said = f'is a {kind} adapter and cannot be gone on from as {asked}; say .* = "{kind}"'
        with pytest.raises(Refused, match=said):
            trainable(again, settings_of(asked), torch.float32)
    with pytest.raises(Refused, match=r"training.rank \(17\) .*k_proj has 16; lower the rank"):
        trainable(start, settings_of("pissa", rank=17), torch.float32, PISSA)
    only = settings_of("pissa", rank=17, targets=["q_proj"])  # 32 by 32
    trainable(start, only, torch.float32, PISSA)


def test_nothing_is_looked_up_by_the_name_of_the_base_when_an_adapter_is_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from test_objectives import ROWS as EXAMPLES
    from test_objectives import job_of, trained

    write_tiny_model(tmp_path / "smollm2-135m-instruct")
    monkeypatch.setenv("ERRATA_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")  # peft then warns of what it cannot look up
    job = job_of("bundled", tmp_path / "job", EXAMPLES, adapter="pissa", rank=4, epochs=1)
    trained(job)
    told = json.loads((job.adapter / "adapter_config.json").read_text())
    assert told["base_model_name_or_path"] == "bundled"


def adapted_layers(adapted: Any) -> set[str]:
    return {name for name, _ in adapted.named_modules() if name.endswith(".lora_A.default")}


@pytest.mark.parametrize("targets", [["all-linear"], ["v_proj", "mlp.down_proj"]])
def test_every_kind_of_adapter_stands_beside_the_same_layers(targets: list[str], base: str) -> None:
    import torch

    from errata.training.adapters.lora import trainable
    from errata.training.train import ADAPTERS

    found = [
        adapted_layers(
            trainable(
                ModelRef(base=base),
                settings_of(kind, targets=targets),
                torch.float32,
                ADAPTERS[kind],  # type: ignore[index]
                ROWS,
            )
        )
        for kind in KINDS
    ]
    assert len(found[0]) == 2 * (7 if targets == ["all-linear"] else 2)
    assert all(layers == found[0] for layers in found)


@pytest.mark.parametrize("kind", ["pissa", "corda"])
def test_a_part_of_the_base_is_taken_out_of_unrounded_weights(kind: str, base: str) -> None:
    import torch

    from errata.training.adapters.lora import trainable
    from errata.training.models import load_model
    from errata.training.train import ADAPTERS

    adapter = ADAPTERS[kind]  # type: ignore[index]
    half = settings_of(kind, precision="bfloat16")
    adapted = trainable(ModelRef(base=base), half, torch.bfloat16, adapter, ROWS)
    untouched = logits(load_model(base, torch.float32))
    assert torch.allclose(logits(adapted), untouched, atol=1e-3)


def test_corda_begins_with_what_the_training_rows_use_most(base: str) -> None:
    import torch

    from errata.training.adapters.lora import trainable
    from errata.training.models import load_model
    from errata.training.train import ADAPTERS

    rows = [[7, 8, 9, 7, 8], [9, 7, 8, 9, 7]]  # three tokens, of a vocabulary of 260
    embedded = load_model(base, torch.float32).get_input_embeddings()

    def left_to_the_base(kind: str) -> float:
        """Share of what the first layer says to the rows' tokens that its adapter did not take."""
        adapter = ADAPTERS[kind]  # type: ignore[index]
        adapted = trainable(ModelRef(base=base), settings_of(kind), torch.float32, adapter, rows)
        block = adapted.get_base_model().model.layers[0]
        with torch.no_grad():
            seen = block.input_layernorm(embedded(torch.tensor(sorted(set(rows[0])))))
            layer = block.self_attn.q_proj
            return float(layer.base_layer(seen).norm() / layer(seen).norm())

    assert left_to_the_base("corda") < 0.1 < 0.5 < left_to_the_base("pissa")


@pytest.mark.parametrize("kind", ["pissa", "corda"])
def test_a_round_goes_on_from_such_an_adapter_without_taking_from_the_base_again(
    kind: str, base: str, tmp_path: Path
) -> None:
    import torch
    from test_objectives import ROWS as EXAMPLES
    from test_objectives import job_of, trained

    first = job_of(base, tmp_path / "first", EXAMPLES, adapter=kind, rank=4)
    trained(first)
    start = ModelRef(base=base, adapter=str(first.adapter))
    still = {"start": start, "adapter": kind, "rank": 4, "epochs": 1, "learning_rate": 1e-12}
    again = job_of(base, tmp_path / "again", EXAMPLES, **still)
    trained(again)
    own = plain(base, first.adapter)
    assert torch.allclose(plain(base, again.adapter), own, atol=1e-4 * float(own.abs().max()))
