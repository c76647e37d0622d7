"""The graph as `langgraph dev` serves it: a run folder a thread, held, reported, let go of."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from doubles import table_agents
from langchain_core.runnables.config import ensure_config
from langchain_core.tracers import LangChainTracer
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command
from tampering import audited

from errata.agents.errors import RunError
from errata.agents.exams.arithmetic import KINDS
from errata.agents.exams.several import load_exams
from errata.agents.records import Row
from errata.graph.agents import Given
from errata.graph.config import parse_config
from errata.graph.langgraph_dev import make_graph, open_thread, served
from errata.graph.loop import build_graph
from errata.graph.review import read_review
from errata.graph.run_folder import RunFolder

pytestmark = pytest.mark.loop
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


class NoClient:
    """LangSmith's client, which sends nothing."""

    tracing_queue = None

    def create_run(self, *_: Any, **__: Any) -> None: ...
    def update_run(self, *_: Any, **__: Any) -> None: ...


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
        assert final["report"] == str(tmp_path / f"served-{thread}" / "report.json")
        assert final["run"] == str(tmp_path / f"served-{thread}")
        assert final["gain"] == report["test"]["gain"]["accuracy"]
        assert final["dev"] == report["rounds"][1]["dev"]["accuracy"]
        found = audited(RunFolder(tmp_path / f"served-{thread}"))
        assert found.seal is not None
        assert found.findings == ()


def test_a_folder_at_work_elsewhere_is_refused(tmp_path: Path) -> None:
    graph, context = graph_of("one", tmp_path)
    asyncio.run(graph.ainvoke({}))
    with context.folder.locked(), pytest.raises(RunError, match="at work in another process"):
        asyncio.run(graph_of("one", tmp_path)[0].ainvoke({}))


def test_a_finished_thread_that_is_run_again_changes_nothing(tmp_path: Path) -> None:
    graph, context = graph_of("one", tmp_path)
    final = asyncio.run(graph.ainvoke({}))
    with pytest.raises(RunError, match="is finished: begin a new thread"):
        asyncio.run(graph_of("one", tmp_path)[0].ainvoke(final))
    assert audited(context.folder).findings == ()


@pytest.mark.parametrize("tracing", [True, False])
def test_a_thread_that_is_not_traced_hands_no_tracer_to_its_calls(
    tracing: bool, tmp_path: Path
) -> None:
    found: list[bool] = []

    table = table_agents(load_exams(CONFIG.exam).practice, [ALL[:8]], ALL[:3])
    student = table["student"]
    answer = student.ask

    def ask(*given: Any, **named: Any) -> Any:
        callbacks: Any = ensure_config().get("callbacks")
        found.append(any(isinstance(h, LangChainTracer) for h in callbacks.handlers))
        return answer(*given, **named)

    student.ask = ask
    config = CONFIG.model_copy(update={"tracing": tracing})
    context = open_thread("one", None, tmp_path, config, Given(**table))
    tracer = LangChainTracer(client=NoClient())  # type: ignore[arg-type]
    build_graph(context, served).compile().invoke({}, {"callbacks": [tracer]})
    assert set(found) == {tracing}


REVIEWED = CONFIG.model_copy(update={"review": True})


def ids_asked_about(folder: RunFolder) -> list[str]:
    return [row.example_id for row in folder.collected(1, "proposed", Row)]


@pytest.mark.parametrize("as_text", [False, True], ids=["JSON", "text"])
def test_the_interrupt_takes_a_review_and_says_what_it_refuses(
    as_text: bool, tmp_path: Path
) -> None:
    table = table_agents(load_exams(CONFIG.exam).practice, [ALL[:8]], ALL[:3])
    context = open_thread("one", None, tmp_path, REVIEWED, Given(**table))
    graph = build_graph(context, served).compile(checkpointer=InMemorySaver())
    thread: Any = {"configurable": {"thread_id": "one"}}

    def answer(given: Any) -> dict[str, Any]:
        said = json.dumps(given) if as_text else given
        found: dict[str, Any] = graph.invoke(Command(resume=said), thread)
        return found

    def edited(completion: str) -> dict[str, Any]:
        entry = {"example_id": second, "verdict": "edited", "completion": completion}
        return {"by": "nora", "entries": [{"example_id": first, "verdict": "rejected"}, entry]}

    [asked] = graph.invoke({}, thread)["__interrupt__"]
    first, second, *others = ids_asked_about(context.folder)
    assert asked.value["rows"] == len(others) + 2
    for wrong, says in (
        (edited("I like cats."), "completion does not end in the target"),
        ({"entries": [{"example_id": "e"}]}, "no review"),
        (7, "true, false, or"),
    ):
        [again] = answer(wrong)["__interrupt__"]
        assert says in str(again.value["refused"])
    [row] = [r for r in context.folder.collected(1, "proposed", Row) if r.example_id == second]
    final = answer(edited(f"{row.completion} "))
    assert final["status"] == "round budget spent"
    trained = [row.example_id for row in context.folder.collected(1, "training", Row)]
    assert trained == [second, *others]
    assert read_review(context.folder.round(1) / "review.json").by == "nora"
    assert audited(context.folder).findings == ()


@pytest.mark.parametrize(("answer", "status"), [(True, "round budget spent"), (False, "rejected")])
def test_the_interrupt_takes_yes_and_no(answer: bool, status: str, tmp_path: Path) -> None:
    table = table_agents(load_exams(CONFIG.exam).practice, [ALL[:8]], ALL[:3])
    context = open_thread("one", None, tmp_path, REVIEWED, Given(**table))
    graph = build_graph(context, served).compile(checkpointer=InMemorySaver())
    thread: Any = {"configurable": {"thread_id": "one"}}
    graph.invoke({}, thread)
    assert graph.invoke(Command(resume=answer), thread)["status"] == status
    assert audited(context.folder).findings == ()


def test_a_look_at_the_graph_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    async def nodes() -> set[str]:
        async with make_graph({"configurable": {}}) as graph:
            return set(graph.get_graph().nodes)

    assert {"examine", "train", "final_exam"} <= asyncio.run(nodes())
    assert list(tmp_path.iterdir()) == []
