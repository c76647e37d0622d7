"""Which questions tell one story: thirteen words in a row that are not the exam's way to ask."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from errata.agents.exams.held_out import RUN, runs
from errata.agents.exams.reworded import asked_words
from errata.agents.exams.words import masked, plain
from errata.agents.records import Question

USUAL = 8
"""Questions; thirteen words in a row that more of them have, numbers aside, are the way to ask; so
are those of more than half of them, where that is less, but more than `FEW`."""
FEW = 3
PIECE = 6
"""Words in a row that are of a template where many questions have them, numbers aside: of an
instruction before each question, or of what is asked after each story."""
MANY = 32
"""Questions that are many; a tenth of all where that is less, but no fewer than are usual."""


class Stories:
    """What in the texts of an exam is a story, and what its way to ask."""

    def __init__(self, texts: Iterable[str], sought: Iterable[str] | None = None) -> None:
        """
        Args:
            texts: Of all questions, as `plain` gives them.
            sought: Those whose stories are looked for in the others; all when not said. It saves
                memory.
        """
        wanted = None if sought is None else {key for text in sought for key in keys(text)}
        self.counts: Counter[int] = Counter()
        count = 0
        for text in texts:
            count += 1
            self.counts.update(keys(text) if wanted is None else wanted.intersection(keys(text)))
        self.usual = min(USUAL, max(FEW, count // 2))
        self.many = min(MANY, max(self.usual, count // 10))

    def told(self, text: str) -> Iterator[str]:
        """Each thirteen words in a row that tell a story: no template has any of them, and few
        questions have them all."""
        words, masks = text.split(), masked(text)
        template = {
            at + more
            for at, piece in enumerate(runs(masks, PIECE))
            if self.counts[hash(piece)] > self.many
            for more in range(PIECE)
        }
        own = 0
        """Words in a row of no template."""
        said = list(runs(masks))
        for last in range(len(words)):
            own = 0 if last in template else own + 1
            first = last + 1 - RUN
            if own >= RUN and self.counts[hash(said[first])] <= self.usual:
                yield " ".join(words[first : last + 1])


def keys(text: str) -> set[int]:
    """Hashes of the words in a row that are counted: words take more memory."""
    masks = masked(text)
    return {hash(run) for words in (RUN, PIECE) for run in runs(masks, words)}


def shared_stories(
    practice: Sequence[Question], held_out: Sequence[Question]
) -> Iterator[tuple[Question, Question]]:
    """Practice questions and held-out ones that tell one story."""
    practised, held = ([plain(asked_words(q)) for q in each] for each in (practice, held_out))
    stories = Stories([*practised, *held], sought=held)
    having: dict[str, list[Question]] = {}
    for question, text in zip(held_out, held, strict=True):
        for run in dict.fromkeys(stories.told(text)):
            having.setdefault(run, []).append(question)
    for question, text in zip(practice, practised, strict=True):
        twins = {other.id: other for run in stories.told(text) for other in having.get(run, ())}
        for other in twins.values():
            yield question, other
