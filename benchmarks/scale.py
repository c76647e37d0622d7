"""errata's own time and memory as an exam grows.

    python benchmarks/scale.py [--sizes 1000 10000 100000] [--hard] [--profile]

Student, instructor, writer and trainer answer at once, so that what is left is errata's: reading
and marking the exam, finding neighbours, journals, checks of the examples, the report. Half of the
practice questions are missed; an example is written for each mistake; two rounds. Each size runs in
a process of its own. `--hard`: questions without numbers, and a cause for every tenth mistake, as
an LLM may name them. `--profile` prints where the time goes.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from errata.agents.data_writer import Ask
from errata.agents.records import (
    Diagnosis,
    Draft,
    Mistake,
    ModelRef,
    Question,
    Response,
    Unusable,
)
from errata.agents.trainer import OnStep, Trained, TrainingJob
from errata.graph.agents import Given
from errata.graph.config import parse_config
from errata.graph.run import run

NAMES = "Ada Ben Cleo Dan Eve Finn Gus Hana Ida Jon".split()
THINGS = "pens cups eggs coins shells books stamps cards plums nails".split()
PLACES = "shed shop barn attic harbour garden school market station cellar".split()
STEPS = "examine collect contrast diagnose write train final_exam".split()


def problem(rng: random.Random, in_words: bool) -> dict[str, str]:
    """A sum of two numbers in a story, or a riddle without any number."""
    if in_words:
        words = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=5)) for _ in range(12)]
        return {
            "prompt": f"Which of these words comes last in a dictionary: {' '.join(words)}?",
            "solution": f"So the answer is {max(words)}.",
            "target": max(words),
        }
    a, b = rng.randint(10, 99_999), rng.randint(10, 99_999)
    name, thing, place = rng.choice(NAMES), rng.choice(THINGS), rng.choice(PLACES)
    return {
        "prompt": f"{name} has {a} {thing} in the {place} and buys {b} more. How many {thing}?",
        "solution": f"{a} + {b} = {a + b}\n#### {a + b}",
        "target": str(a + b),
    }


class InstantStudent:
    """Misses every other question; after training, every third."""

    def ask(
        self, model: ModelRef, questions: Sequence[Question], answered: frozenset[str]
    ) -> Iterator[Response]:
        miss = 2 if model.adapter is None else 3
        for at, question in enumerate(questions):
            if question.id not in answered:
                text = "I cannot." if at % miss == 0 else question.solution or ""
                yield Response(question_id=question.id, text=text, tokens=9, truncated=False)

    def close(self) -> None:
        pass


class InstantTrainer:
    def train(self, job: TrainingJob, on_step: OnStep) -> Trained:
        job.adapter.mkdir(exist_ok=True)
        model = ModelRef(base=job.start.base, adapter=str(job.adapter))
        return Trained(model=model, tokens=1, skipped=0, loss=0.1)


class InstantInstructor:
    def __init__(self, causes: int) -> None:
        self.causes = causes

    def diagnose(self, mistakes: Sequence[Mistake]) -> Iterator[Diagnosis | Unusable]:
        for at, mistake in enumerate(mistakes):
            yield Diagnosis(
                id=f"d-{mistake.id}",
                mistake_id=mistake.id,
                question_id=mistake.question.id,
                cause=f"cause {at % self.causes}",
                explanation="It does not add.",
                missing_skill="Adding.",
                advice="Sums.",
            )


class InstantWriter:
    examples_per_ask = 1
    asks_per_batch = 10_000

    def draft(self, asks: Sequence[Ask]) -> Iterator[tuple[Ask, Sequence[Draft | Unusable]]]:
        for ask in asks:
            rng = random.Random(f"{ask.seed}/{ask.lesson.id}")
            answer = ask.lesson.question.answer
            drafts = []
            for _ in range(ask.count):
                made = problem(rng, answer.type == "text")
                drafts.append(
                    Draft(
                        diagnosis_id=ask.lesson.id,
                        prompt=made["prompt"],
                        completion=made["solution"],
                        target=made["target"],
                        answer=answer,
                    )
                )
            yield ask, drafts


def measure(size: int, hard: bool, profile: bool) -> dict[str, float]:
    """Seconds by step, all, and the peak memory in MiB. Eight of ten questions are practice."""
    with tempfile.TemporaryDirectory(prefix="errata-scale-") as scratch:
        folder = Path(scratch)
        rng = random.Random(1)
        seen: set[str] = set()
        exam = {"name": "scale"} | ({"answer": "text"} if hard else {})
        for name, share in (("practice", 0.8), ("dev", 0.1), ("test", 0.1)):
            lines = []
            while len(lines) < size * share:
                made = problem(rng, hard)
                if made["prompt"] not in seen:
                    seen.add(made["prompt"])
                    lines.append(json.dumps({"id": f"{name}-{len(lines)}", **made}))
            exam[name] = str(folder / f"{name}.jsonl")
            Path(exam[name]).write_text("\n".join(lines) + "\n")
        config = parse_config(
            {
                "strategy": "lec",
                "exam": exam,
                "examples": {"per_round": int(size * 0.4)},
                "stop": {"rounds": 2},
            },
            "scale",
        )
        causes = size // 20 if hard else 20
        agents = Given(
            InstantStudent(), InstantTrainer(), InstantInstructor(causes), InstantWriter()
        )
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        profiler = cProfile.Profile()
        start, cpu = time.perf_counter(), time.process_time()
        if profile:
            profiler.enable()
        report = run(config, folder / "runs", **vars(agents))
        if profile:
            profiler.disable()
            pstats.Stats(profiler, stream=sys.stderr).sort_stats("cumulative").print_stats(45)
        seconds = time.perf_counter() - start
        cpu_seconds = time.process_time() - cpu
        assert sum(r.examples.accepted for r in report.rounds) > size / 2, report
        steps = {s: sum(r.seconds.get(s, 0) for r in report.rounds) for s in STEPS}
        return {
            **steps,
            "rest": seconds - sum(steps.values()),
            "all": seconds,
            "CPU": cpu_seconds,
            "MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            "MiB before": before,
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--hard", action="store_true")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measure(given.one, given.hard, given.profile)))
        return
    names = ("questions", "seconds", "CPU s", "ms each", "MiB", "KiB each")
    print("".join(f"{name:>10}" for name in names), "  seconds by step")
    found: list[tuple[int, dict[str, float]]] = []
    for size in given.sizes:
        command = [sys.executable, __file__, "--one", str(size)]
        done = subprocess.run(
            command + ["--hard"] * given.hard + ["--profile"] * given.profile,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": str(os.cpu_count() or 1)},
        )
        got = json.loads(done.stdout)
        found.append((size, got))
        steps = ", ".join(f"{name} {got[name]:.1f}" for name in [*STEPS, "rest"])
        each = 1000 * got["all"] / size
        grown = 1024 * (got["MiB"] - got["MiB before"]) / size
        print(
            f"{size:>10,}{got['all']:>10.1f}{got['CPU']:>10.1f}{each:>10.2f}{got['MiB']:>10.0f}"
            f"{grown:>10.1f}   {steps}",
            flush=True,
        )
    for (small, before), (large, after) in pairwise(found):
        growth = {
            name: after[name] / before[name] / (large / small)
            for name in [*STEPS, "rest", "all", "CPU"]
            if before[name] > 0.05
        }
        shown = ", ".join(f"{name} {times:.2f}" for name, times in growth.items())
        print(f"{small:,} to {large:,}, growth against linear (1.00): {shown}")


if __name__ == "__main__":
    main()
