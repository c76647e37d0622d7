"""A run is sealed, and an audit names whatever does not follow or is not as it was."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
import tampering
from command_line import errata, refused
from doubles import table_agents
from killed_runs import Runner
from screen import printed, words
from tampering import TAMPERS, Tamper, audited, make_run, mend, names, tampered

from errata.agents.errors import RunError
from errata.agents.exams.several import load_exams
from errata.agents.jsonl import read_records, write_records
from errata.agents.records import (
    Attempt,
    Diagnosis,
    DiagnosisLine,
    Example,
    Mistake,
    Question,
    Row,
    Unusable,
)
from errata.graph.audit import Finding
from errata.graph.commands.audit import audit, find_audited
from errata.graph.config import RunConfig, parse_config
from errata.graph.manifest import UNSEALED, Seal
from errata.graph.report import Report
from errata.graph.run import ReviewPending, resume, run
from errata.graph.run_folder import RunFolder
from errata.graph.views.audit import print_audit
from errata.graph.views.charts import draw_report
from errata.graph.views.summary import print_summary
from errata.graph.watcher import NoWatcher

pytestmark = pytest.mark.loop


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return make_run(tmp_path_factory.mktemp("runs"), "t", 5)


@pytest.fixture
def folder(finished: RunFolder, tmp_path: Path) -> RunFolder:
    """A copy of the run, to spoil."""
    return RunFolder(shutil.copytree(finished.path, tmp_path / "t"))


def contents(folder: RunFolder) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder.path)): path.read_bytes()
        for path in folder.path.rglob("*")
        if path.is_file() and not path.name.startswith(("lock", "checkpoints"))
    }


def again(folder: RunFolder, **more: Any) -> Report:
    """What `errata resume` gives of a finished run, which asks nobody."""
    return resume(folder, **table_agents([], [[]]), cache=False, **more)


# What is sealed.


def test_an_untouched_run_has_no_findings_and_every_part_of_it_was_checked(
    finished: RunFolder,
) -> None:
    before = contents(finished)
    found = audited(finished)
    assert found.findings == ()
    assert contents(finished) == before
    questions = sum(
        len(path.read_text().splitlines()) for path in finished.exam("").parent.glob("*")
    )
    assert found.checked["questions"] == questions
    answers = sum(
        len(path.read_text().splitlines())
        for pattern in ("round-*/dev.jsonl", "round-*/practice.jsonl", "final/*.jsonl")
        for path in finished.path.glob(pattern)
    )
    assert found.checked["answers"] == found.checked["verdicts"] == answers
    for what in ("sealed files", "examples", "training rows", "adapters", "figures"):
        assert found.checked[what] > 0, what
    assert found.checked["sealed files"] == len(tampering.files(finished)) - 2  # manifest and seal


def test_everything_that_a_run_writes_is_sealed_but_what_is_named_with_its_reason(
    finished: RunFolder,
) -> None:
    sealed = {line.path for line in finished.manifest.read().lines}
    for name in ("report.json", "steps.jsonl", "trace.jsonl", "round-01/adapter/table.json"):
        assert name in sealed
    unsealed = {name for name in contents(finished) if name not in sealed}
    assert unsealed == {"manifest.jsonl", "seal.json"}
    assert all(UNSEALED.values())


def test_a_set_of_questions_has_one_hash_in_any_order_and_under_any_ids(
    finished: RunFolder, tmp_path: Path
) -> None:
    test = read_records(finished.exam("test"), Question)
    hashes = []
    for name, questions in {
        "same": [q.model_copy(update={"id": f"x{q.id}"}) for q in reversed(test)],
        "twice": [*test, test[0]],
        "other": [test[0].model_copy(update={"target": "77"}), *test[1:]],
    }.items():
        folder = RunFolder(tmp_path / name)
        write_records(folder.exam("test"), questions)
        folder.manifest.record_finished()
        hashes.append(folder.manifest.read().lines[0].questions_sha256)
    lines = finished.manifest.read().lines
    [here] = [line.questions_sha256 for line in lines if line.path == "exam/test.jsonl"]
    assert [found == here for found in hashes] == [True, False, False]


def test_a_resumed_finished_run_is_as_it_was(folder: RunFolder) -> None:
    before = contents(folder)
    again(folder)
    (folder.path / "checkpoints.sqlite").unlink()
    again(folder)
    assert contents(folder) == before


@pytest.mark.parametrize("lost", [(), ("report.json",), ("report.json", "checkpoints.sqlite")])
def test_what_was_put_into_a_finished_run_does_not_become_part_of_it_by_a_resume(
    lost: tuple[str, ...], finished: RunFolder, folder: RunFolder
) -> None:
    for name in ("round-01/late.json", "notes.txt"):
        (folder.path / name).write_text("{}")
    (folder.path / "round-03").symlink_to(folder.path / "round-01")
    for name in lost:
        (folder.path / name).unlink()
    practice = folder.questions("practice")
    resume(folder, **table_agents(practice, [[]]), cache=False)
    assert folder.manifest.sealing() == finished.manifest.sealing()
    named = {finding.file for finding in audited(folder).findings}
    assert named >= {"round-01/late.json", "notes.txt", "round-03"}


def test_a_report_that_is_lost_is_written_again_as_it_was(finished: RunFolder) -> None:
    path = finished.path / "report.json"
    before = path.read_bytes()
    path.unlink()
    again(finished)
    assert path.read_bytes() == before
    assert audited(finished).findings == ()


def test_a_run_that_was_moved_and_renamed_has_no_findings(
    finished: RunFolder, tmp_path: Path
) -> None:
    moved = RunFolder(shutil.copytree(finished.path, tmp_path / "elsewhere" / "other"))
    assert audited(moved).findings == ()


@pytest.mark.slow
def test_pictures_that_are_drawn_later_are_sealed_too_and_a_seal_from_before_tells_of_them(
    folder: RunFolder,
) -> None:
    first = folder.manifest.sealing()
    assert first is not None
    assert audited(folder, first.short).findings == ()
    again(folder, draw=draw_report)
    second = folder.manifest.sealing()
    assert second is not None
    assert audited(folder, second.sha256).findings == ()
    [found] = audited(folder, first.short).findings
    assert "report.svg, report.png" in found.wrong
    picture = folder.path / "report.svg"
    drawn = picture.read_bytes()
    picture.unlink()
    again(folder, draw=draw_report)
    assert picture.read_bytes() == drawn
    assert folder.manifest.sealing() == second


def test_the_summary_of_a_run_shows_the_seal_to_note_down(folder: RunFolder) -> None:
    report = again(folder)
    seal = folder.manifest.sealing()
    assert seal is not None
    said = words(printed(lambda console: print_summary(report, console, folder.path), 120))
    assert f"--seal {seal.short}" in said


def test_a_file_that_a_kill_tore_off_the_manifest_is_recorded_again(folder: RunFolder) -> None:
    manifest = folder.manifest
    manifest.seal_path.unlink()
    lines = manifest.path.read_bytes().splitlines(keepends=True)
    manifest.path.write_bytes(b"".join(lines[:-3]) + lines[-3][:40])
    again(folder)
    assert audited(folder).findings == ()
    assert manifest.path.read_bytes().startswith(b"".join(lines[:-3]))


@pytest.mark.parametrize("gone", [0, 5, -1])
def test_a_run_is_not_resumed_over_a_manifest_that_was_changed(
    gone: int, folder: RunFolder
) -> None:
    lines = folder.manifest.path.read_bytes().splitlines(keepends=True)
    del lines[gone]
    folder.manifest.path.write_bytes(b"".join(lines))
    with pytest.raises(RunError, match=r"manifest\.jsonl was changed .*: put it back"):
        again(folder)


# What an audit finds.


@pytest.mark.parametrize("tamper", TAMPERS, ids=lambda tamper: tamper.__name__)
def test_tampering_is_found_and_the_file_is_named(
    tamper: Tamper, finished: RunFolder, tmp_path: Path
) -> None:
    file, found = tampered(finished, tmp_path / "t", tamper, seed=1)
    assert names(found, file), found.findings
    assert all(finding.wrong and finding.means for finding in found.findings)


@pytest.mark.parametrize(
    ("tamper", "check"),
    {
        tampering.flip_a_verdict_and_mend_all: "verdicts",
        tampering.improve_a_figure_and_mend_all: "figures",
        tampering.drop_an_answer_and_mend_all: "attempts",
        tampering.answer_twice_and_mend_all: "attempts",
        tampering.promote_otherwise_and_mend_all: "promotions",
        tampering.train_on_a_held_out_question_and_mend_all: "held out",
        tampering.train_on_an_unknown_row_and_mend_all: "lineage",
        tampering.leave_out_a_row_and_mend_all: "adapters",
        tampering.invent_a_mistake_and_mend_all: "lineage",
        tampering.test_on_a_practised_question_and_mend_all: "sets",
        tampering.count_a_question_out_and_mend_all: "attempts",
    }.items(),
    ids=lambda given: getattr(given, "__name__", given),
)
def test_what_does_not_follow_is_found_though_the_manifest_was_mended(
    tamper: Tamper, check: str, finished: RunFolder, tmp_path: Path
) -> None:
    file, found = tampered(finished, tmp_path / "t", tamper, seed=2)
    assert (check, file) in {(finding.check, finding.file) for finding in found.findings}
    assert not any(finding.check == "seal" for finding in found.findings)


def changed(path: Path, of: Any, at: int, **fields: Any) -> None:
    records = read_records(path, of)
    records[at] = records[at].model_copy(update=fields)
    write_records(path, records)


DIAGNOSIS = Diagnosis(
    id="d", mistake_id="m", question_id="q", cause="c", explanation="", missing_skill="", advice=""
)
LINEAGE: dict[str, tuple[str, Any, dict[str, Any]]] = {
    "an example of no diagnosis": ("examples", Example, {"diagnosis_id": "d99"}),
    "an example of another question": ("examples", Example, {"question_id": "q"}),
    "an example against another cause": ("examples", Example, {"cause": "luck"}),
    "an example that no writer brought": ("examples", Example, {"completion": "7 + 7 = 14"}),
    "a contrast of no mistake": ("contrasts", Mistake, {"id": "m99"}),
    "a diagnosis of no mistake": ("diagnoses", DiagnosisLine, {"result": DIAGNOSIS}),
    "a mistake that nobody made, not diagnosed": (
        "diagnoses",
        DiagnosisLine,
        {"result": Unusable(source_id="m99", reason="")},
    ),
    "a row unlike its example": ("training", Row, {"completion": "7 + 7 = 14"}),
    "a row with a wrong answer beside": ("training", Row, {"rejected": "7 + 7 = 14"}),
    "a row of no example": ("training", Row, {"example_id": "e99"}),
    "a row by nobody": ("training", Row, {"made_by": "own_words"}),
    "an answer of another exam": ("dev", Attempt, {"id": "x@practice-1"}),
}


@pytest.mark.parametrize("what", LINEAGE)
def test_a_link_that_is_broken_is_found(what: str, folder: RunFolder) -> None:
    name, of, fields = LINEAGE[what]
    changed(folder.round(1) / f"{name}.jsonl", of, 0, **fields)
    mend(folder)
    found = [
        finding for finding in audited(folder).findings if finding.file.endswith(f"{name}.jsonl")
    ]
    assert found, what


def test_a_neighbour_that_was_not_answered_right_is_found(folder: RunFolder) -> None:
    path = folder.round(1) / "contrasts.jsonl"
    first, second = read_records(path, Mistake)[:2]
    near = first.contrast[0].model_copy(
        update={"question": second.question, "attempt": second.attempt}
    )
    changed(path, Mistake, 0, contrast=(near,))
    mend(folder)
    assert [finding.file for finding in audited(folder).findings] == ["round-01/contrasts.jsonl"]


@pytest.mark.parametrize(
    "name",
    [
        "round-01/dev.jsonl",
        "round-01/practice.jsonl",
        "final/test-base.jsonl",
        "final/test-best.jsonl",
        "final/out-of-domain-best.jsonl",
        "exam/test.jsonl",
        "exam/out-of-domain.jsonl",
    ],
)
def test_an_exam_that_is_missing_is_found(name: str, folder: RunFolder) -> None:
    (folder.path / name).unlink()
    mend(folder)
    assert name in {finding.file for finding in audited(folder).findings}


def test_a_training_that_tells_otherwise_than_its_adapter_is_found(folder: RunFolder) -> None:
    path = folder.round(1) / "trained.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"tokens": 77}))
    mend(folder)
    assert [finding.file for finding in audited(folder).findings] == ["round-01/trained.json"]


def test_other_test_questions_than_were_read_are_found(folder: RunFolder) -> None:
    changed(folder.exam("test"), Question, 0, prompt="How many legs have 4 cows and 2 hens?")
    mend(folder)
    found = {(finding.check, finding.file) for finding in audited(folder).findings}
    assert ("readings", "final/readings.json") in found


def test_another_version_of_errata_is_a_note(folder: RunFolder) -> None:
    path = folder.path / "config.json"
    said = json.loads(path.read_text())
    said["versions"]["errata"] = "0.0.7"
    path.write_text(json.dumps(said))
    mend(folder)
    found = audited(folder)
    assert found.findings == ()
    assert "errata 0.0.7 made the run" in found.notes[0]


@pytest.mark.parametrize("answer", ["number", "math"])
def test_only_a_formula_may_have_been_undecided_in_time(answer: str, tmp_path: Path) -> None:
    folder = small_run(tmp_path, answer=answer)
    changed(folder.final_exam("test", "base"), Attempt, 0, correct=True, why="not decided in 5 s")
    found = audited(folder)
    assert any("decided in time" in note for note in found.notes) == (answer == "math")
    assert any(f.check == "verdicts" for f in found.findings) == (answer == "number")


@pytest.mark.parametrize(
    "status",
    ["target reached", "target not proven", "no mistakes left", "no examples accepted", "rejected"],
)
def test_however_a_run_ends_an_audit_of_it_finds_nothing(status: str, tmp_path: Path) -> None:
    match status:
        case "target reached":
            folder = small_run(tmp_path, knows=["practice", "dev"], target=0.2)
        case "target not proven":
            folder = small_run(tmp_path, knows=["practice", "dev"])
        case "no mistakes left":
            folder = small_run(tmp_path, knows=["practice"])
        case "no examples accepted":
            folder = small_run(tmp_path)
        case _:
            settings = parse_config(
                {
                    "name": "t",
                    "exam": {"name": "arithmetic", "practice": 18, "dev": 18, "test": 18},
                    "review": True,
                },
                "test",
            )
            agents = table_agents(load_exams(settings.exam).practice, [[]])
            with pytest.raises(ReviewPending):
                run(settings, tmp_path, **agents, cache=False)
            folder = RunFolder(tmp_path / "t")
            waiting = audited(folder)
            assert (waiting.findings, waiting.seal) == ((), None)
            resume(folder, **agents, approve=False, cache=False)
    assert json.loads((folder.path / "report.json").read_text())["status"] == status
    assert audited(folder).findings == ()


def small_run(
    tmp_path: Path, knows: list[str] | None = None, answer: str = "number", target: float = 0.95
) -> RunFolder:
    """A run over one question a set; the kind of each is its set's name."""
    files = {}
    for part in ("practice", "dev", "test"):
        path = tmp_path / f"{part}.jsonl"
        row = {"prompt": f"How many letters has {part}?", "target": str(len(part)), "kind": part}
        path.write_text(json.dumps(row | {"answer": answer, "solution": f"{len(part)}"}))
        files[part] = str(path)
    stop = {"rounds": 1, "target_accuracy": target}
    given = {"name": "small", "exam": {"name": "own", **files}, "stop": stop}
    settings = parse_config(given, "test")
    agents = table_agents(load_exams(settings.exam).practice, [[]], knows or [])
    run(settings, tmp_path, **agents, cache=False)
    return RunFolder(tmp_path / "small")


@pytest.mark.parametrize(
    ("status", "fits"),
    [
        ("round budget spent", True),
        ("target reached", False),
        ("target not proven", False),
        ("nothing new to learn", False),
        ("no mistakes left", False),
        ("no examples accepted", False),
        ("rejected", False),
    ],
)
def test_why_a_run_ended_is_checked_against_its_records(
    status: str, fits: bool, folder: RunFolder
) -> None:
    path = folder.path / "report.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"status": status}))
    mend(folder)
    assert (audited(folder).findings == ()) == fits


def test_without_its_configuration_a_run_is_still_compared_with_its_manifest(
    folder: RunFolder,
) -> None:
    (folder.path / "config.json").unlink()
    found = audited(find_audited("t", folder.path.parent))
    assert [(finding.file, finding.wrong) for finding in found.findings] == [
        ("config.json", "is missing")
    ]
    assert "without its configuration" in found.notes[0]


def test_a_seal_that_was_taken_away_is_missed(folder: RunFolder) -> None:
    folder.manifest.seal_path.unlink()
    [found] = audited(folder).findings
    assert found.file == "seal.json"


def test_nearly_equal_questions_of_two_sets_are_a_note_and_no_finding(folder: RunFolder) -> None:
    practice = read_records(folder.exam("practice"), Question)
    asked = "Ann buys 4 red pens, 7 blue pens and 9 green pens for the whole class"
    changed(folder.exam("practice"), Question, 0, prompt=f"{asked} today. How many?")
    changed(folder.exam("test"), Question, 0, prompt=f"{asked} today. How many are they?")
    path = folder.round(1) / "training.jsonl"
    changed(path, Row, 0, prompt=f"{asked} today. How many?")
    found = audited(folder)
    notes = [note for note in found.notes if "nearly equal to one of test" in note]
    assert practice[0].id in notes[0]
    assert not any(finding.check in ("sets", "held out") for finding in found.findings)
    changed(path, Row, 0, prompt=f"{asked} today. How many are there?")
    assert any(
        f.check == "held out" and f.file.endswith(path.name) for f in audited(folder).findings
    )


@pytest.mark.process
def test_killed_runs_have_no_findings_stopped_or_resumed(tmp_path: Path) -> None:
    rng = random.Random(3)
    with Runner() as runner:
        (tmp_path / "whole").mkdir()
        whole = runner.undisturbed(tmp_path / "whole")
        for number in range(4):
            here = tmp_path / str(number)
            here.mkdir()
            at = rng.randrange(whole.operations // 4, whole.operations * 9 // 10)
            assert runner.work(here, kill_at=at)[0] != 0
            folder = RunFolder(here / "killed")
            stopped = audited(folder)
            assert stopped.findings == ()
            assert "not finished" in stopped.notes[0]
            runner.killed(here, number, whole)
            ended = audited(folder)
            assert ended.findings == ()
            assert ended.seal is not None


# The command.


def test_the_command_ends_with_0_1_or_2(folder: RunFolder, tmp_path: Path) -> None:
    seal = folder.manifest.sealing()
    assert seal is not None
    args = ("audit", "t", "--runs", str(tmp_path))
    clean = errata(*args, "--seal", seal.short, cwd=tmp_path)
    assert (clean.returncode, clean.stderr) == (0, "")
    assert "t: 0 findings" in clean.stdout
    (folder.path / "round-01" / "notes.txt").write_text("mine")
    dirty = errata(*args, "--json", cwd=tmp_path)
    assert dirty.returncode == 1
    [finding] = json.loads(dirty.stdout)["findings"]
    assert Finding.model_validate(finding).file == "round-01/notes.txt"
    assert "is no seal: give" in refused(*args, "--seal", "seven", cwd=tmp_path)
    assert "there is no run 'u'" in refused("audit", "u", "--runs", str(tmp_path), cwd=tmp_path)


def test_findings_are_said_with_their_file_and_what_they_mean(folder: RunFolder) -> None:
    tampering.flip_a_verdict(folder, random.Random(1))
    found = audited(folder)
    said = words(printed(lambda console: print_audit(found, console), 120))
    for finding in found.findings:
        for part in (finding.file, finding.wrong, finding.means):
            assert part in said


def test_a_run_at_work_or_of_another_format_is_refused(folder: RunFolder) -> None:
    with folder.locked(), pytest.raises(RunError, match="is at work"):
        audited(folder)
    path = folder.path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 1}))
    mend(folder)
    with pytest.raises(RunError, match="format 1"):
        audited(folder)


def test_a_seal_may_be_typed_in_part_and_in_capitals(folder: RunFolder) -> None:
    seal = folder.manifest.sealing()
    assert isinstance(seal, Seal)
    assert audited(folder, seal.short[:9].upper()).findings == ()
    with pytest.raises(RunError, match="no seal"):
        audited(folder, seal.short[:8])


# Programs.


@pytest.mark.sandbox
def test_programs_are_run_again_only_when_asked_for(tmp_path: Path) -> None:
    config = code_config(tmp_path)
    agents = table_agents(load_exams(config.exam).practice, [["twice"]])
    run(config, tmp_path, **agents, cache=False)
    folder = RunFolder(tmp_path / "code")
    path = folder.final_exam("test", "base")
    changed(path, Attempt, 0, correct=True)
    without = audited(folder)
    assert [note for note in without.notes if "--with-code" in note]
    assert not any(finding.check == "verdicts" for finding in without.findings)
    found = audit(folder, NoWatcher(), with_code=True).findings
    assert {f.file for f in found if f.check == "verdicts"} == {"final/test-base.jsonl"}


def code_config(tmp_path: Path) -> RunConfig:
    files = {}
    for part in ("practice", "dev", "test"):
        path = tmp_path / f"{part}.jsonl"
        prompt = f"def {part}(n):\n    '''Twice n, for {part}.'''\n"
        check = "def check(candidate):\n    assert candidate(2) == 4\n"
        path.write_text(
            json.dumps({"prompt": prompt, "entry_point": part, "test": check, "kind": "twice"})
        )
        files[part] = str(path)
    given = {"name": "code", "exam": {"name": "own", **files}, "stop": {"rounds": 1}}
    return parse_config(given, "test")
