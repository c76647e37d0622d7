"""What each way collects of the practice answers, asked of the way alone."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from errata.agents.data_writer import Diagnosed
from errata.agents.errors import ConfigError
from errata.agents.marking import mark
from errata.agents.records import (
    Answer,
    ChoiceAnswer,
    Diagnosis,
    Example,
    MathAnswer,
    Mistake,
    NumberAnswer,
    Picked,
    Question,
    Solved,
    TextAnswer,
    TrainingSettings,
)
from errata.agents.testing.mistakes import attempt_at, missed
from errata.agents.ways import WAYS
from errata.agents.ways.way import Collected

RIGHT = {"a": False, "b": True, "c": False, "d": True}
QUESTIONS = {
    id: Question(id=id, prompt=f"What is {id}?", target="7", solution=solution)
    for id, solution in {
        "a": "4 + 3 = 7",
        "b": None,
        "c": "4 + 4 = 8",
        "d": "1 + 6 = <<1+6=7>>7 apples.\n#### 7",
    }.items()
}
PRACTISED = [(QUESTIONS[id], attempt_at(QUESTIONS[id], right)) for id, right in RIGHT.items()]


def collected(strategy: str, index: int = 3, seed: int = 0) -> Collected:
    return WAYS[strategy].collect(PRACTISED, index, seed)


def test_every_way_is_there_by_its_name() -> None:
    names = {name: type(way).__name__ for name, way in WAYS.items()}
    assert names.items() >= {
        ("sft", "FineTuning"),
        ("augment", "Augmentation"),
        ("sft+augment", "FineTuningAndAugmentation"),
        ("le", "LearningFromError"),
        ("lec", "LearningFromErrorByContrast"),
        ("le+lec", "BothFromError"),
    }


@pytest.mark.parametrize("strategy", ["le", "lec", "le+lec"])
def test_what_the_student_missed_is_collected_and_nothing_else(strategy: str) -> None:
    assert collected(strategy) == Collected(
        mistakes=[
            Mistake(id=f"m03-{id}", question=QUESTIONS[id], attempt=PRACTISED[at][1])
            for id, at in (("a", 0), ("c", 2))
        ]
    )


@pytest.mark.parametrize("strategy", ["augment", "sft+augment"])
def test_every_practice_question_is_picked_once_in_an_order_of_its_round(strategy: str) -> None:
    found = collected(strategy).picked
    assert found is not None
    assert sorted(found, key=lambda one: one.id) == [
        Picked(id=f"p03-{id}", question=question) for id, question in QUESTIONS.items()
    ]
    assert found == collected(strategy).picked
    assert found == collected("augment").picked
    assert collected(strategy).mistakes is None
    orders = {
        tuple(one.question.id for one in collected(strategy, index, seed).picked or ())
        for index in range(4)
        for seed in range(4)
    }
    assert len(orders) > 8


@pytest.mark.parametrize("strategy", ["sft", "sft+augment"])
def test_solutions_that_their_marker_calls_right_are_learnt_and_the_others_named(
    strategy: str,
) -> None:
    found = collected(strategy)
    assert found.mistakes is None
    assert (found.picked is None) == (strategy == "sft")
    assert found.solutions is not None
    for example, id in zip(found.solutions, "ad", strict=True):
        question = QUESTIONS[id]
        assert (example.id, example.question_id) == (f"s-{id}", id)
        assert (example.made_from, example.diagnosis_id) == ("solution", None)
        assert (example.prompt, example.target) == (question.prompt, question.target)
        assert example.answer == question.answer
        assert example.cause == "the exam's own solution"
    assert [example.completion for example in found.solutions] == [
        "4 + 3 = 7",
        "1 + 6 = 7 apples.\n#### 7",
    ]
    assert {one.source_id: one.reason for one in found.left_out} == {
        "b": "no solution",
        "c": "its own marker calls the solution wrong",
    }


NUMBER, TEXT, MATH = NumberAnswer(), TextAnswer(), MathAnswer()
TREES = ChoiceAnswer(options={"A": "oak", "B": "elm"})
ENDINGS: Mapping[str, tuple[Answer, str, str, str]] = {
    "a number that stands there": (NUMBER, "7", "So it is 7.  ", "So it is 7.  "),
    "a number that is missing": (NUMBER, "7", "Count them. \n", "Count them.\n#### 7"),
    "an option that is missing": (
        TREES,
        "B",
        "Its leaves are lopsided.",
        "Its leaves are lopsided.\nThe answer is B.",
    ),
    "text with signs like a calculator's": (
        TEXT,
        "no",
        "<<1=1>> So the answer is no.",
        "<<1=1>> So the answer is no.",
    ),
    "a formula": (MATH, "x^2", "Square it: $x^2$", "Square it: $x^2$"),
}
"""What is missing → the answer, the target, the solution, and what is learnt of it."""


@pytest.mark.process  # that marks formulas
@pytest.mark.parametrize("what", ENDINGS)
def test_a_solution_ends_with_an_answer_that_its_marker_reads(what: str) -> None:
    answer, target, solution, completion = ENDINGS[what]
    question = Question(id="q", prompt="?", target=target, solution=solution, answer=answer)
    found = WAYS["sft"].collect([(question, attempt_at(question))], 1, 0)
    assert found.solutions is not None
    assert [example.completion for example in found.solutions] == [completion]
    assert found.solutions[0].answer == answer
    assert mark(question, completion).correct


def test_text_in_which_no_answer_can_be_read_is_left_out() -> None:
    question = Question(id="q", prompt="?", target="no", solution="It rains.", answer=TEXT)
    found = WAYS["sft"].collect([(question, attempt_at(question))], 1, 0)
    assert found.solutions == []
    assert found.left_out[0].reason == "its own marker calls the solution wrong"


@pytest.mark.parametrize("solution", [None, "", " \n"])
def test_a_question_with_nothing_in_its_solution_is_left_out(solution: str | None) -> None:
    question = Question(id="q", prompt="?", target="7", solution=solution)
    found = WAYS["sft"].collect([(question, attempt_at(question))], 1, 0)
    assert found.solutions == []
    assert [(one.source_id, one.reason) for one in found.left_out] == [("q", "no solution")]
    for strategy in ("sft", "sft+augment"):
        with pytest.raises(ConfigError, match="give them one, or choose a strategy"):
            WAYS[strategy].check([question])
        WAYS[strategy].check([question, QUESTIONS["a"]])
    for strategy in ("augment", "le", "lec", "le+lec"):
        WAYS[strategy].check([question])


def test_only_fine_tuning_alone_has_nothing_new_after_one_round() -> None:
    assert {name: WAYS[name].rounds for name in ("sft", "sft+augment", "augment", "lec")} == {
        "sft": 1,
        "sft+augment": None,
        "augment": None,
        "lec": None,
    }


# What is shown and what is written for.


def beside(mistake: Mistake) -> Mistake:
    near = Solved(question=QUESTIONS["b"], attempt=attempt_at(QUESTIONS["b"], True), similarity=0.5)
    return mistake.model_copy(update={"contrast": (near,)})


MISTAKES = [missed(QUESTIONS["a"]), missed(QUESTIONS["c"])]


def test_under_both_ways_each_mistake_is_shown_alone_and_then_beside_its_neighbours() -> None:
    contrasted = [MISTAKES[0], beside(MISTAKES[1])]
    assert WAYS["le+lec"].shown(MISTAKES, contrasted) == [
        *MISTAKES,
        contrasted[1].model_copy(update={"id": "c-contrast"}),
    ]
    assert WAYS["lec"].shown(MISTAKES, contrasted) == contrasted


def lesson(mistake: Mistake) -> Diagnosed:
    return Diagnosed(
        mistake,
        Diagnosis(
            id=f"d-{mistake.id}",
            mistake_id=mistake.id,
            question_id=mistake.question.id,
            cause="c",
            explanation="",
            missing_skill="",
            advice="",
        ),
    )


def test_both_ways_share_the_quota_by_what_was_shown_and_every_other_way_does_not() -> None:
    alone = [lesson(mistake) for mistake in MISTAKES]
    contrasted = [lesson(beside(mistake)) for mistake in MISTAKES]
    mixed = [alone[0], contrasted[0], contrasted[1], alone[1]]
    assert WAYS["le+lec"].parts(mixed) == [alone, contrasted]
    assert WAYS["le+lec"].parts(alone) == [alone]
    assert WAYS["le+lec"].parts(contrasted) == [contrasted]
    assert WAYS["le+lec"].parts([]) == []
    for strategy in ("le", "lec", "augment"):
        assert WAYS[strategy].parts(mixed) == [mixed]


# What is trained on.


def examples(*ids: str) -> list[Example]:
    made = Example(
        id="", diagnosis_id=None, question_id="a", cause="c", prompt="?", completion="7", target="7"
    )
    return [made.model_copy(update={"id": id}) for id in ids]


EARLIER, FRESH, SOLUTIONS = examples(*"abcdefghij"), examples("new", "newer"), examples("own")


def replayed(replay: float, index: int = 2, seed: int = 7) -> list[Example]:
    settings = TrainingSettings(replay=replay, seed=seed)
    rows = WAYS["lec"].rows(SOLUTIONS, FRESH, EARLIER, settings, index)
    assert (rows[:1], rows[-2:]) == (SOLUTIONS, FRESH)
    return rows[1:-2]


@pytest.mark.parametrize(("replay", "count"), [(0, 0), (0.5, 5), (0.9, 9), (1, 10), (3, 10)])
def test_that_share_of_the_earlier_examples_stands_in_its_order_before_the_fresh_ones(
    replay: float, count: int
) -> None:
    found = replayed(replay)
    assert len(found) == count
    assert found == [example for example in EARLIER if example in found]


def test_the_seed_and_the_round_choose_which_earlier_examples_come_again() -> None:
    assert replayed(0.5) == replayed(0.5) != replayed(0.5, index=3)
    assert replayed(0.5) != replayed(0.5, seed=8)
