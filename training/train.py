"""Child process: an adapter is fine-tuned on checked examples.

    python -m errata.training trainer JOB.json

The job (`TrainingJob`) says everything. Each optimizer step is a `Step` on the wire; the end is
a `FinishedTraining`. The adapter is written beside its place and renamed when whole.
A launcher such as torchrun may start the program as several processes, which then share each
step's examples: DDP, FSDP or ZeRO, as the launcher says. What is trained on in which step depends
on batch * accumulate * processes alone.
"""

from __future__ import annotations

import math
import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from accelerate.utils import broadcast_object_list
from datasets import Dataset
from peft.helpers import disable_input_dtype_casting
from transformers import TrainerCallback, set_seed
from transformers.tokenization_utils_base import PreTrainedTokenizerBase
from transformers.trainer import TRAINING_ARGS_NAME
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from errata.training.adapters.corda import CORDA
from errata.training.adapters.dora import DORA
from errata.training.adapters.lora import (
    LORA,
    Adapter,
    name_base,
    save,
    save_beginning,
    trainable,
    unname_base,
)
from errata.training.adapters.pissa import PISSA
from errata.training.chat import IGNORED
from errata.training.checkpoints import Checkpoints, begun, find_checkpoint, go_on
from errata.training.finished import NAME, put_in_place, sha256_of
from errata.training.jobs import FinishedTraining, LoraSettings, Step, TrainingJob, TrainingRow
from errata.training.jsonl import read_lines
from errata.training.models import choose_dtype, load_tokenizer, machine_here
from errata.training.objectives.coverage import CoverageTrainer
from errata.training.objectives.dft import DynamicTrainer
from errata.training.objectives.dpo import PairsTrainer, make_pairs
from errata.training.objectives.masked import MaskedTrainer
from errata.training.objectives.own import Objective, OwnTrainer
from errata.training.objectives.sft import AnswersOnlyTrainer, Rows, make_rows
from errata.training.options import AdapterName, Refused
from errata.training.order import batch_for, order_for
from errata.training.own_code import OwnCodeError, is_own, made_by
from errata.training.wire import ChildWire

TRAINERS: dict[str, type[AnswersOnlyTrainer]] = {
    "sft": AnswersOnlyTrainer,
    "dpo": PairsTrainer,
    "masked": MaskedTrainer,
    "dft": DynamicTrainer,
    "coverage": CoverageTrainer,
}
ADAPTERS: dict[AdapterName, Adapter] = {
    "lora": LORA,
    "dora": DORA,
    "pissa": PISSA,
    "corda": CORDA,
}


def train(job: TrainingJob, wire: ChildWire) -> None:
    """Ends with one sentence where the training is refused."""
    try:
        train_adapter(job, wire)
    except (Refused, OwnCodeError) as refused:
        sys.exit(str(refused))


def train_adapter(job: TrainingJob, wire: ChildWire) -> None:
    settings = job.settings
    make_trainer = maker_of(settings)
    processes = PartialState(cpu=not torch.cuda.is_available())
    count = processes.num_processes
    tokenizer = load_tokenizer(job.start.base)
    examples = sha256_of(job.examples)
    made = rows_of(job, tokenizer)
    sizes, until, epochs = made.sizes, settings.tokens, settings.epochs
    together = settings.accumulate * count
    batch = settings.batch or batch_for(sizes, together, tokens=until, epochs=epochs)
    order = order_for(sizes, settings.seed, batch * together, tokens=until, epochs=epochs)
    scratch = job.adapter.with_name(job.adapter.name + ".part")
    training = begun(job, examples, count)
    found = [find_checkpoint(scratch / "trainer", training)]
    broadcast_object_list(found)  # a shared disk may show it to one machine before another
    checkpoint = found[0]
    if processes.is_main_process and checkpoint is None:
        shutil.rmtree(scratch, ignore_errors=True)
    processes.wait_for_everyone()
    # Before the model is loaded: ZeRO-3 divides the weights while they are read.
    arguments = training_arguments(settings, batch, len(order), count, scratch / "trainer")
    set_seed(settings.seed)
    kind = ADAPTERS[settings.adapter]
    ids = [row["input_ids"] for row in made.rows]
    dtype = choose_dtype(settings.precision)
    model = trainable(job.start, settings, dtype, kind, ids, job.quantize)
    unname_base(model)
    converts = kind.takes_from_base and job.start.adapter is None
    if converts and processes.is_main_process:
        save_beginning(model, scratch)
    progress = Progress(wire)
    saving = Checkpoints(settings.checkpoint_minutes, training)
    trainer = make_trainer(
        model=model,
        args=arguments,
        train_dataset=Dataset.from_list([*made.rows, blank(made.rows[0])]).select(
            filled(order, batch * count if count > 1 else 1, len(made.rows))
        ),
        processing_class=tokenizer,
        callbacks=[progress, saving],
    )
    saving.trainer = trainer
    for weights in model.parameters():
        if weights.requires_grad:  # trl rounds them beside a 4-bit base, and small steps are lost
            weights.data = weights.data.float()
    if processes.process_index:  # else all would drop out and mask alike
        set_seed(settings.seed + processes.process_index)
    if checkpoint is not None:
        go_on(trainer, checkpoint)
    with disable_input_dtype_casting(model):  # autocast does it, without a detour over float32
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint is not None else None)
        measured = trainer.measured() if isinstance(trainer, AnswersOnlyTrainer) else {}
    trainer.save_model(str(scratch / "adapter"))  # by all: each may hold a part of it
    processes.wait_for_everyone()
    if not processes.is_main_process:
        return
    (scratch / "adapter" / TRAINING_ARGS_NAME).unlink(missing_ok=True)
    if converts:
        save(model, job.start.base, scratch / "adapter", scratch)
    else:
        name_base(job.start.base, scratch / "adapter")
    tokens = sum(made.sizes[at] for at in order)
    finished = FinishedTraining(
        job=job,
        examples_sha256=examples,
        tokens=tokens,
        epochs=tokens / made.tokens,
        skipped=made.skipped,
        loss=[told["loss"] for told in trainer.state.log_history if "loss" in told][-1],
        batch=batch,
        processes=count,
        measured=measured,
        machine=machine_here(settings.precision),
    )
    (scratch / "adapter" / NAME).write_text(finished.model_dump_json(indent=2), encoding="utf-8")
    put_in_place(scratch / "adapter", job.adapter)
    shutil.rmtree(scratch)
    wire.tell(finished)


def blank(row: dict[str, Any]) -> dict[str, Any]:
    """A row of the same columns from which nothing is learnt."""
    return {
        name: values if name == "row" else [IGNORED if name.endswith("labels") else values[0]]
        for name, values in row.items()
    }


def filled(order: list[int], at_once: int, blank_at: int) -> list[int]:
    """The order, and blank rows to the end of the processes' last batches.

    Otherwise the first rows would be trained on once more in their place.
    """
    return order + [blank_at] * (-len(order) % at_once)


def maker_of(settings: LoraSettings) -> Callable[..., SFTTrainer]:
    """What makes the trainer of the settings' objective.

    Raises:
        OwnCodeError: It is code of the user's own, and cannot be had.
    """
    name = settings.objective
    if is_own(name):
        return partial(OwnTrainer, objective=made_by(name, "an objective", Objective), name=name)
    if name == "sft" and torch.cuda.is_available():
        return SFTTrainer
    return partial(TRAINERS[name], options=settings.options)


def rows_of(job: TrainingJob, tokenizer: PreTrainedTokenizerBase) -> Rows:
    """Raises: Refused: The objective cannot use one of them, or none is short enough."""
    settings = job.settings
    make = make_pairs if settings.options.wants == "pairs" else make_rows
    lines = (TrainingRow.model_validate_json(line) for line in read_lines(job.examples))
    made = make(lines, tokenizer, settings.max_tokens, job.system)
    if not made.rows:
        raise Refused(
            f"no example of {job.examples} is as short as training.max_tokens "
            f"({settings.max_tokens}); raise it"
        )
    return made


def training_arguments(
    settings: LoraSettings, batch: int, rows: int, processes: int, scratch: Path
) -> SFTConfig:
    """How the trainer runs once over `rows` examples in their order, shared by `processes`, each
    with `batch` at once."""
    on_gpu = torch.cuda.is_available()
    steps = -(-rows // (batch * settings.accumulate * processes))
    arguments = SFTConfig(
        output_dir=str(scratch),
        per_device_train_batch_size=batch,
        gradient_accumulation_steps=settings.accumulate,
        num_train_epochs=1,
        train_sampling_strategy="sequential",
        learning_rate=settings.learning_rate,
        lr_scheduler_type=settings.schedule,
        warmup_steps=round(settings.warmup * steps),
        max_length=None,
        seed=settings.seed,
        bf16=choose_dtype(settings.precision) == torch.bfloat16,
        use_cpu=not on_gpu,
        gradient_checkpointing=settings.gradient_checkpointing,
        remove_unused_columns=False,
        logging_steps=1,
        logging_strategy="steps",
        save_strategy="no",
        report_to=list(settings.report_to),
        run_name=str(scratch.parents[1]),
        disable_tqdm=True,
        dataloader_pin_memory=on_gpu,
    )
    if processes == 1:  # or transformers would divide each batch among all GPUs that it sees
        arguments._n_gpu = min(1, arguments.n_gpu)
    return arguments


class Progress(TrainerCallback):
    """Tells each optimizer step; stops a training whose loss is no number any more."""

    def __init__(self, wire: ChildWire) -> None:
        self.wire = wire

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        if "loss" not in logs:
            return
        loss = float(logs["loss"])
        if not math.isfinite(loss):
            sys.exit(
                f"the loss is {loss} at step {state.global_step} of {state.max_steps}; "
                f"lower training.learning_rate ({args.learning_rate:g})"
            )
        if state.is_world_process_zero:
            self.wire.tell(Step(step=state.global_step, steps=state.max_steps, loss=loss))
