"""What a way of learning from errors decides."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Protocol

from errata.agents.records import Example, TrainingSettings


class Way(Protocol):
    """From mistakes to training rows."""

    @property
    def contrasts(self) -> bool:
        """Whether each mistake is laid beside correct answers before it is diagnosed."""
        ...

    def rows(
        self,
        fresh: Sequence[Example],
        earlier: Sequence[Example],
        settings: TrainingSettings,
        round_index: int,
    ) -> list[Example]:
        """What the adapter of a round is trained on.

        Args:
            fresh: Accepted in this round.
            earlier: Accepted in the rounds before it.
        """
        ...


def with_replay(
    fresh: Sequence[Example],
    earlier: Sequence[Example],
    settings: TrainingSettings,
    round_index: int,
) -> list[Example]:
    """A share of the earlier examples in their order, then the fresh ones.

    Training on new examples alone unlearns what earlier rounds taught. The round's seed chooses
    the share.
    """
    count = min(len(earlier), round(settings.replay * len(earlier)))
    rng = random.Random(settings.seed + round_index)
    chosen = sorted(rng.sample(range(len(earlier)), count))
    return [*(earlier[at] for at in chosen), *fresh]
