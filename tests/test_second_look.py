"""A second look: what a student makes of its own answers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from screen import printed, words

from errata.agents.errors import ExamError, StepFailed
from errata.agents.records import Attempt, ModelRef, Question, Response
from errata.agents.second_look import LOOK_AGAIN, SecondLook, measure
from errata.agents.student import Revisited, StudentSettings
from errata.agents.testing.mistakes import attempt_at
from errata.graph.commands.exam import OpenedExam, evaluate
from errata.graph.views.exams import print_evaluation
from errata.graph.watcher import NoWatcher


def questions(count: int, per_group: int = 0) -> list[Question]:
    return [
        Question(
            id=f"q{n}",
            prompt=f"What is {n} + 0?",
            target=str(n),
            group=f"g{n // per_group}" if per_group else None,
        )
        for n in range(count)
    ]


def looked(cells: Mapping[tuple[bool, bool], int], per_group: int = 0) -> SecondLook:
    """(right before, right after) → how many questions."""
    outcomes = [pair for pair, count in cells.items() for _ in range(count)]
    asked = questions(len(outcomes), per_group)
    pairs = list(zip(asked, outcomes, strict=True))
    first: list[Attempt] = [attempt_at(question, before) for question, (before, _) in pairs]
    second = [attempt_at(question, after) for question, (_, after) in pairs]
    found = measure(asked, first, second)
    assert found is not None
    return found


def test_confidence_critique_and_rss_are_those_of_the_paper() -> None:
    found = looked(
        {(True, True): 30, (True, False): 10, (False, True): 12, (False, False): 48},
    )
    assert (found.n, found.before, found.after) == (100, 0.4, 0.42)
    assert found.confidence is not None
    assert found.critique is not None
    assert (found.confidence.share, found.confidence.asked) == (0.75, 40)
    assert (found.critique.share, found.critique.asked) == (0.2, 60)
    assert found.rss == pytest.approx((0.42 - 0.16) / (2 * 0.4 * 0.6))
    for part in (found.confidence, found.critique):
        assert part.ci95[0] < part.share < part.ci95[1]


@pytest.mark.parametrize("right", [False, True])
def test_where_all_first_answers_are_alike_what_cannot_be_said_is_none(right: bool) -> None:
    found = looked({(right, True): 3, (right, False): 1})
    assert (found.rss, found.rss_ci95) == (None, None)
    assert (found.confidence is None) == (not right)
    assert (found.critique is None) == right
    part = found.confidence or found.critique
    assert part is not None
    assert part.share == 0.75


def test_a_student_that_changes_nothing_has_an_rss_of_one_half() -> None:
    assert looked({(True, True): 7, (False, False): 13}).rss == pytest.approx(0.5)


def test_the_interval_of_the_rss_covers_what_resampling_gives() -> None:
    import random

    cells = {(True, True): 30, (True, False): 10, (False, True): 12, (False, False): 48}
    found = looked(cells)
    assert found.rss_ci95 is not None
    pairs = [pair for pair, count in cells.items() for _ in range(count)]
    rng, drawn = random.Random(0), []
    for _ in range(4000):
        again = rng.choices(pairs, k=100)
        one, two = (sum(pair[at] for pair in again) / 100 for at in (0, 1))
        drawn.append((two - one**2) / (2 * one * (1 - one)))
    drawn.sort()
    for bound, at in zip(found.rss_ci95, (100, 3900), strict=True):
        assert bound == pytest.approx(drawn[at], abs=0.03)


def test_variants_of_one_question_widen_the_intervals() -> None:
    cells = {(True, True): 30, (True, False): 10, (False, True): 20, (False, False): 40}
    alone, grouped = looked(cells), looked(cells, per_group=10)

    def width(bounds: tuple[float, float] | None) -> float:
        assert bounds is not None
        return bounds[1] - bounds[0]

    assert width(grouped.rss_ci95) > 1.5 * width(alone.rss_ci95)


class Doubting:
    """Right on even questions; at a second look right on those that 3 divides. It fails when it
    has given `left` answers."""

    def __init__(self, left: int = 1000) -> None:
        self.left = left
        self.asked: list[tuple[str, bool]] = []
        self.heard: list[Revisited] = []

    def ask(
        self, model: ModelRef, questions: Sequence[Question], answered: frozenset[str]
    ) -> Iterator[Response]:
        for question in questions:
            if question.id in answered:
                continue
            if self.left == 0:
                raise StepFailed("tired")
            self.left -= 1
            again = isinstance(question, Revisited)
            self.asked.append((question.id, again))
            if isinstance(question, Revisited):
                self.heard.append(question)
            right = int(question.target) % (3 if again else 2) == 0
            text = f"#### {question.target if right else 99}"
            yield Response(question_id=question.id, text=text, tokens=3, truncated=False)

    def close(self) -> None:
        pass


EXAM = [OpenedExam("sums", questions(12)), OpenedExam("more", questions(6))]


def test_each_answer_is_looked_at_again_in_the_same_conversation(tmp_path: Path) -> None:
    student = Doubting()
    settings = StudentSettings()
    found = evaluate(settings, EXAM, None, NoWatcher(), student, second_look=True)
    looked = found.exams[0].second_look
    assert looked is not None
    assert found.exams[0].result.correct == 6
    assert looked.confidence is not None
    assert looked.critique is not None
    assert (looked.confidence.right, looked.confidence.asked) == (2, 6)
    assert (looked.critique.right, looked.critique.asked) == (2, 6)
    assert student.heard[1].conversation("Be brief.") == (
        ("system", "Be brief."),
        ("user", "What is 1 + 0?"),
        ("assistant", "#### 99"),
        ("user", LOOK_AGAIN),
    )
    assert student.heard[1].conversation(None)[0] == ("user", "What is 1 + 0?")


def test_an_exam_without_a_second_look_asks_once() -> None:
    student = Doubting()
    found = evaluate(StudentSettings(), EXAM, None, NoWatcher(), student)
    assert [exam.second_look for exam in found.exams] == [None, None]
    assert not any(again for _, again in student.asked)


@pytest.mark.parametrize("left", [5, 12, 15, 27])
def test_a_second_look_that_was_stopped_goes_on_and_asks_nothing_twice(
    left: int, tmp_path: Path
) -> None:
    def look(student: Doubting, out: Path) -> list[SecondLook | None]:
        found = evaluate(StudentSettings(), EXAM, out, NoWatcher(), student, second_look=True)
        return [exam.second_look for exam in found.exams]

    out = tmp_path / "answers.jsonl"
    first, second = Doubting(left), Doubting()
    with pytest.raises(StepFailed):
        look(first, out)
    found = look(second, out)
    assert len(first.asked + second.asked) == 36
    assert found == look(Doubting(), tmp_path / "whole.jsonl")
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert len({line["attempt"]["id"] for line in lines}) == 36
    assert all("said" not in line["question"] for line in lines)


def test_answers_with_and_without_a_second_look_are_not_mixed(tmp_path: Path) -> None:
    out = tmp_path / "answers.jsonl"
    with pytest.raises(StepFailed):
        evaluate(StudentSettings(), EXAM, out, NoWatcher(), Doubting(3))
    with pytest.raises(ExamError, match="with second_look = None, not 'Please look"):
        evaluate(StudentSettings(), EXAM, out, NoWatcher(), Doubting(), second_look=True)


def test_the_terminal_shows_both_shares_and_the_rss() -> None:
    found = evaluate(StudentSettings(), EXAM[:1], None, NoWatcher(), Doubting(), second_look=True)
    shown = words(printed(lambda console: print_evaluation(found, console), 90))
    assert "sums: a second look at 12 answers" in shown
    assert "confidence: right again 33.3%" in shown
    assert "2 of 6 that were right" in shown
    assert "critique: right now 33.3%" in shown
    assert "RSS 0.17" in shown
    assert "accuracy 50.0% before, 33.3% after" in shown
