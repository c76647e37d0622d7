"""What `errata view` is asked: the page of one run, or of two beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from errata.agents.errors import RunError
from errata.graph.run_folder import RunFolder, find_run


def find_viewed(names: Sequence[str], runs: Path) -> list[RunFolder]:
    """Raises: RunError: there is no such run, or there are more than two."""
    if len(names) > 2:
        raise RunError(f"{len(names)} runs: one page shows one, or two beside each other")
    folders = [find_run(name, runs) for name in names]
    if len(folders) == 2 and folders[0].path.resolve() == folders[1].path.resolve():
        raise RunError(f"{folders[0].path} beside itself: name another second run, or none")
    return folders
