"""What a calibration says of judges whose errors are known, against the truth.

    python benchmarks/judge_calibration.py [LABELLED] [DRAWS]

Each judge is a double with a stated error rate. LABELLED answers (100), half of them right, are
drawn DRAWS times (1000) and judged three times each, as `errata judge` does it.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean

from errata.agents.calibration import Calibration, Labelled, compared

KAPPA_AT_LEAST = 0.6


@dataclass(frozen=True)
class Double:
    """A judge whose chance to err is known."""

    name: str
    error: Callable[[Labelled, str], float]
    """Chance of a wrong verdict on an answer, asked in a way: `plain`, `again` or `turned`."""
    fixed: bool = False
    """It errs on the same answers whenever it is asked."""

    def verdicts(self, labelled: list[Labelled], rng: random.Random) -> list[dict[int, bool]]:
        """Of the three ways, by the place of the answer."""
        found: list[dict[int, bool]] = []
        luck = [rng.random() for _ in labelled]
        for how in ("plain", "again", "turned"):
            if found and not self.fixed:
                luck = [rng.random() for _ in labelled]
            found.append(
                {
                    at: one.right != (luck[at] < self.error(one, how))
                    for at, one in enumerate(labelled)
                }
            )
        return found


def sides_with_length(one: Labelled, how: str) -> float:
    return 0.6 if not one.right and len(one.response) > 200 else 0.03


def sides_with_order(one: Labelled, how: str) -> float:
    return 0.5 if how == "turned" and not one.right else 0.03


JUDGES = (
    Double("errs on 5% by chance", lambda one, how: 0.05),
    Double("errs on 15% by chance", lambda one, how: 0.15),
    Double("errs on the same 15%", lambda one, how: 0.15, fixed=True),
    Double("errs on 30% by chance", lambda one, how: 0.30),
    Double("swayed by length", sides_with_length),
    Double("swayed by order", sides_with_order),
    Double("calls all right", lambda one, how: 0.0 if one.right else 1.0),
)


def drawn(n: int, rng: random.Random) -> list[Labelled]:
    """Answers, half of them right, half of them long."""
    return [
        Labelled(prompt="p", target="t", response="x" * rng.choice((100, 300)), right=at % 2 == 0)
        for at in range(n)
    ]


def truth(judge: Double) -> tuple[float, float]:
    """Chance to call a right answer right, and a wrong one wrong, in an exam."""
    found = []
    for right in (True, False):
        lengths = [Labelled(prompt="p", response="x" * n, right=right) for n in (100, 300)]
        found.append(1 - fmean(judge.error(one, "plain") for one in lengths))
    return found[0], found[1]


def rows(n: int, draws: int, seed: int = 0) -> list[dict[str, str]]:
    """A row of the table for each judge."""
    table = []
    for judge in JUDGES:
        rng = random.Random(f"{seed}/{judge.name}")
        calibrations: list[Calibration] = []
        for _ in range(draws):
            labelled = drawn(n, rng)
            calibrations.append(compared(labelled, *judge.verdicts(labelled, rng)))
        finds_right, finds_wrong = truth(judge)
        kappa = finds_right + finds_wrong - 1  # where half of the answers are right
        held = fmean(c.kappa_ci95[0] <= kappa + 1e-9 and kappa - 1e-9 <= c.kappa_ci95[1]
                     for c in calibrations)  # fmt: skip
        table.append(
            {
                "judge": judge.name,
                "true kappa": f"{kappa:.2f}",
                "said, mean": f"{fmean(c.kappa for c in calibrations):.2f}",
                "interval holds it": f"{held:.1%}",
                "refused": f"{fmean(c.kappa < KAPPA_AT_LEAST for c in calibrations):.1%}",
                "flips again": share([c.flips_again for c in calibrations]),
                "flips turned": share([c.flips_turned for c in calibrations]),
                "agrees short": share([c.agrees_short for c in calibrations]),
                "agrees long": share([c.agrees_long for c in calibrations]),
                "10 points show as": f"{10 * kappa:.1f}",
            }
        )
    return table


def share(counts: list[tuple[int, int]]) -> str:
    return f"{sum(count for count, _ in counts) / sum(of for _, of in counts):.0%}"


def main(n: int = 100, draws: int = 1000) -> None:
    table = rows(n, draws)
    print(f"{n} labelled answers, {draws} draws, refused below kappa {KAPPA_AT_LEAST}\n")
    names = list(table[0])
    print("| " + " | ".join(names) + " |")
    print("|" + " --- |" * len(names))
    for row in table:
        print("| " + " | ".join(row[name] for name in names) + " |")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
