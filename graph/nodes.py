"""What the nodes work with: the agents of one run, its folder, its trace, its progress bars."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from errata.agents.checks import Checker
from errata.agents.contrast_analyst import contrast
from errata.agents.data_writer import Ask, Writer, write_for_exams
from errata.agents.errors import BudgetSpent
from errata.agents.examiner import examine
from errata.agents.exams import HeldOut
from errata.agents.instructor import Instructor
from errata.agents.jsonl import Journal, read_records, write_records, write_text
from errata.agents.records import (
    Accuracy,
    Attempt,
    Diagnosis,
    DiagnosisLine,
    Draft,
    Example,
    Mistake,
    ModelRef,
    Question,
    Record,
    Refusal,
    RefusalLine,
    Unusable,
)
from errata.agents.scores import accuracy
from errata.agents.student import Student
from errata.agents.trainer import Trainer, TrainingJob
from errata.graph.config import RunConfig
from errata.graph.run_folder import RunFolder
from errata.graph.trace import Trace

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings

BUDGET_SPENT = "the budget was spent"
"""Why a mistake has no diagnosis, or a round no more examples."""


class Watcher(Protocol):
    """Shows a person how far the work is."""

    def progress(self, step: str, done: int, total: int, note: str = "") -> None: ...

    def say(self, text: str) -> None: ...


class NoWatcher:
    """Shows nothing."""

    def progress(self, step: str, done: int, total: int, note: str = "") -> None:
        pass

    def say(self, text: str) -> None:
        pass


class Asked(Record):
    """One finished request to the writer, kept so that a resumed run need not ask again."""

    diagnosis_id: str
    count: int
    seed: int
    results: tuple[Draft | Unusable, ...]


@dataclass(frozen=True)
class Agents:
    """Who works on a run."""

    student: Student
    trainer: Trainer
    instructor: Instructor
    writer: Writer
    embeddings: Embeddings
    let_go: Callable[[], None] = lambda: None
    """Frees the memory that the instructor and the writer hold on this machine."""


@dataclass(frozen=True)
class Workbench:
    config: RunConfig
    folder: RunFolder
    trace: Trace
    agents: Agents
    watcher: Watcher

    # The small things that every node needs.

    def timed(self, node: Callable[..., Any]) -> Callable[..., Any]:
        """`node`, with its start, end and duration in the trace."""

        @functools.wraps(node)
        def run(state: Any) -> Any:
            name = node.__name__
            self.trace.round = state.get("round", 0) + (name == "collect")
            self.trace.tell("graph", "step started", step=name)
            start = time.monotonic()
            update = node(state)
            seconds = round(time.monotonic() - start, 2)
            self.trace.tell("graph", "step finished", step=name, seconds=seconds)
            return update

        return run

    def questions(self, name: str) -> list[Question]:
        return read_records(self.folder.exam(name), Question)

    def attempts(self, round_index: int, name: str) -> list[Attempt]:
        return read_records(self.folder.round(round_index) / f"{name}.jsonl", Attempt)

    def model(self, round_index: int) -> ModelRef:
        """The model that round `round_index` made; 0 is the one that the run began with."""
        student = self.config.student
        if round_index == 0:
            return ModelRef(base=student.model, adapter=student.adapter)
        adapter = self.folder.round(round_index) / "adapter"
        return ModelRef(base=student.model, adapter=str(adapter.resolve()))

    def written(self, before: int) -> list[Example]:
        """The examples accepted in all rounds before `before`."""
        return [
            example
            for index in range(1, before)
            for example in read_records(self.folder.round(index) / "examples.jsonl", Example)
        ]

    # One method a node.

    def sit(self, round_index: int, name: str) -> Accuracy:
        """The model of a round sits the dev or practice exam."""
        path = self.folder.round(round_index) / f"{name}.jsonl"
        title = f"round {round_index}: {name} exam" if round_index else f"base model: {name} exam"
        found = self.sitting(round_index, name, path, f"{name}-{round_index}", title)
        self.watcher.say(f"{title}: {shown(found)}")
        return found

    def sitting(self, model_round: int, name: str, path: Any, sitting: str, title: str) -> Accuracy:
        questions = self.questions(name)
        with Journal(path, Attempt) as journal:
            if not journal.finished:
                done = frozenset(attempt.question_id for attempt in journal.records)
                right = sum(attempt.correct for attempt in journal.records)
                self.watcher.progress(title, len(done), len(questions))
                for attempt in examine(
                    self.agents.student, self.model(model_round), questions, sitting, done
                ):
                    journal.add(attempt)
                    right += attempt.correct
                    n = len(journal.records)
                    self.watcher.progress(title, n, len(questions), f"{right / n:.0%} right")
            found = accuracy(questions, journal.finish())
        self.trace.tell(
            "examiner",
            "exam marked",
            exam=name,
            sitting=sitting,
            **found.model_dump(exclude={"by_kind"}),
        )
        return found

    def collect_mistakes(self, round_index: int, best_round: int) -> None:
        path = self.folder.round(round_index) / "mistakes.jsonl"
        attempts = {a.question_id: a for a in self.attempts(best_round, "practice")}
        mistakes = [
            Mistake(
                id=f"m{round_index:02d}-{question.id}",
                question=question,
                attempt=attempts[question.id],
            )
            for question in self.questions("practice")
            if not attempts[question.id].correct
        ]
        write_records(path, mistakes)
        self.trace.tell("examiner", "mistakes collected", mistakes=len(mistakes))

    def contrast_mistakes(self, round_index: int, best_round: int) -> None:
        folder = self.folder.round(round_index)
        attempts = {a.question_id: a for a in self.attempts(best_round, "practice")}
        solved = [
            (question, attempts[question.id])
            for question in self.questions("practice")
            if attempts[question.id].correct
        ]
        mistakes = read_records(folder / "mistakes.jsonl", Mistake)
        contrasted = contrast(mistakes, solved, self.agents.embeddings, self.config.contrast.k)
        write_records(folder / "contrasts.jsonl", contrasted)
        self.trace.tell(
            "contrast analyst",
            "contrasts found",
            mistakes=len(mistakes),
            solved=len(solved),
        )

    def lessons(self, round_index: int) -> list[Mistake]:
        """What the instructor sees: the mistakes, under LEC with their contrast."""
        name = "contrasts" if self.config.strategy == "lec" else "mistakes"
        return read_records(self.folder.round(round_index) / f"{name}.jsonl", Mistake)

    def diagnose(self, round_index: int) -> None:
        mistakes = self.lessons(round_index)
        title = f"round {round_index}: diagnosing"
        path = self.folder.round(round_index) / "diagnoses.jsonl"
        with Journal(path, DiagnosisLine) as journal:
            if not journal.finished:
                done = {source_of(line.result) for line in journal.records}
                open_mistakes = [mistake for mistake in mistakes if mistake.id not in done]
                self.watcher.progress(title, len(done), len(mistakes))
                try:
                    for result in self.agents.instructor.diagnose(open_mistakes):
                        journal.add(DiagnosisLine(result=result))
                        self.watcher.progress(title, len(journal.records), len(mistakes))
                except BudgetSpent as spent:
                    self.watcher.say(f"{title}: {spent}")
                    done = {source_of(line.result) for line in journal.records}
                    for mistake in mistakes:
                        if mistake.id not in done:
                            cut_off = Unusable(source_id=mistake.id, reason=BUDGET_SPENT)
                            journal.add(DiagnosisLine(result=cut_off))
            results = [line.result for line in journal.finish()]
        named = [result for result in results if isinstance(result, Diagnosis)]
        self.trace.tell(
            "instructor",
            "mistakes diagnosed",
            diagnoses=len(named),
            unusable=len(results) - len(named),
            causes=tally(diagnosis.cause for diagnosis in named),
        )
        self.watcher.say(f"{title}: {len(named)} of {len(mistakes)} mistakes named")

    def write_examples(self, round_index: int) -> int:
        """Number of examples accepted in this round."""
        folder = self.folder.round(round_index)
        if (folder / "examples.jsonl").exists():
            return len(read_records(folder / "examples.jsonl", Example))
        mistakes = {mistake.id: mistake for mistake in self.lessons(round_index)}
        lines = read_records(folder / "diagnoses.jsonl", DiagnosisLine)
        order = {id: at for at, id in enumerate(mistakes)}  # not the order of the replies
        lessons = sorted(
            (
                (mistakes[line.result.mistake_id], line.result)
                for line in lines
                if isinstance(line.result, Diagnosis)
            ),
            key=lambda lesson: order[lesson[0].id],
        )
        checker = Checker(
            HeldOut(
                question
                for name in ("dev", "test", "out-of-domain")
                if self.folder.exam(name).exists()
                for question in self.questions(name)
            ),
            [*self.questions("practice"), *self.written(round_index)],
        )
        by_exam = tally(mistake.question.exam or "" for mistake, _ in lessons)
        quotas = self.config.examples.quotas(by_exam)
        quota = sum(quotas.values())
        title = f"round {round_index}: writing examples"
        examples: list[Example] = []
        refused: list[Refusal | Unusable] = []
        self.watcher.progress(title, 0, quota)
        with Journal(folder / "asks.jsonl", Asked) as journal:
            writer = RememberingWriter(self.agents.writer, journal)
            try:
                for result in write_for_exams(
                    lessons, writer, checker, quotas, round_index, self.config.seed
                ):
                    if isinstance(result, Example):
                        examples.append(result)
                    else:
                        refused.append(result)
                    self.watcher.progress(title, len(examples), quota, f"{len(refused)} refused")
            except BudgetSpent as spent:
                self.watcher.say(f"{title}: {spent}")
                refused.append(Unusable(source_id=folder.name, reason=BUDGET_SPENT))
            journal.finish()
        write_records(folder / "refusals.jsonl", [RefusalLine(result=result) for result in refused])
        write_records(folder / "examples.jsonl", examples)
        self.trace.tell(
            "data writer",
            "examples written",
            accepted=len(examples),
            rejected=tally(result.reason for result in refused),
            causes=tally(example.cause for example in examples),
        )
        self.watcher.say(f"{title}: {len(examples)} accepted, {len(refused)} refused")
        return len(examples)

    def budget_spent(self, round_index: int) -> bool:
        """Whether the round was cut short by the budget. Read from its records: a kill keeps it."""
        here = self.folder.round(round_index)
        lines: list[DiagnosisLine | RefusalLine] = []
        if (here / "diagnoses.jsonl").exists():
            lines += read_records(here / "diagnoses.jsonl", DiagnosisLine)
        if (here / "refusals.jsonl").exists():
            lines += read_records(here / "refusals.jsonl", RefusalLine)
        return any(
            isinstance(line.result, Unusable) and line.result.reason == BUDGET_SPENT
            for line in lines
        )

    def train(self, round_index: int, best_round: int) -> None:
        folder = self.folder.round(round_index)
        adapter = folder / "adapter"
        if (folder / "trained.json").exists():
            return
        settings = self.config.training
        fresh = read_records(folder / "examples.jsonl", Example)
        earlier = sample(self.written(round_index), settings.replay, settings.seed + round_index)
        write_records(folder / "training.jsonl", [*earlier, *fresh])
        start = self.model(best_round if settings.start == "best" else 0)
        title = f"round {round_index}: training on {len(fresh) + len(earlier)} examples"

        def on_step(step: int, steps: int, loss: float) -> None:
            self.watcher.progress(title, step, steps, f"loss {loss:.2f}")
            self.trace.tell("trainer", "step", step=step, steps=steps, loss=loss)

        self.agents.student.close()  # training needs the memory
        self.agents.let_go()
        self.watcher.progress(title, 0, 0)
        trained = self.agents.trainer.train(
            TrainingJob(
                start=start,
                examples=folder / "training.jsonl",
                adapter=adapter,
                settings=settings.model_copy(update={"seed": settings.seed + round_index}),
                system=self.config.student.system,
            ),
            on_step,
        )
        write_text(folder / "trained.json", trained.model_dump_json(indent=2))
        self.trace.tell(
            "trainer",
            "trained",
            fresh=len(fresh),
            replayed=len(earlier),
            tokens=trained.tokens,
            skipped=trained.skipped,
            loss=trained.loss,
        )
        self.watcher.say(f"{title}: loss {trained.loss:.2f}")

    def final_exam(self, best_round: int) -> None:
        exams = [("test", "sealed test")]
        if self.config.out_of_domain:
            exams.append(("out-of-domain", "out-of-domain exams"))
        for name, index in [("base", 0)] + [("best", best_round)] * (best_round > 0):
            for exam, title in exams:
                path = self.folder.final_exam(exam, name)
                title = f"{title}: {name} model"
                found = self.sitting(index, exam, path, f"{exam}-{name}", title)
                self.watcher.say(f"{title}: {shown(found)}")
        self.agents.student.close()


class RememberingWriter:
    """A writer whose finished requests are in a journal, and are not made again."""

    def __init__(self, writer: Writer, journal: Journal[Asked]) -> None:
        self.writer = writer
        self.journal = journal
        self.known = {(a.diagnosis_id, a.count, a.seed): a.results for a in journal.records}

    @property
    def fewest(self) -> int:
        return self.writer.fewest

    @property
    def at_once(self) -> int:
        return self.writer.at_once

    def draft(self, asks: Sequence[Ask]) -> Iterator[tuple[Ask, Sequence[Draft | Unusable]]]:
        """See `Writer.draft`. What comes is in the journal before it is handed on."""
        new = []
        for ask in asks:
            key = (ask.diagnosis.id, ask.count, ask.seed)
            if key in self.known:
                yield ask, self.known[key]
            else:
                new.append(ask)
        if not new:
            return
        for ask, results in self.writer.draft(new):
            key = (ask.diagnosis.id, ask.count, ask.seed)
            self.known[key] = tuple(results)
            self.journal.add(
                Asked(
                    diagnosis_id=ask.diagnosis.id,
                    count=ask.count,
                    seed=ask.seed,
                    results=self.known[key],
                )
            )
            yield ask, self.known[key]


def source_of(result: Diagnosis | Unusable) -> str:
    return result.mistake_id if isinstance(result, Diagnosis) else result.source_id


def tally(labels: Any) -> dict[str, int]:
    counts: dict[str, int] = {}
    for label in labels:
        counts[label] = counts.get(label, 0) + 1
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def sample(examples: Sequence[Example], share: float, seed: int) -> list[Example]:
    """A share of the examples, in their order; the same seed gives the same ones."""
    import random

    count = min(len(examples), round(share * len(examples)))
    chosen = sorted(random.Random(seed).sample(range(len(examples)), count))
    return [examples[at] for at in chosen]


def shown(found: Accuracy) -> str:
    low, high = found.ci95
    return f"{found.accuracy:.1%} of {found.n} right (95% interval {low:.1%} to {high:.1%})"
