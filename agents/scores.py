"""What marked answers amount to: accuracy, its interval, the paired gain, pass@k."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import prod, sqrt

from errata.agents.records import Accuracy, Attempt, Question

Z95 = 1.959964  # two-sided 95% quantile of the normal distribution


def accuracy(questions: Sequence[Question], attempts: Sequence[Attempt]) -> Accuracy:
    """Share of right answers, over all and by kind and exam, with its Wilson interval."""
    made = {attempt.question_id: attempt for attempt in attempts}
    correct = sum(made[question.id].correct for question in questions)
    n = len(questions)
    return Accuracy(
        accuracy=correct / n,
        n=n,
        correct=correct,
        ci95=wilson(correct, n),
        by_kind=shares(questions, made, lambda question: question.kind),
        by_exam=shares(questions, made, lambda question: question.exam),
        unclear=sum(made[question.id].answer is None for question in questions),
    )


def shares(
    questions: Sequence[Question],
    made: Mapping[str, Attempt],
    label: Callable[[Question], str | None],
) -> dict[str, tuple[int, int]]:
    """Label → (right, asked); empty where no question has a label."""
    found: dict[str, tuple[int, int]] = {}
    for question in questions:
        name = label(question) or ""
        right, asked = found.get(name, (0, 0))
        found[name] = (right + made[question.id].correct, asked + 1)
    return dict(sorted(found.items())) if found.keys() != {""} else {}


def pass_at_k(samples: int, correct: int, k: int) -> float:
    """Chance that at least one of `k` samples is right, unbiased from `samples` of them.

    Chen et al. 2021 (arXiv 2107.03374), equation 1.
    """
    if samples - correct < k:
        return 1.0
    return 1.0 - prod((samples - correct - i) / (samples - i) for i in range(k))


def wilson(correct: int, n: int) -> tuple[float, float]:
    """95% interval of a share (Wilson, JASA 22, 1927): honest near 0 and 1, and for small n."""
    share = correct / n
    centre = share + Z95**2 / (2 * n)
    spread = Z95 * sqrt(share * (1 - share) / n + Z95**2 / (4 * n**2))
    scale = 1 + Z95**2 / n
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def paired_gain(
    before: Sequence[Attempt], after: Sequence[Attempt]
) -> tuple[float, tuple[float, float]]:
    """Gain in accuracy on the same questions, and its 95% interval.

    Only questions that changed sides count, so the interval is tighter than two separate ones.
    Adjusted Wald interval for matched pairs (Agresti & Min, Statistics in Medicine 24, 2005):
    half an observation is added to each cell.
    """
    was_right = {attempt.question_id: attempt.correct for attempt in before}
    won = sum(attempt.correct and not was_right[attempt.question_id] for attempt in after)
    lost = sum(was_right[attempt.question_id] and not attempt.correct for attempt in after)
    n = len(after)
    b, c, m = won + 0.5, lost + 0.5, n + 2
    centre = (b - c) / m
    spread = Z95 * sqrt(b + c - (b - c) ** 2 / m) / m
    return (won - lost) / n, (max(-1.0, centre - spread), min(1.0, centre + spread))


def tally(labels: Iterable[str]) -> dict[str, int]:
    """Label → how often it occurs, the most frequent first."""
    counts = Counter(labels)
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
