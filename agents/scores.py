"""What marked answers amount to: accuracy, its interval, the paired gain, pass@k."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import prod, sqrt

from errata.agents.records import Accuracy, Attempt, Question
from errata.agents.type_scores import json_scores, label_scores

Z95 = 1.959964  # two-sided 95% quantile of the normal distribution


def accuracy(questions: Sequence[Question], attempts: Sequence[Attempt]) -> Accuracy:
    """Share of right answers, over all and by kind and exam, with its Wilson interval.

    Of questions that were asked several times `n` are the answers, each question's as many; they
    make the interval narrower only as far as they differ.
    """
    made = by_question(attempts)
    answers = [attempt for question in questions for attempt in made[question.id]]
    correct = sum(attempt.correct for attempt in answers)
    n = len(answers)
    effect = design_effect(answers, groups_of(questions))
    return Accuracy(
        accuracy=correct / n,
        n=n,
        correct=correct,
        ci95=wilson(correct / effect, n / effect),
        by_kind=shares(questions, made, lambda question: question.kind),
        by_exam=shares(questions, made, lambda question: question.exam),
        unclear=sum(attempt.answer is None for attempt in answers),
        labels=label_scores(questions, made),
        json_values=json_scores(questions, made),
    )


def by_question(attempts: Iterable[Attempt]) -> dict[str, list[Attempt]]:
    """Question id → its attempts."""
    made: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        made.setdefault(attempt.question_id, []).append(attempt)
    return made


def shares(
    questions: Sequence[Question],
    made: Mapping[str, Sequence[Attempt]],
    label: Callable[[Question], str | None],
) -> dict[str, tuple[int, int]]:
    """Label → (right, asked); empty where no question has a label."""
    found: dict[str, tuple[int, int]] = {}
    for question in questions:
        name = label(question) or ""
        right, asked = found.get(name, (0, 0))
        answers = made[question.id]
        found[name] = (right + sum(a.correct for a in answers), asked + len(answers))
    return dict(sorted(found.items())) if found.keys() != {""} else {}


def pass_at_k(samples: int, correct: int, k: int) -> float:
    """Chance that at least one of `k` samples is right, unbiased from `samples` of them.

    Chen et al. 2021 (arXiv 2107.03374), equation 1.
    """
    if samples - correct < k:
        return 1.0
    return 1.0 - prod((samples - correct - i) / (samples - i) for i in range(k))


def pass_at(questions: Sequence[Question], attempts: Sequence[Attempt]) -> dict[int, float]:
    """k → chance that at least one of `k` samples is right, averaged over the questions.

    k is 1, 2, 4 … and the number of samples that each question has.
    """
    made = by_question(attempts)
    samples = min(len(made[question.id]) for question in questions)
    right = [sum(attempt.correct for attempt in made[q.id]) for q in questions]
    ks = sorted({samples, *(2**power for power in range(samples.bit_length()))})
    return {k: sum(pass_at_k(samples, c, k) for c in right) / len(right) for k in ks}


def groups_of(questions: Iterable[Question]) -> dict[str, str]:
    """Question id → group, of those that have one."""
    return {question.id: question.group for question in questions if question.group}


def cluster(question_id: str, groups: Mapping[str, str]) -> str:
    """What a question counts as: its group, or itself."""
    return f"group {groups[question_id]}" if question_id in groups else f"question {question_id}"


def clusters(questions: Sequence[Question]) -> list[str]:
    """What each question counts as."""
    groups = groups_of(questions)
    return [cluster(question.id, groups) for question in questions]


def design_effect(attempts: Sequence[Attempt], groups: Mapping[str, str]) -> float:
    """How many answers to a question or to its variants tell as much as one by itself.

    1 where each has one. The variance of the accuracy with standard errors clustered by group, or
    by question where it has several answers (Miller 2024, arXiv 2411.00640), over that without
    (Kish, Survey Sampling, 1965). Where all answers are alike, as if each had only one.
    """
    n = len(attempts)
    if not groups and len({attempt.question_id for attempt in attempts}) == n:
        return 1.0
    share = sum(attempt.correct for attempt in attempts) / n
    off: dict[str, float] = defaultdict(float)
    for attempt in attempts:
        off[cluster(attempt.question_id, groups)] += attempt.correct - share
    if share in (0, 1):
        return n / len(off)
    return max(1.0, sum(each**2 for each in off.values()) / (n * share * (1 - share)))


def wilson(correct: float, n: float) -> tuple[float, float]:
    """95% interval of a share (Wilson, JASA 22, 1927): honest near 0 and 1, and for small n."""
    share = correct / n
    centre = share + Z95**2 / (2 * n)
    spread = Z95 * sqrt(share * (1 - share) / n + Z95**2 / (4 * n**2))
    scale = 1 + Z95**2 / n
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def paired_gain(
    before: Sequence[Attempt], after: Sequence[Attempt], groups: Mapping[str, str] | None = None
) -> tuple[float, tuple[float, float]]:
    """Gain in accuracy on the same questions, and its 95% interval.

    Only questions that changed sides count, so the interval is tighter than two separate ones.
    Adjusted Wald interval for matched pairs (Agresti & Min, Statistics in Medicine 24, 2005):
    half an observation is added to each of the four cells. Variants of one question are no
    independent observations: standard errors are clustered by group (Miller 2024, arXiv
    2411.00640).

    Args:
        groups: Question id → group, of those that have variants.
    """
    was_right = {attempt.question_id: attempt.correct for attempt in before}
    clusters: dict[str, list[int]] = {}
    for attempt in after:
        change = attempt.correct - was_right[attempt.question_id]
        clusters.setdefault(cluster(attempt.question_id, groups or {}), []).append(change)
    n, total = len(after), sum(map(sum, clusters.values()))
    centre = total / (n + 2)
    squares = sum((sum(found) - len(found) * centre) ** 2 for found in clusters.values())
    spread = Z95 * sqrt(squares + 1 + 2 * centre**2) / (n + 2)  # 1 + …: the added halves
    return total / n, (max(-1.0, centre - spread), min(1.0, centre + spread))


def holm(ps: Sequence[float]) -> list[float]:
    """p values corrected for their number: all claims below a level hold together with it.

    Holm, Scandinavian Journal of Statistics 6, 1979.
    """
    corrected = [0.0] * len(ps)
    highest = 0.0
    for rank, at in enumerate(sorted(range(len(ps)), key=lambda at: ps[at])):
        highest = max(highest, min(1.0, (len(ps) - rank) * ps[at]))
        corrected[at] = highest
    return corrected


def tally(labels: Iterable[str]) -> dict[str, int]:
    """Label → how often it occurs, the most frequent first."""
    counts = Counter(labels)
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
