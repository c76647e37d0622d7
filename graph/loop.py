"""The improvement loop as a LangGraph state machine: its state and its edges.

    examine → collect → contrast → diagnose → write → prepare → review → train → examine …
            → final_exam

What each node does stands in `errata.graph.nodes`. Which of contrast, diagnose and write there are
is the way's to say (`errata.agents.ways`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from langgraph.graph import END, START, StateGraph

from errata.agents.errors import ErrataError
from errata.agents.marking.judged import judged_by
from errata.graph import nodes
from errata.graph.context import Context
from errata.graph.run_folder import StepTime
from errata.graph.state import State

Node = Callable[[State, Context], State]


def build_graph(
    context: Context, bound: Callable[[Node, Context], Any] | None = None
) -> StateGraph[State]:
    """The loop of one run; compile it with a checkpointer to make it resumable.

    Args:
        bound: Binds each node to the run; `recorded`, when not said.
    """
    bound = bound or recorded
    steps = {"contrast": nodes.contrast, "diagnose": nodes.diagnose, "write": nodes.write}
    learning = [nodes.collect, *(steps[step] for step in context.config.way.steps)]
    learning.append(nodes.prepare)
    graph = StateGraph(State)
    for node in (nodes.examine, *learning, nodes.review, nodes.train, nodes.final_exam):
        graph.add_node(node.__name__, bound(node, context))

    graph.add_edge(START, "examine")
    graph.add_conditional_edges(
        "examine",
        lambda state: "stop" if state["status"] else "go on",
        {"stop": "final_exam", "go on": "collect"},
    )
    for node, following in pairwise(learning):
        graph.add_edge(node.__name__, following.__name__)
    graph.add_conditional_edges(
        "prepare",
        lambda state: "no rows" if state["status"] else "rows",
        {"rows": "review", "no rows": "final_exam"},
    )
    graph.add_conditional_edges(
        "review",
        lambda state: "rejected" if state["status"] else "agreed",
        {"agreed": "train", "rejected": "final_exam"},
    )
    graph.add_edge("train", "examine")
    graph.add_edge("final_exam", END)
    return graph


def recorded(node: Node, context: Context) -> Any:
    """`node` bound to the run, with its time, its events and its finished files on record.

    LangGraph's own runtime context is not used: a server takes it from a request, as JSON, and
    ours holds live agents.
    """

    @functools.wraps(node)
    def run(state: State) -> State:
        name = node.__name__
        context.trace.round = state.get("round", 0) + (name == "collect")
        context.trace.tell("graph", "step started", step=name)
        start = context.clock()
        try:
            with judged_by(context.agents.llms.judges):
                update = node(state, context)
        except ErrataError as error:
            context.trace.tell("graph", "step failed", step=name, error=str(error))
            raise
        seconds = round(context.clock() - start, 2)
        context.folder.step_times.add(
            StepTime(round=context.trace.round, step=name, seconds=seconds)
        )
        context.folder.manifest.record_finished()
        context.trace.tell("graph", "step finished", step=name, seconds=seconds)
        return update

    del run.__wrapped__  # LangGraph reads the signature, and it takes the state alone
    return run
