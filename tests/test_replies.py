"""What is read in a reply, however a model wrote it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from math import inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mutated_replies import run_cases

from errata.agents.chat_models.reply import RawReply
from errata.agents.llm import paper, replies
from errata.agents.llm.lenient import BrokenError, find_values
from errata.agents.llm.replies import DiagnosisReply, ExampleReply, ExamplesReply, read_reply

Examples = ExamplesReply[ExampleReply]


def exercise(number: int) -> dict[str, str]:
    return {"prompt": f"{number} + 1?", "completion": f"#### {number + 1}", "target": "x"}


def prompts(text: str, truncated: bool = False) -> list[str]:
    read = read_reply(RawReply(text, truncated=truncated), Examples)
    return [each.prompt for each in read.reply.examples]


def test_hundreds_of_damaged_replies_are_read_as_a_person_reads_them() -> None:
    count, misread = run_cases(400, seed=1)
    assert misread == []
    assert count.read == count.readable > 200
    assert count.refused == count.lost > 80
    assert count.accepted > 80
    assert count.accepted_unsound == 0


def test_a_list_that_breaks_off_keeps_its_whole_items() -> None:
    text = json.dumps({"examples": [exercise(1), exercise(2), exercise(3)]})
    third = text.index('{"prompt": "3')
    for end in range(third + 1, text.index('"x"', third) + 2):
        assert prompts(text[:end], truncated=True) == ["1 + 1?", "2 + 1?"]


def test_the_last_object_counts() -> None:
    texts = [json.dumps({"examples": [exercise(number)]}) for number in (1, 2)]
    assert prompts("First: {}. No, better: {}".replace("{}", "%s") % tuple(texts)) == ["2 + 1?"]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([exercise(1)]),
        json.dumps(exercise(1)),
        json.dumps({"result": {"examples": [exercise(1)]}}),
        json.dumps({"Examples": [exercise(1)]}),
        json.dumps(json.dumps({"examples": [exercise(1)]})),
        "{examples: [{prompt: '1 + 1?', completion: '#### 2', target: 2,}, ...],}",
        '{"examples": [{"prompt": "1 + 1?" "completion": """#### 2""", "target": +2}]',
    ],
)
def test_other_shapes_of_the_same_are_read(text: str) -> None:
    assert prompts(text) == ["1 + 1?"]


def test_what_is_wrong_with_one_item_costs_no_other() -> None:
    read = read_reply(
        RawReply(json.dumps({"examples": [exercise(1), {"prompt": "x"}, exercise(2)]})), Examples
    )
    assert len(read.reply.examples) == 2
    assert read.left_out == ("examples.1.completion: Field required; target: Field required",)


def test_a_list_within_an_item_that_breaks_off_is_not_taken_for_whole() -> None:
    [found] = find_values('{"examples": [{"tests": ["a", "b"')
    assert not isinstance(found, BrokenError)
    assert (found.value, found.whole) == ({}, False)


@pytest.mark.parametrize("reply", [*paper.REPLIES.values(), *replies.REPLIES.values()])
def test_a_model_is_told_what_each_field_of_its_reply_is(reply: type[replies.LlmReply]) -> None:
    assert [name for name, field in reply.model_fields.items() if not field.description] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        '{"a":' * 400_000,
        "{" * 1_900_000,
        "[" * 1_900_000,
        '{"a": "' + "\\" * 1_900_000,
        '{"' * 900_000,
        "{a:1}" * 380_000,
        "{'a': '" * 270_000,
        '"' * 1_900_000,
        "x" * 10_000_000,
    ],
    ids=lambda text: text[:8],
)
def test_no_long_reply_is_too_much_to_be_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"it |Field required"):
        read_reply(RawReply(text), DiagnosisReply)


def seconds(work: Callable[[], object]) -> float:
    """Of processor time, the best of three."""
    best = inf
    for _ in range(3):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


@pytest.mark.parametrize(
    "text",
    [
        lambda n: "[" + "1" * n + "x, 2]",
        lambda n: "[" + "1." * n + "x",
        lambda n: "[/*" * n,
        lambda n: '{"' * n,
        lambda n: "{'a': '" * n,
        lambda n: '{"a": "' + "b'" * n,
        lambda n: '{"a": "b"' + " " * n + "x",
        lambda n: "{a:1}" * n,
    ],
    ids=["digits", "points", "comments", "quotes", "texts", "marks", "spaces", "objects"],
)
def test_the_time_to_read_grows_no_faster_than_the_text(text: Callable[[int], str]) -> None:
    """Ten times the text may take 30 times as long, not 100 times."""
    short, long = (seconds(lambda: list(find_values(text(n)))) for n in (3_000, 30_000))  # noqa: B023
    assert long < 30 * max(short, 0.002)


@given(st.text(alphabet="{}[]\"':,\\/#*ab1.`\n ", max_size=200))
def test_no_text_is_too_strange(text: str) -> None:
    for found in find_values(text):
        assert isinstance(found, BrokenError) or isinstance(found.value, (dict, list))


JSON = st.recursive(
    st.none() | st.booleans() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
).filter(lambda value: isinstance(value, (dict, list)))


@given(JSON, st.booleans())
def test_good_json_is_read_as_what_it_is(value: Any, in_ascii: bool) -> None:
    [found] = find_values(json.dumps(value, ensure_ascii=in_ascii))
    assert not isinstance(found, BrokenError)
    assert found.whole
    assert found.value == value
