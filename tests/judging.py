"""A judge over HTTP whose verdicts a test writes, and exams that it judges."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from errata.agents.testing.openai_server import OpenAIServer, Reply, completion, error

RUBRIC = "Right is an answer that greets everybody who is named."

QUOTED = r"BEGIN {0} (\w{{20}})\n(.*)\nEND {0} \1(?:\n|\Z)"


class Seen:
    """What a judge was shown."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.system = str(request["messages"][0]["content"])
        self.text = str(request["messages"][1]["content"])
        self.question = self.quoted("QUESTION") or ""
        self.reference = self.quoted("REFERENCE")
        self.answer = self.quoted("ANSWER") or ""

    def quoted(self, name: str) -> str | None:
        found = re.search(QUOTED.format(name), self.text, re.DOTALL)
        return None if found is None else found[2]

    @property
    def turned(self) -> bool:
        """The answer stands before the reference."""
        return "BEGIN REFERENCE" in self.text.partition("BEGIN ANSWER")[2]

    @property
    def again(self) -> bool:
        return "look number 2" in self.text


def reply(right: bool) -> str:
    return json.dumps({"reason": "It greets." if right else "It greets nobody.", "right": right})


def greets(seen: Seen) -> bool:
    """The truth of these exams."""
    return seen.answer.startswith("hello")


def judge_server(verdict: Callable[[Seen], bool] = greets) -> OpenAIServer:
    def said(request: dict[str, Any]) -> Reply:
        return reply(verdict(Seen(request)))

    return OpenAIServer(said)


def breaking_judge(at: int) -> tuple[OpenAIServer, list[str]]:
    """A judge that fails once, when it is asked for the `at`-th time, and what it has judged."""
    left = itertools.count(1 - at)
    judged: list[str] = []

    def said(request: dict[str, Any]) -> Reply:
        if next(left) == 0:
            return error(503, "gone for lunch")
        judged.append(Seen(request).text)
        return reply(greets(Seen(request)))

    return OpenAIServer(said), judged


def people(seed: str) -> str:
    """Names that no other question has."""
    digest = hashlib.sha256(seed.encode()).hexdigest()
    letters = str.maketrans("0123456789", "ghijklmnop")
    return " and ".join(digest[at : at + 8].translate(letters) for at in range(0, 40, 8))


def exam_files(folder: Path, questions: int = 8, labelled: int = 30) -> None:
    """practice, dev, test and labelled.jsonl, and rubric.md."""
    for name in ("practice", "dev", "test"):
        rows = [
            {
                "prompt": f"Greet {people(f'{name}{at}')}.",
                "target": f"hello to {people(f'{name}{at}')}",
                "solution": f"hello {people(f'{name}{at}')}",
                "kind": "even" if at % 2 else "odd",
            }
            for at in range(questions)
        ]
        lines(folder / f"{name}.jsonl", rows)
    lines(
        folder / "labelled.jsonl",
        [
            {
                "prompt": f"Greet {people(f'label{at}')}.",
                "target": f"hello to {people(f'label{at}')}",
                "response": ("hello " if at % 2 else "bye ") + "you " * (1 + at % 7) + str(at),
                "right": bool(at % 2),
            }
            for at in range(labelled)
        ],
    )
    (folder / "rubric.md").write_text(RUBRIC)


def lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def judged_toml(folder: Path, url: str, judge: str = "", more: str = "") -> Path:
    path = folder / "my.toml"
    path.write_text(
        f'name = "t"\nstrategy = "sft"\n[exam]\nname = "greetings"\npractice = "practice.jsonl"\n'
        'dev = "dev.jsonl"\ntest = "test.jsonl"\nanswer = "judge"\n[exam.judge]\n'
        f'model = "openai:scripted-judge"\nbase_url = "{url}"\nretries = 0\nrubric = "rubric.md"\n'
        f'{judge or LABELLED}\n[stop]\nrounds = 1\ngate = "any"\n{more}'
    )
    return path


def judging_mind(request: dict[str, Any]) -> Any:
    """An instructor whose every second example is wrong, and the judge; it counts tokens as the
    estimate does."""
    said = json.dumps(request["messages"])
    if "BEGIN ANSWER" in said:
        text = reply(greets(Seen(request)))
    elif "missing_skill" in json.dumps(request["response_format"]):
        fields = ("explanation", "cause", "missing_skill", "advice")
        text = json.dumps(dict.fromkeys(fields, "no greeting"))
    else:
        starts = {people(f"wave{at}"): ("hello", "bye")[at % 2] for at in range(8)}
        drafts = [
            {"prompt": f"Wave to {name}.", "completion": f"{start} {name}", "target": "a wave"}
            for name, start in starts.items()
        ]
        text = json.dumps({"examples": drafts})
    used = {"prompt_tokens": len(said) // 4, "completion_tokens": len(text) // 4}
    return 200, completion(text) | {"usage": used | {"total_tokens": sum(used.values())}}


LABELLED = 'labelled = "labelled.jsonl"'
