"""Questions per second: `errata exam` against plain `generate`, one question at a time, in fp32.

    python benchmarks/answering.py [EXAM.jsonl] [--questions 64] [--tokens 128] [--batches]

With `--batches` against `generate` with the same batches, precision and eager attention, in seconds
of the processor, so that other work on the machine counts for little; different texts are shown.

Both answer the same questions with the bundled student in this one run; loading is not counted.
EXAM is `arithmetic` or a JSON-lines file, such as GSM8K's test.jsonl.
"""

from __future__ import annotations

import argparse
import time
from typing import Any, cast

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from errata.agents.exams import named_questions
from errata.training.jobs import ModelRef, StudentJob
from errata.training.models import weights_of
from errata.training.student import load_student


def plain_seconds(prompts: list[str], tokens: int) -> float:
    """What the first page of transformers' documentation does."""
    tokenizer = AutoTokenizer.from_pretrained(weights_of("bundled"))
    model = AutoModelForCausalLM.from_pretrained(weights_of("bundled"), dtype=torch.float32)
    start = time.perf_counter()
    for prompt in prompts:
        inputs = tokenizer.apply_chat_template(
            [{"role": "user", "content": prompt}],
            add_generation_prompt=True,
            return_tensors="pt",
            return_dict=True,
        )
        model.generate(**inputs, max_new_tokens=tokens, do_sample=False)
    return time.perf_counter() - start


def errata_seconds(prompts: list[str], tokens: int) -> float:
    """As `errata exam` asks."""
    job = StudentJob(model=ModelRef(base="bundled"), max_new_tokens=tokens, batch_size=64)
    student = load_student(job)
    start = time.perf_counter()
    pairs = [(str(at), prompt) for at, prompt in enumerate(prompts)]
    replies = list(student.answer(pairs))
    assert len(replies) == len(prompts)
    return time.perf_counter() - start


def in_batches(prompts: list[str], tokens: int) -> None:
    """Prints what errata's own decoding takes, and `generate`."""
    job = StudentJob(model=ModelRef(base="bundled"), max_new_tokens=tokens, batch_size=64)
    student = load_student(job)
    pairs = [(str(at), prompt) for at, prompt in enumerate(prompts)]
    took, texts = [], []
    for name in ("errata", "generate"):
        if name == "generate":
            student.by_rows = False
            cast(Any, student.model).set_attn_implementation("eager")
        start = time.process_time()
        texts.append({reply.id: reply.text for reply in student.answer(pairs)})
        took.append(time.process_time() - start)
        print(f"{name:10}{took[-1]:8.1f} processor seconds", flush=True)
    ours, others = texts
    print(f"ratio {took[1] / took[0]:.2f}, {len(ours)} texts")
    for id, text in ours.items():
        if text != others[id]:
            print(f"{id} differs:\n  {text!r}\n  {others[id]!r}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("exam", nargs="?", default="arithmetic")
    parser.add_argument("--questions", type=int, default=64)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--batches", action="store_true")
    given = parser.parse_args()
    prompts = [q.prompt for q in named_questions(given.exam, 0, given.questions)]
    if given.batches:
        in_batches(prompts, given.tokens)
        return
    ours = errata_seconds(prompts, given.tokens)
    print(f"errata:         {len(prompts) / ours:6.2f} questions/s")
    plain = plain_seconds(prompts, given.tokens)
    print(f"plain generate: {len(prompts) / plain:6.2f} questions/s")
    print(f"ratio:          {plain / ours:6.1f}")


if __name__ == "__main__":
    main()
