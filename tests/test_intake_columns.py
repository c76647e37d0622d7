"""Which column is the question, which the answer: by name and by what stands in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from intake_files import WORDS, looked, questions, write_csv


@pytest.mark.parametrize("name", [
    "answer", "Answer", "answers", "label", "labels", "output", "response", "completion",
    "expected", "expected_output", "ground_truth", "groundTruth", "gold", "gold_label", "target",
    "category", "class", "intent", "sentiment", "tags", "ideal", "reference", "correct_answer",
    "Correct Option", "best_answer", "customer_intent", "expected_category", "final_answer",
    "reply", "y",
])  # fmt: skip
def test_common_names_of_right_answers_are_known(name: str, tmp_path: Path) -> None:
    rows = [{"text": q, name: f"word{at} {rng.choice(WORDS)}", "model": "m-1", "cost": at}
            for at, (q, rng) in enumerate(questions())]  # fmt: skip
    seen = looked(write_csv(tmp_path / "a.csv", rows))
    assert (seen.columns.prompt, seen.columns.target) == (("text",), name)
    assert not seen.undecided


@pytest.mark.parametrize("name", [
    "prompt", "question", "instruction", "query", "input", "user_input", "user_message", "text",
    "sentence", "message", "ticket", "review", "email", "body", "content", "customer_message",
    "Claim text", "problem_statement", "utterance", "tweet", "inputs",
])  # fmt: skip
def test_common_names_of_questions_are_known(name: str, tmp_path: Path) -> None:
    rows = [{name: q, "label": f"word{at} {rng.choice(WORDS)}", "model": "m-1", "cost": at}
            for at, (q, rng) in enumerate(questions())]  # fmt: skip
    seen = looked(write_csv(tmp_path / "a.csv", rows))
    assert (seen.columns.prompt, seen.columns.target) == ((name,), "label")
    assert not seen.undecided


def test_what_a_model_answered_is_right_only_where_a_person_says_so(tmp_path: Path) -> None:
    def rows(**more: Callable[[int], str]) -> Path:
        return write_csv(tmp_path / "a.csv", [
            {"prompt": q, "model_output": f"said {at}"} | {n: of(at) for n, of in more.items()}
            for at, (q, _) in enumerate(questions())
        ])  # fmt: skip

    alone = looked(rows(when=lambda at: f"2024-01-{at % 28 + 1:02}"))
    [question, *_] = alone.undecided
    assert (question.flag, question.proposal) == ("--target", "model_output")
    assert "nobody says that it is right" in question.why
    beside = looked(rows(expected=lambda at: f"meant {at}"))
    assert beside.columns.target == "expected"
    assert beside.columns.why["model_output"] == "what a model answered: not used"
    corrected = looked(
        rows(correction=lambda at: f"meant {at}" if at % 2 else ""), uncorrected="keep"
    )
    targets = {row.fields["target"] for row in corrected.rows}
    assert {"meant 1", "said 2"} <= targets


def test_class_numbers_with_their_names_beside_are_learnt_by_name(tmp_path: Path) -> None:
    names = ("bug", "login", "refund")
    rows = [{"text": q, "label": at % 3, "label_text": names[at % 3]}
            for at, (q, _) in enumerate(questions())]  # fmt: skip
    assert looked(write_csv(tmp_path / "a.csv", rows)).judged.labels == names
    rows[0]["label_text"] = "login"
    assert looked(write_csv(tmp_path / "a.csv", rows)).judged.labels == ("0", "1", "2")


def test_a_mails_subject_is_asked_with_it_and_its_sender_is_not(tmp_path: Path) -> None:
    rows = [
        {"email": f"{rng.choice(WORDS)}@example.com", "subject": rng.choice(WORDS[:5]), "body": q,
         "department": rng.choice(("sales", "support"))}
        for q, rng in questions()
    ]  # fmt: skip
    columns = looked(write_csv(tmp_path / "a.csv", rows)).columns
    assert (columns.prompt, columns.target) == (("subject", "body"), "department")


def test_two_texts_are_asked_about_together(tmp_path: Path) -> None:
    rows = [{"premise": q, "hypothesis": q[::-1], "label": rng.choice(("yes", "no"))}
            for q, rng in questions()]  # fmt: skip
    assert looked(write_csv(tmp_path / "a.csv", rows)).columns.prompt == ("premise", "hypothesis")


def test_a_column_of_answers_that_asks_is_asked(tmp_path: Path) -> None:
    rows = [{"Claim text": q, "Is it fraud?": rng.choice(("Yes", "No"))} for q, rng in questions()]
    seen = looked(write_csv(tmp_path / "a.csv", rows))
    assert all(row.asked.endswith("?\n\nIs it fraud?") for row in seen.rows)
    assert not seen.undecided


@pytest.mark.parametrize(("count", "type"), [(77, "label"), (201, "text")])
def test_many_classes_are_labels_where_the_column_says_so(
    count: int, type: str, tmp_path: Path
) -> None:
    rows = [{"text": q, "intent": f"class {at % count}"}
            for at, (q, _) in enumerate(questions(6 * count))]  # fmt: skip
    assert looked(write_csv(tmp_path / "a.csv", rows)).judged.type == type
