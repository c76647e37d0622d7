"""Runs over several exams, and exams that are only measured."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from doubles import table_agents
from screen import printed, words

from errata.agents.data_writer import Ask
from errata.agents.errors import ConfigError, ExamError
from errata.agents.exams.several import RunExams, load_exams
from errata.agents.jsonl import read_records
from errata.agents.records import Draft, Example, Question, Unusable
from errata.graph.config import ExampleSettings, RunConfig, parse_config
from errata.graph.report import Report
from errata.graph.run import run
from errata.graph.run_folder import RunFolder
from errata.graph.views.summary import print_summary

NUMBERS = "apples pears plums figs dates limes".split()


def number_rows(first: int, count: int, kind: str) -> list[dict[str, Any]]:
    return [
        {
            "prompt": f"A box holds {n} {NUMBERS[n % 6]} and {n + 7} more. How many is that?",
            "target": str(2 * n + 7),
            "solution": f"{n} + {n + 7} = {2 * n + 7}\n#### {2 * n + 7}",
            "kind": kind,
        }
        for n in range(first, first + count)
    ]


def choice_rows(first: int, count: int, kind: str) -> list[dict[str, Any]]:
    return [
        {
            "prompt": f"Which shelf holds jar number {n}?",
            "options": [f"shelf {n}", f"shelf {n + 1}", f"shelf {n + 2}"],
            "target": "ABC"[n % 3],
            "kind": kind,
        }
        for n in range(first, first + count)
    ]


def write_rows(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("several")


@pytest.fixture(scope="module")
def config(folder: Path) -> RunConfig:
    """Two exams that are practised, a third that is not."""

    def own(name: str, rows: Any, kind: str) -> dict[str, Any]:
        return {
            "name": name,
            "practice": write_rows(folder / f"{name}-practice.jsonl", rows(10, 12, kind)),
            "dev": write_rows(folder / f"{name}-dev.jsonl", rows(100, 6, kind)),
            "test": write_rows(folder / f"{name}-test.jsonl", rows(200, 6, kind)),
        }

    given = {
        "name": "several",
        "strategy": "lec",
        "exam": [own("sums", number_rows, "sum"), own("shelves", choice_rows, "shelf")],
        "out_of_domain": [own("far", lambda n, c, k: number_rows(n + 3000, c, k), "sum")],
        "examples": {"per_round": 20},
        "stop": {"rounds": 1},
    }
    return parse_config(given, "test")


def exams_of(config: RunConfig) -> RunExams:
    return load_exams(config.exam, config.out_of_domain)


@pytest.fixture(scope="module")
def report(config: RunConfig, folder: Path) -> Report:
    return run(config, folder / "runs", **table_agents(exams_of(config).practice, [["sum"]]))


@pytest.mark.loop
def test_each_exam_is_reported_by_itself_and_averages_count_exams_alike(report: Report) -> None:
    assert [(e.exam, e.in_domain, e.n) for e in report.exams] == [
        ("sums", True, 6),
        ("shelves", True, 6),
        ("far", False, 6),
    ]
    assert [(e.base, e.final) for e in report.exams] == [(0, 1), (0, 0), (0, 1)]
    assert report.in_domain is not None
    assert report.in_domain.final == 0.5
    assert report.out_of_domain is not None
    assert report.out_of_domain.final == 1
    assert report.overall is not None
    assert report.overall.final == pytest.approx(2 / 3)
    assert report.test.final.by_exam == {"shelves": (0, 6), "sums": (6, 6)}


@pytest.mark.loop
def test_nothing_is_learnt_from_an_out_of_domain_exam(report: Report, folder: Path) -> None:
    written = RunFolder(folder / "runs" / "several")
    far = {q.id for q in read_records(written.exam("out-of-domain"), Question)}
    assert len(far) == 6
    for name in ("mistakes", "contrasts", "diagnoses", "examples"):
        text = (written.round(1) / f"{name}.jsonl").read_text()
        assert not any(id in text for id in far)


class Copier:
    """Writes the questions of an exam that nobody may learn from."""

    examples_per_ask = asks_per_batch = 1

    def __init__(self, questions: Sequence[Question]) -> None:
        self.questions = questions

    def draft(self, asks: Sequence[Ask]) -> Iterator[tuple[Ask, Sequence[Draft | Unusable]]]:
        for ask in asks:
            yield (
                ask,
                [
                    Draft(
                        diagnosis_id=ask.lesson.id,
                        prompt=question.prompt,
                        completion=question.solution or "",
                        target=question.target,
                    )
                    for question in self.questions[: ask.count]
                ],
            )


@pytest.mark.loop
def test_an_example_that_repeats_an_out_of_domain_question_is_refused(
    config: RunConfig, tmp_path: Path
) -> None:
    exams = exams_of(config)
    table = table_agents(exams.practice, [["sum"]])
    report = run(config, tmp_path / "runs", **table, writer=Copier(exams.out_of_domain))
    assert report.status == "no examples accepted"
    assert set(report.rounds[1].examples.rejected) == {"too near to a dev or test question"}


def test_the_quota_is_shared_by_the_exams_that_have_a_diagnosis() -> None:
    wanted = ExampleSettings(per_round=30, per_exam={"b": 5}, per_mistake=4)
    assert wanted.quotas({"a": 50, "b": 50, "c": 1}, 30) == {"a": 10, "b": 5, "c": 4}
    assert wanted.quotas({"a": 50}, 30) == {"a": 30}
    assert wanted.quotas({}, 30) == {}


@pytest.mark.parametrize(
    ("given", "practice", "wanted"),
    [
        ({}, 20, 300),
        ({}, 500, 2500),
        ({}, 900, 3000),
        ({"instructor": {"model": "openai:gpt-5-mini"}}, 500, 300),
        ({"writer": {"model": "openai:gpt-5-mini"}}, 500, 300),
        ({"examples": {"per_round": 40}}, 500, 40),
    ],
)
def test_variations_cost_nothing_so_there_are_more_of_them(
    given: dict[str, Any], practice: int, wanted: int
) -> None:
    config = parse_config({"exam": {"name": "arithmetic"}} | given, "test")
    assert config.per_round(practice) == wanted


@pytest.mark.loop
def test_the_offline_writer_writes_for_equations_and_skips_the_rest(
    report: Report, folder: Path
) -> None:
    written = RunFolder(folder / "runs" / "several")
    examples = read_records(written.round(1) / "examples.jsonl", Example)
    assert len(examples) == 20
    assert {example.question_id.partition("/")[0] for example in examples} == {"sums"}
    assert len({example.id for example in examples}) == 20


@pytest.mark.loop
def test_the_summary_shows_the_papers_table(report: Report, folder: Path) -> None:
    run_folder = folder / "runs" / "several"
    shown = words(printed(lambda console: print_summary(report, console, run_folder)))
    assert "in domain out of domain all" in shown
    assert "sums shelves average far average" in shown
    assert "best 100.0 0.0 50.0 100.0 66.7" in shown


def test_exams_that_share_a_question_are_refused(config: RunConfig) -> None:
    sums = config.exam[0]
    twin = sums.model_copy(update={"name": "twin", "practice": sums.test})  # type: ignore[union-attr]
    with pytest.raises(ExamError, match="share a question"):
        load_exams([sums, twin])


def test_two_exams_of_one_name_are_refused(config: RunConfig) -> None:
    with pytest.raises(ConfigError, match="two exams are called 'sums'"):
        load_exams([config.exam[0], config.exam[0]])


def test_one_exam_alone_keeps_its_questions_as_they_are(config: RunConfig) -> None:
    [exam] = config.exam[:1]
    questions = load_exams([exam]).practice
    assert questions[0].exam is None
    assert "/" not in questions[0].id


def grouped(tmp_path: Path, name: str, first: int, groups: Sequence[object]) -> str:
    rows = number_rows(first, len(groups), "sum")
    with_group = [row | {"group": group} for row, group in zip(rows, groups, strict=True)]
    return write_rows(tmp_path / name, with_group)


def test_variants_of_one_question_are_not_divided_between_practice_and_dev(tmp_path: Path) -> None:
    given = {
        "name": "own",
        "practice": grouped(tmp_path, "practice.jsonl", 10, [1, 1, 2]),
        "dev": grouped(tmp_path, "dev.jsonl", 100, [2, 3]),
        "test": grouped(tmp_path, "test.jsonl", 200, ["4", None]),
    }
    exam = parse_config({"exam": given}, "test").exam
    with pytest.raises(ExamError, match="practice and dev share variants of one question"):
        load_exams(exam)
    given["dev"] = grouped(tmp_path, "dev.jsonl", 100, [3, 3])
    exams = load_exams(parse_config({"exam": given}, "test").exam)
    assert [q.group for q in exams.practice] == ["1", "1", "2"]
    assert [q.group for q in exams.test] == ["4", None]


def test_groups_of_two_exams_are_not_taken_for_one_another(tmp_path: Path) -> None:
    def own(name: str, first: int) -> dict[str, str]:
        sets = enumerate(("practice", "dev", "test"))
        return {"name": name} | {
            each: grouped(tmp_path, f"{name}-{each}.jsonl", first + 100 * at, [at, at])
            for at, each in sets
        }

    settings = parse_config({"exam": own("one", 10), "guard": own("two", 1010)}, "test")
    exams = load_exams(settings.exam, guard=settings.guard)
    assert {q.group for q in exams.practice} == {"one/0"}
    assert {q.group for q in exams.guard} == {"two/2"}


def test_a_guard_exam_that_shares_a_question_with_another_set_is_refused(tmp_path: Path) -> None:
    def own(name: str, firsts: tuple[int, int, int]) -> dict[str, str]:
        sets = zip(("practice", "dev", "test"), firsts, strict=True)
        return {"name": name} | {
            each: write_rows(tmp_path / f"{name}-{each}.jsonl", number_rows(first, 3, "sum"))
            for each, first in sets
        }

    given = {"exam": own("one", (10, 100, 200)), "guard": own("two", (500, 600, 11))}
    settings = parse_config(given, "test")
    with pytest.raises(ExamError, match="practice and guard share a question"):
        load_exams(settings.exam, guard=settings.guard)
