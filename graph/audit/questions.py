"""Whether the sets of questions are apart, and nothing that was learnt resembles a held-out one."""

from __future__ import annotations

from collections.abc import Iterator

from errata.agents.exams import HeldOut, plain
from errata.agents.exams.held_out import whole
from errata.agents.exams.layouts import stem
from errata.agents.records import Draft, Example, Row
from errata.graph.audit.evidence import PRACTICE, Finding, Run, some


def check_sets(run: Run) -> Iterator[Finding]:
    """No question stands in two sets. Nearly equal ones are noted: an exam may hold such."""
    homes: dict[str, tuple[str, str]] = {}
    shared: dict[tuple[str, str], list[str]] = {}
    for name, questions in run.sets.items():
        run.counts["questions"] += len(questions)
        for question in questions:
            other, twin = homes.setdefault(whole(question), (name, question.id))
            if other != name:
                shared.setdefault((name, other), []).append(f"{question.id} and {twin}")
    for (name, other), pairs in shared.items():
        yield from some(
            "sets",
            f"exam/{name}.jsonl",
            pairs,
            len(run.sets[name]),
            f"questions stand in {other} too",
            "what is measured on them may be memory",
        )
    held_out = [name for name in run.sets if name != PRACTICE]
    twisted = {exam.name for exam in run.config.twisted}  # the test again, on purpose
    for name in held_out:
        index = HeldOut(q for q in run.sets[name] if q.exam not in twisted)
        for other in [PRACTICE, *held_out[: held_out.index(name)]]:
            questions = [q for q in run.sets.get(other, []) if q.exam not in twisted]
            twins = [(q.id, index.nearest(q)) for q in questions]
            near = [f"{id} and {twin}" for id, twin in twins if twin is not None]
            if near:
                run.notes.append(
                    f"{len(near)} of {len(questions)} {other} questions are nearly equal to "
                    f"one of {name}: the exam's own, the first {near[0]}"
                )


def check_held_out(run: Run) -> Iterator[Finding]:
    """No example and no training row equals or nearly equals a question that is held out."""
    held_out = HeldOut(run.held_out, run.practice.values())
    practised = {(q.before, plain(stem(q))) for q in run.practice.values()}
    means = "the model saw what it is measured on"
    for index in run.rounds:
        for name in ("examples", "training"):
            path = run.of_round(index, name)
            examples = run.records(path, Example) if name == "examples" else []
            read = run.records(path, Row) if name == "training" else []
            rows: list[Example | Draft] = [*examples, *map(as_read, read)]
            run.counts["examples" if name == "examples" else "training rows"] += len(rows)
            title = f"held-out questions in {run.name(path)}"
            near = []
            for number, row in enumerate(rows, 1):
                run.watcher.progress(title, number, len(rows))
                if name == "training" and (row.before, plain(stem(row))) in practised:
                    continue  # a practice question as it stands: `check_sets` says what it is near
                if (twin := held_out.resemblance(row)) is not None:
                    id = read[number - 1].id if read else examples[number - 1].id
                    near.append(f"line {number} ({id}) and {twin.question_id}: {twin.how}")
            what = "resemble a question that is held out"
            yield from some("held out", run.name(path), near, len(rows), what, means)


def as_read(row: Row) -> Draft:
    """All that the student reads in a row, as what is compared with the held-out questions."""
    texts = (row.given + row.completion, row.rejected, row.system)
    return Draft(
        diagnosis_id="",
        before=row.before,
        prompt=row.prompt,
        completion="\n\n".join(text for text in texts if text),
        target=row.target,
        answer=row.answer,
    )
