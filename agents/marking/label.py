"""Marking labels: which of a closed set a response settles on."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from errata.agents.marking.choice import NEXT_QUESTION, past, verdict_on
from errata.agents.records import Verdict


def mark_label(response: str, target: str, labels: Mapping[str, tuple[str, ...]]) -> Verdict:
    """The verdict on a response that must give one of `labels` (label → its synonyms).

    What counts, the first of these that there is:

    1. The last statement: what follows `answer is`, `answer:`, `label:`, `category is` and the
       like, `####` or `<answer>`, or stands in a box. The label begins there, or is the only one
       in that line. An answer that names no label, or only denies one (`the answer is not
       refund`), is no label, whatever else the response names; of the others (`the category is
       clear`) an earlier one counts, or a line as in 2.
    2. The one label that is all of a line.
    3. The label that begins the response before a comma or a full stop, where no other ends a
       sentence (`Yes, there is no problem.`).
    4. The only label that the response names at all.

    Two labels where one is wanted (`refund or bug`) are unclear, which is wrong. A synonym counts
    as its label, and of labels that begin in the same place the longest. A label stands by itself:
    there is no `refund` in `refunds`, `non-refund` or `refund-only`, no `4` in `4.5`, and none in
    `not a refund`, `no refund` or `it does not look like a refund`, unless that is itself a label.
    Case does not count (Unicode case folding), nor do quotes, stars and backticks, the width of
    white space, or whether words are joined by a space, a hyphen or an underscore. Of a response
    that goes on with a new `Question:` only what stands before is read, if that names a label.

    Raises:
        ValueError: `target` is no label, or two labels read alike.
    """
    if target not in labels:
        raise ValueError(f"the target {target!r} is no label: the labels are {', '.join(labels)}")
    read = reader(tuple(labels.items()))
    text = folded(response)
    following = NEXT_QUESTION.search(text)
    found = read.settled(text[: following.start()]) if following else frozenset[str]()
    found = found or read.settled(text)
    return verdict_on(found, target, labels, "no label is given")


def canonical(given: str, labels: Mapping[str, tuple[str, ...]]) -> str | None:
    """The label that `given` is, or is a synonym of; None where it is neither."""
    if given in labels:
        return given
    return reader(tuple(labels.items())).names.get(key_of(given))


def names_all(text: str, labels: Mapping[str, tuple[str, ...]]) -> bool:
    """Whether a text names each label, or a synonym of it."""
    read = reader(tuple(labels.items()))
    found = {read.names[key_of(match[0])] for match in read.pattern.finditer(folded(text))}
    return found == set(labels)


def check_labels(labels: Mapping[str, tuple[str, ...]]) -> None:
    """Raises: ValueError: They cannot be told apart in a response; the message says which."""
    if len(labels) < 2:
        raise ValueError("there are not two labels: name all that an answer can be")
    reader(tuple(labels.items()))


@dataclass(frozen=True)
class Named:
    """A place in a text that names a label."""

    start: int
    end: int
    label: str


@dataclass(frozen=True)
class Reader:
    """Finds the labels of one set in texts that are folded."""

    names: Mapping[str, str]
    """Name as `key_of` has it → label."""
    pattern: re.Pattern[str]

    def settled(self, text: str) -> frozenset[str]:
        """The labels that a text settles on: one in a clear response."""
        statements = [*STATED.finditer(text)]
        end = len(text)
        for statement in reversed(statements):  # each reads to the next: a text is read once
            found = self.stated(text, statement.end(), end)
            if found or statement["answer"]:
                return found
            end = statement.start()
        lines = [match.span() for match in LINE.finditer(text)]
        whole = {label for line in lines for label in self.whole_line(text, *line)}
        if whole or statements:
            return frozenset(whole)
        return self.opening(text) or frozenset(
            named.label for named in self.meant(text, 0, len(text))
        )

    def stated(self, text: str, at: int, end: int) -> frozenset[str]:
        """The label that begins at `at`, with those that are joined to it; else those of the
        line, before `end`."""
        at = past(FILLERS, text, at)
        line_end = text.find("\n", at, end)
        end = end if line_end < 0 else line_end
        found = list(self.meant(text, at, end))
        if not found or found[0].start != at:
            return frozenset(named.label for named in found)
        chosen = {found[0].label}
        before = found[0]
        for named in found[1:]:
            if not JOINED.fullmatch(text, before.end, named.start):
                break
            chosen.add(named.label)
            before = named
        return frozenset(chosen)

    def opening(self, text: str) -> frozenset[str]:
        """The label that begins the text before a comma or a full stop, where each other one goes
        on in a sentence: `Yes, there is no problem.`"""
        start = past(BULLET, text, 0)
        named = [*self.meant(text, start, len(text))]
        if not named or named[0].start != start:
            return frozenset()
        first, *others = named
        if (
            not SENTENCE.match(text, first.end)
            or any(not GOES_ON.match(text, other.end) for other in others)
            or (others and JOINED.fullmatch(text, first.end, others[0].start))
        ):
            return frozenset()
        return frozenset({first.label})

    def whole_line(self, text: str, start: int, end: int) -> Iterator[str]:
        """The label that is all of a line, if one is."""
        start = past(BULLET, text, start)
        named = self.pattern.match(text, start, end)
        if named and CLOSED.fullmatch(text, named.end(), end):
            yield self.names[key_of(named[0])]

    def meant(self, text: str, start: int, end: int) -> Iterator[Named]:
        """The labels that are named in a part of the text and not denied, in order."""
        for match in self.pattern.finditer(text, start, end):
            if not DENIED.search(text, max(start, match.start() - MOST_BEFORE), match.start()):
                yield Named(match.start(), match.end(), self.names[key_of(match[0])])


@lru_cache(maxsize=64)
def reader(labels: tuple[tuple[str, tuple[str, ...]], ...]) -> Reader:
    """Raises: ValueError: A name holds nothing to read, or two labels have one name."""
    names: dict[str, str] = {}
    for label, synonyms in labels:
        for name in (label, *synonyms):
            key = key_of(name)
            if not re.search(SIGN, key):
                raise ValueError(f"the label {label!r} has a name without letters or digits")
            if names.setdefault(key, label) != label:
                raise ValueError(
                    f"the labels {names[key]!r} and {label!r} are both called {name!r} where case "
                    "and hyphens do not count: rename one, or take the synonym out"
                )
    longest_first = sorted(names, key=len, reverse=True)
    alternatives = "|".join(
        "[ _-]{1,3}".join(map(re.escape, key.split(" "))) for key in longest_first
    )
    # A name stands by itself; what is joined to it makes it another.
    pattern = (
        rf"(?<!{SIGN})(?<!{SIGN}[-'_])(?!(?<=[0-9][.,])[0-9])(?:{alternatives})(?!{SIGN})(?![-'_]{SIGN})"
        r"(?!(?<=[0-9])[.,][0-9]*[1-9])"
    )
    return Reader(names, re.compile(pattern))


def key_of(name: str) -> str:
    """A name as it is compared: folded, its words with one space between them."""
    return BETWEEN_WORDS.sub(" ", folded(name))


def folded(text: str) -> str:
    """`text` in one case and composition, with plain quotes and dashes, without the marks of
    Markdown and quotes, its lines without outer or double spaces."""
    text = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
    text = text.translate(PLAIN)
    text = re.sub(r"\bcan(?:no|')t\b", "can not", text)
    text = re.sub(r"\b(is|was|are|were|do|does|did|should|would|could)n't\b", r"\1 not", text)
    return re.sub(r" *\n\s*", "\n", re.sub(r"[^\S\n]+", " ", text)).strip()


PLAIN = str.maketrans(
    {
        **dict.fromkeys("‘’ʼ´", "'"),  # noqa: RUF001
        **dict.fromkeys("\u2010\u2011\u2212", "-"),
        **dict.fromkeys("\u2013\u2014\u2015", " - "),
        **dict.fromkeys('*`"“”„«»$', None),
    }
)
"""Marks that have a plain form, or none."""
MOST_BEFORE = 40
SIGN = r"[^\W_]"
"""A letter or a digit."""
BETWEEN_WORDS = re.compile(rf"(?<={SIGN})[\s_-]+(?={SIGN})")

LINE = re.compile(r"[^\n]+")
STATED = re.compile(
    r"""
    (?P<answer>\banswer\ ?(?::|=|\bis\b:?|\bwould\ be\b|\bshould\ be\b)
  | \blabel\ ?[:=] | \#{4} | \\boxed\s?\{ | <(?:answer|label)>)
  | \b(?:label|category|class|classification|verdict|intent|topic|sentiment)\b
      \ ?(?::|=|\bis\b:?|\bwould\ be\b|\bshould\ be\b)
    """,
    re.VERBOSE,
)
"""What a final label follows; where it is no `answer`, it may also be what an explanation says."""
FILLERS = re.compile(
    r"(?:[\s:='\[({]|\\[a-z]{1,20}\{|(?:an?|the|label|category|answer|probably|likely|clearly|therefore"
    r"|thus|most)\s){0,12}"
)
"""What may stand between a statement and its label."""
JOINED = re.compile(r"[')\]}]{0,3}\s?(?:,?\s?\b(?:and|or)\b|[,/&|+])\s?['(\[{]{0,3}")
"""Between two labels that are given at once."""
DENIED = re.compile(
    r"\b(?:not|no|non|never|neither|nor|without|rather than|instead of|other than)[ -]"
    r"(?:(?:really|actually|about|an?|the|any|to be|be|(?:look|seem|sound)(?: like)?|think|believe"
    r"|that|it is|it's|this is|label|category) ){0,5}['(\[]?\Z"
)
"""Before a label that is not meant."""
SENTENCE = re.compile(r"[')\]}]{0,3}[.,;] ")
GOES_ON = re.compile(rf" {SIGN}")
BULLET = re.compile(r"(?:[#>•]{1,6} ?|- ){0,4}['(\[]{0,2}")
CLOSED = re.compile(r"[\s.,;:!)\]}'_-]*")
