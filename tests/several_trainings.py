"""Trains one job after the other, as each process of a launcher: JOB.json ...

Their steps' losses go to `losses.json` beside each job, from the first process alone.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from pydantic import BaseModel

from errata.training.jobs import Step, TrainingJob


class Losses:
    def __init__(self) -> None:
        self.all: list[float] = []

    def tell(self, message: BaseModel) -> None:
        if isinstance(message, Step):
            self.all.append(message.loss)


def main(jobs: list[str]) -> None:
    import torch

    from errata.training.train import train

    torch.set_num_threads(1)
    for file in map(Path, jobs):
        told = Losses()
        train(TrainingJob.model_validate_json(file.read_bytes()), told)  # type: ignore[arg-type]
        if told.all:
            file.with_name("losses.json").write_text(json.dumps(told.all))


if __name__ == "__main__":
    main(sys.argv[1:])
