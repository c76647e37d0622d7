"""A training that a launcher starts, as the parent sees it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from errata.agents.errors import ModelError, StepFailed
from errata.agents.trainer import Trained
from errata.agents.weights.trainer import LocalTrainer
from errata.training.jobs import LoraSettings, ModelRef, TrainingJob

BEGIN = f"""#!{sys.executable}
import sys, time
from pathlib import Path
from errata.training.finished import sha256_of
from errata.training.jobs import Failed, FinishedTraining, Step, TrainingJob

job = TrainingJob.model_validate_json(Path(sys.argv[-2]).read_bytes())
told = Path(sys.argv[-1])
finished = FinishedTraining(
    job=job, examples_sha256=sha256_of(job.examples), tokens=7, epochs=1, skipped=2, loss=0.5,
    measured={{"margin": 1.5}},
)
"""
END = """
job.adapter.mkdir(exist_ok=True)
(job.adapter / "trained.json").write_text(finished.model_dump_json())
(told / "0.jsonl").write_text("".join(f"{said.model_dump_json()}\\n" for said in says))
"""
HALF = f"""{BEGIN}
failed = Failed(rank=1, at=time.time(), said="out of memory")
(told / "1.failed").write_text(failed.model_dump_json())
says = [finished]
{END}"""
"""Its first process finishes, and another has failed."""
WHOLE = f"""{BEGIN}
says = [Step(step=1, steps=2, loss=0.75), Step(step=2, steps=2, loss=0.5), finished]
{END}"""
SILENT = f"#!{sys.executable}\n"


def job_with(launcher: str, folder: Path) -> TrainingJob:
    base = folder / "base"
    base.mkdir()
    (base / "config.json").write_text("{}")
    rows = folder / "round-01" / "training.jsonl"
    rows.parent.mkdir()
    rows.write_text('{"prompt": "a", "completion": "b"}\n')
    program = folder / "launcher"
    program.write_text(launcher)
    program.chmod(0o755)
    return TrainingJob(
        start=ModelRef(base=str(base)),
        examples=rows,
        adapter=rows.with_name("adapter"),
        settings=LoraSettings(launch=(str(program),), objective="dft", adapter="dora"),
    )


def no_step(step: int, steps: int, loss: float) -> None:
    raise AssertionError("nothing is trained")


@pytest.mark.process
def test_what_one_process_trained_alone_is_refused_each_time(tmp_path: Path) -> None:
    job = job_with(HALF, tmp_path)
    for _ in range(2):
        with pytest.raises(StepFailed, match="out of memory"):
            LocalTrainer().train(job, no_step)


@pytest.mark.process
def test_what_a_training_tells_is_what_a_run_hears_and_it_is_made_once(tmp_path: Path) -> None:
    job = job_with(WHOLE, tmp_path)
    heard: list[tuple[int, int, float]] = []
    trained = LocalTrainer().train(job, lambda *step: heard.append(step))
    assert heard == [(1, 2, 0.75), (2, 2, 0.5)]
    assert trained == Trained(
        model=ModelRef(base=job.start.base, adapter=str(job.adapter)),
        tokens=7,
        skipped=2,
        loss=0.5,
        objective="dft",
        adapter="dora",
        measured={"margin": 1.5},
    )
    (tmp_path / "launcher").unlink()
    begun = job.adapter.with_name("adapter.part")
    (begun / "checkpoint-1").mkdir(parents=True)
    assert LocalTrainer().train(job, no_step) == trained
    assert not begun.exists()
    (tmp_path / "base" / "config.json").unlink()
    with pytest.raises(ModelError, match="is no model folder"):
        LocalTrainer().train(job, no_step)


@pytest.mark.process
def test_a_training_that_ends_without_a_word_has_failed(tmp_path: Path) -> None:
    job = job_with(SILENT, tmp_path)
    with pytest.raises(StepFailed, match=r"ended without a word; see \S+/training\.log"):
        LocalTrainer().train(job, no_step)
    assert not (job.adapter.parent / "training.told").exists()  # nothing is left of its processes
