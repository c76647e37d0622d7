"""A run whose answers an LLM judges: calibrated, resumed, reported, audited."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from doubles import table_agents
from hearing import Heard
from judging import (
    RUBRIC,
    Seen,
    breaking_judge,
    exam_files,
    greets,
    judge_server,
    judged_toml,
    reply,
)

from errata.agents.errors import ConfigError, InstructorError, RunError
from errata.agents.exams.several import load_exams
from errata.agents.jsonl import Log, read_record, read_records, write_records
from errata.agents.marking.judged import JudgedCall
from errata.agents.records import Attempt
from errata.agents.testing.openai_server import OpenAIServer, Reply, error
from errata.graph.agents import Given, open_agents
from errata.graph.commands.audit import audit
from errata.graph.config import RunConfig, load_config
from errata.graph.costs import Estimate
from errata.graph.estimate import estimate_run
from errata.graph.forecast import forecast
from errata.graph.judging import JudgesReport
from errata.graph.page.data import gather
from errata.graph.report import Report
from errata.graph.report_text import page_of
from errata.graph.run import resume, run
from errata.graph.run_folder import RunFolder
from errata.graph.trace import Trace
from errata.graph.watcher import NoWatcher

pytestmark = pytest.mark.loop


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    exam_files(tmp_path)
    return tmp_path


def tables(config: RunConfig) -> dict[str, Any]:
    practice = load_exams(config.exam).practice
    return table_agents(practice, [["odd", "even"]], ["odd"]) | {"cache": False}


def ran(folder: Path, server: OpenAIServer, **more: str) -> tuple[Report, RunFolder]:
    config = load_config(judged_toml(folder, server.base_url, **more))
    report = run(config, folder / "runs", **tables(config))
    return report, RunFolder(folder / "runs" / "t")


def test_a_judged_run_is_calibrated_paid_reported_and_holds_in_an_audit(folder: Path) -> None:
    with judge_server() as server:
        report, here = ran(folder, server)
        asked = [Seen(request.body) for request in server.requests]
    assert (report.test.base.accuracy, report.test.final.accuracy) == (0.5, 1.0)
    page = gather(here)
    assert all(text.judged for text in page.texts["practice"][0:2])
    assert any("which agrees with a person on 100% of 30" in said for said in page.index.caveats)

    labelled, others = asked[: 3 * 30], asked[3 * 30 :]
    assert all("you" in seen.answer for seen in labelled)  # before anything else
    assert not any("you" in seen.answer for seen in others)
    assert len({(s.question, s.answer, s.again, s.turned) for s in asked}) == len(asked)

    [judge] = report.judges
    assert judge.calibration is not None
    assert (judge.calibration.kappa, judge.rubric, judge.warnings) == (1.0, RUBRIC, ())
    assert read_record(here.path / "calibration.json", JudgesReport).judges == (judge,)
    assert "which agrees with a person on 100% of 30" in page_of(report)

    assert report.cost is not None
    assert {row.agent for row in report.cost.rows} == {"judge"}
    assert report.cost.total.calls == len(asked)
    [guess] = read_record(here.path / "estimate.json", Estimate).rows
    assert guess.agent == "judge"
    assert len(asked) <= guess.calls <= 1.5 * len(asked)

    trace = (here.path / "trace.jsonl").read_text()
    sealed = load_exams(load_config(folder / "my.toml").exam).test
    assert not any(question.prompt in trace for question in sealed)

    found = audit(here, NoWatcher())
    assert found.findings == ()
    assert found.checked["verdicts"] > 0
    path = here.final_exam("test", "best")
    attempts = read_records(path, Attempt)
    path.chmod(0o644)
    turned = attempts[0].model_copy(update={"correct": False})
    write_records(path, [turned, *attempts[1:]])
    wrong = [each.wrong for each in audit(here, NoWatcher()).findings if each.check == "verdicts"]
    assert len(wrong) == 1
    assert "is recorded as wrong, and It greets" in wrong[0]

    log = here.path / "judged.jsonl"
    log.unlink()
    Log(log, JudgedCall).add(JudgedCall(key="0", right=True, why="x"))
    wrong = [each.wrong for each in audit(here, NoWatcher()).findings if each.check == "verdicts"]
    assert any("no verdict of its judge is on record" in each for each in wrong)


def test_the_estimate_has_no_verdicts_on_practice_answers_that_nobody_asks_for(
    folder: Path,
) -> None:
    def calls(guard_practice: str) -> int:
        with judge_server() as server:
            more = f"guard_practice = {guard_practice}\n"
            config = load_config(judged_toml(folder, server.base_url, more=more))
            given = Given(student=tables(config)["student"])
            trace = Trace(folder / "trace.jsonl")
            agents = open_agents(config, RunFolder(folder / guard_practice), trace, None, given)
            exams = load_exams(config.exam)
            found = estimate_run(config, agents, exams.practice, exams)
        assert found is not None
        return found.rows[0].calls

    assert calls("true") - calls("false") == 2 * 8


def test_a_resumed_exam_pays_for_no_verdict_twice(folder: Path) -> None:
    breaking, judged = breaking_judge(at=3 * 30 + 13)
    with breaking as server:
        config = load_config(judged_toml(folder, server.base_url))
        with pytest.raises(InstructorError, match="openai:scripted-judge"):
            run(config, folder / "runs", **tables(config))
        here = RunFolder(folder / "runs" / "t")
        assert not here.not_counted.read()
        report = resume(here, **tables(config))
    assert report.test.final.accuracy == 1
    assert len(judged) == len(set(judged)) > 3 * 30


def test_a_judge_that_does_not_agree_is_refused_before_the_student_is_asked(folder: Path) -> None:
    with judge_server(lambda seen: "a" in seen.answer) as server:
        config = load_config(judged_toml(folder, server.base_url))
        agents = tables(config)
        with pytest.raises(ConfigError, match=r"is refused: its kappa with the labels is"):
            run(config, folder / "runs", **agents)
        assert agents["student"].asked == []
        calls = server.calls
        with pytest.raises(ConfigError, match="is refused"):
            resume(RunFolder(folder / "runs" / "t"), **agents)
        assert server.calls == calls


def test_a_judge_that_nobody_calibrated_is_said_so_everywhere(folder: Path) -> None:
    with judge_server() as server:
        config = load_config(judged_toml(folder, server.base_url, "calibrated = false"))
        heard = Heard()
        report = run(config, folder / "runs", watcher=heard, **tables(config))
    [judge] = report.judges
    assert judge.calibration is None
    said = "nobody compared this judge with a person"
    assert any(said in line for line in heard.said)
    assert said in page_of(report)


def test_a_judge_that_teaches_too_is_warned_of_in_the_estimate_at_the_start_and_in_the_report(
    folder: Path,
) -> None:
    written = iter(range(1000))

    def mind(request: dict[str, Any]) -> Reply:
        text = json.dumps(request["messages"])
        if "BEGIN ANSWER" in text:
            return reply(greets(Seen(request)))
        schema = json.dumps(request["response_format"])
        if "missing_skill" in schema:
            return json.dumps(
                {"explanation": "e", "cause": "c", "missing_skill": "m", "advice": "a"}
            )
        at = next(written)
        made = [
            {
                "prompt": f"Wave to {at}{n} strangers{n} {at}.",
                "completion": f"{start} you",
                "target": "t",
            }
            for n, start in enumerate(("hello", "bye"))
        ]
        return json.dumps({"examples": made})

    with OpenAIServer(mind) as server:
        model = f'model = "openai:scripted-judge"\nbase_url = "{server.base_url}"'
        more = f"[instructor]\n{model}\n[examples]\nper_round = 4\n"
        path = judged_toml(folder, server.base_url, more=more)
        path.write_text(path.read_text().replace('"sft"', '"le"'))
        config = load_config(path)
        heard = Heard()
        report = run(config, folder / "runs", watcher=heard, **tables(config))
    said = "judges and is the instructor and the data writer too"
    here = RunFolder(folder / "runs" / "t")
    assert said in read_record(here.path / "estimate.json", Estimate).warnings[0]
    assert any(said in line for line in heard.said)
    assert said in page_of(report)
    written_by = report.rounds[1].examples
    assert written_by.accepted > 0
    assert written_by.rejected["completion is marked wrong"] > 0
    assert audit(here, NoWatcher()).findings == ()


def test_a_rubric_that_changed_ends_a_resumed_run(folder: Path) -> None:
    with OpenAIServer(lambda request: error(500, "broken")) as server:
        config = load_config(judged_toml(folder, server.base_url, "calibrated = false"))
        with pytest.raises(InstructorError):
            run(config, folder / "runs", **tables(config))
    (folder / "rubric.md").write_text("Anything goes.")
    with judge_server() as server, pytest.raises((RunError, ConfigError), match="rubric"):
        resume(RunFolder(folder / "runs" / "t"), **tables(config))


def test_a_budget_that_the_judge_alone_would_spend_is_refused_before_anything(folder: Path) -> None:
    with judge_server() as server:
        path = judged_toml(folder, server.base_url, more="[budget]\ntokens = 1000\n")
        config = load_config(path)
        with pytest.raises(ConfigError, match=r"judge alone may take .* the budget holds 1,000"):
            run(config, folder / "runs", **tables(config))
        assert (server.calls, (folder / "runs").exists()) == (0, False)


def test_a_forecast_of_a_judged_run_asks_its_judge_and_leaves_the_run_as_it_was(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ERRATA_CACHE", str(folder / "cache"))
    exam_files(folder, questions=16)
    with judge_server() as server:
        _, here = ran(folder, server)
        agents = tables(load_config(folder / "my.toml"))
        forecast(here, student=agents["student"], trainer=agents["trainer"])
    assert audit(here, NoWatcher()).findings == ()
