"""LoRA training of a randomly initialised Llama: errata against a plain trl script.

    python benchmarks/gpu_training.py [--size tiny|1b|7b] [--batch 4] [--tokens 512] [--steps 12]

Tokens per second over all steps but the first two, and the peak of memory: of the GPU where there
is one, else of the process. Beside it stands what `errata check` would have estimated. Speed and
memory ask for no trained weights, so none are needed. `tiny` runs anywhere and tests this script.
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

from tiny_models import write_tiny_model

from errata.training.jobs import LoraSettings, ModelRef, TrainingJob

SIZES: dict[str, dict[str, int]] = {
    "tiny": {},
    "1b": {
        "vocab_size": 128_256,
        "hidden_size": 2048,
        "intermediate_size": 8192,
        "num_hidden_layers": 16,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
    },
    "7b": {
        "vocab_size": 32_000,
        "hidden_size": 4096,
        "intermediate_size": 11_008,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 32,
    },
}

MEASURE = """
import json, resource, sys, time
import torch

times = []

def peak():
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

def tell(file):
    with open(file, "w") as out:
        json.dump({"times": times, "peak": peak()}, out)
"""
OURS = """
from pathlib import Path
from errata.training.jobs import Step, TrainingJob
from errata.training.train import train

class Wire:
    def tell(self, message):
        if isinstance(message, Step):
            times.append(time.perf_counter())

train(TrainingJob.model_validate_json(Path(sys.argv[1]).read_bytes()), Wire())
tell(sys.argv[2])
"""
PLAIN = """
from pathlib import Path
from datasets import load_dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, TrainerCallback
from trl import SFTConfig, SFTTrainer

job = json.loads(Path(sys.argv[1]).read_text())
settings = job["settings"]
bf16 = settings["precision"] == "bfloat16"
rows = load_dataset("json", data_files=job["examples"], split="train").map(
    lambda row: {
        "prompt": [{"role": "user", "content": row["prompt"]}],
        "completion": [{"role": "assistant", "content": row["completion"]}],
    }
)

class Clock(TrainerCallback):
    def on_step_end(self, *args, **kwargs):
        times.append(time.perf_counter())

SFTTrainer(
    model=AutoModelForCausalLM.from_pretrained(
        job["start"]["base"], dtype=torch.bfloat16 if bf16 else torch.float32
    ),
    train_dataset=rows,
    args=SFTConfig(
        output_dir=sys.argv[2] + ".out", per_device_train_batch_size=settings["batch"],
        num_train_epochs=1, learning_rate=settings["learning_rate"], save_strategy="no",
        report_to="none", max_length=None, bf16=bf16, use_cpu=not torch.cuda.is_available(),
        gradient_checkpointing=settings["gradient_checkpointing"], logging_steps=1,
    ),
    peft_config=LoraConfig(r=settings["rank"], lora_alpha=32, target_modules="all-linear"),
    callbacks=[Clock()],
).train()
tell(sys.argv[2])
"""


def write_model(folder: Path, size: str) -> str:
    import torch

    torch.set_default_dtype(torch.bfloat16 if torch.cuda.is_available() else torch.float32)
    return write_tiny_model(folder, **SIZES[size], max_position_embeddings=8192)


def measured(code: str, job: Path, tokens: int) -> tuple[float, float]:
    """Training tokens per second, and the peak in GiB."""
    told = job.with_name("told.json")
    subprocess.run([sys.executable, "-c", MEASURE + code, job, told], check=True)
    found = json.loads(told.read_text())
    warm = found["times"][1:]
    return tokens * (len(warm) - 1) / (warm[-1] - warm[0]), found["peak"] / 2**30


def estimated(base: str, settings: LoraSettings, tokens: int, on_gpu: bool) -> float | None:
    """In GiB; None where this version of errata estimates nothing."""
    try:
        from errata.training.memory import estimate  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        return None
    config: dict[str, Any] = json.loads((Path(base) / "config.json").read_text())
    need = estimate(
        config,
        precision=settings.precision,
        on_gpu=on_gpu,
        prompt_tokens=tokens // 2,
        new_tokens=128,
        ask_batch=1,
        rank=settings.rank,
        row_tokens=tokens,
        answer_tokens=tokens // 2,
        batch=settings.batch,
        gradient_checkpointing=settings.gradient_checkpointing,
    ).training
    return float(need.gib)


def main() -> None:
    import torch

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=list(SIZES), default="tiny")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--tokens", type=int, default=512, help="of each row")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--gradient-checkpointing", action="store_true")
    given = parser.parse_args()
    on_gpu = torch.cuda.is_available()
    settings = LoraSettings(
        batch=given.batch,
        epochs=1,
        max_tokens=2 * given.tokens,
        precision="bfloat16" if on_gpu else "float32",
        gradient_checkpointing=given.gradient_checkpointing,
    )
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        base = write_model(folder / "model", given.size)
        half = given.tokens // 2
        # A byte is a token; chat marks are 20 more, half of a row is the answer.
        row = {"prompt": "ask " * ((half - 20) // 4), "completion": "say " * (half // 4)}
        rows = folder / "rows.jsonl"
        rows.write_text((json.dumps(row) + "\n") * given.batch * given.steps)
        job = folder / "job.json"
        job.write_text(
            TrainingJob(
                start=ModelRef(base=base),
                examples=rows,
                adapter=folder / "adapter",
                settings=settings,
            ).model_dump_json()
        )
        tokens = given.batch * given.tokens
        ours, our_peak = measured(OURS, job, tokens)
        plain, plain_peak = measured(PLAIN, job, tokens)
        print(f"errata:    {ours:8.0f} tokens/s, peak {our_peak:6.2f} GiB")
        print(f"plain trl: {plain:8.0f} tokens/s, peak {plain_peak:6.2f} GiB")
        print(f"ratio:     {ours / plain:8.2f}")
        said = estimated(base, settings, given.tokens, on_gpu)
        print("estimated:", "nothing" if said is None else f"{said:.2f} GiB")


if __name__ == "__main__":
    main()
