"""A run as OpenTelemetry spans, in a file or sent to a collector: `errata trace RUN --otlp`.

Names are those of the GenAI conventions (github.com/open-telemetry/semantic-conventions-genai,
status Development); what these have no name for begins with `errata.`. The form is OTLP/JSON
(opentelemetry.io/docs/specs/otlp). docs/traces.md says what is sent.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from errata.agents.chat_models.providers import PROVIDERS, key_in
from errata.agents.chat_models.secrets import Secrets
from errata.agents.chat_models.settings import LlmSettings
from errata.agents.errors import InstructorError, RunError
from errata.agents.jsonl import read_record, write_text
from errata.agents.plain_text import one_line, visible
from errata.agents.records import Attempt, Diagnosis, DiagnosisLine
from errata.graph.config import RunConfig
from errata.graph.provenance import read_provenance
from errata.graph.report import Report
from errata.graph.run_folder import RunFolder
from errata.graph.trace import blanked
from errata.training.jsonl import read_lines

SYSTEMS = {
    "google_genai": "gcp.gemini",
    "mistralai": "mistral_ai",
    "xai": "x_ai",
    "azure_openai": "azure.ai.openai",
    "bedrock_converse": "aws.bedrock",
}
"""Provider as errata names it → as the conventions do, where that is another name."""
INTERNAL, CLIENT = 1, 3
"""Kinds of spans."""
FAILED = 2
"""A span's status."""
PER_SPAN = 1000
"""Verdicts that one span holds, and so one request at least."""
LARGEST = 4_000_000
"""Characters of one request that holds several spans."""
PATIENCE_S = 30.0
NAMES = ("exam", "exam_id", "step", "verdict", "strategy")
"""Details of an event that are errata's own words; of the others only numbers are sent."""


@dataclass
class Span:
    id: str
    parent: str | None
    name: str
    kind: int
    start: int
    """Nanoseconds since 1970."""
    end: int
    attributes: dict[str, Any]
    events: list[dict[str, Any]] = field(default_factory=list)
    failed: bool = False


def export(folder: RunFolder, where: str, with_content: bool = False) -> str:
    """Writes or sends a run's spans; what came of it, in a sentence. Nothing in the run changes.

    Args:
        where: A file, or the address of a collector (`http…`).
        with_content: With prompts, replies, causes and, of practice questions, why an answer is
            wrong. What is held out stays out.

    Raises:
        RunError: It cannot be written, or the collector does not take it; or `where` is neither.
    """
    sends = where.lower().startswith(("http://", "https://"))
    if not sends:
        check_file(where, folder)
    headers = headers_here()
    config = read_provenance(folder).config_on_record
    secrets = Secrets(others=[*keys_here(config), *headers.values()])
    spans = Trip(folder, config, with_content).spans()
    shaped = [shaped_span(span, folder, secrets) for span in spans]
    verdicts = sum(e["name"] == "gen_ai.evaluation.result" for s in shaped for e in s["events"])
    what = f"{len(shaped)} spans with {verdicts} verdicts"
    if (stands := folder.stands()) != "finished":
        what += f", as far as the run came ({stands}),"
    if not sends:
        write_text(Path(where), request_of(shaped, folder, secrets))
        return f"{what} are in {where}"
    url = address(where)
    for batch in batches(shaped):
        send(url, request_of(batch, folder, secrets), headers)
    return f"{what} are at {visible(urlsplit(url).netloc)}; sent again they replace these"


class Trip:
    """The way through a run's trace, event by event."""

    def __init__(self, folder: RunFolder, config: RunConfig, with_content: bool) -> None:
        self.folder = folder
        self.config = config
        self.with_content = with_content
        self.root = span_id(folder, "run")
        self.kinds = {
            question.id: question.kind
            for path in sorted((folder.path / "exam").glob("*.jsonl"))
            for question in folder.questions(path.stem)
        }

    def spans(self) -> list[Span]:
        """The root first, then in the order of the trace."""
        found: list[Span] = []
        step: Span | None = None
        first = last = 0
        marked: set[Path] = set()
        for number, event in whole_events(self.folder):
            time = nanoseconds(event["time"])
            first, last = first or time, max(last, time)
            parent = step.id if step else self.root
            match event["event"]:
                case "step started":
                    step = self.step(number, event, time)
                    found.append(step)
                case "step finished":
                    if step is not None:
                        step.end = time
                        step.attributes["errata.finished"] = True
                    step = None
                case "llm call":
                    found.append(self.call(number, event, time, parent))
                case "exam marked":
                    path = answers_to(self.folder, str(event["exam_id"]))
                    found += self.verdicts(path, event["exam"], event["round"], time, parent)
                    marked.add(path)
                case _ if step is not None:
                    step.events.append(event_of(event, time))
            if step is not None:
                step.end = last  # of one that was cut off: the last that is known of it
        for path in unmarked(self.folder, marked):  # a kill came before their event
            found += self.verdicts(path, path.stem, None, last, self.root)
        first = min([first, *(span.start for span in found)])
        return [self.run(first, last), *found]

    def run(self, start: int, end: int) -> Span:
        config = self.config
        attributes: dict[str, Any] = {
            "gen_ai.operation.name": "invoke_workflow",
            "gen_ai.workflow.name": "errata",
            "errata.run": self.folder.name,
            "errata.strategy": config.strategy,
            "errata.student": config.student.model,
        }
        path = self.folder.path / "report.json"
        if path.exists():
            report = read_record(path, Report)
            attributes |= {
                "errata.status": report.status,
                "errata.best_round": report.best_round,
                "errata.test.base": report.test.base.accuracy,
                "errata.test.final": report.test.final.accuracy,
                "errata.test.gain": report.test.gain.accuracy,
                "errata.test.gain.low": report.test.gain.ci95[0],
                "errata.test.gain.high": report.test.gain.ci95[1],
            }
        return Span(self.root, None, "invoke_workflow errata", INTERNAL, start, end, attributes)

    def step(self, number: int, event: Mapping[str, Any], time: int) -> Span:
        name = str(event["step"])
        attributes = {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": name,
            "errata.round": event["round"],
            "errata.finished": False,
        }
        id = span_id(self.folder, number)
        return Span(id, self.root, f"invoke_agent {name}", INTERNAL, time, time, attributes)

    def call(self, number: int, event: dict[str, Any], time: int, parent: str) -> Span:
        """One call to an LLM."""
        provider, _, model = str(event["model"]).partition(":")
        settings = self.settings_of(str(event["model"]))
        attributes: dict[str, Any] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": SYSTEMS.get(provider, provider),
            "gen_ai.request.model": model or provider,
            "gen_ai.request.temperature": settings.temperature if settings else None,
            "gen_ai.request.max_tokens": settings.max_tokens if settings else None,
            "gen_ai.output.type": "json",
            "gen_ai.usage.input_tokens": event["tokens_in"],
            "gen_ai.usage.output_tokens": event["tokens_out"],
            "gen_ai.agent.name": event["agent"],
            "errata.round": event["round"],
            "errata.source_id": event["source_id"],
            "errata.cached": event["cached"],
        }
        if event["error"] is not None:
            attributes["error.type"] = "unusable_reply"
        if self.with_content:
            sources = self.folder.held_out_sources(event["round"])
            attributes |= messages_of(blanked(event, sources))
        seconds = timedelta(seconds=float(event["seconds"]))
        return Span(
            span_id(self.folder, number),
            parent,
            f"chat {model or provider}",
            CLIENT,
            time - seconds // timedelta(microseconds=1) * 1000,
            time,
            {name: value for name, value in attributes.items() if value is not None},
            failed=event["error"] is not None,
        )

    def settings_of(self, model: str) -> LlmSettings | None:
        return next((found for found in llms_of(self.config) if found.model == model), None)

    def verdicts(
        self, path: Path, exam: str, index: int | None, time: int, parent: str
    ) -> Iterator[Span]:
        """Spans that hold the verdicts on one exam's answers."""
        attempts = self.folder.attempts(path) if path.exists() else []
        causes: Mapping[str, str] = {}
        if self.with_content and exam == "practice" and index is not None:
            causes = self.causes(index + 1)
        for at in range(0, len(attempts), PER_SPAN):
            attributes: dict[str, Any] = {"errata.exam": exam}
            if index is not None:
                attributes["errata.round"] = index
            name = path.relative_to(self.folder.path).as_posix()
            id = span_id(self.folder, f"{name}/{at}")
            span = Span(id, parent, f"evaluate {exam}", INTERNAL, time, time, attributes)
            for attempt in attempts[at : at + PER_SPAN]:
                said = self.verdict(attempt, exam, causes)
                event = {"name": "gen_ai.evaluation.result", "time": time, "attributes": said}
                span.events.append(event)
            yield span

    def verdict(self, attempt: Attempt, exam: str, causes: Mapping[str, str]) -> dict[str, Any]:
        unclear = attempt.answer is None and not attempt.correct
        label = "unclear" if unclear else "correct" if attempt.correct else "incorrect"
        said: dict[str, Any] = {
            "gen_ai.evaluation.name": "correctness",
            "gen_ai.evaluation.score.value": float(attempt.correct),
            "gen_ai.evaluation.score.label": label,
            "gen_ai.response.id": attempt.id,
            "errata.question_id": attempt.question_id,
        }
        if (kind := self.kinds.get(attempt.question_id)) is not None:
            said["errata.kind"] = kind
        if self.with_content and exam == "practice":
            said["gen_ai.evaluation.explanation"] = attempt.why
            if not attempt.correct and attempt.question_id in causes:
                said["errata.cause"] = causes[attempt.question_id]
        return said

    def causes(self, index: int) -> dict[str, str]:
        """Question → what a round's instructor says of the mistake."""
        lines = self.folder.collected(index, "diagnoses", DiagnosisLine)
        found = [line.result for line in lines if isinstance(line.result, Diagnosis)]
        return {diagnosis.question_id: diagnosis.cause for diagnosis in found}


def whole_events(folder: RunFolder) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line of trace.jsonl → its event; lines that a kill cut off, or that are none of errata's, are
    passed over.

    Raises:
        RunError: There is no trace.
    """
    path = folder.path / "trace.jsonl"
    if not path.exists():
        raise RunError(f"{path} is not there: without it nothing can be exported")
    for number, line in enumerate(read_lines(path)):
        with suppress(ValueError, TypeError):
            event = json.loads(line.decode(errors="replace"))
            if isinstance(event, dict) and fields_of(event) <= event.keys():
                nanoseconds(event["time"])
                yield number, event


CALL = set("model messages reply error tokens_in tokens_out seconds cached source_id".split())


def fields_of(event: Mapping[str, Any]) -> set[str]:
    """What errata writes with such an event."""
    more = {
        "llm call": CALL,
        "step started": {"step"},
        "exam marked": {"exam", "exam_id"},
    }
    return {"time", "round", "agent", "event"} | more.get(str(event.get("event")), set())


def answers_to(folder: RunFolder, exam_id: str) -> Path:
    """The file of `dev-1` or `test-best`."""
    name, _, which = exam_id.rpartition("-")
    if which.isdecimal():
        return folder.round(int(which)) / f"{name}.jsonl"
    return folder.final_exam(name, which)


def unmarked(folder: RunFolder, marked: set[Path]) -> list[Path]:
    """Files of answers to whole exams that are not among `marked`."""
    sets = {path.stem for path in (folder.path / "exam").glob("*.jsonl")}
    found = [folder.round(index) / f"{name}.jsonl" for index in folder.rounds() for name in sets]
    found += [folder.final_exam(name, model) for name in sets for model in ("base", "best")]
    return sorted(path for path in found if path.exists() and path not in marked)


def event_of(event: Mapping[str, Any], time: int) -> dict[str, Any]:
    """An event of the trace: its numbers, and what is errata's own words."""
    kept = {
        f"errata.{name}": value
        for name, value in event.items()
        if name not in ("time", "round")
        and (isinstance(value, bool | int | float) or (name in NAMES and value is not None))
    }
    name = f"errata.{event['event']}".replace(" ", "_")
    return {"name": name, "time": time, "attributes": kept}


def messages_of(call: Mapping[str, Any]) -> dict[str, str]:
    """What was asked and said, in the conventions' form, as JSON."""
    system = [text_part(text) for role, text in call["messages"] if role == "system"]
    asked = [
        {"role": role, "parts": [text_part(text)]}
        for role, text in call["messages"]
        if role != "system"
    ]
    parts = [text_part(call["reply"])]
    if call.get("thinking"):
        parts.insert(0, {"type": "reasoning", "content": call["thinking"]})
    said = [{"role": "assistant", "parts": parts, "finish_reason": "stop"}]
    found = {"gen_ai.input.messages": asked, "gen_ai.output.messages": said}
    if system:
        found["gen_ai.system_instructions"] = system
    return {name: json.dumps(value, ensure_ascii=False) for name, value in found.items()}


def text_part(text: str) -> dict[str, str]:
    return {"type": "text", "content": text}


def nanoseconds(time: str) -> int:
    """Since 1970, of a time in ISO 8601."""
    since = datetime.fromisoformat(time) - datetime(1970, 1, 1, tzinfo=UTC)
    return since // timedelta(microseconds=1) * 1000


# Ids: the same for the same run, so that a second export replaces the first.


def named_run(folder: RunFolder) -> str:
    return folder.manifest.run_id or str(folder.path.resolve())


def span_id(folder: RunFolder, of: int | str) -> str:
    """Of a line of the trace, or of something named; 8 bytes in hexadecimal."""
    return hashlib.sha256(f"{named_run(folder)}/{of}".encode()).hexdigest()[:16]


def trace_id(folder: RunFolder) -> str:
    """16 bytes in hexadecimal."""
    return hashlib.sha256(named_run(folder).encode()).hexdigest()[:32]


# OTLP/JSON.


def shaped_span(span: Span, folder: RunFolder, secrets: Secrets) -> dict[str, Any]:
    shaped: dict[str, Any] = {
        "traceId": trace_id(folder),
        "spanId": span.id,
        "name": secrets.hide(span.name),
        "kind": span.kind,
        "startTimeUnixNano": str(span.start),
        "endTimeUnixNano": str(max(span.start, span.end)),
        "attributes": attributes_of(span.attributes, secrets),
        "events": [
            {
                "timeUnixNano": str(event["time"]),
                "name": event["name"],
                "attributes": attributes_of(event["attributes"], secrets),
            }
            for event in span.events
        ],
        "status": {"code": FAILED} if span.failed else {},
    }
    if span.parent is not None:
        shaped["parentSpanId"] = span.parent
    return shaped


def attributes_of(values: Mapping[str, Any], secrets: Secrets) -> list[dict[str, Any]]:
    return [{"key": name, "value": value_of(value, secrets)} for name, value in values.items()]


def value_of(value: bool | int | float | str, secrets: Secrets) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    return {"stringValue": secrets.hide(str(value))}


def request_of(spans: Sequence[Mapping[str, Any]], folder: RunFolder, secrets: Secrets) -> str:
    """One ExportTraceServiceRequest."""
    number = version("errata")
    resource = {"service.name": "errata", "service.version": number, "errata.run": folder.name}
    scope = {"name": "errata", "version": number}
    held = {
        "resource": {"attributes": attributes_of(resource, secrets)},
        "scopeSpans": [{"scope": scope, "spans": spans}],
    }
    return json.dumps({"resourceSpans": [held]}, ensure_ascii=False)


def batches(spans: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    size = 0
    for span in spans:
        length = len(json.dumps(span, ensure_ascii=False))
        if batch and size + length > LARGEST:
            yield batch
            batch, size = [], 0
        batch.append(span)
        size += length
    yield batch


# Sending.


def check_file(where: str, folder: RunFolder) -> None:
    """Raises: RunError: It is an address of another kind, or a place inside the run."""
    if "://" in where or re.fullmatch(r"[^/]+:[0-9]{1,5}", where):
        raise RunError(
            f"{visible(where)!r} is no file, and spans are sent over HTTP alone: write "
            "http://HOST:4318, or ./NAME for a file"
        )
    if Path(where).resolve().is_relative_to(folder.path.resolve()):
        raise RunError(f"{where} is inside the run's own folder: write the spans elsewhere")


def address(url: str) -> str:
    """Where traces go at a collector.

    Raises:
        RunError: It is no address, or holds what should not stand in one.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, 0
    if not host or port == 0 or any(ord(c) <= 32 for c in url):
        raise RunError(f"{visible(url)!r} is no address of a collector: write http://HOST:4318")
    if parts.username is not None or parts.query or parts.fragment:
        raise RunError(
            "no password and no key may stand in the address of a collector: put them into "
            "OTEL_EXPORTER_OTLP_HEADERS, as NAME=VALUE"
        )
    base = url.rstrip("/")
    return base if base.endswith("/v1/traces") else f"{base}/v1/traces"


def headers_here() -> dict[str, str]:
    """What OpenTelemetry's own variables say: `api-key=…,x-team=…`, values as in a URL."""
    names = ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS")
    said = next((os.environ[name] for name in names if os.environ.get(name)), "")
    pairs = (part.partition("=") for part in said.split(",") if "=" in part)
    return {name.strip(): unquote(value.strip()) for name, _, value in pairs}


class Straight(urllib.request.HTTPRedirectHandler):
    """Follows no redirection: a key would go along, and a POST would become a GET."""

    def redirect_request(self, *args: Any, **named: Any) -> None:
        return None


def send(url: str, body: str, headers: Mapping[str, str]) -> None:
    """Raises: RunError: The collector does not take it."""
    host = visible(urlsplit(url).netloc)
    said = {"Content-Type": "application/json", **headers}
    opener = urllib.request.build_opener(Straight)
    try:
        request = urllib.request.Request(url, body.encode(), said, method="POST")
        with opener.open(request, timeout=PATIENCE_S) as answer:
            reply = answer.read(100_000)
    except urllib.error.HTTPError as error:
        why = "it redirects" if 300 <= error.code < 400 else one_line(str(error.reason), 100)
        raise RunError(
            f"{host} does not take the spans ({error.code}, {why}): check the address and "
            "OTEL_EXPORTER_OTLP_HEADERS, then send them again"
        ) from None
    except (OSError, ValueError) as error:  # a header that cannot be one is a ValueError
        why = getattr(error, "reason", None) or type(error).__name__
        raise RunError(
            f"{host} cannot be reached ({one_line(str(why), 100)}): check the address, then send "
            "again what it did not get"
        ) from None
    with suppress(ValueError, AttributeError, TypeError):
        part = json.loads(reply).get("partialSuccess") or {}
        if int(part.get("rejectedSpans") or 0):
            why = one_line(str(part.get("errorMessage")), 200)
            raise RunError(f"{host} refuses {part['rejectedSpans']} spans: {why}")


def llms_of(config: RunConfig) -> list[LlmSettings]:
    named = (config.instructor, config.writer, config.verify.solver)
    return [settings for settings in named if isinstance(settings, LlmSettings)]


def keys_here(config: RunConfig) -> Iterator[str]:
    """Keys of providers as they can be found now: none may be in what is exported."""
    variables = [known.key for known in PROVIDERS] + ["LANGSMITH_API_KEY", "LANGCHAIN_API_KEY"]
    variables += [settings.api_key_env for settings in llms_of(config)]
    yield from (os.environ[name] for name in variables if name and os.environ.get(name))
    for settings in llms_of(config):
        if settings.api_key_file is not None:
            with suppress(InstructorError):
                yield key_in(settings.api_key_file).get_secret_value()
