"""An LLM that writes examples whose answers are labels, JSON or found by a pattern."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from errata.agents.chat_models import ChatClient, LlmSettings, open_chat_model
from errata.agents.checks import wrong
from errata.agents.data_writer import Ask, Diagnosed
from errata.agents.exams.layouts import json_prompt, label_prompt, text_prompt
from errata.agents.llm import LlmRewriter, LlmSolver, LlmWriter
from errata.agents.llm.paper import PaperInstructor
from errata.agents.marking import mark
from errata.agents.records import (
    Answer,
    Attempt,
    Diagnosis,
    Draft,
    DraftedDiagnosis,
    JsonAnswer,
    LabelAnswer,
    LlmCall,
    Mistake,
    Picked,
    Question,
    RegexAnswer,
    Unusable,
)
from errata.agents.testing.openai_server import OpenAIServer
from errata.agents.verifier import Verified, Verifier

LABELS = LabelAnswer(labels={"refund": ("money back",), "bug": ()})
SCHEMA = json.dumps({"properties": {"amount": {"type": "number"}}, "required": ["amount"]})
OBJECT = JsonAnswer(schema_=SCHEMA, fields={"amount": "number"})
PATTERN = RegexAnswer(pattern=r"(\d+) pens")
TARGET = RegexAnswer()
ANSWERS: dict[str, tuple[Answer, str]] = {
    "label": (LABELS, "refund"),
    "json": (OBJECT, '{"amount": 7}'),
    "pattern": (PATTERN, "12"),
    "target": (TARGET, r"\d+ pens"),
}


def lesson(answer: Answer, target: str, number: int = 1) -> Diagnosed:
    question = Question(id=f"q{number}", prompt="I paid for 7.", target=target, answer=answer)
    attempt = Attempt(
        id="a",
        question_id=question.id,
        response="bug",
        answer=None,
        correct=False,
        why="",
        tokens=1,
        truncated=False,
    )
    diagnosis = Diagnosis(
        id=f"d{number}",
        mistake_id=f"m{number}",
        question_id=question.id,
        cause="wrong label",
        explanation="It is none.",
        missing_skill="Tell them apart.",
        advice="Set them beside each other.",
    )
    return Diagnosed(Mistake(id=f"m{number}", question=question, attempt=attempt), diagnosis)


def client_for(server: OpenAIServer, calls: list[LlmCall]) -> ChatClient:
    settings = LlmSettings(model="openai:scripted", base_url=server.base_url, retries=0)
    return ChatClient(open_chat_model(settings), calls.append, settings)


def drafted(
    answer: Answer, target: str, *examples: dict[str, Any]
) -> tuple[Sequence[Draft | Unusable], str]:
    """What becomes of the examples, and the system prompt that asked for them."""
    calls: list[LlmCall] = []
    with OpenAIServer(lambda request: json.dumps({"examples": examples})) as server:
        ask = Ask(lesson(answer, target), len(examples), seed=0)
        [(_, found)] = LlmWriter(client_for(server, calls)).draft([ask])
    return found, calls[0].messages[0][1]


def test_the_writer_is_shown_the_closed_set_and_kept_to_it() -> None:
    found, system = drafted(
        LABELS,
        "refund",
        {"prompt": "It crashed.", "completion": "bug", "target": "Bug"},
        {"prompt": "Pay me.", "completion": "A payment.\nmoney back", "target": "money back"},
        {"prompt": "Hi.", "completion": "hello", "target": "hello"},
        {"prompt": "Hm.", "completion": "bug", "target": "refund"},
    )
    assert "data\nrefund\nbug\n" in system
    drafts = [draft for draft in found if isinstance(draft, Draft)]
    assert [draft.target for draft in drafts] == ["bug", "refund", "hello", "refund"]
    assert drafts[0].prompt == label_prompt("It crashed.", LABELS.labels)
    assert [wrong(draft) for draft in drafts] == [
        None,
        None,
        "target is no label",
        "completion does not give the target",
    ]


def test_the_writer_is_shown_the_schema_and_kept_to_it() -> None:
    pytest.importorskip("jsonschema")
    found, system = drafted(
        OBJECT,
        '{"amount": 7}',
        {"prompt": "Ben paid 8.", "completion": '{"amount": 8}'},
        {"prompt": "Ben paid.", "completion": '{"paid": 8}'},
        {"prompt": "Ben paid 9.", "completion": "{'amount': 9}"},
        {"prompt": "Ben paid 10.", "completion": 'He did.\n```json\n{"amount": 10}\n```'},
    )
    assert SCHEMA in system
    drafts = [draft for draft in found if isinstance(draft, Draft)]
    assert [draft.target for draft in drafts] == ['{"amount": 8}', '{"paid": 8}', '{"amount": 10}']
    assert drafts[0].prompt == json_prompt("Ben paid 8.", SCHEMA)
    assert [wrong(draft) for draft in drafts] == [
        None,
        "completion does not give the target",
        None,
    ]
    [bad] = [each for each in found if isinstance(each, Unusable)]
    assert "must hold a JSON object or list" in bad.reason


def test_a_list_is_read_from_the_completion_too() -> None:
    found, system = drafted(
        JsonAnswer(), "[1]", {"prompt": "Two?", "completion": 'So ["a", {"b": 1}]'}
    )
    assert isinstance(found[0], Draft)
    assert found[0].target == '["a", {"b": 1}]'
    assert "JSON Schema" not in system


def test_the_writer_is_shown_the_pattern_that_must_find_the_answer() -> None:
    found, system = drafted(
        PATTERN,
        "12",
        {"prompt": "How many?", "completion": "That makes 8 pens", "target": "8"},
        {"prompt": "How many more?", "completion": "8", "target": "8"},
    )
    assert PATTERN.pattern is not None
    assert PATTERN.pattern in system
    drafts = [draft for draft in found if isinstance(draft, Draft)]
    assert [wrong(draft) for draft in drafts] == [None, "completion does not give the target"]


def test_where_targets_are_patterns_what_is_written_is_taken_literally() -> None:
    example = {"prompt": "How?", "completion": "So the answer is 8 (or so).", "target": "8 (or so)"}
    [draft], _ = drafted(TARGET, r"\d+ pens", example)
    assert isinstance(draft, Draft)
    assert draft.prompt == text_prompt("How?")
    assert wrong(draft) is None
    question = Question(id="q", prompt="?", target=draft.target, answer=draft.answer)
    assert not mark(question, "8 or so").correct


def test_one_call_never_mixes_two_closed_sets() -> None:
    other = LabelAnswer(labels={"red": (), "blue": ()})
    lessons = [lesson(LABELS, "refund", 1), lesson(other, "red", 2), lesson(LABELS, "bug", 3)]
    calls: list[LlmCall] = []
    reply = {"examples": [{"prompt": "x", "completion": "bug", "target": "bug"}] * 2}
    with OpenAIServer(lambda request: json.dumps(reply)) as server:
        asks = [Ask(each, 1, seed=0) for each in lessons]
        assert len(list(LlmWriter(client_for(server, calls)).draft(asks))) == len(asks)
    assert sorted(call.source_id for call in calls) == ["d1 d3", "d2"]


@pytest.mark.parametrize("name", ANSWERS)
def test_rewriter_solver_and_the_papers_instructor_know_these_types(name: str) -> None:
    answer, target = ANSWERS[name]
    if name == "json":
        pytest.importorskip("jsonschema")
    said = {"label": "refund", "json": target, "pattern": "12 pens", "target": "12 pens"}[name]
    exercise = {"prompt": "Again, 7.", "completion": said, "target": said.removesuffix(" pens")}
    if name == "target":
        exercise["target"] = said
    reply = {"examples": [exercise], "analysis": "It is none.", "solution": said}
    missed = lesson(answer, target)
    calls: list[LlmCall] = []
    with OpenAIServer(lambda request: json.dumps(reply)) as server:
        client = client_for(server, calls)
        picked = Picked(id="p", question=missed.question)
        [(_, [rewritten])] = LlmRewriter(client).draft([Ask(picked, 1, seed=0)])
        [found] = PaperInstructor(client, 1).diagnose([missed.mistake])
        assert isinstance(rewritten, Draft)
        assert isinstance(found, DraftedDiagnosis)
        assert [wrong(draft) for draft in (rewritten, *found.drafts)] == [None, None]
        [verified] = Verifier(LlmSolver(client)).verify([(missed.question, rewritten)])
    assert isinstance(verified, Verified)
    assert verified.votes == (1, 1)
    assert len(calls) == 3
