"""The loop for `langgraph dev`, which brings its own checkpointer.

The configuration is the TOML file that `ERRATA_CONFIG` names, or the demo's. Each thread of the
server works in a run folder of its own, `runs/NAME-THREAD`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing, nullcontext
from pathlib import Path
from typing import Any, cast

from langchain_core.runnables import RunnableConfig

from errata.agents.chat_models.cache import ReplyCache, replies_path
from errata.agents.chat_models.tracing import without_tracing_in_node
from errata.agents.errors import RunError
from errata.agents.exams.corrections import Corrected
from errata.agents.exams.several import load_exams
from errata.graph.agents import Given, check_practice, open_agents
from errata.graph.config import RunConfig, load_config
from errata.graph.context import Context
from errata.graph.demo import demo_config
from errata.graph.loop import Node, build_graph, recorded
from errata.graph.run import conclude, write_start
from errata.graph.run_folder import RunFolder
from errata.graph.state import State
from errata.graph.trace import Trace
from errata.graph.watcher import NoWatcher


@asynccontextmanager
async def make_graph(config: RunnableConfig) -> AsyncIterator[Any]:
    """The compiled loop of one thread; without a thread, to be looked at only."""
    with closing(ReplyCache(replies_path())) as cache:
        async with loop_of(config, lambda thread: open_thread(thread, cache)) as graph:
            yield graph


@asynccontextmanager
async def loop_of(
    config: RunnableConfig, opens: Callable[[str | None], Context]
) -> AsyncIterator[Any]:
    """The compiled loop of one thread, whose agents are let go of at the end.

    Files are read in another thread of this process: the server lets nothing block its own.
    """
    context = await asyncio.to_thread(opens, config.get("configurable", {}).get("thread_id"))
    try:
        yield build_graph(context, served).compile()
    finally:
        await asyncio.to_thread(context.agents.unload)


def open_thread(
    thread: str | None,
    cache: ReplyCache | None,
    runs: Path = Path("runs"),
    config: RunConfig | None = None,
    given: Given | None = None,
) -> Context:
    """What the nodes of a thread work with; its run folder is made at its first step."""
    if config is None:
        named = os.environ.get("ERRATA_CONFIG")
        config = load_config(Path(named)) if named else demo_config()
    folder = RunFolder(runs / (f"{config.name}-{thread}" if thread else config.name))
    trace = Trace(folder.path / "trace.jsonl")
    agents = open_agents(config, folder, trace, cache, given or Given())
    return Context(config, folder, trace, agents, NoWatcher())


def served(node: Node, context: Context) -> Callable[[State], State]:
    """`node` as a server calls it: the run folder is held for each step, and the report written
    after the last one. A finished run takes no further step: its files are sealed."""
    step = recorded(node, context)

    def run(state: State) -> State:
        folder, config = context.folder, context.config
        if not folder.exists:
            corrected: list[Corrected] = []
            exams = load_exams(
                config.exam, config.out_of_domain, guard=config.guard, corrected=corrected
            )
            check_practice(config, exams.practice)
            folder.create(
                lambda scratch: write_start(scratch, config, exams, None, corrected=corrected)
            )
        kept_here = nullcontext() if config.tracing else without_tracing_in_node()
        with folder.locked(), kept_here:
            if folder.manifest.sealed:
                raise RunError(f"the run {folder.path} is finished: begin a new thread")
            update: State = {**cast(State, step(state)), "run": str(folder.path)}
            if node.__name__ == "final_exam":
                report = conclude(folder, config, state)
                update["report"] = str(folder.path / "report.json")
                update["gain"] = report.test.gain.accuracy
        return update

    return run
