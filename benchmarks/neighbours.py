"""How good and how fast the offline embeddings find neighbours.

    python benchmarks/neighbours.py

Prints the share of the 3 nearest neighbours that are of the same kind, on the arithmetic exam,
and what 10,000 mistakes beside 10,000 correct answers take.
"""

from __future__ import annotations

import resource
import time

from errata.agents.contrast_analyst import contrast_mistakes
from errata.agents.embeddings import WordEmbeddings
from errata.agents.exams.arithmetic import make_questions
from errata.agents.testing.mistakes import attempt_at, missed


def main() -> None:
    taken: set[str] = set()
    wrong = make_questions(1, "missed", 540, taken)
    solved = [(q, attempt_at(q, correct=True)) for q in make_questions(1, "solved", 540, taken)]
    contrasted = contrast_mistakes([missed(q) for q in wrong], solved, WordEmbeddings(), 3)
    same = [near.question.kind == m.question.kind for m in contrasted for near in m.contrast]
    print(f"same kind: {sum(same) / len(same):.1%} of {len(same)} neighbours")

    many = [q.model_copy(update={"prompt": f"{q.prompt} {n}"}) for n in range(19) for q in wrong]
    many = many[:10_000]
    start = time.perf_counter()
    contrast_mistakes(
        [missed(q) for q in many],
        [(q, attempt_at(q, correct=True)) for q in many],
        WordEmbeddings(),
        3,
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    seconds = time.perf_counter() - start
    print(f"{len(many):,} by {len(many):,}: {seconds:.1f} s, peak memory {peak:.1f} GiB")


if __name__ == "__main__":
    main()
