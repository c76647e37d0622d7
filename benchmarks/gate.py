"""How often the gate promotes what is no better, and sees what is: simulated runs, real `judge`.

    python benchmarks/gate.py [RUNS]

A simulated question is easy or hard for a model: it is answered rightly with chance 0.887 or 0.113,
so that two equal models differ in a fifth of their answers. RUNS is 2000 when not said.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from errata.agents.promotion import (
    ALPHA,
    Compared,
    Gate,
    Promotion,
    judge,
    level_of,
    power,
    practice_guards,
)
from errata.agents.records import Attempt, Question
from errata.agents.testing.mistakes import attempt_at

HARD = (1 - 0.6**0.5) / 2  # 2 · HARD · (1 - HARD) = 0.2
KINDS = "abcde"

Easy = list[bool]
"""For each question, whether it is easy for a model."""

Learn = Callable[[random.Random, int, Easy], Easy]
"""(round, the best model's easy questions) → the candidate's."""


class Exam:
    """Questions and their attempts, made once."""

    def __init__(self, n: int, kinds: bool = False) -> None:
        """`kinds`: of five kinds, and the base model knows the first one."""
        self.n = n
        self.known = n // len(KINDS) if kinds else 0
        self.questions = [
            Question(
                id=f"q{at}",
                prompt="?",
                target="1",
                kind=KINDS[at * len(KINDS) // n] if kinds else None,
            )
            for at in range(n)
        ]
        self.marked = [
            [attempt_at(question, correct) for correct in (False, True)]
            for question in self.questions
        ]

    def base(self, rng: random.Random) -> Easy:
        return [at < self.known or rng.random() < 0.5 for at in range(self.n)]

    def ask(self, rng: random.Random, easy: Easy) -> list[Attempt]:
        return [
            pair[rng.random() < (1 - HARD if easily else HARD)]
            for pair, easily in zip(self.marked, easy, strict=True)
        ]


def changed(rng: random.Random, easy: Easy, points: float) -> Easy:
    """So many hard questions become easy, or easy ones hard, that accuracy changes by `points`."""
    share = 2 * abs(points) / 100 / (1 - 2 * HARD)  # of those that can: half of all
    return [
        (points > 0) if easily != (points > 0) and rng.random() < share else easily
        for easily in easy
    ]


def nothing(rng: random.Random, index: int, best: Easy) -> Easy:
    return best


def worse(rng: random.Random, index: int, best: Easy) -> Easy:
    return changed(rng, best, -5)


def better_once(rng: random.Random, index: int, best: Easy) -> Easy:
    return changed(rng, best, 15) if index == 1 else best


def lifts_three_kinds_ruins_one(rng: random.Random, index: int, best: Easy) -> Easy:
    fifth = len(best) // 5
    return [False] * fifth + [True] * 3 * fifth + best[4 * fifth :]


@dataclass(frozen=True)
class Round:
    promotion: Promotion
    better: bool
    """Whether the candidate is truly better."""


def simulated(
    rng: random.Random, exam: Exam, learn: Learn, gate: Gate, rounds: int, guarded: bool = False
) -> Iterator[Round]:
    """The rounds of one run."""
    best = exam.base(rng)
    best_dev, best_practice = exam.ask(rng, best), exam.ask(rng, best)
    history: list[bool] = []
    for index in range(1, rounds + 1):
        candidate = learn(rng, index, best)
        dev, practice = exam.ask(rng, candidate), exam.ask(rng, candidate)

        compared = Compared(exam.questions, best_practice, practice)
        asked = partial(practice_guards, compared) if guarded else tuple
        promotion = judge(Compared(exam.questions, best_dev, dev), history, rounds, gate, asked)
        yield Round(promotion, sum(candidate) > sum(best))
        history.append(promotion.promoted)
        if promotion.promoted:
            best, best_dev, best_practice = candidate, dev, practice


def share_false(
    runs: int, learn: Learn, gate: Gate, rounds: int, n: int = 200, seed: int = 0
) -> float:
    """Share of runs that promote a candidate that is no better than the best model."""
    rng = random.Random(seed)
    exam = Exam(n)
    false = sum(
        any(one.promotion.promoted and not one.better for one in played)
        for played in (simulated(rng, exam, learn, gate, rounds) for _ in range(runs))
    )
    return false / runs


def verdicts(
    runs: int, learn: Learn, gate: Gate = "sure", rounds: int = 1, n: int = 200, seed: int = 0
) -> list[Promotion]:
    """Of the first round of each run, with practice guarded by kind."""
    rng = random.Random(seed)
    exam = Exam(n, kinds=True)
    return [
        next(simulated(rng, exam, learn, gate, rounds, guarded=True)).promotion for _ in range(runs)
    ]


def seen(runs: int, points: float, n: int, rounds: int, seed: int = 0) -> tuple[float, float]:
    """Share of first rounds that promote a candidate with this true gain; and the exact power."""
    rng = random.Random(seed)
    exam = Exam(n)

    def gains(rng: random.Random, index: int, best: Easy) -> Easy:
        return changed(rng, best, points)

    promoted = sum(
        next(simulated(rng, exam, gains, "sure", rounds)).promotion.promoted for _ in range(runs)
    )
    share = points / 100 / (1 - 2 * HARD)  # of all questions became easy
    churn = (1 - share) * 0.2 + share * (HARD**2 + (1 - HARD) ** 2)
    return promoted / runs, power(n, points / 100, level_of([], rounds, 0.05), churn)


def heading(*names: str) -> None:
    print(f"| {' | '.join(names)} |\n{'| --- ' * len(names)}|")


def main(arguments: Sequence[str]) -> None:
    runs = int(arguments[0]) if arguments else 2000
    print(f"Runs that promote what is no better, of {runs}, 200 dev questions:\n")
    print(
        "| the trainer | gate | allowed | 3 rounds | 10 rounds |\n| --- | --- | --- | --- | --- |"
    )
    for name, learn in (("does nothing", nothing), ("better once, then nothing", better_once)):
        for gate, alpha in ALPHA.items():
            found = [share_false(runs, learn, gate, rounds) for rounds in (3, 10)]
            allowed = "" if alpha is None else f"{alpha:.0%}"
            print(f"| {name} | {gate} | {allowed} | {found[0]:.1%} | {found[1]:.1%} |", flush=True)
    for gate in ALPHA:
        found = [share_false(200, worse, gate, rounds) for rounds in (3, 10)]
        print(
            f"| 5 points worse each time, 200 runs | {gate} | | {found[0]:.1%} | {found[1]:.1%} |"
        )
    print("\nFirst rounds that promote a true gain, gate sure, of 3 rounds:\n")
    heading("gain", "dev questions", "simulated", "exact power")
    for points, n in ((5, 200), (5, 500), (10, 90), (10, 200), (15, 90)):
        share, expected = seen(runs, points, n, 3)
        print(f"| {points} points | {n} | {share:.1%} | {expected:.1%} |", flush=True)
    print("\nFirst rounds, gate sure, 200 dev and 200 practice questions of five kinds:\n")
    print(
        "| the trainer | better on dev | refused by a guard | promoted |\n| --- | --- | --- | --- |"
    )
    for name, learn in (
        ("lifts three kinds, ruins one that was known", lifts_three_kinds_ruins_one),
        ("15 points better in all kinds", better_once),
    ):
        decided = verdicts(runs, learn)
        lost = [one for one in decided if one.verdict == "regressed"]
        passed = len(lost) + sum(one.promoted for one in decided)
        print(f"| {name} | {passed} | {len(lost)} | {passed - len(lost)} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
