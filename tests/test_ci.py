"""What a script or a CI job sees of errata: exit codes, JSON, a loss that fails."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from doubles import table_agents
from typer.testing import CliRunner

from errata.agents.errors import ConfigError, RunError
from errata.agents.exams.arithmetic import KINDS
from errata.agents.exams.several import load_exams
from errata.agents.promotion import visible_gain
from errata.agents.records import Question, Sampling
from errata.agents.student import StudentSettings
from errata.agents.testing.tables import TableStudent
from errata.graph.cli import EXIT_CODES, NO_JSON, app
from errata.graph.commands.exam import OpenedExam, evaluate
from errata.graph.config import parse_config
from errata.graph.run import ReviewPending, run
from errata.graph.watcher import NoWatcher

ROOT = Path(__file__).parents[1]
ALL = [kind.name for kind in KINDS]
GROUP: Any = typer.main.get_command(app)


def errata(*args: str | Path) -> Any:
    return CliRunner().invoke(app, [str(arg) for arg in args], prog_name="errata")


def questions(each: int = 25, kinds: Sequence[str] = ("sums", "trees", "towns")) -> list[Question]:
    return [
        Question(
            id=f"{kind}-{n}",
            prompt=f"{kind} {n}?",
            target="7",
            solution="The answer is 7.",
            kind=kind,
        )
        for kind in kinds
        for n in range(each)
    ]


def answered(
    path: Path, knows: Sequence[str], asked: Sequence[Question] | None = None, **settings: Any
) -> Path:
    """What `errata exam --out` writes of a student that knows these kinds."""
    exam = OpenedExam("own", questions() if asked is None else asked)
    evaluate(StudentSettings(**settings), [exam], path, NoWatcher(), TableStudent(knows))
    return path


# JSON and exit codes.


def test_every_command_has_json_or_says_why_not() -> None:
    without = {
        name
        for name, command in GROUP.commands.items()
        if not any("--json" in option.opts for option in command.params)
    }
    assert without == set(NO_JSON)


def test_each_exit_code_that_a_commands_help_tells_is_in_the_table() -> None:
    told = {
        name: set(map(int, re.findall(r"(?:exit code is|Exit with|exit code) (\d)", text)))
        for name, command in GROUP.commands.items()
        for text in [" ".join([command.help or "", *(str(o.__dict__) for o in command.params)])]
    }
    assert {name for name, codes in told.items() if codes} >= {"doctor", "judge", "audition"}
    for name, codes in told.items():
        for code in codes - {0}:
            assert re.search(rf"`{name}\b", EXIT_CODES[code]), (name, code)


@pytest.mark.parametrize(
    "command",
    [["runs"], ["instructors"], ["cache"], ["init", "--task", "label"], ["doctor", "c.toml"]],
)
def test_what_a_command_prints_as_json_is_one_object(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ERRATA_CACHE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    Path("c.toml").write_text('exam = { name = "arithmetic", practice = 18, dev = 18, test = 18 }')
    done = errata(*command, "--json")
    assert done.exit_code == 0
    assert isinstance(json.loads(done.stdout), dict)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`done` is finished, `asks` waits for a review."""
    folder = tmp_path_factory.mktemp("runs")
    for name, review in (("done", False), ("asks", True)):
        config = parse_config(
            {
                "name": name,
                "exam": {"name": "arithmetic", "practice": 36, "dev": 18, "test": 18},
                "examples": {"per_round": 20},
                "stop": {"rounds": 1},
                "review": review,
            },
            "test",
        )
        agents = table_agents(load_exams(config.exam).practice, [ALL[:9]])
        if review:
            with pytest.raises(ReviewPending):
                run(config, folder, **agents)
        else:
            run(config, folder, **agents)
    return folder


@pytest.mark.loop
def test_a_run_prints_its_report_as_json_and_everything_else_beside_it(runs: Path) -> None:
    done = errata("resume", "done", "--runs", runs, "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout) == json.loads((runs / "done" / "report.json").read_text())


@pytest.mark.loop
@pytest.mark.parametrize("option", [[], ["--json"]])
def test_a_run_that_waits_for_a_review_exits_with_a_code_of_its_own(
    option: list[str], runs: Path
) -> None:
    done = errata("resume", "asks", "--runs", runs, *option)
    assert done.exit_code == 3
    assert 3 in EXIT_CODES
    assert "waits for your review" in (done.stderr if option else done.stdout)
    assert not option or not done.stdout


@pytest.mark.loop
def test_runs_are_listed_as_json_with_their_figures(runs: Path) -> None:
    asks, done = sorted(
        json.loads(errata("runs", "--runs", runs, "--json").stdout)["runs"],
        key=lambda each: each["run"],
    )
    report = json.loads((runs / "done" / "report.json").read_text())
    assert (done["finished"], done["status"]) == (True, report["status"])
    assert done["after"] == report["test"]["final"]["accuracy"] > done["before"]
    assert (asks["finished"], asks["after"]) == (False, None)
    assert "review" in asks["status"]


# Completion.


def completed(*words: str | Path) -> list[str]:
    env = {
        "_ERRATA_COMPLETE": "complete_bash",
        "COMP_WORDS": shlex.join(["errata", *map(str, words)]),
        "COMP_CWORD": str(len(words)),
    }
    done = CliRunner().invoke(app, [], env=env, prog_name="errata")
    return done.stdout.split()


@pytest.mark.loop
def test_a_shell_completes_the_names_of_runs(runs: Path) -> None:
    assert completed("trace", "--runs", runs, "d") == ["done"]
    assert "compare" in completed("co")
    for command, option in (("view", []), ("export", []), ("compare", []), ("forecast", [])):
        assert completed(command, *option, "--runs", runs, "as") == ["asks"], command


# A new adapter that is worse.


def test_a_model_that_is_worse_fails_and_one_that_is_not_passes(tmp_path: Path) -> None:
    two = answered(tmp_path / "two.jsonl", ["sums", "trees"])
    one = answered(tmp_path / "one.jsonl", ["sums"])
    worse = errata("compare", two, one, "--fail-if-worse", "0.05")
    assert worse.exit_code == 1
    assert "worse   one in all questions: 0 fixed, 25 broken" in worse.stdout.replace("\n", " ")
    better = errata("compare", one, two, "--fail-if-worse", "0.05")
    assert better.exit_code == 0
    assert "no loss is proven" in better.stdout
    assert errata("compare", two, one).exit_code == 0  # nobody asked


def test_a_kind_that_was_lost_fails_though_the_average_rose(tmp_path: Path) -> None:
    before = answered(tmp_path / "before.jsonl", ["trees"])
    after = answered(tmp_path / "after.jsonl", ["sums", "towns"])
    done = errata("compare", before, after, "--fail-if-worse", "0.05", "--json")
    assert done.exit_code == 1
    found = json.loads(done.stdout)
    assert found["gain"]["value"] > 0
    lost = {part["name"] for part in found["loss"]["parts"] if part["lost"]}
    assert lost == {"questions of kind trees"}


def test_the_page_says_which_loss_so_many_questions_find() -> None:
    page = (ROOT / "docs" / "ci.md").read_text()
    rows = re.findall(r"^\| (\d+) \| (\d+) points \|$", page, re.MULTILINE)
    assert len(rows) == 4
    for n, points in rows:
        loss = visible_gain(int(n), 0.05)
        assert loss is not None
        assert f"{100 * loss:.0f}" == points


def test_an_exam_that_was_lost_fails_though_the_average_rose(tmp_path: Path) -> None:
    named = {"sums": "a", "trees": "b", "towns": "a"}
    asked = [q.model_copy(update={"exam": named[q.kind or ""]}) for q in questions(15)]
    before = answered(tmp_path / "before.jsonl", ["trees"], asked)
    after = answered(tmp_path / "after.jsonl", ["sums", "towns"], asked)
    done = errata("compare", before, after, "--fail-if-worse", "0.05", "--json")
    loss = json.loads(done.stdout)["loss"]
    assert [part["name"] for part in loss["parts"] if part["lost"]] == ["exam b"]
    assert done.exit_code == 1
    assert 0.1 < loss["sees"] < 0.5  # with 45 questions


def test_few_losses_are_no_proof_and_the_level_decides(tmp_path: Path) -> None:
    asked = questions(5, ("sums", "trees"))  # kinds of five are no parts by themselves
    before = answered(tmp_path / "before.jsonl", ["sums"], asked)
    after = answered(tmp_path / "after.jsonl", [], asked)
    level = {"0.05": 1, "0.03": 0}  # 5 broken of 5: p = 1/32
    for given, code in level.items():
        assert errata("compare", before, after, "--fail-if-worse", given).exit_code == code
    assert "points is still possible" in errata(
        "compare", before, after, "--fail-if-worse", "0.03"
    ).stdout.replace("\n", " ")


def test_variants_of_one_question_are_one_loss(tmp_path: Path) -> None:
    grouped = [q.model_copy(update={"group": "one"}) for q in questions(25, ("sums",))]
    before = answered(tmp_path / "before.jsonl", ["sums"], grouped)
    after = answered(tmp_path / "after.jsonl", [], grouped)
    assert errata("compare", before, after, "--fail-if-worse", "0.05").exit_code == 0


@pytest.mark.loop
def test_two_runs_can_fail_too(runs: Path) -> None:
    done = errata("compare", "done", "done", "--runs", runs, "--fail-if-worse", "0.1", "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["loss"]["worse"] is False


@pytest.mark.parametrize("level", ["0", "-1", "0.5", "nan"])
def test_a_level_that_is_none_is_refused(level: str, tmp_path: Path) -> None:
    done = errata("compare", tmp_path / "a.jsonl", tmp_path / "b.jsonl", "--fail-if-worse", level)
    assert isinstance(done.exception, ConfigError)
    assert "above 0 and below 0.5" in str(done.exception)


def test_answers_that_cannot_be_compared_are_refused(tmp_path: Path) -> None:
    first = answered(tmp_path / "first.jsonl", ["sums"])
    other = answered(tmp_path / "other.jsonl", ["sums"], questions(24))
    done = errata("compare", first, other)
    assert isinstance(done.exception, RunError)
    assert "72 are in both, 3 in the first only" in str(done.exception)
    evaluate(
        StudentSettings(),
        [OpenedExam("own", questions())],
        tmp_path / "samples.jsonl",
        NoWatcher(),
        TableStudent(),
        Sampling(answers=2, temperature=1.0),
    )
    done = errata("compare", first, tmp_path / "samples.jsonl")
    assert "has several answers to the question" in str(done.exception)
    done = errata("compare", first, tmp_path / "none.jsonl")
    assert "none.jsonl cannot be read" in str(done.exception)
    (tmp_path / "x.jsonl").write_text('{"a": 1}\n')
    assert "x.jsonl" in str(errata("compare", first, tmp_path / "x.jsonl").exception)
    with_set = errata("compare", first, other, "--set", "dev")
    assert "--set is of two runs" in str(with_set.exception)


def test_what_was_not_made_alike_is_said_but_for_the_adapter(tmp_path: Path) -> None:
    first = answered(tmp_path / "first.jsonl", ["sums"])
    second = answered(tmp_path / "second.jsonl", ["sums"], max_new_tokens=7)
    found = json.loads(errata("compare", first, second, "--json").stdout)
    assert found["differs"] == ["student.max_new_tokens: 128 and 7"]
    assert "not made alike: student.max_new_tokens: 128 and 7" in errata(
        "compare", first, second
    ).stdout.replace("\n", " ")


# The workflow.


def steps() -> list[dict[str, Any]]:
    workflow = yaml.safe_load((ROOT / "examples" / "ci" / "adapter.yml").read_text())
    assert "pull_request" in workflow[True]  # `on`, which YAML 1.1 reads as true
    return list(workflow["jobs"]["exam"]["steps"])


@pytest.mark.parametrize(("knows", "code"), [(["sums", "trees"], 0), (["sums"], 1)])
def test_the_workflow_fails_exactly_where_the_new_adapter_is_worse(
    knows: list[str], code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its commands as they stand; a table answers in place of the weights."""
    monkeypatch.chdir(tmp_path)
    answered(Path("baseline.jsonl"), ["sums", "trees"])
    lines = [line for step in steps() for line in step.get("run", "").splitlines()]
    commands = [shlex.split(line)[1:] for line in lines if line.startswith("errata ")]
    assert [name for name, *_ in commands] == ["exam", "compare"]
    (_, *exam), compare = commands
    given = GROUP.commands["exam"].make_context("exam", exam).params
    assert given["adapter"] == "adapter"
    answered(given["out"], knows)
    assert errata(*compare).exit_code == code


def test_the_workflow_takes_the_torch_that_errata_takes() -> None:
    told = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    [torch] = [requirement for requirement in told if requirement.startswith("torch")]
    [install] = [step["run"] for step in steps() if step.get("name") == "Install"]
    assert f"'{torch}' --index-url https://download.pytorch.org/whl/cpu\n" in install


def test_the_page_about_installing_names_each_extra() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    page = (ROOT / "docs" / "install.md").read_text()
    extras = set(project["optional-dependencies"]) - {"dev"}
    assert not [extra for extra in extras if f"`{extra}`" not in page]
