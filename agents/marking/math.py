"""Marking mathematics: whether a LaTeX answer is worth the same as the target, as MATH asks it.

The comparison is Hugging Face's math-verify (github.com/huggingface/Math-Verify), in a child
process: what it takes to simplify an answer has no bound, and its own time limit works in the main
thread only.
"""

from __future__ import annotations

import atexit
import re
import sys
from contextlib import suppress
from threading import Lock

from errata.agents.errors import StepFailed
from errata.agents.marking.child import Child
from errata.agents.marking.number import NEXT_QUESTION
from errata.agents.records import Verdict

DECIDE_S = 5
"""Processor time for one answer, in seconds; an answer that takes longer is wrong."""

WAIT_S = 120
"""Time on the clock for the child to start, and for one answer on a machine that is too busy."""

LONGEST = 2000
"""Characters of an answer; a longer one is wrong."""

TOKEN = re.compile(r"\\(?:boxed|fbox)[ ]?\{|\\.|[{}]", re.DOTALL)
STATED = re.compile(
    r"(?:(?P<mark>\#{4}+|<answer>)|\banswer[*_]*+(?:\s++is\b|\s*+:))[*_:\s]*+", re.IGNORECASE
)
FORMULA = re.compile(
    r"\$\$?+([^$]++(?:(?<=\\)\$[^$]*+)*+)\$\$?|\\\(((?:[^\\]|\\[^)])*+)\\\)"
    r"|\\\[((?:[^\\]|\\[^\]])*+)\\\]"
)
ALSO = re.compile(r"[$\s]*+(?:,?\s*+(?:and|or)\b|,)[\s$]*+")
SENTENCE_ENDS = re.compile(r"[.!]\s|,?\s(?:because|since|which|as)\b|</answer>", re.IGNORECASE)
UNIT = re.compile(r"(?<=[0-9}])\s++[A-Za-z]{2,}[A-Za-z ]*+\Z")


def mark_math(response: str, target: str) -> Verdict:
    """The verdict on a response that gives a formula, number, set, interval or word in LaTeX.

    What counts, the first of these that there is: the last box (with those joined to it by `and`,
    `or` or a comma), what follows the last `####` or `<answer>`, what follows the last `answer is`
    or `answer:`, the last formula of the last line, the last line. Where the text goes on with
    another `Question:` after that, it is not read.

    Right is what math-verify finds equal, by value or symbolically; an answer in words must be the
    same word. What cannot be decided within `DECIDE_S` seconds of computing, or is longer than
    `LONGEST` characters, is wrong, and `why` says so.

    Raises:
        ValueError: `target` is empty or longer than `LONGEST` characters.
        StepFailed: The process that compares cannot be started.
    """
    if not is_target(target):
        raise ValueError(f"the target {target[:60]!r} is empty or too long for an answer")
    answer = stated_answer(response)
    if not answer:
        return Verdict(correct=False, answer=None, why="no answer is stated")
    if len(answer) > LONGEST:
        why = f"the answer is longer than {LONGEST:,} characters"
        return Verdict(correct=False, answer=None, why=why)
    equal = JUDGE.equal(bare(target), answer)
    if equal is None:
        return Verdict(correct=False, answer=answer, why=f"not decided in {DECIDE_S} s")
    why = f"{answer} is the target" if equal else f"{answer} is not {target}"
    return Verdict(correct=equal, answer=answer, why=why)


def is_target(target: str) -> bool:
    """Whether `mark_math` can mark against `target`."""
    return bool(bare(target)) and len(target) <= LONGEST


def stated_answer(response: str) -> str:
    """The LaTeX of the answer that counts, without dollar signs; empty when there is none."""
    found = boxes(response)
    if found:
        text = before_next_question(response, found[0][1])
        found = [box for box in found if box[1] <= len(text)]
        start, end = found.pop()
        parts = [text[start:end]]
        # the brace that closes a box, and the `\boxed{` that opens the next
        while found and ALSO.fullmatch(text[found[-1][1] + 1 : start].rpartition("\\")[0]):
            start, end = found.pop()
            parts.insert(0, text[start:end])
        return ", ".join(map(bare, parts))
    stated = [*STATED.finditer(response)]
    if stated:
        text = before_next_question(response, stated[0].end())
        stated = [match for match in stated if match.end() <= len(text)]
        last = next((match for match in reversed(stated) if match["mark"]), stated[-1])
        return sentence_of(text[last.end() :].partition("\n")[0])
    line = response.strip().rpartition("\n")[2]
    formulas = [*FORMULA.finditer(line)] if len(line) <= LONGEST else []
    return bare(formulas[-1].group()) if formulas else sentence_of(line)


def before_next_question(text: str, at: int) -> str:
    question = NEXT_QUESTION.search(text, at)
    return text[: question.start()] if question else text


def boxes(text: str) -> list[tuple[int, int]]:
    r"""Start and end of what is in each `\boxed{}` that is closed; of nested ones the outermost."""
    open_braces: list[int | None] = []  # where the content of a box starts; None: another brace
    found: list[tuple[int, int]] = []
    for token in TOKEN.finditer(text):
        if len(token.group()) > 2:
            open_braces.append(token.end())
        elif token.group() == "{":
            open_braces.append(None)
        elif token.group() == "}" and open_braces:
            start = open_braces.pop()
            if start is not None:
                while found and found[-1][0] > start:
                    found.pop()
                found.append((start, token.start()))
    return found


def sentence_of(text: str) -> str:
    """The answer at the beginning of `text`: its formula, with others joined to it, or sentence."""
    if len(text) > LONGEST:
        ends = SENTENCE_ENDS.search(text, 0, LONGEST)
        return bare(text[: ends.start()]) if ends else text
    parts = []
    formula = FORMULA.match(text)
    while formula:
        parts.append(bare(formula.group()))
        also = ALSO.match(text, formula.end())
        formula = FORMULA.match(text, text.find("$", also.start(), also.end())) if also else None
    if parts:
        return ", ".join(parts)
    ends = SENTENCE_ENDS.search(text)
    return UNIT.sub("", bare(text[: ends.start()] if ends else text))


def bare(text: str) -> str:
    """`text` without dollar signs and other marks around it, on one line."""
    text = " ".join(text.split())
    # a box within would be taken for the whole answer
    text = re.sub(r"\\(?:boxed|fbox)(?=[ ]?\{)", "", text)
    text = re.sub(r"(?<!\\)\$|\\[()\[\]](?![A-Za-z])|\*\*|`", "", text)
    return text.strip(" .,;:*_")


class Judge:
    """A child process that compares answers, one at a time, for as long as it lives.

    It is started at the first answer, and again after one that it could not decide. It ends itself
    after `DECIDE_S` of computing, and when its parent is gone.
    """

    def __init__(self) -> None:
        self.lock = Lock()
        self.child = Child("errata.agents.marking.math_judge")

    def equal(self, target: str, answer: str) -> bool | None:
        """Whether math-verify finds the two equal; None when it could not say in time.

        Raises:
            StepFailed: The child cannot be started.
        """
        asked = {"target": target, "answer": answer, "seconds": DECIDE_S}
        with self.lock:
            if not self.child.alive:
                self.start()
            reply = None
            with suppress(TimeoutError):
                reply = self.child.ask(asked, WAIT_S)
            if reply is None:
                self.child.close()
                return None
            return bool(reply["equal"])

    def start(self) -> None:
        ready = None
        with suppress(TimeoutError):
            ready = self.child.start(WAIT_S)
        if ready is None:
            self.child.close()
            raise StepFailed(
                "the process that compares formulas did not start; to see why, run "
                f"`{sys.executable} -m errata.agents.marking.math_judge`"
            )


JUDGE = Judge()
atexit.register(JUDGE.child.close)
