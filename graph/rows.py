"""From accepted examples to training rows: the student is asked them first, then shapers choose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from errata.agents.errors import ErrataError, ExamError
from errata.agents.examiner import NotCounted, examine
from errata.agents.jsonl import Journal
from errata.agents.records import (
    Attempt,
    Diagnosis,
    DiagnosisLine,
    Example,
    Question,
    Row,
    Sampling,
)
from errata.agents.scores import by_question
from errata.agents.shapers import Rehearsed
from errata.graph.context import Context


def rows_of(examples: Iterable[Example]) -> list[Row]:
    """A row for each example, word for word; one that comes again gets an id of its own."""
    times: Counter[str] = Counter()
    rows = []
    for example in examples:
        times[example.id] += 1
        again = f"#{times[example.id]}" if times[example.id] > 1 else ""
        rows.append(row_of(example, example.id + again))
    return rows


def row_of(example: Example, id: str) -> Row:
    return Row(
        id=id,
        example_id=example.id,
        question_id=example.question_id,
        before=example.before,
        prompt=example.prompt,
        completion=example.completion,
        target=example.target,
        answer=example.answer,
    )


def question_of(example: Example, practice: Mapping[str, Question]) -> Question:
    """The example as a question of the exam that it was written for.

    Args:
        practice: By id.
    """
    source = practice.get(example.question_id)
    return Question(
        id=example.id,
        before=example.before,
        prompt=example.prompt,
        target=example.target,
        solution=example.completion,
        kind=source.kind if source else None,
        answer=example.answer,
        exam=source.exam if source else None,
    )


def rehearsed_exam(index: int) -> str:
    """How the ids of a rehearsal's attempts end."""
    return f"rehearsed-{index}"


def rehearse(
    index: int, best_round: int, examples: Sequence[Example], sampling: Sampling, context: Context
) -> dict[str, list[Attempt]]:
    """What the best model says to each example, by the example's id: rehearsed.jsonl."""
    practice = {question.id: question for question in context.questions("practice")}
    questions = [question_of(example, practice) for example in examples]
    title = f"round {index}: asking the student its examples beforehand"
    with Journal(context.folder.round(index) / "rehearsed.jsonl", Attempt) as journal:
        if not journal.finished:
            count = sampling.answers * len(questions)
            context.watcher.progress(title, len(journal.records), count)
            for attempt in examine(
                context.agents.student,
                context.model(best_round),
                questions,
                rehearsed_exam(index),
                tuple(journal.records),
                Undecided(context.watcher.say),
                sampling,
            ):
                journal.add(attempt)
                context.watcher.progress(title, len(journal.records), count)
        attempts = journal.finish()
    right = sum(attempt.correct for attempt in attempts)
    context.trace.tell(
        "examiner", "examples rehearsed", examples=len(examples), right=right, answers=len(attempts)
    )
    context.watcher.say(f"{title}: {right} of {len(attempts)} right")
    return by_question(attempts)


class Undecided(NotCounted):
    """Examples whose tests failed of themselves this time: nothing is known of their answers."""

    def add(self, question: Question, error: ErrataError) -> None:
        if not isinstance(error, ExamError):
            raise error  # a box that broke may hold on the next try
        super().add(question, error)


def what_is_known(
    index: int,
    examples: Sequence[Example],
    attempts: Mapping[str, Sequence[Attempt]],
    practised: Sequence[tuple[Question, Attempt]],
    context: Context,
) -> Rehearsed:
    """Of a round's examples, for the shapers."""
    diagnoses = {
        line.result.id: line.result
        for at in range(1, index + 1)
        for line in context.collected(at, "diagnoses", DiagnosisLine)
        if isinstance(line.result, Diagnosis)
    }
    earlier = frozenset(
        row.example_id for at in range(1, index) for row in context.collected(at, "training", Row)
    )
    return Rehearsed(
        {example.id: example for example in examples}, attempts, diagnoses, practised, earlier
    )
