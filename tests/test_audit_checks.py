"""Each check of an audit, alone: on a run in which one thing was changed, it names that thing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from doubles import table_agents
from tampering import ALL, make_run, mend

from errata.agents.exams.several import load_exams
from errata.agents.exams.twists import TwistedExam
from errata.graph.audit import Check, Finding, Run, as_seal, check_seal
from errata.graph.audit.answers import check_attempts, check_not_counted, check_verdicts
from errata.graph.audit.figures import check_figures, check_promotions
from errata.graph.audit.lineage import check_adapters, check_lineage
from errata.graph.audit.questions import check_held_out, check_sets
from errata.graph.audit.seal import check_readings
from errata.graph.config import parse_config
from errata.graph.provenance import read_provenance
from errata.graph.run import run
from errata.graph.run_folder import RunFolder
from errata.graph.watcher import NoWatcher

pytestmark = pytest.mark.loop


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Rounds 1 and 2 were promoted, each after 40 examples."""
    return make_run(tmp_path_factory.mktemp("runs"), "t", 5)


@pytest.fixture
def folder(finished: RunFolder, tmp_path: Path) -> RunFolder:
    """A copy of the run, to spoil."""
    copy = shutil.copytree(finished.path, tmp_path / "t")
    shutil.copy(finished.path.parent / ".sealed.jsonl", tmp_path)
    return RunFolder(copy)


def opened(folder: RunFolder) -> Run:
    return Run(folder, read_provenance(folder).config, NoWatcher())


def found(check: Check, folder: RunFolder) -> list[tuple[str, str]]:
    """File and what is wrong with it."""
    findings = [*check(opened(folder))]
    assert all(finding.means for finding in findings)
    return [(finding.file, finding.wrong) for finding in findings]


Lines = list[dict[str, Any]]


def edit(folder: RunFolder, name: str, change: Callable[[Lines], object]) -> Lines:
    """Changes the lines of a file in place; gives them back."""
    path = folder.path / name
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    change(lines)
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
    return lines


def alter(folder: RunFolder, name: str, **fields: Any) -> None:
    """Changes a file of one record."""
    path = folder.path / name
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def put(at: int, *, within: str = "", **fields: Any) -> Callable[[Lines], None]:
    """Sets fields of one line, or of the record inside it that `within` names."""

    def change(lines: Lines) -> None:
        (lines[at][within] if within else lines[at]).update(fields)

    return change


def test_an_untouched_run_passes_each_check(finished: RunFolder) -> None:
    for check in (
        check_not_counted,
        check_attempts,
        check_verdicts,
        check_promotions,
        check_sets,
        check_held_out,
        check_lineage,
        check_adapters,
        check_readings,
        check_figures,
    ):
        assert found(check, finished) == [], check.__name__
    assert [*check_seal(finished)] == []


def test_each_check_counts_what_it_looked_at(finished: RunFolder) -> None:
    run = opened(finished)
    for check in (check_attempts, check_verdicts, check_sets, check_held_out, check_adapters):
        assert not [*check(run)]
    answers = 2 * 3 * 44 + 2 * (26 + 8)
    assert run.counts == {
        "answers": answers,
        "verdicts": answers,
        "questions": 44 + 44 + 26 + 8,
        "examples": 80,
        "training rows": 120,
        "adapters": 2,
    }
    assert run.notes == []
    assert run.unreadable == {}


# Answers.


def test_a_model_that_was_refused_need_not_have_sat_the_practice_exam(folder: RunFolder) -> None:
    (folder.round(2) / "practice.jsonl").unlink()
    assert found(check_attempts, folder) == [("round-02/practice.jsonl", "is missing")]
    alter(folder, "round-02/promotion.json", promoted=False)
    assert found(check_attempts, folder) == []


def first_id(folder: RunFolder, name: str) -> str:
    return str(json.loads((folder.path / name).read_text().splitlines()[0])["question_id"])


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (lambda lines: lines.pop(0), "1 of 44 questions have no answer; the first: {id}"),
        (
            lambda lines: lines.append(lines[0]),
            "1 of 44 questions have several answers; the first: {id}",
        ),
        (
            put(0, id="{id}@dev-2"),
            "1 of 44 answers name another; the first: {id}@dev-2",
        ),
        (
            lambda lines: lines.append(lines[0] | {"question_id": "q", "id": "q@dev-1"}),
            "1 of 44 answers are to questions outside the set; the first: q",
        ),
    ],
)
def test_an_exam_that_is_not_answered_once_each_is_named(
    change: Callable[[Lines], object], wrong: str, folder: RunFolder
) -> None:
    name = "round-01/dev.jsonl"
    id = first_id(folder, name)
    lines = edit(folder, name, change)
    for line in lines:
        line["id"] = line["id"].replace("{id}", id)
    edit(folder, name, lambda old: old.__setitem__(slice(None), lines))
    told = found(check_attempts, folder)
    assert (name, wrong.replace("{id}", id)) in told
    assert {file for file, _ in told} == {name}


@pytest.mark.parametrize(
    "name",
    [
        "round-00/dev.jsonl",
        "round-02/dev.jsonl",
        "round-01/practice.jsonl",
        "final/test-base.jsonl",
        "final/test-best.jsonl",
        "final/out-of-domain-best.jsonl",
    ],
)
def test_answers_that_are_gone_are_missed(name: str, folder: RunFolder) -> None:
    (folder.path / name).unlink()
    assert found(check_attempts, folder) == [(name, "is missing")]


def test_only_exams_that_were_due_are_missed(folder: RunFolder) -> None:
    alter(folder, "round-02/promotion.json", promoted=False)
    (folder.path / "round-02" / "practice.jsonl").unlink()
    assert found(check_attempts, folder) == []
    alter(folder, "round-01/promotion.json", promoted=False)
    (folder.path / "round-01" / "practice.jsonl").unlink()
    (folder.path / "final" / "test-best.jsonl").unlink()
    (folder.path / "final" / "out-of-domain-best.jsonl").unlink()
    assert found(check_attempts, folder) == []
    (folder.path / "report.json").unlink()
    edit(folder, "final/test-base.jsonl", lambda lines: lines.pop())  # not due, and looked at
    assert [file for file, _ in found(check_attempts, folder)] == ["final/test-base.jsonl"]
    for name in ("round-00/practice.jsonl", "final/test-base.jsonl"):
        (folder.path / name).unlink()
    assert found(check_attempts, folder) == []
    (folder.path / "round-02" / "promotion.json").unlink()
    (folder.path / "round-02" / "dev.jsonl").unlink()
    assert found(check_attempts, folder) == []


@pytest.mark.parametrize("name", ["practice", "dev", "test", "out-of-domain"])
@pytest.mark.parametrize("how", ["gone", "empty"])
def test_a_set_without_questions_is_named(name: str, how: str, folder: RunFolder) -> None:
    path = folder.exam(name)
    path.unlink() if how == "gone" else path.write_text("")
    said = (f"exam/{name}.jsonl", "holds no questions that count")
    assert said in found(check_attempts, folder)
    linked = found(check_lineage, folder)
    assert bool(linked) == (name == "practice")


def test_a_run_without_an_exam_out_of_domain_lacks_none(folder: RunFolder) -> None:
    folder.exam("out-of-domain").unlink()
    run = opened(folder)
    run.config = run.config.model_copy(update={"out_of_domain": ()})
    assert not any("out-of-domain" in finding.file for finding in check_attempts(run))


def test_a_file_that_cannot_be_read_is_told_of_once_and_not_as_unanswered(
    folder: RunFolder,
) -> None:
    (folder.path / "round-01" / "dev.jsonl").write_text("{}\n")
    run = opened(folder)
    assert not [*check_attempts(run)]
    [(file, finding)] = run.unreadable.items()
    assert file == finding.file == "round-01/dev.jsonl"
    assert finding.check == "readable"
    assert "round-01/dev.jsonl" in finding.wrong
    alter(folder, "round-01/trained.json", tokens="many")
    run = opened(folder)
    assert not [*check_adapters(run)]
    assert list(run.unreadable) == ["round-01/trained.json"]


def count_out(folder: RunFolder, *ids: str) -> None:
    lines = [json.dumps({"question_id": id, "why": "bad tests"}) + "\n" for id in ids]
    folder.not_counted.path.write_text("".join(lines))


def test_a_question_without_tests_may_not_be_counted_out(folder: RunFolder) -> None:
    id = first_id(folder, "round-01/dev.jsonl")
    edit(
        folder,
        "exam/dev.jsonl",
        put(1, answer={"type": "code", "tests": "def check(c): pass", "entry_point": "f"}),
    )
    tested = json.loads(folder.exam("dev").read_text().splitlines()[1])["id"]
    count_out(folder, tested, id, "q")
    assert found(check_not_counted, folder) == [
        (
            "not-counted.jsonl",
            "2 of 3 questions that are left out have neither tests nor a marker that could fail; "
            f"the first: {id}",
        )
    ]
    assert found(check_attempts, folder) == []


def test_a_verdict_that_the_marker_does_not_give_is_named(folder: RunFolder) -> None:
    name = "final/test-best.jsonl"
    [first, *_] = edit(folder, name, lambda lines: lines[0].update(correct=not lines[0]["correct"]))
    said = "right" if first["correct"] else "wrong"
    [(file, wrong)] = found(check_verdicts, folder)
    assert file == name
    assert wrong.startswith(f"1 of 26 verdicts are not the marker's; the first: {first['id']} is ")
    assert f"is recorded as {said}, and " in wrong
    edit(folder, name, lambda lines: lines[0].update(correct=not lines[0]["correct"], answer="99"))
    assert [file for file, _ in found(check_verdicts, folder)] == [name]


def test_an_answer_that_cannot_be_marked_is_named_and_the_next_one_is_marked(
    folder: RunFolder,
) -> None:
    edit(folder, "exam/test.jsonl", put(0, target="many"))
    id = json.loads(folder.exam("test").read_text().splitlines()[0])["id"]
    told = dict(found(check_verdicts, folder))
    assert set(told) == {"final/test-base.jsonl", "final/test-best.jsonl"}
    for model in ("base", "best"):
        wrong = told[f"final/test-{model}.jsonl"]
        assert f"1 of 26 verdicts are not the marker's; the first: {id}@test-{model}" in wrong
        assert "cannot be marked (the target 'many' is not a number)" in wrong


def test_an_answer_to_no_question_has_no_verdict(folder: RunFolder) -> None:
    edit(folder, "round-01/dev.jsonl", put(0, question_id="q"))
    run = opened(folder)
    assert not [*check_verdicts(run)]
    assert run.counts["verdicts"] == 331


@pytest.mark.parametrize(
    ("answer", "target", "why", "told"),
    [
        ({"type": "math"}, "1", "not decided in 5 s", "note"),
        ({"type": "math"}, "1", "no answer", "finding"),
        ({"type": "number"}, "1", "not decided in 5 s", "finding"),
        (
            {"type": "code", "tests": "def check(c): pass", "entry_point": "f"},
            "f",
            "time-out after 5 s",
            "unseen",
        ),
        ({"type": "own", "marker": "python:gone.py:mark"}, "1", "no answer", "your own"),
    ],
)
def test_what_ran_out_of_time_may_have_another_verdict_today(
    answer: dict[str, str], target: str, why: str, told: str, folder: RunFolder
) -> None:
    for name in ("base", "best"):
        change = put(0, correct=False, answer=None, why="no answer", response="")
        edit(folder, f"final/out-of-domain-{name}.jsonl", change)
    edit(folder, "exam/out-of-domain.jsonl", put(0, answer=answer, target=target))
    edit(folder, "final/out-of-domain-best.jsonl", put(0, correct=True, why=why))
    run = opened(folder)
    findings = [*check_verdicts(run)]
    assert bool(findings) == (told == "finding")
    notes = {
        "note": ["1 answers were decided in time at one marking, not at both"],
        "unseen": ["2 programs were not run again; --with-code does"],
        "your own": [
            "2 answers are a marker of your own's to mark, and were not marked again; "
            "--with-code runs it"
        ],
    }
    assert run.notes == notes.get(told, [])


@pytest.mark.sandbox
def test_programs_are_run_again_where_that_is_asked_for(folder: RunFolder) -> None:
    name = "final/out-of-domain-base.jsonl"
    (folder.path / "final" / "out-of-domain-best.jsonl").unlink()
    program = "```python\ndef f(n):\n    return n\n```"
    said = {"response": program, "correct": False, "answer": None}
    for at, (tests, why) in enumerate(
        [("assert c(1) == 1", "it fails"), ("", "it fails"), ("assert c(1) == 1", "time-out")]
    ):
        code = {"type": "code", "tests": f"def check(c):\n    {tests}", "entry_point": "f"}
        edit(folder, "exam/out-of-domain.jsonl", put(at, answer=code, target="f"))
        edit(folder, name, put(at, why=why, **said))
    run = Run(folder, read_provenance(folder).config, NoWatcher(), with_code=True)
    [finding] = check_verdicts(run)
    assert finding.file == name
    assert finding.wrong.startswith("1 of 8 verdicts are not the marker's; the first: ")
    assert " is recorded as wrong, and " in finding.wrong
    assert run.notes == [
        "1 programs, or answers with a marker of your own, have no verdict here, which is no fault",
        "1 answers were decided in time at one marking, not at both",
    ]


@pytest.mark.parametrize("honest", [True, False])
def test_an_answer_to_an_example_is_marked_again_as_the_example_stood_before_the_review(
    honest: bool, folder: RunFolder
) -> None:
    example = json.loads((folder.path / "round-02/examples.jsonl").read_text().splitlines()[0])
    rejected = [{"example_id": example["id"], "verdict": "rejected"}]
    review = {"run": "t", "round": 2, "entries": rejected}
    folder.review(2).write_text(json.dumps(review))
    said = example["target"] if honest else "-1"
    answer = {"response": said, "answer": said, "correct": True, "why": "", "tokens": 1}
    attempt = {"id": "a", "question_id": example["id"], "truncated": False} | answer
    (folder.path / "round-02/rehearsed.jsonl").write_text(json.dumps(attempt) + "\n")
    run = opened(folder)
    told = {finding.file: finding.wrong for finding in check_verdicts(run)}
    assert set(told) == (set() if honest else {"round-02/rehearsed.jsonl"})
    assert all("the first: a is recorded as right, and " in wrong for wrong in told.values())
    assert run.counts["verdicts"] == 333


# Decisions, plans and figures.


@pytest.mark.parametrize("index", [0, 1, 2])
def test_a_decision_that_does_not_follow_is_named_with_what_differs(
    index: int, folder: RunFolder
) -> None:
    name = f"round-0{index}/promotion.json"
    said = json.loads((folder.path / name).read_text())
    alter(folder, name, why="a guess", fixed=99)
    assert found(check_promotions, folder) == [
        (
            name,
            f"fixed is 99, and the answers give {said['fixed']}; "
            f"why is a guess, and the answers give {said['why']}",
        )
    ]


def test_a_plan_that_does_not_follow_is_named(folder: RunFolder) -> None:
    alter(folder, "round-02/plan.json", replay=0.25)
    assert found(check_promotions, folder) == [
        ("round-02/plan.json", "replay is 0.25, and the decisions give 1.0")
    ]


def test_a_decision_rests_on_the_decisions_before_it(folder: RunFolder) -> None:
    """Were round 1 refused, round 2 would be held against the base and trained otherwise."""
    alter(folder, "round-01/promotion.json", promoted=False)
    told = dict(found(check_promotions, folder))
    assert set(told) == {
        "round-01/promotion.json",
        "round-02/promotion.json",
        "round-02/plan.json",
    }
    assert "fixed is 8, and the answers give 18" in told["round-02/promotion.json"]
    assert "refused is 0, and the decisions give 1" in told["round-02/plan.json"]


def test_where_answers_are_missing_the_decision_is_not_made_again(folder: RunFolder) -> None:
    (folder.path / "round-01" / "dev.jsonl").unlink()
    assert found(check_promotions, folder) == []


def test_a_figure_that_does_not_follow_is_named(folder: RunFolder) -> None:
    said = json.loads((folder.path / "report.json").read_text())
    target, rounds = said["target_accuracy"], said["rounds"]
    p = rounds[1]["promotion"]["p"]
    rounds[0]["promotion"]["p"], rounds[1]["promotion"]["p"] = 0.5, None
    alter(folder, "report.json", best_round=1, target_accuracy=target - 0.01, rounds=rounds)
    [(file, wrong)] = found(check_figures, folder)
    assert file == "report.json"
    assert "best_round is 1, and the records give 2" in wrong
    assert f"target_accuracy is {target - 0.01}, and the records give {target}" in wrong
    assert "rounds.0.promotion.p is 0.5, and the records give None" in wrong
    assert f"rounds.1.promotion.p is None, and the records give {p}" in wrong


def test_stories_that_test_and_practice_share_are_looked_for_again(folder: RunFolder) -> None:
    story = "On the way home from school Ada and Ben met the man who sells old toys. How many?"
    for name in ("practice", "test"):
        edit(folder, f"exam/{name}.jsonl", put(0, prompt=story))
    said = json.loads((folder.path / "report.json").read_text())
    shared, apart = said["test"]["shared"], said["test"]["apart"]["n"]
    [(_, wrong)] = found(check_figures, folder)
    assert f"test.shared is {shared}, and the records give {shared + 1}" in wrong
    assert f"test.apart.n is {apart}, and the records give {apart - 1}" in wrong
    del said["test"]["shared"], said["test"]["apart"]  # as an earlier version wrote it
    alter(folder, "report.json", test=said["test"])
    assert found(check_figures, folder) == []


def test_a_long_list_of_figures_is_cut(folder: RunFolder) -> None:
    path = folder.path / "report.json"
    report = json.loads(path.read_text())
    for each in report["rounds"]:
        each["dev"] |= {"correct": 77, "n": 78}
    path.write_text(json.dumps(report))
    [(_, wrong)] = found(check_figures, folder)
    assert wrong.count("is 77, and") == 2
    assert wrong.count("is 78, and") == 3
    assert wrong.endswith("; and 1 more")


def test_a_last_digit_of_a_share_and_the_place_of_the_folder_do_not_count(
    folder: RunFolder,
) -> None:
    path = folder.path / "report.json"
    report = json.loads(path.read_text())
    report["rounds"][1]["dev"]["accuracy"] *= 1 + 1e-12
    report["name"] = "another"
    adapter = Path(report["model"]["adapter"])
    report["model"]["adapter"] = "C:\\runs\\" + "\\".join(adapter.parts[-2:])
    path.write_text(json.dumps(report))
    assert found(check_figures, folder) == []
    for other in (1 + 1e-6, 1 - 1e-6):
        changed = json.loads(path.read_text())
        changed["rounds"][1]["dev"]["accuracy"] *= other
        path.write_text(json.dumps(changed))
        assert len(found(check_figures, folder)) == 1
        path.write_text(json.dumps(report))
    report["model"]["adapter"] = str(adapter.parents[1] / "round-01" / "adapter")
    path.write_text(json.dumps(report))
    [(_, wrong)] = found(check_figures, folder)
    assert "model.adapter is " in wrong


def test_figures_are_not_built_on_records_that_are_not_whole(folder: RunFolder) -> None:
    edit(folder, "round-01/dev.jsonl", lambda lines: lines.pop())
    assert found(check_figures, folder) == [
        (
            "report.json",
            "its figures cannot be built again: what it rests on is not whole",
        )
    ]
    (folder.path / "report.json").unlink()
    assert found(check_figures, folder) == []


NOT_BORNE_OUT = "which the records do not bear out"


@pytest.mark.parametrize(("of", "borne_out"), [("accuracy", True), ("ci95", False)])
def test_a_target_is_not_proven_from_the_last_share_down_to_its_interval(
    of: str, borne_out: bool, folder: RunFolder
) -> None:
    last = json.loads((folder.path / "report.json").read_text())["rounds"][-1]["dev"]
    target = last["accuracy"] if of == "accuracy" else last["ci95"][0]
    alter(folder, "report.json", status="target not proven", target_accuracy=target)
    told = [wrong for _, wrong in found(check_figures, folder)]
    assert any(NOT_BORNE_OUT in wrong for wrong in told) != borne_out


def bears_out(folder: RunFolder, status: str, **fields: Any) -> bool:
    """Whether the records let the report say why the run ended."""
    alter(folder, "report.json", status=status, **fields)
    told = [wrong for _, wrong in found(check_figures, folder)]
    assert not any("cannot be built again" in wrong for wrong in told)
    return not any(NOT_BORNE_OUT in wrong for wrong in told)


def test_a_target_is_reached_only_where_the_interval_lies_above_it(folder: RunFolder) -> None:
    dev = json.loads((folder.path / "report.json").read_text())["rounds"][-1]["dev"]
    low, share = dev["ci95"][0], dev["accuracy"]
    assert bears_out(folder, "target reached", target_accuracy=low)
    assert not bears_out(folder, "target reached", target_accuracy=low + 1e-6)
    assert not bears_out(folder, "target not proven", target_accuracy=share + 1e-6)


def test_no_mistakes_are_left_only_where_the_best_model_practised_without_one(
    folder: RunFolder,
) -> None:
    assert not bears_out(folder, "no mistakes left")
    assert bears_out(folder, "no promotion")  # as most reasons, taken as it is said
    name = "round-02/practice.jsonl"
    edit(folder, name, lambda lines: [line.update(correct=True) for line in lines])
    assert bears_out(folder, "no mistakes left")


@pytest.mark.parametrize("rows", ["training", "proposed", None])
@pytest.mark.parametrize("examined", [True, False])
def test_a_round_without_a_candidate_had_no_rows_or_they_were_rejected(
    examined: bool, rows: str | None, folder: RunFolder
) -> None:
    training = folder.round(2) / "training.jsonl"
    if rows is None:
        training.unlink()
    elif rows == "proposed":
        training.rename(folder.round(2) / "proposed.jsonl")
    rounds = json.loads((folder.path / "report.json").read_text())["rounds"]
    if not examined:
        rounds[-1]["dev"] = None
    if not examined:
        assert not bears_out(folder, "target reached", rounds=rounds)
        assert not bears_out(folder, "target not proven", rounds=rounds)
    assert bears_out(folder, "rejected", rounds=rounds) == (not examined and rows is not None)
    assert bears_out(folder, "no examples accepted") == (not examined and rows is None)


@pytest.mark.parametrize(("strategy", "rounds"), [("le", 1), ("le", 2), ("le", 3), ("sft", 2)])
def test_a_budget_of_rounds_is_spent_when_the_last_one_was(
    strategy: str, rounds: int, folder: RunFolder
) -> None:
    path = folder.path / "config.json"
    said = json.loads(path.read_text())
    said["config"]["strategy"] = strategy
    said["config"]["stop"]["rounds"] = rounds
    path.write_text(json.dumps(said))
    assert bears_out(folder, "round budget spent") == (rounds <= 2)
    assert not bears_out(folder, "nothing new to learn")
    shutil.rmtree(folder.round(2))
    assert bears_out(folder, "nothing new to learn") == (strategy == "sft")  # for one round


def test_figures_that_cannot_be_built_again_are_a_finding_that_says_why(
    folder: RunFolder,
) -> None:
    (folder.path / "final" / "readings.json").write_text("{")
    [(file, wrong)] = found(check_figures, folder)
    assert file == "report.json"
    assert wrong.startswith("its figures cannot be built again: ")
    assert "readings.json" in wrong


def test_each_figure_of_the_report_is_counted(finished: RunFolder) -> None:
    run = opened(finished)
    assert not [*check_figures(run)]
    report = json.loads((finished.path / "report.json").read_text())
    lines = (line.rstrip(",") for line in json.dumps(report, indent=0).splitlines())
    assert run.counts["figures"] == sum(line[-1] not in "{}[]" for line in lines)


def test_a_report_without_rounds_is_a_finding(folder: RunFolder) -> None:
    alter(folder, "report.json", rounds=[])
    assert any(NOT_BORNE_OUT in wrong for _, wrong in found(check_figures, folder))


# The sets.


def test_a_question_of_two_sets_is_named_with_its_twin(folder: RunFolder) -> None:
    dev = json.loads(folder.exam("dev").read_text().splitlines()[3])
    prompt = dev["prompt"].upper().replace(" ", "  ")
    edit(folder, "exam/test.jsonl", put(0, prompt=prompt, id="twin"))
    assert found(check_sets, folder) == [
        (
            "exam/test.jsonl",
            f"1 of 26 questions stand in dev too; the first: twin and {dev['id']}",
        )
    ]


PENS = "Ann buys 4 red pens, 7 blue pens and 9 green pens for the whole class today. How many"
NEAR = {"practice": f"{PENS}?", "dev": f"{PENS} are they?", "test": f"{PENS} may there be?"}


def test_nearly_equal_questions_of_two_sets_are_noted_once(folder: RunFolder) -> None:
    for at, (name, prompt) in enumerate(NEAR.items()):
        edit(folder, f"exam/{name}.jsonl", put(at, prompt=prompt, id=name))
    edit(folder, "exam/out-of-domain.jsonl", put(0, prompt=f"{PENS} has she?"))
    run = opened(folder)
    again = TwistedExam(name="far", of="test", twist="reworded")  # the test once more, on purpose
    run.config = run.config.model_copy(update={"out_of_domain": (again,)})
    assert [*check_sets(run)] == []
    assert run.notes == [
        f"1 of 44 {other} questions are nearly equal to one of {name}: the exam's own, the "
        f"first {other} and {name}"
        for name, other in (("dev", "practice"), ("test", "practice"), ("test", "dev"))
    ]


@pytest.mark.parametrize("file", ["examples", "training"])
@pytest.mark.parametrize("of", ["dev", "test", "out-of-domain"])
def test_a_row_that_is_held_out_is_named_with_its_twin(
    file: str, of: str, folder: RunFolder
) -> None:
    question = json.loads(folder.exam(of).read_text().splitlines()[0])
    name = f"round-02/{file}.jsonl"
    lines = edit(folder, name, put(2, prompt=question["prompt"], answer=question["answer"]))
    [(told, wrong)] = found(check_held_out, folder)
    assert told == name
    assert wrong.startswith(
        f"1 of {len(lines)} resemble a question that is held out; the first: line 3 "
        f"({lines[2]['id']}) and {question['id']}: "
    )


def test_a_row_that_continues_a_held_out_conversation_is_named(folder: RunFolder) -> None:
    asked = {"before": [["user", "I am Ada."], ["assistant", "Hi!"]], "prompt": "How are you now?"}
    edit(folder, "exam/dev.jsonl", put(0, **asked))
    edit(folder, "round-02/training.jsonl", put(2, **asked))
    assert [file for file, _ in found(check_held_out, folder)] == ["round-02/training.jsonl"]
    edit(folder, "round-02/training.jsonl", put(2, before=[["user", "I am Bo."]]))
    assert found(check_held_out, folder) == []


def test_a_practice_question_may_be_trained_on_though_it_is_near_a_held_out_one(
    folder: RunFolder,
) -> None:
    edit(folder, "exam/practice.jsonl", put(0, prompt=NEAR["practice"]))
    edit(folder, "exam/dev.jsonl", put(0, prompt=NEAR["dev"]))
    edit(folder, "round-01/training.jsonl", put(0, prompt=NEAR["practice"]))
    assert found(check_held_out, folder) == []
    edit(folder, "round-01/training.jsonl", put(0, prompt=NEAR["test"]))
    assert [file for file, _ in found(check_held_out, folder)] == ["round-01/training.jsonl"]


# From the row back to the mistake.

MISTAKES = "are no wrong answers of the best model of that time"
CONTRASTS = "are no mistakes of the round beside right answers of the best model"
DIAGNOSES = "are of no mistake of the round"
EXAMPLES = "come from no diagnosis or picked question of the round"
DRAFTS = "are none of the drafts in asks.jsonl"


def near(line: dict[str, Any], **fields: Any) -> None:
    line["contrast"][-1]["attempt"].update(fields)


BROKEN: dict[str, tuple[str, Callable[[Lines], object], str]] = {
    "a mistake's question in other words": (
        "mistakes",
        put(0, within="question", prompt="?"),
        MISTAKES,
    ),
    "a mistake's answer in other words": (
        "mistakes",
        put(0, within="attempt", response="!"),
        MISTAKES,
    ),
    "a mistake of a question that is not practised": (
        "mistakes",
        put(0, within="question", id="q"),
        MISTAKES,
    ),
    "a contrast of another mistake": ("contrasts", put(0, id="m99"), CONTRASTS),
    "a contrast to another answer": (
        "contrasts",
        put(0, within="attempt", response="!"),
        CONTRASTS,
    ),
    "a contrast of a question that was not missed": (
        "contrasts",
        put(0, within="question", id="q"),
        CONTRASTS,
    ),
    "a neighbour that nobody said": (
        "contrasts",
        lambda lines: near(lines[0], response="!"),
        CONTRASTS,
    ),
    "a neighbour that was wrong": (
        "contrasts",
        lambda lines: lines[0]["contrast"][-1].update(
            question=lines[1]["question"], attempt=lines[1]["attempt"]
        ),
        CONTRASTS,
    ),
    "a diagnosis of no mistake": (
        "diagnoses",
        put(0, within="result", mistake_id="m99"),
        DIAGNOSES,
    ),
    "a diagnosis of another question": (
        "diagnoses",
        put(0, within="result", question_id="q"),
        DIAGNOSES,
    ),
    "a diagnosis told twice": ("diagnoses", lambda lines: lines.insert(0, lines[0]), DIAGNOSES),
    "a mistake that nobody made, not diagnosed": (
        "diagnoses",
        lambda lines: lines.append({"result": {"source_id": "m99", "reason": "?"}}),
        DIAGNOSES,
    ),
    "an example of no diagnosis": ("examples", put(0, diagnosis_id=None), EXAMPLES),
    "an example of another question": ("examples", put(0, question_id="q"), EXAMPLES),
    "an example against another cause": ("examples", put(0, cause="luck"), EXAMPLES),
    "an example that is there twice": (
        "examples",
        lambda lines: lines.append(lines[0]),
        EXAMPLES,
    ),
    "an example that no writer brought": ("examples", put(0, completion="7 + 7 = 14"), DRAFTS),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_link_is_named_by_what_it_breaks(what: str, folder: RunFolder) -> None:
    name, change, wrong = BROKEN[what]
    lines = edit(folder, f"round-02/{name}.jsonl", change)
    told = [(file, said) for file, said in found(check_lineage, folder) if wrong in said]
    assert told
    [(file, said)] = told
    assert file == f"round-02/{name}.jsonl"
    assert said.startswith(f"1 of {len(lines)} {wrong}; the first: ")


def test_a_diagnosis_of_no_mistake_is_named_by_its_line(folder: RunFolder) -> None:
    edit(folder, "round-01/diagnoses.jsonl", put(2, within="result", mistake_id="m99"))
    told = [wrong for file, wrong in found(check_lineage, folder) if "diagnoses" in file]
    assert [wrong.partition("; the first: ")[2] for wrong in told] == ["line 3"]


def ran(runs: Path, strategy: str) -> RunFolder:
    settings = parse_config(
        {
            "name": "t",
            "strategy": strategy,
            "exam": {"name": "arithmetic", "seed": 5, "practice": 18, "dev": 18, "test": 18},
            "examples": {"per_round": 10},
            "stop": {"rounds": 1},
        },
        "test",
    )
    practice = load_exams(settings.exam).practice
    run(settings, runs, **table_agents(practice, [ALL], ALL[:9]), cache=False)
    return RunFolder(runs / "t")


def test_a_solution_in_other_words_than_the_exams_is_no_solution(tmp_path: Path) -> None:
    folder = ran(tmp_path, "sft")
    assert found(check_lineage, folder) == []
    for name in ("solutions", "training"):
        lines = edit(folder, f"round-01/{name}.jsonl", put(3, completion="So it is 7."))
    [(file, wrong)] = found(check_lineage, folder)
    assert file == "round-01/training.jsonl"
    assert wrong.startswith(f"1 of {len(lines)} ")
    assert "; the first: line 4 (" in wrong


def test_a_mistake_may_be_looked_at_twice(tmp_path: Path) -> None:
    assert found(check_lineage, ran(tmp_path, "le+lec")) == []


def test_a_mistake_that_was_not_diagnosed_breaks_no_link(folder: RunFolder) -> None:
    mistake = json.loads((folder.path / "round-02/mistakes.jsonl").read_text().splitlines()[-1])
    unusable = {"result": {"source_id": mistake["id"], "reason": "no reply"}}
    edit(folder, "round-02/diagnoses.jsonl", lambda lines: lines.append(unusable))
    assert found(check_lineage, folder) == []


def test_the_mistakes_of_a_round_are_those_of_the_best_model_before_it(folder: RunFolder) -> None:
    alter(folder, "round-01/promotion.json", promoted=False)
    told = dict(found(check_lineage, folder))
    assert set(told) == {"round-02/mistakes.jsonl", "round-02/contrasts.jsonl"}
    assert told["round-02/mistakes.jsonl"].startswith(f"28 of 28 {MISTAKES}")


def test_a_row_is_an_example_of_its_round_or_of_one_before_it(folder: RunFolder) -> None:
    later = json.loads((folder.path / "round-02/training.jsonl").read_text().splitlines()[-1])
    edit(folder, "round-01/training.jsonl", lambda lines: lines.insert(5, later))
    [(file, wrong)] = found(check_lineage, folder)
    assert file == "round-01/training.jsonl"
    assert wrong.startswith("1 of 41 ")
    assert "; the first: line 6 (" in wrong


def picked(folder: RunFolder, **fields: Any) -> None:
    """The first example comes from a practice question that was picked."""
    question = json.loads(folder.exam("practice").read_text().splitlines()[0])
    one = {"id": "p01", "question": question | fields}
    (folder.round(1) / "picked.jsonl").write_text(json.dumps(one) + "\n")
    source = {"diagnosis_id": "p01", "question_id": question["id"], "cause": "blind to errors"}
    edit(folder, "round-01/examples.jsonl", put(0, **source))


def test_an_example_may_come_from_a_picked_practice_question(folder: RunFolder) -> None:
    picked(folder)
    told = [wrong for file, wrong in found(check_lineage, folder) if "examples" in file]
    assert [DRAFTS in wrong for wrong in told] == [True]  # the draft names a diagnosis
    picked(folder, prompt="?")
    told = [wrong for file, wrong in found(check_lineage, folder) if "picked" in file]
    assert told == ["1 of 1 are no practice questions; the first: p01"]


def test_an_adapter_that_was_trained_on_other_rows_is_named(folder: RunFolder) -> None:
    edit(folder, "round-02/training.jsonl", lambda lines: lines.pop())
    wrong = "is not what round-02/adapter/trained.json says the adapter was trained on"
    assert found(check_adapters, folder) == [("round-02/training.jsonl", wrong)]
    (folder.round(2) / "training.jsonl").unlink()
    assert found(check_adapters, folder) == [("round-02/training.jsonl", wrong)]
    (folder.round(2) / "adapter" / "trained.json").unlink()
    assert found(check_adapters, folder) == []


@pytest.mark.parametrize("field", ["tokens", "skipped", "loss"])
def test_a_training_that_tells_otherwise_than_its_adapter_is_named(
    field: str, folder: RunFolder
) -> None:
    alter(folder, "round-01/trained.json", **{field: 7})
    wrong = "does not say what round-01/adapter/trained.json says"
    assert found(check_adapters, folder) == [("round-01/trained.json", wrong)]
    (folder.round(1) / "trained.json").unlink()
    assert found(check_adapters, folder) == []


# Readings and the seal.


@pytest.mark.parametrize(
    ("set", "exam", "what"),
    [
        ("test", 0, "test set of arithmetic"),
        ("test", -1, "test set of shelves"),
        ("out-of-domain", 0, "out-of-domain set of far"),
    ],
)
def test_other_sealed_questions_than_were_read_are_named(
    set: str, exam: int, what: str, folder: RunFolder
) -> None:
    edit(folder, f"exam/{set}.jsonl", put(exam, prompt="Which one?"))
    wrong = f"the {what} is not the one that the run read"
    assert found(check_readings, folder) == [("final/readings.json", wrong)]


@pytest.mark.parametrize(
    ("field", "who"),
    [("earlier_runs", "3 runs"), ("earlier_evaluations", "3 evaluations outside a run")],
)
def test_a_set_that_was_read_more_often_than_is_said_is_named(
    field: str, who: str, folder: RunFolder
) -> None:
    path = folder.path / "final" / "readings.json"
    said = json.loads(path.read_text())
    said["readings"][0][field] = 3
    path.write_text(json.dumps(said))
    listed = folder.path.parent / ".sealed.jsonl"
    assert found(check_readings, folder) == [
        (
            "final/readings.json",
            f"it says that {who} had read the test set of arithmetic, and {listed} names nobody",
        )
    ]
    listed.unlink()  # a run that was copied elsewhere has no list
    assert found(check_readings, folder) == []


def test_a_set_of_an_exam_alone_is_named_without_it(folder: RunFolder) -> None:
    path = folder.path / "final" / "readings.json"
    said = json.loads(path.read_text())
    said["readings"][0] |= {"exam": "", "sha256": "0" * 64}
    path.write_text(json.dumps(said))
    [(_, wrong)] = [one for one in found(check_readings, folder) if "not the one" in one[1]]
    assert wrong == "the test set is not the one that the run read"


def test_readings_that_cannot_be_read_are_told_of(folder: RunFolder) -> None:
    (folder.path / "final" / "readings.json").write_text("{")
    run = opened(folder)
    assert not [*check_readings(run)]
    assert list(run.unreadable) == ["final/readings.json"]


def sealing(folder: RunFolder, noted: str | None = None) -> list[tuple[str, str]]:
    findings: list[Finding] = [*check_seal(folder, noted)]
    assert all(finding.check == "seal" and finding.means for finding in findings)
    return [(finding.file, finding.wrong) for finding in findings]


def test_what_was_changed_or_added_after_the_end_is_named(folder: RunFolder) -> None:
    (folder.path / "notes.txt").write_text("late")
    (folder.path / "config.json").write_text("{}")
    assert sealing(folder) == [
        ("config.json", "was changed after it was finished"),
        ("notes.txt", "was added after the run ended"),
    ]


def test_a_seal_that_is_gone_is_missed_only_where_the_run_had_ended(folder: RunFolder) -> None:
    seal, manifest = folder.manifest.seal_path, folder.manifest.path
    seal.unlink()
    (folder.path / "notes.txt").write_text("a run that goes on has such files")
    assert sealing(folder) == [("seal.json", "is missing, and the manifest holds a report")]
    (folder.path / "report.json").unlink()
    mend(folder, seal=False)
    assert sealing(folder) == []
    manifest.unlink()
    assert sealing(folder) == [("manifest.jsonl", "is missing")]


def test_the_seal_that_a_person_noted_is_the_end_of_the_manifest(folder: RunFolder) -> None:
    noted = folder.manifest.sealing()
    assert noted is not None
    for given in (noted.sha256, noted.sha256[:16]):
        assert sealing(folder, given) == []
    assert sealing(folder, "0" * 16) == [
        ("manifest.jsonl", "does not end with the seal that you give")
    ]
    for name in ("report.svg", "report.png"):
        (folder.path / name).write_text("drawn later")
    folder.manifest.seal()
    assert sealing(folder, noted.sha256) == [
        (
            "manifest.jsonl",
            "names files after the seal that you give: report.svg, report.png",
        )
    ]


@pytest.mark.parametrize(
    ("given", "seal"),
    [
        (" 0123-4567-89AB-cdef\n", "0123456789abcdef"),
        ("a" * 64, "a" * 64),
        ("a" * 8, "a" * 8),
        ("a" * 7, None),
        ("a" * 65, None),
        ("0123-4567-89ab-cdeg", None),
        ("", None),
    ],
)
def test_a_seal_is_read_as_a_person_types_it(given: str, seal: str | None) -> None:
    assert as_seal(given) == seal
