"""Marking labels of a closed set, and what many such answers amount to."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errata.agents.marking import mark
from errata.agents.marking.label import mark_label
from errata.agents.records import Attempt, LabelAnswer, Question
from errata.agents.scores import accuracy

LABELS: dict[str, tuple[str, ...]] = {
    "refund": ("money back", "Rückerstattung"),
    "bug": (),
    "billing issue": (),
    "non-urgent": (),
    "other": (),
}


def settled(response: str, labels: dict[str, tuple[str, ...]] = LABELS) -> str | None:
    return mark_label(response, next(iter(labels)), labels).answer


@pytest.mark.parametrize(
    "response",
    [
        "refund",
        "Refund.",
        "**REFUND**",
        "`refund`",
        "“Refund”",
        "- refund",
        '"refund"\n',
        "The answer is refund.",
        "The answer is: **Refund**!",
        "Label: refund",
        "category = 'refund'",
        '{"label": "refund"}',
        "#### refund",
        "\\boxed{\\text{refund}}",
        "<answer>refund</answer>",
        "The answer is probably a refund.",
        "The label is clearly that of a refund.",
        "The answer is refund (there is a bug, too).",
        "The answer is refund, not bug.",
        "It is no bug.\nrefund",
        "refund\nThe customer found a bug and wants to be paid.",
        "refund\nrefund",
        "I would call it a refund.",
        "It is not a bug but a refund.",
        "It isn't a bug, it is a refund.",
        "Neither bug nor other: refund",
        "It isn’t a bug, it is a refund.",  # noqa: RUF001
        "money\u2011back",
        "- refund\nThe customer found a bug.",
        "— refund\nThe customer found a bug.",
        "A bug. No, the answer is refund.",
        "Answer: bug\nAnswer: refund",
        "refund\n\nQuestion: It crashes.\nLabel: bug",
        "money back",
        "The answer is money-back.",
        "RÜCKERSTATTUNG",
        "refund\n\nThis is the right category because the classification is simple.",
        "Label: refund\nReason: the category is clear.",
        "label: refund\nsentiment: negative",
        "1.refund",
        "This does not look like a bug. It's a refund.",
        "It cannot be a bug, so it is a refund",
        "I don't think it's a bug, but a refund",
        "Refund, since the bug was not known.",
        "Ru\u0308ckerstattung",
    ],
)
def test_a_label_can_be_given_in_many_ways(response: str) -> None:
    verdict = mark_label(response, "refund", LABELS)
    assert (verdict.correct, verdict.answer) == (True, "refund"), verdict.why


@pytest.mark.parametrize(
    "response",
    [
        "",
        "I do not know.",
        "refunds",
        "prerefund",
        "non-refund",
        "refund-only",
        "refund_id",
        "my_refund",
        "'t-refund",
        "not a refund",
        "no refund",
        "**not** a refund",
        "This is not about a refund.",
        "This doesn't look like a refund.",
        "It can't be a refund.",
        "I do not think that it is a refund.",
        "The category is clear.\nThere is a refund in it.",
        "non refund",
        "rather than refund",
        "The answer is shipping.\nThere is a refund in it.",
        "The answer is not refund.\nrefund",
    ],
)
def test_what_names_no_label_or_denies_it_has_no_answer(response: str) -> None:
    verdict = mark_label(response, "refund", LABELS)
    assert (verdict.correct, verdict.answer) == (False, None)
    assert verdict.why == "unclear: no label is given"


@pytest.mark.parametrize(
    "response",
    [
        "refund or bug",
        "refund/bug",
        "The answer is refund or bug.",
        "The answer is bug, refund.",
        "The answer is 'refund' and 'bug'.",
        "refund\nbug",
        "Refund. Bug.",
        "Refund, no wait, bug.",
        "Refund, bug, refund, or bug or so",
        "Refund, bug in the end",
        "Refund, bug in a bug report",
        "Refund since the bug was not known.",
        "Refund, the bug was a bug",
        "A refund because of a bug.",
        "The answer is that the refund comes before the bug.",
    ],
)
def test_two_labels_where_one_is_wanted_are_wrong_with_that_reason(response: str) -> None:
    verdict = mark_label(response, "refund", LABELS)
    assert (verdict.correct, verdict.answer) == (False, None)
    assert verdict.why == "unclear: refund and bug are named at once"


def test_the_verdict_on_another_label_names_both() -> None:
    verdict = mark_label("Bug!", "refund", LABELS)
    assert (verdict.correct, verdict.answer, verdict.why) == (False, "bug", "bug is not refund")


def test_of_labels_within_each_other_the_longest_counts() -> None:
    labels: dict[str, tuple[str, ...]] = {"spam": (), "not spam": (), "spam or scam": ()}
    assert settled("It is not spam.", labels) == "not spam"
    assert settled("It isn't spam.", labels) == "not spam"
    assert settled("Not_Spam", labels) == "not spam"
    assert settled("spam or scam", labels) == "spam or scam"
    assert settled("spam", labels) == "spam"


def test_yes_or_no_at_the_beginning_is_the_answer_to_the_question() -> None:
    labels: dict[str, tuple[str, ...]] = {"yes": (), "no": ()}
    assert settled("Yes, there is no problem.", labels) == "yes"
    assert settled("**Yes.** There is no problem.", labels) == "yes"
    assert settled("No, it is not.", labels) == "no"
    assert settled("No, yes.", labels) is None
    assert settled("Perhaps yes, there is no problem.", labels) is None


def test_a_number_that_is_a_label_is_not_read_in_another_number() -> None:
    stars: dict[str, tuple[str, ...]] = {"0": (), "1": (), "4": (), "5": ()}
    assert [settled(said, stars) for said in ("4.5", "Label: 4.5", "0,5", "1.04", "4.")] == [
        None,
        None,
        None,
        None,
        "4",
    ]
    assert settled("The label is 4.0.", stars) == "4"


def test_statements_that_name_nothing_are_read_in_proportion_to_their_length() -> None:
    def seconds(times: int) -> float:
        began = time.thread_time()
        settled("the category is not a refund " * times)
        return time.thread_time() - began

    seconds(10)
    assert seconds(2000) < 25 * seconds(250) + 0.1


def test_words_of_a_label_may_be_joined_in_any_way_and_signs_belong_to_it() -> None:
    for said in ("billing issue", "Billing_Issue", "billing-issue", "billing  issue"):
        assert settled(said) == "billing issue"
    grades: dict[str, tuple[str, ...]] = {"A": (), "A-": (), "C++": (), "C": ()}
    assert [settled(f"Label: {grade}.", grades) for grade in grades] == list(grades)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"Refund": (), "refund": ()}, "'Refund' and 'refund' are both called 'refund'"),
        ({"a": ("same",), "b": ("SAME",)}, "'a' and 'b' are both called 'SAME'"),
        ({"a": (), "…": ()}, "a name without letters or digits"),
    ],
)
def test_labels_that_cannot_be_told_apart_are_an_error_not_a_wrong_answer(
    labels: dict[str, tuple[str, ...]], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        mark_label("a", next(iter(labels)), labels)


def test_a_target_that_is_no_label_is_an_error_not_a_wrong_answer() -> None:
    with pytest.raises(ValueError, match="'money back' is no label: the labels are refund, bug"):
        mark_label("refund", "money back", LABELS)


PIECES = [*" \n.,'-_\"*`([{:#", "refund", "bug", "not", "is", "the answer is ", "label: ", "other"]


@given(st.lists(st.sampled_from(PIECES)).map("".join))
def test_any_text_settles_on_one_label_or_none(text: str) -> None:
    assert settled(text) in {*LABELS, None}


@given(st.text())
def test_any_text_before_a_statement_changes_nothing(text: str) -> None:
    assert settled(f"{text}\n\nThe answer is bug.") in ("bug", settled(text))


NAMES: dict[str, tuple[str, ...]] = {"a": (), "b": (), "c": (), "d": ()}


def answered(asked: str, said: list[str | None]) -> list[tuple[Question, Attempt]]:
    found = []
    for at, answer in enumerate(said):
        question = Question(
            id=f"{asked}{at}", prompt="?", target=asked, answer=LabelAnswer(labels=NAMES)
        )
        verdict = mark(question, answer or "well")
        attempt = Attempt(
            id=question.id,
            question_id=question.id,
            response=answer or "well",
            tokens=1,
            truncated=False,
            **verdict.model_dump(),
        )
        found.append((question, attempt))
    return found


def test_macro_f1_and_confusion_say_what_accuracy_does_not() -> None:
    pairs = [*answered("a", ["a", "a", "a", "b"]), *answered("b", ["a", None]), *answered("c", [])]
    found = accuracy([q for q, _ in pairs], [a for _, a in pairs])
    assert found.accuracy == 3 / 6
    assert found.labels is not None
    a, b, c, d = found.labels.labels
    assert (a.precision, a.recall, a.f1) == (3 / 4, 3 / 4, 3 / 4)
    assert (b.precision, b.recall, b.f1) == (0, 0, 0)
    assert (c.precision, c.recall, c.f1) == (d.precision, d.recall, d.f1) == (None, None, None)
    assert found.labels.macro_f1 == (3 / 4 + 0) / 2
    assert found.labels.confusion == {
        "a": {"a": 3, "b": 1},
        "b": {"a": 1, "": 1},
        "c": {},
        "d": {},
    }


def test_exams_of_other_types_have_no_such_scores() -> None:
    question = Question(id="q", prompt="?", target="1")
    attempt = Attempt(
        id="q",
        question_id="q",
        response="1",
        answer="1",
        correct=True,
        why="",
        tokens=1,
        truncated=False,
    )
    found = accuracy([question], [attempt])
    assert (found.labels, found.json_values) == (None, None)
