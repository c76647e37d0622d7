"""What makes two questions the same, and what keeps held-out ones out of training."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from errata.agents.errors import ExamError
from errata.agents.exams.layouts import stem
from errata.agents.exams.reworded import NOTHING, Reworded, Setting, asked_words, setting
from errata.agents.exams.words import masked, plain
from errata.agents.records import Draft, Example, Question

TOO_NEAR = "too near to a dev or test question"
SHARED_WORDS = "13 words in a row of a held-out question"
OTHER_WORDS = "a held-out question in other words"
RESEMBLES = frozenset({TOO_NEAR, SHARED_WORDS, OTHER_WORDS})
"""Reasons to refuse a text that give a held-out question away, were the text shown."""
OFTEN = 10_000
"""Texts whose word triples are kept as sets beside the arrays, which take a tenth of the memory."""
RUN = 13
"""Words in a row that two texts share only when one of them has seen the other: as in the
decontamination of GPT-3 (Brown et al. 2020, arXiv 2005.14165, appendix C)."""


@dataclass(frozen=True)
class Resemblance:
    """A held-out question that a text resembles."""

    question_id: str
    how: str
    """In plain words; a reason to refuse an example."""


class HeldOut:
    """The held-out questions (dev, test and others), to keep training examples away from."""

    def __init__(self, questions: Iterable[Question], practice: Iterable[Question] = ()) -> None:
        """`practice`: what it says too, whatever its numbers, is the exam's way to ask."""
        held, practice = list(questions), list(practice)
        self.near = NearQuestions()
        self.runs: dict[str, str] = {}
        """Thirteen words in a row → id of the held-out question that has them."""
        masks: dict[str, list[str]] = {}
        for question in held:
            self.near.add(plain(stem(question)), question.id, setting(question))
        for question, text in said_in(held):
            for run in runs(text):
                if self.runs.setdefault(run, question.id) == question.id:
                    masks.setdefault(masked(run), []).append(run)
        for _, text in said_in(practice):
            for run in runs(masked(text)):
                for usual in masks.pop(run, ()):
                    self.runs.pop(usual, None)
        self.reworded = Reworded(held, practice)

    def nearest(self, asked: str | Question | Draft | Example) -> str | None:
        """Id of a held-out question that `asked` equals or nearly equals.

        Nearly equal: the same numbers, and at least half of all word triples in common; so too
        what stands before the last message. The same story with other numbers is another
        question: it needs another answer.

        Args:
            asked: A question, or the stem of one that nothing stands before.
        """
        if isinstance(asked, str):
            return self.near.nearest(plain(asked))
        return self.near.nearest(plain(stem(asked)), setting(asked))

    def shared_words(self, text: str) -> Resemblance | None:
        """A held-out question that has thirteen words in a row in common with `text`."""
        for run in runs(plain(text)):
            if run in self.runs:
                return Resemblance(self.runs[run], SHARED_WORDS)
        return None

    def resemblance(self, asked: Question | Draft | Example) -> Resemblance | None:
        """The held-out question that `asked` gives away, if there is one.

        It equals or nearly equals it; it shares thirteen words in a row with it, its completion
        included; or it asks the same in other words.
        """
        if (near := self.nearest(asked)) is not None:
            return Resemblance(near, TOO_NEAR)
        texts = [asked_words(asked)]
        if not isinstance(asked, Question):
            texts.append(asked.completion)
        for text in texts:
            if (shared := self.shared_words(text)) is not None:
                return shared
        alike = self.near.settings_near(setting(asked))
        if (same := self.reworded.nearest(asked, alike)) is not None:
            return Resemblance(same, OTHER_WORDS)
        return None


class NearTexts:
    """Texts as `plain` gives them, among which an equal or nearly equal one is looked for."""

    def __init__(self, usual: int | None = None) -> None:
        """`usual`: Word triples that more texts have are taken for the common way to ask: who
        shares nothing else is looked for among the first of them alone. None: everybody is."""
        self.usual = usual
        self.texts: dict[str, str] = {}
        """Text → id."""
        self.ids: list[str] = []
        self.shingles: list[array[int]] = []
        self.having: dict[tuple[str, ...], dict[int, int | list[int]]] = {}
        """Numbers, and a shingle → the text that has both, or the texts, in their order."""
        self.often: dict[int, frozenset[int]] = {}
        """The shingles of texts that were compared, as sets: these compare ten times as fast."""

    def add(self, text: str, id: str) -> None:
        """One that is there already takes the new id."""
        if text not in self.texts:
            own, at = shingles(text), len(self.ids)
            having = self.having.setdefault(numbers(text), {})
            for shingle in own:
                known = having.setdefault(shingle, at)
                if isinstance(known, list):
                    known.append(at)
                elif known != at:
                    having[shingle] = [known, at]
            self.ids.append(id)
            self.shingles.append(array("q", own))
        self.texts[text] = id

    def nearest(self, text: str) -> str | None:
        """Id of a text with the same numbers and at least half of all word triples."""
        if text in self.texts:
            return self.texts[text]
        return next(self.all_near(text), None)

    def all_near(self, text: str, but: Callable[[str], bool] | None = None) -> Iterator[str]:
        """Ids of those with the same numbers and at least half of all word triples, as added.

        Args:
            but: Ids of which this holds are passed over; it is asked when their turn comes.
        """
        own = shingles(text)
        having = self.having.get(numbers(text), {})
        places = [having.get(shingle, []) for shingle in own]
        found = sorted(([one] if isinstance(one, int) else one for one in places), key=len)
        # Who has half of these triples has one of any larger half: the rarest find the fewest.
        for at in sorted({at for one in found[: len(own) // 2 + 1] for at in one[: self.usual]}):
            if but is not None and but(self.ids[at]):
                continue
            other = self.often.get(at)
            if other is None:
                if len(self.often) == OFTEN:
                    self.often.clear()
                other = self.often[at] = frozenset(self.shingles[at])
            both = len(own & other)
            if both >= 0.5 * (len(own) + len(other) - both):
                yield self.ids[at]


class NearQuestions:
    """Last messages as `plain` gives them, each after its setting: two are near where the messages
    are, and what stands before them."""

    def __init__(self) -> None:
        self.after: dict[Setting, NearTexts] = {}
        self.settings = NearTexts(), NearTexts()
        """System messages, and the other messages before a prompt."""
        self.found: dict[Setting, tuple[Setting, ...]] = {}
        """Setting → those near to it; emptied when there is a new one."""

    def add(self, text: str, id: str, before: Setting = NOTHING) -> None:
        if before not in self.after:
            self.after[before] = NearTexts()
            self.found = {}
            for known, part in zip(self.settings, before, strict=True):
                if part not in known.texts:
                    known.add(part, part)
        self.after[before].add(text, id)

    def nearest(self, text: str, before: Setting = NOTHING) -> str | None:
        """Id of the first that is near."""
        found = (self.after[near].nearest(text) for near in self.settings_near(before))
        return next((id for id in found if id is not None), None)

    def settings_near(self, before: Setting) -> tuple[Setting, ...]:
        """The known settings that equal `before`, or nearly equal it; the equal one first."""
        if before not in self.found:
            systems, others = (
                list(dict.fromkeys([part, *known.all_near(part)]))
                for known, part in zip(self.settings, before, strict=True)
            )
            pairs = ((system, other) for system in systems for other in others)
            self.found[before] = tuple(pair for pair in pairs if pair in self.after)
        return self.found[before]


def check_disjoint(sets: Mapping[str, Sequence[Question]]) -> None:
    """Raises: ExamError: Two of the named sets share a question, or variants of one."""
    home: dict[str, tuple[str, str]] = {}
    for name, questions in sets.items():
        for question in questions:
            for text in same_as(question):
                other, twin = home.setdefault(text, (name, question.id))
                if other != name:
                    what = "variants of one question" if text.startswith("group ") else "a question"
                    raise ExamError(
                        f"{other} and {name} share {what} ({twin} and {question.id}): take it "
                        "out of one of them, or what is measured is memory"
                    )
    asked = {
        text: (name, question.id)
        for name, questions in sets.items()
        if name != "practice"
        for question in questions
        for text in asked_texts(question)
    }
    for question in sets.get("practice", ()):
        for text in answered_in(question):
            if text in asked:
                other, twin = asked[text]
                raise ExamError(
                    f"an earlier message of {question.id} in practice is the question {twin} of "
                    f"{other}, and its answer follows there: put both on one side, or what is "
                    "measured is memory"
                )


def same_as(question: Question) -> list[str]:
    """Two questions that have one of these in common must not be on two sides."""
    own = [f"text {whole(question)}"]
    return [*own, f"group {question.group}"] if question.group else own


def asked_texts(question: Question) -> set[str]:
    """All its messages as `plain` gives them, with and without what errata adds to the last one."""
    before = "".join(plain_message(text) + "\n" for _, text in question.before)
    return {before + plain(text) for text in (question.prompt, stem(question))}


def answered_in(question: Question) -> Iterator[str]:
    """What `asked_texts` has of each question that an earlier message answers."""
    said: list[str] = []
    for role, text in question.before:
        said.append(plain_message(text))
        if role == "user":
            yield "\n".join(said)


def whole(question: Question) -> str:
    """All its messages as `plain` gives them."""
    before = (plain_message(text) for _, text in question.before)
    return "\n".join([*before, plain(question.prompt)])


@lru_cache(maxsize=100)
def plain_message(text: str) -> str:
    """Many questions may begin with the same messages, and long ones."""
    return plain(text)


def said_in(questions: Iterable[Question]) -> Iterator[tuple[Question, str]]:
    """Each text of the questions, as `plain` gives it; a message that many begin with only once."""
    seen: set[str] = set()
    for question in questions:
        yield question, plain(asked_words(question))
        for _, text in question.before:
            if text not in seen:
                seen.add(text)
                yield question, plain_message(text)


@lru_cache(maxsize=4)  # a text is looked for in one set after the other
def numbers(text: str) -> tuple[str, ...]:
    return tuple(sorted(word for word in text.split() if word[0].isdigit()))


@lru_cache(maxsize=4)
def shingles(text: str) -> frozenset[int]:
    """Runs of three words, as hashes of 64 bits: words take ten times the memory."""
    found = text.split()
    triples = zip(found, found[1:], found[2:], strict=False)
    return frozenset(map(hash, triples if len(found) > 2 else [tuple(found)]))


def runs(text: str, words: int = RUN) -> Iterator[str]:
    """Each so many words in a row."""
    found = text.split()
    return (" ".join(found[at : at + words]) for at in range(len(found) - words + 1))
