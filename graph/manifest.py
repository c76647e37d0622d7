"""manifest.jsonl and seal.json: what each file of a run held when it was finished.

Each line of the manifest holds the SHA-256 of the line before it, so none can be taken out, added,
moved or changed unnoticed; seal.json holds that of the last one. docs/audit.md says what that
proves and what it does not.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePath

from pydantic import ValidationError

from errata.agents.errors import RunError
from errata.agents.jsonl import naming, read_records, write_record
from errata.agents.plain_text import well_formed
from errata.agents.records import Question, Record
from errata.training.finished import sha256_of

NEEDED = (
    "config.json corrected.jsonl estimate.json calibration.json engine.json provenance.json "
    "prompts.json choice.json manifest.jsonl seal.json"
).split()
"""Of the files that lie in no folder of the run: a run with others missing can be resumed."""

RECORDS = (*NEEDED, *"exam/* round-*/*.json* round-*/adapter/**/* final/*".split())
"""What is finished, and recorded, before a run ends; everything else goes on growing until then."""

PICTURES = ("report.svg", "report.png")

UNSEALED = {
    "manifest.jsonl": "each line is in the next one, and the last one in seal.json",
    "seal.json": "compared with the manifest, byte by byte",
    "lock": "says which process is at work",
    "checkpoints.sqlite*": "LangGraph's own: a run finds its way by its records",
    "*.log": "what child processes said, for people",
    "*-job.json": "what a child process was started with; the adapter's trained.json says it too",
    "forecast": "what `errata forecast` made of the finished run, later",
    "view*.html": "the page that `errata view` made of the records, later",
    ".*": "an editor's or a system's, which may vanish again",
    "looks.jsonl": "who had `errata view` show held-out answers, later",
    "*.part": "the beginning of a file that a kill left; a finished file is never read from it",
}
"""Names of files and folders that no line of the manifest names → why they need none."""


class FinishedFile(Record):
    """One line of manifest.jsonl."""

    path: str
    """Within the run folder, with `/`."""
    sha256: str
    questions_sha256: str | None = None
    """Of a set of questions: of what they ask and of the right answers, in any order."""
    before: str
    """SHA-256 of the line before, without its end; of the first line a random number, which names
    the run."""


class Seal(Record):
    """seal.json: the end of the manifest."""

    files: int
    """Lines of the manifest."""
    sha256: str
    """Of its last line, without its end."""

    @property
    def short(self) -> str:
        """`3f2a-91bc-77de-0412`: for a person to note down."""
        return "-".join(self.sha256[at : at + 4] for at in range(0, 16, 4))


@dataclass(frozen=True)
class Chain:
    """The manifest as it is."""

    lines: Sequence[FinishedFile]
    """Those that can be read."""
    hashes: Sequence[str]
    """Of every line."""
    broken: str | None
    """What is wrong with the first line that is not as it was; None where the chain holds."""
    size: int
    """Bytes of the lines that are whole; what a kill cut off comes after them."""
    torn: bool
    """A last line has no end."""

    @property
    def seal(self) -> Seal | None:
        """What seal.json would say; None of no line."""
        return Seal(files=len(self.hashes), sha256=self.hashes[-1]) if self.hashes else None


class Manifest:
    """What each finished file of a run held when it was finished."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "manifest.jsonl"
        self.seal_path = folder / "seal.json"

    def read(self) -> Chain:
        data = self.path.read_bytes() if self.path.is_file() else b""
        *whole, rest = data.split(b"\n")
        lines: list[FinishedFile] = []
        hashes: list[str] = []
        broken: str | None = None
        for number, line in enumerate(whole, 1):
            try:
                read = FinishedFile.model_validate_json(line)
            except ValidationError:
                broken = broken or f"line {number} is none of errata's"
            else:
                if hashes and read.before != hashes[-1]:
                    broken = broken or f"line {number} does not follow from the one before it"
                lines.append(read)
            hashes.append(hashlib.sha256(line).hexdigest())
        return Chain(lines, hashes, broken, len(data) - len(rest), bool(rest))

    @property
    def run_id(self) -> str:
        """Names the run, whatever its folder is called; empty where there is no manifest."""
        return next((line.before for line in self.read().lines), "")

    @property
    def sealed(self) -> bool:
        return self.seal_path.is_file()

    def holds(self, name: str) -> bool:
        """Whether the file is in the manifest, and as it was then."""
        lines = (line for line in self.read().lines if line.path == name)
        path = self.folder / name
        return any(path.is_file() and sha256_of(path) == line.sha256 for line in lines)

    def record_finished(self) -> None:
        """Adds the files that were finished since; nothing to a sealed run."""
        if not self.sealed:
            self.add(path for pattern in RECORDS for path in sorted(self.folder.glob(pattern)))

    def seal(self) -> None:
        """Adds all that the run wrote, and writes seal.json. Of a sealed run: adds its pictures
        alone, where they were drawn later."""
        pictures = [self.folder / name for name in PICTURES]
        self.add(pictures if self.sealed else sorted(self.folder.rglob("*")))
        seal = self.read().seal
        if seal is not None and self.sealing() != seal:
            write_record(self.seal_path, seal)

    def add(self, paths: Iterable[Path]) -> None:
        """Adds those of the files that it does not name yet."""
        chain = self.read()
        known = {line.path for line in chain.lines}
        before = chain.hashes[-1] if chain.hashes else secrets.token_hex(32)
        new: list[bytes] = []
        for path in paths:
            name = path.relative_to(self.folder)
            if not path.is_file() or is_unsealed(name) or text_of(name) in known:
                continue
            is_set = name.match("exam/*.jsonl")
            line = FinishedFile(
                path=text_of(name),
                sha256=sha256_of(path),
                questions_sha256=hash_of_set(read_records(path, Question)) if is_set else None,
                before=before,
            )
            new.append(line.model_dump_json().encode())
            before = hashlib.sha256(new[-1]).hexdigest()
        if new:
            with naming(self.path), self.path.open("ab") as file:
                file.truncate(chain.size)  # what a kill cut off is no line
                file.write(b"".join(line + b"\n" for line in new))
                file.flush()
                os.fsync(file.fileno())

    def sealing(self) -> Seal | None:
        """What seal.json says; None where it says nothing that errata wrote."""
        try:
            data = self.seal_path.read_bytes()
            seal = Seal.model_validate_json(data)
        except (OSError, ValidationError):
            return None
        return seal if data == seal.model_dump_json(indent=2).encode() else None

    def changes(self) -> Iterator[tuple[str, str]]:
        """Files that are not as they were, each with how that shows: its manifest first."""
        chain = self.read()
        if chain.broken:
            yield self.path.name, f"was changed after it was written ({chain.broken})"
        if self.sealed:
            seal = self.sealing()
            if seal is None:
                yield self.seal_path.name, "was changed after it was written"
            elif not self.path.is_file():
                yield self.path.name, "is missing"
            elif chain.torn or chain.seal != seal:
                yield self.path.name, "was changed after the run ended (seal.json says otherwise)"
        for line in chain.lines:
            path = self.folder / line.path
            try:
                if not path.is_file():
                    yield line.path, "is missing"
                elif sha256_of(path) != line.sha256:
                    yield line.path, "was changed after it was finished"
            except OSError as error:
                yield line.path, f"cannot be read ({error.strerror})"

    def strangers(self) -> Iterator[str]:
        """Files that the manifest should name and does not."""
        known = {line.path for line in self.read().lines}
        for path in sorted(self.folder.rglob("*")):
            name = path.relative_to(self.folder)
            if is_unsealed(name) or text_of(name) in known:
                continue
            if path.is_symlink() or not path.is_dir():
                yield text_of(name)

    def verify(self) -> None:
        """Whether every record that a resumed run needs is as it was when it was finished.

        Raises:
            RunError: One is missing or was changed, or the manifest was.
        """
        for name, how in self.changes():
            if "/" in name or name in NEEDED:
                raise RunError(
                    f"{self.folder / name} {how}: put it back as it was, or start a new run"
                )


def is_unsealed(name: PurePath) -> bool:
    return any(fnmatch(part, pattern) for part in name.parts for pattern in UNSEALED)


def text_of(name: PurePath) -> str:
    return well_formed(name.as_posix())


def hash_of_set(questions: Iterable[Question]) -> str:
    """SHA-256 of what is asked and of the right answers: the same in any order, under any ids."""
    asked = (q.model_dump_json(include={"before", "prompt", "target", "answer"}) for q in questions)
    each = sorted(hashlib.sha256(text.encode()).hexdigest() for text in asked)
    return hashlib.sha256("\n".join(each).encode()).hexdigest()
