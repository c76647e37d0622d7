"""What `errata view` is asked: the page of one run, or of two beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from errata.agents.errors import RunError
from errata.graph.run_folder import RunFolder, all_runs, find_run


def find_viewed(names: Sequence[str], runs: Path) -> list[RunFolder]:
    """Raises: RunError: there is no such run, or there are more than two; or it is a comparison."""
    if len(names) > 2:
        raise RunError(f"{len(names)} runs: one page shows one, or two beside each other")
    for path in (folder / name for name in names for folder in (Path(), runs)):
        arms = all_runs(path / "arms") if (path / "compare.json").exists() else []
        if len(arms) > 1:
            raise RunError(
                f"{path} is a comparison of {len(arms)} runs: view one, or two beside each other, "
                f"such as `errata view {arms[0].path} {arms[1].path}`; `errata compare` of its "
                "configuration shows all again"
            )
    folders = [find_run(name, runs) for name in names]
    if len(folders) == 2 and folders[0].path.resolve() == folders[1].path.resolve():
        raise RunError(f"{folders[0].path} beside itself: name another second run, or none")
    return folders
