"""Text from outside, made such that it can be written down."""

from __future__ import annotations


def well_formed(text: str) -> str:
    """The text with U+FFFD for each half of a surrogate pair, which UTF-8 cannot hold.

    JSON can say such halves (`"\\ud800"`), and so can models, programs and file names.
    """
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
