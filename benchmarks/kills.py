"""Runs killed at random moments: does each end like an undisturbed one?

    python benchmarks/kills.py --kills 200

Half of the kills hit a random file operation, half a random moment. A double answers and trains,
so that a run takes a second.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from killed_runs import Runner, differences


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="errata-kills-") as scratch, Runner() as runner:
        folder = Path(scratch)
        (folder / "whole").mkdir()
        whole = runner.undisturbed(folder / "whole")
        asked = whole.ended.asked.total()
        print(f"undisturbed: {whole.operations} file operations, {asked} asked or trained")
        kills = runs = bad = again = 0
        while kills < wanted.kills:
            runs += 1
            here = folder / f"run-{runs}"
            here.mkdir()
            ended = runner.killed(here, wanted.seed + runs, whole)
            kills += ended.kills
            again += ended.asked.total() - asked
            if found := differences(ended, whole.ended):
                bad += 1
                print(f"run {runs}, {ended.kills} kills: {', '.join(found)}")
    print(f"{kills} kills in {runs} runs, each resumed to its end: {bad} ended otherwise")
    print(f"asked or trained again, of what was under way at a kill: {again}")
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
