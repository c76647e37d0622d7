"""How far a forecast of the learning curve can be trusted.

    python benchmarks/forecast.py

Prints, for curves that are known, how often the 95% interval holds the accuracy that the curve
reaches with twice and with ten times the rows, how often its upper end is not too low (`at
most`), how wide it is in points, and what is said of a target. The models share their dev
questions: a question that one knows, another mostly knows too. Each training adds noise of its
own. Where a curve flattens, the figures say how wrong the line is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from math import log2

import numpy as np
from numpy.typing import NDArray

from errata.agents.learning_curve import LearningCurve

ROWS = [37, 75, 150, 300]
DRAWS = 1000
CHURN = 0.42  # of the answers of two equally good models, this share is as if drawn anew
CURVES: dict[str, Callable[[float], float]] = {
    "5 points a doubling, 40% now": lambda rows: 0.40 + 0.05 * log2(rows / 300),
    "2 points a doubling, 12% now": lambda rows: 0.12 + 0.02 * log2(rows / 300),
    "8 points a doubling, 70% now": lambda rows: min(1.0, 0.70 + 0.08 * log2(rows / 300)),
    "nothing, 30% now": lambda rows: 0.30,
    "flattens: 45% at the most, 40% now": lambda rows: 0.45 - 0.05 * (300 / rows) ** 0.8,
    "flattens: 70% at the most, 50% now": lambda rows: 0.70 - 0.20 * (300 / rows) ** 0.4,
}


def answers(shares: NDArray[np.float64], n: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """(models, questions): each model knows its share of the questions."""
    ease = rng.random(n)
    keeps = rng.random((len(shares), n)) < (1 - CHURN) ** 0.5
    luck = rng.random((len(shares), n))
    known: NDArray[np.bool_] = np.where(keeps, ease, luck) < shares[:, None]
    return known


def main() -> None:
    rng = np.random.default_rng(0)
    for name, curve in CURVES.items():
        print(f"\n{name}: {curve(600):.0%} with twice the rows, {curve(3000):.0%} with ten times")
        print("  dev  noise  times  holds it   at most   width   too high by  of a target of 95%")
        for n in (90, 200):
            for noise in (0.0, 0.02, 0.04):
                show(curve, n, noise, rng)


def show(curve: Callable[[float], float], n: int, noise: float, rng: np.random.Generator) -> None:
    """`noise`: standard deviation of a model's accuracy over trainings."""
    curves = []
    for _ in range(DRAWS):
        shares = np.array([curve(rows) for rows in ROWS]) + noise * rng.normal(size=len(ROWS))
        curves.append(LearningCurve(ROWS, answers(np.clip(shares, 0, 1), n, rng)))
    for times in (2, 10):
        truth = min(1.0, curve(300 * times))
        found = [each.at(times) for each in curves]
        held = np.mean([each.ci95[0] <= truth <= each.ci95[1] for each in found])
        above = np.mean([truth <= each.ci95[1] for each in found])
        width = np.mean([each.ci95[1] - each.ci95[0] for each in found])
        off = np.mean([each.value - truth for each in found])
        said = ""
        if times == 10:
            counted = Counter(each.reaches(0.95) for each in curves)
            said = ", ".join(f"{what} {count / DRAWS:.0%}" for what, count in counted.items())
        print(
            f"  {n:3}  {100 * noise:4.0f}   {times:4}   {held:7.1%}   {above:7.1%}  "
            f"{100 * width:5.0f}  {100 * off:+10.1f}   {said}"
        )


if __name__ == "__main__":
    main()
