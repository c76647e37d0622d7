"""errata doctor, the command: what it asks and writes, what it says of a run, what is shown."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from ailing import (
    SkilledSolver,
    arithmetic,
    with_contradictions,
    with_leaks,
    with_wrong_targets,
    written,
)
from doubles import table_agents
from examining import SMALL, config_of, examined, write
from recording import RecordingWriter, Sums, play
from rich.console import Console
from typer.testing import CliRunner

from errata.agents.errors import BudgetSpent, ConfigError, ExamError, RunError
from errata.agents.exams.corrections import read_corrections
from errata.agents.exams.several import load_exams
from errata.agents.marking import mark
from errata.agents.records import GREEDY, ModelRef, Question, Response, Sampling
from errata.agents.student import StudentSettings
from errata.agents.verifier import Problem
from errata.graph.cli import app
from errata.graph.commands.doctor import Examined, Wanted, doctor, find_subject
from errata.graph.config import parse_config
from errata.graph.run import run
from errata.graph.views.doctor import print_examined
from errata.graph.watcher import NoWatcher

# The command.


class FormalStudent:
    """States its answers only when the system prompt shows how, and needs many tokens."""

    def __init__(self, settings: StudentSettings, asked: list[str]) -> None:
        self.settings = settings
        self.asked = asked

    def ask(
        self,
        model: ModelRef,
        questions: Sequence[Question],
        answered: frozenset[str],
        sampling: Sampling = GREEDY,
    ) -> Iterator[Response]:
        for question in questions:
            if question.id in answered:
                continue
            self.asked.append(question.id)
            told = "####" in (self.settings.system or "")
            text = question.solution or "" if told else "I would have to think about that."
            yield Response(question_id=question.id, text=text, tokens=9, truncated=False)

    def close(self) -> None:
        pass


def test_without_asking_nothing_is_asked_and_what_was_not_looked_at_is_listed(
    tmp_path: Path,
) -> None:
    def nobody(settings: StudentSettings) -> FormalStudent:
        raise AssertionError

    config = config_of(tmp_path, written("number", 0, SMALL))
    found = examined(config, tmp_path, Wanted(), open_with=nobody)
    assert [one.what for one in found.not_looked_at] == [
        "unread answers",
        "base model",
        "what the form alone brings",
    ]
    assert found.not_looked_at[0].do == "errata doctor my.toml --ask"
    assert not (tmp_path / ".doctor").exists()


def test_asking_asks_dev_alone_and_only_once(tmp_path: Path) -> None:
    sets = written("number", 0, SMALL)
    config = config_of(tmp_path, sets)
    asked: list[str] = []

    def opened(settings: StudentSettings) -> FormalStudent:
        return FormalStudent(settings, asked)

    found = examined(config, tmp_path, Wanted(form=True), open_with=opened)
    named = {finding.name: finding for finding in found.findings}
    assert named["unread answers"].severity == "serious"
    assert named["base model"].severity == "warning"
    brings = named["what the form alone brings"]
    assert brings.tries[0].gain == 1
    assert "####" in brings.do[0]
    assert found.findings[0].severity == "serious"
    assert set(asked) == {question.id for question in sets["dev"]}
    assert len(asked) == 3 * len(sets["dev"])
    again = examined(config, tmp_path, Wanted(form=True), open_with=opened)
    assert again == found
    assert len(asked) == 3 * len(sets["dev"])


def test_what_is_wrong_is_written_taken_by_the_exam_and_gone_afterwards(tmp_path: Path) -> None:
    sets, wrong = with_wrong_targets(written("number", 0, SMALL), "target alone", 0.05)
    sets = with_contradictions(with_leaks(sets, "equal", 2).sets, 2).sets
    config = config_of(tmp_path, sets)
    with pytest.raises(ExamError, match="share a question"):
        load_exams(config.exam)
    out = tmp_path / "corrections.jsonl"
    found = examined(config, tmp_path, Wanted(corrections=out))
    assert found.serious
    assert found.corrections == (str(out),)
    lines = read_corrections(out)
    truth = {q.id: q for each in written("number", 0, SMALL).values() for q in each}
    for id in wrong & lines.keys():
        if not lines[id].leave_out:
            assert lines[id].target == truth[id].target
            assert lines[id].prompt == truth[id].prompt
    taken = config_of(tmp_path, sets, corrections=str(out))
    load_exams(taken.exam)
    after = examined(taken, tmp_path, Wanted())
    assert {finding.name for finding in after.findings} & {"wrong targets", "duplicates"} == set()
    with pytest.raises(ConfigError, match="nothing is written over"):
        examined(config, tmp_path, Wanted(corrections=out))
    more = tmp_path / "more.jsonl"
    examined(taken, tmp_path, Wanted(corrections=more))
    assert not more.exists() or read_corrections(more).keys() >= lines.keys()


def test_of_several_exams_each_gets_a_file_with_its_own_ids(tmp_path: Path) -> None:
    exams = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        seed = 1 if name == "a" else 2
        sets, _ = with_wrong_targets(arithmetic(seed, SMALL), "target alone", 0.05)
        files = {side: write(tmp_path / name / side, rows) for side, rows in sets.items()}
        exams.append(files | {"name": name})
    config = parse_config({"exam": exams}, "test")
    found = examined(config, tmp_path, Wanted(corrections=tmp_path / "c.jsonl"))
    assert set(found.corrections) == {str(tmp_path / f"c-{name}.jsonl") for name in "ab"}
    for path in found.corrections:
        assert all("/" not in id for id in read_corrections(Path(path)))


def test_votes_without_an_llm_are_refused_in_one_sentence(tmp_path: Path) -> None:
    config = config_of(tmp_path, arithmetic(0, SMALL))
    with pytest.raises(ConfigError, match=r"name one under \[verify.solver\]"):
        examined(config, tmp_path, Wanted(votes=3))


def test_the_llm_is_asked_of_practice_and_dev_alone_and_of_no_more_than_is_said(
    tmp_path: Path,
) -> None:
    sets = written("number", 0, SMALL)
    config = config_of(tmp_path, sets)
    solver = SkilledSolver(sets, 1.0)
    examined(config, tmp_path, Wanted(votes=3), solver=solver)
    asked = {problem.prompt for problem in solver.asked}
    assert asked == {q.prompt for name in ("practice", "dev") for q in sets[name]}
    few = SkilledSolver(sets, 1.0)
    examined(config, tmp_path, Wanted(votes=3, most=7), solver=few)
    assert len(few.asked) == 7


class PoorSolver(SkilledSolver):
    """Has a budget for five answers."""

    def solve(self, problems: Sequence[Problem]) -> Iterator[tuple[Problem, str | None]]:
        yield from super().solve(problems[:5])
        raise BudgetSpent("the budget holds no further call")


def test_what_was_solved_before_the_budget_was_spent_stands(tmp_path: Path) -> None:
    truth = written("number", 0, SMALL)
    sets, wrong = with_wrong_targets(truth, "target alone", 0.05)
    found = examined(
        config_of(tmp_path, sets), tmp_path, Wanted(votes=3), solver=PoorSolver(truth, 1.0)
    )
    assert any("not every question was solved again: the budget" in note for note in found.notes)
    assert found.findings[0].name == "wrong targets"
    assert set(found.findings[0].questions) == wrong


# A finished run.


@pytest.mark.loop
def test_a_run_is_looked_at_with_what_its_models_answered(tmp_path: Path) -> None:
    exam = {"name": "arithmetic", "practice": 36, "dev": 36, "test": 18}
    settings = parse_config(
        {"name": "r", "exam": exam, "examples": {"per_round": 24}, "stop": {"rounds": 2}}, "test"
    )
    agents = table_agents(load_exams(settings.exam).practice, [["change"], []], ["add twice"])
    run(settings, tmp_path, cache=False, **agents)
    found = doctor(find_subject("r", tmp_path), Wanted(), tmp_path, NoWatcher())
    named = {finding.name: finding for finding in found.findings}
    assert named["unread answers"].severity == "serious"  # `I like change.`
    assert named["refused rounds"].severity == "serious"
    assert named["refused rounds"].evidence[0].startswith("round 1: ")
    assert found.next_step is not None
    assert [one.what for one in found.not_looked_at] == [
        "what the form alone brings",
        "flat learning curve",
    ]


@pytest.mark.loop
def test_losses_refusals_and_cut_rows_of_a_run_are_findings(tmp_path: Path) -> None:
    """The double's trainer skips three rows of each training."""
    settings = parse_config(
        {
            "name": "r",
            "exam": {"name": "arithmetic", "practice": 36, "dev": 180, "test": 18},
            "examples": {"per_round": 24},
            "stop": {"rounds": 1, "gate": "any", "guard_practice": False},
        },
        "test",
    )
    kinds = sorted({question.kind or "" for question in load_exams(settings.exam).dev})
    before, lost = set(kinds[:4]), kinds[0]

    def right(index: int, question: Question) -> bool:
        return question.kind in before if not index else question.kind != lost

    play(settings, tmp_path, right, writer=RecordingWriter(lambda ask: [*made(ask)]))
    found = doctor(find_subject("r", tmp_path), Wanted(), tmp_path, NoWatcher())
    named = {finding.name: finding for finding in found.findings}
    assert f"dev questions of kind {lost}" in named["got worse"].evidence[0]
    assert "wrong equation" in " ".join(named["refused examples"].evidence)
    assert named["cut training rows"].shares[0].count == 3
    assert named["cut training rows"].do == ("[training]\nmax_tokens = 2048",)
    assert "of the best model's" in named["unread answers"].said.lower()
    assert set(named["unread answers"].questions) == {
        question.id for question in load_exams(settings.exam).dev if question.kind == lost
    }  # the base said `I like cats.` to nearly all
    assert "base model" not in named


def made(ask: Any) -> Iterator[Any]:
    """Sound drafts, and for every other question ones with a wrong equation."""
    number = int(ask.lesson.question.id.rpartition("-")[2])
    sums = Sums()
    sums.n += 10_000 * number
    for _ in range(ask.count):
        draft = sums.next(ask)
        wrong = draft.completion.replace(" + 1", " + 2", 1)
        yield draft.model_copy(update={"completion": wrong}) if number % 2 else draft


# Shown.


def test_the_screen_shows_the_worst_first_and_what_to_do_and_json_says_the_same(
    tmp_path: Path,
) -> None:
    sets, _ = with_wrong_targets(written("number", 0, SMALL), "target alone", 0.1)
    sets["dev"].append(sets["dev"][0].model_copy(update={"id": "twin"}))
    config = config_of(tmp_path, sets)

    def opened(settings: StudentSettings) -> FormalStudent:
        return FormalStudent(settings, [])

    found = examined(config, tmp_path, Wanted(form=True), open_with=opened)
    for width in (60, 120):
        shown = io.StringIO()
        print_examined(found, Console(file=shown, width=width, legacy_windows=False))
        text = shown.getvalue()
        assert text.index("serious: ") < text.index("warning: ")
        assert "To do: errata doctor my.toml --corrections corrections.jsonl" in text
        assert 'system = "' in text
        assert "by chance" in " ".join(text.split())
        assert f"my.toml: {sum(f.severity == 'serious' for f in found.findings)} serious" in text
    assert Examined.model_validate(json.loads(found.model_dump_json())) == found


def test_the_exit_code_is_for_ci_only_where_that_is_asked_for(tmp_path: Path) -> None:
    sets, _ = with_wrong_targets(written("number", 0, SMALL), "target alone", 0.1)
    names = "".join(f'{n} = "{Path(write(tmp_path / n, q)).name}"\n' for n, q in sets.items())
    (tmp_path / "my.toml").write_text(f"[exam]\n{names}")
    called = ["doctor", str(tmp_path / "my.toml"), "--json", "--runs", str(tmp_path)]
    told = CliRunner().invoke(app, called)
    assert told.exit_code == 0
    found = Examined.model_validate_json(told.stdout)
    assert found.serious
    assert CliRunner().invoke(app, [*called, "--strict"]).exit_code == 1
    assert CliRunner().invoke(app, [*called, "--most", "3"]).exit_code == 2


def test_a_file_or_a_run_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        find_subject(str(tmp_path / "none.toml"), tmp_path)
    with pytest.raises(RunError, match="there is no run 'none'"):
        find_subject("none", tmp_path)


def test_every_question_that_is_planted_is_marked_as_it_should_be() -> None:
    for questions in written("number", 0, SMALL).values():
        assert all(mark(q, q.solution or "").correct for q in questions)
