"""Lines of JSON, cut in one way everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


def read_lines(path: Path, whole: bool = False) -> Iterator[bytes]:
    """The lines of a file, each with its end.

    Lines end at a line feed and nowhere else: JSON lets U+2028, U+2029 and U+0085 stand in a
    string as they are, and `str.splitlines` would cut there.

    Args:
        whole: Without a last line that has no end, as a kill leaves it.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as lines:  # opened for bytes, a file ends its lines at \n alone
        for line in lines:
            if line.endswith(b"\n") or not whole:
                yield line
