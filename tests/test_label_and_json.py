"""The benchmark of labels and JSON: its exams, and a run of each with doubles."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from recording import RecordingStudent, RecordingTrainer
from scripts import load

from errata.agents.exams import load_exam
from errata.agents.exams.held_out import HeldOut
from errata.agents.marking import mark
from errata.agents.records import Question
from errata.agents.ways.sft import solutions_of
from errata.graph.config import load_config

pytest.importorskip("jsonschema")


benchmark = load("benchmarks/label_and_json.py")


@pytest.mark.parametrize("task", ["label", "json"])
def test_each_exam_is_apart_and_its_bare_targets_can_be_learnt(task: str, tmp_path: Path) -> None:
    exam = load_exam(load_config(benchmark.write_task(task, tmp_path)).exam[0])
    assert [len(part) for part in (exam.practice, exam.dev, exam.test)] == [160, 60, 100]
    examples, left_out = solutions_of(exam.practice)
    assert (len(examples), left_out) == (160, [])
    assert all(mark(question, question.target).correct for question in exam.test)
    held_out = HeldOut([*exam.dev, *exam.test], exam.practice)
    near = sum(held_out.resemblance(example) is not None for example in examples)
    assert near < 16
    if task == "label":
        counts = Counter(question.target for question in exam.test)
        assert len(counts) == 6
        assert min(counts.values()) > 10
    again = load_exam(load_config(benchmark.write_task(task, tmp_path / "again")).exam[0])
    assert again.test == exam.test


class Solving(RecordingStudent):
    """Answers with the bare target once it is trained."""

    def __init__(self) -> None:
        super().__init__(lambda index, question: index > 0)

    def ask(self, model, questions, *more, **others):  # type: ignore[no-untyped-def]
        solved = [Question.model_copy(q, update={"solution": q.target}) for q in questions]
        return super().ask(model, solved, *more, **others)


@pytest.mark.loop
def test_both_tasks_are_run_and_gone_on_with(tmp_path: Path) -> None:
    student = Solving()
    agents = {"student": student, "trainer": RecordingTrainer(student)}
    reports = benchmark.main(["--folder", str(tmp_path)], **agents)
    assert [(each.test.base.correct, each.test.final.correct) for each in reports] == [(0, 100)] * 2
    assert reports[0].test.final.labels.macro_f1 == 1
    assert reports[1].test.final.json_values.fits == 100
    asked = len(student.asked)
    assert benchmark.main(["--folder", str(tmp_path), "--only", "json"], **agents) == reports[1:]
    assert len(student.asked) == asked
