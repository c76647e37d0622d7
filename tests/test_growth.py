"""Whatever reads untrusted text takes time in proportion to it, however it is made."""

from __future__ import annotations

import os

import pytest
from growing import READERS, WORST, Text, random_texts, seconds

pytestmark = pytest.mark.slow

RANDOM_TEXTS = int(os.environ.get("ERRATA_GROWTH_TEXTS", "16"))
MEASURABLE_S = 0.002
LONGEST = 16_000
BOUND = 10
"""Four times the text: 4 times the time where it grows in proportion, 16 where with the square."""


@pytest.mark.parametrize("name", READERS)
def test_four_times_the_text_takes_about_four_times_as_long(name: str) -> None:
    for text in (*WORST, *random_texts(name, RANDOM_TEXTS)):
        length, ratio = growth(name, text)
        assert ratio < BOUND, f"{text!r}: {ratio:.1f} from {length} to {4 * length} characters"


def growth(name: str, text: Text) -> tuple[int, float]:
    """Time at four times a length over time at that length.

    A ratio over the bound is measured again, better and on longer texts: what is bounded to some
    hundred characters grows faster up to these, and a busy machine is slow at times.
    """
    read = READERS[name]
    length = 1000
    while (took := seconds(read, text.of(length))) < MEASURABLE_S and length < LONGEST:
        length *= 2
    ratio = seconds(read, text.of(4 * length)) / max(took, MEASURABLE_S / 4)
    if ratio >= BOUND:
        ratio = seconds(read, text.of(4 * length), 3) / seconds(read, text.of(length), 3)
    if ratio >= BOUND:
        length *= 4
        ratio = seconds(read, text.of(4 * length), 2) / seconds(read, text.of(length), 3)
    return length, ratio
