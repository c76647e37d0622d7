"""The nearest correct answers are the nearest, in time and memory that an exam can afford."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from langchain_core.embeddings import Embeddings

from errata.agents.contrast_analyst import TILE, contrast_mistakes
from errata.agents.embeddings import StoredEmbeddings
from errata.agents.records import Attempt, Mistake, Question
from errata.agents.testing.mistakes import attempt_at, missed


class Placed(Embeddings):
    """The vector of a text stands in it."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [[float(number) for number in text.split()] for text in texts]

    def embed_query(self, text: str) -> list[float]:
        raise NotImplementedError


def question(id: str, *numbers: float) -> Question:
    return Question(id=id, prompt=" ".join(map(str, numbers)), target="1", solution="#### 1")


def solved(questions: Sequence[Question]) -> list[tuple[Question, Attempt]]:
    return [(each, attempt_at(each, correct=True)) for each in questions]


def found(mistakes: Sequence[Mistake]) -> list[list[str]]:
    return [[near.question.id for near in mistake.contrast] for mistake in mistakes]


def test_the_nearest_are_found_wherever_they_stand_and_of_equals_the_earlier() -> None:
    spread = np.random.default_rng(0).standard_normal((TILE + 500, 3)).round(3).tolist()
    many = [question(f"s{at}", *numbers) for at, numbers in enumerate(spread)]
    same = [question(f"same{at}", 5, 5, 5) for at in range(4)]
    right = solved([many[0], same[0], *many[1:TILE], same[1], *many[TILE:], same[2], same[3]])
    wrong = [question("w", *numbers) for numbers in [*spread[7 : TILE + 400 : 997], (1, 1, 1)]]
    contrasted = contrast_mistakes([missed(each) for each in wrong], right, Placed(), 3)

    vectors = np.array([[float(n) for n in each.prompt.split()] for each, _ in right])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    for mistake, near in zip(wrong[:-1], found(contrasted), strict=False):
        asked = np.array([float(n) for n in mistake.prompt.split()])
        order = np.argsort(-(vectors @ asked), kind="stable")[:3]
        assert near == [right[at][0].id for at in order]
    assert found(contrasted)[-1] == ["same0", "same1", "same2"]
    likeness = [[near.similarity for near in mistake.contrast] for mistake in contrasted]
    assert likeness[-1] == [1, 1, 1]
    assert all(each == sorted(each, reverse=True) and each[0] > 0.99 for each in likeness)


def test_fewer_answers_than_wanted_and_vectors_of_no_length_or_no_number_are_no_fault() -> None:
    odd = [question("zero", 0, 0), question("none", float("nan"), 1), question("near", 1, 0)]
    [mistake] = contrast_mistakes([missed(question("w", 1, 0))], solved(odd), Placed(), 5)
    assert found([mistake]) == [["near", "zero", "none"]]
    assert Mistake.model_validate_json(mistake.model_dump_json()) == mistake


@pytest.mark.loop
def test_three_times_the_correct_answers_take_little_more_memory_than_their_vectors() -> None:
    wrong = [missed(question(f"w{at}", at, 1)) for at in range(300)]
    one = solved([question("s", 1, 1)])

    def peak(answers: int) -> int:
        right = one * answers
        return memory(lambda: contrast_mistakes(wrong, right, Placed(), 1))

    assert peak(6 * TILE) < 2 * peak(2 * TILE)


def test_the_vectors_of_a_provider_take_no_more_room_than_their_numbers() -> None:
    class Long(Placed):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return [[float(len(text)) + at for at in range(1000)] for text in texts]

    stored = StoredEmbeddings(Long(), "far:away")
    texts = ["c" * at for at in range(200)]
    taken = memory(lambda: [len(stored.embed_documents([text])) for text in texts], 0)
    assert taken < 1.5 * 200 * 1000 * 8


def memory(work: Callable[[], object], highest: int = 1) -> int:
    """Bytes that it takes: at the end, or at its highest."""
    tracemalloc.start()
    kept = work()
    taken = tracemalloc.get_traced_memory()[highest]
    tracemalloc.stop()
    del kept
    return taken
