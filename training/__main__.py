"""Child process: `python -m errata.training PROGRAM JOB.json [TOLD]`.

PROGRAM is student, tokenizer, trainer, exporter or plain.

It listens to its parent before the slow imports, so that it ends with it even while it starts.
TOLD is the folder for the messages of a launched training's processes.
"""

from __future__ import annotations

import sys
from pathlib import Path

from errata.training.export_jobs import ExportJob, PlainJob
from errata.training.jobs import StudentJob, TokenizerJob, TrainingJob
from errata.training.options import Refused
from errata.training.wire import ChildWire


def main(program: str, job_file: str, told: str | None = None) -> None:
    wire = ChildWire(None if told is None else Path(told))
    job = Path(job_file).read_bytes()
    try:
        if program == "student":
            from errata.training.student import serve

            serve(StudentJob.model_validate_json(job), wire)
        elif program == "tokenizer":
            from errata.training.tokens import turn

            turn(TokenizerJob.model_validate_json(job), wire)
        elif program == "exporter":
            from errata.training.export import export

            export(ExportJob.model_validate_json(job), wire)
        elif program == "plain":
            from errata.training.plain_use import serve as serve_plainly

            serve_plainly(PlainJob.model_validate_json(job), wire)
        else:
            from errata.training.train import train

            train(TrainingJob.model_validate_json(job), wire)
    except Refused as refused:
        sys.exit(str(refused))
    except SystemExit as ended:
        wire.fail(str(ended.code))
        raise
    except BaseException as error:
        wire.fail(f"{type(error).__name__}: {error}")
        raise


if __name__ == "__main__":
    main(*sys.argv[1:])
