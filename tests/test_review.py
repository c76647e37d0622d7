"""A person's review of single examples: taken, checked, kept, followed back."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from recording import RecordingStudent, RecordingTrainer
from rich.console import Console
from tampering import audited, mend

from errata.agents.errors import RunError
from errata.agents.exams.arithmetic import KINDS
from errata.agents.jsonl import read_record, read_records, write_record
from errata.agents.records import Example, Question, Review, ReviewEntry, Row
from errata.graph.commands.review import open_walk
from errata.graph.config import RunConfig, parse_config
from errata.graph.review import read_review, votes_path
from errata.graph.run import ReviewPending, resume, run
from errata.graph.run_folder import RunFolder
from errata.graph.views.review import walk_through

ALL = [kind.name for kind in KINDS]
loop = pytest.mark.loop
pytestmark = loop


def config(**changes: Any) -> RunConfig:
    given: dict[str, Any] = {
        "name": "t",
        "strategy": "lec",
        "exam": {"name": "arithmetic", "seed": 3, "practice": 18, "dev": 18, "test": 18},
        "examples": {"per_round": 12},
        "training": {"after_refusal": "same", "replay": 1.0},
        "stop": {"rounds": 1},
        "review": True,
    }
    return parse_config(given | changes, "test")


def agents() -> dict[str, Any]:
    student = RecordingStudent(lambda index, question: question.kind in ALL[:9])
    return {"student": student, "trainer": RecordingTrainer(student), "cache": False}


def waiting_run(runs: Path, **changes: Any) -> RunFolder:
    with pytest.raises(ReviewPending):
        run(config(**changes), runs, **agents())
    return RunFolder(runs / "t")


@pytest.fixture(scope="module")
def waits(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return waiting_run(tmp_path_factory.mktemp("waiting"))


@pytest.fixture
def waiting(waits: RunFolder, tmp_path: Path) -> RunFolder:
    """A copy of a run that waits in its first round."""
    return RunFolder(Path(shutil.copytree(waits.path, tmp_path / "runs" / "t")))


def examples(folder: RunFolder, index: int = 1) -> list[Example]:
    return read_records(folder.round(index) / "examples.jsonl", Example)


def rows(folder: RunFolder, index: int = 1, name: str = "training") -> list[Row]:
    return read_records(folder.round(index) / f"{name}.jsonl", Row)


def entry(example: Example, verdict: Any, **said: Any) -> ReviewEntry:
    return ReviewEntry(example_id=example.id, verdict=verdict, **said)


def reworded(example: Example) -> dict[str, str]:
    """Another question about the same numbers: no solver recognises it."""
    return {"prompt": f"Kim reads aloud: {example.prompt} What does Kim answer?"}


def review_of(folder: RunFolder, *entries: ReviewEntry, index: int = 1, by: str = "nora") -> Review:
    return Review(run="t", round=index, by=by, entries=entries)


def three_verdicts(folder: RunFolder) -> Review:
    first, second, third, *_ = examples(folder)
    return review_of(
        folder,
        entry(first, "rejected", note="no such shop"),
        entry(second, "edited", **reworded(second)),
        entry(third, "accepted"),
    )


def test_what_is_edited_is_trained_on_so_what_is_rejected_not_and_the_rest_as_it_was(
    waiting: RunFolder,
) -> None:
    first, second, *others = examples(waiting)
    played = agents()
    resume(waiting, **played, review=three_verdicts(waiting))
    [trained] = played["trainer"].rows
    assert {row.example_id for row in trained} == {second.id, *(each.id for each in others)}
    by_id = {row.example_id: row for row in trained}
    assert by_id[second.id].prompt == reworded(second)["prompt"]
    assert by_id[second.id].completion == second.completion
    assert all(by_id[each.id].prompt == each.prompt for each in others)
    assert first.prompt not in {row.prompt for row in trained}


def test_the_records_say_who_changed_what_and_an_audit_follows_it(waiting: RunFolder) -> None:
    second = examples(waiting)[1]
    said = three_verdicts(waiting)
    resume(waiting, **agents(), review=said)
    assert read_record(waiting.round(1) / "review.json", Review) == said
    assert examples(waiting)[1] == second  # the original text
    assert second.prompt in {row.prompt for row in rows(waiting, name="proposed")}
    assert audited(waiting).findings == ()


def changed_review(folder: RunFolder, **changes: Any) -> None:
    path = folder.round(1) / "review.json"
    said = read_record(path, Review)
    entries = (said.entries[0], said.entries[1].model_copy(update=changes), *said.entries[2:])
    write_record(path, said.model_copy(update={"entries": entries}))


@pytest.mark.parametrize(
    "tamper",
    [
        lambda folder: changed_review(folder, prompt="How many?"),
        lambda folder: changed_review(folder, verdict="accepted"),
        lambda folder: changed_review(folder, verdict="rejected"),
        lambda folder: changed_review(folder, example_id="e09-00001"),
        lambda folder: (folder.round(1) / "review.json").unlink(),
    ],
    ids=["another edit", "accepted", "rejected", "of nothing", "no review"],
)
def test_an_audit_finds_rows_that_the_review_did_not_agree_to(
    waiting: RunFolder, tamper: Callable[[RunFolder], None]
) -> None:
    resume(waiting, **agents(), review=three_verdicts(waiting))
    tamper(waiting)
    mend(waiting)
    found = [f for f in audited(waiting).findings if f.file == "round-01/training.jsonl"]
    assert any("lineage" in finding.check for finding in found)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"completion": "1 + 1 = 3\n#### 3"}, "completion does not end in the target"),
        ({"completion": "1 + 1 = 3\n#### 3", "target": "3"}, "wrong equation"),
        ({"prompt": "How many\x07?"}, "control characters"),
        ({"completion": " "}, "empty prompt or completion"),
        ({"prompt": "?" * 9000}, "question much longer than the exam's"),
    ],
)
def test_an_edit_passes_the_checks_that_written_examples_pass(
    waiting: RunFolder, changes: dict[str, str], why: str
) -> None:
    second = examples(waiting)[1]
    before = sorted(path.name for path in waiting.round(1).iterdir())
    with pytest.raises(RunError, match=f"{second.id}: {why}.*nothing is changed"):
        resume(waiting, **agents(), review=review_of(waiting, entry(second, "edited", **changes)))
    after = {path.name for path in waiting.round(1).iterdir()}
    assert after - set(before) <= {"review-votes.jsonl.part"}
    with pytest.raises(ReviewPending):  # it waits as it did
        resume(waiting, **agents())
    report = resume(waiting, **agents(), review=three_verdicts(waiting))
    assert report.rounds[1].dev is not None


def test_an_edit_that_is_a_held_out_question_is_refused(waiting: RunFolder) -> None:
    second = examples(waiting)[1]
    for name in ("dev", "test"):
        held = read_records(waiting.exam(name), Question)[0]
        said = {"prompt": held.prompt, "completion": held.solution, "target": held.target}
        with pytest.raises(RunError, match="too near to a dev or test question"):
            resume(waiting, **agents(), review=review_of(waiting, entry(second, "edited", **said)))


def test_an_edit_that_is_another_example_is_refused(waiting: RunFolder) -> None:
    first, second, *_ = examples(waiting)
    same = {name: getattr(first, name) for name in ("prompt", "completion", "target")}
    with pytest.raises(RunError, match=f"{second.id}: (written before|nearly the same)"):
        resume(waiting, **agents(), review=review_of(waiting, entry(second, "edited", **same)))


def test_the_verifier_solves_an_edited_example_again(waiting: RunFolder) -> None:
    """Its numbers stay, so the solver knows the question; its answer is another."""
    second = examples(waiting)[1]
    wrong = {"completion": "1 + 1 = 2\n#### 2", "target": "2"}
    with pytest.raises(RunError, match="independent solutions give another answer"):
        resume(waiting, **agents(), review=review_of(waiting, entry(second, "edited", **wrong)))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"run": "other"}, "round 1 of the run 'other', and round 1 of 't' waits"),
        ({"round": 2}, "of round 2 of the run 't', and round 1"),
        ({"entries": [{"example_id": "x", "verdict": "accepted"}]}, "no row of round 1 is made"),
        ({"entries": "twice"}, "twice"),
        ({"entries": "empty edit"}, "has no text of it"),
    ],
)
def test_a_review_that_does_not_fit_is_refused_with_what_to_do(
    waiting: RunFolder, change: dict[str, Any], says: str
) -> None:
    first = examples(waiting)[0]
    given = json.loads(review_of(waiting).model_dump_json()) | change
    if given["entries"] == "twice":
        given["entries"] = [{"example_id": first.id, "verdict": "accepted"}] * 2
    elif given["entries"] == "empty edit":
        given["entries"] = [{"example_id": first.id, "verdict": "edited"}]
    with pytest.raises(RunError, match=says):
        resume(waiting, **agents(), review=Review.model_validate_json(json.dumps(given)))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is no review"),
        ("[]", "is no review"),
        ('{"run": "t"}', "round"),
        ('{"run": "t", "round": 1, "entries": [{"example_id": "e", "verdict": "ok"}]}', "entries"),
        ('{"run": "t", "round": 1, "color": 1}', "color"),
    ],
)
def test_a_file_that_is_no_review_is_one_sentence(text: str, says: str, tmp_path: Path) -> None:
    file = tmp_path / "review.json"
    file.write_text(text)
    with pytest.raises(RunError, match=says):
        read_review(file)
    with pytest.raises(RunError, match="cannot be read"):
        read_review(tmp_path / "nowhere.json")


def test_all_rejected_is_as_a_rejected_round(waiting: RunFolder) -> None:
    every = [entry(example, "rejected") for example in examples(waiting)]
    report = resume(waiting, **agents(), review=review_of(waiting, *every))
    assert report.status == "rejected"
    assert audited(waiting).findings == ()


def test_who_approves_all_is_on_record_too(waiting: RunFolder) -> None:
    resume(waiting, **agents(), approve=True)
    assert read_record(waiting.round(1) / "review.json", Review).by
    assert rows(waiting) == rows(waiting, name="proposed")
    assert audited(waiting).findings == ()


def test_a_run_that_waits_for_nothing_takes_no_review(waiting: RunFolder) -> None:
    said = three_verdicts(waiting)
    (waiting.path / "checkpoints.sqlite").unlink()  # as if killed before it could wait
    for file in ("proposed.jsonl",):
        (waiting.round(1) / file).unlink()
    mend(waiting, seal=False)
    with pytest.raises(RunError, match="waits for no review"):
        resume(waiting, **agents(), review=said)


def test_later_rounds_repeat_what_was_edited_and_nothing_that_was_rejected(tmp_path: Path) -> None:
    folder = waiting_run(tmp_path, stop={"rounds": 2})
    first, second, third, *_ = examples(folder)
    with pytest.raises(ReviewPending):
        resume(folder, **agents(), review=three_verdicts(folder))
    again = {row.example_id: row for row in rows(folder, 2, "proposed")}
    assert first.id not in again
    assert again[second.id].prompt == reworded(second)["prompt"]
    assert again[third.id].prompt == third.prompt
    fresh = examples(folder, 2)[0]
    said = review_of(
        folder, entry(third, "rejected"), entry(fresh, "edited", **reworded(fresh)), index=2
    )
    resume(folder, **agents(), review=said)
    trained = {row.example_id for row in rows(folder, 2)}
    assert third.id not in trained
    assert {second.id, fresh.id} <= trained
    assert audited(folder).findings == ()


def test_an_edited_example_takes_the_place_of_what_shapers_made_of_it(tmp_path: Path) -> None:
    folder = waiting_run(tmp_path, examples={"per_round": 12, "shape": ["own_words"]})
    of_many = max(
        {row.example_id for row in rows(folder, name="proposed")},
        key=lambda id: sum(row.example_id == id for row in rows(folder, name="proposed")),
    )
    [example] = [each for each in examples(folder) if each.id == of_many]
    resume(
        folder, **agents(), review=review_of(folder, entry(example, "edited", **reworded(example)))
    )
    [row] = [row for row in rows(folder) if row.example_id == example.id]
    assert (row.made_by, row.prompt) == ("example", reworded(example)["prompt"])
    assert audited(folder).findings == ()


def test_a_pair_keeps_its_worse_side_and_so_its_question(tmp_path: Path) -> None:
    shaped = {"per_round": 12, "shape": ["spoiled"]}
    folder = waiting_run(tmp_path, examples=shaped, training={"objective": "dpo"})
    ids = {row.example_id for row in rows(folder, name="proposed")}
    example = next(each for each in examples(folder) if each.id in ids)
    with pytest.raises(RunError, match=r"edit the answer alone|single steps"):
        resume(
            folder,
            **agents(),
            review=review_of(folder, entry(example, "edited", **reworded(example))),
        )


def held_out_edit(folder: RunFolder) -> Review:
    held = read_records(folder.exam("test"), Question)[0]
    said = {"prompt": held.prompt, "completion": held.solution, "target": held.target}
    return review_of(folder, entry(examples(folder)[1], "edited", **said))


@pytest.mark.parametrize("fits", [True, False], ids=["a held-out question", "another run's"])
def test_a_review_that_lies_in_the_round_is_checked_before_rows_are_made_by_it(
    waiting: RunFolder, fits: bool
) -> None:
    path = waiting.round(1) / "review.json"
    said = held_out_edit(waiting) if fits else review_of(waiting).model_copy(update={"run": "x"})
    write_record(path, said)
    with pytest.raises(RunError, match="was not checked"):
        resume(waiting, **agents())
    assert not (waiting.round(1) / "training.jsonl").exists()
    path.unlink()
    with pytest.raises(ReviewPending):  # nothing else is changed
        resume(waiting, **agents())


def test_an_answer_is_taken_once(waiting: RunFolder) -> None:
    said = three_verdicts(waiting)
    resume(waiting, **agents(), review=said)
    resume(waiting, **agents(), review=said)
    for other in ({"approve": True}, {"approve": False}, {"review": review_of(waiting)}):
        with pytest.raises(RunError, match="round 1 of the run t was answered already"):
            resume(waiting, **agents(), **other)


def test_another_answer_after_a_kill_is_refused(waiting: RunFolder) -> None:
    """The first is on record; its rows are not made yet."""
    write_record(waiting.round(1) / "review.json", review_of(waiting))
    with pytest.raises(RunError, match="was answered already"):
        resume(waiting, **agents(), approve=False)
    assert resume(waiting, **agents(), approve=True).status != "rejected"


def test_solutions_are_added_to_those_that_a_kill_left_before_the_review(
    waiting: RunFolder,
) -> None:
    second, third = examples(waiting)[1:3]
    votes_path(waiting, 1).write_text("")
    edits = [entry(each, "edited", **reworded(each)) for each in (second, third)]
    resume(waiting, **agents(), review=review_of(waiting, *edits))
    assert votes_path(waiting, 1).read_text()
    assert audited(waiting).findings == ()


# In the terminal.


def walked(folder: RunFolder, out: Path, typed: Sequence[str], by: str | None = None) -> str:
    said = io.StringIO()
    console = Console(file=said, width=100, highlight=False)
    lines = iter(typed)

    def typed_next(prompt: str = "", **_: object) -> str:
        said.write(prompt)
        for line in lines:
            return line
        raise EOFError

    console.input = typed_next  # type: ignore[method-assign, assignment]
    walk_through(open_walk(folder, out, by), console)
    return said.getvalue()


def editor(tmp_path: Path, old: str, new: str) -> str:
    """A command that a person's editor could be."""
    script = tmp_path / "editor.sh"
    script.write_text(f'#!/bin/sh\nsed -i "s/{old}/{new}/" "$1"\n')
    script.chmod(0o755)
    return str(script)


def test_a_walk_writes_the_review_that_a_resume_takes(
    waiting: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third, *_ = examples(waiting)
    monkeypatch.setenv("EDITOR", editor(tmp_path, "question$", "question\\nKim asks:"))
    monkeypatch.delenv("VISUAL", raising=False)
    out = tmp_path / "review.json"
    shown = walked(waiting, out, ["r", "no such shop", "e", "a", "a", "q"], by="nora")
    assert first.prompt.split(".")[0] in shown
    assert f"errata resume t --review {out}" in shown
    said = read_review(out)
    assert (said.by, said.run, said.round) == ("nora", "t", 1)
    assert [(each.example_id, each.verdict, each.note) for each in said.entries] == [
        (first.id, "rejected", "no such shop"),
        (second.id, "edited", ""),
        (third.id, "accepted", ""),
    ]
    resume(waiting, **agents(), review=said)
    trained = {row.example_id: row for row in rows(waiting)}
    assert trained[second.id].prompt == f"Kim asks:\n{second.prompt}"
    assert first.id not in trained


def test_a_walk_goes_on_where_it_was_stopped(waiting: RunFolder, tmp_path: Path) -> None:
    out = tmp_path / "review.json"
    walked(waiting, out, ["a", "a"], by="nora")
    assert "3 of " in walked(waiting, out, ["q"]).split("\n")[4]
    assert len(read_review(out).entries) == 2
    assert read_review(out).by == "nora"


def test_a_walk_says_at_once_what_the_checks_refuse(
    waiting: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDITOR", editor(tmp_path, "=", "= 1 +"))
    monkeypatch.delenv("VISUAL", raising=False)
    out = tmp_path / "review.json"
    shown = walked(waiting, out, ["e", "n", "q"])
    assert "refused: " in shown
    assert not out.exists()


def test_a_walk_writes_over_no_other_review(waiting: RunFolder, tmp_path: Path) -> None:
    out = tmp_path / "review.json"
    write_record(out, review_of(waiting, index=2))
    with pytest.raises(RunError, match="is there already"):
        walked(waiting, out, ["a"])
    assert read_review(out).round == 2


def test_a_walk_writes_nothing_into_the_run(waiting: RunFolder) -> None:
    with pytest.raises(RunError, match="inside the run's own folder"):
        open_walk(waiting, waiting.round(1) / "review.json", None)


def test_a_walk_through_a_run_that_waits_for_nothing_says_so(
    waiting: RunFolder, tmp_path: Path
) -> None:
    resume(waiting, **agents(), approve=True)
    with pytest.raises(RunError, match="waits for no review"):
        open_walk(waiting, tmp_path / "review.json", None)


def test_what_stands_in_a_walk_obeys_no_terminal(waiting: RunFolder, tmp_path: Path) -> None:
    proposed = rows(waiting, name="proposed")
    evil = proposed[0].model_copy(update={"prompt": "\x1b[2Jhow many \u202e?"})
    path = waiting.round(1) / "proposed.jsonl"
    path.write_text("".join(r.model_dump_json() + "\n" for r in [evil, *proposed[1:]]))
    assert not set(walked(waiting, tmp_path / "r.json", ["q"])) & set("\x1b\u202e")
