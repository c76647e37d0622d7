"""What the Data-Writer accepts, refuses and counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import pytest

from errata.agents.checks import Checker
from errata.agents.data_writer import (
    LARGEST_ASK,
    TRIES,
    Ask,
    Diagnosed,
    spread,
    write_examples,
    write_for_exams,
)
from errata.agents.errors import InstructorError
from errata.agents.exams import HeldOut
from errata.agents.records import (
    Attempt,
    Diagnosis,
    Draft,
    Example,
    Mistake,
    Question,
    Refusal,
    TextAnswer,
    Unusable,
)

HELD = Question(id="d", prompt="Ada has 9 cats and buys 8 more. How many cats?", target="17")
PRACTICE = "Ben had 7 dogs and lost 3. How many dogs has he?"
PRACTISED = [Question(id="practice-1", prompt=PRACTICE, target="4")]


def lesson(name: str, cause: str) -> Diagnosed:
    question = Question(id=f"q-{name}", prompt=f"{name}?", target="1")
    attempt = Attempt(
        id=f"{name}@x",
        question_id=question.id,
        response="",
        answer=None,
        correct=False,
        why="",
        tokens=0,
        truncated=False,
    )
    mistake = Mistake(id=f"m-{name}", question=question, attempt=attempt)
    diagnosis = Diagnosis(
        id=f"d-{name}",
        mistake_id=mistake.id,
        question_id=question.id,
        cause=cause,
        explanation="e",
        missing_skill="s",
        advice="a",
    )
    return Diagnosed(mistake, diagnosis)


def draft(prompt: str, completion: str, target: str, diagnosis_id: str = "d") -> Draft:
    return Draft(diagnosis_id=diagnosis_id, prompt=prompt, completion=completion, target=target)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (draft("", "1 + 1 = 2\n#### 2", "2"), "empty prompt or completion"),
        (draft("x?", "  ", "2"), "empty prompt or completion"),
        (draft("x?", "1 + 1 = 2\n#### 2", "two"), "target is not a number"),
        (draft("x?", "1 + 1 = 2\n#### 3", "2"), "completion does not end in the target"),
        (draft("x?", "1 + 1 = 3\n#### 3", "3"), "wrong equation"),
        (draft("x?", "8 - 2 = 8 - 1 - 2 = 6\n#### 6", "6"), "wrong equation"),
        (draft("x?", "4 / 0 = 3\n#### 3", "3"), "wrong equation"),
        (draft("x?", "20 - 12 = -2\n#### -2", "-2"), "wrong equation"),
        (draft("x?", "1 + 1 = 2\n#### 5", "5"), "final answer is not the result of any equation"),
        (draft(PRACTICE, "7 - 3 = 4\n#### 4", "4"), "written before"),
        (draft(HELD.prompt, "9 + 8 = 17\n#### 17", "17"), "too near to a dev or test question"),
        (
            draft(HELD.prompt.replace("Ada", "Eve"), "9 + 8 = 17\n#### 17", "17"),
            "too near to a dev or test question",
        ),
    ],
)
def test_what_nobody_should_learn_from_is_refused_with_its_reason(bad: Draft, reason: str) -> None:
    assert Checker(HeldOut([HELD]), PRACTISED).refuse(bad) == reason


def test_a_sound_draft_is_accepted_once() -> None:
    checker = Checker(HeldOut([HELD]), PRACTISED)
    good = draft("What is 30 - 12?", "30 - 12 = 30 - 10 - 2 = 20 - 2 = 18\n#### 18", "18")
    assert checker.refuse(good) is None
    assert checker.refuse(good.model_copy(update={"prompt": "what is 30 - 12"})) == "written before"


class Counting:
    """Writes sums; remembers for which diagnosis it was asked, and for how many."""

    asks_per_batch = 100

    def __init__(self, dry: str = "", fewest: int = 1) -> None:
        self.dry = dry
        self.examples_per_ask = fewest
        self.turns: list[int] = []
        self.asked: Counter[str] = Counter()
        self.n = 0

    def draft(self, asks: Sequence[Ask]) -> Iterator[tuple[Ask, Sequence[Draft | Unusable]]]:
        self.turns.append(sum(ask.count for ask in asks))
        for ask in asks:
            yield ask, self.write(ask)

    def write(self, ask: Ask) -> Sequence[Draft | Unusable]:
        self.asked[ask.lesson.id] += ask.count
        if ask.lesson.cause == self.dry:
            return [Unusable(source_id=ask.lesson.id, reason="cannot")]
        drafts = []
        for _ in range(ask.count):
            self.n += 1
            drafts.append(
                draft(f"What is {self.n} + 1?", f"{self.n} + 1 = {self.n + 1}", str(self.n + 1))
            )
        return drafts


def accepted(lessons: list[Diagnosed], writer: Counting, quota: int) -> Counter[str]:
    results = write_examples(lessons, writer, Checker(HeldOut([]), []), quota, 1, 0)
    return Counter(result.cause for result in results if isinstance(result, Example))


def test_the_quota_is_spread_over_causes_by_how_often_they_occur() -> None:
    lessons = [lesson(f"a{i}", "often") for i in range(6)] + [
        lesson(f"b{i}", "seldom") for i in "12"
    ]
    writer = Counting()
    assert accepted(lessons, writer, 40) == {"often": 30, "seldom": 10}
    assert set(writer.asked.values()) == {5}  # diagnoses take turns
    assert writer.asked.total() == 40  # never more than the quota needs


def test_what_a_cause_cannot_fill_goes_to_the_others() -> None:
    lessons = [lesson("a", "dry"), lesson("b", "good")]
    assert accepted(lessons, Counting(dry="dry"), 20) == {"good": 20}


def test_a_writer_that_can_write_nothing_is_given_up() -> None:
    writer = Counting(dry="dry")
    assert accepted([lesson("a", "dry")], writer, 20) == {}
    assert writer.asked.total() <= 20


def test_few_diagnoses_are_asked_for_several_where_a_call_costs_much() -> None:
    lessons = [lesson(f"a{i}", "often") for i in range(20)] + [lesson("b", "seldom")]
    writer = Counting(fewest=4)
    assert accepted(lessons, writer, 21).total() == 21
    assert sorted(writer.asked.values()) == [1, 4, 4, 4, 4, 4]
    assert max(writer.asked.values()) <= LARGEST_ASK


class Shuffled(Counting):
    """Brings what it writes in another order than it was asked; one draft of three is wrong."""

    def draft(self, asks: Sequence[Ask]) -> Iterator[tuple[Ask, Sequence[Draft | Unusable]]]:
        self.turns.append(sum(ask.count for ask in asks))
        yield from reversed([(ask, self.write(ask)) for ask in asks])

    def write(self, ask: Ask) -> Sequence[Draft | Unusable]:
        return [
            each.model_copy(update={"target": "7"})
            if isinstance(each, Draft) and int(each.target) % 3 == 0
            else each
            for each in super().write(ask)
        ]


def test_a_turn_goes_out_together_and_wants_no_more_than_is_lacking() -> None:
    lessons = [lesson(f"a{i}", f"cause {i % 3}") for i in range(9)]
    writer = Shuffled()
    results = list(write_examples(lessons, writer, Checker(HeldOut([]), []), 30, 1, 0))
    lacking = 30
    numbers = iter(result for result in results if not isinstance(result, Unusable))
    for turn in writer.turns:
        assert turn <= lacking
        lacking -= sum(isinstance(next(numbers), Example) for _ in range(turn))
    assert lacking == 0


def test_the_order_of_the_asks_decides_and_not_that_of_the_replies() -> None:
    class InOrder(Shuffled):
        def draft(self, asks: Sequence[Ask]) -> Iterator[tuple[Ask, Sequence[Draft | Unusable]]]:
            yield from [(ask, self.write(ask)) for ask in asks]

    lessons = [lesson(f"a{i}", f"cause {i % 3}") for i in range(9)]
    first, second = (
        list(write_examples(lessons, writer, Checker(HeldOut([]), []), 30, 1, 0))
        for writer in (InOrder(), Shuffled())
    )
    assert first == second


def test_what_came_before_a_failure_is_checked_and_yielded() -> None:
    class Failing(Counting):
        def draft(self, asks: Sequence[Ask]) -> Iterator[tuple[Ask, Sequence[Draft | Unusable]]]:
            yield asks[0], self.write(asks[0])
            yield asks[2], self.write(asks[2])
            raise InstructorError("gone")

    lessons = [lesson(name, "c") for name in "xyz"]
    results = write_examples(lessons, Failing(), Checker(HeldOut([]), []), 6, 1, 0)
    assert [next(results).id for _ in range(4)][-1] == "e01-00004"  # type: ignore[union-attr]
    with pytest.raises(InstructorError, match="gone"):
        next(results)


def test_every_refusal_is_kept_with_its_draft() -> None:
    class Liar(Counting):
        def write(self, ask: Ask) -> Sequence[Draft | Unusable]:
            return [draft("x?", "1 + 1 = 3\n#### 3", "3")]

    results = list(write_examples([lesson("a", "c")], Liar(), Checker(HeldOut([]), []), 5, 1, 0))
    assert results
    assert all(isinstance(r, Refusal) and r.reason == "wrong equation" for r in results)


@pytest.mark.parametrize("quota", [1, 2, 7, 100])
def test_shares_add_up_to_the_quota(quota: int) -> None:
    assert sum(spread(quota, {"a": 5, "b": 3, "c": 1}).values()) == quota


class Slow(Counting):
    """Of each turn's asks only the first brings a draft; beside it, what could not be had."""

    def draft(self, asks: Sequence[Ask]) -> Iterator[tuple[Ask, Sequence[Draft | Unusable]]]:
        for ask in asks:
            sums = [result for result in self.write(ask) if isinstance(result, Draft)]
            lost = Unusable(source_id=ask.lesson.id, reason="cannot")
            yield ask, [*sums[:1], lost]


def test_a_cause_that_brings_a_little_in_each_turn_is_asked_until_the_quota_is_full() -> None:
    results = list(write_examples([lesson("a", "c")], Slow(), Checker(HeldOut([]), []), 9, 1, 0))
    assert sum(isinstance(result, Example) for result in results) == 9
    assert sum(isinstance(result, Unusable) for result in results) == 9


def test_a_cause_that_brings_nothing_is_asked_as_often_as_is_said() -> None:
    class Liar(Counting):
        def write(self, ask: Ask) -> Sequence[Draft | Unusable]:
            self.asked[ask.lesson.id] += 1
            return [draft("x?", "1 + 1 = 3\n#### 3", "3")]

    writer = Liar()
    assert accepted([lesson("a", "c")], writer, 5) == {}
    assert writer.asked == {"d-a": TRIES}


def test_an_example_keeps_what_its_draft_and_its_diagnosis_say() -> None:
    class Texts(Counting):
        def write(self, ask: Ask) -> Sequence[Draft | Unusable]:
            answer = TextAnswer()
            given = draft("Which?", "The answer is ash.", "ash", ask.lesson.id)
            return [given.model_copy(update={"answer": answer})]

    checker = Checker(HeldOut([]), [])
    (example,) = write_examples([lesson("a", "c")], Texts(), checker, 1, 3, 0)
    assert isinstance(example, Example)
    assert example.answer == TextAnswer()
    assert (example.id, example.diagnosis_id, example.cause) == ("e03-00001", "d-a", "c")
    assert (example.question_id, example.target) == ("q-a", "ash")
    assert (example.prompt, example.completion) == ("Which?", "The answer is ash.")


def test_seeds_differ_by_round_by_turn_and_by_what_is_configured() -> None:
    class Refused(Counting):
        def draft(self, asks: Sequence[Ask]) -> Iterator[tuple[Ask, Sequence[Draft | Unusable]]]:
            for ask in asks:
                seeds.append(ask.seed)
                yield ask, [draft("", "", "")]

    seeds: list[int] = []
    for seed in (-1, 0, 1, 2):
        for round_index in range(1, 30):
            checker = Checker(HeldOut([]), [])
            list(write_examples([lesson("a", "c")], Refused(), checker, 1, round_index, seed))
    assert len(seeds) == len(set(seeds)) == 4 * 29 * TRIES


def test_a_long_list_is_asked_for_in_parts_that_a_reply_can_hold() -> None:
    writer = Counting()
    assert accepted([lesson("a", "c")], writer, 3 * LARGEST_ASK) == {"c": 3 * LARGEST_ASK}
    assert writer.turns == [LARGEST_ASK] * 3


def test_no_more_asks_go_out_together_than_the_writer_takes() -> None:
    class Two(Counting):
        asks_per_batch = 2

        def draft(self, asks: Sequence[Ask]) -> Iterator[tuple[Ask, Sequence[Draft | Unusable]]]:
            batches.append(len(asks))
            return super().draft(asks)

    batches: list[int] = []
    assert accepted([lesson(name, "c") for name in "abcde"], Two(), 5) == {"c": 5}
    assert batches == [2, 2, 1]


@pytest.mark.parametrize(
    ("quota", "causes", "shares"),
    [
        (10, {"a": 5, "b": 3, "c": 2}, {"a": 5, "b": 3, "c": 2}),
        (1, {"a": 1, "b": 2}, {"b": 1}),
        (1, {"b": 1, "a": 1}, {"a": 1}),
        (5, {"a": 1, "b": 1, "c": 1}, {"a": 2, "b": 2, "c": 1}),
        (3, {"a": 4, "b": 1}, {"a": 2, "b": 1}),
        (10, {"a": 1, "often": 9}, {"often": 9, "a": 1}),
    ],
)
def test_shares_go_by_the_largest_remainders_the_frequent_first(
    quota: int, causes: dict[str, int], shares: dict[str, int]
) -> None:
    assert list(spread(quota, causes).items()) == list(shares.items())


def test_each_exam_has_its_own_lessons_and_its_own_quota() -> None:
    lessons = []
    for name, exam in (("a", "x"), ("b", "y"), ("c", None)):
        made = lesson(name, name)
        question = made.question.model_copy(update={"exam": exam})
        mistake = made.mistake.model_copy(update={"question": question})
        lessons.append(Diagnosed(mistake, made.diagnosis))
    quotas = {"y": 3, "x": 2, "": 1}
    results = write_for_exams([lessons], Counting(), Checker(HeldOut([]), []), quotas, 1, 0)
    causes = [result.cause for result in results if isinstance(result, Example)]
    assert causes == ["b", "b", "b", "a", "a", "c"]


@pytest.mark.parametrize(("pattern", "quota"), [("...+", 5), ("+....", 9)])
def test_a_cause_is_given_up_after_that_many_turns_in_a_row_without_an_example(
    pattern: str, quota: int
) -> None:
    """`+`: a turn that brings one."""

    class Patterned(Counting):
        def write(self, ask: Ask) -> Sequence[Draft | Unusable]:
            good = pattern[len(asked) % len(pattern)] == "+"
            asked.append(good)
            return super().write(ask)[:1] if good else [draft("", "", "")]

    asked: list[bool] = []
    found = accepted([lesson("a", "c")], Patterned(), quota)
    if pattern.startswith("+"):
        assert asked == [True, *[False] * TRIES]
    else:
        assert found == {"c": quota}


def test_more_drafts_than_were_asked_for_are_not_looked_at() -> None:
    class Generous(Counting):
        def write(self, ask: Ask) -> Sequence[Draft | Unusable]:
            return [*super().write(ask), *super().write(ask)]

    results = list(
        write_examples([lesson("a", "c")], Generous(), Checker(HeldOut([]), []), 3, 1, 0)
    )
    assert len(results) == 3
