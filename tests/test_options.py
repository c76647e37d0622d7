"""What is typed reaches what a command does: an option that is dropped on the way is seen."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from command_line import errata, refused
from desk import labels_run
from hearing import Heard
from intake_files import choice_list, corrected_logs, pairs

from errata.agents.records import Sampling
from errata.agents.student import StudentSettings
from errata.agents.testing.tables import TableStudent
from errata.graph.commands.exam import evaluate, open_exams
from errata.graph.run_folder import RunFolder

EXAM = '[exam]\nname = "arithmetic"\nseed = 3\npractice = 18\ndev = 18\ntest = 18\n'
ASKED = {
    "--system": "Be brief.",
    "--max-new-tokens": 9,
    "--batch-size": 3,
    "--samples": 2,
    "--temperature": 0.7,
    "--top-p": 0.9,
    "--seed": 5,
    "--split": "test",
    "--limit": 4,
}


def typed(options: dict[str, Any]) -> list[object]:
    return [word for option in options.items() for word in option]


def test_options_of_an_exam_are_what_its_answers_depend_on_and_runs_where_it_is_noted(
    tmp_path: Path,
) -> None:
    (tmp_path / "my.toml").write_text(EXAM)
    settings = StudentSettings(model="bundled", system="Be brief.", max_new_tokens=9, batch_size=3)
    sampling = Sampling(answers=2, temperature=0.7, top_p=0.9, seed=5)
    exams = open_exams([str(tmp_path / "my.toml")], 5, 4, "test", False, None, Heard())
    out = tmp_path / "out.jsonl"
    evaluate(settings, exams, out, Heard(), TableStudent(), sampling, runs=tmp_path / "before")
    words = ("exam", "bundled", "my.toml", "--out", "out.jsonl", "--runs", "here", "--json")
    for left in ASKED:
        out.rename(tmp_path / "out.jsonl.part")  # every answer is there: no model is loaded
        options = {name: value for name, value in ASKED.items() if name != left}
        if left == "--temperature":
            options.pop("--samples")
        assert "out.jsonl.part" in refused(*words, *typed(options), cwd=tmp_path), left
        (tmp_path / "out.jsonl.part").rename(out)
    out.rename(tmp_path / "out.jsonl.part")
    done = errata(*words, *typed(ASKED), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [exam["samples"] for exam in json.loads(done.stdout)["exams"]] == [2]
    assert (tmp_path / "here" / ".sealed.jsonl").exists()
    assert not (tmp_path / "runs").exists()


def test_a_second_look_is_asked_for_by_its_option(tmp_path: Path) -> None:
    words = ("exam", "bundled", "arithmetic", "--second-look", "--samples", 2, "--temperature", 1)
    assert "a second look is at one answer" in refused(*words, cwd=tmp_path)


@pytest.mark.parametrize("command", ["exam", "mark"])
def test_bad_questions_are_left_out_only_where_that_is_said(command: str, tmp_path: Path) -> None:
    rows = [{"id": "a", "prompt": "1 + 1?", "target": "2"}, {"id": "b", "prompt": "What?"}]
    (tmp_path / "own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "said.jsonl").write_text('{"id": "a", "response": "2"}\n')
    words: tuple[object, ...] = ("mark", "own.jsonl", "said.jsonl")
    if command == "exam":  # what is looked at after the questions were read
        words = ("exam", "./nothing", "own.jsonl")
    assert "own.jsonl" in refused(*words, cwd=tmp_path)
    done = errata(*words, "--skip-bad", cwd=tmp_path)
    assert (done.returncode, "no model folder" in done.stderr) == (
        (2, True) if command == "exam" else (0, False)
    )


def test_marks_are_of_the_questions_that_seed_and_limit_make_and_go_where_out_says(
    tmp_path: Path,
) -> None:
    [exam] = open_exams(["arithmetic"], 7, 5, None, False, None, Heard())
    lines = [{"id": q.id, "prompt": q.prompt, "response": q.target} for q in exam.questions]
    (tmp_path / "said.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    words = ("mark", "arithmetic", "said.jsonl", "--json")
    done = errata(*words, "--seed", 7, "--limit", 5, "--out", "marks.jsonl", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len((tmp_path / "marks.jsonl").read_text().splitlines()) == 5
    for given in (("--seed", 7), ("--limit", 5)):
        other = errata(*words, *given, cwd=tmp_path)
        assert other.stdout != done.stdout, given


OWN = [
    {"q": pair["question"], "more": f"Part {at}.", "right": pair["answer"], "wrong": 1}
    | {"how": f"So it is {pair['answer']}.", "sort": "ab"[at % 2], "who": f"w{at // 2}"}
    for at, pair in enumerate(pairs(90))
]


def test_each_option_of_init_is_heard(tmp_path: Path) -> None:
    lines = [";".join(OWN[0]), *(";".join(map(str, row.values())) for row in OWN)]
    (tmp_path / "own.csv").write_bytes("\n".join(lines).replace("Part", "Té").encode("cp1252"))
    options = {
        "--target": "right",
        "--solution": "how",
        "--kind": "sort",
        "--group": "who",
        "--answer": "text",
        "--dev": 14,
        "--test": 16,
        "--rows": 80,
        "--encoding": "cp1252",
        "--delimiter": ";",
        "--model": "./student",
        "--out": "made",
        "--near": "ignore",
    }
    words = ("init", "own.csv", "--json", "--prompt", "q", "--prompt", "more", *typed(options))
    done = errata(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert set(said["columns"]) >= {"q", "more", "right", "how", "sort", "who"}
    assert (said["answer"], said["rows"], said["folder"]) == ("text", 80, "made")
    assert set(said["kinds"]) == {"a", "b"}
    assert abs(said["sizes"]["dev"] - 14) <= 2
    assert abs(said["sizes"]["test"] - 16) <= 2
    assert said["decided"] == {}
    assert 'model = "./student"' in (tmp_path / "made" / "errata.toml").read_text()
    row = json.loads((tmp_path / "made" / "dev.jsonl").read_text().splitlines()[0])
    assert row["group"].startswith("w")
    assert "Té" in row["prompt"]
    assert "So it is" in row["solution"]
    assert "is there already" in refused(*words, cwd=tmp_path)
    assert errata(*words, "--force", cwd=tmp_path).returncode == 0


def test_a_pattern_is_written_into_the_configuration(tmp_path: Path) -> None:
    rows = [{"question": row["q"], "answer": row["right"]} for row in OWN]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ("init", "a.jsonl", "--answer", "regex", "--pattern", r"is (\d+)", "--yes")
    done = errata(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.dumps(r"is (\d+)") in (tmp_path / "a" / "errata.toml").read_text()
    assert "wants" in refused(*words[:-1], "--near", "wants", "--out", "b", cwd=tmp_path)


def test_a_comparison_is_planned_of_the_arms_and_seeds_that_are_named(tmp_path: Path) -> None:
    (tmp_path / "my.toml").write_text(EXAM)
    words = ("compare", "my.toml", "--dry-run", "--json", "--name", "other")
    said = errata(*words, "--arms", "sft,augment", "--seeds", 2, cwd=tmp_path)
    assert said.returncode == 0, said.stderr
    ahead = said.stdout
    assert "augment" in ahead
    assert '"lec"' not in ahead
    assert ahead != errata(*words, "--arms", "sft,augment", "--seeds", 3, cwd=tmp_path).stdout
    assert not (tmp_path / "runs").exists()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return labels_run(tmp_path_factory.mktemp("run"))


def test_a_trace_shows_the_question_and_the_length_that_are_asked_for(
    run: RunFolder, tmp_path: Path
) -> None:
    shown = errata("trace", run.name, "--runs", run.path.parent, cwd=tmp_path).stdout
    assert "Base model" in shown
    for more in (("--question", "practice-1"), ("--full",)):
        other = errata("trace", run.path, *more, cwd=tmp_path)
        assert other.returncode == 0, other.stderr
        assert other.stdout != shown, more
    for words in (("--with-content",), ("--otlp", "x.json", "--full")):
        assert errata("trace", run.path, *words, cwd=tmp_path).returncode == 2


def test_content_goes_into_spans_only_where_that_is_said(run: RunFolder, tmp_path: Path) -> None:
    for name, more in (("bare", ()), ("whole", ("--with-content",))):
        done = errata("trace", run.path, "--otlp", f"{name}.json", *more, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    bare, whole = ((tmp_path / f"{name}.json").read_text() for name in ("bare", "whole"))
    assert "no such" not in bare
    assert len(whole) > len(bare)


def test_two_runs_are_compared_on_the_set_and_with_the_texts_that_are_asked_for(
    run: RunFolder, tmp_path: Path
) -> None:
    other = shutil.copytree(run.path, tmp_path / "other")
    words = ("compare", run.path, other, "--json")
    test, dev = (errata(*words, *more, cwd=tmp_path) for more in ((), ("--set", "dev")))
    assert (test.returncode, dev.returncode) == (0, 0), dev.stderr
    assert (json.loads(test.stdout)["set"], json.loads(dev.stdout)["set"]) == ("test", "dev")
    level = errata(*words, "--fail-if-worse", 0.05, cwd=tmp_path)
    assert (json.loads(test.stdout)["loss"], level.returncode) == (None, 0)
    assert json.loads(level.stdout)["loss"]["worse"] is False


def test_a_page_is_written_of_a_run_elsewhere_and_with_sealed_texts_only_where_that_is_said(
    run: RunFolder, tmp_path: Path
) -> None:
    copy = shutil.copytree(run.path, tmp_path / "copy")
    done = errata("view", copy.name, "--runs", tmp_path, "--no-open", cwd=tmp_path, BROWSER="false")
    assert (done.returncode, done.stderr) == (0, "")
    assert "looks.jsonl" not in done.stdout
    with_sealed = errata("view", copy, "--no-open", "--with-sealed", cwd=tmp_path, BROWSER="false")
    assert "looks.jsonl" in with_sealed.stdout
    assert (copy / "looks.jsonl").exists()


def test_names_that_are_given_are_taken(tmp_path: Path) -> None:
    (tmp_path / "my.toml").write_text(EXAM)
    for command in (("run", "my.toml"), ("demo",)):
        said = refused(*command, "--name", "no/name", cwd=tmp_path)
        assert "no/name" in said
    assert "no/name" in refused("audition", "my.toml", "--name", "no/name", cwd=tmp_path)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--votes", 3), "votes are an LLM's, and the configuration names none"),
        (("--ask",), "nothing is no model folder"),
        (("--try",), "nothing is no model folder"),
    ],
)
def test_what_the_doctor_may_ask_is_what_the_options_say(
    words: tuple[object, ...], said: str, tmp_path: Path
) -> None:
    (tmp_path / "my.toml").write_text(f'{EXAM}[student]\nmodel = "./nothing"\n')
    assert said in refused("doctor", "my.toml", *words, cwd=tmp_path)
    assert errata("doctor", "my.toml", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize(
    ("command", "words", "said"),
    [
        ("resume", ("--approve",), "waits for no review: resume it without one"),
        ("resume", ("--reject",), "waits for no review: resume it without one"),
        ("resume", ("--review", "nothing.json"), "nothing.json"),
        ("export", ("--to", "adapter", "--round", 9), "--round 9: no model of such a round"),
        ("export", ("--to", "adapter", "--out", "."), ". is there already"),
        ("review", ("--out", "RUN/review.json"), "is inside the run's own folder"),
    ],
)
def test_options_about_a_run_are_heard(
    command: str, words: tuple[object, ...], said: str, run: RunFolder, tmp_path: Path
) -> None:
    given = [str(word).replace("RUN", str(run.path)) for word in words]
    assert said in refused(command, run.path, *given, cwd=tmp_path)


def test_rows_that_nobody_corrected_and_the_first_option_are_taken_as_it_is_said(
    tmp_path: Path,
) -> None:
    log = corrected_logs(tmp_path).name
    rows = []
    for choice in ("drop", "keep"):
        done = errata("init", log, "--uncorrected", choice, "--out", choice, "--json", cwd=tmp_path)
        rows.append(json.loads(done.stdout)["left_out"])
    assert rows[0] > rows[1]
    table = choice_list(tmp_path).name
    done = errata("init", table, "--first-option", 7, "--yes", cwd=tmp_path)
    assert "--first-option is 0 or 1; it is '7'" in done.stderr
