"""The seven exams by name, from a file, a folder or the hub, and how they are divided."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from errata.agents.errors import ExamError
from errata.agents.exams.held_out import same_as
from errata.agents.exams.hub import hub_splits, turns, usual_place
from errata.agents.exams.layouts import Layout, read_layout, wording
from errata.agents.exams.rows import Row, Skipped, parse_rows, read_rows, read_text
from errata.agents.exams.words import plain
from errata.agents.records import Question, Record

Side = Literal["practice", "dev", "test"]

SIDES: dict[Side, tuple[str, ...]] = {
    "practice": ("train",),
    "dev": ("validation", "valid", "val", "dev"),
    "test": ("test",),
}
"""Side → what exams call the split that it is taken from."""

SHARES: dict[Side, int] = {"practice": 60, "dev": 20, "test": 20}
"""Of a split that has to serve several sides."""


class NamedExam(Record):
    """One of the seven. Its own splits are kept; where one is lacking, another is divided."""

    name: Layout
    """Which one."""
    path: Path | None = None
    """File or folder in the exam's original format."""
    hub: str | None = None
    """Hub id, or a folder that `datasets` opens; the exam's usual place when neither is said."""
    practice: int | None = Field(default=None, ge=0)
    """Questions, at most; all when not said."""
    dev: int | None = Field(default=None, ge=0)
    """Questions, at most."""
    test: int | None = Field(default=None, ge=0)
    """Questions, at most."""
    skip_bad: bool = False
    """Leave bad questions out, and count them, instead of stopping at the first one."""
    prompts: Path | None = None
    """BIG-Bench Hard's folder of worked questions, TASK.txt each; shown before each question."""

    @model_validator(mode="after")
    def makes_sense(self) -> NamedExam:
        if self.path is not None and self.hub is not None:
            raise ValueError("path and hub are two places for one exam; take one of them out")
        if self.prompts is not None and self.name != "bbh":
            raise ValueError(f"{self.name} has no worked questions; prompts is for bbh")
        return self

    @property
    def place(self) -> str:
        return str(self.path or self.hub or usual_place(self.name)[0])

    def read(
        self, skipped: list[Skipped] | None = None
    ) -> tuple[list[Question], list[Question], list[Question]]:
        """Practice, dev and test; what was left out is added to `skipped`.

        A question that two splits share stays in test, or else in dev; so does one with a variant
        there. One that a split holds
        twice is there twice, on the same side.

        Raises:
            ExamError: The exam is not there, a question is bad, or a side is empty.
        """
        left_out = [] if skipped is None else skipped
        sides: dict[Side, list[Question]] = {"practice": [], "dev": [], "test": []}
        splits = self.splits()
        together = pools(splits, self.place)
        for names, served in together.items():
            for row, question in self.questions(splits, names, left_out):
                sides[side_of(question.group or wording(row.fields), served)].append(question)
        take_out_shared(sides, left_out)
        for side, questions in sides.items():
            most: int | None = getattr(self, side)
            if not questions and most != 0:
                raise ExamError(
                    f"{self.place} holds too few questions to fill {side}: name more of the exam, "
                    f"or say {side} = 0"
                )
            if most is not None:
                del questions[most:]
        return sides["practice"], sides["dev"], sides["test"]

    def read_split(
        self, split: str | None = None, skipped: list[Skipped] | None = None
    ) -> list[Question]:
        """All questions of one split, as published: test when not said, or else what there is.

        Raises:
            ExamError: There is no such split, or a question is bad.
        """
        splits = self.splits()
        if split is None:
            wanted = next(n for n, sides in pools(splits, self.place).items() if "test" in sides)
        elif split in splits:
            wanted = (split,)
        else:
            peers = next((names for names in SIDES.values() if split in names), ())
            wanted = tuple(name for name in splits if name in peers)
        if not wanted:
            raise ExamError(f"{self.place} has no split {split!r}, only {', '.join(splits)}")
        left_out = [] if skipped is None else skipped
        found = [question for _, question in self.questions(splits, wanted, left_out)]
        if not found:
            raise ExamError(f"{self.place} holds no questions in {' and '.join(wanted)}")
        return found

    def splits(self) -> Mapping[str, Iterable[Row]]:
        """Split → its rows, to be read once."""
        if self.path is None:
            return hub_splits(self.name, self.place)
        if self.path.is_dir():
            return folder_splits(self.name, self.path)
        return {split_of(self.path): file_rows(self.name, self.path)}

    def questions(
        self, splits: Mapping[str, Iterable[Row]], names: Iterable[str], skipped: list[Skipped]
    ) -> Iterator[tuple[Row, Question]]:
        worked = None if self.prompts is None else read_worked(self.prompts)
        return parse_rows(
            (row for name in names for row in splits[name]),
            lambda row: read_layout(self.name, row.fields, row.id, worked),
            skipped if self.skip_bad else None,
        )


# Files and folders.


def folder_splits(name: Layout, folder: Path) -> dict[str, Iterable[Row]]:
    """Raises: ExamError: the folder holds no file of the exam, or it is not clear which."""
    if name == "bbh" and (folder / "bbh").is_dir():  # the exam's whole repository
        folder = folder / "bbh"
    files = sorted(file for file in folder.iterdir() if file.suffix in (".json", ".jsonl"))
    if not files and any(folder.rglob("*.parquet")):
        return hub_splits(name, str(folder))
    if name == "bbh" and files:
        return {"test": turns([file_rows(name, file) for file in files])}
    if len(files) == 1:
        return {split_of(files[0]): file_rows(name, files[0])}
    found: dict[str, Path] = {}
    known = [split for splits in SIDES.values() for split in splits]
    for file in sorted(files, key=lambda file: file.stem not in known):  # exact names first
        split = split_of(file)
        if split not in known or (split in found and found[split].stem == split):
            continue
        if split in found:
            raise ExamError(f"{found[split]} and {file} are both called {split}: name one of them")
        found[split] = file
    if not found:
        looked_for = "TASK" if name == "bbh" else "train, validation and test"
        raise ExamError(
            f"the folder {folder} has no file of {name}: looked for {looked_for}.json or .jsonl, "
            f"found {', '.join(file.name for file in files) or 'neither'}; name the file itself"
        )
    return {split: file_rows(name, file) for split, file in found.items()}


def split_of(file: Path) -> str:
    """The split that a file's name tells, as in ARC-Challenge-Test.jsonl; else the name."""
    for part in re.split(r"[-_.\s]", file.stem.lower()):
        if any(part in names for names in SIDES.values()):
            return part
    return file.stem


def file_rows(name: Layout, file: Path) -> Iterator[Row]:
    if name == "bbh":  # a file is a task
        return read_rows(file, f"{name}-{file.stem}", task=file.stem)
    return read_rows(file, f"{name}-{split_of(file)}")


def read_worked(folder: Path) -> dict[str, str]:
    """Task → its worked questions, without the warning that stands before them.

    Raises:
        ExamError: There are none.
    """
    found = {}
    for file in sorted(folder.glob("*.txt")):
        text = read_text(file)
        before, mark, after = text.partition("\n-----\n")
        found[file.stem] = (after if mark else before).strip()
    if not found:
        raise ExamError(f"the folder {folder} has no prompt files: looked for TASK.txt")
    return found


# Sides.


def pools(splits: Iterable[str], place: str) -> dict[tuple[str, ...], list[Side]]:
    """Splits that are read together → the sides that they serve.

    A side without a split of its own shares that of the side before it, or else after it. Other
    splits are left alone.
    """
    names = tuple(splits)
    own = {side: tuple(n for n in names if n in known) for side, known in SIDES.items()}
    if not any(own.values()):
        if len(names) != 1:
            raise ExamError(f"{place} has no split train, validation or test, only {names}")
        own["test"] = names
    served: dict[tuple[str, ...], list[Side]] = {}
    order = list(own)
    for at, side in enumerate(order):
        nearest = [side, *reversed(order[:at]), *order[at + 1 :]]
        served.setdefault(next(own[near] for near in nearest if own[near]), []).append(side)
    return served


def side_of(text: str, served: list[Side]) -> Side:
    """The side of a question, or of a group of variants: always the same one, whatever else its
    file holds and in what order."""
    digest = hashlib.sha256(plain(text).encode()).digest()
    mark = int.from_bytes(digest[:8]) / 2**64 * sum(SHARES[side] for side in served)
    for side in served[:-1]:
        if mark < SHARES[side]:
            return side
        mark -= SHARES[side]
    return served[-1]


def take_out_shared(sides: dict[Side, list[Question]], skipped: list[Skipped]) -> None:
    """Published splits, and groups of variants, share questions here and there."""
    home: dict[str, tuple[Side, str]] = {}
    for side in ("test", "dev", "practice"):
        kept = []
        for question in sides[side]:
            homes = [home.setdefault(text, (side, question.id)) for text in same_as(question)]
            shared = next((each for each in homes if each[0] != side), None)
            if shared is None:
                kept.append(question)
            else:
                other, twin = shared
                reason = f"the same question as {twin}, which stays in {other}"
                skipped.append(Skipped(where=f"{question.id} of {side}", reason=reason))
        sides[side] = kept
