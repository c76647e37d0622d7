"""Marking code: the program in a response, the exam's tests, and the verdict's few words."""

from __future__ import annotations

import json
import re
import sys
import textwrap
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hearing import Heard

from errata.agents.errors import BoxBroke, ExamError
from errata.agents.examiner import examine
from errata.agents.marking import mark
from errata.agents.marking.code import mark_code
from errata.agents.records import CodeAnswer, Question
from errata.agents.sandbox.extract import extract, read_stub
from errata.agents.sandbox.job import Limits
from errata.agents.student import StudentSettings
from errata.agents.testing.tables import TableStudent
from errata.graph.agents import Given, open_agents
from errata.graph.commands.exam import OpenedExam, evaluate
from errata.graph.commands.mark import mark_responses
from errata.graph.config import parse_config
from errata.graph.context import Context
from errata.graph.nodes import BadTests
from errata.graph.run import resume, run
from errata.graph.run_folder import RunFolder
from errata.graph.trace import Trace
from errata.graph.watcher import NoWatcher

DATA = Path(__file__).parents[2] / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.exists(), reason=f"no exam files in {DATA}")

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux has the sandbox"),
]

STUB = '''from typing import List


def total(numbers: List[int]) -> int:
    """The sum of the numbers.
    >>> total([1, 2])
    3
    """
'''
TESTS = """METADATA = {}


def check(candidate):
    assert candidate([]) == 0
    assert candidate([1, 2, 3]) == 6
"""
TOTAL = CodeAnswer(stub=STUB, tests=TESTS, entry_point="total")

BODY = "    result = 0\n    for number in numbers:\n        result += number\n    return result\n"
UNCLOSED = "'(' was never closed"
WHOLE = f"def total(numbers):\n{BODY}"
PROMPTS = (
    ">>> def total(numbers):\n...     if not numbers:\n...         return 0\n...\n"
    "...     return sum(numbers)\n...\n>>> total([1, 2])\n3\n"
)


def answer(tests: str, stub: str = "", entry_point: str = "f") -> CodeAnswer:
    body = "".join(f"    {line}\n" for line in tests.splitlines())
    return CodeAnswer(stub=stub, tests=f"def check(candidate):\n{body}", entry_point=entry_point)


@pytest.mark.parametrize(
    "response",
    [
        pytest.param(BODY, id="the body"),
        pytest.param(f"\n{BODY}\n\n", id="the body between empty lines"),
        pytest.param(BODY.strip(), id="the body without its first indentation"),
        pytest.param(re.sub("^    ", "", BODY, flags=re.M), id="the body at the margin"),
        pytest.param(f"{BODY}\n\nprint(total([1]))\nassert total([1]) == 7\n", id="examples after"),
        pytest.param(f"{BODY}\nThis adds them up: it's easy.\n", id="prose after the body"),
        pytest.param(
            f"{BODY}\nsize = int(input())\nprint(total([size]))\n", id="a program that asks"
        ),
        pytest.param(f"{BODY}\n\ndef other(x):\n    return x +\n", id="cut off in another one"),
        pytest.param(
            "    return add(numbers)\n\ndef add(n):\n    return sum(n)\n", id="helper after"
        ),
        pytest.param(f"{BODY}```\nThat is all.", id="a closing fence only"),
        pytest.param(STUB + BODY, id="stub and body"),
        pytest.param(WHOLE, id="the whole function"),
        pytest.param(f" {WHOLE}", id="a space first"),
        pytest.param(f"Sure! Here it is:\n\n{WHOLE}\nIt's a loop.", id="prose around, no fence"),
        pytest.param(
            f"Answer\n\nimport sys\nsys.setrecursionlimit(5000)\n\nSMALL = {{}}\n"
            f"for n in range(3):\n    SMALL[n] = n\n\n{WHOLE.replace('= 0', '= SMALL[0]')}",
            id="statements before it",
        ),
        pytest.param(f"```python\n{WHOLE}```", id="fenced"),
        pytest.param(f"```\n{STUB}{BODY}```\nDone.", id="fenced without a language"),
        pytest.param(f"Here:\n~~~py\n{WHOLE}~~~\n", id="fenced by tildes"),
        pytest.param(f"```python\n{BODY}```", id="the body, fenced"),
        pytest.param("```python\nreturn sum(numbers)\n```", id="the body at the margin, fenced"),
        pytest.param(
            f"1. First:\n   ```python\n   {WHOLE.replace(chr(10), chr(10) + '   ')}\n   ```",
            id="in a list",
        ),
        pytest.param(f"Yes.\n```python\n{WHOLE}", id="a fence never closed"),
        pytest.param(
            f"```python\n{WHOLE}\n\ndef test():\n    assert total([", id="cut off after it"
        ),
        pytest.param(
            f"First:\n```python\ndef total(n):\n    return 0\n```\nBetter:\n```python\n{WHOLE}```",
            id="the last of two",
        ),
        pytest.param(
            f"```python\n{WHOLE}```\nUse it so:\n```python\nprint(total([1, 2]))\n```\n"
            "```bash\npython total.py\n```\n```\n3\n```",
            id="other blocks after it",
        ),
        pytest.param(
            "```python\nimport math\n\nSTART = 0\n\ndef add(a, b):\n    return a + b\n```\nthen\n"
            "```python\ndef total(n):\n    result = START\n    for x in n:\n"
            "        result = add(result, math.floor(x))\n    return result\n```",
            id="helpers in a block of their own",
        ),
        pytest.param(
            "```python\nfrom __future__ import annotations\nfrom dataclasses import dataclass\n\n"
            "@dataclass\nclass Sum:\n    value: int = 0\n\n"
            "def total(numbers: list[int]) -> int:\n    s = Sum()\n    for n in numbers:\n"
            "        s.value += n\n    return s.value\n\n"
            "if __name__ == '__main__':\n    print(total([int(input())]))\n```",
            id="imports, a class and a main block",
        ),
        pytest.param("```python\ntotal = lambda numbers: sum(numbers)\n```", id="a lambda"),
        pytest.param(
            f"<think>```python\ndef total(\n```</think>\n```python\n{WHOLE}```", id="thoughts"
        ),
        pytest.param(WHOLE.replace("\n", "\r\n"), id="line ends of Windows"),
        pytest.param(
            "class Solution:\n    def total(self, numbers):\n"
            "        return numbers[0] + self.total(numbers[1:]) if numbers else 0\n",
            id="a method of a class",
        ),
        pytest.param(
            "```python\nimport math\n\nclass Solution:\n    @staticmethod\n"
            "    def total(numbers):\n        return math.floor(sum(numbers))\n```\n"
            "```python\nprint(Solution().total([1, 2]))\n```",
            id="a method of a class, fenced",
        ),
        pytest.param(BODY.replace("    ", "\t"), id="the body, indented by tabs"),
        pytest.param(
            f"```python\n{BODY.replace('    ', chr(9))}```", id="the body, tabs and a fence"
        ),
        pytest.param(
            "Here it is:\n\n" + textwrap.indent(WHOLE, "    ") + "\nI hope it helps.",
            id="indented in prose",
        ),
        pytest.param(f"Sure!\n\n{PROMPTS}\nIt adds.", id="after prompts"),
        pytest.param(f"```python\n{PROMPTS}```", id="after prompts, fenced"),
        pytest.param(f"```code\n{WHOLE}```", id="a fence that names no language"),
        pytest.param(
            f"```json\n[1, 2]\n```\n{WHOLE}\n```js\ntotal = 7\n```", id="fences of others around"
        ),
        pytest.param(f"MARK = '\u2028'\n\f\n{WHOLE}\nprint(1)", id="line ends of others"),
    ],
)
def test_the_program_is_found_in_any_usual_response(response: str) -> None:
    verdict = mark_code(response, TOTAL)
    assert (verdict.correct, verdict.why) == (True, "passes all tests"), verdict
    assert verdict.answer
    assert "def total" in verdict.answer or "total = lambda" in verdict.answer


@pytest.mark.parametrize(
    ("response", "why", "has_program"),
    [
        ("", "no code in the response", False),
        ("I am not able to do that.", "no code in the response", False),
        (" The answer is 6.", "no code in the response", False),
        (f"```json\n{WHOLE}```", "no code in the response", False),
        (f"text = '''\n{WHOLE}'''\n", "", True),
        (f"'''\n{WHOLE}'''\n", "", True),
        (f"```python\n'''\n{WHOLE}'''\n```", "does not define total", True),
        (f"{WHOLE}\ndel total\n", "raises TypeError: 'NoneType' object is not callable", True),
        (
            f"class A:\n{textwrap.indent(WHOLE, '    ')}\nclass B:\n"
            + textwrap.indent(WHOLE, "    "),
            "",
            True,
        ),
        (f"{WHOLE}\nTEXT = 'a\ud800'\n", "syntax error: ", True),
        ("```text\n6\n```", "no code in the response", False),
        ("```python\ndef sum_up(n):\n    return sum(n)\n```", "does not define total", True),
        ("def sum_up(n):\n    return sum(n)", "does not define total", True),
        (
            "```python\ndef total(n):\n    return (1\n```",
            f"syntax error: {UNCLOSED} (line 2)",
            True,
        ),
        ("    return (1", f"syntax error: {UNCLOSED} (line 1)", True),
        ("def total(n):\n    return (1,", f"syntax error: {UNCLOSED} (line 2)", True),
        ("def total(n):\n    nonlocal x\n", "syntax error: no binding for nonlocal 'x'", True),
        ("```python\n" + "(" * 5000 + "\n```", "syntax error: ", True),
        ("```python\n" + "-" * 100_000 + "1\n```", "syntax error: ", True),
        ("    return 6\n", "fails: assert candidate([]) == 0 (got 6)", True),
        ("    yield 1\n    yield 2\n", "fails: assert candidate([]) == 0 (got an iterator)", True),
        ("    return numbers[0]\n", "raises IndexError: list index out of range", True),
        ("    return total(numbers)\n", "raises RecursionError: maximum recursion depth", True),
        ("    return undefined\n", "raises NameError: name 'undefined' is not defined", True),
        ("    import numpy\n", "raises ModuleNotFoundError: No module named 'numpy'", True),
        ("    raise MemoryError\n", "out of memory", True),
        ("```python\ntotal = 3\n```", "raises TypeError: 'int' object is not callable", True),
    ],
)
def test_the_verdict_says_why_in_few_words(response: str, why: str, has_program: bool) -> None:
    verdict = mark_code(response, TOTAL)
    assert not verdict.correct
    assert verdict.why.startswith(why)
    assert len(verdict.why) < 250
    assert (verdict.answer is not None) == has_program


def test_a_program_that_takes_too_long_is_wrong() -> None:
    limits = Limits(wall_s=1)
    assert mark_code("    while True: pass\n", TOTAL, limits).why == "time-out after 1 s"
    busy = mark_code("    while True: pass\n", TOTAL, Limits(wall_s=8, cpu_s=1))
    assert busy.why == "time-out after 1 s of processor time"


def test_a_failing_test_is_shown_as_it_is_written() -> None:
    long = answer(
        "for n in range(3):\n    assert candidate(\n        n\n    ) == n ** 2, 'no square'"
    )
    verdict = mark_code("def f(n): return n", long)
    assert verdict.why == "fails: assert candidate( n ) == n ** 2 (got 2)"
    verdict = mark_code("def f(n): return None", answer("assert abs(candidate(1) - 2) < 1"))
    assert verdict.why == "fails: assert abs(candidate(1) - 2) < 1: TypeError (got None)"


def test_helpers_of_the_stub_serve_program_and_tests_and_only_the_exams_count() -> None:
    stub = 'SHIFT = 5\n\ndef shift(x):\n    return x + SHIFT\n\ndef back(x):\n    """Undo."""\n'
    exam = CodeAnswer(
        stub=stub,
        tests="def check(candidate):\n    assert candidate(shift(3)) == 3\n    assert back(5) == 0",
        entry_point="back",
    )
    assert mark_code("    return x - SHIFT", exam).correct
    assert mark_code("def back(x):\n    return x - (shift(0))", exam).correct
    cheat = "def shift(x):\n    return x\n\ndef back(x):\n    return x"
    assert mark_code(cheat, exam).why == "fails: assert candidate(shift(3)) == 3 (got 8)"


def test_exceptions_that_tests_expect_come_back_by_name() -> None:
    expects = answer(
        "try:\n    candidate(-1)\nexcept ValueError as error:\n"
        "    assert str(error) == 'negative'\nelse:\n    assert False\nassert candidate(1) == 1"
    )
    program = "class Negative(ValueError): pass\ndef f(x):\n    if x < 0: raise {}\n    return x\n"
    assert mark_code(program.format("ValueError('negative')"), expects).correct
    assert mark_code(program.format("Negative('negative')"), expects).correct
    assert not mark_code(program.format("KeyError('negative')"), expects).correct


def test_values_of_all_plain_types_go_in_and_come_out_unchanged() -> None:
    values = """[
        None, True, 3, -2**200, 0.1, float('inf'), 1 - 2j, 'é\\ud800', b'\\xff', bytearray(b'a'),
        [1, [2]], (1, (2,)), {'a': {1: 2}, (1, 2): None}, {1, 2}, frozenset({'a'}), range(1, 9, 2),
        str, Decimal('1.10'), Fraction(-1, 3), Counter('aab'), deque([1, 2], 5), OrderedDict(a=1),
    ]"""
    imports = (
        "from collections import *\nfrom decimal import Decimal\nfrom fractions import Fraction\n"
    )
    exam = CodeAnswer(
        stub=f"{imports}\ndef f(x):\n    pass\n",
        tests=f"VALUES = {values}\n\ndef check(candidate):\n"
        "    assert candidate(VALUES) == VALUES\n    for value in VALUES:\n"
        "        back = candidate(x=value)\n        assert type(back) is type(value)\n"
        "        assert back == value and repr(back) == repr(value)\n"
        "    assert candidate(float('nan')) != candidate(float('nan'))\n"
        "    assert str(candidate(-0.0)) == '-0.0'\n",
        entry_point="f",
    )
    assert mark_code("def f(x): return x", exam).why == "passes all tests"
    returned = f"def f(x): return {values}"
    assert mark_code(returned, exam).why.startswith("fails: assert type(back)")


def test_iterators_and_views_come_back_as_their_values() -> None:
    exam = answer(
        "assert list(candidate('map')) == [1, 4]\nassert list(candidate('gen')) == [1, 4]\n"
        "assert set(candidate('keys')) == {1, 2}\nassert sorted(candidate('values')) == [1, 4]"
    )
    program = (
        "def f(x):\n    d = {1: 1, 2: 4}\n    return {'map': map(lambda n: n * n, [1, 2]), "
        "'gen': (n * n for n in d), 'keys': d.keys(), 'values': d.values()}[x]\n"
    )
    assert mark_code(program, exam).why == "passes all tests"
    endless = "def f(x):\n    while True: yield 1\n"
    assert not mark_code(endless, exam, Limits(wall_s=2)).correct


def test_objects_of_the_stubs_classes_go_in_and_come_out() -> None:
    stub = (
        "from enum import Enum\n\nclass Pair:\n    def __init__(self, a, b):\n"
        "        self.a = a\n        self.b = b\n    def __eq__(self, other):\n"
        "        return (self.a, self.b) == (other.a, other.b)\n\n"
        "class Way(Enum):\n    UP = 1\n    DOWN = 2\n\n"
        "def f(pair, way=Way.UP):\n    '''The pair, turned round.'''\n"
    )
    exam = answer(
        "assert candidate(Pair(1, Pair(2, 3))) == Pair(Pair(2, 3), 1)\n"
        "assert candidate(Pair(Way.UP, 1), way=Way.DOWN) == Pair(Way.DOWN, Way.UP)",
        stub,
    )
    body = "    return Pair(pair.b, pair.a) if way is Way.UP else Pair(way, pair.a)\n"
    assert mark_code(body, exam).why == "passes all tests"
    always = "class Pair(Pair):\n    def __eq__(self, o): return True\n\ndef f(p, way=0): return p"
    assert not mark_code(always, exam).correct


def test_what_a_test_calls_is_a_copy_and_the_exams_own_values_stay_as_they_are() -> None:
    exam = answer("numbers = [3, 1]\nassert candidate(numbers) == [1, 3]\nassert numbers == [3, 1]")
    assert mark_code("def f(x):\n    x.sort()\n    return x", exam).correct


def test_a_stub_with_an_import_that_fails_or_a_docstring_left_open_still_serves() -> None:
    stub = (
        "from typing import int\n\ndef f(x: int) -> int:\n"
        '    """Double.\n    >>> f(1)\n    2\n    ""\n'
    )
    exam = answer("assert candidate(2) == 4", stub)
    assert mark_code("    return 2 * x", exam).correct
    assert mark_code("```python\ndef f(x: int) -> int:\n    return 2 * x\n```", exam).correct
    lacking = answer(
        "assert candidate([2]) == 4", "def f(x: List[int]) -> Dict[str, int]:\n    ''\n"
    )
    assert mark_code("    return 2 * x[0]", lacking).correct
    assert mark_code("def f(x: List[int]): return 2 * x[0]", lacking).correct
    assert mark_code("def f(x: Sequence[int]): return 2", lacking).why.startswith(
        "raises NameError"
    )
    prose = answer("assert candidate(2) == 4", "Write a function that doubles.")
    assert mark_code("def f(x):\n    return 2 * x", prose).correct


def test_a_stub_that_needs_what_the_box_has_not_is_the_exams_error() -> None:
    exam = answer("assert candidate(2) == 4", "import numpy as np\n\ndef f(x):\n    ''\n")
    with pytest.raises(ExamError, match="the stub fails of itself: ModuleNotFoundError"):
        mark_code("    return 2 * x", exam)


def test_a_test_that_trips_over_a_wrong_answer_makes_it_wrong() -> None:
    exam = answer("for each in candidate(1):\n    last = each\nassert last == 1")
    verdict = mark_code("def f(x): return []", exam)
    assert verdict.why == "fails: assert last == 1: UnboundLocalError (got [])"


@pytest.mark.parametrize(
    ("tests", "why"),
    [
        ("def check(candidate:", "do not parse"),
        ("x = 1\0", "do not parse"),
        ("def verify(candidate):\n    assert candidate(1) == 1", "do not define check"),
        ("def check(candidate):\n    assert root == 1", "fail of themselves: NameError"),
        ("def check(candidate):\n    candidate(1)\n    import numpy", "fail of themselves"),
        ("def check(candidate):\n    assert 1 == 2", "fail of themselves: AssertionError"),
        ("def check(candidate):\n    pass", "never call f"),
        ("def check(candidate):\n    candidate(print)", "a value of type builtin"),
        ("class A: pass\ndef check(candidate):\n    candidate(A())", "a value of type A"),
        ("while True: pass\ndef check(candidate): pass", "take more than 1 s of themselves"),
    ],
)
def test_tests_that_cannot_be_used_are_the_exams_error_and_no_verdict(tests: str, why: str) -> None:
    exam = CodeAnswer(tests=tests, entry_point="f")
    with pytest.raises(ExamError, match=why) as caught:
        mark_code("def f(x): return 1", exam, Limits(wall_s=1))
    assert isinstance(caught.value, ValueError)


def test_a_question_with_a_code_answer_is_marked_in_the_sandbox() -> None:
    question = Question(id="1", prompt=STUB, target="total", answer=TOTAL)
    assert mark(question, BODY).correct
    assert not mark(question, "    return 1\n").correct


def test_responses_are_marked_at_once_from_threads() -> None:
    responses = [BODY, "    return 1\n"] * 4
    with ThreadPoolExecutor(4) as pool:
        verdicts = list(pool.map(lambda response: mark_code(response, TOTAL), responses))
    assert [verdict.correct for verdict in verdicts] == [True, False] * 4


CLIMBING: dict[str, Callable[[int], str]] = {
    "names on one line": lambda n: (
        "```\n" + ";".join(f"a{i}=0" for i in range(n // 6)) + "\n```\n```\n"
        f"def total(x):\n    return [{','.join(f'a{i}' for i in range(n // 6))}]\n```"
    ),
    "a fence's language": lambda n: "```" + "a" * n + "`",
    "spaces after a fence": lambda n: "```" + " " * n + "`",
    "brackets left open": lambda n: "x = [\n" * (n // 6),
    "functions without parameters": lambda n: "def f(:\n" * (n // 8),
    "indented functions": lambda n: "    def f(:\n\n" * (n // 13),
    "lines that end too early": lambda n: "a=1\n) \n" * (n // 7),
    "strings left open": lambda n: "x = '''\n\n" * (n // 9 | 1),
    "blocks": lambda n: "```\nreturn x\n```\n" * (n // 17),
    "classes": lambda n: "".join(f"class A{i}:\n  x\n" for i in range(n // 16)),
    "prompts": lambda n: ">>> x\n" * (n // 6),
}


@pytest.mark.parametrize("make", CLIMBING.values(), ids=CLIMBING)
def test_reading_a_response_takes_time_in_proportion_to_it(make: Callable[[int], str]) -> None:
    stub = read_stub(STUB, "total")

    def seconds(length: int) -> float:
        response = make(length)
        start = time.process_time()
        extract(response, stub, "total")
        return time.process_time() - start

    # In proportion: 8; with the square: 64. A millisecond keeps the clock's grain out; one time of
    # three is enough on a busy machine.
    assert any(seconds(64_000) < 24 * (seconds(8_000) + 0.001) for _ in range(3))


def test_many_names_on_one_line_are_copied_once() -> None:
    names = [f"a{i}" for i in range(10_000)]
    line = ";".join(f"{name}=0" for name in names)
    whole = WHOLE.replace("= 0", f"= sum([{','.join(names)}])")
    response = f"```python\n{line}\n```\n```python\n{whole}```"
    verdict = mark_code(response, TOTAL)
    assert verdict.correct
    assert len(verdict.answer or "") < 2 * len(response)


def test_a_verdict_can_always_be_written_down() -> None:
    for response in (f"{WHOLE}# \ud800", "    raise ValueError('\\ud800')", "```\n\ud800\n```"):
        verdict = mark_code(response, TOTAL)
        assert not verdict.correct
        assert verdict.model_dump_json()


GOOD = Question(id="q-1", prompt=STUB, target="total", answer=TOTAL, solution=BODY, kind="sums")
BAD = [
    GOOD.model_copy(
        update={"id": f"q-bad{number}", "prompt": tests, "answer": answer(tests, STUB, "total")}
    )
    for number, tests in enumerate(("assert 1 == 2", "pass", "import numpy"))
]


def test_a_question_with_bad_tests_is_named_and_the_other_responses_are_marked(
    tmp_path: Path,
) -> None:
    ids = [BAD[0].id, "q-1", BAD[0].id, BAD[1].id, "q-1", BAD[2].id]
    rows = [json.dumps({"id": id, "response": BODY}) for id in ids]
    (tmp_path / "responses.jsonl").write_text("\n".join(rows))
    watcher, out = Heard(), tmp_path / "verdicts.jsonl"
    file = tmp_path / "responses.jsonl"
    found = mark_responses(OpenedExam("own", [GOOD, *BAD]), file, out, watcher)
    assert (found.responses, found.not_counted, found.accuracy) == (2, 4, 1)
    assert (found.answered, found.unanswered) == (1, 0)
    assert [said.split(" is not counted: ")[0] for said in watcher.said] == [
        each.id for each in BAD
    ]
    assert len(out.read_text().splitlines()) == 2
    file.write_text(rows[0])
    with pytest.raises(ExamError, match="own: no response has a verdict, 1 are not counted"):
        mark_responses(OpenedExam("own", BAD), file, tmp_path / "none.jsonl", watcher)


def test_an_exam_goes_on_after_a_question_with_bad_tests(tmp_path: Path) -> None:
    watcher, student = Heard(), TableStudent(["sums"])
    exams = [OpenedExam("own", [BAD[0], GOOD])]
    [found] = evaluate(StudentSettings(), exams, None, watcher, student).exams
    assert (found.result.n, found.result.correct, found.not_counted) == (1, 1, 1)
    assert watcher.said[0].startswith("q-bad0 is not counted: total cannot be marked: the tests")
    with pytest.raises(ExamError, match="own: no answer has a verdict, 3 are not counted"):
        evaluate(StudentSettings(), [OpenedExam("own", BAD)], None, watcher, TableStudent(["sums"]))


def test_a_run_stops_at_a_question_with_bad_tests() -> None:
    with pytest.raises(ExamError, match="the tests fail of themselves"):
        list(examine(TableStudent(["sums"]), StudentSettings().model_ref, BAD, "dev"))


def test_a_name_that_is_not_defined_is_no_other_answer(tmp_path: Path) -> None:
    file = tmp_path / "responses.jsonl"
    responses = ["    return undefined\n", "    return 'this is not it'\n"]
    file.write_text("\n".join(json.dumps({"id": "q-1", "response": each}) for each in responses))
    found = mark_responses(OpenedExam("own", [GOOD]), file, None, NoWatcher())
    assert found.reasons == {"wrong: raises NameError": 1, "wrong: fails": 1}


def wrong(name: str, respond: Callable[[dict[str, str]], str], every: int) -> dict[str, str]:
    """Task → why, of the responses to every so manieth task that are marked wrong."""
    rows = [json.loads(line) for line in (DATA / name).read_text().splitlines()[::every]]
    answers = [
        CodeAnswer(stub=row["prompt"], tests=row["test"], entry_point=row["entry_point"])
        for row in rows
    ]
    with ThreadPoolExecutor(2) as pool:
        verdicts = list(pool.map(mark_code, map(respond, rows), answers))
    marked = zip(rows, verdicts, strict=True)
    return {row["task_id"]: verdict.why for row, verdict in marked if not verdict.correct}


@needs_data
def test_humanevals_own_solutions_pass() -> None:
    name = "humaneval/test.jsonl"
    assert wrong(name, lambda row: row["canonical_solution"], 2) == {}
    fenced = "Here it is:\n```python\n{prompt}{canonical_solution}```\n"
    assert wrong(name, lambda row: fenced.format(**row), 4) == {}


def test_a_run_leaves_questions_with_bad_tests_out_by_name_and_goes_on(tmp_path: Path) -> None:
    good = "def check(candidate):\n    assert candidate(2) == 4"
    bad = "def check(candidate):\n    assert candidate(2) == 4\n    undefined_name()"
    for name in ("practice", "dev", "test"):
        rows = [
            {
                "id": f"{name}-{n}",
                "prompt": f"Double the {name} number, version {n}.",
                "stub": "def double(x):",
                "tests": bad if n == 0 and name != "practice" else good,
                "solution": "def double(x):\n    return x * 2",
                "kind": "doubling",
            }
            for n in range(3)
        ]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    exam = {name: str(tmp_path / f"{name}.jsonl") for name in ("practice", "dev", "test")}
    config = parse_config({"name": "t", "exam": exam}, "test")
    student = TableStudent(["doubling"])
    report = run(config, tmp_path, student=student, cache=False)
    assert (report.status, report.test.base.n, report.test.base.accuracy) == (
        "target not proven",
        2,
        1,
    )
    assert report.rounds[0].dev is not None
    assert report.rounds[0].dev.n == 2
    lines = (tmp_path / "t" / "not-counted.jsonl").read_text().split()
    assert [f"{name}-0" in "".join(lines) for name in ("dev", "test", "practice")] == [1, 1, 0]
    assert resume(RunFolder(tmp_path / "t"), student=student, cache=False) == report


def test_a_box_that_broke_stops_a_run_since_it_may_hold_on_the_next_try(tmp_path: Path) -> None:
    config = parse_config({"name": "t", "exam": {"name": "arithmetic"}}, "test")
    folder, trace = RunFolder(tmp_path), Trace(tmp_path / "trace.jsonl")
    agents = open_agents(config, folder, trace, None, Given(student=TableStudent()))
    watcher = Heard()
    bad_tests = BadTests(Context(config, folder, trace, agents, watcher))
    with pytest.raises(BoxBroke, match="no memory"):
        bad_tests.add(GOOD, BoxBroke("no memory"))
    assert folder.not_counted.read() == []
    bad_tests.add(GOOD, ExamError("its tests fail"))
    assert [line.question_id for line in folder.not_counted.read()] == ["q-1"]
    assert watcher.said == ["q-1 is not counted: its tests fail"]
