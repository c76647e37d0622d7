"""Embeddings of a provider: each text is sent once, counted, and kept."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from doubles import table_agents
from langchain_core.embeddings import Embeddings

from errata.agents.chat_models.cache import ReplyCache
from errata.agents.chat_models.ledger import Budget, Entry, Ledger
from errata.agents.embeddings import StoredEmbeddings, WordEmbeddings
from errata.agents.errors import BudgetSpent, ConfigError, InstructorError
from errata.agents.exams.several import load_exams
from errata.graph.agents import Given, open_agents
from errata.graph.config import RunConfig, parse_config
from errata.graph.costs import prices_of
from errata.graph.estimate import estimate_run
from errata.graph.run_folder import RunFolder
from errata.graph.trace import Trace


class Provider(Embeddings):
    """The built-in embeddings, as if they were far away."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.sent += texts
        return WordEmbeddings().embed_documents(texts)

    def embed_query(self, text: str) -> list[float]:
        raise NotImplementedError


class Broken(Provider):
    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        raise RuntimeError("out\nof \x1b[2Jpaper")


def test_a_text_is_sent_once_in_a_run_and_counted_once() -> None:
    entries: list[Entry] = []
    provider = Provider()
    stored = StoredEmbeddings(provider, "far:away", None, Ledger(record=entries.append))
    first = stored.embed_documents(["a b c d", "e", "e"])
    assert first == WordEmbeddings().embed_documents(["a b c d", "e", "e"])
    assert stored.embed_documents(["e", "new", "a b c d"])[2] == first[0]
    assert provider.sent == ["a b c d", "e", "new"]
    assert [(e.agent, e.model, e.tokens, e.estimated) for e in entries] == [
        ("contrast analyst", "far:away", 3, True),
        ("contrast analyst", "far:away", 1, True),
    ]


def test_the_next_run_takes_the_vectors_from_the_cache_and_another_model_does_not(
    tmp_path: Path,
) -> None:
    with closing(ReplyCache(tmp_path / "replies.sqlite")) as cache:
        first = StoredEmbeddings(Provider(), "far:away", cache).embed_query("a b")
        provider = Provider()
        assert StoredEmbeddings(provider, "far:away", cache).embed_query("a b") == first
        assert provider.sent == []
        StoredEmbeddings(provider, "far:other", cache).embed_query("a b")
        assert provider.sent == ["a b"]


def test_what_embeddings_take_is_missing_from_the_budget_of_the_others() -> None:
    ledger = Ledger(budget=Budget(tokens=100))
    StoredEmbeddings(Provider(), "far:away", None, ledger).embed_query("x" * 200)
    ledger.release(ledger.reserve("instructor", "m", 25, 25))
    with pytest.raises(BudgetSpent, match="50 taken"):
        ledger.reserve("instructor", "m", 26, 25)


def test_a_provider_that_fails_is_one_sentence() -> None:
    with pytest.raises(InstructorError) as failed:
        StoredEmbeddings(Broken(), "far:away").embed_query("a")
    assert "the embeddings far:away failed" in str(failed.value)
    assert str(failed.value).isprintable()


def config(**changes: object) -> RunConfig:
    exam = {"name": "arithmetic", "seed": 3, "practice": 18, "dev": 18, "test": 18}
    return parse_config({"exam": exam, "contrast": {"embeddings": "far:away"}, **changes}, "x")


def test_the_estimate_takes_every_practice_question_to_be_embedded_once(tmp_path: Path) -> None:
    settings = config()
    practice = load_exams(settings.exam).practice
    table = table_agents(practice, [[]])
    far = StoredEmbeddings(Provider(), "far:away")
    trace = Trace(tmp_path / "trace.jsonl")
    given = Given(**table, embeddings=far)
    agents = open_agents(settings, RunFolder(tmp_path), trace, None, given)
    guess = estimate_run(settings, agents, practice)
    assert guess is not None
    [row] = guess.rows
    letters = sum(len(question.prompt) for question in practice)
    assert (row.agent, row.model, row.calls) == ("contrast analyst", "far:away", 1)
    assert letters / 4 <= row.tokens_in <= letters / 4 + len(practice)
    assert estimate_run(config(strategy="le"), agents, practice) is None


def test_a_budget_in_money_is_refused_where_embeddings_have_no_price() -> None:
    with pytest.raises(ConfigError, match=r'prices of far:away are not known: .*"words"'):
        prices_of(config(budget={"money": 1.0}))
    prices_of(config(budget={"tokens": 1000}))
