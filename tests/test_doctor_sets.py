"""errata doctor: leaks between the sets, duplicates, questions that hold their target, facts."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from ailing import arithmetic, with_announced_targets, with_contradictions, with_leaks, written
from examining import SMALL, config_of, examined, number, numbered

from errata.agents.records import Answer, CodeAnswer, JsonAnswer, MathAnswer, Question, TextAnswer
from errata.graph.commands.doctor import Wanted
from errata.graph.doctor.facts import find_facts
from errata.graph.doctor.sets import (
    find_duplicates,
    find_leaks,
    find_targets_in_questions,
    left_out,
)


@pytest.mark.parametrize("how", ["equal", "near", "words"])
@pytest.mark.parametrize("make", [arithmetic, partial(written, "choice")])
def test_each_leak_that_is_planted_is_found(
    how: str, make: Callable[..., dict[str, list[Question]]]
) -> None:
    made = with_leaks(make(0, SMALL), how, 10)
    [found] = find_leaks(made.sets)
    assert made.ids <= set(found.questions)
    assert found.severity == "serious"


def test_an_equal_question_is_serious_and_a_few_near_ones_are_not() -> None:
    clean = written("choice", 0, {"practice": 60, "dev": 150, "test": 150})
    for how, severity in (("equal", "serious"), ("near", "warning")):
        [found] = find_leaks(with_leaks(clean, how, 1).sets)
        assert found.severity == severity


STORY = "On the way home from school Ada and Ben met the man who sells old toys"


def test_each_held_out_question_that_shares_a_story_is_found_and_how_to_divide_anew() -> None:
    practice = [Question(id="p", prompt=f"{STORY}. How many of his 40 did he sell?", target="7")]
    test = [
        Question(id=id, prompt=f"{STORY}. {asked}", target="3")
        for id, asked in (("t1", "How many were there?"), ("t2", "What did Ada pay for them?"))
    ]
    [found] = find_leaks({"practice": practice, "dev": numbered(20), "test": test})
    [share] = found.shares
    assert (share.what, share.count) == (
        "test questions with thirteen words in a row of one of practice",
        2,
    )
    assert found.evidence[0].endswith(": p and t1, p and t2")
    assert found.do[0] == "errata init FILE --near together"
    assert not any("corrections" in line for line in found.do)  # these would leave out none


SPIDERS = "How many legs have nine spiders and two birds?"


AROUND = "Here is what the teacher wrote on the board one morning: {} Nobody in class could tell."


@pytest.mark.parametrize(
    ("held_out", "inside", "found"),
    [
        (SPIDERS, SPIDERS, True),
        (SPIDERS, SPIDERS.replace("nine", "ten"), False),
        ("How many legs have nine spiders, Ada?", "How many legs have nine spiders, Ada?", False),
    ],
)
def test_a_held_out_question_word_for_word_inside_another_is_found(
    held_out: str, inside: str, found: bool
) -> None:
    practice = [Question(id="p", prompt=AROUND.format(inside), target="76")]
    dev = [Question(id="d", prompt=held_out, target="76"), *numbered(19)]
    told = list(find_leaks({"practice": practice, "dev": dev}))
    assert [one.evidence for one in told] == (
        [("dev questions word for word inside one of practice: p and d",)] if found else []
    )
    assert [one.severity for one in told] == (["serious"] if found else [])  # 1 of 20
    assert [
        one.severity for one in find_leaks({"practice": practice, "dev": [*dev, *numbered(1)]})
    ] == (["warning"] if found else [])
    assert left_out({"practice": practice, "dev": dev}) == []  # for a person to look at
    after = dev[0].model_copy(update={"before": (("user", "Hi."), ("assistant", "Hello."))})
    assert list(find_leaks({"practice": practice, "dev": [after]})) == []


def test_corrections_are_advised_against_leaks_only_where_they_leave_something_out(
    tmp_path: Path,
) -> None:
    practice = [Question(id="p", prompt=AROUND.format(SPIDERS), target="76")]
    dev = [Question(id="d", prompt=SPIDERS, target="76")]
    sets = {"practice": practice, "dev": dev, "test": numbered(20)}
    [found] = find_leaks(sets)
    assert "--corrections" not in " ".join(found.do)
    assert found.said == "1 pair of questions of two sets have many words in common"
    out = tmp_path / "c.jsonl"
    told = examined(config_of(tmp_path, sets), tmp_path, Wanted(corrections=out))
    assert f"there is nothing to correct: {out} was not written" in told.notes
    [found] = find_leaks(sets | {"test": practice})
    assert "--corrections" in " ".join(found.do)
    assert left_out(sets | {"test": practice}) != []


def test_a_question_with_one_word_changed_is_nearly_the_same_and_left_out() -> None:
    practice = [number("p", "Tom has 3 red apples and 4 green pears in his bag. How many?", "7")]
    dev = [number("d", "Tom has 3 red apples and 4 green pears in a bag. How many?", "7")]
    [found] = find_leaks({"practice": practice, "dev": dev})
    assert found.evidence == ("dev questions nearly the same as one of practice: p and d",)
    assert [line.id for line in left_out({"practice": practice, "dev": dev})] == ["p"]


def test_eight_words_at_the_end_of_a_practice_question_are_inside_it() -> None:
    asked = "How many eggs do nine brown hens lay?"
    before = "My neighbour came by yesterday with a basket and asked me over the fence:"
    sets = {"practice": [number("p", f"{before} {asked}", "9")], "dev": [number("d", asked, "9")]}
    assert "word for word inside one of practice: p and d" in next(find_leaks(sets)).evidence[0]


def test_a_held_out_question_that_an_earlier_message_answers_is_left_out() -> None:
    talk = (("user", "How many legs has a spider?"), ("assistant", "8"))
    practice = [Question(id="p", before=talk, prompt="And a bird?", target="2")]
    sets = {"practice": practice, "dev": [Question(id="d", prompt=talk[0][1], target="8")]}
    [found] = find_leaks(sets)
    assert found.severity == "serious"
    assert found.do[-1] == "Until then no run starts with these sets."
    [line] = left_out(sets)
    assert (line.id, line.leave_out, line.was) == ("p", True, "2")
    assert line.why == "answered in an earlier message of one of dev: d"


def test_variants_of_one_question_are_one_question() -> None:
    one, other = (
        Question(id=id, prompt=f"Number {id}?", target="1", group="g") for id in ("a", "b")
    )
    [found] = find_leaks({"practice": [one], "dev": [other]})
    assert found.severity == "serious"
    assert list(find_leaks({"practice": [one, other], "dev": []})) == []


def test_the_exams_own_way_to_ask_is_no_leak() -> None:
    def asked(id: str, n: int) -> Question:
        words = "Read the following very carefully and then say in your own words how many are"
        return Question(id=id, prompt=f"{words} {n} and {3 * n} of the {id}?", target="1")

    practice = [asked(f"p{n}", n) for n in range(6)]
    assert list(find_leaks({"practice": practice, "dev": [asked("d", 77)]})) == []


def test_questions_with_two_targets_are_all_found_and_twins_that_agree_only_counted() -> None:
    made = with_contradictions(arithmetic(0, SMALL), 5)
    [found] = find_duplicates(made.sets)
    assert set(found.questions) == made.ids
    assert found.severity == "serious"
    twin = Question(id="a", prompt="What is 1 + 1?", target="2")
    [found] = find_duplicates({"dev": [twin, twin.model_copy(update={"id": "b", "target": "2.0"})]})
    assert found.severity == "warning"
    assert list(find_duplicates(arithmetic(0, SMALL))) == []


def test_what_stands_twice_is_said_with_its_share_and_a_sealed_target_is_not() -> None:
    made = {
        "practice": [
            number("a", "What is 1 + 1?", "2"),
            number("b", "What is 1 + 1?", "3"),
            number("c", "What is 2 + 5?", "7"),
            number("d", "What is 2 + 5?", "7"),
        ],
        "test": [number("e", "What is 4 + 4?", "8"), number("f", "What is 4 + 4?", "9")],
    }
    [found] = find_duplicates(made)
    said = "3 questions stand more than once in a set, 2 of them with targets that contradict each"
    assert found.said.startswith(said)
    assert [(one.what, one.count, one.of) for one in found.shares] == [
        ("practice questions that stand there twice or more", 4, 4),
        ("practice questions that have two targets", 2, 4),
        ("test questions that stand there twice or more", 2, 2),
        ("test questions that have two targets", 2, 2),
    ]
    assert [each.partition(" (")[0] for each in found.evidence[:4]] == [
        "4 of 4",
        "2 of 4",
        "2 of 2",
        "2 of 2",
    ]
    assert found.evidence[4:] == (
        "two targets in practice: a (2), b (3)",
        "two targets in test: e, f",
    )
    assert found.questions == ("a", "b", "e", "f")
    [twins] = find_duplicates({"practice": made["practice"][2:]})
    assert (twins.questions, twins.do) == (("c", "d"), ("Take all but one of each out.",))


def test_of_many_leaks_of_one_sort_six_are_named_and_all_are_counted() -> None:
    practice = [number(f"p{n}", f"What is {n} + 30 - 4?", "2") for n in range(7)]
    dev = [one.model_copy(update={"id": f"d{n}"}) for n, one in enumerate(practice)]
    [found] = find_leaks({"practice": practice, "dev": dev})
    named = ", ".join(f"p{n} and d{n}" for n in range(6))
    assert found.evidence == (f"dev questions the same as one of practice: {named} …",)
    assert [(one.count, one.of) for one in found.shares] == [(7, 7)]
    assert found.questions == tuple(f"{name}{n}" for n in range(7) for name in "pd")
    [six] = find_leaks({"practice": practice[:6], "dev": dev})
    assert six.evidence == (f"dev questions the same as one of practice: {named}",)


@pytest.mark.parametrize(
    ("answer", "one", "same", "other"),
    [
        (JsonAnswer(), '{"a": 1, "b": 2}', '{"b": 2, "a": 1}', '{"a": 1, "b": 3}'),
        pytest.param(MathAnswer(), r"\frac{1}{2}", "0.5", "0.6", marks=pytest.mark.process),
    ],
)
def test_one_answer_written_in_two_ways_is_no_contradiction(
    answer: Answer, one: str, same: str, other: str
) -> None:
    made = [
        Question(id=id, prompt="Which?", target=target, answer=answer)
        for id, target in (("a", one), ("b", same), ("c", other))
    ]
    assert left_out({"dev": made[:2]}) == []
    assert {line.id for line in left_out({"dev": made[1:]})} == {"b", "c"}


@pytest.mark.parametrize("kind", ["number", "choice", "text"])
def test_targets_that_the_question_announces_are_found(kind: str) -> None:
    sets = written(kind, 0, SMALL)
    assert list(find_targets_in_questions(sets)) == []
    made = with_announced_targets(sets, 10)
    [found] = find_targets_in_questions(made.sets)
    assert set(found.questions) == made.ids
    assert found.severity == "serious"


@pytest.mark.parametrize(
    ("prompt", "found"),
    [
        ("Answer: 5. How many?", True),
        ("The ANSWER is 5", True),
        ("Answer: 50. How many?", False),
        ("Take 5. How many?", False),
        ("Q: How many?\nA: The answer is 5.\n\nQ: And now?\nA:", False),  # a worked example
    ],
)
def test_a_question_announces_its_target_only_where_it_says_so(prompt: str, found: bool) -> None:
    asked = Question(id="d", prompt=prompt, target="5", answer=TextAnswer())
    told = list(find_targets_in_questions({"dev": [asked]}))
    assert any("announce" in each for one in told for each in one.evidence) == found


def test_programs_are_no_contradiction_and_announce_nothing() -> None:
    code = CodeAnswer(tests="def check(f): pass", entry_point="f")
    made = [
        Question(id=id, prompt="Write f. Answer: f", target=id, answer=code) for id in ("f", "g")
    ]
    [found] = find_duplicates({"dev": made})
    assert found.severity == "warning"
    assert left_out({"dev": made}) == []
    assert list(find_targets_in_questions({"dev": made})) == []


def test_a_column_that_leaks_the_target_is_seen_by_more_than_chance() -> None:
    made = [
        Question(
            id=str(n), prompt=f"Ticket [{7 * n + 1000}] has how many?", target=str(7 * n + 1000)
        )
        for n in range(40)
    ]
    [found] = find_targets_in_questions({"practice": made})
    assert found.shares[0].count == 40
    assert "by chance 0" in found.evidence[0]


def test_facts_that_no_example_holds_are_found_and_closed_labels_are_none() -> None:
    def asked(id: str, prompt: str, target: str) -> Question:
        return Question(id=id, prompt=prompt, target=target, answer=TextAnswer(), kind="capitals")

    places = ["Lima", "Quito", "Oslo", "Accra", "Tunis", "Dakar", "Riga", "Baku"]
    made = [asked(f"q{n}", f"Capital number {n}?", place) for n, place in enumerate(places)]
    [found] = find_facts(made[:4], made[4:])
    assert set(found.questions) == {f"q{n}" for n in range(4, 8)}
    assert "capitals: 4 of 4" in found.evidence
    labels = [asked(f"l{n}", f"Is ticket {n} a bug?", "yes" if n % 2 else "no") for n in range(8)]
    assert list(find_facts(labels[:4], labels[4:])) == []
    given = [asked("g", "Lima is where he lives. Where does he live?", "Lima")]
    assert list(find_facts(made[4:], given)) == []
    assert list(find_facts(arithmetic(0, SMALL)["practice"], arithmetic(1, SMALL)["dev"])) == []
