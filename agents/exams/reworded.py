"""Whether a question is a held-out one in other words.

The thresholds come from measurement: see docs/verification.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from errata.agents.exams.layouts import stem
from errata.agents.exams.words import plain
from errata.agents.marking.number import WORDS as SPELLED
from errata.agents.records import (
    NO_TARGET,
    ChoiceAnswer,
    CodeAnswer,
    Draft,
    Example,
    JsonAnswer,
    JudgedAnswer,
    LabelAnswer,
    OwnAnswer,
    Question,
    RegexAnswer,
    Row,
    TextAnswer,
)

TELLING = 0.1
"""Share of marks in common times share of words in common, from which two questions with the same
answer ask the same."""
WORDS_ALONE = 0.5
"""Share of words in common, where there are no marks."""
FEW = 3
"""So many marks in common may do where some differ; so many words make an answer a mark."""

CUT = 5
"""Letters of a word that count: `apple` and `apples` are one."""
COMMON = frozenset(
    word[:CUT]
    for word in (
        "a an and after all as at be been before but by did do does each every for from had has "
        "have he her him his how i if in into is it its many more much no not number of on or out "
        "per she so than that the their them then there they this to total up was we were what "
        "when which who will with would you"
    ).split()
)
"""Words that nearly every question has."""


Setting = tuple[str, str]
"""What stands before the last message: the system message, and all others, as `plain` gives them;
empty texts where there are none."""
NOTHING: Setting = ("", "")


@dataclass(frozen=True)
class Traits:
    """What stays of a question when it is asked in other words."""

    setting: Setting
    answer: str
    """Of code nothing: a function can be renamed."""
    marks: frozenset[str]
    """Its numbers; an answer in words; the options; the function's name."""
    numbers: frozenset[str]
    """But for 1, spelled out or not."""
    words: frozenset[str]
    """The beginnings of its words, but for the commonest."""
    usual: bool
    """The exam may give the same marks to many questions: options such as `true`, or none."""


class Reworded:
    """The held-out questions, to be found again in other words."""

    def __init__(self, held_out: Iterable[Question], practice: Sequence[Question]) -> None:
        self.by_answer: dict[str, list[tuple[str, Traits]]] = {}
        for question in held_out:
            traits = traits_of(question)
            self.by_answer.setdefault(traits.answer, []).append((question.id, traits))
        self.practice: dict[str, list[Traits]] = {}
        for question in practice:
            traits = traits_of(question)
            if traits.usual:
                self.practice.setdefault(traits.answer, []).append(traits)

    def nearest(
        self, asked: Question | Draft | Example, settings: Collection[Setting] = (NOTHING,)
    ) -> str | None:
        """Id of a held-out question that `asked` asks in other words.

        The answer is the same, and the marks and the words are nearly enough. Where marks tell
        little, no practice question may be as near to the held-out one: then it is the exam's way
        to ask that they share.

        Args:
            settings: Those that are near to its own. After any other, a held-out question is
                another one, whatever its last message says.
        """
        own = traits_of(asked)
        for id, held in self.by_answer.get(own.answer, ()):
            near = held.setting in settings and likeness(own, held)
            if near and not (
                held.usual
                and any(
                    likeness(known, held) >= near for known in self.practice.get(own.answer, ())
                )
            ):
                return id
        return None


def likeness(one: Traits, other: Traits) -> float:
    """0 where the two are different questions, else up to 1; of two with the same answer."""
    common, words = len(one.marks & other.marks), shared(one.words, other.words)
    if one.marks == other.marks and common:
        return words if words >= TELLING else 0
    if common >= FEW and 2 * common >= len(one.marks | other.marks):
        return product if (product := shared(one.marks, other.marks) * words) >= TELLING else 0
    if one.answer and (one.marks or other.marks):
        return 0
    return words if words >= WORDS_ALONE and one.numbers == other.numbers else 0


def shared(one: frozenset[str], other: frozenset[str]) -> float:
    """Of all in both, the part in common (Jaccard)."""
    return len(one & other) / len(one | other) if one or other else 0


def traits_of(asked: Question | Draft | Example) -> Traits:
    text = plain(stem(asked))
    numbers = frozenset(numbers_in(text))
    answer, marks, usual = value_of(asked.target), numbers, not numbers
    match asked.answer:
        case ChoiceAnswer(options=options):
            marks = frozenset(plain(option) or option for option in options.values())
            answer = plain(options.get(asked.target, asked.target)) or asked.target
            usual = True
        case CodeAnswer(entry_point=name):
            answer, marks, usual = "", frozenset([name.lower()]), True
        case LabelAnswer():
            usual = True
        case OwnAnswer() | JudgedAnswer() if asked.target == NO_TARGET:
            answer = ""
        case TextAnswer() | JsonAnswer() | RegexAnswer() | OwnAnswer() | JudgedAnswer() if (
            len(answer.split()) >= FEW
        ):
            marks, usual = numbers | {answer}, False
    words = frozenset(
        word[:CUT] for word in text.split() if word[0].isalpha() and word[:CUT] not in COMMON
    )
    return Traits(setting(asked), answer, marks, numbers, words, usual)


def setting(asked: Question | Draft | Example | Row) -> Setting:
    if not asked.before:
        return NOTHING
    told: list[str] = []
    others: list[str] = []
    for role, text in asked.before:
        (told if role == "system" else others).append(plain(text))
    return "\n".join(told), "\n".join(others)


def asked_words(asked: Question | Draft | Example) -> str:
    """The question with its options, without what every question of the exam says."""
    if isinstance(asked.answer, ChoiceAnswer):
        return "\n".join([stem(asked), *asked.answer.options.values()])
    return stem(asked)


def numbers_in(text: str) -> Iterator[str]:
    """Of a text as `plain` gives it: 1 aside, and of those spelled out also 0 and 2."""
    words = iter([*text.split(), ""])
    word = next(words)
    while word:
        following = next(words)
        if word[0].isdigit():
            if (number := value_of(word)) != "1":
                yield number
        elif (joined := f"{word}-{following}") in SPELLED:
            yield str(SPELLED[joined])
            following = next(words)
        elif SPELLED.get(word, 0) > 2:
            yield str(SPELLED[word])
        word = following


def value_of(target: str) -> str:
    """One spelling for one answer: `1250` for `$1,250.00`."""
    text = plain(target) or target.strip()
    return text.rstrip("0").rstrip(".") if "." in text and text[0].isdigit() else text
