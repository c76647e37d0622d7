"""The command line in a process of its own, as a shell runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def errata(*words: object, cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    """`errata WORDS`, on a wide terminal, with no key of this shell's; `env` is added."""
    return subprocess.run(
        [sys.executable, "-m", "errata.graph.cli", *map(str, words)],
        cwd=cwd,
        env={k: v for k, v in os.environ.items() if not k.endswith("_API_KEY")}
        | {"COLUMNS": "200"}
        | env,
        capture_output=True,
        text=True,
        check=False,
    )


def refused(*words: object, cwd: Path, **env: str) -> str:
    """The one sentence that a bad call gets."""
    done = errata(*words, cwd=cwd, **env)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    (sentence,) = done.stderr.strip().splitlines()
    return sentence
