"""Students and trainings on a cluster of Ray: three nodes on this machine, one of them the head.

What is answered and learnt there is what is answered and learnt here, and the death of a node or of
the run's own process costs what was under way.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from cluster_doubles import answering
from clusters import add_node, started
from tiny_models import write_tiny_model

from errata.agents.cluster.settings import ClusterSettings
from errata.agents.cluster.student import RayStudent
from errata.agents.cluster.trainer import RayTrainer
from errata.agents.errors import StepFailed
from errata.agents.exams.several import load_exams
from errata.agents.records import ModelRef, Question, Sampling, TrainingSettings
from errata.agents.student import StudentSettings
from errata.agents.trainer import TrainingJob
from errata.agents.weights import LocalStudent, LocalTrainer
from errata.graph.commands.machine import Machine, look
from errata.graph.config import parse_config
from errata.training.finished import find_finished
from errata.training.jobs import TrainingRow

if TYPE_CHECKING:
    from ray.cluster_utils import Cluster

pytestmark = [
    pytest.mark.ray,
    pytest.mark.skipif(find_spec("ray") is None, reason="ray is not installed"),
    pytest.mark.filterwarnings("ignore"),  # Ray's own
]

SETTINGS = StudentSettings(max_new_tokens=12, batch_size=4, precision="float32")
QUESTIONS = [
    Question(id=f"q{at}", prompt="Say more. " * (at % 5) + f"What is {at} + 2?", target="4")
    for at in range(22)
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with started() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


def settings(**changes: Any) -> ClusterSettings:
    return ClusterSettings.model_validate(
        {"students": 2, "student": {"CPU": 1, "pen": 2}, "wait_s": 900} | changes
    )


Said = dict[tuple[str, int], tuple[str, int, bool]]


def answers(
    student: Any, model: ModelRef, sampling: Sampling, answered: Sequence[str] = ()
) -> Said:
    said = list(student.ask(model, QUESTIONS, frozenset(answered), sampling))
    found = {(r.question_id, r.sample): (r.text, r.tokens, r.truncated) for r in said}
    assert len(found) == len(said)
    return found


def test_the_check_counts_the_room_that_the_nodes_have(cluster: Cluster, tmp_path: Path) -> None:
    asked = {"students": 2, "student": {"pen": 2}, "trainers": 5, "trainer": {"CPU": 1}}
    config = parse_config({"exam": {"name": "arithmetic"}, "cluster": asked}, "test")
    exams = load_exams(config.exam)
    machine = Machine(gpus=(), memory=None, bfloat16=False)
    said = [one.said for one in look(config, exams, tmp_path, machine) if one.what == "cluster"]
    assert said[0].endswith("has 3 living nodes: CPU 4, pen 4")
    assert said[1:] == [
        "there is room for 2 of 2 students, pen 2 each",
        "there is room for 4 of 5 trainers, CPU 1 each",
    ]


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


def student(folder: Path, actor: type, size: int = 2, **changes: Any) -> RayStudent:
    asked = SETTINGS.model_copy(update={"batch_size": size})
    return RayStudent(asked, settings(**changes), folder, actor=actor)


def test_a_nodes_death_costs_its_batch_and_nothing_else(cluster: Cluster, tmp_path: Path) -> None:
    log = tmp_path / "log"
    dying = add_node(cluster, num_cpus=1, resources={"pen": 1, "soon gone": 1})
    one = {"student": {"CPU": 1, "pen": 1}, "students": 5}
    asked = student(tmp_path, answering(0.5, log), **one)
    said = []
    try:
        for response in asked.ask(ModelRef(base="none"), many(60), frozenset()):
            said.append(response.question_id)
            if len(said) == 20:
                cluster.remove_node(dying, allow_graceful=False)
    finally:
        asked.close()
    assert sorted(said) == sorted(question.id for question in many(60))
    begun = Counter(log.read_text().split())
    assert len(begun) == 30
    assert begun.total() <= 31


def many(count: int) -> list[Question]:
    return [Question(id=f"q{at}", prompt="?", target="4") for at in range(count)]


def test_where_no_node_is_left_the_step_fails_and_is_taken_up_with_a_new_one(
    cluster: Cluster, tmp_path: Path
) -> None:
    lonely = {"num_cpus": 1, "resources": {"rare": 1}}
    node = add_node(cluster, **lonely)
    changes = {"student": {"CPU": 1, "rare": 1}, "students": 1, "wait_s": 20}
    asked = student(tmp_path, answering(0.1), **changes)
    done = []

    def ask_and_lose_the_node() -> None:
        for response in asked.ask(ModelRef(base="none"), many(20), frozenset()):
            done.append(response.question_id)
            if len(done) == 4:
                cluster.remove_node(node, allow_graceful=False)

    with pytest.raises(StepFailed, match=r"no place was found for a student .* rare 1"):
        ask_and_lose_the_node()
    assert 4 <= len(done) < 20
    node = add_node(cluster, **lonely)
    again = student(tmp_path, answering(0.1), **changes | {"wait_s": 120})
    rest = [r.question_id for r in again.ask(ModelRef(base="none"), many(20), frozenset(done))]
    again.close()
    cluster.remove_node(node)
    assert sorted(done + rest) == sorted(question.id for question in many(20))


def test_a_batch_that_kills_each_student_ends_the_step(cluster: Cluster, tmp_path: Path) -> None:
    log = tmp_path / "log"
    asked = student(tmp_path, answering(0, log, deadly="q9"), size=1)
    with pytest.raises(StepFailed, match="answering failed 3 times"):
        list(asked.ask(ModelRef(base="none"), many(12), frozenset()))
    assert Counter(log.read_text().split())["q9"] == 3


def test_nodes_of_different_kinds_are_refused_or_on_record(
    cluster: Cluster, tmp_path: Path
) -> None:
    asked = student(tmp_path, answering(0.2, kinds=True))
    with pytest.raises(StepFailed, match=r"computes with device .* instead of"):
        list(asked.ask(ModelRef(base="none"), many(40), frozenset()))
    asked = student(tmp_path / "mixed", answering(0.2, kinds=True), mixed=True)
    assert len(list(asked.ask(ModelRef(base="none"), many(40), frozenset()))) == 40
    asked.close()
    assert len((tmp_path / "mixed" / "machines.jsonl").read_text().split("\n")) == 3


def test_a_node_with_another_version_is_refused(cluster: Cluster, tmp_path: Path) -> None:
    old = RayStudent(SETTINGS, settings(), tmp_path, {"torch": "0.1"}, answering(0))
    with pytest.raises(StepFailed, match=r"the node .* has torch \S+, and the run 0\.1"):
        list(old.ask(ModelRef(base="none"), many(2), frozenset()))


TRAINING = TrainingSettings(
    learning_rate=2e-2, epochs=2, batch=2, accumulate=2, precision="float32"
)


def training(base: str, folder: Path, **changes: Any) -> TrainingJob:
    rows = folder / "rows.jsonl"
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        TrainingRow(prompt=question.prompt, completion="yes" * (1 + at % 3)).model_dump_json()
        for at, question in enumerate(QUESTIONS[:12])
    ]
    rows.write_text("\n".join(lines) + "\n")
    job = TrainingJob(
        start=ModelRef(base=base), examples=rows, adapter=folder / "adapter", settings=TRAINING
    )
    return job.model_copy(update=changes)


def losses(trainer: Any, job: TrainingJob) -> list[float]:
    told: list[tuple[int, int, float]] = []
    trained = trainer.train(job, lambda *step: told.append(step))
    assert [step for step, _, _ in told] == list(range(1, len(told) + 1))
    assert {steps for _, steps, _ in told} == {len(told)}
    assert trained.model == ModelRef(base=job.start.base, adapter=str(job.adapter))
    assert trained.loss == told[-1][2]
    assert trainer.train(job, lambda *step: pytest.fail("trained again")) == trained
    return [loss for _, _, loss in told]


def test_a_node_trains_what_this_machine_trains_and_the_adapter_travels_both_ways(
    cluster: Cluster, base: str, tmp_path: Path
) -> None:
    here, there = training(base, tmp_path / "here"), training(base, tmp_path / "there")
    trainer = RayTrainer(settings())
    began = losses(trainer, there)
    assert began == losses(LocalTrainer(), here)
    name = "adapter_model.safetensors"
    assert (there.adapter / name).read_bytes() == (here.adapter / name).read_bytes()
    assert find_finished(there) is not None

    adapted = ModelRef(base=base, adapter=str(there.adapter))
    further = training(base, tmp_path / "further", start=adapted)
    assert losses(trainer, further)[0] < began[0] * 0.9
    found = find_finished(further)
    assert found is not None
    assert found.job == further

    local = LocalStudent(SETTINGS, tmp_path / "local")
    remote = RayStudent(SETTINGS, settings(students=1), tmp_path / "remote")
    try:
        ours = answers(local, adapted, Sampling())
        assert answers(remote, adapted, Sampling()) == ours
        assert answers(remote, ModelRef(base=base), Sampling()) != ours
    finally:
        local.close()
        remote.close()


def test_two_processes_on_two_nodes_train_as_one_does(
    cluster: Cluster, base: str, tmp_path: Path
) -> None:
    one = training(base, tmp_path / "one")
    half = TRAINING.model_copy(update={"accumulate": 1})
    two = training(base, tmp_path / "two", settings=half)
    shared = losses(RayTrainer(settings(trainers=2, trainer={"CPU": 1, "pen": 2})), two)
    assert shared == pytest.approx(losses(LocalTrainer(), one), abs=1e-3)
    from safetensors.torch import load_file

    weights = load_file(two.adapter / "adapter_model.safetensors")
    ours = load_file(one.adapter / "adapter_model.safetensors")
    assert weights.keys() == ours.keys()
    assert all(bool(each.any()) for name, each in weights.items() if "lora_B" in name)


def test_a_training_that_cannot_be_says_why_in_the_words_of_its_process(
    cluster: Cluster, base: str, tmp_path: Path
) -> None:
    short = TRAINING.model_copy(update={"max_tokens": 8})
    for trainers in (1, 2):
        job = training(base, tmp_path / str(trainers), settings=short)
        with pytest.raises(StepFailed, match=r"no example .* training.max_tokens \(8\); raise it"):
            RayTrainer(settings(trainers=trainers)).train(job, lambda *step: None)
        assert not job.adapter.exists()
    job = training(base, tmp_path / "no room")
    nowhere = settings(trainer={"CPU": 1, "unheard of": 1}, wait_s=2)
    with pytest.raises(StepFailed, match=r"no place was found for the training .* unheard of 1"):
        RayTrainer(nowhere).train(job, lambda *step: None)


def test_a_killed_run_leaves_nothing_on_the_nodes_and_ends_like_one_without_a_cluster(
    cluster: Cluster, tmp_path: Path
) -> None:
    script = str(Path(__file__).with_name("cluster_run.py"))

    def work(runs: Path, address: str, kill_after: int) -> int:
        return subprocess.run(
            [sys.executable, script, str(runs), address, str(kill_after)]
        ).returncode

    there = tmp_path / "there"
    for kill_after in (20, 50):  # in the first exam, then in the next
        assert work(there, cluster.address, kill_after) == -9
        deadline = time.monotonic() + 60
        while left := actors():
            assert time.monotonic() < deadline, left
            time.sleep(0.5)
    assert list((there / "t" / "round-00").glob("*.part"))
    assert work(there, cluster.address, 0) == 0
    assert work(tmp_path / "here", "none", 0) == 0
    for name in ("round-00/dev", "round-00/practice", "round-01/dev", "final/test-best"):
        ours, theirs = (
            sorted((tmp_path / who / "t" / f"{name}.jsonl").read_text().splitlines())
            for who in ("here", "there")
        )
        assert theirs == ours, name
        assert len(theirs) == 36


def actors() -> list[str]:
    """Processes of students, on any node."""
    lines = (" ".join(each.info["cmdline"] or ()) for each in psutil.process_iter(["cmdline"]))
    return [line for line in lines if line.startswith("ray::Knowing")]
