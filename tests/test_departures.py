"""How wrong answers come about, counted."""

from __future__ import annotations

from errata.agents.marking import mark
from errata.agents.records import Attempt, Question
from errata.agents.testing.mistakes import attempt_at
from errata.agents.variations.departures import departures

BUS = Question(
    id="q",
    prompt="A bus has 47 seats and gets 26 more. Then 28 are taken out. How many are left?",
    target="45",
    solution="47 + 26 = 73\n73 - 28 = 45",
)


def said(response: str) -> tuple[Question, Attempt]:
    attempt = attempt_at(BUS, mark(BUS, response).correct)
    return BUS, attempt.model_copy(update={"response": response})


def test_wrong_answers_are_counted_where_they_first_leave_the_solution() -> None:
    found = departures(
        [
            said("47 + 26 = 73\n73 - 28 = 45"),
            said("47 + 26 = 63\n63 - 28 = 35"),  # a slip, then right on
            said("47 - 26 = 21"),
            said("47 + 28 = 75"),
            said("47 + 28 = 74"),  # other numbers, and a slip as well
            said("I like buses."),
        ]
    )
    assert found is not None
    assert (found.answers, found.right) == (6, 1)
    assert found.first == {
        "wrong numbers": 2,
        "slip": 1,
        "wrong operation": 1,
        "no equation": 1,
    }
    assert found.false_equation == 2


def test_a_right_answer_with_a_false_equation_counts_as_one() -> None:
    found = departures([said("47 + 26 = 83\n73 - 28 = 45")])
    assert found is not None
    assert (found.right, found.false_equation, dict(found.first)) == (1, 1, {})


def test_questions_without_worked_equations_are_not_counted() -> None:
    words = BUS.model_copy(update={"solution": "There are 45."})
    assert departures([(words, attempt_at(words))]) is None
    found = departures([(words, attempt_at(words)), said("45")])
    assert found is not None
    assert found.answers == 1
