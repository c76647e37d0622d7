"""Training tokens per second: errata's trainer against a plain SFTTrainer script.

    python benchmarks/training.py [--examples 64]

Both train a LoRA of rank 16 on the bundled student with the same rows, in batches of 8, for one
epoch, each in a process of its own, loading included. Tokens are those of the rows, counted once.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from errata.agents.exams.arithmetic import make_questions
from errata.agents.records import ModelRef, TrainingSettings
from errata.agents.trainer import TrainingJob
from errata.agents.weights import LocalTrainer

PLAIN = """
import sys
import torch
from datasets import load_dataset
from peft import LoraConfig
from trl import SFTConfig, SFTTrainer
from errata.training.models import weights_of

rows = load_dataset("json", data_files=sys.argv[1], split="train").map(
    lambda row: {
        "prompt": [{"role": "user", "content": row["prompt"]}],
        "completion": [{"role": "assistant", "content": row["completion"]}],
    }
)
SFTTrainer(
    model=weights_of("bundled"),
    train_dataset=rows,
    args=SFTConfig(
        output_dir=sys.argv[2], per_device_train_batch_size=8, num_train_epochs=1,
        learning_rate=1e-3, save_strategy="no", report_to="none",
        use_cpu=not torch.cuda.is_available(),
    ),
    peft_config=LoraConfig(r=16, lora_alpha=32, target_modules="all-linear"),
).train()
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=64)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        rows = folder / "rows.jsonl"
        questions = make_questions(0, "bench", given.examples, set())
        rows.write_text(
            "".join(
                json.dumps({"prompt": q.prompt, "completion": q.solution}) + "\n" for q in questions
            )
        )
        start = time.perf_counter()
        trained = LocalTrainer().train(
            TrainingJob(
                start=ModelRef(base="bundled"),
                examples=rows,
                adapter=folder / "adapter",
                settings=TrainingSettings(epochs=1, batch=8),
            ),
            lambda step, steps, loss: None,
        )
        ours = time.perf_counter() - start
        print(f"errata:           {trained.tokens / ours:6.0f} tokens/s ({trained.tokens} tokens)")
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-c", PLAIN, str(rows), str(folder / "plain")],
            check=True,
            capture_output=True,
        )
        plain = time.perf_counter() - start
        print(f"plain SFTTrainer: {trained.tokens / plain:6.0f} tokens/s")
        print(f"ratio:            {plain / ours:6.1f}")


if __name__ == "__main__":
    main()
