"""Drafts solved again by somebody who does not see their answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from errata.agents.checks import Checker
from errata.agents.data_writer import Ask, Diagnosed, write_examples
from errata.agents.errors import BudgetSpent, InstructorError
from errata.agents.exams import HeldOut
from errata.agents.jsonl import Journal
from errata.agents.records import (
    ChoiceAnswer,
    CodeAnswer,
    Diagnosis,
    Draft,
    Example,
    Question,
    Refusal,
    TextAnswer,
    Unusable,
)
from errata.agents.testing.mistakes import missed
from errata.agents.variations import VariationsSolver
from errata.agents.verifier import DISAGREE, Problem, Verified, Verifier, Vote
from errata.graph.votes import RememberingSolver

PENS = Question(
    id="pens",
    prompt="Ann has 48 pens and buys 26 more. She gives 30 of them away. How many has she now?",
    target="44",
    solution="48 + 26 = 74\n74 - 30 = 44\n#### 44",
)


def draft(number: int = 1, target: str = "7", prompt: str = "") -> Draft:
    return Draft(
        diagnosis_id="d",
        prompt=prompt or f"What comes {number} after the start?",
        completion=f"#### {target}",
        target=target,
    )


class Scripted:
    """Says for each draft what stands in the script, one solution after the other."""

    def __init__(self, script: Mapping[str, Sequence[str | None]], most: int = 10**6) -> None:
        self.script = script
        self.most = most
        self.asked: list[tuple[str, int]] = []
        self.batches: list[int] = []

    def solve(self, problems: Sequence[Problem]) -> Iterator[tuple[Problem, str | None]]:
        self.batches.append(len(problems))
        for problem in reversed(problems):
            if len(self.asked) == self.most:
                raise BudgetSpent("spent")
            self.asked.append((problem.prompt, problem.number))
            yield problem, self.script[problem.prompt][problem.number]


def one(solutions: Sequence[str | None], votes: int, agreement: float) -> tuple[Verified, bool]:
    verifier = Verifier(Scripted({draft().prompt: solutions}), votes, agreement)
    [found] = verifier.verify([(PENS, draft())])
    return found, verifier.confirms(found)


@pytest.mark.parametrize(
    ("solutions", "agreement", "confirmed", "votes"),
    [
        (["#### 7", "#### 7"], 2, True, (2, 2)),
        (["#### 7", "#### 8", "#### 7"], 2, True, (2, 3)),
        (["#### 7", "#### 8", "#### 9"], 2, False, (1, 3)),
        (["#### 8", "#### 8"], 2, False, (0, 2)),
        (["#### 8"], 3, False, (0, 3)),
        (["#### 7", "", "#### 7"], 2, True, (2, 3)),
        (["no idea", "", "#### 7"], 2, False, (0, 2)),
        (["#### 7", "#### 7"], 0.6, True, (2, 2)),
        (["#### 7"], 0.3, True, (1, 1)),
        (["#### 7", "#### 7", "#### 7"], 0.67, True, (3, 3)),
        ([None, "#### 8"], 2, False, (0, 1)),
        ([None, None], 2, True, (0, 0)),
    ],
)
def test_a_draft_is_confirmed_by_as_many_solutions_as_are_asked_for(
    solutions: list[str | None], agreement: float, confirmed: bool, votes: tuple[int, int]
) -> None:
    solutions = [*solutions, *solutions[-1:] * 3]
    found, said = one(solutions, 3, agreement)
    assert said is confirmed
    assert found.votes == votes


def test_what_can_change_nothing_is_not_asked_for() -> None:
    script = {draft(n).prompt: ["#### 7"] * 3 for n in (1, 2)} | {
        draft(3).prompt: ["#### 8"] * 3,
        draft(4).prompt: ["#### 7", "#### 8", "#### 7"],
    }
    solver = Scripted(script)
    found = list(Verifier(solver, 3, 2).verify([(PENS, draft(n)) for n in (1, 2, 3, 4)]))
    assert [each.draft for each in found] == [draft(n) for n in (1, 2, 3, 4)]
    assert [each.asked for each in found] == [2, 2, 2, 3]
    assert solver.batches == [8, 1]


def test_a_refusal_says_what_the_solutions_give() -> None:
    found, _ = one(["#### 8", "nothing"], 2, 2)
    assert found.detail == ("0 of 2 independent solutions give 7; the others: no answer, 8")


@pytest.mark.parametrize(
    ("solutions", "said"),
    [
        (["#### 7", "#### 7"], "2 of 2 independent solutions give 7"),
        (["#### 8", "#### 7"], "1 of 2 independent solutions gives 7; the others: 8"),
    ],
)
def test_a_count_of_solutions_reads_as_a_sentence(solutions: list[str], said: str) -> None:
    assert one(solutions, 2, 2)[0].detail == said


def test_a_long_answer_is_cut_where_people_read_it() -> None:
    long = draft(target="1" * 90)
    verifier = Verifier(Scripted({long.prompt: ["#### " + "2" * 90]}))
    [found] = verifier.verify([(PENS, long)])
    assert "111" in found.detail
    assert "222" in found.detail
    assert len(found.detail) < 170


def test_one_agreeing_solution_is_enough_where_nothing_else_is_said() -> None:
    solver = Scripted({draft().prompt: ["#### 8", "#### 7", "#### 7"]})
    verifier = Verifier(solver, 3)
    [found] = verifier.verify([(PENS, draft())])
    assert (found.votes, verifier.confirms(found)) == ((1, 2), True)


def test_a_draft_is_not_asked_about_again_where_the_solver_abstains() -> None:
    verifier = Verifier(Scripted({draft().prompt: [None, "#### 8"]}), 3)
    [found] = verifier.verify([(PENS, draft())])
    assert (found.asked, found.votes, verifier.confirms(found)) == (1, (0, 0), True)


def test_a_solver_sees_neither_the_working_nor_the_answer() -> None:
    seen: list[Problem] = []

    class Watching(Scripted):
        def solve(self, problems: Sequence[Problem]) -> Iterator[tuple[Problem, str | None]]:
            seen.extend(problems)
            return super().solve(problems)

    given = draft(target="7654321")
    list(Verifier(Watching({given.prompt: ["#### 1"]})).verify([(PENS, given)]))
    assert seen
    assert "7654321" not in repr(seen)


def test_a_program_is_not_solved_again() -> None:
    program = draft().model_copy(
        update={"answer": CodeAnswer(tests="def check(c): pass", entry_point="f")}
    )
    verifier = Verifier(Scripted({}))
    [found] = verifier.verify([(PENS, program)])
    assert verifier.confirms(found)
    assert found.asked == 0


def test_what_was_decided_before_a_failure_is_handed_on() -> None:
    script = {draft(n).prompt: ["#### 7", "#### 7"] for n in range(4)}
    solver = Scripted(script, most=5)
    verified = Verifier(solver, 2, 2).verify([(PENS, draft(n)) for n in range(4)])
    assert [next(verified).draft for _ in range(2)] == [draft(2), draft(3)]
    with pytest.raises(BudgetSpent):
        next(verified)


def test_two_drafts_that_ask_the_same_have_solutions_of_their_own() -> None:
    """Only their working tells them apart, and a solver sees none."""
    drafts = [draft(), draft().model_copy(update={"completion": "3 + 4 = 7\n#### 7"})]
    solver = Scripted({draft().prompt: ["#### 7"]})
    found = list(Verifier(solver).verify([(PENS, one) for one in drafts]))
    assert [each.draft for each in found] == drafts
    assert [each.votes for each in found] == [(1, 1), (1, 1)]


@pytest.mark.parametrize(
    ("answer", "target", "response"),
    [
        (ChoiceAnswer(options={"A": "oak", "B": "elm"}), "B", "The answer is B."),
        (TextAnswer(), "no", "So the answer is no."),
    ],
)
def test_a_solution_is_marked_as_the_draft_wants_to_be_answered(
    answer: TextAnswer | ChoiceAnswer, target: str, response: str
) -> None:
    asked = draft(target=target).model_copy(update={"answer": answer})
    [found] = Verifier(Scripted({asked.prompt: [response]})).verify([(PENS, asked)])
    assert found.votes == (1, 1)


def test_where_the_solver_abstained_before_a_failure_that_is_decided() -> None:
    solver = Scripted({draft(2).prompt: [None]}, most=1)
    verified = Verifier(solver, 3).verify([(PENS, draft(n)) for n in (1, 2)])
    found = next(verified)
    assert (found.draft, found.abstained, found.votes) == (draft(2), 1, (0, 0))
    with pytest.raises(BudgetSpent):
        next(verified)


def test_what_was_refused_before_a_failure_is_handed_on() -> None:
    """Two solutions disagree, and there are no more to ask for."""
    solver = Scripted({draft(2).prompt: ["#### 8", "#### 8"]}, most=2)
    verified = Verifier(solver, 2, 2).verify([(PENS, draft(n)) for n in (1, 2)])
    found = next(verified)
    assert (found.draft, found.votes) == (draft(2), (0, 2))
    with pytest.raises(BudgetSpent):
        next(verified)


def test_after_a_failure_nothing_more_is_asked_and_no_undecided_draft_is_handed_on() -> None:
    """The second draft's first solution disagrees, and the next ones may agree."""
    script = {draft(1).prompt: ["#### 7"] * 3, draft(2).prompt: ["#### 8", "#### 7", "#### 7"]}
    solver = Scripted(script, most=1)
    verified = Verifier(solver, 3).verify([(PENS, draft(n)) for n in (1, 2)])
    with pytest.raises(BudgetSpent):
        next(verified)
    assert (solver.batches, solver.asked) == ([2], [(draft(2).prompt, 0)])


def test_solutions_are_journaled_and_not_asked_for_again(tmp_path: Path) -> None:
    drafts = [(PENS, draft(n)) for n in range(4)]
    script = {draft(n).prompt: [*("#### 7", "#### 8", None)[n % 3 :], "x"] for n in range(4)}
    first, second = Scripted(script, most=3), Scripted(script)
    with Journal(tmp_path / "votes.jsonl", Vote) as journal, pytest.raises(BudgetSpent):
        list(Verifier(RememberingSolver(first, journal)).verify(drafts))
    with Journal(tmp_path / "votes.jsonl", Vote) as journal:
        resumed = list(Verifier(RememberingSolver(second, journal)).verify(drafts))
        assert len(journal.finish()) == 4
    assert [each.votes for each in resumed] == [(1, 1), (0, 1), (0, 0), (1, 1)]
    assert not set(first.asked) & set(second.asked)
    assert len(first.asked) + len(second.asked) == 4


# Inside the writing.


class Sums:
    """Sums whose answers are wrong at every third."""

    examples_per_ask = asks_per_batch = 3

    def __init__(self) -> None:
        self.n = 0

    def draft(self, asks: Sequence[Ask]) -> Iterator[tuple[Ask, Sequence[Draft | Unusable]]]:
        for ask in asks:
            yield ask, [self.next() for _ in range(ask.count)]

    def next(self) -> Draft:
        self.n += 1
        told = self.n + 100 + (self.n % 3 == 0)
        return Draft(
            diagnosis_id="d",
            prompt=f"What is {self.n} + 100?",
            completion=f"{told - 100} + 100 = {told}\n#### {told}",
            target=str(told),
        )


def lesson() -> Diagnosed:
    return Diagnosed(
        missed(PENS),
        Diagnosis(
            id="d",
            mistake_id="pens",
            question_id="pens",
            cause="c",
            explanation="e",
            missing_skill="s",
            advice="a",
        ),
    )


def test_the_quota_is_filled_with_what_was_confirmed() -> None:
    verifier = Verifier(VariationsSolver())
    checker = Checker(HeldOut([]), [])
    results = list(write_examples([lesson()], Sums(), checker, 10, 1, 0, verifier))
    examples = [result for result in results if isinstance(result, Example)]
    assert len(examples) == 10
    assert {example.votes for example in examples} == {(1, 1)}
    assert all(int(e.target) == int(e.prompt.split()[2]) + 100 for e in examples)
    refused = [result for result in results if isinstance(result, Refusal)]
    assert {refusal.reason for refusal in refused} == {DISAGREE}
    assert refused[0].detail == "0 of 1 independent solutions give 104; the others: 103"
    assert len({example.id for example in examples}) == 10


def test_only_what_passed_the_checks_is_solved_again() -> None:
    class Repeating(Sums):
        def next(self) -> Draft:
            first = Sums().next()
            self.n += 1
            return super().next() if self.n % 4 == 0 else first

    solver = Scripted({f"What is {n} + 100?": ["#### 1"] for n in range(1000)})
    checker = Checker(HeldOut([]), [])
    results = list(write_examples([lesson()], Repeating(), checker, 4, 1, 0, Verifier(solver)))
    reasons = Counter(result.reason for result in results if isinstance(result, Refusal))
    assert reasons[DISAGREE] == len(solver.asked) == len(set(solver.asked))
    assert reasons["written before"] > 0


def test_what_was_verified_before_a_failure_of_the_writer_is_yielded() -> None:
    class Failing(Sums):
        def draft(self, asks: Sequence[Ask]) -> Iterator[tuple[Ask, Sequence[Draft | Unusable]]]:
            yield asks[0], [self.next()]
            raise InstructorError("gone")

    lessons = [lesson()]
    results = write_examples(
        lessons, Failing(), Checker(HeldOut([]), []), 6, 1, 0, Verifier(VariationsSolver())
    )
    assert isinstance(next(results), Example)
    with pytest.raises(InstructorError, match="gone"):
        next(results)


# The solver without an LLM.


def solved(prompt: str) -> str | None:
    problem = Problem(PENS, "d", prompt, draft().answer, 0)
    [(_, response)] = VariationsSolver().solve([problem])
    return response


@pytest.mark.parametrize(
    ("prompt", "response"),
    [
        (PENS.prompt.replace("48", "51"), "#### 47"),
        (PENS.prompt.replace("48", "51").replace("26", "33").replace("30", "36"), "#### 48"),
        (PENS.prompt.replace("48", "51").replace("26", "33").replace("30", "12"), None),
        (PENS.prompt.replace("48", "51").replace("Ann", "Eve"), None),
        (PENS.prompt.replace("48", "51") + " Or so?", None),
        (PENS.prompt.replace("48", "many"), None),
        (PENS.prompt.replace("30", "99"), None),
        (PENS.prompt.replace("48", "4" * 50), None),
        ("What is 23 - 9?", "#### 14"),
        ("Calculate 2 + 3, then 7 * 8, then 90 / 6.", "#### 15"),
        ("How much is 7 / 0?", None),
        ("What is the capital of 5?", None),
        ("What is 3 apples and 4 + 5?", None),
        ("What is ?", None),
    ],
)
def test_the_answer_follows_from_the_missed_questions_own_working(
    prompt: str, response: str | None
) -> None:
    assert solved(prompt) == response


@pytest.mark.parametrize("answer", [TextAnswer(), ChoiceAnswer(options={"A": "1", "B": "2"})])
def test_what_is_answered_in_words_is_not_for_the_solver_of_numbers(
    answer: TextAnswer | ChoiceAnswer,
) -> None:
    problem = Problem(PENS, "d", "What is 23 - 9?", answer, 0)
    assert list(VariationsSolver().solve([problem])) == [(problem, None)]


def test_a_question_that_cannot_be_varied_is_abstained_from() -> None:
    no_working = PENS.model_copy(update={"solution": "She counts."})
    problem = Problem(no_working, "d", PENS.prompt, draft().answer, 0)
    assert list(VariationsSolver().solve([problem])) == [(problem, None)]
