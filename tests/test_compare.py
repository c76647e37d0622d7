"""Arms of one configuration beside each other, with a student and a trainer from a table."""

from __future__ import annotations

import itertools
import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer
from doubles import table_agents
from screen import printed
from typer.testing import CliRunner

from errata.agents.errors import ConfigError, ErrataError, ExamError, RunError
from errata.agents.exams.arithmetic import KINDS
from errata.agents.exams.several import load_exams
from errata.agents.jsonl import read_records
from errata.agents.records import Attempt, ModelRef, Question, Response
from errata.agents.testing.openai_server import OpenAIServer
from errata.agents.testing.tables import TableStudent, TableTrainer
from errata.agents.trainer import OnStep, Trained, TrainingJob
from errata.graph.cli import app
from errata.graph.command_line.terminal import working
from errata.graph.commands.compare import ArmsAsked, RunsAsked, read_arguments
from errata.graph.comparing.compare import compare, outlook
from errata.graph.comparing.comparison import Comparison, build_comparison, read_finished
from errata.graph.comparing.flips import Flips
from errata.graph.config import RunConfig, parse_config
from errata.graph.readings import registry
from errata.graph.run import resume
from errata.graph.run_folder import NotCountedQuestion, RunFolder, all_runs
from errata.graph.views.compare import draw_comparison, print_comparison, print_outlook
from errata.graph.watcher import NoWatcher

pytestmark = pytest.mark.loop

ALL = [kind.name for kind in KINDS]
ARMS = ["base", "sft", "le", "lec"]
LEARNS = [ALL[:10], ALL[:6]]  # the second round brings less than the first, and is refused
TIMES: Any = {"rows": {"__all__": {"seconds": True, "runs": {"__all__": {"seconds"}}}}}


def config(**changes: Any) -> RunConfig:
    given: dict[str, Any] = {
        "name": "c",
        "exam": {"name": "arithmetic", "practice": 36, "dev": 18, "test": 36},
        "examples": {"per_round": 40},
        "stop": {"rounds": 2, "target_accuracy": 0.2},  # which would stop le before sft
    }
    return parse_config(given | changes, "test")


def agents(settings: RunConfig, log: Path | None = None) -> dict[str, Any]:
    return table_agents(load_exams(settings.exam).practice, LEARNS, ALL[:3], log)


def folder_of(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "c.compare")


def arm(runs: Path, name: str) -> RunFolder:
    return RunFolder(runs / "c.compare" / "arms" / name)


Finished = tuple[Comparison, Path, dict[str, Any]]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """Three arms with two seeds, and an exam out of domain."""
    runs = tmp_path_factory.mktemp("runs")
    own = {name: str(runs / f"{name}.jsonl") for name in ("practice", "dev", "test")}
    for name, path in own.items():
        lines = [
            json.dumps({"prompt": f"{name}: what is {n} + 1?", "target": n + 1, "kind": ALL[n]})
            for n in range(6)
        ]
        Path(path).write_text("\n".join(lines))
    settings = config(out_of_domain={"name": "own", **own})
    questions = load_exams(settings.exam, settings.out_of_domain).practice
    given = table_agents(questions, LEARNS, ALL[:3])
    return compare(settings, ARMS, 2, runs, **given), runs, given


def test_no_model_is_asked_a_question_twice_and_the_base_model_once_for_all(
    finished: Finished,
) -> None:
    _, runs, given = finished
    asked = Counter(given["student"].asked)
    assert set(asked.values()) == {1}
    sets = list((runs / "c.compare").glob("exam/*.jsonl"))
    assert {p.stem for p in sets} == {"practice", "dev", "test", "out-of-domain"}
    base = {question for who, question in asked if who == "base"}
    assert base == {q.id for path in sets for q in read_records(path, Question)}


def test_a_comparison_is_one_reader_of_the_sealed_questions(finished: Finished) -> None:
    _, runs, _ = finished
    lines = registry(folder_of(runs)).read()
    read = {(line.run, line.set, line.questions) for line in lines}
    assert read == {("c.compare", "test", 36), ("c.compare", "out-of-domain", 6)}
    assert len(lines) == 2


def test_every_arm_sits_the_same_exams_and_starts_from_the_same_answers(
    finished: Finished,
) -> None:
    _, runs, _ = finished
    shared = runs / "c.compare"
    names = ["exam/practice", "exam/dev", "exam/test", "exam/out-of-domain"]
    names += ["round-00/dev", "round-00/practice", "final/test-base", "final/out-of-domain-base"]
    there = all_runs(shared / "arms")
    assert {run.name for run in there} == {f"{a}-{n}" for a in ARMS[1:] for n in (1, 2)}
    for run in there:
        run.manifest.verify()
        for name in names:
            ours, theirs = shared / f"{name}.jsonl", run.path / f"{name}.jsonl"
            assert ours.read_bytes() == theirs.read_bytes(), (run.name, name)


def test_each_run_trains_on_as_many_tokens_however_many_rounds_it_has(finished: Finished) -> None:
    found, _, given = finished
    for row in found.rows[1:]:
        assert [run.tokens for run in row.runs] == pytest.approx([found.tokens] * 2, abs=1), row.arm
    trainings = Counter(job.adapter.parents[1].name for job in given["trainer"].jobs)
    assert trainings == {"sft-1": 1, "sft-2": 1} | {
        f"{a}-{n}": 2 for a in ("le", "lec") for n in (1, 2)
    }


def test_no_training_of_an_arm_shares_its_seed_with_another(finished: Finished) -> None:
    _, runs, given = finished
    seeds = [
        job.settings.seed
        for job in given["trainer"].jobs
        if job.adapter.parents[1].name.startswith("le-")
    ]
    assert len(set(seeds)) == len(seeds) == 4
    first, second = (
        (arm(runs, name).round(1) / "examples.jsonl").read_text() for name in ("le-1", "le-2")
    )
    assert first != second  # the writing has another seed, too


def test_the_figures_are_those_of_the_answers(finished: Finished) -> None:
    """Recomputed here from the attempts, question by question."""
    found, runs, _ = finished
    shared = folder_of(runs)
    [column, other, mean] = found.columns
    assert (column.domain, other.domain, mean.domain) == ("in domain", "out of domain", "all")
    assert (column.n, other.n, mean.n) == (36, 6, 42)

    def share(path: Path) -> float:
        attempts = read_records(path, Attempt)
        return sum(attempt.correct for attempt in attempts) / len(attempts)

    for at, name in ((0, "test"), (1, "out-of-domain")):
        base = share(shared.final_exam(name, "base"))
        assert found.rows[0].trained[at].accuracy.value == base
        for row in found.rows[1:]:
            trained = [
                share(
                    shared.final_exam(name, run.run)
                    if run.trained_round != run.shipped_round
                    else arm(runs, run.run).final_exam(name, "best")
                )
                for run in row.runs
            ]
            shipped = [share(arm(runs, run.run).final_exam(name, "best")) for run in row.runs]
            told = row.trained[at]
            assert told.accuracy.seeds == pytest.approx(trained)
            assert told.accuracy.value == pytest.approx(sum(trained) / 2)
            assert told.gain is not None
            assert told.gain.value == pytest.approx(sum(trained) / 2 - base)
            assert row.shipped[at].accuracy.seeds == pytest.approx(shipped)
    row = found.rows[2]
    both = [row.trained[at].accuracy.value for at in (0, 1)]
    assert row.trained[2].accuracy.value == pytest.approx(sum(both) / 2)


def test_a_refused_candidate_is_measured_beside_what_its_gate_shipped(finished: Finished) -> None:
    found, runs, _ = finished
    sft, le = found.rows[1], found.rows[2]
    for run in le.runs:
        assert (run.trained_round, run.shipped_round) == (2, 1)
    assert le.trained[0].accuracy.value < le.shipped[0].accuracy.value
    for run in sft.runs:
        assert (run.trained_round, run.shipped_round) == (1, 1)
    assert sft.trained == sft.shipped
    # The run itself holds nothing but what a run holds: its candidate sat elsewhere.
    assert {path.name for path in (arm(runs, "le-1").path / "final").glob("*.jsonl")} == {
        f"{name}-{model}.jsonl" for name in ("test", "out-of-domain") for model in ("base", "best")
    }


def test_gains_are_told_for_each_hundred_examples_and_each_unit_of_money(
    finished: Finished,
) -> None:
    found, runs, _ = finished
    le = found.rows[2]
    assert le.trained[0].gain is not None
    points = 100 * le.trained[0].gain.value
    assert le.examples == 80
    assert le.points_per_100_examples == pytest.approx(points / 0.8)
    assert found.rows[1].examples == 0  # solutions are no accepted examples
    assert found.rows[1].points_per_100_examples is None
    assert {row.points_per_money for row in found.rows} == {None}

    shared = folder_of(runs)
    paid = []
    for seed, money in ((1, 0.5), (2, 1.5)):
        one = read_finished("le", seed, arm(runs, f"le-{seed}"), shared)
        one_paid = one.run.model_copy(update={"money": money})
        paid.append(replace(one, run=one_paid, currency="USD"))
    again = build_comparison(shared, "m", "arithmetic", paid, 100)
    assert again.currency == "USD"
    assert again.rows[1].money == 1.0
    assert again.rows[1].points_per_money == pytest.approx(points)


def test_each_arm_tells_where_its_wrong_answers_leave_the_solution(finished: Finished) -> None:
    found, runs, _ = finished
    n = found.columns[0].n
    for row in found.rows:
        told = row.departures
        assert told is not None
        seeds = max(1, len(row.runs))
        assert told.answers == n * seeds
        assert told.right == round(row.trained[0].accuracy.value * n * seeds)
        assert sum(told.first.values()) == told.answers - told.right
    base = found.rows[0].departures
    assert base is not None
    assert base.first == {"no equation": base.answers - base.right}  # it says what it likes
    shown = printed(lambda console: print_comparison(found, console, runs))
    assert "How wrong answers come about" in shown
    assert "no equation" in shown


def test_every_two_arms_are_tested_and_the_tests_corrected_for_their_number(
    finished: Finished,
) -> None:
    found, _, _ = finished
    for domain, at in (("in domain", 0), ("out of domain", 1)):
        pairs = [pair for pair in found.pairs if pair.domain == domain]
        assert [(p.first, p.second) for p in pairs] == [
            ("le", "sft"),
            ("lec", "sft"),
            ("lec", "le"),
        ]
        reached = {row.arm: row.trained[at].accuracy.value for row in found.rows}
        for pair in pairs:
            expected = reached[pair.first] - reached[pair.second]
            assert pair.difference.value == pytest.approx(expected)
            assert pair.p_holm >= pair.difference.p
        lowest = min(pairs, key=lambda pair: pair.difference.p)
        assert lowest.p_holm == pytest.approx(min(1, 3 * lowest.difference.p))


def test_intervals_say_what_they_cover(finished: Finished, tmp_path: Path) -> None:
    found, _, _ = finished
    assert "other seeds" in found.covers
    settings = config(stop={"rounds": 1})
    alone = compare(settings, ["le"], 1, tmp_path, **agents(settings))
    assert "one seed says nothing of other seeds" in alone.covers


class Nobody:
    """Stands for an agent that has nothing left to do."""

    examples_per_ask = asks_per_batch = 1

    def work(self, *given: object) -> Any:
        raise AssertionError("finished work is done again")

    ask = draft = diagnose = train = embed_documents = work

    def close(self) -> None:
        pass


def test_a_finished_comparison_asks_nobody_and_says_the_same_again(tmp_path: Path) -> None:
    settings = config()
    before = compare(settings, ["le"], 1, tmp_path, **agents(settings))
    (folder_of(tmp_path).path / "compare.json").unlink()
    nobody: Any = Nobody()
    everyone = dict.fromkeys(("student", "trainer", "instructor", "writer"), nobody)
    assert compare(settings, ["le"], 1, tmp_path, **everyone) == before
    written = (folder_of(tmp_path).path / "compare.json").read_bytes()
    assert Comparison.model_validate_json(written) == before


def scripted(request: dict[str, Any]) -> str:
    """One diagnosis for all mistakes, and examples that no request asked for before."""
    if "missing_skill" in json.dumps(request["response_format"]):
        fields = ("explanation", "cause", "missing_skill", "advice")
        return json.dumps(dict.fromkeys(fields, "no equation"))
    n = next(NUMBERS)
    drafts = [
        {
            "prompt": f"A hen lays {n} eggs, then {k} more. How many?",
            "completion": f"{n} + {k} = {n + k}\n#### {n + k}",
            "target": str(n + k),
        }
        for k in range(2, 8)
    ]
    return json.dumps({"examples": drafts})


NUMBERS = itertools.count(10)


@pytest.mark.slow
def test_every_seed_pays_for_its_own_replies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the user's cache the second would get the first one's, and be no other draw."""
    monkeypatch.setenv("ERRATA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ERRATA_TEST_KEY", "sk-marked-key-0123456789abcdef")
    with OpenAIServer(scripted) as server:
        llm = {
            "model": "openai:scripted",
            "base_url": server.base_url,
            "api_key_env": "ERRATA_TEST_KEY",
            "prices": {"input": 1000.0, "output": 1000.0, "currency": "EUR"},
        }
        settings = config(instructor=llm, stop={"rounds": 1}, examples={"per_round": 8})
        found = compare(settings, ["le"], 2, tmp_path, **agents(settings))
    taken = [
        json.loads((arm(tmp_path, f"le-{n}").path / "report.json").read_text()) for n in (1, 2)
    ]
    totals = [report["cost"]["total"] for report in taken]
    assert [total["cached"] for total in totals] == [0, 0]
    assert sum(total["calls"] for total in totals) == server.calls
    row = found.rows[1]
    assert row.trained[0].gain is not None
    money = sum(total["money"] for total in totals) / 2
    assert (found.currency, row.money) == ("EUR", pytest.approx(money))
    assert row.points_per_money == pytest.approx(100 * row.trained[0].gain.value / money)
    shown = printed(lambda console: print_comparison(found, console, tmp_path))
    assert re.search(r"points per 100 examples +points per EUR\n", shown)


def test_an_arm_that_is_added_later_leaves_the_finished_ones_alone(tmp_path: Path) -> None:
    settings = config(stop={"rounds": 1})
    given = agents(settings)
    compare(settings, ["le"], 1, tmp_path, **given)
    asked = len(given["student"].asked)
    files = {p: p.read_bytes() for p in arm(tmp_path, "le-1").path.rglob("*.json*")}
    found = compare(settings, ["le", "lec"], 1, tmp_path, **given)
    assert [row.arm for row in found.rows] == ["base", "le", "lec"]
    assert {p: p.read_bytes() for p in files} == files
    assert not [who for who, _ in given["student"].asked[asked:] if "le-1" in who or who == "base"]


class Stopping(TableStudent, TableTrainer):
    """A student and a trainer in one, stopped at its n-th answer or training; -1: never."""

    def __init__(self, settings: RunConfig, after: int) -> None:
        kinds = {q.id: q.kind or "" for q in load_exams(settings.exam).practice}
        TableStudent.__init__(self, ALL[:3])
        TableTrainer.__init__(self, kinds, LEARNS)
        self.left = after

    def work(self) -> None:
        if self.left == 0:
            raise KeyboardInterrupt
        self.left -= 1

    def ask(
        self, model: ModelRef, questions: Sequence[Question], answered: frozenset[str]
    ) -> Iterator[Response]:
        for response in TableStudent.ask(self, model, questions, answered):
            self.work()
            yield response

    def train(self, job: TrainingJob, on_step: OnStep) -> Trained:
        self.work()
        return TableTrainer.train(self, job, on_step)


@pytest.mark.slow
def test_a_comparison_stopped_anywhere_goes_on_and_ends_as_an_undisturbed_one(
    tmp_path: Path,
) -> None:
    settings = config()
    arms = ["sft", "le"]
    undisturbed = Stopping(settings, -1)
    both: dict[str, Any] = {"student": undisturbed, "trainer": undisturbed}
    whole = compare(settings, arms, 1, tmp_path / "whole", **both)
    steps = -1 - undisturbed.left
    for runs, stride in ((tmp_path / "a", steps // 7 + 1), (tmp_path / "b", steps // 5 + 1)):
        asked: Counter[tuple[str, str]] = Counter()
        trained = stops = 0
        while True:
            worker = Stopping(settings, stride)
            try:
                found = compare(settings, arms, 1, runs, student=worker, trainer=worker)
            except KeyboardInterrupt:
                stops += 1
                assert stops < 20, "the comparison does not get on"
            else:
                break
            finally:
                asked.update(worker.asked)
                trained += len(worker.jobs)
        assert stops >= 4
        assert found.model_dump(exclude=TIMES) == whole.model_dump(exclude=TIMES)
        here, there = (str(path) for path in (runs, tmp_path / "whole"))
        assert {(who.replace(here, there), q) for who, q in asked} == set(undisturbed.asked)
        # The answer that was under way at a stop is given again; nothing else is.
        assert asked.total() - len(undisturbed.asked) <= stops
        assert trained == len(undisturbed.jobs)


def test_what_the_base_models_exam_could_not_count_no_run_counts(tmp_path: Path) -> None:
    settings = config(stop={"rounds": 1})
    worker = Stopping(settings, 80)  # of the base model's 90 questions
    with pytest.raises(KeyboardInterrupt):
        compare(settings, ["le"], 1, tmp_path, student=worker, trainer=worker)
    folder = folder_of(tmp_path)
    out = [folder.questions(name)[0].id for name in ("dev", "test")]
    for question in out:
        folder.not_counted.add(NotCountedQuestion(question_id=question, why="its tests fail"))
    given = agents(settings)
    found = compare(settings, ["le"], 1, tmp_path, **given)
    assert (found.columns[0].n, found.not_counted) == (35, 1)
    report = json.loads((arm(tmp_path, "le-1").path / "report.json").read_text())
    assert (report["rounds"][1]["dev"]["n"], report["test"]["final"]["n"]) == (17, 35)
    assert not {question for _, question in given["student"].asked} & set(out)


def test_another_configuration_under_the_same_name_is_refused_by_name(tmp_path: Path) -> None:
    settings = config(stop={"rounds": 1})
    compare(settings, ["le"], 1, tmp_path, **agents(settings))
    other = config(stop={"rounds": 1}, training={"rank": 4})
    with pytest.raises(RunError, match=r"training\.rank is not the same"):
        compare(other, ["le"], 1, tmp_path, **agents(other))
    with pytest.raises(RunError, match=r"training\.rank"):
        outlook(other, ["le"], 1, tmp_path)


def test_what_is_no_comparison_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "c.compare").mkdir()
    (tmp_path / "c.compare" / "mine.txt").write_text("x")
    with pytest.raises(RunError, match="is no comparison"):
        compare(config(), ["le"], 1, tmp_path, **agents(config()))
    assert [p.name for p in (tmp_path / "c.compare").iterdir()] == ["mine.txt"]


def test_answers_that_were_changed_are_found(tmp_path: Path) -> None:
    settings = config(stop={"rounds": 1})
    compare(settings, ["le"], 1, tmp_path, **agents(settings))
    for folder, model in ((arm(tmp_path, "le-1"), "best"), (folder_of(tmp_path), "base")):
        path = folder.final_exam("test", model)
        before = path.read_text()
        path.write_text(before.replace('"correct":false', '"correct":true', 1))
        with pytest.raises(RunError, match=rf"test-{model}\.jsonl was changed"):
            compare(settings, ["le"], 1, tmp_path, **agents(settings))
        path.write_text(before)


def test_a_comparison_is_not_continued_with_versions_that_may_answer_otherwise(
    tmp_path: Path,
) -> None:
    settings = config(stop={"rounds": 1})
    compare(settings, ["le"], 1, tmp_path, **agents(settings))
    path = folder_of(tmp_path).path / "provenance.json"
    began = json.loads(path.read_text())
    began["versions"]["peft"] = "0.0.1"
    path.write_text(json.dumps(began))
    folder_of(tmp_path).manifest.path.unlink()  # which would name the file
    compare(settings, ["le"], 1, tmp_path, **agents(settings))  # nothing is left to be answered
    with pytest.raises(RunError, match=r"began with peft 0\.0\.1"):
        compare(settings, ["le", "lec"], 1, tmp_path, **agents(settings))


def test_a_second_process_in_the_same_comparison_is_refused(tmp_path: Path) -> None:
    settings = config(stop={"rounds": 1})
    compare(settings, ["le"], 1, tmp_path, **agents(settings))
    with folder_of(tmp_path).locked(), pytest.raises(RunError, match="at work in another process"):
        compare(settings, ["le"], 1, tmp_path, **agents(settings))


@pytest.mark.parametrize(
    ("arms", "seeds", "changes", "sentence"),
    [
        (["le", "lce"], 3, {}, "there is no arm 'lce': choose among base, sft, "),
        (["base"], 3, {}, "nothing is to be compared with the untouched model"),
        ([], 3, {}, "nothing is to be compared"),
        (["le"], 0, {}, "0 seeds are none"),
        (["le"], 1, {"review": True}, "take `review` out"),
    ],
)
def test_what_cannot_be_compared_is_said_in_one_sentence(
    arms: list[str], seeds: int, changes: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    settings = config(**changes)
    with pytest.raises(ConfigError, match=sentence):
        compare(settings, arms, seeds, tmp_path, **agents(settings))
    assert not any(tmp_path.iterdir())


def test_an_arm_that_cannot_learn_from_the_exam_is_refused_before_any_begins(
    tmp_path: Path,
) -> None:
    files = {}
    for name in ("practice", "dev", "test"):
        files[name] = tmp_path / f"{name}.jsonl"
        files[name].write_text(json.dumps({"prompt": f"{name}: 1 + 1?", "target": 2}))
    settings = config(exam={"name": "own", **{k: str(p) for k, p in files.items()}})
    with pytest.raises(ConfigError, match="no practice question has a solution"):
        compare(settings, ["le", "sft"], 1, tmp_path / "runs", **agents(config()))
    assert not (tmp_path / "runs").exists()


def test_an_outlook_says_what_would_run_and_writes_nothing(tmp_path: Path) -> None:
    settings = config()
    ahead = outlook(settings, ARMS, 2, tmp_path)
    assert [run.run for run in ahead.runs] == ["sft-1", "le-1", "lec-1", "sft-2", "le-2", "lec-2"]
    assert {run.standing for run in ahead.runs} == {"to do"}
    totals = {run.config.stop.rounds * (run.config.training.tokens or 0) for run in ahead.runs}
    assert max(totals) - min(totals) <= 1
    assert ahead.questions == {"practice": 36, "dev": 18, "test": 36}
    assert not any(tmp_path.iterdir())
    compare(settings, ["le"], 1, tmp_path, **agents(settings))
    standing = {run.run: run.standing for run in outlook(settings, ARMS, 1, tmp_path).runs}
    assert standing == {"sft-1": "to do", "le-1": "finished", "lec-1": "to do"}


def test_the_estimate_is_of_all_runs_that_ask_an_llm_and_are_not_finished(tmp_path: Path) -> None:
    llm = {
        "model": "openai:x",
        "base_url": "http://127.0.0.1:9/v1",
        "prices": {"input": 1.0, "output": 2.0},
    }
    settings = config(instructor=llm, name="c")

    def estimated(arms: list[str], seeds: int) -> dict[str, tuple[int, float]]:
        found = outlook(settings, arms, seeds, tmp_path).estimate
        rows = found.rows if found else ()
        return {row.agent: (row.calls, row.money or 0) for row in rows}

    assert estimated(["sft"], 2) == {}
    once, six = estimated(["le"], 1), estimated(["sft", "le"], 6)
    assert once["instructor"][0] == 2 * 36  # rounds, practice questions
    assert six == {
        who: (6 * calls, pytest.approx(6 * money, rel=0.01)) for who, (calls, money) in once.items()
    }
    assert once["data writer"][1] > 0


def test_tokens_that_the_configuration_says_are_those_of_a_round(tmp_path: Path) -> None:
    ahead = outlook(config(training={"tokens": 7000}), ["sft", "le"], 1, tmp_path)
    assert ahead.tokens == 14_000
    assert [run.config.training.tokens for run in ahead.runs] == [14_000, 7000]


def test_an_arm_is_an_ordinary_run_that_can_be_resumed_by_itself(tmp_path: Path) -> None:
    settings = config()
    worker = Stopping(settings, 150)
    with pytest.raises(KeyboardInterrupt):
        compare(settings, ["le"], 1, tmp_path, student=worker, trainer=worker)
    given = agents(settings)
    report = resume(arm(tmp_path, "le-1"), **given)
    assert report.strategy == "le"
    found = compare(settings, ["le"], 1, tmp_path, **given)
    assert found.rows[1].runs[0].status == report.status


class Listening(NoWatcher):
    def __init__(self) -> None:
        self.steps: list[str] = []
        self.said: list[str] = []

    def progress(self, step: str, done: int, total: int, note: str = "") -> None:
        self.steps.append(step)

    def say(self, text: str) -> None:
        self.said.append(text)


def test_progress_says_which_run_is_under_way_and_what_is_left(tmp_path: Path) -> None:
    settings = config(stop={"rounds": 1})
    watcher = Listening()
    compare(settings, ["le", "lec"], 1, tmp_path, **agents(settings), watcher=watcher)
    assert "base model: dev exam" in watcher.steps
    assert "le-1 (1 of 2) round 1: diagnosing" in watcher.steps
    assert "lec-1 (2 of 2, about 1 min left) round 1: diagnosing" in watcher.steps


def test_questions_that_are_left_out_are_told_once(tmp_path: Path) -> None:
    files = {}
    for name in ("practice", "dev", "test"):
        files[name] = str(tmp_path / f"{name}.jsonl")
        rows = [{"prompt": f"{name}: what is {n} + 1?", "target": n + 1} for n in range(4)]
        lines = map(json.dumps, [*rows, {"prompt": f"{name}: without a target"}])
        Path(files[name]).write_text("\n".join(lines))
    settings = config(exam={"name": "own", "skip_bad": True, **files}, stop={"rounds": 1})
    watcher = Listening()
    given = table_agents(load_exams(settings.exam).practice, [[]])
    compare(settings, ["le"], 1, tmp_path, **given, watcher=watcher)
    told = [text for text in watcher.said if "left out" in text]
    assert len(told) == 1
    assert told[0].startswith("3 questions left out, the first: ")


# The command line.


CONFIG = """
name = "c"
[exam]
name = "arithmetic"
practice = 18
dev = 18
test = 18
"""


def asked(what: Sequence[str], runs: Path, **options: Any) -> ArmsAsked | RunsAsked:
    none: dict[str, Any] = dict.fromkeys(("arms", "seeds", "name", "set_name"))
    return read_arguments(what, runs=runs, **(none | {"dry_run": False, "show": False} | options))


def test_one_file_is_a_configuration(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text(CONFIG)
    found = asked([str(path)], tmp_path, arms="base, le,sft+augment", seeds=2, name="other")
    assert isinstance(found, ArmsAsked)
    assert (found.config.name, list(found.arms)) == ("other", ["base", "le", "sft+augment"])
    assert found.seeds == 2
    plain = asked([str(path)], tmp_path)
    assert isinstance(plain, ArmsAsked)
    assert (plain.seeds, plain.arms[0]) == (3, "base")
    assert {"sft", "le", "lec", "le+lec"} < set(plain.arms)


def test_two_runs_are_found_by_name_or_folder(finished: Finished) -> None:
    _, runs, _ = finished
    arms = runs / "c.compare" / "arms"
    found = asked(["le-1", str(arms / "lec-2")], arms)
    assert isinstance(found, RunsAsked)
    assert (found.first.name, found.second.name, found.set) == ("le-1", "lec-2", "test")


@pytest.mark.parametrize(
    ("what", "options", "sentence"),
    [
        (["none.toml"], {}, "none.toml cannot be read"),
        (["le-1"], {}, "le-1 is a folder: name a TOML file, or a second run"),
        (["a", "b", "c"], {}, "3 arguments: give one configuration, or two runs"),
        (["c.toml", "le-1"], {}, "c.toml is a file and no run"),
        (["le-1", "nothing"], {}, "there is no run 'nothing'"),
        (["le-1", "le-1"], {"set_name": "practice"}, "there is no set 'practice'"),
        (["le-1", "le-1"], {"dry_run": True}, "--dry-run is of a configuration"),
        (["le-1", "le-1"], {"seeds": 2}, "--seeds is of a configuration"),
        (["c.toml"], {"show": True}, "--show is of two runs"),
        (["c.toml"], {"set_name": "dev"}, "--set is of two runs"),
    ],
)
def test_what_is_asked_amiss_gets_one_sentence(
    what: list[str],
    options: dict[str, Any],
    sentence: str,
    finished: Finished,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, runs, _ = finished
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.toml").write_text(CONFIG)
    with pytest.raises(ErrataError) as error:
        asked(what, runs / "c.compare" / "arms", **options)
    assert sentence in str(error.value)


def test_the_command_compares_two_runs_and_looks_ahead(finished: Finished, tmp_path: Path) -> None:
    _, runs, _ = finished
    arms = str(runs / "c.compare" / "arms")
    done = CliRunner().invoke(app, ["compare", "le-1", "sft-1", "--runs", arms, "--json"])
    assert done.exit_code == 0, done.output
    assert Flips.model_validate_json(done.output).first == "le-1"
    done = CliRunner().invoke(app, ["compare", "le-1", "sft-1", "--runs", arms, "--show"])
    assert "le-1 and sft-1: 36 test questions" in done.output
    path = tmp_path / "c.toml"
    path.write_text(CONFIG)
    here = str(tmp_path / "runs")
    ahead = ["compare", str(path), "--runs", here, "--arms", "le,sft", "--dry-run"]
    done = CliRunner().invoke(app, ahead)
    assert "c.compare: 6 runs, 6 of them to do" in done.output
    done = CliRunner().invoke(app, [*ahead, "--json", "--seeds", "1"])
    assert [run["run"] for run in json.loads(done.output)["runs"]] == ["le-1", "sft-1"]
    assert not (tmp_path / "runs").exists()


def test_a_comparison_that_is_stopped_says_that_the_same_command_goes_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(typer.Exit) as stopped, working(again=True):
        raise KeyboardInterrupt
    assert stopped.value.exit_code == 130
    assert "stopped; the same command goes on where it was" in capsys.readouterr().err


# What a person sees.


def test_the_table_shows_each_arm_with_its_gain_its_cost_and_its_rivals(
    finished: Finished,
) -> None:
    found, runs, _ = finished
    shown = printed(lambda console: print_comparison(found, console, runs / "c.compare"))
    lines = [line.split() for line in shown.splitlines()]
    le = found.rows[2]
    assert ["le", *(f"{100 * cell.accuracy.value:.1f}" for cell in le.trained)] in lines
    gain = le.trained[0].gain
    assert gain is not None
    low, high = (f"{100 * bound:+.1f}" for bound in gain.ci95)
    told = next(line for line in lines if line[:1] == ["le"] and low in line)
    seeds = [f"{100 * seed:+.0f}" for seed in gain.seeds]
    assert told[1:7] == [f"{100 * gain.value:+.1f}", low, "to", high, *seeds]
    assert ["lec", "-", "le"] in [line[:3] for line in lines]
    assert "the intervals cover other questions of these exams, and other seeds" in shown
    assert "tokens a run, not on" not in shown
    assert max(map(len, shown.splitlines()[:-3])) <= 80


def test_an_arm_that_trained_on_fewer_tokens_is_named(finished: Finished) -> None:
    found, runs, _ = finished
    rows = list(found.rows)
    rows[1] = rows[1].model_copy(update={"tokens": found.tokens / 2})
    less = found.model_copy(update={"rows": tuple(rows)})
    shown = printed(lambda console: print_comparison(less, console, runs))
    assert f"sft trained on {found.tokens / 2:,.0f} tokens a run, not on" in shown


@pytest.mark.slow
def test_the_picture_and_the_outlook_are_drawn_of_any_comparison(
    finished: Finished, tmp_path: Path
) -> None:
    found, _runs, _ = finished
    draw_comparison(found, tmp_path)
    first = (tmp_path / "compare.svg").read_bytes()
    assert b"out of domain" in first
    assert (tmp_path / "compare.png").stat().st_size > 1000
    draw_comparison(found, tmp_path)
    assert (tmp_path / "compare.svg").read_bytes() == first
    ahead = outlook(config(), ["sft", "le"], 2, tmp_path)
    shown = printed(lambda console: print_outlook(ahead, console, None), encoding="ascii")
    assert "c.compare: 4 runs, 4 of them to do" in shown
    assert "practice 36, dev 18, test 36" in shown


def test_questions_without_a_verdict_from_every_model_are_in_no_figure(
    finished: Finished, tmp_path: Path
) -> None:
    _, runs, _ = finished
    shutil.copytree(runs / "c.compare", tmp_path / "c.compare")
    copied, le = folder_of(tmp_path), arm(tmp_path, "le-1")
    first, second, *_ = copied.questions("test")
    copied.not_counted.add(NotCountedQuestion(question_id=first.id, why="its tests fail"))
    le.not_counted.add(NotCountedQuestion(question_id=second.id, why="its tests fail"))
    both = [read_finished(name, 1, arm(tmp_path, f"{name}-1"), copied) for name in ("sft", "le")]
    found = build_comparison(copied, "m", "arithmetic", both, 1)
    assert found.not_counted == 2
    assert found.columns[0].n == 34
    answers = copied.attempts(copied.final_exam("test", "base"))
    right = sum(a.correct for a in answers if a.question_id != second.id)
    assert found.rows[0].trained[0].accuracy.value == pytest.approx(right / 34)
    shown = printed(lambda console: print_comparison(found, console, tmp_path))
    assert "2 questions without a verdict, not counted" in shown
    for question in copied.questions("test"):
        le.not_counted.add(NotCountedQuestion(question_id=question.id, why="its tests fail"))
    none = [read_finished("le", 1, le, copied)]
    with pytest.raises(ExamError, match="no question has a verdict from every model"):
        build_comparison(copied, "m", "arithmetic", none, 1)


def test_a_comparison_that_was_copied_elsewhere_can_be_told_again(
    finished: Finished, tmp_path: Path
) -> None:
    _, runs, _ = finished
    shutil.copytree(runs / "c.compare", tmp_path / "c.compare")
    copied = folder_of(tmp_path)
    one = read_finished("le", 1, arm(tmp_path, "le-1"), copied)
    found = build_comparison(copied, "m", "arithmetic", [one], 1)
    assert found.rows[1].runs == (one.run,)
