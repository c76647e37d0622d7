"""Chats, logs with corrections, questions on texts, pairs of answers, options in columns."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from intake_files import LAYOUTS, WORDS, found, looked, questions, write_csv, write_lines

from errata.agents.exams.files import row_question
from errata.agents.marking import mark

# Chats and logs.


def test_a_system_prompt_of_all_chats_goes_into_the_configuration(tmp_path: Path) -> None:
    seen = looked(LAYOUTS["OpenAI's messages, with sessions"][0](tmp_path))
    assert seen.system == "Sort the message."
    assert all("messages" not in row.fields for row in seen.rows)


def test_earlier_turns_of_a_chat_are_kept_and_the_last_answer_is_learnt(tmp_path: Path) -> None:
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"My {q}"},
                {"role": "assistant", "content": "Which one?"},
                {"role": "user", "content": [{"type": "text", "text": "The first."}]},
                {"role": "assistant", "content": str(at)},
            ]
        }
        for at, (q, _) in enumerate(questions())
    ]
    seen = looked(write_lines(tmp_path / "a.jsonl", rows))
    row = min(seen.rows, key=lambda row: int(row.fields["target"]))
    assert [message["role"] for message in row.fields["messages"]] == ["user", "assistant", "user"]
    assert row.fields["messages"][-1]["content"] == "The first."
    assert (row.fields["target"], seen.judged.type) == ("0", "number")


@pytest.mark.parametrize(
    ("last", "why"),
    [
        ([{"role": "user", "content": "hi"}], "ends with the user"),
        ([{"role": "tool", "content": "hi"}], "message 1 calls a tool or is a tool's"),
        ([{"role": "assistant", "content": " "}], "the assistant's, is empty"),
        ("hi", "no list of messages"),
        ([{"role": "user", "content": "a"}] * 2 + [{"role": "assistant", "content": "b"}],
         "message 2 is the user's, as the one before it"),
        ([{"role": "assistant", "content": "b"}], "the user has said nothing yet"),
    ],
)  # fmt: skip
def test_a_chat_without_a_last_answer_is_named(last: Any, why: str, tmp_path: Path) -> None:
    rows = [
        {"messages": [{"role": "user", "content": q}, {"role": "assistant", "content": "ok it is"}]}
        for q, _ in questions()
    ]
    rows[3]["messages"] = last
    [bad] = looked(write_lines(tmp_path / "a.jsonl", rows)).left_out
    assert bad.where == "a.jsonl, line 4"
    assert why in bad.reason


def test_a_correction_goes_before_what_was_answered(tmp_path: Path) -> None:
    path = LAYOUTS["logs with a person's corrections"][0](tmp_path)
    [question] = looked(path).undecided
    assert (question.flag, question.proposal) == ("--uncorrected", "drop")
    dropped, kept = (looked(path, uncorrected=said) for said in ("drop", "keep"))
    assert len(dropped.rows) == 60
    assert len(kept.rows) == 90
    assert "nobody corrected this row" in dropped.left_out[0].reason
    assert dropped.columns.group == "user_id"


@pytest.mark.parametrize(
    ("roles", "system"),
    [(("developer", "user", "assistant"), "Sort."), (("System", "Human", "ChatGPT"), "Sort.")],
)
def test_what_init_takes_for_a_chat_an_exam_takes_too(
    roles: tuple[str, str, str], system: str, tmp_path: Path
) -> None:
    rows = [
        {
            "conversations": [
                {"from": roles[0], "value": system},
                {"from": roles[1], "value": q},
                {"from": roles[2], "value": str(at)},
            ]
        }
        for at, (q, _) in enumerate(questions())
    ]
    assert looked(write_lines(tmp_path / "a.jsonl", rows)).system == system
    question = row_question({"messages": rows[7]["conversations"], "target": 7}, "q")
    assert question.before == (("system", system),)


# Questions on texts, pairs of answers, options.


def test_any_of_several_accepted_texts_is_right_as_in_squad(tmp_path: Path) -> None:
    answers = (["Denver Broncos"], ["the (old) keep", "keep."], [])
    rows = [
        {
            "context": f"It is said: {q}",
            "question": f"Which one, {at}?",
            "answers": {"text": answers[at % 3], "answer_start": [0] * len(answers[at % 3])},
        }
        for at, (q, _) in enumerate(questions())
    ]
    seen = looked(write_lines(tmp_path / "a.jsonl", rows))
    assert seen.judged.type == "text"
    assert not seen.undecided
    assert len(seen.left_out) == 20
    assert "its list is empty" in seen.left_out[0].reason
    assert "any of several texts is right" in found(seen, "several right answers").lower()
    asked = [row_question(row.fields, row.where, answer="text") for row in seen.rows]
    assert all(q.prompt.startswith("It is said") and "Which one" in q.prompt for q in asked)
    [one, several] = ({q.target: q for q in asked}).values()
    if one.target != "Denver Broncos":
        one, several = several, one
    assert mark(one, "So the answer is Denver Broncos.").correct
    for right in ("the (old) keep", "keep"):
        assert mark(several, f"So the answer is {right}").correct
    assert not mark(several, "So the answer is the old keep").correct
    assert mark(several, several.solution or "").correct
    assert seen.plan.why.startswith("your own right answers")


@pytest.mark.parametrize("answers", [["a b", "c d"], [{"text": "a b", "answer_start": 3}]])
def test_lists_of_texts_can_be_right_each(answers: list[Any], tmp_path: Path) -> None:
    rows = [{"question": q, "answers": answers} for q, _ in questions()]
    seen = looked(write_lines(tmp_path / "a.jsonl", rows), answer="text")
    assert {row.fields["target"] for row in seen.rows} <= {"a b|c d", "a b"}
    assert not seen.left_out


PAIRS: dict[str, Callable[[str, str], dict[str, Any]]] = {
    "texts": lambda q, a: {"prompt": q, "chosen": a, "rejected": "no"},
    "whole conversations": lambda q, a: {
        "prompt": q,
        "chosen": [{"role": "user", "content": q}, {"role": "assistant", "content": a}],
        "rejected": [{"role": "user", "content": q}, {"role": "assistant", "content": "no"}],
    },
    "a prompt of messages": lambda q, a: {
        "prompt": [{"role": "user", "content": q}],
        "chosen": [{"role": "assistant", "content": a}],
        "rejected": [{"role": "assistant", "content": "no"}],
    },
    "an answer of messages": lambda q, a: {
        "question": q,
        "chosen": [{"role": "assistant", "content": a}],
        "rejected": [{"role": "assistant", "content": "no"}],
    },
    "Anthropic's texts": lambda q, a: {
        "chosen": f"\n\nHuman: {q}\n\nAssistant: {a}",
        "rejected": f"\n\nHuman: {q}\n\nAssistant: no",
    },
}


@pytest.mark.parametrize("form", PAIRS)
def test_the_better_answer_of_a_pair_is_learnt_and_that_is_said(form: str, tmp_path: Path) -> None:
    rows = [PAIRS[form](q, f"colour {at}") for at, (q, _) in enumerate(questions())]
    seen = looked(write_lines(tmp_path / "a.jsonl", rows))
    assert {row.asked: row.fields["target"] for row in seen.rows} == {
        q: f"colour {at}" for at, (q, _) in enumerate(questions())
    }
    assert "'chosen' is taken for the right one, and 'rejected' is not used" in found(
        seen, "pairs of answers"
    )
    assert not seen.undecided


def test_a_prompt_of_messages_and_a_plain_answer_are_a_conversation(tmp_path: Path) -> None:
    rows = [
        {"prompt": [{"role": "system", "content": "Add."}, {"role": "user", "content": q}],
         "ground_truth": at}
        for at, (q, _) in enumerate(questions())
    ]  # fmt: skip
    seen = looked(write_lines(tmp_path / "a.jsonl", rows))
    assert (seen.system, seen.judged.type) == ("Add.", "number")
    assert {row.fields["target"] for row in seen.rows} == set(map(str, range(60)))


@pytest.mark.parametrize("layout", ["list", "columns"])
def test_wrong_answers_beside_the_right_one_are_options(layout: str, tmp_path: Path) -> None:
    rows = []
    for q, rng in questions():
        right, *wrong = rng.sample(WORDS[:12], 4)
        more = {f"distractor{at}": one for at, one in enumerate(wrong, 1)}
        rows.append({"question": q, "correct_answer": right}
                    | (more if layout == "columns" else {"incorrect_answers": wrong}))  # fmt: skip
    path = write_lines(tmp_path / "a.jsonl", rows)
    seen = looked(path)
    assert seen.judged.type == "choice"
    right = {row["question"]: row["correct_answer"] for row in rows}
    for row in seen.rows:
        at = "ABCD".index(row.fields["target"])
        assert row.fields["options"][at] == right[row.fields["prompt"]]
        assert len(row.fields["options"]) == 4
    assert {row.fields["target"] for row in seen.rows} == set("ABCD")
    assert [row.fields for row in looked(path).rows] == [row.fields for row in seen.rows]


@pytest.mark.parametrize("end", ["", "\nAnswer:"])
def test_options_that_a_question_ends_in_make_it_a_choice(end: str, tmp_path: Path) -> None:
    rows = [
        {"question": f"{q}\n" + "\n".join(f"{a}) {w}" for a, w in zip("ABC", rng.sample(WORDS, 3),
                                                                       strict=True)) + end,
         "answer": rng.choice("ABC")}
        for q, rng in questions()
    ]  # fmt: skip
    seen = looked(write_csv(tmp_path / "a.csv", rows))
    assert seen.judged.type == "choice"
    asked = row_question(seen.rows[0].fields, "q", answer="choice").prompt
    assert asked.count("A. ") == 1
    assert "A) " not in asked
    assert asked.endswith('End with "The answer is", then A, B or C.')
