"""How far the judges of a configuration agree with a person: `errata judge`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from errata.agents.chat_models.cache import ReplyCache
from errata.agents.chat_models.ledger import Ledger
from errata.agents.errors import ConfigError
from errata.graph.agents import Clients, close_clients
from errata.graph.config import RunConfig
from errata.graph.costs import prices_of
from errata.graph.judging import JudgesReport, calibrations, open_judges
from errata.graph.watcher import Watcher


def judge(config: RunConfig, watcher: Watcher, cache: ReplyCache | None = None) -> JudgesReport:
    """Calibrates each judge of the configuration, as a run of it does before anything else.

    Args:
        cache: Replies that need not be paid for again.

    Raises:
        ConfigError: It has no judge.
        ErrataError: A judge cannot be asked, or the labelled answers cannot be read.
    """
    if not config.judged_exams:
        raise ConfigError(
            f'{config.name} has no judge: say answer = "judge" under [exam], and which one under '
            "[exam.judge]"
        )
    ledger = Ledger(prices_of(config), config.budget)
    with tempfile.TemporaryDirectory(prefix="errata-judge-") as scratch:
        clients = Clients(Path(scratch), lambda call: None, cache, ledger)
        try:
            judges = open_judges(config, Path(scratch), clients)
            return JudgesReport(judges=calibrations(config, judges, watcher))
        finally:
            close_clients(clients.opened.values())
