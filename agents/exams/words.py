"""The words of a text: what makes two texts the same."""

from __future__ import annotations

import re

WORD = re.compile(r"[0-9](?:[0-9,.]*[0-9])?|[^\W\d_]+|[\[\]{}<>]")


def plain(text: str) -> str:
    """Lower-case words, numbers and brackets, one space between: what makes questions the same.

    Brackets count because there are questions about nothing else.
    """
    # Of what is found, only numbers hold commas: those between thousands.
    return " ".join(WORD.findall(text.lower())).replace(",", "")


def masked(text: str) -> str:
    """A text as `plain` gives it, with a sign in place of each number."""
    return " ".join("#" if word[0].isdigit() else word for word in text.split())
