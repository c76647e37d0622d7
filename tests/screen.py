"""What a screen shows, as text."""

from __future__ import annotations

import io
from collections.abc import Callable

from rich.console import Console


def printed(show: Callable[[Console], None], width: int = 80, encoding: str = "utf-8") -> str:
    """What `show` prints on a terminal that is so wide and takes such characters."""
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    show(Console(file=file, width=width, highlight=False))
    file.seek(0)
    return file.read()


def words(text: str) -> str:
    """The text as a person reads it, whatever the line breaks."""
    return " ".join(text.replace("│", " ").split())
