"""Files of records, a JSON line each: one reader, one journal, one atomic write.

`\\n` alone ends a line: JSON lets U+2028, U+0085 and their like stand in texts as they are.
A file is written under the name `X.part` and renamed when it is whole. `X.part` is never followed
where it is a link, and never cut or written over by a journal that did not begin it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Generic, TypeVar

from pydantic import ValidationError

from errata.agents.errors import RunError
from errata.agents.records import Record
from errata.training.jsonl import read_lines

R = TypeVar("R", bound=Record)


def read_records(path: Path, of: type[R]) -> list[R]:
    """The records of a finished file.

    Raises:
        RunError: It is not there, or is not what this version writes.
    """
    records = []
    number = 0
    try:
        for line in read_lines(path):
            number += 1
            if line.strip():
                records.append(of.model_validate_json(line))
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}") from None
    except ValidationError as error:
        raise RunError(
            f"line {number} of {path} cannot be read ({error.errors()[0]['msg']}): it is damaged, "
            "or another version of errata wrote it, which then can open it"
        ) from None
    return records


def read_record(path: Path, of: type[R]) -> R:
    """The one record of a file.

    Raises:
        RunError: It is not there, or is not what this version writes.
    """
    try:
        return of.model_validate_json(path.read_bytes())
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}") from None
    except ValidationError as error:
        raise RunError(
            f"{path} is not what this version of errata writes ({error.errors()[0]['msg']}): put "
            "the file back as it was, or start a new run"
        ) from None


def so_far(path: Path, of: type[R]) -> list[R]:
    """The whole lines of a file, also of one that is still being written; none is no error.

    Raises:
        RunError: A line is not what this version writes.
    """
    for there in (path, part_of(path), path):  # it may be finished between two looks
        records: list[R] = []
        try:
            for line in read_lines(there, whole=True):
                records.append(of.model_validate_json(line))
        except FileNotFoundError:
            continue
        except ValidationError as error:
            raise RunError(
                f"line {len(records) + 1} of {there} cannot be read ({error.errors()[0]['msg']}): "
                "it was changed, or another version of errata wrote it, which then can show it"
            ) from None
        return records
    return []


class Journal(Generic[R]):
    """Records that are written one by one and must survive a kill.

    Lines go to `X.part`; `finish` renames it. Opened again, it knows the lines that are whole and
    forgets a last one that was cut off.
    """

    def __init__(self, path: Path, of: type[R], anew: bool = False) -> None:
        """`anew`: forgets what an earlier journal of the same kind left in `X.part`.

        Raises:
            RunError: `X` cannot be read, or `X.part` cannot be written or is not a journal's.
        """
        self.path = path
        self.finished = path.exists()
        self.records: list[R] = []
        if self.finished:
            self.records = read_records(path, of)
            return
        self.part = part_of(path)
        with naming(self.part):
            path.parent.mkdir(parents=True, exist_ok=True)
            self.file = opened(self.part, os.O_RDWR | os.O_APPEND)
            try:
                size = self.take_up(of)
                self.file.truncate(0 if anew else size)
            except BaseException:
                self.file.close()
                raise
        if anew:
            self.records.clear()

    def take_up(self, of: type[R]) -> int:
        """Reads the lines that are there; their length in bytes."""
        size, number = 0, 0
        begin = f'{{"{next(iter(of.model_fields))}":'.encode()
        try:
            for line in self.file:
                number += 1
                if line.endswith(b"\n"):
                    self.records.append(of.model_validate_json(line))
                    size += len(line)
                elif not begin.startswith(line[: len(begin)].rstrip(b"\0")):
                    raise ValueError  # cut off, but not from a line of this kind
        except ValueError:
            raise RunError(
                f"line {number} of {self.part} is not errata's: move the file away, and what it "
                "held is done again"
            ) from None
        return size

    def add(self, record: R) -> None:
        with naming(self.part):
            self.file.write(record.model_dump_json().encode() + b"\n")
            self.file.flush()
        self.records.append(record)

    def finish(self, order: Callable[[R], int] | None = None) -> list[R]:
        """All records; the file stands under its own name from now on.

        Args:
            order: A record's place, where records come in an order that is chance.
        """
        if not self.finished:
            with naming(self.part):
                os.fsync(self.file.fileno())
                self.file.close()
            if order is not None:
                self.records.sort(key=order)
                write_records(self.part, self.records)
            with naming(self.part):
                self.part.replace(self.path)
            self.finished = True
        return self.records

    def __enter__(self) -> Journal[R]:
        return self

    def __exit__(self, *_: object) -> None:
        if not self.finished:
            with suppress(OSError):  # what a full disk did not take was said already
                self.file.close()


class Log(Generic[R]):
    """Records that are added to a file for as long as a run goes on.

    A line that a kill cut off is passed over, and takes no other with it.
    """

    def __init__(self, path: Path, of: type[R]) -> None:
        self.path = path
        self.of = of

    def read(self) -> list[R]:
        if not self.path.exists():
            return []
        records = []
        for line in read_lines(self.path):
            with suppress(ValidationError):
                records.append(self.of.model_validate_json(line))
        return records

    def add(self, record: R) -> None:
        # The line break comes first: a line that was cut off ends there.
        with naming(self.path), self.path.open("ab") as file:
            file.write(b"\n" + record.model_dump_json().encode())


def write_records(path: Path, records: Iterable[Record]) -> None:
    """Writes JSON lines at once: the file is whole or not there."""
    write_text(path, "".join(record.model_dump_json() + "\n" for record in records))


def write_record(path: Path, record: Record) -> None:
    """Writes one JSON object at once: the file is whole or not there."""
    write_text(path, record.model_dump_json(indent=2))


def write_text(path: Path, text: str) -> None:
    """Raises: RunError: it cannot be written; what stood there before still does."""
    part = part_of(path)
    with naming(part):
        path.parent.mkdir(parents=True, exist_ok=True)
        with opened(part, os.O_WRONLY | os.O_TRUNC) as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)


def part_of(path: Path) -> Path:
    return path.with_name(path.name + ".part")


def opened(path: Path, flags: int) -> IO[Any]:
    """A file for reading and writing, made where there is none; never through a link."""
    mode = "r+b" if flags & os.O_RDWR else "wb"
    number = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    return os.fdopen(number, mode)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Raises: RunError: in place of an OSError, with the file."""
    try:
        yield
    except OSError as error:
        why = "it is a link" if path.is_symlink() else error.strerror
        raise RunError(
            f"{path} cannot be written ({why}): mend that, and the same command, or `errata "
            "resume` of a run, goes on"
        ) from None
