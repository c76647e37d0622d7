"""Whether each training row can be followed back, and each adapter was trained on its rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping

from errata.agents.checks import marked_against
from errata.agents.examiner import attempt_id
from errata.agents.marking.judged import judged_by
from errata.agents.records import (
    GREEDY,
    Attempt,
    CodeAnswer,
    Diagnosis,
    DiagnosisLine,
    Draft,
    Example,
    Mistake,
    OwnAnswer,
    Picked,
    Question,
    Review,
    Row,
    Turns,
    Unusable,
)
from errata.agents.trainer import Trained
from errata.agents.ways.sft import completion_of
from errata.graph.asks import Asked
from errata.graph.audit.evidence import Finding, Run, some
from errata.graph.review import as_reviewed, reviewed_rows
from errata.graph.rows import rehearsed_exam, row_of
from errata.training.finished import NAME, sha256_of
from errata.training.jobs import FinishedTraining

ROWS = ("proposed", "training")
Origin = Callable[[Run, int], Iterable[Example]]


def accepted(run: Run, index: int) -> Iterable[Example]:
    """The accepted examples of a round and of those before it."""
    for earlier in run.rounds:
        if 0 < earlier <= index:
            yield from run.records(run.of_round(earlier, "examples"), Example)


def solutions(run: Run, index: int) -> Iterable[Example]:
    """The worked solutions of practice questions, as a round collected them."""
    for row in run.records(run.of_round(index, "solutions"), Example):
        question = run.practice.get(row.question_id)
        if question is not None and (row.before, row.prompt, row.completion, row.target) == (
            question.before,
            question.prompt,
            completion_of(question),
            question.target,
        ):
            yield row


ORIGINS: tuple[Origin, ...] = (accepted, solutions)
"""What a row of training.jsonl may be made of. A way of learning that trains on something else adds
it."""


def origins(run: Run, index: int, reviewed: bool = True) -> dict[str, Example]:
    """What a round's rows may be made of, by id.

    Args:
        reviewed: As a person left it who looked at the round's rows; else as it was before.
    """
    read = (
        run.record(run.folder.review(at), Review) for at in run.rounds if 0 < at < index + reviewed
    )
    made = (each for origin in ORIGINS for each in origin(run, index))
    reviews = [review for review in read if review is not None]
    return {each.id: each for each in as_reviewed(made, reviews)}


def check_lineage(run: Run) -> Iterator[Finding]:
    """Each training row is a practice question's own solution or comes from an accepted example,
    each example from a draft for a practice question that was picked or for a diagnosis of its
    round, each diagnosis from a mistake, each mistake from a practice question that the best model
    of that time got wrong."""
    for index in run.rounds:
        if index == 0:
            continue
        mistakes = yield from lineage_of_mistakes(run, index)
        diagnoses = yield from lineage_of_diagnoses(run, index, mistakes)
        picked = yield from lineage_of_picked(run, index)
        yield from lineage_of_examples(run, index, {**diagnoses, **picked})
        yield from lineage_of_rows(run, index, "proposed", origins(run, index, reviewed=False))
        yield from lineage_of_rows(run, index, "training", origins(run, index))
        yield from lineage_of_review(run, index)


def lineage_of_mistakes(run: Run, index: int) -> Generator[Finding, None, dict[str, Mistake]]:
    """Findings; returns what the instructor may have been shown, by id."""
    answers = run.practised(run.best_before(index))
    path = run.of_round(index, "mistakes")
    mistakes = {mistake.id: mistake for mistake in run.records(path, Mistake)}
    bad = [
        mistake.id
        for mistake in mistakes.values()
        if not was_asked(run, answers, mistake.question, mistake.attempt, correct=False)
    ]
    means = "the round does not begin with what the student got wrong"
    what = "are no wrong answers of the best model of that time"
    yield from some("lineage", run.name(path), bad, len(mistakes), what, means)
    path = run.of_round(index, "contrasts")
    contrasts = run.records(path, Mistake)
    bad = []
    alone = {mistake.question.id: mistake for mistake in mistakes.values()}
    for contrast in contrasts:
        mistake = alone.get(contrast.question.id)
        update = {"contrast": contrast.contrast, "id": contrast.id}
        if (
            mistake is None
            or not contrast.id.startswith(mistake.id)
            or contrast != mistake.model_copy(update=update)
            or not all(
                was_asked(run, answers, near.question, near.attempt, correct=True)
                for near in contrast.contrast
            )
        ):
            bad.append(contrast.id)
    what = "are no mistakes of the round beside right answers of the best model"
    yield from some("lineage", run.name(path), bad, len(contrasts), what, means)
    return mistakes | {contrast.id: contrast for contrast in contrasts}


def was_asked(
    run: Run, answers: Mapping[str, Attempt], question: Question, attempt: Attempt, correct: bool
) -> bool:
    return (
        run.practice.get(question.id) == question
        and answers.get(question.id) == attempt
        and attempt.correct == correct
    )


def lineage_of_diagnoses(
    run: Run, index: int, mistakes: Mapping[str, Mistake]
) -> Generator[Finding, None, dict[str, Diagnosis]]:
    """Findings; returns the diagnoses by id."""
    path = run.of_round(index, "diagnoses")
    lines = run.records(path, DiagnosisLine)
    bad = []
    diagnoses: dict[str, Diagnosis] = {}
    for number, line in enumerate(lines, 1):
        result = line.result
        if isinstance(result, Unusable):
            known = result.source_id in mistakes
        else:
            mistake = mistakes.get(result.mistake_id)
            known = mistake is not None and mistake.question.id == result.question_id
            known &= result.id not in diagnoses
            diagnoses[result.id] = result
        if not known:
            bad.append(f"line {number}")
    means = "examples may be written for what the student did not get wrong"
    what = "are of no mistake of the round"
    yield from some("lineage", run.name(path), bad, len(lines), what, means)
    return diagnoses


def lineage_of_picked(run: Run, index: int) -> Generator[Finding, None, dict[str, Picked]]:
    """Findings; returns the picked questions by id."""
    path = run.of_round(index, "picked")
    picked = {one.id: one for one in run.records(path, Picked)}
    bad = [one.id for one in picked.values() if run.practice.get(one.question.id) != one.question]
    what, means = "are no practice questions", "examples may be written for what is held out"
    yield from some("lineage", run.name(path), bad, len(picked), what, means)
    return picked


def lineage_of_examples(
    run: Run, index: int, lessons: Mapping[str, Diagnosis | Picked]
) -> Iterator[Finding]:
    path = run.of_round(index, "examples")
    examples = run.records(path, Example)
    brought = {
        result.model_dump_json(exclude={"before"})
        for ask in run.records(run.of_round(index, "asks"), Asked)
        for result in ask.results
        if isinstance(result, Draft)
    }
    bad, unwritten = [], []
    seen: set[str] = set()
    for example in examples:
        lesson = lessons.get(example.diagnosis_id or "")
        if (
            lesson is None
            or (question_of(lesson), lesson.cause) != (example.question_id, example.cause)
            or example.before != before_of(run, example)
            or example.id in seen
        ):
            bad.append(example.id)
        seen.add(example.id)
        fields = {name: getattr(example, name) for name in Draft.model_fields}
        fields["diagnosis_id"] = example.diagnosis_id or ""
        if Draft(**fields).model_dump_json(exclude={"before"}) not in brought:
            unwritten.append(example.id)
    means = "it is not known why they are trained on"
    what = "come from no diagnosis or picked question of the round"
    yield from some("lineage", run.name(path), bad, len(examples), what, means)
    what = "are none of the drafts in asks.jsonl"
    yield from some("lineage", run.name(path), unwritten, len(examples), what, means)


def lineage_of_rows(
    run: Run, index: int, name: str, known: Mapping[str, Example]
) -> Iterator[Finding]:
    """Each row is an example word for word, or what a shaper of the run made of one: to the same
    question, and as its marker says."""
    path = run.of_round(index, name)
    rows = run.records(path, Row)
    seen: set[str] = set()
    strange, unlike, against = [], [], []
    for number, row in enumerate(rows, 1):
        line = f"line {number} ({row.id})"
        example = known.get(row.example_id)
        if example is None or row.id in seen:
            strange.append(line)
        elif row.made_by == "example":
            unlike += [line] * (row != row_of(example, row.id))
        elif row.made_by not in run.config.examples.shape:
            unlike.append(line)
        else:
            asked = ("question_id", "before", "prompt", "target", "answer")
            unlike += [line] * any(getattr(row, n) != getattr(example, n) for n in asked)
            if run.with_code or not isinstance(row.answer, CodeAnswer | OwnAnswer):
                with judged_by(run.judges):
                    why = marked_against(row)
                against += [f"{line}: {why}"] * (why is not None)
        seen.add(row.id)
    file, means = run.name(path), "the adapter learnt something that nobody checked"
    what = "come from no accepted example or practice question's solution"
    yield from some("lineage", file, strange, len(rows), what, means)
    what = "are not the example that they name, nor made of it by a shaper of the run"
    yield from some("lineage", file, unlike, len(rows), what, means)
    yield from some("lineage", file, against, len(rows), "are not as their marker says", means)


def lineage_of_review(run: Run, index: int) -> Iterator[Finding]:
    """Where a person was asked, the rows are what the review on record makes of those proposed."""
    asked, path = run.of_round(index, "proposed"), run.of_round(index, "training")
    if not asked.exists() or not (path.exists() or run.folder.review(index).exists()):
        return
    review = run.record(run.folder.review(index), Review)
    rows = run.records(asked, Row)
    before = origins(run, index, reviewed=False)
    unknown = (
        []
        if review is None
        else [entry.example_id for entry in review.entries if entry.example_id not in before]
    )
    made = [] if review is None or unknown else reviewed_rows(rows, before, review)
    if review is None or unknown or made != run.records(path, Row):
        yield Finding(
            check="lineage",
            file=run.name(path),
            wrong="is not what the review on record makes of the rows that were proposed",
            means="the adapter learnt what the reviewer did not agree to",
        )


def check_rehearsals(run: Run) -> Iterator[Finding]:
    """Where shapers go by the student's answers, each written example of a row has as many as were
    to be asked for; nothing else has any, nor has a practice question's own solution."""
    sampling = run.config.examples.sampling(0)
    asked = sampling.answers if sampling is not None else 0
    for index in run.rounds:
        path = run.of_round(index, "rehearsed")
        attempts = run.records(path, Attempt)
        known, exam = origins(run, index, reviewed=False), rehearsed_exam(index)
        seen: set[str] = set()
        strange = []
        for attempt in attempts:
            id = attempt_id(attempt.question_id, exam, attempt.sample, sampling or GREEDY)
            if attempt.question_id not in known or attempt.id != id or attempt.id in seen:
                strange.append(attempt.id)
            seen.add(attempt.id)
        file, means = run.name(path), "what is trained on was chosen by other answers"
        what = "are no answers to the round's examples"
        yield from some("attempts", file, strange, len(attempts), what, means)
        made = Counter(attempt.question_id for attempt in attempts)
        rows = [r for name in ROWS for r in run.records(run.of_round(index, name), Row)]
        trained = {row.example_id for row in rows}
        bad = [
            id
            for id in sorted(made.keys() | trained)
            if made[id] != (0 if id in known and known[id].made_from == "solution" else asked)
            and not (id in known and isinstance(known[id].answer, CodeAnswer))  # tests that fail
        ]
        what = f"examples have not {asked} answers"
        yield from some("attempts", file, bad, len(made.keys() | trained), what, means)


def before_of(run: Run, example: Example) -> Turns:
    """The messages before the practice question that the example goes back to."""
    question = run.practice.get(example.question_id)
    return question.before if question is not None else ()


def question_of(lesson: Diagnosis | Picked) -> str:
    """Its id."""
    return lesson.question.id if isinstance(lesson, Picked) else lesson.question_id


def check_adapters(run: Run) -> Iterator[Finding]:
    """Each adapter says that it was trained on the rows that lie beside it."""
    for index in run.rounds:
        path = run.folder.round(index) / "adapter" / NAME
        finished = run.record(path, FinishedTraining)
        if finished is None:
            continue
        run.counts["adapters"] += 1
        rows = run.of_round(index, "training")
        if not rows.is_file() or sha256_of(rows) != finished.examples_sha256:
            yield Finding(
                check="adapters",
                file=run.name(rows),
                wrong=f"is not what {run.name(path)} says the adapter was trained on",
                means="the adapter learnt from other rows",
            )
        trained = run.record(run.folder.round(index) / NAME, Trained)
        told = (finished.tokens, finished.skipped, finished.loss)
        if trained is not None and (trained.tokens, trained.skipped, trained.loss) != told:
            yield Finding(
                check="adapters",
                file=run.name(run.folder.round(index) / NAME),
                wrong=f"does not say what {run.name(path)} says",
                means="the training was another one",
            )
