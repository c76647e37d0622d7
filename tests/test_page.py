"""The page of a run without a browser: what is in it, and who may have it."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
import shutil
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from paged import EDIT, HOSTILE, NAMES, add_call, hostile, made, reviewed, tale
from screen import printed
from typer.testing import CliRunner

from errata.agents.errors import RunError
from errata.agents.exams.held_out import TOO_NEAR
from errata.agents.jsonl import part_of, so_far
from errata.agents.pooled import sign_test
from errata.agents.records import (
    Diagnosis,
    DiagnosisLine,
    Draft,
    Example,
    Mistake,
    Question,
    Refusal,
    RefusalLine,
    Solved,
)
from errata.agents.scores import wilson
from errata.agents.testing.mistakes import attempt_at, missed
from errata.graph.cli import app
from errata.graph.commands.audit import audit
from errata.graph.commands.otlp import export
from errata.graph.commands.view import find_viewed
from errata.graph.comparing.flips import compare_runs, p_of_gain
from errata.graph.page.advice import next_step
from errata.graph.page.build import STATIC, build, script, vendored
from errata.graph.page.data import gather
from errata.graph.page.helped import helped
from errata.graph.page.looks import looks
from errata.graph.page.serve import Server, redirecting, serving
from errata.graph.report import Report, ReviewCounts
from errata.graph.run_folder import RunFolder
from errata.graph.views.trace import print_trace
from errata.graph.watcher import NoWatcher

pytestmark = pytest.mark.loop


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    tale(folder)
    made(folder, "other", [NAMES[3:12]])
    return folder


@pytest.fixture
def folder(runs: Path, tmp_path: Path) -> RunFolder:
    return RunFolder(Path(shutil.copytree(runs / "tale", tmp_path / "tale")))


def blocks(html: str) -> dict[str, Any]:
    """The data of a page, by the id of its block."""
    found = re.findall(r'<script type="application/gzip" id="([^"]+)">([^<]*)</script>', html)
    return {id: json.loads(gzip.decompress(base64.b64decode(text))) for id, text in found}


def built(*folders: RunFolder, with_sealed: bool = False) -> tuple[str, dict[str, Any]]:
    html = build(folders, with_sealed).path.read_text()
    return html, blocks(html)


# What is in it.


def test_the_library_is_byte_for_byte_what_was_vendored() -> None:
    names = {one.file for one in vendored()}
    for one in vendored():
        assert hashlib.sha256((STATIC / one.file).read_bytes()).hexdigest() == one.sha256, one.file
    others = {path.name for path in STATIC.iterdir()} - names
    assert others == {"VENDORED", "page.html", "page.css", "page.js", "charts.js", "text.js"}
    [axe] = (Path(__file__).parent / "axe" / "VENDORED").read_text().splitlines()
    held = (Path(__file__).parent / "axe" / "axe.min.js").read_bytes()
    assert axe.split()[-1] == hashlib.sha256(held).hexdigest()


def test_the_page_loads_nothing_and_names_the_hashes_of_its_script_and_style(
    folder: RunFolder,
) -> None:
    html, _ = built(folder)
    assert re.findall(r"<(?:script|img|link|iframe)[^>]*(?:src|href)=\"(?!data:,)", html) == []
    assert "</script" not in script().lower()
    [policy] = re.findall(r'Content-Security-Policy" content="([^"]*)"', html)
    assert "unsafe" not in policy
    for kind, text in (
        ("script", r'<script type="module">(.*?)</script>'),
        ("style", r"<style>(.*?)</style>"),
    ):
        [inner] = re.findall(text, html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inner.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy


def test_the_script_never_makes_markup_of_a_text() -> None:
    own = "".join((STATIC / name).read_text() for name in ("page.js", "charts.js", "text.js"))
    for way in ("innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(", "Function("):
        assert way not in own


def test_every_figure_of_the_page_is_the_reports(folder: RunFolder) -> None:
    report = Report.model_validate_json((folder.path / "report.json").read_text())
    _, data = built(folder)
    [run] = data["index"]["runs"]
    assert run["report"] == json.loads(report.model_dump_json())
    assert run["rounds"] == run["report"]["rounds"]
    by_name = {found["name"]: found for found in run["sets"]}
    [pair] = by_name["test"]["pairs"]
    assert pair["gain"] == pytest.approx(report.test.gain.accuracy)
    assert pair["ci95"] == pytest.approx(report.test.gain.ci95)
    for found in report.rounds:
        assert found.dev is not None
        assert by_name["dev"]["verdicts"][str(found.index)].count("1") == found.dev.correct


def test_two_runs_have_the_figures_of_errata_compare(runs: Path, tmp_path: Path) -> None:
    first, second = (
        RunFolder(Path(shutil.copytree(runs / name, tmp_path / name))) for name in ("tale", "other")
    )
    _, data = built(first, second)
    told = compare_runs(first, second)
    best = [run["report"]["best_round"] for run in data["index"]["runs"]]
    [pair] = [
        pair
        for pair in data["index"]["between"]["test"]
        if (pair["first"], pair["second"]) == (f"0/{best[0]}", f"1/{best[1]}")
    ]
    assert pair["counts"] == json.loads(told.all.model_dump_json())
    assert (pair["gain"], pair["p"]) == (told.gain.value, told.gain.p)
    assert (first.path / "view-other.html").exists()


def test_runs_on_other_questions_are_not_laid_beside_each_other(runs: Path, tmp_path: Path) -> None:
    exam = {"name": "arithmetic", "seed": 9, "practice": 18, "dev": 18, "test": 18}
    strange = made(tmp_path, "strange", [NAMES[:3]], exam=exam)
    with pytest.raises(RunError, match="no set of questions in common"):
        build([RunFolder(runs / "tale"), strange])


def test_a_questions_life_is_joined_from_all_its_records(folder: RunFolder) -> None:
    first = json.loads((folder.round(1) / "examples.jsonl").read_text().splitlines()[0])
    run = gather(folder)
    practice = next(found for found in run.index.sets if found.name == "practice")
    at = practice.ids.index(first["question_id"])
    [question] = run.texts["practice"][at : at + 1]
    life = next(life for life in question.life if life.round == 1)
    assert life.mistake
    assert [named.cause for named in life.diagnoses] == [first["cause"]]
    assert len(life.contrast) == 3
    written = [run.index.examples.ids[place] for place in life.written]
    assert first["id"] in written
    assert life.rows >= 1
    assert set(question.said) == {"0", "1", "3"}  # round 2 was dropped and not asked practice
    assert run.index.calls.tries == (1, 2)


def test_what_a_person_said_of_examples_is_on_the_page_and_in_the_report(tmp_path: Path) -> None:
    folder = reviewed(tmp_path)
    first, second, third, *rest = folder.collected(1, "examples", Example)
    [solution, *others] = folder.collected(1, "solutions", Example)
    index, texts = (found := gather(folder)).index, found.texts["examples"]
    columns = zip(index.examples.ids, index.examples.reviewed, index.examples.trained, strict=True)
    told = {id: (verdict, trained) for id, verdict, trained in columns if id}
    assert told[first.id] == ("rejected", False)
    assert told[second.id] == ("edited", True)
    assert told[third.id] == ("accepted", True)
    assert {verdict for id, (verdict, _) in told.items() if id in {e.id for e in rest}} == {""}
    at = index.examples.ids.index
    [said] = texts[at(first.id)].reviews
    assert (said.by, said.round, said.note) == ("nora", 1, "no such <b>shop</b>")
    assert said.before == said.after == {}
    [said] = texts[at(second.id)].reviews
    assert said.before == {"prompt": second.prompt} == {"prompt": texts[at(second.id)].prompt}
    assert said.after == {"prompt": EDIT + second.prompt}
    practice = next(one for one in index.sets if one.name == "practice")
    place = practice.ids.index(solution.question_id)
    [question] = found.texts["practice"][place : place + 1]
    [said] = question.life[0].solution_reviews
    assert (said.before["prompt"], said.after["prompt"]) == (
        solution.prompt,
        EDIT + solution.prompt,
    )
    [helped] = index.helped
    aimed = Counter(e.cause for e in [second, third, *rest, solution, *others])
    assert {one.cause: one.examples for one in helped.aimed} == aimed
    assert index.report is not None
    counts = index.report.rounds[1].reviewed
    everything = 3 + len(rest) + 1 + len(others)
    assert counts == ReviewCounts(by="nora", accepted=everything - 3, edited=2, rejected=1)
    told_in = (folder.path / "report.md").read_text()
    assert (
        f"Round 1, reviewed by nora: {everything - 3} examples accepted, 2 edited, 1 rejected."
        in told_in
    )
    assert audit(folder, NoWatcher()).findings == ()


def test_an_unfinished_run_is_shown_as_far_as_it_came(folder: RunFolder) -> None:
    for name in ("report.json", "seal.json"):
        (folder.path / name).unlink()
    shutil.rmtree(folder.path / "final")
    shutil.rmtree(folder.round(3))
    (folder.round(2) / "promotion.json").unlink()
    half = (folder.round(2) / "dev.jsonl").read_text().splitlines(keepends=True)[:7]
    (folder.round(2) / "dev.jsonl").unlink()
    (folder.round(2) / "dev.jsonl.part").write_text("".join(half) + '{"id": "cut o')
    _, data = built(folder)
    [run] = data["index"]["runs"]
    assert run["report"] is None
    dev = next(found for found in run["sets"] if found["name"] == "dev")
    assert len(dev["verdicts"]["2"].strip("-")) == 7
    assert run["rounds"][2]["dev"] is None


def test_a_damaged_file_is_one_sentence(folder: RunFolder) -> None:
    (folder.round(1) / "examples.jsonl").write_text('{"id": 1}\n')
    with pytest.raises(RunError, match=r"line 1 of .*examples.jsonl cannot be read"):
        build([folder])


def many(folder: RunFolder, times: int, to: Path) -> RunFolder:
    """The run with so many times its questions, answers and examples, each with its own id."""
    path = Path(shutil.copytree(folder.path, to / f"{times}"))
    for file in path.glob("*/*.jsonl"):
        text = file.read_text()
        more = (re.sub(r"\b(practice|dev|test|e\d\d)-", rf"\1-{n}x", text) for n in range(times))
        file.write_text("".join(more))
    return RunFolder(path)


@pytest.mark.slow
def test_a_page_takes_time_in_proportion_to_the_run(folder: RunFolder, tmp_path: Path) -> None:
    def seconds(times: int) -> float:
        large = many(folder, times, tmp_path)
        begun = time.process_time()
        build([large])
        return time.process_time() - begun

    assert seconds(80) / seconds(10) < 1.5 * 8


def test_a_call_an_example_and_its_rows_lead_to_each_other(folder: RunFolder) -> None:
    add_call(folder, agent="data_writer", source_id="nobody practice-0003 m01-practice-0002")
    found = gather(folder)
    practice = next(one for one in found.index.sets if one.name == "practice")
    about = [[practice.ids[at] for at in places] for places in found.index.calls.questions]
    assert about == [["practice-0002"]] * 2 + [["practice-0003", "practice-0002"]]
    first = found.index.examples.ids.index(folder.collected(1, "examples", Example)[0].id)
    [text] = found.texts["examples"][first : first + 1]
    assert [(made.round, made.by, made.rows) for made in text.rows] == [
        (round, "example", 1) for round in (1, 2, 3)
    ]
    index = found.index.examples
    near = {reason for reason, held in zip(index.reasons, index.held_out, strict=True) if held}
    assert near == {"a held-out question in other words"}


def test_a_gain_that_few_changed_answers_bring_is_not_called_proven(folder: RunFolder) -> None:
    report = Report.model_validate_json((folder.path / "report.json").read_text())
    assert "proven" in next_step(report, 0.01)
    assert "may be chance" in next_step(report, 0.125)
    sealed = next(one for one in gather(folder).index.sets if one.name == "test")
    assert p_of_gain(folder, report.best_round) == sealed.pairs[0].p  # as doctor has it


# Held-out texts.


def test_sealed_texts_are_in_the_file_only_when_asked_for_and_that_is_noted(
    folder: RunFolder,
) -> None:
    [question, *_] = folder.questions("test")
    _, data = built(folder)
    assert not [name for name in data if "test" in name]
    assert question.prompt not in json.dumps(data)
    assert looks(folder) == []
    _, data = built(folder, with_sealed=True)
    assert question.prompt in json.dumps(data["s-0-test-0"])
    [look] = looks(folder)
    assert (look.set, look.questions, look.how) == ("test", 18, "view --with-sealed")
    assert data["index"]["runs"][0]["looks"][0]["set"] == "test"


def test_looking_at_a_sealed_run_leaves_its_seal_whole(folder: RunFolder) -> None:
    build([folder], with_sealed=True)
    found = audit(folder, NoWatcher()).findings
    assert [one for one in found if one.check == "seal" and one.file != "trace.jsonl"] == []


# Which data helped.


def question(id: str) -> Question:
    return Question(id=id, prompt=id, target="1")


def example(id: str, cause: str) -> Example:
    return Example(
        id=f"e-{id}",
        diagnosis_id=None,
        question_id=id,
        cause=cause,
        prompt="",
        completion="",
        target="1",
    )


def test_those_written_for_are_told_apart_from_neighbours_and_from_all_others() -> None:
    wrong, right = ("a", "b", "c", "d"), ("n", "m", "r", "s")
    before = {id: id in right for id in (*wrong, *right)}
    after = {
        "a": True,
        "b": False,
        "c": True,
        "d": False,
        "n": False,
        "m": True,
        "r": False,
        "s": True,
    }
    beside = Solved(question=question("n"), attempt=attempt_at(question("n"), True), similarity=1)
    mistakes: list[Mistake] = [
        missed(question("a")).model_copy(update={"contrast": (beside,)}),
        *(missed(question(id)) for id in "bcd"),
    ]
    written = [
        example("a", "slip"),
        example("a", "slip"),
        example("b", "slip"),
        example("c", "read"),
    ]
    found = helped(1, 0, before, after, written, mistakes)
    slip, read = found.aimed
    assert (slip.cause, slip.examples) == ("slip", 3)
    assert (slip.questions.fixed.changed, slip.questions.fixed.of) == (1, 2)
    assert slip.questions.fixed.ci95 == wilson(1, 2)
    assert (slip.neighbours.broken.changed, slip.neighbours.broken.of) == (1, 1)
    assert (read.questions.fixed.changed, read.neighbours.broken.of) == (1, 0)
    assert (found.nothing.fixed.changed, found.nothing.fixed.of) == (0, 1)  # d
    assert (found.nothing.broken.changed, found.nothing.broken.of) == (1, 3)  # r of m, r, s
    solutions = [
        example(id, "own").model_copy(update={"made_from": "solution"}) for id in (*wrong, *right)
    ]
    both = helped(1, 0, before, after, [*solutions, *written], mistakes)
    assert both.aimed[1:] == found.aimed
    assert both.nothing == found.nothing
    alone = helped(1, 0, before, after, solutions[1:], mistakes)
    assert alone.nothing.fixed.of == 1  # a


def test_a_round_whose_model_was_not_asked_practice_says_so(folder: RunFolder) -> None:
    asked = {one.round: one.asked for one in gather(folder).index.helped}
    assert asked == {1: True, 2: False, 3: True}


def planted_refusal(folder: RunFolder) -> tuple[str, str]:
    """A held-out question that the writer wrote, as the run holds it then, and the practice
    question that it was written from."""
    held = folder.questions("test")[0]
    source = next(
        line.result
        for line in folder.collected(1, "diagnoses", DiagnosisLine)
        if isinstance(line.result, Diagnosis)
    )
    draft = Draft(diagnosis_id=source.id, prompt=held.prompt, completion="#### 1", target="1")
    line = RefusalLine(result=Refusal(reason=TOO_NEAR, draft=draft))
    with (folder.round(1) / "refusals.jsonl").open("a") as file:
        file.write(line.model_dump_json() + "\n")
    asked = (("user", "Write."), ("assistant", held.prompt), ("user", f"no: {held.prompt}"))
    more = {"source_id": f"d-other {source.id}", "reply": held.prompt, "error": held.prompt}
    add_call(folder, agent="data writer", messages=asked, **more)
    return held.prompt, source.question_id


@pytest.mark.parametrize("refusals", ["refusals.jsonl", "refusals.jsonl.part"])
def test_a_draft_that_is_a_held_out_question_is_nowhere_in_the_terminal_on_the_page_or_in_otlp(
    refusals: str, folder: RunFolder, tmp_path: Path
) -> None:
    prompt, source = planted_refusal(folder)
    (folder.round(1) / "refusals.jsonl").rename(folder.round(1) / refusals)
    for question in (None, source):
        told = printed(partial(print_trace, folder, question=question, full=True), 100_000)
        assert prompt not in told
        assert told.count("held out") >= 2
    _, data = built(folder)
    assert prompt not in json.dumps(data, ensure_ascii=False)
    assert any("held out" in json.dumps(block) for id, block in data.items() if "examples" in id)
    export(folder, str(tmp_path / "spans.json"), with_content=True)
    spans = (tmp_path / "spans.json").read_text()
    assert prompt not in spans
    assert "held out" in spans


# Served.


@pytest.fixture
def server(folder: RunFolder) -> Iterator[Server]:
    with serving([folder]) as server:
        yield server


def ask(url: str, data: bytes | None = None, **headers: str) -> tuple[int, bytes, Any]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(url, data, headers)
    try:
        with opener.open(request, timeout=30) as found:
            return found.status, found.read(), found.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), error.headers


def test_only_who_knows_the_path_and_names_this_host_gets_anything(server: Server) -> None:
    status, body, headers = ask(server.url)
    assert status == 200
    assert b"<title>tale" in gzip.decompress(body)
    assert "connect-src 'self'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert ask(server.origin + "/")[0] == 404
    assert ask(server.origin + "/" + "x" * 32 + "/index")[0] == 404
    assert ask(server.url, Host="evil.example")[0] == 421
    assert ask(server.url + "index", Host="evil.example:80")[0] == 421
    assert ask(server.url + "shard/../../config.json")[0] == 404
    assert server.server_address[0] == "127.0.0.1"


def test_held_out_texts_are_served_after_a_look_that_is_noted(
    server: Server, folder: RunFolder
) -> None:
    for name in ("dev", "test"):
        shard = f"{server.url}shard/0-{name}-0"
        assert ask(shard)[0] == 404
        asked = json.dumps({"run": 0, "set": name}).encode()
        assert ask(server.url + "look", asked)[0] == 403  # no origin
        assert ask(server.url + "look", asked, Origin="http://evil.example")[0] == 403
        assert looks(folder) == [] or looks(folder)[-1].set != name
        assert ask(server.url + "look", asked, Origin=server.origin)[0] == 204
        assert looks(folder)[-1].set == name
        status, body, _ = ask(shard)
        assert status == 200
        assert folder.questions(name)[0].prompt in gzip.decompress(body).decode()
    assert ask(server.url + "shard/0-practice-0")[0] == 200
    for bad in (
        b"[",
        b"{}",
        b'{"run": Infinity, "set": "test"}',
        b'{"run": 7, "set": "test"}',
        b"[" * 3000,
        b"[" * 5000,
    ):
        assert ask(server.url + "look", bad, Origin=server.origin)[0] in (400, 404)
    assert len(looks(folder)) == 2


def test_a_run_is_served_as_it_goes(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    report = (folder.path / "report.json").read_bytes()
    (folder.path / "report.json").unlink()
    with serving([folder]) as server:
        before = json.loads(gzip.decompress(ask(server.url + "index")[1]))
        (folder.path / "report.json").write_bytes(report)
        server.watched.read_at = -1e9  # as if some time had gone by
        after = json.loads(gzip.decompress(ask(server.url + "index")[1]))
    assert before["runs"][0]["report"] is None
    assert after["runs"][0]["report"]["name"] == "tale"


def test_a_port_that_is_taken_is_one_sentence(server: Server, folder: RunFolder) -> None:
    port = server.server_address[1]
    with pytest.raises(RunError, match=f"port {port} .* choose another"), serving([folder], port):
        pass
    ran = CliRunner().invoke(app, ["view", str(folder.path), "--serve", "--port", "65536"])
    assert ran.exit_code == 2


def test_a_browser_is_led_to_the_page_by_a_file_of_this_user(server: Server) -> None:
    with redirecting(server.url) as file:
        assert file.stat().st_mode & 0o777 == 0o600
        assert f"url={server.url}" in file.read_text()
        assert server.token not in file.as_uri()
    assert not file.exists()


class Finishing(type(Path())):  # type: ignore[misc]
    """A file that is finished in the moment in which somebody looks for its beginning."""

    def with_name(self, name: str) -> Path:
        part = Path(self).with_name(name)
        part.rename(self)
        return part


def test_a_file_that_is_finished_between_two_looks_is_read(tmp_path: Path) -> None:
    path = Finishing(tmp_path / "questions.jsonl")
    question = Question(id="q", prompt="1?", target="1")
    part_of(Path(path)).write_text(question.model_dump_json() + "\n")
    assert so_far(path, Question) == [question]


# Texts that try to be more.


def test_no_text_of_a_hostile_run_is_markup_in_the_file(runs: Path, tmp_path: Path) -> None:
    folder = hostile(RunFolder(runs / "tale"), tmp_path)
    html, data = built(folder)
    assert HOSTILE in data["s-0-practice-0"]["texts"][2]["said"]["0"]["response"]
    assert "onerror" not in html
    assert html.count("<script") == 3 + len([name for name in data if name != "index"])
    assert html.count("</script>") == html.count("<script")


# The command.


def test_view_writes_the_file_and_says_where(folder: RunFolder) -> None:
    ran = CliRunner().invoke(app, ["view", str(folder.path), "--no-open", "--with-sealed"])
    assert ran.exit_code == 0, ran.output
    assert "view.html (" in ran.output
    assert "sealed texts of test" in " ".join(ran.output.split())


def test_what_view_cannot_show_is_one_sentence(runs: Path) -> None:
    with pytest.raises(RunError, match="3 runs"):
        find_viewed(["a", "b", "c"], runs)
    with pytest.raises(RunError, match="beside itself"):
        find_viewed(["tale", str(runs / "tale")], runs)
    with pytest.raises(RunError, match="no run 'nobody'"):
        find_viewed(["nobody"], runs)


def test_a_comparison_is_no_run_and_two_of_its_arms_are_named(runs: Path, tmp_path: Path) -> None:
    for name in ("tale", "other"):
        shutil.copytree(runs / name, tmp_path / "c.compare" / "arms" / name)
    (tmp_path / "c.compare" / "compare.json").write_text("{}")
    with pytest.raises(RunError, match=r"a comparison of 2 runs: .*`errata view \S+ \S+`"):
        find_viewed(["c.compare"], tmp_path)


def test_the_exact_p_of_many_changes_is_there_at_once() -> None:
    assert sign_test(0, 0) == 1
    assert sign_test(12, 8) == pytest.approx(0.5034, abs=1e-4)
    assert sign_test(8, 12) == sign_test(12, 8)
    assert sign_test(20_100, 19_900) == pytest.approx(0.3197, abs=2e-3)  # normal: 0.3198
