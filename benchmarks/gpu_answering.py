"""Tokens per second of the student here against transformers' own ways to answer, on one model.

    python benchmarks/gpu_answering.py --model FOLDER [--questions 512] [--tokens 256]
    python benchmarks/gpu_answering.py --tiny

Three ways answer the same questions greedily in this one run, loading not counted: errata's student
as `errata exam` asks it, `generate` in the same batches, and continuous batching
(`generate_batch`). Of the last it also counts the texts that are the student's, and those that come
again when it is asked twice. On a GPU where there is one. `--tiny`: a random model of a few
thousand weights, to see that this script works.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import torch
from transformers import ContinuousBatchingConfig, GenerationConfig

from errata.agents.exams import named_questions
from errata.training.chat import prompt_ids
from errata.training.jobs import ModelRef, StudentJob
from errata.training.student import LoadedStudent, load_student

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from tiny_models import write_tiny_model

Answers = dict[str, list[int]]
"""Token ids by question, without the end mark."""


def timed(work: Callable[[], Answers]) -> tuple[float, Answers]:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    start = time.perf_counter()
    answers = work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start, answers


def ours(student: LoadedStudent, prompts: dict[str, str]) -> Answers:
    """As the student answers, by its own decoding or by `generate`."""
    replies = student.answer(list(prompts.items()))
    return {reply.id: student.tokenizer.encode(reply.text) for reply in replies}


def continuous(student: LoadedStudent, prompts: dict[str, str], tokens: int) -> Answers:
    encoded = [prompt_ids(student.tokenizer, prompt) for prompt in prompts.values()]
    config = cast(Any, GenerationConfig)(
        do_sample=False,
        eos_token_id=sorted(student.ends),
        pad_token_id=student.tokenizer.pad_token_id,
        max_new_tokens=tokens,
    )
    room = None  # as much as the GPU has
    if not torch.cuda.is_available():
        pages = sum(len(ids) + tokens for ids in encoded) // 256 + len(encoded)
        room = ContinuousBatchingConfig(num_blocks=pages, max_batch_tokens=512)
    made = cast(Any, student.model).generate_batch(
        encoded, generation_config=config, continuous_batching_config=room
    )
    texts: Answers = {}
    for id, done in zip(prompts, made.values(), strict=True):
        row = done.generated_tokens
        end = next((at for at, token in enumerate(row) if token in student.ends), None)
        text = str(student.tokenizer.decode(row[:end], skip_special_tokens=True))
        texts[id] = student.tokenizer.encode(text.strip())
    return texts


def same(one: Answers, other: Answers) -> int:
    return sum(other[id] == answer for id, answer in one.items())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="bundled", help="`bundled`, a folder, or a hub id")
    parser.add_argument("--exam", default="arithmetic", help="as `errata exam` takes it")
    parser.add_argument("--questions", type=int, default=512)
    parser.add_argument("--tokens", type=int, default=256)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--tiny", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        model = write_tiny_model(Path(scratch) / "tiny") if given.tiny else given.model
        if given.tiny:
            given.questions, given.tokens, given.batch_size = 6, 8, 4
        job = StudentJob(
            model=ModelRef(base=model), max_new_tokens=given.tokens, batch_size=given.batch_size
        )
        student = load_student(job)
    prompts = {q.id: q.prompt for q in named_questions(given.exam, 0, given.questions)}
    list(student.answer(list(prompts.items())[:1]))  # the first pass loads kernels
    took, answers = timed(lambda: ours(student, prompts))
    tokens = sum(map(len, answers.values()))
    print(f"{len(prompts)} questions, {tokens:,} answer tokens, {student.model.device}")
    print(f"{'errata':22}{tokens / took:10,.0f} tokens/s")
    student.by_rows = False
    cast(Any, student.model).set_attn_implementation("sdpa")
    for name, way in (
        ("generate", lambda: ours(student, prompts)),
        ("continuous batching", lambda: continuous(student, prompts, given.tokens)),
    ):
        took, others = timed(way)
        made = sum(map(len, others.values()))
        print(
            f"{name:22}{made / took:10,.0f} tokens/s, {same(answers, others)} of {len(prompts)} "
            "texts the same"
        )
    again = continuous(student, prompts, given.tokens)
    print(f"continuous batching, asked again: {same(others, again)} of {len(prompts)} the same")


if __name__ == "__main__":
    main()
