"""What the LLMs took, in tokens and money, and the budget that they must not exceed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from threading import Condition

from pydantic import Field

from errata.agents.errors import BudgetSpent
from errata.agents.records import Record

CHARACTERS_PER_TOKEN = 4
"""Of the estimate where nothing was counted; of English prose, about."""
MOST_TOKENS = 100_000_000
"""Of one call; a server that counts more does not count."""
REPLY_TOKENS = 2000
"""Reserved for a reply without a limit, until a longer one was seen."""


class Usage(Record):
    """Tokens of one call as the server counted them; None is what it did not say."""

    tokens_in: int | None = None
    cached_in: int | None = None
    """The part of `tokens_in` that the provider had in its own cache."""
    tokens_out: int | None = None
    reasoning: int | None = None
    """The part of `tokens_out` that nobody sees."""

    @classmethod
    def of(
        cls,
        tokens_in: object,
        tokens_out: object,
        said: str,
        cached_in: object = None,
        reasoning: object = None,
    ) -> Usage:
        """What a server counted, as far as it can be: a budget must not hang on nonsense.

        Args:
            said: The reply and the thinking; while there is any, 0 tokens out cannot be.
        """
        into, out = plausible(tokens_in, 1), plausible(tokens_out, 1 if said else 0)
        cached, thought = plausible(cached_in, 0), plausible(reasoning, 0)
        return cls(
            tokens_in=into,
            cached_in=None if cached is None or into is None or cached > into else cached,
            tokens_out=out,
            reasoning=None if thought is None or out is None or thought > out else thought,
        )


class Prices(Record):
    """What a model costs, per million tokens."""

    input: float = Field(ge=0)
    """Of a million tokens that are sent."""
    cached_input: float | None = Field(default=None, ge=0)
    """As `input` where not said."""
    output: float = Field(ge=0)
    """Of a million tokens that come back."""
    currency: str = Field(default="USD", min_length=1)
    """A label."""

    def cost(self, usage: Usage) -> float:
        """Of a usage whose tokens in and out are known."""
        tokens_in = usage.tokens_in or 0
        cached = min(usage.cached_in or 0, tokens_in)
        known = self.input if self.cached_input is None else self.cached_input
        paid = (tokens_in - cached) * self.input + cached * known
        return (paid + (usage.tokens_out or 0) * self.output) / 1e6


class Budget(Record):
    """What the LLMs of a run may take in all; whichever is reached first."""

    tokens: int | None = Field(default=None, ge=1)
    """In and out together."""
    money: float | None = Field(default=None, gt=0)
    """In the currency of the prices."""


class Entry(Record):
    """One answered call, a line of costs.jsonl."""

    agent: str
    model: str
    round: int
    cached: bool = False
    """The reply came from errata's own cache and cost nothing."""
    usage: Usage = Usage()
    """As the server counted."""
    tokens: int = 0
    """That the budget counts: an estimate where the server counted none."""
    money: float | None = None
    """That the budget counts; None where no prices are known."""
    estimated: bool = False
    """The server counted no tokens."""


@dataclass(frozen=True, eq=False)  # two alike are still two
class Reservation:
    """A call that is under way, at the most that it should take."""

    agent: str
    model: str
    round: int
    estimate_in: int
    """As the caller estimated."""
    tokens: int
    money: float


class Ledger:
    """Counts every call, and lets none begin that the budget may not hold.

    A call reserves what it may take, and settles for what it took. One that does not fit beside
    the calls under way waits for them, since most take less than they reserved; one that does not
    fit at all is refused. So the budget is never exceeded as long as no call takes more than it
    reserved: its estimate of tokens in, corrected by the worst one so far, and its limit of
    tokens out. Safe to use from many threads.
    """

    def __init__(
        self,
        prices: Mapping[str, Prices | None] | None = None,
        budget: Budget | None = None,
        before: Iterable[Entry] = (),
        record: Callable[[Entry], None] = lambda entry: None,
        current_round: Callable[[], int] = lambda: 0,
    ) -> None:
        """
        Args:
            prices: By agent.
            before: What the run took before it was stopped.
            record: Gets each answered call, one at a time.
        """
        self.prices = prices or {}
        self.budget = budget or Budget()
        self.record = record
        self.current_round = current_round
        self.changed = Condition()
        self.under_way: set[Reservation] = set()
        self.reserved_tokens = 0
        self.reserved_money = 0.0
        self.tokens = 0
        self.money = 0.0
        self.worst_estimate = 1.0
        """Largest tokens in / estimate so far."""
        self.longest_reply = REPLY_TOKENS
        self.kept: dict[str, tuple[int, float]] = {}
        """Agent → tokens and money that are left to it alone."""
        self.take(before)

    def keep(self, agent: str, tokens: int, money: float, before: Iterable[Entry] = ()) -> None:
        """Keeps room for an agent that must not come too late: no other one is given it. What the
        agent takes, `before` included, is taken from that room first."""
        for entry in before:
            if entry.agent == agent:
                tokens, money = tokens - entry.tokens, money - (entry.money or 0)
        with self.changed:
            self.kept[agent] = (max(0, tokens), max(0.0, money))

    def take(self, entries: Iterable[Entry]) -> None:
        """Counts what others took of the same budget."""
        with self.changed:
            for entry in entries:
                self.tokens += entry.tokens
                self.money += entry.money or 0

    def reserve(
        self, agent: str, model: str, tokens_in_estimate: int, tokens_out_limit: int | None
    ) -> Reservation:
        """Room for one call; may wait for calls under way to settle, so not in an event loop.

        Each reservation must be settled or released.

        Raises:
            BudgetSpent: What is left of the budget may not hold the call.
        """
        with self.changed:
            while True:
                wanted = self.wanted(agent, model, tokens_in_estimate, tokens_out_limit)
                if self.fits(wanted, self.reserved_tokens, self.reserved_money):
                    break
                if not self.under_way or not self.fits(wanted, 0, 0):
                    raise BudgetSpent(self.spent())
                self.changed.wait()
            self.under_way.add(wanted)
            self.reserved_tokens += wanted.tokens
            self.reserved_money += wanted.money
            return wanted

    def settle(self, reservation: Reservation, usage: Usage, reply: str = "") -> None:
        """Counts what the call took.

        Args:
            reply: Its length is counted where the server counted nothing.
        """
        tokens_in, tokens_out = usage.tokens_in, usage.tokens_out
        counted = usage.model_copy(
            update={
                "tokens_in": reservation.estimate_in if tokens_in is None else tokens_in,
                "tokens_out": estimate(reply) if tokens_out is None else tokens_out,
            }
        )
        prices = self.prices.get(reservation.agent)
        entry = Entry(
            agent=reservation.agent,
            model=reservation.model,
            round=reservation.round,
            usage=usage,
            tokens=(counted.tokens_in or 0) + (counted.tokens_out or 0),
            money=None if prices is None else prices.cost(counted),
            estimated=tokens_in is None or tokens_out is None,
        )
        with self.changed:
            self.close(reservation)
            self.tokens += entry.tokens
            self.money += entry.money or 0
            if entry.agent in self.kept:
                tokens, money = self.kept[entry.agent]
                left = max(0.0, money - (entry.money or 0))
                self.kept[entry.agent] = (max(0, tokens - entry.tokens), left)
            ratio = (counted.tokens_in or 0) / max(1, reservation.estimate_in)
            self.worst_estimate = max(self.worst_estimate, ratio)
            self.longest_reply = max(self.longest_reply, counted.tokens_out or 0)
            self.record(entry)

    def release(self, reservation: Reservation) -> None:
        """Gives the room back: the call failed. Does nothing once it is settled."""
        with self.changed:
            self.close(reservation)

    def from_cache(self, agent: str, model: str) -> None:
        """Counts a reply that errata's own cache gave."""
        entry = Entry(agent=agent, model=model, round=self.current_round(), cached=True)
        with self.changed:
            self.record(entry)

    def count(self, agent: str, model: str, tokens_in: int) -> None:
        """Counts a call that takes text and writes none, whether the budget holds it or not: what
        is left for others is less. `tokens_in` is an estimate."""
        prices = self.prices.get(agent)
        entry = Entry(
            agent=agent,
            model=model,
            round=self.current_round(),
            tokens=tokens_in,
            money=None if prices is None else prices.cost(Usage(tokens_in=tokens_in)),
            estimated=True,
        )
        with self.changed:
            self.tokens += entry.tokens
            self.money += entry.money or 0
            self.record(entry)

    def wanted(
        self, agent: str, model: str, estimate_in: int, tokens_out_limit: int | None
    ) -> Reservation:
        tokens_in = math.ceil(estimate_in * self.worst_estimate)
        tokens_out = self.longest_reply if tokens_out_limit is None else tokens_out_limit
        prices = self.prices.get(agent)
        most = Usage(tokens_in=tokens_in, tokens_out=tokens_out)
        return Reservation(
            agent=agent,
            model=model,
            round=self.current_round(),
            estimate_in=estimate_in,
            tokens=tokens_in + tokens_out,
            money=0 if prices is None else prices.cost(most),
        )

    def fits(self, wanted: Reservation, tokens_under_way: int, money_under_way: float) -> bool:
        budget = self.budget
        kept = [room for agent, room in self.kept.items() if agent != wanted.agent]
        tokens = self.tokens + tokens_under_way + wanted.tokens + sum(t for t, _ in kept)
        money = self.money + money_under_way + wanted.money + sum(m for _, m in kept)
        return (budget.tokens is None or tokens <= budget.tokens) and (
            budget.money is None or money <= budget.money
        )

    def close(self, reservation: Reservation) -> None:
        if reservation in self.under_way:
            self.under_way.remove(reservation)
            self.reserved_tokens -= reservation.tokens
            self.reserved_money -= reservation.money
            if not self.under_way:
                self.reserved_money = 0  # no dust of rounding is left
            self.changed.notify_all()

    def spent(self) -> str:
        given = []
        if self.budget.tokens is not None:
            given.append(f"{self.budget.tokens:,} tokens ({self.tokens:,} taken)")
        if self.budget.money is not None:
            given.append(f"{self.budget.money:,.2f} in money ({self.money:,.2f} taken)")
        return (
            f"the budget of {' and '.join(given)} may not hold another call: raise it under "
            "[budget]"
        )


def plausible(count: object, least: int) -> int | None:
    """The count; None where it cannot be one of tokens."""
    sound = isinstance(count, int) and not isinstance(count, bool) and least <= count <= MOST_TOKENS
    return int(count) if sound else None  # type: ignore[call-overload]


def estimate(text: str) -> int:
    """Tokens of a text that nobody counted."""
    return -(-len(text) // CHARACTERS_PER_TOKEN)
