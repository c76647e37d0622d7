"""Rows that have a conversation in parts: a prompt of messages and its answer; a better and a worse
answer to one prompt, as preference data sets have them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from errata.agents.intake.answer_types import parsed
from errata.agents.intake.columns import CHOSEN, REJECTED, TARGETS, Said, empty, simple
from errata.agents.intake.findings import Finding, finding
from errata.agents.intake.reading import CHATS, Given, Source

PROMPTS = ("prompt", "question", "input", "instruction", "context")
"""Columns that may hold the messages before an answer."""
SPEAKER = re.compile(r"(?:\A|\n\n)(Human|Assistant): ?")
"""How the data sets of Anthropic write who speaks."""


def whole_chats(source: Source, said: Said) -> tuple[Source, str | None]:
    """The same with each conversation in one column, and which that is: None where no row has its
    conversation in parts.

    Args:
        said: What the person says goes before what is found.
    """
    names = {simple(name): name for name in reversed(source.columns)}
    if said.prompt or any(name in names for name in CHATS):
        return source, None
    better, worse = (next((names[o] for o in of if o in names), None) for of in (CHOSEN, REJECTED))
    pairs = better is not None and worse is not None and said.target in (None, better)
    if pairs:
        source = replace(source, findings=[*source.findings, told(str(better), str(worse))])
    prompt = next((names[one] for one in PROMPTS if one in names), None)
    known = [names[one] for tier in TARGETS for one in tier if one in names]
    for answer in [said.target] if said.target else [better] if pairs else known:
        if answer is not None and answer != prompt and in_parts(source.rows, prompt, answer):
            rows = [joined(row, prompt, answer) for row in source.rows]
            return replace(source, rows=rows), answer
    return source, None


def told(better: str, worse: str) -> Finding:
    said = f"Pairs of a better and a worse answer: {better!r} is taken for the right one, and "
    return finding("pairs of answers", "ok", f"{said}{worse!r} is not used.")


def in_parts(rows: Sequence[Given], prompt: str | None, answer: str) -> bool:
    """Whether a prompt or its answer is a list of messages, or speakers stand in the answer."""
    for row in rows[:20]:
        asked, said = (messages_in(row.fields.get(name)) for name in (prompt or "", answer))
        if asked is not None or (said is not None and (len(said) > 1 or prompt is not None)):
            return True
    return False


def joined(row: Given, prompt: str | None, answer: str) -> Given:
    """The row with the whole conversation as its answer; as it was where it has none."""
    asked, said = row.fields.get(prompt or ""), row.fields.get(answer)
    before, after = messages_in(asked), messages_in(said)
    if empty(said) or (before is None and after is None):
        return row
    if before is None:
        before = [] if empty(asked) else [{"role": "user", "content": asked}]
    if after is None:
        after = [
            {"role": "assistant", "content": said if isinstance(said, str) else json.dumps(said)}
        ]
    if any(turn.get("role", turn.get("from")) in ("user", "human") for turn in after):
        before = []  # the whole conversation is there
    fields = {name: value for name, value in row.fields.items() if name != prompt}
    return replace(row, fields=fields | {answer: [*before, *after]})


def messages_in(value: object) -> list[Mapping[str, object]] | None:
    """The messages of a cell; None where it holds none."""
    value = parsed(value) if str(value)[:1] == "[" else value
    if isinstance(value, str):
        parts = SPEAKER.split(value)
        if len(parts) < 3 or parts[0].strip():
            return None
        roles = {"Human": "user", "Assistant": "assistant"}
        turns = zip(parts[1::2], parts[2::2], strict=True)
        return [{"role": roles[who], "content": said.strip()} for who, said in turns]
    if isinstance(value, list) and value and all(is_message(one) for one in value):
        return value
    return None


def is_message(value: object) -> bool:
    return isinstance(value, Mapping) and (
        {"role", "content"} <= set(value) or {"from", "value"} <= set(value)
    )
