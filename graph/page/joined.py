"""The records of a run, joined by question."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import Any

from errata.agents.jsonl import read_record
from errata.agents.planner import Plan
from errata.agents.records import (
    ChoiceAnswer,
    Diagnosis,
    DiagnosisLine,
    Example,
    JudgedAnswer,
    Picked,
    Question,
    Refusal,
    RefusalLine,
    ReviewEntry,
    Row,
    Unusable,
)
from errata.agents.trainer import Trained
from errata.agents.variations.departures import Departures, departures
from errata.graph.costs import cost_of
from errata.graph.page.advice import caveats, next_step, outcome_of
from errata.graph.page.helped import Helped, helped
from errata.graph.page.looks import looks
from errata.graph.page.pairs import pair_of
from errata.graph.page.reader import Reader, Sat
from errata.graph.page.records import (
    SETS,
    CallIndex,
    CallTexts,
    ExampleIndex,
    ExampleTexts,
    Life,
    Made,
    Named,
    Near,
    Proposed,
    QuestionTexts,
    Reviewed,
    RunIndex,
    Said,
    SetIndex,
    Training,
)
from errata.graph.provenance import Provenance
from errata.graph.report import round_report
from errata.graph.review import check_fits, is_solution, known_examples, proposed, read_review
from errata.graph.run_folder import gives_away, withheld
from errata.graph.trace import HIDDEN, blanked, failure_of, last_training, step_under_way

MOST_DEPARTURES = 20_000
"""Answers whose equations are read; they take about 0.2 ms each."""


@dataclass
class Gathered:
    """A run's index, and its texts by name."""

    index: RunIndex
    texts: Mapping[str, Sequence[QuestionTexts | ExampleTexts | CallTexts]]
    """`practice`, `dev` …, `examples`, `calls`."""
    sets: Mapping[str, Sat]
    """As they were read."""


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
        self.stands = read.folder.stands(read.events)
        self.made: dict[str, Counter[tuple[int, str]]] = {}
        """Example id → (round, what made them) → rows that were trained on."""
        self.examples, self.example_texts = self.all_examples()
        self.calls, self.call_texts = self.all_calls()
        self.proposed, self.proposed_texts = self.all_proposed()

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
        p = p_of_test(sets)
        watched = any(found.name in ("guard", "out-of-domain") for found in sets)
        index = RunIndex(
            name=read.folder.name,
            model=config.student.model,
            strategy=config.strategy,
            versions=provenance.versions,
            seal=seal.short if seal else None,
            report=report,
            rounds=rounds,
            target_accuracy=config.stop.target_accuracy,
            system=config.student.system,
            stands=self.stands,
            under_way=None if report else step_under_way(read.events),
            failure=None if report else failure_of(read.events),
            outcome=outcome_of(report, p) if report else None,
            caveats=caveats(report, p, watched) if report else (),
            next_step=next_step(report, p) if report else None,
            cost=report.cost if report else cost_of(read.folder, config),
            looks=tuple(looks(read.folder)),
            kinds=self.kinds.texts,
            exams=self.exams.texts,
            causes=self.causes.texts,
            sets=sets,
            examples=self.examples,
            calls=self.calls,
            proposed=self.proposed,
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
        texts["proposed"] = self.proposed_texts
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
        for index, rows in trained.items():
            count_made(rows, index, self.made)

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
                    before=example.before,
                    completion=example.completion,
                    target=example.target,
                    detail="",
                    votes=example.votes,
                    reviews=self.reviews_of(example),
                    rows=made_of(example.id, self.made),
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

    def all_proposed(self) -> tuple[Proposed | None, list[ExampleTexts]]:
        """What a person is asked about, and what was said of it in a review that is begun."""
        folder, index = self.read.folder, max(self.read.rounds, default=0)
        if self.stands != "waits for your review":
            return None, []
        made: dict[str, Counter[tuple[int, str]]] = {}
        count_made(proposed(folder, index), index, made)
        known = known_examples(folder, index)
        said: dict[str, ReviewEntry] = {}
        file = by = ""
        if self.read.begun is not None and self.read.begun.exists():
            review, file = read_review(self.read.begun), str(self.read.begun)
            check_fits(review, folder, index)
            by, said = review.by, {entry.example_id: entry for entry in review.entries}
        for id, entry in said.items():
            self.reviews.setdefault(id, []).append((index, by, entry))
        asked = [known[id] for id in made]
        columns = Proposed(
            round=index,
            file=file,
            by=by,
            ids=tuple(made),
            questions=tuple(self.place.get(each.question_id, -1) for each in asked),
            solutions=tuple(is_solution(each) for each in asked),
            verdicts=tuple(said[id].verdict if id in said else "" for id in made),
        )
        texts = [
            ExampleTexts(
                before=each.before,
                prompt=each.prompt,
                completion=each.completion,
                target=each.target,
                detail="",
                votes=each.votes,
                reviews=self.reviews_of(each, since=index),
                rows=made_of(each.id, made),
            )
            for each in asked
        ]
        return columns, texts

    def rejected(self, example: Example, index: int) -> bool:
        """Whether a person took it out of a round's rows."""
        said = self.reviews.get(example.id, ())
        return any((at, entry.verdict) == (index, "rejected") for at, _, entry in said)

    def reviews_of(self, example: Example, since: int = 0) -> tuple[Reviewed, ...]:
        """What was said of an example that is as the round `since` found it."""
        texts = {name: getattr(example, name) for name in ("prompt", "completion", "target")}
        found = []
        for index, by, entry in self.reviews.get(example.id, ()):
            if index < since:
                continue
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
            judged=isinstance(question.answer, JudgedAnswer),
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


def count_made(rows: Iterable[Row], index: int, made: dict[str, Counter[tuple[int, str]]]) -> None:
    """Adds a round's rows to `made`, as `Joined.made` is."""
    for row in rows:
        made.setdefault(row.example_id, Counter())[index, row.made_by] += 1


def made_of(id: str, made: Mapping[str, Counter[tuple[int, str]]]) -> tuple[Made, ...]:
    return tuple(Made(round=at, by=by, rows=n) for (at, by), n in made.get(id, {}).items())


class Labels:
    """Texts by their place, in order of appearance."""

    def __init__(self) -> None:
        self.places: dict[str, int] = {}

    def place(self, text: str) -> int:
        return self.places.setdefault(text, len(self.places))

    @property
    def texts(self) -> tuple[str, ...]:
        return tuple(self.places)


class Lazily(Sequence[Any]):
    """Items made of others when they are asked for."""

    def __init__(self, items: Sequence[Any], make: Callable[[Any], Any]) -> None:
        self.items, self.make = items, make

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, at: Any) -> Any:
        return [self.make(item) for item in self.items[at]]


def words_of(prompt: str) -> str:
    """A prompt without what its numbers are."""
    return re.sub(r"\d+(?:[.,]\d+)*", "#", " ".join(prompt.casefold().split()))
