"""The whole graph with a student and a trainer that answer from a table."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from doubles import Stopping, table_agents

from errata.agents.data_writer import Ask
from errata.agents.errors import RunError
from errata.agents.exams.arithmetic import KINDS
from errata.agents.exams.several import load_exams
from errata.agents.jsonl import read_records, write_records
from errata.agents.marking.judged import JudgedBefore, judge_of
from errata.agents.records import (
    DiagnosisLine,
    Draft,
    Example,
    JudgedAnswer,
    Mistake,
    ModelRef,
    Question,
    Response,
    Unusable,
)
from errata.agents.testing.tables import TableStudent, TableTrainer
from errata.agents.variations import VariationsWriter
from errata.graph.config import RunConfig, parse_config
from errata.graph.context import Context
from errata.graph.loop import Node, build_graph, recorded
from errata.graph.report import Report
from errata.graph.run import ReviewPending, resume, run
from errata.graph.run_folder import RunFolder
from errata.graph.state import State
from errata.graph.trace import Trace, read_trace
from errata.graph.watcher import NoWatcher

pytestmark = pytest.mark.loop

ALL = [kind.name for kind in KINDS]


ALL_KINDS_WRITTEN: dict[str, Any] = {
    "exam": {"name": "arithmetic", "seed": 3, "practice": 90, "dev": 36, "test": 36},
    "examples": {"per_round": 100},
}
"""So many examples that each kind is among them."""


def config(**changes: Any) -> RunConfig:
    given: dict[str, Any] = {
        "name": "t",
        "strategy": "lec",
        "exam": {"name": "arithmetic", "seed": 3, "practice": 36, "dev": 36, "test": 36},
        "examples": {"per_round": 40},
    }
    return parse_config(given | changes, "test")


def agents(
    settings: RunConfig, learns: Sequence[Sequence[str]], knows: Sequence[str] = ALL[:2]
) -> dict[str, Any]:
    return table_agents(load_exams(settings.exam).practice, learns, knows)


def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "t")


class Listening(NoWatcher):
    def __init__(self) -> None:
        self.steps: list[tuple[str, int, int, str]] = []
        self.said: list[str] = []

    def progress(self, step: str, done: int, total: int, note: str = "") -> None:
        self.steps.append((step, done, total, note))

    def say(self, text: str) -> None:
        self.said.append(text)


@dataclass(frozen=True)
class Finished:
    settings: RunConfig
    folder: RunFolder
    report: Report
    trainer: TableTrainer
    watcher: Listening


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A run of one round, in which six kinds of question are learnt."""
    runs = tmp_path_factory.mktemp("runs")
    settings = config(stop={"rounds": 1}, student={"system": "Solve."})
    table = agents(settings, [ALL[:8]])
    watcher = Listening()
    report = run(settings, runs, **table, watcher=watcher)
    return Finished(settings, folder(runs), report, table["trainer"], watcher)


def test_a_student_that_learns_everything_reaches_the_target_and_stops(tmp_path: Path) -> None:
    settings = config(**ALL_KINDS_WRITTEN, stop={"target_accuracy": 0.9})
    report = run(settings, tmp_path, **agents(settings, [ALL]))
    assert report.status == "target reached"
    assert [r.promoted for r in report.rounds] == [True, True]
    assert report.test.base.accuracy == pytest.approx(2 / 18)
    assert report.test.final.accuracy == 1
    assert report.model.adapter == str((folder(tmp_path).round(1) / "adapter").resolve())


def test_every_record_can_be_followed_back_to_its_question(finished: Finished) -> None:
    run_folder = finished.folder
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
    with pytest.raises(ReviewPending, match=r"proposed\.jsonl"):
        run(settings, tmp_path, **table)
    with pytest.raises(ReviewPending, match=r"round-01/proposed\.jsonl"):
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


def test_a_run_of_the_same_name_is_not_written_over(finished: Finished) -> None:
    report = finished.folder.path / "report.json"
    before = report.read_bytes()
    table = agents(finished.settings, [ALL])
    with pytest.raises(RunError, match="errata resume t"):
        run(finished.settings, finished.folder.path.parent, **table)
    assert report.read_bytes() == before
    assert table["student"].asked == []


def test_a_second_process_in_the_same_folder_is_refused(finished: Finished) -> None:
    with (
        finished.folder.locked(),
        pytest.raises(RunError, match="at work in another process"),
    ):
        resume(finished.folder, **agents(finished.settings, [ALL]))


def test_the_student_is_trained_with_the_system_prompt_that_it_is_asked_with(
    finished: Finished,
) -> None:
    assert [job.system for job in finished.trainer.jobs] == ["Solve."]
    assert finished.report.model.system == "Solve."


def test_a_finished_run_gives_its_report_again_and_asks_nothing(finished: Finished) -> None:
    again = agents(finished.settings, [ALL[:8]])
    assert resume(finished.folder, **again) == finished.report
    assert again["student"].asked == []


def test_the_report_holds_what_the_readme_promises(finished: Finished) -> None:
    here = finished.folder.path
    report = json.loads((here / "report.json").read_text())
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
        assert (here / name).stat().st_size > 0


def guarded(tmp_path: Path, **changes: Any) -> RunConfig:
    """With a guard exam of 12 questions of the first kind."""
    files = {}
    for name, count in (("practice", 1), ("dev", 1), ("test", 12)):
        rows = [
            {"prompt": f"What is {n} + 1 of {name}?", "target": n + 1, "kind": ALL[0]}
            | {"solution": f"{n} + 1 = {n + 1}"}
            for n in range(count)
        ]
        files[name] = str(tmp_path / f"{name}.jsonl")
        Path(files[name]).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return config(**ALL_KINDS_WRITTEN, guard={"name": "sums", **files}, **changes)


class Forgetful(TableStudent):
    """With an adapter it knows nothing of what it is asked in `forgotten`."""

    def __init__(self, forgotten: str) -> None:
        super().__init__(ALL[:2])
        self.forgotten = forgotten

    def ask(
        self, model: ModelRef, questions: Sequence[Question], answered: frozenset[str]
    ) -> Iterator[Response]:
        for response in super().ask(model, questions, answered):
            if model.adapter and self.forgotten in response.question_id:
                response = response.model_copy(update={"text": "I like cats."})
            yield response


@pytest.mark.parametrize(
    ("forgotten", "lost"),
    [("sums/", "guard exam sums"), ("arithmetic/practice-", "other practice questions")],
)
def test_a_candidate_that_forgets_is_refused_by_name_though_dev_rose(
    forgotten: str, lost: str, tmp_path: Path
) -> None:
    settings = guarded(tmp_path, stop={"rounds": 1})
    exams = load_exams(settings.exam, guard=settings.guard)
    table = table_agents(exams.practice, [ALL]) | {"student": Forgetful(forgotten)}
    watcher = Listening()
    report = run(settings, tmp_path, **table, watcher=watcher)
    [_, refused] = report.rounds
    assert refused.dev is not None
    assert refused.dev.accuracy == 1
    assert refused.promotion is not None
    assert refused.promotion.verdict == "regressed"
    found = {guard.name: guard for guard in refused.promotion.guards}
    assert [name for name, guard in found.items() if guard.lost] == [
        lost if lost in found else "practice questions"
    ]
    assert report.best_round == 0
    assert report.test.final == report.test.base
    told = [line for line in watcher.said if line.startswith("round 1: regressed: ")]
    assert told == [f"round 1: regressed: {refused.promotion.why}"]
    [event] = [e for e in read_trace(tmp_path / "t" / "trace.jsonl") if e["event"] == "dropped"]
    assert event["why"] == refused.promotion.why
    assert event["guards"] == [guard.model_dump() for guard in refused.promotion.guards]


def test_guards_are_asked_of_a_candidate_that_is_better_on_dev_and_of_the_best_to_compare(
    tmp_path: Path,
) -> None:
    settings = guarded(tmp_path, stop={"rounds": 3, "target_accuracy": 1})
    exams = load_exams(settings.exam, guard=settings.guard)
    # Refused, promoted, refused.
    table = table_agents(exams.practice, [ALL[:3], ALL[:9], ALL[:10]], ALL[:2])
    report = run(settings, tmp_path, **table)
    assert [r.promoted for r in report.rounds] == [True, False, True, False]
    home = {q.id: name for name, questions in exams.sets().items() for q in questions}
    asked = Counter(
        (0 if model == "base" else int(Path(model).parent.name[-2:]), home[id])
        for model, id in table["student"].asked
        if home[id] in ("practice", "guard")
    )
    each = {"practice": 90, "guard": 12}
    assert asked == {(index, name): each[name] for index in (0, 2) for name in each}


def test_nothing_of_a_guard_exam_is_learnt(tmp_path: Path) -> None:
    settings = guarded(tmp_path, stop={"rounds": 1})
    exams = load_exams(settings.exam, guard=settings.guard)
    assert {q.exam for q in exams.guard} == {"sums"}

    class Copying(VariationsWriter):
        def draft(self, asks: Sequence[Ask]) -> Iterator[tuple[Ask, list[Draft | Unusable]]]:
            for ask, question in zip(asks, exams.guard, strict=False):
                yield (
                    ask,
                    [
                        Draft(
                            diagnosis_id=ask.lesson.id,
                            prompt=question.prompt,
                            completion=question.solution or "",
                            target=question.target,
                        )
                    ],
                )

    report = run(settings, tmp_path, **table_agents(exams.practice, [ALL]), writer=Copying())
    assert report.status == "no examples accepted"
    assert set(report.rounds[1].examples.rejected) == {"too near to a dev or test question"}


@pytest.mark.parametrize("gate", ["sure", "any"])
def test_a_gain_that_may_be_chance_is_refused_unless_any_gain_will_do(
    gate: str, tmp_path: Path
) -> None:
    settings = config(stop={"rounds": 1, "gate": gate})
    report = run(settings, tmp_path, **agents(settings, [ALL[:4]]))  # 4 of 36 fixed
    assert report.rounds[1].promoted == (gate == "any")
    assert report.best_round == (gate == "any")


def test_a_target_that_the_share_alone_reaches_ends_the_run_as_not_proven(tmp_path: Path) -> None:
    settings = config(**ALL_KINDS_WRITTEN, stop={"target_accuracy": 0.95})
    report = run(settings, tmp_path, **agents(settings, [ALL]))
    [_, best] = report.rounds
    assert best.dev is not None
    assert best.dev.accuracy == 1
    assert best.dev.ci95[0] < 0.95
    assert report.status == "target not proven"


def test_a_run_begins_by_saying_which_gain_it_can_see(tmp_path: Path) -> None:
    watcher = Listening()
    settings = config(stop={"rounds": 1})
    run(settings, tmp_path, **agents(settings, [ALL[:8]]), watcher=watcher)
    assert watcher.said[0] == (
        "With 36 dev questions and 1 round a gain of about 19 points is seen 4 times in 5"
    )


def test_a_watcher_learns_how_far_each_step_is_and_what_came_of_it(finished: Finished) -> None:
    watcher = finished.watcher
    [_, first] = finished.report.rounds

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
    assert told("round 1: writing examples")[0] == (0, 40, "")
    assert told("round 1: writing examples")[-1] == (accepted, 40, f"{refused} refused")
    assert f"round 1: writing examples: {accepted} accepted, {refused} refused" in watcher.said
    assert told(f"round 1: training on {accepted} examples") == [(0, 0, ""), (1, 1, "loss 0.50")]
    assert [said.partition(": ")[0] for said in watcher.said if "sealed" in said] == [
        "sealed test"
    ] * 2
    events = read_trace(finished.folder.path / "trace.jsonl")
    marked = [(e["exam"], e["exam_id"]) for e in events if e["event"] == "exam marked"]
    assert marked == [
        ("dev", "dev-0"),
        ("practice", "practice-0"),
        ("dev", "dev-1"),
        ("practice", "practice-1"),
        ("test", "test-base"),
        ("test", "test-best"),
    ]


def test_a_stopped_exam_asks_only_what_is_left(tmp_path: Path) -> None:
    settings = config(stop={"rounds": 1})
    table = agents(settings, [ALL[:8]])
    with pytest.raises(KeyboardInterrupt):
        run(settings, tmp_path, **table | {"student": Stopping(TableStudent(ALL[:2]), 20)})
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


def visited(strategy: str, **says: str) -> list[str]:
    """The nodes that a run of one round goes through; `says`: node → the end that it tells."""
    seen: list[str] = []

    def bound(node: Node, context: Context) -> Any:
        def step(state: State) -> dict[str, Any]:
            seen.append(node.__name__)
            last = node.__name__ == "examine" and len(seen) > 1
            return {"status": "round budget spent" if last else says.get(node.__name__)}

        return step

    nothing: Any = None
    context = Context(config(strategy=strategy), nothing, nothing, nothing, nothing)
    build_graph(context, bound).compile().invoke({})
    return seen


@pytest.mark.parametrize(
    ("strategy", "learning"),
    [("lec", ["contrast", "diagnose", "write"]), ("le", ["diagnose", "write"]), ("sft", [])],
)
def test_a_round_goes_through_the_steps_of_its_way_and_is_examined(
    strategy: str, learning: list[str]
) -> None:
    learnt = ["examine", "collect", *learning, "prepare"]
    assert visited(strategy) == [*learnt, "review", "train", "examine", "final_exam"]
    assert visited(strategy, prepare="no examples accepted") == [*learnt, "final_exam"]
    assert visited(strategy, review="rejected") == [*learnt, "review", "final_exam"]
    assert visited(strategy, examine="target reached") == ["examine", "final_exam"]


@pytest.mark.parametrize(("step", "index"), [("collect", 3), ("train", 2)])
def test_a_step_is_on_record_with_its_round_its_time_and_what_it_finished(
    step: str, index: int, tmp_path: Path
) -> None:
    run_folder, trace = RunFolder(tmp_path), Trace(tmp_path / "trace.jsonl")
    judged = JudgedAnswer(model="m", rubric="r")
    judges = {judged: JudgedBefore([])}

    def node(state: State, context: Context) -> State:
        question = Question(id="q", prompt="?", target="t", answer=judged)
        assert judge_of(question) is judges[judged]
        write_records(run_folder.round(2) / "mistakes.jsonl", [question])
        return {"examples": 5}

    node.__name__ = step
    agents: Any = SimpleNamespace(llms=SimpleNamespace(judges=judges))
    clock = iter([10.0, 12.3456]).__next__
    context = Context(config(), run_folder, trace, agents, NoWatcher(), clock)
    run_step = recorded(node, context)
    assert (run_step.__name__, [*signature(run_step).parameters]) == (step, ["state"])
    assert run_step({"round": 2}) == {"examples": 5}
    [said] = run_folder.step_times.read()
    assert (said.round, said.step, said.seconds) == (index, step, 2.35)
    begun, ended = read_trace(tmp_path / "trace.jsonl")
    assert [(e["agent"], e["event"], e["round"], e["step"]) for e in (begun, ended)] == [
        ("graph", "step started", index, step),
        ("graph", "step finished", index, step),
    ]
    assert ended["seconds"] == 2.35
    assert "round-02/mistakes.jsonl" in {line.path for line in run_folder.manifest.read().lines}


def test_a_run_begins_at_round_0(tmp_path: Path) -> None:
    trace = Trace(tmp_path / "trace.jsonl")
    agents: Any = SimpleNamespace(llms=SimpleNamespace(judges={}))
    context = Context(config(), RunFolder(tmp_path), trace, agents, NoWatcher())

    def examine(state: State, context: Context) -> State:
        return {}

    recorded(examine, context)({})
    assert {event["round"] for event in read_trace(trace.path)} == {0}
