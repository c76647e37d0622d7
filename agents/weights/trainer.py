"""The trainer: a child process fine-tunes the adapter, or several that a launcher starts."""

from __future__ import annotations

import shutil

from errata.agents.errors import StepFailed
from errata.agents.records import ModelRef
from errata.agents.trainer import OnStep, Trained, TrainingJob
from errata.agents.weights.child import Child
from errata.agents.weights.launched import LaunchedTraining
from errata.agents.weights.models import check_model
from errata.training.finished import find_finished
from errata.training.jobs import FROM_TRAINER, FinishedTraining


class LocalTrainer:
    """Trains in a child process on this machine, or wherever `training.launch` starts it."""

    def train(self, job: TrainingJob, on_step: OnStep) -> Trained:
        check_model(job.start)
        finished = find_finished(job)
        if finished is not None:  # what it was made with may be left, where it was killed last
            shutil.rmtree(job.adapter.with_name(job.adapter.name + ".part"), ignore_errors=True)
        return trained_as(finished or run_child(job, on_step), job)


def run_child(job: TrainingJob, on_step: OnStep) -> FinishedTraining:
    child = (
        LaunchedTraining(job)
        if job.settings.launch
        else Child("trainer", job, job.adapter.parent, "training")
    )
    try:
        for message in child.messages(FROM_TRAINER):
            if isinstance(message, FinishedTraining):
                return message
            on_step(message.step, message.steps, message.loss)
    finally:
        child.close()
    raise StepFailed(f"the training ended without a word; see {child.log}")


def trained_as(finished: FinishedTraining, job: TrainingJob) -> Trained:
    """What the end of a training is to the run."""
    return Trained(
        model=ModelRef(base=job.start.base, adapter=str(job.adapter)),
        tokens=finished.tokens,
        skipped=finished.skipped,
        loss=finished.loss,
        objective=job.settings.objective,
        adapter=job.settings.adapter,
        measured=finished.measured,
    )
