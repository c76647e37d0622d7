"""The default embeddings: words and word pairs, hashed. No model, no network."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from itertools import pairwise

import numpy as np
from langchain_core.embeddings import Embeddings

from errata.agents.errors import ConfigError

WORD = re.compile(r"[0-9][0-9,.]*|[^\W\d_]+|[$€£%]")
SIZE = 512


def open_embeddings(name: str) -> Embeddings:
    """`words`, or a provider and model as LangChain's `init_embeddings` takes them.

    Raises:
        ConfigError: The provider is unknown, or its package or key is missing.
    """
    if name == "words":
        return WordEmbeddings()
    from langchain.embeddings import init_embeddings

    try:
        opened = init_embeddings(name)
    except Exception as error:  # each provider has its own
        said = str(error).splitlines()[0]
        raise ConfigError(f"the embeddings {name!r} cannot be opened: {said}") from None
    assert isinstance(opened, Embeddings)
    return opened


class WordEmbeddings(Embeddings):
    """Bags of words and of neighbouring word pairs, hashed into `SIZE` signed numbers.

    Every number counts as the same word: what a question asks for shows in its other words.
    Feature hashing after Weinberger et al., ICML 2009.
    """

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        """A vector of length 1, or 0 for a text without words. (SIZE,)"""
        words = [plain(word) for word in WORD.findall(text)]
        counts = Counter(words + [f"{a} {b}" for a, b in pairwise(words)])
        vector = np.zeros(SIZE)
        for feature, count in counts.items():
            hashed = zlib.crc32(feature.encode())
            vector[hashed % SIZE] += (1 if hashed & 2**31 else -1) * np.sqrt(count)
        length = np.linalg.norm(vector)
        found: list[float] = (vector / length if length else vector).tolist()
        return found


def plain(word: str) -> str:
    if word[0].isdigit():
        return "#"
    return word.lower()
