"""The README and the files around the code say what is true."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import zipfile
from importlib import import_module
from pathlib import Path

import pytest
from doubles import table_agents

from errata.graph.agents import Given, open_agents
from errata.graph.config import load_config, parse_config
from errata.graph.context import Context
from errata.graph.loop import build_graph
from errata.graph.run_folder import RunFolder
from errata.graph.trace import Trace
from errata.graph.watcher import NoWatcher

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text() if (ROOT / "README.md").exists() else ""


def drawn_graph(tmp_path: Path) -> str:
    config = parse_config({"exam": {"name": "arithmetic"}}, "test")
    folder = RunFolder(tmp_path)
    trace = Trace(tmp_path / "trace.jsonl")
    agents = open_agents(config, folder, trace, None, Given(**table_agents([], [[]])))
    context = Context(config, folder, trace, agents, NoWatcher())
    return build_graph(context).compile().get_graph().draw_mermaid(with_styles=False).strip()


def test_the_drawn_graph_is_the_compiled_one(tmp_path: Path) -> None:
    """To renew it: print `drawn_graph` and paste it between the fences."""
    drawn = README.partition("```mermaid\n")[2].partition("\n```")[0]
    assert drawn.strip() == drawn_graph(tmp_path)


def test_the_tree_has_a_line_for_every_module() -> None:
    missing = [
        str(path.relative_to(ROOT))
        for folder in ("agents", "graph", "training")
        for path in (ROOT / folder).rglob("*.py")
        if path.name != "__init__.py" and f" {path.name} " not in README
    ]
    assert missing == []


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.toml")), ids=lambda p: p.name)
def test_every_example_configuration_loads(path: Path) -> None:
    load_config(path)


def test_langgraph_json_names_a_factory_that_compiles_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graphs = json.loads((ROOT / "langgraph.json").read_text())["graphs"]
    module, _, name = graphs["errata"].partition(":")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ERRATA_CONFIG", str(ROOT / "examples" / "laptop.toml"))
    graph = asyncio.run(getattr(import_module(module), name)())
    assert "final_exam" in graph.get_graph().nodes
    assert (tmp_path / "runs" / "laptop" / "config.json").exists()


def test_the_wheel_holds_errata_and_nothing_else(tmp_path: Path) -> None:
    build = "-m pip wheel --no-deps --no-build-isolation --quiet --wheel-dir".split()
    subprocess.run(
        [sys.executable, *build, str(tmp_path), str(ROOT)],
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert all(name.startswith(("errata/", "errata-")) for name in names)
    for needed in ("agents/instructor.md", "agents/data_writer.md", "agents/py.typed"):
        assert f"errata/{needed}" in names
    ours = {f"errata/{p.relative_to(ROOT)}" for p in ROOT.glob("[agt]*/**/*.py")}
    ours -= {name for name in ours if name.startswith("errata/tests")}
    assert ours <= set(names)
