"""[cluster] in a configuration, what travels to the nodes, and the examples of clusters."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from errata.agents.errors import ConfigError
from errata.graph.agents import Given, open_student_and_trainer
from errata.graph.config import load_config, parse_config
from errata.training.extras import install
from errata.training.parcels import name_of, pack, unpack

EXAMPLES = Path(__file__).parents[1] / "examples" / "cluster"


def parsed(cluster: dict[str, Any]) -> Any:
    return parse_config({"exam": {"name": "arithmetic"}, "cluster": cluster}, "test").cluster


def test_a_cluster_is_said_in_the_configuration_and_none_is_the_default() -> None:
    found = parsed({"students": 8, "student": {"GPU": 1}, "trainers": 4, "trainer": {"GPU": 1}})
    assert (found.address, found.students, dict(found.student)) == ("auto", 8, {"GPU": 1})
    assert parse_config({"exam": {"name": "arithmetic"}}, "test").cluster is None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"student": {"GPU": 0}}, "0 of GPU is nothing; say more"),
        ({"trainer": {"GPU": 1.5}}, "say a part of one, or whole ones"),
        ({"student": {"CPU": "many"}}, "'cluster.student.CPU' is wrong"),
        ({"studnets": 2}, "unknown key 'cluster.studnets'; did you mean 'students'?"),
        ({"students": 0}, "greater than or equal to 1"),
    ],
)
def test_a_cluster_that_cannot_be_is_refused_in_one_sentence(
    given: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said) as refused:
        parsed(given)
    assert "\n" not in str(refused.value)


def test_without_ray_a_cluster_is_refused_with_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    config = parse_config({"exam": {"name": "arithmetic"}, "cluster": {}}, "test")
    with pytest.raises(ConfigError, match=re.escape(install("ray"))):
        open_student_and_trainer(config, tmp_path, Given())
    alone = config.model_copy(update={"cluster": None})
    assert open_student_and_trainer(alone, tmp_path, Given())


def test_the_same_files_make_the_same_parcel_and_come_out_as_they_were(tmp_path: Path) -> None:
    for at, order in enumerate((("b", "a/c"), ("a/c", "b"))):
        for name in order:
            file = tmp_path / str(at) / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(name.encode() * 1000)
    packed = pack(tmp_path / "0")
    assert packed == pack(tmp_path / "1")
    unpack(packed, tmp_path / "out")
    unpack(packed, tmp_path / "out")  # another process was quicker
    assert (tmp_path / "out" / "a" / "c").read_bytes() == b"a/c" * 1000
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1", "out"]
    (tmp_path / "1" / "b").write_bytes(b"!")
    assert name_of(pack(tmp_path / "1")) != name_of(packed)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.name)
def test_the_configurations_beside_them_have_a_cluster(path: Path) -> None:
    assert load_config(path).cluster is not None


@pytest.mark.process
def test_the_script_for_slurm_is_one_that_bash_can_read() -> None:
    script = EXAMPLES / "slurm.sbatch"
    subprocess.run(["bash", "-n", str(script)], check=True)
    if shutil.which("shellcheck"):
        subprocess.run(["shellcheck", str(script)], check=True)


FIELDS = {
    "spec": "entrypoint submissionMode shutdownAfterJobFinishes ttlSecondsAfterFinished "
    "backoffLimit rayClusterSpec runtimeEnvYAML jobId clusterSelector suspend "
    "activeDeadlineSeconds submitterPodTemplate entrypointNumCpus",
    "cluster": "rayVersion headGroupSpec workerGroupSpecs enableInTreeAutoscaling "
    "autoscalerOptions authOptions headServiceAnnotations suspend gcsFaultToleranceOptions",
    "head": "rayStartParams template serviceType enableIngress headService",
    "worker": "groupName replicas minReplicas maxReplicas numOfHosts rayStartParams template "
    "idleTimeoutSeconds suspend scaleStrategy",
}
"""What KubeRay's RayJob (ray.io/v1) knows: docs.ray.io, KubeRay API reference."""


def test_the_rayjob_has_only_fields_that_kuberay_documents() -> None:
    documents = list(yaml.safe_load_all((EXAMPLES / "kuberay.yaml").read_text()))
    [job] = [each for each in documents if each["kind"] == "RayJob"]
    assert job["apiVersion"] == "ray.io/v1"
    spec = job["spec"]
    cluster = spec["rayClusterSpec"]
    parts = {"spec": [spec], "cluster": [cluster], "head": [cluster["headGroupSpec"]]}
    for name, found in (parts | {"worker": cluster["workerGroupSpecs"]}).items():
        for part in found:
            assert set(part) <= set(FIELDS[name].split()), name
            if name in ("head", "worker"):
                [container] = part["template"]["spec"]["containers"]
                environment = {each["name"]: each.get("value") for each in container["env"]}
                assert environment["RAY_USAGE_STATS_ENABLED"] == "0"
    [config] = [each for each in documents if each["kind"] == "ConfigMap"]
    assert "[cluster]" in config["data"]["run.toml"]


@pytest.mark.process
def test_the_task_for_skypilot_has_only_fields_that_it_documents() -> None:
    task = yaml.safe_load((EXAMPLES / "skypilot.yaml").read_text())
    known = "name workdir num_nodes resources envs secrets volumes file_mounts setup run config"
    assert set(task) <= set(known.split())
    assert "accelerators" in task["resources"]
    for part in ("setup", "run"):
        subprocess.run(["bash", "-n"], input=task[part], text=True, check=True)


def test_the_settings_of_a_cluster_are_kept_with_the_run() -> None:
    config = parse_config({"exam": {"name": "arithmetic"}, "cluster": {"students": 2}}, "test")
    kept = json.loads(config.model_dump_json())["cluster"]
    assert kept["students"] == 2
    assert parse_config(json.loads(config.model_dump_json()), "config.json") == config


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"student": {"urls": ["http://127.0.0.1:8001/v1"]}}, "the student answers on servers"),
        ({"training": {"launch": ["torchrun"]}}, "trainers are placed by Ray"),
    ],
)
def test_a_cluster_beside_other_places_to_work_is_refused(
    other: dict[str, Any], message: str
) -> None:
    given = {"exam": {"name": "arithmetic"}, "cluster": {}} | other
    with pytest.raises(ConfigError, match=message):
        parse_config(given, "test")
