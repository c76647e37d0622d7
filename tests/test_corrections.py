"""Corrections of an exam: taken by id, refused by name, counted in what is reported."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from doubles import table_agents
from hearing import Heard
from judging import exam_files, judged_toml

from errata.agents.errors import ExamError
from errata.agents.exams.corrections import Corrected, said_of
from errata.agents.exams.several import RunExams, load_exams
from errata.graph.config import RunConfig, load_config, parse_config
from errata.graph.report_text import page_of
from errata.graph.run import exams_in, run
from errata.graph.run_folder import RunFolder

SETS = ("practice", "dev", "test")


def write(path: Path, rows: Sequence[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def exam(folder: Path, lines: Sequence[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """Six sums a set, `practice-0` and so on, each the sum of its numbers."""
    given: dict[str, Any] = {"corrections": write(folder / "corrections.jsonl", lines)}
    for at, name in enumerate(SETS):
        rows = [
            {
                "id": f"{name}-{n}",
                "prompt": f"{n} birds and {at + 3} more are how many?",
                "target": str(n + at + 3),
                "solution": f"{n} + {at + 3} = {n + at + 3}\n#### {n + at + 3}",
                "kind": "sum",
            }
            for n in range(6)
        ]
        given[name] = write(folder / f"{name}.jsonl", rows)
    return given | more


def config(folder: Path, lines: Sequence[dict[str, Any]], **more: Any) -> RunConfig:
    given = {"exam": exam(folder, lines), "stop": {"rounds": 1}, "examples": {"per_round": 6}}
    return parse_config(given | more, "test")


def load(settings: RunConfig) -> tuple[RunExams, list[Corrected]]:
    done: list[Corrected] = []
    exams = load_exams(settings.exam, settings.out_of_domain, guard=settings.guard, corrected=done)
    return exams, done


def test_a_target_is_corrected_and_a_question_left_out(tmp_path: Path) -> None:
    lines = [
        {"id": "practice-1", "target": 40, "was": "4", "why": "a reason", "prompt": "its words"},
        {"id": "dev-2", "leave_out": True},
        {"id": "test-3", "target": "8"},  # as it is already
    ]
    exams, done = load(config(tmp_path, lines))
    assert [q.target for q in exams.practice] == ["3", "40", "5", "6", "7", "8"]
    assert [q.id for q in exams.dev] == [f"dev-{n}" for n in (0, 1, 3, 4, 5)]
    assert len(exams.test) == 6
    assert done == [
        Corrected(set="practice", question_id="practice-1", did="another target"),
        Corrected(set="dev", question_id="dev-2", did="left out"),
    ]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([{"id": "x", "target": "1"}], "'x', which is in no set"),
        ([{"id": "dev-1", "target": "1"}] * 2, "'dev-1' is corrected twice"),
        ([{"id": "dev-1", "target": ""}], "line 1: "),
        ([{"id": "", "leave_out": True}], "line 1: "),
        ([{"id": "dev-1"}], "a correction has a target, or leave_out"),
        ([{"id": "dev-1", "target": "1", "leave_out": True}], "a correction has a target, or"),
        ([{"id": "dev-1", "target": "many"}], "'dev-1' to 'many', which is no number"),
        ([{"id": "dev-1", "target": "1", "was": "9"}], "from the target '9', which is not"),
        ([{"id": "dev-1", "targte": "1"}], "line 1"),
        ([{"id": f"dev-{n}", "leave_out": True} for n in range(6)], "the dev set holds no"),
    ],
)
def test_a_correction_that_cannot_be_is_refused_by_name(
    lines: list[dict[str, Any]], said: str, tmp_path: Path
) -> None:
    with pytest.raises(ExamError, match=said.replace("(", r"\(")):
        load(config(tmp_path, lines))


def test_a_line_of_corrections_that_is_no_json_is_named(tmp_path: Path) -> None:
    settings = config(tmp_path, [])
    (tmp_path / "corrections.jsonl").write_text('{"id": "dev-1", "target": "5"}\n{\n')
    with pytest.raises(ExamError, match=r"corrections\.jsonl, line 2.*JSON"):
        load(settings)


def test_an_option_that_is_none_is_refused_and_programs_keep_their_tests(tmp_path: Path) -> None:
    rows = [{"id": "c", "prompt": "Which?", "options": ["a", "b"], "target": "A"}]
    code = [{"id": "p", "prompt": "Add.", "tests": "def check(f): assert f(1) == 1",
             "entry_point": "f"}]  # fmt: skip
    given = exam(tmp_path, [{"id": "c", "target": "C"}])
    given["practice"] = write(tmp_path / "choice.jsonl", rows)
    with pytest.raises(ExamError, match=r"'C', which is no option: give one of A, B"):
        load(parse_config({"exam": given}, "test"))
    write(tmp_path / "corrections.jsonl", [{"id": "c", "target": "B"}])
    assert [q.target for q in load(parse_config({"exam": given}, "test"))[0].practice] == ["B"]
    given["practice"] = write(tmp_path / "code.jsonl", code)
    write(tmp_path / "corrections.jsonl", [{"id": "p", "target": "g"}])
    with pytest.raises(ExamError, match="code has no target"):
        load(parse_config({"exam": given}, "test"))


LABELS = {"answer": "label", "labels": {"refund": ["money back"], "bug": []}}


@pytest.mark.parametrize(
    ("form", "was", "line", "target"),
    [
        (LABELS, "bug", "Money back", "refund"),
        (LABELS, "bug", "refnud", "did you mean 'refund'"),
        ({"answer": "json"}, {"a": 1}, {"a": [2]}, '{"a": [2]}'),
        ({"answer": "json"}, {"a": 1}, "{a", "is not JSON"),
        ({"answer": "regex"}, "ab+", "a(", "pattern"),
        ({"answer": "regex"}, "ab+", "a+", "a+"),
        ({"answer": "math"}, "x", "$$", "which is no formula: give one"),
        ({"answer": "math"}, "x", "a+", "a+"),
    ],
)
def test_a_corrected_target_is_read_as_the_exams_own(
    form: dict[str, Any], was: Any, line: Any, target: str, tmp_path: Path
) -> None:
    given = exam(tmp_path, [{"id": "q", "target": line, "was": was}], **form)
    for name in SETS:
        rows = [{"id": "q" if name == "dev" else name, "prompt": f"{name}?", "target": was}]
        given[name] = write(tmp_path / name, rows)
    settings = parse_config({"exam": given}, "test")
    if target in ("refund", "a+") or target.startswith("{"):
        assert load(settings)[0].dev[0].target == target
    else:
        with pytest.raises(ExamError, match=target) as error:
            load(settings)
        assert "corrections.jsonl corrects 'q'" in str(error.value)


def test_a_solution_that_comes_to_the_old_target_goes_with_it(tmp_path: Path) -> None:
    lines = [{"id": "practice-1", "target": 40}, {"id": "practice-2", "target": "5.0"}]
    exams, _ = load(config(tmp_path, lines))
    assert exams.practice[1].solution is None
    assert exams.practice[2].solution is not None


def test_a_solution_that_states_no_answer_stays(tmp_path: Path) -> None:
    given = exam(tmp_path, [{"id": "q", "target": "8"}])
    rows = [{"id": "q", "prompt": "How many?", "target": "7", "solution": "Count them."}]
    given["practice"] = write(tmp_path / "counted.jsonl", rows)
    [question] = load(parse_config({"exam": given}, "test"))[0].practice
    assert (question.target, question.solution) == ("8", "Count them.")


def test_a_judge_is_not_asked_of_a_corrected_questions_solution(tmp_path: Path) -> None:
    exam_files(tmp_path)
    write(tmp_path / "c.jsonl", [{"id": "practice-00001", "target": "hello to all"}])
    path = judged_toml(tmp_path, "http://127.0.0.1:9/v1")
    path.write_text(
        path.read_text().replace("[exam.judge]", 'corrections = "c.jsonl"\n[exam.judge]')
    )
    practice = load_exams(load_config(path).exam).practice
    [corrected] = [question for question in practice if question.target == "hello to all"]
    assert corrected.solution is not None


def test_what_is_measured_is_said_to_be_another_thing_where_held_out_sets_were_corrected() -> None:
    def said(*sets: str) -> str:
        return said_of([Corrected(set=name, question_id="q", did="left out") for name in sets])

    assert said() == ""
    assert said("practice") == "1 questions corrected, 1 of them left out: 1 in practice"
    for name in ("dev", "test", "guard", "out-of-domain"):
        one = said("practice", name)
        assert f"1 in practice, 1 in {name.upper()}. What this run measures is not what" in one
        assert one.endswith("compare it only with runs that had the same corrections")


def test_an_id_that_two_sets_have_is_refused(tmp_path: Path) -> None:
    given = exam(tmp_path, [{"id": "twin", "leave_out": True}])
    for name in ("practice", "dev"):
        given[name] = write(
            tmp_path / f"{name}.jsonl",
            [{"id": "twin", "prompt": f"{name}?", "target": "1"}, {"prompt": name, "target": "2"}],
        )
    with pytest.raises(ExamError, match="'twin', which is in two sets"):
        load(parse_config({"exam": given}, "test"))


def test_of_several_exams_each_has_its_own_corrections(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    practised = exam(tmp_path / "a", [{"id": "dev-1", "target": "77"}], name="sums")
    guard = exam(tmp_path / "b", [{"id": "test-1", "target": "5.0"},
                                  {"id": "dev-1", "leave_out": True}], name="kept")  # fmt: skip
    rows = [{"id": f"test-{n}", "prompt": f"Is it {n}?", "target": str(n)} for n in range(3)]
    for name in SETS:
        guard[name] = write(
            tmp_path / "b" / f"{name}.jsonl",
            [row | {"id": row["id"].replace("test", name), "prompt": f"{name} {row['prompt']}"}
             for row in rows],
        )  # fmt: skip
    exams, done = load(parse_config({"exam": practised, "guard": guard}, "test"))
    assert [q.target for q in exams.dev if q.id == "sums/dev-1"] == ["77"]
    assert [q.target for q in exams.guard] == ["0", "5.0", "2"]
    assert [(one.set, one.question_id) for one in done] == [
        ("dev", "sums/dev-1"),
        ("guard", "kept/test-1"),
    ]


def test_the_file_lies_where_the_configuration_lies(tmp_path: Path) -> None:
    given = exam(tmp_path, [{"id": "dev-1", "target": "77"}])
    names = "\n".join(f'{key} = "{Path(value).name}"' for key, value in given.items())
    (tmp_path / "my.toml").write_text(f"[exam]\n{names}\n")
    exams, _ = load(load_config(tmp_path / "my.toml"))
    assert exams.dev[1].target == "77"


@pytest.mark.loop
def test_a_run_says_records_and_reports_what_was_corrected(tmp_path: Path) -> None:
    lines = [{"id": "practice-1", "leave_out": True}, {"id": "test-2", "target": "70"}]
    settings = config(tmp_path, lines, name="r")
    heard = Heard()
    agents = table_agents(load_exams(settings.exam).practice, [["sum"]])
    report = run(settings, tmp_path, watcher=heard, cache=False, **agents)
    said = next(line for line in heard.said if "corrected" in line)
    assert "2 questions corrected, 1 of them left out: 1 in practice, 1 in TEST" in said
    assert report.corrected == {"practice": 1, "test": 1}
    assert "questions were corrected, 1 in practice, 1 in test" in page_of(report)
    folder = RunFolder(tmp_path / "r")
    assert [one.question_id for one in folder.corrected()] == ["practice-1", "test-2"]
    assert "corrected.jsonl" in {line.path for line in folder.manifest.read().lines}
    shared = run(
        settings.model_copy(update={"name": "again"}),
        tmp_path,
        shared=folder,
        cache=False,
        **agents,
    )
    assert shared.corrected == report.corrected
    assert exams_in(RunFolder(tmp_path / "again")).test[2].target == "70"
