"""Judged work in processes that a judge's server kills in the middle of a call.

    python tests/killed_judging.py FOLDER

Starts or resumes each of `JOBS` until it ends, in forks of one process: each writes its id to
FOLDER/pid first, so that whoever judges can end it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import langchain_openai  # noqa: F401  here and not in each fork
from doubles import table_agents

from errata.agents.exams.several import load_exams
from errata.agents.testing.tables import TableStudent
from errata.graph.comparing.audition import audition
from errata.graph.comparing.compare import compare
from errata.graph.config import RunConfig, load_config
from errata.graph.loop import build_graph  # noqa: F401  as above
from errata.graph.run import resume, run
from errata.graph.run_folder import RunFolder


def tables(config: RunConfig) -> dict[str, Any]:
    practice = load_exams(config.exam).practice
    return table_agents(practice, [["odd", "even"]], ["odd"])


def learn(folder: Path) -> None:
    config = load_config(folder / "my.toml")
    here = RunFolder(folder / "t")
    given = tables(config) | {"cache": False}
    if here.exists:
        resume(here, **given)
    else:
        run(config, folder, **given)


def contrast(folder: Path) -> None:
    config = load_config(folder / "my.toml")
    compare(config, ["prompt", "sft"], 1, folder, **tables(config))


def try_out(folder: Path) -> None:
    config = load_config(folder / "le.toml")
    student = TableStudent(["odd"])
    audition(config, (), folder, mistakes=4, examples=2, student=student)


JOBS: dict[str, Callable[[Path], None]] = {
    "t": learn,
    "t.compare": contrast,
    "t.audition": try_out,
}
"""The folder that each makes."""


def main(folder: Path) -> None:
    for job in JOBS.values():
        status = 1
        for _ in range(10):
            pid = os.fork()
            if pid == 0:
                (folder / "pid").write_text(str(os.getpid()))
                job(folder)
                os._exit(0)
            status = os.waitpid(pid, 0)[1]
            if status == 0:
                break
        assert status == 0


if __name__ == "__main__":
    main(Path(sys.argv[1]))
