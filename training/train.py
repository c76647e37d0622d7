"""Child process: an adapter is fine-tuned on checked examples.

    python -m errata.training trainer JOB.json

The job (`TrainingJob`) says everything. Each optimizer step is a `Step` on the wire; the end is
a `FinishedTraining`. The adapter is written beside its place and renamed when whole.
A launcher such as torchrun may start the program on several processes, which then share each
step's examples (DDP); errata itself starts one.
"""

from __future__ import annotations

import math
import shutil
import sys
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from datasets import Dataset
from peft.helpers import disable_input_dtype_casting
from transformers import TrainerCallback, set_seed
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from errata.training.adapters.lora import trainable
from errata.training.finished import NAME, put_in_place, sha256_of
from errata.training.jobs import FinishedTraining, LoraSettings, Step, TrainingJob, TrainingRow
from errata.training.jsonl import read_lines
from errata.training.models import choose_dtype, load_tokenizer
from errata.training.objectives.sft import AnswersOnlyTrainer, make_rows
from errata.training.order import order_for
from errata.training.wire import ChildWire


def train(job: TrainingJob, wire: ChildWire) -> None:
    settings = job.settings
    set_seed(settings.seed)
    processes = PartialState(cpu=not torch.cuda.is_available())
    tokenizer = load_tokenizer(job.start.base)
    examples = sha256_of(job.examples)
    made = make_rows(
        (TrainingRow.model_validate_json(line) for line in read_lines(job.examples)),
        tokenizer,
        settings.max_tokens,
        job.system,
    )
    if not made.rows:
        sys.exit(
            f"no example of {job.examples} is as short as training.max_tokens "
            f"({settings.max_tokens}); raise it"
        )
    scratch = job.adapter.with_name(job.adapter.name + ".part")
    if processes.is_main_process:
        shutil.rmtree(scratch, ignore_errors=True)
    processes.wait_for_everyone()
    rows = Dataset.from_list(made.rows)
    sizes = [len(row["input_ids"]) for row in made.rows]
    order = None
    if settings.tokens is not None:
        order = order_for(settings.tokens, sizes, settings.seed)
    model = trainable(job.start, settings, choose_dtype(settings.precision))
    progress = Progress(wire)
    trainer = (SFTTrainer if torch.cuda.is_available() else AnswersOnlyTrainer)(
        model=model,
        args=training_arguments(
            settings, len(order or made.rows), processes.num_processes, scratch / "trainer"
        ),
        train_dataset=rows if order is None else rows.select(order),
        processing_class=tokenizer,
        callbacks=[progress],
    )
    with disable_input_dtype_casting(model):  # autocast does it, without a detour over float32
        trainer.train()
    # The name that the user knows, not the folder that it was loaded from.
    model.peft_config["default"].base_model_name_or_path = job.start.base
    trainer.save_model(str(scratch / "adapter"))
    processes.wait_for_everyone()
    if not processes.is_main_process:
        return
    tokens = round(made.tokens * (settings.epochs or 0))
    if order is not None:
        tokens = sum(sizes[at] for at in order)
    finished = FinishedTraining(
        job=job,
        examples_sha256=examples,
        tokens=tokens,
        epochs=tokens / made.tokens,
        skipped=made.skipped,
        loss=progress.loss,
    )
    (scratch / "adapter" / NAME).write_text(finished.model_dump_json(indent=2), encoding="utf-8")
    put_in_place(scratch / "adapter", job.adapter)
    shutil.rmtree(scratch)
    wire.tell(finished)


def training_arguments(
    settings: LoraSettings, rows: int, processes: int, scratch: Path
) -> SFTConfig:
    """How the trainer runs over `rows` examples, shared by `processes`; where the tokens are said,
    once, in the order that they have."""
    on_gpu = torch.cuda.is_available()
    epochs = 1 if settings.epochs is None else settings.epochs
    steps = -(-rows // (settings.batch * settings.accumulate * processes)) * epochs
    return SFTConfig(
        output_dir=str(scratch),
        per_device_train_batch_size=settings.batch,
        gradient_accumulation_steps=settings.accumulate,
        num_train_epochs=epochs,
        train_sampling_strategy="random" if settings.tokens is None else "sequential",
        learning_rate=settings.learning_rate,
        lr_scheduler_type=settings.schedule,
        warmup_steps=round(settings.warmup * steps),
        max_length=None,
        seed=settings.seed,
        bf16=choose_dtype(settings.precision) == torch.bfloat16,
        use_cpu=not on_gpu,
        gradient_checkpointing=settings.gradient_checkpointing,
        logging_steps=1,
        logging_strategy="steps",
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=on_gpu,
    )


class Progress(TrainerCallback):
    """Tells each optimizer step; stops a training whose loss is no number any more."""

    def __init__(self, wire: ChildWire) -> None:
        self.wire = wire
        self.loss = math.nan

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        if "loss" not in logs:
            return
        self.loss = float(logs["loss"])
        if not math.isfinite(self.loss):
            sys.exit(
                f"the loss is {self.loss} at step {state.global_step} of {state.max_steps}; "
                f"lower training.learning_rate ({args.learning_rate:g})"
            )
        if state.is_world_process_zero:
            self.wire.tell(Step(step=state.global_step, steps=state.max_steps, loss=self.loss))
