"""The ways to learn, each through the whole graph: what is shown, written and learnt."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from doubles import table_agents
from hearing import Heard
from recording import (
    Played,
    RecordingStudent,
    RecordingTrainer,
    RecordingWriter,
    Right,
    Sums,
    play,
    variations,
)
from rich.console import Console
from screen import printed
from tampering import audited

from errata.agents.data_writer import Ask, Diagnosed
from errata.agents.errors import ConfigError, StepFailed
from errata.agents.exams.arithmetic import KINDS
from errata.agents.exams.several import load_exams
from errata.agents.jsonl import read_record, read_records
from errata.agents.marking import mark
from errata.agents.promotion import ALPHA, Promotion, foresight
from errata.agents.records import (
    CodeAnswer,
    Diagnosis,
    DiagnosisLine,
    Draft,
    Example,
    Mistake,
    ModelRef,
    Picked,
    Question,
    Unusable,
)
from errata.agents.testing.openai_server import OpenAIServer
from errata.agents.trainer import TrainingJob
from errata.agents.variations import VariationsWriter
from errata.agents.ways import WAYS
from errata.agents.ways.le import LearningFromError
from errata.agents.ways.sft import solutions_of
from errata.graph.agents import Given, open_agents
from errata.graph.commands.check import check, sees
from errata.graph.config import RunConfig, parse_config
from errata.graph.costs import prices_of
from errata.graph.estimate import estimate_run
from errata.graph.langgraph_dev import open_thread
from errata.graph.loop import build_graph
from errata.graph.run import ReviewPending, resume, run
from errata.graph.run_folder import RunFolder
from errata.graph.trace import Trace
from errata.graph.views.summary import print_summary
from errata.graph.views.trace import print_trace

pytestmark = pytest.mark.loop

ALL = [kind.name for kind in KINDS]
BLIND = ("augment", "sft+augment")
FROM_ERRORS = ("le", "lec", "le+lec", "sft+lec")


def config(strategy: str, **changes: Any) -> RunConfig:
    given: dict[str, Any] = {
        "name": "t",
        "strategy": strategy,
        "exam": {"name": "arithmetic", "seed": 3, "practice": 18, "dev": 18, "test": 18},
        "examples": {"per_round": 20},
        "stop": {"rounds": 2},
    }
    return parse_config(given | changes, "test")


def knows(*counts: int) -> Right:
    """The model of each round knows so many of the 18 kinds."""
    return lambda index, question: question.kind in ALL[: counts[min(index, len(counts) - 1)]]


def lines(played: Played, index: int, name: str, of: Any) -> Any:
    return read_records(played.folder.round(index) / f"{name}.jsonl", of)


@pytest.mark.parametrize("strategy", WAYS)
def test_every_row_goes_back_to_what_the_way_learns_from(strategy: str, tmp_path: Path) -> None:
    played = play(config(strategy), tmp_path, knows(9, 10, 11))
    practice = {q.id: q for q in played.exams.practice}
    rounds = [played.trained_on(index) for index in range(1, len(played.trainer.rows) + 1)]
    kinds = [Counter(row.made_from for row in rows) for rows in rounds]
    if strategy == "sft":
        assert kinds == [{"solution": 18}]
    else:
        written = "question" if strategy in BLIND else "diagnosis"
        solutions = {"solution": 18} if strategy.startswith("sft+") else {}
        assert kinds == [{written: 20} | solutions, {written: 40} | solutions]
    missed = [
        mistake.question.id
        for index in range(1, len(kinds) + 1)
        if strategy in FROM_ERRORS
        for mistake in lines(played, index, "mistakes", Mistake)
    ]
    for row in rounds[-1]:
        question = practice[row.question_id]
        if row.made_from == "solution":
            assert row.diagnosis_id is None
            assert (row.prompt, row.completion) == (question.prompt, question.solution)
            continue
        index = int(row.id[1:3])
        assert row in lines(played, index, "examples", Example)
        if row.made_from == "question":
            picked = {p.id: p.question for p in lines(played, index, "picked", Picked)}
            assert picked[row.diagnosis_id] == question
        else:
            diagnoses = {
                line.result.id: line.result
                for line in lines(played, index, "diagnoses", DiagnosisLine)
            }
            assert diagnoses[row.diagnosis_id].question_id == question.id
            shown = "mistakes" if strategy == "le" else "contrasts"
            mistakes = {m.id: m.question for m in lines(played, index, shown, Mistake)}
            assert mistakes[diagnoses[row.diagnosis_id].mistake_id] == question
            assert question.id in missed


@pytest.mark.parametrize("strategy", WAYS)
def test_the_instructor_and_the_writer_see_what_the_way_is_for(
    strategy: str, tmp_path: Path
) -> None:
    played = play(config(strategy, stop={"rounds": 1}), tmp_path, knows(9))
    looks = Counter((m.question.id, bool(m.contrast)) for m in played.instructor.got)
    wrong = [q.id for q in played.exams.practice if q.kind in ALL[9:]]
    views = {"le": [False], "lec": [True], "sft+lec": [True], "le+lec": [False, True]}.get(
        strategy, []
    )
    assert looks == {(id, contrasted): 1 for id in wrong for contrasted in views}
    assert len({m.id for m in played.instructor.got}) == len(played.instructor.got)
    lessons = [ask.lesson for ask in played.writer.asks]
    assert (lessons == []) == (strategy == "sft")
    assert all(isinstance(lesson, Diagnosed) == (strategy in FROM_ERRORS) for lesson in lessons)
    assert {lesson.question.id for lesson in lessons} <= {q.id for q in played.exams.practice}


@pytest.mark.parametrize("strategy", WAYS)
def test_the_drawn_graph_has_the_steps_that_the_way_takes_and_no_others(
    strategy: str, tmp_path: Path
) -> None:
    settings = config(strategy)
    table = table_agents(load_exams(settings.exam).practice, [ALL])
    context = open_thread("one", None, tmp_path, settings, Given(**table))
    drawn = build_graph(context).compile().get_graph()
    between = {
        "sft": [],
        "augment": ["write"],
        "sft+augment": ["write"],
        "le": ["diagnose", "write"],
        "lec": ["contrast", "diagnose", "write"],
        "le+lec": ["contrast", "diagnose", "write"],
        "sft+lec": ["contrast", "diagnose", "write"],
    }[strategy]
    walk = ["collect", *between, "prepare", "review", "train", "examine"]
    expected = {
        *pairwise(walk),
        ("__start__", "examine"),
        ("examine", "collect"),
    }
    expected |= {("final_exam", "__end__")}
    expected |= {(node, "final_exam") for node in ("examine", "prepare", "review")}
    assert {(edge.source, edge.target) for edge in drawn.edges} == expected


# Solutions.


def exam_of(tmp_path: Path, practice: Sequence[dict[str, Any]], **dev: Any) -> dict[str, str]:
    held_out = {"prompt": "Ada has 9 cats and buys 8 more. How many cats?", "target": 17} | dev
    sets = {
        "practice": practice,
        "dev": [held_out],
        "test": [{"prompt": "Ben cuts 12 planks in 3 parts each. How many parts?", "target": 36}],
    }
    for name, rows in sets.items():
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / f"{name}.jsonl").write_text(text)
    return {"name": "own"} | {name: str(tmp_path / f"{name}.jsonl") for name in sets}


def never(index: int, question: Question) -> bool:
    return False


def test_where_no_way_is_named_solutions_and_what_is_written_are_learnt(tmp_path: Path) -> None:
    exam = {"name": "arithmetic", "seed": 3, "practice": 18, "dev": 18, "test": 18}
    unsaid = parse_config(
        {"name": "t", "exam": exam, "examples": {"per_round": 20}, "stop": {"rounds": 1}}, "test"
    )
    played = play(unsaid, tmp_path, knows(9))
    rows = played.trainer.rows[0]
    assert sum(row.example_id.startswith("s-") for row in rows) == 18
    assert sum(row.example_id.startswith("e01-") for row in rows) == 20


def test_a_solution_is_learnt_as_a_student_should_say_it(tmp_path: Path) -> None:
    practice = [
        {"prompt": "a?", "target": 7, "solution": "4 + 3 = <<4+3=7>>7 apples.\n#### 7"},
        {"prompt": "b?", "target": 7, "solution": "4 + 3 = 7"},
        {"prompt": "c?", "target": 7, "solution": "Seven, as everybody knows."},
        {
            "prompt": "d?",
            "target": "B",
            "options": ["oak", "elm"],
            "solution": "Its leaves are lopsided.",
        },
        {
            "prompt": "e?",
            "target": "no",
            "answer": "text",
            "solution": "It rains.\nSo the answer is no.",
        },
        {"prompt": "f?", "target": "x^2", "answer": "math", "solution": "Square it: $x^2$"},
    ]
    played = play(config("sft", exam=exam_of(tmp_path, practice)), tmp_path / "runs", never)
    rows = {row.question_id: row for row in played.trainer.rows[0]}
    asked = played.exams.practice
    assert [rows[q.id].prompt for q in asked] == [q.prompt for q in asked]
    assert [rows[q.id].completion for q in asked] == [
        "4 + 3 = 7 apples.\n#### 7",
        "4 + 3 = 7",
        "Seven, as everybody knows.\n#### 7",
        "Its leaves are lopsided.\nThe answer is B.",
        "It rains.\nSo the answer is no.",
        "Square it: $x^2$",
    ]
    assert all(mark(q, rows[q.id].completion).correct for q in asked)


def test_questions_that_give_no_solution_to_learn_are_left_out_and_counted(tmp_path: Path) -> None:
    near = "Ada had 9 cats and buys 8 more. How many cats?"
    practice = [
        {"id": "good", "prompt": "a?", "target": 7, "solution": "4 + 3 = 7"},
        {"id": "none", "prompt": "b?", "target": 7},
        {"id": "blank", "prompt": "c?", "target": 7, "solution": "  "},
        {"id": "wrong", "prompt": "d?", "target": 7, "solution": "4 + 4 = 8"},
        {"id": "near", "prompt": near, "target": 17, "solution": "9 + 8 = 17"},
    ]
    played = play(config("sft", exam=exam_of(tmp_path, practice)), tmp_path / "runs", never)
    assert [row.question_id for row in played.trainer.rows[0]] == ["good"]
    reasons = {one.source_id: one.reason for one in lines(played, 1, "left-out", Unusable)}
    assert reasons == {
        "none": "no solution",
        "blank": "no solution",
        "wrong": "its own marker calls the solution wrong",
        "near": "too near to a dev or test question",
    }
    first = played.report.rounds[1]
    assert first.solutions == 1
    assert first.left_out == Counter(reasons.values())


@pytest.mark.parametrize("strategy", ["sft", "sft+augment"])
def test_an_exam_without_any_solution_is_refused_before_anything_starts(
    strategy: str, tmp_path: Path
) -> None:
    exam = exam_of(tmp_path, [{"prompt": "a?", "target": 7}])
    with pytest.raises(ConfigError, match="no practice question has a solution"):
        play(config(strategy, exam=exam), tmp_path / "runs", never)
    assert not (tmp_path / "runs").exists()


def test_solutions_that_are_all_wrong_end_the_run_untrained(tmp_path: Path) -> None:
    exam = exam_of(tmp_path, [{"prompt": "a?", "target": 7, "solution": "4 + 4 = 8"}])
    played = play(config("sft", exam=exam), tmp_path / "runs", never)
    assert played.report.status == "no examples accepted"
    assert played.trainer.jobs == []


def test_fine_tuning_is_one_round_however_many_are_configured(tmp_path: Path) -> None:
    played = play(config("sft", stop={"rounds": 5}), tmp_path, knows(9, 10))
    assert played.report.status == "nothing new to learn"
    assert len(played.trainer.jobs) == 1
    assert len(played.report.rounds) == 2


def test_a_review_of_solutions_names_the_rows(tmp_path: Path) -> None:
    settings = config("sft", review=True)
    table = table_agents(load_exams(settings.exam).practice, [ALL])
    with pytest.raises(ReviewPending, match=r"round-01/proposed\.jsonl,"):
        run(settings, tmp_path, **table, cache=False)
    report = resume(RunFolder(tmp_path / "t"), **table, approve=True, cache=False)
    assert len(table["trainer"].jobs) == 1
    assert report.best_round == 1


# Blind to errors.


def order(seed: int, round_index: int) -> list[str]:
    practice = load_exams(config("augment").exam).practice
    played = [(question, None) for question in practice]
    found = WAYS["augment"].collect(played, round_index, seed)  # type: ignore[arg-type]
    assert found.picked is not None
    assert {picked.question.id for picked in found.picked} == {q.id for q in practice}
    return [picked.question.id for picked in found.picked]


def test_the_seed_and_the_round_choose_the_questions() -> None:
    assert order(0, 1) == order(0, 1)
    orders = [order(seed, index) for seed in (0, 1, 2) for index in (1, 2, 3)]
    assert len({tuple(one[:6]) for one in orders}) == 9


class StopsAt:
    """A writer that is stopped once, in the middle of its work."""

    examples_per_ask = asks_per_batch = 1

    def __init__(self, at: int) -> None:
        self.left = at

    def draft(self, asks: Sequence[Ask]) -> Any:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        return RecordingWriter(variations).draft(asks)


@pytest.mark.parametrize("strategy", BLIND)
def test_a_stopped_blind_run_ends_like_an_undisturbed_one(strategy: str, tmp_path: Path) -> None:
    settings = config(strategy)
    practice = load_exams(settings.exam).practice
    whole = run(settings, tmp_path / "whole", **table_agents(practice, [ALL[:8]]), cache=False)
    stopped = table_agents(practice, [ALL[:8]]) | {"writer": StopsAt(7)}
    with pytest.raises(KeyboardInterrupt):
        run(settings, tmp_path / "stopped", **stopped, cache=False)
    ended = resume(RunFolder(tmp_path / "stopped" / "t"), **stopped, cache=False)
    assert ended.test == whole.test
    for index in range(1, len(whole.rounds)):
        for name in ("picked", "examples", "training"):
            file = Path("t", f"round-{index:02d}", f"{name}.jsonl")
            one, other = ((tmp_path / run / file).read_bytes() for run in ("whole", "stopped"))
            assert one == other, file


def test_a_blind_way_goes_on_though_practice_is_all_right(tmp_path: Path) -> None:
    def right(index: int, question: Question) -> bool:
        return question.id.startswith("practice") or question.kind in ALL[: 9 + index]

    played = play(config("augment"), tmp_path, right)
    assert played.report.status == "round budget spent"
    assert len(played.trainer.jobs) == 2


def test_new_numbers_keep_the_exams_own_way_of_working(tmp_path: Path) -> None:
    """`47 - 12 = 35`, and not `47 - 12 = 47 - 10 - 2 = 37 - 2 = 35`."""

    def small_steps(strategy: str) -> bool:
        small = VariationsWriter("always")
        writer = RecordingWriter(lambda ask: next(small.draft([ask]))[1])
        settings = config(strategy, name=strategy.replace("+", "-"))
        played = play(settings, tmp_path, knows(0), writer=writer)
        rows = played.trainer.rows[0]
        return any(line.count("=") > 1 for row in rows for line in row.completion.splitlines())

    assert not small_steps("augment")
    assert small_steps("le")


def test_solutions_are_learnt_though_nothing_could_be_written(tmp_path: Path) -> None:
    nothing = RecordingWriter(lambda ask: [])
    played = play(config("sft+augment"), tmp_path, knows(9), writer=nothing)
    assert played.report.status == "round budget spent"
    assert [len(rows) for rows in played.trainer.rows] == [18, 18]


# Both ways from errors.


def test_half_of_the_examples_come_of_each_look_at_the_mistakes(tmp_path: Path) -> None:
    writer = RecordingWriter(Sums())
    played = play(config("le+lec", stop={"rounds": 1}), tmp_path, knows(9), writer=writer)
    halves = Counter[bool]()
    for ask in writer.asks:
        assert isinstance(ask.lesson, Diagnosed)
        halves[bool(ask.lesson.mistake.contrast)] += ask.count
    assert halves == {False: 10, True: 10}
    assert played.report.rounds[1].mistakes == 9


def test_what_one_look_cannot_fill_goes_to_the_other(tmp_path: Path) -> None:
    sums = Sums()

    def alone_is_dry(ask: Ask) -> Sequence[Draft | Unusable]:
        contrasted = isinstance(ask.lesson, Diagnosed) and bool(ask.lesson.mistake.contrast)
        return sums(ask) if contrasted else []

    settings = config("le+lec", stop={"rounds": 1})
    played = play(settings, tmp_path, knows(9), writer=RecordingWriter(alone_is_dry))
    assert len(played.examples(1)) == 20


def test_a_mistake_that_has_no_neighbours_is_looked_at_once(tmp_path: Path) -> None:
    played = play(config("le+lec", stop={"rounds": 1}), tmp_path, knows(0))
    assert len(played.instructor.got) == 18
    assert len(played.examples(1)) == 20


def test_a_mistake_looked_at_twice_may_not_bring_twice_as_much(tmp_path: Path) -> None:
    settings = config("le+lec", stop={"rounds": 1}, examples={"per_round": 100, "per_mistake": 3})
    played = play(settings, tmp_path, knows(9), writer=RecordingWriter(Sums()))
    assert len(played.examples(1)) == 27


# LLMs.


def llm(url: str = "http://127.0.0.1:9/v1", **changes: Any) -> dict[str, Any]:
    return {"model": "openai:scripted", "base_url": url, "api_key_env": "ERRATA_TEST_KEY"} | changes


@pytest.mark.slow
def test_an_llm_rewrites_questions_without_a_look_at_any_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ERRATA_TEST_KEY", "sk-x")
    saw: list[str] = []

    def mind(request: dict[str, Any]) -> str:
        saw.append("\n".join(message["content"] for message in request["messages"]))
        examples = []
        for n in range(len(saw) * 100, len(saw) * 100 + 8):
            said = f"{n} + 7 = {n + 7}\n#### {n + 7}"
            prompt = f"A hen lays {n} eggs and then 7 more. How many eggs?"
            examples.append({"prompt": prompt, "completion": said, "target": str(n + 7)})
        return json.dumps({"examples": examples})

    with OpenAIServer(mind) as server:
        settings = config("augment", stop={"rounds": 1}, instructor=llm(server.base_url))
        student = RecordingStudent(never)
        trainer = RecordingTrainer(student)
        report = run(settings, tmp_path, student=student, trainer=trainer, cache=False)
    assert report.rounds[1].examples.accepted == 20
    examples = read_records(tmp_path / "t" / "round-01" / "examples.jsonl", Example)
    assert {example.made_from for example in examples} == {"question"}
    practice = load_exams(settings.exam).practice
    picked = read_records(tmp_path / "t" / "round-01" / "picked.jsonl", Picked)
    shown = [q.id for q in practice if any(q.prompt in text for text in saw)]
    assert sorted(shown) == sorted(one.question.id for one in picked[:5])  # four from each
    assert all("I like cats." not in text for text in saw)
    assert all("iagnos" not in text and "mistake" not in text for text in saw)
    assert all("Say each of them anew" in text for text in saw)
    assert report.cost is not None
    assert {row.agent for row in report.cost.rows} == {"data writer"}


@pytest.mark.parametrize("section", ["instructor", "writer"])
def test_small_steps_are_taken_as_the_configuration_says(section: str, tmp_path: Path) -> None:
    def chains(when: str) -> int:
        changes = {section: {"model": "variations", "small_steps": when}}
        settings = config("le", name=when, stop={"rounds": 1}, **changes)
        given = table_agents(load_exams(settings.exam).practice, [[]])
        run(settings, tmp_path, **given)
        examples = RunFolder(tmp_path / when).collected(1, "examples", Example)
        assert len(examples) == 20
        said = [line for example in examples for line in example.completion.splitlines()]
        return sum(line.count("=") > 1 for line in said)

    assert chains("always") > 0
    assert chains("slips") == chains("never") == 0  # the student says no equation: it cannot slip


@pytest.mark.parametrize("section", ["instructor", "writer"])
def test_people_and_things_are_renamed_as_the_configuration_says(
    section: str, tmp_path: Path
) -> None:
    def stories(rename: bool) -> set[str]:
        changes = {section: {"model": "variations", "rename": rename}}
        questions = [
            {"prompt": f"Anna ate {n} plums and {n + 3} pears. How many?", "target": 2 * n + 3,
             "solution": f"{n} + {n + 3} = {2 * n + 3}\n#### {2 * n + 3}"}
            for n in range(11, 61)
        ]  # fmt: skip
        path = tmp_path / "exam.jsonl"
        path.write_text("".join(json.dumps(question) + "\n" for question in questions))
        parts = {"practice": (0, 30), "dev": (30, 10), "test": (40, 10)}
        exam = {
            part: {"file": str(path), "skip": skip, "take": take}
            for part, (skip, take) in parts.items()
        }
        settings = config("le", name=f"rename-{rename}", stop={"rounds": 1}, exam=exam, **changes)
        run(settings, tmp_path, **table_agents(load_exams(settings.exam).practice, [[]]))
        folder = RunFolder(tmp_path / settings.name)
        return {
            re.sub(r"\d+", "", example.prompt)
            for example in folder.collected(1, "examples", Example)
        }

    assert stories(rename=False) == {"Anna ate  plums and  pears. How many?"}
    assert len(stories(rename=True)) > 5


@pytest.mark.parametrize("strategy", WAYS)
def test_the_estimate_counts_the_calls_that_the_way_makes(
    strategy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ERRATA_TEST_KEY", "sk-x")
    settings = config(strategy, instructor=llm())
    practice = load_exams(settings.exam).practice
    given = Given(**table_agents(practice, [[]]))
    trace = Trace(tmp_path / "trace.jsonl")
    agents = open_agents(settings, RunFolder(tmp_path), trace, None, given)
    found = estimate_run(settings, agents, practice)
    calls = {row.agent: row.calls for row in found.rows} if found else {}
    writer = {} if strategy == "sft" else {"data writer": 2 * 5}
    looks = {"le": 1, "lec": 1, "sft+lec": 1, "le+lec": 2}.get(strategy)
    assert calls == writer | ({"instructor": 2 * 18 * looks} if looks else {})


class OneRound(LearningFromError):
    rounds = 1


def test_a_way_of_one_round_is_estimated_for_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ERRATA_TEST_KEY", "sk-x")
    settings = config("le", instructor=llm()).model_copy(update={"strategy": "python:a.py:B"})
    settings = settings.with_own_way(OneRound())
    practice = load_exams(settings.exam).practice
    given = Given(**table_agents(practice, [[]]))
    agents = open_agents(settings, RunFolder(tmp_path), Trace(tmp_path / "t.jsonl"), None, given)
    found = estimate_run(settings, agents, practice)
    assert found is not None
    assert {row.agent: row.calls for row in found.rows} == {"instructor": 18, "data writer": 5}


@pytest.mark.parametrize(
    ("strategy", "asked"), [("sft", set()), ("augment", set()), ("le", {0, 1})]
)
def test_practice_is_asked_only_where_a_round_or_the_guard_looks_at_the_answers(
    strategy: str, asked: set[int], tmp_path: Path
) -> None:
    stop = {"rounds": 2, "gate": "any", "guard_practice": False}
    played = play(config(strategy, stop=stop), tmp_path, knows(9, 12, 15))
    practice = {question.id for question in played.exams.practice}
    assert {model for model, id in played.student.asked if id in practice} == asked
    assert played.report.best_round == len(played.trainer.jobs)
    assert audited(played.folder).findings == ()


def test_the_guard_asks_practice_of_a_way_that_looks_at_no_answers(tmp_path: Path) -> None:
    played = play(config("sft", stop={"gate": "any"}), tmp_path, knows(9, 12))
    practice = {question.id for question in played.exams.practice}
    assert {model for model, id in played.student.asked if id in practice} == {0, 1}
    for index in (0, 1):
        (played.folder.round(index) / "practice.jsonl").unlink()
    found = audited(played.folder).findings
    missing = [one.file for one in found if (one.check, one.wrong) == ("attempts", "is missing")]
    assert missing == ["round-00/practice.jsonl", "round-01/practice.jsonl"]


def test_a_way_of_ones_own_or_a_shaper_may_look_at_the_answers() -> None:
    settings = config("sft", stop={"guard_practice": False})
    assert not settings.asks_practice
    assert settings.model_copy(update={"strategy": "python:a.py:B"}).asks_practice
    for shape, asks in ((("columns",), True), (("python:a.py:S",), True), (("diverse",), False)):
        examples = settings.examples.model_copy(update={"shape": shape})
        assert settings.model_copy(update={"examples": examples}).asks_practice is asks


def test_plain_fine_tuning_has_the_whole_level_in_its_only_round(tmp_path: Path) -> None:
    settings = config("sft", stop={"rounds": 3})
    watcher = Heard()
    played = play(settings, tmp_path, knows(9, 12), watcher=watcher)
    promotion = read_record(played.folder.promotion(1), Promotion)
    assert promotion.level == ALPHA["sure"]
    seen = foresight(played.exams.dev, 1, "sure")
    assert watcher.said[0] == sees(settings, load_exams(settings.exam)) == seen


def test_a_way_that_asks_no_llm_needs_neither_key_nor_prices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    settings = config("sft", instructor={"model": "openai:gpt-5-mini"}, budget={"money": 1.0})
    assert prices_of(settings) == {}
    table = table_agents(load_exams(settings.exam).practice, [ALL])
    assert run(settings, tmp_path, **table, cache=False).best_round == 1


@pytest.mark.parametrize("strategy", ["sft", *BLIND])
def test_the_papers_single_call_needs_mistakes(strategy: str) -> None:
    with pytest.raises(ConfigError, match=f"the preset analyses mistakes, and .*{strategy[:3]}"):
        config(strategy, instructor=llm(preset="paper"))


def test_a_check_asks_those_that_the_way_needs() -> None:
    def asked(strategy: str) -> list[str]:
        found = check(config(strategy))
        assert all(one.problem is None for one in found)
        return [one.agent for one in found]

    assert asked("sft") == []
    assert asked("augment") == ["writer"]
    assert asked("le+lec") == ["instructor", "writer"]


# What people read.


@pytest.mark.parametrize("strategy", ["sft", *BLIND])
def test_no_screen_speaks_of_mistakes_where_none_were_looked_at(
    strategy: str, tmp_path: Path
) -> None:
    watcher = Heard()
    played = play(config(strategy), tmp_path, knows(9, 10), watcher=watcher)

    def show(console: Console) -> None:
        print_trace(played.folder, console)
        print_trace(played.folder, console, played.exams.practice[0].id)
        print_summary(played.report, console, played.folder.path)

    shown = printed(show, 120) + "\n".join(watcher.said)
    assert "mistake" not in shown
    assert "None" not in shown
    picks, solves = strategy in BLIND, strategy != "augment"
    assert ("18 practice questions in a random order, blind to errors" in shown) == picks
    assert ("18 solutions of practice questions" in shown) == solves
    assert ("its own solution is trained on" in shown) == solves
    assert ("another round would have brought nothing new" in shown) == (strategy == "sft")
    assert [r.mistakes for r in played.report.rounds[1:]] == [None] * len(played.trainer.jobs)


def test_both_diagnoses_of_a_mistake_are_shown(tmp_path: Path) -> None:
    played = play(config("le+lec", stop={"rounds": 1}), tmp_path, knows(9))
    id = played.instructor.got[0].question.id
    tell = partial(print_trace, played.folder)
    shown = printed(partial(tell, question=id), 120) + printed(tell, 120)
    assert f"a mistake, m01-{id}\n" in shown
    assert f"a mistake, m01-{id}-contrast" in shown
    assert "9 mistakes, each beside" in shown


# The doubles.


@pytest.mark.parametrize("double", ["table", "recording"])
def test_a_trainer_double_refuses_a_training_on_nothing(double: str, tmp_path: Path) -> None:
    trainers = {
        "table": table_agents([], [[]])["trainer"],
        "recording": RecordingTrainer(RecordingStudent(never)),
    }
    (tmp_path / "round-01").mkdir()
    rows = tmp_path / "round-01" / "training.jsonl"
    rows.write_text("")
    job = TrainingJob(
        start=ModelRef(base="bundled"),
        examples=rows,
        adapter=rows.with_name("adapter"),
        settings=config("le").training,
    )
    with pytest.raises(StepFailed, match="no example"):
        trainers[double].train(job, lambda *step: None)


def test_a_diagnosed_lesson_is_named_by_its_diagnosis(tmp_path: Path) -> None:
    played = play(config("le", stop={"rounds": 1}), tmp_path, knows(9))
    lesson = played.writer.asks[0].lesson
    assert isinstance(lesson, Diagnosed)
    assert isinstance(lesson.diagnosis, Diagnosis)
    assert lesson.id == lesson.diagnosis.id


@pytest.mark.sandbox
def test_a_program_that_fails_its_own_tests_is_not_learnt() -> None:
    tests = "def check(candidate):\n    assert candidate(2) == 4\n"
    answer = CodeAnswer(tests=tests, entry_point="f")
    asked = [
        Question(
            id=name, prompt=name, target="f", answer=answer, solution=f"```python\n{body}\n```"
        )
        for name, body in (("good", "def f(n): return n * n"), ("bad", "def f(n): return 5"))
    ]
    examples, left_out = solutions_of(asked)
    assert [(e.question_id, e.completion) for e in examples] == [("good", asked[0].solution)]
    assert [one.source_id for one in left_out] == ["bad"]
