"""report.md and a report in a notebook: each figure is report.json's."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from doubles import table_agents
from screen import printed
from test_promotion import attempts

from errata.agents.exams.arithmetic import KINDS
from errata.agents.exams.several import load_exams
from errata.agents.records import Question
from errata.graph.config import parse_config
from errata.graph.page.advice import caveats
from errata.graph.report import Report, report_of_test
from errata.graph.report_text import page_of
from errata.graph.run import resume, run
from errata.graph.run_folder import RunFolder
from errata.graph.views.summary import print_summary

pytestmark = pytest.mark.loop
ALL = [kind.name for kind in KINDS]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    runs = tmp_path_factory.mktemp("text")
    given = {
        "name": "told",
        "exam": {"name": "arithmetic", "seed": 3, "practice": 36, "dev": 36, "test": 36},
        "examples": {"per_round": 40},
        "stop": {"rounds": 1},
    }
    settings = parse_config(given, "test")
    run(settings, runs, **table_agents(load_exams(settings.exam).practice, [ALL[:9]], ALL[:2]))
    return RunFolder(runs / "told")


def report_of(folder: RunFolder) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder.path / "report.json").read_text())
    return found


def changed(folder: RunFolder, **changes: Any) -> str:
    """The page of the same report, with other figures."""
    return page_of(Report.model_validate_json(json.dumps(report_of(folder) | changes)))


def section(page: str, title: str) -> str:
    return page.partition(f"## {title}\n")[2].partition("\n## ")[0]


def test_the_page_lies_beside_the_report_and_is_sealed_with_it(folder: RunFolder) -> None:
    page = (folder.path / "report.md").read_text()
    assert page == page_of(Report.model_validate_json((folder.path / "report.json").read_bytes()))
    assert folder.manifest.holds("report.md")
    titles = re.findall("^## (.*)$", page, re.MULTILINE)
    assert titles == [
        "What was asked",
        "What changed",
        "What got worse",
        "What was spent",
        "What it is not good for",
    ]


def test_its_figures_are_the_reports(folder: RunFolder) -> None:
    page, said = (folder.path / "report.md").read_text(), report_of(folder)
    shown = section(page, "What changed")
    test = said["test"]
    for which, name in (("Before", "base"), ("After", "final")):
        low, high = (f"{100 * bound:.1f}" for bound in test[name]["ci95"])
        accuracy = f"{100 * test[name]['accuracy']:.1f}"
        assert f"{which}: {accuracy}% right (95% interval {low} to {high}%)" in shown
    low, high = (f"{100 * bound:+.1f}" for bound in test["gain"]["ci95"])
    gain = f"{100 * test['gain']['accuracy']:+.1f}"
    assert f"Gain: {gain} points (95% interval {low} to {high}), paired" in shown
    assert said["rounds"][1]["promotion"]["why"].split(";")[0][:40] in shown
    assert said["model"]["adapter"] in shown
    written = said["rounds"][1]["examples"]
    refused = sum(written["rejected"].values())
    spent = section(page, "What was spent")
    assert f"Examples: {written['accepted']} accepted, {refused} refused" in spent
    assert "No LLM was asked." in spent
    asked = section(page, "What was asked")
    assert f"Target: {100 * said['target_accuracy']:.0f}% right on dev." in asked
    assert said["strategy"] in asked


def test_what_got_worse_is_named_by_kind(folder: RunFolder) -> None:
    said = report_of(folder)
    assert "Nothing that was measured" in section(page_of_file(folder), "What got worse")
    test = said["test"]
    kind = next(name for name, (right, _) in test["final"]["by_kind"].items() if right)
    asked = test["base"]["by_kind"][kind][1]
    test["base"]["by_kind"][kind] = [asked, asked]
    test["final"]["by_kind"][kind] = [0, asked]
    worse = section(changed(folder, test=test), "What got worse")
    assert f"{kind}: 0 of {asked} right after, {asked} before." in worse
    assert "Nothing" not in worse


def page_of_file(folder: RunFolder) -> str:
    return (folder.path / "report.md").read_text()


def test_limits_are_said_as_the_figures_have_them(folder: RunFolder) -> None:
    said = report_of(folder)
    plain = section(page_of_file(folder), "What it is not good for")
    assert f"questions like these {said['test']['final']['n']}" in plain
    assert "forgotten of them was not measured" in plain
    assert "reaches below 0" not in plain
    weak = [k for k, (right, of) in said["test"]["final"]["by_kind"].items() if right < of / 2]
    assert all(f"{kind} (" in plain for kind in weak[:8])
    test = said["test"]
    unsure = test | {"gain": {"accuracy": 0.01, "ci95": [-0.02, 0.04]}}
    shown = changed(folder, test=unsure)
    assert "may be chance" in section(shown, "What changed")
    assert "reaches below 0" in section(shown, "What it is not good for")
    reading = {"set": "test", "exam": "", "questions": 36, "sha256": "0", "earlier_runs": 7}
    again = section(changed(folder, readings=[reading]), "What it is not good for")
    assert "7 runs had read the set test before" in again


def test_a_cost_is_said_with_its_currency_and_unknown_is_no_zero(folder: RunFolder) -> None:
    total = {
        "agent": "",
        "model": "",
        "round": None,
        "calls": 12,
        "cached": 3,
        "tokens_in": 500,
        "cached_in": None,
    }
    total |= {
        "tokens_out": None,
        "reasoning": None,
        "money": 1.5,
        "estimated_calls": 0,
        "estimated_tokens": 0,
    }
    cost = {"currency": "EUR", "rows": [], "total": total, "estimate": []}
    spent = section(changed(folder, cost=cost), "What was spent")
    assert "Calls to LLMs: 12, and 3 replies from the cache." in spent
    assert "Tokens: 500 in, unknown out." in spent
    assert "Money: 1.50 EUR." in spent
    unknown = cost | {"currency": None, "total": total | {"money": None}}
    assert "Money: unknown" in section(changed(folder, cost=unknown), "What was spent")


def test_a_lost_page_is_written_again(folder: RunFolder) -> None:
    path = folder.path / "report.md"
    before = path.read_bytes()
    path.unlink()
    resume(folder)
    assert path.read_bytes() == before


def test_what_an_exam_calls_things_stays_on_its_line(folder: RunFolder) -> None:
    page = changed(folder, name="a\n## Signed off\x1b[2J", status="x\n- y")
    assert page.splitlines()[0] == "# a ## Signed off[2J: x - y"


def test_a_notebook_shows_the_figures_and_no_markup_of_others(folder: RunFolder) -> None:
    said = report_of(folder)
    evil = said | {"name": "<script>alert(1)</script>"}
    shown = Report.model_validate_json(json.dumps(evil))._repr_html_()
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown
    for name in ("base", "final"):
        assert f"{100 * said['test'][name]['accuracy']:.1f}%" in shown
    assert f"{100 * said['test']['gain']['accuracy']:+.1f} points" in shown
    assert '<th scope="row">gain</th>' in shown
    assert Path(said["model"]["adapter"]).name in shown


STORY = "On the way home from school Ada and Ben met the man who sells old toys"


def test_what_the_test_says_without_the_stories_of_practice_is_counted_apart() -> None:
    asked = ["old?", "new?", "red?"]
    questions = [
        Question(id=f"q{at}", prompt=f"{STORY if at < 2 else 'How'} {word}", target="1")
        for at, word in enumerate(asked)
    ]
    practice = [Question(id="p", prompt=f"{STORY}. How many?", target="1")]
    found = report_of_test(practice, questions, attempts("+--"), attempts("+++"))
    assert (found.shared, found.shares_many) == (2, True)
    assert found.apart is not None
    assert (found.apart.n, found.apart.base, found.apart.final) == (1, 0, 1)
    assert (found.apart.gain.accuracy, found.gain.accuracy) == (1, pytest.approx(2 / 3))
    all_of_them = report_of_test(practice, questions[:2], attempts("+-"), attempts("++"))
    assert (all_of_them.shared, all_of_them.apart) == (2, None)
    none = report_of_test(practice, questions[2:], attempts("..-")[2:], attempts("..+")[2:])
    assert (none.shared, none.apart, none.shares_many) == (0, None, False)


def test_a_test_that_shares_stories_with_practice_is_said_with_what_the_others_give(
    folder: RunFolder,
) -> None:
    test = report_of(folder)["test"]
    gain = {"accuracy": 0.1, "ci95": [-0.02, 0.22]}
    apart = {"n": 30, "base": 0.2, "final": 0.3, "gain": gain}
    many = test | {"shared": 6, "apart": apart}
    said = (
        "6 of the 36 test questions share thirteen words in a row with practice. On the 30 "
        "questions that do not: 20.0% before, 30.0% after, +10.0 points (95% interval -2.0 to "
        "+22.0)."
    )
    assert said in section(changed(folder, test=many), "What changed")
    report = Report.model_validate_json(json.dumps(report_of(folder) | {"test": many}))
    told = printed(lambda console: print_summary(report, console, folder.path), 400)
    assert said in told
    assert said in caveats(report, None, watched=True)
    few = section(changed(folder, test=many | {"shared": 1}), "What changed")
    assert "thirteen" not in few
    alone = section(changed(folder, test=test | {"shared": 36, "apart": None}), "What changed")
    assert "No others are left to judge by." in alone
