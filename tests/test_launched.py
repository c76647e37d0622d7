"""A training that a launcher starts, as the parent sees it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from errata.agents.errors import StepFailed
from errata.agents.weights.trainer import LocalTrainer
from errata.training.jobs import LoraSettings, ModelRef, TrainingJob

LAUNCHER = f"""#!{sys.executable}
import sys, time
from pathlib import Path
from errata.training.finished import sha256_of
from errata.training.jobs import Failed, FinishedTraining, TrainingJob

job = TrainingJob.model_validate_json(Path(sys.argv[-2]).read_bytes())
told = Path(sys.argv[-1])
failed = Failed(rank=1, at=time.time(), said="out of memory")
(told / "1.failed").write_text(failed.model_dump_json())
finished = FinishedTraining(
    job=job, examples_sha256=sha256_of(job.examples), tokens=1, epochs=1, skipped=0, loss=1,
    processes=1,
)
job.adapter.mkdir(exist_ok=True)
(job.adapter / "trained.json").write_text(finished.model_dump_json())
(told / "0.jsonl").write_text(finished.model_dump_json() + "\\n")
"""
"""Its first process finishes, and another has failed."""


@pytest.mark.process
def test_what_one_process_trained_alone_is_refused_each_time(tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()
    (base / "config.json").write_text("{}")
    rows = tmp_path / "round-01" / "training.jsonl"
    rows.parent.mkdir()
    rows.write_text('{"prompt": "a", "completion": "b"}\n')
    launcher = tmp_path / "launcher"
    launcher.write_text(LAUNCHER)
    launcher.chmod(0o755)
    job = TrainingJob(
        start=ModelRef(base=str(base)),
        examples=rows,
        adapter=rows.with_name("adapter"),
        settings=LoraSettings(launch=(str(launcher),)),
    )
    for _ in range(2):
        with pytest.raises(StepFailed, match="out of memory"):
            LocalTrainer().train(job, lambda step, steps, loss: None)
