"""errata doctor: what is planted is found, what is clean is not, each finding says what to do."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from ailing import (
    SkilledSolver,
    arithmetic,
    dev_answers,
    with_announced_targets,
    with_contradictions,
    with_leaks,
    with_wrong_targets,
    written,
)
from doubles import table_agents
from recording import RecordingWriter, Sums, play
from rich.console import Console
from typer.testing import CliRunner

from errata.agents.errors import BudgetSpent, ConfigError, ExamError, RunError
from errata.agents.exams.corrections import read_corrections
from errata.agents.exams.several import load_exams
from errata.agents.marking import mark
from errata.agents.promotion import visible_gain
from errata.agents.records import (
    GREEDY,
    Accuracy,
    Answer,
    CodeAnswer,
    JsonAnswer,
    MathAnswer,
    ModelRef,
    Question,
    Response,
    Sampling,
    TextAnswer,
)
from errata.agents.scores import wilson
from errata.agents.student import StudentSettings
from errata.agents.verifier import Problem
from errata.graph.cli import app
from errata.graph.commands.doctor import Examined, Subject, Wanted, doctor, find_subject
from errata.graph.config import RunConfig, parse_config
from errata.graph.doctor.answers import (
    changes,
    find_no_room,
    find_unread,
    find_what_form_brings,
)
from errata.graph.doctor.facts import find_facts
from errata.graph.doctor.finding import Finding
from errata.graph.doctor.sets import (
    find_duplicates,
    find_leaks,
    find_targets_in_questions,
    left_out,
)
from errata.graph.doctor.size import find_dev_too_small, find_few_of_a_kind
from errata.graph.doctor.targets import (
    Asked,
    Said,
    ask_solver,
    find_wrong_targets,
    gather,
)
from errata.graph.run import run
from errata.graph.views.doctor import print_examined
from errata.graph.watcher import NoWatcher

SMALL = {"practice": 60, "dev": 40, "test": 40}


def ids(findings: Iterator[Finding]) -> set[str]:
    return {id for finding in findings for id in finding.questions}


# Wrong targets.


@pytest.mark.parametrize("make", [arithmetic, partial(written, "number")])
def test_a_clean_set_has_no_wrong_target(make: Callable[..., dict[str, list[Question]]]) -> None:
    assert list(find_wrong_targets(gather(make(0, SMALL)))) == []


@pytest.mark.parametrize("how", ["target alone", "target and last line"])
def test_a_target_that_its_own_working_contradicts_is_found(how: Any) -> None:
    planted, wrong = with_wrong_targets(written("number", 0, SMALL), how, 0.1)
    assert ids(find_wrong_targets(gather(planted))) == wrong


def test_a_working_that_ends_in_words_does_not_contradict_its_target() -> None:
    """The equations do not give the target, and something else in the working does."""
    workings = [
        "3 + 4 = 7\nThey need 43 more because 50 minus 7 equals 43.\n#### 43",  # in words
        "x + 7 = 50\n7 - 3 = 4\n#### 43",  # with an unknown
        "50 / 4 = 12.5\nHe cannot buy half a box.\n#### 43",  # rounded
        "99 - 3 = 96\n#### 43",  # a number from nowhere
        "3 + 4 = 7\n50 - 4 = 46\n#### 43",  # a result that nobody uses
        "3 + 4 = 8\n#### 43",  # an equation that does not hold
    ]
    made = [
        Question(id=f"q{n}", prompt="Of 50, 3 and 4, how many?", target="43", solution=working)
        for n, working in enumerate(workings)
    ]
    assert list(find_wrong_targets(gather({"practice": made}))) == []


def test_the_same_story_with_other_numbers_outvotes_a_working_that_is_wrong_as_a_whole() -> None:
    def story(n: int, a: int, b: int, sign: str = "+") -> Question:
        worth = a + b if sign == "+" else a - b
        return Question(
            id=f"q{n}",
            prompt=f"Ada has {a} shells and finds {b} more. How many shells has she now?",
            target=str(worth),
            solution=f"{a} {sign} {b} = {worth}\n#### {worth}",
        )

    made = [story(1, 21, 14), story(2, 35, 17), story(3, 41, 12, "-")]
    found = gather({"practice": made})
    assert ids(find_wrong_targets(found)) == {"q3"}
    assert {(vote.by, vote.answer) for vote in found[2].votes} == {
        ("its own solution", "29"),
        ("variations", "53"),
    }
    # More than three workings are not put to one question; its own words again are none.
    many = [*(story(n, 20 + n, 14) for n in range(6)), story(6, 20, 14)]
    ones = [vote.detail for vote in gather({"practice": many})[0].votes]
    assert ones == ["", "q1", "q2", "q3"]
    assert [vote.by for vote in gather({"practice": [many[0], many[6]]})[0].votes] == [
        "its own solution"
    ]
    # Test lends its workings to nobody else.
    lent = gather({"test": made[:2], "dev": made[2:]})
    assert [vote.by for vote in lent[2].votes] == ["its own solution"]
    # One story alone against the question's own working decides nothing.
    assert list(find_wrong_targets(gather({"practice": made[1:]}))) == []


@pytest.mark.parametrize("skill", [0.8, 0.95])
def test_a_solver_of_stated_skill_finds_wrong_targets_without_any_working(skill: float) -> None:
    sizes = {"practice": 150, "dev": 50, "test": 5}
    truth = written("number", 1, sizes)
    planted, wrong = with_wrong_targets(truth, "no working")
    asked = gather(planted)
    solver = SkilledSolver(truth, skill)
    shown = [each for each in asked if each.set != "test"]
    ask_solver(shown, planted["practice"], solver, votes=3)
    found = ids(find_wrong_targets(asked))
    wrong -= {q.id for q in planted["test"]}
    assert len(found & wrong) >= (0.7 if skill < 0.9 else 0.85) * len(wrong)
    assert len(found - wrong) <= 4
    assert len(solver.asked) < 2 * len(shown)  # one call for most, not three


def test_a_solver_never_sees_the_question_as_its_own_example() -> None:
    sets = written("number", 2, {"practice": 12, "dev": 6, "test": 2})
    solver = SkilledSolver(sets, 1.0)
    asked = gather(sets)
    ask_solver(asked, sets["practice"], solver, votes=1)
    assert len(solver.asked) == len(asked)
    assert all(problem.source.prompt != problem.prompt for problem in solver.asked)


def test_a_solver_is_shown_a_question_of_the_same_kind_where_there_is_one() -> None:
    sets = arithmetic(2, {"practice": 36, "dev": 18, "test": 1})
    solver = SkilledSolver(sets, 1.0)
    dev = [Asked("dev", question, []) for question in sets["dev"]]
    other = Question(id="other", prompt="How many?", target="5", kind="of its own")
    solver.truth[other.prompt] = other
    ask_solver([*dev, Asked("dev", other, [])], sets["practice"], solver, votes=1)
    assert [problem.source.kind for problem in solver.asked[:-1]] == [q.kind for q in sets["dev"]]
    assert solver.asked[-1].source == sets["practice"][0]


def test_the_students_own_agreement_is_no_evidence_without_a_solver() -> None:
    question = Question(id="q", prompt="How many?", target="5")
    alone = gather({"dev": [question]}, {"q": ["7", "7", "7"]})
    assert [vote.by for vote in alone[0].votes] == ["student"]
    assert not alone[0].suspect
    alone[0].votes.append(Said(by="solver", answer="7"))
    assert alone[0].suspect


def test_models_that_disagree_and_answers_to_test_are_no_vote() -> None:
    questions = [Question(id=id, prompt=f"How many {id}?", target="5") for id in "abc"]
    said = {"a": ["7"], "b": ["7", "7", "8", "9"], "c": ["7", "7", "8"]}
    assert all(not each.votes for each in gather({"practice": questions[:2]}, said))
    assert all(not each.votes for each in gather({"test": questions[2:]}, said))
    [vote] = gather({"dev": questions[2:]}, said)[0].votes
    assert (vote.by, vote.answer, vote.detail) == ("student", "7", "3 models")


def test_two_votes_against_one_for_the_target_are_too_few() -> None:
    question = Question(id="q", prompt="How many?", target="5")

    def suspect(*answers: str, own: str = "") -> bool:
        votes = [Said(by="solver", answer=answer) for answer in answers]
        votes += [Said(by="its own solution", answer=own)] if own else []
        return Asked("dev", question, votes).suspect

    assert suspect("7", "7")
    assert suspect("7", "7.0", own="5")
    assert suspect("5", own="7") is False
    assert suspect(own="7")
    assert not suspect("7", "7", "5")
    assert not suspect("7", "7", "7", "5", "5")
    assert suspect("7", "7", "7", "5", own="5")
    assert not suspect("7", "7", "5", own="7")
    assert not suspect("7", "8")
    assert not suspect("7")


@pytest.mark.parametrize(
    ("working", "own"),
    [("3 + 4 = 7\n7 - 3 = 4", "7"), ("1 + 2 = 3\n3 + 3 = 6\n6 + 6 = 12", "12")],
)
def test_of_a_working_without_a_stated_answer_any_result_confirms_and_the_last_one_contradicts(
    working: str, own: str
) -> None:
    question = Question(id="q", prompt="How many?", target="7", solution=working)
    [vote] = gather({"dev": [question]})[0].votes
    assert (vote.by, vote.answer) == ("its own solution", own)


def test_what_cannot_be_solved_again_has_no_vote_and_a_broken_target_nobody_for_it() -> None:
    code = CodeAnswer(tests="def check(candidate): pass", entry_point="f")
    working = "# The answer is f.\ndef f(): pass"
    program = Question(id="p", prompt="f?", target="f", solution=working, answer=code)
    assert gather({"dev": [program]})[0].votes == []
    broken = Question(id="j", prompt="Which?", target="{", answer=JsonAnswer())
    said = Asked("dev", broken, [Said(by="solver", answer="1"), Said(by="solver", answer="1")])
    assert (said.for_target, said.suspect) == (0, True)


def test_of_a_test_question_neither_the_words_nor_an_answer_is_shown() -> None:
    planted, wrong = with_wrong_targets(written("number", 0, SMALL), "target alone", 0.05)
    [found] = find_wrong_targets(gather({"test": planted["test"]}))
    for question in planted["test"]:
        if question.id in wrong:
            assert question.prompt[:40] not in " ".join(found.evidence)
    lines = [line for line in found.evidence if "against the target" in line]
    assert len(lines) == len(found.questions) == 2
    assert all(line.endswith("its own solution against the target") for line in lines)
    assert found.do[-1] == "Correcting test changes what is measured: say so with figures."


# The sets.


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


def number(id: str, prompt: str, target: str) -> Question:
    return Question(id=id, prompt=prompt, target=target)


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


# Sizes.


def reached(right: int, of: int, by_kind: dict[str, tuple[int, int]] | None = None) -> Accuracy:
    return Accuracy(
        accuracy=right / of, n=of, correct=right, ci95=wilson(right, of), by_kind=by_kind or {}
    )


def test_a_dev_that_cannot_show_what_is_left_to_gain_is_too_small_and_says_how_many_would_do() -> (
    None
):
    dev = [Question(id=str(n), prompt=f"{n}?", target="1") for n in range(60)]
    [found] = find_dev_too_small(dev, 3, "sure", 0.95, reached(51, 60))  # 10 points to gain
    assert found.severity == "serious"
    wanted = int(found.do[0].removeprefix("Give dev ").split()[0])
    enough = [Question(id=str(n), prompt=f"{n}?", target="1") for n in range(wanted)]
    assert list(find_dev_too_small(enough, 3, "sure", 0.95, reached(51, 60))) == []
    fewer = enough[: int(0.9 * wanted)]
    assert list(find_dev_too_small(fewer, 3, "sure", 0.95, reached(51, 60)))
    assert list(find_dev_too_small(dev, 3, "any", 0.95, reached(51, 60))) == []
    [alone] = find_dev_too_small(dev[:3], 1, "sure", 0.95, None)
    assert (alone.severity, "no gain at all" in alone.said) == ("serious", True)


def test_a_dev_that_misses_what_is_a_good_gain_is_a_warning_whatever_the_base_reaches() -> None:
    dev = [Question(id=str(n), prompt=f"{n}?", target="1") for n in range(60)]
    for base in (None, reached(24, 60)):  # half of all is left to gain
        [found] = find_dev_too_small(dev, 1, "sure", 0.95, base)
        assert found.severity == "warning"
        assert found.said.startswith("60 dev questions can show gains from 15 points on, and 10 ")
        assert [line.partition("\n")[0] for line in found.do[1:]] == ["[stop]"]
        wanted = int(found.do[0].removeprefix("Give dev ").split()[0])
        assert (visible_gain(wanted - 10, 0.05) or 1) > 0.1 >= (visible_gain(wanted, 0.05) or 1)
    [likely] = find_dev_too_small(dev[:30], 1, "likely", 0.95, None)
    assert len(likely.do) == 1  # there is no laxer gate, and no fewer rounds


def numbered(count: int, group: str | None = None) -> list[Question]:
    return [Question(id=str(n), prompt=f"{n}?", target="1", group=group) for n in range(count)]


def test_without_the_bases_answers_dev_should_show_what_few_rounds_exceed() -> None:
    [found] = find_dev_too_small(numbered(30), 3, "sure", 0.95, None)
    assert found.severity == "warning"
    assert "10 points are a good gain already" in found.said
    assert list(find_dev_too_small(numbered(2000), 3, "sure", 0.95, None)) == []
    assert list(find_dev_too_small(numbered(30), 3, "sure", 0.95, reached(30, 30))) == []
    [alike] = find_dev_too_small(numbered(2000, "g"), 3, "sure", 0.95, None)
    assert "no gain at all" in alike.said
    assert alike.severity == "serious"


@pytest.mark.parametrize(
    ("dev", "right", "severity", "shown", "against"),
    [
        (60, 51, "serious", "gains from 17 points on", "all that is to be gained is 10 points, up"),
        (60, 48, "serious", "gains from 17 points on", "all that is to be gained is 15 points, up"),
        (10, 4, "serious", "gains from 67 points on", "all that is to be gained is 55 points, up"),
        (60, 42, "warning", "gains from 17 points on", "10 points are a good gain already"),
        (3, None, "serious", "no gain at all", "10 points are a good gain already"),
    ],
)
def test_what_dev_shows_is_said_beside_what_there_is_to_gain(
    dev: int, right: int | None, severity: str, shown: str, against: str
) -> None:
    base = None if right is None else reached(right, dev)
    [found] = find_dev_too_small(numbered(dev), 3, "sure", 0.95, base)
    assert found.severity == severity
    assert found.said.startswith(f"{dev} dev questions can show {shown}, and {against}")
    assert found.evidence == (
        "gate sure, 3 rounds: each may err with 0.0167; a gain of 10 points is seen 4 times in 5 "
        "with 190 questions",
    )
    assert found.do[1:] == ("[stop]\nrounds = 1", '[stop]\ngate = "likely"')


def test_a_gain_that_no_dev_could_show_asks_for_a_harder_exam() -> None:
    [found] = find_dev_too_small(numbered(1000), 1, "sure", 0.951, reached(950, 1000))
    assert found.do[0] == "Take a harder exam, on which there is more to gain."
    assert "seen 4 times in 5 with more than anybody writes" in found.evidence[0]


def of_kinds(**counts: int) -> list[Question]:
    return [
        Question(id=f"{kind}{n}", prompt=f"{kind} {n}", target="1", kind=kind)
        for kind, count in counts.items()
        for n in range(count)
    ]


def test_a_kind_that_only_few_held_out_questions_have_is_no_serious_lack() -> None:
    # A tenth of dev, and less.
    for others, lacking, severity in ((36, 4, "serious"), (36, 3, "warning"), (95, 10, "warning")):
        sets = {"practice": of_kinds(a=30), "dev": of_kinds(a=others, b=lacking)}
        [found] = find_few_of_a_kind(sets)
        assert found.severity == severity
        assert found.said == "1 of 2 kinds have too few practice questions"
    [found] = find_few_of_a_kind({"practice": of_kinds(a=30), "test": of_kinds(b=1)})
    assert found.evidence[0].endswith("b (0/0)")


def test_kinds_that_dev_cannot_guard_are_named_alone_where_practice_has_enough() -> None:
    [found] = find_few_of_a_kind({"practice": of_kinds(a=30, b=30), "dev": of_kinds(a=30)})
    assert (found.severity, found.said) == ("warning", "1 of 2 kinds have too few dev questions")
    assert found.evidence[0].endswith("losing it refuses no candidate: b (30/0)")
    [seldom] = find_few_of_a_kind({"practice": of_kinds(a=1, b=3), "dev": of_kinds(a=30)})
    assert [line.partition(": ")[0] for line in seldom.evidence] == [
        "fewer than 10 practice questions",
        "fewer than 20 dev questions",
        "in brackets",
    ]
    assert seldom.evidence[0].endswith("few mistakes to learn from: a (1/30)")
    enough = {"practice": of_kinds(a=10), "dev": of_kinds(a=20)}
    assert list(find_few_of_a_kind(enough)) == []
    assert list(find_few_of_a_kind(enough | {"practice": of_kinds(a=9)}))
    assert list(find_few_of_a_kind(enough | {"dev": of_kinds(a=19)}))
    many = {f"k{n}": 30 for n in range(10)}
    [found] = find_few_of_a_kind({"practice": of_kinds(**many)})
    assert found.evidence[0].endswith("k7 (30/0) and 2 more")
    assert list(find_few_of_a_kind({"practice": numbered(3), "dev": numbered(3)})) == []


def test_kinds_that_practice_lacks_are_named() -> None:
    def of_kind(kind: str, count: int) -> list[Question]:
        return [Question(id=f"{kind}{n}", prompt=f"{kind} {n}", target="1", kind=kind)
                for n in range(count)]  # fmt: skip

    sets = {
        "practice": [*of_kind("a", 30), *of_kind("c", 3)],
        "dev": [*of_kind("a", 30), *of_kind("b", 20), *of_kind("c", 5)],
    }
    [found] = find_few_of_a_kind(sets)
    assert found.severity == "serious"
    assert found.evidence[0].endswith("b (0/20)")
    assert found.evidence[1].endswith("c (3/5)")
    assert list(find_few_of_a_kind({"practice": of_kind("a", 30), "dev": of_kind("a", 30)})) == []


# Answers.


def test_answers_that_were_cut_or_state_nothing_are_all_named() -> None:
    dev = arithmetic(0, SMALL)["dev"]
    [found] = find_unread(dev, dev_answers(dev, cut=6, mute=4, wrong=5), 64)
    assert set(found.questions) == {q.id for q in dev[:10]}
    assert found.severity == "serious"
    assert "[student]\nmax_new_tokens = 128" in found.do
    assert list(find_unread(dev, dev_answers(dev, cut=0, mute=0, wrong=10), 64)) == []
    [after] = find_unread(dev, dev_answers(dev, cut=6, mute=4, wrong=5), 64, tried=True)
    assert "--try" in " ".join(found.do)
    assert "--try" not in " ".join(after.do)  # it was tried, and says what more tokens bring
    assert "max_new_tokens" not in " ".join(after.do)


def test_targets_in_answers_where_they_are_not_read_are_counted_beyond_chance() -> None:
    dev = [Question(id=str(n), prompt=f"{n}?", target=str(1000 + n)) for n in range(40)]
    wrong = dev_answers(dev, cut=0, mute=0, wrong=20)
    holding = [
        a.model_copy(update={"response": f"It is {1000 + n}. #### 9"}) if n < 20 else a
        for n, a in enumerate(wrong)
    ]
    [found] = find_unread(dev, holding, 64)
    assert "hold the target where it is not read" in found.said
    assert set(found.questions) == {str(n) for n in range(20)}
    # The neighbour's number stands there as often: chance.
    listed = " ".join(str(1000 + n) for n in range(40))
    chance = [a.model_copy(update={"response": listed}) if n < 20 else a
              for n, a in enumerate(wrong)]  # fmt: skip
    assert list(find_unread(dev, chance, 64)) == []


@pytest.mark.parametrize(
    ("right", "of", "word"), [(146, 150, "ceiling"), (150, 150, "ceiling"), (1, 100, "nothing")]
)
def test_a_base_at_the_ceiling_or_at_the_floor_is_serious(right: int, of: int, word: str) -> None:
    [found] = find_no_room(reached(right, of), 0.95, 0.08)
    assert found.severity == "serious"
    assert word in found.said


def test_a_base_at_the_floor_is_no_obstacle_to_a_strategy_that_trains_on_the_answers() -> None:
    [found] = find_no_room(reached(1, 100), 0.95, 0.08, solutions=True, tried=True)
    assert found.severity == "warning"
    assert "sft+lec" not in " ".join(found.do)
    assert "--try" not in " ".join(found.do)
    [other] = find_no_room(reached(1, 100), 0.95, 0.08)
    assert "sft+lec" in " ".join(other.do)
    [full] = find_no_room(reached(150, 150), 0.95, 0.08, solutions=True)
    assert full.severity == "serious"


@pytest.mark.parametrize(("right", "of"), [(60, 150), (120, 150), (20, 150)])
def test_a_base_with_room_and_some_right_answers_is_no_finding(right: int, of: int) -> None:
    assert list(find_no_room(reached(right, of), 0.95, 0.08)) == []


def test_what_a_prompt_alone_brings_is_paired_and_corrected_for_the_number_of_tries() -> None:
    dev = arithmetic(0, {"practice": 1, "dev": 100, "test": 1})["dev"]
    base = dev_answers(dev, cut=0, mute=40, wrong=0)
    better, chance = (dev_answers(dev, 0, mute, 0) for mute in (10, 35))
    one, other = changes(dev, base, None, 64)
    [found] = find_what_form_brings(dev, base, [(one, chance), (other, better)])
    assert found.severity == "serious"
    first, second = found.tries
    assert (first.gain, second.gain) == pytest.approx((0.30, 0.05))
    assert first.toml == found.do[0]
    assert first.ci95[0] > 0.2
    assert second.p_holm > 0.03  # 5 fixed and none broken: p = 0.031 by itself
    [found] = find_what_form_brings(dev, base, [(one, base), (other, base)])
    assert found.severity == "warning"
    assert found.do == ()


def test_a_prompt_of_ones_own_is_kept_before_the_form_and_is_toml() -> None:
    import tomllib

    dev = arithmetic(0, SMALL)["dev"]
    cut = dev_answers(dev, cut=1, mute=0, wrong=0)
    own = 'You are "Ada".\n\tBe \\ brief.\x7f\x01'
    more, *prompts = changes(dev, cut, own, 64)
    assert tomllib.loads(more.toml) == {"student": {"max_new_tokens": 256}}
    for one in prompts:
        assert tomllib.loads(one.toml)["student"]["system"].startswith(own)


# The command.


class FormalStudent:
    """States its answers only when the system prompt shows how, and needs many tokens."""

    def __init__(self, settings: StudentSettings, asked: list[str]) -> None:
        self.settings = settings
        self.asked = asked

    def ask(
        self,
        model: ModelRef,
        questions: Sequence[Question],
        answered: frozenset[str],
        sampling: Sampling = GREEDY,
    ) -> Iterator[Response]:
        for question in questions:
            if question.id in answered:
                continue
            self.asked.append(question.id)
            told = "####" in (self.settings.system or "")
            text = question.solution or "" if told else "I would have to think about that."
            yield Response(question_id=question.id, text=text, tokens=9, truncated=False)

    def close(self) -> None:
        pass


def write(path: Path, rows: Sequence[Question]) -> str:
    path.write_text("".join(row.model_dump_json() + "\n" for row in rows))
    return str(path)


def config_of(folder: Path, sets: dict[str, list[Question]], **more: Any) -> RunConfig:
    exam = {name: write(folder / f"{name}.jsonl", rows) for name, rows in sets.items()}
    return parse_config({"exam": exam | more}, "test")


def examined(config: RunConfig, runs: Path, wanted: Wanted, **more: Any) -> Examined:
    return doctor(Subject("my.toml", config), wanted, runs, NoWatcher(), **more)


def test_without_asking_nothing_is_asked_and_what_was_not_looked_at_is_listed(
    tmp_path: Path,
) -> None:
    def nobody(settings: StudentSettings) -> FormalStudent:
        raise AssertionError

    config = config_of(tmp_path, written("number", 0, SMALL))
    found = examined(config, tmp_path, Wanted(), open_with=nobody)
    assert [one.what for one in found.not_looked_at] == [
        "unread answers",
        "base model",
        "what the form alone brings",
    ]
    assert found.not_looked_at[0].do == "errata doctor my.toml --ask"
    assert not (tmp_path / ".doctor").exists()


def test_asking_asks_dev_alone_and_only_once(tmp_path: Path) -> None:
    sets = written("number", 0, SMALL)
    config = config_of(tmp_path, sets)
    asked: list[str] = []

    def opened(settings: StudentSettings) -> FormalStudent:
        return FormalStudent(settings, asked)

    found = examined(config, tmp_path, Wanted(form=True), open_with=opened)
    named = {finding.name: finding for finding in found.findings}
    assert named["unread answers"].severity == "serious"
    assert named["base model"].severity == "warning"
    brings = named["what the form alone brings"]
    assert brings.tries[0].gain == 1
    assert "####" in brings.do[0]
    assert found.findings[0].severity == "serious"
    assert set(asked) == {question.id for question in sets["dev"]}
    assert len(asked) == 3 * len(sets["dev"])
    again = examined(config, tmp_path, Wanted(form=True), open_with=opened)
    assert again == found
    assert len(asked) == 3 * len(sets["dev"])


def test_what_is_wrong_is_written_taken_by_the_exam_and_gone_afterwards(tmp_path: Path) -> None:
    sets, wrong = with_wrong_targets(written("number", 0, SMALL), "target alone", 0.05)
    sets = with_contradictions(with_leaks(sets, "equal", 2).sets, 2).sets
    config = config_of(tmp_path, sets)
    with pytest.raises(ExamError, match="share a question"):
        load_exams(config.exam)
    out = tmp_path / "corrections.jsonl"
    found = examined(config, tmp_path, Wanted(corrections=out))
    assert found.serious
    assert found.corrections == (str(out),)
    lines = read_corrections(out)
    truth = {q.id: q for each in written("number", 0, SMALL).values() for q in each}
    for id in wrong & lines.keys():
        if not lines[id].leave_out:
            assert lines[id].target == truth[id].target
            assert lines[id].prompt == truth[id].prompt
    taken = config_of(tmp_path, sets, corrections=str(out))
    load_exams(taken.exam)
    after = examined(taken, tmp_path, Wanted())
    assert {finding.name for finding in after.findings} & {"wrong targets", "duplicates"} == set()
    with pytest.raises(ConfigError, match="nothing is written over"):
        examined(config, tmp_path, Wanted(corrections=out))
    more = tmp_path / "more.jsonl"
    examined(taken, tmp_path, Wanted(corrections=more))
    assert not more.exists() or read_corrections(more).keys() >= lines.keys()


def test_of_several_exams_each_gets_a_file_with_its_own_ids(tmp_path: Path) -> None:
    exams = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        seed = 1 if name == "a" else 2
        sets, _ = with_wrong_targets(arithmetic(seed, SMALL), "target alone", 0.05)
        files = {side: write(tmp_path / name / side, rows) for side, rows in sets.items()}
        exams.append(files | {"name": name})
    config = parse_config({"exam": exams}, "test")
    found = examined(config, tmp_path, Wanted(corrections=tmp_path / "c.jsonl"))
    assert set(found.corrections) == {str(tmp_path / f"c-{name}.jsonl") for name in "ab"}
    for path in found.corrections:
        assert all("/" not in id for id in read_corrections(Path(path)))


def test_votes_without_an_llm_are_refused_in_one_sentence(tmp_path: Path) -> None:
    config = config_of(tmp_path, arithmetic(0, SMALL))
    with pytest.raises(ConfigError, match=r"name one under \[verify.solver\]"):
        examined(config, tmp_path, Wanted(votes=3))


def test_the_llm_is_asked_of_practice_and_dev_alone_and_of_no_more_than_is_said(
    tmp_path: Path,
) -> None:
    sets = written("number", 0, SMALL)
    config = config_of(tmp_path, sets)
    solver = SkilledSolver(sets, 1.0)
    examined(config, tmp_path, Wanted(votes=3), solver=solver)
    asked = {problem.prompt for problem in solver.asked}
    assert asked == {q.prompt for name in ("practice", "dev") for q in sets[name]}
    few = SkilledSolver(sets, 1.0)
    examined(config, tmp_path, Wanted(votes=3, most=7), solver=few)
    assert len(few.asked) == 7


class PoorSolver(SkilledSolver):
    """Has a budget for five answers."""

    def solve(self, problems: Sequence[Problem]) -> Iterator[tuple[Problem, str | None]]:
        yield from super().solve(problems[:5])
        raise BudgetSpent("the budget holds no further call")


def test_what_was_solved_before_the_budget_was_spent_stands(tmp_path: Path) -> None:
    truth = written("number", 0, SMALL)
    sets, wrong = with_wrong_targets(truth, "target alone", 0.05)
    found = examined(
        config_of(tmp_path, sets), tmp_path, Wanted(votes=3), solver=PoorSolver(truth, 1.0)
    )
    assert any("not every question was solved again: the budget" in note for note in found.notes)
    assert found.findings[0].name == "wrong targets"
    assert set(found.findings[0].questions) == wrong


# A finished run.


@pytest.mark.loop
def test_a_run_is_looked_at_with_what_its_models_answered(tmp_path: Path) -> None:
    exam = {"name": "arithmetic", "practice": 36, "dev": 36, "test": 18}
    settings = parse_config(
        {"name": "r", "exam": exam, "examples": {"per_round": 24}, "stop": {"rounds": 2}}, "test"
    )
    agents = table_agents(load_exams(settings.exam).practice, [["change"], []], ["add twice"])
    run(settings, tmp_path, cache=False, **agents)
    found = doctor(find_subject("r", tmp_path), Wanted(), tmp_path, NoWatcher())
    named = {finding.name: finding for finding in found.findings}
    assert named["unread answers"].severity == "serious"  # `I like change.`
    assert named["refused rounds"].severity == "serious"
    assert named["refused rounds"].evidence[0].startswith("round 1: ")
    assert found.next_step is not None
    assert [one.what for one in found.not_looked_at] == [
        "what the form alone brings",
        "flat learning curve",
    ]


@pytest.mark.loop
def test_losses_refusals_and_cut_rows_of_a_run_are_findings(tmp_path: Path) -> None:
    """The double's trainer skips three rows of each training."""
    settings = parse_config(
        {
            "name": "r",
            "exam": {"name": "arithmetic", "practice": 36, "dev": 180, "test": 18},
            "examples": {"per_round": 24},
            "stop": {"rounds": 1, "gate": "any", "guard_practice": False},
        },
        "test",
    )
    kinds = sorted({question.kind or "" for question in load_exams(settings.exam).dev})
    before, lost = set(kinds[:4]), kinds[0]

    def right(index: int, question: Question) -> bool:
        return question.kind in before if not index else question.kind != lost

    play(settings, tmp_path, right, writer=RecordingWriter(lambda ask: [*made(ask)]))
    found = doctor(find_subject("r", tmp_path), Wanted(), tmp_path, NoWatcher())
    named = {finding.name: finding for finding in found.findings}
    assert f"dev questions of kind {lost}" in named["got worse"].evidence[0]
    assert "wrong equation" in " ".join(named["refused examples"].evidence)
    assert named["cut training rows"].shares[0].count == 3
    assert named["cut training rows"].do == ("[training]\nmax_tokens = 2048",)
    assert "of the best model's" in named["unread answers"].said.lower()
    assert set(named["unread answers"].questions) == {
        question.id for question in load_exams(settings.exam).dev if question.kind == lost
    }  # the base said `I like cats.` to nearly all
    assert "base model" not in named


def made(ask: Any) -> Iterator[Any]:
    """Sound drafts, and for every other question ones with a wrong equation."""
    number = int(ask.lesson.question.id.rpartition("-")[2])
    sums = Sums()
    sums.n += 10_000 * number
    for _ in range(ask.count):
        draft = sums.next(ask)
        wrong = draft.completion.replace(" + 1", " + 2", 1)
        yield draft.model_copy(update={"completion": wrong}) if number % 2 else draft


# Shown.


def test_the_screen_shows_the_worst_first_and_what_to_do_and_json_says_the_same(
    tmp_path: Path,
) -> None:
    sets, _ = with_wrong_targets(written("number", 0, SMALL), "target alone", 0.1)
    sets["dev"].append(sets["dev"][0].model_copy(update={"id": "twin"}))
    config = config_of(tmp_path, sets)

    def opened(settings: StudentSettings) -> FormalStudent:
        return FormalStudent(settings, [])

    found = examined(config, tmp_path, Wanted(form=True), open_with=opened)
    for width in (60, 120):
        shown = io.StringIO()
        print_examined(found, Console(file=shown, width=width, legacy_windows=False))
        text = shown.getvalue()
        assert text.index("serious: ") < text.index("warning: ")
        assert "To do: errata doctor my.toml --corrections corrections.jsonl" in text
        assert 'system = "' in text
        assert "by chance" in " ".join(text.split())
        assert f"my.toml: {sum(f.severity == 'serious' for f in found.findings)} serious" in text
    assert Examined.model_validate(json.loads(found.model_dump_json())) == found


def test_the_exit_code_is_for_ci_only_where_that_is_asked_for(tmp_path: Path) -> None:
    sets, _ = with_wrong_targets(written("number", 0, SMALL), "target alone", 0.1)
    names = "".join(f'{n} = "{Path(write(tmp_path / n, q)).name}"\n' for n, q in sets.items())
    (tmp_path / "my.toml").write_text(f"[exam]\n{names}")
    called = ["doctor", str(tmp_path / "my.toml"), "--json", "--runs", str(tmp_path)]
    told = CliRunner().invoke(app, called)
    assert told.exit_code == 0
    found = Examined.model_validate_json(told.stdout)
    assert found.serious
    assert CliRunner().invoke(app, [*called, "--strict"]).exit_code == 1
    assert CliRunner().invoke(app, [*called, "--most", "3"]).exit_code == 2


def test_a_file_or_a_run_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        find_subject(str(tmp_path / "none.toml"), tmp_path)
    with pytest.raises(RunError, match="there is no run 'none'"):
        find_subject("none", tmp_path)


def test_every_question_that_is_planted_is_marked_as_it_should_be() -> None:
    for questions in written("number", 0, SMALL).values():
        assert all(mark(q, q.solution or "").correct for q in questions)
