"""How the time to read a text grows with its length, for all that reads untrusted text.

    python benchmarks/growth.py
    python benchmarks/growth.py --readers "choice marker" equations --random 500

Each reader gets the worst texts that are known and, with `--random`, more made at random, at 1,000,
10,000 and 100,000 characters. Prints for each reader the text that took longest at the last length,
its times, and the exponent between the last two: 1 grows with the text, 2 with its square.
A text is given up where a length takes over `--patience` seconds.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from growing import READERS, WORST, Text, random_texts, seconds

LENGTHS = (1_000, 10_000, 100_000)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--readers", nargs="*", default=list(READERS), metavar="READER")
    parser.add_argument("--random", type=int, default=0, metavar="TEXTS")
    parser.add_argument("--patience", type=float, default=1.0, metavar="SECONDS")
    given = parser.parse_args()
    if unknown := [name for name in given.readers if name not in READERS]:
        parser.error(f"no reader is called {unknown[0]!r}: they are {', '.join(READERS)}")
    print(f"{'reader':24}" + "".join(f"{f'{length:,}':>12}" for length in LENGTHS) + "  exponent")
    for name in given.readers:
        measured = [
            (times(name, text, given.patience), text)
            for text in (*WORST, *random_texts(name, given.random))
        ]
        took, text = max(measured, key=lambda each: worth(each[0]))
        cells = [f"{each:10.3f} s" for each in took] + [f"{'-':>12}"] * (len(LENGTHS) - len(took))
        exponent = math.log10(took[-1] / took[-2]) if len(took) > 1 else math.nan
        print(f"{name:24}{''.join(cells)}{exponent:10.2f}  {(text.before + text.atom)[:40]!r}")


def times(name: str, text: Text, patience: float) -> list[float]:
    """Seconds at each length, up to the first that took longer than `patience`."""
    took: list[float] = []
    for length in LENGTHS:
        took.append(seconds(READERS[name], text.of(length)))
        if took[-1] > patience:
            break
    return took


def worth(took: list[float]) -> tuple[int, float]:
    """Given up earlier is worse; of equals the slower."""
    return -len(took), took[-1]


if __name__ == "__main__":
    main()
