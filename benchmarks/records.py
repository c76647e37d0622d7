"""What one record takes: on disk, in memory, and to read it again.

    python benchmarks/records.py

Arithmetic questions, correct attempts at them, and mistakes with three neighbours each, as the
journals of a run hold them.
"""

from __future__ import annotations

import tempfile
import time
import tracemalloc
from collections.abc import Sequence
from pathlib import Path

from errata.agents.contrast_analyst import contrast_mistakes
from errata.agents.embeddings import WordEmbeddings
from errata.agents.exams.arithmetic import make_questions
from errata.agents.jsonl import read_records, write_records
from errata.agents.records import Record
from errata.agents.testing.mistakes import attempt_at, missed


def measure(name: str, records: Sequence[Record], folder: Path) -> None:
    file = folder / f"{name}.jsonl"
    write_records(file, records)
    start = time.process_time()
    read_records(file, type(records[0]))
    microseconds = 1e6 * (time.process_time() - start) / len(records)
    tracemalloc.start()
    kept = read_records(file, type(records[0]))
    memory = tracemalloc.get_traced_memory()[0] / len(kept)
    tracemalloc.stop()
    line = file.stat().st_size / len(records)
    print(
        f"{name:10}{line:8,.0f} bytes a line{memory:8,.0f} in memory{microseconds:6.0f} µs to read"
    )


def main() -> None:
    questions = make_questions(1, "q", 1000, set())
    attempts = [attempt_at(question, correct=True) for question in questions]
    solved = list(zip(questions, attempts, strict=True))
    mistakes = contrast_mistakes([missed(q) for q in questions], solved, WordEmbeddings(), 3)
    with tempfile.TemporaryDirectory() as scratch:
        for name, records in (
            ("question", questions),
            ("attempt", attempts),
            ("mistake", mistakes),
        ):
            measure(name, records, Path(scratch))


if __name__ == "__main__":
    main()
