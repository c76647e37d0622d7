"""Which examples a training sees, in which order, and how many make a step."""

from __future__ import annotations

import random
from collections.abc import Sequence

STRETCH = 16
"""Batches that are sorted together."""

STEPS, LARGEST = 500, 8
"""Optimizer steps that a training is to have, and the most examples of a batch."""


def batch_for(
    sizes: Sequence[int], together: int, *, tokens: int | None, epochs: float | None
) -> int:
    """Examples of a batch where nobody said it: as many as leave the training its `STEPS`.

    From so many tokens more is learnt in more steps (docs/training.md): small batches do no worse
    (Marek et al., Small Batch Size Training for Language Models, arXiv 2507.07101), and LoRA bears
    large ones less than full fine-tuning does (Schulman et al., LoRA Without Regret, 2025).

    Args:
        sizes: Tokens of each example.
        together: Batches of an optimizer step, of all processes.
    """
    rows = tokens * len(sizes) / sum(sizes) if tokens else (epochs or 1) * len(sizes)
    return min(LARGEST, max(1, int(rows / (STEPS * together))))


def order_for(
    sizes: Sequence[int],
    seed: int,
    batch: int = 1,
    *,
    tokens: int | None = None,
    epochs: float | None = None,
) -> list[int]:
    """Which examples are seen, in their order: for `tokens`, give or take an example, or `epochs`.

    Each epoch has an order of its own, and the last one ends where it has to.

    Args:
        sizes: Tokens of each example.
        batch: Examples of an optimizer step, however many processes share them.
    """
    rng = random.Random(seed)
    order: list[int] = []
    left = float("inf") if tokens is None else tokens
    rows = float("inf") if epochs is None else max(1, round(epochs * len(sizes)))
    while True:
        epoch: list[int] = []
        for at in rng.sample(range(len(sizes)), len(sizes)):
            begun = order or epoch
            if (begun and left < sizes[at] / 2) or len(order) + len(epoch) == rows:
                return order + by_length(epoch, sizes, batch, len(order), rng)
            epoch.append(at)
            left -= sizes[at]
        order += by_length(epoch, sizes, batch, len(order), rng)


def by_length(
    epoch: Sequence[int], sizes: Sequence[int], batch: int, before: int, rng: random.Random
) -> list[int]:
    """The same examples in batches of about equal length, these in no order.

    A batch costs as much as its longest example. Only some batches are sorted together, so that
    each part of an epoch has long and short ones. What completes the last epoch's batch, and what
    is left over at the end, is left as it is, or the longest would always come last.

    Args:
        before: Examples that come before the epoch.
    """
    first = -before % batch
    last = len(epoch) - (len(epoch) - first) % batch if len(epoch) > first else first
    ordered = list(epoch[:first])
    for start in range(first, last, STRETCH * batch):
        stretch = sorted(
            epoch[start : min(last, start + STRETCH * batch)], key=lambda at: sizes[at]
        )
        batches = [stretch[at : at + batch] for at in range(0, len(stretch), batch)]
        rng.shuffle(batches)
        ordered += [at for each in batches for at in each]
    return ordered + list(epoch[last:])
