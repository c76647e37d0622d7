"""The words of a text: what makes two texts the same."""

from __future__ import annotations

import re
from collections.abc import Iterator


def plain(text: str) -> str:
    """Lower-case words, numbers and brackets, one space between: what makes questions the same.

    Brackets count because there are questions about nothing else.
    """
    return " ".join(words(text))


def words(text: str) -> Iterator[str]:
    for match in re.finditer(r"[0-9](?:[0-9,.]*[0-9])?|[^\W\d_]+|[\[\]{}<>]", text.lower()):
        yield match.group().replace(",", "") if match.group()[0].isdigit() else match.group()


def masked(text: str) -> str:
    """A text as `plain` gives it, with a sign in place of each number."""
    return " ".join("#" if word[0].isdigit() else word for word in text.split())
