"""Files of records, a JSON line each: one reader, one journal, one atomic write.

A file is written line by line under the name `X.jsonl.part` and renamed when it is whole.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import ValidationError

from errata.agents.errors import RunError
from errata.agents.records import Record
from errata.training.jsonl import read_lines

R = TypeVar("R", bound=Record)


class Journal(Generic[R]):
    """Records that are written one by one and must survive a kill.

    Lines go to `X.part`; `finish` renames it. Opened again, it knows the lines that are whole and
    forgets a last one that was cut off.
    """

    def __init__(self, path: Path, of: type[R]) -> None:
        self.path = path
        self.finished = path.exists()
        self.records: list[R] = []
        if self.finished:
            self.records = read_records(path, of)
            return
        part = path.with_name(path.name + ".part")
        part.parent.mkdir(parents=True, exist_ok=True)
        whole = 0
        if part.exists():
            data = part.read_bytes()
            whole = data.rfind(b"\n") + 1
            try:
                self.records = [of.model_validate_json(line) for line in data[:whole].splitlines()]
            except ValidationError:
                raise RunError(
                    f"{part} holds lines that are not ours: delete it, or name another file"
                ) from None
        self.file = part.open("ab")
        self.file.truncate(whole)

    def add(self, record: R) -> None:
        self.records.append(record)
        self.file.write(record.model_dump_json().encode() + b"\n")
        self.file.flush()

    def finish(self) -> list[R]:
        """All records; the file stands under its own name from now on."""
        if not self.finished:
            os.fsync(self.file.fileno())
            self.file.close()
            Path(self.file.name).replace(self.path)
            self.finished = True
        return self.records

    def __enter__(self) -> Journal[R]:
        return self

    def __exit__(self, *_: object) -> None:
        if not self.finished:
            self.file.close()


def write_records(path: Path, records: Iterable[Record]) -> None:
    """Writes JSON lines at once: the file is whole or not there."""
    write_text(path, "".join(record.model_dump_json() + "\n" for record in records))


def write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(path.name + ".part")
    with scratch.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)


def read_records(path: Path, of: type[R]) -> list[R]:
    """The records of a finished file.

    Raises:
        RunError: It is not there, or is not what this version writes.
    """
    try:
        return list(read_lines(path, of))
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}") from None
    except ValidationError as error:
        raise RunError(
            f"{path} holds a line that this version of errata cannot read "
            f"({error.errors()[0]['msg']}): open the run with the version that wrote it"
        ) from None
