"""Exports in child processes here: one writes the weights, one asks them as anybody would."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from errata.agents.errors import StepFailed
from errata.agents.weights.child import Child
from errata.agents.weights.models import check_model
from errata.training.export_jobs import (
    FROM_EXPORTER,
    FROM_PLAIN,
    Exported,
    ExportJob,
    PlainEngine,
    PlainJob,
    PlainReply,
)

AGAIN = "export again"


def write_export(job: ExportJob, logs: Path) -> Exported:
    """Writes `job.folder`. `logs` gets the child's job file and log.

    Raises:
        ModelError: The base or the adapter is not there.
        StepFailed: The child failed.
    """
    check_model(job.model)
    with closing(Child("exporter", job, logs, "exporter", AGAIN)) as child:
        for exported in child.messages(FROM_EXPORTER):
            return exported
    raise StepFailed(f"the export ended without a word; see {child.log}")


def ask_plainly(job: PlainJob, logs: Path) -> Iterator[PlainEngine | PlainReply]:
    """First what answers, then the answers, in any order.

    Raises:
        StepFailed: The child failed.
    """
    with closing(Child("plain", job, logs, "plain", AGAIN)) as child:
        yield from child.messages(FROM_PLAIN)
