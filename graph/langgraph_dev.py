"""The loop for `langgraph dev`, which brings its own checkpointer.

The configuration is the TOML file that `ERRATA_CONFIG` names, or the demo's. Every thread of
the server works on the run folder of that name under `runs/`, one at a time.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

from errata.agents.exams.several import load_exams
from errata.graph.agents import Given, open_agents
from errata.graph.config import load_config
from errata.graph.context import Context
from errata.graph.demo import demo_config
from errata.graph.loop import build_graph
from errata.graph.run import write_start
from errata.graph.run_folder import RunFolder
from errata.graph.trace import Trace
from errata.graph.watcher import NoWatcher


async def make_graph() -> Any:
    """The compiled loop. Files are read in a thread: the server lets nothing block its own."""
    return await asyncio.to_thread(compiled)


def compiled() -> Any:
    """The run folder is made when it is not there yet."""
    named = os.environ.get("ERRATA_CONFIG")
    config = load_config(Path(named)) if named else demo_config()
    folder = RunFolder(Path("runs") / config.name)
    if not folder.exists:
        exams = load_exams(config.exam, config.out_of_domain)
        folder.create(lambda scratch: write_start(scratch, config, exams, None))
    trace = Trace(folder.path / "trace.jsonl")
    agents = open_agents(config, folder, trace, None, Given())
    return build_graph(Context(config, folder, trace, agents, NoWatcher())).compile()
