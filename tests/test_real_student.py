"""The real student and a real LoRA: a few questions, a few steps, and a kill.

Whatever needs no real answers is shown with a model of a few thousand weights.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
from tiny_models import write_tiny_model

from errata.agents.errors import StepFailed
from errata.agents.examiner import examine
from errata.agents.records import Attempt, ModelRef, Question, Sampling
from errata.agents.student import StudentSettings
from errata.agents.weights import LocalStudent
from errata.graph.config import parse_config
from errata.graph.run import resume, run
from errata.graph.run_folder import RunFolder

pytestmark = pytest.mark.model

CONFIG: dict[str, Any] = {
    "name": "real",
    "strategy": "lec",
    "exam": {"name": "arithmetic", "seed": 5, "practice": 8, "dev": 4, "test": 4},
    "student": {"max_new_tokens": 16, "batch_size": 4},
    "examples": {"per_round": 16},
    "training": {"epochs": 2, "batch": 4},
    "stop": {"rounds": 1},
}
RUN = """
import json, sys
from pathlib import Path
from errata.graph.config import parse_config
from errata.graph.run import resume, run
from errata.graph.run_folder import RunFolder
runs = Path(sys.argv[1])
if (runs / "real" / "config.json").exists():
    resume(RunFolder(runs / "real"))
else:
    run(parse_config(json.loads(sys.argv[2]), "test"), runs)
"""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A run of a tiny model: long enough answers and trainings to be killed in."""
    model = write_tiny_model(tmp_path_factory.mktemp("models") / "tiny")
    return CONFIG | {
        "student": {"model": model, "max_new_tokens": 100, "batch_size": 2},
        "training": {"epochs": 15, "batch": 4},
    }


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    runs = tmp_path_factory.mktemp("runs")
    run(parse_config(CONFIG, "test"), runs)
    return RunFolder(runs / "real")


def test_the_loop_trains_an_adapter_that_plain_peft_can_load(finished: RunFolder) -> None:
    from peft import PeftModel

    from errata.training.models import load_model

    report = json.loads((finished.path / "report.json").read_text())
    assert report["status"] == "round budget spent"
    assert report["rounds"][1]["examples"]["accepted"] == 16
    losses = [
        json.loads(line)["loss"]
        for line in (finished.path / "trace.jsonl").read_text().splitlines()
        if '"event": "step"' in line
    ]
    assert len(losses) == 8
    assert losses[-1] < losses[0]
    import torch

    adapter = finished.round(1) / "adapter"
    model = PeftModel.from_pretrained(load_model("bundled", torch.float32), str(adapter))
    changed = [p.abs().max().item() for name, p in model.named_parameters() if "lora_B" in name]
    assert min(changed) > 0  # every layer learnt


def test_asking_and_training_see_the_same_tokens() -> None:
    from errata.training.chat import IGNORED, example_ids, prompt_ids
    from errata.training.models import load_tokenizer

    tokenizer = load_tokenizer("bundled")
    asked = prompt_ids(tokenizer, "What is 2 + 2?")
    ids, labels = example_ids(tokenizer, "What is 2 + 2?", "2 + 2 = 4\n#### 4")
    assert ids[: len(asked)] == asked
    assert set(labels[: len(asked)]) == {IGNORED}
    assert labels[len(asked) :] == ids[len(asked) :]
    whole = tokenizer.apply_chat_template(
        [
            {"role": "user", "content": "What is 2 + 2?"},
            {"role": "assistant", "content": "2 + 2 = 4\n#### 4"},
        ]
    )["input_ids"]
    assert ids == whole[: len(ids)]
    assert ids[-1] == tokenizer.eos_token_id


def test_a_system_prompt_stands_before_the_question_in_asking_and_in_training() -> None:
    from errata.training.chat import example_ids, prompt_ids
    from errata.training.models import load_tokenizer

    tokenizer = load_tokenizer("bundled")
    asked = prompt_ids(tokenizer, "What is 2 + 2?", "Solve.")
    assert tokenizer.decode(asked).startswith("<|im_start|>system\nSolve.<|im_end|>")
    ids, _ = example_ids(tokenizer, "What is 2 + 2?", "4", "Solve.")
    assert ids[: len(asked)] == asked


def test_a_resumed_exam_gives_the_answers_of_an_undisturbed_one(tmp_path: Path) -> None:
    questions = [
        Question(id=f"q{i}", prompt=f"What is {i} + {7 * i}?" + " Say why." * (i % 3), target="1")
        for i in range(8)
    ]
    student = LocalStudent(StudentSettings(max_new_tokens=12, batch_size=4), tmp_path)
    try:
        whole = {
            r.question_id: r for r in student.ask(ModelRef(base="bundled"), questions, frozenset())
        }
        half = frozenset(list(whole)[:5])
        rest = list(student.ask(ModelRef(base="bundled"), questions, half))
    finally:
        student.close()
    assert {r.question_id for r in rest} == whole.keys() - half
    assert all(response == whole[response.question_id] for response in rest)


@pytest.mark.long
def test_kill_9_in_the_exam_and_in_the_training_changes_nothing(
    tiny: dict[str, Any], tmp_path: Path
) -> None:
    here, undisturbed = tmp_path / "killed" / "real", tmp_path / "undisturbed" / "real"
    kill_when(lambda: size(here / "round-00/practice.jsonl.part") > 0, tiny, here.parent)
    assert not (here / "round-00/practice.jsonl").exists()
    kill_when(lambda: '"event": "step"' in text(here / "trace.jsonl"), tiny, here.parent)
    assert not (here / "round-01/adapter").exists()
    for run_folder in (here, undisturbed):  # the final exam would show no more
        kill_when((run_folder / "round-01/dev.jsonl").exists, tiny, run_folder.parent)
    for name in ("round-00/dev", "round-00/practice", "round-01/training", "round-01/dev"):
        ours = (here / f"{name}.jsonl").read_bytes()
        assert ours == (undisturbed / f"{name}.jsonl").read_bytes(), name
    weights = "round-01/adapter/adapter_model.safetensors"
    assert (here / weights).read_bytes() == (undisturbed / weights).read_bytes()


def kill_when(reached: Callable[[], bool], config: dict[str, Any], runs: Path) -> None:
    """Starts the run or goes on with it, and kills it there."""
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, str(runs), json.dumps(config)], stderr=subprocess.DEVNULL
    )
    while not reached():
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    assert process.wait() == -signal.SIGKILL


def size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def test_a_training_that_is_killed_is_a_failed_step_with_its_reason(
    tiny: dict[str, Any], tmp_path: Path
) -> None:
    from errata.agents.errors import StepFailed
    from errata.agents.records import TrainingSettings
    from errata.agents.trainer import TrainingJob
    from errata.agents.weights import LocalTrainer

    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"prompt": "2 + 2?", "completion": "4"}\n' * 40)
    job = TrainingJob(
        start=ModelRef(base=tiny["student"]["model"]),
        examples=rows,
        adapter=tmp_path / "adapter",
        settings=TrainingSettings(batch=1),
    )

    def kill() -> None:
        """At once: to load what it needs takes longest."""
        for _ in range(3000):
            for child in psutil.Process().children():
                if "trainer" in child.cmdline():
                    child.kill()
                    return
            time.sleep(0.02)

    with ThreadPoolExecutor() as beside:
        killed = beside.submit(kill)
        with pytest.raises(StepFailed, match="trainer process was killed by SIGKILL"):
            LocalTrainer().train(job, lambda step, steps, loss: None)
        killed.result()
    assert not (tmp_path / "adapter").exists()


@pytest.mark.long
def test_a_first_use_that_is_killed_or_doubled_leaves_one_whole_model(tmp_path: Path) -> None:
    code = "from errata.training.models import bundled_folder; print(bundled_folder())"
    environment = os.environ | {"ERRATA_CACHE": str(tmp_path)}

    def use() -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", code],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    first = use()
    while not list(tmp_path.glob("*.part")) and first.poll() is None:
        time.sleep(0.02)
    first.kill()
    first.communicate()
    both = [use(), use()]
    folders = {process.communicate()[0].strip() for process in both}
    (folder,) = folders
    assert {process.returncode for process in both} == {0}
    assert (Path(folder) / "model.safetensors").stat().st_size > 500_000_000
    assert not list(tmp_path.glob("*.part"))


def test_resuming_a_finished_real_run_starts_no_child(finished: RunFolder) -> None:
    log = finished.path / "student.log"
    before = log.stat().st_mtime_ns
    resume(finished)
    assert log.stat().st_mtime_ns == before


@pytest.mark.long
def test_a_sampled_sitting_that_was_killed_gives_the_answers_of_an_undisturbed_one(
    tmp_path: Path,
) -> None:
    questions = [Question(id=f"q{i}", prompt=f"What is {i} + 7?", target="1") for i in range(8)]
    student = LocalStudent(StudentSettings(max_new_tokens=12, batch_size=4), tmp_path)
    given = (student, ModelRef(base="bundled"), questions, "e")
    sampling = Sampling(answers=2, temperature=1, top_p=0.95, seed=3)
    begun: list[Attempt] = []

    def kill(attempt: Attempt) -> None:
        begun.append(attempt)
        assert student.child is not None
        if len(begun) == 3:
            student.child.process.kill()

    try:
        whole = {a.id: a for a in examine(*given, sampling=sampling)}
        with pytest.raises(StepFailed, match="killed"):
            deque(map(kill, examine(*given, sampling=sampling)), 0)
        del begun[0]  # its question lacks an answer
        rest = list(examine(*given, begun, sampling=sampling))
    finally:
        student.close()
    assert len(whole) == 16
    assert sum(whole[f"q{i}@e#0"].response != whole[f"q{i}@e#1"].response for i in range(8)) > 4
    assert 0 < len(begun) < len(rest) < 16
    assert {a.id for a in rest} == whole.keys() - {a.id for a in begun}
    assert all(attempt == whole[attempt.id] for attempt in [*begun, *rest])
