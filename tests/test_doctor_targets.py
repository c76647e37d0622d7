"""errata doctor: targets that look wrong are found, and right ones are not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from ailing import SkilledSolver, arithmetic, with_wrong_targets, written
from examining import SMALL

from errata.agents.records import CodeAnswer, JsonAnswer, Question
from errata.graph.doctor.finding import Finding
from errata.graph.doctor.targets import Asked, Said, ask_solver, find_wrong_targets, gather


def ids(findings: Iterator[Finding]) -> set[str]:
    return {id for finding in findings for id in finding.questions}


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
