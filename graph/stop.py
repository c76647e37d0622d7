"""Rules that end a run before its rounds are spent: no promotion for long, too much time."""

from __future__ import annotations

from errata.graph.context import Context
from errata.graph.state import Status


def out_of_patience_or_time(index: int, best_round: int, context: Context) -> Status | None:
    """Whether the loop ends after a round's exams; None where it goes on.

    The time is that of the finished steps in steps.jsonl, of all starts of the run together. What
    a kill cut off, a pause for review, and the step under way are not in it. A round that was
    begun is not given up, so a run that finds its way by its records alone goes the same way.
    """
    stop = context.config.stop
    if stop.patience is not None and index - best_round >= stop.patience:
        return "no promotion"
    spent_s = sum(step.seconds for step in context.folder.step_times.read())
    began = context.folder.round(index + 1).exists()
    if stop.hours is not None and spent_s >= 3600 * stop.hours and not began:
        return "out of time"
    return None
