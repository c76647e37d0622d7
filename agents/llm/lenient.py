"""JSON as models write it: quotes of the wrong sort, comments, commas too many, no end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from errata.agents.plain_text import well_formed

DEEPEST = 32
MOST_TRIED = 1000  # brackets, after which a text is given up
SCANS = 20  # how often a text may be read over, on average, before that too

START = re.compile(r"[{\[]")
BETWEEN = re.compile(r"(?:\s+|//[^\n]*|/\*.{0,2000}?\*/|\#[^\n]*|\.\.\.|\u2026)*", re.DOTALL)
"""What may stand between two tokens: comments and dots of omission too. Each alternative is bounded
or takes what it scans: a comment that never ends must not be searched for at every bracket."""
WORD = re.compile(r"[^\s,:\[\]{}\"'`]+")
NAME = re.compile(r"[A-Za-z_][\w-]*")
NUMBER = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?")
WORDS = {
    "true": True,
    "false": False,
    "null": None,
    "True": True,
    "False": False,
    "None": None,
    "undefined": None,
    "NaN": None,
}
QUOTES = {'"': '"', "'": "'", "\u201c": "\u201d"}
BODY = {end: re.compile(rf"[^{end}\\]*(?:\\.[^{end}\\]*)*", re.DOTALL) for end in QUOTES.values()}
KEY_END = re.compile(r"\s*:")
VALUE_END = re.compile(
    r"""\s*(?: [,}\]] | \Z | ``` | ~~~ | //  | /\* | \#\s
             | "[^"\n]{1,40}"\s*: | '[^'\n]{1,40}'\s*: )""",  # a comma is missing
    re.VERBOSE,
)
"""What follows a quote that ends a value. Another one stands in the text, and was not escaped."""
ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"} | {c: c for c in "\"'/\\"}

CUT = object()
"""A value whose end is missing."""


class Found(NamedTuple):
    value: Any
    """Numbers are left as the text that they were."""
    whole: bool
    """False where the end is missing; what is there was closed, each by itself."""


class BrokenError(ValueError):
    """No JSON, however kindly it is read."""

    def __init__(self, what: str, at: int, too_deep: bool = False) -> None:
        super().__init__(what)
        self.at = at
        self.too_deep = too_deep


def find_values(text: str) -> Iterator[Found | BrokenError]:
    """The objects and lists in a text, in their order, and what looks like one but is none.

    What breaks off keeps what was closed: a list its objects, an object its fields. Takes time in
    proportion to the text, however it is made.
    """
    left = SCANS * len(text) + 10_000
    tried = 0
    start = START.search(text)
    while start:
        reader = Reader(text)
        try:
            value, end = reader.value(start.start(), 0)
            if value is CUT:
                yield BrokenError("it breaks off", end)
            else:
                yield Found(value, reader.whole)
        except BrokenError as broken:
            yield broken
            left -= broken.at - start.start()
            # What is nested too deep begins anew where it became so, and not one bracket further.
            end = broken.at if broken.too_deep else start.start() + 1
        tried += 1
        if left < 0 or tried > MOST_TRIED:
            yield BrokenError("too much of it is broken", end)
            return
        start = START.search(text, end)


class Reader:
    """Reads one value; `whole` tells afterwards whether it had an end."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.whole = True

    def value(self, at: int, depth: int) -> tuple[Any, int]:
        """The value that begins at `at`, and where it ends."""
        if depth > DEEPEST:
            raise BrokenError("it is nested too deep", at, too_deep=True)
        first = self.text[at : at + 1]
        if first == "{":
            return self.members(at + 1, depth)
        if first == "[":
            return self.items(at + 1, depth)
        if first in QUOTES and first:
            return self.string(at, VALUE_END)
        word = WORD.match(self.text, at)
        if word is None:
            raise BrokenError(f"unexpected {first!r}", at)
        if word.end() == len(self.text):
            return CUT, word.end()
        if word.group() in WORDS:
            return WORDS[word.group()], word.end()
        if NUMBER.fullmatch(word.group()):
            return word.group(), word.end()
        raise BrokenError(f"unexpected {word.group()[:40]!r}", at)

    def members(self, at: int, depth: int) -> tuple[Any, int]:
        found: dict[str, Any] = {}
        while True:
            at = self.skip(at)
            if self.ended(at):
                # All that was begun is closed; only brackets are missing.
                return self.broken_off(found, True, at)
            if self.text[at] in "}]":
                # A bracket of the list around it: the brace was forgotten.
                return found, at + (self.text[at] == "}")
            key, at = self.key(at)
            if key is CUT:
                return self.broken_off(found, depth == 0, at)
            value, at = self.value(at, depth + 1)
            if value is CUT:
                return self.broken_off(found, depth == 0, at)
            found[key] = value
            if not self.whole:
                return self.broken_off(found, True, at)
            try:
                at = self.after(at)
            except BrokenError as broken:
                # On a line of its own it is prose, and the brace was forgotten.
                if depth > 0 or "\n" not in self.text[at : broken.at]:
                    raise
                return self.broken_off(found, True, broken.at)

    def items(self, at: int, depth: int) -> tuple[Any, int]:
        found: list[Any] = []
        while True:
            at = self.skip(at)
            if self.ended(at):
                return self.broken_off(found, are_exercises(found), at)
            if self.text[at] in "}]":
                return found, at + (self.text[at] == "]")
            try:
                value, at = self.value(at, depth + 1)
                if value is CUT:
                    return self.broken_off(found, are_exercises(found), at)
                if not self.whole:
                    return self.broken_off([*found, value], True, at)
                found.append(value)
                at = self.after(at)
            except BrokenError as broken:
                if not are_exercises(found):
                    raise
                return self.broken_off(found, True, broken.at)

    def ended(self, at: int) -> bool:
        """Whether nothing follows but, perhaps, the end of a fence."""
        return at == len(self.text) or self.text.startswith(("```", "~~~"), at)

    def broken_off(self, found: Any, keep: bool, at: int) -> tuple[Any, int]:
        self.whole = False
        return (found if keep else CUT), at

    def key(self, at: int) -> tuple[Any, int]:
        name: Any
        if self.text[at] in QUOTES:
            name, at = self.string(at, KEY_END)
            if name is CUT:
                return CUT, at
        else:
            bare = NAME.match(self.text, at)
            if bare is None:
                raise BrokenError(f"a name was expected, not {self.text[at]!r}", at)
            name, at = bare.group(), bare.end()
        at = self.between(at)
        if at == len(self.text):
            return CUT, at
        if self.text[at] != ":":
            raise BrokenError(f"a colon is missing after {name[:40]!r}", at)
        at = self.between(at + 1)
        return (CUT if at == len(self.text) else name), at

    def string(self, at: int, ending: re.Pattern[str]) -> tuple[Any, int]:
        text = self.text
        if text.startswith(('"""', "'''"), at):
            end = text.find(text[at : at + 3], at + 3)
            return (CUT, len(text)) if end < 0 else (unescaped(text[at + 3 : end]), end + 3)
        close = QUOTES[text[at]]
        end = at
        while True:
            body = BODY[close].match(text, end + 1)
            assert body is not None
            end = body.end()
            if end >= len(text):
                return CUT, len(text)
            if text[end] == close and ending.match(text, end + 1):
                return unescaped(text[at + 1 : end]), end + 1

    def skip(self, at: int) -> int:
        """Past commas, and what may stand around them."""
        while True:
            at = self.between(at)
            if not self.text.startswith(",", at):
                return at
            at += 1

    def between(self, at: int) -> int:
        found = BETWEEN.match(self.text, at)
        assert found is not None
        return found.end()

    def after(self, at: int) -> int:
        """Refuses what cannot follow a value; a comma may be missing before a quote or brace."""
        following = self.between(at)
        if not self.ended(following) and self.text[following] not in ",}]\"'{\u201c":
            raise BrokenError(f"unexpected {self.text[following]!r}", following)
        return at


def are_exercises(items: list[Any]) -> bool:
    """Whether each item is of use without the others, as the lines of a test are not."""
    return bool(items) and all(isinstance(item, dict) for item in items)


def unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    text = ESCAPE.sub(
        # What is no escape is a backslash: LaTeX, as models write it.
        lambda m: chr(int(m[1][1:], 16)) if len(m[1]) == 5 else ESCAPES.get(m[1], m[0]),
        text,
    )
    return well_formed(text)
