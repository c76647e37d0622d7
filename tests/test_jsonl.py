"""Files of JSON lines: what ends a line, whose file it is, and what a broken one says."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from errata.agents.chat_models.ledger import Entry, Usage
from errata.agents.errors import RunError
from errata.agents.examiner import examine
from errata.agents.exams import named_questions
from errata.agents.jsonl import Journal, read_records, so_far, write_records, write_text
from errata.agents.records import ModelRef, Question, Response, Unusable
from errata.graph.costs import costs_log
from errata.graph.run_folder import RunFolder
from errata.graph.trace import Trace, read_trace

ODD = "a\u2028b\u2029c\x85d\re\x1cf\x0bg\x0ch\ni"
"""All that some reader of Python's takes for the end of a line."""
SAID = [Unusable(source_id=f"{n} {ODD}", reason=ODD) for n in range(3)]


def journal_twice(folder: Path) -> Sequence[Unusable]:
    path = folder / "x.jsonl"
    for record in SAID:
        with Journal(path, Unusable) as journal:
            journal.add(record)
    with Journal(path, Unusable) as journal:
        return journal.finish()


def finished(folder: Path) -> Sequence[Unusable]:
    write_records(folder / "x.jsonl", SAID)
    return read_records(folder / "x.jsonl", Unusable)


def half_written(folder: Path) -> Sequence[Unusable]:
    with Journal(folder / "x.jsonl", Unusable) as journal:
        for record in SAID:
            journal.add(record)
    with (folder / "x.jsonl.part").open("ab") as part:
        part.write(b'{"source_id":"torn')
    return so_far(folder / "x.jsonl", Unusable)


def as_exam(folder: Path) -> Sequence[Unusable]:
    file = folder / "x.jsonl"
    write_records(file, [Question(id=s.source_id, prompt=s.reason, target="1") for s in SAID])
    return [Unusable(source_id=q.id, reason=q.prompt) for q in named_questions(str(file))]


def as_costs(folder: Path) -> Sequence[Unusable]:
    costs = costs_log(RunFolder(folder))
    for said in SAID:
        usage = Usage(tokens_in=1, tokens_out=1)
        costs.add(
            Entry(round=1, agent=said.source_id, model=said.reason, usage=usage, tokens=2, money=0)
        )
    return [Unusable(source_id=e.agent, reason=e.model) for e in costs.read()]


def as_trace(folder: Path) -> Sequence[Unusable]:
    trace = Trace(folder / "trace.jsonl")
    for said in SAID:
        trace.tell("x", "y", **said.model_dump())
    events = read_trace(folder / "trace.jsonl")
    return [Unusable(source_id=e["source_id"], reason=e["reason"]) for e in events]


@pytest.mark.parametrize(
    "there_and_back", [journal_twice, finished, half_written, as_exam, as_costs, as_trace]
)
def test_a_line_ends_at_a_line_feed_and_at_nothing_else(
    there_and_back: Callable[[Path], Sequence[Unusable]], tmp_path: Path
) -> None:
    assert there_and_back(tmp_path) == SAID


FOREIGN = [b"my notes, without a line break", b"my notes\n", b'{"a": 1}\n', b'{"a": 1', b"\n"]


@pytest.mark.parametrize("notes", FOREIGN)
def test_a_part_file_that_is_not_ours_is_refused_and_left_as_it_is(
    notes: bytes, tmp_path: Path
) -> None:
    part = tmp_path / "x.jsonl.part"
    part.write_bytes(notes)
    for anew in (False, True):
        with pytest.raises(RunError, match=r"line 1 of .*x\.jsonl\.part is not errata's"):
            Journal(tmp_path / "x.jsonl", Unusable, anew=anew)
    assert part.read_bytes() == notes


@pytest.mark.parametrize("torn", [b"", b"{", b'{"source_id":"b', b"\0\0\0", b'{"sour\0\0'])
def test_what_a_kill_left_of_a_line_is_ours_and_forgotten(torn: bytes, tmp_path: Path) -> None:
    path, part = tmp_path / "x.jsonl", tmp_path / "x.jsonl.part"
    part.write_bytes(SAID[0].model_dump_json().encode() + b"\n" + torn)
    with Journal(path, Unusable) as journal:
        assert journal.records == SAID[:1]
        journal.add(SAID[1])
        journal.finish()
    assert read_records(path, Unusable) == SAID[:2]


def test_a_journal_begun_anew_holds_nothing_of_an_earlier_one(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    with Journal(path, Unusable) as journal:
        journal.add(SAID[0])
    with Journal(path, Unusable, anew=True) as journal:
        assert journal.records == []
        journal.add(SAID[1])
        journal.finish()
    assert read_records(path, Unusable) == [SAID[1]]


def test_records_that_come_in_any_order_stand_in_the_file_in_one(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    with Journal(path, Unusable) as journal:
        journal.add(Unusable(source_id="2", reason="r"))
        journal.add(Unusable(source_id="0", reason="r"))
    with Journal(path, Unusable) as journal:
        journal.add(Unusable(source_id="1", reason="r"))
        finished = journal.finish(order=lambda one: int(one.source_id))
    assert [one.source_id for one in finished] == ["0", "1", "2"]
    assert read_records(path, Unusable) == finished
    assert [file.name for file in tmp_path.iterdir()] == ["x.jsonl"]


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("dear")
    (tmp_path / "x.jsonl.part").symlink_to(victim)
    with pytest.raises(RunError, match=r"x\.jsonl\.part cannot be written \(it is a link\)"):
        Journal(tmp_path / "x.jsonl", Unusable)
    with pytest.raises(RunError, match="it is a link"):
        write_text(tmp_path / "x.jsonl", "mine")
    assert victim.read_text() == "dear"
    assert not (tmp_path / "x.jsonl").exists()


WRITES = """
import sys
from pathlib import Path
from errata.agents.jsonl import Journal, write_text
from errata.agents.records import Unusable
try:
    if sys.argv[1] == "text":
        write_text(Path("x.jsonl"), "x" * 10_000)
    with Journal(Path("x.jsonl"), Unusable) as journal:
        for _ in range(100):
            journal.add(Unusable(source_id="a", reason="x" * 100))
finally:
    print(sum(1 for _ in open("x.jsonl.part")), "lines")
"""


@pytest.mark.process
@pytest.mark.parametrize("how", ["text", "journal"])
def test_a_disk_that_takes_no_more_is_one_sentence_with_the_file(how: str, tmp_path: Path) -> None:
    done = subprocess.run(
        ["sh", "-c", 'ulimit -f 4; exec "$0" "$@"', sys.executable, "-c", WRITES, how],
        cwd=tmp_path,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    last = done.stderr.strip().splitlines()[-1]
    assert "RunError: x.jsonl.part cannot be written (File too large)" in last
    assert "errata resume" in last
    assert "lines" in done.stdout
    assert not (tmp_path / "x.jsonl").exists()
    if how == "journal":  # what was whole stands, and is gone on with
        with Journal(tmp_path / "x.jsonl", Unusable) as journal:
            assert len(journal.records) > 5


def test_a_damaged_line_is_named_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(SAID[0].model_dump_json() + '\n\n{"source_id": 3\n')
    with pytest.raises(RunError, match=r"line 3 of .*x\.jsonl cannot be read .* damaged"):
        read_records(path, Unusable)


class Surrogates:
    """A student that says half a character."""

    def ask(
        self, model: ModelRef, questions: Sequence[Question], answered: frozenset[str]
    ) -> Iterator[Response]:
        for question in questions:
            yield Response(question_id=question.id, text="5 \ud800", tokens=1, truncated=False)

    def close(self) -> None:
        pass


def test_half_a_character_that_a_student_says_is_replaced(tmp_path: Path) -> None:
    questions = [Question(id="a", prompt="2 + 3?", target="5")]
    [attempt] = examine(Surrogates(), ModelRef(base="x"), questions, "e")
    assert attempt.correct
    assert attempt.response == "5 \ufffd"
    write_records(tmp_path / "x.jsonl", [attempt])
