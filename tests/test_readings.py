"""A test set that was read before, by runs or outside of them, says how often."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from doubles import table_agents
from hearing import Heard
from screen import printed
from typer.testing import CliRunner

from errata.agents.errors import ExamError
from errata.agents.exams.several import load_exams
from errata.agents.jsonl import read_records, write_records
from errata.agents.records import Question
from errata.agents.student import StudentSettings
from errata.agents.testing.tables import TableStudent
from errata.graph.audit.evidence import Run
from errata.graph.audit.seal import check_readings
from errata.graph.cli import app
from errata.graph.commands.exam import OpenedExam, evaluate, open_exams
from errata.graph.commands.mark import mark_responses
from errata.graph.config import RunConfig, parse_config
from errata.graph.readings import note_readings, read_readings, registry
from errata.graph.report import Report
from errata.graph.run import resume, run
from errata.graph.run_folder import RunFolder
from errata.graph.views.summary import print_summary
from errata.graph.watcher import NoWatcher

pytestmark = pytest.mark.loop


def config(runs: Path, name: str, **changes: Any) -> RunConfig:
    far = {"name": "far"}
    for part in ("practice", "dev", "test"):
        path = runs.parent / f"far-{part}.jsonl"
        path.write_text(json.dumps({"prompt": f"How many letters has {part}?", "target": 4}))
        far[part] = str(path)
    exam = {"name": "arithmetic", "seed": 3, "practice": 18, "dev": 18, "test": 18}
    given = {"name": name, "exam": exam, "out_of_domain": far, "stop": {"rounds": 1}}
    return parse_config(given | changes, "test")


def ran(runs: Path, name: str, **changes: Any) -> Report:
    settings = config(runs, name, **changes)
    practice = load_exams(settings.exam, settings.out_of_domain).practice
    return run(settings, runs, **table_agents(practice, [[]]), cache=False)


def earlier(report: Report) -> dict[str, int]:
    return {reading.set: reading.earlier_runs for reading in report.readings}


def test_each_run_says_how_many_read_its_sealed_sets_before(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    assert earlier(ran(runs, "a")) == {"test": 0, "out-of-domain": 0}
    assert earlier(ran(runs, "b")) == {"test": 1, "out-of-domain": 1}
    other = {"name": "arithmetic", "seed": 4, "practice": 18, "dev": 18, "test": 18}
    assert earlier(ran(runs, "c", exam=other)) == {"test": 0, "out-of-domain": 2}
    # The exam alone has ids of its own; its questions are the same.
    assert earlier(ran(runs, "d", out_of_domain=[])) == {"test": 2}
    assert earlier(ran(tmp_path / "others", "e")) == {"test": 0, "out-of-domain": 0}


def test_a_run_that_was_deleted_and_made_again_is_a_second_reader(tmp_path: Path) -> None:
    ran(tmp_path / "runs", "a")
    shutil.rmtree(tmp_path / "runs" / "a")
    assert earlier(ran(tmp_path / "runs", "a"))["test"] == 1


def test_a_run_counts_once_however_often_it_is_resumed(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    first = ran(runs, "a")
    listed = (runs / ".sealed.jsonl").read_bytes()
    folder = RunFolder(runs / "a")
    (folder.path / "final" / "readings.json").unlink()  # as a kill between the two files leaves it
    note_readings(folder, ["test", "out-of-domain"])
    assert read_readings(folder) == first.readings
    assert resume(folder, **table_agents([], [[]]), cache=False) == first
    assert (runs / ".sealed.jsonl").read_bytes() == listed


def set_of(runs: Path, name: str, *prompts: str) -> RunFolder:
    questions = [Question(id=f"{name}-{at}", prompt=p, target="2") for at, p in enumerate(prompts)]
    return about_to_read(runs, name, questions)


def about_to_read(runs: Path, name: str, questions: Sequence[Question]) -> RunFolder:
    """A run that is about to read its sealed questions."""
    folder = RunFolder(runs / name)
    write_records(folder.exam("test"), questions)
    folder.manifest.record_finished()
    return folder


def test_what_a_run_said_of_its_readings_stays_though_its_list_is_lost(tmp_path: Path) -> None:
    assert read_readings(RunFolder(tmp_path / "none")) == ()
    for name in ("a", "b"):
        note_readings(set_of(tmp_path, name, "1 + 1?"), ["test"])
    folder = RunFolder(tmp_path / "b")
    [said] = read_readings(folder)
    assert (said.set, said.exam, said.questions, said.earlier_runs) == ("test", "", 1, 1)
    (tmp_path / ".sealed.jsonl").unlink()
    note_readings(folder, ["test"])
    assert read_readings(folder) == (said,)
    assert not (tmp_path / ".sealed.jsonl").exists()


def test_each_line_says_which_run_read_which_questions_of_which_exam(tmp_path: Path) -> None:
    folder = set_of(tmp_path, "a", "1 + 1?", "3 - 1?", "4 / 2?")
    questions = read_records(folder.exam("test"), Question)
    exams = [q.model_copy(update={"exam": exam}) for q, exam in zip(questions, "xyx", strict=True)]
    write_records(folder.exam("test"), exams)
    write_records(folder.exam("out-of-domain"), exams[:1])
    note_readings(folder, ["test", "out-of-domain"])
    lines = registry(folder).read()
    assert [(line.set, line.exam, line.questions) for line in lines] == [
        ("test", "x", 2),
        ("test", "y", 1),
        ("out-of-domain", "x", 1),
    ]
    assert {(line.run, line.run_id) for line in lines} == {("a", folder.manifest.run_id)}
    assert [(r.set, r.exam, r.questions, r.sha256) for r in read_readings(folder)] == [
        (line.set, line.exam, line.questions, line.sha256) for line in lines
    ]
    assert {reading.earlier_runs for reading in read_readings(folder)} == {0}


def test_readers_of_the_same_questions_are_counted_and_each_once(tmp_path: Path) -> None:
    for name, prompt, earlier_runs in (("a", "1 + 1?", 0), ("b", "2 + 0?", 0), ("c", "1 + 1?", 1)):
        folder = set_of(tmp_path, name, prompt)
        for _ in range(2):  # a kill may come between the two files
            note_readings(folder, ["test"])
            assert [said.earlier_runs for said in read_readings(folder)] == [earlier_runs]
            (folder.path / "final" / "readings.json").unlink()
    assert [line.run for line in registry(folder).read()] == ["a", "b", "c"]


def test_a_line_that_a_kill_cut_off_takes_no_other_with_it(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    ran(runs, "a")
    with (runs / ".sealed.jsonl").open("ab") as file:
        file.write(b'\n{"sha256":"12')
    assert earlier(ran(runs, "b"))["test"] == 1
    assert earlier(ran(runs, "c"))["test"] == 2


def test_runs_that_reach_their_end_at_once_count_each_other(tmp_path: Path) -> None:
    def one(number: int) -> int:
        folder = set_of(tmp_path, f"r{number}", "1 + 1?")
        note_readings(folder, ["test"])
        return read_readings(folder)[0].earlier_runs

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(one, range(16))) == list(range(16))


@pytest.mark.parametrize(
    ("runs_before", "evaluations", "said"),
    [
        (0, 0, ""),
        (1, 0, "by 1 run before"),
        (0, 1, "by 1 evaluation outside a run before"),
        (7, 2, "by 7 runs and 2 evaluations outside a run before"),
    ],
)
def test_the_summary_says_how_often_a_set_was_read(
    runs_before: int, evaluations: int, said: str, report: Report, tmp_path: Path
) -> None:
    update = {"earlier_runs": runs_before, "earlier_evaluations": evaluations}
    readings = tuple(reading.model_copy(update=update) for reading in report.readings)
    read = report.model_copy(update={"readings": readings})
    told = printed(lambda console: print_summary(read, console, tmp_path / "runs" / "a"), 120)
    assert ("This test set" in told) == bool(said)
    assert ("The out-of-domain set of far" in told) == bool(said)
    assert said in told


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return ran(tmp_path_factory.mktemp("one") / "runs", "a")


def test_questions_that_are_not_counted_belong_to_the_set_all_the_same(tmp_path: Path) -> None:
    report = ran(tmp_path / "runs", "a")
    folder = RunFolder(tmp_path / "runs" / "a")
    [test] = [reading for reading in report.readings if reading.set == "test"]
    assert test.questions == len(read_records(folder.exam("test"), Question))


# Outside a run.


def opened(tmp_path: Path, split: str | None = None, limit: int | None = None) -> list[OpenedExam]:
    """Of the same exam that the runs here have."""
    path = tmp_path / "my.toml"
    path.write_text('[exam]\nname = "arithmetic"\nseed = 3\npractice = 18\ndev = 18\ntest = 18\n')
    return open_exams([str(path)], 0, limit, split, False, None, NoWatcher())


def examined(exams: list[OpenedExam], runs: Path, model: str = "bundled") -> list[str]:
    """What is said while a model is examined that knows nothing."""
    heard = Heard()
    evaluate(StudentSettings(model=model), exams, None, heard, TableStudent(), runs=runs)
    return heard.said


def responses(exam: OpenedExam, path: Path) -> Path:
    lines = (json.dumps({"id": q.id, "response": "\ud800 7"}) for q in exam.questions)
    path.write_text("\n".join(lines))
    return path


def test_a_configuration_is_examined_on_dev_unless_the_sealed_test_is_asked_for(
    tmp_path: Path,
) -> None:
    [dev] = opened(tmp_path)
    assert [q.id for q in dev.questions] == [q.id for q in opened(tmp_path, "dev")[0].questions]
    assert examined([dev], tmp_path / "runs") == []
    mark_responses(dev, responses(dev, tmp_path / "r.jsonl"), None, NoWatcher(), True, tmp_path)
    assert not (tmp_path / ".sealed.jsonl").exists()
    assert not (tmp_path / "runs").exists()


def test_who_reads_a_sealed_test_outside_a_run_is_told_and_counted_by_the_next_run(
    tmp_path: Path,
) -> None:
    runs, test = tmp_path / "runs", opened(tmp_path, "test")
    begin = "the test set of arithmetic is sealed, and is read now, which is noted in "
    [said] = examined(test, runs)
    assert said == f"{begin}{runs / '.sealed.jsonl'}; before, it was read by nobody"
    note_readings(about_to_read(runs, "a", test[0].questions), ["test"])
    [said] = examined(opened(tmp_path, "test", limit=3), runs)
    assert said.endswith("read by 1 run and 1 evaluation outside a run")
    file = responses(test[0], tmp_path / "r.jsonl")
    command = ["mark", str(tmp_path / "my.toml"), str(file), "--split", "test", "--runs", str(runs)]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    folder = about_to_read(runs, "b", test[0].questions)
    note_readings(folder, ["test"])
    [read] = read_readings(folder)
    assert (read.earlier_runs, read.earlier_evaluations) == (1, 3)
    assert [*check_readings(Run(folder, config(runs, "b"), NoWatcher()))] == []
    assert [(line.by, line.run) for line in registry(folder).read()] == [
        ("exam", "bundled"),
        ("run", "a"),
        ("exam", "bundled"),
        ("mark", str(file)),
        ("run", "b"),
    ]


def test_the_same_answers_outside_a_run_count_once_and_those_of_another_model_again(
    tmp_path: Path,
) -> None:
    test = opened(tmp_path, "test")
    file = responses(test[0], tmp_path / "r.jsonl")
    for _ in range(2):
        examined(test, tmp_path)
        mark_responses(test[0], file, None, NoWatcher(), True, tmp_path)
    [said] = examined(test, tmp_path, model="another")
    assert said.endswith("read by 2 evaluations outside a run")


def test_responses_to_another_set_of_a_configuration_say_how_to_name_it(tmp_path: Path) -> None:
    [test], [dev] = opened(tmp_path, "test"), opened(tmp_path)
    file = responses(test, tmp_path / "r.jsonl")
    with pytest.raises(ExamError, match=r"in dev \(--split names another set\)"):
        mark_responses(dev, file, None, NoWatcher(), True, tmp_path)
