"""Marking by a function of the user's own: `python:FILE.py:NAME`.

    def mark(question, response) -> bool | float | Verdict

It runs in a child process, so that one that hangs or ends the process is a question without a
verdict and not the end of a run. It is not boxed in: it is the user's own, trusted code.
"""

from __future__ import annotations

import atexit
import math
import sys
from threading import Lock
from typing import Any

from pydantic import ValidationError

from errata.agents.errors import ConfigError, ExamError, StepFailed
from errata.agents.marking.child import Child
from errata.agents.own_code import check_own
from errata.agents.plain_text import one_line, well_formed
from errata.agents.records import OwnAnswer, Question, Verdict

MOST_S = 60.0
"""Time on the clock for one answer, in seconds; a marker that takes longer is ended."""

START_S = 120.0
"""The same for its file to be loaded."""

FAILURES = 5
"""Answers that a marker may fail on, one after the other, before it has marked any."""

LONGEST_SHOWN = 200
"""Characters of an answer that a marker did not read out itself."""


def mark_own(question: Question, response: str, answer: OwnAnswer) -> Verdict:
    """The verdict of the user's own marker.

    Raises:
        ExamError: It failed on this answer, which has no verdict.
        ConfigError: It cannot be loaded, failed on each of the first answers, or gives a score
            and there is no threshold.
        StepFailed: Its process cannot be started.
    """
    if answer.marker not in MARKERS:
        MARKERS[answer.marker] = OwnMarker(answer.marker)
    said = MARKERS[answer.marker].ask(question, response)
    try:
        return verdict_of(said, answer, response)
    except ValidationError as error:
        why = error.errors()[0]["msg"]
        raise ExamError(f"the marker {answer.marker} gave a Verdict that is none: {why}") from None


def check_marker(name: str) -> None:
    """What can be seen of the marker without running it.

    Raises:
        ConfigError: There is no such code.
    """
    check_own(name, "a marker", ["__call__"])


def forget_markers() -> None:
    """Ends the processes of all markers; a file that was edited is loaded anew."""
    while MARKERS:
        MARKERS.popitem()[1].close()


def verdict_of(said: dict[str, Any], answer: OwnAnswer, response: str) -> Verdict:
    if "verdict" in said:
        verdict = Verdict.model_validate(said["verdict"])
        read = verdict.answer
        return verdict.model_copy(update={"answer": None if read is None else well_formed(read)})
    shown = one_line(response, LONGEST_SHOWN) or None
    if "right" in said:
        right = said["right"]
        why = f"your marker says {'right' if right else 'wrong'}"
        return Verdict(correct=right, answer=shown, why=why)
    score = float(said["score"])
    if answer.threshold is None:
        raise ConfigError(
            f"the marker {answer.marker} gives a score, {score:g}: say from which score an answer "
            "is right, as threshold = … under [exam]"
        )
    if math.isnan(score):
        raise ExamError(f"the marker {answer.marker} gave a score that is no number")
    right = score >= answer.threshold
    why = f"score {score:g}, {'not ' if not right else ''}at least {answer.threshold:g}"
    return Verdict(correct=right, answer=shown, why=why)


class OwnMarker:
    """The child process of one marker; started at the first answer, and again after one that it
    did not survive. Marks one answer at a time."""

    def __init__(self, name: str, most_s: float = MOST_S) -> None:
        """`most_s`: time on the clock for one answer."""
        self.name = name
        self.most_s = most_s
        self.lock = Lock()
        self.child = Child("errata.agents.marking.own_marker", name)
        self.marked = 0
        self.failed = 0

    def ask(self, question: Question, response: str) -> dict[str, Any]:
        """What the marker says: `right`, `score` or `verdict`.

        Raises:
            ExamError, ConfigError, StepFailed: As `mark_own`.
        """
        asked = {"question": question.model_dump(mode="json"), "response": response}
        with self.lock:
            if not self.child.alive:
                self.start()
            try:
                said = self.child.ask(asked, self.most_s) or {"failed": "ended its process"}
            except TimeoutError:
                self.child.close()
                said = {"failed": f"took longer than {self.most_s:g} s"}
            if "failed" not in said:
                self.marked += 1
                return said
            self.failed += 1
            why = f"the marker {self.name} {said['failed']}"
            if not self.marked and self.failed >= FAILURES:
                self.failed = 0
                raise ConfigError(f"{why}, as on each of the first {FAILURES} answers: mend it")
            raise ExamError(why)

    def start(self) -> None:
        try:
            said = self.child.start(START_S)
        except TimeoutError:
            said = None
        if said is None or "failed" in said:
            self.child.close()
            if said is not None:
                raise ConfigError(said["failed"])
            raise StepFailed(
                f"the process of the marker {self.name} did not start; to see why, run "
                f"`{sys.executable} -m errata.agents.marking.own_marker {self.name}`"
            )

    def close(self) -> None:
        self.child.close()


MARKERS: dict[str, OwnMarker] = {}
"""By name: a process each."""
atexit.register(forget_markers)
