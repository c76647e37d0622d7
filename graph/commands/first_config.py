"""The configuration that `errata init` writes: each key with why it stands so."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from errata.agents.exams.files import FileExam
from errata.agents.intake.looking import Looked
from errata.agents.plain_text import one_line, toml_string

FEWEST_TOKENS, MOST_TOKENS = 64, 1024
"""Of an answer; a program has more."""
FEWEST_OF_CODE = 256
RUBRIC = """# When is an answer right?

An answer is right when a person who asked this question could act on it as on the reference answer.

- Everything that the reference answer says and the question asks for is there.
- Nothing contradicts the reference answer.
- Other words, another order and another length do not matter.
"""
JUDGE = {"model": "openai:gpt-5-mini", "rubric": "rubric.md", "labelled": "labelled.jsonl"}
SCHEMA = "schema.json"
TO_LABEL = 60
"""Questions that a person is asked to label an answer to."""


def exam_keys(looked: Looked) -> dict[str, object]:
    """The keys of `[exam]` that say how the questions are answered."""
    judged = looked.judged
    keys: dict[str, object] = {"answer": judged.type}
    if judged.type == "label":
        keys["labels"] = list(judged.labels)
    if judged.schema:
        keys["schema"] = SCHEMA
    if judged.type == "json" and judged.fields:
        keys["fields"] = dict(judged.fields)
    if looked.pattern is not None:
        keys["pattern"] = looked.pattern
    return keys


def config_text(looked: Looked, name: str, model: str) -> str:
    """The TOML file. Paths in it are those of the files beside it."""
    plan, sizes = looked.plan, looked.sizes
    source = f"{looked.source.name}, {looked.source.form}"
    lines = [
        f"# Made by `errata init` from {one_line(source)}:",
        f"# {len(looked.rows):,} questions, {len(looked.left_out):,} rows left out"
        + (" (left-out.jsonl says why)." if looked.left_out else "."),
        "# docs/your-own-task.md goes through it; docs/configuration.md lists every key.",
        f"name = {toml_string(name)}",
        f"strategy = {toml_string(plan.strategy)}  # {plan.why}",
        "",
        "[exam]",
        "# Mistakes are mined in practice, dev decides what is kept, test is read once at the end.",
    ]
    for side in ("practice", "dev", "test"):
        count, used = getattr(sizes, side), sizes.used[side]
        file = f"{side}.jsonl"
        if used < count:
            lines.append(f'{side} = {{ file = "{file}", take = {used} }}  # of {count:,}')
        else:
            lines.append(f'{side} = "{file}"  # {count:,}')
    lines.append(f"# {sizes.why}.")
    for key, value in exam_keys(looked).items():
        lines += entry(key, value, WHY.get(key, looked.judged.why))
        if key == "fields" and "" in looked.judged.fields:
            lines.insert(-1, '# "" is the answer itself')
    if looked.judged.type == "judge":
        lines += [
            "",
            "[exam.judge]  # an LLM reads each answer beside yours; it is paid for",
            f'model = "{JUDGE["model"]}"',
            f'rubric = "{JUDGE["rubric"]}"  # yours to write',
            f'labelled = "{JUDGE["labelled"]}"  # '
            + ("answers that are" if is_labelled(looked) else "put answers in, and call them")
            + " right (true) or wrong (false): the judge is measured on them first",
        ]
    lines += ["", "[student]", f"model = {toml_string(model)}", *answer_limit(looked)]
    if looked.system is not None:
        chats = looked.columns.messages is not None
        why = "every conversation of the file begins with it" if chats else "no question says so"
        lines.append(f"system = {toml_string(looked.system)}  # {why}")
    lines += ["", "[instructor]", f"model = {toml_string(plan.instructor)}"]
    if plan.instructor == "variations":
        lines[-1] += "  # no LLM: nothing is sent, nothing is paid"
        if plan.strategy != "sft":
            lines.append('small_steps = "slips"  # of calculating; all else as your own solutions')
        lines += [
            f"# An LLM would add {plan.llm_adds}:",
            '#   strategy = "sft+lec" and, here, model = "openai:gpt-5-mini" '
            "(`errata instructors` lists others)",
        ]
    lines += [
        "",
        "[training]",
        f"epochs = {plan.epochs}  # how often each example is trained on",
        "",
        "[stop]",
        "target_accuracy = 0.95  # of dev: the run ends when it is reached",
        f"rounds = {plan.rounds}  # trainings, at most",
    ]
    if plan.strategy == "sft":
        lines.append(
            "guard_practice = false  # practice is what it learns by heart: only dev can say more"
        )
    lines.append("")
    return "\n".join(lines)


def is_labelled(looked: Looked) -> bool:
    """Whether the answers that the judge is compared on come with their labels."""
    return JUDGE["labelled"] in looked.source.files


WHY = {
    "labels": 'the closed set; `labels = { refund = ["money back"] }` names synonyms',
    "schema": "what all your answers fit, and new ones must",
    "fields": "number: by value; set: in any order; all else exactly",
    "pattern": "finds the answer in the response",
}


def answer_limit(looked: Looked) -> list[str]:
    longest = looked.answers.longest
    # Figures and brackets have one or two characters a token, prose has four.
    wanted = 16 * -(-(3 * longest // 4 + 32) // 16)
    fewest = FEWEST_OF_CODE if looked.judged.type == "code" else FEWEST_TOKENS
    limit = min(MOST_TOKENS, max(fewest, wanted))
    why = f"your longest answer has {longest:,} characters, of which a token has one to four"
    return [f"max_new_tokens = {limit}  # {why}"]


def entry(key: str, value: object, why: str) -> list[str]:
    if isinstance(value, list):
        found = [f"{key} = [  # {one_line(why)}"]
        return [*found, *(f"  {toml_string(str(one))}," for one in value), "]"]
    if isinstance(value, Mapping):
        pairs = ((toml_string(str(k)), toml_string(str(v))) for k, v in value.items())
        inside = ", ".join(f"{k} = {v}" for k, v in pairs)
        return [f"# {one_line(why)}", f"{key} = {{ {inside} }}"]
    return [f"{key} = {toml_string(str(value))}  # {one_line(why)}"]


def name_of(data: str) -> str:
    """A name for the run: `My tickets (2).csv` → `My-tickets-2`"""
    stem = Path(data.partition(":")[0]).stem if "/" not in data else Path(data).stem
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._") or "task"


def exam_settings(looked: Looked, folder: Path, sides: Sequence[str]) -> FileExam:
    """The exam of the files in a folder, bad rows left out."""
    keys: dict[str, object] = {side: {"file": folder / f"{side}.jsonl"} for side in sides}
    keys |= exam_keys(looked) | {"skip_bad": True}
    if looked.judged.schema:
        keys["schema"] = folder / SCHEMA
    if looked.judged.type == "judge":
        keys["judge"] = JUDGE | {"rubric": folder / JUDGE["rubric"]}
    return FileExam.model_validate(keys)


def to_label(looked: Looked) -> Iterator[dict[str, Any]]:
    """Practice questions, each with the place for an answer and a person's word on it."""
    for row in looked.divided.sides["practice"][:TO_LABEL]:
        asked = {name: row.fields[name] for name in ("messages", "prompt") if name in row.fields}
        messages = asked.get("messages")
        if messages and "prompt" not in asked and messages[-1]["role"] == "assistant":
            asked["messages"] = messages[:-1]
        target = row.fields.get("target", row.fields.get("solution"))
        yield asked | {"target": target, "response": "", "right": None}
