"""`errata mark`, and `errata exam` on several exams."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from command_line import Done, errata

from errata.agents.errors import ExamError, ModelError, RunError, StepFailed
from errata.agents.exams import named_questions
from errata.agents.records import ModelRef, Question, Response
from errata.agents.student import StudentSettings
from errata.graph.commands.exam import OpenedExam, evaluate, open_exams
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
    found = mark_responses(OpenedExam(exam, questions), file, out, NoWatcher())
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
    exam = OpenedExam("humaneval", questions)
    with pytest.raises(ExamError, match=r"r\.jsonl") as raised:
        mark_responses(exam, tmp_path / "r.jsonl", None, NoWatcher())
    assert sentence in str(raised.value)


def test_the_command_prints_a_table_or_json_and_writes_nothing_over(tmp_path: Path) -> None:
    write(tmp_path / "test.jsonl", CHOICES)
    rows = [row | {"response": "I am not sure."} for row in CHOICES]
    rows[0]["response"] = "It conducts. The answer is B."
    write(tmp_path / "responses.jsonl", rows)

    def marked(*more: str) -> Done:
        return errata("mark", "mmlu=test.jsonl", "responses.jsonl", *more, cwd=tmp_path)

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
            yield Response(
                question_id=question.id, text="The answer is B.", tokens=5, truncated=False
            )

    def close(self) -> None:
        pass


def test_an_exam_that_was_stopped_goes_on_and_asks_nothing_twice(tmp_path: Path) -> None:
    one = write(tmp_path / "one.jsonl", CHOICES)
    two = write(tmp_path / "two.jsonl", CHOICES[:1])
    exams = open_exams([str(one), f"mmlu={two}"], 0, None, None, False, None, NoWatcher())
    out = tmp_path / "answers.jsonl"
    settings, first, second = StudentSettings(), Tiring(1), Tiring(9)
    with pytest.raises(StepFailed):
        evaluate(settings, exams, out, NoWatcher(), first)
    found = evaluate(settings, exams, out, NoWatcher(), second)
    assert len(first.asked + second.asked) == 3
    assert [(exam.exam, exam.result.correct) for exam in found.exams] == [("one", 1), ("mmlu", 1)]
    assert found.average == 0.75
    assert len(out.read_text().splitlines()) == 3
    with pytest.raises(ExamError, match="nothing is written over"):
        evaluate(settings, exams, out, NoWatcher(), Tiring(9))


def own_exam(tmp_path: Path, rows: list[dict[str, Any]], skip_bad: bool = False) -> OpenedExam:
    [exam] = open_exams(
        [str(write(tmp_path / "own.jsonl", rows))], 0, None, None, skip_bad, None, NoWatcher()
    )
    return exam


def stopped(tmp_path: Path, **settings: Any) -> tuple[list[OpenedExam], Path]:
    """An exam that was stopped after one answer."""
    exams, out = [own_exam(tmp_path, CHOICES)], tmp_path / "answers.jsonl"
    with pytest.raises(StepFailed):
        evaluate(StudentSettings(**settings), exams, out, NoWatcher(), Tiring(1))
    return exams, out


@pytest.mark.parametrize(
    ("changed", "was"),
    [
        ({"model": "other"}, "student.model = 'bundled', not 'other'"),
        ({"system": "Be brief."}, "student.system = None, not 'Be brief.'"),
        ({"max_new_tokens": 7}, "student.max_new_tokens = 128, not 7"),
        ({"batch_size": 7}, "student.batch_size = 64, not 7"),
        ({"precision": "float32"}, "student.precision = 'auto', not 'float32'"),
        ({"adapter": "elsewhere"}, "student.adapter = None, not 'elsewhere'"),
    ],
)
def test_an_exam_does_not_go_on_with_other_settings(
    changed: dict[str, Any], was: str, tmp_path: Path
) -> None:
    exams, out = stopped(tmp_path)
    before = (tmp_path / "answers.jsonl.part").read_bytes()
    with pytest.raises(ExamError, match=r"part holds answers of another evaluation") as raised:
        evaluate(StudentSettings(**changed), exams, out, NoWatcher(), Tiring(9))
    assert was in str(raised.value)
    assert (tmp_path / "answers.jsonl.part").read_bytes() == before
    evaluate(StudentSettings(), exams, out, NoWatcher(), Tiring(9))


def test_an_exam_does_not_go_on_with_an_adapter_that_was_trained_again(tmp_path: Path) -> None:
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "weights").write_text("one")
    exams, out = stopped(tmp_path, adapter=str(adapter))
    (adapter / "weights").write_text("two")
    settings = StudentSettings(adapter=str(adapter))
    with pytest.raises(ExamError, match="with adapter_sha256 = '"):
        evaluate(settings, exams, out, NoWatcher(), Tiring(9))
    (adapter / "weights").write_text("one")
    evaluate(settings, exams, out, NoWatcher(), Tiring(9))


def test_an_exam_does_not_go_on_with_other_questions_or_versions(tmp_path: Path) -> None:
    exams, out = stopped(tmp_path)
    fewer = [OpenedExam("own", exams[0].questions[:1])]
    with pytest.raises(ExamError, match=r"exams\.own = '2 questions, \w+', not '1 questions, \w+'"):
        evaluate(StudentSettings(), fewer, out, NoWatcher(), Tiring(9))
    settings = tmp_path / "answers.jsonl.settings.json"
    written = json.loads(settings.read_text())
    written["versions"]["torch"] = "0.1"
    settings.write_text(json.dumps(written))
    with pytest.raises(ExamError, match=r"with versions\.torch = '0\.1', not '\d"):
        evaluate(StudentSettings(), exams, out, NoWatcher(), Tiring(9))
    settings.unlink()
    with pytest.raises(ExamError, match=r"settings\.json, which says how the answers"):
        evaluate(StudentSettings(), exams, out, NoWatcher(), Tiring(9))


def test_a_start_without_an_answer_binds_nobody(tmp_path: Path) -> None:
    exams, out = [own_exam(tmp_path, CHOICES)], tmp_path / "answers.jsonl"
    with pytest.raises(StepFailed):
        evaluate(StudentSettings(), exams, out, NoWatcher(), Tiring(0))
    evaluate(StudentSettings(batch_size=7), exams, out, NoWatcher(), Tiring(9))
    written = json.loads((tmp_path / "answers.jsonl.settings.json").read_text())
    assert written["student"]["batch_size"] == 7


@pytest.mark.parametrize("name", ["answers.jsonl.part", "answers.jsonl.settings.json"])
def test_an_exam_neither_cuts_nor_deletes_a_file_of_somebody_else(
    name: str, tmp_path: Path
) -> None:
    exams, out = [own_exam(tmp_path, CHOICES)], tmp_path / "answers.jsonl"
    (tmp_path / name).write_text("my notes")
    with pytest.raises((RunError, ExamError), match=name.replace(".", r"\.")):
        evaluate(StudentSettings(), exams, out, NoWatcher(), Tiring(9))
    with pytest.raises(ModelError):
        evaluate(StudentSettings(adapter="./none"), exams, out, NoWatcher())
    assert (tmp_path / name).read_text() == "my notes"


class Counting(NoWatcher):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def progress(self, step: str, done: int, total: int, note: str = "") -> None:
        self.notes.append(f"{done}/{total} {note}".strip())


def test_the_share_of_right_answers_is_shown_as_they_come(tmp_path: Path) -> None:
    exams, watcher = [own_exam(tmp_path, CHOICES)], Counting()
    evaluate(StudentSettings(), exams, None, watcher, Tiring(9))
    assert watcher.notes == ["0/2", "1/2 100% right", "2/2 50% right"]
    again = Counting()
    exams, out = stopped(tmp_path)
    evaluate(StudentSettings(), exams, out, again, Tiring(9))
    assert again.notes == ["1/2", "2/2 50% right"]


def verdicts(
    tmp_path: Path, exam: OpenedExam, responses: list[dict[str, Any]]
) -> tuple[Marks, list[tuple[str, bool]]]:
    out = tmp_path / "verdicts.jsonl"
    file = write(tmp_path / "responses.jsonl", responses)
    found = mark_responses(exam, file, out, NoWatcher())
    lines = [json.loads(line) for line in out.read_text().split("\n") if line]
    return found, [(line["id"], line["correct"]) for line in lines]


LOGIC = [
    {"id": "late", "prompt": "Q1 is it (a and b) or c?", "target": "Yes", "answer": "text"},
    {"id": "early", "prompt": "Q1 is it a and (b or c)?", "target": "No", "answer": "text"},
]


def said(prompt: str, answer: str, **more: Any) -> dict[str, Any]:
    return {"prompt": prompt, "response": f"So the answer is {answer}.", **more}


@pytest.mark.parametrize("order", [1, -1])
def test_the_text_itself_decides_before_a_looser_likeness(order: int, tmp_path: Path) -> None:
    exam = own_exam(tmp_path, LOGIC[::order])
    _, found = verdicts(
        tmp_path,
        exam,
        [
            said("Q1 is it a and (b or c)?", "No"),
            said("Q1 is it (a and b) or c?", "Yes"),
            said("Q1 is it  a and\n(b or c)?", "No"),
        ],
    )
    assert found == [("early", True), ("late", True), ("early", True)]


def test_a_likeness_to_several_questions_is_refused_by_name(tmp_path: Path) -> None:
    exam = own_exam(tmp_path, LOGIC)
    loose = [said("Q1 is it a and b or c", "No")]
    with pytest.raises(ExamError, match=r"line 1: own has 2 questions .*\(late, early\): give"):
        verdicts(tmp_path, exam, loose)
    assert not (tmp_path / "verdicts.jsonl").exists()
    _, found = verdicts(tmp_path, exam, [loose[0] | {"target": "No"}])
    assert found == [("early", True)]


def test_a_likeness_to_one_question_finds_it(tmp_path: Path) -> None:
    exam = own_exam(tmp_path, LOGIC[:1])
    _, found = verdicts(tmp_path, exam, [said("Q1: is it (A and B) or C", "Yes")])
    assert found == [("late", True)]


def test_the_same_options_in_words_of_one_question_decide_between_twins(tmp_path: Path) -> None:
    exam = own_exam(tmp_path, CHOICES)
    asked = [{"question": "Which is a metal?", "response": "B"}]
    with pytest.raises(ExamError, match="give each response the id of its question"):
        verdicts(tmp_path, exam, asked)


def test_the_end_of_an_id_that_two_questions_share_names_neither(tmp_path: Path) -> None:
    rows = [{"id": f"{name}-1", "prompt": f"{name}?", "target": "1"} for name in "ab"]
    exam = own_exam(tmp_path, rows)
    with pytest.raises(ExamError, match="no question with the id '1'"):
        verdicts(tmp_path, exam, [{"id": "1", "response": "1"}])


def test_responses_to_questions_that_were_left_out_are_counted(tmp_path: Path) -> None:
    bad = [
        {"prompt": "How many (are there)?", "target": "plenty"},
        {"id": "b2", "prompt": "How much?", "target": "a lot"},
    ]
    good = {"id": "good", "prompt": "How many are there?", "target": "3"}
    exam = own_exam(tmp_path, [*bad, good], skip_bad=True)
    responses = [
        {"prompt": "How many (are there)?", "response": "3"},
        {"id": "own-00001", "response": "3"},
        {"id": "b2", "response": "3"},
        {"prompt": "How many are there?", "response": "3"},
    ]
    found, lines = verdicts(tmp_path, exam, responses)
    assert lines == [("good", True)]
    assert (found.left_out, found.responses, found.answered, found.accuracy) == (3, 1, 1, 1.0)
    with pytest.raises(ExamError, match="only to questions that were left out"):
        mark_responses(exam, write(tmp_path / "r", responses[:3]), None, NoWatcher())


@pytest.mark.sandbox
def test_a_task_of_mbpp_that_was_left_out_is_known_by_its_number(tmp_path: Path) -> None:
    task = {"text": "Twice n.", "code": "", "test_list": ["assert double(2) == 4"]}
    rows = [task | {"task_id": 11}, task | {"task_id": 819, "test_list": []}]
    file = write(tmp_path / "test.jsonl", rows)
    [exam] = open_exams([f"mbpp={file}"], 0, None, None, True, None, NoWatcher())
    for name in (819, "819", "mbpp-819"):
        (tmp_path / "verdicts.jsonl").unlink(missing_ok=True)
        found, lines = verdicts(
            tmp_path,
            exam,
            [
                {"task_id": 11, "response": "def double(n): return 2 * n"},
                {"task_id": name, "response": ""},
            ],
        )
        assert (lines, found.left_out) == ([("11", True)], 1)


def test_twins_in_an_exam_get_a_response_each_and_the_interval_stays(tmp_path: Path) -> None:
    row = {"prompt": "2 + 2?", "target": "4"}
    exam = own_exam(tmp_path, [row, {"prompt": "3 + 3?", "target": "6"}, row])
    found, lines = verdicts(
        tmp_path,
        exam,
        [
            {"prompt": "2 + 2?", "response": "4"},
            {"prompt": "2 + 2?", "response": "5"},
            {"prompt": "3 + 3?", "response": "6"},
        ],
    )
    assert lines == [("own-00001", True), ("own-00003", False), ("own-00002", True)]
    assert (found.samples, found.answered, found.unanswered) == (1, 3, 0)
    assert found.ci95 is not None


def test_verdicts_of_an_earlier_marking_that_broke_off_are_not_mixed_in(tmp_path: Path) -> None:
    exam = own_exam(tmp_path, [{"id": "a", "prompt": "2 + 2?", "target": "4"}])
    part = tmp_path / "verdicts.jsonl.part"
    part.write_text('{"id":"STALE","correct":true,"answer":"1","why":"1 is 1"}\n{"id":"x","co')
    _, lines = verdicts(tmp_path, exam, [{"id": "a", "response": "4"}])
    assert lines == [("a", True)]
    (tmp_path / "verdicts.jsonl").unlink()
    part.write_text("my notes")
    with pytest.raises(RunError, match=r"verdicts\.jsonl\.part is not errata's"):
        verdicts(tmp_path, exam, [{"id": "a", "response": "4"}])
    assert part.read_text() == "my notes"
    part.unlink()
    part.symlink_to(tmp_path / "own.jsonl")
    before = (tmp_path / "own.jsonl").read_text()
    with pytest.raises(RunError, match="it is a link"):
        verdicts(tmp_path, exam, [{"id": "a", "response": "4"}])
    assert (tmp_path / "own.jsonl").read_text() == before


@pytest.mark.sandbox
def test_half_a_character_is_replaced_wherever_it_stands(tmp_path: Path) -> None:
    rows = [
        {"id": "a\ud800", "prompt": "2 + 2? \udc00", "target": "4", "kind": "\ud83d"},
        {"id": "t", "prompt": "say", "target": "x \ud800 \U0001f600", "answer": "text"},
        FUNCTION | {"id": "f", "test": FUNCTION["test"] + "    raise ValueError('\ud800')\n"},
    ]
    exam = own_exam(tmp_path, rows)
    assert exam.questions[0].id == "a\ufffd"
    assert exam.questions[1].target == "x \ufffd \U0001f600"
    (tmp_path / "array.json").write_text(json.dumps(rows, indent=2))
    assert named_questions(str(tmp_path / "array.json")) == exam.questions
    raises = "def double(n):\n    raise ValueError('\\ud800')"
    responses = [
        {"id": "a\ud800", "response": "\ud800 4"},
        {"id": "t", "response": "The answer is \ud800"},
        {"id": "f", "response": f"```python\n{raises} # \ud800\n```"},
    ]
    _, lines = verdicts(tmp_path, exam, responses)
    assert lines == [("a\ufffd", True), ("t", False), ("f", False)]
    assert "raises ValueError: ?" in (tmp_path / "verdicts.jsonl").read_text()
    out = tmp_path / "answers.jsonl"
    found = evaluate(StudentSettings(), [exam], out, NoWatcher(), Tiring(9))
    assert found.exams[0].result.correct == 0


@pytest.mark.parametrize("target", ["9" * 5000, "[" * 50_000 + "]" * 50_000])
def test_an_exam_beyond_what_python_reads_is_one_sentence(target: str, tmp_path: Path) -> None:
    for text in (f'{{"prompt": "x", "target": {target}}}\n', f'[{{"prompt": {target}}}]'):
        (tmp_path / "own.jsonl").write_text(text)
        with pytest.raises(ExamError, match=r"not JSON \((too long a number|nested too deeply)\)"):
            named_questions(str(tmp_path / "own.jsonl"))


def test_a_row_that_pythons_parser_cannot_take_is_a_bad_row(tmp_path: Path) -> None:
    task = {"task_id": 1, "text": "?", "code": "", "test_list": [f"assert f(1) == 0x{'f' * 5000}"]}
    file = write(tmp_path / "test.jsonl", [task])
    with pytest.raises(
        ExamError, match=r"line 1: it is nested too deeply, or holds too long a num"
    ):
        named_questions(f"mbpp={file}")
