"""A cluster of Ray whose nodes are all on this machine, each with processes of its own."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # most runs of the tests start no cluster, and ray takes a second to import
    from ray.cluster_utils import Cluster

NODE = {"num_cpus": 2, "resources": {"pen": 2}}
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",  # as Ray gives an actor of one CPU
    "RAY_USAGE_STATS_ENABLED": "0",
    # Others may use the machine.
    "RAY_memory_monitor_refresh_ms": "0",
    "RAY_worker_niceness": "0",
}


@contextmanager
def started(nodes: int = 2) -> Iterator[Cluster]:
    """A head without room for anything, and `nodes` as `NODE`; this process has joined them."""
    import ray
    from ray.cluster_utils import Cluster

    before = {name: os.environ.get(name) for name in ENVIRONMENT}
    os.environ.update(ENVIRONMENT)
    cluster = Cluster()
    try:
        add_node(cluster, num_cpus=0, include_dashboard=False)
        for _ in range(nodes):
            add_node(cluster, **NODE)
        ray.init(address=cluster.address, log_to_driver=False)
        yield cluster
    finally:
        ray.shutdown()
        cluster.shutdown()
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def add_node(cluster: Cluster, **how: Any) -> Any:
    """One more node.

    With ports that are said it does not wait for its helpers to find some, for which Ray gives them
    15 s, too little on a busy machine.
    """
    names = (
        "metrics_agent_port",
        "metrics_export_port",
        "dashboard_agent_listen_port",
        "runtime_env_agent_port",
    )
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    return cluster.add_node(object_store_memory=80_000_000, **ports, **how)


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("", 0))
        return [each.getsockname()[1] for each in sockets]
