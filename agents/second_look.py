"""A second look: does the student keep what is right and mend what is wrong when asked again?

After Yang et al. 2024, "Confidence v.s. Critique" (arXiv 2412.19513), whose code is
github.com/Zhe-Young/SelfCorrectDecompose: an accuracy after a second look alone does not tell a
student that mends its mistakes from one that never changes its mind.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import sqrt

from errata.agents.records import Accuracy, Attempt, Question, Record
from errata.agents.scores import Z95, accuracy, cluster, groups_of
from errata.agents.student import Revisited

LOOK_AGAIN = "Please look at your answer again, then give your final answer in the same form."
"""Says neither that the answer is right nor that it is wrong."""


class Share(Record):
    """Right second answers among some questions, with the 95% interval (Wilson)."""

    share: float
    right: int
    asked: int
    ci95: tuple[float, float]


class SecondLook(Record):
    """What a second look changes."""

    n: int
    """Questions with two answers."""
    before: float
    """Accuracy of the first answers."""
    after: float
    """Accuracy of the second answers."""
    confidence: Share | None
    """CL: right again, of those that were right; None where none was."""
    critique: Share | None
    """CS: right now, of those that were wrong; None where none was."""
    rss: float | None
    """Relative self-correction score, (after - before²) / (2 before (1 - before)): 0.5 where the
    second look changes nothing, 0 and 1 at the bounds that the paper gives. None where the first
    answers are all right or all wrong."""
    rss_ci95: tuple[float, float] | None
    """Its 95% interval, by the delta method, clustered where questions have variants."""


def revisited(questions: Sequence[Question], first: Iterable[Attempt]) -> list[Revisited]:
    """The questions that have an attempt, each with its answer and the request to look again."""
    said = {attempt.question_id: attempt.response for attempt in first}
    return [
        Revisited(**dict(question), said=said[question.id], request=LOOK_AGAIN)
        for question in questions
        if question.id in said
    ]


def measure(
    questions: Sequence[Question], first: Iterable[Attempt], second: Iterable[Attempt]
) -> SecondLook | None:
    """What became of the first answers; None where no question has two."""
    before = {attempt.question_id: attempt for attempt in first}
    after = {attempt.question_id: attempt for attempt in second}
    asked = [question for question in questions if question.id in before and question.id in after]
    if not asked:
        return None
    was_right = [question for question in asked if before[question.id].correct]
    was_wrong = [question for question in asked if not before[question.id].correct]
    again = [after[question.id] for question in asked]
    one, two = len(was_right) / len(asked), sum(a.correct for a in again) / len(asked)
    score = bounds = None
    if 0 < one < 1:
        spread = 2 * one * (1 - one)
        score = (two - one**2) / spread
        by_one = (-2 * one - score * (2 - 4 * one)) / spread
        off: dict[str, float] = defaultdict(float)
        groups = groups_of(asked)
        for question in asked:
            x, y = before[question.id].correct - one, after[question.id].correct - two
            off[cluster(question.id, groups)] += by_one * x + y / spread
        error = Z95 * sqrt(sum(each**2 for each in off.values())) / len(asked)
        bounds = (score - error, score + error)
    return SecondLook(
        n=len(asked),
        before=one,
        after=two,
        confidence=share_of(was_right, again),
        critique=share_of(was_wrong, again),
        rss=score,
        rss_ci95=bounds,
    )


def share_of(questions: Sequence[Question], attempts: Sequence[Attempt]) -> Share | None:
    if not questions:
        return None
    found: Accuracy = accuracy(questions, attempts)
    return Share(share=found.accuracy, right=found.correct, asked=found.n, ci95=found.ci95)
