"""The notebook runs as it stands, and a run can be watched in it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

from errata.graph.views.notebook import EVERY_S, MOST_LINES, NotebookWatcher

NOTEBOOK = Path(__file__).parents[1] / "examples" / "errata.ipynb"


def cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_no_output_is_kept_with_the_notebook() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    assert all(cell.outputs == [] and cell.execution_count is None for cell in cells(notebook))


@pytest.mark.process
@pytest.mark.loop
def test_the_notebook_runs_and_shows_progress_and_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nbclient import NotebookClient

    for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    here = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=300, resources=here).execute()
    _, questions, ran, report, mistake, real = (cell.outputs for cell in cells(notebook))
    assert questions[0].text.count("→") == 3
    [progress] = ran  # renewed in place, however often
    assert "72 dev questions" in progress.data["text/html"]
    assert "sealed test of 90 questions" in report[0].data["text/html"]
    assert "points" in report[0].data["text/html"]
    assert re.search(r"cause +\S.*\nexercise +\S", mistake[0].text)
    assert real == []


class Shown:
    """Stands for a notebook's output: counts how often it is renewed."""

    def __init__(self) -> None:
        self.renewed: list[str] = []

    def update(self, watcher: NotebookWatcher) -> None:
        self.renewed.append(watcher._repr_html_())


@pytest.fixture
def now() -> list[float]:
    return [0.0]


@pytest.fixture
def watcher(now: list[float], capsys: pytest.CaptureFixture[str]) -> NotebookWatcher:
    watching = NotebookWatcher(clock=lambda: now[0])
    capsys.readouterr()
    watching.handle = Shown()
    return watching


def test_a_step_is_shown_as_it_begins_now_and_then_and_as_it_ends(
    watcher: NotebookWatcher, now: list[float]
) -> None:
    for done in range(1001):
        now[0] += EVERY_S / 100
        watcher.progress("dev exam", done, 1000, f"{done % 7} right")
    renewed = watcher.handle.renewed
    assert 10 <= len(renewed) <= 15
    assert 'max="1000"' in renewed[0]
    assert "1000/1000" in renewed[-1]
    assert "left" in renewed[5]


def test_what_is_said_stays_and_a_long_run_keeps_the_end_of_it(watcher: NotebookWatcher) -> None:
    watcher.progress("asking", 1, 2)
    for number in range(MOST_LINES + 5):
        watcher.say(f"line {number}")
    shown = watcher.handle.renewed[-1]
    assert "<progress" not in shown
    assert shown.count("<div>line ") == MOST_LINES
    assert "… 5 lines before" in shown
    assert f"line {MOST_LINES + 4}</div>" in shown
    assert repr(watcher).splitlines()[-1] == f"line {MOST_LINES + 4}"


def test_what_a_model_or_a_file_said_stays_text(watcher: NotebookWatcher) -> None:
    watcher.say("<script>alert(1)</script>\x1b[2J")
    watcher.progress("<b>exam</b>", 1, 2, "<img>")
    shown = watcher.handle.renewed[-1]
    assert "<script" not in shown
    assert "<img" not in shown
    assert "<b>exam" not in shown
    assert "\x1b" not in shown + repr(watcher)
