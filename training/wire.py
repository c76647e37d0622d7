"""Messages between a child process and its parent: a JSON line each, in UTF-8.

The parent writes to the child's standard input and reads its standard output. Where a launcher
stands between them, which mixes what its processes print, each of these writes a file of its own.
"""

from __future__ import annotations

import os
import stat
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import IO, TypeVar

from pydantic import BaseModel, TypeAdapter

from errata.training.jobs import AskRequest, Failed

T = TypeVar("T")


def write_message(stream: IO[bytes], message: BaseModel) -> None:
    """Sends one message, at once."""
    stream.write(message.model_dump_json().encode() + b"\n")
    stream.flush()


def read_messages(stream: IO[bytes], of: TypeAdapter[T]) -> Iterator[T]:
    """The messages, until the other side closes the stream."""
    for line in stream:
        yield of.validate_json(line)


class ChildWire:
    """The child's end. When the parent ends, however it ends, the child ends with it.

    The kernel closes the pipe to standard input when the parent is gone. (Linux could send a
    signal, but does so when the *thread* that started the child ends.)
    """

    def __init__(self, told: Path | None = None) -> None:
        """Takes standard output for messages; what libraries print goes to standard error.

        Args:
            told: The folder for messages of a launched training. All its processes look at its
                standard input, which launchers hand on.
        """
        self._told = told
        self._out = os.fdopen(os.dup(1), "wb") if told is None else self._claim(told)
        os.dup2(2, 1)
        self._lines: SimpleQueue[bytes | None] = SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()

    def tell(self, message: BaseModel) -> None:
        write_message(self._out, message)

    def fail(self, said: str) -> None:
        """Tells the last words of a launched training's process."""
        if self._told is not None:
            words = Failed(rank=rank_here(), at=time.time(), said=said)
            part = self._told / f"{rank_here()}.part"
            part.write_text(words.model_dump_json(), encoding="utf-8")
            part.rename(part.with_suffix(FAILED))

    def _claim(self, told: Path) -> IO[bytes]:
        """The file of this process's messages; ends it where another has it already."""
        try:
            return (told / f"{rank_here()}.jsonl").open("xb")
        except FileExistsError:
            said = (
                f"two processes say that they are number {rank_here()}: what training.launch names "
                "starts them without telling them of each other; let it start torchrun, once on "
                "each machine"
            )
            self.fail(said)
            sys.exit(said)

    def requests(self) -> Iterator[AskRequest]:
        return self.messages(TypeAdapter(AskRequest))

    def messages(self, of: TypeAdapter[T]) -> Iterator[T]:
        """What the parent says, until it ends."""
        while (line := self._lines.get()) is not None:
            yield of.validate_json(line)

    def _listen(self) -> None:
        """Reads the descriptor itself: a buffered reader's lock would disturb the exit."""
        begun: list[bytes] = []
        while data := os.read(0, 2**16):
            *ends, rest = data.split(b"\n")
            for end in ends:
                self._lines.put(b"".join([*begun, end]))
                begun = []
            begun.append(rest)
        if stat.S_ISFIFO(os.fstat(0).st_mode):
            os._exit(1)
        self._lines.put(None)  # a file or a terminal: started by hand


FAILED = ".failed"
FIRST = "0.jsonl"
"""Where the first process of a launched training tells its steps."""


def rank_here() -> int:
    """Which of a launched training's processes this is, as launchers say."""
    return int(next((os.environ[name] for name in RANKS if name in os.environ), "0"))


RANKS = ("RANK", "PMI_RANK", "OMPI_COMM_WORLD_RANK", "PMIX_RANK")
