"""`errata init`: from a file to a configuration that runs, or a question, or one sentence."""

from __future__ import annotations

import io
import json
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import pytest
from doubles import table_agents
from intake_files import LAYOUTS, questions, write_csv, write_lines
from typer.testing import CliRunner, Result

from errata.agents.calibration import Labelled, read_labelled
from errata.agents.errors import ConfigError, ErrataError, ExamError
from errata.agents.exams.files import AnswerType, OwnFields
from errata.agents.exams.several import RunExams, load_exams
from errata.agents.intake.answer_types import TYPES
from errata.agents.intake.findings import Undecided
from errata.agents.intake.tasks import TASKS
from errata.agents.marking import mark
from errata.agents.marking.own import forget_markers
from errata.agents.marking.schema import misfit
from errata.agents.records import JsonAnswer
from errata.graph.cli import app
from errata.graph.config import RunConfig, load_config
from errata.graph.run import run
from errata.graph.views.init import ask_person

HERE = (*get_args(AnswerType), "own")


def needs(answer: str) -> None:
    if answer not in HERE:
        pytest.skip(f"this version has no answers of the type {answer}")


def init(*args: str | Path) -> Result:
    return CliRunner().invoke(app, ["init", *map(str, args)])


def made(*args: str | Path) -> dict[str, Any]:
    """What `errata init --json` prints."""
    result = init(*args, "--json")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def refused(*args: str | Path) -> str:
    """The one sentence of a call that ends with code 2."""
    result = init(*args)
    assert isinstance(result.exception, ErrataError), result.output
    assert "\n" not in str(result.exception)
    return str(result.exception)


def loaded(folder: Path) -> tuple[RunConfig, RunExams]:
    config = load_config(folder / "errata.toml")
    return config, load_exams(config.exam)


def pairs(count: int = 60) -> list[dict[str, Any]]:
    return [{"question": q, "answer": rng.randrange(1000)} for q, rng in questions(count)]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_configuration_of_each_layout_loads_with_its_exam(layout: str, tmp_path: Path) -> None:
    make, answer, _ = LAYOUTS[layout]
    needs(answer)
    out = tmp_path / "out"
    found = made(make(tmp_path), "--out", out, "--yes")
    config, exams = loaded(out)
    assert found["answer"] == answer
    assert {q.answer.type for q in exams.practice} == {answer}
    counted = {side: len(getattr(exams, side)) for side in ("practice", "dev", "test")}
    assert counted == {side: found["sizes"][side] for side in counted}
    assert sum(counted.values()) + found["left_out"] == found["rows"]
    config.way.check(exams.practice)


@pytest.mark.parametrize("task", TASKS)
def test_the_configuration_of_each_task_loads_with_its_exam(task: str, tmp_path: Path) -> None:
    needs(task)
    found = made("--task", task, "--out", tmp_path / "out")
    config, exams = loaded(tmp_path / "out")
    config.way.check(exams.practice)
    assert {q.answer.type for q in exams.test} == {task}
    assert found["estimate"] is None
    assert config.instructor.model == "variations"


def test_the_example_with_its_own_marker_takes_a_date_in_any_form(tmp_path: Path) -> None:
    made("--task", "own", "--out", tmp_path / "out")
    _, exams = loaded(tmp_path / "out")
    assert all(mark(q, q.solution or "").correct for q in exams.practice[:3])
    assert all(mark(q, f"On {q.target}.").correct for q in exams.practice[:3])
    assert not mark(exams.practice[0], "On 1 May 1999").correct
    forget_markers()


def test_the_example_with_a_judge_brings_labels_that_a_fair_judge_agrees_with(
    tmp_path: Path,
) -> None:
    found = made("--task", "judge", "--out", tmp_path / "out")
    config, exams = loaded(tmp_path / "out")
    assert "API key" in found["unknown_cost"]
    assert {"rubric.md", "labelled.jsonl", "README.md"} <= set(found["files"])
    [(_, judge)] = config.judged_exams
    assert "sorry" in judge.read_rubric()
    assert judge.labelled is not None
    labelled = read_labelled(judge.labelled)

    def fair(one: Labelled) -> bool:
        name = (one.target or "").split()[1].strip(",")
        day = (one.target or "").partition("will come on ")[2]
        return all(part in one.response for part in (name, "sorry", day))

    assert [fair(one) for one in labelled] == [one.right for one in labelled]
    asked = {q.prompt for q in (*exams.practice, *exams.dev, *exams.test)}
    assert not asked & {one.prompt for one in labelled}


@pytest.mark.loop
@pytest.mark.parametrize("task", ["number", "choice"])
def test_a_task_goes_through_a_whole_run(task: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    made("--task", task, "--out", out)
    config, exams = loaded(out)
    kinds = sorted({q.kind or "" for q in exams.practice})
    report = run(config, tmp_path / "runs", **table_agents(exams.practice, [kinds], kinds[:1]))
    assert report.test.gain.accuracy > 0.3


def test_a_file_becomes_a_folder_with_the_next_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_csv(Path("My tickets (2).csv"), pairs())
    result = init("My tickets (2).csv")
    assert result.exit_code == 0
    steps = result.stdout.partition("Next:")[2].splitlines()
    assert [step.partition("#")[0].split() for step in steps] == [
        ["errata", command, "My-tickets-2/errata.toml"] for command in ("check", "doctor", "run")
    ]
    assert "No LLM is asked" in result.stdout
    assert sorted(path.name for path in Path("My-tickets-2").iterdir()) == [
        "dev.jsonl", "errata.toml", "practice.jsonl", "test.jsonl",
    ]  # fmt: skip
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "My tickets (2).csv",
        "My-tickets-2",
    ]


def test_each_key_of_the_configuration_says_why_it_stands_so(tmp_path: Path) -> None:
    made(LAYOUTS["numbers in a CSV"][0](tmp_path), "--out", tmp_path / "out")
    lines = (tmp_path / "out" / "errata.toml").read_text().splitlines()
    keys = [line for line in lines if " = " in line and not line.startswith("#")]
    bare = [line for at, line in enumerate(lines) if line in keys and "#" not in line]
    assert len(keys) >= 10
    assert [line.split(" = ")[0] for line in bare] == ["name", "model"]


def test_rows_that_are_left_out_are_spoken_of_only_where_there_are_some(tmp_path: Path) -> None:
    made(LAYOUTS["numbers in a CSV"][0](tmp_path), "--out", tmp_path / "out")
    assert not (tmp_path / "out" / "left-out.jsonl").exists()
    assert "60 questions, 0 rows left out.\n" in (tmp_path / "out" / "errata.toml").read_text()


def test_json_answers_come_with_a_schema_that_each_question_shows(tmp_path: Path) -> None:
    found = made(LAYOUTS["JSON in the cells of a CSV"][0](tmp_path), "--out", tmp_path / "out")
    assert "schema.json" in found["files"]
    config, exams = loaded(tmp_path / "out")
    given = tomllib.loads((tmp_path / "out" / "errata.toml").read_text())["exam"]
    assert (given["schema"], given["fields"]) == ("schema.json", {"tags": "set", "n": "number"})
    for question in (*exams.practice, *exams.dev, *exams.test):
        assert question.prompt.endswith('nothing else: {"tags": [text], "n": whole number}')
        assert isinstance(question.answer, JsonAnswer)
        assert not misfit(json.loads(question.target), question.answer.schema_)
        assert mark(question, question.target).correct
    config.way.check(exams.practice)


def test_what_stands_beside_json_objects_is_the_question_whatever_the_names_are(
    tmp_path: Path,
) -> None:
    rows = [
        {"cells": json.dumps({"n": rng.randint(2, 99), "words": q.split()}), "note": q}
        for q, rng in questions(60)
    ]
    found = made(write_csv(tmp_path / "a.csv", rows), "--out", tmp_path / "out")
    assert found["decided"] == {}
    config, exams = loaded(tmp_path / "out")
    assert {question.answer.type for question in exams.practice} == {"json"}
    assert not config.asks_practice  # its answers are for nothing: no round follows

    more = write_csv(tmp_path / "b.csv", [row | {"aside": f"So: {row['note']}"} for row in rows])
    assert "Say --prompt cells or note or aside" in refused(more, "--out", tmp_path / "two")
    assert made(more, "--out", tmp_path / "two", "--yes")["decided"]["--prompt"] == "aside"


def test_several_labels_become_a_list_in_any_order(tmp_path: Path) -> None:
    tags = ("bug", "login", "urgent")
    rows = [{"text": q, "labels": "|".join(rng.sample(tags, at % 3 + 1))}
            for at, (q, rng) in enumerate(questions(90))]  # fmt: skip
    data = write_csv(tmp_path / "a.csv", rows)
    found = made(data, "--out", tmp_path / "out", "--yes")
    assert found["decided"] == {"--answer": "json"}
    assert found["why"] == "many cells hold several labels with '|' between them"
    for question in loaded(tmp_path / "out")[1].practice:
        assert question.prompt.endswith('["bug" | "login" | "urgent"]')
        assert mark(question, json.dumps(json.loads(question.target)[::-1])).correct


def test_questions_on_a_text_load_with_their_accepted_answers(tmp_path: Path) -> None:
    rows = [
        {"context": f"So it is: {q}", "question": f"Which, {at}?",
         "answers": {"text": ["one", "two"][: 1 + at % 2], "answer_start": [1, 2][: 1 + at % 2]}}
        for at, (q, _) in enumerate(questions())
    ]  # fmt: skip
    made(write_lines(tmp_path / "a.jsonl", rows), "--out", tmp_path / "out")
    config, exams = loaded(tmp_path / "out")
    assert {question.answer.type for question in exams.practice} == {"text", "regex"}
    for question in exams.practice:
        assert question.prompt.endswith('End with "So the answer is", then the answer alone.')
        assert mark(question, question.solution or "").correct
    config.way.check(exams.practice)


def test_nothing_is_written_over_without_being_told(tmp_path: Path) -> None:
    data = write_csv(tmp_path / "a.csv", pairs())
    out = tmp_path / "out"
    made(data, "--out", out)
    (out / "errata.toml").write_text("mine")
    assert "is there already: name another folder with --out, or --force" in refused(
        data, "--out", out
    )
    assert (out / "errata.toml").read_text() == "mine"
    (out / "notes.txt").write_text("mine")
    made(data, "--out", out, "--force")
    assert (out / "errata.toml").read_text() != "mine"
    assert (out / "notes.txt").read_text() == "mine"


def test_what_goes_wrong_leaves_nothing_behind(tmp_path: Path) -> None:
    rows = [row | {"answer": "x y z"} for row in pairs()]
    data = write_csv(tmp_path / "a.csv", rows)
    said = refused(data, "--out", tmp_path / "out", "--answer", "number")
    assert "hardly a row can be marked as number" in said
    assert "say another type with --answer" in said
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_an_open_question_without_a_terminal_names_the_flag(tmp_path: Path) -> None:
    data = LAYOUTS["four numbers again and again"][0](tmp_path)
    said = refused(data, "--out", tmp_path / "out")
    assert "Say --answer number or label; --yes takes 'number'" in said
    assert not (tmp_path / "out").exists()
    found = made(data, "--out", tmp_path / "out", "--yes")
    assert found["decided"] == {"--answer": "number"}
    assert made(data, "--out", tmp_path / "two", "--answer", "number")["decided"] == {}


def test_a_bad_call_ends_with_code_2_and_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from errata.graph.cli import main

    data = LAYOUTS["four numbers again and again"][0](tmp_path)
    monkeypatch.setattr(sys, "argv", ["errata", "init", str(data), "--out", str(tmp_path / "o")])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


@pytest.mark.parametrize(("typed", "took"), [("\n", "number"), ("words\nlabel\n", "label")])
def test_a_person_is_asked_until_they_choose(
    typed: str, took: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    question = Undecided(
        flag="--answer", asked="How?", choices=("number", "label"), proposal="number", why="few"
    )
    assert ask_person(question) == took
    said = capsys.readouterr().err
    assert "number / label [number]" in said
    assert ("is none of them" in said) == ("words" in typed)


def test_rows_that_the_exam_refuses_are_left_out_with_their_place(tmp_path: Path) -> None:
    rows = pairs()
    rows[9]["answer"] = "about a dozen"
    found = made(write_csv(tmp_path / "a.csv", rows), "--out", tmp_path / "out")
    [bad] = [
        json.loads(line) for line in (tmp_path / "out" / "left-out.jsonl").read_text().splitlines()
    ]
    assert bad["where"] == "a.csv, line 11"
    assert "'about a dozen' is not a number" in bad["reason"]
    [said] = [one for one in found["findings"] if one["name"] == "rows that cannot be marked"]
    assert said["rows"] == ["a.csv, line 11"]
    _, exams = loaded(tmp_path / "out")
    assert len(exams.practice) + len(exams.dev) + len(exams.test) == 59


def test_broken_tests_of_a_program_are_found_before_the_run(tmp_path: Path) -> None:
    data = LAYOUTS["programs with tests"][0](tmp_path)
    lines = data.read_text().splitlines()
    lines[5] = lines[5].replace("def f(n):", "def f(n)")
    data.write_text("\n".join(lines))
    found = made(data, "--out", tmp_path / "out")
    assert found["left_out"] == 1
    assert "line 6" in (tmp_path / "out" / "left-out.jsonl").read_text()


def test_an_llm_is_paid_only_when_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-nothing")
    data = write_csv(tmp_path / "a.csv", pairs())
    assert made(data, "--out", tmp_path / "one")["estimate"] is None
    assert loaded(tmp_path / "one")[0].instructor.model == "variations"
    found = made(data, "--out", tmp_path / "two", "--instructor", "openai:gpt-5-mini")
    assert {row["agent"] for row in found["estimate"]["rows"]} == {"instructor", "data writer"}
    assert loaded(tmp_path / "two")[0].strategy == "sft+lec"
    monkeypatch.delenv("OPENAI_API_KEY")
    found = made(data, "--out", tmp_path / "three", "--instructor", "openai:gpt-5-mini")
    assert "OPENAI_API_KEY" in found["unknown_cost"]


def test_hostile_texts_end_in_no_other_key(tmp_path: Path) -> None:
    rows = [
        {"question": f'{q}\x7f"]\nname = "x"', "answer": at, "kind": f'a"\n[stop]\n#{at % 2}'}
        for at, (q, _) in enumerate(questions())
    ]
    data = write_lines(tmp_path / '"x"\n[stop] #.jsonl', rows)
    made(data, "--out", tmp_path / "out")
    given = tomllib.loads((tmp_path / "out" / "errata.toml").read_text())
    assert given["name"] == "x-stop"
    assert sorted(given) == [
        "exam",
        "instructor",
        "name",
        "stop",
        "strategy",
        "student",
        "training",
    ]
    result = init(data, "--out", tmp_path / "two")
    assert "\x7f" not in result.stdout


def test_a_system_prompt_of_chats_is_the_students(tmp_path: Path) -> None:
    system = 'Say "so"\nand \\ no more.'
    rows = [
        {
            "messages": [
                {"role": "system", "content": system},
                {"role": "user", "content": q},
                {"role": "assistant", "content": str(rng.randrange(999))},
            ]
        }
        for q, rng in questions()
    ]
    made(write_lines(tmp_path / "a.jsonl", rows), "--out", tmp_path / "out")
    assert loaded(tmp_path / "out")[0].student.system == system


@pytest.mark.parametrize("chats", [False, True])
def test_free_text_is_judged_once_a_person_has_labelled_answers(
    chats: bool, tmp_path: Path
) -> None:
    rows: list[dict[str, Any]] = []
    for q, rng in questions():
        answer = " ".join(f"word{rng.randrange(99)}" for _ in range(30))
        said = [{"role": "user", "content": q}, {"role": "assistant", "content": answer}]
        rows.append({"messages": said} if chats else {"question": q, "answer": answer})
    out = tmp_path / "out"
    found = made(write_lines(tmp_path / "a.jsonl", rows), "--out", out)
    assert found["answer"] == "judge"
    assert found["estimate"] is None
    assert "judge" in found["unknown_cost"] or "API_KEY" in found["unknown_cost"]
    labelled, *commands = found["next"]
    assert str(out / "labelled.jsonl") in labelled
    assert commands == [
        f"errata {command} {out / 'errata.toml'}" for command in ("judge", "check", "doctor", "run")
    ]
    [(_, judge)] = loaded(out)[0].judged_exams
    assert "reference answer" in judge.read_rubric()
    assert judge.labelled is not None
    with pytest.raises(ExamError, match="'right' is wrong"):
        read_labelled(judge.labelled)
    given = [json.loads(line) for line in judge.labelled.read_text().splitlines()]
    assert all(row["target"].startswith("word") for row in given)
    practice = {question.prompt for question in loaded(out)[1].practice}
    write_lines(judge.labelled, [row | {"response": "x", "right": at % 2 == 0}
                                 for at, row in enumerate(given)])  # fmt: skip
    assert {one.prompt for one in read_labelled(judge.labelled)} <= practice


def test_earlier_turns_are_asked_as_they_were(tmp_path: Path) -> None:
    if "messages" not in OwnFields.model_fields:
        pytest.skip("this version has no questions of several messages")
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"Count {q}"},
                {"role": "assistant", "content": "What of it?"},
                {"role": "user", "content": f"How many, {q}"},
                {"role": "assistant", "content": str(rng.randrange(999))},
            ]
        }
        for q, rng in questions()
    ]
    made(write_lines(tmp_path / "a.jsonl", rows), "--out", tmp_path / "out")
    question = loaded(tmp_path / "out")[1].practice[0]
    assert [role for role, _ in question.before] == ["user", "assistant"]  # type: ignore[attr-defined]


def test_a_run_begins_with_a_part_of_many_questions(tmp_path: Path) -> None:
    data = write_csv(tmp_path / "a.csv", pairs(2300))
    found = made(data, "--out", tmp_path / "out", "--near", "ignore")
    assert found["sizes"]["dev"] > 400
    assert "would show" in found["sizes"]["why"]
    exam = tomllib.loads((tmp_path / "out" / "errata.toml").read_text())["exam"]
    assert exam["dev"] == {"file": "dev.jsonl", "take": 400}
    assert len(loaded(tmp_path / "out")[1].dev) == 400


def test_types_that_are_proposed_are_those_of_a_configuration() -> None:
    assert set(HERE) & set(TYPES) == set(TYPES) if "judge" in HERE else set(HERE) <= set(TYPES)


@pytest.mark.parametrize(
    ("args", "why"),
    [([], "say either DATA or --task"), (["a.csv", "--task", "number"], "either DATA or --task")],
)
def test_data_or_a_task(args: Sequence[str], why: str) -> None:
    result = init(*args)
    assert result.exit_code == 2
    assert why in result.output


def test_the_python_of_the_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_csv(Path("tickets.csv"), [*pairs(), pairs()[3]])
    page = (Path(__file__).parents[1] / "docs" / "your-own-task.md").read_text()
    exec(page.partition("```python\n")[2].partition("```")[0], {})
    said = capsys.readouterr().out
    assert said.startswith("number the answers are numbers")
    assert "left out. ('tickets.csv, line 62',)" in said


def test_an_empty_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExamError, match="3 questions leave none"):
        made(write_csv(tmp_path / "a.csv", pairs(3)), "--out", tmp_path / "out")
    with pytest.raises(ConfigError, match="there is no example"):
        made("--task", "none", "--out", tmp_path / "out")
