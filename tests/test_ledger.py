"""The ledger: never over its budget, never a 0 for what is not known."""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from errata.agents.chat_models.ledger import Budget, Entry, Ledger, Prices, Usage
from errata.agents.errors import BudgetSpent, ConfigError
from errata.graph.config import RunConfig, parse_config
from errata.graph.costs import cost_of, costs_log, prices_of
from errata.graph.run_folder import RunFolder

PRICES = Prices(input=0.25, cached_input=0.025, output=2.0)


def config(**changes: object) -> RunConfig:
    given = {"exam": {"name": "arithmetic"}, "instructor": {"model": "openai:x"}}
    return parse_config(given | changes, "test")


@settings(deadline=None, max_examples=40)
@given(
    budget=st.integers(1, 40_000),
    calls=st.lists(st.tuples(st.integers(1, 900), st.integers(1, 500)), max_size=120),
    seed=st.integers(0, 2**32),
)
def test_sixty_four_calls_at_once_never_exceed_the_tokens_nor_the_money(
    budget: int, calls: list[tuple[int, int]], seed: int
) -> None:
    rng = random.Random(seed)
    plan = [(tokens, most, rng.randint(0, tokens), rng.randint(0, most)) for tokens, most in calls]
    money = budget * 1e-6
    ledger = Ledger({"writer": PRICES}, Budget(tokens=budget, money=money))

    def call(expected: int, limit: int, tokens_in: int, tokens_out: int) -> bool:
        try:
            held = ledger.reserve("writer", "m", expected, limit)
        except BudgetSpent:
            return False
        if tokens_in % 7 == 0:
            ledger.release(held)
        else:
            ledger.settle(held, Usage(tokens_in=tokens_in, tokens_out=tokens_out))
        return True

    with ThreadPoolExecutor(64) as pool:
        made = list(pool.map(lambda one: call(*one), plan))
    assert ledger.tokens <= budget
    assert ledger.money <= money + 1e-12
    assert ledger.reserved_tokens == 0
    assert ledger.reserved_money == 0
    if sum(tokens + limit for tokens, limit in calls) <= budget / 4:
        assert all(made)  # there was room for every one of them


def test_a_call_waits_for_those_under_way_before_it_is_refused() -> None:
    ledger = Ledger(budget=Budget(tokens=1000))
    first = ledger.reserve("writer", "m", 100, 800)
    got: list[int] = []
    second = threading.Thread(
        target=lambda: got.append(ledger.reserve("writer", "m", 100, 100).tokens)
    )
    second.start()
    time.sleep(0.05)
    assert got == []
    ledger.settle(first, Usage(tokens_in=100, tokens_out=20))
    second.join(5)
    assert got == [200]


def test_a_call_that_cannot_fit_is_refused_while_others_are_under_way() -> None:
    ledger = Ledger(budget=Budget(tokens=1000))
    ledger.reserve("writer", "m", 100, 100)
    with pytest.raises(BudgetSpent, match=r"1,000 tokens.*raise it under \[budget\]"):
        ledger.reserve("writer", "m", 900, 200)


def test_a_reservation_counts_once_however_often_it_is_closed() -> None:
    ledger = Ledger(budget=Budget(tokens=1000))
    held = ledger.reserve("writer", "m", 100, 100)
    other = ledger.reserve("writer", "m", 100, 100)
    ledger.settle(held, Usage(tokens_in=90, tokens_out=10))
    ledger.release(held)
    assert (ledger.tokens, ledger.reserved_tokens) == (100, 200)
    ledger.release(other)
    assert ledger.reserved_tokens == 0


def test_an_estimate_that_was_too_low_raises_the_next_ones() -> None:
    ledger = Ledger()
    held = ledger.reserve("writer", "m", 100, 50)
    ledger.settle(held, Usage(tokens_in=150, tokens_out=50))
    assert ledger.reserve("writer", "m", 100, 50).tokens == 200


def test_a_reply_without_a_limit_reserves_as_much_as_the_longest_so_far() -> None:
    ledger = Ledger()
    held = ledger.reserve("writer", "m", 100, None)
    ledger.settle(held, Usage(tokens_in=100, tokens_out=9000))
    assert ledger.reserve("writer", "m", 100, None).tokens == 9100


def test_cached_input_has_its_own_price() -> None:
    usage = Usage(tokens_in=1_000_000, cached_in=400_000, tokens_out=500_000)
    assert PRICES.cost(usage) == pytest.approx(0.6 * 0.25 + 0.4 * 0.025 + 0.5 * 2.0)
    without = PRICES.model_copy(update={"cached_input": None})
    assert without.cost(usage) == pytest.approx(0.25 + 1.0)


def test_a_server_that_counts_nothing_is_estimated_for_the_budget_and_said_to_be_unknown() -> None:
    entries: list[Entry] = []
    ledger = Ledger({"writer": PRICES}, Budget(tokens=1000), record=entries.append)
    held = ledger.reserve("writer", "m", 100, 500)
    ledger.settle(held, Usage(), reply="word " * 80)
    assert ledger.tokens == 200
    [entry] = entries
    assert entry.estimated
    assert entry.usage == Usage()


def test_the_sums_of_a_report_say_unknown_and_never_0(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    costs = costs_log(folder)
    ledger = Ledger({"instructor": None}, record=costs.add)
    for usage in (Usage(tokens_in=10, tokens_out=5), Usage()):
        ledger.settle(ledger.reserve("instructor", "m", 8, 50), usage, reply="x" * 40)
    ledger.from_cache("instructor", "m")
    cost = cost_of(folder, config())
    assert cost is not None
    assert cost.currency is None
    [row] = cost.rows
    assert (row.calls, row.cached) == (2, 1)
    assert (row.tokens_in, row.tokens_out, row.reasoning, row.money) == (None, None, None, None)
    assert (row.estimated_calls, row.estimated_tokens) == (1, 18)


def test_a_resumed_run_goes_on_from_what_it_took_even_after_a_kill(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    costs = costs_log(folder)
    ledger = Ledger({"writer": PRICES}, record=costs.add)
    for _ in range(3):
        held = ledger.reserve("writer", "m", 100, 100)
        ledger.settle(held, Usage(tokens_in=100, tokens_out=50))
    with costs.path.open("ab") as file:
        file.write(b'\n{"agent": "writer", "mod')  # a kill while it wrote
    again = Ledger({"writer": PRICES}, before=costs.read(), record=costs.add)
    assert again.tokens == 450
    assert again.money == pytest.approx(ledger.money)
    again.settle(again.reserve("writer", "m", 1, 1), Usage(tokens_in=1, tokens_out=1))
    assert [entry.tokens for entry in costs.read()] == [150, 150, 150, 2]


def test_a_budget_in_money_needs_prices() -> None:
    with pytest.raises(ConfigError, match=r"prices of openai:x are not known: give input"):
        prices_of(config(budget={"money": 5.0}))
    priced = {"model": "openai:x", "prices": {"input": 1, "output": 2}}
    assert prices_of(config(budget={"money": 5.0}, instructor=priced))["data writer"] is not None


def test_prices_in_two_currencies_are_not_summed() -> None:
    one = {"model": "openai:x", "prices": {"input": 1, "output": 2}}
    other = {"model": "openai:y", "prices": {"input": 1, "output": 2, "currency": "EUR"}}
    with pytest.raises(ConfigError, match="EUR and USD"):
        prices_of(config(instructor=one, writer=other))


def test_a_mistyped_price_is_named() -> None:
    wrong = {"model": "openai:x", "prices": {"input": 1, "output": 2, "cached_imput": 3}}
    with pytest.raises(ConfigError, match="did you mean 'cached_input'"):
        config(instructor=wrong)
    with pytest.raises(ConfigError, match="did you mean 'tokens'"):
        config(budget={"token": 3})


def test_room_that_is_kept_for_one_agent_is_given_to_no_other() -> None:
    ledger = Ledger(budget=Budget(tokens=1000))
    ledger.keep("judge", 600, 0)
    with pytest.raises(BudgetSpent):
        ledger.reserve("data writer", "m", 300, 200)
    ledger.release(ledger.reserve("data writer", "m", 300, 100))
    taken = ledger.reserve("judge", "m", 300, 200)
    ledger.settle(taken, Usage(tokens_in=300, tokens_out=200))
    # 500 are taken, of the 600 that were kept: 100 of them are still the judge's
    with pytest.raises(BudgetSpent):
        ledger.reserve("data writer", "m", 300, 150)
    ledger.release(ledger.reserve("data writer", "m", 300, 100))
    ledger.release(ledger.reserve("judge", "m", 300, 200))


def test_what_an_agent_took_before_is_taken_from_its_room() -> None:
    before = [Entry(agent="judge", model="m", round=0, tokens=500)]
    ledger = Ledger(budget=Budget(tokens=1000), before=before)
    ledger.keep("judge", 600, 0, before)
    ledger.release(ledger.reserve("data writer", "m", 300, 100))
    with pytest.raises(BudgetSpent):
        ledger.reserve("data writer", "m", 300, 101)
