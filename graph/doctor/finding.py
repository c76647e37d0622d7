"""A finding: what was seen, how sure that is, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from errata.agents.records import Record
from errata.agents.scores import wilson

Severity = Literal["serious", "warning"]
"""`serious`: mend it first, or the figures of a run mean little. `warning`: know it."""

Name = Literal[
    "wrong targets",
    "leaks",
    "duplicates",
    "target in the question",
    "unread answers",
    "what the form alone brings",
    "facts in no example",
    "dev too small",
    "kinds with few examples",
    "base model",
    "got worse",
    "refused rounds",
    "refused examples",
    "cut training rows",
    "flat learning curve",
    "cost",
]

SERIOUS = 0.01
"""Share of a set from which bad questions in it are serious."""


TAKE_THEM = '[exam]\ncorrections = "corrections.jsonl"'
"""How a run takes a file of corrections."""


class Share(Record):
    """A share with its 95% interval (Wilson)."""

    what: str
    count: int
    of: int
    ci95: tuple[float, float]


class Try(Record):
    """The base model asked again in another way, on dev."""

    what: str
    toml: str
    """The lines that a configuration needs for it."""
    right: int
    asked: int
    gain: float
    """Accuracy, against the base as configured."""
    ci95: tuple[float, float]
    """Paired."""
    p_holm: float
    """Chance that a way that is no better does as well, corrected for the number of tries."""


class Finding(Record):
    """One thing that is wrong, or may be."""

    name: Name
    severity: Severity
    said: str
    """In one sentence."""
    shares: tuple[Share, ...] = ()
    evidence: tuple[str, ...] = ()
    """Further lines, the clearest first."""
    questions: tuple[str, ...] = ()
    """Ids of those concerned, all of them."""
    tries: tuple[Try, ...] = ()
    do: tuple[str, ...] = ()
    """Commands, or lines of TOML, or a sentence; the first is the first thing to do."""


class NotLookedAt(Record):
    """What could not be seen, and what would show it."""

    what: Name
    why: str
    do: str


def share(what: str, count: int, of: int) -> Share:
    return Share(what=what, count=count, of=of, ci95=wilson(count, of) if of else (0.0, 1.0))


def said_share(found: Share) -> str:
    """`12 of 300 (4.0%, 95% interval 2.3 to 6.9%)`"""
    low, high = (100 * bound for bound in found.ci95)
    part = 100 * found.count / max(1, found.of)
    return f"{found.count} of {found.of} ({part:.1f}%, 95% interval {low:.1f} to {high:.1f}%)"


def graded(shares: Sequence[Share]) -> Severity:
    """By the largest share of a set."""
    worst = max((found.count / found.of for found in shares if found.of), default=0.0)
    return "serious" if worst >= SERIOUS else "warning"


def plural(number: int, noun: str) -> str:
    return f"{number} {noun if number == 1 else f'{noun}s'}"
