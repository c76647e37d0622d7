"""`errata exam` and `errata mark` on a configuration: with its markers and its judges."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from judging import (
    Seen,
    breaking_judge,
    exam_files,
    judge_server,
    judged_toml,
    lines,
    people,
    reply,
)
from typer.testing import CliRunner

from errata.agents.errors import ConfigError, ErrataError, ExamError, InstructorError
from errata.agents.jsonl import read_records
from errata.agents.records import ModelRef, Question, Response
from errata.agents.student import StudentSettings
from errata.agents.testing.openai_server import OpenAIServer, Reply
from errata.graph.cli import app
from errata.graph.commands.doctor import Wanted, doctor, find_subject
from errata.graph.commands.exam import Answered, Evaluation, OpenedExam, evaluate, open_exams
from errata.graph.commands.mark import mark_responses
from errata.graph.watcher import NoWatcher

pytestmark = pytest.mark.loop


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ERRATA_CACHE", str(tmp_path / "cache"))
    exam_files(tmp_path)
    return tmp_path


class Polite:
    """Greets in every second question."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def ask(
        self, model: ModelRef, questions: Sequence[Question], answered: frozenset[str]
    ) -> Iterator[Response]:
        for question in questions:
            if question.id not in answered:
                self.asked.append(question.id)
                text = "hello you" if question.kind == "even" else "bye"
                yield Response(question_id=question.id, text=text, tokens=2, truncated=False)

    def close(self) -> None:
        pass


def opened(*names: object, split: str | None = None, limit: int | None = None) -> list[OpenedExam]:
    return open_exams([str(n) for n in names], 0, limit, split, False, None, NoWatcher())


def sat(
    path: Path, out: Path | None = None, student: Polite | None = None, **more: Any
) -> Evaluation:
    student = student or Polite()
    return evaluate(StudentSettings(), opened(path), out, NoWatcher(), student, **more)


def test_a_judged_exam_is_calibrated_first_and_its_costs_are_counted(folder: Path) -> None:
    with judge_server() as server:
        found = sat(judged_toml(folder, server.base_url))
        seen = [Seen(request.body) for request in server.requests]
    assert [exam.exam for exam in found.exams] == ["greetings"]
    assert found.average == 0.5
    assert all("you " in one.answer for one in seen[: 3 * 30])
    assert len(seen) == 3 * 30 + 8
    [judge] = found.judges
    assert judge.calibration is not None
    assert judge.calibration.kappa == 1
    assert found.cost is not None
    assert (found.cost.total.calls, found.cost.rows[0].agent) == (len(seen), "judge")


def test_an_exam_that_is_begun_anew_pays_for_no_verdict_twice(folder: Path) -> None:
    breaking, judged = breaking_judge(at=3 * 30 + 5)
    out = folder / "answers.jsonl"
    with breaking as server:
        path = judged_toml(folder, server.base_url)
        with pytest.raises(InstructorError):
            sat(path, out, cache=False)
        student = Polite()
        found = sat(path, out, student, cache=False)
    assert len(judged) == len(set(judged)) == 3 * 30 + 8
    assert len(student.asked) < 8
    assert found.cost is not None
    assert found.cost.total.calls == len(judged)
    lines_ = read_records(out, Answered)
    assert sum(line.attempt.correct for line in lines_) == 4


def test_what_was_judged_before_comes_from_the_cache_and_is_said(folder: Path) -> None:
    with judge_server() as server:
        path = judged_toml(folder, server.base_url, "calibrated = false")
        first = sat(path)
        calls = server.calls
        again = sat(path)
        assert server.calls == calls
        sat(path, cache=False)
        assert server.calls == 2 * calls
    assert again.exams == first.exams
    assert again.cost is not None
    assert (again.cost.total.calls, again.cost.total.cached) == (0, calls)


def test_a_judge_that_does_not_agree_marks_nothing_until_its_labels_are_mended(
    folder: Path,
) -> None:
    student, out = Polite(), folder / "answers.jsonl"
    labelled = folder / "labelled.jsonl"
    rows = [json.loads(line) for line in labelled.read_text().splitlines()]
    lines(labelled, [row | {"right": not row["right"]} for row in rows])
    with judge_server() as server:
        path = judged_toml(folder, server.base_url)
        with pytest.raises(ConfigError, match="is refused: its kappa"):
            sat(path, out, student)
        assert student.asked == []
        lines(labelled, rows)
        assert sat(path, out).average == 0.5


def test_a_budget_that_does_not_hold_the_exam_is_refused_before_anything_is_sent(
    folder: Path,
) -> None:
    with judge_server() as server:
        path = judged_toml(folder, server.base_url, more="[budget]\ntokens = 1000\n")
        with pytest.raises(ConfigError, match=r"judge alone may take .* the budget holds 1,000"):
            sat(path, folder / "answers.jsonl")
        assert server.calls == 0


def test_responses_made_elsewhere_are_judged_as_in_a_run(folder: Path) -> None:
    questions = opened(judged_toml(folder, "http://127.0.0.1:9/v1"), split="dev")[0].questions
    said = [
        {"id": q.id, "response": "hello" if at < 6 else "bye"} for at, q in enumerate(questions)
    ]
    lines(folder / "responses.jsonl", said)
    with judge_server() as server:
        [exam] = opened(judged_toml(folder, server.base_url), split="dev")
        found = mark_responses(exam, folder / "responses.jsonl", folder / "out.jsonl", NoWatcher())
        assert server.calls == 3 * 30 + 8
    assert (found.accuracy, found.not_counted) == (0.75, 0)
    assert found.judges[0].calibration is not None
    assert found.cost is not None
    assert (folder / "out.jsonl.judge" / "judged.jsonl").exists()


MINE = """
def polite(question, response):
    return response.startswith("hello")
"""


def own_toml(folder: Path) -> Path:
    (folder / "mine.py").write_text(MINE)
    path = folder / "own.toml"
    path.write_text(
        '[exam]\nname = "mine"\npractice = "practice.jsonl"\ndev = "dev.jsonl"\n'
        'test = "test.jsonl"\nanswer = "python:mine.py:polite"\n'
    )
    return path


def test_a_marker_of_ones_own_marks_an_exam_and_responses_made_elsewhere(folder: Path) -> None:
    path = own_toml(folder)
    found = sat(path)
    assert (found.average, found.judges, found.cost) == (0.5, (), None)
    [exam] = opened(path, split="practice")
    said = [{"prompt": q.prompt, "response": "hello"} for q in exam.questions]
    lines(folder / "responses.jsonl", said)
    assert mark_responses(exam, folder / "responses.jsonl", None, NoWatcher()).accuracy == 1


def test_answers_that_another_marker_marked_are_not_gone_on_with(folder: Path) -> None:
    path, out = own_toml(folder), folder / "answers.jsonl"

    class Tiring(Polite):
        def ask(self, *given: Any) -> Iterator[Response]:
            for at, response in enumerate(super().ask(*given)):
                if at == 3:
                    raise ErrataError("tired")
                yield response

    with pytest.raises(ErrataError, match="tired"):
        sat(path, out, Tiring())
    (folder / "mine.py").write_text(MINE + "\n")
    with pytest.raises(ExamError, match=r"own_code.*mine\.py"):
        sat(path, out)


def test_the_doctor_has_its_answers_marked_by_the_marker_as_it_is_now(folder: Path) -> None:
    path = own_toml(folder)

    def floor(student: Polite) -> list[str]:
        subject = find_subject(str(path), folder / "runs")
        wanted = Wanted(ask=True)
        found = doctor(subject, wanted, folder / "runs", NoWatcher(), lambda settings: student)
        return [one.said for one in found.findings if one.name == "base model"]

    assert floor(Polite()) == []
    (folder / "mine.py").write_text(MINE.replace("hello", "x"))
    [said] = floor(Polite())
    assert "next to nothing right" in said
    (folder / "mine.py").write_text(MINE)
    unasked = Polite()
    assert floor(unasked) == []
    assert unasked.asked == []  # they are kept since the first time


def test_the_doctor_says_what_its_judge_is_worth_and_which_answers_it_left_uncounted(
    folder: Path,
) -> None:
    def mostly(request: dict[str, Any]) -> Reply:
        return "no" if Seen(request).question.endswith(f"{people('dev3')}.") else reply(True)

    with OpenAIServer(mostly) as server:
        subject = find_subject(str(judged_toml(folder, server.base_url)), folder / "runs")
        given = (subject, Wanted(ask=True), folder / "runs", NoWatcher())
        found = doctor(*given, lambda settings: Polite())
    assert any(note.startswith("1 of 8 dev questions are not counted") for note in found.notes)
    assert any("errata judge " in note for note in found.notes)


def test_every_exam_of_a_configuration_is_asked_or_the_one_that_is_named(folder: Path) -> None:
    path = folder / "two.toml"
    one = 'practice = "practice.jsonl"\ndev = "dev.jsonl"\ntest = "test.jsonl"\nanswer = "text"\n'
    path.write_text(
        f'[[exam]]\nname = "one"\n{one}[[exam]]\nname = "arithmetic"\npractice = 4\ndev = 4\n'
        "test = 4\n"
    )
    both = opened(path, limit=3)
    assert [(exam.name, len(exam.questions)) for exam in both] == [("one", 3), ("arithmetic", 3)]
    [named] = opened(f"one={path}", split="dev")
    assert [q.id for q in named.questions] == [f"dev-{at:05}" for at in range(1, 9)]
    with pytest.raises(ExamError, match=r"no exam 'two' under .*: it has one, arithmetic"):
        opened(f"two={path}")
    with pytest.raises(ExamError, match="no split 'train': say practice, dev, test"):
        opened(path, split="train")
    with pytest.raises(ConfigError, match="second configuration"):
        opened(path, own_toml(folder))
    ran = CliRunner().invoke(app, ["mark", str(path), str(folder / "dev.jsonl")])
    assert ran.exit_code == 2
    assert "one=" in ran.output


def test_a_file_alone_says_that_a_configuration_names_its_judge_or_marker(folder: Path) -> None:
    for answer in ("judge", "python:mine.py:polite"):
        lines(folder / "alone.jsonl", [{"prompt": "Greet Ada.", "target": "x", "answer": answer}])
        with pytest.raises(ErrataError, match="TOML"):
            opened(folder / "alone.jsonl")
