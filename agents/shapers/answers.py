"""What shapers ask of a row, and of the student's own answers to it."""

from __future__ import annotations

from errata.agents.marking import mark
from errata.agents.marking.equations import holds, read_equations, show, unmark
from errata.agents.records import Attempt, CodeAnswer, Question, Row
from errata.agents.shapers.shaper import Rehearsed


def is_plain(row: Row) -> bool:
    """Whether it is one right answer, whole and alone; other rows pass shapers as they are."""
    return row.ends and row.rejected is None and not row.given and row.system is None


def question_of(row: Row) -> Question:
    """The row as a question, its completion as the worked solution."""
    return row.question.model_copy(update={"solution": row.completion})


def is_right(row: Row, response: str) -> bool:
    """Whether the row's marker calls the response right."""
    return mark(row.question, response).correct


def right_answers(row: Row, rehearsed: Rehearsed) -> list[Attempt]:
    """The student's right answers that end and hold no false equation, each text once."""
    made = rehearsed.attempts.get(row.example_id, ())
    right = (a for a in made if a.correct and not a.truncated and is_sound(row, a.response))
    return list({attempt.response: attempt for attempt in right}.values())


def wrong_answers(row: Row, rehearsed: Rehearsed) -> list[Attempt]:
    """The student's wrong answers that end and hold an answer, each text once: from others a
    model would learn form."""
    made = rehearsed.attempts.get(row.example_id, ())
    wrong = (a for a in made if not a.correct and not a.truncated and a.answer is not None)
    return list({attempt.response: attempt for attempt in wrong}.values())


def is_sound(row: Row, response: str) -> bool:
    """Whether every equation of the response holds; a program has none."""
    if isinstance(row.answer, CodeAnswer):
        return True
    return all(holds(equation) for equation in read_equations(unmark(response)))


def path_of(row: Row, response: str) -> tuple[str, ...]:
    """How the response comes to its answer: its equations' left sides, or else its words."""
    equations = [] if isinstance(row.answer, CodeAnswer) else read_equations(unmark(response))
    return tuple(show(equation.left) for equation in equations) or tuple(response.split())
