"""Child process: `python -m errata.training student|tokenizer|trainer JOB.json`.

It listens to its parent before the slow imports, so that it ends with it even while it starts.
"""

from __future__ import annotations

import sys
from pathlib import Path

from errata.training.jobs import StudentJob, TokenizerJob, TrainingJob
from errata.training.wire import ChildWire


def main(program: str, job_file: str) -> None:
    wire = ChildWire()
    job = Path(job_file).read_bytes()
    if program == "student":
        from errata.training.student import serve

        serve(StudentJob.model_validate_json(job), wire)
    elif program == "tokenizer":
        from errata.training.tokens import turn

        turn(TokenizerJob.model_validate_json(job), wire)
    else:
        from errata.training.train import train

        train(TrainingJob.model_validate_json(job), wire)


if __name__ == "__main__":
    main(*sys.argv[1:])
