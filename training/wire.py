"""Messages between a child process and its parent: a JSON line each, in UTF-8.

The parent writes to the child's standard input and reads its standard output.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from queue import SimpleQueue
from typing import IO, TypeVar

from pydantic import BaseModel, TypeAdapter

from errata.training.jobs import AskRequest

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

    def __init__(self) -> None:
        """Takes standard output for messages; what libraries print goes to standard error."""
        self._out = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)
        self._lines: SimpleQueue[bytes | None] = SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()

    def tell(self, message: BaseModel) -> None:
        write_message(self._out, message)

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
