"""What each command says of a run that is at work, waits, failed or was stopped, and what to do."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest
from command_line import errata, refused
from desk import WHY, desk_config, failed_run, labels_run, played

from errata.graph.run import ReviewPending
from errata.graph.run_folder import RunFolder

pytestmark = pytest.mark.loop

STANDS = ("at work", "waiting", "failed", "stopped")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, RunFolder]:
    """One of each; who is at work is told by its lock."""
    failed, stopped = (failed_run(tmp_path_factory.mktemp(name)) for name in ("failed", "stopped"))
    trace = stopped.path / "trace.jsonl"
    lines = trace.read_text().splitlines(keepends=True)
    trace.write_text("".join(line for line in lines if '"step failed"' not in line))
    folder = tmp_path_factory.mktemp("waiting")
    with pytest.raises(ReviewPending):
        played(
            desk_config(folder, "label").model_copy(update={"review": True}), folder / "runs", {}
        )
    waiting = RunFolder(folder / "runs" / "label")
    return {"at work": stopped, "waiting": waiting, "failed": failed, "stopped": stopped}


@pytest.fixture(params=STANDS)
def stands(request: pytest.FixtureRequest, runs: dict[str, RunFolder]) -> Iterator[str]:
    holding: AbstractContextManager[None] = nullcontext()
    if request.param == "at work":
        holding = runs["at work"].locked()
    with holding:
        yield request.param


@pytest.fixture
def folder(stands: str, runs: dict[str, RunFolder]) -> RunFolder:
    return runs[stands]


def remedies(folder: RunFolder) -> dict[str, str]:
    """How the run stands → what is said of it."""
    resume = f"`errata resume {folder.name}`"
    return {
        "at work": "is at work in another process: wait for its end (`errata runs` says how far",
        "waiting": f"waits for your review: see `errata review {folder.name}`, then {resume}",
        "failed": f"is not finished, its train failed ({WHY}): {resume} tries it again",
        "stopped": f"is not finished: {resume} goes on with it",
    }


@pytest.mark.parametrize(
    "words",
    [
        lambda path: ("export", path, "--to", "adapter"),
        lambda path: ("forecast", path),
        lambda path: ("compare", path, path),
    ],
    ids=["export", "forecast", "compare"],
)
def test_what_needs_a_finished_run_says_how_this_one_stands_and_what_to_do(
    words: Callable[[Path], tuple[object, ...]], stands: str, folder: RunFolder, tmp_path: Path
) -> None:
    said = refused(*words(folder.path), cwd=tmp_path)
    assert f"the run {folder.path} {remedies(folder)[stands]}" in said
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_taken_says_by_what_and_a_finished_run_needs_no_going_on(
    stands: str, folder: RunFolder, tmp_path: Path
) -> None:
    said = refused("demo", "--runs", folder.path.parent, "--name", folder.name, cwd=tmp_path)
    assert f"is there already, and {remedies(folder)[stands]}" in said
    assert said.endswith("; another name starts a new one")


def test_of_a_finished_run_the_report_is_offered_and_nothing_is_gone_on_with(
    tmp_path: Path,
) -> None:
    folder = labels_run(tmp_path)
    said = refused("demo", "--runs", folder.path.parent, "--name", folder.name, cwd=tmp_path)
    assert "is finished: `errata resume label` shows its report again; another name" in said


def test_the_doctor_says_why_it_does_not_look_at_what_came_of_a_run(
    stands: str, folder: RunFolder, tmp_path: Path
) -> None:
    done = errata("doctor", folder.path, "--json", cwd=tmp_path)
    notes = json.loads(done.stdout)["notes"]
    how = f"what came of the run is not looked at, since it {remedies(folder)[stands]}"
    assert any(note.startswith(how) for note in notes)


LISTED = {
    "at work": "at work: train",
    "waiting": "unfinished, waits for your review",
    "failed": "unfinished: train failed",
    "stopped": "unfinished: train",
}


def test_the_list_of_runs_says_how_each_stands_and_which_command_it_waits_for(
    stands: str, folder: RunFolder, tmp_path: Path
) -> None:
    at = ("runs", "--runs", folder.path.parent)
    [row] = json.loads(errata(*at, "--json", cwd=tmp_path).stdout)["runs"]
    assert row["status"] == LISTED[stands]
    shown = errata(*at, cwd=tmp_path).stdout
    assert ("errata resume NAME" in shown) == (stands != "at work")
    assert ("errata review NAME" in shown) == (stands == "waiting")


TRACED = {
    "at work": "at work: `train`",
    "waiting": "waits for your review: `errata review label`",
    "failed": f"unfinished: `train` failed: {WHY}; `errata resume json` goes on",
    "stopped": "unfinished: `train` has begun and not ended; `errata resume json` goes on",
}


def test_a_trace_ends_with_how_the_run_stands(
    stands: str, folder: RunFolder, tmp_path: Path
) -> None:
    tree, _, _ = errata("trace", folder.path, cwd=tmp_path).stdout.partition("errata trace ")
    assert tree.rstrip().endswith(f"└── {TRACED[stands]}")


def test_spans_of_a_run_that_is_not_finished_are_said_to_be_so_far(
    stands: str, folder: RunFolder, tmp_path: Path
) -> None:
    how = {"waiting": "waits for your review", "failed": "stopped"}.get(stands, stands)
    said = errata("trace", folder.path, "--otlp", "spans.json", cwd=tmp_path).stdout
    assert f", as far as the run came ({how}), are in spans.json" in said


def test_who_reviews_a_run_at_work_is_told_that_it_is(tmp_path: Path) -> None:
    folder = labels_run(tmp_path)
    (folder.path / "report.json").unlink()
    given = folder.path / "config.json"
    given.write_text(given.read_text().replace('"review": false', '"review": true'))
    with folder.locked():
        said = refused("review", folder.path, cwd=tmp_path)
    assert "waits for no review, it is at work: see `errata runs`" in said
    assert "it is at work" not in refused("review", folder.path, cwd=tmp_path)


def test_a_review_that_was_given_is_not_waited_for(tmp_path: Path) -> None:
    with pytest.raises(ReviewPending):
        played(
            desk_config(tmp_path, "label").model_copy(update={"review": True}),
            tmp_path / "runs",
            {},
        )
    folder = RunFolder(tmp_path / "runs" / "label")
    assert folder.stands() == "waits for your review"
    folder.review(1).write_text("{}")  # a kill came before the step that takes it ended
    assert folder.stands() == "stopped"
