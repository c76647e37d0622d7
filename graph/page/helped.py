"""What became of the questions that examples were written for, and of all others.

All rows of a round are trained on at once, so nothing here says that one of them caused a change:
it says what went together with what.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set

from errata.agents.records import Example, Mistake, Record
from errata.agents.scores import wilson


class Share(Record):
    """How many of some questions changed sides."""

    of: int
    """Questions."""
    changed: int
    ci95: tuple[float, float] | None
    """Of the share (Wilson); None of no question."""


class Group(Record):
    """What became of a group of practice questions in one round."""

    fixed: Share
    """Of those that were answered wrong before."""
    broken: Share
    """Of those that were answered right before."""


class Aimed(Record):
    """What was written for one cause in one round, and what became of whom it was written for."""

    cause: str
    examples: int
    """Accepted."""
    questions: Group
    """That they were written for."""
    neighbours: Group
    """The correct answers that were laid beside those, as far as nothing was written for them."""


class Helped(Record):
    """One round's table."""

    round: int
    before: int
    """Round of the model whose answers the round began with."""
    asked: bool
    """Whether the round's model was asked practice at all; if not, all is 0."""
    aimed: tuple[Aimed, ...]
    """By cause, most examples first."""
    nothing: Group
    """Questions that nothing was written for, and that were laid beside no mistake; where examples
    were written, a question's own solution does not count as one."""


def helped(
    index: int,
    before_round: int,
    before: Mapping[str, bool],
    after: Mapping[str, bool],
    examples: Sequence[Example],
    mistakes: Iterable[Mistake],
) -> Helped:
    """One round's table.

    Args:
        before, after: Practice question id → right; only those in both count.
        examples: Accepted ones of the round, solutions among them.
        mistakes: Of the round, with their contrast where there is one.
    """
    written: dict[str, set[str]] = defaultdict(set)
    for example in examples:
        written[example.cause].add(example.question_id)
    count = Counter(example.cause for example in examples)
    beside = {
        mistake.question.id: {solved.question.id for solved in mistake.contrast}
        for mistake in mistakes
    }
    made = {each.question_id for each in examples if each.made_from != "solution"}
    everyone = made or set().union(*written.values())
    near: dict[str, set[str]] = {
        cause: set().union(*(beside.get(id, set()) for id in ids)) - everyone
        for cause, ids in written.items()
    }
    rest = (before.keys() & after.keys()) - everyone - set().union(*beside.values())
    return Helped(
        round=index,
        before=before_round,
        asked=bool(after),
        aimed=tuple(
            Aimed(
                cause=cause,
                examples=count[cause],
                questions=group(written[cause], before, after),
                neighbours=group(near[cause], before, after),
            )
            for cause in sorted(written, key=lambda cause: (-count[cause], cause))
        ),
        nothing=group(rest, before, after),
    )


def group(ids: Set[str], before: Mapping[str, bool], after: Mapping[str, bool]) -> Group:
    pairs = [(before[id], after[id]) for id in ids if id in before and id in after]
    return Group(
        fixed=share([now for was, now in pairs if not was]),
        broken=share([not now for was, now in pairs if was]),
    )


def share(changed: Sequence[bool]) -> Share:
    n = len(changed)
    return Share(of=n, changed=sum(changed), ci95=wilson(sum(changed), n) if n else None)
