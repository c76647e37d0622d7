"""The manifest names each finished file once, in a chain, and tells what is not as it was."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from errata.agents.errors import RunError
from errata.agents.jsonl import write_records
from errata.agents.records import Question
from errata.graph.manifest import Manifest, Seal, hash_of_set

FINISHED = [
    "config.json",
    "estimate.json",
    "exam/test.jsonl",
    "round-01/dev.jsonl",
    "round-01/plan.json",
    "round-01/adapter/weights/one.bin",
    "final/test-base.jsonl",
]
GROWING = ["trace.jsonl", "steps.jsonl"]
UNNAMED = [
    "lock",
    "checkpoints.sqlite",
    "round-01/training.log",
    "round-01/trainer-job.json",
    "round-01/dev.jsonl.part",
    "forecast/one.json",
    "round-01/.proposed.jsonl.swp",
]


def question(n: int, id: str = "", **changes: object) -> Question:
    one = Question(id=id or f"q{n}", prompt=f"What is {n}?", target=str(n))
    return one.model_copy(update=changes)


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    """Of a run that goes on; what is finished is recorded."""
    folder = tmp_path / "t"
    for name in [*FINISHED, *GROWING, *UNNAMED]:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'"{name}"')
    write_records(folder / "exam" / "test.jsonl", [question(1), question(2)])
    found = Manifest(folder)
    found.record_finished()
    return found


@pytest.fixture
def sealed(manifest: Manifest) -> Manifest:
    manifest.seal()
    return manifest


def paths(manifest: Manifest) -> list[str]:
    return [line.path for line in manifest.read().lines]


def rewrite(path: Path, change: Callable[[list[bytes]], object]) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    change(lines)
    path.write_bytes(b"".join(lines))


# What is recorded.


def test_what_is_finished_is_recorded_while_the_rest_goes_on_growing(manifest: Manifest) -> None:
    assert sorted(paths(manifest)) == sorted(FINISHED)
    before = manifest.path.read_bytes()
    (manifest.folder / "config.json").write_text("changed")
    manifest.record_finished()
    assert manifest.path.read_bytes() == before
    late = manifest.folder / "round-02" / "dev.jsonl"
    late.parent.mkdir()
    late.write_text("")
    manifest.record_finished()
    assert paths(manifest)[len(FINISHED) :] == ["round-02/dev.jsonl"]
    assert manifest.path.read_bytes().startswith(before)


def test_each_line_holds_the_hash_of_its_file_and_of_the_line_before(manifest: Manifest) -> None:
    raw = manifest.path.read_bytes().splitlines()
    lines = manifest.read().lines
    for line, before in zip(lines[1:], raw, strict=False):
        assert line.before == hashlib.sha256(before).hexdigest()
    assert len(bytes.fromhex(lines[0].before)) == 32
    assert manifest.run_id == lines[0].before
    assert manifest.read().hashes == [hashlib.sha256(one).hexdigest() for one in raw]
    for line in lines:
        held = (manifest.folder / line.path).read_bytes()
        assert line.sha256 == hashlib.sha256(held).hexdigest()
    of_sets = {line.path: line.questions_sha256 for line in lines if line.questions_sha256}
    assert of_sets == {"exam/test.jsonl": hash_of_set([question(1), question(2)])}


def test_two_runs_have_two_names_and_a_run_without_a_manifest_has_none(
    manifest: Manifest, tmp_path: Path
) -> None:
    other = Manifest(tmp_path / "other")
    assert other.run_id == ""
    assert other.read().seal is None
    other.folder.mkdir()
    (other.folder / "config.json").write_text("{}")
    other.record_finished()
    assert other.run_id not in ("", manifest.run_id)


def test_a_seal_holds_all_but_what_needs_none_and_nothing_is_recorded_after_it(
    sealed: Manifest,
) -> None:
    assert sorted(paths(sealed)) == sorted([*FINISHED, *GROWING])
    chain = sealed.read()
    assert sealed.sealed
    assert sealed.sealing() == chain.seal == Seal(files=9, sha256=chain.hashes[-1])
    before = sealed.path.read_bytes(), sealed.seal_path.stat().st_mtime_ns
    for name in ("round-01/late.jsonl", "notes.txt"):
        (sealed.folder / name).write_text("late")
    sealed.record_finished()
    sealed.seal()
    assert (sealed.path.read_bytes(), sealed.seal_path.stat().st_mtime_ns) == before
    for name in ("report.svg", "report.png"):
        (sealed.folder / name).write_text("drawn later")
    sealed.seal()
    assert paths(sealed)[9:] == ["report.svg", "report.png"]
    assert sealed.sealing() == sealed.read().seal
    assert list(sealed.changes()) == []


def test_a_folder_in_which_nothing_was_written_gets_no_seal(tmp_path: Path) -> None:
    empty = Manifest(tmp_path)
    empty.seal()
    assert list(tmp_path.iterdir()) == []


def test_a_seal_is_shown_in_four_groups() -> None:
    assert Seal(files=1, sha256="0123456789abcde" + "f" * 49).short == "0123-4567-89ab-cdef"


def test_what_a_kill_cut_off_gives_way_to_the_next_line(manifest: Manifest) -> None:
    whole = manifest.path.read_bytes()
    manifest.path.write_bytes(whole + b'{"path":"round-0')
    chain = manifest.read()
    assert (chain.torn, chain.broken, chain.size) == (True, None, len(whole))
    (manifest.folder / "final" / "more.json").write_text("{}")
    manifest.record_finished()
    chain = manifest.read()
    assert (chain.torn, chain.broken, chain.size) == (
        False,
        None,
        len(manifest.path.read_bytes()),
    )
    assert paths(manifest)[-1] == "final/more.json"
    assert manifest.path.read_bytes().startswith(whole)


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ([question(2), question(1)], True),
        ([question(1, "a", solution="…", kind="k"), question(2, "b", exam="e")], True),
        ([question(1)], False),
        ([question(1), question(2, prompt="What is 2.0?")], False),
        ([question(1), question(2, target="3")], False),
        ([question(1), question(1), question(2)], False),
    ],
)
def test_a_set_is_what_is_asked_and_what_is_right(other: list[Question], same: bool) -> None:
    assert (hash_of_set(other) == hash_of_set([question(1), question(2)])) == same


# What is not as it was.


def test_an_untouched_run_has_no_changes_and_can_go_on(manifest: Manifest) -> None:
    assert list(manifest.changes()) == []
    manifest.verify()
    manifest.seal()
    assert list(manifest.changes()) == list(manifest.strangers()) == []
    manifest.verify()


def test_a_file_is_held_as_it_was_and_not_otherwise(manifest: Manifest) -> None:
    name = "round-01/dev.jsonl"
    assert manifest.holds(name)
    (manifest.folder / "trace.jsonl").write_text(f'"{name}"')  # what another file held
    assert not manifest.holds("trace.jsonl")
    (manifest.folder / name).write_text("other")
    assert not manifest.holds(name)
    (manifest.folder / name).unlink()
    assert not manifest.holds(name)


@pytest.mark.parametrize(
    ("name", "stops"),
    [("round-01/dev.jsonl", True), ("config.json", True), ("trace.jsonl", False)],
)
def test_a_changed_or_missing_file_is_named_and_stops_a_resume_that_needs_it(
    name: str, stops: bool, sealed: Manifest
) -> None:
    path = sealed.folder / name
    path.write_text("changed")
    assert list(sealed.changes()) == [(name, "was changed after it was finished")]
    if stops:
        with pytest.raises(RunError, match=f"{name} was changed after it was finished: put it"):
            sealed.verify()
    else:
        sealed.verify()
    path.unlink()
    path.mkdir()  # a folder is no file
    assert list(sealed.changes()) == [(name, "is missing")]


def test_a_name_that_no_disk_can_hold_is_told_of_and_the_rest_is_checked(
    manifest: Manifest,
) -> None:
    line = json.loads(manifest.path.read_bytes().splitlines()[0])
    line["path"] = "x" * 5000
    rewrite(manifest.path, lambda lines: lines.insert(0, json.dumps(line).encode() + b"\n"))
    (manifest.folder / "final" / "test-base.jsonl").unlink()
    told = dict(manifest.changes())
    assert told["x" * 5000].startswith(("cannot be read (File name too long)", "is missing"))
    assert told["final/test-base.jsonl"] == "is missing"


@pytest.mark.parametrize(
    ("change", "how"),
    [
        (lambda lines: lines.pop(2), "line 3 does not follow from the one before it"),
        (lambda lines: lines.insert(1, b"{}\n"), "line 2 is none of errata's"),
        (
            lambda lines: lines.__setitem__(slice(1, 5), [b"{}\n", b"{}\n"]),
            "line 2 is none of errata's",
        ),
        (lambda lines: lines.reverse(), "line 2 does not follow from the one before it"),
    ],
)
def test_a_chain_is_broken_at_its_first_line_that_does_not_follow(
    change: Callable[[list[bytes]], object], how: str, manifest: Manifest
) -> None:
    rewrite(manifest.path, change)
    file, said = next(manifest.changes())
    assert (file, said) == ("manifest.jsonl", f"was changed after it was written ({how})")
    with pytest.raises(RunError, match=r"manifest\.jsonl was changed"):
        manifest.verify()


LATER = "was changed after the run ended (seal.json says otherwise)"


def test_what_comes_after_the_seal_or_is_gone_since_is_told_of(sealed: Manifest) -> None:
    whole = sealed.path.read_bytes()
    for other in (whole + b"{", b"".join(whole.splitlines(keepends=True)[:-1])):
        sealed.path.write_bytes(other)
        assert list(sealed.changes()) == [("manifest.jsonl", LATER)]
    sealed.path.unlink()
    assert list(sealed.changes()) == [("manifest.jsonl", "is missing")]


@pytest.mark.parametrize("other", ["{}", " ", "reformatted"])
def test_a_seal_that_errata_did_not_write_so_is_told_of(other: str, sealed: Manifest) -> None:
    said = sealed.sealing()
    assert said is not None
    sealed.seal_path.write_text(said.model_dump_json() if other == "reformatted" else other)
    assert sealed.sealing() is None
    assert list(sealed.changes()) == [("seal.json", "was changed after it was written")]


def test_files_that_nobody_recorded_are_strangers_and_folders_are_none(sealed: Manifest) -> None:
    (sealed.folder / "round-07" / "empty").mkdir(parents=True)
    (sealed.folder / "round-07" / "late.jsonl").write_text("")
    (sealed.folder / "round-07" / "training.log").write_text("")
    (sealed.folder / "gone").symlink_to("nowhere")
    (sealed.folder / "linked").symlink_to("round-01", target_is_directory=True)
    assert list(sealed.strangers()) == ["gone", "linked", "round-07/late.jsonl"]
