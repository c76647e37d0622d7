"""Whether a run's files are as they were, and how often its sealed questions were read."""

from __future__ import annotations

import re
from collections.abc import Iterator

from errata.agents.errors import ErrataError
from errata.agents.records import (
    Question,
)
from errata.graph.audit.evidence import REPORT, Finding, Run
from errata.graph.manifest import hash_of_set
from errata.graph.readings import by_exam, earlier, read_readings, readings_path, registry
from errata.graph.run_folder import RunFolder


def check_readings(run: Run) -> Iterator[Finding]:
    """The sealed sets are those that the run said it read, as often as their list has it."""
    path = readings_path(run.folder)
    lines = registry(run.folder).read()
    run_id = run.folder.manifest.run_id
    try:
        readings = read_readings(run.folder)
    except ErrataError as error:
        run.cannot_read(path, error)
        return
    for reading in readings:
        questions = run.records(run.folder.exam(reading.set), Question)
        of_exam = by_exam(questions).get(reading.exam, [])
        what = f"{reading.set} set{f' of {reading.exam}' if reading.exam else ''}"
        if hash_of_set(of_exam) != reading.sha256:
            yield Finding(
                check="readings",
                file=run.name(path),
                wrong=f"the {what} is not the one that the run read",
                means="other questions stand there now",
            )
        listed = any(line.run_id == run_id for line in lines)
        runs, evaluations = earlier(lines, reading.sha256, run_id)
        as_listed = {"earlier_runs": runs, "earlier_evaluations": evaluations}
        listed_so = reading.model_copy(update=as_listed)
        if listed and listed_so != reading:
            yield Finding(
                check="readings",
                file=run.name(path),
                wrong=f"it says that {reading.earlier or 'nobody'} had read the {what}, and "
                f"{registry(run.folder).path} names {listed_so.earlier or 'nobody'}",
                means="one of the two was changed; how often the set was read is not known",
            )


def check_seal(folder: RunFolder, noted: str | None = None) -> Iterator[Finding]:
    """Nothing was changed, added or taken out since.

    Args:
        noted: The seal that a person kept, or its beginning, in hex.
    """
    manifest = folder.manifest
    means = "what rests on it is not what the run found"
    for file, how in manifest.changes():
        yield Finding(check="seal", file=file, wrong=how, means=means)
    if not manifest.path.is_file() and not manifest.sealed:
        wrong = "is missing"
        yield Finding(check="seal", file=manifest.path.name, wrong=wrong, means=means)
    elif not manifest.sealed and any(line.path == REPORT for line in manifest.read().lines):
        yield Finding(
            check="seal",
            file=manifest.seal_path.name,
            wrong="is missing, and the manifest holds a report",
            means="it was taken away, or the run was killed in its last moment: resume it",
        )
    if manifest.sealed:
        for file in manifest.strangers():
            yield Finding(
                check="seal", file=file, wrong="was added after the run ended", means=means
            )
    if noted is None:
        return
    hashes = manifest.read().hashes
    found = [at for at, sha256 in enumerate(hashes, 1) if sha256.startswith(noted)]
    if not found:
        yield Finding(
            check="seal",
            file=manifest.path.name,
            wrong="does not end with the seal that you give",
            means="the whole run was written anew since, or the seal is another run's",
        )
    elif found[-1] != len(hashes):
        later = [line.path for line in manifest.read().lines[found[-1] :]]
        yield Finding(
            check="seal",
            file=manifest.path.name,
            wrong=f"names files after the seal that you give: {', '.join(later)}",
            means="they were added since",
        )


def as_seal(given: str) -> str | None:
    """The hex digits of a seal as a person typed it; None where it is none."""
    digits = given.replace("-", "").strip().lower()
    return digits if re.fullmatch(r"[0-9a-f]{8,64}", digits) else None
