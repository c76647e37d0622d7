"""A marker of the user's own: `answer = "python:FILE.py:NAME"`."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from doubles import table_agents

from errata.agents.checks import wrong
from errata.agents.errors import ConfigError, ErrataError, ExamError, RunError
from errata.agents.examiner import NotCounted, mark_all
from errata.agents.exams.several import load_exams
from errata.agents.marking import mark
from errata.agents.marking.own import MARKERS, OwnMarker, forget_markers, verdict_of
from errata.agents.records import NO_TARGET, Draft, OwnAnswer, Question
from errata.graph.commands.audit import Audit, audit
from errata.graph.config import RunConfig, load_config
from errata.graph.report import Report
from errata.graph.run import resume, run
from errata.graph.run_folder import RunFolder
from errata.graph.watcher import NoWatcher

MINE = """
import os, sys, time
from errata.agents.records import Verdict

def yes(question, response):
    print("printed, and no reply")
    return question.target in response

def score(question, response):
    return response.count("x") / 10

def verdict(question, response):
    return Verdict(correct=True, answer="\\ud800", why="because")

def fails(question, response):
    raise KeyError(response)

def fails_now_and_then(question, response):
    return 1 / (len(response) - 1) > 0

def ends(question, response):
    os._exit(3)

def text(question, response):
    return "right"

class Counting:
    def __init__(self):
        self.asked = 0

    def __call__(self, question, response):
        self.asked += 1
        return self.asked > 1

NUMBER = 3
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(MINE)
    return tmp_path


@pytest.fixture(autouse=True)
def ended() -> Any:
    yield
    forget_markers()


def asked(folder: Path, name: str, threshold: float | None = None, id: str = "q") -> Question:
    marker = OwnAnswer(marker=f"python:{folder / 'mine.py'}:{name}", threshold=threshold)
    return Question(id=id, prompt="Say hello.", target="hello", answer=marker)


@pytest.mark.process
def test_a_marker_says_right_or_wrong(folder: Path) -> None:
    assert mark(asked(folder, "yes"), "well, hello").correct
    assert not mark(asked(folder, "yes"), "good bye").correct
    assert mark(asked(folder, "yes"), "good bye").answer == "good bye"
    assert mark(asked(folder, "yes"), "").answer is None


@pytest.mark.process
def test_a_score_is_right_from_the_threshold_on(folder: Path) -> None:
    assert mark(asked(folder, "score", 0.3), "xxx").correct
    low = mark(asked(folder, "score", 0.3), "xx")
    assert (low.correct, low.why) == (False, "score 0.2, not at least 0.3")
    with pytest.raises(ConfigError, match=r"gives a score, 0\.2: say .* threshold"):
        mark(asked(folder, "score"), "xx")


@pytest.mark.process
def test_a_verdict_is_taken_as_it_is_and_can_be_written_down(folder: Path) -> None:
    found = mark(asked(folder, "verdict"), "x")
    assert (found.correct, found.answer, found.why) == (True, "�", "because")


@pytest.mark.process
def test_a_class_is_made_once_and_keeps_what_it_knows(folder: Path) -> None:
    assert [mark(asked(folder, "Counting"), "x").correct for _ in range(3)] == [False, True, True]


@pytest.mark.process
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("fails", r"raised KeyError: 'x' in line \d+ of .*mine\.py"),
        ("ends", "ended its process"),
        ("text", r"raised TypeError: gave 'right', which is no bool, float or Verdict"),
    ],
)
def test_a_marker_that_fails_gives_no_verdict(name: str, said: str, folder: Path) -> None:
    with pytest.raises(ExamError, match=said):
        mark(asked(folder, name), "x")


@pytest.mark.process
def test_a_marker_that_hangs_is_ended_and_the_next_answer_is_marked(folder: Path) -> None:
    slow = "import time\ndef slow(q, r):\n    time.sleep(600 if r == 'x' else 0)\n    return True\n"
    (folder / "mine.py").write_text(slow)
    marker = OwnMarker(f"python:{folder / 'mine.py'}:slow", most_s=1)
    with pytest.raises(ExamError, match="took longer than 1 s"):
        marker.ask(asked(folder, "slow"), "x")
    assert marker.ask(asked(folder, "slow"), "y") == {"right": True}
    marker.close()


@pytest.mark.process
def test_a_marker_that_forks_gives_each_answer_its_own_verdict(folder: Path) -> None:
    forks = "import os\ndef forks(q, r):\n    pid = os.fork()\n    return r == 'x'\n"
    (folder / "mine.py").write_text(forks)
    told = [mark(asked(folder, "forks"), text).correct for text in "xyxxyy"]
    assert told == [True, False, True, True, False, False]


class Scripted:
    """The process of a marker, which says what a test wrote; a `TimeoutError` is raised."""

    def __init__(self, *says: Any, starts: Any = {"ready": True}) -> None:  # noqa: B006
        self.says, self.starts = iter(says), starts
        self.alive = False
        self.calls: list[tuple[str, float]] = []

    def said(self, what: Any) -> Any:
        self.alive = what is not None
        if isinstance(what, Exception):
            raise what
        return what

    def start(self, most_s: float) -> Any:
        self.calls.append(("start", most_s))
        return self.said(self.starts)

    def ask(self, asked: Any, most_s: float) -> Any:
        assert (asked["question"]["id"], asked["response"]) == ("q", "well")
        self.calls.append(("ask", most_s))
        return self.said(next(self.says))

    def close(self) -> None:
        self.alive = False


def scripted(*says: Any, **given: Any) -> tuple[OwnMarker, Any]:
    marker, child = OwnMarker("mine", most_s=2), Scripted(*says, **given)
    marker.child = child
    return marker, child


RIGHT = {"right": True}


def tried(marker: OwnMarker) -> str:
    """What comes of an answer: `right`, or the error."""
    try:
        assert marker.ask(asked(Path(), "x"), "well") == RIGHT
    except ErrataError as error:
        return f"{type(error).__name__}: {error}"
    return "right"


def test_a_process_is_started_for_the_first_answer_and_after_one_that_ended_it() -> None:
    marker, child = scripted(RIGHT, RIGHT, None, RIGHT, TimeoutError(), RIGHT)
    ended, hung = "the marker mine ended its process", "the marker mine took longer than 2 s"
    assert [tried(marker) for _ in range(6)] == [
        "right",
        "right",
        f"ExamError: {ended}",
        "right",
        f"ExamError: {hung}",
        "right",
    ]
    start, ask = ("start", 120.0), ("ask", 2)
    assert child.calls == [start, ask, ask, ask, start, ask, ask, start, ask]


def test_a_marker_that_fails_on_the_first_five_answers_is_broken() -> None:
    fails = {"failed": "raised KeyError"}
    marker, _ = scripted(*[fails] * 9, RIGHT, *[fails] * 9)
    one = "ExamError: the marker mine raised KeyError"
    five = "ConfigError: the marker mine raised KeyError, as on each of the first 5 answers: mend"
    assert [tried(marker) for _ in range(4)] == [one] * 4
    assert tried(marker).startswith(five)
    assert [tried(marker) for _ in range(4)] == [one] * 4  # counted anew
    assert tried(marker) == "right"
    assert [tried(marker) for _ in range(9)] == [one] * 9


@pytest.mark.parametrize(
    ("starts", "said"),
    [
        ({"failed": "no such file"}, "ConfigError: no such file"),
        (None, "StepFailed: the process of the marker mine did not start; to see why, run `"),
        (TimeoutError(), "StepFailed: the process of the marker mine did not start"),
    ],
)
def test_a_process_that_does_not_start_says_why(starts: Any, said: str) -> None:
    marker, child = scripted(starts=starts)
    assert tried(marker).startswith(said)
    assert not child.alive


@pytest.mark.parametrize(
    ("said", "threshold", "correct", "why"),
    [
        ({"right": True}, None, True, "your marker says right"),
        ({"right": False}, None, False, "your marker says wrong"),
        ({"score": 0.5}, 0.5, True, "score 0.5, at least 0.5"),
        ({"score": 0.49}, 0.5, False, "score 0.49, not at least 0.5"),
        ({"score": 0.0}, 0.0, True, "score 0, at least 0"),
    ],
)
def test_what_a_marker_says_becomes_a_verdict_with_the_start_of_the_answer(
    said: dict[str, Any], threshold: float | None, correct: bool, why: str
) -> None:
    answer = OwnAnswer(marker="python:mine.py:mark", threshold=threshold)
    found = verdict_of(said, answer, "x" * 200)
    assert (found.correct, found.answer, found.why) == (correct, "x" * 200, why)
    assert len(verdict_of(said, answer, "x" * 300).answer or "") <= 200
    assert verdict_of(said, answer, "\n ").answer is None


def test_a_verdict_that_is_none_leaves_the_answer_unmarked() -> None:
    marker, child = scripted({"verdict": {"correct": "perhaps"}}, RIGHT)
    question = asked(Path(), "x")
    assert isinstance(question.answer, OwnAnswer)
    name = question.answer.marker
    MARKERS[name] = marker
    with pytest.raises(ExamError, match=rf"the marker {re.escape(name)} gave a Verdict that is no"):
        mark(question, "well")
    assert mark(question, "well").correct  # by the same process
    assert len(child.calls) == 3
    forget_markers()
    assert (MARKERS, child.alive) == ({}, False)


def test_a_markers_own_verdict_is_its_answer_or_none() -> None:
    answer = OwnAnswer(marker="python:mine.py:mark")
    for given, read in (("12", "12"), (None, None), ("\ud800", "�")):
        said = {"verdict": {"correct": True, "answer": given, "why": "because"}}
        found = verdict_of(said, answer, "well")
        assert (found.correct, found.answer, found.why) == (True, read, "because")
    with pytest.raises(ConfigError, match=r"mine\.py:mark gives a score, 0\.2: say from which"):
        verdict_of({"score": 0.2}, answer, "well")
    with pytest.raises(ExamError, match="gave a score that is no number"):
        verdict_of({"score": "nan"}, OwnAnswer(marker=answer.marker, threshold=0.5), "well")


@pytest.mark.process
def test_a_score_that_is_no_number_is_no_verdict(folder: Path) -> None:
    (folder / "mine.py").write_text("def none(q, r):\n    return float('nan')\n")
    with pytest.raises(ExamError, match="a score that is no number"):
        mark(asked(folder, "none", threshold=0.5), "x")


@pytest.mark.process
def test_questions_on_which_it_fails_are_not_counted_and_said_once(folder: Path) -> None:
    said: list[str] = []
    left = NotCounted(said.append)
    answers = [
        (asked(folder, "fails_now_and_then", id=f"q{at}"), text)
        for at, text in enumerate(["xx", "x", "x", "xxx"])
    ]
    marked = [question.id for question, _, _ in mark_all(answers, str, left)]
    assert marked == ["q0", "q3"]
    assert [line.partition(":")[0] for line in said] == [
        "q1 is not counted",
        "q2 is not counted",
    ]
    with pytest.raises(ExamError, match=r"^q1: the marker .* raised ZeroDivisionError"):
        list(mark_all(answers, str))


@pytest.mark.process
def test_a_marker_that_fails_on_every_answer_stops_with_one_sentence(folder: Path) -> None:
    answers = [(asked(folder, "fails", id=f"q{at}"), "x") for at in range(9)]
    with pytest.raises(ConfigError, match=r"KeyError.*each of the first 5 answers: mend it"):
        list(mark_all(answers, str, NotCounted(lambda text: None)))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("mine.py:none", "there is no none in"),
        ("none.py:yes", "there is no file"),
    ],
)
def test_a_marker_that_is_not_there_is_refused_before_anything_runs(
    name: str, said: str, folder: Path
) -> None:
    with pytest.raises(ConfigError, match=said):
        load_config(toml(folder, f"python:{name}"))


@pytest.mark.process
def test_a_name_that_cannot_be_called_is_no_marker(folder: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be called; name a function"):
        mark(asked(folder, "NUMBER"), "x")


# In an exam.


def people(seed: str) -> list[str]:
    """Names that no other question has."""
    digest = hashlib.sha256(seed.encode()).hexdigest()
    return [digest[at : at + 8].translate(str.maketrans(LETTERS)) for at in range(0, 40, 8)]


LETTERS = dict(zip("0123456789", "ghijklmnop", strict=True))


def rows(folder: Path, **more: object) -> None:
    for name in ("practice", "dev", "test"):
        lines = [
            {
                "prompt": f"Greet {' and '.join(people(f'{name}{at}'))}.",
                "target": f"hello {name} {at}",
                "solution": f"It is hello {name} {at}",
                "kind": "even" if at % 2 else "odd",
                **more,
            }
            for at in range(10)
        ]
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (folder / f"{name}.jsonl").write_text(text)


def toml(folder: Path, answer: str = "python:mine.py:yes", more: str = "") -> Path:
    path = folder / "my.toml"
    path.write_text(
        f'name = "t"\nstrategy = "sft"\n[exam]\nname = "mine"\npractice = "practice.jsonl"\n'
        f'dev = "dev.jsonl"\ntest = "test.jsonl"\nanswer = "{answer}"\n{more}\n'
        '[stop]\nrounds = 1\ngate = "any"\n'
    )
    return path


def test_every_row_is_marked_by_it_and_needs_no_target(folder: Path) -> None:
    rows(folder, target=None, solution=None)
    questions = load_exams(load_config(toml(folder)).exam).practice
    assert {question.target for question in questions} == {NO_TARGET}
    assert questions[0].answer == OwnAnswer(marker=f"python:{folder / 'mine.py'}:yes")


@pytest.mark.parametrize(
    "answer", ["python:mine.py:yes", {"type": "own", "marker": "python:/tmp/other.py:yes"}]
)
def test_a_row_cannot_name_code(answer: object, folder: Path) -> None:
    rows(folder, id="q", answer=answer)
    with pytest.raises(ErrataError, match="only a configuration may do"):
        load_exams(load_config(toml(folder)).exam)


def test_a_threshold_without_a_marker_of_ones_own_is_refused(folder: Path) -> None:
    with pytest.raises(ConfigError, match="threshold is of the scores"):
        load_config(toml(folder, "text", "threshold = 0.5"))


@pytest.mark.process
def test_an_example_is_verified_by_the_same_marker(folder: Path) -> None:
    answer = asked(folder, "yes").answer
    draft = Draft(diagnosis_id="d", prompt="p", completion="hello", target="hello", answer=answer)
    assert wrong(draft) is None
    assert wrong(draft.model_copy(update={"target": "x"})) == "completion is marked wrong"
    failing = draft.model_copy(update={"answer": asked(folder, "fails").answer})
    assert wrong(failing) == "completion has no verdict"


def ran(folder: Path) -> tuple[Report, RunFolder, RunConfig]:
    rows(folder)
    config = load_config(toml(folder))
    tables = table_agents(load_exams(config.exam).practice, [["odd", "even"]], ["odd"])
    report = run(config, folder / "runs", **tables)
    return report, RunFolder(folder / "runs" / "t"), config


def audited(folder: RunFolder, with_code: bool = True) -> Audit:
    return audit(folder, NoWatcher(), with_code=with_code)


@pytest.mark.process
@pytest.mark.loop
def test_a_run_learns_by_it_and_its_audit_marks_again_with_it(folder: Path) -> None:
    report, here, _ = ran(folder)
    assert (report.test.base.accuracy, report.test.final.accuracy) == (0.5, 1.0)
    found = audited(here)
    assert (found.findings, found.notes) == ((), ())
    seen = audited(here, with_code=False)
    assert seen.checked["verdicts"] == 0
    assert any("marker of your own" in note and "--with-code" in note for note in seen.notes)

    (folder / "mine.py").write_text(MINE.replace("question.target in response", "False"))
    changed = audited(here)
    assert any("mine.py has changed" in note for note in changed.notes)
    assert {finding.check for finding in changed.findings} == {"verdicts"}
    (folder / "mine.py").unlink()
    assert any("mine.py is gone" in note for note in audited(here).notes)


@pytest.mark.process
@pytest.mark.loop
def test_a_run_is_not_resumed_with_another_marker(folder: Path) -> None:
    _, here, _ = ran(folder)
    for name in ("report.json", "seal.json", "report.md"):
        (here.path / name).unlink()
    (folder / "mine.py").write_text(MINE + "\n")
    with pytest.raises(RunError, match=r"began with .*mine\.py, which has changed"):
        resume(here)
