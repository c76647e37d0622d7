"""The same questions under several seeds: what an accuracy or a difference is, and how sure.

A question is one draw however often it was asked: its answers under several seeds, and those to
its variants, are no independent coins. A seed is another draw: of the examples, the order of
training, the new weights. So with several seeds an interval covers other questions of the same
exams and other seeds; with one seed it covers other questions only.

For questions i = 1 … n and seeds s = 1 … S, the mean of a table of values v[i, s] has the variance

    V = V_questions + V_seeds

V_questions is that of the questions' means over the seeds, clustered (Miller 2024, arXiv
2411.00640, section 2.2); V_seeds is the variance of the seeds' means, over S. What the answers
scatter beyond questions and seeds is in both, so the interval errs on the wide side. It takes
Student's t with (S - 1) V² / V_seeds² degrees of freedom (Satterthwaite, Biometrics Bulletin 2,
1946): a few seeds that disagree make it wide.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import erfc, exp, inf, lgamma, log, log1p, sqrt
from statistics import fmean, variance

from errata.agents.records import Record
from errata.agents.scores import Z95


class Pooled(Record):
    """A mean over questions and seeds, with its 95% interval."""

    value: float
    ci95: tuple[float, float]
    seeds: tuple[float, ...]
    """The same figure of each seed by itself."""


class Difference(Pooled):
    """A paired difference."""

    p: float
    """How often one as large comes up where there is none, two-sided; of one exam and one seed
    exact, by a sign test."""


@dataclass(frozen=True)
class Sittings:
    """One exam, sat once with each seed."""

    values: Sequence[Sequence[float]]  # (questions, seeds)
    groups: Sequence[str]  # (questions,): what counts as one question has one name


@dataclass(frozen=True)
class Variance:
    """Of a mean, in its parts."""

    questions: float
    seeds: float
    n_seeds: int

    @property
    def total(self) -> float:
        return self.questions + self.seeds

    @property
    def df(self) -> float:
        """Degrees of freedom; infinite where the seeds agree, or there is but one."""
        ratio = self.total / self.seeds if self.seeds else inf
        return (self.n_seeds - 1) * ratio**2 if self.n_seeds > 1 else inf


def pooled_accuracy(exams: Sequence[Sittings]) -> Pooled:
    """Share of right answers, each exam counting alike; Wilson's interval on the number of
    independent questions that would have this variance."""
    value, found, seeds = mean_of(exams, pseudo=0)
    n = float(sum(len(exam.values) for exam in exams))
    if found.total > 0:
        n = value * (1 - value) / found.total
    z = quantile(found.df)
    centre = value + z**2 / (2 * n)
    spread = z * sqrt(max(0.0, value * (1 - value)) / n + z**2 / (4 * n**2))
    scale = 1 + z**2 / n
    low, high = (centre - spread) / scale, (centre + spread) / scale
    return Pooled(value=value, ci95=(max(0.0, low), min(1.0, high)), seeds=seeds)


def pooled_difference(first: Sequence[Sittings], second: Sequence[Sittings]) -> Difference:
    """Paired difference `first` - `second` on the same questions, each exam counting alike.

    With one exam and one seed it is `paired_gain`'s interval: half a question is added to each of
    the four ways in which a pair can come out (Agresti & Min, Statistics in Medicine 24, 2005), so
    that two models that differ in one question are not taken to be sure of it.

    Args:
        first, second: The same exams in the same order, sat with the same seeds.
    """
    exams = [minus(*pair) for pair in zip(first, second, strict=True)]
    value, _, seeds = mean_of(exams, pseudo=0)
    centre, found, _ = mean_of(exams, pseudo=2)
    spread = quantile(found.df) * sqrt(found.total)
    if len(exams) == 1 and found.n_seeds == 1:
        changes = net_changes(exams[0])
        p = sign_test(sum(x > 0 for x in changes), sum(x < 0 for x in changes))
    else:
        p = two_sided(abs(centre) / sqrt(found.total), found.df)
    return Difference(
        value=value, ci95=(max(-1.0, centre - spread), min(1.0, centre + spread)), seeds=seeds, p=p
    )


def minus(first: Sittings, second: Sittings) -> Sittings:
    rows = zip(first.values, second.values, strict=True)
    return Sittings([[a - b for a, b in zip(*row, strict=True)] for row in rows], first.groups)


def mean_of(exams: Sequence[Sittings], pseudo: int) -> tuple[float, Variance, tuple[float, ...]]:
    """The mean, its variance, and each seed's mean; exams share no question.

    Args:
        pseudo: Questions that are added, half of them worth 1/2, half -1/2, of variance 1/2 each.
    """
    n_seeds = len(exams[0].values[0])
    seeds = tuple(
        fmean(fmean(row[at] for row in exam.values) for exam in exams) for at in range(n_seeds)
    )
    centres, variances = zip(*(mean_over_questions(exam, pseudo) for exam in exams), strict=True)
    found = Variance(
        questions=sum(variances) / len(exams) ** 2,
        seeds=variance(seeds) / n_seeds if n_seeds > 1 else 0.0,
        n_seeds=n_seeds,
    )
    return fmean(centres), found, seeds


def mean_over_questions(exam: Sittings, pseudo: int) -> tuple[float, float]:
    """One exam's mean, and its variance from questions."""
    n = len(exam.values)
    means = [fmean(row) for row in exam.values]
    centre = sum(means) / (n + pseudo)
    squares = sum((total - count * centre) ** 2 for total, count in clusters(exam, means))
    squares += pseudo * (0.5 + centre**2)
    return centre, squares / (n + pseudo) ** 2


def clusters(exam: Sittings, means: Sequence[float]) -> Iterable[tuple[float, int]]:
    """(sum of the questions' means, questions) of each group."""
    found: dict[str, tuple[float, int]] = defaultdict(lambda: (0.0, 0))
    for name, mean in zip(exam.groups, means, strict=True):
        total, count = found[name]
        found[name] = (total + mean, count + 1)
    return found.values()


def net_changes(exam: Sittings) -> list[float]:
    """Of each group, over its questions and seeds."""
    return [total for total, _ in clusters(exam, [sum(row) for row in exam.values])]


def sign_test(fixed: int, broken: int) -> float:
    """Exact two-sided p of `fixed` against `broken`: under no difference each is a fair coin.

    McNemar's test in its exact form (Psychometrika 12, 1947).
    """
    n = fixed + broken
    tail, ways = 0, 1
    for k in range(min(fixed, broken) + 1):  # each from the one before: n may be 100,000
        tail += ways
        ways = ways * (n - k) // (k + 1)
    return min(1.0, 2 * tail / (1 << n))


# Student's t.


def two_sided(t: float, df: float) -> float:
    """Share of Student's distribution beyond -t and t."""
    if df > 1e6:
        return erfc(t / sqrt(2))
    return incomplete_beta(df / (df + t * t), df / 2, 0.5)


def quantile(df: float) -> float:
    """The t beyond which, on both sides together, lie 5%."""
    if df > 1e6:
        return Z95
    low, high = 0.0, 1e4
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if two_sided(middle, df) > 0.05 else (low, middle)
    return high


def incomplete_beta(x: float, a: float, b: float) -> float:
    """I_x(a, b), regularized, by its continued fraction (DLMF 8.17.22, Lentz's method)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - incomplete_beta(1 - x, b, a)
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x)) / a
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1))
    found = d
    for m in range(1, 10_000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for factor in (even, odd):
            c, d = 1 + factor / c, 1 / (1 + factor * d)
            found *= c * d
        if abs(c * d - 1) < 1e-14:
            break
    return front * found
