"""Memory said beforehand: the sizes of real models, and measured peaks of real child processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tiny_models import write_tiny_model

from errata.training.jobs import LoraSettings, ModelRef, TrainingJob
from errata.training.memory import BUNDLED, GIB, Memory, UnknownShape, estimate, shape_of

GIVEN: dict[str, Any] = {
    "precision": "float32",
    "on_gpu": False,
    "prompt_tokens": 200,
    "new_tokens": 100,
    "ask_batch": 8,
    "rank": 16,
    "row_tokens": 300,
    "answer_tokens": 100,
    "batch": 8,
}
EIGHT_B = {
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
    "hidden_act": "silu",
}
"""Llama 3 8B."""


def test_the_weights_of_published_models_are_counted() -> None:
    assert shape_of(EIGHT_B).weights == pytest.approx(8.03e9, rel=0.001)
    assert shape_of(BUNDLED).weights == pytest.approx(134.5e6, rel=0.001)
    mixtral = EIGHT_B | {"vocab_size": 32000, "num_local_experts": 8, "num_experts_per_tok": 2}
    assert shape_of(mixtral).weights == pytest.approx(46.7e9, rel=0.001)
    # Rank 16 on all linear layers of Llama 3 8B, as peft counts it.
    assert shape_of(EIGHT_B).adapter(16, ["all-linear"]) == 41_943_040
    assert shape_of(EIGHT_B).adapter(16, ["q_proj", "self_attn.v_proj"]) == 6_815_744


def item(memory: Memory, child: str, what: str) -> int:
    return next(one.bytes for one in getattr(memory, child).items if one.what == what)


def test_what_each_setting_takes() -> None:
    memory = estimate(EIGHT_B, **GIVEN | {"precision": "bfloat16", "on_gpu": True})
    assert item(memory, "training", "weights") == 2 * memory.weights
    assert item(memory, "training", "adapter, gradient and AdamW") == 16 * 41_943_040
    # The student is merged in float32, which is its peak: more than the weights asked with.
    assert item(memory, "student", "weights in float32, to merge") == 4 * memory.weights
    plain = estimate(EIGHT_B, **GIVEN | {"precision": "bfloat16", "on_gpu": True, "adapter": False})
    assert item(plain, "student", "keys and values") == 8 * 300 * 2 * 32 * 8 * 128 * 2
    twice = estimate(EIGHT_B, **GIVEN | {"batch": 16})
    once = estimate(EIGHT_B, **GIVEN)
    for what in ("activations", "logits"):
        assert item(twice, "training", what) == 2 * item(once, "training", what)
    spared = estimate(EIGHT_B, **GIVEN | {"gradient_checkpointing": True})
    assert item(spared, "training", "activations") < 0.1 * item(once, "training", "activations")


@pytest.mark.parametrize("missing", ["hidden_size", "num_hidden_layers", "vocab_size"])
def test_a_config_whose_sizes_are_not_known_is_said(missing: str) -> None:
    for value in (None, -1, "many", True):
        with pytest.raises(UnknownShape, match=f"config.json names no {missing}"):
            shape_of(EIGHT_B | {missing: value})


@pytest.mark.model
@pytest.mark.parametrize("model_type", ["llama", "qwen2", "mistral", "gemma2", "qwen3"])
def test_the_sizes_in_config_json_give_the_weights_of_the_model(
    model_type: str, tmp_path: Path
) -> None:
    from transformers import AutoModelForCausalLM

    folder = write_tiny_model(tmp_path, model_type, hidden_size=128, intermediate_size=256)
    config = json.loads((tmp_path / "config.json").read_text())
    there = AutoModelForCausalLM.from_pretrained(folder).num_parameters()
    assert shape_of(config).weights == pytest.approx(there, rel=0.02)


@pytest.mark.model
def test_the_bundled_models_sizes_are_those_of_its_config() -> None:
    from errata.training.models import bundled_folder

    there = json.loads((bundled_folder() / "config.json").read_text())
    assert shape_of(there) == shape_of(BUNDLED)


@pytest.mark.long
@pytest.mark.model
@pytest.mark.process
@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="peaks are counted in KiB there")
def test_a_trainings_measured_peak_is_what_was_said(tmp_path: Path) -> None:
    """Within a quarter; most of it are activations and logits, not the process."""
    from errata.training.chat import IGNORED, example_ids
    from errata.training.models import load_tokenizer

    sizes = {"hidden_size": 256, "intermediate_size": 1024, "num_attention_heads": 8}
    base = write_tiny_model(tmp_path / "m", **sizes, vocab_size=32768, initializer_range=0.02)
    row = ("a" * 300, "b" * 100)
    examples = tmp_path / "rows.jsonl"
    line = json.dumps({"prompt": row[0], "completion": row[1]}) + "\n"
    examples.write_text(line * 12)
    ids, labels = example_ids(load_tokenizer(base), *row)
    job = TrainingJob(
        start=ModelRef(base=base),
        examples=examples,
        adapter=tmp_path / "adapter",
        settings=LoraSettings(batch=12, epochs=1, precision="float32"),
    )
    file = tmp_path / "job.json"
    file.write_text(job.model_dump_json())
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("peak.py")), "trainer", str(file)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
    )
    assert done.returncode == 0, done.stderr
    said = estimate(
        json.loads((tmp_path / "m" / "config.json").read_text()),
        **GIVEN
        | {
            "row_tokens": len(ids),
            "answer_tokens": sum(label != IGNORED for label in labels),
            "batch": 12,
        },
    ).training
    process = said.items[0].bytes
    measured = int(done.stdout) * 1024
    assert said.gib * GIB - process > 0.4 * process
    assert measured == pytest.approx(said.gib * GIB, rel=0.25)
