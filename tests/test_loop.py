"""The whole graph with a student and a trainer that answer from a table."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from doubles import table_agents

from errata.agents.errors import RunError
from errata.agents.exams.arithmetic import KINDS
from errata.agents.exams.several import load_exams
from errata.agents.jsonl import read_records
from errata.agents.records import DiagnosisLine, Example, Mistake, ModelRef, Question, Response
from errata.agents.testing.tables import TableStudent
from errata.graph.config import RunConfig, parse_config
from errata.graph.report import Report
from errata.graph.run import ReviewPending, resume, run
from errata.graph.run_folder import RunFolder
from errata.graph.trace import read_trace
from errata.graph.watcher import NoWatcher

ALL = [kind.name for kind in KINDS]


def config(**changes: Any) -> RunConfig:
    given: dict[str, Any] = {
        "name": "t",
        "exam": {"name": "arithmetic", "seed": 3, "practice": 90, "dev": 36, "test": 36},
        "examples": {"per_round": 100},
    }
    return parse_config(given | changes, "test")


def agents(
    settings: RunConfig, learns: Sequence[Sequence[str]], knows: Sequence[str] = ALL[:2]
) -> dict[str, Any]:
    return table_agents(load_exams(settings.exam).practice, learns, knows)


def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "t")


def accuracies(report: Report) -> list[float]:
    return [round(r.dev.accuracy, 3) for r in report.rounds if r.dev]


def test_a_student_that_learns_everything_reaches_the_target_and_stops(tmp_path: Path) -> None:
    settings = config()
    report = run(settings, tmp_path, **agents(settings, [ALL]))
    assert report.status == "target reached"
    assert [r.promoted for r in report.rounds] == [True, True]
    assert report.test.base.accuracy == pytest.approx(2 / 18)
    assert report.test.final.accuracy == 1
    assert report.model.adapter == str((folder(tmp_path).round(1) / "adapter").resolve())


def test_every_record_can_be_followed_back_to_its_question(tmp_path: Path) -> None:
    settings = config(stop={"rounds": 1})
    run(settings, tmp_path, **agents(settings, [ALL[:8]]))
    run_folder = folder(tmp_path)
    here = run_folder.round(1)
    practice = {q.id for q in read_records(run_folder.exam("practice"), Question)}
    mistakes = {m.id: m for m in read_records(here / "contrasts.jsonl", Mistake)}
    diagnoses = {
        line.result.id: line.result
        for line in read_records(here / "diagnoses.jsonl", DiagnosisLine)
        if line.result.__class__.__name__ == "Diagnosis"
    }
    for example in read_records(here / "examples.jsonl", Example):
        diagnosis = diagnoses[example.diagnosis_id]
        assert mistakes[diagnosis.mistake_id].question.id == example.question_id
        assert example.question_id in practice
        assert example.votes == (1, 1)  # what variations write is solved again by variations


def test_a_review_pauses_the_run_until_a_person_answers(tmp_path: Path) -> None:
    settings = config(review=True, stop={"rounds": 1})
    table = agents(settings, [ALL[:8]])
    with pytest.raises(ReviewPending, match=r"examples\.jsonl"):
        run(settings, tmp_path, **table)
    with pytest.raises(ReviewPending, match=r"round-01/examples\.jsonl"):
        resume(folder(tmp_path), **table)
    assert table["trainer"].jobs == []
    report = resume(folder(tmp_path), **table, approve=True)
    assert report.status == "round budget spent"
    assert report.best_round == 1


def test_a_rejected_review_ends_the_run_without_training(tmp_path: Path) -> None:
    settings = config(review=True)
    table = agents(settings, [ALL])
    with pytest.raises(ReviewPending):
        run(settings, tmp_path, **table)
    report = resume(folder(tmp_path), **table, approve=False)
    assert report.status == "rejected"
    assert table["trainer"].jobs == []


def test_a_run_of_the_same_name_is_not_written_over(tmp_path: Path) -> None:
    settings = config(stop={"rounds": 1})
    run(settings, tmp_path, **agents(settings, [ALL[:8]]))
    before = (tmp_path / "t" / "report.json").read_bytes()
    with pytest.raises(RunError, match="errata resume t"):
        run(settings, tmp_path, **agents(settings, [ALL]))
    assert (tmp_path / "t" / "report.json").read_bytes() == before


def test_a_second_process_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    settings = config(stop={"rounds": 1})
    run(settings, tmp_path, **agents(settings, [ALL]))
    with (
        folder(tmp_path).locked(),
        pytest.raises(RunError, match="at work in another process"),
    ):
        resume(folder(tmp_path), **agents(settings, [ALL]))


def test_the_student_is_trained_with_the_system_prompt_that_it_is_asked_with(
    tmp_path: Path,
) -> None:
    settings = config(stop={"rounds": 1}, student={"system": "Solve."})
    table = agents(settings, [ALL[:8]])
    report = run(settings, tmp_path, **table)
    assert [job.system for job in table["trainer"].jobs] == ["Solve."]
    assert report.model.system == "Solve."


def test_a_finished_run_gives_its_report_again_and_asks_nothing(tmp_path: Path) -> None:
    settings = config(stop={"rounds": 1})
    first = run(settings, tmp_path, **agents(settings, [ALL[:8]]))
    again = agents(settings, [ALL[:8]])
    assert resume(folder(tmp_path), **again) == first
    assert again["student"].asked == []


def test_the_report_holds_what_the_readme_promises(tmp_path: Path) -> None:
    settings = config(stop={"rounds": 1})
    run(settings, tmp_path, **agents(settings, [ALL[:8]]))
    report = json.loads((tmp_path / "t" / "report.json").read_text())
    first = report["rounds"][1]
    assert first["dev"].keys() >= {"accuracy", "n", "ci95"}
    assert first["examples"].keys() >= {"written", "accepted", "rejected"}
    assert {"train", "write", "diagnose", "examine"} <= first["seconds"].keys()
    assert report["test"]["base"].keys() >= {"accuracy", "n", "ci95"}
    assert report["test"]["final"]["accuracy"] > report["test"]["base"]["accuracy"]
    low, high = report["test"]["gain"]["ci95"]
    assert low < report["test"]["gain"]["accuracy"] < high
    assert report["model"].keys() >= {"base", "adapter"}
    for name in ("manifest.jsonl", "steps.jsonl", "trace.jsonl", "config.json"):
        assert (tmp_path / "t" / name).stat().st_size > 0


class Listening(NoWatcher):
    def __init__(self) -> None:
        self.steps: list[tuple[str, int, int, str]] = []
        self.said: list[str] = []

    def progress(self, step: str, done: int, total: int, note: str = "") -> None:
        self.steps.append((step, done, total, note))

    def say(self, text: str) -> None:
        self.said.append(text)


def test_a_watcher_learns_how_far_each_step_is_and_what_came_of_it(tmp_path: Path) -> None:
    settings = config(stop={"rounds": 1})
    watcher = Listening()
    report = run(settings, tmp_path, **agents(settings, [ALL[:8]]), watcher=watcher)
    [_, first] = report.rounds

    def told(step: str) -> list[tuple[int, int, str]]:
        return [(done, total, note) for name, done, total, note in watcher.steps if name == step]

    dev = told("base model: dev exam")
    assert [(done, total) for done, total, _ in dev] == [(n, 36) for n in range(37)]
    assert dev[-1][2] == "11% right"
    assert "base model: dev exam: 11.1% of 36 right (95% interval 4.4% to 25.3%)" in watcher.said
    assert [done for done, _, _ in told("round 1: diagnosing")] == list(range(first.mistakes + 1))
    assert (
        f"round 1: diagnosing: {first.mistakes} of {first.mistakes} mistakes named" in watcher.said
    )
    refused = sum(first.examples.rejected.values()) + sum(first.examples.unwritable.values())
    accepted = first.examples.accepted
    assert told("round 1: writing examples")[0] == (0, 100, "")
    assert told("round 1: writing examples")[-1] == (accepted, 100, f"{refused} refused")
    assert f"round 1: writing examples: {accepted} accepted, {refused} refused" in watcher.said
    assert told(f"round 1: training on {accepted} examples") == [(0, 0, ""), (1, 1, "loss 0.50")]
    assert [said.partition(": ")[0] for said in watcher.said if "sealed" in said] == [
        "sealed test"
    ] * 2
    events = read_trace(tmp_path / "t" / "trace.jsonl")
    marked = [(e["exam"], e["exam_id"]) for e in events if e["event"] == "exam marked"]
    assert marked == [
        ("dev", "dev-0"),
        ("practice", "practice-0"),
        ("dev", "dev-1"),
        ("practice", "practice-1"),
        ("test", "test-base"),
        ("test", "test-best"),
    ]


class Stopping(TableStudent):
    """Stops in the middle of its first exam."""

    def ask(
        self, model: ModelRef, questions: Sequence[Question], answered: frozenset[str]
    ) -> Iterator[Response]:
        for number, response in enumerate(super().ask(model, questions, answered)):
            if number == 20:
                raise KeyboardInterrupt
            yield response


def test_a_stopped_exam_asks_only_what_is_left(tmp_path: Path) -> None:
    settings = config(stop={"rounds": 1})
    table = agents(settings, [ALL[:8]])
    with pytest.raises(KeyboardInterrupt):
        run(settings, tmp_path, **table | {"student": Stopping(ALL[:2])})
    resume(folder(tmp_path), **table)
    ids = [question for _, question in table["student"].asked if question.startswith("dev-")]
    base = ids[: len(ids) - 36]  # the candidate is asked all 36
    assert len(base) == 16


class Nobody:
    """Stands for an agent that has nothing left to do."""

    examples_per_ask = asks_per_batch = 1

    def work(self, *given: object) -> Any:
        raise AssertionError("finished work is done again")

    ask = draft = diagnose = train = embed_documents = work

    def close(self) -> None:
        pass


def test_a_finished_run_without_checkpoints_asks_nobody_again(tmp_path: Path) -> None:
    settings = config(stop={"rounds": 2})
    before = run(settings, tmp_path, **agents(settings, [ALL[:8], ALL[:9]]))
    for name in ("checkpoints.sqlite", "report.json"):
        (tmp_path / "t" / name).unlink()
    nobody: Any = Nobody()
    everyone = dict.fromkeys(("student", "trainer", "instructor", "writer"), nobody)
    after = resume(folder(tmp_path), **everyone)
    exclude = {"seconds": True, "rounds": {"__all__": {"seconds"}}}
    assert after.model_dump(exclude=exclude) == before.model_dump(exclude=exclude)
