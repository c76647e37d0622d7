"""A child process of `errata.training`, and the messages to and from it.

Weights live in children, so that a crash there is one failed step and memory comes back.
A child ends with its parent, even when that is killed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter

from errata.agents.errors import StepFailed
from errata.agents.jsonl import Log
from errata.training.jobs import (
    FROM_STUDENT,
    AskRequest,
    Batches,
    Machine,
    Record,
    Reply,
    RequestDone,
)
from errata.training.wire import read_messages, write_message

T = TypeVar("T")

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

    def __init__(
        self, program: str, job: Record, folder: Path, name: str, then: str = "resume the run"
    ) -> None:
        """Starts `program`: student, tokenizer, trainer, exporter or plain.

        The job goes to `folder/name-job.json`, what the child prints to `folder/name.log`.
        `then` says what a person does when it has failed and the reason is mended.
        """
        self.program = program
        self.then = then
        self.machine: Machine | None = None
        """Of a student, once it has said something."""
        self.log = folder / f"{name}.log"
        folder.mkdir(parents=True, exist_ok=True)
        job_file = folder / f"{name}-job.json"
        job_file.write_text(job.model_dump_json(), encoding="utf-8")
        with self.log.open("wb") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "errata.training", program, str(job_file)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=ENVIRONMENT | os.environ,
                start_new_session=True,  # Ctrl-C is for the parent, which then ends the child
            )

    def send(self, message: Record) -> None:
        """Raises: StepFailed: The child has died."""
        assert self.process.stdin is not None
        try:
            write_message(self.process.stdin, message)
        except BrokenPipeError:
            raise self.failure() from None

    def messages(self, of: TypeAdapter[T]) -> Iterator[T]:
        """What the child says, until it ends well.

        Raises:
            StepFailed: The child failed or was killed.
        """
        assert self.process.stdout is not None
        yield from read_messages(self.process.stdout, of)
        if self.process.wait() != 0:
            raise self.failure()

    def ask(self, request: AskRequest) -> Iterator[Reply]:
        """The student's replies to one request; all of them must be read before the next.

        Raises:
            StepFailed: The child ended before the last one.
        """
        return (message for message in self.said_to(request) if isinstance(message, Reply))

    def batches(self, request: AskRequest) -> Batches:
        """Which prompts of a request the student would answer together.

        Raises:
            StepFailed: As `ask`.
        """
        only = request.model_copy(update={"only_batches": True})
        [batches] = [said for said in self.said_to(only) if isinstance(said, Batches)]
        return batches

    def said_to(self, request: AskRequest) -> Iterator[Reply | Batches]:
        self.send(request)
        for message in self.messages(FROM_STUDENT):
            if isinstance(message, Machine):
                self.machine = message
                note_machine(message, self.log.parent)
            elif isinstance(message, RequestDone):
                return
            else:
                yield message
        raise self.failure()

    def failure(self) -> StepFailed:
        code = self.process.wait()
        if code < 0:
            how = f"was killed by {signal.Signals(-code).name}"
            if code == -signal.SIGKILL:
                how += " (often: out of memory; try a smaller batch)"
        else:
            said = [line for line in self.log.read_text(errors="replace").splitlines() if line]
            how = "failed: " + (said[-1] if said else f"exit code {code}")
        return StepFailed(f"the {self.program} process {how}; see {self.log}, then {self.then}")

    def close(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()
        self.process.wait()


def note_machine(machine: Machine, folder: Path) -> None:
    """A line in machines.jsonl for each machine that computed answers."""
    folder.mkdir(parents=True, exist_ok=True)
    log = Log(folder / "machines.jsonl", Machine)
    if machine not in log.read():
        log.add(machine)
