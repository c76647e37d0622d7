"""certificate.json: whether an export answers the run's dev questions as the run's model did."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean

from errata.agents.records import Attempt, Record, Text
from errata.training.export_jobs import PlainEngine, Target
from errata.training.finished import sha256_of

LEAST_VERDICTS = 0.95
"""Share of the questions that must be right in both, or wrong in both."""
LEAST_BEGINNING = 0.5
"""Mean share of an answer that both must begin with. Where nearly every answer is wrong, a damaged
export agrees in its verdicts; its texts then part at once, while rounding parts them late."""
NAME = "certificate.json"


class Difference(Record):
    """A question that the export answers with another text than the run's model did."""

    question_id: str
    run: Text
    export: Text
    run_correct: bool
    export_correct: bool
    alike: int
    """Characters that both begin with."""


class Agreement(Record):
    """Two models' answers to the same questions."""

    questions: int
    equal_texts: float
    """Share of the questions."""
    equal_verdicts: float
    """Share of the questions."""
    begins_alike: float
    """Mean share of an answer, up to where the two part; 1 of equal ones."""
    least_verdicts: float = LEAST_VERDICTS
    least_beginning: float = LEAST_BEGINNING
    differences: tuple[Difference, ...]

    @property
    def enough(self) -> bool:
        return (
            self.equal_verdicts >= self.least_verdicts and self.begins_alike >= self.least_beginning
        )


class Certificate(Record):
    """certificate.json"""

    run: str
    seal: str | None
    """The run's, as its summary shows it."""
    round: int
    to: Target
    passed: bool
    why: str
    """In one sentence."""
    not_checked: tuple[str, ...] = ()
    """What was not looked at."""
    engine: PlainEngine | None
    """What answered; None where nothing did."""
    ran_with: tuple[str, ...]
    """What computed the run's own answers: device and number format."""
    written_as: str
    """Number format of the exported weights."""
    system: str | None
    max_new_tokens: int
    agreement: Agreement | None
    files: Mapping[str, str] = {}
    """File of the export → its SHA-256."""


def compare(run: Sequence[Attempt], export: Mapping[str, tuple[str, bool]]) -> Agreement:
    """
    Args:
        run: The run's answers, of which those that `export` lacks are passed over.
        export: Question id → text and verdict.
    """
    both = [(made, *export[made.question_id]) for made in run if made.question_id in export]
    found = [
        Difference(
            question_id=made.question_id,
            run=made.response,
            export=text,
            run_correct=made.correct,
            export_correct=correct,
            alike=alike(made.response, text),
        )
        for made, text, correct in both
    ]
    return Agreement(
        questions=len(found),
        equal_texts=fmean(one.run == one.export for one in found),
        equal_verdicts=fmean(one.run_correct == one.export_correct for one in found),
        begins_alike=fmean(one.alike / max(len(one.run), len(one.export), 1) for one in found)
        if any(one.run != one.export for one in found)
        else 1.0,
        differences=tuple(one for one in found if one.run != one.export),
    )


def alike(one: str, other: str) -> int:
    """Characters that both texts begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def hashes_in(folder: Path, but: Iterable[str] = (NAME,)) -> dict[str, str]:
    """File → its SHA-256, of all below a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    names = {path.relative_to(folder).as_posix(): path for path in files}
    return {name: sha256_of(path) for name, path in names.items() if name not in set(but)}
