"""From the folders of one run or of two to all that their page shows."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from errata.agents.errors import RunError
from errata.graph.page.joined import Gathered, Joined
from errata.graph.page.pairs import beside
from errata.graph.page.reader import Reader
from errata.graph.page.records import SETS, Page, Pair
from errata.graph.run_folder import RunFolder


def gather(folder: RunFolder, review: Path | None = None) -> Gathered:
    """What the page shows of a run; of an unfinished one, as far as it came.

    Args:
        review: What was said so far of the examples of a run that waits.

    Raises:
        RunError: Its records cannot be read; or the review is of another run.
    """
    try:
        return Joined(Reader(folder, review)).gathered()
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"the run {folder.path} cannot be shown ({type(error).__name__}: {error}): its "
            f"trace.jsonl was changed, or a file is missing; `errata audit {folder.name}` says more"
        ) from None


@contextmanager
def records_kept() -> Iterator[None]:
    """Without Python's search for circles among what is held: records form none, and each search
    goes through all of them, which takes as long as all else together where a run is large."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


@records_kept()
def page_of(
    folders: Sequence[RunFolder], review: Path | None = None
) -> tuple[Page, list[Gathered]]:
    """The page of one run or of two; `review` as in `gather`.

    Raises:
        RunError: The records of one cannot be read, or two have no set of questions in common.
    """
    runs = [gather(folder, review) for folder in folders]
    same: dict[str, tuple[int, ...]] = {}
    between: dict[str, tuple[Pair, ...]] = {}
    if len(folders) == 2:
        for name in SETS:
            both = (folders[0], folders[1])
            found = beside(runs[0].sets[name], runs[1].sets[name], both, name)
            if found is not None:
                same[name], between[name] = found
        if not same:
            raise RunError(
                f"{folders[0].path} and {folders[1].path} have no set of questions in common: "
                "compare runs of the same exam, divided in the same way"
            )
    return Page(runs=tuple(run.index for run in runs), same=same, between=between), runs
