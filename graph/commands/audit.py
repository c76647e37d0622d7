"""Whether a run's report follows from its files, and these are as they were: `errata audit`.

Nothing in the run's folder is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from errata.agents.errors import ErrataError, RunError
from errata.agents.marking.own import forget_markers
from errata.agents.records import Record
from errata.graph.audit import CHECKS, Finding, Run, as_seal, check_seal
from errata.graph.provenance import Provenance, read_provenance, versions_here
from errata.graph.run_folder import RunFolder, find_run
from errata.graph.watcher import Watcher
from errata.training.finished import sha256_of
from errata.training.own_code import file_of, is_own


class Audit(Record):
    """What an audit of a run found."""

    run: str
    seal: str | None
    """As the run's summary shows it; None where the run is not finished."""
    checked: Mapping[str, int]
    """What was looked at → how many."""
    notes: tuple[str, ...]
    """What a reader should know though nothing is wrong."""
    findings: tuple[Finding, ...]
    """What is wrong; empty where everything holds."""


def find_audited(name: str, runs: Path) -> RunFolder:
    """The folder of a run, by its path or name; one that lost its configuration too.

    Raises:
        RunError: There is none.
    """
    for path in (Path(name), runs / name):
        if (path / "manifest.jsonl").is_file():
            return RunFolder(path)
    return find_run(name, runs)


def audit(
    folder: RunFolder, watcher: Watcher, seal: str | None = None, with_code: bool = False
) -> Audit:
    """Everything that can be checked of a run, finished or stopped.

    Args:
        seal: That a person noted down when the run ended, or its beginning.
        with_code: Programs in responses are run again, in the sandbox; and a marker of the user's
            own, which is not boxed in.

    Raises:
        RunError: `seal` is none, or the run is at work, or another version of errata made it.
        SandboxError: Generated code cannot be run safely here.
    """
    noted = None if seal is None else as_seal(seal)
    if seal is not None and noted is None:
        raise RunError(
            f"{seal!r} is no seal: give the 16 digits that the run's summary shows, or the "
            "sha256 in its seal.json as it was then"
        )
    with suppress(OSError):  # a copy that nobody may write is at work nowhere
        if folder.at_work:
            raise RunError(f"the run {folder.path} is at work: wait for it, or stop it first")
    watcher.progress("comparing files with the manifest", 0, 0)
    findings = [*check_seal(folder, noted)]
    checked = {"sealed files": len(folder.manifest.read().lines)}
    notes: list[str] = []
    try:
        provenance = read_provenance(folder)
    except (ErrataError, OSError):
        if not any(found.file == "config.json" for found in findings):
            raise
        notes.append("without its configuration nothing else of the run can be checked")
    else:
        if not folder.manifest.sealed:
            notes.append("the run is not finished, so what it wrote last is not sealed yet")
        made_with, here = provenance.versions.get("errata"), versions_here()["errata"]
        if made_with != here:
            notes.append(
                f"errata {made_with} made the run and {here} checks it: a marker that was mended "
                "in between may give another verdict"
            )
        notes += changed_markers(provenance)
        forget_markers()  # their files may have been edited since
        run = Run(folder, provenance.config_on_record, watcher, with_code)
        for check in CHECKS:
            findings += check(run)
        findings += run.unreadable.values()
        checked |= run.counts
        notes += run.notes
    sealing = folder.manifest.sealing()
    return Audit(
        run=folder.name,
        seal=None if sealing is None else sealing.short,
        checked=checked,
        notes=tuple(notes),
        findings=tuple(findings),
    )


def changed_markers(provenance: Provenance) -> Iterator[str]:
    """What became of the files of markers of the user's own since the run began."""
    answers = {exam.answer for exam in provenance.config.file_exams if exam.answer is not None}
    for file in {file_of(answer) for answer in answers if is_own(answer)}:
        recorded = provenance.own_code.get(str(file))
        if file is None or not file.is_file():
            yield f"the marker {file} is gone: its answers cannot be marked again"
        elif sha256_of(file) != recorded:
            yield (
                f"the marker {file} has changed since the run began, and may give another verdict"
            )
