"""What the answers on record decide: whether a round's candidate becomes the best model."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from errata.agents.promotion import (
    BASE,
    Compared,
    Guard,
    Promotion,
    exam_guards,
    judge,
    practice_guards,
)
from errata.agents.records import Attempt, Question
from errata.graph.config import RunConfig

Answers = Callable[[int, str], Sequence[Attempt]]
"""Round and set of questions → the answers of that round's model."""


def decide(
    index: int,
    best_round: int,
    history: Sequence[bool],
    config: RunConfig,
    questions: Callable[[str], Sequence[Question]],
    answers: Answers,
) -> Promotion:
    """The decision of round `index`. Answers to the guards are asked for only where dev passes.

    Args:
        history: Whether each earlier round's candidate was promoted.
        questions: The questions of a set.
    """
    if index == 0:
        return BASE
    stop = config.stop

    def compared(name: str) -> Compared:
        return Compared(questions(name), answers(best_round, name), answers(index, name))

    def guards() -> list[Guard]:
        found: list[Guard] = []
        if stop.guard_practice:
            found += practice_guards(compared("practice"))
        if config.guard:
            found += exam_guards(compared("guard"))
        return found

    return judge(compared("dev"), history, config.rounds, stop.gate, guards)
