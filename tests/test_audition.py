"""Several instructors teach the same mistakes: which one to take, and how sure that is."""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from doubles import Stopping
from hearing import Heard
from judging import exam_files, judged_toml, judging_mind
from screen import printed, words
from typer.testing import CliRunner

from errata.agents.chat_models.ledger import Budget
from errata.agents.errors import ConfigError, ErrataError, ExamError, RunError
from errata.agents.exams.arithmetic import KINDS
from errata.agents.exams.held_out import TOO_NEAR
from errata.agents.exams.several import load_exams
from errata.agents.jsonl import read_records
from errata.agents.records import (
    Attempt,
    Diagnosis,
    DiagnosisLine,
    Example,
    Mistake,
    ModelRef,
    Question,
    Response,
    Row,
)
from errata.agents.stratified import stratified
from errata.agents.testing.mistakes import attempt_at, missed
from errata.agents.testing.openai_server import OpenAIServer, error
from errata.agents.testing.tables import TableStudent, TableTrainer
from errata.agents.trainer import Trained
from errata.graph.cli import app
from errata.graph.comparing.audition import audition
from errata.graph.comparing.auditioned import Audition, Candidate, Teaching, build_audition
from errata.graph.config import RunConfig, load_config, parse_config
from errata.graph.costs import Cost, CostRow, Estimate, EstimateRow
from errata.graph.run_folder import RunFolder
from errata.graph.views.audition import print_audition

ALL = [kind.name for kind in KINDS]


def config(**changes: Any) -> RunConfig:
    given: dict[str, Any] = {
        "name": "c",
        "exam": {"name": "arithmetic", "practice": 36, "dev": 18, "test": 18},
    }
    return parse_config(given | changes, "test")


def tried(**instructors: Any) -> dict[str, Any]:
    return {"instructors": instructors}


WITH_STEPS = {"model": "variations", "small_steps": "always"}
WITHOUT = {"model": "variations", "small_steps": "never"}
NO_KEY = {"model": "openai:x", "api_key_env": "ERRATA_NO_SUCH_KEY"}


def trainer_for(settings: RunConfig) -> TableTrainer:
    kinds = {q.id: q.kind or "" for q in load_exams(settings.exam).practice}
    return TableTrainer(kinds, [ALL[:10]])


def as_table(found: Audition, folder: Path) -> str:
    return words(printed(lambda console: print_audition(found, console, folder), 120))


class Knowing(TableStudent):
    """Knows some kinds, and whatever begins with `A hen`."""

    def ask(
        self, model: ModelRef, questions: Sequence[Question], answered: frozenset[str]
    ) -> Iterator[Response]:
        by_id = {question.id: question for question in questions}
        for response in super().ask(model, questions, answered):
            question = by_id[response.question_id]
            if question.prompt.startswith("A hen "):
                response = response.model_copy(update={"text": question.solution})
            yield response


Finished = tuple[Audition, RunFolder, TableStudent, TableTrainer]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """Two that teach, with a training each, and one without a key."""
    runs = tmp_path_factory.mktemp("runs")
    settings = config(audition=tried(steps=WITH_STEPS, plain=WITHOUT, keyless=NO_KEY))
    student, trainer = TableStudent(ALL[:3]), trainer_for(settings)
    found = audition(
        settings, (), runs, mistakes=20, examples=2, train=True, student=student, trainer=trainer
    )
    return found, RunFolder(runs / "c.audition"), student, trainer


def of(folder: RunFolder, instructor: str, name: str, record: Any) -> list[Any]:
    return read_records(folder.path / "instructors" / instructor / "round-01" / name, record)


@pytest.mark.loop
def test_all_teach_the_same_mistakes_of_practice_each_kind_in_proportion(
    finished: Finished,
) -> None:
    _, folder, _, _ = finished
    chosen = read_records(folder.round(1) / "mistakes.jsonl", Mistake)
    practice = {q.id for q in read_records(folder.exam("practice"), Question)}
    assert len(chosen) == 20
    assert {mistake.question.id for mistake in chosen} <= practice
    kinds = Counter(mistake.question.kind for mistake in chosen)
    assert set(kinds) == set(ALL[3:])  # 15 kinds with 2 mistakes each
    assert set(kinds.values()) == {1, 2}
    for name in ("steps", "plain"):
        lines = of(folder, name, "diagnoses.jsonl", DiagnosisLine)
        named = {line.result.mistake_id for line in lines if isinstance(line.result, Diagnosis)}
        assert named == {mistake.id for mistake in chosen}


@pytest.mark.loop
def test_the_figures_of_an_instructor_are_those_of_its_records(finished: Finished) -> None:
    found, folder, _, _ = finished
    row = found.rows[0]
    examples = of(folder, "steps", "examples.jsonl", Example)
    answers = of(folder, "steps", "rehearsed.jsonl", Attempt)
    wrong = sum(not attempt.correct for attempt in answers)
    assert (row.instructor, row.model, row.status) == ("steps", "variations", "taught")
    assert (row.passed, row.asked, row.new) == (len(examples), len(answers), wrong)
    assert {attempt.question_id for attempt in answers} == {example.id for example in examples}
    assert row.drafts == row.passed + sum(row.refused.values())
    assert row.useful is not None
    assert row.useful.value == pytest.approx(wrong / (20 * 2))
    assert row.took.calls == row.took.tokens == row.took.money == 0


@pytest.mark.loop
def test_one_without_a_key_is_a_row_with_its_reason_and_the_others_go_on(
    finished: Finished,
) -> None:
    found, folder, _, _ = finished
    row = found.rows[2]
    assert (row.instructor, row.status, row.useful) == ("keyless", "stopped", None)
    assert "ERRATA_NO_SUCH_KEY" in row.why
    assert [row.status for row in found.rows[:2]] == ["taught", "taught"]
    assert "Not compared: keyless" in found.advice.why
    assert "ERRATA_NO_SUCH_KEY" in as_table(found, folder.path)


@pytest.mark.loop
def test_trainings_are_on_as_many_examples_as_the_fewest_and_begin_alike(
    finished: Finished,
) -> None:
    found, folder, _, trainer = finished
    passed = [row.passed for row in found.rows[:2]]
    jobs = {job.adapter.parents[2].name: job for job in trainer.jobs}
    assert set(jobs) == {"steps", "plain"}
    for name, job in jobs.items():
        rows = read_records(job.examples, Row)
        assert len(rows) == min(passed)
        written = {example.id for example in of(folder, name, "examples.jsonl", Example)}
        assert {row.example_id for row in rows} <= written
    assert jobs["steps"].settings == jobs["plain"].settings
    assert jobs["steps"].start == jobs["plain"].start


@pytest.mark.loop
def test_gains_are_paired_on_dev_against_the_base_and_between_instructors(
    finished: Finished,
) -> None:
    found, folder, _, _ = finished
    base = folder.attempts(folder.round(0) / "dev.jsonl")
    right = sum(attempt.correct for attempt in base)
    for row in found.rows[:2]:
        assert row.trained is not None
        assert row.trained.gain.value == pytest.approx((row.trained.dev.correct - right) / 18)
        assert row.trained.gain.value > 0.2
    [pair] = found.gains
    assert (pair.first, pair.second, pair.difference.value) == ("plain", "steps", 0)
    shown = as_table(found, folder.path)
    assert "cannot be told apart on 18 dev questions" in shown
    assert "one training with one seed" in shown


@pytest.mark.loop
def test_nobody_is_asked_a_question_of_the_sealed_test(finished: Finished) -> None:
    _, folder, student, _ = finished
    sealed = {q.id for q in read_records(folder.exam("test"), Question)}
    asked = {question for _, question in student.asked}
    assert asked & {q.id for q in read_records(folder.exam("dev"), Question)}
    assert not asked & sealed
    assert not (folder.path.parent / ".sealed.jsonl").exists()


@pytest.mark.loop
def test_a_finished_audition_asks_nobody_and_says_the_same_again(finished: Finished) -> None:
    found, folder, student, trainer = finished
    settings = config(audition=tried(steps=WITH_STEPS, plain=WITHOUT, keyless=NO_KEY))
    asked, jobs = len(student.asked), len(trainer.jobs)
    again = audition(
        settings,
        (),
        folder.path.parent,
        mistakes=20,
        examples=2,
        train=True,
        student=student,
        trainer=trainer,
    )
    assert again == found
    assert (len(student.asked), len(trainer.jobs)) == (asked, jobs)
    assert Audition.model_validate_json((folder.path / "audition.json").read_bytes()) == found


# With LLMs.

NUMBERS = itertools.count(10)


def teaching(wrong_each: int = 0, about: str = "cow") -> Callable[[dict[str, Any]], Any]:
    """A server that diagnoses, and writes examples that no request got before; every
    `wrong_each`-th adds up wrongly."""

    def reply(request: dict[str, Any]) -> str:
        if "missing_skill" in json.dumps(request["response_format"]):
            fields = ("explanation", "cause", "missing_skill", "advice")
            return json.dumps(dict.fromkeys(fields, "no equation"))
        drafts = []
        for _ in range(8):
            n = next(NUMBERS)
            total = n + 7 + (wrong_each > 0 and n % wrong_each == 0)
            text = f"A {about} eats {n} leaves, then 7 of tree {n}. How many leaves?"
            completion = f"{n} + 7 = {total}\n#### {total}"
            drafts.append({"prompt": text, "completion": completion, "target": str(total)})
        return json.dumps({"examples": drafts})

    return reply


def llm_at(server: OpenAIServer, **keys: Any) -> dict[str, Any]:
    return {"model": "openai:scripted", "base_url": server.base_url} | keys


PRICES = {"input": 100.0, "output": 100.0, "currency": "EUR"}
LE: dict[str, Any] = {"strategy": "le"}


@pytest.mark.loop
def test_who_writes_wrong_or_known_examples_is_told_from_who_does_not(tmp_path: Path) -> None:
    with (
        OpenAIServer(teaching()) as good,
        OpenAIServer(teaching(wrong_each=1)) as wrong,
        OpenAIServer(teaching(about="hen")) as known,
    ):
        table = tried(
            wrong=llm_at(wrong, prices=PRICES),
            good=llm_at(good),
            known=llm_at(known, prices=PRICES),
        )
        found = audition(
            config(**LE, audition=table),
            (),
            tmp_path,
            mistakes=12,
            examples=4,
            student=Knowing(ALL[:3]),
        )
        sent = "".join(json.dumps(request.body) for request in good.requests)
    rows = {row.instructor: row for row in found.rows}
    assert (rows["wrong"].drafts, rows["wrong"].passed) == (48, 0)
    assert rows["wrong"].refused == {"wrong equation": 48}
    assert (rows["known"].passed, rows["known"].new) == (48, 0)
    assert (rows["good"].passed, rows["good"].new) == (48, 48)
    assert (rows["good"].took.money, rows["good"].took.calls) == (None, good.calls)
    assert found.currency == "EUR"
    assert rows["wrong"].took.money == pytest.approx(wrong.calls * 120 * 100 / 1e6)
    assert found.advice.take == "good"
    assert found.advice.sure
    assert "told apart on 12 mistakes" in found.advice.why
    assert "unknown" in as_table(found, tmp_path)
    exams = load_exams(config().exam)
    assert not [q.id for q in [*exams.dev, *exams.test] if q.prompt in sent]


@pytest.mark.loop
def test_a_server_that_fails_halfway_is_gone_on_with_and_nothing_is_paid_twice(
    tmp_path: Path,
) -> None:
    script = teaching()
    calls = itertools.count()

    def failing(request: dict[str, Any]) -> Any:
        return error(401, "no such key") if next(calls) == 5 else script(request)

    with OpenAIServer(failing) as server, OpenAIServer(teaching()) as whole:
        keys = {"concurrency": 1, "retries": 0}
        given = {"mistakes": 8, "examples": 4, "student": Knowing(ALL[:3])}
        settings = config(**LE, audition=tried(one=llm_at(server, **keys), other=WITHOUT))
        first = audition(settings, (), tmp_path, **given)
        assert [row.status for row in first.rows] == ["stopped", "taught"]
        assert "refuses the API key" in first.rows[0].why
        assert first.rows[0].took.calls == 5  # what was paid is told
        asked = len(given["student"].asked)  # type: ignore[attr-defined]
        again = audition(settings, (), tmp_path, **given)
        alone = config(**LE, name="w", audition=tried(one=llm_at(whole, **keys)))
        undisturbed = audition(alone, (), tmp_path, **given)
    assert [row.status for row in again.rows] == ["taught", "taught"]
    assert again.rows[1] == first.rows[1]
    assert server.calls == whole.calls + 1
    assert (again.rows[0].passed, again.rows[0].took.calls) == (32, undisturbed.rows[0].took.calls)
    assert asked > 0


@pytest.mark.loop
def test_the_budget_is_of_all_together_and_a_larger_one_goes_on(tmp_path: Path) -> None:
    with OpenAIServer(teaching()) as one, OpenAIServer(teaching()) as two:
        keys = {"concurrency": 1, "max_tokens": 500}
        table = tried(one=llm_at(one, **keys), two=llm_at(two, **keys))
        given: dict[str, Any] = {"mistakes": 4, "examples": 2, "student": Knowing(ALL[:3])}
        free = config(**LE, name="free", audition=table)
        audition(free, ["one"], tmp_path, **given)
        most = 500 + max(len(json.dumps(request.body)) // 4 for request in one.requests)
        taken = 120 * (one.calls - 1)  # as the server counts, before the last call
        small = config(**LE, audition=table, budget={"tokens": taken + most})
        first = audition(small, (), tmp_path, **given)
        assert [row.status for row in first.rows] == ["taught", "budget spent"]
        assert sum(row.took.tokens or 0 for row in first.rows) <= taken + most
        assert "raise it under [budget]" in first.rows[1].why
        large = config(**LE, audition=table, budget={"tokens": 1_000_000})
        again = audition(large, (), tmp_path, **given)
        assert [row.status for row in again.rows] == ["taught", "taught"]
        assert one.calls == 2 * two.calls == 10  # and `free`'s; no call is made twice


@pytest.mark.loop
def test_an_audition_stopped_anywhere_goes_on_and_pays_nothing_twice(tmp_path: Path) -> None:
    """Stopped in practice, between two instructors, and in their trainings' dev exams."""
    with OpenAIServer(teaching()) as server:
        settings = config(**LE, audition=tried(llm=llm_at(server), other=WITHOUT))
        given: dict[str, Any] = {"mistakes": 8, "examples": 4, "train": True}
        asked: Counter[tuple[str, str]] = Counter()
        stops = trainings = 0
        while True:
            student, trainer = Knowing(ALL[:3]), trainer_for(settings)
            given |= {"student": Stopping(student, 29), "trainer": trainer}
            try:
                found = audition(settings, (), tmp_path, **given)
            except KeyboardInterrupt:
                stops += 1
                assert stops < 12, "the audition does not get on"
            else:
                break
            finally:
                asked.update(student.asked)
                trainings += len(trainer.jobs)
        calls = server.calls
    assert stops >= 4
    assert [row.status for row in found.rows] == ["taught", "taught"]
    assert found.rows[0].took.calls == calls == 8 + 4  # a diagnosis each, and two asks a call
    assert trainings == 2
    # Examples of two instructors may share an id; an answer under way at a stop is given again.
    every = 36 + 3 * 18 + sum(row.asked for row in found.rows)
    assert every <= asked.total() <= every + stops


@pytest.mark.loop
def test_an_instructor_that_joins_later_leaves_the_finished_ones_alone(tmp_path: Path) -> None:
    student = Knowing(ALL[:3])
    given: dict[str, Any] = {"mistakes": 6, "examples": 2, "student": student}
    settings = config(audition=tried(one=WITH_STEPS))
    first = audition(settings, (), tmp_path, **given)
    asked = len(student.asked)
    both = config(audition=tried(one=WITH_STEPS, two=WITHOUT))
    found = audition(both, ["two", "one"], tmp_path, **given)
    assert found.rows[1] == first.rows[0]
    assert len(student.asked) == asked + found.rows[0].asked


@pytest.mark.loop
def test_too_few_examples_hold_nobody_back_and_the_others_train_on_the_fewest(
    tmp_path: Path,
) -> None:
    with OpenAIServer(teaching(wrong_each=1)) as wrong, OpenAIServer(teaching(2)) as half:
        table = tried(wrong=llm_at(wrong), half=llm_at(half), other=WITHOUT)
        settings = config(**LE, audition=table)
        trainer = trainer_for(settings)
        found = audition(
            settings,
            (),
            tmp_path,
            mistakes=6,
            examples=4,
            train=True,
            student=TableStudent(ALL[:3]),
            trainer=trainer,
        )
    assert [row.passed for row in found.rows[:2]] == [0, 12]
    assert found.rows[2].passed > 12
    assert [row.trained.examples if row.trained else 0 for row in found.rows] == [0, 12, 12]
    assert [len(read_records(job.examples, Row)) for job in trainer.jobs] == [12, 12]
    questions = {row.question_id for row in read_records(trainer.jobs[1].examples, Row)}
    assert len(questions) == len(shown_to(found, tmp_path))  # of every mistake, not of the first
    assert not found.advice.sure
    assert "Not compared: wrong" in found.advice.why


def shown_to(found: Audition, runs: Path) -> set[str]:
    """The missed questions with an example of the last instructor's."""
    folder = RunFolder(runs / f"{found.name}.audition")
    return {e.question_id for e in of(folder, found.rows[-1].instructor, "examples.jsonl", Example)}


@pytest.mark.loop
def test_an_example_that_is_a_sealed_question_is_refused(tmp_path: Path) -> None:
    [sealed] = load_exams(config().exam).test[:1]
    plain = teaching()

    def reply(request: dict[str, Any]) -> Any:
        if "missing_skill" in json.dumps(request["response_format"]):
            return plain(request)
        draft = {"prompt": sealed.prompt, "completion": sealed.solution, "target": sealed.target}
        return json.dumps({"examples": [draft] * 8})

    with OpenAIServer(reply) as server:
        settings = config(**LE, audition=tried(one=llm_at(server)))
        given: dict[str, Any] = {"mistakes": 2, "examples": 2, "student": TableStudent(ALL[:3])}
        found = audition(settings, (), tmp_path, **given)
    assert (found.rows[0].passed, found.rows[0].refused) == (0, {TOO_NEAR: 4})
    assert found.advice.take is None


@pytest.mark.loop
def test_who_has_taught_needs_no_key_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ERRATA_TEST_KEY", "sk-marked-key-0123456789abcdef")
    given: dict[str, Any] = {"mistakes": 2, "examples": 2, "student": TableStudent(ALL[:3])}
    with OpenAIServer(teaching()) as server:
        settings = config(**LE, audition=tried(one=llm_at(server, api_key_env="ERRATA_TEST_KEY")))
        first = audition(settings, (), tmp_path, **given)
    monkeypatch.delenv("ERRATA_TEST_KEY")
    assert audition(settings, (), tmp_path, **given) == first
    assert first.rows[0].status == "taught"


# Whom to take.

QUESTIONS = [Question(id=f"q{n}", prompt=f"What is {n} + 1?", target=str(n + 1)) for n in range(30)]
SHOWN = [missed(question) for question in QUESTIONS]
NOBODY = Teaching((), {}, (), (), ())


def candidate(name: str, useful: int, money: float | None = 0.0, gained: int = -1) -> Candidate:
    """Its examples for the first `useful` mistakes are new; trained, it gains as many on dev."""
    examples = [
        Example(
            id=f"{name}-{n}",
            diagnosis_id=f"d{n}",
            question_id=f"q{n}",
            cause="c",
            prompt="p",
            completion="c",
            target="1",
        )
        for n in range(useful)
    ]
    answers = [attempt_at(Question(id=e.id, prompt="p", target="1")) for e in examples]
    total = CostRow(
        agent="all",
        model="all",
        round=None,
        calls=1,
        cached=0,
        tokens_in=1,
        cached_in=0,
        tokens_out=1,
        reasoning=0,
        money=money,
        estimated_calls=0,
        estimated_tokens=0,
    )
    trained = Trained(model=ModelRef(base="b"), tokens=1, skipped=0, loss=0)
    return Candidate(
        name=name,
        model=name,
        status="taught",
        why="",
        teaching=Teaching((), {}, examples, (), answers),
        cost=Cost(currency="EUR", rows=(), total=total, estimate=()),
        seconds=1,
        trained=trained if gained >= 0 else None,
        examples=8,
        dev=[attempt_at(q, n < gained) for n, q in enumerate(QUESTIONS)] if gained >= 0 else (),
    )


def table(*candidates: Candidate) -> Audition:
    trained = any(one.trained for one in candidates)
    dev = QUESTIONS if trained else []
    base = [attempt_at(question) for question in dev]
    return build_audition("a", "m", "le", SHOWN, 1, candidates, dev, base, "EUR")


@pytest.mark.parametrize(
    ("candidates", "take", "sure", "said"),
    [
        ([("a", 25, 1.0), ("b", 5, 0.0)], "a", True, "Take a: more of its examples are useful"),
        ([("a", 20, 1.0), ("b", 18, 0.5)], "b", False, "a and b cannot be told apart on 30 mist"),
        ([("a", 20, 1.0), ("b", 18, None)], "a", False, "what b costs is not known"),
        ([("a", 20, 0.0), ("b", 18, 0.0)], "a", False, "They cost the same"),
        ([("a", 20, 0.0)], "a", False, "compared with nobody"),
        ([("a", 0, 0.0), ("b", 0, 0.0)], None, False, "No instructor brought an example"),
    ],
)
def test_the_advice_says_whom_to_take_and_how_sure_that_is(
    candidates: list[tuple[str, int, float | None]], take: str | None, sure: bool, said: str
) -> None:
    advice = table(*(candidate(*each) for each in candidates)).advice
    assert (advice.take, advice.sure) == (take, sure)
    assert said in advice.why


def test_where_there_were_trainings_the_gain_decides() -> None:
    found = table(candidate("a", 25, gained=2), candidate("b", 3, gained=20))
    assert (found.advice.take, found.advice.sure) == ("b", True)
    assert "gains more" in found.advice.why
    few = table(candidate("a", 25, gained=1), candidate("b", 3, gained=0))
    assert "not proven" in few.advice.why


def test_every_pair_is_corrected_for_the_number_of_pairs() -> None:
    """Six differing answers are proof between two instructors, and not among four."""
    two = table(candidate("a", 12), candidate("b", 6))
    assert two.pairs[0].p_holm == two.pairs[0].difference.p < 0.05
    assert two.advice.sure
    four = table(*(candidate(name, n) for name, n in (("a", 12), ("b", 6), ("c", 6), ("d", 6))))
    assert len(four.pairs) == 6
    assert not four.advice.sure
    assert four.advice.tied == ("a", "b", "c", "d")


def test_whoever_did_not_get_to_the_end_is_compared_with_nobody() -> None:
    halfway = Candidate("b", "b", "stopped", "dead", NOBODY, None, 0)
    found = table(candidate("a", 5), halfway)
    assert found.pairs == ()
    assert (found.rows[1].useful, found.advice.take) == (None, "a")
    assert table(halfway).advice.take is None


def test_a_few_of_many_mistakes_are_of_each_kind_in_proportion() -> None:
    kinds = "a" * 60 + "b" * 30 + "c" * 9 + "d"
    asked = [
        Question(id=f"{n}", prompt=f"{n}?", target="1", kind=kind) for n, kind in enumerate(kinds)
    ]
    every = [missed(question) for question in asked]
    chosen = stratified(every, 20, 3)
    counts = Counter(mistake.question.kind for mistake in chosen)
    assert (counts["a"], counts["b"], counts["c"]) == (12, 6, 2)
    assert chosen == stratified(every, 20, 3)
    assert chosen != stratified(every, 20, 4)
    assert [int(mistake.id) for mistake in chosen] == sorted(int(m.id) for m in chosen)
    assert stratified(every, 200, 3) == every


# What cannot be.


@pytest.mark.parametrize(
    ("changes", "names", "given", "sentence"),
    [
        ({"strategy": "sft"}, ["variations"], {}, "shows an instructor no mistake: set strategy"),
        ({}, [], {}, "no instructor is named: give --instructors"),
        ({}, ["variations"], {"mistakes": 1}, "1 mistakes tell nothing"),
        ({}, ["variations"], {"examples": 9}, "9 examples of each mistake"),
        ({}, ["openai:x", "openai-x"], {}, "would share the folder 'openai-x'"),
        (
            {"training": {"objective": "dpo"}, "examples": {"shape": ["pairs"]}},
            ["variations"],
            {"train": True},
            "--train trains on the examples as they are",
        ),
        (
            {
                "audition": tried(
                    a={"model": "openai:a", "prices": PRICES},
                    b={"model": "openai:b", "prices": PRICES | {"currency": "USD"}},
                )
            },
            [],
            {},
            "prices are in EUR and USD",
        ),
    ],
)
def test_what_cannot_be_auditioned_is_said_before_anything_is_written(
    changes: dict[str, Any], names: list[str], given: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        audition(config(**changes), names, tmp_path, student=TableStudent(), **given)
    assert not any(tmp_path.iterdir())


@pytest.mark.process
def test_a_model_that_is_none_is_a_row_and_not_the_end(tmp_path: Path) -> None:
    names = ["gpt5", "variations"]
    found = audition(config(), names, tmp_path, mistakes=4, student=TableStudent(ALL[:3]))
    assert [row.status for row in found.rows] == ["stopped", "taught"]
    assert "'instructor.model' is wrong" in found.rows[0].why


def test_another_configuration_or_other_keys_under_the_same_name_are_refused(
    tmp_path: Path,
) -> None:
    given: dict[str, Any] = {"mistakes": 4, "student": TableStudent(ALL[:3])}
    audition(config(audition=tried(one=WITHOUT)), (), tmp_path, **given)
    with pytest.raises(RunError, match=r"in which seed is not the same"):
        audition(config(seed=5), ["variations"], tmp_path, **given)
    with pytest.raises(RunError, match=r"in which --mistakes is not the same"):
        audition(config(), ["variations"], tmp_path, mistakes=5, student=given["student"])
    with pytest.raises(RunError, match=r"another instructor\.small_steps.*'one' otherwise"):
        audition(config(audition=tried(one=WITH_STEPS)), (), tmp_path, **given)
    (tmp_path / "mine.audition").mkdir()
    with pytest.raises(RunError, match="is no audition"):
        audition(config(name="mine"), ["variations"], tmp_path, **given)


class Hearing(Heard):
    def __init__(self) -> None:
        super().__init__()
        self.rows: list[EstimateRow] = []

    def estimated(self, estimate: Estimate, budget: Budget, currency: str | None) -> None:
        self.rows += estimate.rows


def judged_audition(folder: Path, server: OpenAIServer, more: str = "") -> RunConfig:
    model = f'model = "openai:scripted-judge"\nbase_url = "{server.base_url}"'
    more = f"[audition.instructors.one]\n{model}\n{more}"
    judge = 'labelled = "labelled.jsonl"\nmax_tokens = 60'
    path = judged_toml(folder, server.base_url, judge, more)
    path.write_text(path.read_text().replace('"sft"', '"le"'))
    return load_config(path)


@pytest.mark.loop
def test_answers_that_an_llm_judges_are_judged_once_by_a_calibrated_judge(tmp_path: Path) -> None:
    exam_files(tmp_path)
    given: dict[str, Any] = {"mistakes": 4, "examples": 2, "student": TableStudent(["odd"])}
    watcher = Hearing()
    with OpenAIServer(judging_mind) as server:
        settings = judged_audition(tmp_path, server)
        found = audition(settings, (), tmp_path, watcher=watcher, **given)
        seen = [json.dumps(request.body["messages"]) for request in server.requests]
        again = Hearing()
        assert audition(settings, (), tmp_path, watcher=again, **given) == found
        assert server.calls == len(seen)
    [row] = found.rows
    assert (row.status, row.refused) == ("taught", {"completion is marked wrong": 4})
    assert (row.passed, row.asked, row.new) == (4, 4, 4)
    assert row.took.calls == 5  # the judge's are of no instructor
    assert (tmp_path / "t.audition" / "calibration.json").is_file()
    assert any("agrees with a person on 100% of 30" in line for line in watcher.said)
    assert sum("judges and is the instructor" in line for line in watcher.said) == 1

    guess = {row.agent: row.calls for row in watcher.rows}
    verdicts = sum("BEGIN ANSWER" in text for text in seen)
    # Each label three times, practice, and twice each example: it and the student's answer to it.
    assert guess["judge"] == 3 * 30 + 8 + 2 * 4 * 2 >= verdicts >= 0.9 * guess["judge"]
    assert again.rows == []  # nothing is left


@pytest.mark.loop
def test_a_budget_keeps_room_for_the_judge_of_an_audition(tmp_path: Path) -> None:
    exam_files(tmp_path)
    given: dict[str, Any] = {"mistakes": 4, "examples": 2, "student": TableStudent(["odd"])}
    with OpenAIServer(judging_mind) as server:
        small = judged_audition(tmp_path, server, "[budget]\ntokens = 1000\n")
        with pytest.raises(ConfigError, match=r"judge alone may take .* the budget holds 1,000"):
            audition(small, (), tmp_path, **given)
        assert (server.calls, (tmp_path / "t.audition").exists()) == (0, False)

        watcher = Hearing()
        audition(judged_audition(tmp_path, server), (), tmp_path / "x", watcher=watcher, **given)
        [judge] = [row for row in watcher.rows if row.agent == "judge"]
        enough = judge.tokens_in + judge.tokens_out
        just = judged_audition(tmp_path, server, f"[budget]\ntokens = {enough}\n")
        [row] = audition(just, (), tmp_path, **given).rows
        later = audition(judged_audition(tmp_path, server), (), tmp_path, **given).rows
    assert (row.status, later[0].status) == ("budget spent", "taught")
    assert row.took.calls < later[0].took.calls == 5


def test_records_that_were_changed_are_found(tmp_path: Path) -> None:
    given: dict[str, Any] = {"mistakes": 4, "student": TableStudent(ALL[:3])}
    audition(config(), ["variations"], tmp_path, **given)
    for name in (
        "instructors/variations/round-01/rehearsed.jsonl",
        "instructors/variations/provenance.json",
        "provenance.json",
        "round-01/contrasts.jsonl",
    ):
        path = tmp_path / "c.audition" / name
        before = path.read_text()
        path.write_text(before + " ")
        with pytest.raises(RunError, match=rf"{path.name} was changed"):
            audition(config(), ["variations"], tmp_path, **given)
        path.write_text(before)


def test_a_student_without_mistakes_has_nothing_to_be_taught(tmp_path: Path) -> None:
    with pytest.raises(ExamError, match="there is nothing to teach"):
        audition(config(), ["variations"], tmp_path, student=TableStudent(ALL))


def test_the_command_takes_names_and_says_a_wrong_one_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('strategy = "augment"\n[exam]\nname = "arithmetic"\n')
    told = CliRunner().invoke(app, ["audition", str(path), "--instructors", "variations"])
    assert isinstance(told.exception, ErrataError)
    assert "set strategy to le or lec" in str(told.exception)


@pytest.mark.loop
def test_the_command_prints_json_alone_and_exits_with_2_where_nobody_got_to_the_end(
    tmp_path: Path,
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'name = "m"\nexam = { name = "arithmetic", practice = 36, dev = 18, test = 18 }\n'
        '[audition.instructors.keyless]\nmodel = "openai:x"\napi_key_env = "ERRATA_NO_SUCH_KEY"\n'
    )
    given: dict[str, Any] = {"mistakes": 4, "examples": 1, "student": TableStudent(ALL[:3])}
    audition(load_config(path), ["keyless", "variations"], tmp_path, **given)
    told = "--mistakes 4 --examples 1 --json --runs".split()
    codes = {"keyless": 2, "keyless,variations": 0}
    for names, code in codes.items():
        command = ["audition", str(path), "--instructors", names, *told, str(tmp_path)]
        done = CliRunner().invoke(app, command)
        assert done.exit_code == code, done.output
        found = Audition.model_validate_json(done.stdout)
        assert ",".join(row.instructor for row in found.rows) == names


def test_instructors_with_keys_of_their_own_are_tables_whose_paths_are_the_files(
    tmp_path: Path,
) -> None:
    path = tmp_path / "mine.toml"
    text = '[exam]\nname = "arithmetic"\n[audition.instructors.big]\nmodel = "openai:x"\n'
    path.write_text(text + 'api_key_file = "key"\n')
    big = load_config(path).audition.instructors["big"]
    assert getattr(big, "api_key_file", None) == tmp_path / "key"
    path.write_text(text + 'base_ur = "http://127.0.0.1:1/v1"\n')
    with pytest.raises(
        ConfigError, match=r"unknown key 'audition\.instructors\.big\.base_ur'; did"
    ):
        load_config(path)
    path.write_text(text.replace("big", '"a,b"'))
    with pytest.raises(ConfigError, match="leave out commas"):
        load_config(path)
