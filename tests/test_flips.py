"""Two finished runs, question by question."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from math import comb
from pathlib import Path
from typing import Any

import pytest
from doubles import table_agents
from screen import printed

from errata.agents.errors import RunError
from errata.agents.exams.arithmetic import KINDS
from errata.agents.exams.several import load_exams
from errata.agents.jsonl import read_records, write_records
from errata.agents.records import Attempt, Question
from errata.agents.scores import paired_gain
from errata.graph.comparing.flips import compare_runs
from errata.graph.config import parse_config
from errata.graph.run import run
from errata.graph.run_folder import NotCountedQuestion, RunFolder
from errata.graph.views.compare import print_flips

pytestmark = pytest.mark.loop

ALL = [kind.name for kind in KINDS]


def made(runs: Path, name: str, learns: Sequence[str], **changes: Any) -> RunFolder:
    exam = {"name": "arithmetic", "practice": 36, "dev": 18, "test": 36}
    given = {"name": name, "exam": exam, "examples": {"per_round": 40}, "stop": {"rounds": 1}}
    settings = parse_config(given | changes, "test")
    questions = load_exams(settings.exam, settings.out_of_domain).practice
    run(settings, runs, **table_agents(questions, [learns], ALL[:2]))
    return RunFolder(runs / name)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`a` learns kinds 2 to 9, `b` kinds 6 to 15: 4 kinds are broken, 6 fixed, 4 kept, 2 questions
    each."""
    folder = tmp_path_factory.mktemp("runs")
    made(folder, "a", ALL[2:10])
    made(folder, "b", ALL[6:16])
    return folder


def a_and_b(runs: Path) -> tuple[RunFolder, RunFolder]:
    return RunFolder(runs / "a"), RunFolder(runs / "b")


@pytest.fixture
def copies(runs: Path, tmp_path: Path) -> tuple[RunFolder, RunFolder]:
    """Copies of both, to spoil."""
    for name in ("a", "b"):
        shutil.copytree(runs / name, tmp_path / name)
    return a_and_b(tmp_path)


def test_each_question_is_kept_fixed_or_broken(runs: Path) -> None:
    found = compare_runs(*a_and_b(runs))
    told = found.all
    assert (told.asked, told.fixed, told.broken) == (36, 12, 8)
    assert (told.kept_right, told.kept_wrong) == (12, 4)  # the base knows two kinds more
    assert found.by_kind[ALL[3]].broken == 2
    assert found.by_kind[ALL[12]].fixed == 2
    assert found.by_kind[ALL[0]].kept_right == 2
    assert next(iter(found.by_kind)) in ALL[2:6] + ALL[10:16]  # changes come first
    assert found.by_exam == {}


def test_the_gain_is_paired_and_its_p_exact(runs: Path) -> None:
    first, second = a_and_b(runs)
    found = compare_runs(first, second)
    before, after = (r.attempts(r.final_exam("test", "best")) for r in (first, second))
    gain, ci95 = paired_gain(before, after)
    assert found.gain.value == pytest.approx(gain)
    assert found.gain.ci95 == pytest.approx(ci95)
    assert found.gain.p == pytest.approx(2 * sum(comb(20, k) for k in range(12, 21)) / 2**20)
    back = compare_runs(second, first)
    assert back.gain.value == -found.gain.value
    assert (back.all.fixed, back.all.broken) == (8, 12)


def test_variants_of_one_question_count_as_one_in_the_gain(
    copies: tuple[RunFolder, RunFolder],
) -> None:
    whole = compare_runs(*copies).gain
    for folder in copies:
        questions = read_records(folder.exam("test"), Question)
        kinds = [q.model_copy(update={"group": q.kind}) for q in questions]
        write_records(folder.exam("test"), kinds)
    grouped = compare_runs(*copies).gain
    assert grouped.value == whole.value
    assert grouped.ci95[1] - grouped.ci95[0] > 1.2 * (whole.ci95[1] - whole.ci95[0])


def test_texts_are_shown_only_when_asked_for(runs: Path) -> None:
    hidden, shown = (compare_runs(*a_and_b(runs), show=show) for show in (False, True))
    assert {flip.outcome for flip in hidden.examples} == {"fixed", "broken"}
    texts = {"prompt", "target", "first", "second"}
    for flip in hidden.examples:
        assert not flip.model_dump(include=texts, exclude_none=True)
    questions = {q.id: q for q in RunFolder(runs / "a").questions("test")}
    for flip in shown.examples:
        assert flip.prompt == questions[flip.question_id].prompt
        assert (flip.second or "").startswith("I like") == (flip.outcome == "broken")
    page = printed(lambda console: print_flips(hidden, console), 90)
    assert "12 fixed, 8 broken" in page
    assert "I like" not in page
    assert "I like" in printed(lambda console: print_flips(shown, console), 90)


def test_the_dev_questions_can_be_compared_too_and_are_called_what_they_are(runs: Path) -> None:
    found = compare_runs(*a_and_b(runs), "dev")
    assert (found.all.asked, found.all.fixed, found.all.broken) == (18, 6, 4)
    page = printed(lambda console: print_flips(found, console), 90)
    assert "18 dev questions, on which the best models were chosen" in page


def test_the_same_questions_under_other_ids_are_the_same(runs: Path, tmp_path: Path) -> None:
    own = {}
    for name in ("practice", "dev", "test"):
        own[name] = str(tmp_path / f"{name}.jsonl")
        Path(own[name]).write_text(f'{{"prompt": "How many letters has {name}?", "target": 8}}\n')
    other = made(tmp_path, "other", ALL[6:16], out_of_domain={"name": "own", **own})
    ids = {q.id for q in other.questions("test")}
    assert ids.isdisjoint(q.id for q in RunFolder(runs / "a").questions("test"))
    found = compare_runs(RunFolder(runs / "a"), other)
    assert (found.all.fixed, found.all.broken) == (12, 8)
    assert {flip.second_id for flip in found.examples} <= ids
    with pytest.raises(RunError, match="a has no out-of-domain questions"):
        compare_runs(RunFolder(runs / "a"), other, "out-of-domain")


def test_other_questions_are_refused_with_what_differs(
    copies: tuple[RunFolder, RunFolder],
) -> None:
    first, second = copies
    questions = read_records(second.exam("test"), Question)
    changed = questions[7].model_copy(update={"target": "123456"})
    write_records(second.exam("test"), [*questions[:7], changed, *questions[8:]])
    with pytest.raises(RunError) as error:
        compare_runs(first, second)
    told = str(error.value)
    assert "35 are in both, 1 in the first only, 1 in the second only" in told
    assert f"such as {changed.id} of a" in told
    write_records(second.exam("test"), questions[:30])
    with pytest.raises(RunError, match="30 are in both, 6 in the first only, 0 in the second"):
        compare_runs(first, second)
    with pytest.raises(RunError, match="30 are in both, 0 in the first only, 6 in the second"):
        compare_runs(second, first)


def test_an_unfinished_run_is_refused(copies: tuple[RunFolder, RunFolder]) -> None:
    first, second = copies
    (second.path / "report.json").unlink()
    with pytest.raises(RunError, match="b is not finished: `errata resume b`"):
        compare_runs(first, second)


def test_questions_not_counted_in_one_run_are_in_no_figure(
    copies: tuple[RunFolder, RunFolder],
) -> None:
    first, second = copies
    out = first.questions("test")[0].id
    second.not_counted.add(NotCountedQuestion(question_id=out, why="its tests fail"))
    found = compare_runs(first, second)
    assert found.not_counted == 1
    assert found.all.asked == 35
    assert out not in {flip.question_id for flip in found.examples}


def test_a_run_that_promoted_nothing_is_compared_with_its_base_model(
    runs: Path, tmp_path: Path
) -> None:
    lost = made(tmp_path, "lost", [])
    found = compare_runs(lost, RunFolder(runs / "a"))
    assert (found.all.fixed, found.all.broken) == (16, 0)
    right = sum(a.correct for a in read_records(lost.final_exam("test", "base"), Attempt))
    assert found.all.kept_right == right
