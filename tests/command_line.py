"""The command line: in this process, or in one of its own as a shell runs it."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import traceback
from pathlib import Path

import pytest

from errata.graph.cli import main

Done = subprocess.CompletedProcess[str]


def environment(**env: str) -> dict[str, str]:
    """A wide terminal, and no key of this shell's; `env` is added."""
    mine = {k: v for k, v in os.environ.items() if not k.endswith("_API_KEY")}
    return mine | {"COLUMNS": "200"} | env


def errata(*words: object, cwd: Path | None = None, **env: str) -> Done:
    """`errata WORDS` through its entry point, without the seconds that a new process takes."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    code: object = 0
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ.keys() - (given := environment(**env)).keys():
            patch.delenv(name)
        for name, value in given.items():
            patch.setenv(name, value)
        if cwd is not None:
            patch.chdir(cwd)
        patch.setattr(sys, "argv", ["errata", *map(str, words)])
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        try:
            main()
        except SystemExit as ended:
            code = ended.code or 0
        except BaseException:
            code = 1
            traceback.print_exc()
    assert isinstance(code, int)
    said, complained = (each.buffer.getvalue().decode() for each in (out, err))  # type: ignore[attr-defined]
    return Done([*map(str, words)], code, said, complained)


def errata_process(*words: object, cwd: Path | None = None, **env: str) -> Done:
    """`errata WORDS` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "errata.graph.cli", *map(str, words)],
        cwd=cwd,
        env=environment(**env),
        capture_output=True,
        text=True,
        check=False,
    )


def refused(*words: object, cwd: Path, **env: str) -> str:
    """The one sentence that a bad call gets."""
    return sentence_of(errata(*words, cwd=cwd, **env))


def sentence_of(done: Done) -> str:
    """The one on standard error, of a command that ended with exit code 2."""
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    (sentence,) = done.stderr.strip().splitlines()
    return sentence
