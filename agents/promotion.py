"""Whether a candidate takes the best model's place: by proof on dev, and without forgetting.

docs/promotion.md explains the rules and shows how they do in simulations.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import comb, exp, lgamma, log, log1p, sqrt
from statistics import NormalDist
from typing import Literal, NamedTuple

from errata.agents.records import Attempt, Question, Record
from errata.agents.scores import cluster, groups_of, holm, paired_gain

Gate = Literal["sure", "likely", "any"]

ALPHA: Mapping[Gate, float | None] = {"sure": 0.05, "likely": 0.20, "any": None}
"""The share of runs that may promote, in any round, a candidate that is no better."""

GUARD_ALPHA = 0.05
"""The share of candidates as good as the best model in all guards that these may refuse."""

LEAST_DEV, LEAST_PRACTICE = 20, 10
"""Questions that a kind must have to be a guard of its own."""

CHURN = 0.2
"""Share of the answers that change sides between two models, where no gain needs more."""

LARGEST_EXACT = 1000
"""Dev questions up to which power is summed exactly; the normal approximation is good beyond."""

Verdict = Literal["the base model", "promoted", "better, may be chance", "no better", "regressed"]


class GuardFinding(Record):
    """What a candidate lost in one guard."""

    name: str
    """Which questions: `dev questions of kind K`, `practice questions`, `guard exam E` …"""
    asked: int
    """Questions."""
    fixed: int
    """Questions, or groups of variants, that the candidate gained."""
    broken: int
    """Those that it lost."""
    p: float
    """Chance that a candidate as good as the best model loses so many of those that changed."""
    p_holm: float
    """`p`, corrected for the number of guards; a loss is significant at 0.05 and below, or at the
    level that was asked for."""
    lost: bool
    """A significant loss: it refuses the candidate."""


class Promotion(Record):
    """The decision of one round, with what it rests on."""

    round: int
    """Whose candidate this is; 0 is the base model."""
    verdict: Verdict
    """`regressed`: better on dev, but it lost in a guard."""
    promoted: bool
    fixed: int
    """Dev questions that the best model missed and the candidate got right. Variants of one
    question count as one: a group that gained."""
    broken: int
    """Dev questions that the best model got right and the candidate missed; or groups that lost."""
    p: float | None
    """Chance that a candidate no better than the best model does as well; None for the base."""
    level: float | None
    """What `p` must not exceed; None where more fixed than broken is enough (`gate = "any"`)."""
    difference: float | None
    """Dev accuracy, candidate minus best model."""
    ci95: tuple[float, float] | None
    """Its 95% interval, paired; clustered where questions have variants."""
    guards: tuple[GuardFinding, ...]
    """Empty where dev refused the candidate already."""
    why: str
    """One sentence for people."""


BASE = Promotion(
    round=0,
    verdict="the base model",
    promoted=True,
    fixed=0,
    broken=0,
    p=None,
    level=None,
    difference=None,
    ci95=None,
    guards=(),
    why="the model that the run began with",
)
"""The first best model, whatever it knows."""


@dataclass(frozen=True)
class Compared:
    """The same questions, answered by the best model and by a candidate."""

    questions: Sequence[Question]
    best: Sequence[Attempt]
    candidate: Sequence[Attempt]


@dataclass(frozen=True)
class Guard:
    """Questions that must not be lost."""

    name: str
    compared: Compared


def judge(
    dev: Compared,
    history: Sequence[bool],
    rounds: int,
    gate: Gate = "sure",
    guards: Callable[[], Sequence[Guard]] = tuple,
) -> Promotion:
    """Promotes a candidate that is proven better on dev and loses no guard.

    The test on dev is the exact one-sided sign test for pairs (McNemar, Psychometrika 12, 1947):
    of the questions that changed sides, a candidate that is no better gets each with chance 1/2
    at best, so p = P(Bin(fixed + broken, 1/2) >= fixed). Its level is `level_of` the history.
    Kinds with 20 dev questions are guards too.

    Args:
        history: Whether each earlier round's candidate was promoted. Nothing else about earlier
            dev exams may reach a candidate or its level, or the level would not hold.
        rounds: Most rounds of the run.
        guards: Further guards; asked for only where dev passes, since they may cost an exam.
    """
    fixed, broken = flips(dev)
    alpha = ALPHA[gate]
    level = None if alpha is None else level_of(history, rounds, alpha)
    p = tail(fixed, fixed + broken)
    passes = fixed > broken if level is None else p <= level
    found: list[GuardFinding] = []
    if passes:
        found = findings([*by_kind("dev questions", dev, LEAST_DEV), *guards()])
    lost = [guard for guard in found if guard.lost]
    verdict: Verdict
    if passes:
        verdict = "regressed" if lost else "promoted"
    else:
        verdict = "better, may be chance" if fixed > broken else "no better"
    difference, ci95 = paired_gain(dev.best, dev.candidate, groups_of(dev.questions))
    grouped = any(question.group for question in dev.questions)
    why = f"{fixed} {'groups of ' if grouped else ''}dev questions fixed, {broken} broken"
    if level is None:
        why += "; one more fixed than broken is enough"
    elif fixed > broken:
        why += f"; a model that is no better does as well with probability {p:.2g}, "
        why += f"{'and' if passes else 'but only'} {level:.2g} is allowed"
    if lost:
        why += "; but it lost " + " and ".join(
            f"{guard.name} ({guard.fixed} fixed, {guard.broken} broken)" for guard in lost
        )
    return Promotion(
        round=len(history) + 1,
        verdict=verdict,
        promoted=verdict == "promoted",
        fixed=fixed,
        broken=broken,
        p=p,
        level=level,
        difference=difference,
        ci95=ci95,
        guards=tuple(found),
        why=why,
    )


def level_of(history: Sequence[bool], rounds: int, alpha: float) -> float:
    """The level of the next round's test, so that all of a run's are right together.

    Every round has alpha / rounds. A round that promotes hands its level on to the rounds after
    it, in equal parts, and these have nothing else.

    Why a run makes a false promotion with probability alpha at most, though all its tests read the
    same dev questions: a candidate may depend on them through the history alone, so on each
    possible history it is fixed before they are read, and its test errs with probability `level`
    at most. Sum over the histories on which no error was made yet. Where the candidate is no
    better, its level is spent, and the run goes on only if it is refused. Where it is better, its
    promotion is no error and its level is not spent: it pays for the second branch, the history on
    which it was promoted. So the levels along all branches sum to alpha at most.
    """
    level = alpha / rounds
    for at, promoted in enumerate(history, start=1):
        if promoted:
            level /= max(1, rounds - at)
    return level


class Flips(NamedTuple):
    fixed: int
    broken: int


def flips(compared: Compared) -> Flips:
    """Questions that changed sides. Variants of one question are one coin: their net change."""
    before = {attempt.question_id: attempt.correct for attempt in compared.best}
    after = {attempt.question_id: attempt.correct for attempt in compared.candidate}
    groups = groups_of(compared.questions)
    net = Counter[str]()
    for question in compared.questions:
        net[cluster(question.id, groups)] += after[question.id] - before[question.id]
    changes = list(net.values())
    return Flips(sum(change > 0 for change in changes), sum(change < 0 for change in changes))


def tail(k: int, m: int) -> float:
    """P(Bin(m, 1/2) >= k), from whole numbers."""
    term = comb(m, k)
    total = 0
    for i in range(k, m + 1):
        total += term
        term = term * (m - i) // (i + 1)
    return float(total / 2**m)


# Guards.


def by_kind(what: str, compared: Compared, least: int) -> list[Guard]:
    """A guard for each kind with `least` questions; of practice, one for all others together.

    A fixed-against-broken test is the honest one for practice too. To ask only for the questions
    that the best model got right would refuse any model: one exactly as good, but not the same,
    loses some of those and gets others instead.
    """
    kinds: dict[str, list[Question]] = {}
    for question in compared.questions:
        kinds.setdefault(question.kind or "", []).append(question)
    large = {kind: found for kind, found in kinds.items() if kind and len(found) >= least}
    return [
        Guard(f"{what} of kind {kind}", part(compared, found))
        for kind, found in sorted(large.items())
    ]


def practice_guards(practice: Compared) -> list[Guard]:
    """Practice by kind; the kinds with few questions, and what has no kind, are one guard."""
    named = by_kind("practice questions", practice, LEAST_PRACTICE)
    taken = {question.id for guard in named for question in guard.compared.questions}
    rest = [question for question in practice.questions if question.id not in taken]
    if not rest:
        return named
    return [
        *named,
        Guard("other practice questions" if named else "practice questions", part(practice, rest)),
    ]


def exam_guards(compared: Compared, what: str = "guard exam") -> list[Guard]:
    """One for each exam."""
    exams: dict[str, list[Question]] = {}
    for question in compared.questions:
        exams.setdefault(question.exam or "", []).append(question)
    return [
        Guard(f"{what} {exam}".rstrip(), part(compared, found)) for exam, found in exams.items()
    ]


def part(compared: Compared, questions: Sequence[Question]) -> Compared:
    return Compared(questions, compared.best, compared.candidate)


def findings(guards: Sequence[Guard], alpha: float = GUARD_ALPHA) -> list[GuardFinding]:
    """Which losses are significant, all guards together, the clearest first."""
    counted = [(guard, *flips(guard.compared)) for guard in guards]
    tails = [tail(broken, fixed + broken) for _, fixed, broken in counted]
    found = [
        GuardFinding(
            name=guard.name,
            asked=len(guard.compared.questions),
            fixed=fixed,
            broken=broken,
            p=p,
            p_holm=p_holm,
            lost=p_holm <= alpha,
        )
        for (guard, fixed, broken), p, p_holm in zip(counted, tails, holm(tails), strict=True)
    ]
    return sorted(found, key=lambda finding: finding.p)


# What a run can see, said before it begins.


def foresight(questions: Sequence[Question], rounds: int, gate: Gate) -> str:
    """Which gain a run can see with its dev questions, as a sentence."""
    groups = groups_of(questions)
    n = len({cluster(question.id, groups) for question in questions})
    alpha = ALPHA[gate]
    asked = f"With {n} {'groups of ' if groups else ''}dev questions and {rounds} "
    asked += "round" if rounds == 1 else "rounds"
    if alpha is None:
        return f'{asked}, gate = "any" promotes any gain, and every second candidate without one'
    gain = visible_gain(n, alpha / rounds)
    if gain is None:
        return f"{asked} no gain can be proven: give more dev questions, or another gate"
    points = 100 * gain
    return f"{asked} a gain of about {points:.{int(points < 3)}f} points is seen 4 times in 5"


def visible_gain(n: int, level: float, power_wanted: float = 0.8) -> float | None:
    """The smallest gain in accuracy that `n` questions show that often; None: not even 1."""
    if power(n, 1.0, level) < power_wanted:
        return None
    low, high = 0.0, 1.0
    while high - low > 1e-4:
        middle = (low + high) / 2
        low, high = (low, middle) if power(n, middle, level) >= power_wanted else (middle, high)
    return high


def power(n: int, gain: float, level: float, churn: float = CHURN) -> float:
    """Chance that the test on `n` questions promotes a candidate with this true gain.

    The number of changed answers is binomial, and so is the number of fixed ones among them; the
    sum over both is exact. For large `n` the normal approximation (Connor, Biometrics 43, 1987).

    Args:
        gain: In accuracy, 0 to 1.
        churn: Share of answers that change sides; a gain that is larger changes at least itself.
    """
    churn = max(churn, gain)
    if n > LARGEST_EXACT:
        normal = NormalDist()
        excess = gain * sqrt(n) - normal.inv_cdf(1 - level) * sqrt(churn)
        return normal.cdf(excess / sqrt(max(1e-12, churn - gain**2)))
    theta = (churn + gain) / (2 * churn)
    # P(m answers change), far from its mean, counts for nothing.
    spread = 9 * sqrt(n * churn * (1 - churn)) + 9
    first, last = max(0, int(n * churn - spread)), min(n, int(n * churn + spread))
    least = least_fixed(last, level)
    return sum(binomial(n, churn, m) * at_least(least[m], m, theta) for m in range(first, last + 1))


def least_fixed(most: int, level: float) -> list[int]:
    """For each m from 0 to `most`: how many of m changed answers must be fixed ones."""
    found = []
    least, sets = 0, 1  # sets: of m answers, those with at least `least` fixed
    for m in range(most + 1):
        while sets / 2**m > level:
            sets -= comb(m, least)
            least += 1
        found.append(least)
        sets = 2 * sets + (comb(m, least - 1) if least else 0)
    return found


def at_least(k: int, m: int, share: float) -> float:
    """P(Bin(m, share) >= k)"""
    if k > m or share == 1:
        return float(k <= m)
    total, term, odds = 0.0, binomial(m, share, k), share / (1 - share)
    for i in range(k, m + 1):
        total += term
        term *= odds * (m - i) / (i + 1)
    return total


def binomial(n: int, share: float, k: int) -> float:
    """P(Bin(n, share) = k)"""
    if share in (0, 1):
        return float(k == n * share)
    ways = lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
    return exp(ways + k * log(share) + (n - k) * log1p(-share))
