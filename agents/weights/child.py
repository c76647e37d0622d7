"""A child process of `errata.training` that speaks JSON lines.

Weights live in children, so that a crash there is one failed step and memory comes back.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from errata.agents.errors import StepFailed

ENVIRONMENT = {
    # Threads that soon go to sleep when they wait: one that spins holds the core that its partner
    # needs, and a busy machine then computes up to ten times slower.
    "GOMP_SPINCOUNT": "20000",
    # glibc hands every buffer above 32 MB back to the system and faults it in again at each step.
    "MALLOC_MMAP_THRESHOLD_": str(32 * 2**20),
    "MALLOC_TRIM_THRESHOLD_": str(2**30),
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "PYTHONUNBUFFERED": "1",
}


class Child:
    """One child; it is killed when closed before it has ended."""

    def __init__(self, module: str, job: Path, log: Path) -> None:
        """Starts `python -m module job`; what it prints to standard error goes to `log`."""
        self.module = module
        self.log = log
        with log.open("wb") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-m", module, str(job)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                env=ENVIRONMENT | os.environ,
                start_new_session=True,  # Ctrl-C is for the parent, which then ends the child
            )

    def send(self, line: Any) -> None:
        """Writes one JSON line to the child.

        Raises:
            StepFailed: The child has died.
        """
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(line) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise self.failure() from None

    def lines(self) -> Iterator[dict[str, Any]]:
        """JSON objects from the child, until it ends well.

        Raises:
            StepFailed: The child failed or was killed.
        """
        assert self.process.stdout is not None
        for line in self.process.stdout:
            yield json.loads(line)
        if self.process.wait() != 0:
            raise self.failure()

    def failure(self) -> StepFailed:
        code = self.process.wait()
        name = self.module.rpartition(".")[2]
        if code < 0:
            how = f"was killed by {signal.Signals(-code).name}"
            if code == -signal.SIGKILL:
                how += " (often: out of memory; try a smaller batch)"
        else:
            said = [line for line in self.log.read_text(errors="replace").splitlines() if line]
            how = "failed: " + (said[-1] if said else f"exit code {code}")
        return StepFailed(f"the {name} process {how}; see {self.log}, then resume the run")

    def close(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
