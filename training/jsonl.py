"""Lines of JSON, read in one way everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

M = TypeVar("M", bound=BaseModel)


def read_lines(path: Path, of: type[M]) -> Iterator[M]:
    """One value for each line that is not empty.

    Lines end at a line feed and nowhere else: JSON lets U+2028, U+2029 and U+0085 stand in a
    string as they are, and `str.splitlines` would cut there.

    Raises:
        OSError: The file cannot be read.
        ValidationError: A line holds something else.
    """
    with path.open("rb") as lines:
        for line in lines:
            if line.strip():
                yield of.model_validate_json(line)
