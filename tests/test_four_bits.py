"""A base of 4-bit weights (QLoRA): trained beside, asked as trained, refused where it cannot be."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from test_objectives import job_of, told_by
from tiny_models import write_tiny_model
from typer.testing import CliRunner, Result

from errata.agents.errors import ConfigError
from errata.agents.records import ModelRef
from errata.graph.cli import app
from errata.graph.config import load_config
from errata.training.extras import install
from errata.training.finished import find_finished
from errata.training.jobs import Step, StudentJob, TrainingRow

pytestmark = pytest.mark.model

CONFIG = '[exam]\nname = "arithmetic"\n[student]\nquantize = "4bit"\n'


def test_the_student_is_trained_and_asked_with_the_same_rounded_weights(tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes")
    import torch

    from errata.training.student import load_student

    base = write_tiny_model(tmp_path / "tiny", hidden_size=64, intermediate_size=64)
    rows = [TrainingRow(prompt="Hello", completion="Hi there")] * 4
    given = job_of(base, tmp_path / "job", rows, epochs=40, batch=4, learning_rate=2e-2)
    job = given.model_copy(update={"quantize": "4bit", "system": None})
    losses = [told.loss for told in told_by(job) if isinstance(told, Step)]
    assert losses[-1] < 0.2 * losses[0]

    def student(**how: Any) -> Any:
        asked = {"max_new_tokens": 16, "batch_size": 4, "precision": "float32"}
        return load_student(StudentJob(**asked | {"quantize": "4bit"} | how))

    trained = student(model=ModelRef(base=base, adapter=str(job.adapter)))
    layers = [type(layer).__name__ for layer in trained.model.modules()]
    assert layers.count("Linear4bit") == 2 * 14  # each is adapted, and stands beside its adapter
    [reply] = trained.answer([("0", "Hello")])
    assert reply.text == "Hi there"
    plain = student(model=ModelRef(base=base))
    whole = student(model=ModelRef(base=base), quantize=None)
    ids = torch.arange(4, 40)[None]
    with torch.inference_mode():
        assert not torch.allclose(plain.model(ids).logits, whole.model(ids).logits, atol=0.05)
    assert find_finished(job) is not None
    assert find_finished(job.model_copy(update={"quantize": None})) is None


def test_what_rounds_weights_is_asked_for_where_it_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from errata.training.models import load_model
    from errata.training.options import Refused

    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    file = tmp_path / "a.toml"
    file.write_text(CONFIG)
    with pytest.raises(ConfigError, match=re.escape(f"bitsandbytes: {install('4bit')}")):
        load_config(file)
    with pytest.raises(Refused, match="bitsandbytes, which cannot be used here"):
        load_model("nothing", torch.float32, "4bit")


def test_adapters_that_take_a_part_of_the_base_are_refused_beside_rounded_weights(
    tmp_path: Path,
) -> None:
    pytest.importorskip("bitsandbytes")
    file = tmp_path / "a.toml"
    file.write_text(CONFIG + '[training]\nadapter = "pissa"\n')
    with pytest.raises(ConfigError, match=r"which student.quantize rounds; say adapter"):
        load_config(file)


def exam(*options: str) -> Result:
    return CliRunner().invoke(app, ["exam", *options, "--quantize", "4bit"])


def test_an_exam_rounds_the_weights_as_a_run_does(tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes")
    base = write_tiny_model(tmp_path / "tiny", hidden_size=64, intermediate_size=64)
    out = tmp_path / "out.jsonl"
    few = ("--limit", "1", "--max-new-tokens", "2")
    done = exam(base, "arithmetic", *few, "--out", str(out))
    assert done.exit_code == 0, done.output
    [made] = [json.loads(file.read_bytes()) for file in tmp_path.glob("out*.settings.json")]
    assert made["student"]["quantize"] == "4bit"


def test_an_exam_that_cannot_round_the_weights_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    said = exam("bundled", "arithmetic", "--url", "http://127.0.0.1:1/v1").exception
    assert isinstance(said, ConfigError)
    assert str(said).startswith("--quantize rounds weights that are loaded here")
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    said = exam("bundled", "arithmetic").exception
    assert isinstance(said, ConfigError)
    assert str(said).startswith(f"--quantize needs bitsandbytes: {install('4bit')}")
