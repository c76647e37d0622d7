"""How many damaged replies of a model are read as a person would read them.

    python benchmarks/replies.py
    python benchmarks/replies.py --replies 100000 --seed 7 --show 5

Good replies are damaged from a seed: fences, prose, commas, quotes, comments, truncation, wrong
types, dropped fields, duplicated keys and more. Each knows by construction what a person would
still read in it; one counts as read when every field is what it was before. Of each example that
is read, errata's own check says whether it may be trained on, and construction whether it is right.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from mutated_replies import run_cases

from errata.agents.chat_models.reply import RawReply
from errata.agents.llm.replies import DiagnosisReply, read_reply


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--replies", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--show", type=int, default=0, help="replies to print that were misread")
    given = parser.parse_args()
    start = time.perf_counter()
    count, misread = run_cases(given.replies, given.seed)
    seconds = time.perf_counter() - start
    print(f"{given.replies:,} replies in {seconds:.1f} s, no crash")
    print(f"readable: {count.read:,} of {count.readable:,} read, field for field")
    print(f"not readable: {count.refused:,} of {count.lost:,} refused with a reason")
    print(
        f"examples: {count.examples:,}, accepted {count.accepted:,}, of these wrong "
        f"{count.accepted_unsound}; right ones refused {count.refused_sound}"
    )
    for text in ('{"a":' * 2_000_000, "{" * 10_000_000, '{"a": "' + "x" * 10_000_000):
        start = time.perf_counter()
        try:
            read_reply(RawReply(text[:1_900_000]), DiagnosisReply)
        except ValueError as error:
            print(
                f"1.9 MB of {text[:7]!r}: {time.perf_counter() - start:.2f} s ({str(error)[:60]})"
            )
    for case in misread[: given.show]:
        print(f"\n{'-' * 80}\n{case.kinds}\n{case.text[:1500]}\nexpected: {case.expected}")


if __name__ == "__main__":
    main()
