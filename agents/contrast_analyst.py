"""The Contrast-Analyst lays each mistake beside the nearest questions answered correctly.

Learning from Error by Contrast, section 3 of LLMs-as-Instructors (arXiv 2407.00497).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from errata.agents.records import Attempt, Mistake, Question, Solved

if TYPE_CHECKING:
    import numpy as np
    from langchain_core.embeddings import Embeddings
    from numpy.typing import NDArray

BLOCK = 1000  # rows at a time: 10,000 mistakes by 10,000 answers never stand in memory at once


def contrast_mistakes(
    mistakes: Sequence[Mistake],
    solved: Sequence[tuple[Question, Attempt]],
    embeddings: Embeddings,
    k: int,
) -> list[Mistake]:
    """The mistakes, each with its `k` nearest correctly answered questions, nearest first."""
    if not mistakes or not solved:
        return list(mistakes)
    import numpy as np

    right = embed(embeddings, [question.prompt for question, _ in solved])  # (solved, size)
    k = min(k, len(solved))
    contrasted = []
    for first in range(0, len(mistakes), BLOCK):
        block = mistakes[first : first + BLOCK]
        wrong = embed(embeddings, [mistake.question.prompt for mistake in block])
        similarity = wrong @ right.T  # (block, solved)
        nearest = np.argpartition(-similarity, k - 1, axis=1)[:, :k]
        for mistake, row, columns in zip(block, similarity, nearest, strict=True):
            order = sorted(columns.tolist(), key=lambda column: (-row[column], column))
            contrasted.append(
                mistake.model_copy(
                    update={
                        "contrast": tuple(
                            Solved(
                                question=solved[column][0],
                                attempt=solved[column][1],
                                similarity=round(float(row[column]), 4),
                            )
                            for column in order
                        )
                    }
                )
            )
    return contrasted


def embed(embeddings: Embeddings, texts: Sequence[str]) -> NDArray[np.float32]:
    """Rows of length 1. (texts, size), float32"""
    import numpy as np

    rows = np.concatenate(
        [
            np.asarray(embeddings.embed_documents(list(texts[first : first + BLOCK])), np.float32)
            for first in range(0, len(texts), BLOCK)
        ]
    )
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: NDArray[np.float32] = rows / np.maximum(lengths, 1e-12)
    return unit
