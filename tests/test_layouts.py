"""The seven exams by name: their formats, their places, and the sides that questions fall on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from errata.agents.errors import ExamError
from errata.agents.exams import FileExam, FileSet, NamedExam, load_exam, named_questions, plain
from errata.agents.exams.files import read_questions
from errata.agents.exams.hub import usual_place
from errata.agents.exams.layouts import LAYOUTS, Layout, read_layout
from errata.agents.exams.rows import Skipped
from errata.agents.marking.choice import mark_choice
from errata.agents.records import ChoiceAnswer, CodeAnswer, Question, TextAnswer

DATA = Path(__file__).parents[2] / "shared" / "data"

CHECK = "def check(candidate):\n    assert candidate(2) == 4\n"
STUB = 'def double(x: int) -> int:\n    """ Twice x. """\n'


def sample(name: Layout, n: int = 0) -> dict[str, Any]:
    """A row in the exam's own format, another one for every `n`."""
    match name:
        case "gsm8k":
            return {"question": f"Ada has {n} and gets 1?", "answer": f"{n} + 1.\n#### {n + 1}"}
        case "gsm-plus":
            return {
                "question": f"Ben has {n} and gets 2?",
                "answer": f"It is #### {n + 2} apples.",
                "extracted_answer": str(n + 2),
                "type": "digit expansion",
            }
        case "mmlu":
            options = {"A": "red", "B": "blue", "C": "green", "D": "none"}
            return {"question": f"Colour {n}?", **options, "answer": "B", "subject": "colours"}
        case "arc-challenge":
            options = {"1": "a wheel", "2": "a leaf", "3": "a stone"}
            return {
                "id": f"Q_{n}",
                "question": f"What grows in {n}?",
                "answer": "2",
                **options,
                "label": ["1", "2", "3"],
            }
        case "mbpp":
            return {"task_id": n, "prompt": marked(n), "test": CHECK, "entry_point": "double"}
        case "humaneval":
            return {
                "task_id": f"HumanEval/{n}",
                "prompt": marked(n),
                "canonical_solution": "    return 2 * x\n",
                "test": CHECK,
                "entry_point": "double",
            }
        case "bbh":
            return {"input": f"not True {n} is", "target": "False"}


def hub_sample(name: Layout, n: int = 0) -> dict[str, Any]:
    """The same row as the hub's tables have it."""
    match name:
        case "gsm-plus":
            return {
                "question": f"Ben has {n} and gets 2?",
                "solution": f"It is {n + 2}.\n#### {n + 2}",
                "answer": str(n + 2) if n else "None",
                "perturbation_type": "digit expansion" if n else "critical thinking",
            }
        case "mmlu":
            choices = ["red", "blue", "green", "none"]
            return {"question": f"Colour {n}?", "choices": choices, "answer": 1, "subject": "x"}
        case "arc-challenge":
            return {
                "id": f"Q_{n}",
                "question": f"What grows in {n}?",
                "choices": {"text": ["a wheel", "a leaf"], "label": ["1", "2"]},
                "answerKey": "2",
            }
        case "mbpp":
            return {
                "task_id": n,
                "text": f"Write a function to double a number ({n}).",
                "code": "def double(x):\n    return 2 * x",
                "test_list": ["assert double(2) == 4", "assert set([double(3)]) == {6}"],
                "test_setup_code": "",
                "challenge_test_list": [],
            }
        case _:
            return sample(name, n)


def marked(n: int) -> str:
    return STUB.replace("Twice x.", f"Twice x, {n}.")


def lines(path: Path, rows: Iterable[object]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def one(name: Layout, row: dict[str, Any]) -> Question:
    return read_layout(name, row | ({"task": "logic"} if name == "bbh" else {}), "x-1")


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `datasets` keeps goes away with the test."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


# Formats.


@pytest.mark.parametrize("row", [sample("mmlu"), hub_sample("mmlu")])
def test_mmlu_shows_its_options_and_how_to_answer(row: dict[str, Any]) -> None:
    question = one("mmlu", row)
    assert question.prompt == (
        "Colour 0?\n\nA. red\nB. blue\nC. green\nD. none\n\n"
        'End with "The answer is", then A, B, C or D.'
    )
    assert question.target == "B"
    assert question.kind == row["subject"]
    assert question.solution == "B. blue\nThe answer is B."


@pytest.mark.parametrize("name", ["mmlu", "arc-challenge"])
@pytest.mark.parametrize("make", [sample, hub_sample])
def test_the_solution_of_a_choice_is_marked_right(
    name: Layout, make: Callable[[Layout], dict[str, Any]]
) -> None:
    question = one(name, make(name))
    assert isinstance(question.answer, ChoiceAnswer)
    assert mark_choice(question.solution or "", question.target, question.answer.options).correct


def test_arc_keeps_labels_of_digits_and_three_or_five_options() -> None:
    digits = one("arc-challenge", sample("arc-challenge"))
    assert digits.answer == ChoiceAnswer(options={"1": "a wheel", "2": "a leaf", "3": "a stone"})
    assert (digits.id, digits.target) == ("Q_0", "2")
    five = {"id": "q", "question": "x?", "answer": "E", "label": list("ABCDE")}
    assert one("arc-challenge", five | dict.fromkeys("ABCDE", "y")).target == "E"
    # in a table every row has every column
    assert one("arc-challenge", five | dict.fromkeys("ABCDE", "y") | {"1": None}).target == "E"


def test_arc_is_read_in_its_first_layout_too() -> None:
    choices = [{"text": "a wheel", "label": "A"}, {"text": "a leaf", "label": "B"}]
    row = {"id": "q", "question": {"stem": "What grows?", "choices": choices}, "answerKey": "B"}
    question = one("arc-challenge", row)
    assert question.prompt.startswith("What grows?\n\nA. a wheel\nB. a leaf\n\n")


def test_gsm_plus_keeps_its_kind_and_takes_none_for_an_answer() -> None:
    ours = one("gsm-plus", sample("gsm-plus", 3))
    assert (ours.target, ours.kind) == ("5", "digit expansion")
    assert ours.solution == "It is #### 5 apples."
    assert one("gsm-plus", hub_sample("gsm-plus", 3)).target == "5"
    lacking = hub_sample("gsm-plus")
    assert one("gsm-plus", lacking).target == "None"
    assert one("gsm-plus", lacking | {"answer": None}).target == "None"


def test_a_function_to_complete_is_shown_fenced_and_kept_as_given() -> None:
    question = one("humaneval", sample("humaneval", 7))
    assert question.answer == CodeAnswer(stub=marked(7), tests=CHECK, entry_point="double")
    assert question.prompt.startswith("Complete this function.\n\n```python\ndef double(x: int)")
    assert question.prompt.endswith("in one fenced python block.")
    assert question.solution == f"```python\n{marked(7)}    return 2 * x\n```"
    assert (question.id, question.target) == ("HumanEval/7", "double")
    assert one("mbpp", sample("mbpp", 11)).id == "mbpp-11"
    assert one("mbpp", sample("mbpp", 11)).solution is None


def test_a_docstring_that_lacks_the_end_of_its_last_line_gets_it() -> None:
    broken = 'def double(x):\n    """ Twice x.\n    >>> double(2)\n    4\n    ""\n'
    question = one("mbpp", sample("mbpp") | {"prompt": broken})
    assert isinstance(question.answer, CodeAnswer)
    assert question.answer.stub == broken.replace('    ""\n', '    """\n')


def test_mbpp_on_the_hub_gets_a_check_made_of_its_asserts() -> None:
    question = one("mbpp", hub_sample("mbpp", 5))
    assert isinstance(question.answer, CodeAnswer)
    assert question.answer.entry_point == question.target == "double"
    assert question.answer.stub == ""
    assert question.answer.tests == (
        "def check(candidate):\n    double = candidate\n"
        "    assert double(2) == 4\n    assert set([double(3)]) == {6}\n"
    )
    assert "assert double(2) == 4\nassert set([double(3)]) == {6}\n\nReply" in question.prompt
    assert "return 2 * x" in (question.solution or "")


@pytest.mark.parametrize(
    ("asserts", "code", "entry_point"),
    [
        (["assert math.isclose(area(2), 4.0)"], "", "area"),
        (["assert set(same((1,), (2,))) == set()"], "", "same"),
        (["assert depth(Node(1)) == 1"], "class Node: pass\ndef depth(n): return 1", "depth"),
        (["assert first(1) == 1", "assert first(other(2)) == 1"], "def other(x): ...", "first"),
        (["assert len(1) == 1"], "def len(x): return 1", "len"),
    ],
)
def test_the_tested_function_is_told_from_the_asserts(
    asserts: list[str], code: str, entry_point: str
) -> None:
    row = hub_sample("mbpp") | {"test_list": asserts, "code": code}
    assert one("mbpp", row).target == entry_point


def test_setup_and_imports_of_mbpp_stand_before_its_check() -> None:
    more = {"test_setup_code": "SIDE = 2", "test_imports": ["import math"]}
    answer = one("mbpp", hub_sample("mbpp") | more).answer
    assert isinstance(answer, CodeAnswer)
    assert answer.tests.startswith("import math\nSIDE = 2\n\ndef check(candidate):\n")


def test_nothing_of_an_exam_is_executed(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    evil = f"open({str(mark)!r}, 'w')\n"
    one("humaneval", sample("humaneval") | {"prompt": evil + STUB, "test": evil + CHECK})
    one("mbpp", hub_sample("mbpp") | {"test_setup_code": evil, "code": evil})
    assert not mark.exists()


def test_big_bench_hard_asks_after_the_worked_questions_of_its_task(tmp_path: Path) -> None:
    bbh = tmp_path / "bbh"
    bbh.mkdir()
    for task in ("colours", "logic"):
        examples = [sample("bbh", n) for n in range(3)]
        (bbh / f"{task}.json").write_text(json.dumps({"canary": "no", "examples": examples}))
    bare = named_questions(f"bbh={tmp_path}")
    assert [q.id for q in bare[:3]] == ["bbh-colours-00001", "bbh-logic-00001", "bbh-colours-00002"]
    assert bare[0].prompt.startswith("not True 0 is\n\nEnd with")
    assert (bare[0].kind, bare[0].target, bare[0].answer) == ("colours", "False", TextAnswer())

    cot = tmp_path / "cot"
    cot.mkdir()
    worked = "Name colours.\n\nQ: Sky?\nA: Let's think step by step. So the answer is blue."
    for task in ("colours", "logic"):
        (cot / f"{task}.txt").write_text(f"BENCHMARK DATA, canary no\n-----\n{worked}\n")
    asked = named_questions(f"bbh={tmp_path}", prompts=cot)[0]
    assert asked.prompt == f"{worked}\n\nQ: not True 0 is\nA: Let's think step by step."
    (cot / "logic.txt").unlink()
    with pytest.raises(ExamError, match=r"logic.json, item 1: there is no prompt file logic.txt"):
        named_questions(f"bbh={tmp_path}", prompts=cot)
    with pytest.raises(ExamError, match="has no prompt files"):
        named_questions(f"bbh={tmp_path}", prompts=bbh)


def test_a_file_in_an_original_layout_is_a_users_exam_too(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text(json.dumps([sample("mmlu", n) for n in range(3)]))
    exam = FileExam(
        practice=FileSet(file=file, take=1),
        dev=FileSet(file=file, skip=1, take=1),
        test=FileSet(file=file, skip=2),
        layout="mmlu",
    )
    assert [q.id for q in load_exam(exam).test] == ["mine-00003"]
    (task,) = read_questions(
        FileSet(file=lines(tmp_path / "logic.jsonl", [sample("bbh")])), layout="bbh"
    )
    assert task.kind == "logic"
    with pytest.raises(ValueError, match="take `answer` out"):
        FileExam(practice=exam.dev, dev=exam.dev, test=exam.dev, layout="mmlu", answer="choice")


# Bad rows.


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("gsm8k", {"answer": "no mark"}, "does not end in `#### `"),
        ("gsm8k", {"answer": "It is\n#### many"}, "'many' is not a number"),
        ("gsm8k", {"question": None}, "the field 'question' is missing"),
        ("gsm-plus", {"extracted_answer": "some"}, "'some' is not a number"),
        ("gsm-plus", {"extracted_answer": None}, "the field 'solution' is missing"),
        ("mmlu", {"answer": "E"}, "the answer 'E' is none of the options A, B, C, D"),
        ("mmlu", {"answer": 4}, "the answer 4 is no index of the 4 choices"),
        ("mmlu", {"answer": True}, "the field 'answer' is empty or no text"),
        ("mmlu", {"D": None}, "the field 'D' is missing"),
        ("mmlu", {"choices": "abc"}, "'choices' is no list"),
        ("mmlu", {"choices": ["x"], "answer": 0}, "not two options"),
        ("arc-challenge", {"answer": "4"}, "the answer '4' is none of the options 1, 2, 3"),
        ("arc-challenge", {"label": ["1", "2"]}, "the label list .* and the options 1, 2, 3"),
        ("arc-challenge", {"label": ["1", "2", "3", "4"]}, "the label list"),
        ("arc-challenge", {"choices": {"text": ["x"], "label": ["A", "B"]}}, "do not match"),
        ("arc-challenge", {"choices": {"text": ["x", "y"], "label": ["A", "A"]}}, "do not match"),
        ("arc-challenge", {"choices": {"text": ["x", "y"]}}, "no lists label and text"),
        ("humaneval", {"entry_point": None}, "the field 'entry_point' is missing"),
        ("humaneval", {"entry_point": "triple"}, "the function 'triple', which is tested"),
        ("humaneval", {"test": "assert double(2) == 4"}, "do not define `check"),
        ("humaneval", {"test": "def check(c):\n  assert c(["}, "'tests' is not Python .its line 2"),
        ("mbpp", {"prompt": "Double a number."}, "the function 'double', which is tested"),
        ("mbpp", {"test_list": []}, "'test_list' is no list of asserts"),
        ("mbpp", {"test_list": ["assert 1 == 1"]}, "no function is called in every assert"),
        ("mbpp", {"test_list": ["assert double(2"]}, "'test_list' is not Python"),
        ("bbh", {"target": ""}, "the field 'target' is empty"),
    ],
)
def test_a_bad_row_is_one_clear_sentence_with_its_line(
    name: Layout, change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    file = lines(tmp_path / "test.jsonl", [sample(name, 1), sample(name, 2) | change])
    with pytest.raises(ExamError, match=f"test.jsonl, line 2: .*{message}"):
        named_questions(f"{name}={file}")
    skipped: list[Skipped] = []
    assert len(named_questions(f"{name}={file}", skipped=skipped)) == 1
    assert [skip.where for skip in skipped] == [f"{file}, line 2"]


def test_an_exam_leaves_bad_questions_out_only_when_told_so(tmp_path: Path) -> None:
    rows = [sample("mmlu", n) for n in range(30)] + [{"question": "cut"}]
    file = lines(tmp_path / "train.jsonl", rows)
    with pytest.raises(ExamError, match="line 31: the field"):
        load_exam(NamedExam(name="mmlu", path=file))
    exam = load_exam(NamedExam(name="mmlu", path=file, skip_bad=True))
    assert len(exam.practice + exam.dev + exam.test) == 30
    assert [str(skip) for skip in exam.skipped] == [
        f"{file}, line 31: the field 'A' is missing; it has only question"
    ]


# Sides.


def written(path: Path, rows: Iterable[object]) -> NamedExam:
    return NamedExam(name="gsm8k", path=lines(path, rows))


def prompts(exam: NamedExam) -> list[set[str]]:
    return [{question.prompt for question in side} for side in exam.read()]


@settings(deadline=None, max_examples=20)
@given(st.randoms(use_true_random=False), st.integers(60, 200))
def test_the_same_file_shuffled_or_cut_short_gives_the_same_sides(
    tmp_path_factory: pytest.TempPathFactory, random: Any, count: int
) -> None:
    path = tmp_path_factory.mktemp("sides") / "test.jsonl"
    rows = [sample("gsm8k", n) for n in range(200)]
    whole = prompts(written(path, rows))
    random.shuffle(rows)
    assert prompts(written(path, rows)) == whole
    kept = {row["question"] for row in rows[:count]}
    assert prompts(written(path, rows[:count])) == [side & kept for side in whole]


def test_a_single_split_is_divided_sixty_twenty_twenty(tmp_path: Path) -> None:
    exam = load_exam(written(tmp_path / "test.jsonl", (sample("gsm8k", n) for n in range(2000))))
    assert [round(len(s) / 200) for s in (exam.practice, exam.dev, exam.test)] == [6, 2, 2]


def test_a_question_that_a_file_holds_twice_falls_on_one_side_twice(tmp_path: Path) -> None:
    rows = [sample("gsm8k", n) for n in range(60)]
    twins = [row | {"question": row["question"].upper() + "!!"} for row in rows]
    exam = load_exam(written(tmp_path / "test.jsonl", rows + twins))
    sides = (exam.practice, exam.dev, exam.test)
    assert sum(map(len, sides)) == 120
    assert all(len(side) == 2 * len({plain(q.prompt) for q in side}) for side in sides)


def test_published_splits_are_kept_and_a_lacking_one_comes_out_of_its_neighbour(
    tmp_path: Path,
) -> None:
    def folder(**counts: int) -> NamedExam:
        place = tmp_path / "-".join(counts)
        start = 0
        for split, count in counts.items():
            rows = [sample("gsm8k", n) for n in range(start, start + count)]
            lines(place / f"{split}.jsonl", rows)
            start += count
        return NamedExam(name="gsm8k", path=place)

    def origins(exam: NamedExam) -> list[set[str]]:
        return [{question.id.split("-")[1] for question in side} for side in exam.read()]

    assert origins(folder(train=9, validation=9, test=9)) == [{"train"}, {"validation"}, {"test"}]
    assert origins(folder(train=60, test=9)) == [{"train"}, {"train"}, {"test"}]
    assert origins(folder(val=60, test=9)) == [{"val"}, {"val"}, {"test"}]
    assert origins(folder(train=60, dev=60)) == [{"train"}, {"dev"}, {"dev"}]
    assert origins(folder(train=60, test=9, train_socratic=9)) == [{"train"}, {"train"}, {"test"}]


def test_a_question_in_two_published_splits_stays_in_test_and_is_counted(tmp_path: Path) -> None:
    lines(tmp_path / "train.jsonl", (sample("gsm8k", n) for n in range(30)))
    lines(tmp_path / "test.jsonl", (sample("gsm8k", n) for n in range(29, 40)))
    exam = load_exam(NamedExam(name="gsm8k", path=tmp_path))
    assert len(exam.practice + exam.dev) == 29
    assert len(exam.test) == 11
    (skip,) = exam.skipped
    assert "gsm8k-train-00030" in skip.where
    assert skip.reason == "the same question as gsm8k-test-00001, which stays in test"


def test_limits_take_the_first_of_each_side_and_may_be_none(tmp_path: Path) -> None:
    whole = written(tmp_path / "test.jsonl", (sample("gsm8k", n) for n in range(100)))
    practice, dev, test = whole.read()
    few = whole.model_copy(update={"practice": 5, "dev": 0, "test": 500})
    assert few.read() == (practice[:5], [], test)
    assert dev


def test_a_side_without_questions_is_refused(tmp_path: Path) -> None:
    exam = written(tmp_path / "test.jsonl", [sample("gsm8k")])
    with pytest.raises(ExamError, match="too few questions to fill"):
        load_exam(exam)


# Places.


def test_an_exam_outside_a_run_takes_the_whole_test_split_or_what_there_is(tmp_path: Path) -> None:
    lines(tmp_path / "train.jsonl", (sample("gsm8k", n) for n in range(7)))
    assert len(named_questions(f"gsm8k={tmp_path}")) == 7
    lines(tmp_path / "test.jsonl", (sample("gsm8k", n) for n in range(3)))
    assert [q.id for q in named_questions(f"gsm8k={tmp_path}")] == [
        "gsm8k-test-00001",
        "gsm8k-test-00002",
        "gsm8k-test-00003",
    ]
    assert len(named_questions(f"gsm8k={tmp_path}", split="train", limit=5)) == 5
    with pytest.raises(ExamError, match="has no split 'validation', only test, train"):
        named_questions(f"gsm8k={tmp_path}", split="validation")
    with pytest.raises(ExamError, match="arithmetic has no splits"):
        named_questions("arithmetic", split="test")
    with pytest.raises(ExamError, match="prompts is for bbh"):
        named_questions(f"gsm8k={tmp_path}", prompts=tmp_path)


def test_a_place_without_the_exam_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(ExamError, match=r"no file of mmlu: looked for train, .* found neither"):
        load_exam(NamedExam(name="mmlu", path=tmp_path))
    with pytest.raises(ExamError, match=r"no file of bbh: looked for TASK.json"):
        load_exam(NamedExam(name="bbh", path=tmp_path))
    for file in ("one.json", "two.json"):
        (tmp_path / file).write_text("[]")
    with pytest.raises(ExamError, match=r"found one.json, two.json; name the file itself"):
        load_exam(NamedExam(name="mmlu", path=tmp_path))
    for file in ("my_test.json", "your-test.json"):
        (tmp_path / file).write_text("[]")
    with pytest.raises(ExamError, match="both called test"):
        load_exam(NamedExam(name="mmlu", path=tmp_path))
    with pytest.raises(ExamError, match="cannot be read"):
        named_questions(f"mmlu={tmp_path}/none.json")
    with pytest.raises(ExamError, match=r"no exam 'gsm9k': did you mean 'gsm8k'\?"):
        named_questions("gsm9k")


def test_settings_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="two places"):
        NamedExam(name="mmlu", path=tmp_path, hub="cais/mmlu")
    with pytest.raises(ValueError, match="prompts is for bbh"):
        NamedExam(name="mmlu", prompts=tmp_path)


@pytest.mark.slow  # opens with `datasets`
@pytest.mark.usefixtures("hub_cache")
@pytest.mark.parametrize("name", [name for name in LAYOUTS if name != "bbh"])
@pytest.mark.parametrize("format", ["jsonl", "parquet"])
def test_a_folder_in_the_hubs_layout_is_opened_by_datasets(
    name: Layout, format: str, tmp_path: Path
) -> None:
    from datasets import Dataset

    for split, numbers in {"train": range(40), "test": range(40, 45)}.items():
        rows = [hub_sample(name, n) for n in numbers]
        file = tmp_path / "hub" / f"{split}-00000-of-00001.{format}"
        file.parent.mkdir(exist_ok=True)
        if format == "jsonl":
            lines(file, rows)
        else:
            Dataset.from_list(rows).to_parquet(str(file))
    exam = load_exam(NamedExam(name=name, hub=str(tmp_path / "hub")))
    assert len(exam.practice + exam.dev) == 40
    assert len(exam.test) == 5
    # the same files without `datasets`, or found by it
    assert load_exam(NamedExam(name=name, path=tmp_path / "hub")) == exam


@pytest.mark.slow  # opens with `datasets`
@pytest.mark.usefixtures("hub_cache")
@pytest.mark.parametrize("layout", ["{task}/test.jsonl", "{task}.jsonl"])
def test_big_bench_hard_in_the_hubs_layout_keeps_its_tasks(layout: str, tmp_path: Path) -> None:
    for task in ("colours", "logic"):
        lines(tmp_path / "hub" / layout.format(task=task), (sample("bbh", n) for n in range(30)))
    exam = load_exam(NamedExam(name="bbh", hub=str(tmp_path / "hub")))
    found = exam.practice + exam.dev + exam.test
    assert {q.kind for q in exam.test} == {"colours", "logic"}
    assert len({q.id for q in found}) == 60


@pytest.mark.slow  # opens with `datasets`
@pytest.mark.usefixtures("hub_cache")
def test_mmlus_auxiliary_questions_are_left_alone_and_its_two_small_splits_are_joined(
    tmp_path: Path,
) -> None:
    files = {"auxiliary_train": 5, "validation": 60, "dev": 20, "test": 9}
    card = ["---", "configs:", "- config_name: all", "  data_files:"]
    start = 0
    for split, count in files.items():
        rows = [hub_sample("mmlu", n) for n in range(start, start + count)]
        lines(tmp_path / "hub" / f"{split}.jsonl", rows)
        card += [f"  - split: {split}", f"    path: {split}.jsonl"]
        start += count
    (tmp_path / "hub" / "README.md").write_text("\n".join([*card, "---", ""]))
    exam = NamedExam(name="mmlu", hub=str(tmp_path / "hub"))
    loaded = load_exam(exam)
    assert len(loaded.practice + loaded.dev) == 80
    assert len(loaded.test) == 9
    assert len(exam.read_split("auxiliary_train")) == 5


@pytest.mark.slow  # opens with `datasets`
@pytest.mark.usefixtures("hub_cache")
def test_a_dataset_that_cannot_be_opened_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for place in (tmp_path / "empty", tmp_path / "none"):
        with pytest.raises(ExamError, match=r"^the dataset .* cannot be opened .*: check its id"):
            load_exam(NamedExam(name="gsm8k", hub=str(place)))


@pytest.mark.process
def test_a_bare_name_is_taken_from_the_hub_which_may_be_out_of_reach(tmp_path: Path) -> None:
    done = in_a_new_process(
        "from errata.agents.exams import named_questions\n"
        "try: named_questions('gsm8k')\n"
        "except Exception as error: print(type(error).__name__, error)",
        HF_HUB_OFFLINE="1",
        HF_HUB_CACHE=str(tmp_path),
        HF_DATASETS_CACHE=str(tmp_path),
    )
    assert done.startswith("ExamError the dataset 'openai/gsm8k' cannot be opened (")
    assert done.count("\n") == 1
    assert usual_place("mmlu") == ("cais/mmlu", "all")


@pytest.mark.process
def test_datasets_and_torch_are_not_imported_before_they_are_needed() -> None:
    assert not in_a_new_process(
        "import sys, errata.agents.exams\n"
        "for name in ('datasets', 'torch', 'pandas'):\n"
        "    if name in sys.modules: print(name)"
    )


def in_a_new_process(program: str, **environment: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout


# The real files.


@pytest.mark.slow
@pytest.mark.skipif(not DATA.exists(), reason="the real exam files are not on this machine")
@pytest.mark.parametrize(
    ("name", "place", "count", "bad"),
    [
        ("gsm8k", "gsm8k", 8792, 0),
        ("gsm-plus", "gsm_plus", 1400, 0),
        ("mmlu", "mmlu", 1816, 0),
        ("arc-challenge", "arc", 1172, 0),
        ("mbpp", "mbpp", 956, 5),
        ("humaneval", "humaneval", 164, 0),
    ],
)
def test_the_real_files_are_read(name: Layout, place: str, count: int, bad: int) -> None:
    exam = load_exam(NamedExam(name=name, path=DATA / place, skip_bad=bad > 0))
    assert len(exam.practice + exam.dev + exam.test) == count
    assert len(exam.skipped) == bad
    for question in exam.test:
        if isinstance(question.answer, ChoiceAnswer):
            assert mark_choice(
                question.solution or "", question.target, question.answer.options
            ).correct
