"""A student that is asked each question several times: its answers, and what they amount to."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from screen import printed
from tiny_models import write_tiny_model

from errata.agents.errors import ConfigError, ExamError, StepFailed
from errata.agents.examiner import examine
from errata.agents.records import Attempt, ModelRef, Question, Response, Sampling
from errata.agents.scores import accuracy, pass_at, wilson
from errata.agents.student import StudentSettings
from errata.agents.testing.tables import TableStudent
from errata.graph.commands.exam import Evaluation, OpenedExam, evaluate, read_sampling
from errata.graph.views.exams import print_evaluation
from errata.graph.watcher import NoWatcher
from errata.training.jobs import Reply, StudentJob

BASE = ModelRef(base="table")
QUESTIONS = [Question(id=f"q{n}", prompt=f"What is {n} + 0?", target=str(n)) for n in range(4)]
SAYS = {
    "q0": ["0", "1", "0", "1"],
    "q1": ["1", "1", "1", "1"],
    "q2": ["9", "9", "9", "9"],
    "q3": ["9", "9", "9", "3"],
}
FOUR = Sampling(answers=4, temperature=0.8)


class Stopping(TableStudent):
    """Stops before its n-th answer."""

    def __init__(self, left: int) -> None:
        super().__init__(says=SAYS)
        self.left = left

    def ask(self, *given: Any, **named: Any) -> Iterator[Response]:
        for response in super().ask(*given, **named):
            if self.left == 0:
                raise StepFailed("tired")
            self.left -= 1
            yield response


class OnlyOnce:
    """A student of somebody's own that was written for one answer a question."""

    def ask(
        self, model: ModelRef, questions: Sequence[Question], answered: frozenset[str]
    ) -> Iterator[Response]:
        for question in questions:
            if question.id not in answered:
                yield Response(question_id=question.id, text="1", tokens=1, truncated=False)

    def close(self) -> None:
        pass


def asked(student: Any, answered: Sequence[Attempt] = (), sampling: Sampling = FOUR) -> list[Any]:
    return list(examine(student, BASE, QUESTIONS, "e", answered, sampling=sampling))


def test_each_of_several_answers_is_marked_and_has_an_id_of_its_own() -> None:
    made = asked(TableStudent(says=SAYS))
    assert [a.id for a in made[:4]] == ["q0@e#0", "q0@e#1", "q0@e#2", "q0@e#3"]
    assert [a.sample for a in made] == [0, 1, 2, 3] * 4
    assert [a.correct for a in made[:4]] == [True, False, True, False]
    once = asked(TableStudent(says=SAYS), sampling=Sampling())
    assert [a.id for a in once] == ["q0@e", "q1@e", "q2@e", "q3@e"]
    assert [a.sample for a in once] == [0] * 4


def test_answers_that_are_there_are_not_told_again_and_the_others_are_as_they_would_have_been() -> (
    None
):
    whole = asked(TableStudent(says=SAYS))
    for known in (whole[:6], whole[::2], whole[8:]):
        student = TableStudent(says=SAYS)
        rest = asked(student, known)
        assert sorted([*known, *rest], key=lambda a: a.id) == sorted(whole, key=lambda a: a.id)
        finished = {q.id for q in QUESTIONS if sum(a.question_id == q.id for a in known) == 4}
        assert {id for _, id in student.asked} == {q.id for q in QUESTIONS} - finished


def test_a_table_says_other_things_by_another_seed_and_greedily_the_first() -> None:
    def said(**sampling: Any) -> list[str]:
        made = asked(TableStudent(says=SAYS), sampling=Sampling(**sampling))
        return [a.response for a in made if a.question_id == "q0"]

    assert said() == said(seed=1) == ["0"]
    assert said(answers=2, temperature=1, seed=1) == ["1", "0"]


def test_a_student_without_sampling_works_until_it_is_asked_with_chance() -> None:
    assert len(asked(OnlyOnce(), sampling=Sampling(top_p=0.5))) == 4
    with pytest.raises(ConfigError, match="OnlyOnce cannot be asked with chance: give its `ask`"):
        asked(OnlyOnce())


@pytest.mark.parametrize("sample", [0, 4])
def test_a_student_that_gives_fewer_answers_than_it_was_asked_for_is_told_so(sample: int) -> None:
    class Same(TableStudent):
        def ask(self, *given: Any, **named: Any) -> Iterator[Response]:
            for response in super().ask(*given, **named):
                yield response.model_copy(update={"sample": sample})

    with pytest.raises(StepFailed, match=r"owes \d+ responses, the first: q0, sample [01]; mend"):
        asked(Same(says=SAYS))


# What several answers amount to.


def test_answers_that_are_all_alike_tell_no_more_than_one_a_question() -> None:
    found = accuracy(QUESTIONS, asked(TableStudent(says={"q1": ["1"], "q2": ["2"]})))
    assert (found.accuracy, found.n, found.correct) == (0.5, 16, 8)
    assert found.ci95 == pytest.approx(wilson(2, 4))


def test_answers_that_differ_tell_more_than_one_a_question() -> None:
    """By hand: 7 of 16 right, by question 2, 4, 0, 1; off its mean by 1/4, 9/4, -7/4, -3/4.

    The squares are 35/4, and without clusters 16 * 7/16 * 9/16 = 63/16: 20/9 answers are as one.
    """
    found = accuracy(QUESTIONS, asked(TableStudent(says=SAYS)))
    assert found.accuracy == 7 / 16
    assert found.ci95 == pytest.approx(wilson(7 * 9 / 20, 16 * 9 / 20))


def test_each_kind_counts_the_answers_to_it_and_those_that_none_was_read_in() -> None:
    questions = [
        q.model_copy(update={"kind": (q.id in ("q0", "q1") and "a") or "b"}) for q in QUESTIONS
    ]
    made = list(
        examine(TableStudent(says=SAYS | {"q3": ["no", "3"]}), BASE, questions, "e", sampling=FOUR)
    )
    found = accuracy(questions, made)
    assert found.by_kind == {"a": (6, 8), "b": (2, 8)}
    assert found.unclear == 2


def test_pass_at_k_is_the_mean_of_the_questions_chances() -> None:
    """By hand, of 4 samples 2, 4, 0 and 1 right: two of them hold a right one in 5/6, 1, 0, 1/2."""
    found = pass_at(QUESTIONS, asked(TableStudent(says=SAYS)))
    assert found == pytest.approx({1: 7 / 16, 2: (5 / 6 + 1 + 0 + 1 / 2) / 4, 4: 3 / 4})
    six = pass_at(QUESTIONS, asked(TableStudent(), sampling=Sampling(answers=6, temperature=1)))
    assert list(six) == [1, 2, 4, 6]


# `errata exam --samples`.

EXAM = OpenedExam("e", QUESTIONS)


def test_a_sampled_exam_that_was_stopped_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    settings, one, other = StudentSettings(), tmp_path / "one.jsonl", tmp_path / "other.jsonl"
    whole = evaluate(settings, [EXAM], one, NoWatcher(), Stopping(-1), FOUR)
    with pytest.raises(StepFailed):
        evaluate(settings, [EXAM], other, NoWatcher(), Stopping(6), FOUR)
    rest = Stopping(-1)
    assert evaluate(settings, [EXAM], other, NoWatcher(), rest, FOUR) == whole
    assert {id for _, id in rest.asked} == {"q1", "q2", "q3"}
    assert one.read_bytes() == other.read_bytes()
    samples = [json.loads(line)["attempt"]["sample"] for line in one.read_text().splitlines()]
    assert samples == [0, 1, 2, 3] * 4
    [exam] = whole.exams
    assert (exam.samples, exam.result.accuracy, whole.average) == (4, 7 / 16, 7 / 16)
    assert list(exam.pass_at) == [1, 2, 4]


@pytest.mark.parametrize(
    ("changed", "was"),
    [
        ({"answers": 8}, "sampling.answers = 4, not 8"),
        ({"temperature": 1.0}, "sampling.temperature = 0.8, not 1.0"),
        ({"top_p": 0.5}, "sampling.top_p = 1.0, not 0.5"),
        ({"seed": 1}, "sampling.seed = 0, not 1"),
    ],
)
def test_a_sampled_exam_does_not_go_on_with_other_sampling(
    changed: dict[str, Any], was: str, tmp_path: Path
) -> None:
    out = tmp_path / "answers.jsonl"
    with pytest.raises(StepFailed):
        evaluate(StudentSettings(), [EXAM], out, NoWatcher(), Stopping(6), FOUR)
    other = FOUR.model_copy(update=changed)
    with pytest.raises(ExamError, match="holds answers of another evaluation") as raised:
        evaluate(StudentSettings(), [EXAM], out, NoWatcher(), Stopping(-1), other)
    assert was in str(raised.value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((0, 1.0, 1.0), "--samples is wrong: Input should be greater than or equal to 1"),
        ((4, 0.0, 1.0), "--temperature is wrong: 4 answers at temperature 0 are all the same"),
        ((4, -1.0, 1.0), "--temperature is wrong: Input should be greater than or equal to 0"),
        ((4, 1e-30, 1.0), "--temperature is wrong: temperature 1e-30 is neither 0 nor from 0.01"),
        ((4, float("inf"), 1.0), "--temperature is wrong: temperature inf is neither 0 nor"),
        ((4, float("nan"), 1.0), "--temperature is wrong"),
        ((4, 1.0, 0.0), "--top-p is wrong: Input should be greater than 0"),
        ((4, 1.0, 1.1), "--top-p is wrong: Input should be less than or equal to 1"),
    ],
)
def test_sampling_that_cannot_be_is_one_sentence(
    given: tuple[int, float, float], said: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        read_sampling(*given, seed=0)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def shown(found: Evaluation) -> str:
    return printed(lambda console: print_evaluation(found, console), 100)


def test_what_several_samples_reached_is_printed_for_one_exam_and_for_two() -> None:
    given = (StudentSettings(), None, NoWatcher(), TableStudent(says=SAYS), FOUR)
    one = shown(evaluate(given[0], [EXAM], *given[1:]))
    assert "43.8% right: 7 of 16" in one
    assert "4 samples of each of 4 questions" in one
    assert "clustered by question" in one
    bars = {line.split()[0]: line.split()[1:] for line in one.splitlines() if "pass@" in line}
    assert bars["pass@1"] == ["43.8%", "█" * 9]
    assert bars["pass@4"] == ["75.0%", "█" * 15]
    two = shown(evaluate(given[0], [EXAM, OpenedExam("f", QUESTIONS[1:2])], *given[1:]))
    [fours] = [line.split() for line in two.splitlines() if "pass@4" in line]
    assert fours == ["pass@4", "75.0%", "100.0%"]
    once = shown(evaluate(given[0], [EXAM], *given[1:4]))
    assert "pass@" not in once
    assert "sample" not in once


# The child that holds the weights.

PROMPTS = [("a", "What is 2 + 2?"), ("b", "hi"), ("c", "What is 7 + 7? Say why."), ("d", "x")]
TWO = Sampling(answers=2, temperature=1)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


def loaded(base: str, **job: Any) -> Any:
    from errata.training.student import load_student

    given = {"model": ModelRef(base=base), "max_new_tokens": 12, "batch_size": 4}
    return load_student(StudentJob(**given | {"precision": "float32"} | job))


def answers(
    student: Any, sampling: Sampling = TWO, done: frozenset[str] = frozenset()
) -> list[Reply]:
    return list(student.answer(PROMPTS, done, sampling))


@pytest.mark.model
def test_the_same_sampling_gives_the_same_answers_whatever_is_answered_already(base: str) -> None:
    student = loaded(base)
    whole = answers(student)
    assert sorted((r.id, r.sample) for r in whole) == [(i, s) for i in "abcd" for s in (0, 1)]
    assert len({reply.text for reply in whole}) == 8
    rest = answers(student, done=frozenset("abc"))
    assert rest == [reply for reply in whole if reply.id == "d"]
    other = answers(student, TWO.model_copy(update={"seed": 1}))
    assert not {reply.text for reply in whole} & {reply.text for reply in other}


@pytest.mark.model
def test_temperature_and_top_p_say_how_much_is_left_to_chance(base: str) -> None:
    student = loaded(base)

    def texts(**sampling: Any) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for reply in answers(student, Sampling(**sampling)):
            found.setdefault(reply.id, set()).add(reply.text)
        return found

    greedy = texts()
    assert texts(answers=2, temperature=0.01) == greedy
    assert texts(answers=2, temperature=1, top_p=1e-6) == greedy
    assert all(len(said) == 2 for said in texts(answers=2, temperature=1).values())


@pytest.mark.model
def test_every_token_can_be_drawn_not_only_the_likeliest_fifty(base: str) -> None:
    student = loaded(base, max_new_tokens=1, batch_size=400)
    drawn = student.answer(PROMPTS[:1], frozenset(), Sampling(answers=400, temperature=100))
    assert len({reply.text for reply in drawn}) > 55


@pytest.mark.model
@pytest.mark.parametrize("samples", [2, 3, 9])
def test_a_batch_holds_no_more_answers_for_being_asked_often_and_reads_a_prompt_once(
    samples: int, base: str
) -> None:
    student = loaded(base)
    shapes: list[tuple[int, int]] = []  # (rows, tokens) of each pass through the model

    def note(module: Any, args: Any, kwargs: dict[str, Any]) -> None:
        shapes.append(tuple(kwargs["input_ids"].shape))

    student.model.register_forward_pre_hook(note, with_kwargs=True)
    made = answers(student, Sampling(answers=samples, temperature=1))
    assert len({(r.id, r.sample) for r in made}) == len(made) == 4 * samples
    assert len({r.text for r in made}) == 4 * samples
    assert max(rows for rows, _ in shapes) == {2: 4, 3: 3, 9: 4}[samples]
    read = [rows for rows, tokens in shapes if tokens > 1]
    assert read == {2: [2, 2], 3: [1] * 4, 9: [1] * 12}[samples]
