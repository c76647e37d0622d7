"""Child process: a run's model is written so that other programs can load it.

    python -m errata.training exporter JOB.json

The weights are merged in float32 and rounded once, to the base's own number format, as the
student's are. The job is an `ExportJob`; the end is an `Exported`.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any, cast

import torch
from transformers import AutoConfig, GenerationConfig
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from errata.training.adapters.lora import merged
from errata.training.export_jobs import Exported, ExportJob
from errata.training.modelfile import Message, NoModelfile, go_template, modelfile
from errata.training.models import load_tokenizer, weights_of
from errata.training.wire import ChildWire

PLAIN_TEMPLATE = (
    "{% for message in messages %}{{ message['content'] }}"
    "{{ '\\n' if loop.last else '\\n\\n' }}{% endfor %}"
)
"""What the student reads where its tokenizer has no chat template."""
ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")


def export(job: ExportJob, wire: ChildWire) -> None:
    """Ends with one sentence where the model cannot be exported so."""
    try:
        wire.tell(write(job))
    except NoModelfile as refused:
        sys.exit(str(refused))


def write(job: ExportJob) -> Exported:
    """
    Raises:
        NoModelfile: The chat template cannot be said in Ollama's words.
    """
    base, adapter = job.model.base, job.model.adapter
    assert adapter is not None
    config = AutoConfig.from_pretrained(weights_of(base))
    tokenizer = load_tokenizer(base)
    if tokenizer.chat_template is None:
        tokenizer.chat_template = PLAIN_TEMPLATE
    generation = generation_config(base, tokenizer)
    ends = [str(tokenizer.convert_ids_to_tokens(id)) for id in cast(Any, generation).eos_token_id]
    notes: list[str] = []
    if job.to == "ollama":  # which may be refused, and then at once
        text, notes = ollama(tokenizer, ends, job, context_of(config))
    job.folder.mkdir(parents=True)
    if job.to == "adapter":
        for name in ADAPTER_FILES:
            shutil.copyfile(Path(adapter) / name, job.folder / name)
        name_base_in_public(job.folder / ADAPTER_FILES[0])
        dtype = "as trained"
    else:
        chosen = config.dtype if isinstance(config.dtype, torch.dtype) else torch.float32
        model = merged(base, adapter, chosen)
        model.config._name_or_path = ""  # a folder of this machine, perhaps
        cast(Any, model).generation_config = generation
        model.save_pretrained(job.folder)
        dtype = str(chosen).removeprefix("torch.")
    cast(Any, generation).save_pretrained(job.folder)
    tokenizer.save_pretrained(str(job.folder))
    if job.to == "ollama":
        (job.folder / "Modelfile").write_text(text, encoding="utf-8")
    return Exported(
        dtype=dtype,
        architecture=next(iter(config.architectures or ["unknown"])),
        ends=tuple(ends),
        notes=tuple(notes),
    )


def generation_config(base: str, tokenizer: PreTrainedTokenizerBase) -> GenerationConfig:
    """Greedy, with the ends that the student stops at; nothing that a base recommends besides."""
    try:
        own = cast(Any, GenerationConfig).from_pretrained(weights_of(base)).eos_token_id
    except OSError:  # most small models have none
        own = AutoConfig.from_pretrained(weights_of(base)).eos_token_id
    ends = {*(own if isinstance(own, list) else [own]), tokenizer.eos_token_id} - {None}
    made: GenerationConfig = cast(Any, GenerationConfig)(
        do_sample=False, eos_token_id=sorted(ends), pad_token_id=tokenizer.pad_token_id
    )
    return made


def name_base_in_public(settings: Path) -> None:
    """A folder on this machine is named by its last part alone."""
    said = json.loads(settings.read_text(encoding="utf-8"))
    base = Path(said["base_model_name_or_path"]).expanduser()
    if base.is_absolute() or base.is_dir():
        said["base_model_name_or_path"] = base.name
    settings.write_text(json.dumps(said, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def context_of(config: Any) -> int:
    """Tokens that the model reads and writes together, at most."""
    return int(getattr(config, "max_position_embeddings", None) or 4096)


def ollama(
    tokenizer: PreTrainedTokenizerBase, ends: list[str], job: ExportJob, context: int
) -> tuple[str, list[str]]:
    """The Modelfile, and what a person should know of it."""
    template = tokenizer.chat_template
    if isinstance(template, str) and "strftime_now" in template:
        raise NoModelfile(
            "the chat template writes today's date, which Ollama's templates cannot: export with "
            "--to merged, and write the Modelfile by hand"
        )

    def render(messages: list[Message], opens: bool) -> str:
        return str(
            tokenizer.apply_chat_template(
                cast(Any, messages), tokenize=False, add_generation_prompt=opens
            )
        )

    found = go_template(render, str(tokenizer.bos_token or ""), job.system)
    return modelfile(found, ends, job.max_new_tokens, context), list(found.notes)
