"""The README and the files around the code say what is true."""

from __future__ import annotations

import ast
import asyncio
import json
import re
import shlex
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer
from doubles import table_agents

from errata.graph.agents import Given, open_agents
from errata.graph.cli import app
from errata.graph.config import RunConfig, parse_config
from errata.graph.context import Context
from errata.graph.loop import build_graph
from errata.graph.run_folder import RunFolder
from errata.graph.trace import Trace
from errata.graph.watcher import NoWatcher

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


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


def test_it_is_read_in_a_few_minutes() -> None:
    assert len(README.split()) <= 1500


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_of_a_page_is_one_that_errata_takes(page: Path) -> None:
    group: Any = typer.main.get_command(app)
    for line in re.findall(r"^    errata (.+?)(?: +#.*)?$", page.read_text(), re.MULTILINE):
        name, *arguments = shlex.split(line)
        group.commands[name].make_context(name, arguments)  # parsed, and not run


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_make_target_of_a_page_is_there(page: Path) -> None:
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for target in re.findall(r"^    make (\w+)|`make (\w+)", page.read_text(), re.MULTILINE):
        assert "".join(target) in targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_configuration_of_a_page_is_one_that_a_run_takes(page: Path) -> None:
    for text in re.findall(r"^```toml\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
        given = tomllib.loads(text)
        exam = {"practice": "a", "dev": "b", "test": "c"}
        if not set(given) & set(RunConfig.model_fields):  # the keys of [instructor]
            given = {"instructor": {"model": "openai:x", **given}}
        if "instructor" in given:
            given["instructor"].setdefault("model", "openai:x")
        parse_config({"exam": exam, **given}, page.name)


def test_python_of_the_readme_names_what_is_there() -> None:
    for code in re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL):
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.ImportFrom):
                module = import_module(str(node.module))
                assert all(hasattr(module, name.name) for name in node.names)


def test_the_version_is_one_everywhere() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"\n## {version}\n" in (ROOT / "CHANGELOG.md").read_text()
    for name in ("docs/install.md", "examples/ci/adapter.yml"):
        named = re.findall(r"errata(?:\[\w+\]==|-)(\d[\d.]*\d)", (ROOT / name).read_text())
        assert set(named) == {version}, name


def test_langgraph_json_names_a_factory_that_compiles_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graphs = json.loads((ROOT / "langgraph.json").read_text())["graphs"]
    module, _, name = graphs["errata"].partition(":")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ERRATA_CONFIG", str(ROOT / "examples" / "laptop.toml"))
    factory = getattr(import_module(module), name)

    async def nodes() -> set[str]:
        async with factory({"configurable": {}}) as graph:
            return set(graph.get_graph().nodes)

    assert "final_exam" in asyncio.run(nodes())
