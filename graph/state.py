"""What LangGraph carries from node to node."""

from __future__ import annotations

from typing import Literal, TypedDict

Status = Literal[
    "target reached",
    "target not proven",
    "round budget spent",
    "budget spent",
    "no promotion",
    "out of time",
    "no mistakes left",
    "nothing new to learn",
    "no examples accepted",
    "rejected",
]


class State(TypedDict, total=False):
    """What a checkpoint holds: numbers and names, whatever the size of the exam."""

    round: int
    """Of the candidate that is examined; 0 is the base model."""
    best_round: int
    """Of the best model so far."""
    examples: int
    """New ones to train on in this round."""
    status: Status | None
    """Why the loop stopped; None while it goes on."""
    dev: float
    """Share of right answers to the dev questions, of the candidate."""
    run: str
    """Folder of the run, where a server shows it."""
    report: str
    """Path of report.json at the end, as above."""
    gain: float
    """Of the best model in the sealed test, in shares of 1; as above."""
