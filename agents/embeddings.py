"""Embeddings of questions: words and word pairs, hashed, without a model; or a provider's."""

from __future__ import annotations

import json
import re
import zlib
from array import array
from collections import Counter
from itertools import pairwise

import numpy as np
from langchain_core.embeddings import Embeddings

from errata.agents.chat_models.cache import CachedReply, ReplyCache, cache_key
from errata.agents.chat_models.failures import sentence_for
from errata.agents.chat_models.ledger import Ledger, Usage, estimate
from errata.agents.chat_models.secrets import Secrets
from errata.agents.errors import ConfigError, InstructorError
from errata.agents.plain_text import one_line

WORD = re.compile(r"[0-9][0-9,.]*|[^\W\d_]+|[$€£%]")
SIZE = 512


def open_embeddings(
    name: str, cache: ReplyCache | None = None, ledger: Ledger | None = None
) -> Embeddings:
    """`words`, or a provider and model as LangChain's `init_embeddings` takes them.

    Args:
        cache: Vectors of a provider that need not be paid for again.
        ledger: Counts what a provider is sent.

    Raises:
        ConfigError: The provider is unknown, or its package or key is missing.
    """
    if name == "words":
        return WordEmbeddings()
    from langchain.embeddings import init_embeddings

    try:
        provider = init_embeddings(name)
    except Exception as error:  # each provider has its own
        said = one_line(str(error))
        raise ConfigError(f"the embeddings {name!r} cannot be opened: {said}") from None
    assert isinstance(provider, Embeddings)
    return StoredEmbeddings(provider, name, cache, ledger)


class StoredEmbeddings(Embeddings):
    """A provider's embeddings, each text sent once: kept for the run, and in the user's cache.

    The tokens sent are estimated; the budget counts them, and does not refuse them.
    """

    def __init__(
        self,
        provider: Embeddings,
        name: str,
        cache: ReplyCache | None = None,
        ledger: Ledger | None = None,
    ) -> None:
        """`name`: provider and model."""
        self.provider = provider
        self.name = name
        self.cache = cache
        self.ledger = ledger
        self.secrets = Secrets(provider)
        self.known: dict[str, array[float]] = {}  # a list's numbers take four times the room

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Raises: InstructorError: The provider failed."""
        for text in texts:
            if text not in self.known and (kept := self.kept(text)) is not None:
                self.known[text] = array("d", kept)
        new = list(dict.fromkeys(text for text in texts if text not in self.known))
        if new:
            try:
                vectors = self.provider.embed_documents(new)
            except Exception as error:  # each provider has its own
                sentence = self.secrets.hide(sentence_for(error, f"the embeddings {self.name}"))
                raise InstructorError(sentence) from None
            if self.ledger is not None:
                self.ledger.count("contrast analyst", self.name, sum(map(estimate, new)))
            for text, vector in zip(new, vectors, strict=True):
                self.known[text] = array("d", vector)
                self.keep(text, vector)
        return [self.known[text].tolist() for text in texts]

    def key(self, text: str) -> str:
        return cache_key(f"embeddings {self.name}", {}, (("user", text),), "")

    def kept(self, text: str) -> list[float] | None:
        found = self.cache.get(self.key(text)) if self.cache is not None else None
        return None if found is None else json.loads(found.text)

    def keep(self, text: str, vector: list[float]) -> None:
        if self.cache is not None:
            kept = CachedReply(text=json.dumps(vector), usage=Usage())
            self.cache.put(self.key(text), kept, self.name)


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
