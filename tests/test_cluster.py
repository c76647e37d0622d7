"""Students and trainings on a cluster of Ray: three nodes on this machine, one of them the head.

What is answered and learnt there is what is answered and learnt here, and the death of a node or of
the run's own process costs what was under way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from tiny_models import write_tiny_model

pytest.importorskip("ray")

import ray
from ray.cluster_utils import Cluster

from errata.agents.cluster import ClusterSettings, RayStudent
from errata.agents.records import ModelRef, Question, Sampling
from errata.agents.student import StudentSettings
from errata.agents.weights import LocalStudent

pytestmark = [
    pytest.mark.ray,
    pytest.mark.filterwarnings("ignore"),  # Ray's own
]

SETTINGS = StudentSettings(max_new_tokens=12, batch_size=4, precision="float32")
QUESTIONS = [
    Question(id=f"q{at}", prompt="Say more. " * (at % 5) + f"What is {at} + 2?", target="4")
    for at in range(22)
]
NODE = {"num_cpus": 2, "resources": {"pen": 2}, "object_store_memory": 80_000_000}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")  # as Ray gives an actor of one CPU
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_memory_monitor_refresh_ms", "0")  # the machine is shared
        started = Cluster(
            initialize_head=True,
            head_node_args={
                "num_cpus": 0,
                "object_store_memory": 80_000_000,
                "include_dashboard": False,
            },
        )
        for _ in range(2):
            started.add_node(**NODE)
        ray.init(address=started.address, log_to_driver=False)
        yield started
        ray.shutdown()
        started.shutdown()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


def settings(**changes: Any) -> ClusterSettings:
    return ClusterSettings.model_validate(
        {"students": 2, "student": {"CPU": 1, "pen": 2}, "wait_s": 120} | changes
    )


Said = dict[tuple[str, int], tuple[str, int, bool]]


def answers(
    student: Any, model: ModelRef, sampling: Sampling, answered: Sequence[str] = ()
) -> Said:
    said = list(student.ask(model, QUESTIONS, frozenset(answered), sampling))
    found = {(r.question_id, r.sample): (r.text, r.tokens, r.truncated) for r in said}
    assert len(found) == len(said)
    return found


def test_two_nodes_answer_as_one_machine_does(cluster: Cluster, base: str, tmp_path: Path) -> None:
    here = LocalStudent(SETTINGS, tmp_path / "here")
    there = RayStudent(SETTINGS, settings(), tmp_path / "there")
    drawn = Sampling(answers=3, temperature=1.0, seed=4)
    some = [question.id for question in QUESTIONS[:7]]
    try:
        model = ModelRef(base=base)
        for sampling, answered in ((Sampling(), ()), (drawn, ()), (Sampling(), some)):
            ours = answers(here, model, sampling, answered)
            theirs = answers(there, model, sampling, answered)
            assert theirs == ours
            assert len(theirs) == (len(QUESTIONS) - len(answered)) * sampling.answers
        assert len({seat.host.node for seat in there.seats if seat.host}) == 2
    finally:
        here.close()
        there.close()
    machines = [
        (tmp_path / who / "machines.jsonl").read_text().strip() for who in ("here", "there")
    ]
    assert machines[0] == machines[1]
