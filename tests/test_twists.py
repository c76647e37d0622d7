"""Exams that ask the sealed test again with a twist, and what they say of a model."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
from doubles import table_agents
from screen import printed, words

from errata.agents.errors import ConfigError, ExamError
from errata.agents.exams import HeldOut
from errata.agents.exams.arithmetic import KINDS, make_questions
from errata.agents.exams.files import row_question
from errata.agents.exams.forms import AnswerForm
from errata.agents.exams.layouts import code_reply, stem, text_prompt
from errata.agents.exams.several import load_exams
from errata.agents.exams.twists import TwistedExam, injected, relabelled, reworded, twisted_id
from errata.agents.jsonl import read_records
from errata.agents.marking import mark
from errata.agents.records import (
    ChoiceAnswer,
    CodeAnswer,
    JsonAnswer,
    LabelAnswer,
    ModelRef,
    Question,
    RegexAnswer,
    Response,
    TextAnswer,
)
from errata.agents.testing.tables import TableStudent
from errata.graph.commands.audit import audit
from errata.graph.comparing.compare import compare
from errata.graph.config import RunConfig, parse_config
from errata.graph.report import Report
from errata.graph.run import run
from errata.graph.run_folder import RunFolder
from errata.graph.views.summary import print_summary
from errata.graph.watcher import NoWatcher

ALL = [kind.name for kind in KINDS]
PRACTICE = make_questions(1, "practice", 20, set())


def own(**fields: Any) -> Question:
    form = AnswerForm(labels=["refund", "bug"])
    return row_question({"id": "own-1", **fields}, "own-1", form=form)


NUMBER = own(prompt="Ada has 20 pens. She gives 6 away. How many pens are left?", target=14)
CHOICE = own(prompt="Which is red?", options=["sky", "blood", "snow"], target="B")
TEXT = own(prompt="Is the sky of 3 moons blue?", target="yes", answer="text")
MATH = own(prompt="Solve $x^2 = 2$ for x > 0.", target="\\sqrt{2}", answer="math")
STUB = own(prompt="Double it.", stub="def double(x):", tests="def check(c):\n    assert c(2) == 4")
CODE = own(prompt="Double.", entry_point="double", tests="def check(c):\n    assert c(2) == 4")
WORKED = TEXT.model_copy(update={"prompt": text_prompt("Is it 3?", "Q: Is it 2?\nA: no.")})
LABEL = own(prompt="I want it back.", target="bug", answer="label")
JSON = own(prompt="Ann paid 7.", target={"name": "Ann"}, answer="json")
REGEX = own(prompt="How many pens?", target=r"\d+ pens", answer="regex")
SORTS = [NUMBER, CHOICE, TEXT, MATH, STUB, CODE, WORKED, LABEL, JSON, REGEX]


def name_of(question: Question) -> str:
    return f"{question.answer.type}-{len(question.prompt)}"


@pytest.mark.parametrize("question", SORTS, ids=name_of)
def test_an_injected_question_holds_a_practice_question_once_and_all_its_own_words(
    question: Question,
) -> None:
    for seed in range(40):
        twisted = injected(question, Random(seed), PRACTICE)
        assert (twisted.target, twisted.answer) == (question.target, question.answer)
        there = [other for other in PRACTICE if other.prompt in twisted.prompt]
        assert len(there) == 1
        assert twisted.prompt.count(there[0].prompt) == 1
        assert there[0].target != question.target
        assert twisted.prompt.count("A stranger wrote here: ") == 1
        before, _, after = twisted.prompt.partition("A stranger wrote here: ")
        rest = before + after.partition(there[0].prompt)[2].partition('"')[2]
        assert "".join(rest.split()) == "".join(question.prompt.split())


def test_a_foreign_instruction_stands_at_the_beginning_in_the_middle_or_at_the_end() -> None:
    places = set()
    for seed in range(60):
        parts = injected(NUMBER, Random(seed), PRACTICE).prompt.split("\n\n")
        places.add((len(parts), next(at for at, part in enumerate(parts) if "stranger" in part)))
    assert places == {(2, 0), (3, 1), (2, 1)}


@pytest.mark.parametrize("question", SORTS, ids=name_of)
def test_a_reworded_question_keeps_its_own_words_and_the_way_to_answer(question: Question) -> None:
    for seed in range(20):
        twisted = reworded(question, Random(seed))
        assert twisted.prompt != question.prompt
        assert (twisted.target, twisted.answer) == (question.target, question.answer)
        own_words = question.answer.stub if isinstance(question.answer, CodeAnswer) else ""
        assert (own_words or stem(question)) in twisted.prompt
        match question.answer:
            case ChoiceAnswer():
                end = twisted.prompt.rpartition("\n\n")[2]
                assert "The answer is" in end
                assert "A, B or C" in end
                assert end not in question.prompt
            case TextAnswer() if question is TEXT:
                assert twisted.prompt.rpartition("\n\n")[2] not in question.prompt
                assert "So the answer is" in twisted.prompt
            case CodeAnswer(entry_point=name):
                assert not twisted.prompt.endswith((code_reply(), code_reply(name)))
                assert f"`{name}`" in twisted.prompt.rpartition("\n\n")[2]
            case LabelAnswer():
                end = twisted.prompt.rpartition("\n\n")[2]
                assert end not in question.prompt
                assert end.startswith("Answer with one label")
                assert end.endswith("refund or bug.")
                assert stem(twisted) == stem(question)
            case JsonAnswer():
                assert twisted.prompt.rpartition("\n\n")[2] not in question.prompt
                assert stem(twisted) == stem(question)
            case RegexAnswer():
                assert "So the answer is" in twisted.prompt
                assert stem(twisted) == stem(question)
            case _ if question is MATH:
                assert twisted.prompt.rpartition("\n\n")[2] not in question.prompt
                assert "\\boxed{}" in twisted.prompt


def test_a_relabelled_question_moves_its_options_and_the_target_with_them() -> None:
    for seed in range(30):
        twisted = relabelled(CHOICE, Random(seed))
        assert isinstance(twisted.answer, ChoiceAnswer)
        options = twisted.answer.options
        assert options[twisted.target] == "blood"
        assert sorted(options.values()) == ["blood", "sky", "snow"]
        assert list(options.values()) != ["sky", "blood", "snow"]
        assert not set(options) & set("ABC")
        assert all(f"{label}. {text}" in twisted.prompt for label, text in options.items())
        assert twisted.solution is not None
        assert mark(twisted, twisted.solution).correct
        assert not mark(twisted, "The answer is B.").correct


@pytest.mark.parametrize("last", ["Both A and B", "all of the above", "A, C", "neither B nor C"])
def test_options_that_speak_of_others_are_not_moved(last: str) -> None:
    speaks = own(prompt="Which?", options=["sky", "blood", "snow", last], target="D")
    with pytest.raises(ExamError, match="no options that can be moved"):
        relabelled(speaks, Random(0))
    exam = TwistedExam(name="other", of="test", twist="relabelled")
    moved, kept = exam.read([CHOICE, speaks], PRACTICE)
    assert "snow" in moved.prompt
    assert kept.answer == speaks.answer
    assert kept.prompt != speaks.prompt


def test_a_twisted_test_question_is_a_test_question() -> None:
    """Were it written as a training example, it would be refused."""
    test = [*make_questions(1, "test", 60, set()), *SORTS]
    test = [q.model_copy(update={"id": f"t{at}"}) for at, q in enumerate(test)]
    held_out = HeldOut(test, PRACTICE)
    for twist in ("injected", "reworded", "relabelled"):
        for seed in range(5):
            exam = TwistedExam.model_validate(
                {"name": "again", "of": "test", "twist": twist, "seed": seed}
            )
            for question, twisted in zip(test, exam.read(test, PRACTICE), strict=True):
                found = held_out.resemblance(twisted)
                assert found is not None, twisted.prompt
                assert stem(twisted).split() == stem(question).split()


def test_practice_questions_in_foreign_instructions_may_still_be_learnt_from() -> None:
    test = make_questions(1, "test", 60, set())
    exam = TwistedExam(name="again", of="test", twist="injected")
    plain, both = HeldOut(test), HeldOut([*test, *exam.read(test, PRACTICE)])
    for question in PRACTICE:
        assert (both.resemblance(question) is None) == (plain.resemblance(question) is None)


def test_a_twist_is_the_same_for_the_same_seed_and_another_for_another() -> None:
    def read(seed: int, questions: Sequence[Question]) -> list[str]:
        exam = TwistedExam(name="again", of="test", twist="injected", seed=seed)
        return [question.prompt for question in exam.read(questions, PRACTICE)]

    test = make_questions(1, "test", 20, set())
    assert read(0, test) == read(0, test)
    assert read(0, test)[5:] == read(0, test[5:])
    assert read(0, test) != read(1, test)


# In a run.


class Confused(TableStudent):
    """Knows what its table says, unless a stranger speaks."""

    def ask(
        self, model: ModelRef, questions: Sequence[Question], answered: frozenset[str]
    ) -> Iterator[Response]:
        for response in super().ask(model, questions, answered):
            question = next(q for q in questions if q.id == response.question_id)
            lost = "stranger" in question.prompt and int(question.target) % 2 == 0
            yield response.model_copy(update={"text": "0"}) if lost else response


def config(**changes: Any) -> RunConfig:
    given: dict[str, Any] = {
        "name": "t",
        "exam": {"name": "arithmetic", "seed": 3, "practice": 36, "dev": 36, "test": 36},
        "out_of_domain": [
            {"name": "strange", "of": "test", "twist": "injected"},
            {"name": "worded", "of": "test", "twist": "reworded"},
        ],
        "examples": {"per_round": 20},
        "stop": {"rounds": 1, "gate": "any"},
    }
    return parse_config(given | changes, "test")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Report, RunFolder]:
    runs = tmp_path_factory.mktemp("runs")
    settings = config()
    practice = load_exams(settings.exam, settings.out_of_domain).practice
    agents = table_agents(practice, [ALL]) | {"student": Confused(ALL[:5])}
    return run(settings, runs, **agents, cache=False), RunFolder(runs / "t")


@pytest.mark.loop
def test_a_twisted_exam_is_reported_beside_the_plain_one(
    finished: tuple[Report, RunFolder],
) -> None:
    report, folder = finished
    strange, worded = report.twisted
    test = folder.questions("test")
    base, best = (
        {a.question_id: a.correct for a in folder.attempts(folder.final_exam("test", name))}
        for name in ("base", "best")
    )
    assert [fall.model for fall in strange.falls] == ["base", "best"]
    for fall, right in zip(strange.falls, (base, best), strict=True):
        kept = sum(right[q.id] and int(q.target) % 2 == 1 for q in test)
        assert fall.plain == sum(right.values()) / 36
        assert fall.twisted == kept / 36
        assert fall.difference.accuracy == pytest.approx(fall.twisted - fall.plain)
    assert strange.falls[1].difference.ci95[1] < 0
    assert [fall.difference.accuracy for fall in worded.falls] == [0, 0]
    assert (strange.twist, strange.n, worded.twist) == ("injected", 36, "reworded")


@pytest.mark.loop
def test_a_twisted_exam_is_in_no_average(finished: tuple[Report, RunFolder]) -> None:
    report, _ = finished
    assert report.exams == ()
    assert report.out_of_domain is None
    assert report.overall is None


@pytest.mark.loop
def test_the_summary_shows_from_where_to_where_a_model_fell(
    finished: tuple[Report, RunFolder],
) -> None:
    report, folder = finished
    shown = words(printed(lambda console: print_summary(report, console, folder.path), 90))
    fall = report.twisted[0].falls[1]
    assert "The sealed test with a twist" in shown
    assert f"best {100 * fall.plain:.1f} {100 * fall.twisted:.1f} " in shown
    assert f"{100 * fall.difference.accuracy:+.1f}" in shown


@pytest.mark.loop
def test_a_run_with_twisted_exams_passes_its_audit(finished: tuple[Report, RunFolder]) -> None:
    _, folder = finished
    found = audit(folder, NoWatcher())
    assert found.findings == ()
    assert not [note for note in found.notes if "strange" in note]


@pytest.mark.loop
def test_nothing_is_learnt_from_a_twisted_exam(finished: tuple[Report, RunFolder]) -> None:
    _, folder = finished
    rows = (folder.round(1) / "training.jsonl").read_text()
    assert len(read_records(folder.exam("out-of-domain"), Question)) == 72
    assert "stranger" not in rows
    for question in folder.questions("out-of-domain"):
        assert json.dumps(question.prompt)[1:-1] not in rows


@pytest.mark.loop
def test_a_comparison_shows_a_twisted_exam_in_a_column_of_its_own(tmp_path: Path) -> None:
    settings = config(strategy="sft")
    agents = table_agents(load_exams(settings.exam, settings.out_of_domain).practice, [ALL])
    found = compare(settings, ["sft"], 1, tmp_path, **agents)
    assert [(column.name, column.domain) for column in found.columns] == [
        ("arithmetic", "in domain"),
        ("strange", "twisted"),
        ("worded", "twisted"),
    ]
    assert found.headlines == [0]


def test_each_twisted_question_has_the_name_of_the_plain_one() -> None:
    settings = config()
    exams = load_exams(settings.exam, settings.out_of_domain)
    strange = [q for q in exams.out_of_domain if q.exam == "strange"]
    assert [q.id for q in strange] == [twisted_id("strange", q.id) for q in exams.test]


def test_variants_stay_variants_under_a_twist() -> None:
    grouped = NUMBER.model_copy(update={"group": "g"})
    exam = TwistedExam(name="again", of="test", twist="reworded")
    assert [q.group for q in exam.read([grouped, NUMBER], PRACTICE)] == ["again/g", None]


TWISTED = {"name": "again", "of": "test", "twist": "reworded"}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"guard": TWISTED}, "'guard' is wrong: a twisted exam is only measured: move it to"),
        ({"exam": [TWISTED]}, "a twisted exam is only measured"),
        ({"out_of_domain": {**TWISTED, "twist": "upside"}}, "'out_of_domain.twist' is wrong"),
        ({"out_of_domain": {**TWISTED, "of": "dev"}}, "'out_of_domain.of' is wrong"),
        ({"out_of_domain": {**TWISTED, "sed": 1}}, "unknown key 'out_of_domain.sed'; did you mean"),
        ({"out_of_domain": {"of": "test", "twist": "injected"}}, "'out_of_domain.name' is missing"),
    ],
)
def test_a_bad_twist_is_one_sentence(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError) as raised:
        config(**changes)
    assert sentence in str(raised.value)


def test_nothing_to_relabel_is_one_sentence() -> None:
    settings = config(out_of_domain={**TWISTED, "twist": "relabelled"})
    with pytest.raises(ExamError, match="no question of the test has options that again could"):
        load_exams(settings.exam, settings.out_of_domain)
