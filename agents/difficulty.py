"""Which mistakes come first: those of middling difficulty, by several answers to each question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from errata.agents.records import Attempt, Mistake


def by_difficulty(
    mistakes: Sequence[Mistake], answers: Mapping[str, Sequence[Attempt]]
) -> list[Mistake]:
    """The mistakes, those first that the student gets right nearly half of the time.

    What is nearly known and what is never right teach the least; of the two, the never right comes
    later, and last what nobody asked again. Else the order stays. A model's own difficulty with an
    instruction chooses in TAPIR (Yue et al. 2024), with a judge's score in place of the marker.

    Args:
        answers: Question id → several answers with chance, by the model that made the mistakes.
    """

    def rank(mistake: Mistake) -> tuple[bool, float, float]:
        made = answers.get(mistake.question.id, ())
        share = sum(attempt.correct for attempt in made) / max(1, len(made))
        return not made, abs(share - 0.5), -share

    return sorted(mistakes, key=rank)
