"""costs.jsonl: what each call to an LLM took; and the sums that a report shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from errata.agents.chat_models import LlmSettings
from errata.agents.chat_models.ledger import Entry, Prices
from errata.agents.errors import ConfigError
from errata.agents.jsonl import Log, read_record
from errata.agents.records import Record
from errata.graph.config import RunConfig
from errata.graph.run_folder import RunFolder

N = TypeVar("N", int, float)

CONTRAST, INSTRUCTOR, WRITER, VERIFIER = "contrast analyst", "instructor", "data writer", "verifier"
JUDGE = "judge"
"""The agents behind which an LLM or an embedding model may stand, as their calls name them."""


class CostRow(Record):
    """What one agent took from one model in one round. None is unknown, never 0."""

    agent: str
    model: str
    round: int | None
    """None: all of them."""
    calls: int
    """Answered by the model."""
    cached: int
    """Replies that came from errata's cache, and cost nothing."""
    tokens_in: int | None
    cached_in: int | None
    """The part of `tokens_in` that the provider had in its own cache."""
    tokens_out: int | None
    reasoning: int | None
    """The part of `tokens_out` that nobody sees."""
    money: float | None
    estimated_calls: int
    """Calls whose tokens the server did not count."""
    estimated_tokens: int
    """What the budget counted for those: characters / 4."""


class EstimateRow(Record):
    """What one agent may take in the whole run."""

    agent: str
    model: str
    calls: int
    tokens_in: int
    tokens_out: int
    money: float | None
    """None: the prices are not known."""


class Cost(Record):
    """What the LLMs of a run took."""

    currency: str | None
    """None where no prices are known."""
    rows: tuple[CostRow, ...]
    """By round, agent and model."""
    total: CostRow
    """All rounds, agents and models."""
    estimate: tuple[EstimateRow, ...]
    """Made before the run began, by agent; empty where there is none."""


class Estimate(Record):
    """estimate.json"""

    rows: tuple[EstimateRow, ...]
    warnings: tuple[str, ...] = ()
    """What speaks against the choice of the LLMs."""
    basis: str = "for all rounds, if every practice question is missed in each"
    """What it takes to happen."""


def costs_log(folder: RunFolder) -> Log[Entry]:
    """costs.jsonl"""
    return Log(folder.path / "costs.jsonl", Entry)


def prices_of(config: RunConfig) -> dict[str, Prices | None]:
    """By agent, of those behind which an LLM stands.

    Raises:
        ConfigError: The budget or the sums make no sense with these prices.
    """
    steps = config.way.steps
    llms = {
        INSTRUCTOR: config.instructor if "diagnose" in steps else None,
        WRITER: (config.writer or config.instructor) if "write" in steps else None,
        VERIFIER: config.solver if "write" in steps else None,
    }
    settings: dict[str, LlmSettings] = {
        name: llm for name, llm in llms.items() if isinstance(llm, LlmSettings)
    }
    judges = [judge for _, judge in config.judged_exams]
    if judges:
        settings[JUDGE] = judges[0]
    if any(judge.prices != judges[0].prices for judge in judges):
        raise ConfigError(
            "two judges have other prices, and judges are counted together: give both the same "
            "model and prices under [exam.judge]"
        )
    prices = {name: llm.prices for name, llm in settings.items()}
    if config.budget.money is not None:
        for llm in settings.values():
            if llm.prices is None:
                raise ConfigError(
                    f"the budget is in money and the prices of {llm.model} are not known: "
                    "give input and output under [instructor.prices], [writer.prices], "
                    "[verify.solver.prices] or [exam.judge.prices] (0 for a server of your own), "
                    "or a budget in tokens"
                )
        if "contrast" in steps and config.contrast.embeddings != "words":
            raise ConfigError(
                f"the budget is in money and the prices of {config.contrast.embeddings} are not "
                'known: take embeddings = "words" under [contrast], or a budget in tokens'
            )
    currencies = sorted({known.currency for known in prices.values() if known})
    if len(currencies) > 1:
        raise ConfigError(
            f"the prices are in {' and '.join(currencies)}, which cannot be summed: give both in "
            "one currency"
        )
    return prices


def currency_of(config: RunConfig) -> str | None:
    """None where no prices are known."""
    return next((known.currency for known in prices_of(config).values() if known), None)


def cost_of(folder: RunFolder, config: RunConfig) -> Cost | None:
    """What the run took so far; None where no LLM was asked."""
    entries = costs_log(folder).read()
    if not entries:
        return None
    groups: dict[tuple[int, str, str], list[Entry]] = {}
    for entry in entries:
        groups.setdefault((entry.round, entry.agent, entry.model), []).append(entry)
    order = [CONTRAST, INSTRUCTOR, WRITER, VERIFIER, JUDGE]
    keys = sorted(
        groups, key=lambda k: (k[0], order.index(k[1]) if k[1] in order else len(order), k[2])
    )
    rows = [row_of(groups[key], agent=key[1], model=key[2], round_index=key[0]) for key in keys]
    path = folder.path / "estimate.json"
    given = read_record(path, Estimate).rows if path.exists() else ()
    return Cost(
        currency=currency_of(config),
        rows=tuple(rows),
        total=row_of(entries, agent="all", model="all", round_index=None),
        estimate=given,
    )


def row_of(entries: Sequence[Entry], agent: str, model: str, round_index: int | None) -> CostRow:
    asked = [entry for entry in entries if not entry.cached]
    guessed = [entry for entry in asked if entry.estimated]
    return CostRow(
        agent=agent,
        model=model,
        round=round_index,
        calls=len(asked),
        cached=len(entries) - len(asked),
        tokens_in=total([entry.usage.tokens_in for entry in asked]),
        cached_in=total([entry.usage.cached_in for entry in asked]),
        tokens_out=total([entry.usage.tokens_out for entry in asked]),
        reasoning=total([entry.usage.reasoning for entry in asked]),
        money=total([None if entry.estimated else entry.money for entry in asked]),
        estimated_calls=len(guessed),
        estimated_tokens=sum(entry.tokens for entry in guessed),
    )


def total(numbers: Sequence[N | None]) -> N | None:
    """The sum; None where one of them is unknown."""
    known = [number for number in numbers if number is not None]
    return sum(known) if len(known) == len(numbers) else None
