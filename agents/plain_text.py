"""Untrusted text made safe to show: what a terminal or a reader obeys instead of sees."""

from __future__ import annotations

import json
import re

CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 and C1 but for tab and newline
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # marks that turn the direction of writing
    "\U000e0000-\U000e0fff]"  # tags: a whole text that nobody sees
)
"""Characters that no text needs."""
UNSEEN = re.compile(
    CONTROL.pattern[:-1] + "\u00ad\u200b\u2028\u2029\u2060-\u2065\u206a-\u206f\ufeff\ufff9-\ufffb]"
)
"""These, and those that leave nothing to be seen. The joiners of emoji and of Indic and Persian
letters are none of them."""


def visible(text: str) -> str:
    r"""Each such character as its escape: `\x1b`, `\u202e`."""
    return UNSEEN.sub(lambda found: ascii(found.group())[1:-1], text)


def one_line(text: str, most: int = 300) -> str:
    """The beginning of a text from elsewhere, on one line, without such characters."""
    words = " ".join(well_formed(text[:2000]).split())
    return UNSEEN.sub("", words)[:most]


def well_formed(text: str) -> str:
    """The text with U+FFFD for each half of a surrogate pair, which UTF-8 cannot hold.

    JSON can say such halves (`"\\ud800"`), and so can models, programs and file names.
    """
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def toml_string(text: str) -> str:
    """As TOML writes a string: JSON's way, and no control character as it is."""
    said = json.dumps(well_formed(text), ensure_ascii=False)
    return re.sub("[\x7f-\x9f]", lambda found: f"\\u{ord(found.group()):04x}", said)
