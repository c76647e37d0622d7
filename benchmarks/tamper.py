"""Finished runs, tampered with at random: does an audit find and name each, and nothing untouched?

    python benchmarks/tamper.py --tamperings 200 --untouched 20

The tamperings take turns over the kinds in tests/tampering.py: bytes, lines and files changed by
somebody who does nothing else, and verdicts, figures, answers, rows and whole exams changed by
somebody who mends the manifest, or the manifest, the report and seal.json, after it. One kind
leaves nothing in the folder that contradicts it and is found with the seal that was noted down.
Of the untouched runs some were killed and resumed, and some were stopped for good. A double answers
and trains.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from killed_runs import Runner
from tampering import TAMPERS, audited, make_run, names, tampered

from errata.graph.run_folder import RunFolder

DIFFERENT_RUNS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tamperings", type=int, default=200)
    parser.add_argument("--untouched", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="errata-tamper-") as scratch:
        runs = Path(scratch)
        finished = [
            make_run(runs, f"run-{n}", wanted.seed + n)
            for n in range(min(DIFFERENT_RUNS, wanted.untouched))
        ]
        missed = tamper(finished, wanted.tamperings, wanted.seed)
        alarms = 0
        counts = Counter[str]()
        for how, folder in untouched(finished, runs, wanted.untouched, wanted.seed):
            counts[how] += 1
            for finding in audited(folder).findings:
                alarms += 1
                print(f"ALARM {how}: {finding.file}: {finding.wrong}")
        print(", ".join(f"{n} {how}" for how, n in counts.items()), f"untouched: {alarms} alarms")
    sys.exit(missed + alarms > 0)


def tamper(finished: list[RunFolder], count: int, seed: int) -> int:
    """Tamperings that were not found, or whose file was not named."""
    tries, found = Counter[str](), Counter[str]()
    for number in range(count):
        change = TAMPERS[number % len(TAMPERS)]
        run = finished[number % len(finished)]
        copy = run.path.with_name("copy")
        file, audit = tampered(run, copy, change, seed * 1000 + number)
        tries[change.__name__] += 1
        found[change.__name__] += names(audit, file)
        if not names(audit, file):
            print(f"MISSED {change.__name__} of {file}, seed {seed * 1000 + number}")
        shutil.rmtree(copy)
    for name, tried in tries.items():
        print(f"{name.replace('_', ' '):46}{found[name]:4} of {tried:3} found and named")
    print(f"{found.total()} of {tries.total()} tamperings found and named")
    return tries.total() - found.total()


def untouched(
    finished: list[RunFolder], runs: Path, count: int, seed: int
) -> Iterator[tuple[str, RunFolder]]:
    """Runs that nobody changed, each with what happened to it."""
    yield from (("finished at once", folder) for folder in finished)
    rng = random.Random(seed)
    with Runner() as runner:
        (runs / "whole").mkdir()
        whole = runner.undisturbed(runs / "whole")
        for number in range(count - len(finished)):
            here = runs / f"killed-{number}"
            here.mkdir()
            if number % 3 == 0:
                runner.work(here, rng.randrange(whole.operations // 8, whole.operations * 9 // 10))
                yield "stopped", RunFolder(here / "killed")
            else:
                runner.work(here, rng.randrange(whole.operations // 8, whole.operations))
                runner.killed(here, seed + number, whole)
                yield "killed and resumed", RunFolder(here / "killed")


if __name__ == "__main__":
    main()
