"""The judges of a configuration outside any run: how far they agree with a person (`errata
judge`), and their verdicts for `errata exam` and `errata mark`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from errata.agents.chat_models.cache import ReplyCache
from errata.agents.chat_models.ledger import Ledger
from errata.agents.errors import ConfigError
from errata.agents.jsonl import read_record
from errata.agents.marking.judged import judged_by
from errata.agents.records import Question
from errata.graph.agents import Clients, close_clients
from errata.graph.config import RunConfig
from errata.graph.costs import Cost, Estimate, cost_of, costs_log, currency_of, prices_of
from errata.graph.estimate import judged_in, judging, labels_judged
from errata.graph.judging import (
    JudgeReport,
    JudgesReport,
    calibrated,
    calibrations,
    keep_room,
    open_judges,
)
from errata.graph.run import opened_cache
from errata.graph.run_folder import CALIBRATION, RunFolder
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


@dataclass(frozen=True)
class AtHand:
    """The judges that mark outside a run, and what they took; none where `config` is None."""

    config: RunConfig | None = None
    folder: RunFolder | None = None

    @property
    def judges(self) -> tuple[JudgeReport, ...]:
        if self.folder is None:
            return ()
        return read_record(self.folder.path / CALIBRATION, JudgesReport).judges

    @property
    def cost(self) -> Cost | None:
        if self.folder is None or self.config is None:
            return None
        return cost_of(self.folder, self.config)


@contextmanager
def judges_outside(
    config: RunConfig | None,
    asked: Sequence[Question],
    times: int,
    beside: Path | None,
    cache: bool,
    watcher: Watcher,
) -> Iterator[AtHand]:
    """Within it, answers to the questions can be judged: by judges that are calibrated first, as
    far as the budget holds, and none of them asked twice for one verdict.

    Args:
        config: Whose exams the questions are of; None, or one without judges, opens none.
        times: Answers to each question, at most.
        beside: Folder that keeps verdicts and costs for the next start; None keeps none.
        cache: Takes replies from the user's cache, and adds to it.

    Raises:
        ConfigError: A judge is refused, or would take more than the budget holds.
        ErrataError: A judge cannot be opened or asked, or the labelled answers cannot be read.
    """
    if config is None or not config.judged_exams:
        yield AtHand()
        return
    with ExitStack() as stack:
        if beside is None:
            made = tempfile.TemporaryDirectory(prefix="errata-judge-")
            folder = RunFolder(Path(stack.enter_context(made)))
        else:
            folder = RunFolder(beside)
        replies = stack.enter_context(opened_cache(cache, watcher))
        costs = costs_log(folder)
        ledger = Ledger(prices_of(config), config.budget, costs.read(), costs.add)
        clients = Clients(folder.path, lambda call: None, replies, ledger)
        stack.callback(lambda: close_clients(clients.opened.values()))
        judges = open_judges(config, folder.path, clients)
        verdicts = times * len(judged_in(asked)) + labels_judged(config)
        row = judging(config, judges, asked, verdicts)
        if row is not None:
            estimate = Estimate(rows=(row,), basis=BASIS)
            watcher.estimated(estimate, config.budget, currency_of(config))
            keep_room(ledger, estimate, config.budget, costs.read())
        folder.path.mkdir(parents=True, exist_ok=True)
        # Each start calibrates anew, by labels and limits as they are now; verdicts that are on
        # record cost nothing.
        (folder.path / CALIBRATION).unlink(missing_ok=True)
        calibrated(folder.path, config, judges, watcher)
        with judged_by(judges):
            yield AtHand(config, folder)


BASIS = "of the judge, if it gives every verdict anew"
