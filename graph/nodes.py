"""What each node of the loop does: reads the last step's records, asks one agent, writes its own.

A node that is run again after a kill finds what it finished.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from errata.agents.checks import Checker, refuse_row
from errata.agents.contrast_analyst import contrast_mistakes
from errata.agents.data_writer import Diagnosed, Lesson, write_for_exams
from errata.agents.errors import BudgetSpent, ErrataError, ExamError
from errata.agents.examiner import NotCounted
from errata.agents.examiner import examine as examine_student
from errata.agents.exams.held_out import TOO_NEAR
from errata.agents.jsonl import Journal, read_record, read_records, write_record, write_records
from errata.agents.plain_text import one_line
from errata.agents.planner import Plan, plan
from errata.agents.records import (
    Accuracy,
    Attempt,
    Diagnosis,
    DiagnosisLine,
    Example,
    Mistake,
    Picked,
    Question,
    RefusalLine,
    Review,
    Row,
    Unusable,
)
from errata.agents.scores import accuracy, tally
from errata.agents.shapers.chosen import shape
from errata.agents.trainer import TrainingJob
from errata.agents.weights.models import special_tokens
from errata.graph.context import Context, held_out_in
from errata.graph.decision import decide
from errata.graph.readings import note_readings
from errata.graph.review import (
    answered,
    as_reviewed,
    check_recorded,
    known_examples,
    proposed,
    reviewed_rows,
    reviews_before,
)
from errata.graph.rows import rehearse, rows_of, what_is_known
from errata.graph.run_folder import NotCountedQuestion
from errata.graph.state import State, Status
from errata.graph.stop import out_of_patience_or_time
from errata.graph.teaching import diagnose_mistakes, writing

BUDGET_SPENT = "the budget was spent"
"""Why a mistake has no diagnosis, or a round no more examples, as people read it."""


def examine(state: State, context: Context) -> State:
    """Dev exam of the candidate; one that is proven better becomes the best."""
    index = state.get("round", 0)
    best_round = state["best_round"] if index else 0
    dev = exam_of_round(index, "dev", context)

    def answers(round_index: int, name: str) -> list[Attempt]:
        exam_of_round(round_index, name, context)
        return context.attempts(round_index, name)

    history = context.folder.history(index)
    promotion = decide(index, best_round, history, context.config, context.questions, answers)
    write_record(context.folder.promotion(index), promotion)
    context.trace.tell(
        "examiner",
        "promoted" if promotion.promoted else "dropped",
        dev=dev.accuracy,
        **promotion.model_dump(exclude={"round", "promoted"}),
    )
    if index:
        context.watcher.say(f"round {index}: {promotion.verdict}: {promotion.why}")
    status: Status | None = None
    way = context.config.way
    if is_budget_spent(index, context):
        status = "budget spent"
    elif way.rounds is not None and index >= way.rounds:
        status = "nothing new to learn"
    elif index >= context.config.stop.rounds:
        status = "round budget spent"
    else:
        best_round = index if promotion.promoted else state["best_round"]
        status = out_of_patience_or_time(index, best_round, context)
    if not promotion.promoted:
        return {"round": index, "status": status, "dev": dev.accuracy}
    target = context.config.stop.target_accuracy
    if dev.accuracy >= target:
        status = "target reached" if dev.ci95[0] >= target else "target not proven"
    elif status is None and context.config.asks_practice:
        practice = exam_of_round(index, "practice", context)
        if practice.accuracy == 1 and "diagnose" in way.steps:
            status = "no mistakes left"
    return {"round": index, "best_round": index, "status": status, "dev": dev.accuracy}


def collect(state: State, context: Context) -> State:
    """What the way learns from opens the next round, with its plan."""
    index = state["round"] + 1
    folder = context.folder.round(index)
    way = context.config.way
    planned = plan(context.config.training, context.folder.history(index))
    write_record(context.folder.plan(index), planned)
    context.trace.tell("trainer", "round planned", **planned.model_dump(exclude={"round"}))
    if planned.refused:
        context.watcher.say(f"round {index}: {planned.why}")
    found = way.collect(practised(state, context), index, context.config.seed)
    if found.mistakes is not None:
        write_records(folder / "mistakes.jsonl", found.mistakes)
        context.trace.tell("examiner", "mistakes collected", mistakes=len(found.mistakes))
    if found.picked is not None:
        write_records(folder / "picked.jsonl", found.picked)
        context.trace.tell("examiner", "questions picked", picked=len(found.picked))
        context.watcher.say(
            f"round {index}: {len(found.picked)} practice questions in a random order, blind to "
            "errors"
        )
    if found.solutions is None:
        return {"round": index, "examples": 0}
    held_out = held_out_in(context.folder)
    near = {s.question_id for s in found.solutions if held_out.nearest(s) is not None}
    solutions = [s for s in found.solutions if s.question_id not in near]
    left_out = [
        *found.left_out,
        *(Unusable(source_id=id, reason=TOO_NEAR) for id in sorted(near)),
    ]
    write_records(folder / "solutions.jsonl", solutions)
    write_records(folder / "left-out.jsonl", left_out)
    reasons = tally(one.reason for one in left_out)
    context.trace.tell(
        "examiner", "solutions collected", solutions=len(solutions), left_out=reasons
    )
    says = "".join(f", {count} left out: {reason}" for reason, count in reasons.items())
    context.watcher.say(f"round {index}: {len(solutions)} solutions of practice questions{says}")
    return {"round": index, "examples": len(solutions)}


def contrast(state: State, context: Context) -> State:
    """Each mistake beside the nearest correct answers."""
    folder = context.folder.round(state["round"])
    solved = [(question, a) for question, a in practised(state, context) if a.correct]
    mistakes = read_records(folder / "mistakes.jsonl", Mistake)
    contrasted = contrast_mistakes(
        mistakes, solved, context.agents.embeddings, context.config.contrast.k
    )
    write_records(folder / "contrasts.jsonl", context.config.way.shown(mistakes, contrasted))
    context.trace.tell(
        "contrast analyst", "contrasts found", mistakes=len(mistakes), solved=len(solved)
    )
    return {}


def diagnose(state: State, context: Context) -> State:
    """The instructor names what went wrong."""
    index = state["round"]
    mistakes = shown_mistakes(index, context)
    title = f"round {index}: diagnosing"
    results = diagnose_mistakes(mistakes, index, title, context, cut_off_by_budget)
    diagnoses = [result for result in results if isinstance(result, Diagnosis)]
    context.trace.tell(
        "instructor",
        "mistakes diagnosed",
        diagnoses=len(diagnoses),
        unusable=len(results) - len(diagnoses),
        causes=tally(diagnosis.cause for diagnosis in diagnoses),
    )
    named = {diagnosis.question_id for diagnosis in diagnoses}  # some ways look at each twice
    every = {mistake.question.id for mistake in mistakes}
    context.watcher.say(f"{title}: {len(named)} of {len(every)} mistakes named")
    return {}


def write(state: State, context: Context) -> State:
    """New examples from each lesson, checked."""
    index = state["round"]
    solutions = len(context.collected(index, "solutions", Example))
    return {"examples": solutions + len(write_examples(index, context))}


def prepare(state: State, context: Context) -> State:
    """Training rows from the accepted examples, as they are or as shapers make them."""
    index = state["round"]
    if not state["examples"]:
        budget_spent = is_budget_spent(index, context)
        return {"status": "budget spent" if budget_spent else "no examples accepted"}
    name = "proposed" if context.config.review else "training"
    if not (context.folder.round(index) / f"{name}.jsonl").exists():
        make_rows(state, name, context)
    rows = context.collected(index, name, Row)
    return {"status": None if rows else "no examples accepted"}


def review(state: State, context: Context) -> State:
    """A person may accept, edit or reject the training rows first (`review = true`)."""
    if not context.config.review:
        return {}
    from langgraph.types import interrupt  # with LangSmith, which takes a second to import

    index = state["round"]
    folder = context.folder.round(index)
    rows = proposed(context.folder, index)
    asked: dict[str, object] = {
        "question": "Train on these rows? Resume with true, false, or a review of single examples.",
        "round": index,
        "rows": len(rows),
        "file": str(folder / "proposed.jsonl"),
    }
    while not context.folder.review(index).exists():
        asked["refused"] = answered(interrupt(asked), index, context)
    check_recorded(context.folder, index, context.config)
    review = read_record(context.folder.review(index), Review)
    trained_on = reviewed_rows(rows, known_examples(context.folder, index), review)
    verdicts = tally(entry.verdict for entry in review.entries)
    context.trace.tell(
        "reviewer", "rows reviewed", by=review.by, rows=len(trained_on), verdicts=verdicts
    )
    said = "".join(f", {count} {verdict}" for verdict, count in verdicts.items())
    context.watcher.say(
        f"round {index}: reviewed by {one_line(review.by, 60)}{said}: {len(trained_on)} of "
        f"{len(rows)} rows to train on"
    )
    if not trained_on:
        return {"status": "rejected"}
    if not (folder / "training.jsonl").exists():
        write_records(folder / "training.jsonl", trained_on)
    return {}


def train(state: State, context: Context) -> State:
    """A LoRA adapter from the rows: the candidate."""
    index = state["round"]
    folder = context.folder.round(index)
    if (folder / "trained.json").exists():
        return {}
    settings = read_record(context.folder.plan(index), Plan).applied(context.config.training)
    rows = read_records(folder / "training.jsonl", Row)
    title = f"round {index}: training on {len(rows)} examples"

    def on_step(step: int, steps: int, loss: float) -> None:
        context.watcher.progress(title, step, steps, f"loss {loss:.2f}")
        context.trace.tell("trainer", "step", step=step, steps=steps, loss=loss)

    context.agents.unload()  # training needs the memory
    context.watcher.progress(title, 0, 0)
    trained = context.agents.trainer.train(
        TrainingJob(
            start=context.model(state["best_round"] if settings.start == "best" else 0),
            examples=folder / "training.jsonl",
            adapter=folder / "adapter",
            settings=settings.model_copy(update={"seed": settings.seed + index}),
            system=context.config.student.system,
            quantize=context.config.student.quantize,
        ),
        on_step,
    )
    write_record(folder / "trained.json", trained)
    solutions, fresh = (
        {example.id for example in context.collected(index, name, Example)}
        for name in ("solutions", "examples")
    )
    from_solutions = sum(row.example_id in solutions for row in rows)
    from_fresh = sum(row.example_id in fresh for row in rows)
    context.trace.tell(
        "trainer",
        "trained",
        solutions=from_solutions,
        fresh=from_fresh,
        replayed=len(rows) - from_fresh - from_solutions,
        tokens=trained.tokens,
        skipped=trained.skipped,
        loss=trained.loss,
    )
    context.watcher.say(f"{title}: loss {trained.loss:.2f}")
    return {}


def final_exam(state: State, context: Context) -> State:
    """The sealed test and the out-of-domain exams, once: base model and best model."""
    best_round = state["best_round"]
    exams = [("test", "sealed test")]
    if context.config.out_of_domain:
        exams.append(("out-of-domain", "out-of-domain exams"))
    note_readings(context.folder, [name for name, _ in exams])
    for name, index in [("base", 0)] + [("best", best_round)] * (best_round > 0):
        for exam, title in exams:
            path = context.folder.final_exam(exam, name)
            run_exam(index, exam, path, f"{exam}-{name}", f"{title}: {name} model", context)
    context.agents.student.close()
    return {}


# What the nodes share.


def exam_of_round(index: int, name: str, context: Context) -> Accuracy:
    """The model of a round is asked `dev`, `practice` or `guard`, once."""
    path = context.folder.round(index) / f"{name}.jsonl"
    if path.exists():
        return accuracy(context.questions(name), context.folder.attempts(path))
    title = f"round {index}: {name} exam" if index else f"base model: {name} exam"
    return run_exam(index, name, path, f"{name}-{index}", title, context)


def run_exam(
    model_round: int, name: str, path: Path, exam_id: str, title: str, context: Context
) -> Accuracy:
    """Asks what is not yet answered in `path`, and marks it.

    Args:
        name: Of the set of questions.
        exam_id: Ends the ids of the attempts.
    """
    questions = context.questions(name)
    bad_tests = BadTests(context)
    with Journal(path, Attempt) as journal:
        if not journal.finished:
            right = sum(attempt.correct for attempt in journal.records)
            context.watcher.progress(title, len(journal.records), len(questions))
            model = context.model(model_round)
            for attempt in examine_student(
                context.agents.student, model, questions, exam_id, journal.records, bad_tests
            ):
                journal.add(attempt)
                right += attempt.correct
                n = len(journal.records)
                context.watcher.progress(title, n, len(questions), f"{right / n:.0%} right")
        journal.finish()
    found = accuracy(context.questions(name), context.folder.attempts(path))
    context.trace.tell(
        "examiner",
        "exam marked",
        exam=name,
        exam_id=exam_id,
        **found.model_dump(exclude={"by_kind", "labels", "json_values"}),
    )
    low, high = found.ci95
    context.watcher.say(
        f"{title}: {found.accuracy:.1%} of {found.n} right (95% interval {low:.1%} to {high:.1%})"
    )
    return found


class BadTests(NotCounted):
    """Questions whose own tests fail: the run leaves them out by name and goes on."""

    def __init__(self, context: Context) -> None:
        super().__init__(context.watcher.say)
        self.context = context

    def add(self, question: Question, error: ErrataError) -> None:
        if not isinstance(error, ExamError):
            raise error  # a box that broke may hold on the next try
        super().add(question, error)
        self.context.folder.not_counted.add(
            NotCountedQuestion(question_id=question.id, why=str(error))
        )
        self.context.trace.tell(
            "examiner", "question not counted", question=question.id, why=str(error)
        )


def practised(state: State, context: Context) -> list[tuple[Question, Attempt]]:
    """The practice questions, each with the best model's answer, empty where nobody asked."""
    best = state["best_round"]
    asked = (context.folder.round(best) / "practice.jsonl").exists()
    if not asked and not context.config.asks_practice:
        return [(question, not_asked(question)) for question in context.questions("practice")]
    attempts = {a.question_id: a for a in context.attempts(best, "practice")}
    return [(question, attempts[question.id]) for question in context.questions("practice")]


def not_asked(question: Question) -> Attempt:
    return Attempt(
        id=question.id,
        question_id=question.id,
        response="",
        answer=None,
        correct=False,
        why="was not asked",
        tokens=0,
        truncated=False,
    )


def shown_mistakes(index: int, context: Context) -> list[Mistake]:
    """What the instructor sees: the mistakes, with their contrast where the way asks for it."""
    name = "contrasts" if "contrast" in context.config.way.steps else "mistakes"
    return context.collected(index, name, Mistake)


def write_examples(index: int, context: Context) -> list[Example]:
    """The examples accepted in a round."""
    folder = context.folder.round(index)
    if (folder / "examples.jsonl").exists():
        return read_records(folder / "examples.jsonl", Example)
    lessons = lessons_of(index, context)
    checker = Checker(
        held_out_in(context.folder),
        [
            *context.questions("practice"),
            *context.examples_before(index),
            *as_reviewed(context.examples_before(index), reviews_before(context.folder, index)),
        ],
        special_tokens(context.config.student.model),
    )
    exam_of = {lesson.question.id: lesson.question.exam or "" for lesson in lessons}
    quotas = context.config.examples.quotas(
        tally(exam_of.values()), context.config.per_round(len(context.questions("practice")))
    )
    quota = sum(quotas.values())
    title = f"round {index}: writing examples"
    context.watcher.progress(title, 0, quota)
    with writing(index, context) as written:
        examples, refused = written.examples, written.refused
        try:
            parts = context.config.way.parts(lessons)
            for result in write_for_exams(
                parts, written.writer, checker, quotas, index, context.config.seed, written.verifier
            ):
                written.add(result)
                context.watcher.progress(title, len(examples), quota, f"{len(refused)} refused")
        except BudgetSpent as spent:
            context.watcher.say(f"{title}: {spent}")
            written.add(cut_off_by_budget(folder.name))
    context.trace.tell(
        "data writer",
        "examples written",
        accepted=len(examples),
        rejected=tally(result.reason for result in refused),
        causes=tally(example.cause for example in examples),
    )
    context.watcher.say(f"{title}: {len(examples)} accepted, {len(refused)} refused")
    return examples


def make_rows(state: State, name: str, context: Context) -> None:
    """What a round is to train on: NAME.jsonl, and shaped.jsonl where something is left out."""
    index = state["round"]
    config = context.config
    folder = context.folder.round(index)
    settings = read_record(context.folder.plan(index), Plan).applied(config.training)
    reviews = reviews_before(context.folder, index)
    examples = config.way.rows(
        as_reviewed(context.collected(index, "solutions", Example), reviews),
        context.collected(index, "examples", Example),
        as_reviewed(context.examples_before(index), reviews),
        settings,
        index,
    )
    seed = config.seed + index
    attempts: Mapping[str, Sequence[Attempt]] = {}
    if (sampling := config.examples.sampling(seed)) is not None and examples:
        # Of practice questions the student is asked in the practice exam; here it may know them.
        written = {each.id: each for each in examples if each.made_from != "solution"}
        attempts = rehearse(index, state["best_round"], list(written.values()), sampling, context)
    shapers = config.examples.shapers
    answers = practised(state, context) if any(each.looks for _, each in shapers) else ()
    known = what_is_known(index, examples, attempts, answers, context)
    rows, left_out = shape(rows_of(examples), shapers, known, seed)
    if any(row.made_by != "example" for row in rows):
        rows, refused = without_unfit(rows, context)
        left_out += refused
    reasons = tally(one.reason for one in left_out)
    if left_out:
        write_records(folder / "shaped.jsonl", left_out)
        says = "".join(f", {count} left out: {reason}" for reason, count in reasons.items())
        context.watcher.say(f"round {index}: {len(rows)} rows to train on{says}")
    write_records(folder / f"{name}.jsonl", rows)
    made_by = tally(row.made_by for row in rows)
    context.trace.tell("trainer", "rows prepared", rows=made_by, left_out=reasons)


def without_unfit(rows: Sequence[Row], context: Context) -> tuple[list[Row], list[Unusable]]:
    """The rows without those that a shaper made and nobody should learn from."""
    held_out = held_out_in(context.folder)
    special = special_tokens(context.config.student.model)
    why = {row.id: refuse_row(row, held_out, special) for row in rows if row.made_by != "example"}
    refused = [Unusable(source_id=id, reason=reason) for id, reason in why.items() if reason]
    return [row for row in rows if not why.get(row.id)], refused


def lessons_of(index: int, context: Context) -> list[Lesson]:
    """Picked questions in their order; mistakes with their diagnoses: those first that earlier
    rounds wrote the fewest examples for, and else in the order of the mistakes, not of the
    replies."""
    mistakes = {mistake.id: mistake for mistake in shown_mistakes(index, context)}
    lines = context.collected(index, "diagnoses", DiagnosisLine)
    named = {
        line.result.mistake_id: line.result for line in lines if isinstance(line.result, Diagnosis)
    }
    written = Counter(example.question_id for example in context.examples_before(index))
    diagnosed = [Diagnosed(mistake, named[id]) for id, mistake in mistakes.items() if id in named]
    return [
        *context.collected(index, "picked", Picked),
        *sorted(diagnosed, key=lambda lesson: written[lesson.question.id]),
    ]


def cut_off_by_budget(source_id: str) -> Unusable:
    return Unusable(source_id=source_id, reason=BUDGET_SPENT, budget_spent=True)


def is_budget_spent(index: int, context: Context) -> bool:
    """Whether the round was cut short by the budget. Read from its records: a kill keeps it."""
    diagnoses = context.collected(index, "diagnoses", DiagnosisLine)
    refusals = context.collected(index, "refusals", RefusalLine)
    results = [*(line.result for line in diagnoses), *(line.result for line in refusals)]
    return any(isinstance(result, Unusable) and result.budget_spent for result in results)
