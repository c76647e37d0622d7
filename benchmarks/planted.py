"""What the checks and the votes make of bad examples that are planted among good ones.

    python benchmarks/planted.py
    python benchmarks/planted.py --gsm8k GSM8K_FOLDER --gsm-plus GSM_PLUS_FOLDER
    python benchmarks/planted.py --svamp SVAMP.jsonl --mmlu MMLU_FOLDER

Held-out questions, verbatim and in other words with their numbers kept: none may be accepted.
Wrong answers that hold together in themselves (another operation, another number, off by one):
refused by the votes of a solver that errs at a stated rate, half of its errors on the planted
answer; and by `variations` alone. The questions are made from a seed; with real files, GSM-Plus's
questions of the kind "problem understanding" are GSM8K's test questions reworded by another model.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from planting import MAKERS, ToldApart, contaminated, missed, varied, voted

from errata.agents.exams import ArithmeticExam, FileSet, HeldOut, named_questions
from errata.agents.exams.files import read_questions
from errata.agents.records import Diagnosis, Draft, Question
from errata.agents.variations import VariationsInstructor, VariationsWriter

VOTES = ((0.05, 3, 2), (0.20, 3, 2), (0.20, 11, 6))
"""Rate of error, votes, agreement."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--right", type=int, default=1000)
    parser.add_argument("--wrong", type=int, default=200)
    parser.add_argument("--programs", type=int, default=60, help="of code, which runs in a box")
    parser.add_argument("--formulas", type=int, default=200, help="of math, which has a judge")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--gsm8k", type=Path)
    parser.add_argument("--gsm-plus", type=Path)
    parser.add_argument("--svamp", type=Path, help="in errata's own format")
    parser.add_argument("--mmlu", type=Path)
    given = parser.parse_args()

    print("held-out questions accepted: verbatim, reworded, reworded with other names")
    for kind in MAKERS:
        count = min(100, {"code": given.programs, "math": given.formulas}.get(kind, 100))
        found = contaminated(kind, count, 3 * count, given.seed)
        said = ", ".join(f"{a} of {n}" for a, n in zip(found.accepted, found.planted, strict=True))
        print(f"{kind:10} {said}; honest ones refused: {found.refused} of {found.honest}")

    print("\nwrong answers among right ones, by votes")
    for kind in MAKERS:
        right, wrong = given.right, given.wrong
        if kind in ("code", "math"):
            right = given.programs if kind == "code" else given.formulas
            wrong = right // 5
        for rate, votes, agreement in VOTES[:1] if kind == "code" else VOTES:
            told = voted(kind, right, wrong, rate, votes, agreement, given.seed)
            show(f"{kind}, errs {rate:.0%}, {agreement} of {votes}", told)

    print("\nwrong answers among right ones, by variations alone")
    exams = {"arithmetic": ArithmeticExam(name="arithmetic").read()[0]}
    if given.svamp:
        exams["svamp"] = read_questions(FileSet(file=given.svamp))[:500]
    if given.gsm8k:
        exams["gsm8k"] = named_questions(f"gsm8k={given.gsm8k}", split="train")[:2000]
    for name, questions in exams.items():
        show(name, varied(questions, given.right, given.wrong, given.seed))
    real(given)


def show(name: str, told: ToldApart) -> None:
    refused = told.wrong - told.missed
    drafts = told.right + told.wrong
    cost = f", {told.solutions / drafts:.2f} solutions a draft" if told.solutions else ""
    print(
        f"{name:28} refused {refused} of {told.wrong} wrong ({refused / told.wrong:.1%}), lost "
        f"{told.lost} of {told.right} right ({told.lost / told.right:.1%}){cost}"
    )


def real(given: argparse.Namespace) -> None:
    """Files of real exams."""
    if given.gsm8k:
        test = named_questions(f"gsm8k={given.gsm8k}", split="test")
        train = named_questions(f"gsm8k={given.gsm8k}", split="train")
        sealed = HeldOut(test, train)
        print("\nGSM8K's test questions are held out, its training questions are practised")
        tally("the test questions themselves", test, sealed)
        tally("training questions, each as if it was new", train, HeldOut(test))
        if given.gsm_plus:
            plus = named_questions(f"gsm-plus={given.gsm_plus}", skipped=[])
            reworded = [q for q in plus if q.kind == "problem understanding"]
            tally("GSM-Plus's rewordings of test questions", reworded, sealed)
        tally("variations of training questions", variations(train[:3000], given.seed), sealed)
    if given.svamp:
        own = read_questions(FileSet(file=given.svamp))
        sealed = HeldOut(own[500:], own[:500])
        print("\nSVAMP, the last 500 held out, the first 500 practised")
        tally("the held-out questions themselves", own[500:], sealed)
        tally("variations of practice questions", variations(own[:500] * 4, given.seed), sealed)
    if given.mmlu:
        own = named_questions(f"mmlu={given.mmlu}")
        random.Random(given.seed).shuffle(own)
        print("\nMMLU, one half held out, a quarter practised, a quarter as if it was new")
        half, quarter = len(own) // 2, len(own) // 4
        sealed = HeldOut(own[:half], own[half : half + quarter])
        tally("the held-out questions themselves", own[:half], sealed)
        tally("others", own[half + quarter :], sealed)


def tally(name: str, asked: Sequence[Question | Draft], sealed: HeldOut) -> None:
    found = [sealed.resemblance(each) for each in asked]
    reasons = Counter(each.how for each in found if each is not None)
    refused = reasons.total()
    said = ", ".join(f"{how} {n}" for how, n in reasons.most_common())
    print(f"{name}: refused {refused} of {len(asked)} ({refused / len(asked):.2%}) {said}")


def variations(questions: Sequence[Question], seed: int) -> list[Draft]:
    drafts = []
    for number, question in enumerate(questions):
        [diagnosis] = VariationsInstructor().diagnose([missed(question)])
        if isinstance(diagnosis, Diagnosis):
            drafts += VariationsWriter().draft_one(missed(question), diagnosis, 1, seed + number)
    return [draft for draft in drafts if isinstance(draft, Draft)]


if __name__ == "__main__":
    main()
