"""asks.jsonl: what the data writer was asked and brought, so that a resumed run need not ask."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from errata.agents.data_writer import Ask, Writer
from errata.agents.jsonl import Journal
from errata.agents.records import Draft, Record, Unusable


class Asked(Record):
    """One finished request to the writer."""

    diagnosis_id: str
    """Or, where the way is blind to errors, the id of the `Picked` question."""
    count: int
    seed: int
    results: tuple[Draft | Unusable, ...]


class RememberingWriter:
    """A writer whose finished requests are in a journal, and are not made again."""

    def __init__(self, writer: Writer, journal: Journal[Asked]) -> None:
        self.writer = writer
        self.journal = journal
        self.known = {(a.diagnosis_id, a.count, a.seed): a.results for a in journal.records}

    @property
    def examples_per_ask(self) -> int:
        return self.writer.examples_per_ask

    @property
    def asks_per_batch(self) -> int:
        return self.writer.asks_per_batch

    def draft(self, asks: Sequence[Ask]) -> Iterator[tuple[Ask, Sequence[Draft | Unusable]]]:
        """See `Writer.draft`. What comes is in the journal before it is handed on."""
        new = []
        for ask in asks:
            key = (ask.lesson.id, ask.count, ask.seed)
            if key in self.known:
                yield ask, self.known[key]
            else:
                new.append(ask)
        if not new:
            return
        for ask, results in self.writer.draft(new):
            key = (ask.lesson.id, ask.count, ask.seed)
            self.known[key] = tuple(results)
            self.journal.add(
                Asked(
                    diagnosis_id=ask.lesson.id,
                    count=ask.count,
                    seed=ask.seed,
                    results=self.known[key],
                )
            )
            yield ask, self.known[key]
