"""Questions per second: `errata exam` against lm-evaluation-harness's hf backend.

    pip install lm-eval
    python benchmarks/against_lm_eval.py gsm8k=GSM8K_FOLDER [--questions 200] [--tokens 128]

Both answer the same questions with the bundled student, greedily, in this one run, in bfloat16
where the processor has it; loading is not counted. The harness runs with its default batch size
of 1 and, with `--batch-size 64`, with ours.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

from errata.agents.exams import named_questions
from errata.agents.marking import mark
from errata.agents.records import Question
from errata.training.jobs import ModelRef, StudentJob
from errata.training.models import choose_dtype, weights_of
from errata.training.student import load_student


def harness(questions: list[Question], tokens: int, batch_size: int) -> tuple[float, list[str]]:
    """Seconds and responses of lm-eval's `HFLM.generate_until`."""
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    dtype = str(choose_dtype("auto")).removeprefix("torch.")
    model: Any = HFLM(
        pretrained=str(weights_of("bundled")), dtype=dtype, device="cpu", batch_size=batch_size
    )
    limits = {"until": ["<|im_end|>"], "max_gen_toks": tokens, "do_sample": False}
    requests = [
        Instance(
            request_type="generate_until",
            doc={},
            arguments=(
                model.apply_chat_template([{"role": "user", "content": question.prompt}]),
                dict(limits),
            ),
            idx=at,
        )
        for at, question in enumerate(questions)
    ]
    start = time.perf_counter()
    responses = model.generate_until(requests)
    return time.perf_counter() - start, responses


def errata(questions: list[Question], tokens: int) -> tuple[float, list[str]]:
    """Seconds and responses, as `errata exam` asks."""
    job = StudentJob(model=ModelRef(base="bundled"), max_new_tokens=tokens, batch_size=64)
    student = load_student(job)
    pairs = [(question.id, question.prompt) for question in questions]
    start = time.perf_counter()
    replies = {r.id: r.text for r in student.answer(pairs)}
    return time.perf_counter() - start, [replies[question.id] for question in questions]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("exam", help="as `errata exam` takes it: gsm8k=FOLDER, a file, arithmetic")
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--batch-size", type=int, default=1, help="of the harness")
    given = parser.parse_args()
    questions = named_questions(given.exam, 0, given.questions)
    ours, our_texts = errata(questions, given.tokens)
    theirs, their_texts = harness(questions, given.tokens, given.batch_size)
    for name, seconds, texts in (
        ("errata, batches of 64", ours, our_texts),
        (f"lm-eval, batches of {given.batch_size}", theirs, their_texts),
    ):
        right = sum(mark(q, text).correct for q, text in zip(questions, texts, strict=True))
        speed = f"{len(questions) / seconds:6.2f} questions/s in {seconds:6.1f} s"
        print(f"{name:26} {speed}, {right} right")
    print(f"ratio: {theirs / ours:.2f}")


if __name__ == "__main__":
    main()
