"""The records of a run, joined by question, as the page reads them.

An index holds what every list and figure needs: ids, labels and verdicts as columns, and the
figures of report.json or of the functions that make it. Texts lie apart, in shards of some hundred
questions, examples or calls, and are read when they are looked at.
"""

from __future__ import annotations

import gc
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations
from typing import Any, Literal, TypeVar

from errata.agents.errors import RunError
from errata.agents.jsonl import read_record, so_far
from errata.agents.planner import Plan
from errata.agents.promotion import Promotion
from errata.agents.records import (
    Attempt,
    ChoiceAnswer,
    Diagnosis,
    DiagnosisLine,
    Example,
    Picked,
    Question,
    Record,
    Refusal,
    RefusalLine,
    Review,
    ReviewEntry,
    Row,
    Unusable,
)
from errata.agents.trainer import Trained
from errata.agents.variations.departures import Departures, departures
from errata.graph.comparing.flips import (
    Counts,
    counts,
    flip_of,
    gain_between,
    same_questions,
)
from errata.graph.costs import Cost, cost_of
from errata.graph.judging import told
from errata.graph.page.advice import next_step
from errata.graph.page.helped import Helped, helped
from errata.graph.page.looks import Look, looks
from errata.graph.provenance import Provenance
from errata.graph.report import Report, RoundReport, round_report
from errata.graph.run_folder import SEALED, RunFolder, gives_away, withheld
from errata.graph.trace import HIDDEN, blanked, last_training, read_trace

R = TypeVar("R", bound=Record)

PER_SHARD = 400
"""Questions, examples or calls whose texts are read together."""
MOST_DEPARTURES = 20_000
"""Answers whose equations are read; they take about 0.2 ms each."""

Access = Literal["open", "click", "sealed"]
"""Of the texts of a set: `open`; `click`, on purpose; `sealed`, on purpose and written down."""
SETS: dict[str, Access] = {
    "practice": "open",
    "dev": "click",
    "guard": "click",
    "test": "sealed",
    "out-of-domain": "sealed",
}


class Pair(Record):
    """Two models' answers to the same questions."""

    first: str
    """Model, by its round; of two runs `RUN/ROUND`, counted from 0."""
    second: str
    counts: Counts
    gain: float
    """Paired, second minus first."""
    ci95: tuple[float, float]
    p: float


class SetIndex(Record):
    """One set of questions; each column has an entry for each of them."""

    name: str
    access: Access
    there: bool
    """Whether its texts are in the file; with --serve they can be had in any case."""
    ids: tuple[str, ...]
    kinds: tuple[int, ...]
    """Place in the run's `kinds`."""
    exams: tuple[int, ...]
    """Place in the run's `exams`."""
    causes: tuple[tuple[int, ...], ...]
    """Places in the run's `causes`, of all its diagnoses; empty where nothing was diagnosed."""
    verdicts: Mapping[str, str]
    """Round of a model → a character a question: 1 right, 0 wrong, - not answered."""
    pairs: tuple[Pair, ...]


class ExampleIndex(Record):
    """Drafts, accepted and refused, and requests that brought none; a column each."""

    ids: tuple[str, ...]
    """Empty of what was not accepted."""
    rounds: tuple[int, ...]
    causes: tuple[int, ...]
    """Place in the run's `causes`; -1 where it is not known."""
    questions: tuple[int, ...]
    """Place in the practice set; -1 where it is not known."""
    fates: tuple[int, ...]
    """-1 accepted; else a place in `reasons`."""
    trained: tuple[bool, ...]
    """Whether some row of its own round's training was made from it."""
    alike: tuple[int, ...]
    """The same number: the same words, whatever the numbers in them."""
    reviewed: tuple[str, ...]
    """A person's last word: accepted, edited, rejected; empty where no review names it."""
    reasons: tuple[str, ...]
    held_out: tuple[bool, ...]
    """For each of the reasons: whether the draft was too near to a held-out question."""


class CallIndex(Record):
    """Calls to LLMs, a column each."""

    agents: tuple[str, ...]
    models: tuple[str, ...]
    rounds: tuple[int, ...]
    sources: tuple[str, ...]
    questions: tuple[tuple[int, ...], ...]
    """Places in the practice set of those that the call was about."""
    tries: tuple[int, ...]
    """1 for the first call about its source in its round, 2 for a repair …"""
    failed: tuple[bool, ...]
    """The reply could not be used."""
    cached: tuple[bool, ...]
    tokens_in: tuple[int | None, ...]
    tokens_out: tuple[int | None, ...]
    seconds: tuple[float, ...]


class Training(Record):
    """One round's training, as far as it came."""

    round: int
    plan: Plan | None
    trained: Trained | None
    rows: int
    steps: tuple[tuple[int, float], ...]
    """(step, loss)."""
    rates: tuple[tuple[int, float], ...]
    """(step, learning rate), where the trainer told it."""
    of: int | None
    """Steps that there are to be."""


class RunIndex(Record):
    """All of a run but its texts."""

    name: str
    model: str
    strategy: str
    versions: Mapping[str, str]
    seal: str | None
    report: Report | None
    """None of a run that is not finished."""
    rounds: tuple[RoundReport, ...]
    under_way: str | None
    """The step that has begun and not ended."""
    next_step: str | None
    cost: Cost | None
    judges: tuple[str, ...]
    """What is said of the LLMs that judged answers; empty where a program marks."""
    looks: tuple[Look, ...]
    kinds: tuple[str, ...]
    exams: tuple[str, ...]
    causes: tuple[str, ...]
    sets: tuple[SetIndex, ...]
    examples: ExampleIndex
    calls: CallIndex
    training: tuple[Training, ...]
    helped: tuple[Helped, ...]
    departures: Mapping[str, Departures]
    """Round of a model → how its wrong answers to practice come about; empty where solutions have
    no equations, or there are too many answers."""
    per_shard: int = PER_SHARD


class Page(Record):
    """What the page is made of: one run, or two."""

    format: int = 1
    runs: tuple[RunIndex, ...]
    same: Mapping[str, tuple[int, ...]]
    """Of two runs: set → the place in the second run of each question of the first, -1 of none."""
    between: Mapping[str, tuple[Pair, ...]]
    """Of two runs: set → pairs of a model of each."""
    served: bool = False


class Said(Record):
    """One model's answer."""

    response: str
    answer: str | None
    why: str
    correct: bool
    tokens: int
    truncated: bool


class Near(Record):
    question_id: str
    similarity: float


class Named(Record):
    """A diagnosis."""

    cause: str
    explanation: str
    missing_skill: str
    advice: str


class Reviewed(Record):
    """What a person said of an example, in a round that waited for it."""

    round: int
    by: str
    verdict: str
    note: str
    before: Mapping[str, str]
    """The texts that were edited, by name: `prompt`, `completion`, `target`."""
    after: Mapping[str, str]


class Life(Record):
    """What one round made of a practice question."""

    round: int
    mistake: bool = False
    contrast: tuple[Near, ...] = ()
    diagnoses: tuple[Named, ...] = ()
    undiagnosed: tuple[str, ...] = ()
    """Why no diagnosis came."""
    picked: bool = False
    solution: bool = False
    """Its own solution is trained on."""
    solution_reviews: tuple[Reviewed, ...] = ()
    left_out: tuple[str, ...] = ()
    """Why its solution is not."""
    written: tuple[int, ...] = ()
    """Places among the examples, refused ones too."""
    rows: int = 0
    """Of the training that go back to it."""


class QuestionTexts(Record):
    before: tuple[tuple[str, str], ...]
    """(role, text) of the messages before the prompt."""
    prompt: str
    target: str
    solution: str | None
    options: Mapping[str, str]
    said: Mapping[str, Said]
    """By the model's round."""
    life: tuple[Life, ...]


class Made(Record):
    """Training rows of one example in one round."""

    round: int
    by: str
    """`example`: word for word; else the shaper that made them."""
    rows: int


class ExampleTexts(Record):
    prompt: str
    completion: str
    target: str
    detail: str
    votes: tuple[int, int] | None
    reviews: tuple[Reviewed, ...] = ()
    """In the order of their rounds; the texts above are those before any of them."""
    rows: tuple[Made, ...] = ()
    """That were trained on, those of later rounds' replay too."""


class CallTexts(Record):
    messages: tuple[tuple[str, str], ...]
    reply: str
    thinking: str
    error: str | None


class Shard(Record):
    """Texts of one kind, in their order."""

    texts: tuple[QuestionTexts | ExampleTexts | CallTexts, ...]


@dataclass
class Gathered:
    """A run's index, and its texts by name."""

    index: RunIndex
    texts: Mapping[str, Sequence[QuestionTexts | ExampleTexts | CallTexts]]
    """`practice`, `dev` …, `examples`, `calls`."""
    sets: Mapping[str, Sat]
    """As they were read."""


class Labels:
    """Texts by their place, in order of appearance."""

    def __init__(self) -> None:
        self.places: dict[str, int] = {}

    def place(self, text: str) -> int:
        return self.places.setdefault(text, len(self.places))

    @property
    def texts(self) -> tuple[str, ...]:
        return tuple(self.places)


@dataclass
class Sat:
    """A set of questions and the answers of each model that was asked it."""

    questions: Sequence[Question]
    said: dict[int, dict[str, Attempt]] = field(default_factory=dict)
    """Round → question id → answer."""

    def right(self, index: int) -> dict[str, bool]:
        return {id: attempt.correct for id, attempt in self.said.get(index, {}).items()}


class Reader:
    """The records of a run, as far as they are written. Reading changes nothing in the folder."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.rounds = folder.rounds()
        path = folder.path / "report.json"
        self.report = read_record(path, Report) if path.exists() else None
        self.not_counted = {line.question_id for line in folder.not_counted.read()}
        promotions = {
            index: read_record(folder.promotion(index), Promotion)
            for index in self.rounds
            if folder.promotion(index).exists()
        }
        self.promoted = [index for index, found in promotions.items() if found.promoted]
        trace = folder.path / "trace.jsonl"
        self.events = read_trace(trace) if trace.exists() else []
        self.sets = {name: self.sat(name) for name in SETS}

    def of_round(self, index: int, name: str, of: type[R]) -> list[R]:
        return so_far(self.folder.round(index) / f"{name}.jsonl", of)

    def started_from(self, index: int) -> int:
        """Round of the best model before a round."""
        return max((at for at in self.promoted if at < index), default=0)

    def sat(self, name: str) -> Sat:
        questions = so_far(self.folder.exam(name), Question)
        found = Sat([q for q in questions if q.id not in self.not_counted])
        if name in SEALED:
            best = self.report.best_round if self.report else max(self.promoted, default=0)
            files = {0: self.folder.final_exam(name, "base")}
            if best:
                files[best] = self.folder.final_exam(name, "best")
        else:
            files = {at: self.folder.round(at) / f"{name}.jsonl" for at in self.rounds}
        asked = {question.id for question in found.questions}
        for at, path in files.items():
            first: dict[str, Attempt] = {}
            for attempt in so_far(path, Attempt):
                if attempt.question_id in asked:
                    first.setdefault(attempt.question_id, attempt)
            if first:
                found.said[at] = first
        return found

    @property
    def under_way(self) -> str | None:
        steps = [e for e in self.events if e["event"] in ("step started", "step finished")]
        return steps[-1]["step"] if steps and steps[-1]["event"] == "step started" else None

    def review(self, index: int) -> Review | None:
        path = self.folder.review(index)
        return read_record(path, Review) if path.exists() else None


def gather(folder: RunFolder) -> Gathered:
    """What the page shows of a run; of an unfinished one, as far as it came.

    Raises:
        RunError: Its records cannot be read.
    """
    try:
        return Joined(Reader(folder)).gathered()
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"the run {folder.path} cannot be shown ({type(error).__name__}: {error}): its "
            f"trace.jsonl was changed, or a file is missing; `errata audit {folder.name}` says more"
        ) from None


class Joined:
    """The records of a run, joined by question."""

    def __init__(self, read: Reader) -> None:
        self.read = read
        self.kinds, self.exams, self.causes = Labels(), Labels(), Labels()
        practice = read.sets["practice"].questions
        self.place = {question.id: at for at, question in enumerate(practice)}
        self.life: dict[tuple[int, str], dict[str, Any]] = {}
        """(round, question id) → fields of `Life`."""
        self.sources: dict[int, dict[str, tuple[str, str | None]]] = {}
        """Round → what `diagnosed` finds."""
        self.caused: dict[str, dict[int, None]] = {}
        """Question id → places of its causes."""
        self.helped: list[Helped] = []
        self.reviews: dict[str, list[tuple[int, str, ReviewEntry]]] = {}
        """Example id → (round, by whom, what was said of it)."""
        for index in read.rounds:
            if review := read.review(index):
                for entry in review.entries:
                    said = (index, review.by, entry)
                    self.reviews.setdefault(entry.example_id, []).append(said)
        self.examples, self.example_texts = self.all_examples()
        self.calls, self.call_texts = self.all_calls()

    def gathered(self) -> Gathered:
        read, report = self.read, self.read.report
        provenance = read_record(read.folder.path / "config.json", Provenance)
        config = provenance.config_on_record
        times = read.folder.step_times.read()
        rounds = (
            report.rounds
            if report
            else tuple(round_report(read.folder, index, times) for index in read.rounds)
        )
        sets = tuple(self.set_index(name) for name, sat in read.sets.items() if sat.questions)
        seal = read.folder.manifest.sealing()
        index = RunIndex(
            name=read.folder.name,
            model=config.student.model,
            strategy=config.strategy,
            versions=provenance.versions,
            seal=seal.short if seal else None,
            report=report,
            rounds=rounds,
            under_way=None if report else read.under_way,
            next_step=next_step(report, p_of_test(sets)) if report else None,
            judges=tuple(line for judge in report.judges for line in told(judge)) if report else (),
            cost=report.cost if report else cost_of(read.folder, config),
            looks=tuple(looks(read.folder)),
            kinds=self.kinds.texts,
            exams=self.exams.texts,
            causes=self.causes.texts,
            sets=sets,
            examples=self.examples,
            calls=self.calls,
            training=tuple(self.training(at) for at in read.rounds if at),
            helped=tuple(self.helped),
            departures=self.departures(),
        )
        texts: dict[str, Any] = {
            name: Lazily(sat.questions, partial(self.question_texts, sat=sat))
            for name, sat in read.sets.items()
            if sat.questions
        }
        texts |= {"examples": self.example_texts, "calls": self.call_texts}
        return Gathered(index, texts, read.sets)

    def set_index(self, name: str) -> SetIndex:
        sat = self.read.sets[name]
        practice = name == "practice"
        verdicts = {
            str(at): "".join(
                "-" if q.id not in said else "1" if said[q.id].correct else "0"
                for q in sat.questions
            )
            for at, said in sat.said.items()
        }
        return SetIndex(
            name=name,
            access=SETS[name],
            there=SETS[name] != "sealed",
            ids=tuple(question.id for question in sat.questions),
            kinds=tuple(self.kinds.place(question.kind or "") for question in sat.questions),
            exams=tuple(self.exams.place(question.exam or "") for question in sat.questions),
            causes=tuple(
                tuple(self.caused.get(question.id, ())) if practice else ()
                for question in sat.questions
            ),
            verdicts=verdicts,
            pairs=tuple(
                pair
                for first, second in combinations(sorted(sat.said), 2)
                if (
                    pair := pair_of(
                        str(first),
                        str(second),
                        [(question, question) for question in sat.questions],
                        sat.said[first],
                        sat.said[second],
                    )
                )
            ),
        )

    def of_life(self, index: int, question_id: str) -> dict[str, Any]:
        return self.life.setdefault((index, question_id), {"round": index})

    def all_examples(self) -> tuple[ExampleIndex, list[ExampleTexts]]:
        """The examples of all rounds; fills `life`, `caused` and `helped` on the way."""
        columns: dict[str, list[Any]] = {
            name: [] for name in ExampleIndex.model_fields if name not in ("reasons", "held_out")
        }
        texts: list[ExampleTexts] = []
        reasons, alike = Labels(), Labels()
        near: set[str] = set()
        trained = {at: self.read.of_round(at, "training", Row) for at in self.read.rounds if at}
        made: dict[str, Counter[tuple[int, str]]] = {}
        for index, rows in trained.items():
            for row in rows:
                made.setdefault(row.example_id, Counter())[index, row.made_by] += 1

        def add(index: int, cause: str | None, question_id: str, prompt: str, **more: Any) -> None:
            at = len(texts)
            columns["rounds"].append(index)
            columns["causes"].append(-1 if cause is None else self.causes.place(cause))
            columns["questions"].append(self.place.get(question_id, -1))
            known = prompt not in ("", HIDDEN)
            columns["alike"].append(alike.place(words_of(prompt) if known else f"\0{at}"))
            reviews = more.get("reviews", ())
            columns["reviewed"].append(reviews[-1].verdict if reviews else "")
            for name in ("ids", "fates", "trained"):
                columns[name].append(more.pop(name))
            texts.append(ExampleTexts(prompt=prompt, **more))
            if question_id in self.place:
                life = self.of_life(index, question_id)
                life["written"] = (*life.get("written", ()), at)

        for index in self.read.rounds:
            if not index:
                continue
            sources = self.sources[index] = self.diagnosed(index)
            rows = trained[index]
            in_training = {row.example_id for row in rows}
            for row in rows:
                if row.question_id in self.place:
                    life = self.of_life(index, row.question_id)
                    life["rows"] = life.get("rows", 0) + 1
            written = self.read.of_round(index, "examples", Example)
            solutions = self.read.of_round(index, "solutions", Example)
            for example in written:
                add(
                    index,
                    example.cause,
                    example.question_id,
                    example.prompt,
                    ids=example.id,
                    fates=-1,
                    trained=example.id in in_training,
                    completion=example.completion,
                    target=example.target,
                    detail="",
                    votes=example.votes,
                    reviews=self.reviews_of(example),
                    rows=tuple(
                        Made(round=at, by=by, rows=n)
                        for (at, by), n in made.get(example.id, {}).items()
                    ),
                )
            for line in self.read.of_round(index, "refusals", RefusalLine):
                refused = withheld(line.result) if isinstance(line.result, Refusal) else line.result
                draft = refused.draft if isinstance(refused, Refusal) else None
                if gives_away(line.result):
                    near.add(refused.reason)
                source = draft.diagnosis_id if draft else getattr(refused, "source_id", "")
                question_id, cause = sources.get(source, ("", None))
                add(
                    index,
                    cause,
                    question_id,
                    draft.prompt if draft else "",
                    ids="",
                    fates=reasons.place(refused.reason),
                    trained=False,
                    completion=draft.completion if draft else "",
                    target=draft.target if draft else "",
                    detail=refused.detail if isinstance(refused, Refusal) else "",
                    votes=None,
                )
            for solution in solutions:
                life = self.of_life(index, solution.question_id)
                life["solution"] = True
                life["solution_reviews"] = self.reviews_of(solution)
            for left_out in self.read.of_round(index, "left-out", Unusable):
                life = self.of_life(index, left_out.source_id)
                life["left_out"] = (*life.get("left_out", ()), left_out.reason)
            practice = self.read.sets["practice"]
            start = self.read.started_from(index)
            if written or solutions:
                self.helped.append(
                    helped(
                        index,
                        start,
                        practice.right(start),
                        practice.right(index),
                        [each for each in (*written, *solutions) if not self.rejected(each, index)],
                        self.read.folder.mistakes_so_far(index),
                    )
                )
        columns["reasons"] = list(reasons.texts)
        columns["held_out"] = [reason in near for reason in reasons.texts]
        return ExampleIndex.model_validate(columns), texts

    def rejected(self, example: Example, index: int) -> bool:
        """Whether a person took it out of a round's rows."""
        said = self.reviews.get(example.id, ())
        return any((at, entry.verdict) == (index, "rejected") for at, _, entry in said)

    def reviews_of(self, example: Example) -> tuple[Reviewed, ...]:
        texts = {name: getattr(example, name) for name in ("prompt", "completion", "target")}
        found = []
        for index, by, entry in self.reviews.get(example.id, ()):
            after = {
                name: said
                for name in texts
                if entry.verdict == "edited"
                and (said := getattr(entry, name)) not in (None, texts[name])
            }
            before = {name: texts[name] for name in after}
            told = {"verdict": entry.verdict, "note": entry.note}
            found.append(Reviewed(round=index, by=by, before=before, after=after, **told))
            texts |= after
        return tuple(found)

    def diagnosed(self, index: int) -> dict[str, tuple[str, str | None]]:
        """What a round's mistakes were found to be; id of a mistake, diagnosis or picked question
        → (question id, cause)."""
        sources: dict[str, tuple[str, str | None]] = {}
        for mistake in self.read.folder.mistakes_so_far(index):
            sources[mistake.id] = (mistake.question.id, None)
            life = self.of_life(index, mistake.question.id)
            life["mistake"] = True
            life["contrast"] = life.get("contrast") or tuple(
                Near(question_id=solved.question.id, similarity=solved.similarity)
                for solved in mistake.contrast
            )
        for line in self.read.of_round(index, "diagnoses", DiagnosisLine):
            found = line.result
            if isinstance(found, Diagnosis):
                sources[found.id] = (found.question_id, found.cause)
                sources[found.mistake_id] = (found.question_id, found.cause)
                self.caused.setdefault(found.question_id, {})[self.causes.place(found.cause)] = None
                life = self.of_life(index, found.question_id)
                named = Named.model_validate(found.model_dump(include=set(Named.model_fields)))
                life["diagnoses"] = (*life.get("diagnoses", ()), named)
            elif found.source_id in sources:
                life = self.of_life(index, sources[found.source_id][0])
                life["undiagnosed"] = (*life.get("undiagnosed", ()), found.reason)
        for picked in self.read.of_round(index, "picked", Picked):
            sources[picked.id] = (picked.question.id, picked.cause)
            self.of_life(index, picked.question.id)["picked"] = True
        return sources

    def question_texts(self, question: Question, sat: Sat) -> QuestionTexts:
        options = question.answer.options if isinstance(question.answer, ChoiceAnswer) else {}
        return QuestionTexts(
            before=question.before,
            prompt=question.prompt,
            target=question.target,
            solution=question.solution,
            options=options,
            said={
                str(at): Said.model_validate(
                    said[question.id].model_dump(include=set(Said.model_fields))
                )
                for at, said in sat.said.items()
                if question.id in said
            },
            life=tuple(
                Life(**self.life[at, question.id])
                for at in self.read.rounds
                if sat is self.read.sets["practice"] and (at, question.id) in self.life
            ),
        )

    def all_calls(self) -> tuple[CallIndex, list[CallTexts]]:
        columns: dict[str, list[Any]] = {name: [] for name in CallIndex.model_fields}
        texts: list[CallTexts] = []
        tried: dict[tuple[str, int, str], int] = {}
        held_out: dict[int, set[str]] = {}
        for event in self.read.events:
            if event["event"] != "llm call":
                continue
            index = event["round"]
            if index not in held_out:
                held_out[index] = self.read.folder.held_out_sources(index)
            event = blanked(event, held_out[index])
            agent = str(event["agent"]).replace("_", " ")
            source = (agent, event["round"], event["source_id"])
            tried[source] = tried.get(source, 0) + 1
            row = {
                "agents": agent,
                "models": event["model"],
                "rounds": event["round"],
                "sources": event["source_id"],
                "questions": self.asked_about(event["round"], event["source_id"]),
                "tries": tried[source],
                "failed": event["error"] is not None,
                "cached": event.get("cached", False),
                "tokens_in": event["tokens_in"],
                "tokens_out": event["tokens_out"],
                "seconds": event["seconds"],
            }
            for name, value in row.items():
                columns[name].append(value)
            texts.append(
                CallTexts(
                    messages=event["messages"],
                    reply=event["reply"],
                    thinking=event.get("thinking", ""),
                    error=event["error"],
                )
            )
        return CallIndex.model_validate(columns), texts

    def asked_about(self, index: int, source_id: str) -> tuple[int, ...]:
        """Places of the practice questions whose mistakes, diagnoses or answers a call names."""
        known = self.sources.get(index, {})
        names = (known.get(source, (source,))[0] for source in source_id.split())
        return tuple(dict.fromkeys(self.place[name] for name in names if name in self.place))

    def training(self, index: int) -> Training:
        folder, here = self.read.folder, self.read.folder.round(index)
        steps = last_training(
            [e for e in self.read.events if e["event"] == "step" and e["round"] == index]
        )
        trained = here / "trained.json"
        return Training(
            round=index,
            plan=read_record(folder.plan(index), Plan) if folder.plan(index).exists() else None,
            trained=read_record(trained, Trained) if trained.exists() else None,
            rows=len(self.read.of_round(index, "training", Row)),
            steps=tuple((step["step"], step["loss"]) for step in steps),
            rates=tuple(
                (step["step"], step["learning_rate"]) for step in steps if "learning_rate" in step
            ),
            of=steps[-1]["steps"] if steps else None,
        )

    def departures(self) -> dict[str, Departures]:
        practice = self.read.sets["practice"]
        questions = {question.id: question for question in practice.questions}
        if len(questions) * len(practice.said) > MOST_DEPARTURES:
            return {}
        found = {
            str(at): departures((questions[id], attempt) for id, attempt in said.items())
            for at, said in practice.said.items()
        }
        return {at: one for at, one in found.items() if one}


def p_of_test(sets: Sequence[SetIndex]) -> float | None:
    """Of the sealed test, base and best model; None where the base stayed the best."""
    return next((pair.p for found in sets if found.name == "test" for pair in found.pairs), None)


class Lazily(Sequence[Any]):
    """Items made of others when they are asked for."""

    def __init__(self, items: Sequence[Any], make: Callable[[Any], Any]) -> None:
        self.items, self.make = items, make

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, at: Any) -> Any:
        return [self.make(item) for item in self.items[at]]


def pair_of(
    first_name: str,
    second_name: str,
    questions: Sequence[tuple[Question, Question]],
    first: Mapping[str, Attempt],
    second: Mapping[str, Attempt],
) -> Pair | None:
    """None where no question was answered by both."""
    counted = [(a, b) for a, b in questions if a.id in first and b.id in second]
    if not counted:
        return None
    gain = gain_between(counted, first, second)
    return Pair(
        first=first_name,
        second=second_name,
        counts=counts([flip_of(a, b, first[a.id], second[b.id], False) for a, b in counted]),
        gain=gain.value,
        ci95=gain.ci95,
        p=gain.p,
    )


def words_of(prompt: str) -> str:
    """A prompt without what its numbers are."""
    return re.sub(r"\d+(?:[.,]\d+)*", "#", " ".join(prompt.casefold().split()))


@contextmanager
def records_kept() -> Iterator[None]:
    """Without Python's search for circles among what is held: records form none, and each search
    goes through all of them, which takes as long as all else together where a run is large."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


@records_kept()
def page_of(folders: Sequence[RunFolder]) -> tuple[Page, list[Gathered]]:
    """The page of one run or of two.

    Raises:
        RunError: The records of one cannot be read, or two have no set of questions in common.
    """
    runs = [gather(folder) for folder in folders]
    same: dict[str, tuple[int, ...]] = {}
    between: dict[str, tuple[Pair, ...]] = {}
    if len(folders) == 2:
        for name in SETS:
            both = (folders[0], folders[1])
            found = beside(runs[0].sets[name], runs[1].sets[name], both, name)
            if found is not None:
                same[name], between[name] = found
        if not same:
            raise RunError(
                f"{folders[0].path} and {folders[1].path} have no set of questions in common: "
                "compare runs of the same exam, divided in the same way"
            )
    return Page(runs=tuple(run.index for run in runs), same=same, between=between), runs


def beside(
    ours: Sat, theirs: Sat, folders: tuple[RunFolder, RunFolder], name: str
) -> tuple[tuple[int, ...], tuple[Pair, ...]] | None:
    """One set of two runs; None where they do not have it in common."""
    if not ours.questions or not theirs.questions:
        return None
    try:
        paths = (folders[0].path, folders[1].path)
        pairs = same_questions(ours.questions, theirs.questions, paths, name)
    except RunError:
        return None
    place = {question.id: at for at, question in enumerate(theirs.questions)}
    other = {a.id: place[b.id] for a, b in pairs}
    found = [
        pair_of(f"0/{a}", f"1/{b}", pairs, ours.said[a], theirs.said[b])
        for a in sorted(ours.said)
        for b in sorted(theirs.said)
    ]
    places = tuple(other.get(question.id, -1) for question in ours.questions)
    return places, tuple(pair for pair in found if pair)
