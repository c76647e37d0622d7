"""A few of many mistakes, each kind as often among them as among all."""

from __future__ import annotations

import random
from collections.abc import Sequence

from errata.agents.data_writer import spread
from errata.agents.records import Mistake
from errata.agents.scores import tally


def stratified(mistakes: Sequence[Mistake], count: int, seed: int) -> list[Mistake]:
    """`count` mistakes, or all where there are fewer, in their order.

    Kinds of each exam get shares in proportion (largest remainders); within a kind the seed
    chooses.
    """
    if count >= len(mistakes):
        return list(mistakes)

    def stratum(mistake: Mistake) -> str:
        return f"{mistake.question.exam or ''}/{mistake.question.kind or ''}"

    rng = random.Random(f"{seed}/mistakes")
    chosen: set[str] = set()
    for name, share in sorted(spread(count, tally(map(stratum, mistakes))).items()):
        chosen |= {m.id for m in rng.sample([m for m in mistakes if stratum(m) == name], share)}
    return [mistake for mistake in mistakes if mistake.id in chosen]
