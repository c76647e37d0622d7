"""Child process: LoRA fine-tuning on checked examples.

    python -m errata.training.train JOB.json

The job (`SftJob`) says everything; under `accelerate launch` the same program uses many GPUs.
Each optimizer step is one JSON line on standard output, `{"step", "steps", "loss"}`; the last
line is `{"tokens", "skipped"}`. The adapter is written beside its place and renamed when whole.
"""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig, PeftModel, get_peft_model
from peft.helpers import disable_input_dtype_casting
from transformers import TrainerCallback, set_seed
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from errata.training.chat import IGNORED, example_ids
from errata.training.models import choose_dtype, load_model, load_tokenizer
from errata.training.wire import open_wire, tell


@dataclass(frozen=True)
class SftJob:
    base: str
    adapter: str | None
    """Adapter to go on from; None starts a new one."""
    examples: str
    """JSON-lines file with `prompt` and `completion`."""
    out: str
    rank: int
    alpha: int
    dropout: float
    targets: list[str]
    learning_rate: float
    epochs: float
    batch: int
    accumulate: int
    warmup: float
    schedule: str
    gradient_checkpointing: bool
    max_tokens: int
    seed: int
    precision: str
    system: str | None


class CpuTrainer(SFTTrainer):
    """SFTTrainer that computes logits only for the tokens of the answers.

    Off the GPU trl scores every position, and the vocabulary is a large part of a small model.
    """

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        plain = model.get_base_model()
        targets = inputs["labels"][:, 1:]  # (batch, tokens - 1)
        answers = targets != IGNORED
        with self.accelerator.autocast():
            hidden = plain.base_model(
                input_ids=inputs["input_ids"],
                attention_mask=inputs["attention_mask"],
                use_cache=False,
            ).last_hidden_state  # (batch, tokens, size)
            logits = plain.get_output_embeddings()(hidden[:, :-1][answers])  # (answers, vocab)
        loss = torch.nn.functional.cross_entropy(logits.float(), targets[answers], reduction="sum")
        return loss / num_items_in_batch


class Progress(TrainerCallback):
    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        if state.is_world_process_zero and "loss" in logs:
            tell(step=state.global_step, steps=state.max_steps, loss=logs["loss"])


def train(job: SftJob) -> None:
    set_seed(job.seed)
    tokenizer = load_tokenizer(job.base)
    rows = []
    tokens = skipped = 0
    for line in Path(job.examples).read_text().splitlines():
        example = json.loads(line)
        ids, labels = example_ids(tokenizer, example["prompt"], example["completion"], job.system)
        if len(ids) > job.max_tokens:
            skipped += 1
            continue
        tokens += len(ids)
        rows.append({"input_ids": ids, "labels": labels})
    dtype = choose_dtype(job.precision)
    model = load_model(job.base, dtype)
    if job.adapter is not None:
        adapted = PeftModel.from_pretrained(model, job.adapter, is_trainable=True)
    else:
        targets = job.targets[0] if job.targets == ["all-linear"] else job.targets
        adapted = get_peft_model(
            model,
            LoraConfig(
                r=job.rank,
                lora_alpha=job.alpha,
                lora_dropout=job.dropout,
                target_modules=targets,
                task_type="CAUSAL_LM",
            ),
        )
    out = Path(job.out)
    scratch = out.with_name(out.name + ".part")
    shutil.rmtree(scratch, ignore_errors=True)
    steps = -(-len(rows) // (job.batch * job.accumulate)) * job.epochs
    on_gpu = torch.cuda.is_available()
    trainer = (SFTTrainer if on_gpu else CpuTrainer)(
        model=adapted,
        args=SFTConfig(
            output_dir=str(scratch / "trainer"),
            per_device_train_batch_size=job.batch,
            gradient_accumulation_steps=job.accumulate,
            num_train_epochs=job.epochs,
            learning_rate=job.learning_rate,
            lr_scheduler_type=job.schedule,
            warmup_steps=round(job.warmup * steps),
            max_length=None,
            seed=job.seed,
            bf16=dtype == torch.bfloat16,
            use_cpu=not on_gpu,
            gradient_checkpointing=job.gradient_checkpointing,
            logging_steps=1,
            logging_strategy="steps",
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            dataloader_pin_memory=on_gpu,
        ),
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        callbacks=[Progress()],
    )
    with disable_input_dtype_casting(adapted):  # autocast does it, without a detour over float32
        trainer.train()
    if trainer.is_world_process_zero():
        # The name that the user knows, not the folder that it was loaded from.
        adapted.peft_config["default"].base_model_name_or_path = job.base
        trainer.save_model(str(scratch / "adapter"))
        (scratch / "adapter").rename(out)
        shutil.rmtree(scratch)
        tell(tokens=round(tokens * job.epochs), skipped=skipped)


if __name__ == "__main__":
    open_wire()
    train(SftJob(**json.loads(Path(sys.argv[1]).read_text())))
