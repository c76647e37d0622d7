"""The door to Ray: whether it is there, which cluster, and what is asked of its nodes."""

from __future__ import annotations

import importlib.util
import os
import socket
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from errata.agents.cluster.settings import ClusterSettings
from errata.agents.errors import ConfigError, ErrataError, StepFailed
from errata.agents.records import Record
from errata.training.extras import install
from errata.training.jobs import Machine

TRIES = 3
"""How often a batch, or a training, is begun whose node dies over it."""


class Host(Record):
    """Where a student or a trainer was put."""

    node: str
    versions: Mapping[str, str]
    """Package → version, of those that change answers."""


def connect(settings: ClusterSettings) -> None:
    """Joins the cluster, once a process; it is left when the process ends.

    Raises:
        ConfigError: Ray is not installed.
        StepFailed: The cluster does not answer, or does not let us in.
    """
    if importlib.util.find_spec("ray") is None:
        raise ConfigError(
            "[cluster] needs the package ray, which is not installed: run "
            f"{install('ray')}, here and on every node, or take [cluster] out"
        )
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # read when a cluster is started
    import ray

    if ray.is_initialized():
        return
    try:
        ray.init(address=settings.address, log_to_driver=False, logging_level="error")
    except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise StepFailed(
            f"the cluster {settings.address} cannot be joined ({first_line(error)}): start it with "
            "`ray start`, of the same versions of Ray and Python, and give its token where it asks "
            "for one (docs/cluster.md)"
        ) from None


def options_for(wanted: Mapping[str, float]) -> dict[str, Any]:
    """Resources as Ray's `options` takes them."""
    named = {name: amount for name, amount in wanted.items() if name not in ("CPU", "GPU")}
    memory = named.pop("memory", None)
    found: dict[str, Any] = {"num_cpus": wanted.get("CPU", 1), "resources": named}
    if "GPU" in wanted:
        found["num_gpus"] = wanted["GPU"]
    if memory is not None:
        found["memory"] = memory
    return found


def host_here(packages: Sequence[str]) -> Host:
    """Who runs this, on a node."""
    import ray

    id = ray.get_runtime_context().get_node_id()
    return Host(node=f"{socket.gethostname()} ({id[:8]})", versions=versions_of(packages))


def versions_of(packages: Sequence[str]) -> dict[str, str]:
    """`none` where a package is not installed."""
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "none"
    return found


def check_host(host: Host, versions: Mapping[str, str]) -> None:
    """Raises: StepFailed: The node has other versions than `versions`, those of the run."""
    for package, ours in versions.items():
        theirs = host.versions.get(package)
        if theirs != ours:
            raise StepFailed(
                f"the node {host.node} has {package} {theirs}, and the run {ours}, with which "
                "answers may differ: install the same on every node, then resume the run"
            )


def check_alike(host: Host, machine: Machine, first: Machine, mixed: bool) -> None:
    """Raises: StepFailed: The node computes otherwise than the first, and that is not wanted."""
    if machine == first or mixed:
        return
    differ = [
        f"{name} {getattr(machine, name)} instead of {getattr(first, name)}"
        for name in Machine.model_fields
        if getattr(machine, name) != getattr(first, name)
    ]
    raise StepFailed(
        f"the node {host.node} computes with {', '.join(differ)}, so its answers may differ: take "
        "it out of the cluster and resume the run, or start one with mixed = true under [cluster]"
    )


def no_room(what: str, count: int, wanted: Mapping[str, float], wait_s: float) -> StepFailed:
    """Nothing was found for `what` in time."""
    nodes = living_nodes()
    asked, held = listed({"CPU": 1} | dict(wanted)), listed(together(nodes))
    times = f"{count} times " if count > 1 else ""
    return StepFailed(
        f"no place was found for {what} within {wait_s:g} s: it needs {times}{asked}, and the "
        f"{len(nodes)} nodes that live have {held}, some of it in use; add nodes, then resume the "
        "run"
    )


def living_nodes() -> list[Mapping[str, float]]:
    """What each node of the joined cluster has in all, some of it in use perhaps."""
    import ray

    return [
        {name: held for name, held in node["Resources"].items() if not name.startswith("node:")}
        for node in ray.nodes()
        if node["Alive"]
    ]


def together(nodes: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = sorted({name for node in nodes for name in node})
    return {name: sum(node.get(name, 0) for node in nodes) for name in names}


def listed(amounts: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {amount:g}" for name, amount in amounts.items())


def places(nodes: Sequence[Mapping[str, float]], wanted: Mapping[str, float]) -> int:
    """How many of those that take `wanted` have room at the same time, with nothing else there."""
    asked = {"CPU": 1.0} | dict(wanted)
    return sum(
        int(min(node.get(name, 0) / amount + 1e-9 for name, amount in asked.items()))
        for node in nodes
    )


def cause_of(error: BaseException) -> ErrataError | None:
    """What went wrong on a node, where it is an error of errata's own."""
    cause = getattr(error, "cause", None)
    return cause if isinstance(cause, ErrataError) else None


def first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def last_line(error: BaseException) -> str:
    """Where a traceback says what it was about."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
