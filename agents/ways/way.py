"""What a way to learn decides: what a round learns from, what the instructor is shown, what is
trained on."""

from __future__ import annotations

import random
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from errata.agents.data_writer import Lesson
from errata.agents.records import (
    Attempt,
    Example,
    Mistake,
    Picked,
    Question,
    TrainingSettings,
    Unusable,
)

Step = Literal["contrast", "diagnose", "write"]
"""What may happen between `collect` and `review`; see `errata.graph.nodes`."""

Practised = Sequence[tuple[Question, Attempt]]
"""The practice questions, each with the best model's answer."""


@dataclass(frozen=True)
class Collected:
    """What a round learns from. None: the way has no use for it."""

    mistakes: Sequence[Mistake] | None = None
    """To be diagnosed."""
    picked: Sequence[Picked] | None = None
    """To be written from, blind to errors."""
    solutions: Sequence[Example] | None = None
    """To be trained on as they are."""
    left_out: Sequence[Unusable] = ()
    """The practice questions that give no solution to train on, by their ids."""


class Way(Protocol):
    """A way to learn. What it does not say itself is as here."""

    steps: tuple[Step, ...]
    """What happens between `collect` and `review`, in this order."""
    looks: bool = True
    """Whether it goes by the student's answers; if not, it may be given such as are empty."""
    solutions: bool = False
    """Whether the practice questions' own solutions are trained on."""
    rounds: int | None = None
    """After so many rounds another one would bring nothing new; None: there is no such end."""

    def check(self, practice: Sequence[Question]) -> None:
        """Called before anything starts.

        Raises:
            ConfigError: The way can learn nothing from these practice questions.
        """
        return

    @abstractmethod
    def collect(self, practised: Practised, round_index: int, seed: int) -> Collected:
        """What a round learns from.

        Args:
            seed: Of the run. The same seed and round collect the same, other ones may not.
        """
        ...

    def shown(self, mistakes: Sequence[Mistake], contrasted: Sequence[Mistake]) -> list[Mistake]:
        """What the instructor sees, each with an id of its own; asked of ways that contrast.

        Args:
            contrasted: The mistakes, each beside the nearest correct answers.
        """
        return list(contrasted)

    def parts(self, lessons: Sequence[Lesson]) -> Sequence[Sequence[Lesson]]:
        """Lessons in groups that share the quota of examples equally."""
        return [lessons]

    def rows(
        self,
        solutions: Sequence[Example],
        fresh: Sequence[Example],
        earlier: Sequence[Example],
        settings: TrainingSettings,
        round_index: int,
    ) -> list[Example]:
        """What the adapter of a round is trained on; the trainer shuffles it.

        Args:
            solutions: As `collect` gave them.
            fresh: Accepted in this round.
            earlier: Accepted in the rounds before it.
        """
        return [*solutions, *with_replay(fresh, earlier, settings, round_index)]


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
