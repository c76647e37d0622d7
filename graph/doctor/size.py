"""Whether dev shows the gain that is hoped for, and each kind has enough questions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from errata.agents.promotion import (
    ALPHA,
    LEAST_DEV,
    LEAST_PRACTICE,
    Gate,
    power,
    visible_gain,
)
from errata.agents.records import Accuracy, Question
from errata.agents.scores import clusters
from errata.graph.doctor.finding import Finding, plural

POWER = 0.8
MOST_DEV = 20_000
"""Questions beyond which nobody is told to write more."""
WIDE = 0.1
"""A gain that is a good one for a run: dev that shows only larger ones misses most runs' gains."""
LISTED = 8


def find_dev_too_small(
    dev: Sequence[Question], rounds: int, gate: Gate, target: float, base: Accuracy | None
) -> Iterator[Finding]:
    """By the gate's own power (docs/promotion.md): the gain that dev shows 4 times in 5, against
    `WIDE`, and against all that there is to gain, where the base's answers are known.

    Args:
        target: Share of right answers that the run is to reach.
    """
    alpha = ALPHA[gate]
    if alpha is None:
        return
    level = alpha / rounds
    n = len(set(clusters(dev)))
    shown = visible_gain(n, level)
    room = 1.0 if base is None else max(0.0, target - base.accuracy)
    hoped = min(WIDE, room)
    if hoped == 0 or (shown is not None and shown <= hoped):
        return
    wanted = needed(hoped, level)
    said = "no gain at all" if shown is None else f"gains from {100 * shown:.0f} points on"
    too_wide = shown is None or shown > room
    against = (
        f"all that is to be gained is {100 * room:.0f} points, up to the target of {target:.0%}"
        if room <= WIDE or (shown is not None and too_wide)
        else f"{100 * WIDE:.0f} points are a good gain already"
    )
    enough = "more than anybody writes" if wanted is None else f"{wanted} questions"
    yield Finding(
        name="dev too small",
        severity="serious" if too_wide else "warning",
        said=f"{plural(n, 'dev question')} can show {said}, and {against}",
        evidence=(
            f"gate {gate}, {plural(rounds, 'round')}: each may err with {level:.3g}; a gain of "
            f"{100 * hoped:.0f} points is seen 4 times in 5 with {enough}",
        ),
        do=(
            f"Give dev {enough}, from practice if need be."
            if wanted is not None
            else "Take a harder exam, on which there is more to gain.",
            *(["[stop]\nrounds = 1"] if rounds > 1 else []),
            *(['[stop]\ngate = "likely"'] if gate == "sure" else []),
        ),
    )


def needed(gain: float, level: float) -> int | None:
    """Dev questions that show the gain 4 times in 5; None beyond `MOST_DEV`."""
    low, high = 1, 2
    while power(high, gain, level) < POWER:
        low, high = high, 2 * high
        if high > 2 * MOST_DEV:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power(middle, gain, level) >= POWER else (middle, high)
    return -(-high // 10) * 10


def find_few_of_a_kind(sets: Mapping[str, Sequence[Question]]) -> Iterator[Finding]:
    """Kinds that practice lacks, or has few questions of; and those that dev cannot guard."""
    counts = {name: Counter(q.kind or "" for q in questions) for name, questions in sets.items()}
    practice, dev, test = (counts.get(name, Counter()) for name in ("practice", "dev", "test"))
    kinds = sorted({*practice, *dev, *test} - {""})
    if not kinds:
        return
    asked = [kind for kind in kinds if dev[kind] or test[kind]]
    none = [kind for kind in asked if not practice[kind]]
    few = [kind for kind in asked if 0 < practice[kind] < LEAST_PRACTICE]
    unguarded = [kind for kind in kinds if dev[kind] < LEAST_DEV]
    if not none and not few and not unguarded:
        return
    evidence = []
    for what, found in (
        ("no practice question: nothing of it can be learnt from errors", none),
        (f"fewer than {LEAST_PRACTICE} practice questions: few mistakes to learn from", few),
        (f"fewer than {LEAST_DEV} dev questions: losing it refuses no candidate", unguarded),
    ):
        if found:
            named = ", ".join(f"{kind} ({practice[kind]}/{dev[kind]})" for kind in found[:LISTED])
            more = f" and {len(found) - LISTED} more" if len(found) > LISTED else ""
            evidence.append(f"{what}: {named}{more}")
    evidence.append("in brackets: practice questions/dev questions")
    lack, where = ([*none, *few], "practice") if none or few else (unguarded, "dev")
    lacking = sum(dev[kind] for kind in none)
    serious = bool(none) and 10 * lacking >= sum(dev.values())
    yield Finding(
        name="kinds with few examples",
        severity="serious" if serious else "warning",
        said=f"{len(lack)} of {plural(len(kinds), 'kind')} have too few {where} questions",
        evidence=tuple(evidence),
        do=("Move questions between the sets, or write more of these kinds.",),
    )
