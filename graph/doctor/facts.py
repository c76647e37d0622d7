"""Facts that are in no example: what LoRA does not teach, and retrieval would."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from errata.agents.exams import plain
from errata.agents.exams.reworded import COMMON, CUT
from errata.agents.records import Question, TextAnswer, whole_text
from errata.graph.doctor.finding import Finding, said_share, share

MUCH, SOME = 0.5, 0.2
"""Shares of dev questions: at which the whole exam is about facts, and at which that is said."""
LISTED = 6


def find_facts(practice: Sequence[Question], dev: Sequence[Question]) -> Iterator[Finding]:
    """Dev questions of text whose target has a content word that neither they nor any practice
    question, solution or target has, by kind."""
    asked = [question for question in dev if isinstance(question.answer, TextAnswer)]
    if not asked:
        return
    said: set[str] = set()
    for question in practice:
        for text in (whole_text(question), question.solution or "", question.target):
            said |= content(text)
    lacking = [q for q in asked if content(q.target) - said - content(whole_text(q))]
    whole = share("dev questions whose answer stands in no example", len(lacking), len(asked))
    if whole.count < SOME * whole.of:
        return
    kinds: dict[str, list[bool]] = defaultdict(list)
    ids = {question.id for question in lacking}
    for question in asked:
        kinds[question.kind or "(no kind)"].append(question.id in ids)
    by_kind = sorted(kinds.items(), key=lambda item: -sum(item[1]) / len(item[1]))
    yield Finding(
        name="facts in no example",
        severity="serious" if whole.ci95[0] >= MUCH else "warning",
        said="Answers are facts that no example holds: training cannot teach what it never shows",
        shares=(whole,),
        evidence=(
            said_share(whole),
            *(f"{kind}: {sum(found)} of {len(found)}" for kind, found in by_kind[:LISTED]),
        ),
        questions=tuple(question.id for question in lacking),
        do=(
            "Put the text that holds the fact into the question (retrieval), and train on that; or "
            "keep only kinds whose answers follow from the question.",
        ),
    )


def content(text: str) -> set[str]:
    """The beginnings of its words, but for the commonest; its numbers."""
    return {word[:CUT] for word in plain(text).split()} - COMMON
