"""Two models' answers to the same questions, of one run or of two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from errata.agents.errors import RunError
from errata.agents.records import Attempt, Question
from errata.graph.comparing.flips import counts, flip_of, gain_between, same_questions
from errata.graph.page.reader import Sat
from errata.graph.page.records import Pair
from errata.graph.run_folder import RunFolder


def pair_of(
    first_name: str,
    second_name: str,
    questions: Sequence[tuple[Question, Question]],
    first: Mapping[str, Attempt],
    second: Mapping[str, Attempt],
) -> Pair | None:
    """None where no question was answered by both."""
    counted = [(a, b) for a, b in questions if a.id in first and b.id in second]
    if not counted:
        return None
    gain = gain_between(counted, first, second)
    return Pair(
        first=first_name,
        second=second_name,
        counts=counts([flip_of(a, b, first[a.id], second[b.id], False) for a, b in counted]),
        gain=gain.value,
        ci95=gain.ci95,
        p=gain.p,
    )


def beside(
    ours: Sat, theirs: Sat, folders: tuple[RunFolder, RunFolder], name: str
) -> tuple[tuple[int, ...], tuple[Pair, ...]] | None:
    """One set of two runs; None where they do not have it in common."""
    if not ours.questions or not theirs.questions:
        return None
    try:
        paths = (folders[0].path, folders[1].path)
        pairs = same_questions(ours.questions, theirs.questions, paths, name)
    except RunError:
        return None
    place = {question.id: at for at, question in enumerate(theirs.questions)}
    other = {a.id: place[b.id] for a, b in pairs}
    found = [
        pair_of(f"0/{a}", f"1/{b}", pairs, ours.said[a], theirs.said[b])
        for a in sorted(ours.said)
        for b in sorted(theirs.said)
    ]
    places = tuple(other.get(question.id, -1) for question in ours.questions)
    return places, tuple(pair for pair in found if pair)
