"""Marking formulas, through math-verify in a child process."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import process_time

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from errata.agents.checks import wrong
from errata.agents.errors import ExamError
from errata.agents.exams.files import FileSet, read_questions
from errata.agents.exams.layouts import stem
from errata.agents.marking import mark
from errata.agents.marking.math import DECIDE_S, is_target, mark_math, stated_answer
from errata.agents.records import Draft, MathAnswer

pytestmark = pytest.mark.process


@pytest.mark.parametrize(
    ("response", "target"),
    [
        ("So $\\boxed{\\frac{1}{2}}$.", "\\frac{1}{2}"),
        ("So $\\boxed{\\dfrac12}$.", "\\frac{1}{2}"),
        ("The answer is 0.5.", "\\frac{1}{2}"),
        ("The answer is \\(\\frac{1}{2}\\).", "1/2"),
        ("\\boxed{3\\sqrt{2}}", "\\sqrt{18}"),
        ("\\boxed{x^2+2x+1}", "(x+1)^2"),
        ("\\boxed{x=5}", "5"),
        ("\\boxed{\\pi r^2}", "r^2\\pi"),
        ("\\boxed{[0,1)}", "[0,1)"),
        ("\\boxed{3,2}", "2,3"),
        ("$\\boxed{2}$ and $\\boxed{3}$", "2,3"),
        ("The answer is $x=2$ or $x=3$.", "2,3"),
        ("\\boxed{\\text{Evelyn}}", "\\text{Evelyn}"),
        ("\\boxed{\\$18.90}", "18.90"),
        ("\\boxed{5 \\text{ cm}}", "5"),
        ("#### \\frac{7}{3}", "7/3"),
        ("The answer is 12 apples.", "12"),
        ("Answer: 1/2\nConfidence: 3", "\\frac12"),
        ("The final answer is $\\boxed{(1,2)}$. I hope it is correct.", "(1,2)"),
        ("The answer is $5$ because $x=3$.", "5"),
        ("Therefore $y = 1$ and $x = \\frac{3}{4}$", "0.75"),
        ("\\boxed{2}\n\nQuestion: what is 1 + 2?\n\\boxed{3}", "2"),
        ("\\boxed{\\frac{1}{\\boxed{2}}}", "1/2"),
        ("\\boxed{7} and then \\boxed{8", "7"),
        ("\\boxed{5!}", "120"),
    ],
)
def test_an_answer_of_the_same_worth_is_right(response: str, target: str) -> None:
    verdict = mark_math(response, target)
    assert verdict.correct, verdict.why


@pytest.mark.parametrize(
    ("response", "target"),
    [
        ("\\boxed{\\frac{1}{3}}", "\\frac{1}{2}"),
        ("\\boxed{0.33}", "\\frac{1}{3}"),
        ("\\boxed{x+1}", "x-1"),
        ("\\boxed{\\sqrt{2}}", "2"),
        ("\\boxed{(2,1)}", "(1,2)"),
        ("\\boxed{[0,1]}", "[0,1)"),
        ("\\boxed{1,2,3}", "1,2"),
        ("\\boxed{2} and \\boxed{3}", "3"),
        ("The answer is $4$ or $6$.", "6"),
        ("The answer is 4 or 6.", "6"),
        ("\\boxed{5-6}", "6"),
        ("\\boxed{Eve}", "\\text{Evelyn}"),
        ("The answer is $5$ because $x=3$.", "3"),
        ("\\boxed{2}\n\nQuestion: what is 1 + 2?\n\\boxed{3}", "3"),
        ("\\boxed{2} would be wrong, so \\boxed{3}", "2"),
        ("\\boxed{\\frac{1}{\\boxed{2}}}", "2"),
        ("\\boxed{5!}", "5"),
        ("\\boxed{}", "0"),
        ("", "0"),
    ],
)
def test_another_answer_is_wrong(response: str, target: str) -> None:
    assert not mark_math(response, target).correct


@pytest.mark.parametrize(
    "answer",
    ["2^{10^9}", "{" * 900 + "1" + "}" * 900],
    ids=["a tower", "braces"],
)
def test_what_takes_too_long_is_wrong_and_the_next_answer_is_marked(answer: str) -> None:
    verdict = mark_math(f"\\boxed{{{answer}}}", "2")
    assert (verdict.correct, verdict.why) == (False, f"not decided in {DECIDE_S} s")
    assert mark_math("\\boxed{2}", "2").correct


@pytest.mark.parametrize(
    "response",
    [
        "\\boxed{" * 30_000,
        "\\boxed{" + "1+" * 50_000 + "1}",
        "1" * 100_000,
        "$" * 100_000,
        "\\boxed{1e999999999}",
        "\\boxed{\\input{/etc/passwd}}",
        "\\boxed{\ud800}",
        "\\boxed{\0}",
    ],
    ids=lambda response: ascii(response[:24]),
)
def test_a_hostile_answer_is_wrong(response: str) -> None:
    assert not mark_math(response, "2").correct


def test_answers_are_marked_in_any_thread() -> None:
    with ThreadPoolExecutor(4) as threads:
        answers = [f"\\boxed{{\\frac{{{n}}}{{2}}}}" for n in range(20)]
        verdicts = [*threads.map(mark_math, answers, ["3/2"] * 20)]
    assert [n for n, verdict in enumerate(verdicts) if verdict.correct] == [3]


def judges(of: int) -> list[psutil.Process]:
    found = psutil.Process(of).children(recursive=True)
    return [one for one in found if any("math_judge" in word for word in one.cmdline())]


def test_many_answers_need_one_process_and_none_stays_behind() -> None:
    program = (
        "import sys\nfrom errata.agents.marking.math import mark_math\n"
        "for n in range(5): mark_math(f'\\\\boxed{{{n}}}', '2')\n"
        "print('marked', flush=True)\nsys.stdin.read()\n"
    )
    for end in ("exit", "kill -9"):
        with subprocess.Popen(
            [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as parent:
            assert parent.stdout is not None
            assert parent.stdout.readline() == b"marked\n"
            [judge] = judges(parent.pid)
            if end == "kill -9":
                parent.kill()
        assert judge.wait(timeout=60) is None or not judge.is_running()


@pytest.mark.parametrize("target", ["", " ", "$$", "1" * 2001])
def test_a_target_that_is_no_answer_is_an_error_not_a_wrong_answer(target: str) -> None:
    assert not is_target(target)
    with pytest.raises(ValueError, match="empty or too long"):
        mark_math("\\boxed{1}", target)


@given(st.text() | st.text(alphabet="\\boxed{}$()[] answer is:\n#,1"))
def test_any_text_has_an_answer_or_none(text: str) -> None:
    assert isinstance(stated_answer(text), str)


PIECES = (
    "\\boxed{",
    "\\boxed{1} and ",
    "{",
    "}",
    "$",
    "$1$ or ",
    "$1",
    "\\(",
    "answer is ",
    "#### ",
)
PIECES += ("answer : ", " ", "\n", "\\", "1 ", "a ", ", ", "\nQuestion:", ". ", "*", "\\$")


@pytest.mark.parametrize("start", ["", "The answer is ", "\\boxed{1} ", "$1$ and "])
@pytest.mark.parametrize("piece", PIECES)
def test_an_answer_is_found_in_time_that_grows_with_the_text(start: str, piece: str) -> None:
    def seconds(n: int) -> float:
        text = start + piece * (n // len(piece)) + "x"
        begun = process_time()
        stated_answer(text)
        return process_time() - begun

    # what is too quick to time is not slow; one time of three is enough on a busy machine
    assert any(seconds(40_000) < 8 * max(seconds(10_000), 0.004) for _ in range(3))


def test_an_own_exam_may_ask_for_formulas(tmp_path: Path) -> None:
    file = tmp_path / "own.jsonl"
    row = {"prompt": "Half of one?", "target": "\\frac{1}{2}", "answer": "math"}
    file.write_text(json.dumps(row) + "\n" + json.dumps(row | {"prompt": "Put it in \\boxed{}."}))
    one, other = read_questions(FileSet(file=file))
    assert one.prompt == "Half of one?\n\nPut the final answer in \\boxed{}."
    assert stem(one) == "Half of one?"
    assert other.prompt == "Put it in \\boxed{}."
    assert mark(one, "That is $\\boxed{0.5}$.").correct
    assert not mark(one, "That is $\\boxed{2}$.").correct


def test_an_exam_with_a_formula_without_end_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "own.jsonl"
    file.write_text(json.dumps({"prompt": "?", "target": "1+" * 2000 + "1", "answer": "math"}))
    with pytest.raises(ExamError, match="empty or too long"):
        read_questions(FileSet(file=file))


@pytest.mark.parametrize(
    ("completion", "target", "reason"),
    [
        ("Half.\nThe final answer is $\\boxed{\\frac{1}{2}}$.", "\\frac{1}{2}", None),
        (
            "Half.\nThe final answer is $\\boxed{2}$.",
            "1/2",
            "completion does not end in the target",
        ),
        ("Half.\nThe final answer is $\\boxed{2}$.", "$$", "target is no formula"),
    ],
)
def test_a_draft_whose_box_is_not_its_target_is_refused(
    completion: str, target: str, reason: str | None
) -> None:
    draft = Draft(
        diagnosis_id="d", prompt="?", completion=completion, target=target, answer=MathAnswer()
    )
    assert wrong(draft) == reason
