"""Good replies, damaged as models damage them; each knows whether a person could still read it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from errata.agents.chat_models.reply import RawReply
from errata.agents.checks import wrong
from errata.agents.llm.replies import DiagnosisReply, ExampleReply, ExamplesReply, read_reply
from errata.agents.records import NumberAnswer

NAMES = "Ada Ben Chloé Dmitri Eva Füsun 李雷 O'Neill".split()
TEXTS = (
    "It's wrong: 20 + 5 where 20 - 5 was needed.",
    'He wrote "25" and {stopped}.',
    "First [1], then <<2*3=6>>6; the slash 1/2 // is fine # so is this.",
    "Line one.\nLine two, with a \\ backslash.",
    "ünïcode, emoji 🎈, tab\there.",
)
PROSE = (
    "Sure! Here is the JSON you asked for:",
    "Let me think {about it} for a moment.",
    "The student's mistake is clear [see above].",
    "Result:",
)
BEGUN = ("", "I think the student added, and it's wrong", "Sorry, I cannot help with that.")


@dataclass(frozen=True)
class Case:
    kinds: tuple[str, ...]
    """What was done to it."""
    text: str
    reply_type: type[Any]
    expected: Any
    """The fields that a person would read; None: there is nothing that could be used."""
    sound: tuple[bool, ...] = ()
    """Of each example, whether its working holds."""


def make_case(rng: random.Random) -> Case:
    if rng.random() < 0.5:
        return damaged(rng, DiagnosisReply, diagnosis(rng))
    made = [example(rng) for _ in range(rng.randint(1, 4))]
    return damaged(
        rng,
        ExamplesReply[ExampleReply],
        {"examples": [each for each, _ in made]},
        tuple(sound for _, sound in made),
    )


def diagnosis(rng: random.Random) -> dict[str, Any]:
    return {
        "explanation": rng.choice(TEXTS),
        "cause": rng.choice(["wrong operation: adds", "slip: borrowing", "bad form: no answer"]),
        "missing_skill": rng.choice(TEXTS),
        "advice": rng.choice(TEXTS),
    }


def example(rng: random.Random) -> tuple[dict[str, Any], bool]:
    a, b = rng.randint(40, 99), rng.randint(2, 19)
    result = a - b
    sound = rng.random() < 0.7
    shown = result if sound else result + rng.choice([-10, -1, 1, 10])
    return {
        "prompt": f"{rng.choice(NAMES)} has {a} pens and gives away {b}. How many are left?",
        "completion": f"{a} - {b} = {shown}\n#### {shown}",
        "target": str(shown),
    }, sound


def damaged(
    rng: random.Random, reply_type: type[Any], value: Any, sound: tuple[bool, ...] = ()
) -> Case:
    kinds: list[str] = []
    expected: Any = value
    if rng.random() < 0.3:
        kind, text = rng.choice(list(LOST.items()))
        return Case((kind,), wrapped(rng, text(rng, value), kinds), reply_type, None)
    if rng.random() < 0.4:
        kind, change = rng.choice(list(CHANGED.items()))
        kinds.append(kind)
        value = change(rng, value)
    text = rng.choice(list(WRITTEN.values()))(rng, value)
    if rng.random() < 0.15 and "examples" in expected and isinstance(value, dict):
        # Cut off in the middle of the last item: the others are whole.
        whole = expected["examples"][:-1]
        kinds.append("cut off in its last item")
        text = written(expected)
        last = written(expected["examples"][-1])
        text = text[: text.rindex(last) + rng.randint(1, len(last) - 2)]
        expected, sound = ({"examples": whole} if whole else None), sound[: len(whole)]
        return Case(tuple(kinds), text, reply_type, expected, sound)
    return Case(tuple(kinds), wrapped(rng, text, kinds), reply_type, expected, sound)


def written(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


Changes = dict[str, Callable[[random.Random, Any], Any]]
CHANGED: Changes = {
    "a field too many": lambda rng, v: v | {"confidence": 0.9, "notes": [1, {"a": None}]},
    "wrapped": lambda rng, v: {"result": v},
    "wrapped in a list": lambda rng, v: v.get("examples", v),
    "keys in capitals": lambda rng, v: {key.title().replace("_", " "): v[key] for key in v},
    "numbers for text": lambda rng, v: {
        key: [e | {"target": int(e["target"])} for e in v[key]] if key == "examples" else v[key]
        for key in v
    },
    "one bad item": lambda rng, v: (
        v | {"examples": [*v["examples"], {"prompt": "x"}]} if "examples" in v else v
    ),
}
"""What is said in another way, and still is the same."""


def with_commas(rng: random.Random, value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, indent=1)
    return text.replace("\n}", ",\n}").replace("\n ]", ",\n ]")


def with_comments(rng: random.Random, value: Any) -> str:
    lines = json.dumps(value, ensure_ascii=False, indent=2).splitlines()
    notes = ["// as asked", "# the student's", "/* so, it's {this} */"]
    return "\n".join(
        f"{line} {rng.choice(notes)}" if line.endswith((",", "{", "[")) else line for line in lines
    )


def without_quoted_keys(rng: random.Random, value: Any) -> str:
    lines = json.dumps(value, ensure_ascii=False, indent=2).splitlines()
    return "\n".join(
        line.replace('"', "", 2) if line.lstrip().split(":")[0].strip('" ').isidentifier() else line
        for line in lines
    )


def with_bare_line_breaks(rng: random.Random, value: Any) -> str:
    # Not of a backslash that is itself escaped.
    return written(value).replace("\\\\", "\0").replace("\\n", "\n").replace("\0", "\\\\")


def with_duplicates(rng: random.Random, value: Any) -> str:
    if not isinstance(value, dict):
        return written(value)
    key = rng.choice(list(value))
    return "{" + f'"{key}": "an earlier try", ' + written(value)[1:]


def without_brackets(rng: random.Random, value: Any) -> str:
    text = written(value)
    begun = text.rstrip("]}")
    if begun[-1] != '"':  # 28 may be the beginning of 280
        begun = text[: len(begun) + 1]
    return text[: rng.randint(len(begun), len(text))]


WRITTEN: dict[str, Callable[[random.Random, Any], str]] = {
    "JSON": lambda rng, v: written(v),
    "ASCII": lambda rng, v: json.dumps(v),
    "indented": lambda rng, v: json.dumps(v, ensure_ascii=False, indent=4),
    "Python": lambda rng, v: repr(v),
    "trailing commas": with_commas,
    "comments": with_comments,
    "bare keys": without_quoted_keys,
    "bare line breaks": with_bare_line_breaks,
    "duplicated keys": with_duplicates,
    "brackets forgotten": without_brackets,
    "JSON in JSON": lambda rng, v: json.dumps(written(v)),
}


def wrapped(rng: random.Random, text: str, kinds: list[str]) -> str:
    in_json = text.startswith('"')  # prose around it would make it a quotation
    if rng.random() < 0.4 and not in_json:
        text = rng.choice(["```json\n{}\n```", "```\n{}\n```", "~~~\n{}\n~~~"]).replace("{}", text)
        kinds.append("fence")
    if rng.random() < 0.4 and not in_json:
        text = f"{rng.choice(PROSE)}\n\n{text}"
        kinds.append("prose before")
    if rng.random() < 0.3 and text.rstrip().endswith(("}", "]", "```")):
        text = f"{text}\n\nI hope this helps! It's {{simple}}."
        kinds.append("prose after")
    if rng.random() < 0.2:
        text = rng.choice(["\ufeff", "\u200b", "\u00a0\n"]) + text if not in_json else text
        kinds.append("junk")
    return text


def dropped(rng: random.Random, value: Any) -> Any:
    """Without one field, in every item."""
    if "examples" in value:
        gone = rng.choice(["prompt", "completion", "target"])
        return {"examples": [{k: e[k] for k in e if k != gone} for e in value["examples"]]}
    gone = rng.choice(list(value))
    return {key: value[key] for key in value if key != gone}


def mistyped(rng: random.Random, value: Any) -> Any:
    """With something else in the place of one text, in every item."""
    bad = rng.choice([None, ["a"], {"a": 1}, True, "  "])
    if "examples" in value:
        field = rng.choice(["prompt", "completion", "target"])
        return {"examples": [e | {field: bad} for e in value["examples"]]}
    return value | {rng.choice(list(value)): bad}


def cut_in_the_first(rng: random.Random, value: Any) -> str:
    """Ends within a text that is needed."""
    first = value["examples"][0] if "examples" in value else value
    text, inner = written(value), written(first)
    begin = text.index(inner)
    return text[: begin + rng.randint(1, len(inner) - 3)]


LOST: dict[str, Callable[[random.Random, Any], str]] = {
    "a field dropped": lambda rng, v: written(dropped(rng, v)),
    "a wrong type": lambda rng, v: written(mistyped(rng, v)),
    "cut off": cut_in_the_first,
    "no JSON": lambda rng, v: rng.choice(BEGUN),
    "prose with braces": lambda rng, v: 'The {student} {wrote} [25] {{twice}}: {"a": 1}',
    "nothing in it": lambda rng, v: rng.choice(["{}", "[]", "null", '{"examples": []}', "42"]),
    "the schema back": lambda rng, v: json.dumps(DiagnosisReply.model_json_schema()),
    "nested without end": lambda rng, v: '{"a":' * rng.randint(50, 3000),
    "brackets without end": lambda rng, v: "[" * rng.randint(50, 3000),
    "quotes without end": lambda rng, v: '{"' + "\\\"'" * rng.randint(50, 500),
    "keys without values": lambda rng, v: "{" + ", ".join(f'"{key}"' for key in v) + "}",
}
"""Nothing that a person could use is left."""


@dataclass
class Count:
    """What became of many cases."""

    readable: int = 0
    read: int = 0
    lost: int = 0
    refused: int = 0
    examples: int = 0
    accepted: int = 0
    accepted_unsound: int = 0
    refused_sound: int = 0


def run_cases(number: int, seed: int) -> tuple[Count, list[Case]]:
    """What became of `number` cases, and those that were not read as a person would."""
    rng = random.Random(seed)
    count, misread = Count(), []
    for _ in range(number):
        case = make_case(rng)
        try:
            reply = read_reply(RawReply(case.text), case.reply_type).reply
        except ValueError:
            reply = None
        if case.expected is None:
            count.lost += 1
            count.refused += reply is None
            if reply is not None:
                misread.append(case)
            continue
        count.readable += 1
        if reply is None or not same(reply.model_dump(), case.expected):
            misread.append(case)
            continue
        count.read += 1
        for each, sound in zip(getattr(reply, "examples", ()), case.sound, strict=True):
            count.examples += 1
            accepted = wrong(each.draft("d", NumberAnswer())) is None
            count.accepted += accepted
            count.accepted_unsound += accepted and not sound
            count.refused_sound += sound and not accepted
    return count, misread


def same(found: Any, expected: Any) -> bool:
    if isinstance(expected, dict):
        return all(same(found[key], expected[key]) for key in expected)
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(same, found, expected))
    return bool(str(found) == str(expected).strip())
