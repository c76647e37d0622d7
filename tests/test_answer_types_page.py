"""The page of runs on labels and on JSON, in a real browser."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest
from desk import json_run, labels_run

from errata.graph.page.build import build

CHROMIUM = next(
    (path for path in map(shutil.which, ("chromium", "chromium-browser")) if path), None
)
AXE = (Path(__file__).parent / "axe" / "axe.min.js").read_text()

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_spec("playwright") is None, reason="playwright is not installed"),
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium: apt-get install chromium"),
]


def test_the_page_has_the_confusion_of_labels_and_the_fields_of_json(tmp_path: Path) -> None:
    pages = [build([made(tmp_path)]).path for made in (labels_run, json_run)]
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_context(bypass_csp=True).new_page()
        said = []
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(pages[0].as_uri())
        page.wait_for_selector("#macro-f1")
        assert page.inner_text("#macro-f1") == "0.333 → 0.630"
        hello = page.locator("table", has_text="Confusion after").locator("tr", has_text="hello")
        assert hello.last.inner_text().split() == ["hello", "0", "1", "0", "3"]
        bug = page.locator("table", has_text="Precision, recall").locator("tr", has_text="bug")
        assert "0.0% → 80.0%" in bug.inner_text()
        page.goto(pages[1].as_uri())
        page.wait_for_selector("#parsed")
        assert page.inner_text("#parsed") == "9"
        number = page.locator("tr", has_text="case.number")
        assert number.inner_text().split() == ["case.number", "12", "4", "8"]
        for path in pages:
            page.goto(path.as_uri())
            page.wait_for_selector("html[data-ready]")
            page.evaluate(AXE)
            found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
            assert [one["id"] for one in found["violations"]] == [], path
        browser.close()
    assert said == []
