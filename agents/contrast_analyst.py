"""The Contrast-Analyst lays each mistake beside the nearest questions answered correctly.

Learning from Error by Contrast, section 3 of LLMs-as-Instructors (arXiv 2407.00497).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING

from errata.agents.records import Attempt, Mistake, Question, Solved

if TYPE_CHECKING:
    import numpy as np
    from langchain_core.embeddings import Embeddings
    from numpy.typing import NDArray

BLOCK = 1000
"""Mistakes at a time, and texts."""
TILE = 10_000
"""Correct answers at a time: never does a mistake's likeness to all of them stand in memory."""


def contrast_mistakes(
    mistakes: Sequence[Mistake],
    solved: Sequence[tuple[Question, Attempt]],
    embeddings: Embeddings,
    k: int,
) -> list[Mistake]:
    """The mistakes, each with its `k` nearest correctly answered questions, nearest first."""
    if not mistakes or not solved:
        return list(mistakes)
    asked = [*(question for question, _ in solved), *(mistake.question for mistake in mistakes)]
    texts = iter(told_apart(asked))
    right = embed(embeddings, [*islice(texts, len(solved))])  # (solved, size)
    contrasted = []
    for first in range(0, len(mistakes), BLOCK):
        block = mistakes[first : first + BLOCK]
        wrong = embed(embeddings, [*islice(texts, len(block))])
        likeness, nearest = neighbours(wrong, right, min(k, len(solved)))
        for mistake, row, columns in zip(block, likeness.tolist(), nearest.tolist(), strict=True):
            contrast = tuple(
                Solved(
                    question=solved[column][0],
                    attempt=solved[column][1],
                    similarity=round(similarity, 4),
                )
                for similarity, column in zip(row, columns, strict=True)
            )
            contrasted.append(mistake.model_copy(update={"contrast": contrast}))
    return contrasted


def told_apart(questions: Sequence[Question]) -> list[str]:
    """The text of each, without the messages that stand before all of them: likeness in what is
    always the same tells no two questions apart."""
    usual = set(questions[0].before) if questions else set()
    for question in questions:
        usual &= set(question.before)
    return [
        "\n\n".join([*(turn[1] for turn in q.before if turn not in usual), q.prompt])
        for q in questions
    ]


def neighbours(
    wrong: NDArray[np.float32], right: NDArray[np.float32], k: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Similarities and rows of the `k` rows of `right` nearest to each of `wrong`, nearest first.

    Of equals the earlier. (wrong, k) both.
    """
    import numpy as np

    best = np.full((len(wrong), k), -np.inf, np.float32)
    where = np.zeros((len(wrong), k), np.int64)
    for first in range(0, len(right), TILE):
        found = wrong @ right[first : first + TILE].T  # (wrong, tile)
        for _ in range(k):  # each round brings every row the best that it has not seen
            at = found.argmax(axis=1)
            rows = np.arange(len(wrong))
            value = found[rows, at]
            better = value > best[:, -1]
            if not better.any():
                break
            found[rows, at] = -np.inf
            best[better, -1], where[better, -1] = value[better], first + at[better]
            order = np.argsort(-best, axis=1, kind="stable")
            best = np.take_along_axis(best, order, 1)
            where = np.take_along_axis(where, order, 1)
    return best, where


def embed(embeddings: Embeddings, texts: Sequence[str]) -> NDArray[np.float32]:
    """Rows of length 1, or 0 for a text without any. (texts, size), float32"""
    import numpy as np

    rows = np.concatenate(
        [
            np.asarray(embeddings.embed_documents(list(texts[first : first + BLOCK])), np.float32)
            for first in range(0, len(texts), BLOCK)
        ]
    )
    rows = np.nan_to_num(rows, copy=False, nan=0, posinf=0, neginf=0)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: NDArray[np.float32] = rows / np.maximum(lengths, 1e-12)
    return unit
