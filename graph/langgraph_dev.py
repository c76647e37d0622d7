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
from errata.graph.config import load_config
from errata.graph.demo import demo_config
from errata.graph.loop import build_graph
from errata.graph.nodes import NoWatcher, Workbench
from errata.graph.run import hire, prepare
from errata.graph.run_folder import RunFolder
from errata.graph.trace import Trace


async def make_graph() -> Any:
    """The compiled loop. Files are read in a thread: the server lets nothing block its own."""
    return await asyncio.to_thread(compiled)


def compiled() -> Any:
    """The run folder is made when it is not there yet."""
    named = os.environ.get("ERRATA_CONFIG")
    config = load_config(Path(named)) if named else demo_config()
    folder = RunFolder(Path("runs") / config.name)
    if not (folder.path / "config.json").exists():
        prepare(folder, config, load_exams(config.exam, config.out_of_domain))
    trace = Trace(folder.path / "trace.jsonl")
    agents = hire(config, folder, trace)
    return build_graph(Workbench(config, folder, trace, agents, NoWatcher())).compile()
