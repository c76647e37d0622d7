"""report.json: what a run achieved, and how."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from statistics import fmean
from typing import Literal

from errata.agents.exams import FileExam
from errata.agents.exams.stories import shared_stories
from errata.agents.exams.twists import Twist, TwistedExam, twisted_id
from errata.agents.jsonl import read_record, write_record
from errata.agents.plain_text import one_line
from errata.agents.planner import Plan
from errata.agents.promotion import Promotion
from errata.agents.records import (
    Accuracy,
    Attempt,
    DiagnosisLine,
    Example,
    Question,
    Record,
    Refusal,
    RefusalLine,
    Review,
    Row,
    Unusable,
)
from errata.agents.scores import accuracy, groups_of, paired_gain, tally
from errata.graph.config import ExamSettings, RunConfig, exam_argument
from errata.graph.costs import Cost, cost_of
from errata.graph.judging import JudgeReport, JudgesReport
from errata.graph.readings import Reading, read_readings
from errata.graph.run_folder import CALIBRATION, RunFolder, StepTime
from errata.graph.state import State


class Written(Record):
    """What the data writer did in a round."""

    written: int
    """Drafts, accepted and refused."""
    accepted: int
    rejected: Mapping[str, int]
    """Refused drafts by reason."""
    unwritable: Mapping[str, int]
    """Requests to the writer that brought nothing, by reason."""


class ReviewCounts(Record):
    """What a person said of the examples whose rows a round would train on."""

    by: str
    accepted: int
    """Examples; those that the review does not name, too."""
    edited: int
    rejected: int


class RoundReport(Record):
    """One model: its examples, its dev exam, and whether it became the best."""

    index: int
    """0 is the base model."""
    dev: Accuracy | None
    """None where the round ended before a candidate was examined. That of the best model flatters:
    it was chosen on these questions."""
    promoted: bool
    promotion: Promotion | None
    """Why it became the best, or did not; None without a candidate."""
    plan: Plan | None
    """How it was trained; None of the base model."""
    mistakes: int | None
    """Practice mistakes that the round began with; None where its way looks at none."""
    picked: int | None
    """Practice questions that were to be written from, blind to errors; None as above."""
    solutions: int | None
    """Practice questions whose own solutions were trained on; None as above."""
    left_out: Mapping[str, int]
    """Practice questions that gave no solution to train on, by reason."""
    causes: Mapping[str, int]
    """Diagnoses by cause."""
    examples: Written
    rehearsed: tuple[int, int] | None
    """(right, asked): the best model's answers to the examples before they were trained on; None
    where no shaper goes by them."""
    rows: Mapping[str, int]
    """Training rows by what made them: `example`, an example word for word, or a shaper."""
    shaped_out: Mapping[str, int]
    """Rows that shapers left out, by reason."""
    seconds: Mapping[str, float]
    """By step."""
    reviewed: ReviewCounts | None = None
    """None where no person was asked (`review`)."""


class Gain(Record):
    """Paired difference on the same test questions, final minus base."""

    accuracy: float
    ci95: tuple[float, float]


class KindGain(Record):
    """Right answers to the test questions of one kind."""

    kind: str
    asked: int
    before: int
    after: int


class ExamReport(Record):
    """One exam at the end of a run, base and best model: a column of the paper's table."""

    exam: str
    in_domain: bool
    """Its practice questions were learnt from."""
    n: int
    base: float
    """Accuracy."""
    final: float
    gain: Gain


class Fall(Record):
    """One model's right answers to the sealed test, and to the same questions with a twist."""

    model: Literal["base", "best"]
    plain: float
    """Accuracy."""
    twisted: float
    """Accuracy."""
    difference: Gain
    """Paired, twisted minus plain: below 0 where it fell."""


class TwistReport(Record):
    """What a twist takes from the base and from the best model."""

    exam: str
    twist: Twist
    n: int
    """Questions."""
    falls: tuple[Fall, ...]
    """Of the base model, then of the best one where that is another."""


class Averages(Record):
    """Means over exams, each counting alike, as in the paper's table."""

    base: float
    final: float


MANY_SHARED = 0.05
"""Share of the test from which it is said: an exam with few wordings has some by itself."""


class Apart(Record):
    """The sealed test without the questions that share a story with practice."""

    n: int
    base: float
    """Accuracy."""
    final: float
    """Accuracy."""
    gain: Gain


class TestReport(Record):
    """The sealed test exam."""

    base: Accuracy
    final: Accuracy
    gain: Gain
    shared: int = 0
    """Questions with thirteen words in a row of a practice question, as the doctor names them."""
    apart: Apart | None = None
    """The others by themselves; None where there are none, or no others."""

    @property
    def shares_many(self) -> bool:
        """Whether so many tell a story of practice that a reader should know what they weigh."""
        return self.shared >= MANY_SHARED * self.final.n

    def kinds(self, limit: int) -> list[KindGain]:
        """The `limit` kinds with the most questions, the largest gain first."""
        kinds = [
            KindGain(
                kind=kind or "(no kind)",
                asked=asked,
                before=self.base.by_kind[kind][0],
                after=after,
            )
            for kind, (after, asked) in self.final.by_kind.items()
        ]
        kinds = sorted(kinds, key=lambda k: -k.asked)[:limit]
        return sorted(kinds, key=lambda k: ((k.before - k.after) / k.asked, -k.after / k.asked))


class ModelReport(Record):
    base: str
    adapter: str | None
    """Folder of the best adapter; None when the base stayed the best."""
    system: str | None
    """The system prompt that it was trained and asked with."""
    quantize: str | None = None
    """`4bit`: it was trained and asked with the base's weights rounded so; unrounded, or with the
    adapter merged, it may answer otherwise."""
    exams: tuple[str, ...]
    """What was practised, as `errata exam` takes it."""


class Report(Record):
    name: str
    status: str
    """Why the run stopped: `target reached`, `target not proven` (the share of right answers is
    there, the lower end of its interval is not), `round budget spent`, `budget spent` (tokens or
    money), `no promotion` (`stop.patience`), `out of time` (`stop.hours`), `no mistakes left`,
    `nothing new to learn`, `no examples accepted` or `rejected`."""
    strategy: str
    target_accuracy: float
    """On dev; where it is reached, the run stops."""
    patience: int | None = None
    """Rounds in a row without a promotion that end the run."""
    hours: float | None = None
    """Working time after which no new round is begun."""
    best_round: int
    rounds: tuple[RoundReport, ...]
    test: TestReport
    exams: tuple[ExamReport, ...]
    """Each exam by itself, in-domain ones first; empty where there is but one. A test with a twist
    is in `twisted` instead."""
    in_domain: Averages | None
    out_of_domain: Averages | None
    overall: Averages | None
    model: ModelReport
    seconds: float
    """All finished steps together; what a kill cut off is not counted."""
    cost: Cost | None = None
    """What the LLMs took; None where none was asked."""
    twisted: tuple[TwistReport, ...] = ()
    """The sealed test again, each question with a twist."""
    readings: tuple[Reading, ...] = ()
    """The sealed sets, and how many runs had read them before this one."""
    corrected: Mapping[str, int] = {}
    """Set → questions that were given another target, or left out, by `exam.corrections`."""
    judges: tuple[JudgeReport, ...] = ()
    """The LLMs that judged answers, and how far they agree with a person."""

    def _repr_html_(self) -> str:
        """In a notebook: what came of the run, as a table."""
        test, gain = self.test, self.test.gain
        rows = [
            ("before", f"{test.base.accuracy:.1%}", test.base.ci95, "{:.1%}"),
            ("after", f"{test.final.accuracy:.1%}", test.final.ci95, "{:.1%}"),
            ("gain", f"{100 * gain.accuracy:+.1f} points", gain.ci95, "{:+.1%}"),
        ]
        shown = "".join(
            f'<tr><th scope="row">{row}</th><td>{value}</td>'
            f"<td>{form.format(low)} to {form.format(high)}</td></tr>"
            for row, value, (low, high), form in rows
        )
        adapter = self.model.adapter or "none: the model that it began with stays the best"
        return (
            f"<table><caption>{escape(one_line(f'{self.name}: {self.status}'))}, sealed test of "
            f'{test.final.n} questions</caption><thead><tr><th scope="col"></th>'
            f'<th scope="col">right</th><th scope="col">95% interval</th></tr></thead>'
            f"<tbody>{shown}</tbody></table>"
            f"<p>Adapter: <code>{escape(one_line(adapter))}</code></p>"
        )


def build_report(folder: RunFolder, config: RunConfig, state: State) -> Report:
    """The report of a finished run, from its files."""
    status = state["status"]
    assert status is not None  # the loop ends with one
    step_times = folder.step_times.read()
    best_round = state["best_round"]
    test, base, best = sealed(folder, "test", best_round)
    exams = exam_reports(test, base, best, in_domain=True)
    if config.out_of_domain:
        outside = exam_reports(*sealed(folder, "out-of-domain", best_round), in_domain=False)
        again = {exam.name for exam in config.twisted}
        exams += [exam for exam in outside if exam.exam not in again]
    if len(exams) == 1:
        exams = []
    rounds = [round_report(folder, index, step_times) for index in folder.rounds()]
    return Report(
        name=folder.name,
        status=status,
        strategy=config.strategy,
        target_accuracy=config.stop.target_accuracy,
        patience=config.stop.patience,
        hours=config.stop.hours,
        best_round=best_round,
        rounds=tuple(rounds),
        test=report_of_test(folder.questions("practice"), test, base, best),
        exams=tuple(exams),
        in_domain=averages([exam for exam in exams if exam.in_domain]),
        out_of_domain=averages([exam for exam in exams if not exam.in_domain]),
        overall=averages(exams),
        model=ModelReport(
            base=config.student.model,
            adapter=str((folder.round(best_round) / "adapter").resolve())
            if best_round
            else config.student.adapter,
            system=config.student.system,
            quantize=config.student.quantize,
            exams=tuple(exam_to_repeat(exam, config, folder) for exam in config.exam),
        ),
        seconds=round(sum(sum(r.seconds.values()) for r in rounds), 1),
        cost=cost_of(folder, config),
        twisted=tuple(twist_report(folder, exam, best_round) for exam in config.twisted),
        readings=read_readings(folder),
        corrected=tally(one.set for one in folder.corrected()),
        judges=judges_of(folder),
    )


def report_of_test(
    practice: Sequence[Question],
    questions: Sequence[Question],
    base: Sequence[Attempt],
    best: Sequence[Attempt],
) -> TestReport:
    shared = {question.id for _, question in shared_stories(practice, questions)}
    before, after = (
        [attempt for attempt in attempts if attempt.question_id not in shared]
        for attempts in (base, best)
    )
    apart = None
    if shared and after:
        apart = Apart(
            n=len(after),
            base=fmean(attempt.correct for attempt in before),
            final=fmean(attempt.correct for attempt in after),
            gain=gain_of(questions, before, after),
        )
    return TestReport(
        base=accuracy(questions, base),
        final=accuracy(questions, best),
        gain=gain_of(questions, base, best),
        shared=len(shared),
        apart=apart,
    )


def exam_to_repeat(exam: ExamSettings, config: RunConfig, folder: RunFolder) -> str:
    """The exam as `errata exam` takes it: the run's own copy of its questions, where only the
    configuration says how they are answered."""
    if isinstance(exam, FileExam) and exam.answer is not None and len(config.exam) == 1:
        return str(folder.exam("test").resolve())
    return exam_argument(exam)


def twist_report(folder: RunFolder, exam: TwistedExam, best_round: int) -> TwistReport:
    """The questions that count plain as well as twisted, each model's two answers side by side."""
    questions, *plain = sealed(folder, "test", best_round)
    _, *outside = sealed(folder, "out-of-domain", best_round)
    models: list[Literal["base", "best"]] = ["base", "best"] if best_round else ["base"]
    falls = []
    for model, before, after in zip(models, plain, outside, strict=False):
        own = {twisted_id(exam.name, question.id): question.id for question in questions}
        moved = [
            attempt.model_copy(update={"question_id": own[attempt.question_id]})
            for attempt in after
            if attempt.question_id in own
        ]
        asked = {attempt.question_id for attempt in moved}
        paired = [attempt for attempt in before if attempt.question_id in asked]
        falls.append(
            Fall(
                model=model,
                plain=fmean(attempt.correct for attempt in paired),
                twisted=fmean(attempt.correct for attempt in moved),
                difference=gain_of(questions, paired, moved),
            )
        )
    return TwistReport(exam=exam.name, twist=exam.twist, n=len(moved), falls=tuple(falls))


def sealed(
    folder: RunFolder, exam: str, best_round: int
) -> tuple[list[Question], list[Attempt], list[Attempt]]:
    """The questions of a sealed exam, and what the base and the best model answered."""
    base = folder.attempts(folder.final_exam(exam, "base"))
    best = folder.attempts(folder.final_exam(exam, "best")) if best_round else base
    return folder.questions(exam), base, best


def gain_of(
    questions: Sequence[Question], base: Sequence[Attempt], best: Sequence[Attempt]
) -> Gain:
    gain, ci95 = paired_gain(base, best, groups_of(questions))
    return Gain(accuracy=gain, ci95=ci95)


def exam_reports(
    questions: Sequence[Question],
    base: Sequence[Attempt],
    best: Sequence[Attempt],
    in_domain: bool,
) -> list[ExamReport]:
    reports = []
    for name in dict.fromkeys(question.exam or "" for question in questions):
        ids = {question.id for question in questions if (question.exam or "") == name}
        before = [attempt for attempt in base if attempt.question_id in ids]
        after = [attempt for attempt in best if attempt.question_id in ids]
        reports.append(
            ExamReport(
                exam=name,
                in_domain=in_domain,
                n=len(ids),
                base=sum(attempt.correct for attempt in before) / len(ids),
                final=sum(attempt.correct for attempt in after) / len(ids),
                gain=gain_of(questions, before, after),
            )
        )
    return reports


def averages(exams: Sequence[ExamReport]) -> Averages | None:
    if not exams:
        return None
    return Averages(base=fmean(e.base for e in exams), final=fmean(e.final for e in exams))


def round_report(folder: RunFolder, index: int, step_times: Sequence[StepTime]) -> RoundReport:
    seconds: dict[str, float] = defaultdict(float)
    for step in step_times:
        if step.round == index:
            seconds[step.step] += step.seconds
    here = folder.round(index)
    dev = None
    if (here / "dev.jsonl").exists():
        dev = accuracy(folder.questions("dev"), folder.attempts(here / "dev.jsonl"))
    promotion = None
    if folder.promotion(index).exists():
        promotion = read_record(folder.promotion(index), Promotion)
    planned = read_record(folder.plan(index), Plan) if folder.plan(index).exists() else None
    examples = folder.collected(index, "examples", Example)
    left_out = tally(one.reason for one in folder.collected(index, "left-out", Unusable))
    diagnoses = folder.collected(index, "diagnoses", DiagnosisLine)
    causes = tally(getattr(line.result, "cause", "(not diagnosed)") for line in diagnoses)
    results = [line.result for line in folder.collected(index, "refusals", RefusalLine)]
    rehearsed = folder.collected(index, "rehearsed", Attempt)
    return RoundReport(
        index=index,
        dev=dev,
        promoted=promotion is not None and promotion.promoted,
        promotion=promotion,
        plan=planned,
        mistakes=lines_of(here / "mistakes.jsonl"),
        picked=lines_of(here / "picked.jsonl"),
        solutions=lines_of(here / "solutions.jsonl"),
        left_out=left_out,
        causes=causes,
        examples=Written(
            written=len(examples) + sum(isinstance(r, Refusal) for r in results),
            accepted=len(examples),
            rejected=tally(r.reason for r in results if isinstance(r, Refusal)),
            unwritable=tally(r.reason for r in results if isinstance(r, Unusable)),
        ),
        rehearsed=(sum(a.correct for a in rehearsed), len(rehearsed)) if rehearsed else None,
        rows=tally(row.made_by for row in folder.collected(index, "training", Row)),
        shaped_out=tally(one.reason for one in folder.collected(index, "shaped", Unusable)),
        seconds={step: round(taken, 2) for step, taken in seconds.items()},
        reviewed=reviewed(folder, index),
    )


def reviewed(folder: RunFolder, index: int) -> ReviewCounts | None:
    """None where there is no review on record."""
    if not folder.review(index).exists():
        return None
    review = read_record(folder.review(index), Review)
    asked = {row.example_id for row in folder.collected(index, "proposed", Row)}
    said = tally(entry.verdict for entry in review.entries)
    edited, rejected = (said.get(verdict, 0) for verdict in ("edited", "rejected"))
    return ReviewCounts(
        by=review.by, accepted=len(asked) - edited - rejected, edited=edited, rejected=rejected
    )


def lines_of(path: Path) -> int | None:
    """None where there is no such file."""
    return path.read_bytes().count(b"\n") if path.exists() else None


def judges_of(folder: RunFolder) -> tuple[JudgeReport, ...]:
    path = folder.path / CALIBRATION
    return read_record(path, JudgesReport).judges if path.exists() else ()


def write_report(report: Report, folder: RunFolder) -> None:
    """Writes report.json."""
    write_record(folder.path / "report.json", report)
