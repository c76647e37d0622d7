"""A run's folder: whole or not there, and refused in one sentence where it was changed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from time import sleep
from typing import Any

import pytest
from doubles import table_agents

from errata.agents.errors import ErrataError, RunError
from errata.agents.exams.arithmetic import KINDS
from errata.agents.exams.several import load_exams
from errata.graph.config import RunConfig, parse_config
from errata.graph.run import resume, run
from errata.graph.run_folder import LOOK, RunFolder, all_runs, find_run, free_name
from errata.graph.watcher import NoWatcher

ALL = [kind.name for kind in KINDS]


def config(**changes: Any) -> RunConfig:
    given: dict[str, Any] = {
        "name": "t",
        "exam": {"name": "arithmetic", "seed": 3, "practice": 18, "dev": 18, "test": 18},
        "examples": {"per_round": 20},
        "stop": {"rounds": 1},
    }
    return parse_config(given | changes, "test")


def tables(settings: RunConfig) -> dict[str, Any]:
    return table_agents(load_exams(settings.exam).practice, [ALL[:8]], ALL[:3])


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    runs = tmp_path_factory.mktemp("finished")
    run(config(), runs, **tables(config()))
    return runs / "t"


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> RunFolder:
    shutil.copytree(finished, tmp_path / "t")
    return RunFolder(tmp_path / "t")


def refusal(folder: RunFolder) -> str:
    with pytest.raises(RunError) as raised:
        resume(folder, **tables(config()))
    sentence = str(raised.value)
    assert "\n" not in sentence
    return sentence


def without_last_line(path: Path) -> None:
    path.write_bytes(path.read_bytes().rstrip(b"\n").rpartition(b"\n")[0] + b"\n")


def with_a_line_twice(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"".join(path.read_bytes().splitlines(keepends=True)[-1:]))


DAMAGES: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "gone": lambda path: path.unlink(),
    "without its last line": without_last_line,
    "with a line twice": with_a_line_twice,
    "binary": lambda path: path.write_bytes(b"\x00\xff" * 100),
}
FILES = (
    "exam/practice.jsonl exam/dev.jsonl exam/test.jsonl round-00/dev.jsonl round-00/practice.jsonl "
    "round-01/mistakes.jsonl round-01/contrasts.jsonl round-01/diagnoses.jsonl "
    "round-01/examples.jsonl round-01/refusals.jsonl round-01/training.jsonl round-01/trained.json "
    "round-01/promotion.json round-01/adapter/table.json final/test-base.jsonl"
).split()


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_finished_file_that_is_not_as_it_was_is_named(
    damage: str, name: str, folder: RunFolder
) -> None:
    path = folder.path / name
    before = path.read_bytes()
    DAMAGES[damage](path)
    if path.exists() and path.read_bytes() == before:
        pytest.skip("an empty file has no last line")
    sentence = refusal(folder)
    assert str(path) in sentence
    assert "put it back" in sentence


@pytest.mark.parametrize(
    "content",
    [b"", b'{"format": 3', b"\x00\x00\x00", b"\xff\xfe", b"[]", b"{}", b"[" * 100_000, b"3"],
)
def test_a_damaged_configuration_is_one_sentence(content: bytes, folder: RunFolder) -> None:
    (folder.path / "config.json").write_bytes(content)
    assert "config.json is damaged" in refusal(folder)


@pytest.mark.parametrize(
    ("key", "value"),
    [("strategy", "le"), ("seed", 7), ("name", "other"), ("review", True), ("strategy", "none")],
)
def test_an_edited_configuration_is_refused(key: str, value: object, folder: RunFolder) -> None:
    path = folder.path / "config.json"
    given = json.loads(path.read_text())
    given["config"][key] = value
    path.write_text(json.dumps(given))
    assert "config.json" in refusal(folder)


@pytest.mark.parametrize(("version", "format"), [("0.1.0", None), ("0.5.0", 5), ("0.9.0", 9)])
def test_a_run_of_another_format_is_refused_by_name(
    version: str, format: int | None, folder: RunFolder
) -> None:
    path = folder.path / "config.json"
    given = json.loads(path.read_text())
    del given["format"]
    given |= {} if format is None else {"format": format}
    given["config"]["later"] = "a key of another version"
    given["versions"]["errata"] = version
    path.write_text(json.dumps(given))
    sentence = refusal(folder)
    assert f"errata {version} made the run" in sentence
    assert f"(format {format or 1}), and this version reads format 6: open it with" in sentence


@pytest.mark.parametrize("package", ["errata", "torch", "transformers", "peft", "trl"])
def test_an_unfinished_run_goes_on_only_with_the_packages_that_it_began_with(
    package: str, tmp_path: Path
) -> None:
    class Killed(NoWatcher):
        def say(self, text: str) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(config(), tmp_path, **tables(config()), watcher=Killed())
    folder = RunFolder(tmp_path / "t")
    path = folder.path / "config.json"
    given = json.loads(path.read_text())
    given["versions"][package] = "0.0.7"
    path.write_text(json.dumps(given))
    (folder.path / "manifest.jsonl").unlink()  # else the edit itself is what is refused
    assert f"began with {package} 0.0.7" in refusal(folder)


def test_a_finished_run_gives_its_report_whatever_is_installed_now(folder: RunFolder) -> None:
    path = folder.path / "config.json"
    given = json.loads(path.read_text())
    given["versions"]["torch"] = "0.0.7"
    path.write_text(json.dumps(given))
    for sealing in ("manifest.jsonl", "seal.json"):
        (folder.path / sealing).unlink()
    assert resume(folder, **tables(config())).status == "round budget spent"


def test_a_trace_that_is_gone_changes_no_figure_of_the_report(folder: RunFolder) -> None:
    before = resume(folder, **tables(config()))
    assert [r.promoted for r in before.rounds] == [True, True]
    assert before.seconds > 0
    (folder.path / "trace.jsonl").unlink()
    assert resume(folder, **tables(config())) == before


@pytest.mark.parametrize(
    "changes",
    [
        {"instructor": {"model": "anthropic:x", "api_key_env": "ERRATA_NO_SUCH_KEY"}},
        {"instructor": {"model": "openai:x", "api_key_env": "ERRATA_NO_SUCH_KEY"}},
        {"student": {"model": "/no/such/model"}},
        {"contrast": {"embeddings": "nobody:x"}},
        {"instructor": {"model": "openai:x", "base_url": "http://127.0.0.1:9/v1", "prompt": "/no"}},
    ],
)
def test_a_start_that_fails_leaves_nothing_behind(changes: dict[str, Any], tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    with pytest.raises(ErrataError):
        run(config(**changes), runs)
    assert not runs.exists() or list(runs.iterdir()) == []
    assert free_name("t", runs) == "t"


def test_a_folder_that_is_no_run_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "mine.txt").write_text("mine")
    with pytest.raises(RunError, match="is no run: choose another name"):
        run(config(), tmp_path, **tables(config()))
    assert [path.name for path in (tmp_path / "t").iterdir()] == ["mine.txt"]


def begun(path: Path) -> Path:
    """What is a run, as far as its folder goes."""
    path.mkdir(parents=True)
    (path / "config.json").write_text("{}")
    return path


def test_whether_a_run_is_at_work_is_seen_without_a_trace(tmp_path: Path) -> None:
    folder = RunFolder(begun(tmp_path / "t"))
    assert not folder.at_work
    assert [path.name for path in folder.path.iterdir()] == ["config.json"]


def test_who_looks_whether_a_run_is_at_work_does_not_keep_it_from_going_on(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    held = Event()

    def look() -> None:
        with folder.locked():
            held.set()
            sleep(LOOK / 3)

    looking = Thread(target=look)
    looking.start()
    held.wait()
    with folder.locked():
        assert RunFolder(tmp_path).at_work
    looking.join()
    assert not folder.at_work


def test_a_run_whose_lock_cannot_be_had_is_not_taken_for_one_at_work(tmp_path: Path) -> None:
    (tmp_path / "lock").mkdir()
    assert not RunFolder(tmp_path).at_work


def test_of_two_that_begin_a_run_of_one_name_the_later_is_told(tmp_path: Path) -> None:
    def fill(scratch: RunFolder) -> None:
        scratch.path.mkdir()
        begun(tmp_path / "t")

    with pytest.raises(RunError, match="errata resume t"):
        RunFolder(tmp_path / "t").create(fill)
    assert [path.name for path in tmp_path.iterdir()] == ["t"]


def test_a_folder_that_cannot_be_put_in_its_place_is_not_said_to_be_taken(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        RunFolder(tmp_path / "t").create(lambda scratch: None)


def test_a_run_is_found_by_its_path_and_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(begun(tmp_path / "elsewhere").parent)
    here = begun(tmp_path / "runs" / "here")
    assert find_run(str(here), tmp_path / "none").path == here
    assert find_run("here", tmp_path / "runs").path == here
    assert find_run("elsewhere", tmp_path / "runs").path == Path("elsewhere")
    monkeypatch.chdir(here)
    assert find_run(".", tmp_path / "runs").name == "here"


def test_a_run_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=rf"no run 'x' in {tmp_path}/ \(there: none\)"):
        find_run("x", tmp_path)
    for age, name in enumerate(("old", "new")):
        os.utime(begun(tmp_path / name), (age, age))
    begun(tmp_path / ".half-made.part")
    (tmp_path / "mine").mkdir()
    with pytest.raises(RunError, match=r"\(there: old, new\)"):
        find_run("x", tmp_path)
    assert [run.name for run in all_runs(tmp_path)] == ["old", "new"]


def test_a_free_name_is_the_first_that_no_folder_has(tmp_path: Path) -> None:
    assert free_name("t", tmp_path) == "t"
    for name in ("t", "t-2", "t-4"):
        (tmp_path / name).mkdir()
    assert free_name("t", tmp_path) == "t-3"
    (tmp_path / "t-3").mkdir()
    assert free_name("t", tmp_path) == "t-5"


def test_who_names_a_comparison_or_an_arm_without_a_training_is_told_what_it_is(
    tmp_path: Path,
) -> None:
    arms = tmp_path / "c.compare" / "arms"
    for name, file in (("le-1", "config.json"), ("prompt-1", "prompts.json")):
        (arms / name).mkdir(parents=True)
        (arms / name / file).write_text("{}")
    with pytest.raises(RunError, match=rf"but .*c\.compare holds {arms / 'le-1'}: name one of"):
        find_run("c.compare", tmp_path)
    with pytest.raises(RunError, match="a system prompt was chosen and nothing trained"):
        find_run("c.compare/arms/prompt-1", tmp_path)
