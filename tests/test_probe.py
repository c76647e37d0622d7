"""The probe: how far a student comes, and the practice questions that lie just beyond."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from command_line import errata
from screen import printed

from errata.agents.checks import wrong
from errata.agents.errors import ExamError, StepFailed
from errata.agents.exams import FileSet
from errata.agents.exams.arithmetic import make_questions
from errata.agents.exams.files import read_questions
from errata.agents.exams.several import load_exams
from errata.agents.jsonl import write_records
from errata.agents.marking.equations import read_equations
from errata.agents.records import Draft, ModelRef, Question, Response
from errata.agents.variations.ladders import ladders
from errata.graph.commands.probe import Edge, Probed, probe
from errata.graph.config import RunConfig, parse_config
from errata.graph.views.probe import print_probe
from errata.graph.watcher import NoWatcher


def digits_of(question: Question) -> int:
    return max(len(number) for number in re.findall(r"\d+", question.prompt))


def signs_of(question: Question) -> set[str]:
    return set(re.findall(r"(?<= )[-+*/](?= )", question.solution or ""))


class Limited:
    """Right as long as no number has more digits than it can do with these operations, and there
    are not more steps than it can."""

    def __init__(self, digits: Mapping[str, int], steps: int = 9, left: int = 100_000) -> None:
        self.digits = digits
        self.steps = steps
        self.left = left
        self.asked: list[Question] = []
        self.closed = False

    def ask(
        self, model: ModelRef, questions: Sequence[Question], answered: frozenset[str]
    ) -> Iterator[Response]:
        for question in questions:
            if len(self.asked) == self.left:
                raise StepFailed("tired")
            self.asked.append(question)
            signs = signs_of(question)
            can = min(self.digits.get(sign, 7) for sign in signs)
            steps = len(read_equations(question.solution or ""))
            right = digits_of(question) <= can and steps <= self.steps
            said = (question.solution or "") if right else "#### 0"
            yield Response(question_id=question.id, text=said, tokens=5, truncated=False)

    def close(self) -> None:
        self.closed = True


def config(**changes: Any) -> RunConfig:
    given: dict[str, Any] = {
        "exam": {"name": "arithmetic", "practice": 90, "dev": 60, "test": 60},
    }
    return parse_config(given | changes, "test")


def probed(student: Limited, out: Path) -> Probed:
    return probe(config(), out, NoWatcher(), 8, student)


def adding(student: Limited, folder: Path) -> Probed:
    """A probe with questions that only add, written to out.jsonl."""
    sets = letters(folder, "dev", "test")
    adds = [q for q in make_questions(0, "practice", 90, set()) if signs_of(q) == {"+"}]
    write_records(folder / "practice", adds)
    settings = config(exam={"name": "own", "practice": str(folder / "practice"), **sets})
    return probe(settings, folder / "out.jsonl", NoWatcher(), 4, student)


pytestmark = pytest.mark.loop  # a probe asks hundreds of questions
Found = tuple[Probed, Limited, Path]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    out = tmp_path_factory.mktemp("probe") / "new" / "more.jsonl"
    student = Limited({"+": 2, "-": 4, "*": 1, "/": 7})
    return probed(student, out), student, out


def edge_of(found: Probed, name: str) -> Edge:
    [edge] = [edge for edge in found.edges if edge.name == name]
    return edge


def test_the_edge_of_each_operation_is_found(found: Found) -> None:
    """The student of the fixture is a table, so what it can do is known."""
    edges = {edge.name: (edge.passes, edge.fails) for edge in found[0].edges}
    assert edges["adds"] == (2, 3)
    assert edges["subtracts"] == (4, 5)
    assert edges["multiplies"] == (1, 2)
    assert edges["divides"] == (7, None)
    assert edges["adds and multiplies"] == (1, 2)
    assert edge_of(found[0], "adds").sentence == "adds to 100, fails from 3 digits"
    assert (
        edge_of(found[0], "divides").sentence
        == "divides to 10,000,000, and was asked nothing harder"
    )


def test_the_search_halves_and_never_asks_a_question_twice(found: Found) -> None:
    result, student, _ = found
    for edge in result.edges:
        if edge.by == "digits":
            assert len(edge.rungs) >= 6
            assert sum(tried.asked > 0 for tried in edge.rungs) <= 3
    assert len({question.id for question in student.asked}) == len(student.asked) == result.asked
    assert student.closed


@pytest.mark.parametrize("can", range(8))
def test_every_edge_can_be_found(can: int, tmp_path: Path) -> None:
    edge = edge_of(adding(Limited({"+": can}), tmp_path), "adds")
    assert (edge.passes, edge.fails) == (can or None, can + 1 if can < 7 else None)


def test_the_edge_in_steps_is_found(tmp_path: Path) -> None:
    found = probed(Limited({}, steps=1), tmp_path / "out.jsonl")
    edge = edge_of(found, "works")
    assert (edge.by, edge.passes, edge.fails) == ("steps", 1, 2)
    assert edge.sentence == "works in up to 1 step, fails from 2 steps"


def test_the_questions_at_the_edge_are_written_with_their_solutions(found: Found) -> None:
    result, student, out = found
    written = read_questions(FileSet(file=out))
    assert len(written) == result.written > 0
    for sign, digits in {"+": 3, "-": 5, "*": 2}.items():
        own = [q for q in written if signs_of(q) == {sign} and q.id.endswith(f"{digits}-digits-01")]
        assert len(own) == 1
        assert digits_of(own[0]) == digits
    for question in written:
        assert question in student.asked
        assert question.kind is not None
        draft = Draft(
            diagnosis_id="d",
            prompt=question.prompt,
            completion=question.solution or "",
            target=question.target,
        )
        assert wrong(draft) is None


def letters(tmp_path: Path, *names: str) -> dict[str, str]:
    """Sets of one question, without equations."""
    for name in names:
        line = f'{{"prompt": "How many letters has {name}?", "target": {len(name)}}}\n'
        (tmp_path / name).write_text(line)
    return {name: str(tmp_path / name) for name in names}


def test_what_was_written_can_be_practised(found: Found, tmp_path: Path) -> None:
    _, _, out = found
    sets = letters(tmp_path, "dev", "test")
    settings = config(exam={"name": "more", "practice": str(out), **sets})
    assert len(load_exams(settings.exam).practice) == len(read_questions(FileSet(file=out)))


def test_a_question_of_any_held_out_set_is_neither_asked_nor_written(tmp_path: Path) -> None:
    def exam(name: str, **sets: Sequence[Question]) -> dict[str, str]:
        files = letters(tmp_path, f"{name}-practice", f"{name}-dev", f"{name}-test")
        for kind, questions in sets.items():
            write_records(Path(files[f"{name}-{kind}"]), questions)
        return {"name": name} | {key.partition("-")[2]: path for key, path in files.items()}

    def asked(name: str, sealed: Sequence[Question]) -> list[str]:
        practice = make_questions(0, "practice", 40, set())
        dev, test, guard, outside = (sealed[at::4] for at in range(4))
        sets = {"dev": dev, "test": test} if sealed else {}
        settings = config(
            exam=exam("own", practice=practice, **sets),
            guard=exam("guarded", **({"test": guard} if sealed else {})),
            out_of_domain=exam("far", **({"test": outside} if sealed else {})),
        )
        student = Limited({})
        probe(settings, tmp_path / name, NoWatcher(), 4, student)
        student_asked.extend(student.asked)
        return [question.prompt for question in student.asked]

    student_asked: list[Question] = []
    before = asked("before", [])
    sealed = list({question.prompt: question for question in student_asked}.values())
    after = asked("after", sealed)
    assert len(before) > 80
    assert set(before) & set(after) == set()


def test_a_question_that_is_refused_is_on_no_rung() -> None:
    practice = make_questions(0, "practice", 60, set())
    odd = ladders(practice, 6, 0, lambda draft: "even" if int(draft.target) % 2 == 0 else None)
    targets = [q.target for ladder in odd for rung in ladder.rungs for q in rung.questions]
    assert len(targets) > 100
    assert all(int(target) % 2 for target in targets)


def test_every_rung_is_as_hard_as_it_says() -> None:
    for ladder in ladders(make_questions(2, "practice", 60, set()), 6, 0, lambda draft: None):
        heights = [rung.height for rung in ladder.rungs]
        assert heights == sorted(set(heights))
        for rung in ladder.rungs:
            for question in rung.questions:
                steps = len(read_equations(question.solution or ""))
                assert rung.height == (steps if ladder.by == "steps" else digits_of(question))


def test_a_student_that_never_fails_gets_no_file(tmp_path: Path) -> None:
    found = adding(Limited({}), tmp_path)
    assert found.written == 0
    assert not (tmp_path / "out.jsonl").exists()
    assert all(edge.fails is None for edge in found.edges)


def test_a_probe_is_the_same_again(found: Found, tmp_path: Path) -> None:
    again = tmp_path / "again.jsonl"
    assert probed(Limited({"+": 2, "-": 4, "*": 1, "/": 7}), again) == found[0]
    assert again.read_bytes() == found[2].read_bytes()


def test_a_probe_that_fails_writes_nothing(tmp_path: Path) -> None:
    student = Limited({}, left=6)
    with pytest.raises(StepFailed):
        adding(student, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dev", "practice", "test"]
    assert student.closed


def test_nothing_is_written_over(found: Found) -> None:
    _, _, out = found
    with pytest.raises(ExamError, match="nothing is written over"):
        probed(Limited({}), out)


def test_practice_without_equations_is_one_sentence(tmp_path: Path) -> None:
    sets = letters(tmp_path, "practice", "dev", "test")
    with pytest.raises(ExamError, match="no practice question can be made harder"):
        probe(config(exam={"name": "own", **sets}), tmp_path / "o", NoWatcher(), 4, Limited({}))


def test_the_terminal_shows_a_line_for_each_operation(found: Found) -> None:
    result, _, out = found
    told = printed(lambda console: print_probe(result, console, str(out)), 110)
    lines = [" ".join(line.split()) for line in told.splitlines()]
    [adds] = [line for line in lines if line.startswith("adds ") and "and" not in line]
    assert adds == "adds · 8/8 0/8 0/8 · · · adds to 100, fails from 3 digits"
    assert f"{result.written} practice questions at the edge: {out}" in lines


def test_the_command_says_in_one_sentence_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text('[exam]\nname = "arithmetic"\n[student]\nmodel = "./none"')
    done = errata("probe", "c.toml", "--out", "more.jsonl", cwd=tmp_path)
    assert done.returncode == 2
    assert "./none is no model folder" in done.stderr.strip().splitlines()[-1]
    assert not (tmp_path / "more.jsonl").exists()
