"""A run as OpenTelemetry spans: read by OpenTelemetry's own reader, taken by a server."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from collector import collecting
from doubles import table_agents
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from errata.agents.errors import RunError
from errata.agents.exams.arithmetic import KINDS
from errata.agents.exams.several import load_exams
from errata.agents.jsonl import read_records
from errata.agents.records import Attempt
from errata.agents.testing.openai_server import OpenAIServer
from errata.graph.commands.otlp import export
from errata.graph.config import parse_config
from errata.graph.run import run
from errata.graph.run_folder import RunFolder

pytestmark = pytest.mark.loop

KEY = "sk-marked-key-0123456789abcdef"
ALL = [kind.name for kind in KINDS]


def says(request: dict[str, Any]) -> str:
    if "missing_skill" in json.dumps(request["response_format"]):
        return json.dumps(
            {
                "explanation": "It never writes an equation.",
                "cause": "setup: no equation",
                "missing_skill": "Writing the equation.",
                "advice": "Short problems.",
            }
        )
    return "no examples today"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    runs = tmp_path_factory.mktemp("otlp")
    with OpenAIServer(says) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("ERRATA_TEST_KEY", KEY)
        llm = {"model": "openai:scripted", "base_url": server.base_url}
        given = {
            "name": "told",
            "exam": {"name": "arithmetic", "seed": 3, "practice": 18, "dev": 18, "test": 18},
            "examples": {"per_round": 4},
            "stop": {"rounds": 1},
            "instructor": {**llm, "api_key_env": "ERRATA_TEST_KEY", "temperature": 0.5},
            "writer": {"model": "variations"},
        }
        settings = parse_config(given, "test")
        table = table_agents(load_exams(settings.exam).practice, [ALL[:12]], ALL[:9])
        run(settings, runs, **table, cache=False)
    return RunFolder(runs / "told")


def parsed(text: str | bytes) -> ExportTraceServiceRequest:
    """As OpenTelemetry reads it: ids in hexadecimal; protobuf's own JSON has them in base64."""
    given = json.loads(text)
    for held in given["resourceSpans"]:
        for scope in held["scopeSpans"]:
            for span in scope["spans"]:
                for name in ("traceId", "spanId", "parentSpanId"):
                    if name in span:
                        span[name] = base64.b64encode(bytes.fromhex(span[name])).decode()
    found: ExportTraceServiceRequest = json_format.ParseDict(given, ExportTraceServiceRequest())
    return found


def spans_in(request: ExportTraceServiceRequest) -> list[Any]:
    return [s for held in request.resource_spans for scope in held.scope_spans for s in scope.spans]


def exported(folder: RunFolder, tmp_path: Path, with_content: bool = False) -> list[Any]:
    file = tmp_path / "spans.json"
    export(folder, str(file), with_content)
    return spans_in(parsed(file.read_text()))


def attributes(of: Any) -> dict[str, Any]:
    return {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in of.attributes}


def test_each_step_and_call_is_a_span_under_the_one_it_belongs_to(
    finished: RunFolder, tmp_path: Path
) -> None:
    spans = exported(finished, tmp_path)
    assert len({span.span_id for span in spans}) == len(spans)
    assert {len(span.span_id) for span in spans} == {8}
    assert {len(span.trace_id) for span in spans} == {16}
    by_id = {span.span_id: span for span in spans}
    [root] = [span for span in spans if not span.parent_span_id]
    assert root.name == "invoke_workflow errata"
    steps = [span for span in spans if span.name.startswith("invoke_agent ")]
    walked = "examine collect contrast diagnose write prepare review train examine final_exam"
    assert [span.name.split()[1] for span in steps] == walked.split()
    assert {span.parent_span_id for span in steps} == {root.span_id}
    calls = [span for span in spans if span.name == "chat scripted"]
    assert len(calls) == 9
    assert {by_id[span.parent_span_id].name for span in calls} == {"invoke_agent diagnose"}
    for span in spans:
        above = by_id.get(span.parent_span_id, span)
        assert above.start_time_unix_nano <= span.start_time_unix_nano
        assert span.start_time_unix_nano <= span.end_time_unix_nano <= above.end_time_unix_nano


def test_a_call_has_the_names_of_the_conventions(finished: RunFolder, tmp_path: Path) -> None:
    call = next(s for s in exported(finished, tmp_path) if s.name == "chat scripted")
    said = attributes(call)
    assert said["gen_ai.operation.name"] == "chat"
    assert said["gen_ai.provider.name"] == "openai"
    assert said["gen_ai.request.model"] == "scripted"
    assert said["gen_ai.request.temperature"] == 0.5
    assert said["gen_ai.usage.input_tokens"] > 0
    assert said["gen_ai.usage.output_tokens"] > 0
    assert said["gen_ai.agent.name"] == "instructor"
    assert call.kind == 3  # client


def test_each_verdict_of_each_exam_is_an_evaluation(finished: RunFolder, tmp_path: Path) -> None:
    spans = exported(finished, tmp_path)
    found = {
        attributes(event)["gen_ai.response.id"]: attributes(event)
        for span in spans
        for event in span.events
        if event.name == "gen_ai.evaluation.result"
    }
    paths = [
        *finished.path.glob("round-*/dev.jsonl"),
        *finished.path.glob("round-*/practice.jsonl"),
    ]
    paths += finished.path.glob("final/*.jsonl")
    attempts = {each.id: each for path in paths for each in read_records(path, Attempt)}
    assert found.keys() == attempts.keys()
    for id, said in found.items():
        attempt = attempts[id]
        assert said["gen_ai.evaluation.name"] == "correctness"
        assert said["gen_ai.evaluation.score.value"] == float(attempt.correct)
        label = (
            "correct" if attempt.correct else "unclear" if attempt.answer is None else "incorrect"
        )
        assert said["gen_ai.evaluation.score.label"] == label
        assert said["errata.question_id"] == attempt.question_id
    exams = Counter(s.name for s in spans if s.name.startswith("evaluate"))
    assert exams["evaluate test"] == 1
    assert exams["evaluate dev"] == 2


def texts_of(folder: RunFolder) -> dict[str, set[str]]:
    """Set → the words of its questions that no id or kind holds."""
    return {
        name: {question.prompt for question in folder.questions(name)}
        for name in ("practice", "dev", "test")
    }


def test_content_goes_along_when_it_is_asked_for_and_what_is_held_out_never(
    finished: RunFolder, tmp_path: Path
) -> None:
    texts = texts_of(finished)
    without, with_it = tmp_path / "without.json", tmp_path / "with.json"
    export(finished, str(without))
    export(finished, str(with_it), with_content=True)
    bare, full = without.read_text(), with_it.read_text()
    assert not any(prompt in bare for prompts in texts.values() for prompt in prompts)
    assert "no equation" not in bare
    assert "explanation" not in bare
    assert any(json.dumps(json.dumps(p)[1:-1])[1:-1] in full for p in texts["practice"])
    assert not any(json.dumps(p)[1:-1] in full for p in texts["dev"] | texts["test"])
    spans = spans_in(parsed(full))
    call = attributes(next(span for span in spans if span.name == "chat scripted"))
    [asked] = json.loads(call["gen_ai.input.messages"])
    assert asked["role"] == "user"
    assert asked["parts"][0]["type"] == "text"
    assert json.loads(call["gen_ai.system_instructions"])[0]["content"]
    [said] = json.loads(call["gen_ai.output.messages"])
    assert "It never writes an equation." in said["parts"][-1]["content"]
    wrong = [attributes(e) for s in spans for e in s.events if "errata.cause" in attributes(e)]
    assert {each["errata.cause"] for each in wrong} == {"setup: no equation"}
    assert all(each["gen_ai.evaluation.explanation"] for each in wrong)
    for span in spans:
        if span.name in ("evaluate dev", "evaluate test"):
            assert not any("explanation" in json.dumps(attributes(e)) for e in span.events)


def test_a_second_export_has_the_same_ids_and_another_run_has_others(
    finished: RunFolder, tmp_path: Path
) -> None:
    first = exported(finished, tmp_path)
    moved = RunFolder(Path(shutil.copytree(finished.path, tmp_path / "moved")))
    again = exported(moved, tmp_path)
    assert [span.span_id for span in again] == [span.span_id for span in first]
    assert {span.trace_id for span in again} == {first[0].trace_id}
    other = RunFolder(Path(shutil.copytree(finished.path, tmp_path / "other")))
    shutil.rmtree(other.path / "final")
    lines = other.manifest.path.read_text().splitlines()
    lines[0] = json.dumps(json.loads(lines[0]) | {"before": "0" * 64})
    other.manifest.path.write_text("\n".join(lines))
    assert {s.span_id for s in exported(other, tmp_path)}.isdisjoint(s.span_id for s in first)


def test_a_run_that_goes_on_keeps_the_ids_of_what_it_did(
    finished: RunFolder, tmp_path: Path
) -> None:
    """What is exported in the middle of a run is replaced by what is exported at its end."""
    part = RunFolder(Path(shutil.copytree(finished.path, tmp_path / "part")))
    lines = (part.path / "trace.jsonl").read_text().splitlines(keepends=True)
    cut = next(n for n, line in enumerate(lines) if '"step": "write"' in line)
    (part.path / "trace.jsonl").write_text("".join(lines[: cut + 1]) + '{"time": "2026')
    for path in [part.path / "report.json", *part.path.glob("final/*")]:
        path.unlink()
    found = exported(part, tmp_path)
    unfinished = [s.name for s in found if attributes(s).get("errata.finished") is False]
    assert unfinished == ["invoke_agent write"]
    steps = {s.span_id for s in found if s.name.startswith(("invoke", "chat"))}
    assert steps <= {span.span_id for span in exported(finished, tmp_path)}


def test_no_key_is_in_what_is_sent(
    finished: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even one that a record holds, whoever wrote it there."""
    told = RunFolder(Path(shutil.copytree(finished.path, tmp_path / "told")))
    trace = told.path / "trace.jsonl"
    trace.write_text(trace.read_text().replace("It never writes", f"{KEY} never writes"))
    assert KEY in trace.read_text()
    monkeypatch.setenv("ERRATA_TEST_KEY", KEY)
    with collecting() as collector:
        export(told, collector.url, with_content=True)
    assert b"never writes" in collector.sent
    assert b"[secret] never" in collector.sent
    assert KEY.encode() not in collector.sent


def test_a_collector_gets_json_at_its_path_with_the_headers_of_the_environment(
    finished: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-team=a%20b, authorization=Bearer%20t")
    with collecting() as collector:
        for url in (collector.url, f"{collector.url}/", f"{collector.url}/v1/traces"):
            said = export(finished, url)
            assert re.search(r"spans with 72 verdicts are at 127\.0\.0\.1", said)
    assert [path for path, _, _ in collector.got] == ["/v1/traces"] * 3
    _, headers, body = collector.got[0]
    assert headers["content-type"] == "application/json"
    assert (headers["x-team"], headers["authorization"]) == ("a b", "Bearer t")
    assert len(spans_in(parsed(body))) > 10


@pytest.mark.parametrize(
    ("status", "reply", "headers", "says"),
    [
        (401, b"{}", {}, r"127\.0\.0\.1:\d+ does not take the spans \(401"),
        (302, b"", {"Location": "http://127.0.0.1:9/"}, "it redirects"),
        (
            200,
            b'{"partialSuccess": {"rejectedSpans": "3", "errorMessage": "too old"}}',
            {},
            "refuses 3 spans: too old",
        ),
    ],
)
def test_what_a_collector_does_not_take_is_one_sentence(
    status: int, reply: bytes, headers: dict[str, str], says: str, finished: RunFolder
) -> None:
    with collecting(status) as collector:
        collector.reply, collector.headers = reply, headers
        with pytest.raises(RunError, match=says):
            export(finished, collector.url)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://127.0.0.1:9", "cannot be reached"),
        ("http://user:sk-secret-1234@127.0.0.1:9", "no password and no key"),
        ("http://127.0.0.1:9/?key=sk-secret-1234", "no password and no key"),
        ("http://", "is no address"),
        ("http://[::1", "is no address"),
    ],
)
def test_an_address_that_cannot_be_is_one_sentence_without_a_key(
    url: str, says: str, finished: RunFolder
) -> None:
    with pytest.raises(RunError, match=says) as refused:
        export(finished, url)
    assert "sk-secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ("grpc://127.0.0.1:4317", "over HTTP alone"),
        ("localhost:4318", "over HTTP alone"),
        ("{run}/round-01/spans.json", "inside the run's own folder"),
    ],
)
def test_what_is_neither_a_collector_nor_a_file_beside_the_run_is_refused(
    where: str, says: str, finished: RunFolder
) -> None:
    before = sorted(finished.path.rglob("*"))
    with pytest.raises(RunError, match=says):
        export(finished, where.format(run=finished.path))
    assert sorted(finished.path.rglob("*")) == before


def test_a_run_without_a_trace_says_so(finished: RunFolder, tmp_path: Path) -> None:
    bare = RunFolder(Path(shutil.copytree(finished.path, tmp_path / "bare")))
    (bare.path / "trace.jsonl").unlink()
    with pytest.raises(RunError, match=r"trace\.jsonl is not there"):
        export(bare, str(tmp_path / "spans.json"))


RECEIVER = shutil.which("mockotlpserver")


@pytest.mark.skipif(
    RECEIVER is None,
    reason="there is no OTLP receiver: npm install -g @elastic/mockotlpserver",
)
def test_a_real_receiver_reads_every_span_and_every_verdict(
    finished: RunFolder, tmp_path: Path
) -> None:
    ours = exported(finished, tmp_path)
    command = [str(RECEIVER), "--hostname", "127.0.0.1", "-o", "json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as receiver:
        assert receiver.stdout is not None
        try:
            listening = [next(receiver.stdout, "") for _ in ("HTTP", "gRPC")]
            if not all("listening" in line for line in listening):
                pytest.skip(f"the receiver's ports are taken: {listening}")
            export(finished, "http://127.0.0.1:4318")
            heard = json.loads(next(receiver.stdout))
        finally:
            receiver.terminate()
    theirs = [
        span
        for held in heard["resourceSpans"]
        for scope in held["scopeSpans"]
        for span in scope["spans"]
    ]
    told = {span["spanId"]: (span["name"], span.get("parentSpanId", "")) for span in theirs}
    assert told == {s.span_id.hex(): (s.name, s.parent_span_id.hex()) for s in ours}
    verdicts = Counter(
        event["attributes"]["gen_ai.evaluation.score.label"]
        for span in theirs
        for event in span["events"]
        if event["name"] == "gen_ai.evaluation.result"
    )
    answers = [event for span in ours for event in span.events if "evaluation" in event.name]
    assert sum(verdicts.values()) == len(answers) > 0
    assert set(verdicts) <= {"correct", "incorrect", "unclear"}
