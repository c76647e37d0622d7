"""What a person says of the examples of a run that waits, one by one: `errata review`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from errata.agents.errors import RunError
from errata.agents.jsonl import write_record
from errata.agents.marking import mark
from errata.agents.records import Example, Question, Review, ReviewEntry, Row
from errata.graph.config import RunConfig
from errata.graph.provenance import read_provenance
from errata.graph.review import (
    check_fits,
    edited,
    known_examples,
    login_name,
    proposed,
    read_review,
    refuse_edits,
)
from errata.graph.run_folder import RunFolder


@dataclass
class Walk:
    """What is said of each example so far; the file is written anew with each word."""

    folder: RunFolder
    config: RunConfig
    index: int
    """The round that waits."""
    by: str
    out: Path
    rows: dict[str, list[Row]]
    """Example → the rows that are made of it, in the order in which they were proposed."""
    examples: dict[str, Example]
    practice: dict[str, Question]
    entries: dict[str, ReviewEntry] = field(default_factory=dict)

    @property
    def order(self) -> list[str]:
        return list(self.rows)

    @property
    def review(self) -> Review:
        said = tuple(self.entries[id] for id in self.order if id in self.entries)
        return Review(run=self.folder.name, round=self.index, by=self.by, entries=said)

    def say(self, entry: ReviewEntry) -> str | None:
        """Why an edited example would be refused, which then stays as it was; None where the word
        is taken. A solver is asked when the run goes on."""
        before = dict(self.entries)
        self.entries[entry.example_id] = entry
        if entry.verdict == "edited":
            why = refuse_edits(self.review, self.folder, self.config).get(entry.example_id)
            if why is not None:
                self.entries = before
                return why
        write_record(self.out, self.review)
        return None

    def as_it_stands(self, id: str) -> Example:
        """The example with what was edited so far."""
        entry = self.entries.get(id)
        example = self.examples[id]
        return edited(example, entry) if entry and entry.verdict == "edited" else example

    def answer_in(self, id: str, prompt: str, completion: str) -> str | None:
        """The final answer that the marker reads in an edited completion; None where there is
        none, or where it is the target."""
        example = self.as_it_stands(id)
        asked = Question(
            id=id,
            before=example.before,
            prompt=prompt,
            target=example.target,
            answer=example.answer,
        )
        try:
            verdict = mark(asked, completion)
        except ValueError:
            return None
        return None if verdict.correct or example.answer.type == "code" else verdict.answer


def open_walk(folder: RunFolder, out: Path, by: str | None) -> Walk:
    """Raises: RunError: The run waits for no review, or `out` is another's or the run's."""
    if out.resolve().is_relative_to(folder.path.resolve()):
        raise RunError(f"{out} is inside the run's own folder: choose another place with --out")
    config = read_provenance(folder).config_on_record
    index = max(folder.rounds(), default=0)
    waits = (folder.round(index) / "proposed.jsonl").exists() and index > 0
    if not waits or folder.review(index).exists():
        hint = "; one with `review = true` would"
        if config.review:
            hint = ", it is at work" if folder.at_work else ""
        raise RunError(f"the run {folder.name} waits for no review{hint}: see `errata runs`")
    rows: dict[str, list[Row]] = {}
    for row in proposed(folder, index):
        rows.setdefault(row.example_id, []).append(row)
    walk = Walk(
        folder,
        config,
        index,
        by or login_name(),
        out,
        rows,
        known_examples(folder, index),
        {question.id: question for question in folder.questions("practice")},
    )
    if out.exists():
        begun = read_review(out)
        try:
            check_fits(begun, folder, index)
        except RunError as error:
            raise RunError(f"{out} is there already: {error}; or choose another --out") from None
        walk.entries = {entry.example_id: entry for entry in begun.entries}
        walk.by = by or begun.by or walk.by
    return walk
