"""The writer that cannot fail: learning from errors against blind writing, with a table student."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from doubles import table_agents
from scripts import load

from errata.agents.data_writer import Ask
from errata.agents.errors import ConfigError
from errata.agents.exams.arithmetic import KINDS
from errata.agents.exams.several import RunExams, load_exams
from errata.agents.jsonl import read_records
from errata.agents.marking import mark
from errata.agents.records import Example, Picked, Question, RefusalLine
from errata.graph.config import load_config

pytestmark = pytest.mark.loop

ALL = [kind.name for kind in KINDS]
KNOWN = ALL[:9]


benchmark = load("benchmarks/perfect_writer.py")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunExams, dict[str, Any]]:
    """Both arms with one seed, of a student that knows half of the kinds."""
    folder = tmp_path_factory.mktemp("perfect")
    (folder / "my.toml").write_text(
        'name = "x"\n[exam]\nname = "arithmetic"\nseed = 11\npractice = 108\ndev = 18\ntest = 36\n'
        "[training]\ntokens = 4000\n[stop]\nrounds = 1\n"
    )
    exams = load_exams(load_config(folder / "my.toml").exam)
    agents = table_agents(exams.practice, [ALL[:14]], KNOWN)
    found = benchmark.main(asked(folder), **agents)
    assert [row.arm for row in found.rows] == ["base", "augment", "le"]
    return folder, exams, agents


def asked(folder: Path) -> list[str]:
    return [
        *("--config", str(folder / "my.toml"), "--runs", str(folder)),
        *("--arms", "augment,le", "--seeds", "1", "--per-round", "90"),
    ]


def records(folder: Path, arm: str, name: str, of: Any) -> Any:
    here = folder / "perfect-writer-90.compare" / "arms" / f"{arm}-1" / "round-01"
    return read_records(here / f"{name}.jsonl", of)


def kinds(folder: Path, arm: str, practice: list[Question]) -> Counter[str | None]:
    kind_of = {question.id: question.kind for question in practice}
    return Counter(kind_of[e.question_id] for e in records(folder, arm, "examples", Example))


def test_error_led_writing_is_of_the_missed_kinds_and_blind_writing_of_all(
    written: tuple[Path, RunExams, dict[str, Any]],
) -> None:
    folder, exams, _ = written
    blind, led = (kinds(folder, arm, exams.practice) for arm in ("augment", "le"))
    assert blind.total() == led.total() == 90
    assert set(led) == set(ALL) - set(KNOWN)
    assert set(blind) == set(ALL)
    assert max(blind.values()) <= 6  # as the practice set has them: five of each on average


def test_each_new_question_is_of_its_kind_and_none_is_in_the_exam(
    written: tuple[Path, RunExams, dict[str, Any]],
) -> None:
    folder, exams, _ = written
    there = {q.prompt for questions in exams.sets().values() for q in questions}
    slot = re.compile(r"\\\{\w+\\\}")
    wordings = {k.name: [slot.sub(".+", re.escape(text)) for text in k.wordings] for k in KINDS}
    kind_of = {question.id: question.kind or "" for question in exams.practice}
    for arm in ("augment", "le"):
        for example in records(folder, arm, "examples", Example):
            assert example.prompt not in there
            kind = kind_of[example.question_id]
            assert any(re.fullmatch(wording, example.prompt) for wording in wordings[kind])
            marked = Question(id="new", prompt=example.prompt, target=example.target)
            assert mark(marked, example.completion).correct
        refused = records(folder, arm, "refusals", RefusalLine)
        assert len(refused) <= 18, Counter(line.result.reason for line in refused)


def test_a_finished_comparison_is_not_made_again(
    written: tuple[Path, RunExams, dict[str, Any]],
) -> None:
    folder, _, agents = written
    before = list(agents["student"].asked)
    again = benchmark.main(asked(folder), **agents)
    assert [row.arm for row in again.rows] == ["base", "augment", "le"]
    assert agents["student"].asked == before


def test_what_the_writer_brings_depends_on_the_ask_alone(
    written: tuple[Path, RunExams, dict[str, Any]],
) -> None:
    folder, exams, _ = written
    _, exam = benchmark.settings(folder / "my.toml", 90, None)
    asks = [Ask(Picked(id=q.id, question=q), 3, 7) for q in exams.practice[:2]]
    writer = benchmark.PerfectWriter(exam)
    first, second = list(writer.draft(asks))
    assert list(writer.draft(asks[::-1])) == [second, first]
    other = Ask(asks[0].lesson, 3, 8)
    [(_, drafts)] = writer.draft([other])
    assert drafts != first[1]


def test_another_exam_is_refused(tmp_path: Path) -> None:
    for name in ("practice", "dev", "test"):
        (tmp_path / f"{name}.jsonl").write_text('{"prompt": "What is 1 + 1?", "target": "2"}')
    path = tmp_path / "my.toml"
    path.write_text(
        '[exam]\nname = "own"\npractice = "practice.jsonl"\ndev = "dev.jsonl"\ntest = "test.jsonl"'
    )
    with pytest.raises(ConfigError, match="the writer makes questions of arithmetic only"):
        benchmark.main(["--config", str(path)])
