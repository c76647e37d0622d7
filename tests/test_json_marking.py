"""Marking JSON field by field, after a schema where there is one."""

from __future__ import annotations

import json
import re
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errata.agents.marking import mark
from errata.agents.marking.json_value import mark_json
from errata.agents.marking.schema import misfit, sketch
from errata.agents.records import Attempt, FieldMatch, JsonAnswer, Question, Verdict
from errata.agents.scores import accuracy
from errata.training.extras import install

ORDER = {"name": "Ann", "amount": 1000, "tags": ["a", "b"], "at": {"city": "Rome", "zip": None}}
FIELDS: dict[str, FieldMatch] = {"amount": "number", "tags": "set"}


def marked(response: str, target: object = None, **answer: Any) -> Verdict:
    wanted = json.dumps(ORDER if target is None else target)
    return mark_json(response, wanted, JsonAnswer(**answer))


def changed(**fields: object) -> str:
    return json.dumps(ORDER | fields)


@pytest.mark.parametrize(
    "way",
    [
        "{}",
        "```json\n{}\n```",
        "Here it is: {} I hope that helps.",
        'First {{"name": "Bob"}}, then {}',
        "See [1] and {{x}} and [12 apples]: {}",
    ],
)
def test_the_last_value_counts_fenced_or_bare(way: str) -> None:
    verdict = marked(way.format(json.dumps(ORDER)))
    assert (verdict.correct, verdict.why) == (True, "it is the target")
    assert json.loads(verdict.answer or "") == ORDER


@pytest.mark.parametrize(
    "response",
    [
        "",
        "none",
        json.dumps(ORDER)[:-1],
        json.dumps(ORDER).replace('"', "'"),
        json.dumps(ORDER).replace('"Ann"', "'Ann'"),
        json.dumps(ORDER).replace("}}", "},}"),
        json.dumps(ORDER).replace("1000", "NaN"),
        json.dumps(ORDER).replace("1000", "1e999"),
        json.dumps(ORDER).replace("1000", "1" * 301),
        json.dumps(ORDER).replace('"amount"', '"name"'),
        json.dumps(ORDER).replace("1000", "1000 // all"),
        json.dumps([ORDER]),
        '{"a": ' * 40 + "1" + "}" * 40,
    ],
)
def test_what_does_not_parse_is_wrong_and_nothing_is_repaired(response: str) -> None:
    verdict = marked(response)
    assert (verdict.correct, verdict.answer) == (False, None)
    assert verdict.why == "no object in JSON can be read"


def test_what_a_broken_value_holds_is_no_value_of_its_own() -> None:
    assert marked('[{"a": 1}, {"a": 1}', {"a": 1}).answer is None
    assert marked('{"b": x, "c": {"a": 1}} {"a": 1}', {"a": 1}).correct
    assert marked("{'b': 1, 'c': {\"a\": 1}}", {"a": 1}).answer is None
    assert marked('Note [as you see: {"a": 1}', {"a": 1}).correct


def test_true_is_not_the_number_one_and_nan_is_no_number() -> None:
    assert not marked('{"amount": true}', {"amount": 1}, fields=FIELDS).correct
    assert marked("NaN", 3).answer is None


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"name": "ann"}, 'name is "ann", not "Ann"'),
        ({"amount": 1000.1}, "amount is 1000.1, not 1000"),
        ({"amount": "thousand"}, 'amount is "thousand", not 1000'),
        ({"amount": True}, "amount is true, not 1000"),
        ({"tags": ["a", "a", "b"]}, 'tags is ["a", "a", "b"], not ["a", "b"]'),
        ({"tags": "a"}, 'tags is "a", not ["a", "b"]'),
        ({"at": {"city": "Rome"}}, "at.zip is missing"),
        ({"at": {"city": "Rome", "zip": ""}}, 'at.zip is "", not null'),
        ({"more": 1}, "more is too much"),
    ],
)
def test_each_field_counts_and_the_first_that_differ_are_named(
    said: dict[str, object], why: str
) -> None:
    verdict = marked(changed(**said), fields=FIELDS)
    assert (verdict.correct, verdict.why) == (False, why)
    assert verdict.answer is not None


@pytest.mark.parametrize(
    ("said", "exactly"),
    [
        ({"amount": 1000.0}, True),
        ({"amount": "1,000"}, False),
        ({"amount": "$1,000.00"}, False),
        ({"amount": 1000.00001}, False),
        ({"tags": ["b", "a"]}, False),
    ],
)
def test_numbers_are_compared_by_worth_and_sets_without_order_where_the_exam_says_so(
    said: dict[str, object], exactly: bool
) -> None:
    assert marked(changed(**said), fields=FIELDS).correct
    assert marked(changed(**said)).correct == exactly


def test_a_path_goes_through_lists_to_each_of_their_items() -> None:
    wanted = {"items": [{"sku": "a", "price": 1}, {"sku": "b", "price": 2}]}
    said = json.dumps({"items": [{"sku": "b", "price": "2.00"}, {"sku": "a", "price": "$1"}]})
    assert marked(said, wanted, fields={"items": "set", "items.price": "number"}).correct
    assert not marked(said, wanted, fields={"items": "set"}).correct
    assert not marked(said, wanted, fields={"items.price": "number"}).correct
    inner = {"rows": [[1, 2], [3]]}
    assert marked('{"rows": [[3], [1, 2]]}', inner, fields={"rows": "set"}).correct
    assert not marked('{"rows": [[3], [2, 1]]}', inner, fields={"rows": "set"}).correct


@pytest.mark.parametrize(
    ("target", "right", "wrong"),
    [
        (True, "true", "1"),
        (None, "```\nnull\n```", "none"),
        (3, "It is\n3.0", '"3"'),
        (3, "```\n3\n```\nDone.", "```\n4\n```\nDone."),
        (3, "```\n4\n```\nNo:\n```\n3\n```\nDone.", "```\n3\n```\nNo:\n```\n4\n```\nDone."),
        (3, "So it is\n`3`", "`4`"),
        ("a", '"a"', "a"),
        ([1, 2], "So [1] or [1, 2].", "[2, 1]"),
        ({}, "{}", "[]"),
    ],
)
def test_a_target_may_be_any_json_value(target: object, right: str, wrong: str) -> None:
    question = Question(id="q", prompt="?", target=json.dumps(target), answer=JsonAnswer())
    assert mark(question, right).correct
    assert not mark(question, wrong).correct


def test_three_differences_are_named_and_the_others_counted() -> None:
    wanted = dict.fromkeys("abcde", 1)
    assert marked(json.dumps(wanted | dict.fromkeys("abc", 2)), wanted).why == (
        "a is 2, not 1; b is 2, not 1; c is 2, not 1"
    )
    assert marked(json.dumps(dict.fromkeys("abcde", 2)), wanted).why == (
        "a is 2, not 1; b is 2, not 1; c is 2, not 1, and 2 more"
    )
    long = marked(json.dumps({"a": "x" * 99}), {"a": "y" * 99}).why
    assert len(long) < 140


def test_32_levels_are_read_and_four_decimals_compared() -> None:
    deepest = '{"a": ' * 32 + "1" + "}" * 32
    assert mark_json(deepest, deepest, JsonAnswer()).correct
    assert marked(f'{{"b": {deepest}}}', {"b": 1}).answer is None
    assert marked('{"amount": 1.00004}', {"amount": 1}, fields=FIELDS).correct
    assert not marked('{"amount": 1.0004}', {"amount": 1}, fields=FIELDS).correct


@pytest.mark.parametrize("number", ["1" * 300, "0." + "1" * 298])
def test_a_number_may_have_300_characters(number: str) -> None:
    assert mark_json(number, number, JsonAnswer()).correct
    assert mark_json(f"{number}1", "1", JsonAnswer()).answer is None


def test_what_cannot_be_read_is_named_by_the_form_that_is_wanted() -> None:
    assert [marked("well", target).why for target in ({"a": 1}, [1], 1)] == [
        f"no {form} in JSON can be read" for form in ("object", "list", "value")
    ]


def test_an_empty_object_is_a_field_as_any_other() -> None:
    assert marked('{"a": 1, "b": 2}', {"a": {}, "b": 2}).why == "a is 1, not {}"
    assert marked('{"a": {}, "b": 2}', {"a": 1, "b": 2}).why == "a is {}, not 1"


def test_a_dot_in_a_name_is_no_nesting_and_the_verdict_has_a_reason() -> None:
    verdict = marked('{"a": {"b": 1}}', {"a.b": 1})
    assert (verdict.correct, verdict.why) == (False, "it is nested otherwise")


def test_a_response_of_halves_of_surrogate_pairs_can_be_kept_in_a_file() -> None:
    answer = marked('{"name": "\\ud800"}').answer
    assert answer is not None
    answer.encode()


def test_an_answer_is_kept_in_its_own_letters() -> None:
    assert marked('{"name": "Zoë"}').answer == '{"name": "Zoë"}'


def test_a_target_that_is_no_json_is_an_error_not_a_wrong_answer() -> None:
    with pytest.raises(ValueError, match="not JSON"):
        mark_json("{}", "{'a': 1}", JsonAnswer())


values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(st.dictionaries(st.text(), values, max_size=4), st.booleans())
def test_every_object_is_read_as_what_it_is(value: dict[str, Any], in_ascii: bool) -> None:
    text = json.dumps(value, ensure_ascii=in_ascii)
    assert mark_json(f"Well, {text}.", text, JsonAnswer()).correct


PIECES = [*'{}[]":,\\u1e.- \n`', "true", '{"a": 1}', "```\n"]


@given(st.lists(st.sampled_from(PIECES)).map("".join))
def test_no_response_is_too_strange(text: str) -> None:
    for target in ('{"a": 1}', "[1]", "1"):
        assert mark_json(text, target, JsonAnswer()).why


# Schemas.

pytest.importorskip("jsonschema")

SCHEMA = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {
        "name": {"type": "string", "pattern": "^[A-Z]"},
        "pattern": {"type": "number"},
        "tags": {"type": "array", "items": {"$ref": "#/definitions/tag"}, "uniqueItems": True},
        "kind": {"enum": ["new", "old"]},
    },
    "definitions": {"tag": {"type": "string"}},
    "required": ["name"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({"name": "Ann", "tags": ["a", "b"], "pattern": 1}, None),
        ({}, "at $: 'name' is a required property"),
        ({"name": 1}, "at $.name: 1 is not of type 'string'"),
        ({"name": "ann"}, r"at $.name: 'ann' does not match '^[A-Z]'"),
        ({"name": "A", "tags": [1]}, r"at $.tags[0]: 1 is not of type 'string'"),
        ({"name": "A", "tags": ["a", "a"]}, "at $.tags: an item is there twice"),
        ({"name": "A", "x": 1}, "at $: Additional properties are not allowed"),
    ],
)
def test_an_answer_must_fit_the_schema(value: object, why: str | None) -> None:
    found = misfit(value, json.dumps(SCHEMA))
    assert (found is None) if why is None else why in (found or "")


def test_an_answer_that_does_not_fit_is_wrong_with_that_reason_and_has_been_read() -> None:
    verdict = marked('{"name": 1}', {"name": "Ann"}, schema_=json.dumps(SCHEMA))
    assert not verdict.correct
    assert verdict.why.startswith("does not fit the schema at $.name")
    assert verdict.answer == '{"name": 1}'


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"$ref": "https://example.com/schema"}, "nothing is fetched"),
        ({"allOf": [{"$ref": "other.json#/x"}]}, "nothing is fetched"),
        ({"$ref": "#/$defs/none"}, "points to '#/\\$defs/none', which is not in it"),
        ({"patternProperties": {"(a+)+$": {}}}, "patternProperties, which is not read here"),
        ({"properties": {"a": {"unevaluatedProperties": False}}}, "take additionalProperties"),
        ({"properties": {"a": {"pattern": "("}}}, "no regular expression"),
        ({"allOf": [{"$schema": "http://json-schema.org/draft-07/schema#"}]}, "within itself"),
        ({"$defs": {"a": {"$id": "http://a/"}}}, "within itself"),
        ({"type": "text"}, "the schema is none"),
        ([], "no JSON object"),
        ({"description": "x" * 20_000}, "take out what the answers do not need"),
    ],
)
def test_a_schema_that_cannot_be_used_is_one_sentence(schema: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        misfit({}, json.dumps(schema))


def test_a_schema_within_a_schema_within_a_schema_has_an_end() -> None:
    deep: dict[str, Any] = {}
    for _ in range(100):
        deep = {"not": deep}
    with pytest.raises(ValueError, match="nested deeper than 64"):
        misfit({}, json.dumps(deep))


def test_names_of_fields_are_no_keywords() -> None:
    schema = {"properties": {"$id": {"type": "string"}, "patternProperties": {"type": "null"}},
              "const": {"$ref": "far"}}  # fmt: skip
    assert misfit({"$ref": "far"}, json.dumps(schema)) is None


def test_a_schema_that_doubles_its_work_at_each_step_has_an_end() -> None:
    doubling = {
        f"a{n}": {"anyOf": [{"$ref": f"#/$defs/a{n + 1}"}, {"$ref": f"#/$defs/a{n + 1}"}]}
        for n in range(40)
    }
    schema = {"$ref": "#/$defs/a0", "$defs": doubling | {"a40": {"type": "number"}}}
    assert misfit("x", json.dumps(schema)) == "does not fit the schema in 20,000 steps"


def test_a_schema_that_goes_round_in_a_circle_fits_nothing() -> None:
    for draft in ({}, {"$schema": "http://json-schema.org/draft-07/schema#"}):
        found = misfit({}, json.dumps({"allOf": [{"$ref": "#"}], **draft}))
        assert found == "does not fit the schema in 100 levels: it may go round in a circle"
    nested: Any = "leaf"
    for _ in range(30):
        nested = [nested]
    tree = {"anyOf": [{"type": "string"}, {"items": {"$ref": "#"}}]}
    assert misfit(nested, json.dumps(tree)) is None


def test_what_a_schema_tried_in_vain_counts_as_no_level() -> None:
    one_text = json.dumps({"contains": {"type": "string"}})
    assert misfit([*range(300), "x"], one_text) is None
    none = misfit([*range(300)], one_text)
    assert none is not None
    assert "levels" not in none


def test_a_pattern_that_never_ends_is_not_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("errata.agents.marking.schema.SECONDS", 0.2)
    schema = json.dumps({"pattern": "^(?:(x+x+)+y)?$"})
    assert misfit("x" * 5000, schema) == "not decided in 5 s"


def test_the_bounds_hold_where_a_schema_names_its_draft_and_points_to_itself() -> None:
    schema = SCHEMA | {"properties": {"name": {"pattern": "^(?:(x+x+)+y)?$"},
                                      "sub": {"$ref": "#"}}}  # fmt: skip
    found = misfit({"name": "", "sub": {"name": "z"}}, json.dumps(schema))
    assert "does not match" in (found or "")


def test_a_reader_is_told_the_form_of_an_answer() -> None:
    assert sketch(json.dumps(SCHEMA)) == (
        '{"name": text, "pattern": number or left out, "tags": [value] or left out, '
        '"kind": "new" | "old" or left out}'
    )
    assert sketch('{"type": "array", "items": {"enum": ["bug", "login"]}}') == '["bug" | "login"]'
    assert sketch("") == sketch('{"type": "object"}') == ""


def test_a_missing_jsonschema_is_one_sentence_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "jsonschema.validators", None)
    with pytest.raises(ValueError, match=re.escape(install("json"))):
        misfit({}, '{"title": "of this test alone"}')


def test_fields_and_what_parses_are_counted_beside_accuracy() -> None:
    schema = json.dumps({"properties": {"amount": {"type": "number"}}})
    answer = JsonAnswer(schema_=schema, fields={"amount": "number"})
    said = ['{"name": "Ann", "amount": 7.0}', '{"name": "Ann", "amount": "7"}', "{", '{"name": 7}']
    questions = [
        Question(id=str(at), prompt="?", target='{"name": "Ann", "amount": 7}', answer=answer)
        for at in range(len(said))
    ]
    attempts = [
        Attempt(
            id=question.id,
            question_id=question.id,
            response=text,
            tokens=1,
            truncated=False,
            **mark(question, text).model_dump(),
        )
        for question, text in zip(questions, said, strict=True)
    ]
    found = accuracy(questions, attempts)
    assert (found.correct, found.unclear) == (1, 1)
    assert found.json_values is not None
    assert found.json_values.model_dump() == {
        "asked": 4,
        "parsed": 3,
        "fits": 2,
        "fields": {"name": (2, 4), "amount": (2, 4)},
    }
