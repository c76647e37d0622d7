"""The shapers that a configuration names: found, checked, and put to work one after the other."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from errata.agents.errors import StepFailed
from errata.agents.own_code import own
from errata.agents.records import Row, Sampling, Unusable
from errata.agents.shapers import SHAPERS
from errata.agents.shapers.shaper import Rehearsed, Shaper
from errata.training.own_code import is_own

TEMPERATURE = 0.7
"""Where several answers are wanted, and the shaper itself would ask greedily: that of rejection
sampling fine-tuning (Yuan et al. 2023, arXiv 2308.01825)."""


def shaper_named(name: str) -> Shaper:
    """One of `SHAPERS`, or one of the user's own, named `python:FILE.py:NAME`.

    Raises:
        ValueError: There is none of this name.
        ConfigError: The user's own cannot be had.
    """
    if is_own(name):
        shaper: Shaper = own(name, "a shaper", Shaper)
        return shaper
    if name not in SHAPERS:
        near = difflib.get_close_matches(name, SHAPERS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(SHAPERS)}"
        raise ValueError(f"there is no shaper {name!r}; {hint}")
    return SHAPERS[name]


def sampling_for(shapers: Sequence[Shaper], answers: int | None, seed: int) -> Sampling | None:
    """How the student is asked the examples beforehand: once for all shapers, in the way of the one
    that wants the most answers; None where none wants any.

    Args:
        answers: To each example, in place of what the shaper says.
        seed: Of the answers, where they are drawn by chance.
    """
    wanted = [shaper.sampling for shaper in shapers if shaper.sampling is not None]
    if not wanted:
        return None
    most = max(wanted, key=lambda sampling: sampling.answers)
    count = answers or most.answers
    temperature = most.temperature or (TEMPERATURE if count > 1 else 0.0)
    if not temperature:
        return most
    return Sampling(answers=count, temperature=temperature, top_p=most.top_p, seed=seed)


def shape(
    rows: Sequence[Row], named: Sequence[tuple[str, Shaper]], rehearsed: Rehearsed, seed: int
) -> tuple[list[Row], list[Unusable]]:
    """The rows after all shapers, and what these left out.

    Raises:
        StepFailed: A shaper broke its promise: a row of no known example, or two of one id.
    """
    left_out: list[Unusable] = []
    rows = list(rows)
    for name, shaper in named:
        made = shaper.shape(rows, rehearsed, seed)
        rows = [row for row in made if isinstance(row, Row)]
        left_out += [result for result in made if isinstance(result, Unusable)]
        seen: set[str] = set()
        for row in rows:
            if row.example_id not in rehearsed.examples or row.id in seen:
                what = "a second row" if row.id in seen else f"an example {row.example_id!r}"
                raise StepFailed(
                    f"the shaper {name!r} made {what} that cannot be (row {row.id!r}): each row "
                    "needs an id of its own and a known example; mend the shaper"
                )
            seen.add(row.id)
    return rows, left_out
