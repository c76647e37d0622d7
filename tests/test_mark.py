"""`errata mark`, and `errata exam` on several exams."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from errata.agents.errors import ExamError, StepFailed
from errata.agents.exams import named_questions
from errata.agents.records import ModelRef, Question, Response
from errata.agents.student import StudentSettings
from errata.graph.commands.exam import open_exams, sit_exams
from errata.graph.commands.mark import Marks, mark_responses
from errata.graph.watcher import NoWatcher

FUNCTION = {
    "task_id": "Small/0",
    "prompt": 'def double(n: int) -> int:\n    """Twice n.\n    >>> double(2)\n    4\n    """\n',
    "canonical_solution": "    return 2 * n\n",
    "test": "def check(candidate):\n    assert candidate(2) == 4\n    assert candidate(0) == 0\n",
    "entry_point": "double",
}
CHOICES = [
    {
        "question": "Which is a metal?",
        "A": "wood",
        "B": "iron",
        "C": "air",
        "D": "wool",
        "answer": "B",
        "subject": "materials",
    },
    {
        "question": "Which is a metal?",
        "A": "copper",
        "B": "milk",
        "C": "paper",
        "D": "clay",
        "answer": "A",
        "subject": "materials",
    },
]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def marks(
    tmp_path: Path, exam: str, rows: list[dict[str, Any]], responses: list[dict[str, Any]]
) -> tuple[Marks, list[dict[str, Any]]]:
    """The table and the verdicts, for an exam in one of the original layouts."""
    questions = named_questions(f"{exam}={write(tmp_path / 'test.jsonl', rows)}")
    out = tmp_path / "verdicts.jsonl"
    file = write(tmp_path / "responses.jsonl", responses)
    found = mark_responses(exam, questions, file, out, NoWatcher())
    return found, [json.loads(line) for line in out.read_text().splitlines()]


@pytest.mark.sandbox
def test_a_response_is_found_by_its_id(tmp_path: Path) -> None:
    found, [verdict] = marks(
        tmp_path,
        "humaneval",
        [FUNCTION],
        [{"id": "Small/0", "response": "```python\ndef double(n):\n    return n + n\n```"}],
    )
    assert found.accuracy == 1
    assert verdict["id"] == "Small/0"
    assert verdict["correct"] is True
    assert set(verdict) == {"id", "correct", "answer", "why"}


def test_a_response_is_found_by_the_questions_own_fields(tmp_path: Path) -> None:
    """Also where two questions have the same words and other options."""
    responses = [row | {"response": f"The answer is {row['answer']}."} for row in CHOICES]
    found, verdicts = marks(tmp_path, "mmlu", CHOICES, responses)
    assert [verdict["correct"] for verdict in verdicts] == [True, True]
    assert len({verdict["id"] for verdict in verdicts}) == 2
    assert found.by_kind == {"materials": (2, 2)}


@pytest.mark.sandbox
def test_several_responses_to_one_question_are_samples(tmp_path: Path) -> None:
    right, wrong = "    return 2 * n\n", "    return n\n"
    responses = [
        {"task_id": "Small/0", "response": text} for text in [right, wrong, wrong, wrong, wrong]
    ]
    found, verdicts = marks(tmp_path, "humaneval", [FUNCTION], responses)
    assert found.samples == 5
    assert found.pass_at == {1: pytest.approx(0.2), 5: 1.0}
    assert sum(verdict["correct"] for verdict in verdicts) == 1


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('{"id": "Small/0"}', 'line 1 has no text "response"'),
        ('{"id": "Small/0", "response": 3}', 'line 1 has no text "response"'),
        ('{"id": "Smal/0", "response": ""}', "did you mean 'Small/0'?"),
        ('{"prompt": "nothing like it", "response": ""}', "no question worded 'nothing like it'"),
        ('{"id": "Small/0", "resp', "line 1 is not JSON"),
        ("", "holds no responses"),
    ],
)
def test_a_line_that_is_no_response_is_named(line: str, sentence: str, tmp_path: Path) -> None:
    questions = named_questions(f"humaneval={write(tmp_path / 'test.jsonl', [FUNCTION])}")
    (tmp_path / "r.jsonl").write_text(line + "\n")
    with pytest.raises(ExamError, match=r"r\.jsonl") as raised:
        mark_responses("humaneval", questions, tmp_path / "r.jsonl", None, NoWatcher())
    assert sentence in str(raised.value)


@pytest.mark.sandbox
def test_the_command_prints_a_table_or_json_and_writes_nothing_over(tmp_path: Path) -> None:
    write(tmp_path / "test.jsonl", CHOICES)
    rows = [row | {"response": "I am not sure."} for row in CHOICES]
    rows[0]["response"] = "It conducts. The answer is B."
    write(tmp_path / "responses.jsonl", rows)
    command = [sys.executable, "-m", "errata.graph.cli", "mark", "mmlu=test.jsonl"]

    def marked(*more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, "responses.jsonl", *more], cwd=tmp_path, capture_output=True, text=True
        )

    table = marked("--out", "verdicts.jsonl")
    assert table.returncode == 0, table.stderr
    assert "50.0%" in table.stdout
    assert "unclear" in table.stdout
    again = marked("--out", "verdicts.jsonl")
    assert again.returncode == 2
    assert "nothing is written over" in again.stderr
    printed = json.loads(marked("--json").stdout)
    assert printed["accuracy"] == 0.5
    assert printed["answered"] == 2


class Tiring:
    """Answers B to everything, and fails after `left` answers."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.asked: list[str] = []

    def ask(
        self, model: ModelRef, questions: Sequence[Question], answered: frozenset[str]
    ) -> Iterator[Response]:
        for question in questions:
            if question.id in answered:
                continue
            if self.left == 0:
                raise StepFailed("tired")
            self.left -= 1
            self.asked.append(question.id)
            yield Response(question_id=question.id, text="The answer is B.", tokens=5, cut=False)

    def close(self) -> None:
        pass


def test_an_exam_that_was_stopped_goes_on_and_asks_nothing_twice(tmp_path: Path) -> None:
    one = write(tmp_path / "one.jsonl", CHOICES)
    two = write(tmp_path / "two.jsonl", CHOICES[:1])
    exams = open_exams([str(one), f"mmlu={two}"], 0, None, None, False, None, NoWatcher())
    out = tmp_path / "answers.jsonl"
    settings, first, second = StudentSettings(), Tiring(1), Tiring(9)
    with pytest.raises(StepFailed):
        sit_exams(settings, exams, out, NoWatcher(), first)
    with pytest.raises(ExamError, match="answers of another sitting"):
        sit_exams(StudentSettings(model="other"), exams, out, NoWatcher(), Tiring(9))
    found = sit_exams(settings, exams, out, NoWatcher(), second)
    assert len(first.asked + second.asked) == 3
    assert [(exam.exam, exam.result.correct) for exam in found.exams] == [("one", 1), ("mmlu", 1)]
    assert found.average == 0.75
    assert len(out.read_text().splitlines()) == 3
    with pytest.raises(ExamError, match="nothing is written over"):
        sit_exams(settings, exams, out, NoWatcher(), Tiring(9))
