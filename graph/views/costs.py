"""What the LLMs took, and what the cache of replies holds, in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.console import Console

from errata.agents.chat_models.cache import ModelReplies, ReplyCache
from errata.agents.chat_models.ledger import CHARACTERS_PER_TOKEN, Budget
from errata.graph.costs import Cost, CostRow, Estimate, EstimateRow
from errata.graph.views.printer import Printer, count, grid

UNKNOWN = "unknown"


def show_cost(cost: Cost, out: Printer) -> None:
    """A row for each agent and round, the sum, and the estimate from before."""
    out.heading("What the LLMs took")
    for model in sorted({row.model for row in cost.rows}):
        agents = dict.fromkeys(row.agent for row in cost.rows if row.model == model)
        out.print(f"{', '.join(agents)}: {model}", "dim")
    table = grid("left", "right", "right", "right", "right", "right", "right", "right")
    names = ("", "round", "calls", "cached", "tokens in", "out", "thinking", cost.currency or "")
    table.add_row(*(out.text(name, "dim") for name in names))
    for row in cost.rows:
        table.add_row(*map(out.text, cells(row)))
    table.add_row(*(out.text(cell, "bold") for cell in cells(cost.total)))
    if cost.estimate:
        guess = summed(cost.estimate)
        table.add_row(
            *(out.text(c, "dim") for c in ("estimate", "", f"{guess.calls:,}", "")),
            *(out.text(f"{n:,}", "dim") for n in (guess.tokens_in, guess.tokens_out)),
            "",
            out.text(amount(guess.money), "dim"),
        )
    out.print(table)
    if cost.total.cached:
        out.print("cached: replies that errata had asked for before; they cost nothing", "dim")
    if cost.total.estimated_calls:
        out.print(
            f"the server did not count {count(cost.total.estimated_calls, 'call')}: about "
            f"{cost.total.estimated_tokens:,} tokens, at {CHARACTERS_PER_TOKEN} characters a token",
            "dim",
        )
    if cost.estimate:
        out.print("the estimate took every practice question to be missed in every round", "dim")


def cells(row: CostRow) -> list[str]:
    return [
        row.agent,
        "" if row.round is None else str(row.round),
        f"{row.calls:,}",
        f"{row.cached:,}",
        *(number(n) for n in (row.tokens_in, row.tokens_out, row.reasoning)),
        amount(row.money),
    ]


def number(tokens: int | None) -> str:
    return UNKNOWN if tokens is None else f"{tokens:,}"


def amount(money: float | None) -> str:
    """Small sums keep their digits."""
    if money is None:
        return UNKNOWN
    return f"{money:,.2f}" if money >= 1 or money == 0 else f"{money:.4f}"


def summed(rows: Sequence[EstimateRow]) -> EstimateRow:
    money = [row.money for row in rows if row.money is not None]
    return EstimateRow(
        agent="all",
        model="all",
        calls=sum(row.calls for row in rows),
        tokens_in=sum(row.tokens_in for row in rows),
        tokens_out=sum(row.tokens_out for row in rows),
        money=sum(money) if len(money) == len(rows) else None,
    )


def estimate_lines(found: Estimate, budget: Budget, currency: str | None) -> list[str]:
    """What is said before anything is sent."""
    lines = [f"estimate {found.basis}:"]
    for row in [*found.rows, *([summed(found.rows)] if len(found.rows) > 1 else [])]:
        price = "money unknown" if row.money is None else f"{amount(row.money)} {currency}"
        who = row.agent if row.model == "all" else f"{row.agent}, {row.model}"
        lines.append(
            f"  {who}: {count(row.calls, 'call')}, {row.tokens_in:,} tokens in, "
            f"{row.tokens_out:,} out, {price}"
        )
    lines += [f"  {warning}" for warning in found.warnings]
    total = summed(found.rows)
    tokens = total.tokens_in + total.tokens_out
    if (budget.tokens is not None and tokens > budget.tokens) or (
        budget.money is not None and (total.money or 0) > budget.money
    ):
        lines.append("  that is more than the budget, which may be spent before the end")
    return lines


def print_cache(cache: ReplyCache, console: Console) -> None:
    """Where the cache is, and what it holds of each model.

    Raises:
        RunError: It cannot be read.
    """
    out = Printer(console)
    contents = cache.contents()
    out.unwrapped(str(cache.path))
    if not contents:
        out.print("empty")
        return
    files = cache.path.parent.glob(cache.path.name + "*")
    size = sum(path.stat().st_size for path in files)
    table = grid("left", "right", "right", "left", "left")
    names = ("model", "replies", "MB", "oldest", "newest")
    table.add_row(*(out.text(name, "dim") for name in names))
    for found in contents:
        table.add_row(out.text(found.model), *map(out.text, shelf(found)))
    out.print(table)
    replies = sum(found.replies for found in contents)
    noun = "reply" if replies == 1 else "replies"
    out.print(f"{replies:,} {noun}, {size / 1e6:,.1f} MB on disk", "bold")


def shelf(found: ModelReplies) -> list[str]:
    days = [f"{datetime.fromtimestamp(at):%Y-%m-%d %H:%M}" for at in (found.oldest, found.newest)]
    return [f"{found.replies:,}", f"{found.size / 1e6:,.2f}", *days]
