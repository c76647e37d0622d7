"""The graph as `langgraph dev` serves it: a run folder a thread, held, reported, let go of."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from doubles import table_agents
from tampering import audited

from errata.agents.errors import RunError
from errata.agents.exams.arithmetic import KINDS
from errata.agents.exams.several import load_exams
from errata.graph.agents import Given
from errata.graph.config import parse_config
from errata.graph.langgraph_dev import make_graph, open_thread, served
from errata.graph.loop import build_graph
from errata.graph.run_folder import RunFolder

ALL = [kind.name for kind in KINDS]
CONFIG = parse_config(
    {
        "name": "served",
        "exam": {"name": "arithmetic", "practice": 18, "dev": 18, "test": 18},
        "examples": {"per_round": 10},
        "stop": {"rounds": 1},
    },
    "test",
)


def graph_of(thread: str, runs: Path) -> tuple[Any, Any]:
    table = table_agents(load_exams(CONFIG.exam).practice, [ALL[:8]], ALL[:3])
    context = open_thread(thread, None, runs, CONFIG, Given(**table))
    return build_graph(context, served).compile(), context


def test_each_thread_has_a_run_folder_of_its_own_with_a_report(tmp_path: Path) -> None:
    for thread in ("one", "two"):
        graph, _ = graph_of(thread, tmp_path)
        final = asyncio.run(graph.ainvoke({}))
        report = json.loads((tmp_path / f"served-{thread}" / "report.json").read_text())
        assert report["status"] == final["status"] == "round budget spent"
        found = audited(RunFolder(tmp_path / f"served-{thread}"))
        assert found.seal is not None
        assert found.findings == ()


def test_a_folder_at_work_elsewhere_is_refused(tmp_path: Path) -> None:
    graph, context = graph_of("one", tmp_path)
    asyncio.run(graph.ainvoke({}))
    with context.folder.locked(), pytest.raises(RunError, match="at work in another process"):
        asyncio.run(graph_of("one", tmp_path)[0].ainvoke({}))


def test_a_look_at_the_graph_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    async def nodes() -> set[str]:
        async with make_graph({"configurable": {}}) as graph:
            return set(graph.get_graph().nodes)

    assert {"examine", "train", "final_exam"} <= asyncio.run(nodes())
    assert list(tmp_path.iterdir()) == []
