"""A training of several processes, started by a launcher: torchrun and accelerate, with gloo.

Two processes train the same rows in the same steps as one, whatever is minimized and adapted; only
the first speaks; one that fails or is killed ends the others; all end with their parent.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from test_objectives import PAIRS, ROWS, job_of
from tiny_models import write_tiny_model

from errata.agents.errors import ConfigError, StepFailed
from errata.agents.trainer import TrainingJob
from errata.agents.weights import LocalTrainer
from errata.graph.config import load_config
from errata.training.finished import find_finished
from errata.training.jobs import TrainingRow

TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")
TRAININGS = {
    "sft": {},
    "dpo": {"objective": "dpo", "options": {"nll": 0.5}},
    "dft": {"objective": "dft"},
    "coverage": {"objective": "coverage"},
    "accumulated": {"accumulate": 2, "batch": 2},
    "by tokens": {"epochs": None, "tokens": 900},
    "dora": {"adapter": "dora"},
    "pissa": {"adapter": "pissa"},
    "corda": {"adapter": "corda"},
}
SCRIPT = Path(__file__).with_name("several_trainings.py")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


def rows_for(objective: str) -> list[TrainingRow]:
    """Seven: the last batch of neither one process nor two is full."""
    rows = PAIRS if objective == "dpo" else ROWS
    return [
        row.model_copy(update={"prompt": f"{row.prompt} {at}"})
        for at, row in enumerate([*rows, *rows, rows[0]])
    ]


def weights_of(adapter: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return dict(load_file(adapter / "adapter_model.safetensors"))


@pytest.fixture(scope="module")
def trained(
    base: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[TrainingJob, TrainingJob]]:
    """Each training by one process, and by two with half of its batch, or of its batches."""
    folder = tmp_path_factory.mktemp("trained")
    jobs: dict[str, tuple[TrainingJob, TrainingJob]] = {}
    for name, settings in TRAININGS.items():
        rows = rows_for(settings.get("objective", "sft"))
        given = {"rank": 4, "epochs": 2, "batch": 4} | settings
        half = given | (
            {"accumulate": 1} if "accumulate" in given else {"batch": given["batch"] // 2}
        )
        jobs[name] = (
            job_of(base, folder / f"one {name}", rows, **given),
            job_of(base, folder / f"two {name}", rows, **half),
        )
    for at, start in enumerate(([sys.executable], TORCHRUN)):
        files = []
        for pair in jobs.values():
            files.append(pair[at].adapter.with_name("job.json"))
            files[-1].write_text(pair[at].model_dump_json())
        subprocess.run([*start, str(SCRIPT), *map(str, files)], check=True)
    return jobs


@pytest.mark.process
@pytest.mark.model
@pytest.mark.slow
@pytest.mark.parametrize("name", TRAININGS)
def test_two_processes_train_the_same_rows_in_the_same_steps_as_one(
    name: str, trained: dict[str, tuple[TrainingJob, TrainingJob]]
) -> None:
    one, two = trained[name]
    alone, together = (
        json.loads(job.adapter.with_name("losses.json").read_text()) for job in (one, two)
    )
    assert len(alone) >= 4
    assert together == pytest.approx(alone, abs=1e-3)
    ours, theirs = find_finished(one), find_finished(two)
    assert ours is not None
    assert theirs is not None
    assert (ours.tokens, ours.processes) == (theirs.tokens, 1)
    assert theirs.processes == 2
    assert theirs.measured == pytest.approx(ours.measured, abs=1e-2)
    expected, found = weights_of(one.adapter), weights_of(two.adapter)
    assert expected.keys() == found.keys()
    for layer, weights in found.items():
        assert weights.abs().max() > 0, layer
        assert (expected[layer] - weights).abs().max() < 0.05 * weights.abs().max(), layer


MINE = """
import os
class Mine:
    def loss(self, losses, row):
        if os.environ["RANK"] == "1":
            {does}
        return losses
"""


def own_objective(folder: Path, does: str) -> str:
    file = folder / "mine.py"
    file.write_text(MINE.format(does=does))
    return f"python:{file}:Mine"


@pytest.mark.long
@pytest.mark.process
@pytest.mark.model
@pytest.mark.slow
@pytest.mark.parametrize(
    ("does", "said"),
    [
        ("raise ValueError('no more of this')", "in process number 1: ValueError: no more of this"),
        ("os.kill(os.getpid(), 9)", "process number 1 was killed by SIGKILL .often: out of memory"),
    ],
)
def test_a_process_that_fails_ends_the_others_and_its_last_words_are_told(
    does: str, said: str, base: str, tmp_path: Path
) -> None:
    own = {"objective": own_objective(tmp_path, does), "launch": TORCHRUN}
    job = job_of(base, tmp_path / "job", ROWS, **own)
    with pytest.raises(StepFailed, match=f"the training .*{said}.*; see .*training.log"):
        LocalTrainer().train(job, lambda step, steps, loss: None)
    assert not job.adapter.exists()
    assert not [
        each for each in psutil.process_iter(["cmdline"]) if str(tmp_path) in str(each.info)
    ]


# Its launcher for GPUs: the one for CPUs starts several processes by mpirun alone.
ACCELERATE = """
compute_environment: LOCAL_MACHINE
distributed_type: MULTI_GPU
use_cpu: true
num_machines: 1
num_processes: 2
machine_rank: 0
mixed_precision: "no"
rdzv_backend: static
main_training_function: main
"""


@pytest.mark.long
@pytest.mark.process
@pytest.mark.model
@pytest.mark.slow
def test_accelerate_launches_a_training_whose_first_process_alone_tells_its_steps(
    base: str, tmp_path: Path
) -> None:
    settings = tmp_path / "accelerate.yaml"
    settings.write_text(ACCELERATE)
    start = (sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(settings))
    job = job_of(base, tmp_path / "job", rows_for("sft"), launch=start, epochs=2)
    told: list[tuple[int, int]] = []
    trained = LocalTrainer().train(job, lambda step, steps, loss: told.append((step, steps)))
    assert told == [(step, 4) for step in range(1, 5)]
    finished = find_finished(job)
    assert finished is not None
    assert finished.processes == 2
    assert trained.loss == finished.loss
    assert {path.name for path in job.adapter.parent.iterdir()} == {
        *("adapter", "training.jsonl", "training.log", "training-job.json")
    }


@pytest.mark.long
@pytest.mark.process
@pytest.mark.model
@pytest.mark.slow
def test_all_processes_end_with_a_parent_that_is_killed(base: str, tmp_path: Path) -> None:
    waits = "__import__('time').sleep(600)"  # in one of them; the other waits for it
    own = {"objective": own_objective(tmp_path, waits), "launch": TORCHRUN}
    job = job_of(base, tmp_path / "job", ROWS, **own)
    code = (
        "import sys\n"
        "from errata.agents.trainer import TrainingJob\n"
        "from errata.agents.weights import LocalTrainer\n"
        "job = TrainingJob.model_validate_json(sys.argv[1])\n"
        "LocalTrainer().train(job, lambda *step: None)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, job.model_dump_json()])
    while not job.adapter.with_name("adapter.part").exists() and parent.poll() is None:
        time.sleep(0.2)
    children = psutil.Process(parent.pid).children(recursive=True)
    parent.kill()
    parent.wait()
    _, alive = psutil.wait_procs(children, timeout=60)
    for child in alive:
        child.kill()
    assert len(children) >= 3  # the launcher and two more
    assert not alive


@pytest.mark.process
def test_processes_that_do_not_know_of_each_other_are_refused(base: str, tmp_path: Path) -> None:
    twice = tmp_path / "twice.sh"
    twice.write_text(
        f'{sys.executable} "$@" & {sys.executable} "$@"; status=$?; wait; exit $status'
    )
    job = job_of(base, tmp_path / "job", ROWS, launch=["bash", str(twice)])
    with pytest.raises(StepFailed, match="two processes say that they are number 0"):
        LocalTrainer().train(job, lambda step, steps, loss: None)


def test_what_is_missing_for_a_training_is_said_when_the_configuration_is_read(
    tmp_path: Path,
) -> None:
    file = tmp_path / "a.toml"
    for section, said in (
        (
            '[training]\nlaunch = ["no-such-launcher", "-n", "2"]',
            "neither beside .* nor on the PATH",
        ),
        (
            '[training]\nreport_to = ["swanlab"]',
            "swanlab, which is not installed: `pip install swan",
        ),
        ('[training]\nreport_to = ["tensorbord"]', "'training.report_to.0' is wrong"),
        ('[student]\nquantize = "3bit"', "'student.quantize' is wrong"),
    ):
        file.write_text(f'[exam]\nname = "arithmetic"\n{section}\n')
        with pytest.raises(ConfigError, match=said):
            load_config(file)
