"""Mistakes diagnosed and examples written, each kept as it comes: by a run or an audition."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from errata.agents.errors import BudgetSpent
from errata.agents.jsonl import Journal, write_records
from errata.agents.records import (
    Diagnosis,
    DiagnosisLine,
    Example,
    Mistake,
    Refusal,
    RefusalLine,
    Unusable,
)
from errata.agents.verifier import Verifier, Vote
from errata.graph.asks import Asked, RememberingWriter
from errata.graph.context import Context
from errata.graph.votes import RememberingSolver, verifier_for


def diagnose_mistakes(
    mistakes: Sequence[Mistake],
    index: int,
    title: str,
    context: Context,
    cut_off: Callable[[str], Unusable] | None = None,
) -> list[Diagnosis | Unusable]:
    """What the instructor says of each mistake, in the order of the mistakes: diagnoses.jsonl.

    Args:
        title: Of the step, for the watcher.
        cut_off: Mistake's id → its result, where the budget is spent before it is diagnosed.

    Raises:
        InstructorError: What came before it is kept.
        BudgetSpent: The same; where there is no `cut_off`.
    """
    watcher, place = context.watcher, {mistake.id: at for at, mistake in enumerate(mistakes)}
    with Journal(context.folder.round(index) / "diagnoses.jsonl", DiagnosisLine) as journal:

        def left() -> list[Mistake]:
            done = {mistake_of(line) for line in journal.records}
            return [mistake for mistake in mistakes if mistake.id not in done]

        if not journal.finished:
            watcher.progress(title, len(journal.records), len(mistakes))
            try:
                for result in context.agents.instructor.diagnose(left()):
                    journal.add(DiagnosisLine(result=result))
                    watcher.progress(title, len(journal.records), len(mistakes))
            except BudgetSpent as spent:
                if cut_off is None:
                    raise
                watcher.say(f"{title}: {spent}")
                for mistake in left():
                    journal.add(DiagnosisLine(result=cut_off(mistake.id)))
        lines = journal.finish(order=lambda line: place.get(mistake_of(line), len(place)))
    return [line.result for line in lines]


def mistake_of(line: DiagnosisLine) -> str:
    result = line.result
    return result.mistake_id if isinstance(result, Diagnosis) else result.source_id


@dataclass(frozen=True)
class Writing:
    """Who writes and verifies a round's examples, and what has come of it."""

    writer: RememberingWriter
    verifier: Verifier | None
    examples: list[Example] = field(default_factory=list)
    refused: list[Refusal | Unusable] = field(default_factory=list)

    def add(self, result: Example | Refusal | Unusable) -> None:
        if isinstance(result, Example):
            self.examples.append(result)
        else:
            self.refused.append(result)


@contextmanager
def writing(index: int, context: Context) -> Iterator[Writing]:
    """A round's examples: asks.jsonl and votes.jsonl as they grow, then what is added.

    That is refusals.jsonl and examples.jsonl, if the body ends well. If it does not, the replies
    that came are kept, and are not asked for again.
    """
    folder = context.folder.round(index)
    with (
        Journal(folder / "asks.jsonl", Asked) as asks,
        Journal(folder / "votes.jsonl", Vote) as votes,
    ):
        writer = RememberingWriter(context.agents.writer, asks)
        solver = context.agents.llms.solver
        remembering = RememberingSolver(solver, votes) if solver is not None else None
        written = Writing(writer, verifier_for(remembering, context.config.verify))
        yield written
        asks.finish(order=writer.place)
        votes.finish(order=remembering.place if remembering is not None else None)
    refusals = [RefusalLine(result=result) for result in written.refused]
    write_records(folder / "refusals.jsonl", refusals)
    write_records(folder / "examples.jsonl", written.examples)
