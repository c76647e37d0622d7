"""How a round trains, given how the rounds before it ended."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import Literal

from errata.agents.records import Record, TrainingSettings


class Plan(Record):
    """How one round trains: what differs from round to round, and why."""

    round: int
    refused: int
    """Candidates refused in a row before it."""
    start: Literal["base", "best"]
    replay: float
    """Share of the earlier rounds' examples, refused rounds included."""
    learning_rate: float
    why: str

    def applied(self, settings: TrainingSettings) -> TrainingSettings:
        changed = {"start", "replay", "learning_rate"}
        return settings.model_copy(update=self.model_dump(include=changed))


def plan(settings: TrainingSettings, history: Sequence[bool]) -> Plan:
    """What the next round does.

    After a promotion, as configured. After a refusal the best model has the mistakes that it had,
    and the same training on as many new examples would come out much the same. So:

    - After the first one, a new adapter from the base, on all that was accepted so far: the refused
      round's examples are as good as before, and twice as many are a larger gain, which is easier
      to prove. It is how LLM2LLM (arXiv 2403.15042) trains in every step, and it leaves behind what
      an adapter that was trained on and on has unlearnt.
    - After each further one, the same with half the learning rate: more examples did not do it, so
      the training may be breaking what the student could do.

    Args:
        history: Whether each earlier round's candidate was promoted. More must not be known here:
            see `errata.agents.promotion.judge`.
    """
    refused = len(list(takewhile(lambda promoted: not promoted, reversed(history))))
    given = Plan(
        round=len(history) + 1,
        refused=refused,
        start=settings.start,
        replay=settings.replay,
        learning_rate=settings.learning_rate,
        why="as configured",
    )
    if not refused or settings.after_refusal == "same":
        return given
    everything = {"start": "base", "replay": max(1.0, settings.replay)}
    if refused == 1:
        why = "the last candidate was refused: from the base, on all examples so far"
        return given.model_copy(update=everything | {"why": why})
    rate = settings.learning_rate / 2 ** (refused - 1)
    why = f"{refused} candidates in a row were refused: from the base, on all examples so far, "
    why += f"with a learning rate of {rate:.3g} in place of {settings.learning_rate:.3g}"
    return given.model_copy(update=everything | {"learning_rate": rate, "why": why})
