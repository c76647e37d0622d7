"""One process against two that share its batch: the losses of each step, side by side.

    python benchmarks/ranks.py [--rows 22]

Both train a randomly initialised Llama of width 32 on the CPU, the two by torchrun with gloo. The
adapter's smallest lora_B tells whether every layer learnt.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from several_trainings import __file__ as several
from tiny_models import write_tiny_model

from errata.agents.exams.arithmetic import make_questions
from errata.training.jobs import LoraSettings, ModelRef, TrainingJob

TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")
KINDS: dict[str, dict[str, Any]] = {
    "sft": {},
    "sft, accumulated": {"accumulate": 2},
    "dpo": {"objective": "dpo"},
    "dft": {"objective": "dft"},
    "coverage": {"objective": "coverage"},
    "dora": {"adapter": "dora"},
    "pissa": {"adapter": "pissa", "rank": 8},
    "corda": {"adapter": "corda", "rank": 8},
}


def jobs_in(folder: Path, base: str, rows: int, batch: int) -> list[Path]:
    """Files of a job of each kind."""
    files = []
    for name, settings in KINDS.items():
        place = folder / name
        place.mkdir(parents=True)
        pairs = settings.get("objective") == "dpo"
        worse = {"rejected": "I do not know."} if pairs else {}
        lines = [
            {"prompt": q.prompt, "completion": q.solution} | worse
            for q in make_questions(0, "bench", rows, set())
        ]
        examples = place / "training.jsonl"
        examples.write_text("".join(json.dumps(line) + "\n" for line in lines))
        given = {"learning_rate": 5e-3, "precision": "float32", "epochs": 1, "batch": batch}
        job = TrainingJob(
            start=ModelRef(base=base),
            examples=examples,
            adapter=place / "adapter",
            settings=LoraSettings.model_validate(given | settings),
        )
        files.append(place / "job.json")
        files[-1].write_text(job.model_dump_json())
    return files


def smallest_b(adapter: Path) -> float:
    """The largest weight of the lora_B that has learnt least."""
    from safetensors.torch import load_file

    weights = load_file(adapter / "adapter_model.safetensors")
    return min(float(w.abs().max()) for name, w in weights.items() if "lora_B" in name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=22, help="22: the last batches are not full")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        base = write_tiny_model(Path(scratch) / "tiny", initializer_range=0.1)
        sides = []
        for name, batch, start in (("one", 8, (sys.executable,)), ("two", 4, TORCHRUN)):
            files = jobs_in(Path(scratch) / name, base, given.rows, batch)
            subprocess.run([*start, several, *files], check=True, capture_output=True)
            sides.append(files)
        print(f"{'':18} {'one process, batch 8':32} {'two, batch 4 each':32} {'apart':>8}  least B")
        for name, one, two in zip(KINDS, *sides, strict=True):
            losses = [json.loads(file.with_name("losses.json").read_text()) for file in (one, two)]
            apart = max(abs(a - b) for a, b in zip(*losses, strict=True))
            said = [" ".join(f"{loss:.5f}" for loss in each) for each in losses]
            least = smallest_b(two.with_name("adapter"))
            print(f"{name:18} {said[0]:32} {said[1]:32} {apart:8.1e}  {least:.4f}")


if __name__ == "__main__":
    main()
