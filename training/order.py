"""Which examples a training sees, where it is to last for a number of tokens."""

from __future__ import annotations

import random
from collections.abc import Sequence


def order_for(tokens: int, sizes: Sequence[int], seed: int) -> list[int]:
    """Which examples are seen, in their order, so that `tokens` are seen, give or take an example.

    Each epoch has an order of its own, and the last one ends where the tokens are reached.

    Args:
        sizes: Tokens of each example.
    """
    rng = random.Random(seed)
    order: list[int] = []
    left = tokens
    while True:
        for at in rng.sample(range(len(sizes)), len(sizes)):
            if order and left < sizes[at] / 2:
                return order
            order.append(at)
            left -= sizes[at]
