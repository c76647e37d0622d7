"""The trainer on this machine: a child process fine-tunes the adapter."""

from __future__ import annotations

import json

from errata.agents.errors import StepFailed
from errata.agents.records import ModelRef
from errata.agents.trainer import OnStep, Trained, TrainingJob
from errata.agents.weights.child import Child
from errata.agents.weights.models import check_model


class LocalTrainer:
    """Trains on this machine, in a child process."""

    def train(self, job: TrainingJob, on_step: OnStep) -> Trained:
        check_model(job.start)
        folder = job.adapter.parent
        job_file = folder / "training-job.json"
        job_file.write_text(
            json.dumps(
                {
                    "base": job.start.base,
                    "adapter": job.start.adapter,
                    "examples": str(job.examples),
                    "out": str(job.adapter),
                    "system": job.system,
                    **job.settings.model_dump(exclude={"start", "replay"}),
                }
            )
        )
        child = Child("errata.training.train", job_file, folder / "training.log")
        loss = float("nan")
        try:
            for line in child.lines():
                if "step" in line:
                    loss = line["loss"]
                    on_step(line["step"], line["steps"], loss)
                elif "tokens" in line:
                    return Trained(
                        model=ModelRef(base=job.start.base, adapter=str(job.adapter)),
                        tokens=line["tokens"],
                        skipped=line["skipped"],
                        loss=loss,
                    )
        finally:
            child.close()
        raise StepFailed(f"the training ended without a word; see {child.log}")
