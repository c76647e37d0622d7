"""What learning from errors is worth where writing is no bottleneck: a writer that cannot fail.

    errata run examples/half-way.toml
    python benchmarks/perfect_writer.py --seeds 3 --per-round 300

On the built-in exam a question's kind says all about it. So the writer makes fresh questions of the
kind of the question that it is asked about, from the exam's own generator, with the exam's own
working: a missed one under `le` and `lec`, a randomly picked one under `augment`, which thereby
gets the kinds as the practice set has them. No question is one of practice, dev or test. Every arm
trains on the same number of tokens, from the same student; only whose kinds are written for
differs. Called again, it goes on where it was.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from errata.agents.data_writer import Ask
from errata.agents.errors import ConfigError
from errata.agents.exams import ArithmeticExam, HeldOut
from errata.agents.exams.arithmetic import KINDS, make_questions
from errata.agents.records import Draft, Unusable
from errata.graph.comparing.compare import compare
from errata.graph.comparing.comparison import Comparison
from errata.graph.config import RunConfig, load_config, parse_config
from errata.graph.views.compare import print_comparison
from errata.graph.watcher import NoWatcher

CONFIG = Path(__file__).parents[1] / "examples" / "compare.toml"
ARMS = ("augment", "le", "lec")
TRIES = 20
"""Questions drawn for each one wanted, at most: some are too near to a held-out one."""


class PerfectWriter:
    """A `Writer` that asks the exam's generator. It remembers nothing, so that a resumed run gets
    what a run in one go gets, and no arm what another has left over."""

    examples_per_ask = 1
    asks_per_batch = 1

    def __init__(self, exam: ArithmeticExam) -> None:
        self.taken: set[str] = set()
        sides = (("practice", exam.practice), ("dev", exam.dev), ("test", exam.test))
        practice, dev, test = (make_questions(exam.seed, *side, self.taken) for side in sides)
        self.held_out = HeldOut([*dev, *test], practice)

    def draft(self, asks: Sequence[Ask]) -> Iterator[tuple[Ask, Sequence[Draft | Unusable]]]:
        for ask in asks:
            found: dict[str, Draft | Unusable] = {}
            for new in self.candidates(ask):
                if self.held_out.resemblance(new) is None:  # else that kind would get fewer
                    found[new.prompt] = new
                if len(found) == ask.count:
                    break
            nothing = Unusable(source_id=ask.lesson.id, reason="its kind holds no new question")
            yield ask, list(found.values()) or [nothing]

    def candidates(self, ask: Ask) -> Iterator[Draft]:
        """Questions of the kind, none of them in the exam."""
        kinds = [kind for kind in KINDS if kind.name == ask.lesson.question.kind]
        for at in range(TRIES * ask.count):
            seed = f"{ask.seed}/{ask.lesson.id}/{at}"
            try:
                [new] = make_questions(seed, "new", 1, set(self.taken), kinds)
            except ValueError:  # all problems of the kind are in the exam
                return
            yield Draft(
                diagnosis_id=ask.lesson.id,
                prompt=new.prompt,
                completion=new.solution or "",
                target=new.target,
            )


def settings(path: Path, per_round: int, adapter: str | None) -> tuple[RunConfig, ArithmeticExam]:
    """Raises: ConfigError: The configuration's exam is not the built-in one."""
    config = load_config(path)
    exam = config.exam[0]
    if len(config.exam) > 1 or not isinstance(exam, ArithmeticExam):
        raise ConfigError(f"{path}: the writer makes questions of arithmetic only; take that exam")
    changed: dict[str, Any] = config.model_dump()
    changed["name"] = f"perfect-writer-{per_round}"
    changed["examples"]["per_round"] = per_round
    if adapter is not None:
        changed["student"]["adapter"] = adapter
    return parse_config(changed, str(path)), exam


def main(arguments: Sequence[str] | None = None, **agents: Any) -> Comparison:
    """`agents`: a student or a trainer in place of the configured ones."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path, default=CONFIG)
    parser.add_argument("--adapter", help="of the student, in place of the configured one")
    parser.add_argument("--arms", default=",".join(ARMS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--per-round", type=int, default=300)
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    given = parser.parse_args(arguments)
    config, exam = settings(given.config, given.per_round, given.adapter)
    arms = given.arms.split(",")
    watcher = Said()
    found = compare(
        config, arms, given.seeds, given.runs, writer=PerfectWriter(exam), watcher=watcher, **agents
    )
    print_comparison(found, Console(), given.runs / f"{config.name}.compare")
    return found


class Said(NoWatcher):
    def say(self, text: str) -> None:
        print(text, flush=True)


if __name__ == "__main__":
    main()
