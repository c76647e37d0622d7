"""Runs on labels and on JSON: what is learnt from bare targets, and what every report says."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
from desk import LABELS, Clerk, desk_config, json_run, labels_run
from screen import printed

from errata.agents.errors import ConfigError
from errata.agents.exams import named_questions
from errata.agents.exams.several import load_exams
from errata.agents.jsonl import read_record, read_records
from errata.agents.records import Row
from errata.graph.commands.check import sees
from errata.graph.commands.exam import Evaluation, ExamResult
from errata.graph.page.data import page_of
from errata.graph.report import Report
from errata.graph.report_text import page_of as text_of
from errata.graph.run import run
from errata.graph.run_folder import RunFolder
from errata.graph.views.exams import print_evaluation
from errata.graph.views.summary import print_summary

pytestmark = pytest.mark.loop


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return labels_run(tmp_path_factory.mktemp("labels"))


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return json_run(tmp_path_factory.mktemp("objects"))


def report_of(folder: RunFolder) -> Report:
    return read_record(folder.path / "report.json", Report)


def summary(folder: RunFolder) -> str:
    return printed(lambda console: print_summary(report_of(folder), console, folder.path), 100)


def test_where_there_is_no_solution_the_bare_target_is_learnt(labels: RunFolder) -> None:
    rows = read_records(labels.round(1) / "training.jsonl", Row)
    assert [row.completion for row in rows] == [row.target for row in rows]
    assert {row.target for row in rows} == set(LABELS)
    assert all(row.prompt.endswith(": refund, bug or hello.") for row in rows)


def test_a_report_has_the_confusion_of_the_base_and_of_the_best_model(labels: RunFolder) -> None:
    test = report_of(labels).test
    assert (test.base.correct, test.final.correct) == (4, 8)
    assert test.base.labels is not None
    assert test.final.labels is not None
    assert test.base.labels.confusion == {
        "refund": {"refund": 4},
        "bug": {"": 4},
        "hello": {"bug": 1, "": 3},
    }
    assert test.final.labels.confusion["bug"] == {"bug": 4}
    assert test.final.labels.macro_f1 == pytest.approx((1 + 8 / 9 + 0) / 3)
    assert report_of(labels).rounds[1].dev is not None


def test_every_screen_and_page_says_what_accuracy_hides(labels: RunFolder) -> None:
    page = text_of(report_of(labels))
    assert "- Macro-F1 of the labels: 0.333 before, 0.630 after." in page
    assert (
        "- bug, 4 questions: precision 0% before, 80% after; recall 0% before, 100% after." in page
    )
    assert "- hello answered with no label after: 3." in page
    assert "- hello answered with bug after: 1." in page
    screen = summary(labels)
    assert "Sealed test: macro-F1 0.630, 0.333 before" in screen
    assert "no label" in screen
    index = page_of([labels])[0].runs[0]
    assert index.report is not None
    assert index.report.test.final.labels == report_of(labels).test.final.labels


def test_the_exam_that_a_report_names_can_be_asked_again(labels: RunFolder) -> None:
    [name] = report_of(labels).model.exams
    assert named_questions(name) == labels.questions("test")


def test_fields_and_what_parses_are_reported_of_json(objects: RunFolder) -> None:
    test = report_of(objects).test
    assert test.final.json_values is not None
    assert test.final.json_values.model_dump() == {
        "asked": 12,
        "parsed": 9,
        "fits": 9,
        "fields": {"kind": (9, 12), "case.number": (8, 12)},
    }
    page = text_of(report_of(objects))
    assert "- Answers that parse as JSON: 5 of 12 before, 9 after." in page
    assert "- Field case.number: 4 of 12 right before, 8 after." in page
    screen = summary(objects)
    assert "Sealed test: 75.0% parse as JSON, 41.7% before" in screen
    assert "8/12" in screen


def test_an_exam_without_a_run_shows_the_same(labels: RunFolder, objects: RunFolder) -> None:
    results = [
        ExamResult(exam=each.name, result=report_of(each).test.final) for each in (labels, objects)
    ]
    for shown in (results[:1], results[1:], results):
        found = Evaluation(model="m", exams=tuple(shown), average=0.5)
        out = printed(partial(print_evaluation, found), 100)
        assert ("macro-F1 0.630" in out) == (results[0] in shown)
        assert ("75.0% parse as JSON" in out) == (results[1] in shown)


@pytest.mark.parametrize("strategy", ["lec", "augment", "sft+lec", "sft+augment"])
def test_variations_has_nothing_for_labels_and_says_so_before_anything_is_asked(
    strategy: str, tmp_path: Path
) -> None:
    settings = desk_config(tmp_path, "label", strategy)
    student = Clerk()
    for start in (
        lambda: run(settings, tmp_path / "runs", student=student),
        lambda: sees(settings, load_exams(settings.exam)),
    ):
        with pytest.raises(
            ConfigError, match='nothing for answer = "label": choose strategy = "sft"'
        ):
            start()
    assert student.asked == []
    assert not (tmp_path / "runs").exists()


def test_an_exam_of_patterns_without_a_solution_has_nothing_to_train_on(tmp_path: Path) -> None:
    settings = desk_config(tmp_path, "regex")
    for name in ("practice", "dev", "test"):
        file = tmp_path / f"{name}.jsonl"
        row = {"prompt": f"How many, {name}?", "target": r"\d+ pens"}
        file.write_text(json.dumps(row) + "\n")
    with pytest.raises(ConfigError, match="no practice question has a solution"):
        run(settings, tmp_path / "runs", student=Clerk())
