"""A training on several GPUs or machines: a launcher of the user's choice starts its processes."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter

from errata.agents.errors import StepFailed
from errata.agents.weights.child import ENVIRONMENT
from errata.training.finished import NAME
from errata.training.jobs import Failed, FinishedTraining, TrainingJob
from errata.training.wire import FAILED, FIRST

T = TypeVar("T")

POLL_S = 0.2
LAST_S = 20.0
"""What processes have to end by themselves: after one of them has failed, and after the end."""

ROOT = re.compile(
    r"^Root Cause.*?^ *rank *: (\d+).*?^ *exitcode *: -(\d+)", re.DOTALL | re.MULTILINE
)
"""How torchrun, and accelerate with it, tell which process was killed first, and how."""


def find_launcher(launch: Sequence[str]) -> str | None:
    """Where the command that `launch` begins with is: beside this Python, or on the PATH."""
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return shutil.which(launch[0], path=places)


class LaunchedTraining:
    """The processes of one training; all are ended when it is closed.

    What they and the launcher print goes to `training.log`. Each tells its messages in a file of
    its own, in a folder that all of their machines must see, as they must see the examples.
    """

    def __init__(self, job: TrainingJob) -> None:
        """Raises: StepFailed: There is no such launcher."""
        folder = job.adapter.parent
        self.adapter = job.adapter
        launch = job.settings.launch
        launcher = find_launcher(launch)
        if launcher is None:
            raise StepFailed(missing(launch))
        self.log = folder / "training.log"
        self.told = folder / "training.told"
        shutil.rmtree(self.told, ignore_errors=True)
        self.told.mkdir(parents=True)
        job_file = folder / "training-job.json"
        job_file.write_text(job.model_dump_json(), encoding="utf-8")
        program = ("-m", "errata.training", "trainer", str(job_file), str(self.told))
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [launcher, *launch[1:], *program],
                stdin=subprocess.PIPE,  # closed with this process, and all processes end with it
                stdout=log,
                stderr=log,
                env=ENVIRONMENT | os.environ,
                start_new_session=True,
            )

    def messages(self, of: TypeAdapter[T]) -> Iterator[T]:
        """What the first process tells, until all have ended well.

        Raises:
            StepFailed: One of them failed or was killed; the others are ended.
        """
        read = 0
        failed_at: float | None = None
        while True:
            ended = self.has_ended(POLL_S)  # before reading: what is told after it is not missed
            for line in self.lines(read):
                read += len(line)
                message = of.validate_json(line)
                if isinstance(message, FinishedTraining):
                    self.has_ended(LAST_S)
                    if self.failures():  # one has trained without the others
                        (self.adapter / NAME).unlink(missing_ok=True)
                        raise self.failure()
                yield message
            if ended:
                break
            if failed_at is None and self.failures():
                failed_at = time.monotonic()
            if failed_at is not None and time.monotonic() - failed_at > LAST_S:
                break
        if self.process.poll() != 0:
            raise self.failure()

    def has_ended(self, timeout_s: float) -> bool:
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout_s)
        return self.process.poll() is not None

    def lines(self, start: int) -> list[bytes]:
        """Whole ones, from that byte on. A file opened anew is up to date on shared disks, too."""
        try:
            with (self.told / FIRST).open("rb") as file:
                file.seek(start)
                found = file.read().splitlines(keepends=True)
        except FileNotFoundError:
            return []
        return [line for line in found if line.endswith(b"\n")]

    def failures(self) -> list[Failed]:
        """The last words of processes that failed, oldest first."""
        files = self.told.glob(f"*{FAILED}")
        found = [Failed.model_validate_json(file.read_bytes()) for file in files]
        return sorted(found, key=lambda words: words.at)

    def failure(self) -> StepFailed:
        return StepFailed(f"the training {self.why()}; see {self.log}, then resume the run")

    def why(self) -> str:
        printed = self.log.read_text(encoding="utf-8", errors="replace")
        if killed := ROOT.search(printed):  # the others then fail, too, for want of it
            name = signal.Signals(int(killed[2])).name
            how = f"ended: its process number {killed[1]} was killed by {name}"
            often = " (often: out of memory; try a smaller batch)"
            return how + (often if name == "SIGKILL" else "")
        if failures := self.failures():
            return f"failed in process number {failures[0].rank}: {failures[0].said}"
        code = self.process.poll()
        lines = [line.strip() for line in printed.splitlines() if line.strip()]
        said = " / ".join(lines[-3:]) or f"exit code {code}"
        return f"failed: {said}"

    def close(self) -> None:
        """Ends the launcher, which ends its processes; those that it forgets end by themselves."""
        assert self.process.stdin is not None
        if self.process.poll() is None:
            self.process.terminate()
        self.process.stdin.close()
        if not self.has_ended(LAST_S):
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        shutil.rmtree(self.told, ignore_errors=True)


def missing(launch: Sequence[str]) -> str:
    return (
        f"training.launch names {launch[0]!r}, which is neither beside errata's Python nor on the "
        "PATH; install it, or give its path"
    )
