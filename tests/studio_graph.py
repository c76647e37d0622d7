"""The loop as `langgraph dev` serves it, with a student and a trainer that answer from a table."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from langchain_core.runnables import RunnableConfig

from errata.agents.exams.arithmetic import KINDS
from errata.agents.exams.several import load_exams
from errata.agents.testing.tables import TableStudent, TableTrainer
from errata.graph.agents import Given
from errata.graph.config import load_config
from errata.graph.context import Context
from errata.graph.langgraph_dev import loop_of, open_thread

ALL = [kind.name for kind in KINDS]


def opens(thread: str | None) -> Context:
    config = load_config(Path(os.environ["ERRATA_CONFIG"]))
    kinds = {question.id: question.kind or "" for question in load_exams(config.exam).practice}
    table = Given(student=TableStudent(ALL[:3]), trainer=TableTrainer(kinds, [ALL[:8]]))
    return open_thread(thread, None, Path(os.environ["ERRATA_RUNS"]), config, table)


@asynccontextmanager
async def make_graph(config: RunnableConfig) -> AsyncIterator[Any]:
    async with loop_of(config, opens) as graph:
        yield graph
