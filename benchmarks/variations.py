"""For how many questions the offline writer can write a new one, and whether it is right.

    python benchmarks/variations.py gsm8k=GSM8K_FOLDER --split train
    python benchmarks/variations.py gsm8k=GSM8K_FOLDER --split train --sample 50

Each question counts as missed without an answer; one new question is asked for. Every equation
of the new working is derived again with Python's own parser and exact fractions, which share no
code with the writer, and so is the final answer. `--sample` prints some for the eye.
"""

from __future__ import annotations

import argparse
import ast
import operator
import random
import re
from collections import Counter
from contextlib import suppress
from fractions import Fraction

from errata.agents.exams import named_questions
from errata.agents.records import Diagnosis, Draft, Question
from errata.agents.testing.mistakes import missed
from errata.agents.variations import VariationsInstructor, VariationsWriter

SIGNS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul}


def derive(node: ast.expr) -> Fraction:
    """Value of a sum, difference, product or quotient of numbers."""
    match node:
        case ast.Constant(value=int() | float() as number):
            return Fraction(str(number))
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return -derive(inner)
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return derive(left) / derive(right)
        case ast.BinOp(left=left, op=op, right=right):
            result: Fraction = SIGNS[type(op)](derive(left), derive(right))
            return result
    raise ValueError(ast.dump(node))


def wrong_lines(draft: Draft) -> list[str] | None:
    """Lines of the working whose sides differ, and a last line that is no result.

    None where no equation could be derived.
    """
    wrong = []
    results: set[Fraction] = set()
    *working, last = draft.completion.splitlines()
    for line in working:
        for text in re.findall(r"<<(.*?)>>", line) or [line]:
            # A word where a number is wanted, as in `4 * side`, ends a calculation.
            left, *right = re.sub(r"[+*]\s*[^\W\d_]{2,}", ";", text).split("=")
            before = value_at_end(left)
            for side in right:
                after = value_at_start(side)
                if before is not None and after is not None:
                    results |= {before, after}
                    if abs(before - after) > Fraction(1, 100):
                        wrong.append(line)
                before = value_at_end(side)
    if not results:
        return None
    answer = Fraction(re.sub(r"[^\d./-]", "", last.removeprefix("####")))
    if all(abs(answer - result) > Fraction(1, 100) for result in results):
        wrong.append(last)
    return wrong


def value_at_end(side: str) -> Fraction | None:
    """Value of the longest calculation that ends the text; words in it count as units."""
    found = tokens(side.rpartition(";")[2])
    values = (value(found[at:]) for at, token in enumerate(found) if token[0] in "(.0123456789")
    return next((known for known in values if known is not None), None)


def value_at_start(side: str) -> Fraction | None:
    """Value of the longest calculation that begins the text."""
    found = tokens(side.partition(";")[0])
    values = (value(found[:end]) for end in range(len(found), 0, -1))
    return next((known for known in values if known is not None), None)


def tokens(side: str) -> list[str]:
    """Numbers and signs in Python's spelling."""
    side = re.sub(r"(?<=\d),(?=\d{3})", "", side)
    side = re.sub(r"(?<=[\d\s)])[xX](?=[\d\s($])", "*", side)
    side = re.sub(r"[-/]\s?[^\W\d_][\w'\u2019-]*", " ", side)  # 30-day, per mile: $2 / mile
    side = re.sub(r"(\d+(?:\.\d+)?|\.\d+)\s?%", r"(\1/100)", side)
    side = side.translate(str.maketrans("\u00d7\u00f7\u2212\u2013", "*/--"))
    side = re.sub(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*", " ", side)  # words, units
    return re.findall(r"\d+(?:\.\d+)?|\.\d+|[-+*/()]", side)


def value(found: list[str]) -> Fraction | None:
    plain = " ".join(token.lstrip("0") or "0" if token.isdigit() else token for token in found)
    with suppress(SyntaxError, ValueError, KeyError, ZeroDivisionError):
        return derive(ast.parse(plain, mode="eval").body)
    return None


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("exam", help="as `errata exam` takes it: gsm8k=FOLDER, a file, arithmetic")
    parser.add_argument("--split", default="train")
    parser.add_argument("--sample", type=int, default=0, help="new questions to print")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    questions = named_questions(given.exam, given.seed, None, split=given.split)
    reasons: Counter[str] = Counter()
    written: list[tuple[Question, Draft]] = []
    faults: list[tuple[Draft, list[str]]] = []
    underived: list[Draft] = []
    writer = VariationsWriter()
    for question in questions:
        mistake = missed(question)
        [diagnosis] = VariationsInstructor().diagnose([mistake])
        if not isinstance(diagnosis, Diagnosis):
            reasons[diagnosis.reason] += 1
            continue
        [draft] = writer.draft_one(mistake, diagnosis, 1, given.seed)
        if not isinstance(draft, Draft):
            reasons[draft.reason] += 1
            continue
        written.append((question, draft))
        wrong = wrong_lines(draft)
        if wrong is None:
            underived.append(draft)
        elif wrong:
            faults.append((draft, wrong))
    share = len(written) / len(questions)
    print(f"new questions for {len(written):,} of {len(questions):,} ({share:.1%})")
    held = len(written) - len(faults) - len(underived)
    unread = f"{len(underived)} cannot be read by this script"
    print(f"derived again: {held:,} hold, {len(faults)} do not, {unread}")
    for draft, lines in faults[:20]:
        print(f"  {lines} in: {draft.prompt}")
    print("not written:")
    for reason, count in reasons.most_common(12):
        print(f"{count:7,}  {reason}")
    chosen = random.Random(given.seed).sample(written, min(given.sample, len(written)))
    for question, draft in chosen:
        print(f"\n{'-' * 80}\nfrom: {question.prompt}")
        print(f"\nnew:  {draft.prompt}\n\n{draft.completion}")


if __name__ == "__main__":
    main()
