"""The page of a run in a real browser: chromium, where there is one."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from desk import WHY, desk_config, failed_run, guarded_run, json_run, labels_run, played, talk_run
from doubles import table_agents
from judging import exam_files, judge_server, judged_toml
from paged import EDIT, HOSTILE, NAMES, hostile, made, reviewed, tale, toured

from errata.agents.exams.several import load_exams
from errata.agents.records import Example, ReviewEntry
from errata.graph.commands.review import open_walk
from errata.graph.config import load_config
from errata.graph.page.build import build
from errata.graph.page.data import page_of
from errata.graph.page.looks import looks
from errata.graph.page.serve import serving
from errata.graph.report import Report
from errata.graph.run import ReviewPending, run
from errata.graph.run_folder import RunFolder

CHROMIUM = next(
    (path for path in map(shutil.which, ("chromium", "chromium-browser")) if path), None
)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_spec("playwright") is None, reason="playwright is not installed"),
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium: apt-get install chromium"),
]

PAGES = ("result", "flips", "causes", "examples", "calls", "training")
AXE = (Path(__file__).parent / "axe" / "axe.min.js").read_text()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    tale(folder)
    made(folder, "other", [NAMES[3:12]])
    build([RunFolder(folder / "tale")])
    return folder


@dataclass
class Visit:
    """A page that is open, and what it did besides showing itself."""

    page: Any
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def go(self, fragment: str) -> None:
        self.page.evaluate("fragment => { location.hash = fragment; }", fragment)
        self.settle()

    def settle(self) -> None:
        self.page.evaluate("() => new Promise(done => setTimeout(done, 60))")
        self.page.wait_for_selector("[aria-busy]", state="detached")

    @property
    def text(self) -> str:
        return " ".join(self.page.inner_text("main").split())

    @property
    def hash(self) -> str:
        return str(self.page.evaluate("location.hash"))


@contextmanager
def visit(browser: Any, url: str, **given: Any) -> Iterator[Visit]:
    options = {"viewport": {"width": 1280, "height": 900}} | given
    context = browser.new_context(**options)
    visit = Visit(context.new_page())
    visit.page.on("console", lambda message: visit.said.append(message.text))
    visit.page.on("pageerror", lambda error: visit.said.append(str(error)))
    visit.page.on("request", lambda request: visit.asked.append(request.url))
    visit.page.goto(url)
    visit.page.wait_for_selector("html[data-ready]", timeout=60_000)
    try:
        yield visit
        assert visit.said == []
    finally:
        context.close()


@pytest.fixture
def url(runs: Path) -> str:
    return (runs / "tale" / "view.html").as_uri()


@pytest.fixture
def open_page(browser: Any, url: str) -> Iterator[Visit]:
    with visit(browser, url) as opened:
        yield opened
        assert [asked for asked in opened.asked if not asked.startswith((url, "data:"))] == []


def report_of(runs: Path) -> Report:
    return Report.model_validate_json((runs / "tale" / "report.json").read_text())


def test_the_figures_that_are_shown_are_the_reports(open_page: Visit, runs: Path) -> None:
    report = report_of(runs)
    page = open_page.page
    assert page.inner_text("#before") == f"{report.test.base.accuracy:.1%}"
    assert page.inner_text("#after") == f"{report.test.final.accuracy:.1%}"
    assert page.inner_text("#gain") == f"{100 * report.test.gain.accuracy:+.1f}"
    assert report.status in open_page.text
    rows = [row.split("\t") for row in page.locator("table").first.inner_text().splitlines()[1:]]
    told = [row for row in rows if row[0].strip().isdigit()]
    for found, row in zip(report.rounds[1:], told, strict=True):
        assert found.dev is not None
        assert found.promotion is not None
        assert [cell.strip() for cell in row[1:5]] == [
            found.promotion.verdict,
            f"{found.dev.accuracy:.1%}",
            str(found.promotion.fixed),
            str(found.promotion.broken),
        ]


def test_flips_are_counted_as_the_report_counts_them(open_page: Visit, runs: Path) -> None:
    report = report_of(runs)
    for found in report.rounds[2:]:
        open_page.go(f"page=flips&set=dev&from=1&to={found.index}")
        promotion = found.promotion
        assert promotion is not None
        for name, number in (("fixed", promotion.fixed), ("broken", promotion.broken)):
            cell = open_page.page.inner_text(f".matrix .{name}")
            assert cell.split()[0] == str(number)


def test_from_a_broken_answer_to_the_examples_in_a_few_clicks_and_back(open_page: Visit) -> None:
    page = open_page.page
    page.click("nav[aria-label=Pages] >> text=Flips")
    page.click(".matrix .fixed a")
    open_page.settle()
    assert "out=fixed" in open_page.hash
    rows = page.locator("section[aria-labelledby=rows] tbody tr")
    assert {row.split()[1] for row in rows.all_inner_texts()} == {"fixed"}
    rows.first.locator("th a").click()
    open_page.settle()
    assert "What went" not in open_page.text
    assert "no equation" in open_page.text
    assert "written for it" in open_page.text
    page.click("text=All of them")
    open_page.settle()
    assert "Drafts" in open_page.text
    assert re.search(r"written for practice-\d+, which was then \+ fixed", open_page.text)
    page.go_back()
    open_page.settle()
    assert page.inner_text("h1").startswith("Question practice-")
    page.go_back()
    open_page.settle()
    assert page.inner_text("h1") == "Flips"
    assert "out=fixed" in open_page.hash
    page.go_back()
    open_page.settle()
    assert "out=fixed" not in open_page.hash


def test_filters_choices_and_links_keep_to_the_address(open_page: Visit, browser: Any) -> None:
    page = open_page.page
    open_page.go("page=flips&set=practice&from=0&to=3")
    page.locator("details.by[open] tbody th a").first.click()
    open_page.settle()
    kind = page.inner_text(".chip").split("\n")[0].rstrip(" \u00d7")
    shown = page.locator("section[aria-labelledby=rows] tbody tr td:nth-child(3)")
    assert set(shown.all_inner_texts()) == {kind}
    with visit(browser, page.url) as sent:  # a link that was mailed
        assert sent.page.inner_text(".matrix caption") == page.inner_text(".matrix caption")
    page.select_option("label:has-text('From') select", "1")
    open_page.settle()
    assert "from=1" in open_page.hash
    open_page.go("page=examples&fate=written+before")
    assert page.locator("article.refused").count() == page.locator("article").count() > 0


def test_examples_are_searched_and_those_alike_are_together(open_page: Visit) -> None:
    page = open_page.page
    open_page.go("page=examples&fate=accepted")
    before = int(re.findall(r"(\d+) drafts? in", open_page.text)[0])
    assert "with the same words" in open_page.text
    page.fill("input[type=search]", "boxes flowers")
    page.keyboard.press("Enter")
    open_page.settle()
    after = int(re.findall(r"(\d+) drafts? in", open_page.text)[0])
    assert 0 < after < before
    for text in page.locator("article").all_text_contents():
        assert "boxes" in text
        assert "flowers" in text
    assert "text=boxes+flowers" in open_page.hash


def test_a_persons_review_is_shown_with_each_text_before_and_after_and_filtered_by(
    browser: Any, tmp_path: Path
) -> None:
    folder = reviewed(tmp_path)
    report = Report.model_validate_json((folder.path / "report.json").read_text())
    counts = report.rounds[1].reviewed
    assert counts is not None
    first, second, *_ = folder.collected(1, "examples", Example)
    solution, *_ = folder.collected(1, "solutions", Example)
    path = build([folder]).path
    with visit(browser, path.as_uri(), bypass_csp=True) as opened:
        page = opened.page
        page.evaluate(AXE)
        opened.go("page=examples")
        assert f"nora: {counts.accepted} examples accepted, 2 edited, 1 rejected" in opened.text
        page.select_option("label:has-text('A person') select", "rejected")
        opened.settle()
        assert "review=rejected" in opened.hash
        [card] = page.locator("article").all_inner_texts()
        assert "rejected by a person" in card
        assert "nora, round 1" in card
        assert "no such <b>shop</b>" in card
        assert first.prompt in card
        page.select_option("label:has-text('A person') select", "edited")
        opened.settle()
        assert page.locator("article").count() == 1
        assert page.inner_text("article .said") == EDIT + second.prompt
        page.click("text=Before and after the edit")
        assert page.inner_text("article .review ins").strip() == EDIT.strip()
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        assert [one["id"] for one in found["violations"]] == []
        page.set_viewport_size({"width": 320, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        opened.go(f"q={solution.question_id}")
        assert page.locator(".review", has_text="edited by a person").count() >= 1


def test_calls_are_opened_with_what_was_asked_thought_and_said(open_page: Visit) -> None:
    open_page.go("page=calls")
    calls = open_page.page.locator("details.call")
    assert [re.split(r"\s+", text)[1] for text in calls.all_inner_texts()] == ["of", "used"]
    calls.nth(1).locator("summary").click()
    open_page.settle()
    for said in ("What went wrong?", "Let me see.", "reply 2", "asked for the 2nd time"):
        assert said in open_page.text


def test_held_out_answers_take_a_deliberate_click(open_page: Visit, runs: Path) -> None:
    [dev, *_] = RunFolder(runs / "tale").questions("dev")
    [test, *_] = RunFolder(runs / "tale").questions("test")
    open_page.go(f"q={dev.id}&set=dev")
    assert "are held out" in open_page.text
    assert dev.prompt not in open_page.text
    open_page.page.click("text=Show them all the same")
    open_page.settle()
    assert dev.prompt in open_page.text
    open_page.go(f"q={test.id}&set=test")
    assert "--with-sealed" in open_page.text
    assert test.prompt not in open_page.text
    assert open_page.page.locator("button.primary").count() == 0


def test_the_keyboard_alone_does(open_page: Visit) -> None:
    page = open_page.page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.tagName") == "H1"
    open_page.go("page=flips")
    assert page.evaluate("document.activeElement.tagName") == "H1"
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("!!document.activeElement.closest('.matrix .fixed')"):
            break
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    page.keyboard.press("Enter")
    open_page.settle()
    assert "out=fixed" in open_page.hash


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_no_page_scrolls_sideways(
    browser: Any, url: str, runs: Path, scheme: str
) -> None:
    mistake = json.loads((runs / "tale/round-01/mistakes.jsonl").read_text().splitlines()[0])
    places = [
        *(f"page={name}" for name in PAGES),
        f"q={mistake['question']['id']}",
        "q=dev-0000&set=dev",
        "page=flips&set=dev&from=1&to=2&out=broken&text=dev",
        "page=calls&for=practice-0002",
    ]
    with visit(browser, url, color_scheme=scheme, bypass_csp=True) as opened:
        opened.page.evaluate(AXE)
        for place in places:
            opened.page.set_viewport_size({"width": 1280, "height": 900})
            opened.go(place)
            opened.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
            opened.settle()
            found = opened.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
            told = [(one["id"], one["nodes"][0]["html"][:120]) for one in found["violations"]]
            assert told == [], place
            for width in (320, 1280):
                opened.page.set_viewport_size({"width": width, "height": 800})
                opened.settle()
                over = opened.page.evaluate("document.documentElement.scrollWidth - innerWidth")
                assert over <= 0, (place, width)


# Runs of every fate: of answer types, of conversations, judged, refused, failed, waiting.


def judged_run(folder: Path) -> RunFolder:
    exam_files(folder)
    with judge_server() as server:
        config = load_config(judged_toml(folder, server.base_url))
        agents = table_agents(load_exams(config.exam).practice, [["odd", "even"]], ["odd"])
        run(config, folder / "runs", **agents, cache=False)
    return RunFolder(folder / "runs" / "t")


def waiting_run(folder: Path) -> RunFolder:
    settings = desk_config(folder, "label").model_copy(update={"review": True})
    with suppress(ReviewPending):
        played(settings, folder / "runs", {})
    return RunFolder(folder / "runs" / "label")


CONFUSION = r"Confusion after.* Right label refund bug hello no label .* hello 0 1 0 3"
FATES: dict[Callable[[Path], RunFolder], dict[str, str]] = {
    labels_run: {
        "page=result": r"^Result .* gain may be chance .* fixed and broken \+4 \S0 .* "
        r"Before you rely on it p is above 0\.05.* Macro-F1 0\.333 → 0\.630 .* "
        rf"bug 4 0\.0% → 88\.9% 0\.0% → 80\.0% .*{CONFUSION}",
        "page=flips&set=test&from=0&to=1": r"4 \+ fixed",
        "page=examples": r"made of the practice questions. own solutions",
        "page=causes": r"the exam's own solution \d+ ",
    },
    json_run: {
        "page=result": r"5 → 9 parse.* case\.number 12 4 8 \+4",
        "q=practice-1": r"Right answer \{\"kind\".* no object in JSON can be read",
    },
    talk_run: {
        "q=practice-00002": r"system You are a till\. user Tea .* assistant Anything else\? user A "
    },
    judged_run: {
        "page=result": r"answers of greetings are judged by openai:scripted-judge",
        "q=practice-00002": r"The judge It greets nobody\.",
        "page=calls": r"asked for the 3rd time.* not kept with the call",
    },
    guarded_run: {
        "page=result": r"no better model .* right 33\.3% .* best model base of 1 round .* "
        r"2 guards, 1 lost .* guard exam manners yes: refused 12 .* Kind Asked Right ",
        "page=flips&set=guard": r"12 \S broken",
    },
    failed_run: {
        "page=result": rf"stopped As far as it came It stopped in round 1, at train: {WHY} Best so "
        r"far: base.* Next errata resume json goes on where it was",
        "page=training": rf"stopped after 5 of 20 steps {WHY}",
    },
    waiting_run: {
        "page=result": r"waits for your review .* train on: \d+ worked solutions\. .* Next errata "
        r"review label asks about them one by one; then errata resume label --review review\.json",
        "page=review": r"\? no word yet 1 of \d+ .* the worked solution of practice-",
        "page=training": r"so far not trained",
    },
}


@pytest.mark.parametrize("fate", FATES, ids=lambda fate: fate.__name__)
def test_runs_of_every_fate_say_what_is_so_and_axe_finds_nothing(
    browser: Any, tmp_path: Path, fate: Callable[[Path], RunFolder]
) -> None:
    path = build([fate(tmp_path)]).path
    scheme = "dark" if len(fate.__name__) % 2 else "light"
    with visit(browser, path.as_uri(), color_scheme=scheme, bypass_csp=True) as opened:
        opened.page.evaluate(AXE)
        for place, told in FATES[fate].items():
            opened.page.set_viewport_size({"width": 1280, "height": 900})
            opened.go(place)
            opened.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
            opened.settle()
            assert re.search(told, opened.text), (place, opened.text)
            found = opened.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
            assert [(one["id"], one["nodes"][0]["html"]) for one in found["violations"]] == []
            opened.page.set_viewport_size({"width": 320, "height": 800})
            over = opened.page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert over <= 0, place


def test_a_draft_that_gives_a_held_out_question_away_is_said_not_to_be_shown(
    open_page: Visit,
) -> None:
    open_page.go("page=examples&fate=a+held-out+question+in+other+words")
    cards = open_page.page.locator("article").all_inner_texts()
    assert cards
    assert all("would give a held-out question away" in card for card in cards)
    assert not any("\nheld out\n" in card for card in cards)


def test_no_name_of_a_cause_leads_to_an_empty_list(browser: Any, tmp_path: Path) -> None:
    with visit(browser, build([labels_run(tmp_path)]).path.as_uri()) as opened:
        opened.go("page=causes")
        assert "the exam's own solution" in opened.text
        for link in opened.page.locator("main table a").all():
            assert "own+solution" not in str(link.get_attribute("href"))


def test_what_a_guard_lost_leads_to_the_questions(browser: Any, tmp_path: Path) -> None:
    with visit(browser, build([guarded_run(tmp_path)]).path.as_uri()) as opened:
        opened.page.click("[aria-label='12 broken of guard exam manners in round 1']")
        opened.settle()
        assert opened.page.inner_text(".matrix .broken strong") == "12"
        assert "1 to 12 of 12 questions" in opened.text


def test_nothing_of_a_hostile_run_runs_or_breaks(browser: Any, runs: Path, tmp_path: Path) -> None:
    folder = hostile(RunFolder(runs / "tale"), tmp_path)
    path = build([folder]).path
    first = json.loads((folder.round(0) / "practice.jsonl").read_text().splitlines()[0])
    with visit(browser, path.as_uri(), viewport={"width": 320, "height": 800}) as opened:
        for place in (
            *(f"page={name}" for name in PAGES),
            f"q={first['question_id']}",
            "q=practice-0002",
        ):
            opened.go(place)
            for call in opened.page.locator("details.call summary").all():
                call.click()
            opened.settle()
            over = opened.page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert over <= 0, place
        assert (
            "</script><script>window.ran=1</script><img src=x onerror=window.ran=2>" in opened.text
        )
        marks = set(opened.page.locator(".mark").all_inner_texts())
        assert {"RLO", "ZWSP", "ESC", "BEL", "ZWJ", "U+202C", "U+2066", "U+E0041"} <= marks
        shown = opened.page.inner_text("body")
        assert not set(shown) & set(re.sub(r"[\x20-\x7e]", "", HOSTILE))
        assert opened.page.evaluate("window.ran") is None
        assert opened.page.locator("img").count() == 0
        opened.go(f"q={first['question_id']}")
        opened.page.locator("button.more").first.click()
        opened.settle()
        assert [asked for asked in opened.asked if not asked.startswith("file:")] == []


def test_two_runs_stand_beside_each_other(browser: Any, runs: Path, tmp_path: Path) -> None:
    folders = [
        RunFolder(Path(shutil.copytree(runs / name, tmp_path / name))) for name in ("tale", "other")
    ]
    with visit(browser, build(folders).path.as_uri()) as opened:
        [pair] = [
            pair
            for pair in page_of(folders)[0].between["test"]
            if (pair.first, pair.second) == ("0/3", "1/1")
        ]
        assert re.search(
            rf"other against tale, on the same 18 questions: .{abs(100 * pair.gain):.1f} points.*"
            rf"p = {pair.p:.3f}{': no difference is shown' if pair.p > 0.05 else ''}\.",
            opened.page.inner_text("#difference"),
        )
        opened.page.click(tab("Flips"))
        opened.settle()
        assert "tale, round 3 → other, round 1" in opened.page.inner_text(".matrix caption")
        heads = opened.page.locator(".matrix th").all_inner_texts()
        assert heads == ["other right", "other wrong", "tale right", "tale wrong"]
        for answers in opened.page.locator("td.answers").all_inner_texts():
            assert re.fullmatch(r"(\d+|\(none read\)) → (\d+|\(none read\))", answers)
        opened.page.locator(FIRST_QUESTION).first.click()
        opened.settle()
        assert re.search(r"other, round 1 \S (right|wrong)", opened.text)
        opened.go("page=result")
        opened.page.click("text=Which questions each got right")
        opened.settle()
        assert "other, round 1" in opened.page.inner_text(".matrix caption")
        assert "held out" in opened.text
        opened.page.select_option("label:has-text('Questions') select", "practice")
        opened.settle()
        opened.page.select_option("label:has-text('Run') select", "1")
        opened.settle()
        assert "run=1" in opened.hash
        opened.go("page=result&run=1")
        assert "Sealed test of both runs" in opened.text


def test_a_served_page_shows_held_out_texts_after_it_wrote_that_down(
    browser: Any, runs: Path, tmp_path: Path
) -> None:
    folder = RunFolder(Path(shutil.copytree(runs / "tale", tmp_path / "tale")))
    [test, *_] = folder.questions("test")
    with serving([folder]) as server, visit(browser, server.url) as opened:
        opened.go(f"q={test.id}&set=test")
        assert test.prompt not in opened.text
        assert looks(folder) == []
        opened.page.click("text=Show them all the same")
        opened.page.wait_for_selector("ol.life")
        assert test.prompt in opened.text
        assert [look.set for look in looks(folder)] == ["test"]
        assert all(asked.startswith((server.url, "data:")) for asked in opened.asked)


def test_without_a_script_the_result_can_be_read(browser: Any, url: str, runs: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(url)
    said = " ".join(page.inner_text("noscript").split()) if page.locator("noscript").count() else ""
    assert (
        f"{report_of(runs).test.final.accuracy:.1%}" in said
        or f"{report_of(runs).test.final.accuracy:.1%}" in page.content()
    )
    context.close()


# What a new user asks of a page: each answer found by clicks, and by the keyboard alone.


@dataclass(frozen=True)
class Task:
    question: str
    """As docs/page.md has it."""
    clicks: tuple[str, ...]
    """What is clicked, as playwright finds it."""
    answer: str
    """A regular expression: what the page says then."""
    typed: str = ""
    """Into the one field among what is clicked, ended with Enter."""
    of: str = "toured"
    """Which run: one that is finished, or one that waits."""


def tab(name: str) -> str:
    return f"nav[aria-label=Pages] >> text={name}"


FIRST_QUESTION = "section[aria-labelledby=rows] tbody th a >> nth=0"
TASKS = (
    Task(
        "Is the model better, may that be chance, and what is to be done next?",
        (),
        r"gain, points \+66\.7 \+36\.4 to \+83\.6, p < 0\.001 .*Next ",
    ),
    Task(
        "Which kind got worse in round 2, and which examples were written for it?",
        ("[aria-label='2 broken on dev in round 2']", "td a[aria-label*='written in round 2']"),
        r"round 2 · no equation · e02-\d+ .*written for practice-0022",
    ),
    Task(
        "Did the promotion of round 3 break something that matters? Show the broken answer.",
        ("[aria-label*='broken on practice in round 3']", FIRST_QUESTION),
        r"round 1 ✓ right round 3 ✗ wrong.* After round 3 ✗ wrong I like equal groups\.",
    ),
    Task(
        "Which held-out question did round 2 break, and what did it say there?",
        ("[aria-label='2 broken on dev in round 2']", FIRST_QUESTION, "button.primary"),
        r"After round 2 ✗ wrong I like ",
    ),
    Task(
        "Which examples were refused as too near to a held-out question?",
        (tab("Examples"), "th a >> text=a held-out question in other words"),
        r". refused: a held-out question in other words round 1",
    ),
    Task(
        "What did the instructor say of practice-0002, and what did it take?",
        (tab("Flips"), "input[type=search]", FIRST_QUESTION),
        r"no equation wrote no equation; needed was 2 \* 8 = 16 .*"
        r"What LLMs were asked about it: 2 calls, 240 tokens in, 60 out, 3\.0 s",
        typed="practice-0002",
    ),
    Task(
        "What was an LLM asked about one mistake, what did it think and say, word for word?",
        (tab("Flips"), "tbody th a >> text=practice-0002", "text=What LLMs were asked about it"),
        r"What went wrong\? thinking Let me see\. reply reply 1 .* reply reply 2",
    ),
    Task(
        "The run waits: what would it train on, and what have I said of it so far?",
        (tab("To review"),),
        r"accepted 0 edited 0 rejected 1 no word yet \d+ Next errata review label --out \S+ goes "
        r"on .* errata resume label --review .* rejected by a person 1 of \d+ .* too easy",
        of="waiting",
    ),
    Task(
        "Which rows did my edited example lead to?",
        (tab("Examples"), "[aria-label='1 edited examples']"),
        r"± edited by a person .*1 row word for word, trained on in rounds 1, 2, 3",
    ),
    Task(
        "Did what was written for a cause help?",
        (tab("Causes"),),
        r"no equation 59 \d+ of \d+ .* nothing was written 0 \d of \d",
    ),
    Task(
        "Which reply of an LLM was of no use, and why?",
        (tab("Calls"), "[aria-label='1 replies of no use']", "details.call summary"),
        r"Why it is of no use no JSON",
    ),
    Task(
        "What did round 3 start from, and where did its loss end?",
        (tab("Training"),),
        r"Round 3 started from the base model .*loss of the last step 0\.500",
    ),
)


@pytest.fixture(scope="module")
def tours(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Visit]]:
    path = build([toured(tmp_path_factory.mktemp("tour"))]).path
    here = tmp_path_factory.mktemp("waiting")
    waits = waiting_run(here)
    walk = open_walk(waits, here / "said.json", "nora")
    walk.say(ReviewEntry(example_id=walk.order[0], verdict="rejected", note="too easy"))
    other = build([waits], review=walk.out).path
    with visit(browser, path.as_uri()) as one, visit(browser, other.as_uri()) as two:
        yield {"toured": one, "waiting": two}


def by_keyboard(page: Any, target: Any) -> None:
    """Tab by tab to the target, then Enter."""
    for _ in range(200):
        if target.evaluate("wanted => wanted === document.activeElement"):
            break
        page.keyboard.press("Tab")
    assert target.evaluate("wanted => wanted === document.activeElement"), target
    page.keyboard.press("Enter")


@pytest.mark.parametrize("keyboard", [False, True], ids=["clicks", "keyboard"])
@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.question)
def test_what_a_new_user_asks_is_found_in_three_clicks(
    tours: dict[str, Visit], task: Task, keyboard: bool
) -> None:
    assert len(task.clicks) <= 3
    tour = tours[task.of]
    tour.page.reload()  # held-out texts are closed again
    tour.page.wait_for_selector("html[data-ready]")
    tour.go("page=result")
    for selector in task.clicks:
        target = tour.page.locator(selector).first
        if keyboard:
            by_keyboard(tour.page, target)
        else:
            target.click()
        if selector.startswith("input"):
            tour.page.keyboard.type(task.typed)
            tour.page.keyboard.press("Enter")
        tour.settle()
    assert re.search(task.answer, tour.text), tour.text


def test_the_manual_has_each_of_these_questions_with_its_clicks() -> None:
    manual = (Path(__file__).parents[1] / "docs" / "page.md").read_text()
    rows = [line.strip("| ").split(" | ") for line in manual.splitlines() if line.startswith("|")]
    told = {row[0]: row[-1] for row in rows if row[-1].isdigit()}
    assert told == {task.question: str(len(task.clicks)) for task in TASKS}
