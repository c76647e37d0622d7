"""The parent's side of a marker that runs in a child process: lines of JSON, there and back."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from time import monotonic
from typing import Any


class Child:
    """A module of errata's run as a process, which says a line when it is ready, and a line in
    answer to each. Whoever asks does so one at a time."""

    def __init__(self, *command: str) -> None:
        """`command`: the module, and its arguments."""
        self.command = command
        self.process: subprocess.Popen[bytes] | None = None
        self.owner = 0
        """Id of the process that started it: a fork must not read its parent's replies."""

    @property
    def alive(self) -> bool:
        """Whether this very process has it running."""
        if self.process is None or self.owner != os.getpid():
            return False
        return self.process.poll() is None

    def start(self, most_s: float) -> dict[str, Any] | None:
        """Starts it anew; what it says first, None when it ended.

        Raises:
            TimeoutError: It took longer than `most_s` seconds.
        """
        self.close()
        self.owner = os.getpid()
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", *self.command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the parent
        )
        return self.read_line(most_s)

    def ask(self, asked: Mapping[str, Any], most_s: float) -> dict[str, Any] | None:
        """Its answer; None when it ended.

        Raises:
            TimeoutError: It took longer than `most_s` seconds.
        """
        assert self.process is not None
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(asked).encode() + b"\n")
            self.process.stdin.flush()
        return self.read_line(most_s)

    def read_line(self, most_s: float) -> dict[str, Any] | None:
        assert self.process is not None
        assert self.process.stdout is not None
        ends = monotonic() + most_s
        parts: list[bytes] = []
        while not parts or not parts[-1].endswith(b"\n"):
            left = max(0.0, ends - monotonic())
            if not select.select([self.process.stdout], [], [], left)[0]:
                raise TimeoutError
            more = os.read(self.process.stdout.fileno(), 65_536)
            if not more:
                return None
            parts.append(more)
        said: dict[str, Any] = json.loads(b"".join(parts))
        return said

    def close(self) -> None:
        """Ends it, and what it started."""
        process, self.process = self.process, None
        if process is None:
            return
        if self.owner == os.getpid():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            with suppress(OSError):
                pipe.close()
