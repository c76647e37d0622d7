"""Augmentation: new questions like random practice questions, blind to errors.

What LLMs-as-Instructors (arXiv 2407.00497) compares itself with as AugGPT (arXiv 2302.13007): as
many examples as a way that learns from errors writes, from questions that nobody chose.
"""

from __future__ import annotations

import random

from errata.agents.records import Picked
from errata.agents.ways.way import Collected, Practised, Way


class Augmentation(Way):
    steps = ("write",)
    looks = False

    def collect(self, practised: Practised, round_index: int, seed: int) -> Collected:
        return Collected(picked=picked_from(practised, round_index, seed))


def picked_from(practised: Practised, round_index: int, seed: int) -> list[Picked]:
    """All practice questions in a random order: the writer is asked for the first ones first, and
    for the others as far as the quota reaches."""
    questions = [question for question, _ in practised]
    random.Random(f"{seed}/{round_index}").shuffle(questions)
    return [Picked(id=f"p{round_index:02d}-{q.id}", question=q) for q in questions]
