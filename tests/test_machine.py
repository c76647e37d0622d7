"""`errata check` looks at the machine before a run, and rehearses one in a folder of its own."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
from command_line import errata
from doubles import table_agents
from ray_double import RayDouble

from errata.agents.exams.arithmetic import KINDS
from errata.agents.exams.several import RunExams, load_exams
from errata.agents.records import TrainingSettings
from errata.graph.agents import Given
from errata.graph.commands.machine import (
    Gpu,
    Looked,
    Machine,
    gpus_here,
    look,
    rehearse,
    run_seconds,
)
from errata.graph.config import RunConfig, parse_config
from errata.training.extras import install

GIB = 2**30
ALL = [kind.name for kind in KINDS]


def config(**changes: Any) -> RunConfig:
    given = {"exam": {"name": "arithmetic", "practice": 12, "dev": 9, "test": 9}}
    return parse_config(given | changes, "test")


def exams_of(settings: RunConfig) -> RunExams:
    return load_exams(settings.exam, settings.out_of_domain, guard=settings.guard)


def looked(settings: RunConfig, machine: Machine, runs: Path) -> dict[str, list[Looked]]:
    found: dict[str, list[Looked]] = {}
    for one in look(settings, exams_of(settings), runs, machine):
        found.setdefault(one.what, []).append(one)
    return found


def cpu(free_gib: float | None) -> Machine:
    memory = None if free_gib is None else round(free_gib * GIB)
    return Machine(gpus=(), memory=memory, bfloat16=False)


def test_a_machine_that_suffices_is_said_to_and_the_arithmetic_with_it(tmp_path: Path) -> None:
    found = looked(config(), cpu(64), tmp_path)
    assert {one.state for lines in found.values() for one in lines} == {"ok"}
    student, training = found["memory"]
    assert "the student takes about" in student.said
    assert any("134.5M x 4 bytes" in line for line in student.arithmetic)
    assert any("AdamW" in line for line in training.arithmetic)


@pytest.mark.parametrize(("free", "state"), [(0.5, "problem"), (None, "warning")])
def test_too_little_memory_is_said_with_what_to_do(
    free: float | None, state: str, tmp_path: Path
) -> None:
    student, training = looked(config(), cpu(free), tmp_path)["memory"]
    assert (student.state, training.state) == (state, state)
    if free:
        assert "lower student.batch_size" in student.do
        assert "training.gradient_checkpointing" in training.do


def test_a_gpu_is_what_counts_where_there_is_one(tmp_path: Path) -> None:
    gpu = Gpu(name="H200", total=140 * GIB, free=139 * GIB)
    found = looked(config(), Machine(gpus=(gpu,), memory=1, bfloat16=True), tmp_path)
    assert found["GPU"][0].said == "H200: 139 GiB free of 140 GiB"
    assert [one.state for one in found["GPU"]] == ["ok"] * 3
    assert any("x 2 bytes" in line for one in found["GPU"] for line in one.arithmetic)


def test_a_model_that_is_none_is_a_problem(tmp_path: Path) -> None:
    student = {"model": str(tmp_path)}
    found = looked(config(student=student), cpu(64), tmp_path)
    assert found["model"][0].state == "problem"
    assert "has no config.json" in found["model"][0].said


def test_a_config_of_unknown_sizes_is_a_warning_and_no_crash(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"hidden_size": 8}')
    found = looked(config(student={"model": str(tmp_path)}), cpu(64), tmp_path)
    assert found["memory"][0].state == "warning"
    assert "names no num_attention_heads" in found["memory"][0].said


class Launched(TrainingSettings):
    launch: tuple[str, ...]


@pytest.mark.parametrize(
    ("program", "state"), [(sys.executable, "ok"), ("no-such-launcher", "problem")]
)
def test_the_command_that_launches_a_training_is_looked_for(
    program: str, state: str, tmp_path: Path
) -> None:
    settings = config().model_copy(update={"training": Launched(launch=(program, "--many"))})
    [launch] = looked(settings, cpu(64), tmp_path)["launch"]
    assert launch.state == state
    assert "launch" not in looked(config(), cpu(64), tmp_path)


@pytest.mark.process
def test_gpus_are_those_that_cuda_would_see(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "nvidia-smi"
    lines = "NVIDIA A10, Mark 2, 23028 MiB, 20000 MiB\\nNVIDIA H200, 143771 MiB, 143000 MiB"
    program.write_text(f"#!{sys.executable}\nprint('{lines}')\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    for seen, names in (
        (None, ["NVIDIA A10, Mark 2", "NVIDIA H200"]),
        ("1", ["NVIDIA H200"]),
        ("", []),
    ):
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        if seen is not None:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", seen)
        assert [gpu.name for gpu in gpus_here()] == names


def test_a_rehearsal_asks_trains_and_asks_again_with_practice_questions_only() -> None:
    settings = config()
    exams = exams_of(settings)
    agents = table_agents(exams.practice, [ALL])
    found = rehearse(settings, exams, Given(**agents))
    two = [question.id for question in exams.practice[:2]]
    asked = agents["student"].asked
    assert [id for _, id in asked] == two * 3
    assert [model for model, _ in asked[:4]] == ["base"] * 4
    assert asked[-1][0].endswith("adapter")
    [job] = agents["trainer"].jobs
    assert (job.settings.batch, job.settings.epochs) == (1, 1)
    assert not job.adapter.parent.exists()
    assert found.run_s >= 0


def test_a_run_is_as_long_as_what_its_way_trains_on() -> None:
    def seconds(strategy: str, per_round: int) -> float:
        settings = config(strategy=strategy, examples={"per_round": per_round}, stop={"rounds": 1})
        return run_seconds(settings, exams_of(settings), 0, 0, 1)

    assert seconds("sft", 12) == seconds("sft", 1200)
    assert seconds("lec", 1200) == pytest.approx(100 * seconds("lec", 12), rel=0.01)
    assert seconds("sft+lec", 24) == pytest.approx(
        seconds("sft", 24) + seconds("lec", 24), rel=0.01
    )


@pytest.mark.parametrize(("strategy", "guarded"), [("sft", 2 * 12), ("lec", 12)])
def test_a_run_is_longer_for_the_practice_questions_that_it_asks(
    strategy: str, guarded: int
) -> None:
    def asked(guard_practice: bool) -> float:
        stop = {"rounds": 1, "guard_practice": guard_practice}
        settings = config(strategy=strategy, stop=stop)
        return run_seconds(settings, exams_of(settings), 0, 1, 0)

    others = 2 * 9 + 2 * 9
    assert asked(True) == others + 2 * 12
    assert asked(False) == others + 2 * 12 - guarded


def test_check_prints_json_alone_and_fails_on_a_problem(tmp_path: Path) -> None:
    (tmp_path / "my.toml").write_text(
        '[exam]\nname = "arithmetic"\npractice = 12\ndev = 9\ntest = 9\n'
        '[student]\nmodel = "./none"\n'
    )
    done = errata("check", "my.toml", "--json", cwd=tmp_path)
    assert done.returncode == 2
    told = json.loads(done.stdout)
    assert [one["what"] for one in told["looked"] if one["state"] == "problem"] == ["model"]
    assert {agent["agent"] for agent in told["agents"]} == {"instructor", "writer"}
    assert told["rehearsed"] is None


NODES = ({"CPU": 4.0, "GPU": 2.0}, {"CPU": 8.0}, {"CPU": 2.0, "GPU": 1.0})


def of_cluster(tmp_path: Path, **cluster: Any) -> list[tuple[str, str]]:
    """State and sentence of each line about the cluster."""
    found = looked(config(cluster=cluster), cpu(64), tmp_path)["cluster"]
    return [(one.state, one.said) for one in found]


@pytest.mark.parametrize(
    ("asked", "students", "trainers"),
    [
        ({}, ("ok", "1 of 1 students, CPU 1"), ("ok", "1 of 1 trainers, CPU 1")),
        (
            {"students": 3, "student": {"GPU": 1}, "trainers": 4, "trainer": {"GPU": 1}},
            ("ok", "3 of 3 students, GPU 1"),
            ("problem", "3 of 4 trainers, GPU 1"),
        ),
        (
            {"students": 9, "student": {"GPU": 0.4}, "trainers": 3, "trainer": {"CPU": 4}},
            ("warning", "6 of 9 students, GPU 0.4"),
            ("ok", "3 of 3 trainers, CPU 4"),
        ),
        (
            {"student": {"CPU": 9}, "trainer": {"pen": 1}},
            ("problem", "0 of 1 students, CPU 9"),  # 14 in all, and no node has nine
            ("problem", "0 of 1 trainers, pen 1"),
        ),
    ],
)
def test_what_a_cluster_is_asked_for_is_held_against_what_its_nodes_have(
    asked: dict[str, Any],
    students: tuple[str, str],
    trainers: tuple[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "ray", RayDouble("auto", NODES))
    joined, *room = of_cluster(tmp_path, **asked)
    assert joined == ("ok", "the cluster auto has 3 living nodes: CPU 14, GPU 3")
    wanted = [(state, f"there is room for {said} each") for state, said in (students, trainers)]
    assert room == wanted


def test_a_cluster_that_cannot_be_joined_is_one_problem_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", RayDouble("auto"))
    [(state, said)] = of_cluster(tmp_path, address="ray://nowhere:10001")
    assert state == "problem"
    assert said.startswith("the cluster ray://nowhere:10001 cannot be joined (Could not find any")
    assert "`ray start`" in said
    monkeypatch.setitem(sys.modules, "ray", None)
    [(state, said)] = of_cluster(tmp_path)
    assert state == "problem"
    assert install("ray") in said
