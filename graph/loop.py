"""The improvement loop as a LangGraph state machine.

    examine → contrast → diagnose → write → review → train → examine … → final_exam

Nodes are thin: each reads the last step's records from the run folder, calls one agent, writes
its records and returns numbers. A node that is run again after a kill finds what it finished.
"""

from __future__ import annotations

from typing import Literal, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt

from errata.graph.nodes import Workbench

Status = Literal[
    "target reached",
    "round budget spent",
    "budget spent",
    "no mistakes left",
    "no examples accepted",
    "rejected",
]


class State(TypedDict, total=False):
    """What a checkpoint holds: numbers and names, whatever the size of the exam."""

    round: int
    """Of the candidate that is examined; 0 is the base model."""
    best_round: int
    best_accuracy: float
    """Of the best model, on dev."""
    examples: int
    """Accepted in this round."""
    status: Status | None
    """Why the loop stopped; None while it goes on."""


def build_graph(bench: Workbench) -> StateGraph[State]:
    """The loop over one workbench; compile it with a checkpointer to make it resumable."""
    config = bench.config

    def examine(state: State) -> State:
        """Dev exam of the candidate; a better one becomes the best and sits practice too."""
        index = state.get("round", 0)
        dev = bench.sit(index, "dev")
        promoted = index == 0 or dev.accuracy > state["best_accuracy"]
        bench.trace.tell("examiner", "promoted" if promoted else "dropped", dev=dev.accuracy)
        status: Status | None = None
        if bench.budget_spent(index):
            status = "budget spent"
        elif index >= config.stop.rounds:
            status = "round budget spent"
        if not promoted:
            return {"round": index, "status": status}
        practice = bench.sit(index, "practice")
        if dev.accuracy >= config.stop.target_accuracy:
            status = "target reached"
        elif practice.accuracy == 1 and status is None:
            status = "no mistakes left"
        return {
            "round": index,
            "best_round": index,
            "best_accuracy": dev.accuracy,
            "status": status,
        }

    def collect(state: State) -> State:
        """The best model's mistakes on practice questions open the next round."""
        index = state["round"] + 1
        bench.collect_mistakes(index, state["best_round"])
        return {"round": index}

    def contrast(state: State) -> State:
        """Each mistake beside the nearest correct answers."""
        bench.contrast_mistakes(state["round"], state["best_round"])
        return {}

    def diagnose(state: State) -> State:
        """The instructor names what went wrong."""
        bench.diagnose(state["round"])
        return {}

    def write(state: State) -> State:
        """New examples for each diagnosis, checked."""
        count = bench.write_examples(state["round"])
        status: Status | None = None
        if not count:
            cut_short = bench.budget_spent(state["round"])
            status = "budget spent" if cut_short else "no examples accepted"
        return {"examples": count, "status": status}

    def review(state: State) -> State:
        """A person may look at the examples first (`review = true`)."""
        if not config.review:
            return {}
        answer = interrupt(
            {
                "question": "Train on these examples? Resume with true or false.",
                "round": state["round"],
                "examples": state["examples"],
                "file": str(bench.folder.round(state["round"]) / "examples.jsonl"),
            }
        )
        return {} if answer else {"status": "rejected"}

    def train(state: State) -> State:
        """A LoRA adapter from the examples: the candidate."""
        bench.train(state["round"], state["best_round"])
        return {}

    def final_exam(state: State) -> State:
        """The sealed test and the out-of-domain exams, once: base model and best model."""
        bench.final_exam(state["best_round"])
        return {}

    graph = StateGraph(State)
    for node in (examine, collect, contrast, diagnose, write, review, train, final_exam):
        graph.add_node(bench.timed(node))

    graph.add_edge(START, "examine")
    graph.add_conditional_edges(
        "examine",
        lambda s: "stop" if s["status"] else "go on",
        {"stop": "final_exam", "go on": "collect"},
    )
    graph.add_conditional_edges(
        "collect", lambda s: config.strategy, {"lec": "contrast", "le": "diagnose"}
    )
    graph.add_edge("contrast", "diagnose")
    graph.add_edge("diagnose", "write")
    graph.add_conditional_edges(
        "write",
        lambda s: "nothing to learn" if s["status"] else "examples",
        {"examples": "review", "nothing to learn": "final_exam"},
    )
    graph.add_conditional_edges(
        "review",
        lambda s: "rejected" if s["status"] else "agreed",
        {"agreed": "train", "rejected": "final_exam"},
    )
    graph.add_edge("train", "examine")
    graph.add_edge("final_exam", END)
    return graph
