"""The line from a child process to its parent: JSON lines on standard output, and nothing else."""

from __future__ import annotations

import json
import os
import sys
from typing import Any


def open_wire() -> None:
    """Keeps standard output for `tell`: whatever libraries print goes to standard error."""
    global _wire
    _wire = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)


def tell(**line: Any) -> None:
    """Sends one JSON object, at once."""
    print(json.dumps(line), file=_wire, flush=True)


_wire = sys.stdout
